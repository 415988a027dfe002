//! The tree: base folders, overlay folders with computed patches, and the sync engine's own objects for each cluster.
//!
//! If a claim exists in base and in an environment, the environment's folder builds on the base folder: differences are patches,
//! new objects are files, removed objects are deletions. The user's `overlays/` are applied first, so the tree is self-contained.

pub(crate) mod common;
mod crds;
mod engine;
mod flat;
pub(crate) mod folder;
mod interface;
mod missing_crds;
pub(crate) mod form;
mod namespaces;
mod order;
pub(crate) mod overlay;
mod owners;
mod plain;
mod bootstrap;
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
use common::Common;
pub(crate) use engine::{InstanceNames, SyncEngine};
pub use interface::Exports;
pub use missing_crds::MissingCrd;
pub(crate) use order::Order;
use overlay::{Overlay, Unmatched};

/// An environment and the deliveries of its claims.
pub struct EnvironmentManifests<'a> {
    /// The environment, which may be base.
    pub environment: &'a Environment,
    pub(crate) engine: Arc<dyn SyncEngine>,
    /// Its claims, by name.
    pub deliveries: Vec<Delivery>,
    /// Whether it has further claims that are not rendered.
    pub is_partial: bool,
}

impl EnvironmentManifests<'_> {
    /// Whether no other environment can have conflicting names: services and roots are shared by clusters, and environments may
    /// share one Argo CD.
    pub fn is_by_itself(&self) -> bool {
        let mut deliveries = self.deliveries.iter();
        let is_shared = deliveries.any(|it| !it.services.is_empty() || !it.roots.is_empty());
        !is_shared && (self.is_partial || !self.engine.shares_names())
    }
}

/// The files to be written, and the objects they must build to.
#[derive(Default)]
pub struct RenderedTree {
    /// The files, by their paths below the output folder.
    pub files: BTreeMap<TreePath, OutputFile>,
    /// The kustomizations, each with the objects that it must build to.
    pub expected: Vec<Expected>,
    /// Files of data, each with the expected content.
    pub data: Vec<Data>,
    /// Folders and files that belong to one environment although their paths do not contain its name.
    pub places: Vec<TreePath>,
    /// For each claim of a partially rendered environment: the properties that the rest depends on.
    pub interfaces: BTreeMap<(String, String), Exports>,
    /// The CRDs that claims need and that nothing installs.
    pub missing: Vec<MissingCrd>,
    /// Entries of `overlays/base` without a match so far. Whether they match anything is only known after all environments.
    pub unmatched: Vec<Vec<Diagnostic>>,
}

impl RenderedTree {
    /// Puts a file of an environment itself into its folder of `clusters`.
    pub(crate) fn put(&mut self, environment: &Environment, file: &str, body: String) {
        let title = format!("Environment/{}", environment.name);
        let path = cluster_folder(&environment.name).child(file);
        self.files.insert(path, OutputFile { title, body });
    }

    /// Adds a file of data.
    pub(crate) fn data(&mut self, path: TreePath, delivery: &Delivery, node: Node) {
        self.text(path.clone(), delivery, emit_canonical(&node));
        self.data.push(Data {
            path,
            node,
            title: delivery.title.clone(),
            owner: delivery.owner.clone(),
            span: delivery.span.clone(),
        });
    }

    pub(crate) fn text(&mut self, path: TreePath, delivery: &Delivery, body: String) {
        let title = delivery.title.clone();
        self.files.insert(path, OutputFile { title, body });
    }
}

/// The content of a file and its origin.
pub struct OutputFile {
    /// `Kind/name` for the ownership line.
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
    /// How it is built.
    pub form: Form,
    /// The owner of the claim, if set.
    pub owner: Option<Arc<str>>,
    /// The location of the claim's name.
    pub span: Span,
}

/// How the objects of a folder are built.
#[derive(Clone, Debug)]
pub enum Form {
    /// By a kustomization that lists resources and patches.
    Kustomization,
    /// Complete objects in a folder in which the sync engine applies every file.
    Flat,
    /// Complete objects in these files, in a folder shared with other claims.
    Files(Vec<TreePath>),
}

/// A file that is not an object.
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
    /// The expected result of building a claim's folder.
    pub(crate) fn of(
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

/// Composes environments one by one, on the base that they share.
pub struct Composer<'a> {
    files: &'a dyn Files,
    workspace: &'a WorkspaceConfig,
    charts: &'a Charts<'a>,
    /// Whether these are all environments of the workspace.
    is_whole: bool,
    base_overlay: Overlay,
    bases: Vec<Overlaid<'a>>,
}

