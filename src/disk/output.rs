//! Reads the output folder as it is, for a plan to be made against.

use std::fs;
use std::io;
use std::path::Path;

use crate::tree::{Tree, TreePath};

use super::apply::is_leftover;
use super::error::DiskError;

/// The files of the output folder; an empty tree where there is no folder yet.
///
/// No link is followed: a link is in the tree as an empty file, so it counts as somebody else's and nothing is written
/// through it. `.git`, names that are no UTF-8 and what a killed run left behind are passed over.
pub fn read_output(root: &Path) -> Result<Tree, DiskError> {
    let mut tree = Tree::new();
    let mut open = vec![TreePath::root()];
    while let Some(folder) = open.pop() {
        let place = place(root, &folder);
        let entries = match fs::read_dir(&place) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            entries => entries.map_err(DiskError::when("read", &place))?,
        };
        for entry in entries {
            let entry = entry.map_err(DiskError::when("read", &place))?;
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

/// Where a path of the output is on disk.
pub(super) fn place(root: &Path, path: &TreePath) -> std::path::PathBuf {
    let mut full = root.to_path_buf();
    full.extend(path.parts());
    full
}
