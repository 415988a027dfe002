//! Finds the folders of a work tree that contain a folder with a given name.

use std::fs;
use std::path::Path;

use super::output::full_path;
use crate::tree::TreePath;

/// Limits of the search, in depth and in folders, because it must not take longer than a rendering.
const DEPTH_MAX: usize = 5;
const FOLDERS_MAX: usize = 10_000;

/// Folders with many files of other programs.
const SKIPPED: [&str; 3] = ["node_modules", "target", "vendor"];

/// The folders below `root` that contain a folder with this name, sorted. Skips links, hidden folders, folders for which
/// `is_foreign` is true, and unreadable folders.
pub fn folders_with(
    root: &Path,
    name: &str,
    is_foreign: &dyn Fn(&TreePath, &[String]) -> bool,
) -> Vec<TreePath> {
    let mut found = Vec::new();
    let mut open = vec![TreePath::root()];
    let mut listed = 0;
    while let Some(folder) = open.pop() {
        listed += 1;
        if listed > FOLDERS_MAX {
            break;
        }
        let (files, folders) = entries(&full_path(root, &folder));
        if is_foreign(&folder, &files) {
            continue;
        }
        if folders.iter().any(|it| it == name) {
            found.push(folder.clone());
        }
        if folder.parts().count() < DEPTH_MAX {
            let inner = folders.iter().map(|it| folder.child(it));
            open.extend(inner);
        }
    }
    found.sort();
    found
}

/// The names of the files and of the folders in a folder.
fn entries(folder: &Path) -> (Vec<String>, Vec<String>) {
    let (mut files, mut folders) = (Vec::new(), Vec::new());
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let (Ok(kind), Ok(name)) = (entry.file_type(), entry.file_name().into_string()) else {
            continue;
        };
        if kind.is_file() {
            files.push(name);
        } else if kind.is_dir() && !name.starts_with('.') && !SKIPPED.contains(&&*name) {
            folders.push(name);
        }
    }
    (files, folders)
}

/// Removes a folder if it is empty.
pub fn remove_empty(folder: &Path) {
    let _ = fs::remove_dir(folder);
}
