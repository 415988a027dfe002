//! `vars`.

use crate::diag::Diagnostic;

use super::accumulate::{Accumulated, Context, Level};
use super::fieldspec::FieldSpec;
use super::resources::Resources;

/// A variable.
#[derive(Clone, Debug)]
pub(super) struct Variable {}

pub(super) fn merge(_known: &mut Vec<Variable>, _more: Vec<Variable>) -> Result<(), Diagnostic> {
    Ok(())
}

pub(super) fn add(_context: &mut Context<'_>, _level: &Level<'_>, _sum: &mut Accumulated) {}

pub(super) fn replace(
    _resources: &mut Resources,
    _variables: &[Variable],
    _specs: &[FieldSpec],
) -> Result<Vec<Diagnostic>, Diagnostic> {
    Ok(Vec::new())
}
