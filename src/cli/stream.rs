//! Standard input and pipes.

use std::io::Read;
use std::sync::Arc;

use anyhow::{Context, Result, bail};

use pleach::diag::Source;

/// The maximum number of bytes read from a stream.
const TEXT_BYTES_MAX: u64 = 256 << 20;

/// The content of a stream. Invalid UTF-8 is an error here, because there is no file to report it in.
pub(super) fn read_stream(name: &str, from: impl Read) -> Result<Arc<Source>> {
    let mut bytes = Vec::new();
    let mut limited = from.take(TEXT_BYTES_MAX + 1);
    let failed = || format!("cannot read `{name}`");
    limited.read_to_end(&mut bytes).with_context(failed)?;
    if bytes.len() as u64 > TEXT_BYTES_MAX {
        bail!("`{name}` is longer than {} MiB", TEXT_BYTES_MAX >> 20);
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Source::internal(name, text)),
        Err(fault) => bail!(
            "`{name}` is not valid UTF-8: byte {} is invalid",
            fault.utf8_error().valid_up_to() + 1
        ),
    }
}
