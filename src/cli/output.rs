//! Output: data to standard output, everything else to standard error.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use anyhow::Context;

use pleach::report::screened;
use pleach::secret::without_secrets;

/// Why standard output is incomplete.
static FAILURE: OnceLock<String> = OnceLock::new();

/// Whether only errors and requested output are printed.
static IS_QUIET: AtomicBool = AtomicBool::new(false);

/// Whether a line is shown on standard error that must be removed before anything else is printed.
static HAS_LINE: AtomicBool = AtomicBool::new(false);

/// Whether standard output is for a document of a program's format, so text goes to standard error.
static IS_RESERVED: AtomicBool = AtomicBool::new(false);

/// The text that follows the document on standard error; `None` if standard error is for text only.
static HELD: Mutex<Option<String>> = Mutex::new(None);

/// Holds text for people back until the document is printed to standard error, and suppresses messages about progress and results.
pub(super) fn hold_text() {
    *HELD.lock().unwrap_or_else(PoisonError::into_inner) = Some(String::new());
}

/// Prints the text that was held back.
pub(super) fn release_text() {
    let held = HELD.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(text) = held.filter(|it| !it.is_empty()) {
        note(&text);
    }
}

fn is_holding() -> bool {
    HELD.lock()
        .unwrap_or_else(PoisonError::into_inner)
        .is_some()
}

/// Keeps text for people out of standard output.
pub(super) fn reserve_for_document() {
    IS_RESERVED.store(true, Ordering::Relaxed);
}

/// Whether only errors and requested output are printed.
pub(super) fn is_quiet() -> bool {
    IS_QUIET.load(Ordering::Relaxed)
}

/// Suppresses messages about progress and results.
pub(super) fn be_quiet() {
    IS_QUIET.store(true, Ordering::Relaxed);
}

/// Shows a line on the terminal of standard error, in place of the previous one, until something else is printed.
pub(super) fn show_line(text: &str) {
    HAS_LINE.store(true, Ordering::Relaxed);
    let mut out = io::stderr();
    let _ = write!(out, "\r\x1b[K{text}");
    let _ = out.flush();
}

/// Removes the line, if one is shown.
pub(super) fn clear_line() {
    if HAS_LINE.swap(false, Ordering::Relaxed) {
        let mut out = io::stderr();
        let _ = write!(out, "\r\x1b[K");
        let _ = out.flush();
    }
}

/// Prints data to standard output, byte for byte.
pub(super) fn data(bytes: &[u8]) -> anyhow::Result<()> {
    clear_line();
    printed(write(&mut io::stdout().lock(), bytes))
}

/// Prints text that may be coloured to standard output, or to standard error if a document is printed to standard output.
pub(super) fn text(text: &str) -> anyhow::Result<()> {
    if IS_RESERVED.load(Ordering::Relaxed) {
        note(text);
        return Ok(());
    }
    clear_line();
    printed(write(
        &mut anstream::stdout().lock(),
        screened(text).as_bytes(),
    ))
}

fn write(out: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    out.write_all(bytes)?;
    out.flush()
}

/// If the reader closes the pipe, this is not an error and the exit code still depends on the findings. Anything else, such as a
/// full disk, is an error.
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

/// Whether some output could not be written, so the reader has only a part of it.
pub(super) fn has_failed() -> bool {
    FAILURE.get().is_some()
}

/// The width of the terminal, if standard output is one.
pub(super) fn columns() -> Option<usize> {
    let size = terminal_size::terminal_size_of(io::stdout());
    size.map(|(width, _)| usize::from(width.0).max(40))
}

/// Prints text that may be coloured to standard error. It is not an error if standard error is closed.
pub(super) fn note(text: &str) {
    if let Some(held) = &mut *HELD.lock().unwrap_or_else(PoisonError::into_inner) {
        held.push_str(text);
        return;
    }
    clear_line();
    let _ = anstream::stderr()
        .lock()
        .write_all(screened(text).as_bytes());
}

/// Prints a document to standard error, byte for byte. It is not an error if standard error is closed.
pub(super) fn document(text: &str) {
    clear_line();
    let _ = write(&mut io::stderr().lock(), text.as_bytes());
}

/// Reports progress or a result; nothing with `-q`, or if standard error is for a document.
pub(super) fn status(text: &str) {
    if !is_quiet() && !is_holding() {
        note(text);
    }
}

/// Reports why a command failed.
pub(super) fn error(message: &str) {
    let message = without_secrets(message);
    note(&format!("\x1b[1m\x1b[31merror\x1b[0m: {message}\n"));
}

/// Reports a problem that does not fail the run, and what to do; nothing with `-q`.
pub(super) fn warning(message: &str, helps: &[String]) {
    if is_quiet() {
        return;
    }
    let message = without_secrets(message);
    note(&format!("\x1b[1m\x1b[33mwarning\x1b[0m: {message}\n"));
    for help in helps {
        note(&format!("\x1b[1m\x1b[36mhelp\x1b[0m: {help}\n"));
    }
}

/// Prints help for an error.
pub(super) fn help(message: &str) {
    note(&format!("\x1b[1m\x1b[36mhelp\x1b[0m: {message}\n"));
}
