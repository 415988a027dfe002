//! Compares one environment.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::moves::path_field;
use super::objects::{all_after, objects};
use super::part::Part;
use super::rollout::Rollout;
use super::{Changed, Claim, ClusterChange, Environment, Found, Origin, Side};
use crate::danger::{ChangeSet, Finding, check, wants_rest};
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
    let rest = || parts.iter().flat_map(|it| all_after(after, it)).collect();
    Environment {
        sets,
        ..with_findings(name, [&old, &new], &rest, [before, after], options)
    }
}

/// Compares objects and applies the danger rules to the changes. `rest` returns all objects after the change.
pub(super) fn with_findings(
    name: String,
    [old, new]: [&[Object]; 2],
    rest: &dyn Fn() -> Vec<Object>,
    sides: [&Side<'_>; 2],
    options: &Options<'_>,
) -> Environment {
    let mut environment = Environment {
        name,
        ..Environment::default()
    };
    let mut changed = Vec::new();
    for pair in pair(old, new) {
        if let Some(mut change) = change(&pair, Schemas::builtin(), options) {
            if options.fields_only {
                drop_objects(&mut change);
            }
            let claim = claim(&pair, sides);
            environment.objects.push(Changed {
                change,
                claim,
                deploys: Vec::new(),
                rollout: Rollout::of(&pair),
            });
            changed.push(pair);
        }
    }
    let rest = match wants_rest(&changed) {
        true => rest(),
        false => Vec::new(),
    };
    let scene = ChangeSet {
        pairs: &changed,
        rest: &rest,
    };
    let known = by_id(&scene);
    let found = check(&scene).into_iter();
    environment.findings = found
        .map(|it| placed(it, &known, sides, options.salt))
        .collect();
    environment.clusters = changed.iter().flat_map(cluster_changes).collect();
    environment
}

/// Drops the objects of a change if only its fields are shown. Added and removed objects are shown completely, and sync objects are
/// needed to see which folders belong together.
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

/// The claim that an object was rendered from: on the side after the change, or before it if the object was removed. Each file of a
/// committed tree names its claim.
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

/// The objects that a finding may be about, by their identity after the change or, if removed, before it.
fn by_id<'a>(scene: &ChangeSet<'a>) -> BTreeMap<ObjectId, Pair<'a>> {
    let rest = scene.rest.iter().map(|it| (it.id(), Pair::Same(it, it)));
    let mut known: BTreeMap<ObjectId, Pair<'a>> = rest.collect();
    for pair in scene.pairs {
        let gone = pair.before().filter(|_| pair.after().is_none());
        known.extend(pair.after().or(gone).map(|it| (it.id(), *pair)));
    }
    known
}

/// A finding with the line in the claim. A removed object has its line on the side before.
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

/// The clusters of an object that changed.
fn cluster_changes(pair: &Pair<'_>) -> Vec<ClusterChange> {
    let of = |object: Option<&Object>| object.map(clusters).unwrap_or_default();
    let (old, new) = (of(pair.before()), of(pair.after()));
    let mut by_name: BTreeMap<String, VecDeque<usize>> = BTreeMap::new();
    for (at, cluster) in new.iter().enumerate() {
        let same = by_name.entry(cluster.name.clone()).or_default();
        same.push_back(at);
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
    /// Its location, for sorting.
    pub(super) fn place(&self) -> Option<(&TreePath, u32)> {
        self.span.as_ref().map(|it: &Span| (it.path(), it.start))
    }
}
