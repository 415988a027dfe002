//! Converts intents to objects of the sync engine.
//!
//! A template creates an intent, such as `HelmInstall`, and the engine of the environment decides which objects it becomes (see
//! `engine`). Intents only exist between `render` and `compose` and are never written.

mod application;
mod intent;
mod pin;
mod repository;
mod resources;
mod service;
mod values;

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::chart::{Charts, Request};
use crate::diag::{Diagnostics, Span};
use crate::layout::Group;
use crate::load::WorkspaceConfig;
use crate::object::Object;
use crate::render::{File, Manifest};
use crate::secret::find_secrets;
use crate::tree::TreePath;
use crate::yaml::Node;
pub(crate) use application::ChartApplication;
use application::plain_secret;
pub(crate) use intent::{Intent, IntentKind};
pub(crate) use repository::access;

pub use pin::unused_pins;
pub use service::{GitSource, Root, Service};

/// The files and objects of a claim, as its sync engine applies them.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The name of the claim, of its folder, and of its Flux Kustomization or Application.
    pub name: String,
    /// `Kind/name` of the claim.
    pub title: String,
    /// The part of the tree that contains its folder.
    pub group: Group,
    /// The files in the claim's folder, each with one object.
    pub files: Vec<ManifestFile>,
    /// The Applications of Argo CD for charts. They are not in the claim's folder, because they belong to the cluster that Argo CD
    /// runs on.
    pub releases: Vec<ManifestFile>,
    /// Flux and Argo CD objects that must be reconciled before the claim's own manifests. They are written next to the claim's Flux
    /// Kustomization, which waits for them; in its folder, it would wait for itself.
    pub prerequisites: Vec<Object>,
    /// Services that Argo CD's ApplicationSets install.
    pub services: Vec<Service>,
    /// The repositories that the cluster is synced from.
    pub roots: Vec<Root>,
    /// Namespaces that must exist.
    pub namespaces: BTreeSet<String>,
    /// The folder for its files, if it is a folder that several claims share.
    pub shared_folder: Option<TreePath>,
    /// The charts that it installs.
    pub charts: Vec<Request>,
    /// CRDs that it installs.
    pub provides: BTreeSet<String>,
    /// CRDs that it needs.
    pub requires: BTreeSet<String>,
    /// Claims that must be ready first.
    pub depends_on: BTreeSet<String>,
    /// The owner of the claim, if set.
    pub owner: Option<Arc<str>>,
    /// The location of the claim's name.
    pub span: Span,
    /// In a traced run: the conditions for its objects and for the CRDs that it installs and needs.
    pub decided_by: Vec<Node>,
}

/// A file of a claim.
#[derive(Clone, Debug)]
pub struct ManifestFile {
    /// The name of the file in the claim's folder.
    pub name: Arc<str>,
    /// The object in the file.
    pub object: Object,
}

impl Delivery {
    /// An empty delivery for files that do not belong to a single claim.
    pub fn synthetic(name: &str, title: String, group: Group, span: Span) -> Delivery {
        Delivery {
            name: name.to_string(),
            title,
            group,
            files: Vec::new(),
            releases: Vec::new(),
            prerequisites: Vec::new(),
            services: Vec::new(),
            roots: Vec::new(),
            namespaces: BTreeSet::new(),
            shared_folder: None,
            charts: Vec::new(),
            provides: BTreeSet::new(),
            requires: BTreeSet::new(),
            depends_on: BTreeSet::new(),
            owner: None,
            span,
            decided_by: Vec::new(),
        }
    }

    /// A copy without the objects, to save memory.
    pub fn without_objects(&self) -> Delivery {
        Delivery {
            services: self.services.clone(),
            roots: self.roots.clone(),
            owner: self.owner.clone(),
            ..Delivery::synthetic(
                &self.name,
                self.title.clone(),
                self.group,
                self.span.clone(),
            )
        }
    }

    /// In a traced run: the values that decide its position in the order of claims.
    pub fn conditions(&self) -> impl Iterator<Item = &Node> {
        let all = self.files.iter().chain(&self.releases);
        let objects = all.map(|it| &it.object).chain(&self.prerequisites);
        let names = objects.filter_map(|it| it.node.at_keys(&["metadata", "name"]));
        names.chain(&self.decided_by)
    }

    /// Whether it has no objects of its own, but at most services of ApplicationSets.
    pub fn has_no_objects(&self) -> bool {
        self.files.is_empty() && self.releases.is_empty()
    }

