//! Inputs other than claims and kinds: overlays with everything they refer to, and charts.

use super::{AffectedClaims, Search};
use crate::emit::{Ownership, ownership};
use crate::layout::{BASE, Folder};
use crate::load::{Scope, WorkspaceConfig};
use crate::tree::{Changes, TreePath};

/// Adds the environments whose rendering reads a changed file outside their own folders.
pub(super) fn search(
    search: &mut Search<'_>,
    workspaces: [&WorkspaceConfig; 2],
    reads: &super::Reads<'_>,
) {
    let changes = other_changes(search, workspaces);
    if changes.is_empty() {
        return;
    }
    let is_chart = may_affect_charts(search, &changes, workspaces);
    let overlays = Folder::Overlays.path();
    let has_overlay = |name: &str| {
        let folder = overlays.child(name);
        let mut sides = search.sides.iter();
        sides.any(|it| !matches!(it.kind(&folder), Ok(None)))
    };
    let is_shared = has_overlay(BASE);
    let open: Vec<String> = search
        .names
        .iter()
        .filter(|it| !search.found.is_whole(it))
        .filter(|it| is_chart || is_shared || has_overlay(it))
        .cloned()
        .collect();
    for name in open {
        if changes.touches(&reads(&Scope::for_environments(std::slice::from_ref(
            &name,
        )))) {
            search.found.add_environment(&name);
        }
    }
    if is_shared && changes.is_below(&overlays) || is_chart {
        search.found.add_environment(BASE);
    }
    let base = &mut search.found.environments;
    if matches!(base.get(BASE), Some(AffectedClaims::Only(it)) if it.is_empty()) {
        base.remove(BASE);
    }
}

/// Changes outside of claims and kinds. Files that pleach generated are not inputs.
fn other_changes(search: &Search<'_>, workspaces: [&WorkspaceConfig; 2]) -> Changes {
    let environments = Folder::Environments.path();
    let is_within = |it: &TreePath, folder: &TreePath| it == folder || it.below(folder).is_some();
    let is_known = |it: &TreePath| {
        let mut templates = workspaces.iter().flat_map(|it| &it.templates);
        is_within(it, &environments) || templates.any(|folder| is_within(it, folder))
    };
    let is_ours = |path: &TreePath| {
        let mut outputs = workspaces.iter().filter_map(|it| path.below(&it.output));
        outputs.any(|below| {
            let sides = search.sides.iter().filter_map(|it| it.read(path).ok());
            sides
                .map(|it| ownership(&below, &it))
                .all(|it| it != Ownership::Foreign)
        })
    };
    search.changes.filter(|it| !is_known(it) && !is_ours(it))
}

/// Whether the change may be of a chart, or of a file that selects charts.
fn may_affect_charts(
    search: &Search<'_>,
    changes: &Changes,
    workspaces: [&WorkspaceConfig; 2],
) -> bool {
    let is_chart = |path: &TreePath| {
        let copies = workspaces
            .iter()
            .any(|it| path.below(&it.chart_copies).is_some());
        let mut above = std::iter::successors(path.parent(), TreePath::parent);
        let has_chart = |folder: TreePath| {
            let file = folder.child("Chart.yaml");
            let mut sides = search.sides.iter();
            sides.any(|it| !matches!(it.kind(&file), Ok(None)))
        };
        copies
            || path.name() == crate::chart::LOCK
            || path.name().ends_with(".tgz")
            || above.any(has_chart)
    };
    changes.paths().any(is_chart)
}
