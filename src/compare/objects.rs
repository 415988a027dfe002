//! Builds the objects of a part on both sides.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Side;
use super::listed::listed;
use super::part::{Form, Part};
use crate::diag::{Class, Diagnostic, Diagnostics, Position, Severity};
use crate::object::{Object, ObjectId};
use crate::tree::{ReadSet, TreePath};

/// The contents of a part that are compared.
#[derive(Default)]
pub(super) struct Sides {
    /// The objects, before and after.
    pub(super) objects: [Vec<Object>; 2],
    /// Notes on contents that are not compared.
    pub(super) notes: Vec<Diagnostic>,
    /// The ApplicationSets that exist on both sides, even if the rest of the part is not compared.
    pub(super) sets: Vec<[Object; 2]>,
}

/// The objects of a part on both sides, each marked with the folder of the part; empty if the part reads the same files.
pub(super) fn objects(sides: [&Side<'_>; 2], part: &Part) -> Sides {
    let mut search = Search {
        sides,
        mark: part.folder.as_str().into(),
        seen: BTreeSet::new(),
        notes: Vec::new(),
        sets: Vec::new(),
    };
    let objects = search.part(part, None).objects;
    Sides {
        objects,
        notes: search.notes,
        sets: search.sets,
    }
}

/// All objects of a part after the change, each marked with the folder of the part; empty if it cannot be built.
pub(super) fn all_after(side: &Side<'_>, part: &Part) -> Vec<Object> {
    marked(&part.folder.as_str().into(), part.build(side, 1).objects)
}

/// The ApplicationSets of one side that the other side has too.
fn kept_sets<'a>(old: &'a [Object], new: &'a [Object]) -> Vec<[Object; 2]> {
    let sets = |objects: &'a [Object]| objects.iter().filter(|it| it.kind() == "ApplicationSet");
    let mut now: BTreeMap<ObjectId, &Object> = BTreeMap::new();
    for set in sets(new) {
        now.entry(set.id()).or_insert(set);
    }
    let kept = sets(old).filter_map(|set| Some([set.clone(), (*now.get(&set.id())?).clone()]));
    kept.collect()
}

struct Search<'a> {
    sides: [&'a Side<'a>; 2],
    mark: Arc<str>,
    /// Folders whose entries are compared separately.
    seen: BTreeSet<TreePath>,
    notes: Vec<Diagnostic>,
    sets: Vec<[Object; 2]>,
}

/// Objects of both sides.
#[derive(Default)]
struct Found {
    objects: [Vec<Object>; 2],
    /// Whether a side may have more objects, which cannot be built.
    has_more: [bool; 2],
}

