//! `pleach check --fix`: applies the fixes of findings.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{IsTerminal, Write, stdin};

use anyhow::Result;

use super::super::diff::salt;
use super::super::output;
use super::super::session::Session;
use super::lint;
use crate::cli::Global;
use crate::cli::diff::Depth;
use pleach::diag::{Diagnostics, Edit, Source, apply_edits};
use pleach::disk::apply;
use pleach::emit::{Change, Plan, Step};
use pleach::layout::Input;
use pleach::load::WorkspaceConfig;
use pleach::report::{View, unified};
use pleach::tree::{Files, Over, Tree, TreePath};
use pleach::yaml::parse;
use pleach::{Options, compile};

/// The maximum number of rounds. Each applies all fixes that do not overlap; a corrected name may reveal the next finding.
const ROUNDS_MAX: usize = 20;

/// The result of applying fixes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FixOutcome {
    /// There were no fixes.
    Nothing,
    /// The files were written.
    Written,
    /// The fixes were only shown.
    Shown,
}

/// Shows the changes of the fixes, and writes them unless it is a dry run or the user declines.
pub(super) fn run(
    session: &Session<'_>,
    options: &Options,
    depth: Depth,
    dry_run: bool,
    global: &Global,
) -> Result<FixOutcome> {
    let _lock = session.lock()?;
    let find = |files: &dyn Files| {
        let compiled = compile(files, options);
        lint(&compiled, files, depth, global)
    };
    let Some((changed, count)) = fixed(&session.files, &find) else {
        output::status("nothing to fix: no finding has a replacement\n");
        return Ok(FixOutcome::Nothing);
    };
    let plan = plan(session, changed);
    let display = |path: &TreePath| session.display(path);
    let view = View {
        display: &display,
        color: true,
    };
    output::text(&unified(&plan, &TreePath::root(), &view, &salt()))?;
    let names: Vec<String> = plan
        .steps
        .iter()
        .map(|it| session.printable_path(&it.path))
        .collect();
    let fixes = match count {
        1 => "1 fix".to_string(),
        count => format!("{count} fixes"),
    };
    let names = names.join(", ");
    if dry_run {
        output::status(&format!("would write {fixes} to {names}\n"));
        return Ok(FixOutcome::Shown);
    }
    if !confirm(&format!("write {fixes} to {names}?")) {
        output::note("nothing was written\n");
        return Ok(FixOutcome::Shown);
    }
    apply(&plan, &session.root)?;
    output::status(&format!("{fixes} written to {names}\n"));
    Ok(FixOutcome::Written)
}

/// The new texts of files and the number of fixes; `None` if there are none.
fn fixed(files: &dyn Files, find: &dyn Fn(&dyn Files) -> Diagnostics) -> Option<(Tree, usize)> {
    let folders = WorkspaceConfig::read(files).map(|it| it.templates);
    let folders = folders.unwrap_or_default();
    let is_input = |path: &TreePath| {
        Input::is_setting(path) || folders.iter().any(|it| path.below(it).is_some())
    };
    let (mut changed, mut count) = (Tree::new(), 0);
    // Two fixes that undo each other would never end.
    let mut seen: BTreeSet<String> = BTreeSet::new();
    for _ in 0..ROUNDS_MAX {
        let now = Over::new(files, changed.clone());
        let found = find(&now);
        let mut edits: BTreeMap<&TreePath, Vec<&Edit>> = BTreeMap::new();
        for edit in found
            .iter()
            .flat_map(|it| &it.fixes)
            .flat_map(|it| &it.edits)
        {
            let path = edit.span.path();
            if is_input(path) {
                edits.entry(path).or_default().push(edit);
            }
        }
        let mut next = changed.clone();
        for (path, edits) in edits {
            let text = now.read(path).ok();
            let Some(text) = text.and_then(|it| String::from_utf8(it.to_vec()).ok()) else {
                continue;
            };
            let (new, left_out) = apply_valid(&text, &edits);
            if new != text {
                count += count_distinct(&edits) - left_out;
                next.insert(path.clone(), new.into_bytes());
            }
        }
        if next == changed || !seen.insert(next.to_text()) {
            break;
        }
        changed = next;
    }
    (!changed.is_empty()).then_some((changed, count))
}

/// A text with the edits applied. An edit that would make the text invalid YAML is left out, such as a second key of the same name. Also
/// returns the number of edits that were left out.
fn apply_valid(text: &str, edits: &[&Edit]) -> (String, usize) {
    let is_valid = |text: &str| parse(&Source::internal("fixed", text)).is_ok();
    let (new, left_out) = apply_edits(text, edits.iter().copied());
    // Templates are not YAML.
    if is_valid(&new) || !is_valid(text) {
        return (new, left_out);
    }
    let mut valid: Vec<&Edit> = Vec::new();
    for edit in edits {
        let with_edit = valid.iter().chain([edit]).copied();
        if is_valid(&apply_edits(text, with_edit).0) {
            valid.push(edit);
        }
    }
    let (new, left_out) = apply_edits(text, valid.iter().copied());
    let invalid = count_distinct(edits) - count_distinct(&valid);
    (new, left_out + invalid)
}

/// The number of different edits: a finding in a shared file is reported for each environment.
fn count_distinct(edits: &[&Edit]) -> usize {
    let locations = edits
        .iter()
        .map(|it| (it.span.start, it.span.end, &it.text));
    locations.collect::<BTreeSet<_>>().len()
}

/// Asks for confirmation at a terminal. Elsewhere, `--fix` is enough.
fn confirm(question: &str) -> bool {
    if !stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return true;
    }
    let mut out = std::io::stderr();
    let asked = write!(out, "{question} [y/N] ").and_then(|()| out.flush());
    let mut answer = String::new();
    let read = asked.and_then(|()| stdin().read_line(&mut answer));
    read.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes")
}

fn plan(session: &Session<'_>, changed: Tree) -> Plan {
    let steps = changed.iter().map(|(path, bytes)| Step {
        change: Change::Update,
        path: path.clone(),
        before: session.files.read(path).ok(),
        after: Some(bytes.clone()),
    });
    Plan::from_steps(steps.collect())
}
