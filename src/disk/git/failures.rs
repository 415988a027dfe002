//! The first failure of git in a run.
//!
//! The core reads revisions through `Files`, which may report an unreadable file as an error of the input, or treat it as missing.
//! A check must not pass for this reason.

use std::io;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use crate::disk::error::DiskError;

/// The message of the first failure, and its help.
#[derive(Default)]
pub(super) struct Failures(Mutex<Option<(String, Option<String>)>>);

impl Failures {
    /// Records a failure, unless there was one before.
    pub(super) fn record(&self, error: &DiskError) {
        let mut first = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        first.get_or_insert_with(|| (error.source.to_string(), error.help.clone()));
    }

    /// Returns the first failure as an error.
    pub(super) fn check(&self, root: &Path) -> Result<(), DiskError> {
        let first = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((message, help)) = &*first else {
            return Ok(());
        };
        let error = DiskError::when("read the Git repository of", root);
        Err(DiskError {
            help: help.clone(),
            ..error(io::Error::other(message.clone()))
        })
    }
}
