//! The functions of sprig and Helm.

use crate::template::Function;

/// What functions keep between calls, for all templates of one rendering.
#[derive(Debug, Default)]
pub struct State {}

/// All functions, in groups.
pub fn groups() -> Vec<&'static [Function]> {
    Vec::new()
}
