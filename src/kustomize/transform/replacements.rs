//! `replacements`.

use super::super::kustomization::REPLACEMENT;
use super::super::resources::Resources;
use super::super::shape::Shape;
use super::{Stage, Transform};
use crate::diag::Diagnostic;

pub(super) const TRANSFORM: Transform = Transform {
    plugin: "ReplacementTransformer",
    apply,
    fields: &[("replacements", Shape::List(&Shape::Record(REPLACEMENT)))],
    run: |_, _, _| Ok(()),
};

fn apply(_stage: &mut Stage<'_, '_>, _resources: &mut Resources) -> Result<(), Diagnostic> {
    Ok(())
}
