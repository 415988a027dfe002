//! The Applications of each claim, and the root Application that creates them (argoproj.io/v1alpha1).
//!
//! An Application cannot depend on another one, so the sync waves of the root Application define their order. A wave begins when
//! the objects of the previous one are healthy.

use super::lowering::{
    SERVER_SIDE_APPLY, automated, finalizers, object, server_side_diff, spec, sync_policy,
};
use super::names::application_name;
use super::project;
use super::settings::{OWN_CLUSTER, Settings};
use super::waves::{WAVE, waves};
use crate::compose::common::apply_common_metadata;
use crate::compose::folder::check_merge_key;
use crate::compose::{
    self, Expected, Form, Order, Overlaid, RenderedTree, object_text, path_in_repository,
};
use crate::delivery::Delivery;
use crate::diag::Diagnostics;
use crate::layout::cluster_folder;
use crate::load::{Environment, WorkspaceConfig};
use crate::object::Object;
use crate::render::plain_name;
use crate::tree::TreePath;
use crate::yaml::{Mapping, Node, map};

/// The file with the root Application, the only file of the folder that is applied with kubectl.
const ROOT: &str = "root.yaml";

/// The inputs that all files of a cluster have in common.
pub(super) struct Cluster<'a> {
    pub(super) settings: &'a Settings,
    pub(super) workspace: &'a WorkspaceConfig,
    pub(super) overlaid: &'a Overlaid<'a>,
}

impl Cluster<'_> {
    /// Writes `<claim>/<application>.yaml`, `project.yaml` and `root.yaml`.
    pub(super) fn write(
        &self,
        rendered: &mut RenderedTree,
        order: &Order,
        diagnostics: &mut Diagnostics,
    ) {
        let (overlaid, environment) = (self.overlaid, self.overlaid.environment);
        let waves = waves(&overlaid.deliveries, order);
        let mut all = Vec::new();
        let is_claim = |it: &&Delivery| !it.is_empty() && it.shared_folder.is_none();
        for delivery in overlaid.deliveries.iter().filter(is_claim) {
            let wave = waves.get(&*delivery.name).copied().unwrap_or(0);
            let objects = self.applications(delivery, wave, diagnostics);
            let path = cluster_folder(&environment.name).child(&delivery.name);
            let names = objects.iter().map(|it| short_name(it, environment));
            for (object, name) in objects.iter().zip(names) {
                check_merge_key(object, delivery, diagnostics);
                let file = path.child(&format!("{name}.yaml"));
                rendered.insert_file(file, delivery, object_text(&object.node));
            }
            all.extend(objects.iter().cloned());
            let expected = Expected::new(delivery, path, objects, Form::Flat);
            rendered.expected.push(expected);
        }
        all.extend(generated_applications(overlaid));
        let project = project::project(self.settings, overlaid, &all);
        for (file, object) in [("project.yaml", project), (ROOT, self.root())] {
            rendered.insert_cluster_file(environment, file, object_text(&object));
        }
    }

    /// The Applications of a claim: prerequisites, then the claim's folder, then its charts. Each step has its own wave.
    fn applications(
        &self,
        delivery: &Delivery,
        mut wave: usize,
        diagnostics: &mut Diagnostics,
    ) -> Vec<Object> {
        let overlaid = self.overlaid;
        let charts = delivery.releases.iter().map(|it| it.object.clone());
        let charts = apply_common_metadata(charts.collect(), &overlaid.common, diagnostics);
        let folder = (!delivery.files.is_empty()).then(|| self.folder_application(delivery));
        let steps = [
            delivery.prerequisites.clone(),
            folder.into_iter().collect(),
            charts,
        ];
        let mut applications = Vec::new();
        for objects in steps.into_iter().filter(|it| !it.is_empty()) {
            let text = Node::string(wave.to_string());
            let conditions = overlaid.deliveries.iter().flat_map(Delivery::conditions);
            let text = self.workspace.composed_of(text, conditions);
            let objects = objects.into_iter();
            applications.extend(
                objects.map(|it| with_name_and_wave(it, overlaid.environment, text.clone())),
            );
            wave += 1;
        }
        applications
    }

    /// The Application that applies a claim's folder.
    fn folder_application(&self, delivery: &Delivery) -> Object {
        let path = compose::folder::path(delivery, self.overlaid.environment);
        let options = [SERVER_SIDE_APPLY, "SkipDryRunOnMissingResource=true"];
        let policy = sync_policy(Some(automated(true, true)), &options, None);
        let (source, namespace) = (self.source(&path), main_namespace(delivery));
        let spec = spec(self.settings, source, Some(namespace), policy);
        let name = Node::string(delivery.name.as_str());
        let mut node = object(self.settings, "Application", name, spec);
        if let Some(metadata) = node.get_mut("metadata").and_then(Node::as_mapping_mut) {
            metadata.insert("annotations", server_side_diff());
            metadata.insert("finalizers", finalizers());
        }
        Object::new(node)
    }

    /// The `source` of an Application for a folder of the tree.
    fn source(&self, folder: &TreePath) -> Mapping {
        let settings = self.settings;
        map! {
            "repoURL": settings.node(&settings.url, &["source", "url"]),
            "targetRevision": settings.node(&settings.revision, &["source", "revision"]),
            "path": path_in_repository(self.workspace, folder),
        }
    }

    /// The Application that creates the others. It does not contain itself, because it would wait for itself. It has no finalizer,
    /// because deleting it would delete everything on the cluster.
    fn root(&self) -> Node {
        let (settings, environment) = (self.settings, self.overlaid.environment);
        let mut source = self.source(&cluster_folder(&environment.name));
        source.insert("directory", map! {"recurse": true, "exclude": ROOT});
        let spec = map! {
            "project": settings.root_project.as_str(),
            "source": source,
            "destination": {"server": OWN_CLUSTER, "namespace": settings.namespace.as_str()},
            "syncPolicy": sync_policy(Some(automated(true, true)), &[SERVER_SIDE_APPLY], None),
        };
        let name = Node::string(environment.name.as_str());
        let mut node = object(settings, "Application", name, spec);
        if let Some(metadata) = node.get_mut("metadata").and_then(Node::as_mapping_mut) {
            metadata.insert("annotations", server_side_diff());
        }
        node
    }
}

