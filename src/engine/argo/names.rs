//! Several clusters can share one Argo CD, in which names must be unique.

use std::collections::BTreeMap;

use super::settings::Settings;
use crate::compose::{EnvironmentManifests, InstanceNames, SharedNames, overlay};
use crate::diag::{Diagnostic, Diagnostics};
use crate::load::Environment;
use crate::object::Object;

/// Reports names that two environments create in one Argo CD. Errors: `two-owners`.
pub(super) fn check(environments: &[&SharedNames<'_>], diagnostics: &mut Diagnostics) {
    let mut owners = BTreeMap::new();
    for shared in environments {
        let instance = &shared.instance;
        for (kind, name) in &instance.names {
            let key = (instance.namespace.as_str(), *kind, name.as_str());
            let Some(other) = owners.insert(key, *shared) else {
                continue;
            };
            // Two clusters that each run their own Argo CD share no names.
            let can_share = !other.instance.is_on_cluster || !instance.is_on_cluster;
            if other.environment.name != shared.environment.name && can_share {
                diagnostics.push(taken(kind, name, other, shared));
            }
        }
    }
}

/// The name of an Application, which contains the environment because several clusters can share one Argo CD.
pub(super) fn application(environment: &Environment, name: &str) -> String {
    format!("{name}-{}", environment.name)
}

/// The names that an environment creates in its Argo CD.
pub(super) fn names(argo: &Settings, delivered: &EnvironmentManifests<'_>) -> InstanceNames {
    let environment = delivered.environment;
    let claims = delivered.deliveries.iter().flat_map(|it| {
        let charts = it.releases.iter().map(|it| &it.object);
        let objects = charts.chain(&it.prerequisites).map(Object::name);
        objects.chain([it.name.as_str()])
    });
    let named = claims.chain([overlay::NAME]);
    let named = named.map(|it| ("Application", application(environment, it)));
    let root = ("Application", environment.name.clone());
    let project = ("AppProject", argo.project.clone());
    InstanceNames {
        namespace: argo.namespace.clone(),
        is_on_cluster: argo.destination.is_own_cluster(),
        names: named.chain([root, project]).collect(),
    }
}

fn taken(kind: &str, name: &str, first: &SharedNames<'_>, second: &SharedNames<'_>) -> Diagnostic {
    let (other, environment) = (first.environment, second.environment);
    let message = format!(
        "environments `{}` and `{}` both write {kind} `{name}` to namespace `{}` of the same Argo CD",
        other.name, environment.name, second.instance.namespace
    );
    let fault = Diagnostic::error("two-owners", message).at(environment.span.start());
    fault
        .related(other.span.start(), "also written here")
        .help(match kind {
            "AppProject" => "set a different AppProject for each with `spec.argo.project`",
            _ => "rename the claim or one of the environments",
        })
}
