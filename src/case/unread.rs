//! Reports files of test cases that are never read, because of their name or location.

use super::{CLAIM, OBJECTS, folders};
use crate::diag::{Diagnostic, Diagnostics, Span, is_typo};
use crate::layout::ENVIRONMENT;
use crate::tree::{Entry, EntryKind, Files, TreePath};

/// The folder of a kind with its cases.
pub(super) const CASES: &str = "cases";

/// Names of folders that are probably meant to contain cases.
const SIMILAR: [&str; 5] = ["case", "cases", "test", "tests", "testcases"];

/// Checks the cases of a kind. Errors: `unread-file`.
pub(super) fn check(files: &dyn Files, kind: &TreePath) -> Diagnostics {
    let mut faults = Diagnostics::default();
    for folder in folders(files, kind) {
        let name = folder.name().to_ascii_lowercase();
        let is_similar = SIMILAR.contains(&&*name) || is_typo(&name, CASES);
        if folder.name() != CASES && is_similar {
            faults.extend(misnamed(files, &folder));
        }
    }
    let cases = kind.child(CASES);
    for path in yaml_files(files, &cases) {
        let stem = path.name().rsplit_once('.').map_or("", |it| it.0);
        let help = format!("move it to `{cases}/{stem}/{CLAIM}`");
        faults.push(unread(&path, "it is not in the folder of a case", help));
    }
    for case in folders(files, &cases) {
        check_case(files, &case, &mut faults);
    }
    faults
}

/// The error for a folder with cases that is not called `cases`.
fn misnamed(files: &dyn Files, folder: &TreePath) -> Option<Diagnostic> {
    let mut inner = folders(files, folder).into_iter();
    let claim = inner.find_map(|it| Some(it.child(CLAIM)).filter(|it| is_file(files, it)))?;
    let why = format!("test cases are in the folder `{CASES}` of their kind");
    Some(unread(
        &claim,
        &why,
        format!("rename `{folder}` to `{CASES}`"),
    ))
}

fn check_case(files: &dyn Files, case: &TreePath, faults: &mut Diagnostics) {
    let found = yaml_files(files, case);
    let has_claim = is_file(files, &case.child(CLAIM));
    for path in &found {
        let name = path.name();
        if [CLAIM, ENVIRONMENT].contains(&name) || name == OBJECTS && has_claim {
            continue;
        }
        faults.push(match right_name(name) {
            Some(right) if !found.contains(&case.child(right)) => {
                let why = format!("the file of a case is called `{right}`");
                unread(path, &why, format!("rename it to `{right}`"))
            }
            _ => unread(
                path,
                &format!("a case has `{CLAIM}`, `{ENVIRONMENT}` and `{OBJECTS}`"),
                format!("move its claims into `{CLAIM}`, or remove it"),
            ),
        });
    }
    let mut deeper = folders(files, case).into_iter();
    let deeper = deeper.find(|it| is_file(files, &it.child(CLAIM)));
    if let Some(deeper) = &deeper {
        let why = format!("the folders of cases are directly in `{CASES}`");
        let help = format!("move `{deeper}` there");
        faults.push(unread(&deeper.child(CLAIM), &why, help));
    }
    let is_empty = files.list(case).is_ok_and(|it| it.is_empty());
    let is_lost = !has_claim && deeper.is_none();
    if is_empty || is_lost && found.iter().any(|it| it.name() == ENVIRONMENT) {
        let message = format!("the case `{case}` has no `{CLAIM}`");
        let fault = Diagnostic::error("unread-file", message).at(Span::of_file(case));
        faults.push(fault.help(format!("add `{CLAIM}`, or remove the folder")));
    }
}

/// The name that a file of a case should have.
fn right_name(name: &str) -> Option<&'static str> {
    let stem = name.rsplit_once('.')?.0.to_ascii_lowercase();
    let names = [CLAIM, ENVIRONMENT, OBJECTS].into_iter();
    let mut right = names.filter(|it| it.strip_suffix(".yaml") == Some(&*stem));
    right.next().filter(|it| *it != name)
}

fn unread(path: &TreePath, why: &str, help: String) -> Diagnostic {
    let message = format!("`{path}` is not read: {why}");
    let fault = Diagnostic::error("unread-file", message);
    fault.at(Span::of_file(path)).help(help)
}

/// The YAML files directly in a folder.
fn yaml_files(files: &dyn Files, folder: &TreePath) -> Vec<TreePath> {
    let is_yaml = |it: &Entry| {
        let extension = it.name.rsplit_once('.').map(|it| it.1.to_ascii_lowercase());
        it.kind == EntryKind::File
            && !it.name.starts_with('.')
            && extension.is_some_and(|it| ["yaml", "yml"].contains(&&*it))
    };
    let entries = files.list(folder).unwrap_or_default().into_iter();
    let found = entries.filter(is_yaml).map(|it| folder.child(&it.name));
    found.collect()
}

fn is_file(files: &dyn Files, path: &TreePath) -> bool {
    matches!(files.kind(path), Ok(Some(EntryKind::File)))
}
