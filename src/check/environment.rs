//! Everything that an environment applies.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::lines::{Lines, first_scalar};
pub(super) use crate::compare::SyncOptions;
use crate::compare::{Origin, Origins, ValueFiles};
use crate::deploy::ChartInputs;
use crate::diag::{Source, Span};
use crate::layout::{Folder, Input, Output, environment_of};
use crate::object::{Object, ObjectId};
use crate::tree::{Tree, TreePath};
use crate::yaml::{FieldPath, Mapping, Node, Step, View, parse};

/// The objects of one environment.
#[derive(Default)]
pub struct EnvironmentObjects<'a> {
    /// All of them, in the order of their folders.
    pub(super) objects: Vec<SourcedObject<'a>>,
    /// The AppProjects of all environments: one Argo CD may serve several.
    pub(super) projects: Arc<BTreeSet<String>>,
    /// The charts that releases install, with their values.
    pub(super) inputs: ChartInputs,
    /// Namespaces that exist in the cluster by other means.
    pub(super) given_namespaces: BTreeSet<String>,
    /// `environment.yaml`, if it is known.
    pub(super) settings: Option<Node>,
    /// The folders of the tree.
    pub(super) folders: Arc<BTreeSet<TreePath>>,
    /// Whether some units could not be built, so that any object may exist.
    pub(super) is_partial: bool,
    /// Whether nothing in the repository applies these objects.
    pub(super) is_unapplied: bool,
    /// The HelmReleases and Applications whose objects are included.
    pub(super) seen: Arc<BTreeSet<ObjectId>>,
    /// The options with which Argo CD applies the objects of each folder, if known.
    pub(super) sync_options: Arc<BTreeMap<TreePath, SyncOptions>>,
}

/// An object and its origin.
pub(super) struct SourcedObject<'a> {
    pub(super) object: Cow<'a, Object>,
    /// Its folder in the tree.
    pub(super) folder: TreePath,
    origin: Option<&'a Origin>,
    /// Whether it was read from an input file.
    is_alone: bool,
    lines: &'a Lines<'a>,
}

impl<'a> SourcedObject<'a> {
    /// An object outside of an environment.
    pub(super) fn without_environment(
        object: &'a Object,
        folder: TreePath,
        lines: &'a Lines<'a>,
    ) -> SourcedObject<'a> {
        SourcedObject {
            object: Cow::Borrowed(object),
            folder,
            origin: None,
            is_alone: true,
            lines,
        }
    }
}

