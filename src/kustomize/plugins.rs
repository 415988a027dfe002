//! `generators`, `transformers` and `validators`: kustomize's own ones, configured by objects.

use super::accumulate::{Accumulated, Context, Failed, Level};
use super::generate::Absorber;

pub(super) fn generate(
    _context: &mut Context<'_>,
    _level: &Level<'_>,
    _absorber: &mut Absorber<'_>,
) {
}

pub(super) fn transform(
    _context: &mut Context<'_>,
    _level: &Level<'_>,
    _sum: &mut Accumulated,
    _field: &str,
) -> Result<(), Failed> {
    Ok(())
}

pub(super) fn validate(
    _context: &mut Context<'_>,
    _level: &Level<'_>,
    _sum: &mut Accumulated,
) -> Result<(), Failed> {
    Ok(())
}
