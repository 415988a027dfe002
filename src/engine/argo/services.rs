//! The files for services, which are installed from charts: an ApplicationSet for each environment and tier, with the services of all
//! claims, and the chart values of each service.
//!
//! The paths are those of InfraForge: `appsets/<cluster type>/<tier>/…`, `environments/<cluster type>/<environment>/…`.

use std::collections::BTreeMap;

use super::application_sets::{self, ServiceSet};
use super::names::application_name;
use super::settings::Settings;
use crate::compose::{EnvironmentManifests, RenderedTree, SharedNames};
use crate::delivery::{Delivery, GitSource, ManifestFile, Service};
use crate::diag::{Diagnostic, Diagnostics, Span};
use crate::layout::{Group, SETS, Tier, set_file, values_folder};
use crate::load::{Environment, WorkspaceConfig};
use crate::object::Object;
use crate::tree::TreePath;
use crate::yaml::Node;

/// Reports environments that would write the same ApplicationSet. Errors: `two-owners`.
pub(super) fn check(environments: &[&SharedNames<'_>], diagnostics: &mut Diagnostics) {
    let mut owners: BTreeMap<TreePath, (&Environment, &Service)> = BTreeMap::new();
    for manifests in environments {
        let environment = manifests.environment;
        for service in manifests.deliveries.iter().flat_map(|it| &it.services) {
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

/// Adds a delivery with the ApplicationSets of an environment's services. Errors: `duplicate-service`, `two-repositories`.
pub(super) fn add_sets(
    argo: &Settings,
    manifests: &mut EnvironmentManifests<'_>,
    workspace: &WorkspaceConfig,
    diagnostics: &mut Diagnostics,
) {
    let environment = manifests.environment;
    check_names(manifests, diagnostics);
    let files = service_sets(argo, &manifests.deliveries, diagnostics)
        .iter()
        .map(|set| ManifestFile {
            name: application_sets::file(set).into(),
            object: Object::new(application_sets::application_set(set, argo, workspace)),
        })
        .collect();
    let title = format!("Environment/{}", environment.name);
    let span = environment.span.clone();
    // No claim can have this name, because names of claims have no upper-case letters.
    manifests.deliveries.push(Delivery {
        files,
        shared_folder: Some(TreePath::root().child(SETS)),
        ..Delivery::synthetic("ApplicationSets", title, Group::Apps, span)
    });
}

/// The ApplicationSets of all services, sorted by cluster type, environment and tier.
fn service_sets<'a>(
    argo: &Settings,
    deliveries: &'a [Delivery],
    diagnostics: &mut Diagnostics,
) -> Vec<ServiceSet<'a>> {
    let mut groups: BTreeMap<(&str, &str, Tier), Vec<&Service>> = BTreeMap::new();
    for service in deliveries.iter().flat_map(|it| &it.services) {
        let key = (&*service.cluster_type, &*service.environment, service.tier);
        groups.entry(key).or_default().push(service);
    }
    let sets = groups.into_iter().map(|(key, mut services)| {
        services.sort_by(|a, b| a.name.cmp(&b.name));
        let repository = repository(argo, &services, diagnostics);
        let (cluster_type, environment, tier) = key;
        ServiceSet {
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
    let repository_of = |it: &Service| it.repository.clone().unwrap_or_else(|| own.clone());
    let Some(first) = services.first() else {
        return own;
    };
    let repository = repository_of(first);
    let other = services.iter().find(|it| repository_of(it) != repository);
    if let Some(other) = other {
        let other_repository = repository_of(other);
        let message = format!(
            "the values of `{}` are in `{}` at `{}`, those of `{}` in `{}` at `{}`, but one ApplicationSet reads both",
            first.name,
            repository.url,
            repository.branch,
            other.name,
            other_repository.url,
            other_repository.branch
        );
        let fault = Diagnostic::error("two-repositories", message).at(&other.span);
        let fault = fault.related(&first.span, "the other service");
        diagnostics
            .push(fault.help("set `giteaURL` and `organization` in the BootstrapClaim only"));
    }
    repository
}

/// Reports services with the same Application name, which is `<service>-<environment>`, and those with the Application name of a
/// claim. Errors: `duplicate-service`.
fn check_names(manifests: &EnvironmentManifests<'_>, diagnostics: &mut Diagnostics) {
    let mut names: BTreeMap<String, &Span> = BTreeMap::new();
    let claims = manifests
        .deliveries
        .iter()
        .filter(|it| !it.has_no_objects());
    for claim in claims {
        names.insert(
            application_name(manifests.environment, &claim.name),
            &claim.span,
        );
    }
    for service in manifests.deliveries.iter().flat_map(|it| &it.services) {
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

/// Writes the files of each service of a claim: its values and, for the generator of an ApplicationSet, its chart.
pub(super) fn write(rendered: &mut RenderedTree, delivery: &Delivery) {
    for service in &delivery.services {
        let folder = values_folder(&service.cluster_type, &service.environment, service.tier);
        let location = folder.child(&service.name);
        if service.tier == Tier::Apps {
            let mut config = application_sets::parameters(service);
            if let Some(annotations) = &service.annotations {
                config.insert("annotations", annotations.clone());
            }
            rendered.insert_data(
                location.child("config.yaml"),
                delivery,
                Node::mapping(config),
            );
        }
        rendered.insert_data(
            location.child("values.yaml"),
            delivery,
            service.values.clone(),
        );
    }
}

/// The folders and ApplicationSets of all tiers that the environment has services in. They belong to the environment even if some of
/// their files are not rendered.
pub(super) fn shared_paths(deliveries: &[Delivery]) -> impl Iterator<Item = TreePath> {
    deliveries
        .iter()
        .flat_map(|it| &it.services)
        .flat_map(|it| {
            let parts = (&*it.cluster_type, &*it.environment, it.tier);
            [values_folder, set_file].map(|path| path(parts.0, parts.1, parts.2))
        })
}
