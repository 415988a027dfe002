//! Files of the cache: each ends with a digest of its content, which detects damage, and the oldest are removed first.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use sha2::{Digest as _, Sha256};

/// The digest of some bytes.
pub(super) type Digest = [u8; 32];

pub(super) fn digest(bytes: &[u8]) -> Digest {
    Sha256::digest(bytes).into()
}

/// The bytes, followed by their digest.
pub(super) fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let whole = digest(&bytes);
    bytes.extend(whole);
    bytes
}

/// The argument of [`sealed`]; `None` for other data.
pub(super) fn opened(bytes: &[u8]) -> Option<&[u8]> {
    let (body, whole) = bytes.split_last_chunk()?;
    (digest(body) == *whole).then_some(body)
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