impl Search<'_> {
    /// `known` is the error of the enclosing part, which is already reported.
    fn part(&mut self, part: &Part, known: Option<&Diagnostic>) -> Found {
        let [before, after] = self.sides;
        let old = part.build(before, 0);
        let is_sound = first_error(&old.diagnostics).is_none();
        let is_same = part.there == [true, true] && is_unchanged(&old.read_set, before, after);
        if is_same && (is_sound || part.form != Form::Kustomization) {
            self.sets.extend(kept_sets(&old.objects, &old.objects));
            return Found::default();
        }
        let new = part.build(after, 1);
        self.sets.extend(kept_sets(&old.objects, &new.objects));
        let faults = [first_error(&old.diagnostics), first_error(&new.diagnostics)];
        let (side, fault) = match faults {
            [None, None] => {
                let objects = [old.objects, new.objects].map(|it| marked(&self.mark, it));
                return Found {
                    objects,
                    ..Found::default()
                };
            }
            [Some(fault), None] => (before.name, (before, fault)),
            [None, Some(fault)] => (after.name, (after, fault)),
            [Some(_), Some(fault)] => ("either side", (after, fault)),
        };
        let (place, fault) = fault;
        // A folder that several kustomizations list is split once.
        if !self.seen.insert(part.folder.clone()) {
            return Found::default();
        }
        let fails = faults.map(|it| it.is_some());
        let at = self.notes.len();
        let found = self.listed(part, fails, fault);
        let is_nothing = found.iter().all(|it| it.objects.iter().all(Vec::is_empty));
        let is_known = known.is_some_and(|it| it.message == fault.message && it.span == fault.span);
        // A part with errors on both sides that reads the same files has no difference.
        if !(is_known || is_same && is_nothing) {
            let note = not_compared(part, found.is_some(), place, side, fault);
            self.notes.insert(at, note);
        }
        found.unwrap_or(Found {
            objects: Default::default(),
            has_more: [fails[0] && !part.there[1], fails[1] && !part.there[0]],
        })
    }

    /// The entries of a part; `None` if they are unknown.
    fn listed(&mut self, part: &Part, fails: [bool; 2], fault: &Diagnostic) -> Option<Found> {
        let listed = listed(self.sides, part)?;
        let mut found = Found {
            objects: listed.data.map(|it| marked(&self.mark, it)),
            has_more: listed.is_lacking,
        };
        for inner in &listed.parts {
            let own = self.part(inner, Some(fault));
            for (all, own) in found.objects.iter_mut().zip(own.objects) {
                all.extend(own);
            }
            for (all, own) in found.has_more.iter_mut().zip(own.has_more) {
                *all |= own;
            }
        }
        // An object is not reported as added or removed if the other side cannot be built and may contain it.
        let [mut old, mut new] = found.objects;
        let ids = |objects: &[Object]| objects.iter().map(Object::id).collect::<BTreeSet<_>>();
        let keep = |objects: &mut Vec<Object>, others: &BTreeSet<ObjectId>| {
            objects.retain(|it| others.contains(&it.id()));
        };
        let (olds, news) = (ids(&old), ids(&new));
        if found.has_more[1] || fails == [false, true] {
            keep(&mut old, &news);
        }
        if found.has_more[0] || fails == [true, false] {
            keep(&mut new, &olds);
        }
        found.objects = [old, new];
        Some(found)
    }
}

/// The objects, each with the folder of its part.
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

/// The reason with its location, but without an excerpt, because the file may contain secrets.
fn not_compared(
    part: &Part,
    is_in_part: bool,
    side: &Side<'_>,
    name: &str,
    fault: &Diagnostic,
) -> Diagnostic {
    let folder = match part.folder.as_str() {
        "" => ".",
        folder => folder,
    };
    let whole = if is_in_part { " as a whole" } else { "" };
    let place = fault.span.as_ref().map(|span| {
        let path = span.path().below(side.root);
        let path = path.as_ref().unwrap_or(span.path());
        let Position { line, column } = span.position();
        format!("{path}:{line}:{column}: ")
    });
    let message = format!(
        "`{folder}` is not compared{whole}, because it cannot be built in {name}: {}{}",
        place.unwrap_or_default(),
        fault.message
    );
    let mut note = Diagnostic::warning("not-compared", message);
    if fault.class == Class::MergeConflict {
        // The help of other diagnostics may quote the file.
        note.help.clone_from(&fault.help);
    }
    note
}

/// Whether all files that were read are the same on the other side.
fn is_unchanged(read_set: &ReadSet, before: &Side<'_>, after: &Side<'_>) -> bool {
    // A path outside of the roots is only the same file if the roots are the same.
    let other = |path: &TreePath| match path.below(before.root) {
        Some(path) => Some(after.root.join(&path)),
        None => (before.root == after.root).then(|| path.clone()),
    };
    let (old, new) = (before.files, after.files);
    let is_same_file = |it: &TreePath| {
        let other = other(it);
        other.is_some_and(|other| {
            old.kind(it) == new.kind(&other) && old.read(it) == new.read(&other)
        })
    };
    let is_same_folder =
        |it: &TreePath| other(it).is_some_and(|other| old.list(it) == new.list(&other));
    read_set.files.iter().all(is_same_file) && read_set.folders.iter().all(is_same_folder)
}
