//! CRDs that no longer serve a version that objects of the tree are written in.

use super::{ChangeSet, Danger, Faults, Judge, some};
use crate::diag::Severity;
use crate::object::Object;
use crate::yaml::{FieldPath, Node};

pub(super) const DANGER: Danger = Danger {
    code: "dropped-version",
    severity: Severity::Error,
    summary: "a CRD no longer serves a version that is in use",
    explain: "\
An object in a version that is no longer served cannot be read, changed or deleted: the sync engine reports `no matches for \
kind`. This happens when the upgrade of an operator brings new CRDs.

Write the objects in a version that both the old and the new CRD serve, wait until that is applied, and then upgrade the CRD. \
Objects in the cluster that are not in this tree are not checked. To see the stored versions, run `kubectl get crd NAME -o \
jsonpath='{.status.storedVersions}'`.",
    sees_secrets: false,
    judge: Judge::ChangeSet(judge),
};

fn judge(scene: &ChangeSet<'_>, faults: &mut Faults) {
    for (before, after) in crds(scene) {
        let (old, new) = (served(before), served(after));
        for (version, _) in old.iter().filter(|it| !new.iter().any(|new| new.0 == it.0)) {
            let users = users(scene.rest, after, version);
            let users: Vec<String> = users.map(|it| it.id().to_string()).collect();
            if !users.is_empty() {
                let message = format!(
                    "{} no longer serves `{version}`, which is used by {}",
                    after.id(),
                    some(&users)
                );
                faults.push(after, FieldPath::dotted("spec.versions"), message);
            }
        }
    }
}

/// The CRDs that are there on both sides.
pub(super) fn crds<'a>(scene: &ChangeSet<'a>) -> impl Iterator<Item = (&'a Object, &'a Object)> {
    let both = scene
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

/// The objects that are written in a version of a CRD.
pub(super) fn users<'a>(
    objects: &'a [Object],
    crd: &'a Object,
    version: &'a str,
) -> impl Iterator<Item = &'a Object> {
    let text = |keys: &[&str]| crd.node.at_keys(keys).and_then(Node::as_str).unwrap_or("");
    let (group, kind) = (text(&["spec", "group"]), text(&["spec", "names", "kind"]));
    objects.iter().filter(move |it| {
        let gvk = it.gvk();
        &*gvk.group == group && &*gvk.kind == kind && &*gvk.version == version
    })
}