impl SourcedObject<'_> {
    /// The Kustomization or Application that applies the object from a folder; `None` if there is none, or if it is unknown.
    pub(super) fn unit(&self) -> Option<ObjectId> {
        self.origin
            .filter(|it| it.value_files == ValueFiles::Objects)?;
        let parts: Vec<&str> = self.folder.parts().collect();
        let [.., kind, namespace, name] = *parts else {
            return None;
        };
        let group = match kind {
            "Kustomization" => "kustomize.toolkit.fluxcd.io",
            "Application" => "argoproj.io",
            _ => return None,
        };
        Some(ObjectId {
            group: group.into(),
            kind: kind.into(),
            namespace: namespace.into(),
            name: name.into(),
        })
    }

    /// The line of the chart's template that a field comes from. Users cannot change it here.
    pub(super) fn template(&self, field: &FieldPath) -> Option<Span> {
        let origin = self
            .origin
            .filter(|it| it.value_files == ValueFiles::Values)?;
        let node = self.object.node.nearest_on_path(field);
        let file = self.object.span().path();
        let own = Some(node.span()).filter(|it| it.path() == file);
        let template = own.unwrap_or_else(|| self.object.span());
        (Some(template) != origin.claim.span.as_ref()).then(|| template.clone())
    }

    /// The line of a template of the workspace that a field comes from, if known.
    pub(super) fn own_template(&self, field: &FieldPath) -> Option<Span> {
        self.origin
            .filter(|it| it.value_files == ValueFiles::Inputs)?;
        self.lines.template(&self.folder, &self.object.id(), field)
    }

    /// Whether a location is in an input file of the object, as far as known.
    pub(super) fn is_written(&self, span: &Span) -> bool {
        match self.origin.map(|it| it.value_files) {
            Some(ValueFiles::Inputs) => {
                let folder = Folder::containing(span.path());
                folder.is_some_and(|it| it.is_of_environments() || it == Folder::Templates)
            }
            _ => !span.path().as_str().starts_with('<') && !span.path().as_str().is_empty(),
        }
    }

    /// Whether a location is in an input file, so that a fix may edit it.
    pub(super) fn is_editable(&self, span: &Span) -> bool {
        match self.is_alone {
            true => self.is_written(span),
            false => Input::is_of_environments(span.path()),
        }
    }

    /// Whether a location is the name of the claim. Values without another line are attributed to it.
    pub(super) fn is_name_of_claim(&self, span: &Span) -> bool {
        self.origin
            .is_some_and(|it| it.claim.span.as_ref() == Some(span))
    }

    /// Whether it belongs to the environment itself, not to a claim or an overlay.
    pub(super) fn is_of_environment(&self) -> bool {
        self.origin.is_none()
    }

    /// The line of a field in the input.
    pub(super) fn location(&self, field: &FieldPath) -> Option<Span> {
        let (origin, id) = (self.origin?, self.object.id());
        // A borrowed object is already the claim's own.
        let own = match &self.object {
            Cow::Borrowed(object) => Some(*object),
            Cow::Owned(_) => origin.objects.iter().find(|it| it.id() == id),
        };
        let (first, _) = first_scalar(self.object.node.nearest_on_path(field), field);
        let location = origin.location_in(own, &first);
        if location != origin.claim.span {
            return location;
        }
        let traced = own.and_then(|_| self.traced_line(origin, &id, field));
        traced.or_else(|| origin.location_in(own, &FieldPath::dotted("metadata.name")))
    }

    /// The line in the input of a value that a template computes.
    fn traced_line(&self, origin: &Origin, id: &ObjectId, field: &FieldPath) -> Option<Span> {
        let is_made = origin.value_files == ValueFiles::Inputs;
        let first = field.steps().first().filter(|_| is_made)?;
        // `kind` and `apiVersion` of an object do not depend on the claim.
        match first {
            Step::Key(key) if matches!(&**key, "kind" | "apiVersion") => None,
            _ => self.lines.line(&self.folder, id, field),
        }
    }

    /// The line of a field in the input, or else in the object itself.
    pub(super) fn line(&self, field: &FieldPath) -> Span {
        let own = || self.object.node.nearest_on_path(field).span().clone();
        self.location(field).unwrap_or_else(own)
    }
}

/// The objects of each environment: those of claims and overlays, and those of the sync engine that apply them.
pub(super) fn environment_objects<'a>(
    tree: &Tree,
    origins: &'a Origins,
    lines: &'a Lines<'a>,
) -> BTreeMap<String, EnvironmentObjects<'a>> {
    let mut environments: BTreeMap<String, EnvironmentObjects<'a>> = BTreeMap::new();
    for (folder, origin) in origins.iter() {
        let Some(name) = &origin.environment else {
            continue;
        };
        let objects = origin.objects.iter().map(|object| SourcedObject {
            object: as_written(object, origin),
            folder: folder.clone(),
            origin: Some(origin),
            is_alone: false,
            lines,
        });
        environments
            .entry(name.clone())
            .or_default()
            .objects
            .extend(objects);
    }
    let known: BTreeSet<&TreePath> = origins.iter().map(|it| it.0).collect();
    for (path, bytes) in tree {
        let folder = path.parent().unwrap_or_else(TreePath::root);
        if !Output::is_of_cluster(path) || known.contains(&folder) {
            continue;
        }
        let environment = environment_of(&folder).and_then(|it| environments.get_mut(it));
        if let Some(environment) = environment {
            environment
                .objects
                .extend(parse_cluster_file(path, bytes, &folder, origins, lines));
        }
    }
    let projects = environments.values().flat_map(projects);
    let projects: BTreeSet<String> = projects.map(|it| it.name().to_string()).collect();
    let projects = Arc::new(projects);
    let folders = Arc::new(folders(tree));
    for environment in environments.values_mut() {
        environment.projects = projects.clone();
        environment.folders = folders.clone();
    }
    environments
}

/// An object as it is written: a word such as `yes`, which the API server would read as a boolean, is written in quotes.
fn as_written<'a>(object: &'a Object, origin: &Origin) -> Cow<'a, Object> {
    if origin.value_files != ValueFiles::Inputs || !has_old_boolean(&object.node) {
        return Cow::Borrowed(object);
    }
    let mut written = object.clone();
    quote_old_booleans(&mut written.node);
    Cow::Owned(written)
}

