//! Code lenses above the first line of each claim.

use std::ops::Range;

use super::reference::range_of;
use super::state::Workspace;
use crate::tree::TreePath;

/// The maximum number of environments for which a claim of base has lenses.
const ENVIRONMENTS_MAX: usize = 4;

/// A lens: a command for a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lens {
    /// The bytes of the claim's name; the editor shows the lens above their line.
    pub range: Range<usize>,
    /// The name of the claim.
    pub claim: String,
    /// The environment that the claim is rendered for.
    pub environment: String,
}

/// The lenses of a file: for each claim, one for each environment that it is rendered in.
pub fn lenses(workspace: &Workspace, path: &TreePath) -> Vec<Lens> {
    let mut lenses = Vec::new();
    for document in workspace.index.of_file(path) {
        let Some(range) = range_of(document.name_span(), &document.name) else {
            continue;
        };
        let environments = workspace.environments_of(path, &document.name);
        for environment in environments.into_iter().take(ENVIRONMENTS_MAX) {
            lenses.push(Lens {
                range: range.clone(),
                claim: document.name.clone(),
                environment,
            });
        }
    }
    lenses
}
