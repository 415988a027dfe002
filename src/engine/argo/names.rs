//! The names that environments use in Argo CD. They must be unique, because several environments can share one Argo CD.

use std::collections::BTreeMap;

use super::settings::Settings;
use crate::compose::{EnvironmentManifests, InstanceNames, SharedNames, overlay};
use crate::diag::{Diagnostic, Diagnostics};
use crate::load::Environment;
use crate::object::Object;

/// Reports names that two environments use in the same Argo CD. Errors: `two-owners`.
pub(super) fn check(environments: &[&SharedNames<'_>], diagnostics: &mut Diagnostics) {
    let mut owners = BTreeMap::new();
    for shared in environments {
        let instance = &shared.instance;
        for (kind, name) in &instance.names {
            let key = (instance.namespace.as_str(), *kind, name.as_str());
            let Some(other) = owners.insert(key, *shared) else {
                continue;
            };
            // If each cluster runs its own Argo CD, the instances differ although their namespaces are the same.
            let may_be_same = !other.instance.is_on_cluster || !instance.is_on_cluster;
            if other.environment.name != shared.environment.name && may_be_same {
                diagnostics.push(conflict(kind, name, other, shared));
            }
        }
    }
}

/// The name of an Application, which contains the environment because several clusters can share one Argo CD.
pub(super) fn application_name(environment: &Environment, name: &str) -> String {
    format!("{name}-{}", environment.name)
}

/// The names that an environment uses in its Argo CD.
pub(super) fn names(argo: &Settings, manifests: &EnvironmentManifests<'_>) -> InstanceNames {
    let environment = manifests.environment;
    let claims = manifests.deliveries.iter().flat_map(|it| {
        let charts = it.releases.iter().map(|it| &it.object);
        let objects = charts.chain(&it.prerequisites).map(Object::name);
        objects.chain([it.name.as_str()])
    });
    let names = claims.chain([overlay::NAME]);
    let applications = names.map(|it| ("Application", application_name(environment, it)));
    let root = ("Application", environment.name.clone());
    let project = ("AppProject", argo.project.clone());
    InstanceNames {
        namespace: argo.namespace.clone(),
        is_on_cluster: argo.destination.is_own_cluster(),
        names: applications.chain([root, project]).collect(),
    }
}

fn conflict(
    kind: &str,
    name: &str,
    first: &SharedNames<'_>,
    second: &SharedNames<'_>,
) -> Diagnostic {
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
