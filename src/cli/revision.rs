//! The revision that a user names, or why there is none.

use anyhow::{Context, Result, bail};

use pleach::diag::nearest;
use pleach::disk::{Repository, Revision};

/// Opens a revision. `what` describes the possible meanings of the name, for errors: a revision, or also a folder.
pub(super) fn open(repository: &Repository, name: &str, what: &str) -> Result<Revision> {
    if let Some(revision) = repository.revision(name)? {
        return Ok(revision);
    }
    let says = |arguments: &[&str]| repository.query(arguments);
    if says(&["rev-parse", "--verify", "--quiet", "HEAD"])?.is_none() {
        bail!("{what} `{name}` not found: the repository has no commits yet");
    }
    let names = says(&["for-each-ref", "--format=%(refname:short)"])?.unwrap_or_default();
    if let Some(near) = nearest(name, names.lines()) {
        bail!("{what} `{name}` not found; did you mean `{near}`?");
    }
    if is_shallow(repository)? {
        bail!("{what} `{name}` not found in this shallow clone; run `git fetch --unshallow`");
    }
    bail!("{what} `{name}` not found")
}

/// `HEAD` if a range omits a revision.
pub(super) fn or_head(name: &str) -> &str {
    if name.is_empty() { "HEAD" } else { name }
}

/// The merge base of two revisions. `what` describes the possible meanings of their names.
pub(super) fn merge_base(
    repository: &Repository,
    before: &str,
    after: &str,
    what: &str,
) -> Result<String> {
    // Our message for an unknown name is more helpful than that of git.
    open(repository, before, what)?;
    open(repository, after, what)?;
    let base = repository.merge_base(before, after)?;
    if base.is_none() && is_shallow(repository)? {
        bail!(
            "the merge base of `{before}` and `{after}` is not in this shallow clone; run `git fetch --unshallow`"
        );
    }
    base.with_context(|| format!("`{before}` and `{after}` have no common ancestor"))
}

fn is_shallow(repository: &Repository) -> Result<bool> {
    let says = repository.query(&["rev-parse", "--is-shallow-repository"])?;
    Ok(says.as_deref() == Some("true"))
}
