//! Findings in everything that the affected environments apply, except those that HEAD already has.
//!
//! A removed claim may leave dangling references in others, so an environment is checked as a whole.

use std::collections::BTreeSet;

use crate::cli::check::lint;
use crate::cli::diff::Depth;
use crate::cli::{Global, cache};
use pleach::diag::{Diagnostic, Diagnostics};
use pleach::layout::BASE;
use pleach::load::{self, Scope, claim_files, environment_folder};
use pleach::tree::Files;
use pleach::{Compiled, Options, compile};

/// With more environments, complete rendering would take too long for a commit: `pleach check` checks all of them.
const ENVIRONMENTS_MAX: usize = 4;

/// The number of claim files that are rendered completely in about a second; those of base count once for each environment.
const CLAIM_FILES_MAX: usize = 1_000;

/// Whether complete rendering of these environments would take too long for a commit.
pub(super) fn is_too_large(files: &dyn Files, environments: &[String]) -> bool {
    let claims = |name: &str| {
        let folder = environment_folder(name).0;
        claim_files(files, &folder, &mut Diagnostics::default()).len()
    };
    let all = || {
        let own: usize = environments.iter().map(|it| claims(it)).sum();
        own + claims(BASE) * environments.len()
    };
    environments.len() > ENVIRONMENTS_MAX || all() > CLAIM_FILES_MAX
}

/// The findings of the commit. `compiled` is the affected part, rendered from the index.
pub(super) fn new_findings(
    [before, after]: [&dyn Files; 2],
    compiled: &Compiled,
    depth: Depth,
    global: &Global,
) -> Diagnostics {
    let names = &compiled.scope.environments;
    let is_whole = compiled.scope.claims.is_empty();
    if !is_whole && is_too_large(after, names) {
        return Diagnostics::default();
    }
    let render = |files: &dyn Files| {
        let there = load::environments(files);
        let mut scope = Scope::for_environments(names);
        scope.environments.retain(|it| there.contains(it));
        let is_there = names.is_empty() || !scope.is_whole();
        let options = Options {
            scope,
            cache: cache::open(global),
            skip_proof: true,
            with_clusters: true,
            ..Options::default()
        };
        is_there.then(|| compile(files, &options))
    };
    let rendered = (!is_whole).then(|| render(after)).flatten();
    let found = lint(rendered.as_ref().unwrap_or(compiled), after, depth, global);
    if found.is_empty() {
        return found;
    }
    let known = render(before).map(|it| lint(&it, before, depth, global));
    let new = without_known(found, &known.unwrap_or_default());
    let reported: Vec<_> = compiled.diagnostics.iter().collect();
    let is_reported = |it: &Diagnostic| reported.contains(&it);
    new.into_iter().filter(|it| !is_reported(it)).collect()
}

/// The findings that HEAD does not have yet. Their lines may differ.
pub(super) fn without_known(found: Diagnostics, known: &Diagnostics) -> Diagnostics {
    let known: BTreeSet<_> = known.iter().map(|it| (it.code, &it.message)).collect();
    let is_new = |it: &Diagnostic| !known.contains(&(it.code, &it.message));
    found.into_iter().filter(is_new).collect()
}
