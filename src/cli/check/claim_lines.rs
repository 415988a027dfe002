//! Moves findings in generated files to the lines of the claims and overlays that they come from.

use super::{Global, cache};
use pleach::check::written_line;
use pleach::diag::{Diagnostic, Diagnostics, Span};
use pleach::load::WorkspaceConfig;
use pleach::provenance::Provenance;
use pleach::tree::{Files, TreePath};
use pleach::workspace_diff::sync_folder;
use pleach::{Compiled, Options};

/// The findings, at lines of the input where these are known. The line of the generated file becomes a related location.
pub(super) fn at_claims(
    found: Vec<Diagnostic>,
    compiled: &Compiled,
    files: &dyn Files,
    global: &Global,
) -> Diagnostics {
    let folder = WorkspaceConfig::read(files).ok();
    let folder = folder.map_or_else(TreePath::root, |it| sync_folder(&it));
    let generated = |span: &Span| {
        let path = span.path().below(&folder)?;
        let text = compiled.tree.get(&path)?;
        Some((path, text))
    };
    let location = |it: &Diagnostic| {
        let span = it.span.as_ref()?.outermost();
        generated(&span).map(|(path, text)| (path, text, span))
    };
    if !found.iter().any(|it| location(it).is_some()) {
        return found.into_iter().collect();
    }
    // The same scope as before, so that the folders are the same.
    let options = Options {
        cache: cache::open(global),
        scope: compiled.scope.clone(),
        ..Options::default()
    };
    let provenance = Provenance::new(files, options);
    let moved = found.into_iter().map(|finding| {
        let line = location(&finding).and_then(|(path, text, span)| {
            let causes = provenance.causes_in_file(&path, text, &span);
            Some((written_line(&causes)?, span))
        });
        match line {
            Some((line, span)) => Diagnostic {
                span: Some(line),
                ..finding.related(span, "in the generated file")
            },
            None => finding,
        }
    });
    moved.collect()
}
