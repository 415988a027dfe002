//! The tree for Flux: base folders, overlay folders with computed patches, and the Flux Kustomizations of each cluster.
//!
//! An environment's folder of a claim builds on the claim's base folder where both are there: what differs is a patch, what
//! is new a file, what is gone a deletion. Objects are first laid under the user's `overlays/`, so the tree needs nothing
//! outside itself.

mod cluster;
mod flat;
mod folder;
mod form;
mod order;
mod overlay;
mod owners;

use std::collections::BTreeMap;

use crate::delivery::Delivery;
use crate::diag::{Diagnostics, each};
use crate::load::{Environment, Layout, Workspace};
use crate::object::Object;
use crate::tree::{Files, TreePath};
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
    /// Whether the folder holds plain objects and no kustomization: a sync engine takes all of its files then.
    pub is_flat: bool,
}

/// Composes the tree. `files` is where `overlays/` is read from; `bases` is what environments share, for each engine.
pub fn compose(
    files: &dyn Files,
    workspace: &Workspace,
    bases: Vec<Delivered<'_>>,
    environments: Vec<Delivered<'_>>,
    diagnostics: &mut Diagnostics,
) -> Composition {
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
        let laid = overlay::lay(files, environment, &overlays, diagnostics);
        compose_environment(workspace, &laid, &bases, diagnostics)
    });
    for Composition { files, expected } in composed {
        composition.files.extend(files);
        composition.expected.extend(expected);
    }
    composition
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
    cluster::write(&mut composition, workspace, laid, &order, diagnostics);
    composition
}
