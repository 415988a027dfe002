//! Finds the charts that rendered objects install, for checks of deployed objects.

use std::collections::BTreeMap;

use crate::check::Cluster;
use crate::compare::Origin;
use crate::compose::EnvironmentManifests;
use crate::deploy::Placement;
use crate::load::Workspace;
use crate::object::Object;
use crate::tree::{Files, TreePath};
use crate::yaml::Node;
use crate::{Options, deploy, load};

/// The Applications of charts, each with its environment. They are collected before they are written to the files of clusters, where
/// their values no longer have the locations in claims.
pub(super) fn applications(manifests: &EnvironmentManifests<'_>) -> Vec<(String, Object)> {
    let environment = manifests.environment;
    let releases = manifests.deliveries.iter().flat_map(|it| &it.releases);
    let applied = releases.map(|it| {
        let mut object = it.object.clone();
        let name = manifests.engine.release_name(environment, object.name());
        let metadata = object.node.get_mut("metadata");
        if let Some(metadata) = metadata.and_then(Node::as_mapping_mut) {
            metadata.insert("name", name);
        }
        (environment.name.clone(), object)
    });
    applied.collect()
}

/// Adds the charts that objects of claims and Applications install to the known state of clusters.
pub(crate) fn add_charts<'a>(
    clusters: &mut BTreeMap<String, Cluster>,
    origins: impl IntoIterator<Item = (&'a TreePath, &'a Origin)>,
    applications: &[(String, Object)],
    files: &dyn Files,
    workspace: &Workspace<'_>,
    options: &Options,
) {
    let mut environments: BTreeMap<String, Vec<&Object>> = BTreeMap::new();
    // Of two objects with the same identity, the first one is used.
    for (name, object) in applications {
        environments.entry(name.clone()).or_default().push(object);
    }
    for (_, origin) in origins {
        if let Some(name) = &origin.environment {
            let objects = environments.entry(name.clone()).or_default();
            objects.extend(&origin.objects);
        }
    }
    // An invalid lock has already been reported.
    let config = &workspace.config;
    let Ok(charts) = load::rendered_charts(config, files, options.cache.clone()) else {
        return;
    };
    let placement = Placement {
        folder: options
            .path_in_repository
            .clone()
            .unwrap_or_else(TreePath::root),
        generated: Some(config.output.clone()),
    };
    let options = deploy::Options {
        charts: Some(&charts),
        urls: config.sync_url.iter().cloned().collect(),
        placement,
        ..deploy::Options::default()
    };
    for (name, inputs) in deploy::chart_inputs(environments, files, &options) {
        if let Some(cluster) = clusters.get_mut(&name) {
            cluster.inputs = inputs;
        }
    }
}
