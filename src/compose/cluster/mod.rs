//! `clusters/<env>/`: what the sync engine is told, a claim at a time.

mod argo;
mod flux;
mod project;
mod waves;

use super::order::Order;
use super::{Composed, Composition, Laid};
use crate::delivery::Delivery;
use crate::diag::Diagnostics;
use crate::load::{Engine, Environment, Group, Workspace};
use crate::tree::TreePath;

pub(super) fn write(
    composition: &mut Composition,
    workspace: &Workspace,
    laid: &Laid<'_>,
    order: &Order,
    diagnostics: &mut Diagnostics,
) {
    match laid.environment.engine {
        Engine::Flux => flux::write(composition, workspace, laid, order),
        Engine::Argo => argo::write(composition, workspace, laid, order, diagnostics),
    }
}

/// Puts a file into the environment's folder.
fn put(composition: &mut Composition, environment: &Environment, file: &str, body: String) {
    let folder = TreePath::root().child("clusters").child(&environment.name);
    let title = format!("Environment/{}", environment.name);
    composition
        .files
        .insert(folder.child(file), Composed { title, body });
}

/// The claims of a group that have anything to apply, by name.
fn members(deliveries: &[Delivery], group: Group) -> Vec<&Delivery> {
    let members = deliveries
        .iter()
        .filter(|it| it.group == group && !it.is_empty());
    let mut members: Vec<&Delivery> = members.collect();
    members.sort_by(|a, b| a.name.cmp(&b.name));
    members
}
