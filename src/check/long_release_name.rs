//! Release names of Argo CD's Applications that Helm rejects.

use super::applications::applications;
use super::environment::EnvironmentObjects;
use super::{Check, Faults, RuleKind};
use crate::diag::Severity;

pub(super) const CHECK: Check = Check {
    code: "long-release-name",
    severity: Severity::Error,
    summary: "the release name of an Application is too long",
    explain: "\
Helm accepts at most 53 characters in the name of a release. Argo CD calls `helm template` with the `releaseName` of the Application or, \
without one, with the Application's name, so that the sync fails with an error about the release name.

Set a shorter `releaseName` in the claim, or `spec.source.helm.releaseName` in the Application. For a HelmRelease of Flux, the API \
server itself rejects such a name.",
    check: RuleKind::Each(check),
};

/// The maximum length of a release name (Helm, `ValidateReleaseName`).
const LENGTH_MAX: usize = 53;

fn check(environment: &EnvironmentObjects<'_>, faults: &mut Faults) {
    for application in applications(environment) {
        for (name, field) in application.releases() {
            if name.len() > LENGTH_MAX {
                let message = format!(
                    "{}: the release name must have at most {LENGTH_MAX} characters, not {}",
                    application.sourced.object.id(),
                    name.len()
                );
                let help = "set a shorter `releaseName`";
                faults.push(application.sourced, &field, message, help);
            }
        }
    }
}
