//! Creates the tree: base folders, overlay folders with computed patches, and the sync engine's objects for each cluster.
//!
//! If a claim exists in base and in an environment, the environment's folder builds on the base folder: differences are patches,
//! new objects are files, and removed objects are patches with `$patch: delete`. The user's `overlays/` are applied first, so the
//! tree does not refer to them.

mod bootstrap;
pub(crate) mod common;
mod crds;
mod engine;
mod exports;
mod flat;
pub(crate) mod folder;
mod missing_crds;
mod namespaces;
pub(crate) mod object_text;
mod order;
pub(crate) mod overlay;
mod overlay_fields;
mod owners;
mod shared_folder;
mod unused_overlays;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::chart::Charts;
use crate::delivery::Delivery;
use crate::diag::{Diagnostic, Diagnostics, Span};
use crate::layout::{BASE, cluster_folder};
use crate::load::{Environment, Layout, Scope, Workspace, WorkspaceConfig};
use crate::object::Object;
use crate::tree::{Files, TreePath};
use crate::yaml::parallel::each;
use crate::yaml::{Node, emit_canonical};
use common::CommonMetadata;
pub(crate) use engine::{InstanceNames, SyncEngine};
pub use exports::Exports;
pub use missing_crds::MissingCrd;
pub(crate) use object_text::object_text;
pub(crate) use order::Order;
use overlay::{Overlay, Unmatched};

/// An environment with the files and objects of its claims, before overlays are applied.
pub struct EnvironmentManifests<'a> {
    /// The environment, which may be base.
    pub environment: &'a Environment,
    pub(crate) engine: Arc<dyn SyncEngine>,
    /// Its claims, sorted by name.
    pub deliveries: Vec<Delivery>,
    /// Whether only some of its claims are rendered, without the files that all of them share.
    pub is_partial: bool,
}

impl EnvironmentManifests<'_> {
    /// Whether its names cannot conflict with those of another environment. Conflicts are possible if it has services or roots,
    /// which clusters share, or if it uses an Argo CD that other environments may use, too.
    pub fn has_only_own_names(&self) -> bool {
        let mut deliveries = self.deliveries.iter();
        let is_shared = deliveries.any(|it| !it.services.is_empty() || !it.roots.is_empty());
        !is_shared && (self.is_partial || !self.engine.shares_names())
    }
}

/// The files to be written, and the objects that building them must produce.
#[derive(Default)]
pub struct RenderedTree {
    /// The files, by their paths below the output folder.
    pub files: BTreeMap<TreePath, OutputFile>,
    /// The folders, each with the objects that building it must produce.
    pub expected: Vec<Expected>,
    /// Files that are not objects, each with the expected content.
    pub data: Vec<Data>,
    /// Folders and files that belong to one environment although their paths do not contain its name.
    pub shared_paths: Vec<TreePath>,
    /// By environment and claim, for partially rendered environments: the properties that the output of other claims depends on.
    pub exports: BTreeMap<(String, String), Exports>,
    /// The CRDs that claims need and that no claim installs.
    pub missing: Vec<MissingCrd>,
    /// For each set of objects that `overlays/base` was applied to: the errors for entries that match none of them. An entry is
    /// only an error if it matches in none of the sets, which is known after all environments.
    pub unmatched: Vec<Vec<Diagnostic>>,
}

impl RenderedTree {
    /// Adds a file to the folder of an environment in `clusters/`.
    pub(crate) fn insert_cluster_file(
        &mut self,
        environment: &Environment,
        file: &str,
        body: String,
    ) {
        let title = format!("Environment/{}", environment.name);
        let path = cluster_folder(&environment.name).child(file);
        self.files.insert(path, OutputFile { title, body });
    }

    /// Adds a file that is not an object, whose content the proof checks.
    pub(crate) fn insert_data(&mut self, path: TreePath, delivery: &Delivery, node: Node) {
        self.insert_file(path.clone(), delivery, emit_canonical(&node));
        self.data.push(Data {
            path,
            node,
            title: delivery.title.clone(),
            owner: delivery.owner.clone(),
            span: delivery.span.clone(),
        });
    }

