//! The workspace in the last commit.

use std::path::Path;

use pleach::disk::{Repository, Revision};
use pleach::lsp::{Workspace, difference};
use pleach::tree::{Below, TreePath};

/// How the rendered form of a claim has changed since HEAD. Error: why it cannot be compared.
pub(super) fn difference_to_head(
    workspace: &Workspace,
    root: &Path,
    environment: &str,
    claim: &str,
) -> Result<String, String> {
    let repository = Repository::find(root).map_err(|it| it.to_string())?;
    let head: Option<Revision> = repository.revision("HEAD").map_err(|it| it.to_string())?;
    let head = head.ok_or("the repository has no commit yet")?;
    let real = root.canonicalize().unwrap_or_else(|_| root.to_path_buf());
    let below = real
        .strip_prefix(repository.root())
        .ok()
        .and_then(Path::to_str);
    let below = below
        .and_then(TreePath::new)
        .ok_or("the workspace is not below its repository")?;
    let files = Below::new(&head, below);
    let text = difference(workspace, &files, environment, claim);
    repository.failure().map_err(|it| it.to_string())?;
    Ok(match text.is_empty() {
        true => format!("# {claim} in {environment} has not changed since HEAD\n"),
        false => text,
    })
}
