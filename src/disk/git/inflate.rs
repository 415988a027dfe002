//! Decompression of zlib data, the format of Git's objects.

use std::borrow::Cow;
use std::cell::RefCell;

use flate2::{Decompress, FlushDecompress, Status};

/// Larger objects are left to Git.
pub(super) const SIZE_MAX: usize = 1 << 24;

thread_local! {
    /// Reused, because the tables of a decompressor are many times larger than most objects.
    static WORKSPACE: RefCell<Workspace> = RefCell::new(Workspace {
        decompressor: Decompress::new(true),
        bytes: Vec::new(),
    });
}

struct Workspace {
    decompressor: Decompress,
    /// The decompressed bytes. New memory for each object would have to be cleared first.
    bytes: Vec<u8>,
}

/// The size of the memory that is kept for the next object.
const KEPT_BYTES_MAX: usize = 1 << 20;

/// Decompresses zlib data of about `size` bytes, and applies `read` to the result. The data begins with `start`; `more` returns the
/// next part on each call. `None` if the data is invalid, incomplete or too large.
pub(super) fn inflate<'a, R>(
    start: &'a [u8],
    more: impl FnMut() -> Option<Cow<'a, [u8]>>,
    size: usize,
    read: impl FnOnce(&[u8]) -> Option<R>,
) -> Option<R> {
    WORKSPACE.with_borrow_mut(|it| {
        let length = it.inflate(start, more, size);
        let result = length.and_then(|length| read(it.bytes.get(..length)?));
        if it.bytes.len() > KEPT_BYTES_MAX {
            it.bytes = Vec::new();
        }
        result
    })
}

impl Workspace {
    /// The number of decompressed bytes.
    fn inflate<'a>(
        &mut self,
        start: &'a [u8],
        mut more: impl FnMut() -> Option<Cow<'a, [u8]>>,
        size: usize,
    ) -> Option<usize> {
        let (mut input, mut at, mut length) = (Cow::Borrowed(start), 0, 0);
        // One byte more, so that the end is detected in the same call.
        self.make_room(size.min(SIZE_MAX) + 1);
        self.decompressor.reset(true);
        while length <= SIZE_MAX {
            if length == self.bytes.len() {
                self.make_room(length * 2);
            }
            let before = (self.decompressor.total_in(), self.decompressor.total_out());
            let (input_rest, output) = (input.get(at..)?, self.bytes.get_mut(length..)?);
            let status = self
                .decompressor
                .decompress(input_rest, output, FlushDecompress::None);
            let read = usize::try_from(self.decompressor.total_in() - before.0).ok()?;
            let written = usize::try_from(self.decompressor.total_out() - before.1).ok()?;
            (at, length) = (at + read, length + written);
            match status.ok()? {
                Status::StreamEnd => return Some(length),
                _ if at == input.len() => {
                    input = more().filter(|it| !it.is_empty())?;
                    at = 0;
                }
                _ if read == 0 && written == 0 => return None,
                _ => {}
            }
        }
        None
    }

    fn make_room(&mut self, length: usize) {
        if self.bytes.len() < length {
            self.bytes.resize(length, 0);
        }
    }
}
