//! Builds the objects of a part on both sides.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Side;
use super::listed::listed;
use super::part::{Part, PartKind};
use crate::diag::{Class, Diagnostic, Diagnostics, Position, Severity};
use crate::object::{Object, ObjectId};
use crate::tree::{ReadSet, TreePath};

/// The objects of a part that are compared.
#[derive(Default)]
pub(super) struct PartObjects {
    /// The objects, before and after.
    pub(super) objects: [Vec<Object>; 2],
    /// Notes about contents that are not compared.
    pub(super) notes: Vec<Diagnostic>,
    /// The ApplicationSets that exist on both sides, even if the rest of the part is not compared.
    pub(super) sets: Vec<[Object; 2]>,
}

/// The objects of a part on both sides, each marked with the folder of the part; empty if the part reads the same files on both.
pub(super) fn objects(sides: [&Side<'_>; 2], part: &Part) -> PartObjects {
    let mut builder = Builder {
        sides,
        mark: part.folder.as_str().into(),
        split: BTreeSet::new(),
        notes: Vec::new(),
        sets: Vec::new(),
    };
    let objects = builder.build(part, None).objects;
    PartObjects {
        objects,
        notes: builder.notes,
        sets: builder.sets,
    }
}

/// All objects of a part after the change, each marked with the folder of the part; empty if it cannot be built.
pub(super) fn all_after(side: &Side<'_>, part: &Part) -> Vec<Object> {
    marked(&part.folder.as_str().into(), part.build(side, 1).objects)
}

/// The ApplicationSets that both sides have.
fn common_sets<'a>(old: &'a [Object], new: &'a [Object]) -> Vec<[Object; 2]> {
    let sets = |objects: &'a [Object]| objects.iter().filter(|it| it.kind() == "ApplicationSet");
    let mut by_id: BTreeMap<ObjectId, &Object> = BTreeMap::new();
    for set in sets(new) {
        by_id.entry(set.id()).or_insert(set);
    }
    let pairs = sets(old).filter_map(|set| Some([set.clone(), (*by_id.get(&set.id())?).clone()]));
    pairs.collect()
}

/// Builds a part and, if it fails, the entries of its kustomization.
struct Builder<'a> {
    sides: [&'a Side<'a>; 2],
    /// The mark of all objects.
    mark: Arc<str>,
    /// Folders that were split into their entries.
    split: BTreeSet<TreePath>,
    notes: Vec<Diagnostic>,
    sets: Vec<[Object; 2]>,
}

/// The objects of both sides.
#[derive(Default)]
struct BuiltSides {
    objects: [Vec<Object>; 2],
    /// Whether a side may have further objects, which cannot be built.
    may_have_more: [bool; 2],
}

impl BuiltSides {
    fn differ(&self) -> bool {
        let [old, new] = &self.objects;
        let mut pairs = old.iter().zip(new);
        old.len() != new.len()
            || pairs.any(|(old, new)| old.id() != new.id() || !old.node.same_data(&new.node))
    }
}

