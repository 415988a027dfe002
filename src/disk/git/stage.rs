//! Writes files into the index, independent of the work tree.

use std::sync::Arc;

use super::Repository;
use super::command::{command, command_on_files, output_with_input};
use crate::disk::error::DiskError;
use crate::tree::TreePath;

/// A file to be written to the index, or removed from it.
pub struct StagedFile {
    /// The path, below the work tree's top folder.
    pub path: TreePath,
    /// Its bytes; `None` to remove the file.
    pub bytes: Option<Arc<[u8]>>,
}

impl Repository {
    /// Changes the index atomically.
    pub fn stage(&self, files: &[StagedFile]) -> Result<(), DiskError> {
        let ids = self.write_blobs(files)?;
        let null_id = "0".repeat(ids.first().map_or(40, String::len));
        let mut ids = ids.iter();
        let mut lines = String::new();
        for file in files {
            let (mode, id) = match file.bytes {
                Some(_) => ("100644", ids.next().map_or("", String::as_str)),
                None => ("0", &*null_id),
            };
            lines.push_str(&format!("{mode} {id}\t{}\0", file.path));
        }
        // When git writes the index, it reads files of the work tree that have just changed.
        let mut update = command_on_files(self.root())?;
        update.args(["update-index", "--add", "--remove", "-z", "--index-info"]);
        output_with_input(self.root(), &mut update, lines.as_bytes()).map(drop)
    }

    /// Writes the contents as blobs, and returns their IDs. Uses a pipe, so that a killed run only leaves git's own temporary
    /// files, which git removes later.
    fn write_blobs(&self, files: &[StagedFile]) -> Result<Vec<String>, DiskError> {
        let blobs: Vec<_> = files.iter().filter_map(|it| it.bytes.as_ref()).collect();
        let mut input = Vec::new();
        for (at, bytes) in blobs.iter().enumerate() {
            let header = format!("blob\nmark :{}\ndata {}\n", at + 1, bytes.len());
            input.extend(header.bytes().chain(bytes.iter().copied()).chain([b'\n']));
        }
        let marks = 1..=blobs.len();
        input.extend(marks.flat_map(|it| format!("get-mark :{it}\n").into_bytes()));
        // Without this line, the input is incomplete.
        input.extend(b"done\n");
        let mut import = command(self.root());
        import.args(["fast-import", "--quiet", "--done"]);
        let ids = output_with_input(self.root(), &mut import, &input)?;
        let ids = String::from_utf8_lossy(&ids);
        Ok(ids.lines().map(str::to_string).collect())
    }
}
