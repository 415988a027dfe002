//! What a running template passes to the functions that it calls.

use super::FunctionError;
use super::limits::Budget;
use crate::HelmVersion;
use crate::functions::State;

/// The running template, as a function sees it.
#[derive(Debug)]
pub struct Context<'a> {
    /// What the functions keep between calls, for all templates of one rendering.
    pub state: &'a mut State,
    pub(super) version: HelmVersion,
    pub(super) budget: &'a mut Budget,
}

impl Context<'_> {
    /// The Helm whose behaviour is wanted.
    pub fn version(&self) -> HelmVersion {
        self.version
    }

    /// Counts bytes that a function is about to make, before it makes them, so that a template cannot fill the memory. What a
    /// function returns is counted in any case; only what may be much larger than its arguments needs this.
    pub fn charge(&mut self, bytes: usize) -> Result<(), FunctionError> {
        self.budget.charge(bytes).map_err(FunctionError::Message)
    }
}
