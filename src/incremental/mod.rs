//! Renders only the part of a workspace that a change affects.
//!
//! If a workspace had no diagnostics before a change of claims, only the affected part is rendered, because the output of the rest
//! is the same. If the part has any diagnostic, or a check needs the whole workspace, a complete run is required, so that no
//! diagnostic is lost or repeated from a cache.

use std::collections::BTreeSet;

use crate::affected::{Affected, AffectedClaims, BASE, affected, claim_titles};
use crate::layout::{Folder, Input};
use crate::load::{self, WorkspaceConfig};
use crate::resolve::CLAIMS_MAX;
use crate::tree::{Changes, Files, ReadSet, TreePath};
use crate::{Compiled, Options, compile_change};

/// The result of a change.
#[derive(Debug)]
pub struct Update {
    /// The rendered affected part; `None` if the change affects nothing, such as a comment.
    pub compiled: Option<Compiled>,
    /// The number of claims of all environments after the change.
    pub claims: usize,
    /// The affected part before the change; empty if the change affects nothing.
    pub before: Compiled,
}

/// Renders the affected part. `claims` is the number of claims of all environments before the change, in a complete run without
/// diagnostics. `None` if a complete run is required.
pub fn update(
    sides: [&dyn Files; 2],
    changes: &Changes,
    claims: usize,
    options: &Options,
) -> Option<Update> {
    if !is_of_claims(sides, changes) {
        return None;
    }
    let reads = |_: &crate::Scope| ReadSet::default();
    let found = affected(sides, changes, &reads);
    if is_of_all(sides, changes, &found) {
        return None;
    }
    let Some(scope) = found.scope() else {
        return Some(Update {
            compiled: None,
            claims,
            before: Compiled::default(),
        });
    };
    let options = Options {
        scope,
        ..options.clone()
    };
    let [before, after] = compile_change(sides, &options);
    let (before, after) = (before?, after?);
    let claims = (claims + after.claims).checked_sub(before.claims)?;
    let is_known = after.is_conclusive
        && before.is_conclusive
        && before.diagnostics.is_empty()
        && after.diagnostics.is_empty()
        && before.requests == after.requests
        && claims <= CLAIMS_MAX;
    is_known.then_some(Update {
        compiled: Some(after),
        claims,
        before,
    })
}

/// Whether the set of environments is unchanged, and only YAML files in their folders change.
fn is_of_claims([before, after]: [&dyn Files; 2], changes: &Changes) -> bool {
    let names = load::environments(before);
    if names != load::environments(after) || WorkspaceConfig::read(after).is_err() {
        return false;
    }
    let names: BTreeSet<&str> = names.iter().map(String::as_str).chain([BASE]).collect();
    changes.paths().all(|path| {
        let input = Input::parse(path);
        let is_claim = matches!(input, Some(Input::Environment(_) | Input::Claims { .. }));
        let environment = input.and_then(Input::environment);
        // An empty file has a warning, but is not read if only some claims are rendered.
        let is_empty = || after.read(path).is_ok_and(|it| it.trim_ascii().is_empty());
        is_claim
            && environment.is_some_and(|it| names.contains(it))
            && !is_empty()
            && (path.name().ends_with(".yaml") || path.name().ends_with(".yml"))
    })
}

/// Whether a change affects all environments, or claims of base.
fn is_of_all([before, after]: [&dyn Files; 2], changes: &Changes, found: &Affected) -> bool {
    let touched = found.environments.get(BASE);
    if touched == Some(&AffectedClaims::All) {
        return true;
    }
    let base = Folder::Environments.path().child(BASE);
    let is_same = |path: &TreePath| {
        let titles = claim_titles(before, path);
        titles.is_some() && titles == claim_titles(after, path)
    };
    !changes.below(&base).all(is_same)
}
