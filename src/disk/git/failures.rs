//! The first failure of git in a run.
//!
//! The core reads revisions through `Files`, where a file that cannot be read is one of many things that may be wrong with an input,
//! and some of its questions take it for a file that isn't there. A gate must not pass for that reason.

use std::io;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use crate::disk::error::DiskError;

/// The words of the first failure, and its help.
#[derive(Default)]
pub(super) struct Failures(Mutex<Option<(String, Option<String>)>>);

impl Failures {
    pub(super) fn note(&self, error: &DiskError) {
        let mut first = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let words = || (error.source.to_string(), error.help.clone());
        first.get_or_insert_with(words);
    }

    /// An error where anything failed.
    pub(super) fn first(&self, root: &Path) -> Result<(), DiskError> {
        let first = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((words, help)) = &*first else {
            return Ok(());
        };
        let failed = DiskError::when("read the Git repository of", root);
        Err(DiskError {
            help: help.clone(),
            ..failed(io::Error::other(words.clone()))
        })
    }
}