    pub(crate) fn insert_file(&mut self, path: TreePath, delivery: &Delivery, body: String) {
        let title = delivery.title.clone();
        self.files.insert(path, OutputFile { title, body });
    }
}

/// A file to be written.
pub struct OutputFile {
    /// `Kind/name` of the claim or environment, for the ownership line.
    pub title: String,
    /// The text of the file, without an ownership line.
    pub body: String,
}

/// The expected result of building a folder.
pub struct Expected {
    /// The folder, below the output folder.
    pub folder: TreePath,
    /// The objects, rendered directly.
    pub objects: Vec<Object>,
    /// The claim, for messages.
    pub title: String,
    /// Which files of the folder contain the objects.
    pub form: Form,
    /// The owner of the claim, if set.
    pub owner: Option<Arc<str>>,
    /// The location of the claim's name.
    pub span: Span,
}

/// Which files of a folder contain its objects.
#[derive(Clone, Debug)]
pub enum Form {
    /// The folder is a kustomization, which lists resources and patches.
    Kustomization,
    /// Every file of the folder is a complete object, and the sync engine applies all of them.
    Flat,
    /// Complete objects in these files, in a folder shared with other claims.
    Files(Vec<TreePath>),
}

/// A file that is not an object, for example values of a chart.
pub struct Data {
    /// The file, below the output folder.
    pub path: TreePath,
    /// The content of the file, to be written as YAML.
    pub node: Node,
    /// The claim, for messages.
    pub title: String,
    /// The owner of the claim, if set.
    pub owner: Option<Arc<str>>,
    /// The location of the claim's name.
    pub span: Span,
}

impl Expected {
    pub(crate) fn new(
        delivery: &Delivery,
        folder: TreePath,
        objects: Vec<Object>,
        form: Form,
    ) -> Expected {
        Expected {
            folder,
            objects,
            title: delivery.title.clone(),
            form,
            owner: delivery.owner.clone(),
            span: delivery.span.clone(),
        }
    }
}

/// Composes environments one by one, on top of the base that they share.
pub struct Composer<'a> {
    files: &'a dyn Files,
    workspace: &'a WorkspaceConfig,
    charts: &'a Charts<'a>,
    /// Whether all environments of the workspace are composed.
    is_whole: bool,
    /// Whether an entry of an environment's overlay that matches nothing is an error.
    unmatched: Unmatched,
    base_overlay: Overlay,
    bases: Vec<Overlaid<'a>>,
}

impl<'a> Composer<'a> {
    /// Applies `overlays/base` to base, once for each engine, and composes it. `overlays/` is read from `files`.
    pub fn new(
        files: &'a dyn Files,
        workspace: &'a Workspace<'_>,
        bases: Vec<EnvironmentManifests<'a>>,
        diagnostics: &mut Diagnostics,
    ) -> (Composer<'a>, RenderedTree) {
        let base_overlay = overlay::read(files, BASE, diagnostics);
        let overlays = [(&base_overlay, Unmatched::Defer)];
        let bases = each(bases, diagnostics, |base, diagnostics| {
            overlay::apply_overlays(files, base, &overlays, diagnostics)
        });
        let (bases, unmatched): (Vec<_>, Vec<_>) = bases.into_iter().unzip();
        let mut rendered = RenderedTree {
            unmatched,
            ..RenderedTree::default()
        };
        for base in &bases {
            owners::check(base, diagnostics);
            for delivery in base.deliveries.iter().filter(|it| !it.files.is_empty()) {
                let path = folder::path(delivery, base.environment);
                let (rendered, common) = (&mut rendered, &base.common);
                folder::write_complete(rendered, &path, delivery, common, diagnostics);
            }
        }
        let composer = Composer {
            files,
            workspace: &workspace.config,
            charts: &workspace.charts,
            is_whole: workspace.scope.is_whole(),
            unmatched: match workspace.scope.leaves_out_rest {
                true => Unmatched::Ignore,
                false => Unmatched::Error,
            },
            base_overlay,
            bases,
        };
        (composer, rendered)
    }

