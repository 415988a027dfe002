//! The check of a whole workspace, in the background.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::STACK_BYTES;
use crate::cli::Global;
use crate::cli::check::lint;
use crate::cli::diff::Depth;
use crate::cli::session::repository_top;
use pleach::chart::Cache;
use pleach::diag::Diagnostic;
use pleach::layout::WORKSPACE;
use pleach::lsp::{Snapshot, Workspace};
use pleach::tree::TreePath;
use pleach::{Options, compile};

/// The diagnostics of a workspace, by file.
pub(super) type FileDiagnostics = BTreeMap<TreePath, Vec<Diagnostic>>;

/// Starts a check; `report` receives its result.
pub(super) fn start(
    root: PathBuf,
    workspace: &Workspace,
    global: Arc<Global>,
    report: impl FnOnce(PathBuf, FileDiagnostics) + Send + 'static,
) {
    let (snapshot, cache) = (workspace.files.clone(), workspace.cache.clone());
    let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
    let run = move || {
        let found = check(&root, &snapshot, cache, &global);
        report(root, found);
    };
    // Without another thread, only the diagnostics while typing are available.
    drop(thread.spawn(run));
}

fn check(
    root: &Path,
    snapshot: &Snapshot,
    cache: Option<Cache>,
    global: &Global,
) -> FileDiagnostics {
    let options = Options {
        cache,
        with_clusters: true,
        path_in_repository: path_in_repository(root),
        ..Options::default()
    };
    let compiled = compile(snapshot, &options);
    let mut found = FileDiagnostics::new();
    let workspace = TreePath::root().child(WORKSPACE);
    for diagnostic in lint(&compiled, snapshot, Depth::Sync, global) {
        let diagnostic = diagnostic.outermost();
        let location = diagnostic.span.as_ref().map(|it| it.path().clone());
        // Built-in content is not a file.
        let location = location.filter(|it| !it.as_str().starts_with('<'));
        found
            .entry(location.unwrap_or_else(|| workspace.clone()))
            .or_default()
            .push(diagnostic);
    }
    found
}

/// The path of a workspace below the top of its repository.
pub(super) fn path_in_repository(root: &Path) -> Option<TreePath> {
    let below = root.strip_prefix(repository_top(root)?).ok()?;
    TreePath::new(below.to_str()?)
}
