//! The revision that a user names, or why there is none.

use anyhow::{Result, bail};

use crate::diag::nearest;
use crate::disk::{Repository, Revision};

/// Opens a revision. `what` is what the name could have been: a revision, or also a folder.
pub(super) fn open(repository: &Repository, name: &str, what: &str) -> Result<Revision> {
    if let Some(revision) = repository.revision(name)? {
        return Ok(revision);
    }
    let says = |arguments: &[&str]| repository.ask(arguments);
    if says(&["rev-parse", "--verify", "--quiet", "HEAD"])?.is_none() {
        bail!("the repository has no commit yet, and so no {what} `{name}`");
    }
    let names = says(&["for-each-ref", "--format=%(refname:short)"])?.unwrap_or_default();
    if let Some(near) = nearest(name, names.lines()) {
        bail!("there is no {what} `{name}`; did you mean `{near}`?");
    }
    if says(&["rev-parse", "--is-shallow-repository"])?.as_deref() == Some("true") {
        bail!(
            "there is no {what} `{name}` in this shallow clone; `git fetch --unshallow` brings the rest"
        );
    }
    bail!("there is no {what} `{name}`")
}