    /// Whether all unmatched entries of `overlays/base` are known: if it has entries that can fail to match, only after all
    /// environments.
    pub fn is_conclusive(&self) -> bool {
        self.is_whole || self.base_overlay.always_matches()
    }

    /// Applies the overlays to the claims of one environment and composes its files.
    pub fn compose(
        &self,
        environment: EnvironmentManifests<'a>,
        diagnostics: &mut Diagnostics,
    ) -> RenderedTree {
        let own_overlay = overlay::read(self.files, &environment.environment.name, diagnostics);
        // With layout `overlays`, the entries are checked when the overlay is applied to the base that the environment builds on.
        let defers_base = self.is_whole && environment.environment.layout == Layout::Flat;
        let unmatched_in_base = match defers_base {
            true => Unmatched::Defer,
            false => Unmatched::Ignore,
        };
        let overlays = [
            (&self.base_overlay, unmatched_in_base),
            (&own_overlay, self.unmatched),
        ];
        let environment = with_shared_files(environment, self.workspace, diagnostics);
        let (overlaid, unmatched) =
            overlay::apply_overlays(self.files, environment, &overlays, diagnostics);
        let mut rendered = compose_environment(
            self.workspace,
            &overlaid,
            &self.bases,
            self.charts,
            diagnostics,
        );
        rendered.unmatched.extend(defers_base.then_some(unmatched));
        rendered
    }

    /// Checks for names that several environments use.
    pub fn check_names(environments: &[SharedNames<'_>], diagnostics: &mut Diagnostics) {
        bootstrap::check(environments, diagnostics);
        let mut engines: BTreeMap<&str, Vec<&SharedNames<'_>>> = BTreeMap::new();
        for names in environments {
            engines
                .entry(names.environment.engine.name)
                .or_default()
                .push(names);
        }
        for environments in engines.values() {
            if let Some(first) = environments.first() {
                first.engine.check_names(environments, diagnostics);
            }
        }
    }

    /// Reports missing CRDs, unused overlays and unmatched overlay entries of all environments together.
    pub fn check_all_environments(
        &self,
        missing: &[MissingCrd],
        unmatched: Vec<Vec<Diagnostic>>,
        diagnostics: &mut Diagnostics,
    ) {
        if self.is_whole {
            unused_overlays::check(self.files, diagnostics);
        }
        missing_crds::report(missing, self.files, diagnostics);
        diagnostics.extend(in_all(unmatched));
    }
}

/// The parts of an environment that may conflict with another one: names in a shared instance of the engine, services and roots.
pub struct SharedNames<'a> {
    pub(crate) environment: &'a Environment,
    engine: Arc<dyn SyncEngine>,
    /// The names that it uses in its instance of the engine.
    pub(crate) instance: InstanceNames,
    /// The claims that have services or roots, without their objects.
    pub(crate) deliveries: Vec<Delivery>,
}

impl<'a> SharedNames<'a> {
    /// Collects the names of an environment.
    pub fn new(manifests: &EnvironmentManifests<'a>) -> SharedNames<'a> {
        let deliveries = manifests.deliveries.iter();
        let shared = deliveries.filter(|it| !it.services.is_empty() || !it.roots.is_empty());
        SharedNames {
            environment: manifests.environment,
            engine: manifests.engine.clone(),
            instance: manifests.engine.names(manifests),
            deliveries: shared.map(Delivery::without_objects).collect(),
        }
    }
}

/// The error for a file that an environment renders with other content than another environment.
pub fn differing_file(path: &TreePath, environment: &Environment) -> Diagnostic {
    let name = &environment.name;
    let message =
        format!("environment `{name}` renders a different `{path}` than other environments");
    let fault = Diagnostic::error("two-owners", message).at(&environment.span);
    fault.help("environments that share the file must have the same Argo CD settings and the same claim in base")
}

/// Adds deliveries for files that belong to several claims: namespaces, shared files of the engine, and roots.
fn with_shared_files<'a>(
    environment: EnvironmentManifests<'a>,
    workspace: &WorkspaceConfig,
    diagnostics: &mut Diagnostics,
) -> EnvironmentManifests<'a> {
    let mut environment = namespaces::with_namespaces(environment);
    let engine = environment.engine.clone();
    engine.add_shared(&mut environment, workspace, diagnostics);
    bootstrap::with_roots(environment, workspace)
}

