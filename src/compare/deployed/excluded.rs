//! Finds units that are not compared, with the reason of each.

use std::collections::BTreeSet;

use super::units::{Deployed, Key, Units, definition, has_same_objects};
use crate::deploy::{Entry, Status, Unit};
use crate::diag::{Diagnostic, Diagnostics};
use crate::object::ObjectId;

/// The units that are not compared, including those that they deploy.
pub(super) fn excluded_units<'a>(
    sides: [&Deployed<'_>; 2],
    units: &[Units<'a>; 2],
    notes: &mut Diagnostics,
) -> BTreeSet<Key<'a>> {
    let keys: BTreeSet<Key<'a>> = units.iter().flat_map(|it| it.keys().copied()).collect();
    let mut excluded = BTreeSet::new();
    for key in keys {
        let pair = units.each_ref().map(|it| it.get(&key).copied());
        if let Some(exclusion) = exclusion(key.1, pair, sides) {
            excluded.insert(key);
            notes.extend(exclusion.note);
        }
    }
    for side in units {
        for (key, (entry, unit)) in side {
            let mut ancestor = unit.parent.and_then(|it| entry.units.get(it));
            while let Some(parent) = ancestor {
                if excluded.contains(&(&entry.folder, &parent.id)) {
                    excluded.insert(*key);
                    break;
                }
                ancestor = parent.parent.and_then(|it| entry.units.get(it));
            }
        }
    }
    excluded
}

/// A unit that is not compared.
struct Exclusion {
    /// `None` if nothing that is deployed can differ.
    note: Option<Diagnostic>,
}

/// Returns an exclusion if a unit is not compared. A unit that cannot be built on any side gets no note if its definition is the
/// same.
fn exclusion(
    id: &ObjectId,
    [old, new]: [Option<(&Entry, &Unit)>; 2],
    sides: [&Deployed<'_>; 2],
) -> Option<Exclusion> {
    let fault = |it: Option<(&Entry, &Unit)>| match &it?.1.status {
        Status::NotBuilt(fault) => Some(fault.clone()),
        _ => None,
    };
    let (before, after) = (fault(old), fault(new));
    // If only one side is complete, objects that are missing on the other side need not be deleted.
    let partial = |it: Option<(&Entry, &Unit)>| match &it?.1.status {
        Status::Partial(fault) => Some(fault.clone()),
        _ => None,
    };
    let (before, after) = match (partial(old), partial(new)) {
        (Some(fault), None) if new.is_some() => (before.or(Some(fault)), after),
        (None, Some(fault)) if old.is_some() => (before, after.or(Some(fault))),
        _ => (before, after),
    };
    let is_built_nowhere =
        (before.is_some() || old.is_none()) && (after.is_some() || new.is_none());
    if let Some((fault, at)) = after.map(|it| (it, 1)).or(before.map(|it| (it, 0))) {
        let [old, new] = [old, new].map(|it| it.and_then(|it| definition(it.0, it.1)));
        let pair = old.zip(new);
        let is_same = pair.is_some_and(|(old, new)| old.node.same_data(&new.node));
        let note = not_compared(id, sides[at].name, &fault);
        let note = (!is_built_nowhere || !is_same).then_some(note);
        return Some(Exclusion { note });
    }
    let (old, new) = (old?.1, new?.1);
    if new.status != Status::Suspended {
        return None;
    }
    let is_same = has_same_objects(&old.objects, &new.objects);
    let note = (!is_same).then(|| suspended(new));
    Some(Exclusion { note })
}

fn not_compared(id: &ObjectId, side: &str, fault: &Diagnostic) -> Diagnostic {
    let prefix = format!("{id} is not shown");
    let reason = fault
        .message
        .strip_prefix(&prefix)
        .unwrap_or(&fault.message);
    let reason = reason.trim_start_matches([':', ',', ' ']);
    let reason = reason.strip_prefix("because ").unwrap_or(reason);
    let message =
        format!("what {id} deploys is not compared, because it is not known in {side}: {reason}");
    let note = Diagnostic::warning("not-compared", message);
    let note = match &fault.span {
        Some(span) => note.at(span),
        None => note,
    };
    fault
        .help
        .iter()
        .fold(note, |note, help| note.help(help.as_str()))
}

fn suspended(unit: &Unit) -> Diagnostic {
    let message = format!(
        "{} is suspended: what it deploys changes, but the objects in the cluster do not change until it is resumed",
        unit.id
    );
    let note = Diagnostic::warning("not-compared", message);
    match &unit.span {
        Some(span) => note.at(span),
        None => note,
    }
}
