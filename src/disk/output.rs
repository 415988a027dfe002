//! The output folder: its files, and the names of temporary files.

use std::fs;
use std::io;
use std::path::Path;

use crate::tree::{Tree, TreePath};

use super::error::DiskError;

/// The beginning and the end of the name of a temporary file, with six letters or digits in between.
pub(super) const TEMPORARY: (&str, &str) = (".pleach-", ".tmp");

/// Whether an interrupted run may have left this file. The test is exact, because the file is removed.
pub(super) fn is_leftover(name: &str) -> bool {
    let middle = name
        .strip_prefix(TEMPORARY.0)
        .and_then(|it| it.strip_suffix(TEMPORARY.1));
    middle.is_some_and(|it| it.len() == 6 && it.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

/// The files of the output folder; an empty tree if it does not exist.
///
/// Links are not followed: a link is an empty file in the tree, so it counts as not generated and nothing is written through it.
/// `.git`, names that are not valid UTF-8 and leftovers of interrupted runs are skipped.
pub fn read_output(root: &Path) -> Result<Tree, DiskError> {
    let mut tree = Tree::new();
    let mut open = vec![TreePath::root()];
    while let Some(folder) = open.pop() {
        let full_path = full_path(root, &folder);
        let entries = match fs::read_dir(&full_path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            entries => entries.map_err(DiskError::when("read", &full_path))?,
        };
        for entry in entries {
            let entry = entry.map_err(DiskError::when("read", &full_path))?;
            let kind = entry
                .file_type()
                .map_err(DiskError::when("read", &entry.path()))?;
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            let path = folder.child(&name);
            if name == ".git" || is_leftover(&name) {
                continue;
            } else if kind.is_dir() {
                open.push(path);
            } else if kind.is_file() {
                let bytes =
                    fs::read(entry.path()).map_err(DiskError::when("read", &entry.path()))?;
                tree.insert(path, bytes);
            } else {
                tree.insert(path, Vec::new());
            }
        }
    }
    Ok(tree)
}

/// The path on disk of a path in the output.
pub(super) fn full_path(root: &Path, path: &TreePath) -> std::path::PathBuf {
    let mut full = root.to_path_buf();
    full.extend(path.parts());
    full
}
