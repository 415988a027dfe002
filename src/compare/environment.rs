//! One environment on both sides.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::apply_units::Part;
use super::{Changed, Claim, ClusterChange, Environment, Found, Origin, Side};
use crate::danger::{ChangeSet, Finding, judge, wants_rest};
use crate::diag::{Diagnostic, Diagnostics, MERGE_CONFLICT, Position, Severity, Span};
use crate::diff::{Pair, Salt, change, pair};
use crate::emit::origin as signed_by;
use crate::object::{Object, ObjectId};
use crate::schema::Schemas;
use crate::secret::hide_text;
use crate::topology::clusters;
use crate::tree::{ReadSet, TreePath};

pub(super) fn compare(
    before: &Side<'_>,
    after: &Side<'_>,
    name: String,
    parts: &[Part],
    salt: &Salt,
    notes: &mut Diagnostics,
) -> Environment {
    let (mut old, mut new) = (Vec::new(), Vec::new());
    for part in parts {
        match objects(before, after, part) {
            Ok((before, after)) => {
                old.extend(before);
                new.extend(after);
            }
            Err(note) => notes.push(*note),
        }
    }
    let mut environment = Environment {
        name,
        ..Environment::default()
    };
    let sides = [before, after];
    let mut changed = Vec::new();
    for pair in pair(&old, &new) {
        if let Some(change) = change(&pair, Schemas::builtin(), salt) {
            let claim = claim(&pair, sides);
            environment.objects.push(Changed { change, claim });
            changed.push(pair);
        }
    }
    let rest = match wants_rest(&changed) {
        true => parts
            .iter()
            .flat_map(|it| marked(it, it.build(after, 1).objects))
            .collect(),
        false => Vec::new(),
    };
    let scene = ChangeSet {
        pairs: &changed,
        rest: &rest,
    };
    let known = by_id(&scene);
    let found = judge(&scene).into_iter();
    environment.findings = found.map(|it| placed(it, &known, sides, salt)).collect();
    environment.clusters = changed.iter().flat_map(cluster_changes).collect();
    environment
}

/// What a side knows of an object's folder.
fn origin<'a>(object: &Object, side: &Side<'a>) -> Option<&'a Origin> {
    let folder = TreePath::new(object.mark.as_deref()?)?;
    side.origins?.find(&folder, &object.id())
}

/// The claim that an object came from: as it is now, or as it was if the object is gone. Each file of a committed tree names it.
fn claim(pair: &Pair<'_>, [before, after]: [&Side<'_>; 2]) -> Option<Arc<Claim>> {
    let known = |object: Option<&Object>, side| Some(origin(object?, side)?.claim.clone());
    let signed = |object: Option<&Object>| {
        let title = signed_by(&object?.span().source.text)?;
        Some(Arc::new(Claim {
            title: title.to_string(),
            owner: None,
            span: None,
        }))
    };
    known(pair.after(), after)
        .or_else(|| known(pair.before(), before))
        .or_else(|| signed(pair.after().or(pair.before())))
}

/// The objects that a finding may be about, by what they are now and, where they are gone, by what they were.
fn by_id<'a>(scene: &ChangeSet<'a>) -> BTreeMap<ObjectId, Pair<'a>> {
    let rest = scene.rest.iter().map(|it| (it.id(), Pair::Same(it, it)));
    let mut known: BTreeMap<ObjectId, Pair<'a>> = rest.collect();
    for pair in scene.pairs {
        let gone = pair.before().filter(|_| pair.after().is_none());
        known.extend(pair.after().or(gone).map(|it| (it.id(), *pair)));
    }
    known
}

/// A finding with the line that a person wrote. What is gone has its line on the side before.
fn placed(
    mut finding: Finding,
    known: &BTreeMap<ObjectId, Pair<'_>>,
    sides: [&Side<'_>; 2],
    salt: &Salt,
) -> Found {
    finding.message = hide_text(&finding.message, salt).into_owned();
    let pair = known.get(&finding.id);
    let place = pair.and_then(|pair| {
        let [before, after] = sides;
        let (object, side) = match (pair.after(), pair.before()) {
            (Some(object), _) => (object, after),
            (None, object) => (object?, before),
        };
        origin(object, side)?.place(&finding.id, &finding.field)
    });
    Found {
        claim: pair.and_then(|it| claim(it, sides)),
        finding,
        place,
    }
}

/// The clusters of an object that look different now.
fn cluster_changes(pair: &Pair<'_>) -> Vec<ClusterChange> {
    let of = |object: Option<&Object>| object.map(clusters).unwrap_or_default();
    let (old, mut new) = (of(pair.before()), of(pair.after()));
    let mut changes = Vec::new();
    for before in old {
        let at = new.iter().position(|it| it.name == before.name);
        changes.push(ClusterChange {
            before: Some(before),
            after: at.map(|at| new.remove(at)),
        });
    }
    changes.extend(new.into_iter().map(|after| ClusterChange {
        before: None,
        after: Some(after),
    }));
    changes.retain(|it| it.before != it.after);
    changes
}

/// A part's objects on both sides, each marked with the part's folder; none of them where the part reads the same files.
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
        (None, None) => Ok((marked(part, old.objects), marked(part, new.objects))),
        (Some(fault), None) => Err(not_compared(part, before, before.name, fault)),
        (None, Some(fault)) => Err(not_compared(part, after, after.name, fault)),
        (Some(_), Some(fault)) => Err(not_compared(part, after, "either side", fault)),
    }
}

/// The objects, each with the folder of its part.
fn marked(part: &Part, objects: Vec<Object>) -> Vec<Object> {
    let folder: Arc<str> = part.folder.as_str().into();
    let mark = |it| Object {
        mark: Some(folder.clone()),
        ..it
    };
    objects.into_iter().map(mark).collect()
}

fn first_error(diagnostics: &Diagnostics) -> Option<&Diagnostic> {
    diagnostics.iter().find(|it| it.severity == Severity::Error)
}

/// Says why, with the place and without an excerpt: the file may contain secrets.
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
    let mut note = Diagnostic::warning("not-compared", message);
    if fault.code == MERGE_CONFLICT {
        // The help of other diagnostics may quote the file.
        note.help.clone_from(&fault.help);
    }
    Box::new(note)
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

impl Claim {
    /// Its place, to sort by.
    pub(super) fn place(&self) -> Option<(&TreePath, u32)> {
        self.span.as_ref().map(|it: &Span| (it.path(), it.start))
    }
}
