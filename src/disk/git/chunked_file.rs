//! A file that is read in chunks, or as a whole if many chunks are needed.

use std::borrow::Cow;
use std::fs::File;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// After this number of reads, the file is read as a whole: the index and the pack of a workspace's claims are small, and a system
/// call for each chunk would take most of the time of a comparison.
const READS_MAX: usize = 256;

/// Larger files are never read as a whole.
const WHOLE_BYTES_MAX: u64 = 64 << 20;

pub(super) struct ChunkedFile {
    file: File,
    reads: AtomicUsize,
    /// All bytes; `None` if the file is too large.
    whole: OnceLock<Option<Vec<u8>>>,
}

impl ChunkedFile {
    pub(super) fn new(file: File) -> ChunkedFile {
        ChunkedFile {
            file,
            reads: AtomicUsize::new(0),
            whole: OnceLock::new(),
        }
    }

    /// `length` bytes at an offset; fewer at the end of the file. `None` if they cannot be read.
    pub(super) fn read(&self, offset: u64, length: usize) -> Option<Cow<'_, [u8]>> {
        if self.reads.fetch_add(1, Ordering::Relaxed) >= READS_MAX
            && let Some(whole) = self.whole.get_or_init(|| self.read_whole())
        {
            let rest = whole
                .get(usize::try_from(offset).ok()?..)
                .unwrap_or_default();
            return Some(Cow::Borrowed(rest.get(..length).unwrap_or(rest)));
        }
        read(&self.file, offset, length).map(Cow::Owned)
    }

    fn read_whole(&self) -> Option<Vec<u8>> {
        let length = self.file.metadata().ok()?.len();
        let length = Some(length).filter(|it| *it <= WHOLE_BYTES_MAX)?;
        read(&self.file, 0, usize::try_from(length).ok()?)
    }
}

fn read(file: &File, offset: u64, length: usize) -> Option<Vec<u8>> {
    let mut bytes = vec![0; length];
    let mut filled = 0;
    while let Some(rest) = bytes.get_mut(filled..).filter(|it| !it.is_empty()) {
        match read_at(file, rest, offset + filled as u64).ok()? {
            0 => break,
            count => filled += count,
        }
    }
    bytes.truncate(filled);
    Some(bytes)
}

#[cfg(unix)]
fn read_at(file: &File, bytes: &mut [u8], offset: u64) -> std::io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, bytes, offset)
}

#[cfg(windows)]
fn read_at(file: &File, bytes: &mut [u8], offset: u64) -> std::io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, bytes, offset)
}

#[cfg(not(any(unix, windows)))]
fn read_at(_file: &File, _bytes: &mut [u8], _offset: u64) -> std::io::Result<usize> {
    Err(std::io::ErrorKind::Unsupported.into())
}
