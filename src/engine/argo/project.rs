//! The AppProject of an environment (argoproj.io/v1alpha1).

use std::collections::BTreeSet;

use super::lowering::{destination, object};
use super::settings::Settings;
use super::waves::WAVE;
use crate::compose::Overlaid;
use crate::object::Object;
use crate::schema::Schemas;
use crate::yaml::{Node, map, node};

/// The AppProject permits the sources that the Applications use, all namespaces of their cluster, and cluster-scoped kinds.
///
/// Namespaces and kinds must not be removed together with a claim: the project is synced in the first wave, before the Application
/// of a removed claim is pruned, and Argo CD's finalizer only deletes objects that the project still permits. Other objects would
/// keep running, unmanaged. Sources may be removed, because a deletion does not read them.
pub(super) fn project(argo: &Settings, overlaid: &Overlaid<'_>, applications: &[Object]) -> Node {
    let all_namespaces = destination(argo, Some(Node::constant("*")));
    let kinds = cluster_kinds(argo, overlaid)
        .into_iter()
        .map(|(group, kind)| node!({"group": group, "kind": kind}));
    let sources = sources(applications);
    let description = format!(
        "The claims of environment {}: their sources, and their whole cluster.",
        overlaid.environment.name
    );
    let spec = map! {
        "description": description,
        "sourceRepos": Node::sequence(sources.into_iter().map(Node::string)),
        "destinations": [all_namespaces],
        "clusterResourceWhitelist": Node::sequence(kinds),
    };
    let name = Node::string(argo.project.as_str());
    let mut node = object(argo, "AppProject", name, spec);
    if let Some(metadata) = node.get_mut("metadata").and_then(Node::as_mapping_mut) {
        metadata.insert("annotations", map! {WAVE: "-1"});
    }
    node
}

fn sources(applications: &[Object]) -> BTreeSet<&str> {
    let specs = applications.iter().filter_map(|it| it.node.get("spec"));
    let sources = specs.flat_map(|it| {
        let sources = it.get("sources").and_then(Node::as_sequence);
        it.get("source")
            .into_iter()
            .chain(sources.unwrap_or_default())
    });
    let addresses = sources.filter_map(|it| it.get("repoURL")?.as_str());
    addresses.collect()
}

/// Group and kind of the permitted cluster-scoped kinds: all kinds or, if the environment lists some, these and those that its
/// claims use.
fn cluster_kinds(argo: &Settings, overlaid: &Overlaid<'_>) -> BTreeSet<(String, String)> {
    let kind = |group: &str, kind: &str| (group.to_string(), kind.to_string());
    let Some(listed) = &argo.cluster_resources else {
        return BTreeSet::from([kind("*", "*")]);
    };
    let mut kinds: BTreeSet<_> = listed.iter().cloned().collect();
    kinds.insert(kind("", "Namespace"));
    let claims = overlaid
        .deliveries
        .iter()
        .filter(|it| it.shared_folder.is_none());
    for object in claims.flat_map(|it| &it.files).map(|it| &it.object) {
        let gvk = object.gvk();
        let by_kind = Schemas::builtin().is_cluster_scoped(&gvk);
        if by_kind.unwrap_or(object.namespace().is_empty()) {
            kinds.insert((gvk.group.into_string(), gvk.kind.into_string()));
        }
    }
    kinds
}
