//! Renames a claim and all references to it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::definition::{claim_documents, environments_of_reference, references_to};
use super::reference::{range_of, reference_at};
use super::state::Workspace;
use crate::engine::ENGINES;
use crate::layout::BASE;
use crate::load::fault_in_claim_name;
use crate::tree::TreePath;

/// The byte ranges to replace by the new name, by file.
pub type RenameEdits = BTreeMap<TreePath, BTreeSet<(usize, usize)>>;

/// The bytes of the claim name under the cursor, if there is one.
pub fn prepare_rename(workspace: &Workspace, path: &TreePath, at: usize) -> Option<Range<usize>> {
    reference_at(workspace, path, at).map(|it| it.range)
}

/// The edits that rename the claim under the cursor. Errors: a message why it cannot have the new name.
pub fn rename(
    workspace: &Workspace,
    path: &TreePath,
    at: usize,
    name: &str,
) -> Result<RenameEdits, String> {
    let reference = reference_at(workspace, path, at).ok_or("no claim name at this position")?;
    if let Some(fault) = fault_in_claim_name(name, &ENGINES) {
        return Err(fault);
    }
    let environments = environments_of_reference(workspace, &reference);
    let environments = environments.iter().map(String::as_str).chain([BASE]);
    for environment in environments {
        if workspace.index.has(environment, name) {
            return Err(format!(
                "`environments/{environment}` already has a claim `{name}`"
            ));
        }
    }
    let mut edits = RenameEdits::new();
    let mut add = |path: &TreePath, range: Range<usize>| {
        edits
            .entry(path.clone())
            .or_default()
            .insert((range.start, range.end));
    };
    for document in claim_documents(workspace, &reference) {
        if let Some(range) = range_of(document.name_span(), &document.name) {
            add(&document.path, range);
        }
    }
    for it in references_to(workspace, &reference) {
        add(&it.path, it.range);
    }
    match edits.is_empty() {
        true => Err(format!("unknown claim `{}`", reference.name)),
        false => Ok(edits),
    }
}
