//! Decompression of zlib data, the format of Git's objects.

use std::borrow::Cow;
use std::cell::RefCell;

use flate2::{Decompress, FlushDecompress, Status};

/// Larger objects are left to Git.
pub(super) const SIZE_MAX: usize = 1 << 24;

/// Decompresses zlib data to about `size` bytes. `more` returns the next part of the data on each call.
pub(super) fn inflate<'a>(
    start: &'a [u8],
    mut more: impl FnMut() -> Option<Cow<'a, [u8]>>,
    size: usize,
) -> Option<Vec<u8>> {
    thread_local! {
        // The tables of the decompressor are many times larger than most objects.
        static TABLES: RefCell<Decompress> = RefCell::new(Decompress::new(true));
    }
    let (mut text, mut at) = (Cow::Borrowed(start), 0);
    // One byte more, so that the end is detected in the same call.
    let mut bytes = Vec::with_capacity(size.min(SIZE_MAX) + 1);
    TABLES.with_borrow_mut(|tables| {
        tables.reset(true);
        while bytes.len() <= SIZE_MAX {
            if bytes.len() == bytes.capacity() {
                bytes.reserve(bytes.len());
            }
            let (read, written) = (tables.total_in(), bytes.len());
            let status = tables.decompress_vec(text.get(at..)?, &mut bytes, FlushDecompress::None);
            let read = usize::try_from(tables.total_in() - read).ok()?;
            at += read;
            match status.ok()? {
                Status::StreamEnd => return Some(bytes),
                _ if at == text.len() => {
                    text = more().filter(|it| !it.is_empty())?;
                    at = 0;
                }
                _ if read == 0 && written == bytes.len() => return None,
                _ => {}
            }
        }
        None
    })
}
