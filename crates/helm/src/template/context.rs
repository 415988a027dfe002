//! The context that templates pass to functions.

use super::FunctionError;
use super::limits::Budget;
use crate::HelmVersion;
use crate::functions::State;

/// The context of a function call.
#[derive(Debug)]
pub struct Context<'a> {
    /// The state of functions, for all templates of a rendering.
    pub state: &'a mut State,
    pub(super) version: HelmVersion,
    pub(super) budget: &'a mut Budget,
}

impl Context<'_> {
    /// The version of Helm whose behaviour is reproduced.
    pub fn version(&self) -> HelmVersion {
        self.version
    }

    /// Charges bytes before a function creates them, so that a template cannot exhaust memory. Results are always charged; this is
    /// only needed for values that may be much larger than the arguments.
    pub fn charge(&mut self, bytes: usize) -> Result<(), FunctionError> {
        self.budget.charge(bytes).map_err(FunctionError::Message)
    }
}
