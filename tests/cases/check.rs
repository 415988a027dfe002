//! Findings of `pleach check` in the objects of environments: at least one case with the full report for each check.

use pleach::check::{ValidationOptions, allow, check_workspace, is_checked};
use pleach::diag::{Diagnostics, Source};
use pleach::report::{View, human};
use pleach::tree::{Files, Tree, TreePath};
use pleach::{Options, compile};

use crate::claims::workspace;

pub(crate) const VIEW: View<'static> = View {
    display: &|path| path.to_string(),
    color: false,
};

pub(crate) fn make(tree: &mut Tree) {
    let report = human(&found(&input(tree)), &VIEW);
    tree.insert(report_path(), report.into_bytes());
}

fn report_path() -> TreePath {
    TreePath::new("report").unwrap()
}

/// The workspace of a case.
pub(crate) fn input(case: &Tree) -> Tree {
    let mut input = workspace();
    for (path, bytes) in case.iter().filter(|it| *it.0 != report_path()) {
        input.insert(path.clone(), bytes.clone());
    }
    input
}

pub(crate) fn options() -> Options {
    Options {
        with_clusters: true,
        ..Options::default()
    }
}

pub(crate) fn checked(compiled: &pleach::Compiled, files: &dyn Files) -> Diagnostics {
    check_workspace(compiled, files, None, ValidationOptions::default())
}

fn found(input: &Tree) -> Diagnostics {
    let compiled = compile(input, &options());
    let faults = human(&compiled.diagnostics, &VIEW);
    assert!(!compiled.diagnostics.has_errors(), "{faults}");
    let inputs: Vec<_> = input
        .iter()
        .map(|(path, bytes)| Source::new(path.clone(), String::from_utf8_lossy(bytes)))
        .collect();
    let found = checked(&compiled, input);
    allow(found, &inputs, &is_checked)
}
