//! A check of the changes since the last check.

use super::{lint, validation_options};
use crate::cli::diff::Depth;
use crate::cli::session::Session;
use crate::cli::unchanged::{Changed, Part, RunCache};
use pleach::tree::Tree;
use pleach::{Options, Scope, check, compile};

/// Checks the changes since a check without diagnostics, and stores the run if there are still none. Returns false if a complete check
/// is required.
pub(super) fn is_clean(
    run_cache: &RunCache,
    changed: Changed,
    session: &Session<'_>,
    options: &Options,
) -> bool {
    let part = changed.part(session, run_cache, options, false);
    let Some(part) = part.filter(|it| has_no_findings(&changed, it, session, options)) else {
        return false;
    };
    run_cache.store_partial(session, changed, part);
    true
}

/// Whether a change has no findings: the written files are up to date, and the affected environments have no errors. False if only a
/// complete check can decide this.
fn has_no_findings(
    changed: &Changed,
    part: &Part,
    session: &Session<'_>,
    options: &Options,
) -> bool {
    // An AppProject may belong to another environment, and an allow comment may be used or unused in any file.
    let is_local = |tree: &Tree| {
        let mut files = tree.iter();
        files.all(|(_, it)| memchr::memmem::find(it, b"AppProject").is_none())
    };
    if !part.plan.is_clean()
        || !is_local(&part.update.before.tree)
        || changed.has_text(check::COMMENT)
    {
        return false;
    }
    let Some(compiled) = &part.update.compiled else {
        return true;
    };
    if !is_local(&compiled.tree) {
        return false;
    }
    // After the change, a selector of a policy may match nothing; whether it does depends on all environments.
    if compiled
        .clusters
        .values()
        .any(|it| it.policies.has_selectors())
    {
        return false;
    }
    let is_local_change = || check::is_local_change(&part.update.before, compiled);
    let findings = || check::check_part(compiled, validation_options(session.global));
    if !changed.has_cluster_rules() && is_local_change() && findings().is_empty() {
        return true;
    }
    if compiled.scope.claims.is_empty() {
        return lint(compiled, &session.files, Depth::Sync, session.global).is_empty();
    }
    let whole = Options {
        scope: Scope::for_environments(&compiled.scope.environments),
        skip_proof: true,
        ..options.clone()
    };
    let whole = compile(&session.files, &whole);
    lint(&whole, &session.files, Depth::Sync, session.global).is_empty()
}
