//! What units do with their objects: which they delete from the cluster, and which they keep.

use std::sync::Arc;

use super::units::{Key, Units, definition, is_entry_folder};
use crate::deploy::{Entry, Origin, Status, Unit};
use crate::object::Object;
use crate::retention::Handling;

/// The state of a unit after a change.
#[derive(Clone, Copy)]
pub(super) enum UnitAfter<'a> {
    /// It still exists, as given.
    Remains(&'a Unit),
    /// It is deleted.
    Deleted,
    /// Its objects stay: it remains in the cluster although it is no longer in the tree, or it deploys to another cluster, and its
    /// engine only looks for objects to delete there.
    Kept,
}

/// The state of a unit after a change, from all units after it.
pub(super) fn unit_after<'a>(
    key: Key<'_>,
    (entry, unit): (&Entry, &Unit),
    after: &Units<'a>,
) -> UnitAfter<'a> {
    if let Some((_, other)) = after.get(&key) {
        return match other.cluster == unit.cluster {
            true => UnitAfter::Remains(other),
            false => UnitAfter::Kept,
        };
    }
    let parent = unit.parent.and_then(|it| entry.units.get(it));
    let (Some(parent), Some(definition)) = (parent, definition(entry, unit)) else {
        return UnitAfter::Deleted;
    };
    let above = unit_after((key.0, &parent.id), (entry, parent), after);
    // Nobody deletes a unit that was applied by other means than its own folder: it still applies the folder as it is now.
    if is_entry_folder(parent)
        && unit.origin == Origin::Folder(entry.folder.clone())
        && let UnitAfter::Remains(folder) = above
    {
        return UnitAfter::Remains(folder);
    }
    match stays(definition, parent, above) {
        true => UnitAfter::Kept,
        false => UnitAfter::Deleted,
    }
}

/// Whether an object of a unit stays in the cluster when the tree no longer has it.
pub(super) fn stays(object: &Object, unit: &Unit, unit_after: UnitAfter<'_>) -> bool {
    let is_kept = match unit_after {
        UnitAfter::Remains(after) => {
            // The new setting may be reconciled before or after the removal.
            let [old, new] = [unit, after].map(|it| it.retention.keeps_removed(object));
            let is_empty = after.objects.is_empty() && after.status == Status::Built;
            old && new || is_empty && after.retention.keeps_all_removed
        }
        UnitAfter::Deleted => unit.retention.keeps_on_deletion(object),
        UnitAfter::Kept => true,
    };
    object.stays || is_kept
}

/// What a unit with the given title does with an object; `None` if its engine is unknown.
pub(super) fn handling(
    object: &Object,
    unit: &Unit,
    title: &Arc<str>,
    stays: bool,
) -> Option<Handling> {
    Some(Handling {
        unit: title.clone(),
        engine: unit.retention.engine?,
        deletes: !stays,
        recreates: unit.retention.recreates(object),
    })
}
