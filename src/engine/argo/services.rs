//! Services from charts, for Argo CD: an ApplicationSet for each environment and tier, with the services of all claims, and the
//! chart values of each service.
//!
//! The paths are those of InfraForge: `appsets/<cluster type>/<tier>/…`, `environments/<cluster type>/<environment>/…`.

use std::collections::BTreeMap;

use super::application_sets::{self, Set};
use super::names::application;
use super::settings::Settings;
use crate::compose::{EnvironmentManifests, RenderedTree, SharedNames};
use crate::delivery::{Delivery, GitSource, ManifestFile, Service};
use crate::diag::{Diagnostic, Diagnostics, Span};
use crate::layout::{Group, SETS, Tier, set_file, values_folder};
use crate::load::{Environment, WorkspaceConfig};
use crate::object::Object;
use crate::tree::TreePath;
use crate::yaml::Node;

/// Reports environments of Argo CD that would write the same ApplicationSet. Errors: `two-owners`.
pub(super) fn check(environments: &[&SharedNames<'_>], diagnostics: &mut Diagnostics) {
    let mut owners: BTreeMap<TreePath, (&Environment, &Service)> = BTreeMap::new();
    for delivered in environments {
        let environment = delivered.environment;
        for service in delivered.deliveries.iter().flat_map(|it| &it.services) {
            let folder = values_folder(&service.cluster_type, &service.environment, service.tier);
            let (owner, first) = *owners.entry(folder).or_insert((environment, service));
            if owner.name == environment.name {
                continue;
            }
            let message = format!(
                "environment `{}` of cluster type `{}` is defined in both `environments/{}` and `environments/{}`",
                service.environment, service.cluster_type, owner.name, environment.name
            );
            let fault = Diagnostic::error("two-owners", message).at(&service.span);
            let fault = fault.related(&first.span, "a service in the other one");
            diagnostics.push(
                fault.help(
                    "keep all its claims in one folder: its services share one ApplicationSet",
                ),
            );
        }
    }
}

/// Adds the ApplicationSets of an environment's services. Errors: `duplicate-service`, `two-repositories`.
pub(super) fn add_sets(
    argo: &Settings,
    delivered: &mut EnvironmentManifests<'_>,
    workspace: &WorkspaceConfig,
    diagnostics: &mut Diagnostics,
) {
    let environment = delivered.environment;
    check_names(delivered, diagnostics);
    let files = sets(argo, &delivered.deliveries, diagnostics)
        .iter()
        .map(|set| ManifestFile {
            name: application_sets::file(set).into(),
            object: Object::new(application_sets::application_set(set, argo, workspace)),
        })
        .collect();
    let title = format!("Environment/{}", environment.name);
    let span = environment.span.clone();
    // This is not a valid name of a claim.
    delivered.deliveries.push(Delivery {
        files,
        place: Some(TreePath::root().child(SETS)),
        ..Delivery::synthetic("ApplicationSets", title, Group::Apps, span)
    });
}

/// The services in the order of cluster types, environments, tiers and names.
fn sets<'a>(
    argo: &Settings,
    deliveries: &'a [Delivery],
    diagnostics: &mut Diagnostics,
) -> Vec<Set<'a>> {
    let mut groups: BTreeMap<(&str, &str, Tier), Vec<&Service>> = BTreeMap::new();
    for service in deliveries.iter().flat_map(|it| &it.services) {
        let key = (&*service.cluster_type, &*service.environment, service.tier);
        groups.entry(key).or_default().push(service);
    }
    let sets = groups.into_iter().map(|(key, mut services)| {
        services.sort_by(|a, b| a.name.cmp(&b.name));
        let repository = repository(argo, &services, diagnostics);
        let (cluster_type, environment, tier) = key;
        Set {
            cluster_type,
            environment,
            tier,
            services,
            repository,
        }
    });
    sets.collect()
}

/// The repository with the values of all services of an ApplicationSet.
fn repository(argo: &Settings, services: &[&Service], diagnostics: &mut Diagnostics) -> GitSource {
    let own = GitSource {
        url: argo.url.clone(),
        branch: argo.revision.clone(),
    };
    let of = |it: &Service| it.repository.clone().unwrap_or_else(|| own.clone());
    let first = services.first().map_or_else(|| own.clone(), |it| of(it));
    let odd = services.iter().find(|it| of(it) != first);
    if let (Some(odd), Some(one)) = (odd, services.first()) {
        let other = of(odd);
        let message = format!(
            "the values of `{}` are in `{}` at `{}`, those of `{}` in `{}` at `{}`, but one ApplicationSet reads both",
            one.name, first.url, first.branch, odd.name, other.url, other.branch
        );
        let fault = Diagnostic::error("two-repositories", message).at(&odd.span);
        let fault = fault.related(&one.span, "the other service");
        diagnostics
            .push(fault.help("set `giteaURL` and `organization` in the BootstrapClaim only"));
    }
    first
}

/// A service's Application is named `<service>-<environment>`, which must be unique in Argo CD and not be the name of a claim's
/// Application.
fn check_names(delivered: &EnvironmentManifests<'_>, diagnostics: &mut Diagnostics) {
    let mut names: BTreeMap<String, &Span> = BTreeMap::new();
    let claims = delivered.deliveries.iter().filter(|it| !it.is_services());
    for claim in claims {
        names.insert(application(delivered.environment, &claim.name), &claim.span);
    }
    for service in delivered.deliveries.iter().flat_map(|it| &it.services) {
        let name = format!("{}-{}", service.name, service.environment);
        let Some(other) = names.insert(name.clone(), &service.span) else {
            continue;
        };
        let message = format!("two services or claims have the Application name `{name}`");
        let fault = Diagnostic::error("duplicate-service", message).at(&service.span);
        let fault = fault.related(other, "also used here");
        diagnostics.push(fault.help("rename one of the two"));
    }
}

/// Writes the files of each service of a claim: its values and, for the generator, its chart.
pub(super) fn write(rendered: &mut RenderedTree, delivery: &Delivery) {
    for service in &delivery.services {
        let folder = values_folder(&service.cluster_type, &service.environment, service.tier);
        let place = folder.child(&service.name);
        if service.tier == Tier::Apps {
            let mut config = application_sets::element(service);
            if let Some(annotations) = &service.annotations {
                config.insert("annotations", annotations.clone());
            }
            rendered.insert_data(place.child("config.yaml"), delivery, Node::mapping(config));
        }
        rendered.insert_data(place.child("values.yaml"), delivery, service.values.clone());
    }
}

/// The folders of the environment's services, independent of which services exist.
pub(super) fn own_places(deliveries: &[Delivery]) -> impl Iterator<Item = TreePath> {
    deliveries
        .iter()
        .flat_map(|it| &it.services)
        .flat_map(|it| {
            let parts = (&*it.cluster_type, &*it.environment, it.tier);
            [values_folder, set_file].map(|place| place(parts.0, parts.1, parts.2))
        })
}
