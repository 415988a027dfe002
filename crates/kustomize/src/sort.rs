//! The order of the result.

use std::cmp::Ordering;

use pleach_kube::object::Gvk;
use pleach_yaml::diag::Diagnostic;

use super::kustomization::Kustomization;
use super::record::Text;
use super::resource::Resource;
use super::{Options, Reorder};

/// Kinds that come first, in this order.
const FIRST: [&str; 22] = [
    "Namespace",
    "ResourceQuota",
    "StorageClass",
    "CustomResourceDefinition",
    "ServiceAccount",
    "PodSecurityPolicy",
    "Role",
    "ClusterRole",
    "RoleBinding",
    "ClusterRoleBinding",
    "ConfigMap",
    "Secret",
    "Endpoints",
    "Service",
    "LimitRange",
    "PriorityClass",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "Deployment",
    "StatefulSet",
    "CronJob",
    "PodDisruptionBudget",
];
/// Kinds that come last.
const LAST: [&str; 2] = [
    "MutatingWebhookConfiguration",
    "ValidatingWebhookConfiguration",
];

/// Sorts according to the kustomization, or else to the options.
pub(super) fn sort(
    resources: &mut [Resource],
    kustomization: &Kustomization,
    options: &Options,
) -> Result<(), Diagnostic> {
    let Some(sort_options) = &kustomization.fields.sort_options else {
        if options.reorder != Reorder::None {
            legacy(resources, &FIRST, &LAST);
        }
        return Ok(());
    };
    match (&*sort_options.order, &sort_options.legacy) {
        ("fifo", None) => {}
        ("fifo", Some(lists)) => {
            let message = "`legacySortOptions` requires `order: legacy`, found `fifo`";
            return Err(Diagnostic::error("bad-sort-options", message).at(&lists.span));
        }
        ("legacy", None) => legacy(resources, &FIRST, &LAST),
        ("legacy", Some(lists)) => {
            legacy(
                resources,
                &kinds(&lists.order_first),
                &kinds(&lists.order_last),
            );
        }
        (order, _) => {
            let message = format!("expected the order `legacy` or `fifo`, found `{order}`");
            return Err(Diagnostic::error("bad-sort-options", message)
                .at(sort_options.order.span_or(&sort_options.span)));
        }
    }
    Ok(())
}

fn kinds(list: &[Text]) -> Vec<&str> {
    list.iter().map(|it| &**it).collect()
}

fn legacy(resources: &mut [Resource], first: &[&str], last: &[&str]) {
    resources.sort_by_cached_key(|resource| {
        let object = &resource.object;
        let gvk = object.gvk();
        let group = GroupKey {
            namespace: &*gvk.kind == "Namespace",
            // Separate from the text, which has `~G` for the core group.
            core: gvk.group.is_empty(),
            text: joined(&gvk),
        };
        // Compared as one joined string, as in kustomize: `a|x` comes after `ab|x`.
        let name = [or(object.namespace(), "~X"), or(object.name(), "~N")].join("|");
        (rank(&gvk.kind, first, last), group, name)
    });
}

/// Namespaces are compared in reverse order if one object is in the core group.
#[derive(PartialEq, Eq)]
struct GroupKey {
    namespace: bool,
    core: bool,
    text: String,
}

impl Ord for GroupKey {
    fn cmp(&self, other: &GroupKey) -> Ordering {
        if self.namespace && other.namespace && (self.core || other.core) {
            return other
                .core
                .cmp(&self.core)
                .then_with(|| other.text.cmp(&self.text));
        }
        self.text.cmp(&other.text)
    }
}

impl PartialOrd for GroupKey {
    fn partial_cmp(&self, other: &GroupKey) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

fn rank(kind: &str, first: &[&str], last: &[&str]) -> isize {
    let location = |kinds: &[&str]| {
        kinds
            .iter()
            // If a kind is listed twice, the later position counts, because kustomize fills a map.
            .rposition(|it| *it == kind)
            .and_then(|at| isize::try_from(at).ok())
    };
    // A kind that is in both lists comes last, as in kustomize, where the second list overwrites
    // the first in one map.
    if let Some(at) = location(last) {
        return 1 + at;
    }
    location(first).map_or(0, |at| at - isize::try_from(first.len()).unwrap_or(0))
}

fn joined(gvk: &Gvk) -> String {
    let parts = [
        or(&gvk.group, "~G"),
        or(&gvk.version, "~V"),
        or(&gvk.kind, "~K"),
    ];
    parts.join("_")
}

fn or<'a>(text: &'a str, absent: &'a str) -> &'a str {
    if text.is_empty() { absent } else { text }
}

/// The position of a kind among field specs and name references.
pub(super) fn default_order(gvk: &Gvk) -> (isize, String) {
    (rank(&gvk.kind, &FIRST, &LAST), joined(gvk))
}
