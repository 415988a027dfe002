//! ApplicationSets for services (argoproj.io/v1alpha1).
//!
//! They use Go templates with an error for missing parameters. The first source is the chart, whose repository Argo CD expects
//! without `oci://`; the second is the Git repository with the values. Argo CD only replaces `$values` at the beginning of a path.

use std::collections::BTreeSet;

use super::lowering::{automated, destination, finalizers, object, sync_policy};
use super::settings::Settings;
use crate::compose::path_in_repository;
use crate::delivery::{GitSource, Service};
use crate::layout::{SETS, Tier, set_file, values_folder};
use crate::load::WorkspaceConfig;
use crate::tree::TreePath;
use crate::yaml::{Mapping, Node, map, node};

/// The prefix of the labels that InfraForge uses.
const LABELS: &str = "platform.infraforge.io";

/// An ApplicationSet and its services.
pub(super) struct ServiceSet<'a> {
    pub(super) cluster_type: &'a str,
    pub(super) environment: &'a str,
    pub(super) tier: Tier,
    pub(super) services: Vec<&'a Service>,
    /// The repository with the values.
    pub(super) repository: GitSource,
}

impl ServiceSet<'_> {
    /// The folder with the values of the services.
    pub(super) fn folder(&self) -> TreePath {
        values_folder(self.cluster_type, self.environment, self.tier)
    }
}

/// The path of the ApplicationSet below the folder of all ApplicationSets.
pub(super) fn file(set: &ServiceSet<'_>) -> String {
    let path = set_file(set.cluster_type, set.environment, set.tier);
    let below = path.below(&TreePath::root().child(SETS));
    below.unwrap_or(path).to_string()
}

/// The parameters of a service for the template of the ApplicationSet.
pub(super) fn parameters(service: &Service) -> Mapping {
    map! {
        "name": service.name.as_str(),
        "repository": service.charts.as_str(),
        "chart": service.chart.as_str(),
        "version": service.version.as_str(),
    }
}

pub(super) fn application_set(
    set: &ServiceSet<'_>,
    argo: &Settings,
    workspace: &WorkspaceConfig,
) -> Node {
    let spec = map! {
        "goTemplate": true,
        "goTemplateOptions": ["missingkey=error"],
        "generators": [generator(set, workspace)],
        "template": template(set, argo, workspace),
    };
    let name = format!("{}-{}", set.environment, set.tier.name());
    let mut object = object(argo, "ApplicationSet", Node::string(name), spec);
    if let Some(metadata) = object.get_mut("metadata").and_then(Node::as_mapping_mut) {
        metadata.insert("labels", set_labels(set));
    }
    object
}

fn set_labels(set: &ServiceSet<'_>) -> Mapping {
    let mut labels = Mapping::new();
    labels.insert(format!("{LABELS}/environment"), set.environment);
    labels.insert(format!("{LABELS}/cluster"), set.cluster_type);
    if set.tier == Tier::Platform {
        labels.insert(format!("{LABELS}/type"), set.tier.name());
    }
    labels
}

/// Apps are found by their files in Git, so that a new app does not change the ApplicationSet. Services of the platform are listed.
fn generator(set: &ServiceSet<'_>, workspace: &WorkspaceConfig) -> Node {
    match set.tier {
        Tier::Apps => {
            let path = path_in_repository(workspace, &set.folder().child("*").child("config.yaml"));
            node!({
                "git": {
                    "repoURL": set.repository.url.as_str(),
                    "revision": set.repository.branch.as_str(),
                    "files": [{"path": path}],
                },
            })
        }
        Tier::Platform => {
            let elements = set.services.iter().map(|it| Node::mapping(parameters(it)));
            node!({"list": {"elements": Node::sequence(elements)}})
        }
    }
}

fn template(set: &ServiceSet<'_>, argo: &Settings, workspace: &WorkspaceConfig) -> Node {
    let folder = path_in_repository(workspace, &set.folder());
    let namespaces: BTreeSet<&str> = set.services.iter().map(|it| &*it.namespace).collect();
    let namespace = namespaces.first().copied().unwrap_or(set.environment);
    let chart = map! {
        "repoURL": chart_repository(set),
        "chart": "{{ .chart }}",
        "targetRevision": "{{ .version }}",
        "helm": {
            "releaseName": "{{ .name }}",
            "valueFiles": [format!("$values/{folder}/{{{{ .name }}}}/values.yaml")],
        },
    };
    let values = map! {
        "repoURL": set.repository.url.as_str(),
        "targetRevision": set.repository.branch.as_str(),
        "ref": "values",
    };
    // Without it, the first sync would fail if the CRDs of an operator are not installed yet.
    let options: &[&'static str] = match set.tier {
        Tier::Apps => &["CreateNamespace=true"],
        Tier::Platform => &["CreateNamespace=true", "SkipDryRunOnMissingResource=true"],
    };
    node!({
        "metadata": template_metadata(set),
        "spec": {
            "project": argo.project.as_str(),
            "sources": [chart, values],
            "destination": destination(argo, Some(Node::string(namespace))),
            "syncPolicy": sync_policy(Some(automated(true, true)), options, None),
        },
    })
}

/// The repository of all charts or, if there are several, the parameter with the repository of each service.
fn chart_repository(set: &ServiceSet<'_>) -> String {
    let addresses: BTreeSet<&str> = set.services.iter().map(|it| &*it.charts).collect();
    let mut addresses = addresses.into_iter();
    match (addresses.next(), addresses.next()) {
        (Some(one), None) => one.to_string(),
        _ => "{{ .repository }}".to_string(),
    }
}

fn template_metadata(set: &ServiceSet<'_>) -> Mapping {
    let mut labels = Mapping::new();
    let name_label = match set.tier {
        Tier::Apps => "app",
        Tier::Platform => "service",
    };
    labels.insert(format!("{LABELS}/{name_label}"), "{{ .name }}");
    labels.insert(format!("{LABELS}/env"), set.environment);
    if set.tier == Tier::Platform {
        labels.insert(format!("{LABELS}/type"), set.tier.name());
    }
    map! {
        "name": format!("{{{{ .name }}}}-{}", set.environment),
        "labels": labels,
        "finalizers": finalizers(),
    }
}
