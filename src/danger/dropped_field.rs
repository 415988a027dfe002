//! CRDs whose schema loses a field that objects of the tree use.

use std::collections::BTreeMap;

use super::dropped_version::{Users, crds, served};
use super::{ChangeSet, Danger, Faults, RuleKind};
use crate::diag::Severity;
use crate::yaml::{FieldPath, Node, Step, View};

pub(super) const DANGER: Danger = Danger {
    code: "dropped-field",
    severity: Severity::Error,
    summary: "a CRD loses a field that is in use",
    explain: "\
The API server silently drops fields that are not in the schema of a CRD, so the new version of an operator reads the object as \
if they had never been set. Settings disappear although nobody changed them.

Find out from the release notes of the operator what replaces the field, and set that before or with the upgrade.",
    check: RuleKind::ChangeSet(check),
};

fn check(changes: &ChangeSet<'_>, faults: &mut Faults) {
    let users = Users::new(changes);
    for (before, after) in crds(changes) {
        let new: BTreeMap<&str, &Node> = served(after).into_iter().collect();
        for (version, old) in served(before) {
            let schema = ["schema", "openAPIV3Schema"];
            let new = new.get(version).and_then(|it| it.at_keys(&schema));
            let (Some(old), Some(new)) = (old.at_keys(&schema), new) else {
                continue;
            };
            for object in users.get(after, version) {
                let mut lost = Vec::new();
                dropped(&object.node, old, new, &mut FieldPath::root(), &mut lost);
                for field in lost {
                    let message = format!(
                        "{} no longer has the field `{field}`, which {} uses",
                        after.id(),
                        object.id()
                    );
                    faults.push(object, field, message);
                }
            }
        }
    }
}

/// The fields of a value that the old schema has and the new one prunes.
fn dropped(node: &Node, old: &Node, new: &Node, at: &mut FieldPath, lost: &mut Vec<FieldPath>) {
    match node.view() {
        View::Mapping(entries) => {
            for entry in entries {
                let key = entry.key.as_str().unwrap_or("");
                let Some(was) = child(old, key) else {
                    continue;
                };
                at.push(Step::Key(key.into()));
                match child(new, key) {
                    Some(is) => dropped(&entry.value, was, is, at, lost),
                    None if is_open(new) => {}
                    None => lost.push(at.clone()),
                }
                at.pop();
            }
        }
        View::Sequence(items) => {
            if let (Some(was), Some(is)) = (old.get("items"), new.get("items")) {
                for (index, item) in items.iter().enumerate() {
                    at.push(Step::Index(index));
                    dropped(item, was, is, at, lost);
                    at.pop();
                }
            }
        }
        View::Scalar(_) => {}
    }
}

fn child<'a>(schema: &'a Node, key: &str) -> Option<&'a Node> {
    let named = schema.get("properties").and_then(|it| it.get(key));
    named.or_else(|| schema.get("additionalProperties"))
}

/// Whether a schema preserves unknown fields.
fn is_open(schema: &Node) -> bool {
    let keeps = schema.get("x-kubernetes-preserve-unknown-fields");
    keeps.and_then(Node::as_bool) == Some(true) || schema.get("properties").is_none()
}
