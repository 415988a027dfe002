//! Finds parts that moved to another folder, from which the same sync object still applies their objects.

use std::collections::{BTreeMap, BTreeSet};

use super::part::{Part, PartKind, documents};
use super::{Environment, Side};
use crate::diff::{Change, ChangeKind};
use crate::object::ObjectId;
use crate::tree::{Files, TreePath, Walk};
use crate::yaml::Node;

/// The name of an environment and its parts.
pub(super) type EnvironmentParts = (String, Vec<Part>);

/// If more folders than this move at once, the others are treated as removed and added, so that the time is linear.
const PATHS_MAX: usize = 1_000;

/// For each environment that must be compared together with others: the name of the environment that they are compared as.
/// `compared` contains the results of comparing each environment separately.
pub(super) fn find(
    all: &[EnvironmentParts],
    compared: &[Environment],
    sides: [&Side<'_>; 2],
) -> BTreeMap<String, String> {
    let mut moved = BTreeMap::new();
    let is_one_sided = |it: &EnvironmentParts| exists_only(&it.1, 0) || exists_only(&it.1, 1);
    if !all.iter().any(is_one_sided) {
        return moved;
    }
    for (from, to) in changed_paths(compared, sides).into_iter().take(PATHS_MAX) {
        let mut names = BTreeSet::new();
        for (at, root) in [(0, &from), (1, &to)] {
            let existing = all.iter().filter(|it| it.1.iter().any(|it| it.exists[at]));
            let below = existing.filter(|it| it.1.iter().all(|it| is_within(&it.folder, root)));
            names.extend(below.map(|it| it.0.clone()));
        }
        let target = name_of(all, &to).or_else(|| names.last().cloned());
        if let (Some(target), true) = (target, names.len() > 1) {
            moved.extend(names.into_iter().map(|it| (it, target.clone())));
        }
    }
    find_nested(all, compared, sides, &mut moved);
    moved
}

/// Whether all parts exist on this side and not on the other one.
fn exists_only(parts: &[Part], at: usize) -> bool {
    parts.iter().all(|it| it.exists[at] && !it.exists[1 - at])
}

fn is_within(path: &TreePath, folder: &TreePath) -> bool {
    path == folder || path.below(folder).is_some()
}

/// The environment with a part in this folder.
fn name_of(all: &[EnvironmentParts], folder: &TreePath) -> Option<String> {
    let mut all = all.iter();
    let environment = all.find(|it| it.1.iter().any(|it| it.folder == *folder));
    environment.map(|it| it.0.clone())
}

/// The folders of sync objects whose path changes, before and after.
fn changed_paths(
    compared: &[Environment],
    sides: [&Side<'_>; 2],
) -> BTreeSet<(TreePath, TreePath)> {
    let changes = compared
        .iter()
        .flat_map(|it| &it.objects)
        .map(|it| &it.change);
    let changed = changes.filter(|it| it.kind == ChangeKind::Changed);
    let moves = changed.filter_map(|it| {
        let keys = path_field(it)?;
        let path = |node: Option<&Node>, side| folder(node?.at_keys(keys)?, side);
        let from = path(it.before.as_ref(), sides[0])?;
        let to = path(it.after.as_ref(), sides[1])?;
        (from != to).then_some((from, to))
    });
    moves.collect()
}

/// The folder with a path in a sync object, relative to the root of the side. The path in the object is relative to the top of the
/// repository.
fn folder(path: &Node, side: &Side<'_>) -> Option<TreePath> {
    let path = TreePath::new(path.as_str()?)?;
    Some(path.below(side.root).unwrap_or(path))
}

/// The field of a sync object with the folder that it applies; `None` for other objects.
pub(super) fn path_field(change: &Change) -> Option<&'static [&'static str]> {
    match (&*change.id.group, &*change.id.kind) {
        ("kustomize.toolkit.fluxcd.io", "Kustomization") => Some(&["spec", "path"]),
        ("argoproj.io", "Application") => Some(&["spec", "source", "path"]),
        _ => None,
    }
}

/// Adds environments of plain folders between which objects move, if one folder contains the other: Flux and `kubectl apply -R`
/// read both.
fn find_nested(
    all: &[EnvironmentParts],
    compared: &[Environment],
    sides: [&Side<'_>; 2],
    moved: &mut BTreeMap<String, String>,
) {
    let plain: BTreeMap<&str, &TreePath> = all
        .iter()
        .filter_map(|(name, parts)| match &**parts {
            [only] if only.kind == PartKind::Plain => Some((&**name, &only.folder)),
            _ => None,
        })
        .collect();
    let mut by_id: BTreeMap<&ObjectId, [Folders<'_>; 2]> = BTreeMap::new();
    for (name, change) in changes(compared, |it| it.is_gone() || *it == ChangeKind::Added) {
        if let Some(folder) = plain.get(name) {
            let side = usize::from(change.kind == ChangeKind::Added);
            by_id.entry(&change.id).or_default()[side].insert(folder.as_str(), name);
        }
    }
    let mut flat = None;
    for [removed, added] in by_id.values() {
        for (inner, outer) in containing(added, removed).chain(containing(removed, added)) {
            let flat = flat.get_or_insert_with(|| read_flat(sides[1]));
            if !plain.get(outer).is_some_and(|it| flat.contains(*it)) {
                for it in [inner, outer] {
                    moved.insert(it.to_string(), outer.to_string());
                }
            }
        }
    }
}

/// By folder: the name of its environment.
type Folders<'a> = BTreeMap<&'a str, &'a str>;

/// Pairs of environments for which a folder of `outer` contains a folder of `inner`.
fn containing<'a>(
    inner: &Folders<'a>,
    outer: &Folders<'a>,
) -> impl Iterator<Item = (&'a str, &'a str)> {
    inner.iter().flat_map(|(folder, name)| {
        let ends = folder.rmatch_indices('/').map(|it| it.0);
        let above = ends.filter_map(|it| folder.get(..it));
        let above = above.chain((!folder.is_empty()).then_some(""));
        above.filter_map(|it| Some((*name, *outer.get(it)?)))
    })
}

/// The changes of some kinds, each with the name of its environment.
fn changes(
    compared: &[Environment],
    has_kind: impl Fn(&ChangeKind) -> bool + Copy,
) -> impl Iterator<Item = (&str, &Change)> {
    compared.iter().flat_map(move |environment| {
        let objects = environment.objects.iter().map(|it| &it.change);
        let changes = objects.filter(move |it| has_kind(&it.kind));
        changes.map(|it| (&*environment.name, it))
    })
}

/// The folders that an Application of Argo CD reads without subfolders. This parses all YAML files with Applications, so it is only
/// done if a file may have moved.
fn read_flat(side: &Side<'_>) -> BTreeSet<TreePath> {
    let mut found = BTreeSet::new();
    let mut open = Walk::new(side.files, side.root.clone());
    while let Some(folder) = open.next() {
        for entry in side.files.list(&folder).unwrap_or_default() {
            let path = folder.child(&entry.name);
            if entry.kind == crate::tree::EntryKind::Folder {
                if !entry.name.starts_with('.') {
                    open.add(path);
                }
            } else if super::part::is_yaml(&entry) && has_application(side.files, &path) {
                let documents = documents(side.files, &path).unwrap_or_default();
                found.extend(documents.iter().filter_map(|it| flat_path(it, side)));
            }
        }
    }
    found
}

fn has_application(files: &dyn Files, path: &TreePath) -> bool {
    let bytes = files.read(path);
    bytes.is_ok_and(|it| memchr::memmem::find(&it, b"argoproj.io/").is_some())
}

/// The folder that an Application reads without subfolders.
fn flat_path(node: &Node, side: &Side<'_>) -> Option<TreePath> {
    let source = node.at_keys(&["spec", "source"])?;
    let recurses = source
        .at_keys(&["directory", "recurse"])
        .and_then(Node::as_bool);
    let path = folder(source.get("path")?, side)?;
    (recurses != Some(true)).then_some(path)
}
