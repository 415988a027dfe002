//! What runs remember of what they have read, by name: a folder of the cache, in which any file can be removed at any time.

use std::fs;
use std::path::{Path, PathBuf};

use super::error::DiskError;
use super::sealed::{digest, oldest_first, opened, sealed};
use super::store_private;

/// The bytes of all files together; the oldest are removed first.
const BYTES_MAX: u64 = 64 << 20;

/// A folder of what is remembered. Runs at the same time do not disturb each other: each file is replaced as a whole.
#[derive(Clone, Debug)]
pub struct Memory {
    folder: PathBuf,
    /// What all names begin with: the repository.
    place: String,
}

impl Memory {
    /// What is remembered of one place below a folder of the cache.
    pub fn new(folder: &Path, place: &Path) -> Memory {
        Memory {
            folder: folder.to_path_buf(),
            place: place.display().to_string(),
        }
    }

    /// What was kept under a name; `None` where nothing was, or where it is damaged.
    pub fn load(&self, name: &str) -> Option<Vec<u8>> {
        let bytes = fs::read(self.file(name)).ok()?;
        opened(&bytes).map(<[u8]>::to_vec)
    }

    /// Keeps bytes under a name. What cannot be kept costs time, and nothing else.
    pub fn keep(&self, name: &str, bytes: Vec<u8>) {
        let bytes = sealed(bytes);
        self.make_room(bytes.len() as u64);
        let _: Result<(), DiskError> = store_private(&self.file(name), &bytes);
    }

    fn file(&self, name: &str) -> PathBuf {
        let digest = digest(format!("{}\n{name}", self.place).as_bytes());
        let digits: String = digest
            .iter()
            .take(16)
            .map(|it| format!("{it:02x}"))
            .collect();
        self.folder.join(digits)
    }

    fn make_room(&self, bytes: u64) {
        let files = oldest_first(&self.folder);
        let all: u64 = files.iter().map(|it| it.1).sum();
        let mut excess = (all + bytes).saturating_sub(BYTES_MAX);
        for (_, length, path) in files {
            if excess == 0 {
                break;
            }
            let _ = fs::remove_file(path);
            excess = excess.saturating_sub(length);
        }
    }
}
