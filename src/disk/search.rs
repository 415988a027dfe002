//! Finds folders of a work tree by a folder that they hold.

use std::fs;
use std::path::Path;

use super::output::place;
use crate::tree::TreePath;

/// How deep below the root is looked, and in how many folders: the search must not take longer than a rendering.
const DEPTH_MAX: usize = 5;
const FOLDERS_MAX: usize = 10_000;

/// Folders of other programs that hold many files and no work of a person.
const PASSED_OVER: [&str; 3] = ["node_modules", "target", "vendor"];

/// The folders below `root` that hold a folder of that name, in order. Links, hidden folders, what `is_foreign` names and folders
/// that cannot be read are passed over.
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
        let (files, folders) = entries(&place(root, &folder));
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
        } else if kind.is_dir() && !name.starts_with('.') && !PASSED_OVER.contains(&&*name) {
            folders.push(name);
        }
    }
    (files, folders)
}

/// Removes a folder that holds nothing; any other stays.
pub fn remove_empty(folder: &Path) {
    let _ = fs::remove_dir(folder);
}
