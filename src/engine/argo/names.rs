//! Several clusters can share one Argo CD, in which names must be unique.

use std::collections::BTreeMap;

use crate::compose::{EnvironmentManifests, SharedNames, overlay};
use crate::diag::{Diagnostic, Diagnostics};
use crate::load::{Argo, Environment};
use crate::object::Object;

/// Reports names that two environments create in one Argo CD. Errors: `two-owners`.
pub(super) fn check(environments: &[&SharedNames<'_>], diagnostics: &mut Diagnostics) {
    let mut owners = BTreeMap::new();
    for shared in environments {
        let environment = shared.environment;
        for (kind, name) in &shared.names {
            let key = (environment.argo.namespace.as_str(), *kind, name.as_str());
            let Some(other) = owners.insert(key, environment) else {
                continue;
            };
            if other.name != environment.name && can_share(&other.argo, &environment.argo) {
                diagnostics.push(taken(kind, name, other, environment));
            }
        }
    }
}

/// Two clusters that each run their own Argo CD share no names.
fn can_share(one: &Argo, other: &Argo) -> bool {
    !one.is_own_cluster() || !other.is_own_cluster()
}

/// The names that an environment creates in its Argo CD, each with its kind.
pub(super) fn names(delivered: &EnvironmentManifests<'_>) -> Vec<(&'static str, String)> {
    let environment = delivered.environment;
    let claims = delivered.deliveries.iter().flat_map(|it| {
        let charts = it.releases.iter().map(|it| &it.object);
        let objects = charts.chain(&it.first).map(Object::name);
        objects.chain([it.name.as_str()])
    });
    let named = claims.chain([overlay::NAME]);
    let named = named.map(|it| ("Application", environment.application(it)));
    let root = ("Application", environment.name.clone());
    let project = ("AppProject", environment.argo.project.clone());
    named.chain([root, project]).collect()
}

fn taken(kind: &str, name: &str, other: &Environment, environment: &Environment) -> Diagnostic {
    let message = format!(
        "environments `{}` and `{}` both write {kind} `{name}` to namespace `{}` of the same Argo CD",
        other.name, environment.name, environment.argo.namespace
    );
    let fault = Diagnostic::error("two-owners", message).at(environment.span.start());
    fault
        .related(other.span.start(), "also written here")
        .help(match kind {
            "AppProject" => "set a different AppProject for each with `spec.argo.project`",
            _ => "rename the claim or one of the environments",
        })
}
