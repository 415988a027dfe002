//! Finds the files with claims in the folder of an environment.

use super::document::unreadable;
use super::links;
use super::unread;
use crate::diag::Diagnostics;
use crate::layout::ENVIRONMENT;
use crate::tree::{EntryKind, Files, TreePath, Walk};

/// The number of errors after which no further folder is read.
const UNREADABLE_MAX: usize = 100;

/// The files ending in `.yaml` or `.yml` below a folder, except hidden files and `environment.yaml`. Reports files that look like
/// claim files but are not read.
pub fn claim_files(
    files: &dyn Files,
    folder: &TreePath,
    diagnostics: &mut Diagnostics,
) -> Vec<TreePath> {
    let mut found = Vec::new();
    let mut folders = Walk::new(files, folder.clone());
    while let Some(current) = folders.next() {
        let entries = match files.list(&current) {
            Ok(entries) => entries,
            Err(error) => {
                diagnostics.push(unreadable(&current, &error));
                // If the listing of a revision is too large, every further folder would repeat the error.
                if diagnostics.errors() >= UNREADABLE_MAX {
                    break;
                }
                continue;
            }
        };
        for entry in entries.into_iter().filter(|it| !it.name.starts_with('.')) {
            let path = current.child(&entry.name);
            if entry.kind == EntryKind::Folder {
                folders.add(path);
                continue;
            }
            match FileRole::new(&path, current == *folder) {
                FileRole::Environment => {}
                FileRole::MisnamedEnvironment => {
                    diagnostics.extend(unread::wrong_environment_file(&path));
                }
                FileRole::Claims => found.push(path),
                FileRole::Other => {
                    diagnostics.extend(unread::wrong_extension(&path));
                    diagnostics.extend(unread::claim_with_other_extension(files, &path));
                }
            }
        }
    }
    let repeated = folders.into_repeated();
    diagnostics.extend(repeated.iter().map(|it| links::repeated_folder(files, it)));
    found.sort();
    found
}

/// Whether a path below an environment's folder is a claim file. `None` if it may have a diagnostic.
pub(super) fn is_claim_file(path: &TreePath) -> Option<bool> {
    if path.parts().any(|it| it.starts_with('.')) {
        return Some(false);
    }
    let is_top = path.parts().nth(1).is_none();
    match FileRole::new(path, is_top) {
        FileRole::Environment => Some(false),
        FileRole::MisnamedEnvironment => None,
        FileRole::Claims => Some(true),
        FileRole::Other => {
            let is_reported = unread::wrong_extension(path).is_some();
            (!unread::has_similar_extension(path) && !is_reported).then_some(false)
        }
    }
}

/// The role of a file below an environment's folder, by its name.
enum FileRole {
    /// `environment.yaml`.
    Environment,
    /// A file whose name is similar to `environment.yaml`.
    MisnamedEnvironment,
    Claims,
    Other,
}

impl FileRole {
    /// `is_top` is true if the file is directly in the environment's folder.
    fn new(path: &TreePath, is_top: bool) -> FileRole {
        match path.name() {
            ENVIRONMENT if is_top => FileRole::Environment,
            _ if is_top && is_misnamed_environment(path) => FileRole::MisnamedEnvironment,
            name if name.ends_with(".yaml") || name.ends_with(".yml") => FileRole::Claims,
            _ => FileRole::Other,
        }
    }
}

/// Whether the name of a file is similar to `environment.yaml`.
pub(super) fn is_misnamed_environment(path: &TreePath) -> bool {
    unread::wrong_environment_file(path).is_some()
}
