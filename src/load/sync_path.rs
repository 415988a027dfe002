//! Checks whether the paths in objects of Flux and Argo CD lead to the tree.

use super::environment::Environment;
use super::workspace::WorkspaceConfig;
use crate::diag::{Diagnostic, Edit, Span};
use crate::tree::TreePath;

/// Compares `sync.path` with the path of the tree in its Git repository. `path_in_repository` is the path of the workspace there, if
/// known. Warning: `wrong-sync-path`.
pub fn check_sync_path(
    workspace: &WorkspaceConfig,
    environments: &[Environment],
    path_in_repository: Option<&TreePath>,
) -> Option<Diagnostic> {
    let path_in_repository = path_in_repository?;
    let reads_git = |it: &Environment| (it.engine.reads_git)(&it.settings);
    if !environments.iter().any(reads_git) {
        return None;
    }
    let tree = path_in_repository.join(&workspace.output);
    // Flux treats `/deploy` as `./deploy`.
    let path = TreePath::new(workspace.sync_path.trim_start_matches('/'));
    if path.as_ref() == Some(&tree) {
        return None;
    }
    let message = format!(
        "the clusters read paths below `{}`, but the tree is in `./{tree}` of the Git repository",
        workspace.sync_path
    );
    let span = workspace.sync_path_span.as_ref();
    let fault = Diagnostic::warning("wrong-sync-path", message);
    let is_unquoted = |it: &&Span| it.text() == workspace.sync_path;
    let edit = span
        .filter(is_unquoted)
        .map(|it| Edit::new(it, format!("./{tree}")));
    Some(fault.at(span.unwrap_or(&workspace.output_span)).fix(
        format!("write `sync: {{path: ./{tree}}}` below `spec`"),
        edit,
    ))
}
