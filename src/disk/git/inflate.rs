//! Decompression of zlib data, the format of Git's objects.

use std::borrow::Cow;
use std::cell::RefCell;

use flate2::{Decompress, FlushDecompress, Status};

/// Larger objects are left to Git.
pub(super) const SIZE_MAX: usize = 1 << 24;

/// Decompresses zlib data of about `size` decompressed bytes. The data begins with `start`; `more` returns the next part on each
/// call. `None` if the data is invalid, incomplete or too large.
pub(super) fn inflate<'a>(
    start: &'a [u8],
    mut more: impl FnMut() -> Option<Cow<'a, [u8]>>,
    size: usize,
) -> Option<Vec<u8>> {
    thread_local! {
        // Reused, because its tables are many times larger than most objects.
        static DECOMPRESSOR: RefCell<Decompress> = RefCell::new(Decompress::new(true));
    }
    let (mut input, mut at) = (Cow::Borrowed(start), 0);
    // One byte more, so that the end is detected in the same call.
    let mut bytes = Vec::with_capacity(size.min(SIZE_MAX) + 1);
    DECOMPRESSOR.with_borrow_mut(|decompressor| {
        decompressor.reset(true);
        while bytes.len() <= SIZE_MAX {
            if bytes.len() == bytes.capacity() {
                bytes.reserve(bytes.len());
            }
            let (read, written) = (decompressor.total_in(), bytes.len());
            let status =
                decompressor.decompress_vec(input.get(at..)?, &mut bytes, FlushDecompress::None);
            let read = usize::try_from(decompressor.total_in() - read).ok()?;
            at += read;
            match status.ok()? {
                Status::StreamEnd => return Some(bytes),
                _ if at == input.len() => {
                    input = more().filter(|it| !it.is_empty())?;
                    at = 0;
                }
                _ if read == 0 && written == bytes.len() => return None,
                _ => {}
            }
        }
        None
    })
}
