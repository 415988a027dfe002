//! ApplicationSets (argoproj.io/v1alpha1).
//!
//! They use Go templates with an error for missing parameters. The chart is from an OCI registry, which Argo CD writes without
//! `oci://`; the values come from Git as a second source. Argo CD only replaces `$values` at the beginning of a path.

use std::collections::BTreeSet;

use super::lowering::{automated, destination, finalizers, object, sync_policy};
use crate::compose::{in_repository, texts};
use crate::delivery::{GitSource, Service};
use crate::layout::{SETS, Tier, set_file, values_folder};
use crate::load::{Environment, WorkspaceConfig};
use crate::tree::TreePath;
use crate::yaml::{Mapping, Node};

const LABELS: &str = "platform.infraforge.io";

/// Services of one ApplicationSet.
pub(super) struct Set<'a> {
    pub(super) cluster_type: &'a str,
    pub(super) environment: &'a str,
    pub(super) tier: Tier,
    pub(super) services: Vec<&'a Service>,
    /// The repository of the tree.
    pub(super) repository: GitSource,
}

impl Set<'_> {
    /// The folder of the services' values.
    pub(super) fn folder(&self) -> TreePath {
        values_folder(self.cluster_type, self.environment, self.tier)
    }
}

/// The set's file, below the folder of all sets.
pub(super) fn file(set: &Set<'_>) -> String {
    let path = set_file(set.cluster_type, set.environment, set.tier);
    let below = path.below(&TreePath::root().child(SETS));
    below.unwrap_or(path).to_string()
}

/// The parameters of a service.
pub(super) fn element(service: &Service) -> Mapping {
    texts([
        ("name", &service.name),
        ("repository", &service.charts),
        ("chart", &service.chart),
        ("version", &service.version),
    ])
}

pub(super) fn application_set(
    set: &Set<'_>,
    environment: &Environment,
    workspace: &WorkspaceConfig,
) -> Node {
    let spec = Mapping::from([
        ("goTemplate", Node::bool(true)),
        (
            "goTemplateOptions",
            Node::sequence([Node::constant("missingkey=error")]),
        ),
        ("generators", Node::sequence([generator(set, workspace)])),
        ("template", template(set, environment, workspace)),
    ]);
    let name = format!("{}-{}", set.environment, set.tier.name());
    let mut object = object(
        &environment.argo,
        "ApplicationSet",
        Node::string(name),
        spec,
    );
    if let Some(metadata) = object.get_mut("metadata").and_then(Node::as_mapping_mut) {
        metadata.insert("labels", set_labels(set));
    }
    object
}

fn set_labels(set: &Set<'_>) -> Mapping {
    let mut labels = Mapping::new();
    labels.insert(format!("{LABELS}/environment"), set.environment);
    labels.insert(format!("{LABELS}/cluster"), set.cluster_type);
    if set.tier == Tier::Platform {
        labels.insert(format!("{LABELS}/type"), set.tier.name());
    }
    labels
}

/// Apps are found by their files in Git, so a new one does not change the ApplicationSet. Services of the platform are listed.
fn generator(set: &Set<'_>, workspace: &WorkspaceConfig) -> Node {
    match set.tier {
        Tier::Apps => {
            let path = in_repository(workspace, &set.folder().child("*").child("config.yaml"));
            let files = Node::sequence([Node::mapping(texts([("path", &path)]))]);
            let mut git = texts([
                ("repoURL", &set.repository.url),
                ("revision", &set.repository.branch),
            ]);
            git.insert("files", files);
            Node::mapping([("git", Node::mapping(git))])
        }
        Tier::Platform => {
            let elements = set.services.iter().map(|it| Node::mapping(element(it)));
            let list = [("elements", Node::sequence(elements))];
            Node::mapping([("list", Node::mapping(list))])
        }
    }
}

fn template(set: &Set<'_>, environment: &Environment, workspace: &WorkspaceConfig) -> Node {
    let folder = in_repository(workspace, &set.folder());
    let namespaces: BTreeSet<&str> = set.services.iter().map(|it| &*it.namespace).collect();
    let namespace = namespaces.first().copied().unwrap_or(set.environment);
    let helm = Mapping::from([
        ("releaseName", Node::constant("{{ .name }}")),
        (
            "valueFiles",
            Node::sequence([Node::string(format!(
                "$values/{folder}/{{{{ .name }}}}/values.yaml"
            ))]),
        ),
    ]);
    let mut chart = texts([
        ("repoURL", &charts(set)),
        ("chart", "{{ .chart }}"),
        ("targetRevision", "{{ .version }}"),
    ]);
    chart.insert("helm", helm);
    let values = texts([
        ("repoURL", &set.repository.url),
        ("targetRevision", &set.repository.branch),
        ("ref", "values"),
    ]);
    // If the operator is not installed yet, the first attempt would fail at once.
    let options: &[&'static str] = match set.tier {
        Tier::Apps => &["CreateNamespace=true"],
        Tier::Platform => &["CreateNamespace=true", "SkipDryRunOnMissingResource=true"],
    };
    let destination = destination(&environment.argo, Some(Node::string(namespace)));
    let policy = sync_policy(Some(automated(true, true)), options, None);
    let spec = Mapping::from([
        ("project", Node::string(&*environment.argo.project)),
        (
            "sources",
            Node::sequence([Node::mapping(chart), Node::mapping(values)]),
        ),
        ("destination", Node::mapping(destination)),
        ("syncPolicy", Node::mapping(policy)),
    ]);
    Node::mapping([
        ("metadata", Node::mapping(template_metadata(set))),
        ("spec", Node::mapping(spec)),
    ])
}

/// The repository of all charts; if there are several, each service has its own parameter.
fn charts(set: &Set<'_>) -> String {
    let addresses: BTreeSet<&str> = set.services.iter().map(|it| &*it.charts).collect();
    let mut addresses = addresses.into_iter();
    match (addresses.next(), addresses.next()) {
        (Some(one), None) => one.to_string(),
        _ => "{{ .repository }}".to_string(),
    }
}

fn template_metadata(set: &Set<'_>) -> Mapping {
    let mut labels = Mapping::new();
    let own = match set.tier {
        Tier::Apps => "app",
        Tier::Platform => "service",
    };
    labels.insert(format!("{LABELS}/{own}"), "{{ .name }}");
    labels.insert(format!("{LABELS}/env"), set.environment);
    if set.tier == Tier::Platform {
        labels.insert(format!("{LABELS}/type"), set.tier.name());
    }
    Mapping::from([
        (
            "name",
            Node::string(format!("{{{{ .name }}}}-{}", set.environment)),
        ),
        ("labels", Node::mapping(labels)),
        ("finalizers", finalizers()),
    ])
}
