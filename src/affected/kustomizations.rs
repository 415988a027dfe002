//! Plain kustomizations whose build reads something of a change.

use std::collections::{BTreeMap, BTreeSet};

use crate::kustomize::{self, FILE_NAMES, LoadRestriction, Options};
use crate::tree::{Changes, EntryKind, Files, ReadSet, TreePath, Walk};
use crate::yaml::parallel::map;

/// The folders of kustomizations that a change affects. Each one that is not below a folder of `without` is built on both sides,
/// and its reads are recorded.
pub fn kustomizations(
    sides: [&dyn Files; 2],
    changes: &Changes,
    excluded: &[TreePath],
) -> BTreeSet<TreePath> {
    let mut found: BTreeMap<TreePath, usize> = BTreeMap::new();
    for side in sides {
        for folder in folders(side, excluded) {
            *found.entry(folder).or_default() += 1;
        }
    }
    let found: Vec<(TreePath, usize)> = found.into_iter().collect();
    let touched = map(2, &found, |(folder, sides_with)| {
        let mut sides = sides.iter();
        *sides_with == 1 || sides.any(|it| changes.touches(&build_read_set(*it, folder)))
    });
    let found = found.into_iter().zip(touched);
    found.filter(|it| it.1).map(|it| it.0.0).collect()
}

fn build_read_set(files: &dyn Files, folder: &TreePath) -> ReadSet {
    let options = Options {
        load_restriction: LoadRestriction::None,
        ..Options::default()
    };
    kustomize::build(files, folder, &options).read_set
}

fn folders(files: &dyn Files, excluded: &[TreePath]) -> Vec<TreePath> {
    let mut found = Vec::new();
    let mut open = Walk::new(files, TreePath::root());
    while let Some(folder) = open.next() {
        let entries = files.list(&folder).unwrap_or_default();
        let is_kustomization = entries
            .iter()
            .any(|it| it.kind == EntryKind::File && FILE_NAMES.contains(&&*it.name));
        if is_kustomization {
            found.push(folder.clone());
        }
        let below = entries.iter().filter(|it| it.kind == EntryKind::Folder);
        let below = below.filter(|it| !it.name.starts_with('.'));
        let below = below.map(|it| folder.child(&it.name));
        let below = below.filter(|it| !excluded.contains(it));
        below.for_each(|it| open.add(it));
    }
    found
}
