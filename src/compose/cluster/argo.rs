//! The Applications of each claim, and the root Application that brings them all (argoproj.io/v1alpha1).
//!
//! An Application names none that it waits for; the waves of the root Application are the order. A wave begins when the one
//! before is healthy.

use super::waves::{WAVE, waves};
use super::{Order, members, project, put};
use crate::compose::{Composition, Laid, folder, form, overlay};
use crate::delivery::Delivery;
use crate::delivery::argo::{API_VERSION, automated, destination, finalizers, sync_policy};
use crate::diag::Diagnostics;
use crate::load::{Environment, Group, OWN_CLUSTER, Workspace};
use crate::object::Object;
use crate::tree::TreePath;
use crate::yaml::{Mapping, Node};

/// The one file of the folder that is applied by hand.
const ROOT: &str = "root.yaml";
pub(super) fn write(
    composition: &mut Composition,
    workspace: &Workspace,
    laid: &Laid<'_>,
    order: &Order,
    diagnostics: &mut Diagnostics,
) {
    let environment = laid.environment;
    let waves = waves(&laid.deliveries, order);
    let mut all = Vec::new();
    for group in [Group::Infrastructure, Group::Apps] {
        let mut applications = Vec::new();
        for delivery in members(&laid.deliveries, group) {
            let wave = waves.get(&*delivery.name).copied().unwrap_or(0);
            applications.extend(of_claim(workspace, laid, delivery, wave, diagnostics));
        }
        if applications.is_empty() {
            continue;
        }
        applications.sort_by(|a, b| a.name().cmp(b.name()));
        let documents: Vec<String> = applications
            .iter()
            .map(|it| form::object(&it.node))
            .collect();
        let file = format!("{}.yaml", group.folder());
        put(composition, environment, &file, documents.join("---\n"));
        all.extend(applications);
    }
    let project = project::project(laid, &all);
    put(
        composition,
        environment,
        "project.yaml",
        form::object(&project),
    );
    let root = root(workspace, environment);
    put(composition, environment, ROOT, form::object(&root));
}

/// A claim's Applications: what comes first, then the claim's folder, then its charts.
fn of_claim(
    workspace: &Workspace,
    laid: &Laid<'_>,
    delivery: &Delivery,
    mut wave: usize,
    diagnostics: &mut Diagnostics,
) -> Vec<Object> {
    let environment = laid.environment;
    let mut applications = Vec::new();
    let mut step = |objects: Vec<Object>| {
        let is_step = !objects.is_empty();
        let finished = objects.into_iter().map(|it| finish(it, environment, wave));
        applications.extend(finished);
        wave += usize::from(is_step);
    };
    step(delivery.first.clone());
    if !delivery.files.is_empty() {
        step(vec![of_folder(workspace, environment, delivery)]);
    }
    let charts = delivery.releases.iter().map(|it| it.object.clone());
    step(overlay::with_common(
        charts.collect(),
        &laid.common,
        diagnostics,
    ));
    applications
}

/// The Application of a claim's folder.
fn of_folder(workspace: &Workspace, environment: &Environment, delivery: &Delivery) -> Object {
    let argo = &environment.argo;
    let path = folder::path(delivery, environment);
    let options = ["ServerSideApply=true", "SkipDryRunOnMissingResource=true"];
    let policy = sync_policy(Some(automated(true, true)), &options, None);
    let spec = Mapping::from([
        ("project", Node::string(argo.project.as_str())),
        (
            "source",
            Node::mapping(source(workspace, environment, &path)),
        ),
        (
            "destination",
            Node::mapping(destination(argo, Some(main_namespace(delivery)))),
        ),
        ("syncPolicy", Node::mapping(policy)),
    ]);
    let mut metadata = metadata(environment, &delivery.name);
    metadata.insert("finalizers", finalizers());
    object("Application", metadata, spec)
}

/// A namespace that the claim uses: Argo CD wants one that the project permits, though each object names its own.
fn main_namespace(delivery: &Delivery) -> Node {
    let objects = || delivery.files.iter().map(|it| &it.object);
    let used = objects().map(Object::namespace).find(|it| !it.is_empty());
    let made = || {
        objects()
            .find(|it| it.kind() == "Namespace")
            .map(Object::name)
    };
    Node::string(used.or_else(made).unwrap_or("default"))
}

/// A folder of the tree, as a source.
fn source(workspace: &Workspace, environment: &Environment, folder: &TreePath) -> Mapping {
    let above = workspace.sync_path.trim_start_matches("./");
    let path = match above {
        "" | "." => folder.to_string(),
        above => format!("{above}/{folder}"),
    };
    Mapping::from([
        ("repoURL", Node::string(environment.argo.url.as_str())),
        (
            "targetRevision",
            Node::string(environment.argo.revision.as_str()),
        ),
        ("path", Node::string(path)),
    ])
}

/// Gives an Application its full name and its wave.
fn finish(mut object: Object, environment: &Environment, wave: usize) -> Object {
    let name = environment.application(object.name());
    if let Some(metadata) = object
        .node
        .get_mut("metadata")
        .and_then(Node::as_mapping_mut)
    {
        metadata.insert("name", name);
        let annotations =
            metadata.get_or_insert_with("annotations", || Node::mapping(Mapping::new()));
        if let Some(annotations) = annotations.as_mapping_mut() {
            annotations.insert(WAVE, wave.to_string());
        }
    }
    object
}

/// The Application that brings the others. It is not among them, for it would wait for itself; and without a finalizer, for
/// its deletion would take the whole cluster down.
fn root(workspace: &Workspace, environment: &Environment) -> Node {
    let folder = TreePath::root().child("clusters").child(&environment.name);
    let mut source = source(workspace, environment, &folder);
    source.insert(
        "directory",
        Mapping::from([("exclude", Node::constant(ROOT))]),
    );
    let destination = Mapping::from([
        ("server", Node::constant(OWN_CLUSTER)),
        (
            "namespace",
            Node::string(environment.argo.namespace.as_str()),
        ),
    ]);
    let policy = sync_policy(Some(automated(true, true)), &["ServerSideApply=true"], None);
    let spec = Mapping::from([
        (
            "project",
            Node::string(environment.argo.root_project.as_str()),
        ),
        ("source", Node::mapping(source)),
        ("destination", Node::mapping(destination)),
        ("syncPolicy", Node::mapping(policy)),
    ]);
    object(
        "Application",
        metadata(environment, &environment.name),
        spec,
    )
    .node
}

/// A name in Argo CD's namespace.
pub(super) fn metadata(environment: &Environment, name: &str) -> Mapping {
    Mapping::from([
        ("name", Node::string(name)),
        (
            "namespace",
            Node::string(environment.argo.namespace.as_str()),
        ),
    ])
}

/// An object of Argo CD's.
pub(super) fn object(kind: &'static str, metadata: Mapping, spec: Mapping) -> Object {
    Object::new(Node::mapping(Mapping::from([
        ("apiVersion", Node::constant(API_VERSION)),
        ("kind", Node::constant(kind)),
        ("metadata", Node::mapping(metadata)),
        ("spec", Node::mapping(spec)),
    ])))
}
