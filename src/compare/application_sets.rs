//! Removed files and folders from which an ApplicationSet of Argo CD generated Applications.

use std::collections::{BTreeMap, BTreeSet};

use super::owners::path_fits;
use super::part::{documents, is_yaml};
use super::{Found, Side};
use crate::danger::{GitPath, git_paths, lost_names, lost_path, names_from_file};
use crate::diag::{Diagnostic, Diagnostics};
use crate::object::Object;
use crate::tree::{Entry, EntryKind, TreePath};

/// The entries of each folder of a side, by its path below the root.
pub(super) type Listing = BTreeMap<TreePath, Vec<Entry>>;

/// The maximum number of comparisons between missing paths and the paths that ApplicationSets read.
const COMPARED_MAX: usize = 2_000_000;

/// Dangers of removed files and folders, by parent folder. The files after the change are only searched for ApplicationSets if
/// something was removed.
pub(super) fn lost(
    before: &Listing,
    after: &Listing,
    [old, new]: [&Side<'_>; 2],
    notes: &mut Diagnostics,
) -> Vec<(TreePath, Found)> {
    let gone = gone(before, after);
    if gone.is_empty() {
        return Vec::new();
    }
    let mut found = Vec::new();
    let mut room = COMPARED_MAX;
    for set in sets(after, new) {
        let paths: BTreeSet<GitPath> = git_paths(&set).into_iter().collect();
        match room.checked_sub(paths.len().saturating_mul(gone.len())) {
            Some(left) => room = left,
            None => {
                notes.push(too_many(&set, paths.len(), gone.len()));
                continue;
            }
        }
        let mut own = BTreeSet::new();
        for (path, kind) in &gone {
            let is_read = paths
                .iter()
                .any(|it| it.is_folder == (*kind == EntryKind::Folder) && is_at(&it.pattern, path));
            if is_read && own.insert(path) {
                let folder = match kind {
                    EntryKind::Folder => path.clone(),
                    EntryKind::File => path.parent().unwrap_or_else(TreePath::root),
                };
                let origin = old.origins.and_then(|it| it.find(&folder, &set.id()));
                found.push((
                    folder,
                    Found {
                        finding: lost_path(&set, path.as_str()),
                        claim: origin.map(|it| it.claim.clone()),
                        place: None,
                    },
                ));
            }
        }
    }
    found
}

/// Dangers of changed files from whose content an ApplicationSet generates Applications: an Application with a new name is a new
/// object, and the old one is deleted. `kept` are the sets that exist on both sides.
pub(super) fn renamed(
    [before, after]: [&Listing; 2],
    [old, new]: [&Side<'_>; 2],
    kept: &[[Object; 2]],
) -> Vec<(TreePath, Found)> {
    let mut found = Vec::new();
    let mut room = COMPARED_MAX;
    for sets in kept {
        let paths = git_paths(&sets[1]);
        let (excluded, read): (Vec<GitPath>, Vec<GitPath>) = paths
            .into_iter()
            .filter(|it| !it.is_folder)
            .partition(|it| it.is_excluded);
        if read.is_empty() {
            continue;
        }
        let matches =
            |list: &[GitPath], path: &TreePath| list.iter().any(|it| is_at(&it.pattern, path));
        for (folder, entries) in after {
            match room.checked_sub(read.len().saturating_mul(entries.len())) {
                Some(left) => room = left,
                None => return found,
            }
            let was_there = |name: &str| {
                let mut earlier = before.get(folder).into_iter().flatten();
                earlier.any(|it| &*it.name == name)
            };
            for entry in entries.iter().filter(|it| it.kind == EntryKind::File) {
                let path = folder.child(&entry.name);
                if !matches(&read, &path) || matches(&excluded, &path) || !was_there(&entry.name) {
                    continue;
                }
                let names = [(old, &sets[0]), (new, &sets[1])].map(|(side, set)| {
                    let documents = documents(side.files, &side.root.join(&path));
                    names_from_file(set, &documents.unwrap_or_default())
                });
                let lost = names[0].difference(&names[1]);
                let lost: Vec<String> = lost.map(|it| format!("`{it}`")).collect();
                if !lost.is_empty() {
                    let finding = lost_names(&sets[1], &lost, path.as_str());
                    let (claim, place) = (None, None);
                    found.push((
                        folder.clone(),
                        Found {
                            finding,
                            claim,
                            place,
                        },
                    ));
                }
            }
        }
    }
    found
}

fn too_many(set: &Object, paths: usize, gone: usize) -> Diagnostic {
    let message = format!(
        "{} is not compared: it reads {paths} paths of Git, and {gone} files and folders are gone, which is too much to be looked at one by one",
        set.id()
    );
    let fault = Diagnostic::warning("not-compared", message);
    fault
        .at(set.node.span())
        .help("Argo CD deletes the Applications that it no longer generates: review it by hand, or split the change")
}

/// Files and folders that only the side before has.
fn gone(before: &Listing, after: &Listing) -> Vec<(TreePath, EntryKind)> {
    let mut gone = Vec::new();
    for (folder, entries) in before {
        let now = after.get(folder).map(Vec::as_slice).unwrap_or_default();
        let names: BTreeSet<&str> = now.iter().map(|it| &*it.name).collect();
        let lost = entries.iter().filter(|it| !names.contains(&*it.name));
        gone.extend(lost.map(|it| (folder.child(&it.name), it.kind)));
        // Git does not store empty folders, but they may exist in a work tree.
        let emptied = entries.iter().map(|it| folder.child(&it.name));
        let emptied = emptied.filter(|it| {
            let has = |side: &Listing| side.get(it).map(|it| !it.is_empty());
            has(before) == Some(true) && has(after) == Some(false)
        });
        gone.extend(emptied.map(|it| (it, EntryKind::Folder)));
    }
    gone
}

/// The ApplicationSets of a side.
fn sets(listing: &Listing, side: &Side<'_>) -> Vec<Object> {
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
fn is_at(pattern: &str, path: &TreePath) -> bool {
    let parts: Vec<&str> = pattern.trim_matches('/').split('/').collect();
    let is_plain = |it: &&&str| !it.contains(['*', '?', '[', '{']);
    let above = parts.iter().take_while(is_plain).count();
    let tails = (0..=above)
        .filter_map(|it| parts.get(it..))
        .filter(|it| it.len() > 1);
    let whole = std::iter::once(&*parts);
    whole.chain(tails).any(|it| path_fits(it, path))
}