/// The templates of Applications in ApplicationSets.
fn generated_applications(overlaid: &Overlaid<'_>) -> impl Iterator<Item = Object> {
    let placed = overlaid
        .deliveries
        .iter()
        .filter(|it| it.shared_folder.is_some());
    let objects = placed.flat_map(|it| &it.files).map(|it| &it.object);
    let sets = objects.filter(|it| it.kind() == "ApplicationSet");
    sets.filter_map(|it| Some(Object::new(it.node.at_keys(&["spec", "template"])?.clone())))
}

/// A namespace that the claim uses. Argo CD requires a destination namespace that the project permits, although all objects have
/// their own namespace.
fn main_namespace(delivery: &Delivery) -> Node {
    let objects = || delivery.files.iter().map(|it| &it.object);
    let used = objects().map(Object::namespace).find(|it| !it.is_empty());
    let created = || {
        objects()
            .find(|it| it.kind() == "Namespace")
            .map(Object::name)
    };
    Node::string(used.or_else(created).unwrap_or("default"))
}

/// Sets the full name and the sync wave of an Application.
fn with_name_and_wave(mut object: Object, environment: &Environment, wave: Node) -> Object {
    let name = application_name(environment, object.name());
    let metadata = object.node.get_mut("metadata");
    if let Some(metadata) = metadata.and_then(Node::as_mapping_mut) {
        metadata.insert("name", name);
        let none = || Node::mapping(Mapping::new());
        let annotations = metadata.get_or_insert_with("annotations", none);
        if let Some(annotations) = annotations.as_mapping_mut() {
            annotations.insert(WAVE, wave);
        }
    }
    object
}

/// The file name of an Application: its name without the environment, which is the name of the folder.
fn short_name(object: &Object, environment: &Environment) -> String {
    let suffix = application_name(environment, "");
    let name = object.name();
    plain_name(name.strip_suffix(&*suffix).unwrap_or(name))
}
