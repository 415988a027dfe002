//! Code actions: the fixes of diagnostics.

use std::collections::BTreeMap;
use std::ops::Range;

use super::state::Workspace;
use super::text::span_in;
use crate::diag::Diagnostic;
use crate::tree::TreePath;

/// A change that the editor offers at a position.
#[derive(Clone, Debug)]
pub struct Action {
    /// The title of the action in the editor.
    pub title: String,
    /// The diagnostic that it fixes.
    pub diagnostic: Diagnostic,
    /// The replacements by file: byte ranges and their new text.
    pub edits: BTreeMap<TreePath, Vec<(Range<usize>, String)>>,
}

/// The fixes of diagnostics in a range of a file.
pub fn actions(workspace: &Workspace, path: &TreePath, range: &Range<usize>) -> Vec<Action> {
    let Some(text) = workspace.text(path) else {
        return Vec::new();
    };
    let is_here = |it: &&Diagnostic| {
        let location = it.span.as_ref().map(|it| span_in(&text, it));
        location.is_some_and(|it| it.start <= range.end && range.start <= it.end)
    };
    let found = workspace.diagnostics(path).iter().filter(is_here);
    let actions = found.flat_map(|diagnostic| {
        diagnostic.fixes.iter().filter_map(|fix| {
            let mut edits: BTreeMap<TreePath, Vec<(Range<usize>, String)>> = BTreeMap::new();
            for edit in &fix.edits {
                let path = edit.span.path();
                let range = edit.range_in(&workspace.text(path)?)?;
                edits
                    .entry(path.clone())
                    .or_default()
                    .push((range, edit.text.clone()));
            }
            Some(Action {
                title: title(&fix.help, fix.edits.first().map(|it| &*it.text)),
                diagnostic: diagnostic.clone(),
                edits,
            })
        })
    });
    actions.collect()
}

/// The title of a fix: its help text. A question is replaced by the answer, because a title is a command.
fn title(help: &str, text: Option<&str>) -> String {
    match (help.strip_prefix("did you mean"), text) {
        (Some(_), Some(text)) if !text.is_empty() => format!("write `{text}`"),
        _ => help.to_string(),
    }
}