impl<'a> Composer<'a> {
    /// Applies `overlays/base` to base, once for each engine, and composes it. `overlays/` is read from `files`.
    pub fn new(
        files: &'a dyn Files,
        repository: &'a Workspace<'_>,
        bases: Vec<EnvironmentManifests<'a>>,
        diagnostics: &mut Diagnostics,
    ) -> (Composer<'a>, RenderedTree) {
        let base_overlay = overlay::read(files, BASE, diagnostics);
        let overlays = [(&base_overlay, Unmatched::Kept)];
        let bases = each(bases, diagnostics, |base, diagnostics| {
            overlay::apply_overlays(files, base, &overlays, diagnostics)
        });
        let (bases, unmatched): (Vec<_>, Vec<_>) = bases.into_iter().unzip();
        let mut composition = RenderedTree {
            unmatched,
            ..RenderedTree::default()
        };
        for laid in &bases {
            owners::check(laid, diagnostics);
            for delivery in laid.deliveries.iter().filter(|it| !it.files.is_empty()) {
                let place = folder::path(delivery, laid.environment);
                let (into, common) = (&mut composition, &laid.common);
                folder::plain(into, &place, delivery, common, diagnostics);
            }
        }
        let composer = Composer {
            files,
            workspace: &repository.workspace,
            charts: &repository.charts,
            is_whole: repository.scope.is_whole(),
            base_overlay,
            bases,
        };
        (composer, composition)
    }

    /// Whether the composition is conclusive about the overlay of base: unmatched entries are only known after all environments.
    pub fn is_conclusive(&self) -> bool {
        self.is_whole || self.base_overlay.is_plain()
    }

    /// Applies the overlays to the claims of one environment and composes its files.
    pub fn compose(
        &self,
        environment: EnvironmentManifests<'a>,
        diagnostics: &mut Diagnostics,
    ) -> RenderedTree {
        let own_overlay = overlay::read(self.files, &environment.environment.name, diagnostics);
        let is_judge = self.is_whole && environment.environment.layout == Layout::Flat;
        let of_base = match is_judge {
            true => Unmatched::Kept,
            false => Unmatched::PassedOver,
        };
        let overlays = [
            (&self.base_overlay, of_base),
            (&own_overlay, Unmatched::Refused),
        ];
        let environment = with_shared(environment, self.workspace, diagnostics);
        let (laid, unmatched) =
            overlay::apply_overlays(self.files, environment, &overlays, diagnostics);
        let mut composition =
            compose_environment(self.workspace, &laid, &self.bases, self.charts, diagnostics);
        composition.unmatched.extend(is_judge.then_some(unmatched));
        composition
    }

    /// Checks the names that environments have in common.
    pub fn check_names(environments: &[SharedNames<'_>], diagnostics: &mut Diagnostics) {
        bootstrap::check(environments, diagnostics);
        let mut engines: BTreeMap<&str, Vec<&SharedNames<'_>>> = BTreeMap::new();
        for names in environments {
            engines
                .entry(names.environment.engine.name)
                .or_default()
                .push(names);
        }
        for own in engines.values() {
            if let Some(first) = own.first() {
                first.engine.check_names(own, diagnostics);
            }
        }
    }

    /// Checks for missing CRDs and unmatched overlay entries, in all environments together.
    pub fn check_unmatched(
        &self,
        missing: &[MissingCrd],
        unmatched: Vec<Vec<Diagnostic>>,
        diagnostics: &mut Diagnostics,
    ) {
        if self.is_whole {
            unused_overlays::check(self.files, diagnostics);
        }
        missing_crds::report(missing, self.files, diagnostics);
        diagnostics.extend(unmatched_everywhere(unmatched));
    }
}

/// Items of an environment that may conflict with another one: names in a shared instance of the engine, services and roots.
pub struct SharedNames<'a> {
    pub(crate) environment: &'a Environment,
    engine: Arc<dyn SyncEngine>,
    /// Its names in its instance of the engine.
    pub(crate) instance: InstanceNames,
    /// The claims with services and roots, without their objects.
    pub(crate) deliveries: Vec<Delivery>,
}

