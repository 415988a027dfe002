//! `pleach hook run` in a repository without `pleach.yaml`: the findings that the commit adds to what Flux and Argo CD deploy.

use anyhow::{Result, bail};

use super::findings::without_known;
use super::run::clean;
use crate::cli::check::repository::findings;
use crate::cli::repository_files::{NOTHING_DEPLOYED, UNREAD, addresses};
use crate::cli::session::{Session, no_workspace};
use crate::cli::{Global, Outcome, output};
use pleach::diag::Diagnostic;
use pleach::disk::{Repository, Revision};
use pleach::tree::Changes;

/// Checks everything that is deployed from the index, because any file may be a part of it.
pub(super) fn run(
    session: &Session<'_>,
    repository: &Repository,
    [head, index]: [&Revision; 2],
    changes: &Changes,
    global: &Global,
) -> Result<Outcome> {
    let urls = addresses(repository);
    let after = findings(index, &urls, &[], global)?;
    repository.failure()?;
    if after.entries.is_empty() {
        bail!("{}, and {NOTHING_DEPLOYED}", no_workspace(global)?);
    }
    let mut found = after.found;
    if !found.is_empty() {
        let before = findings(head, &urls, &[], global)?.found;
        repository.failure()?;
        // A commit to a workspace that is not checked must not look as if it had been.
        let is_staged = |it: &Diagnostic| {
            let folder = it.span.as_ref().and_then(|it| it.path().parent());
            it.code == UNREAD && folder.is_some_and(|it| changes.is_below(&it))
        };
        let (staged, others): (Vec<_>, Vec<_>) = found.into_iter().partition(is_staged);
        found = without_known(others.into_iter().collect(), &before);
        found.extend(staged);
    }
    let outcome = session.report(&found);
    if outcome == Outcome::Findings {
        output::error("the staged changes have new errors");
        return Ok(outcome);
    }
    let names: Vec<String> = after.entries.into_iter().collect();
    let from = match names.len() {
        ..=3 => names.join(", "),
        number => format!("{number} folders"),
    };
    clean(&format!("checked what is deployed from {from}"));
    Ok(outcome)
}
