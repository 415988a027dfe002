//! `clusters/<env>/`: the Applications of each claim, the AppProject that permits what they use, and the Application that
//! brings them all (argoproj.io/v1alpha1).
//!
//! An Application is no place for order: waves of the root Application are. A wave begins when the one before is healthy.

use std::collections::{BTreeMap, BTreeSet};

use super::{Order, members, put};
use crate::compose::{Composition, Laid, folder, form, in_repository, overlay};
use crate::delivery::Delivery;
use crate::delivery::argo::{API_VERSION, automated, destination, finalizers, sync_policy};
use crate::diag::Diagnostics;
use crate::load::{Environment, Group, Workspace};
use crate::object::Object;
use crate::schema::Schemas;
use crate::tree::TreePath;
use crate::yaml::{Mapping, Node};

const WAVE: &str = "argocd.argoproj.io/sync-wave";
/// The one file of the folder that is applied by hand.
const ROOT: &str = "root.yaml";
/// Argo CD's own cluster, where Applications are.
const OWN_CLUSTER: &str = "https://kubernetes.default.svc";
/// What charts of operators bring, as group and kind.
const USUAL: [(&str, &str); 6] = [
    (
        "admissionregistration.k8s.io",
        "MutatingWebhookConfiguration",
    ),
    (
        "admissionregistration.k8s.io",
        "ValidatingWebhookConfiguration",
    ),
    ("apiextensions.k8s.io", "CustomResourceDefinition"),
    ("rbac.authorization.k8s.io", "ClusterRole"),
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"),
    ("scheduling.k8s.io", "PriorityClass"),
];

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
    all.extend(of_sets(laid));
    let project = project(laid, &all);
    put(
        composition,
        environment,
        "project.yaml",
        form::object(&project),
    );
    let root = root(workspace, environment);
    put(composition, environment, ROOT, form::object(&root));
}

/// For each claim the wave that it begins with. Claims that wait for each other in a circle have been told, and get none.
fn waves<'a>(deliveries: &'a [Delivery], order: &'a Order) -> BTreeMap<&'a str, usize> {
    let length = |it: &Delivery| {
        let steps = [
            it.first.is_empty(),
            it.files.is_empty(),
            it.releases.is_empty(),
        ];
        steps.into_iter().filter(|is_empty| !is_empty).count()
    };
    let lengths: BTreeMap<&str, usize> = deliveries
        .iter()
        .map(|it| (&*it.name, length(it)))
        .collect();
    let mut waiting: BTreeMap<&str, usize> = BTreeMap::new();
    let mut next: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, first) in order {
        waiting.insert(name, first.len());
        for other in first {
            next.entry(other).or_default().push(name);
        }
    }
    let mut ready: Vec<&str> = order.keys().map(String::as_str).collect();
    ready.retain(|it| waiting.get(it) == Some(&0));
    let mut waves: BTreeMap<&str, usize> = ready.iter().map(|it| (*it, 0)).collect();
    while let Some(name) = ready.pop() {
        let end = waves.get(name).unwrap_or(&0) + lengths.get(name).unwrap_or(&0);
        for other in next.get(name).into_iter().flatten() {
            let wave = waves.entry(other).or_default();
            *wave = end.max(*wave);
            if let Some(count) = waiting.get_mut(other) {
                *count -= 1;
                if *count == 0 {
                    ready.push(other);
                }
            }
        }
    }
    waves
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

/// The Applications that ApplicationSets make, as far as they are known.
fn of_sets(laid: &Laid<'_>) -> impl Iterator<Item = Object> {
    let placed = laid.deliveries.iter().filter(|it| it.place.is_some());
    let objects = placed.flat_map(|it| &it.files).map(|it| &it.object);
    let sets = objects.filter(|it| it.kind() == "ApplicationSet");
    sets.filter_map(|it| Some(Object::new(it.node.at_keys(&["spec", "template"])?.clone())))
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
    let path = in_repository(workspace, folder);
    Mapping::from([
        ("repoURL", Node::string(environment.argo.url.as_str())),
        (
            "targetRevision",
            Node::string(environment.argo.revision.as_str()),
        ),
        ("path", Node::string(path)),
    ])
}

