//! `pleach check --fix`: makes the mends that findings have.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{IsTerminal, Write, stdin};

use anyhow::Result;

use super::super::diff::salt;
use super::super::output;
use super::super::session::Session;
use super::judged;
use crate::cli::Global;
use crate::cli::diff::Depth;
use pleach::diag::{Diagnostics, Edit, apply_edits};
use pleach::disk::apply;
use pleach::emit::{Change, Plan, Step};
use pleach::layout::Input;
use pleach::load::WorkspaceConfig;
use pleach::report::{View, unified};
use pleach::tree::{Files, Over, Tree, TreePath};
use pleach::{Options, compile};

/// A mend may show what another one is for: a name that is right now leads to the next fault. Each round makes all mends that do not
/// overlap.
const ROUNDS_MAX: usize = 20;

/// What became of the mends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mended {
    /// There was nothing to mend.
    Nothing,
    /// The files are written.
    Written,
    /// They are only shown.
    Shown,
}

/// Shows what the mends change, and writes it unless it is a dry run or the user says no.
pub(super) fn run(
    session: &Session<'_>,
    options: &Options,
    depth: Depth,
    dry_run: bool,
    global: &Global,
) -> Result<Mended> {
    let _lock = session.lock()?;
    let find = |files: &dyn Files| {
        let compiled = compile(files, options);
        judged(&compiled, files, depth, global)
    };
    let Some((changed, mends)) = mended(&session.files, &find) else {
        output::note("nothing to mend: no finding has help that is a replacement\n");
        return Ok(Mended::Nothing);
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
        .map(|it| session.shown(&it.path))
        .collect();
    let mends = match mends {
        1 => "1 mend".to_string(),
        mends => format!("{mends} mends"),
    };
    let names = names.join(", ");
    if dry_run {
        output::note(&format!("would write {mends} to {names}\n"));
        return Ok(Mended::Shown);
    }
    if !is_agreed(&format!("write {mends} to {names}?")) {
        output::note("nothing was written\n");
        return Ok(Mended::Shown);
    }
    apply(&plan, &session.root)?;
    output::status(&format!("{mends} written to {names}\n"));
    Ok(Mended::Written)
}

/// The new texts of files, and how many mends they have; `None` where there is none.
fn mended(files: &dyn Files, find: &dyn Fn(&dyn Files) -> Diagnostics) -> Option<(Tree, usize)> {
    let folders = WorkspaceConfig::read(files).map(|it| it.templates);
    let folders = folders.unwrap_or_default();
    let is_input = |path: &TreePath| {
        Input::is_setting(path) || folders.iter().any(|it| path.below(it).is_some())
    };
    let (mut changed, mut mends) = (Tree::new(), 0);
    // A mend that undoes another would go on for ever.
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
            let (new, left_out) = apply_edits(&text, edits.iter().copied());
            if new != text {
                mends += distinct(&edits) - left_out;
                next.insert(path.clone(), new.into_bytes());
            }
        }
        if next == changed || !seen.insert(next.to_text()) {
            break;
        }
        changed = next;
    }
    (!changed.is_empty()).then_some((changed, mends))
}

/// A fault of a shared file is found once for each environment.
fn distinct(edits: &[&Edit]) -> usize {
    let places = edits
        .iter()
        .map(|it| (it.span.start, it.span.end, &it.text));
    places.collect::<BTreeSet<_>>().len()
}

/// At a terminal the user is asked. Anywhere else `--fix` itself says it.
fn is_agreed(question: &str) -> bool {
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
