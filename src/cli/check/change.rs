//! A check of what has changed since the last one.

use super::judged;
use crate::cli::diff::Depth;
use crate::cli::session::Session;
use crate::cli::unchanged::{Changed, Known, Part};
use pleach::tree::Tree;
use pleach::{Options, Scope, check, compile};

/// Checks what has changed since a check that had nothing to say, and remembers it where that is so still. False where a run of the whole
/// workspace has to look.
pub(super) fn is_clean(
    known: &Known,
    changed: Changed,
    session: &Session<'_>,
    options: &Options,
) -> bool {
    let part = changed.part(session, known, options, false);
    let Some(part) = part.filter(|it| is_silent(&changed, it, session, options)) else {
        return false;
    };
    known.renew(session, changed, part);
    true
}

/// Whether a change has no findings: the written files are what it renders to, and nothing is wrong with the environments
/// that it touches. Of some things only a run of the whole workspace knows that.
fn is_silent(changed: &Changed, part: &Part, session: &Session<'_>, options: &Options) -> bool {
    // An AppProject may be another environment's, and a comment may be of use or not anywhere.
    let is_local = |tree: &Tree| {
        let mut files = tree.iter();
        files.all(|(_, it)| memchr::memmem::find(it, b"AppProject").is_none())
    };
    if !part.plan.is_clean() || !is_local(&part.update.before) || changed.has_text(check::ALLOW) {
        return false;
    }
    let Some(compiled) = &part.update.compiled else {
        return true;
    };
    if !is_local(&compiled.tree) {
        return false;
    }
    if compiled.scope.claims.is_empty() {
        return judged(compiled, &session.files, Depth::Sync, session.global).is_empty();
    }
    let whole = Options {
        scope: Scope::of(&compiled.scope.environments),
        without_proof: true,
        ..options.clone()
    };
    let whole = compile(&session.files, &whole);
    judged(&whole, &session.files, Depth::Sync, session.global).is_empty()
}
