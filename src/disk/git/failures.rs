//! The first failure of git in a run.
//!
//! The core reads revisions through `Files`, where an unreadable file is only one of many errors of an input, and sometimes treated
//! as missing. A check must not pass for this reason.

use std::io;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use crate::disk::error::DiskError;

/// The message of the first failure, and its help.
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
