//! The tree: base folders, overlay folders with computed patches, and what the sync engine of each cluster is told.
//!
//! An environment's folder of a claim builds on the claim's base folder where both are there: what differs is a patch, what
//! is new a file, what is gone a deletion. Objects are first laid under the user's `overlays/`, so the tree needs nothing
//! outside itself.

mod cluster;
mod flat;
mod folder;
mod form;
mod namespaces;
mod order;
mod overlay;
mod owners;
mod plain;
mod roots;
mod services;
mod sets;

use std::collections::BTreeMap;

use crate::delivery::Delivery;
use crate::diag::{Diagnostic, Diagnostics, each};
use crate::load::{Engine, Environment, Layout, Workspace};
use crate::object::Object;
use crate::tree::{Files, TreePath};
use crate::yaml::{Node, to_claims_form};
use folder::Common;

/// An environment and what its claims deliver.
pub struct Delivered<'a> {
    /// The environment; base is one too.
    pub environment: &'a Environment,
    /// Its claims, by name.
    pub deliveries: Vec<Delivery>,
}

/// What is to be written, and what it must build to.
#[derive(Default)]
pub struct Composition {
    /// The files, by their paths below the output folder.
    pub files: BTreeMap<TreePath, Composed>,
    /// The kustomizations, each with the objects that it must build to.
    pub expected: Vec<Expected>,
    /// Files of data, each with what must be read from it.
    pub data: Vec<Data>,
    /// Folders and files that belong to one environment, though their paths don't name it.
    pub places: Vec<TreePath>,
}

impl Composition {
    /// Adds a file of data.
    fn data(&mut self, path: TreePath, delivery: &Delivery, node: Node) {
        self.text(path.clone(), delivery, to_claims_form(&node));
        self.data.push(Data {
            path,
            node,
            title: delivery.title.clone(),
        });
    }

    fn text(&mut self, path: TreePath, delivery: &Delivery, body: String) {
        let title = delivery.title.clone();
        self.files.insert(path, Composed { title, body });
    }

    /// Adds what an environment has. Errors: `two-owners` for a file that another one has otherwise.
    fn add(&mut self, more: Composition, environment: &Environment, diagnostics: &mut Diagnostics) {
        for (path, file) in more.files {
            let is_other = |it: &Composed| it.body != file.body || it.title != file.title;
            if self.files.get(&path).is_some_and(is_other) && !diagnostics.has_errors() {
                let name = &environment.name;
                let message = format!("environment `{name}` wants another `{path}` than others");
                let fault = Diagnostic::error("two-owners", message).at(&environment.span);
                diagnostics.push(fault.help("environments that share it have the same settings of Argo CD, and the same claim in base"));
            }
            self.files.insert(path, file);
        }
        self.expected.extend(more.expected);
        self.data.extend(more.data);
        self.places.extend(more.places);
    }
}

/// A file's content and what it is made from.
pub struct Composed {
    /// `Kind/name` for the ownership line.
    pub title: String,
    /// The text.
    pub body: String,
}

/// What a folder must build to.
pub struct Expected {
    /// The folder, below the output folder.
    pub folder: TreePath,
    /// The objects, rendered directly.
    pub objects: Vec<Object>,
    /// The claim, as a message says it.
    pub title: String,
    /// How it is built.
    pub form: Form,
}

/// How the objects of a folder are built.
#[derive(Clone, Debug)]
pub enum Form {
    /// By its kustomization.
    Kustomization,
    /// They stand there as they are, and a sync engine takes all of its files.
    Flat,
    /// They stand there as they are, in these files, beside others.
    Files(Vec<TreePath>),
}

/// A file that is no object.
pub struct Data {
    /// The file, below the output folder.
    pub path: TreePath,
    /// What it says.
    pub node: Node,
    /// The claim, as a message says it.
    pub title: String,
}

/// Composes the tree. `files` is where `overlays/` is read from; `bases` is what environments share, for each engine.
pub fn compose(
    files: &dyn Files,
    workspace: &Workspace,
    bases: Vec<Delivered<'_>>,
    environments: Vec<Delivered<'_>>,
    diagnostics: &mut Diagnostics,
) -> Composition {
    roots::check(&environments, diagnostics);
    services::check(&environments, diagnostics);
    let mut composition = Composition::default();
    let base_overlay = overlay::read(files, "base", diagnostics);
    let bases = each(bases, diagnostics, |base, diagnostics| {
        overlay::lay(files, base, &[&base_overlay], diagnostics)
    });
    for laid in &bases {
        owners::check(laid, diagnostics);
        for delivery in laid.deliveries.iter().filter(|it| !it.files.is_empty()) {
            let place = folder::path(delivery, laid.environment);
            folder::plain(
                &mut composition,
                &place,
                delivery,
                &laid.common,
                diagnostics,
            );
        }
    }
    let composed = each(environments, diagnostics, |environment, diagnostics| {
        let own_overlay = overlay::read(files, &environment.environment.name, diagnostics);
        let overlays = [&base_overlay, &own_overlay];
        let environment = namespaces::with_namespaces(environment);
        let environment = services::with_sets(environment, workspace, diagnostics);
        let environment = roots::with_roots(environment, workspace);
        let laid = overlay::lay(files, environment, &overlays, diagnostics);
        let composed = compose_environment(workspace, &laid, &bases, diagnostics);
        (laid.environment, composed)
    });
    for (environment, more) in composed {
        composition.add(more, environment, diagnostics);
    }
    composition
}

/// A path of the tree as it is from the root of the repository.
fn in_repository(workspace: &Workspace, path: &TreePath) -> String {
    match workspace.sync_path.trim_start_matches("./") {
        "" | "." => path.to_string(),
        above => format!("{above}/{path}"),
    }
}

/// An environment's claims after the user's overlays, and what is left for each kustomization to say.
struct Laid<'a> {
    environment: &'a Environment,
    deliveries: Vec<Delivery>,
    common: Common,
}

impl Laid<'_> {
    /// A claim's folder and what stands in it, if anything does.
    fn folder_of(&self, claim: &str) -> Option<(TreePath, &Delivery)> {
        let mut standing = self.deliveries.iter().filter(|it| !it.files.is_empty());
        let delivery = standing.find(|it| it.name == claim)?;
        Some((folder::path(delivery, self.environment), delivery))
    }
}

fn compose_environment(
    workspace: &Workspace,
    laid: &Laid<'_>,
    bases: &[Laid<'_>],
    diagnostics: &mut Diagnostics,
) -> Composition {
    let mut composition = Composition::default();
    owners::check(laid, diagnostics);
    let order = order::order(laid.environment, &laid.deliveries, diagnostics);
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
        services::write(&mut composition, delivery);
        if laid.environment.engine == Engine::Argo {
            roots::keep_folders(&mut composition, delivery);
        }
    }
    composition.places = services::own_places(&laid.deliveries).collect();
    cluster::write(&mut composition, workspace, laid, &order, diagnostics);
    composition
}