    /// Whether there is nothing to apply, for example because an overlay deletes all objects.
    pub fn is_empty(&self) -> bool {
        self.has_no_objects() && self.services.is_empty()
    }
}

/// The conversion of intents to objects of a sync engine.
pub(crate) trait Lowering: Send + Sync + std::fmt::Debug {
    /// Converts an intent and adds the resulting objects to `lowered`.
    fn lower(
        &self,
        intent: &Intent<'_>,
        context: &IntentContext<'_>,
        lowered: &mut Lowered,
        diagnostics: &mut Diagnostics,
    );

    /// Replaces annotations for another engine by those of this one.
    fn translate(&self, _object: &mut Node) {}
}

/// The context in which an intent is converted.
pub(crate) struct IntentContext<'a> {
    pub(crate) workspace: &'a WorkspaceConfig,
    pub(crate) charts: &'a Charts<'a>,
    /// The name of the claim.
    pub(crate) claim: &'a str,
    /// The name of the template's output file.
    pub(crate) file: &'a str,
}

/// Converts the rendered manifest of a claim to the objects that the environment's engine applies.
pub(crate) fn lower(
    manifest: &Manifest<'_>,
    engine: &dyn Lowering,
    workspace: &WorkspaceConfig,
    charts: &Charts<'_>,
    diagnostics: &mut Diagnostics,
) -> Delivery {
    let lowered = lower_files(manifest, engine, workspace, charts, diagnostics);
    let manifest_file = |File { name, node }| ManifestFile {
        name: name.into(),
        object: Object::new(node),
    };
    let instance = manifest.instance;
    let (title, group) = (instance.title(), instance.kind.group);
    Delivery {
        files: lowered.files.into_iter().map(manifest_file).collect(),
        releases: lowered.releases.into_iter().map(manifest_file).collect(),
        prerequisites: lowered.prerequisites.into_iter().map(Object::new).collect(),
        charts: lowered.charts,
        services: lowered.services,
        roots: lowered.roots,
        namespaces: lowered.namespaces,
        provides: instance.provides.clone(),
        requires: instance.requires.clone(),
        depends_on: &instance.depends_on | &manifest.refers_to,
        owner: owner(&instance.node),
        decided_by: manifest.decided_by.clone(),
        ..Delivery::synthetic(&instance.name, title, group, instance.span.clone())
    }
}

fn lower_files(
    manifest: &Manifest<'_>,
    engine: &dyn Lowering,
    workspace: &WorkspaceConfig,
    charts: &Charts<'_>,
    diagnostics: &mut Diagnostics,
) -> Lowered {
    let mut lowered = Lowered::default();
    for file in &manifest.files {
        if !intent::is_intent(&file.node) {
            lowered.files.push(file.clone());
            continue;
        }
        lowered.charts.extend(pin::request(&file.node));
        let node = pin::pinned(&file.node, charts, diagnostics);
        let Some(intent) = diagnostics.keep(Intent::new(&node)) else {
            continue;
        };
        let values = intent.field(&["values"]);
        let secrets = values.map(find_secrets).unwrap_or_default();
        if !secrets.is_empty() {
            diagnostics.extend(secrets.into_iter().map(|it| plain_secret(&intent, it)));
            continue;
        }
        let context = IntentContext {
            workspace,
            charts,
            claim: &manifest.instance.name,
            file: &file.name,
        };
        engine.lower(&intent, &context, &mut lowered, diagnostics);
    }
    let nodes = lowered.files.iter_mut().map(|it| &mut it.node);
    nodes.for_each(|it| engine.translate(it));
    lowered
}

/// The objects of a manifest whose intents are converted. The fields are those of [`Delivery`].
#[derive(Default)]
pub(crate) struct Lowered {
    pub(crate) files: Vec<File>,
    pub(crate) releases: Vec<File>,
    pub(crate) prerequisites: Vec<Node>,
    pub(crate) charts: Vec<Request>,
    pub(crate) services: Vec<Service>,
    pub(crate) roots: Vec<Root>,
    pub(crate) namespaces: BTreeSet<String>,
}

/// The owner of a claim: the annotation `pleach.dev/owner` or, if it is not set, `spec.owner.team`.
fn owner(claim: &Node) -> Option<Arc<str>> {
    let fields: [&[&str]; 2] = [
        &["metadata", "annotations", "pleach.dev/owner"],
        &["spec", "owner", "team"],
    ];
    let mut owners = fields
        .iter()
        .filter_map(|keys| claim.at_keys(keys)?.as_str());
    owners.find(|it| !it.is_empty()).map(Arc::from)
}
