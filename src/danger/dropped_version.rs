//! CRDs that no longer serve a version that objects of the tree are written in.

use std::collections::{BTreeMap, BTreeSet};

use super::{ChangeSet, Danger, Faults, NAMES_MAX, RuleKind, list_first_names};
use crate::diag::Severity;
use crate::object::{Gvk, Object};
use crate::validate::rejected_changes;
use crate::yaml::{FieldPath, Node};

pub(super) const DANGER: Danger = Danger {
    code: "dropped-version",
    severity: Severity::Error,
    summary: "a CRD no longer serves a version that is in use",
    explain: "\
An object in a version that is no longer served cannot be read, changed or deleted: the sync engine reports `no matches for \
kind`. This happens when the upgrade of an operator brings new CRDs. The API server rejects a CRD that lacks a version in which \
objects are stored.

Write the objects in a version that both the old and the new CRD serve, wait until that is applied, and then upgrade the CRD. \
Keep the old storage version with `served: false` until it is no longer stored. Objects in the cluster that are not in this tree \
are not checked. To see the stored versions, run `kubectl get crd NAME -o \
jsonpath='{.status.storedVersions}'`.",
    check: RuleKind::ChangeSet(check),
};

fn check(changes: &ChangeSet<'_>, faults: &mut Faults) {
    let users = Users::new(changes);
    for (before, after) in crds(changes) {
        stored(before, after, faults);
        let (old, new) = (served(before), served(after));
        let new: BTreeSet<&str> = new.iter().map(|it| it.0).collect();
        for (version, _) in old.iter().filter(|it| !new.contains(it.0)) {
            let users = users.get(after, version);
            if !users.is_empty() {
                let names = users.iter().take(NAMES_MAX).map(|it| it.id().to_string());
                let message = format!(
                    "{} no longer serves `{version}`, which is used by {}",
                    after.id(),
                    list_first_names(&names.collect::<Vec<_>>(), users.len())
                );
                faults.push(after, FieldPath::dotted("spec.versions"), message);
            }
        }
    }
}

/// A version in which objects are stored cannot be removed.
fn stored(before: &Object, after: &Object, faults: &mut Faults) {
    for change in rejected_changes(&after.node, &before.node) {
        if change.finding.diagnostic.code == DANGER.code
            && let Some(reason) = change.reason
        {
            let field = change.finding.field;
            let message = format!(
                "`{field}` of {} {reason}: the API server rejects the change",
                after.id()
            );
            faults.push(after, field, message);
        }
    }
}

/// The CRDs on both sides.
pub(super) fn crds<'a>(changes: &ChangeSet<'a>) -> impl Iterator<Item = (&'a Object, &'a Object)> {
    let both = changes
        .pairs
        .iter()
        .filter_map(|it| Some((it.before()?, it.after()?)));
    both.filter(|(_, after)| after.kind() == "CustomResourceDefinition")
}

/// The versions that a CRD serves.
pub(super) fn served(crd: &Object) -> Vec<(&str, &Node)> {
    let versions = crd
        .node
        .at_keys(&["spec", "versions"])
        .and_then(Node::as_sequence);
    let versions = versions.unwrap_or_default().iter();
    let served = versions.filter(|it| it.get("served").and_then(Node::as_bool) != Some(false));
    served
        .filter_map(|it| Some((it.get("name")?.as_str()?, it)))
        .collect()
}

/// The objects of an environment that are written in versions of the CRDs that change.
pub(super) struct Users<'a> {
    by_kind: BTreeMap<Gvk, Vec<&'a Object>>,
}

impl<'a> Users<'a> {
    pub(super) fn new(changes: &ChangeSet<'a>) -> Users<'a> {
        let mut by_kind: BTreeMap<Gvk, Vec<&'a Object>> = BTreeMap::new();
        if crds(changes).next().is_some() {
            for object in changes.rest {
                by_kind.entry(object.gvk()).or_default().push(object);
            }
        }
        Users { by_kind }
    }

    /// The objects of a version.
    pub(super) fn get(&self, crd: &Object, version: &str) -> &[&'a Object] {
        let text = |keys: &[&str]| crd.node.at_keys(keys).and_then(Node::as_str).unwrap_or("");
        let gvk = Gvk {
            group: text(&["spec", "group"]).into(),
            version: version.into(),
            kind: text(&["spec", "names", "kind"]).into(),
        };
        let found = self.by_kind.get(&gvk);
        found.map(Vec::as_slice).unwrap_or_default()
    }
}