/// Gives an Application its place: the environment in its name, since many clusters can share one Argo CD, and its wave.
fn finish(mut object: Object, environment: &Environment, wave: usize) -> Object {
    let name = format!("{}-{}", object.name(), environment.name);
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

/// The AppProject: the sources, destinations and cluster-scoped kinds that the Applications use, and no more.
fn project(laid: &Laid<'_>, applications: &[Object]) -> Node {
    let argo = &laid.environment.argo;
    let namespaces = namespaces(laid, applications);
    let destinations = namespaces.iter().map(|it| {
        let namespace = Node::string(it.as_str());
        Node::mapping(destination(argo, Some(namespace)))
    });
    let kinds = cluster_kinds(laid).into_iter().map(|(group, kind)| {
        let kind = [("group", Node::string(group)), ("kind", Node::string(kind))];
        Node::mapping(Mapping::from(kind))
    });
    let sources = sources(argo.url.as_str(), applications);
    let description = format!(
        "What the claims of environment {} use.",
        laid.environment.name
    );
    let spec = Mapping::from([
        ("description", Node::string(description)),
        (
            "sourceRepos",
            Node::sequence(sources.into_iter().map(Node::string)),
        ),
        ("destinations", Node::sequence(destinations)),
        ("clusterResourceWhitelist", Node::sequence(kinds)),
    ]);
    let mut metadata = metadata(laid.environment, &argo.project);
    metadata.insert("annotations", Mapping::from([(WAVE, Node::string("-1"))]));
    object("AppProject", metadata, spec).node
}

fn sources<'a>(own: &'a str, applications: &'a [Object]) -> BTreeSet<&'a str> {
    let spec = applications.iter().filter_map(|it| it.node.get("spec"));
    let sources = spec.flat_map(|it| {
        let several = it.get("sources").and_then(Node::as_sequence);
        it.get("source")
            .into_iter()
            .chain(several.unwrap_or_default())
    });
    let addresses = sources.filter_map(|it| it.get("repoURL")?.as_str());
    addresses.chain([own]).collect()
}

fn namespaces(laid: &Laid<'_>, applications: &[Object]) -> BTreeSet<String> {
    let claims = laid.deliveries.iter().filter(|it| it.place.is_none());
    let files = claims.flat_map(|it| &it.files);
    let used = files.map(|it| match it.object.kind() {
        "Namespace" => it.object.name(),
        _ => it.object.namespace(),
    });
    let targets = applications.iter().filter_map(|it| {
        let namespace = it.node.at_keys(&["spec", "destination", "namespace"]);
        namespace?.as_str()
    });
    let more = laid.environment.argo.namespaces.iter().map(String::as_str);
    let all = used.chain(targets).chain(more).filter(|it| !it.is_empty());
    all.map(str::to_string).collect()
}

/// Group and kind of what has no namespace. What a chart brings is not known before it is rendered.
fn cluster_kinds(laid: &Laid<'_>) -> BTreeSet<(String, String)> {
    let mut kinds = BTreeSet::new();
    for delivery in laid.deliveries.iter().filter(|it| it.place.is_none()) {
        if !delivery.services.is_empty() {
            // `CreateNamespace=true` makes it.
            kinds.insert((String::new(), "Namespace".to_string()));
        }
        for object in delivery.files.iter().map(|it| &it.object) {
            let gvk = object.gvk();
            let by_kind = Schemas::builtin().is_cluster_scoped(&gvk);
            if by_kind.unwrap_or(object.namespace().is_empty()) {
                kinds.insert((gvk.group.into_string(), gvk.kind.into_string()));
            }
        }
        if !delivery.releases.is_empty() || !delivery.first.is_empty() {
            let usual = USUAL.map(|(group, kind)| (group.to_string(), kind.to_string()));
            let given = laid.environment.argo.cluster_resources.clone();
            kinds.extend(given.unwrap_or_else(|| usual.to_vec()));
        }
    }
    kinds
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

fn metadata(environment: &Environment, name: &str) -> Mapping {
    Mapping::from([
        ("name", Node::string(name)),
        (
            "namespace",
            Node::string(environment.argo.namespace.as_str()),
        ),
    ])
}

fn object(kind: &'static str, metadata: Mapping, spec: Mapping) -> Object {
    Object::new(Node::mapping(Mapping::from([
        ("apiVersion", Node::constant(API_VERSION)),
        ("kind", Node::constant(kind)),
        ("metadata", Node::mapping(metadata)),
        ("spec", Node::mapping(spec)),
    ])))
}
