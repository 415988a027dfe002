//! Which errors of a build are faults in the files of the repository, so that the engine rejects the unit as well.

use crate::diag::{Class, Diagnostic, Severity};
use crate::tree::{EntryKind, Files, TreePath};

/// Marks the errors of a build that the engine certainly reports, too. If a part of the unit is not available here, the other errors
/// may be consequences.
pub(super) fn mark_refused(faults: &mut [Diagnostic]) {
    if faults.iter().any(is_unavailable) {
        return;
    }
    let errors = faults
        .iter_mut()
        .filter(|it| it.severity == Severity::Error);
    errors.for_each(|it| it.class = Class::Refused);
}

/// Marks the error for a source, if the engine certainly reports it, too.
pub(super) fn refused(fault: Diagnostic) -> Diagnostic {
    let mut faults = [fault];
    mark_refused(&mut faults);
    let [fault] = faults;
    fault
}

/// Whether a fault is about something that is not in the repository, or that pleach does not do.
pub(super) fn is_unavailable(fault: &Diagnostic) -> bool {
    matches!(
        fault.class,
        Class::Unavailable
            | Class::MissingChart
            | Class::InvalidChart
            | Class::Unreachable
            | Class::Pin
            | Class::WrongDigest
            | Class::Limit
    ) || fault.code.starts_with("helm")
}

/// Whether a file is not valid YAML, which is a fault even if nothing applies it.
pub(super) fn is_of_text(fault: &Diagnostic) -> bool {
    fault.class == Class::MergeConflict || matches!(fault.code, "yaml-syntax" | "duplicate-key")
}

/// Adds a similar name to the error for a folder that does not exist. `written` is its path as written.
pub(super) fn missing_folder(files: &dyn Files, fault: Diagnostic, written: &str) -> Diagnostic {
    let path = TreePath::new(written.trim_start_matches('/'));
    let Some((folder, name)) = path.as_ref().and_then(|it| Some((it.parent()?, it.name()))) else {
        return fault;
    };
    let entries = files.list(&folder).unwrap_or_default();
    let folders = entries.iter().filter(|it| it.kind == EntryKind::Folder);
    fault.did_you_mean(name, folders.map(|it| &*it.name))
}
