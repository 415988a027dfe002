//! The built-in policies that are enabled in `pleach.yaml`.

mod availability;
mod containers;
mod standards;

use super::environment::{EnvironmentObjects, SourcedObject};
use crate::diag::{Diagnostic, Severity};
use crate::load::BuiltinPolicies;
use crate::yaml::FieldPath;

/// The violations of enabled policies in an environment. `minor` is the minor version of Kubernetes.
pub(super) fn findings(
    name: &str,
    environment: &EnvironmentObjects<'_>,
    policies: &BuiltinPolicies,
    minor: u32,
) -> Vec<Diagnostic> {
    let mut found = findings_of_part(environment, policies, minor);
    found.extend(availability::findings(name, environment, policies));
    found
}

/// The same for a part of the environment's objects, without policies that objects outside this part could satisfy.
pub(super) fn findings_of_part(
    environment: &EnvironmentObjects<'_>,
    policies: &BuiltinPolicies,
    minor: u32,
) -> Vec<Diagnostic> {
    let mut found = containers::findings(environment, policies);
    found.extend(standards::findings(environment, policies, minor));
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
