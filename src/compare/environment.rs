//! Compares the objects of one environment, and finds dangers of the changes.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::moves::path_field;
use super::objects::{all_after, objects};
use super::part::Part;
use super::rollout::Rollout;
use super::{ChangedObject, Claim, ClusterChange, Environment, LocatedFinding, Origin, Side};
use crate::danger::{ChangeSet, Finding, check, is_immutable_field, needs_unchanged_objects};
use crate::diag::{Diagnostics, Span};
use crate::diff::{Change, ChangeKind, Options, Pair, Salt, change, pair};
use crate::emit::origin as signed_by;
use crate::object::{Object, ObjectId};
use crate::products::{Cluster, clusters};
use crate::schema::Schemas;
use crate::secret::hide_text;
use crate::tree::TreePath;

pub(super) fn compare(
    before: &Side<'_>,
    after: &Side<'_>,
    name: String,
    parts: &[Part],
    options: &Options<'_>,
    notes: &mut Diagnostics,
) -> Environment {
    let (mut old, mut new, mut sets) = (Vec::new(), Vec::new(), Vec::new());
    for part in parts {
        let found = objects([before, after], part);
        let [before, after] = found.objects;
        old.extend(before);
        new.extend(after);
        notes.extend(found.notes);
        sets.extend(found.sets);
    }
    let all_after = || parts.iter().flat_map(|it| all_after(after, it)).collect();
    Environment {
        sets,
        ..compare_objects(name, [&old, &new], &all_after, [before, after], options)
    }
}

/// Compares objects and applies the danger rules to the changes. `all_after` returns all objects after the change, also the
/// unchanged ones; it is only called if a rule needs them.
pub(super) fn compare_objects(
    name: String,
    [old, new]: [&[Object]; 2],
    all_after: &dyn Fn() -> Vec<Object>,
    sides: [&Side<'_>; 2],
    options: &Options<'_>,
) -> Environment {
    let mut environment = Environment {
        name,
        ..Environment::default()
    };
    let mut changed = Vec::new();
    let mut moved = Vec::new();
    for pair in pair(old, new) {
        if let Some(mut change) = change(&pair, Schemas::builtin(), options) {
            if options.fields_only {
                drop_objects(&mut change);
            }
            let claim = claim(&pair, sides);
            environment.objects.push(ChangedObject {
                change,
                claim,
                deploys: Vec::new(),
                rollout: Rollout::default(),
            });
            changed.push(pair);
        } else if is_moved(&pair) {
            moved.push(pair);
        }
    }
    let rest = match needs_unchanged_objects(&changed) {
        true => all_after(),
        false => Vec::new(),
    };
    // Units also delete objects without a change that another unit applies afterwards.
    let pairs: Vec<Pair<'_>> = changed.iter().chain(&moved).copied().collect();
    let changes = ChangeSet {
        pairs: &pairs,
        rest: &rest,
    };
    let by_id = by_id(&changes);
    let findings = check(&changes);
    let immutable = findings.iter().filter(|it| is_immutable_field(it));
    let immutable: BTreeSet<&ObjectId> = immutable.map(|it| &it.id).collect();
    for (object, pair) in environment.objects.iter_mut().zip(&changed) {
        object.rollout = Rollout::new(pair, immutable.contains(&object.change.id));
    }
    let findings = findings.into_iter();
    environment.findings = findings
        .map(|it| locate(it, &by_id, sides, options.salt))
        .collect();
    environment.clusters = changed.iter().flat_map(cluster_changes).collect();
    environment
}

/// Whether another unit applies an object after the change, and the former one deletes it.
fn is_moved(pair: &Pair<'_>) -> bool {
    let Pair::Same(before, after) = pair else {
        return false;
    };
    let handling = before.handling.as_ref().zip(after.handling.as_ref());
    handling.is_some_and(|(from, to)| from.loses_object_to(to))
}

/// Removes the objects from a change of which only the fields are shown. Added and removed objects are shown completely, and sync
/// objects are needed to find parts that moved.
fn drop_objects(change: &mut Change) {
    let is_sync = path_field(change).is_some();
    if !is_sync && matches!(change.kind, ChangeKind::Changed) {
        change.before = None;
        change.after = None;
    }
}

/// The origin of an object's folder on one side.
fn origin<'a>(object: &Object, side: &Side<'a>) -> Option<&'a Origin> {
    let folder = TreePath::new(object.mark.as_deref()?)?;
    side.origins?.find(&folder, &object.id())
}

/// The claim that an object was rendered from: after the change or, if the object was removed, before it. If the origins are
/// unknown, it is read from the ownership line of the file.
fn claim(pair: &Pair<'_>, [before, after]: [&Side<'_>; 2]) -> Option<Arc<Claim>> {
    let known = |object: Option<&Object>, side| Some(origin(object?, side)?.claim.clone());
    let signed = |object: Option<&Object>| {
        let title = signed_by(&object?.span().source().text)?;
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

/// The objects that a finding may be about, by their identity after the change or, if removed, before it.
fn by_id<'a>(changes: &ChangeSet<'a>) -> BTreeMap<ObjectId, Pair<'a>> {
    let rest = changes.rest.iter().map(|it| (it.id(), Pair::Same(it, it)));
    let mut by_id: BTreeMap<ObjectId, Pair<'a>> = rest.collect();
    for pair in changes.pairs {
        by_id.extend(pair.after().or(pair.before()).map(|it| (it.id(), *pair)));
    }
    by_id
}

/// Adds the claim and its line to a finding. The line of a removed object is on the side before the change.
fn locate(
    mut finding: Finding,
    by_id: &BTreeMap<ObjectId, Pair<'_>>,
    sides: [&Side<'_>; 2],
    salt: &Salt,
) -> LocatedFinding {
    finding.message = hide_text(&finding.message, salt).into_owned();
    let pair = by_id.get(&finding.id);
    let span = pair.and_then(|pair| {
        let [before, after] = sides;
        let (object, side) = match (pair.after(), pair.before()) {
            (Some(object), _) => (object, after),
            (None, object) => (object?, before),
        };
        origin(object, side)?.location(&finding.id, &finding.field)
    });
    LocatedFinding {
        claim: pair.and_then(|it| claim(it, sides)),
        finding,
        span,
    }
}

/// The changed clusters of servers in an object. Clusters with the same name are paired in order.
fn cluster_changes(pair: &Pair<'_>) -> Vec<ClusterChange> {
    let clusters = |object: Option<&Object>| object.map(clusters).unwrap_or_default();
    let (old, new) = (clusters(pair.before()), clusters(pair.after()));
    let mut by_name: BTreeMap<String, VecDeque<usize>> = BTreeMap::new();
    for (at, cluster) in new.iter().enumerate() {
        let positions = by_name.entry(cluster.name.clone()).or_default();
        positions.push_back(at);
    }
    let mut new: Vec<Option<Cluster>> = new.into_iter().map(Some).collect();
    let mut changes = Vec::new();
    for before in old {
        let at = by_name.get_mut(&before.name).and_then(VecDeque::pop_front);
        changes.push(ClusterChange {
            before: Some(before),
            after: at.and_then(|at| new.get_mut(at)?.take()),
        });
    }
    changes.extend(new.into_iter().flatten().map(|after| ClusterChange {
        before: None,
        after: Some(after),
    }));
    changes.retain(|it| it.before != it.after);
    changes
}

impl Claim {
    /// The location of the claim, as a key for sorting.
    pub(super) fn location(&self) -> Option<(&TreePath, u32)> {
        self.span.as_ref().map(|it: &Span| (it.path(), it.start))
    }
}
