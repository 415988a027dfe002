//! HelmReleases that Flux uninstalls and installs again.

use super::{Danger, Faults, RuleKind};
use crate::diag::Severity;
use crate::diff::Pair;
use crate::object::Object;
use crate::yaml::{FieldPath, Node};

pub(super) const DANGER: Danger = Danger {
    code: "reinstalled-release",
    severity: Severity::Error,
    summary: "a Helm release is uninstalled and installed again",
    explain: "\
Helm identifies a release by its name, its namespace and the namespace of its records. If one of them changes in a HelmRelease of \
Flux, or the name of the chart, helm-controller uninstalls the old release first and then installs a new one. Everything that the \
chart created is deleted, including PersistentVolumeClaims without `helm.sh/resource-policy: keep`.

The defaults count: without `releaseName`, the name is that of the HelmRelease, after the target namespace if there is one. So \
`targetNamespace` alone changes the name of the release as well; set `releaseName` to keep it. The name of a chart in a Git \
repository is in its Chart.yaml.

To keep the objects, add `helm.sh/resource-policy: keep` to them in an earlier change.",
    check: RuleKind::Change(check),
};

/// A property that identifies a release: its name in messages, the fields that determine it, the first one that is set at last, and
/// its value.
type Property = (&'static str, &'static [&'static str], fn(&Object) -> String);

const PROPERTIES: &[Property] = &[
    (
        "the release name",
        &["spec.releaseName", "spec.targetNamespace"],
        release_name,
    ),
    (
        "the namespace of the release",
        &["spec.targetNamespace"],
        |it| namespace(it, "targetNamespace"),
    ),
    (
        "the storage namespace of the release",
        &["spec.storageNamespace"],
        |it| namespace(it, "storageNamespace"),
    ),
];

fn check(pair: &Pair<'_>, faults: &mut Faults) {
    let Pair::Same(before, after) = pair else {
        return;
    };
    let gvk = after.gvk();
    let is_release = (&*gvk.group, &*gvk.kind) == ("helm.toolkit.fluxcd.io", "HelmRelease");
    // An object with a generated name is a different one.
    if !is_release || before.name() != after.name() {
        return;
    }
    for (what, fields, value) in PROPERTIES {
        let (old, new) = (value(before), value(after));
        if old != new {
            let message = format!(
                "{what} of {} changes from `{old}` to `{new}`: the release is uninstalled and installed again",
                after.id()
            );
            let fields = || fields.iter().map(|it| FieldPath::dotted(it));
            let differs = |it: &FieldPath| {
                let (old, new) = (before.node.at_path(it), after.node.at_path(it));
                old.and_then(Node::as_str) != new.and_then(Node::as_str)
            };
            let field = fields().find(differs).unwrap_or_else(FieldPath::root);
            faults.push(after, field, message);
            // The release is only uninstalled once.
            return;
        }
    }
    chart(before, after, faults);
}

fn text<'a>(object: &'a Object, keys: &[&str]) -> &'a str {
    let node = object.node.at_keys(keys);
    node.and_then(Node::as_str).unwrap_or("")
}

/// `GetReleaseName` of helm-controller. It shortens long names, but different names stay different.
fn release_name(release: &Object) -> String {
    let namespace = text(release, &["spec", "targetNamespace"]);
    match (text(release, &["spec", "releaseName"]), namespace) {
        ("", "") => release.name().to_string(),
        ("", namespace) => format!("{namespace}-{}", release.name()),
        (name, _) => name.to_string(),
    }
}

/// A namespace whose default is that of the HelmRelease.
fn namespace(release: &Object, key: &str) -> String {
    match text(release, &["spec", key]) {
        "" => release.namespace().to_string(),
        namespace => namespace.to_string(),
    }
}

/// The name of the chart. In a chart repository, it is known; for a folder or file, its name may differ from that in Chart.yaml.
fn chart(before: &Object, after: &Object, faults: &mut Faults) {
    let field = ["spec", "chart", "spec", "chart"];
    let name = |it| text(it, &field).trim_end_matches('/');
    let last = |it| name(it).rsplit('/').next().unwrap_or("");
    let (old, new) = (last(before), last(after));
    if old.is_empty() || new.is_empty() || old == new {
        return;
    }
    let kind = ["spec", "chart", "spec", "sourceRef", "kind"];
    let is_named = |it| text(it, &kind) == "HelmRepository";
    let condition = match is_named(before) && is_named(after) {
        true => "",
        false => " if the name in its Chart.yaml is another one,",
    };
    let message = format!(
        "the chart of {} changes from `{}` to `{}`:{condition} the release is uninstalled and installed again",
        after.id(),
        name(before),
        name(after)
    );
    faults.push(after, FieldPath::dotted("spec.chart.spec.chart"), message);
}
