//! What a sync engine would apply from two trees, object by object.
//!
//! A tree's parts are its outermost kustomizations, and its folders of plain YAML. A part that can be built on one side only
//! is not compared, and a note says so: what can't be built says nothing about what is to be deleted.

mod parts;

use std::collections::BTreeMap;

use rayon::prelude::*;

use crate::diag::{Diagnostic, Diagnostics, Position, Severity};
use crate::diff::{Change, Salt, diff};
use crate::kustomize::Built;
use crate::object::Object;
use crate::schema::Schemas;
use crate::tree::{Files, ReadSet, TreePath};
use parts::{Part, parts};

/// One side of a comparison.
#[derive(Clone, Copy)]
pub struct Side<'a> {
    /// Where files are read from.
    pub files: &'a dyn Files,
    /// The folder of it that is compared; kustomizations there may refer to others outside of it.
    pub root: &'a TreePath,
    /// What the side is called in notes: `HEAD~1`.
    pub name: &'a str,
}

/// What differs between two sides.
#[derive(Clone, Debug, Default)]
pub struct Comparison {
    /// The changes of each environment that has any, in the order of their names.
    pub environments: Vec<(String, Vec<Change>)>,
    /// Parts that could not be compared, and why.
    pub notes: Diagnostics,
}

/// What is applied from one side: each part's folder, and its objects or the first fault that keeps it from being built.
pub fn applied(side: &Side<'_>) -> Vec<(TreePath, Result<Vec<Object>, Diagnostic>)> {
    let built = parts([side, side]).into_par_iter().map(|part| {
        let Built {
            objects,
            diagnostics,
            ..
        } = part.build(side, 0);
        let objects = match first_error(&diagnostics) {
            None => Ok(objects),
            Some(fault) => Err(fault.clone()),
        };
        (part.folder, objects)
    });
    built.collect()
}

/// Compares two sides. `environment` says which environment a part, known by its folder below the root, belongs to; parts
/// of one environment are compared together, so that an object may move between them.
pub fn compare(
    before: &Side<'_>,
    after: &Side<'_>,
    environment: &(dyn Fn(&TreePath) -> Option<String> + Sync),
    salt: &Salt,
) -> Comparison {
    let mut notes = Diagnostics::default();
    let mut environments: BTreeMap<String, Vec<Part>> = BTreeMap::new();
    for part in parts([before, after]) {
        if let Some(environment) = environment(&part.folder) {
            environments.entry(environment).or_default().push(part);
        }
    }
    let compared: Vec<_> = environments
        .into_par_iter()
        .map(|(environment, parts)| (environment, compare_parts(before, after, &parts, salt)))
        .collect();
    let mut found = Vec::new();
    for (environment, (changes, more)) in compared {
        notes.extend(more);
        if !changes.is_empty() {
            found.push((environment, changes));
        }
    }
    Comparison {
        environments: found,
        notes,
    }
}

fn compare_parts(
    before: &Side<'_>,
    after: &Side<'_>,
    parts: &[Part],
    salt: &Salt,
) -> (Vec<Change>, Vec<Diagnostic>) {
    let (mut old, mut new, mut notes) = (Vec::new(), Vec::new(), Vec::new());
    for part in parts {
        match objects(before, after, part) {
            Ok((before, after)) => {
                old.extend(before);
                new.extend(after);
            }
            Err(note) => notes.push(*note),
        }
    }
    (diff(&old, &new, Schemas::builtin(), salt), notes)
}

/// A part's objects on both sides; none of them where the part reads the same files.
fn objects(
    before: &Side<'_>,
    after: &Side<'_>,
    part: &Part,
) -> Result<(Vec<Object>, Vec<Object>), Box<Diagnostic>> {
    let old = part.build(before, 0);
    if part.there == [true, true] && is_unchanged(&old.read_set, before, after) {
        return Ok((Vec::new(), Vec::new()));
    }
    let new = part.build(after, 1);
    match (first_error(&old.diagnostics), first_error(&new.diagnostics)) {
        (None, None) => Ok((old.objects, new.objects)),
        (Some(fault), None) => Err(not_compared(part, before, before.name, fault)),
        (None, Some(fault)) => Err(not_compared(part, after, after.name, fault)),
        (Some(_), Some(fault)) => Err(not_compared(part, after, "either side", fault)),
    }
}

fn first_error(diagnostics: &Diagnostics) -> Option<&Diagnostic> {
    diagnostics.iter().find(|it| it.severity == Severity::Error)
}

/// Says why, with the place and no excerpt of the file: what stands there may be secret.
fn not_compared(part: &Part, side: &Side<'_>, name: &str, fault: &Diagnostic) -> Box<Diagnostic> {
    let folder = match part.folder.as_str() {
        "" => ".",
        folder => folder,
    };
    let place = fault.span.as_ref().map(|span| {
        let path = span.path().below(side.root);
        let path = path.as_ref().unwrap_or(span.path());
        let Position { line, column } = span.position();
        format!("{path}:{line}:{column}: ")
    });
    let message = format!(
        "`{folder}` is not compared, since it can't be built in {name}: {}{}",
        place.unwrap_or_default(),
        fault.message
    );
    Box::new(Diagnostic::warning("not-compared", message))
}

/// Whether all that was read is the same on the other side.
fn is_unchanged(read_set: &ReadSet, before: &Side<'_>, after: &Side<'_>) -> bool {
    // What lies outside of the roots is the same file only where the roots are the same.
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
