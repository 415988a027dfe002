//! Converts intents to the objects of the sync engine; each engine (`engine`) does this in its own way.
//!
//! A template creates an intent (`HelmInstall`, `GitManifests`), and the environment's engine decides its form. Intents only exist
//! between `render` and `compose` and are never written.

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

/// The files and objects of a claim, as applied.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The claim's name: its folder, and its Flux Kustomization.
    pub name: String,
    /// `Kind/name` of the claim.
    pub title: String,
    /// The part of the tree it belongs to.
    pub group: Group,
    /// The files of the claim, each with one object.
    pub files: Vec<ManifestFile>,
    /// Argo CD's Applications of charts. They belong to the cluster that Argo CD runs on, not into the claim's folder.
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
    /// The folder for its files, if it is not the claim's own folder.
    pub place: Option<TreePath>,
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
    /// In a traced run: the conditions for its objects and for what it provides and requires.
    pub decided_by: Vec<Node>,
}

/// One file of a claim.
#[derive(Clone, Debug)]
pub struct ManifestFile {
    /// Its name within the claim's folder.
    pub name: Arc<str>,
    /// The object that the file holds.
    pub object: Object,
}

impl Delivery {
    /// A delivery of no claim, without content.
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
            place: None,
            charts: Vec::new(),
            provides: BTreeSet::new(),
            requires: BTreeSet::new(),
            depends_on: BTreeSet::new(),
            owner: None,
            span,
            decided_by: Vec::new(),
        }
    }

    /// The same without its objects, to save memory.
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

    /// In a traced run: what its position among the other claims depends on.
    pub fn conditions(&self) -> impl Iterator<Item = &Node> {
        let all = self.files.iter().chain(&self.releases);
        let objects = all.map(|it| &it.object).chain(&self.prerequisites);
        let names = objects.filter_map(|it| it.node.at_keys(&["metadata", "name"]));
        names.chain(&self.decided_by)
    }

    /// Whether it only consists of services of ApplicationSets.
    pub fn is_services(&self) -> bool {
        self.files.is_empty() && self.releases.is_empty()
    }

    /// Whether there is nothing to apply, for example because an overlay deletes all objects.
    pub fn is_empty(&self) -> bool {
        self.is_services() && self.services.is_empty()
    }
}

/// How a sync engine converts intents.
pub(crate) trait Lowering: Send + Sync + std::fmt::Debug {
    /// Adds the objects that an intent becomes.
    fn lower(
        &self,
        intent: &Intent<'_>,
        place: &IntentPlace<'_>,
        into: &mut Lowered,
        diagnostics: &mut Diagnostics,
    );

    /// Translates settings of an object for another engine.
    fn translate(&self, _object: &mut Node) {}
}

/// The context of an intent.
pub(crate) struct IntentPlace<'a> {
    pub(crate) workspace: &'a WorkspaceConfig,
    pub(crate) charts: &'a Charts<'a>,
    /// The name of the claim.
    pub(crate) claim: &'a str,
    /// The name of the template's output file.
    pub(crate) file: &'a str,
}

/// Turns a claim's manifest into the objects that the environment's engine applies.
pub(crate) fn lower(
    manifest: &Manifest<'_>,
    engine: &dyn Lowering,
    workspace: &WorkspaceConfig,
    charts: &Charts<'_>,
    diagnostics: &mut Diagnostics,
) -> Delivery {
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
        let place = IntentPlace {
            workspace,
            charts,
            claim: &manifest.instance.name,
            file: &file.name,
        };
        engine.lower(&intent, &place, &mut lowered, diagnostics);
    }
    let nodes = lowered.files.iter_mut().map(|it| &mut it.node);
    nodes.for_each(|it| engine.translate(it));
    let delivered = |File { name, node }| ManifestFile {
        name: name.into(),
        object: Object::new(node),
    };
    let instance = manifest.instance;
    let (title, group) = (instance.title(), instance.kind.group);
    Delivery {
        files: lowered.files.into_iter().map(delivered).collect(),
        releases: lowered.releases.into_iter().map(delivered).collect(),
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

/// The result for a manifest.
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

/// The annotation `pleach.dev/owner`, else `spec.owner.team`.
fn owner(claim: &Node) -> Option<Arc<str>> {
    let places: [&[&str]; 2] = [
        &["metadata", "annotations", "pleach.dev/owner"],
        &["spec", "owner", "team"],
    ];
    let mut found = places
        .iter()
        .filter_map(|keys| claim.at_keys(keys)?.as_str());
    found.find(|it| !it.is_empty()).map(Arc::from)
}
