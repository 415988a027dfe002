//! What the program prints: data to standard output, all else to standard error.

use std::io::{self, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;

use super::progress;
use crate::report::screened;
use crate::secret::without_secrets;

/// Why standard output does not have all that was printed.
static FAILURE: OnceLock<String> = OnceLock::new();

/// Whether only faults and what was asked for is printed.
static IS_QUIET: AtomicBool = AtomicBool::new(false);

/// Prints no more of what only says that work is done.
pub(super) fn be_quiet() {
    IS_QUIET.store(true, Ordering::Relaxed);
}

/// Prints data to standard output, byte for byte.
pub(super) fn data(bytes: &[u8]) -> anyhow::Result<()> {
    progress::clear(&mut io::stderr());
    printed(write(&mut io::stdout().lock(), bytes))
}

/// Prints text that may be coloured to standard output.
pub(super) fn text(text: &str) -> anyhow::Result<()> {
    progress::clear(&mut io::stderr());
    printed(write(
        &mut anstream::stdout().lock(),
        screened(text).as_bytes(),
    ))
}

fn write(out: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    out.write_all(bytes)?;
    out.flush()
}

/// A reader that goes away has seen enough, and what was found decides the exit code all the same. Anything else, such as a full
/// disk, is an error.
pub(super) fn printed(written: io::Result<()>) -> anyhow::Result<()> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => {
            FAILURE.get_or_init(|| error.to_string());
            Err(error).context("cannot write to standard output")
        }
        Ok(()) => Ok(()),
    }
}

/// Whether something that was printed did not arrive: a reader would take a part for the whole.
pub(super) fn has_failed() -> bool {
    FAILURE.get().is_some()
}

/// How wide the terminal is, where standard output is one.
pub(super) fn columns() -> Option<usize> {
    let size = terminal_size::terminal_size_of(io::stdout());
    size.map(|(width, _)| usize::from(width.0).max(40))
}

/// Prints text that may be coloured to standard error. A standard error that is closed is nobody's loss.
pub(super) fn note(text: &str) {
    progress::clear(&mut io::stderr());
    let _ = anstream::stderr()
        .lock()
        .write_all(screened(text).as_bytes());
}

/// Says that work is done, or waits; nothing with `-q`.
pub(super) fn status(text: &str) {
    if !IS_QUIET.load(Ordering::Relaxed) {
        note(text);
    }
}

/// Says why the program could not do what it was asked.
pub(super) fn error(message: &str) {
    let message = without_secrets(message);
    note(&format!("\x1b[1m\x1b[31merror\x1b[0m: {message}\n"));
}

/// Says what a run goes on without, and what to do about it; nothing with `-q`.
pub(super) fn warning(message: &str, helps: &[String]) {
    let message = without_secrets(message);
    status(&format!("\x1b[1m\x1b[33mwarning\x1b[0m: {message}\n"));
    for help in helps {
        status(&format!("\x1b[1m\x1b[36mhelp\x1b[0m: {help}\n"));
    }
}

/// Says what to do about an error.
pub(super) fn help(message: &str) {
    note(&format!("\x1b[1m\x1b[36mhelp\x1b[0m: {message}\n"));
}
