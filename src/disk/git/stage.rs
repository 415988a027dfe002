//! Puts files into the index, whatever stands in the work tree.

use std::sync::Arc;

use super::Repository;
use super::command::{command, with_input};
use crate::disk::error::DiskError;
use crate::tree::TreePath;

/// A file as the index is to have it.
pub struct Staged {
    /// The path, below the work tree's top folder.
    pub path: TreePath,
    /// Its bytes; `None` for a file that goes.
    pub bytes: Option<Arc<[u8]>>,
}

impl Repository {
    /// Changes the index, all at once.
    pub fn stage(&self, files: &[Staged]) -> Result<(), DiskError> {
        let ids = self.store(files)?;
        let mut ids = ids.iter();
        let mut lines = String::new();
        for file in files {
            let (mode, id) = match file.bytes {
                Some(_) => ("100644", ids.next().map_or("", String::as_str)),
                None => ("0", "0000000000000000000000000000000000000000"),
            };
            lines.push_str(&format!("{mode} {id}\t{}\0", file.path));
        }
        let mut update = command(self.root());
        update.args(["update-index", "--add", "--remove", "-z", "--index-info"]);
        with_input(self.root(), &mut update, lines.as_bytes()).map(drop)
    }

    /// Writes the bytes as objects, and gives their names.
    fn store(&self, files: &[Staged]) -> Result<Vec<String>, DiskError> {
        let place = std::env::temp_dir();
        let failed = || DiskError::when("write", &place);
        let folder = tempfile::tempdir().map_err(failed())?;
        let mut paths = String::new();
        let bytes = files.iter().filter_map(|it| it.bytes.as_ref());
        for (at, bytes) in bytes.enumerate() {
            let path = folder.path().join(at.to_string());
            std::fs::write(&path, bytes).map_err(failed())?;
            paths.push_str(&format!("{}\n", path.display()));
        }
        let mut hash = command(self.root());
        hash.args(["hash-object", "-w", "--no-filters", "--stdin-paths"]);
        let ids = with_input(self.root(), &mut hash, paths.as_bytes())?;
        let ids = String::from_utf8_lossy(&ids);
        Ok(ids.lines().map(str::to_string).collect())
    }
}