impl Builder<'_> {
    /// `reported` is the error of the part that lists this one; it has a note already.
    fn build(&mut self, part: &Part, reported: Option<&Diagnostic>) -> BuiltSides {
        let [before, after] = self.sides;
        let old = part.build(before, 0);
        let is_valid = first_error(&old.diagnostics).is_none();
        let is_same = part.exists == [true, true] && is_unchanged(&old.read_set, before, after);
        if is_same && (is_valid || part.kind != PartKind::Kustomization) {
            self.sets.extend(common_sets(&old.objects, &old.objects));
            return BuiltSides::default();
        }
        let new = part.build(after, 1);
        self.sets.extend(common_sets(&old.objects, &new.objects));
        let faults = [first_error(&old.diagnostics), first_error(&new.diagnostics)];
        let (side_name, side, fault) = match faults {
            [None, None] => {
                let objects = [old.objects, new.objects].map(|it| marked(&self.mark, it));
                return BuiltSides {
                    objects,
                    ..BuiltSides::default()
                };
            }
            [Some(fault), None] => (before.name, before, fault),
            [None, Some(fault)] => (after.name, after, fault),
            [Some(_), Some(fault)] => ("either side", after, fault),
        };
        // Several kustomizations may list the same folder.
        if !self.split.insert(part.folder.clone()) {
            return BuiltSides::default();
        }
        let has_failed = faults.map(|it| it.is_some());
        let note_position = self.notes.len();
        let entries = self.build_entries(part, has_failed, fault);
        let differs = entries.as_ref().is_some_and(BuiltSides::differ);
        let is_reported =
            reported.is_some_and(|it| it.message == fault.message && it.span == fault.span);
        // A part with errors that reads the same files on both sides has no difference.
        if !is_reported && (differs || !is_same) {
            let note = not_compared(part, entries.is_some(), side, side_name, fault);
            self.notes.insert(note_position, note);
        }
        entries.unwrap_or(BuiltSides {
            objects: Default::default(),
            may_have_more: [
                has_failed[0] && !part.exists[1],
                has_failed[1] && !part.exists[0],
            ],
        })
    }

    /// Builds the entries of a part that has failed on a side; `None` if its entries are unknown.
    fn build_entries(
        &mut self,
        part: &Part,
        has_failed: [bool; 2],
        fault: &Diagnostic,
    ) -> Option<BuiltSides> {
        let listed = listed(self.sides, part)?;
        let mut built = BuiltSides {
            objects: listed.data.map(|it| marked(&self.mark, it)),
            may_have_more: listed.has_missing,
        };
        for entry in &listed.parts {
            let entry = self.build(entry, Some(fault));
            for (all, own) in built.objects.iter_mut().zip(entry.objects) {
                all.extend(own);
            }
            for (all, own) in built.may_have_more.iter_mut().zip(entry.may_have_more) {
                *all |= own;
            }
        }
        // An object is not reported as added or removed if the other side cannot be built and may contain it.
        let [mut old, mut new] = built.objects;
        let ids = |objects: &[Object]| objects.iter().map(Object::id).collect::<BTreeSet<_>>();
        let keep = |objects: &mut Vec<Object>, ids: &BTreeSet<ObjectId>| {
            objects.retain(|it| ids.contains(&it.id()));
        };
        let (old_ids, new_ids) = (ids(&old), ids(&new));
        if built.may_have_more[1] || has_failed == [false, true] {
            keep(&mut old, &new_ids);
        }
        if built.may_have_more[0] || has_failed == [true, false] {
            keep(&mut new, &old_ids);
        }
        built.objects = [old, new];
        Some(built)
    }
}

/// Sets the mark of objects to the folder of their part.
fn marked(folder: &Arc<str>, objects: Vec<Object>) -> Vec<Object> {
    let mark = |it| Object {
        mark: Some(folder.clone()),
        ..it
    };
    objects.into_iter().map(mark).collect()
}

fn first_error(diagnostics: &Diagnostics) -> Option<&Diagnostic> {
    diagnostics.iter().find(|it| it.severity == Severity::Error)
}

/// The note that a part is not compared. It contains the location of the error but no excerpt, because the file may contain secrets.
fn not_compared(
    part: &Part,
    are_entries_compared: bool,
    side: &Side<'_>,
    side_name: &str,
    fault: &Diagnostic,
) -> Diagnostic {
    let folder = match part.folder.as_str() {
        "" => ".",
        folder => folder,
    };
    let extent = if are_entries_compared {
        " as a whole"
    } else {
        ""
    };
    let location = fault.span.as_ref().map(|span| {
        let path = span.path().below(side.root);
        let path = path.as_ref().unwrap_or(span.path());
        let Position { line, column } = span.position();
        format!("{path}:{line}:{column}: ")
    });
    let message = format!(
        "`{folder}` is not compared{extent}, because it cannot be built in {side_name}: {}{}",
        location.unwrap_or_default(),
        fault.message
    );
    let mut note = Diagnostic::warning("not-compared", message);
    if fault.class == Class::MergeConflict {
        // The help of other diagnostics may contain text of the file.
        note.help.clone_from(&fault.help);
    }
    note
}

/// Whether all files and folders that were read before the change are the same after it.
fn is_unchanged(read_set: &ReadSet, before: &Side<'_>, after: &Side<'_>) -> bool {
    // A path outside of the roots is only the same file if the roots are the same.
    let path_after = |path: &TreePath| match path.below(before.root) {
        Some(path) => Some(after.root.join(&path)),
        None => (before.root == after.root).then(|| path.clone()),
    };
    let (old, new) = (before.files, after.files);
    let is_same_file = |path: &TreePath| {
        path_after(path).is_some_and(|after| {
            old.kind(path) == new.kind(&after) && old.read(path) == new.read(&after)
        })
    };
    let is_same_folder =
        |path: &TreePath| path_after(path).is_some_and(|after| old.list(path) == new.list(&after));
    read_set.files.iter().all(is_same_file) && read_set.folders.iter().all(is_same_folder)
}
