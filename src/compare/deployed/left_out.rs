//! The units that are not compared, and why.

use std::collections::BTreeSet;

use super::units::{Deployed, Key, Units, definition, is_same_objects};
use crate::deploy::{Entry, Status, Unit};
use crate::diag::{Diagnostic, Diagnostics};
use crate::object::ObjectId;

/// The units that are not compared, including those that depend on them.
pub(super) fn left_out<'a>(
    sides: [&Deployed<'_>; 2],
    units: &[Units<'a>; 2],
    notes: &mut Diagnostics,
) -> BTreeSet<Key<'a>> {
    let keys: BTreeSet<Key<'a>> = units.iter().flat_map(|it| it.keys().copied()).collect();
    let mut found = BTreeSet::new();
    for key in keys {
        let pair = units.each_ref().map(|it| it.get(&key).copied());
        match why_left_out(key.1, pair, sides) {
            None => {}
            Some(note) => {
                found.insert(key);
                notes.extend(note);
            }
        }
    }
    for side in units {
        for (key, (entry, unit)) in side {
            let mut above = unit.parent.and_then(|it| entry.units.get(it));
            while let Some(parent) = above {
                if found.contains(&(&entry.folder, &parent.id)) {
                    found.insert(*key);
                    break;
                }
                above = parent.parent.and_then(|it| entry.units.get(it));
            }
        }
    }
    found
}

/// Whether a unit is not compared, and the note about it. A unit that cannot be built on either side and has the same definition is
/// no difference.
fn why_left_out(
    id: &ObjectId,
    [old, new]: [Option<(&Entry, &Unit)>; 2],
    sides: [&Deployed<'_>; 2],
) -> Option<Option<Diagnostic>> {
    let fault = |it: Option<(&Entry, &Unit)>| match &it?.1.status {
        Status::NotBuilt(fault) => Some(fault.clone()),
        _ => None,
    };
    let (before, after) = (fault(old), fault(new));
    // A source that is only available on one side does not show what is deleted.
    let partial = |it: Option<(&Entry, &Unit)>| match &it?.1.status {
        Status::Partial(fault) => Some(fault.clone()),
        _ => None,
    };
    let (before, after) = match (partial(old), partial(new)) {
        (Some(fault), None) if new.is_some() => (before.or(Some(fault)), after),
        (None, Some(fault)) if old.is_some() => (before, after.or(Some(fault))),
        _ => (before, after),
    };
    let is_unseen = (before.is_some() || old.is_none()) && (after.is_some() || new.is_none());
    if let Some((fault, at)) = after.map(|it| (it, 1)).or(before.map(|it| (it, 0))) {
        let [old, new] = [old, new].map(|it| it.and_then(|it| definition(it.0, it.1)));
        let pair = old.zip(new);
        let is_same = pair.is_some_and(|(old, new)| old.node.same_data(&new.node));
        let note = not_compared(id, sides[at].name, &fault);
        return Some((!is_unseen || !is_same).then_some(note));
    }
    let (old, new) = (old?.1, new?.1);
    let is_same = || is_same_objects(&old.objects, &new.objects);
    (new.status == Status::Suspended).then(|| (!is_same()).then(|| suspended(new)))
}

fn not_compared(id: &ObjectId, side: &str, fault: &Diagnostic) -> Diagnostic {
    let words = format!("{id} is not shown");
    let reason = fault.message.strip_prefix(&words).unwrap_or(&fault.message);
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
