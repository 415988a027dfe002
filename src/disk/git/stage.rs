//! Puts files into the index, whatever stands in the work tree.

use std::io::{self, Write};
use std::process::{Command, Stdio};
use std::sync::Arc;

use super::{Repository, command};
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
        let failed = DiskError::when("stage files in", self.root());
        let stage = || {
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
            tell(&mut update, lines.as_bytes()).map(drop)
        };
        stage().map_err(failed)
    }

    /// Writes the bytes as objects, and gives their names.
    fn store(&self, files: &[Staged]) -> io::Result<Vec<String>> {
        let folder = tempfile::tempdir()?;
        let mut paths = String::new();
        let bytes = files.iter().filter_map(|it| it.bytes.as_ref());
        for (at, bytes) in bytes.enumerate() {
            let path = folder.path().join(at.to_string());
            std::fs::write(&path, bytes)?;
            paths.push_str(&format!("{}\n", path.display()));
        }
        let mut hash = command(self.root());
        hash.args(["hash-object", "-w", "--no-filters", "--stdin-paths"]);
        let ids = tell(&mut hash, paths.as_bytes())?;
        let ids = String::from_utf8_lossy(&ids);
        Ok(ids.lines().map(str::to_string).collect())
    }
}

/// Runs a command that is told something, and gives what it says.
fn tell(command: &mut Command, input: &[u8]) -> io::Result<Vec<u8>> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.stderr(Stdio::piped()).spawn()?;
    let missing = || io::Error::other("git takes no input");
    let mut stdin = child.stdin.take().ok_or_else(missing)?;
    // Git may answer while it is still told, so the two must not wait for each other.
    let (written, output) = std::thread::scope(|scope| {
        let writer = scope.spawn(move || stdin.write_all(input));
        let output = child.wait_with_output();
        (writer.join(), output)
    });
    let output = output?;
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr);
        let words = words.trim().trim_start_matches("fatal: ").to_string();
        return Err(io::Error::other(words));
    }
    written.unwrap_or_else(|_| Err(io::Error::other("git was not told")))?;
    Ok(output.stdout)
}
