//! Finds changes of files and folders because of which an ApplicationSet of Argo CD no longer generates an Application.

use std::collections::{BTreeMap, BTreeSet};

use super::owners::path_matches;
use super::part::{documents, is_yaml};
use super::{LocatedFinding, Side};
use crate::danger::{GitPath, git_paths, lost_names, lost_path, names_from_file};
use crate::diag::{Diagnostic, Diagnostics};
use crate::object::Object;
use crate::tree::{Entry, EntryKind, TreePath};

/// The entries of each folder of a side, by its path below the root.
pub(super) type Listing = BTreeMap<TreePath, Vec<Entry>>;

/// The maximum number of comparisons between paths of the tree and paths that ApplicationSets read.
const COMPARISONS_MAX: usize = 2_000_000;

/// Findings about removed files and folders from which an ApplicationSet generates Applications, each with the parent folder. The
/// files are only searched for ApplicationSets if something was removed.
pub(super) fn check_removed_paths(
    before: &Listing,
    after: &Listing,
    [old, new]: [&Side<'_>; 2],
    notes: &mut Diagnostics,
) -> Vec<(TreePath, LocatedFinding)> {
    let removed = removed_entries(before, after);
    if removed.is_empty() {
        return Vec::new();
    }
    let mut found = Vec::new();
    let mut comparisons_left = COMPARISONS_MAX;
    for set in application_sets(after, new) {
        let paths: BTreeSet<GitPath> = git_paths(&set).into_iter().collect();
        match comparisons_left.checked_sub(paths.len().saturating_mul(removed.len())) {
            Some(rest) => comparisons_left = rest,
            None => {
                notes.push(too_many_paths(&set, paths.len(), removed.len()));
                continue;
            }
        }
        let mut reported = BTreeSet::new();
        for (path, kind) in &removed {
            let is_folder = *kind == EntryKind::Folder;
            let is_read = paths
                .iter()
                .any(|it| it.is_folder == is_folder && pattern_matches(&it.pattern, path));
            if is_read && reported.insert(path) {
                let folder = match kind {
                    EntryKind::Folder => path.clone(),
                    EntryKind::File => path.parent().unwrap_or_else(TreePath::root),
                };
                let origin = old.origins.and_then(|it| it.find(&folder, &set.id()));
                found.push((
                    folder,
                    LocatedFinding {
                        finding: lost_path(&set, path.as_str()),
                        claim: origin.map(|it| it.claim.clone()),
                        span: None,
                    },
                ));
            }
        }
    }
    found
}

/// Findings about changed files from whose content an ApplicationSet generates Applications, each with the parent folder: if the
/// name of an Application changes, the Application with the old name is deleted. `sets` are the ApplicationSets that both sides have.
pub(super) fn check_changed_files(
    [before, after]: [&Listing; 2],
    sides: [&Side<'_>; 2],
    sets: &[[Object; 2]],
) -> Vec<(TreePath, LocatedFinding)> {
    let mut found = Vec::new();
    let mut comparisons_left = COMPARISONS_MAX;
    for set in sets {
        let paths = git_paths(&set[1]);
        let (excluded, read): (Vec<GitPath>, Vec<GitPath>) = paths
            .into_iter()
            .filter(|it| !it.is_folder)
            .partition(|it| it.is_excluded);
        if read.is_empty() {
            continue;
        }
        let matches = |patterns: &[GitPath], path: &TreePath| {
            let mut patterns = patterns.iter();
            patterns.any(|it| pattern_matches(&it.pattern, path))
        };
        for (folder, entries) in after {
            match comparisons_left.checked_sub(read.len().saturating_mul(entries.len())) {
                Some(rest) => comparisons_left = rest,
                None => return found,
            }
            let existed = |name: &str| {
                let mut entries = before.get(folder).into_iter().flatten();
                entries.any(|it| &*it.name == name)
            };
            for entry in entries.iter().filter(|it| it.kind == EntryKind::File) {
                let path = folder.child(&entry.name);
                if matches(&read, &path) && !matches(&excluded, &path) && existed(&entry.name) {
                    let finding = check_file(set, sides, &path);
                    found.extend(finding.map(|it| (folder.clone(), it)));
                }
            }
        }
    }
    found
}

/// The finding that a file no longer generates all Applications that it generated before.
fn check_file(set: &[Object; 2], sides: [&Side<'_>; 2], path: &TreePath) -> Option<LocatedFinding> {
    let names = [0, 1].map(|at| {
        let documents = documents(sides[at].files, &sides[at].root.join(path));
        names_from_file(&set[at], &documents.unwrap_or_default())
    });
    let removed = names[0].difference(&names[1]);
    let removed: Vec<String> = removed.map(|it| format!("`{it}`")).collect();
    if removed.is_empty() {
        return None;
    }
    Some(LocatedFinding {
        finding: lost_names(&set[1], &removed, path.as_str()),
        claim: None,
        span: None,
    })
}

fn too_many_paths(set: &Object, paths: usize, removed: usize) -> Diagnostic {
    let message = format!(
        "{} is not compared: it reads {paths} paths of Git, and {removed} files and folders are removed, which are too many to compare",
        set.id()
    );
    let fault = Diagnostic::warning("not-compared", message);
    fault
        .at(set.node.span())
        .help("Argo CD deletes the Applications that it no longer generates: review the change manually, or split it")
}

/// Files and folders that only exist before the change.
fn removed_entries(before: &Listing, after: &Listing) -> Vec<(TreePath, EntryKind)> {
    let mut removed = Vec::new();
    for (folder, entries) in before {
        let remaining = after.get(folder).map(Vec::as_slice).unwrap_or_default();
        let names: BTreeSet<&str> = remaining.iter().map(|it| &*it.name).collect();
        let missing = entries.iter().filter(|it| !names.contains(&*it.name));
        removed.extend(missing.map(|it| (folder.child(&it.name), it.kind)));
        // A folder that becomes empty is removed: it may still exist in a work tree, but Git does not store it.
        let folders = entries.iter().map(|it| folder.child(&it.name));
        let emptied = folders.filter(|it| {
            let has_entries = |side: &Listing| side.get(it).map(|it| !it.is_empty());
            has_entries(before) == Some(true) && has_entries(after) == Some(false)
        });
        removed.extend(emptied.map(|it| (it, EntryKind::Folder)));
    }
    removed
}

/// The ApplicationSets in the files of a side.
fn application_sets(listing: &Listing, side: &Side<'_>) -> Vec<Object> {
    let mut sets = Vec::new();
    for (folder, entries) in listing {
        for entry in entries.iter().filter(|it| is_yaml(it)) {
            let path = side.root.join(folder).child(&entry.name);
            let bytes = side.files.read(&path).unwrap_or_default();
            if memchr::memmem::find(&bytes, b"ApplicationSet").is_some() {
                let documents = documents(side.files, &path).unwrap_or_default();
                let objects = documents.into_iter().map(Object::new);
                sets.extend(objects.filter(|it| it.kind() == "ApplicationSet"));
            }
        }
    }
    sets
}

/// Whether a pattern of a generator matches a path. The pattern is relative to the top of the repository, which may be above the
/// root of the side, so its first folders may be missing in the path.
fn pattern_matches(pattern: &str, path: &TreePath) -> bool {
    let parts: Vec<&str> = pattern.trim_matches('/').split('/').collect();
    let is_literal = |it: &&&str| !it.contains(['*', '?', '[', '{']);
    let literal_parts = parts.iter().take_while(is_literal).count();
    let tails = (0..=literal_parts)
        .filter_map(|it| parts.get(it..))
        .filter(|it| it.len() > 1);
    let complete = std::iter::once(&*parts);
    complete.chain(tails).any(|it| path_matches(it, path))
}
