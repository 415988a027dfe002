//! Trees from before `output` in pleach.yaml was changed. Clusters that sync one of them continue to do so.

use anyhow::Result;

use super::session::Session;
use pleach::Compiled;
use pleach::diag::{Diagnostic, Diagnostics};
use pleach::disk::{apply, folders_with, read_output, remove_empty};
use pleach::emit::{Plan, earlier_tree, plan};
use pleach::layout::{CLUSTERS, Folder, WORKSPACE};
use pleach::load::WorkspaceConfig;
use pleach::tree::{Tree, TreePath};

/// A tree outside the output folder.
pub(super) struct EarlierTree {
    /// Its folder, relative to the workspace.
    folder: TreePath,
    /// Its generated files that belong to the compiled scope.
    files: Tree,
}

/// Searches for earlier trees, except in inputs, the output folder itself and other workspaces.
pub(super) fn find(session: &Session<'_>, compiled: &Compiled) -> Result<Vec<EarlierTree>> {
    let Some(output) = &compiled.output else {
        return Ok(Vec::new());
    };
    let mut trees = Vec::new();
    for folder in folders_with(&session.root, CLUSTERS, &is_foreign) {
        if folder == *output {
            continue;
        }
        let existing = read_output(&session.root.join(folder.as_str()))?;
        let mut locations = vec![folder.clone()];
        locations.extend(session.path_in_repository().map(|it| it.join(&folder)));
        let tree = earlier_tree(&compiled.tree, &compiled.covered(existing), &locations);
        trees.extend(tree.map(|files| EarlierTree { folder, files }));
    }
    Ok(trees)
}

/// Whether a folder next to the output folder may contain such a tree. The output folder itself is not searched.
pub(super) fn is_beside(session: &Session<'_>, output: &TreePath) -> bool {
    let is_foreign =
        |folder: &TreePath, files: &[String]| *folder == *output || is_foreign(folder, files);
    !folders_with(&session.root, CLUSTERS, &is_foreign).is_empty()
}

/// Inputs and other workspaces.
fn is_foreign(folder: &TreePath, files: &[String]) -> bool {
    const INPUTS: [Folder; 4] = [
        Folder::Environments,
        Folder::Overlays,
        Folder::Templates,
        Folder::Charts,
    ];
    let is_workspace = || files.iter().any(|it| it == WORKSPACE);
    let is_root = folder.parts().next().is_none();
    !is_root
        && (Folder::containing(folder).is_some_and(|it| INPUTS.contains(&it)) || is_workspace())
}

/// The files of the output folder, except those of earlier trees in it.
pub(super) fn exclude(existing: Tree, earlier: &[EarlierTree], output: &TreePath) -> Tree {
    let inner = earlier.iter().filter_map(|it| it.folder.below(output));
    let inner: Vec<TreePath> = inner.collect();
    if inner.is_empty() {
        return existing;
    }
    let is_own = |path: &TreePath| !inner.iter().any(|it| path.below(it).is_some());
    let own = existing.iter().filter(|it| is_own(it.0));
    own.map(|(path, bytes)| (path.clone(), bytes.clone()))
        .collect()
}

/// Reports them at `output` in pleach.yaml. Warning: `earlier-output`.
pub(super) fn findings(session: &Session<'_>, earlier: &[EarlierTree]) -> Diagnostics {
    let mut found = Diagnostics::default();
    let location = || WorkspaceConfig::read(&session.files).map(|it| it.output_span);
    let Some(location) = (!earlier.is_empty()).then(location).and_then(Result::ok) else {
        return found;
    };
    for tree in earlier {
        let (folder, number) = (&tree.folder, tree.files.len());
        let message = format!(
            "`{folder}` contains {number} generated files but is not `output`; clusters that sync it get no updates"
        );
        let fault = Diagnostic::warning("earlier-output", message).at(&location);
        found.push(fault.help(
            "if it was `output` before, let the clusters sync the new folder first; then run `pleach render --remove-earlier-output`",
        ));
    }
    found
}

/// Removes their generated files, but no edited or other files. Returns the removed files.
pub(super) fn remove(session: &Session<'_>, earlier: &[EarlierTree]) -> Result<Vec<Plan>> {
    let remove_one = |tree: &EarlierTree| {
        let removal = plan(&Tree::new(), &tree.files, false);
        let folder = session.root.join(tree.folder.as_str());
        apply(&removal, &folder)?;
        remove_empty(&folder);
        Ok(removal)
    };
    earlier.iter().map(remove_one).collect()
}
