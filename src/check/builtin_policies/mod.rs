//! The built-in policies that are enabled in `pleach.yaml`.

mod availability;
mod containers;
mod standards;

use super::scene::{EnvironmentObjects, SourcedObject};
use crate::diag::{Diagnostic, Severity};
use crate::load::BuiltinPolicies;
use crate::yaml::FieldPath;

/// The violations of enabled policies in an environment. `minor` is the minor version of Kubernetes.
pub(super) fn findings(
    name: &str,
    scene: &EnvironmentObjects<'_>,
    policies: &BuiltinPolicies,
    minor: u32,
) -> Vec<Diagnostic> {
    let mut found = of_objects(scene, policies, minor);
    found.extend(availability::findings(name, scene, policies));
    found
}

/// The same for a part of its objects, without policies that objects outside this part could satisfy.
pub(super) fn of_objects(
    scene: &EnvironmentObjects<'_>,
    policies: &BuiltinPolicies,
    minor: u32,
) -> Vec<Diagnostic> {
    let mut found = containers::findings(scene, policies);
    found.extend(standards::findings(scene, policies, minor));
    found
}

/// A violation, at its line in the input.
fn diagnostic(
    code: &'static str,
    severity: Severity,
    object: &SourcedObject<'_>,
    field: &FieldPath,
    message: String,
) -> Diagnostic {
    let fault = Diagnostic {
        severity,
        ..Diagnostic::error(code, message)
    };
    fault.at(object.line(field))
}
