//! A store in the cache folder for data derived from inputs, by name. Any file in it can be removed at any time.

use std::fs;
use std::path::{Path, PathBuf};

use super::checksum::{add_checksum, digest, oldest_first, strip_checksum};
use super::error::DiskError;
use super::store_private;
use crate::workspace_diff;
use crate::yaml::hex;

/// The bytes of all files together; the oldest are removed first.
const BYTES_MAX: u64 = 64 << 20;

/// For larger files, the size of the store is checked even if they replace another one.
const REPLACED_BYTES_MAX: usize = 64 << 10;

/// The folder of the store. Concurrent runs do not disturb each other, because each file is replaced atomically.
#[derive(Clone, Debug)]
pub struct Memory {
    folder: PathBuf,
    /// The prefix of all names, which identifies the repository.
    repository: String,
}

impl Memory {
    /// The store for one repository below a folder of the cache.
    pub fn new(folder: &Path, repository: &Path) -> Memory {
        Memory {
            folder: folder.to_path_buf(),
            repository: repository.display().to_string(),
        }
    }

    fn file(&self, name: &str) -> PathBuf {
        let digest = digest(format!("{}\n{name}", self.repository).as_bytes());
        let (half, _) = digest.split_at(digest.len() / 2);
        self.folder.join(hex(half))
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

impl workspace_diff::Memory for Memory {
    /// Damaged bytes count as missing.
    fn load(&self, name: &str) -> Option<Vec<u8>> {
        let mut bytes = fs::read(self.file(name)).ok()?;
        let length = strip_checksum(&bytes)?.len();
        bytes.truncate(length);
        Some(bytes)
    }

    /// Failures are ignored, because they only cost time.
    fn keep(&self, name: &str, bytes: Vec<u8>) {
        let (file, bytes) = (self.file(name), add_checksum(bytes));
        // A new version of a file needs little more room than the old one, and listing the folder takes longer than writing a file.
        if !file.exists() || bytes.len() > REPLACED_BYTES_MAX {
            self.make_room(bytes.len() as u64);
        }
        let _: Result<(), DiskError> = store_private(&file, &bytes);
    }
}
