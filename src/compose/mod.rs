//! The tree for Flux: base folders, overlay folders with computed patches, and the Flux Kustomizations of each cluster.
//!
//! An environment's folder of a claim builds on the claim's base folder where both are there: what differs is a patch, what
//! is new a file, what is gone a deletion. Objects are first laid under the user's `overlays/`, so the tree needs nothing
//! outside itself.

mod cluster;
mod folder;
mod interface;
mod form;
mod order;
mod overlay;
mod owners;

use std::collections::BTreeMap;

use crate::delivery::Delivery;
use crate::diag::{Diagnostics, each};
use crate::load::{Environment, Scope, Workspace};
use crate::object::Object;
use crate::tree::{Files, TreePath};
use folder::Common;
pub use interface::Interface;

/// An environment and what its claims deliver.
pub struct Delivered<'a> {
    /// The environment; base is one too.
    pub environment: &'a Environment,
    /// Its claims, by name.
    pub deliveries: Vec<Delivery>,
    /// Whether it has claims that are not here.
    pub is_partial: bool,
}

/// What is to be written, and what it must build to.
#[derive(Default)]
pub struct Composition {
    /// The files, by their paths below the output folder.
    pub files: BTreeMap<TreePath, Composed>,
    /// The kustomizations, each with the objects that it must build to.
    pub expected: Vec<Expected>,
    /// For each claim of an environment that is not here as a whole: what the rest of the environment sees of it.
    pub interfaces: BTreeMap<(String, String), Interface>,
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
        let laid = overlay::lay(files, environment, &overlays, diagnostics);
        compose_environment(workspace, &laid, &laid_base.deliveries, diagnostics)
    });
    for one in composed {
        composition.files.extend(one.files);
        composition.expected.extend(one.expected);
        composition.interfaces.extend(one.interfaces);
    }
    composition
}

/// A scope in which no environment is partial whose objects an overlay may mix: what it does to one claim may come from another.
pub fn whole_under_overlays(files: &dyn Files, scope: &Scope) -> Scope {
    let is_there = |environment: &str| !matches!(overlay::place(files, environment), Ok(None));
    let base = !scope.claims.is_empty() && is_there("base");
    let claims = scope.claims.iter();
    let partial = claims.filter(|(environment, _)| !base && !is_there(environment));
    Scope {
        environments: scope.environments.clone(),
        claims: partial
            .map(|(name, it)| (name.clone(), it.clone()))
            .collect(),
    }
}

/// An environment's claims after the user's overlays, and what is left for each kustomization to say.
struct Laid<'a> {
    environment: &'a Environment,
    deliveries: Vec<Delivery>,
    common: Common,
    is_partial: bool,
}

fn compose_environment(
    workspace: &Workspace,
    laid: &Laid<'_>,
    base: &[Delivery],
    diagnostics: &mut Diagnostics,
) -> Composition {
    let mut composition = Composition::default();
    owners::check(laid, diagnostics);
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
    if laid.is_partial {
        composition.interfaces = interface::all(&laid.environment.name, &laid.deliveries);
        return composition;
    }
    let order = order::order(laid.environment, &laid.deliveries, diagnostics);
    cluster::write(
        &mut composition,
        workspace,
        laid.environment,
        &laid.deliveries,
        &order,
    );
    composition
}
