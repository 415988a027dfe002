//! `clusters/<env>/`: the sync engine's own objects for each claim.

mod argo;
mod flux;
mod health;
mod project;
mod waves;

use super::order::Order;
use super::{OutputFile, Overlaid, RenderedTree};
use crate::diag::Diagnostics;
use crate::layout::cluster_folder;
use crate::load::{Engine, Environment, WorkspaceConfig};
use crate::tree::TreePath;

pub(super) fn write(
    composition: &mut RenderedTree,
    workspace: &WorkspaceConfig,
    laid: &Overlaid<'_>,
    order: &Order,
    diagnostics: &mut Diagnostics,
) {
    match laid.environment.engine {
        Engine::Flux => flux::write(composition, workspace, laid, order),
        Engine::Argo => argo::write(composition, workspace, laid, order, diagnostics),
    }
}

fn folder(environment: &Environment) -> TreePath {
    cluster_folder(&environment.name)
}

/// Puts a file of the environment itself into its folder.
fn put(composition: &mut RenderedTree, environment: &Environment, file: &str, body: String) {
    let title = format!("Environment/{}", environment.name);
    let path = folder(environment).child(file);
    composition.files.insert(path, OutputFile { title, body });
}
