//! The names of files and folders: the role of each path of a workspace ([`Input`]) and of each path of the tree that is rendered
//! from it ([`Output`]).

mod input;
mod output;

pub use input::{ENVIRONMENT, Folder, Input, KIND, WORKSPACE, input_folders};
pub use output::{
    CLUSTERS, Group, Output, OutputPart, ROOTS, SETS, Tier, claim_folder, cluster_folder,
    environment_of, set_file, set_folder, values_folder,
};

use crate::tree::TreePath;

/// Joins names and paths to a path. Empty ones are skipped.
fn joined(parts: &[&str]) -> TreePath {
    let names = parts.iter().flat_map(|it| it.split('/'));
    names
        .filter(|it| !it.is_empty())
        .fold(TreePath::root(), |path, name| path.child(name))
}

/// The environment with the shared claims.
pub const BASE: &str = "base";
/// The default output folder.
pub const DEFAULT_OUTPUT: &str = "deploy";
