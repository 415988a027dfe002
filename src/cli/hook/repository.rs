//! `pleach hook run` in a repository without `pleach.yaml`: the findings that the commit adds to what Flux and Argo CD deploy.

use anyhow::{Result, bail};

use super::findings::without_known;
use super::run::clean;
use crate::cli::check::repository::findings;
use crate::cli::repository_files::{NOTHING_DEPLOYED, addresses};
use crate::cli::session::{Session, no_workspace};
use crate::cli::{Global, Outcome, output};
use pleach::disk::{Repository, Revision};

/// Checks everything that is deployed from the index, because any file may be a part of it.
pub(super) fn run(
    session: &Session<'_>,
    repository: &Repository,
    [head, index]: [&Revision; 2],
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
        found = without_known(found, &before);
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
