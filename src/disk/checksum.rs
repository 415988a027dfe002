//! Files of the cache: each ends with a checksum of its content, which detects damage, and the oldest are removed first.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use flate2::Crc;
use sha2::{Digest as _, Sha256};

/// The digest of some bytes.
pub(super) type Digest = [u8; 32];

pub(super) fn digest(bytes: &[u8]) -> Digest {
    Sha256::digest(bytes).into()
}

/// Adds the length and a checksum of the bytes. They detect damage, not intent: every run reads megabytes, and a
/// cryptographic digest takes longer.
pub(super) fn add_checksum(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.extend(checksum(&bytes));
    bytes
}

/// The bytes without their checksum; `None` if it is wrong.
pub(super) fn strip_checksum(bytes: &[u8]) -> Option<&[u8]> {
    let (body, found) = bytes.split_last_chunk()?;
    (checksum(body) == *found).then_some(body)
}

fn checksum(bytes: &[u8]) -> [u8; 12] {
    let mut crc = Crc::new();
    crc.update(bytes);
    let mut all = [0; 12];
    let (length, sum) = all.split_at_mut(8);
    length.copy_from_slice(&(bytes.len() as u64).to_le_bytes());
    sum.copy_from_slice(&crc.sum().to_le_bytes());
    all
}

/// The files of a folder with their lengths, the oldest first.
pub(super) fn oldest_first(folder: &Path) -> Vec<(SystemTime, u64, PathBuf)> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let file = |it: fs::DirEntry| {
        let metadata = it.metadata().ok()?;
        Some((metadata.modified().ok()?, metadata.len(), it.path()))
    };
    let mut files: Vec<_> = entries.filter_map(file).collect();
    files.sort();
    files
}

/// Makes room for a file, so that its folder contains at most `max` of them. A file that is replaced needs no room.
pub(super) fn make_room(file: &Path, max: usize) {
    let Some(folder) = file.parent().filter(|_| !file.exists()) else {
        return;
    };
    let files = oldest_first(folder);
    let excess = (files.len() + 1).saturating_sub(max);
    for (_, _, path) in files.into_iter().take(excess) {
        let _ = fs::remove_file(path);
    }
}
