//! `pleach hook run` in a repository without `pleach.yaml`: the findings that the commit adds to what Flux and Argo CD deploy.

use std::collections::BTreeSet;

use anyhow::{Result, bail};

use super::run::{clean, staged, unmerged_files};
use crate::cli::check::repository::findings;
use crate::cli::session::{Session, no_workspace};
use crate::cli::tree::{NOTHING_DEPLOYED, addresses};
use crate::cli::{Global, Outcome, output};
use pleach::diag::Diagnostic;
use pleach::disk::{Index, Repository};
use pleach::tree::TreePath;

/// Checks everything that is deployed from the index, because any file may be a part of it.
pub(super) fn run(session: &Session<'_>, global: &Global) -> Result<Outcome> {
    let repository = Repository::find(&session.root)?;
    let Index {
        head,
        index,
        unmerged,
    } = repository.index()?;
    let top = TreePath::root();
    let unmerged = unmerged_files(&unmerged, &top);
    if !unmerged.is_empty() {
        return Ok(session.report(&unmerged));
    }
    if staged(&head, &index, &top)?.is_empty() {
        return Ok(clean("no files are staged"));
    }
    let urls = addresses(&repository);
    let after = findings(&index, &urls, &[], global)?;
    repository.failure()?;
    if after.entries.is_empty() {
        bail!("{}, and {NOTHING_DEPLOYED}", no_workspace(global)?);
    }
    let mut found = after.found;
    if !found.is_empty() {
        let before = findings(&head, &urls, &[], global)?.found;
        repository.failure()?;
        let known: BTreeSet<_> = before.iter().map(|it| (it.code, &it.message)).collect();
        let is_new = |it: &Diagnostic| !known.contains(&(it.code, &it.message));
        found = found.into_iter().filter(is_new).collect();
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