fn has_old_boolean(node: &Node) -> bool {
    match node.view() {
        View::Mapping(map) => map.iter().any(|it| has_old_boolean(&it.value)),
        View::Sequence(items) => items.iter().any(has_old_boolean),
        View::Scalar(_) => node.as_old_bool().is_some(),
    }
}

fn quote_old_booleans(node: &mut Node) {
    if node.as_old_bool().is_some() {
        return node.quote_as_field();
    }
    for entry in node
        .as_mapping_mut()
        .into_iter()
        .flat_map(Mapping::iter_mut)
    {
        quote_old_booleans(&mut entry.value);
    }
    for item in node.as_sequence_mut().into_iter().flatten() {
        quote_old_booleans(item);
    }
}

/// All folders with files, at any depth.
fn folders(tree: &Tree) -> BTreeSet<TreePath> {
    let mut folders = BTreeSet::new();
    for (path, _) in tree {
        let mut folder = path.parent();
        while let Some(it) = folder.filter(|it| !folders.contains(it)) {
            folder = it.parent();
            folders.insert(it);
        }
    }
    folders
}

/// Adds the sync engine's objects in a file of the cluster's folder.
fn parse_cluster_file<'a>(
    path: &TreePath,
    bytes: &[u8],
    folder: &TreePath,
    origins: &'a Origins,
    lines: &'a Lines<'a>,
) -> Vec<SourcedObject<'a>> {
    let source = Source::new(path.clone(), String::from_utf8_lossy(bytes));
    let documents = parse(&source).unwrap_or_default();
    let objects = documents.into_iter().map(Object::new);
    let objects = objects.filter(|it| !it.kind().is_empty() && !it.name().is_empty());
    objects
        .map(|object| SourcedObject {
            origin: origins.find(folder, &object.id()),
            is_alone: false,
            object: Cow::Owned(object),
            folder: folder.clone(),
            lines,
        })
        .collect()
}

impl<'a> EnvironmentObjects<'a> {
    /// The Namespaces of the environment, by name.
    pub(super) fn namespaces(&self) -> BTreeMap<&str, &Object> {
        let objects = self.objects.iter().map(|it| &*it.object);
        objects
            .filter(|it| it.kind() == "Namespace" && it.gvk().group.is_empty())
            .map(|it| (it.name(), it))
            .collect()
    }

    /// The folder of the tree that a path in the repository leads to. The location of the tree in the repository is unknown, so the end of
    /// the path is matched.
    pub(super) fn folder_of_path(&self, path: &str) -> Option<&TreePath> {
        let mut start = Some(path.trim_start_matches("./").trim_matches('/'));
        while let Some(rest) = start {
            let folder = TreePath::new(rest).and_then(|it| self.folders.get(&it));
            if folder.is_some() {
                return folder;
            }
            start = rest.split_once('/').map(|it| it.1);
        }
        None
    }

    /// The namespaces with a chart whose objects are unknown.
    pub(super) fn opaque(&self) -> BTreeSet<&str> {
        self.chart_namespaces().collect()
    }

    /// The namespace of each installed chart whose objects are unknown; a namespace with several charts is repeated.
    pub(super) fn chart_namespaces(&self) -> impl Iterator<Item = &str> {
        let objects = self.objects.iter().map(|it| &*it.object);
        let unseen = objects.filter(|it| self.seen.is_empty() || !self.seen.contains(&it.id()));
        unseen.filter_map(|it| {
            let text = |keys: &[&str]| it.node.at_keys(keys).and_then(Node::as_str);
            match it.kind() {
                "HelmRelease" => Some(text(&["spec", "targetNamespace"]).unwrap_or(it.namespace())),
                "HelmChart" | "HelmInstall" => Some(it.namespace()),
                "Application" | "ApplicationSet" => text(&["spec", "destination", "namespace"])
                    .or_else(|| text(&["spec", "template", "spec", "destination", "namespace"])),
                _ => None,
            }
        })
    }
}

/// All AppProjects of an environment.
pub(super) fn projects<'a>(
    environment: &'a EnvironmentObjects<'_>,
) -> impl Iterator<Item = &'a Object> {
    let objects = environment.objects.iter().map(|it| &*it.object);
    objects.filter(|it| it.kind() == "AppProject" && is_of_argo(it))
}

/// Whether an object has a kind of Argo CD.
pub(super) fn is_of_argo(object: &Object) -> bool {
    &*object.gvk().group == "argoproj.io"
}
