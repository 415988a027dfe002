//! What the workspace renders to, cut up by environment and claim.

use super::session::Session;
use super::{Outcome, cache};
use crate::load::is_base;
use crate::tree::{Files, Tree, TreePath};
use crate::{Compiled, Options, Scope, compile};

/// What some environments render to; `None` where the workspace has faults, which are told.
pub(super) fn rendered(
    session: &Session<'_>,
    files: &dyn Files,
    environments: &[String],
) -> Option<Compiled> {
    let options = Options {
        scope: Scope::of(environments),
        cache: cache::open(session.global),
        ..Options::default()
    };
    let compiled = compile(files, &options);
    let found = session.report(&compiled.diagnostics);
    let is_sound = compiled.output.is_some() && found == Outcome::Clean;
    is_sound.then_some(compiled)
}

/// Environment and claim of a folder of a rendered tree: `apps/prod/orders`. What stands in `clusters/` is of no claim.
pub(super) fn owner(folder: &TreePath) -> Option<(String, String)> {
    let mut parts = folder.parts();
    let (group, environment, claim) = (parts.next()?, parts.next()?, parts.next()?);
    let is_claim = group != "clusters" && !is_base(environment);
    is_claim.then(|| (environment.to_string(), claim.to_string()))
}

/// One environment's part of a tree, at a place that says nothing of which one it is, so that two can be compared.
pub(super) fn only(tree: &Tree, environment: &str) -> Tree {
    let is_other = |folder: &str| !is_base(folder) && folder != environment;
    let entries = tree.iter().filter_map(|(path, bytes)| {
        let mut parts = path.parts();
        let (group, folder) = (parts.next()?, parts.next()?);
        if group == "clusters" || is_other(folder) {
            return None;
        }
        let place = if folder == environment {
            "environment"
        } else {
            folder
        };
        let start = TreePath::root().child(group).child(place);
        let path = parts.fold(start, |path, part| path.child(part));
        Some((path, bytes.clone()))
    });
    entries.collect()
}
