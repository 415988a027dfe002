//! Operators that are removed in the same change as objects whose finalizers only they can remove.

use std::collections::BTreeMap;

use super::{ChangeSet, Danger, Faults, NAMES_MAX, RuleKind, list_first_names};
use crate::diag::Severity;
use crate::diff::Pair;
use crate::object::Object;
use crate::products::operators::Operators;
use crate::yaml::FieldPath;

pub(super) const DANGER: Danger = Danger {
    code: "removed-operator",
    severity: Severity::Error,
    summary: "an operator would be deleted together with the objects that it manages",
    explain: "\
Objects of operators have finalizers: such an object is only deleted after its operator has cleaned up. Flux and Argo CD delete \
everything that is removed from the tree at once, so the operator may be deleted first. The objects are then stuck in deletion, \
and what the operator created for them keeps running: servers, volumes, load balancers.

Use two changes. The first removes the objects. Once they are gone from the cluster, the second removes the operator. Do the \
same if a database moves to another operator that watches another namespace, because its old object needs the old operator.

If it has already happened, install the operator again and let it finish, or remove the finalizers and delete the rest manually.

An operator is recognised by its chart, or by a Deployment whose ServiceAccount has a role that can change objects of the API \
group.",
    check: RuleKind::ChangeSet(check),
};

fn check(changes: &ChangeSet<'_>, faults: &mut Faults) {
    let gone: Vec<&Object> = changes.pairs.iter().filter_map(removed).collect();
    // An object with a new name or namespace is a different one; the old one has finalizers, too.
    let renamed = changes.pairs.iter().filter_map(|it| match it {
        Pair::Renamed(before, _) => Some(*before),
        Pair::Same(before, after) => match (&before.handling, &after.handling) {
            (Some(from), Some(to)) if from.deletes_in_any_order(to) => Some(*before),
            _ => None,
        },
        _ => None,
    });
    let mut served: BTreeMap<Box<str>, Vec<(usize, &Object)>> = BTreeMap::new();
    for (index, object) in gone.iter().copied().chain(renamed).enumerate() {
        let of_group = served.entry(object.gvk().group).or_default();
        of_group.push((index, object));
    }
    let operators = Operators::find(&gone);
    for operator in &gone {
        let groups = operators.groups(operator);
        let objects: Vec<_> = groups.into_iter().filter_map(|it| served.get(it)).collect();
        if !objects.is_empty() {
            let count = objects.iter().map(|it| it.len()).sum();
            let first = objects.iter().flat_map(|it| it.iter().take(NAMES_MAX));
            let mut first: Vec<_> = first.collect();
            first.sort_by_key(|it| it.0);
            let names = first.iter().take(NAMES_MAX).map(|it| it.1.id().to_string());
            let message = format!(
                "{} would be deleted together with {}: without the operator, their finalizers block the deletion, and what it created for them keeps running",
                operator.id(),
                list_first_names(&names.collect::<Vec<_>>(), count)
            );
            faults.push(operator, FieldPath::dotted("metadata.name"), message);
        }
    }
}

fn removed<'a>(pair: &Pair<'a>) -> Option<&'a Object> {
    match pair {
        Pair::Removed(before) => Some(before),
        _ => None,
    }
}
