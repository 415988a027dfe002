//! The tree for Flux: base folders, overlay folders with computed patches, and the Flux Kustomizations of each cluster.
//!
//! An environment's folder of a claim builds on the claim's base folder where both are there: what differs is a patch, what
//! is new a file, what is gone a deletion. Objects are first laid under the user's `overlays/`, so the tree needs nothing
//! outside itself.

mod cluster;
mod folder;
mod form;
mod namespaces;
mod order;
mod overlay;
mod owners;

use std::collections::BTreeMap;

use crate::delivery::Delivery;
use crate::diag::{Diagnostics, each};
use crate::load::{Environment, Workspace};
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
}

/// Composes the tree. `files` is where `overlays/` is read from.
pub fn compose(
    files: &dyn Files,
    workspace: &Workspace,
    base: Delivered<'_>,
    environments: Vec<Delivered<'_>>,
    diagnostics: &mut Diagnostics,
) -> Composition {
    let mut composition = Composition::default();
    let base_overlay = overlay::read(files, "base", diagnostics);
    let base = namespaces::with_namespaces(base);
    let laid_base = overlay::lay(files, base, &[&base_overlay], diagnostics);
    owners::check(&laid_base, diagnostics);
    for delivery in &laid_base.deliveries {
        let place = folder::path(delivery, "base");
        folder::plain(
            &mut composition,
            &place,
            delivery,
            &laid_base.common,
            diagnostics,
        );
    }
    let composed = each(environments, diagnostics, |environment, diagnostics| {
        let own_overlay = overlay::read(files, &environment.environment.name, diagnostics);
        let overlays = [&base_overlay, &own_overlay];
        let environment = namespaces::with_namespaces(environment);
        let laid = overlay::lay(files, environment, &overlays, diagnostics);
        compose_environment(workspace, &laid, &laid_base.deliveries, diagnostics)
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

fn compose_environment(
    workspace: &Workspace,
    laid: &Laid<'_>,
    base: &[Delivery],
    diagnostics: &mut Diagnostics,
) -> Composition {
    let mut composition = Composition::default();
    owners::check(laid, diagnostics);
    let order = order::order(laid.environment, &laid.deliveries, diagnostics);
    for delivery in laid.deliveries.iter().filter(|it| !it.files.is_empty()) {
        let place = folder::path(delivery, &laid.environment.name);
        let common = &laid.common;
        let is_base = |it: &&Delivery| it.name == delivery.name && !it.files.is_empty();
        match base.iter().find(is_base) {
            Some(base) => folder::overlay(
                &mut composition,
                &place,
                delivery,
                base,
                common,
                diagnostics,
            ),
            None => folder::plain(&mut composition, &place, delivery, common, diagnostics),
        }
    }
    cluster::write(
        &mut composition,
        workspace,
        laid.environment,
        &laid.deliveries,
        &order,
    );
    composition
}
