//! A change of a workspace, rendered as far as it goes.
//!
//! Where a workspace had nothing to say before a change of claims, only what the change touches is rendered: the rest comes to the
//! same. Whatever only a run of the whole workspace can judge, and whatever it would have to say, is left to such a run, so that no
//! diagnostic is lost and none is repeated from memory.

use std::collections::BTreeSet;

use crate::affected::{Affected, BASE, Touched, affected, claim_titles};
use crate::layout::{Folder, Input};
use crate::load::{self, WorkspaceConfig};
use crate::resolve::CLAIMS_MAX;
use crate::tree::{Changes, Files, ReadSet, Tree, TreePath};
use crate::{Compiled, Options, compile_change};

/// What a change comes to.
#[derive(Debug)]
pub struct Update {
    /// What the change touches, rendered; `None` where it touches nothing, such as a comment.
    pub compiled: Option<Compiled>,
    /// How many claims all environments have after it.
    pub claims: usize,
    /// The files that what it touches was rendered to before, which are some of those of the whole.
    pub before: Tree,
}

/// Renders what a change touches. `claims` is how many claims all environments had before it, when a run of the whole workspace had
/// nothing to say. `None` where only a run of the whole workspace knows what the change comes to.
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
            before: Tree::new(),
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
        before: before.tree,
    })
}

/// Whether the same environments stay, and YAML files in their folders are all that changes.
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
        is_claim
            && environment.is_some_and(|it| names.contains(it))
            && (path.name().ends_with(".yaml") || path.name().ends_with(".yml"))
    })
}

/// Whether a change is of all environments, or of the claims that base has.
fn is_of_all([before, after]: [&dyn Files; 2], changes: &Changes, found: &Affected) -> bool {
    let touched = found.environments.get(BASE);
    if touched == Some(&Touched::All) {
        return true;
    }
    let base = Folder::Environments.path().child(BASE);
    let is_same = |path: &TreePath| {
        let titles = claim_titles(before, path);
        titles.is_some() && titles == claim_titles(after, path)
    };
    !changes.below(&base).all(is_same)
}