impl<'a> SharedNames<'a> {
    /// Collects them from the deliveries of an environment's claims.
    pub fn of(manifests: &EnvironmentManifests<'a>) -> SharedNames<'a> {
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

/// The error that an environment renders a file differently from another one.
pub fn differing_file(path: &TreePath, environment: &Environment) -> Diagnostic {
    let name = &environment.name;
    let message =
        format!("environment `{name}` renders a different `{path}` than other environments");
    let fault = Diagnostic::error("two-owners", message).at(&environment.span);
    fault.help("environments that share the file must have the same Argo CD settings and the same claim in base")
}

/// Adds files that belong to several claims of an environment.
fn with_shared<'a>(
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
pub(crate) fn in_repository(workspace: &WorkspaceConfig, path: &TreePath) -> String {
    match workspace.sync_path.trim_start_matches("./") {
        "" | "." => path.to_string(),
        above => format!("{above}/{path}"),
    }
}

/// Extends a scope so that environments are rendered completely if their overlay may mix objects, that is, if its result for one
/// claim may depend on another.
pub fn whole_under_overlays(files: &dyn Files, scope: &Scope) -> Scope {
    let mixes = |environment: &str| overlay::mixes_claims(files, environment);
    let base = !scope.claims.is_empty() && mixes("base");
    let claims = scope.claims.iter();
    let partial = claims.filter(|(environment, _)| !base && !mixes(environment));
    Scope {
        environments: scope.environments.clone(),
        claims: partial
            .map(|(name, it)| (name.clone(), it.clone()))
            .collect(),
        is_closed: scope.is_closed,
    }
}

/// The entries of `overlays/base` that match nothing in any base, nor in an environment that excludes a claim of base.
fn unmatched_everywhere(sides: Vec<Vec<Diagnostic>>) -> Vec<Diagnostic> {
    let mut sides = sides.into_iter();
    let mut everywhere = sides.next().unwrap_or_default();
    for side in sides {
        let is_there = |it: &Diagnostic| {
            let mut others = side.iter();
            others.any(|other| other.code == it.code && other.span == it.span)
        };
        everywhere.retain(is_there);
    }
    everywhere
}

/// An environment's claims after the user's overlays, and the common settings that each kustomization repeats.
pub(crate) struct Overlaid<'a> {
    pub(crate) environment: &'a Environment,
    engine: Arc<dyn SyncEngine>,
    pub(crate) deliveries: Vec<Delivery>,
    pub(crate) common: Common,
    is_partial: bool,
}

impl Overlaid<'_> {
    /// A claim's folder and its contents, if it has any.
    fn folder_of(&self, claim: &str) -> Option<(TreePath, &Delivery)> {
        let mut standing = self.deliveries.iter().filter(|it| !it.files.is_empty());
        let delivery = standing.find(|it| it.name == claim)?;
        Some((folder::path(delivery, self.environment), delivery))
    }
}

fn compose_environment(
    workspace: &WorkspaceConfig,
    laid: &Overlaid<'_>,
    bases: &[Overlaid<'_>],
    charts: &Charts<'_>,
    diagnostics: &mut Diagnostics,
) -> RenderedTree {
    let mut composition = RenderedTree::default();
    owners::check(laid, diagnostics);
    let base = bases
        .iter()
        .find(|it| it.environment.engine == laid.environment.engine);
    for delivery in laid.deliveries.iter().filter(|it| !it.files.is_empty()) {
        let (into, common) = (&mut composition, &laid.common);
        if let Some(place) = &delivery.place {
            plain::write(into, place, delivery, common, diagnostics);
            continue;
        }
        let place = folder::path(delivery, laid.environment);
        let base = base.and_then(|it| it.folder_of(&delivery.name));
        match (laid.environment.layout, base) {
            (Layout::Flat, _) => flat::write(into, &place, delivery, common, diagnostics),
            (Layout::Overlays, Some(base)) => {
                folder::overlay(into, &place, delivery, base, common, diagnostics);
            }
            (Layout::Overlays, None) => {
                folder::plain(into, &place, delivery, common, diagnostics);
            }
        }
    }
    for delivery in &laid.deliveries {
        laid.engine.write_shared(&mut composition, delivery);
    }
    composition.places = laid.engine.places(&laid.deliveries);
    if laid.is_partial {
        composition.interfaces = interface::all(&laid.environment.name, &laid.deliveries);
        return composition;
    }
    crds::check(laid, charts, diagnostics);
    let missing = &mut composition.missing;
    let order = order::order(laid.environment, &laid.deliveries, missing, diagnostics);
    laid.engine
        .write_cluster(&mut composition, workspace, laid, &order, diagnostics);
    composition
}