/// A path of the tree, relative to the root of the repository.
pub(crate) fn path_in_repository(workspace: &WorkspaceConfig, path: &TreePath) -> String {
    match workspace.sync_path.trim_start_matches("./") {
        "" | "." => path.to_string(),
        sync_path => format!("{sync_path}/{path}"),
    }
}

/// Extends a scope so that environments are rendered completely if the result of their overlay for one claim may depend on another
/// claim.
pub fn widen_for_overlays(files: &dyn Files, scope: &Scope) -> Scope {
    let depends = |environment: &str| overlay::depends_on_all_claims(files, environment);
    let base_depends = !scope.claims.is_empty() && depends(BASE);
    let mut scope = scope.clone();
    scope
        .claims
        .retain(|environment, _| !base_depends && !depends(environment));
    scope
}

/// The diagnostics that all lists contain.
fn in_all(lists: Vec<Vec<Diagnostic>>) -> Vec<Diagnostic> {
    let mut lists = lists.into_iter();
    let mut common = lists.next().unwrap_or_default();
    for list in lists {
        common.retain(|it| {
            let mut others = list.iter();
            others.any(|other| other.code == it.code && other.span == it.span)
        });
    }
    common
}

/// An environment after the user's overlays are applied.
pub(crate) struct Overlaid<'a> {
    pub(crate) environment: &'a Environment,
    engine: Arc<dyn SyncEngine>,
    pub(crate) deliveries: Vec<Delivery>,
    /// The labels and annotations that each written kustomization sets.
    pub(crate) common: CommonMetadata,
    is_partial: bool,
}

impl Overlaid<'_> {
    /// A claim and the path of its folder; `None` if it has no files.
    fn find(&self, claim: &str) -> Option<(TreePath, &Delivery)> {
        let mut written = self.deliveries.iter().filter(|it| !it.files.is_empty());
        let delivery = written.find(|it| it.name == claim)?;
        Some((folder::path(delivery, self.environment), delivery))
    }
}

fn compose_environment(
    workspace: &WorkspaceConfig,
    overlaid: &Overlaid<'_>,
    bases: &[Overlaid<'_>],
    charts: &Charts<'_>,
    diagnostics: &mut Diagnostics,
) -> RenderedTree {
    let mut rendered = RenderedTree::default();
    owners::check(overlaid, diagnostics);
    let base = bases
        .iter()
        .find(|it| it.environment.engine == overlaid.environment.engine);
    for delivery in overlaid.deliveries.iter().filter(|it| !it.files.is_empty()) {
        let (rendered, common) = (&mut rendered, &overlaid.common);
        if let Some(path) = &delivery.shared_folder {
            shared_folder::write(rendered, path, delivery, common, diagnostics);
            continue;
        }
        let path = folder::path(delivery, overlaid.environment);
        let base = base.and_then(|it| it.find(&delivery.name));
        match (overlaid.environment.layout, base) {
            (Layout::Flat, _) => flat::write(rendered, &path, delivery, common, diagnostics),
            (Layout::Overlays, Some(base)) => {
                folder::write_overlay(rendered, &path, delivery, base, common, diagnostics);
            }
            (Layout::Overlays, None) => {
                folder::write_complete(rendered, &path, delivery, common, diagnostics);
            }
        }
    }
    for delivery in &overlaid.deliveries {
        overlaid.engine.write_shared(&mut rendered, delivery);
    }
    rendered.shared_paths = overlaid.engine.shared_paths(&overlaid.deliveries);
    if overlaid.is_partial {
        rendered.exports = exports::all(&overlaid.environment.name, &overlaid.deliveries);
        return rendered;
    }
    crds::check(overlaid, charts, diagnostics);
    let missing = &mut rendered.missing;
    let order = order::order(
        overlaid.environment,
        &overlaid.deliveries,
        missing,
        diagnostics,
    );
    overlaid
        .engine
        .write_cluster(&mut rendered, workspace, overlaid, &order, diagnostics);
    rendered
}
