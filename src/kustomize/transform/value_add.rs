//! The `ValueAddTransformer`: a plugin that puts one value into fields of selected resources.

use crate::diag::Diagnostic;

use super::super::shape::Shape;
use super::Transform;

pub(super) const TRANSFORM: Transform = Transform {
    plugin: "ValueAddTransformer",
    apply: |_, _| Ok(()),
    fields: &[("value", Shape::Text)],
    run: |_, config, _| Err(Diagnostic::error("unsupported", "todo").at(config)),
};
