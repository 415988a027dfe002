//! Renames a claim and all references to it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::definition::{all_sites, claim_documents, environments_of_site};
use super::reference::{named_at, range_of};
use super::state::Workspace;
use crate::engine::ENGINES;
use crate::layout::BASE;
use crate::load::fault_in_claim_name;
use crate::tree::TreePath;

/// The byte ranges to replace by the new name, by file.
pub type Change = BTreeMap<TreePath, BTreeSet<(usize, usize)>>;

/// The bytes of the name under the cursor, if it is that of a claim.
pub fn prepare_rename(workspace: &Workspace, path: &TreePath, at: usize) -> Option<Range<usize>> {
    named_at(workspace, path, at).map(|it| it.range)
}

/// All locations of the name of the claim under the cursor. Error: why the new name is not possible.
pub fn rename(
    workspace: &Workspace,
    path: &TreePath,
    at: usize,
    name: &str,
) -> Result<Change, String> {
    let site = named_at(workspace, path, at).ok_or("no claim name at this position")?;
    if let Some(fault) = fault_in_claim_name(name, &ENGINES) {
        return Err(fault);
    }
    let environments = environments_of_site(workspace, &site);
    let others = environments.iter().map(String::as_str).chain([BASE]);
    for environment in others {
        if workspace.index.has(environment, name) {
            return Err(format!(
                "`environments/{environment}` has a claim `{name}` already"
            ));
        }
    }
    let mut change = Change::new();
    let mut add = |path: &TreePath, range: Range<usize>| {
        change
            .entry(path.clone())
            .or_default()
            .insert((range.start, range.end));
    };
    for document in claim_documents(workspace, &site) {
        if let Some(range) = range_of(document.name_span(), &document.name) {
            add(&document.path, range);
        }
    }
    for it in all_sites(workspace, &site) {
        add(&it.path, it.range);
    }
    match change.is_empty() {
        true => Err(format!("unknown claim `{}`", site.name)),
        false => Ok(change),
    }
}
