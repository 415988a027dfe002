//! The names of files and folders, in one place: which path of a workspace is what ([`Input`]), and which path of the tree
//! rendered from it ([`Output`]).

mod input;
mod output;

pub use input::{ENVIRONMENT, Folder, Input, KIND, WORKSPACE, input_folders};
pub use output::{
    CLUSTERS, Group, Output, OutputPart, ROOTS, SETS, Tier, claim_folder, cluster_folder,
    environment_of, set_file, set_folder, values_folder,
};

use crate::tree::TreePath;

/// Joins names and paths to a path; empty ones are skipped.
fn joined(parts: &[&str]) -> TreePath {
    let names = parts.iter().flat_map(|it| it.split('/'));
    names
        .filter(|it| !it.is_empty())
        .fold(TreePath::root(), |path, name| path.child(name))
}

/// The environment with the shared claims.
pub const BASE: &str = "base";
/// The folder of the tree, unless `pleach.yaml` names another.
pub const DEFAULT_OUTPUT: &str = "deploy";
