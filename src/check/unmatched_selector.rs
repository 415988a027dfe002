//! Selectors of Services, budgets, policies and monitors that match no pod.

use std::collections::{BTreeMap, BTreeSet};

use super::created_objects::{is_custom, is_derived_from};
use super::environment::EnvironmentObjects;
use super::pods::pods;
use super::{Check, Faults, RuleKind};
use crate::diag::Severity;
use crate::object::{Label, Object, Selects, selects_by};
use crate::yaml::{FieldPath, Node};

pub(super) const CHECK: Check = Check {
    code: "unmatched-selector",
    severity: Severity::Warning,
    summary: "a selector matches no pods",
    explain: "\
A Service without pods has no endpoints, a NetworkPolicy without pods protects nothing, a PodDisruptionBudget without pods \
blocks no eviction, and a PodMonitor without pods collects no metrics. None of them reports an error. The cause is most often a \
misspelled label.

The labels of all pod templates in the same namespace are compared. A selector is not checked if its pods may be created by an \
operator or a chart: if it uses a label of an operator (`clickhouse.altinity.com/chi`), contains the name of a custom resource, or \
one that begins with it (`orders-leader` for `orders`), or is in a namespace with a chart.",
    check: RuleKind::Whole(check),
};

/// The maximum number of comparisons of a selector with a pod in one environment.
const PAIRS_MAX: usize = 2_000_000;

fn check(environment: &EnvironmentObjects<'_>, faults: &mut Faults) {
    let opaque = environment.opaque();
    let objects = || environment.objects.iter().map(|it| &*it.object);
    let mut pods_of: BTreeMap<&str, Vec<Option<&Node>>> = BTreeMap::new();
    for object in objects() {
        let labels = pods(object).into_iter().map(|it| it.labels);
        pods_of
            .entry(object.namespace())
            .or_default()
            .extend(labels);
    }
    let mut pairs = 0;
    let mut custom = CustomNames::default();
    objects()
        .filter(|it| is_custom(it))
        .for_each(|it| custom.add(it));
    for sourced in &environment.objects {
        let object = &*sourced.object;
        let Some((selector, path)) = selector(object) else {
            continue;
        };
        let spaces = namespaces(object);
        let is_looked_at = |it: &str| spaces.as_ref().is_none_or(|spaces| spaces.contains(&it));
        let is_open = opaque.iter().any(|it| is_looked_at(it)) || selector.is_of_operator(&custom);
        if is_open {
            continue;
        }
        let seen = pods_of.iter().filter(|it| is_looked_at(it.0));
        let mut seen = seen.flat_map(|it| it.1).inspect(|_| pairs += 1);
        if seen.any(|it| selector.fits(*it)) {
            continue;
        }
        if pairs > PAIRS_MAX {
            let message = format!(
                "selector of {} and all following selectors are not checked: there are too many selectors and pods",
                object.id()
            );
            return faults.push(
                sourced,
                &path,
                message,
                "split the environment into several kustomizations",
            );
        }
        let message = format!("selector of {} matches no pods", object.id());
        let help = "compare it with the labels of the pod template; if the pods are created by other means, add `# pleach: allow[unmatched-selector] REASON`";
        faults.push(sourced, &path, message, help);
    }
}

/// A selector of pods.
struct Selector<'a> {
    labels: Option<&'a Node>,
    expressions: &'a [Node],
}

/// The pod selector of an object, unless it selects all pods.
fn selector(object: &Object) -> Option<(Selector<'_>, FieldPath)> {
    let group = object.gvk().group;
    let field = match (&*group, object.kind()) {
        ("", "Service") => "spec.selector",
        ("policy", "PodDisruptionBudget") | ("monitoring.coreos.com", "PodMonitor") => {
            "spec.selector"
        }
        ("networking.k8s.io", "NetworkPolicy") => "spec.podSelector",
        _ => return None,
    };
    let path = FieldPath::dotted(field);
    let node = object.node.at_path(&path)?;
    let is_plain = object.kind() == "Service";
    let labels = if is_plain {
        Some(node)
    } else {
        node.get("matchLabels")
    };
    let expressions = node.get("matchExpressions").and_then(Node::as_sequence);
    let selector = Selector {
        labels: labels.filter(|it| it.as_mapping().is_some_and(|it| !it.is_empty())),
        expressions: expressions.filter(|_| !is_plain).unwrap_or_default(),
    };
    let is_all = selector.labels.is_none() && selector.expressions.is_empty();
    let is_alias = object
        .node
        .at_keys(&["spec", "type"])
        .and_then(Node::as_str)
        == Some("ExternalName");
    (!is_all && !is_alias).then_some((selector, path))
}

/// The namespaces whose pods are selected; `None` for all.
fn namespaces(object: &Object) -> Option<Vec<&str>> {
    let elsewhere = object.node.at_keys(&["spec", "namespaceSelector"]);
    let Some(elsewhere) = elsewhere.filter(|_| object.kind() == "PodMonitor") else {
        return Some(vec![object.namespace()]);
    };
    let names = elsewhere.get("matchNames").and_then(Node::as_sequence)?;
    Some(names.iter().filter_map(Node::as_str).collect())
}

impl Selector<'_> {
    fn fits(&self, labels: Option<&Node>) -> bool {
        let label = |key: &str| Label::find(labels, key);
        selects_by(self.labels, self.expressions, label) != Selects::Never
    }

    /// Whether it may select pods of an operator: it uses a label of an operator, or a name of a custom resource.
    fn is_of_operator(&self, custom: &CustomNames<'_>) -> bool {
        let required = self.labels.and_then(Node::as_mapping);
        let required = required.into_iter().flatten();
        let mut labels = required.map(|it| (it.key.as_str(), it.value.as_str()));
        let mut expressions = self.expressions.iter();
        labels.any(|(key, value)| {
            key.is_some_and(is_own_label) || value.is_some_and(|it| custom.may_name(it))
        }) || expressions.any(|it| {
            let values = it.get("values").and_then(Node::as_sequence);
            let values = values.filter(|_| it.get("operator").and_then(Node::as_str) == Some("In"));
            let mut values = values.into_iter().flatten().filter_map(Node::as_str);
            it.get("key")
                .and_then(Node::as_str)
                .is_some_and(is_own_label)
                || values.any(|it| custom.may_name(it))
        })
    }
}

/// The names of custom resources.
#[derive(Default)]
struct CustomNames<'a> {
    all: BTreeSet<&'a str>,
    /// Those of kinds whose operator may create pods.
    with_pods: BTreeSet<&'a str>,
}

impl<'a> CustomNames<'a> {
    fn add(&mut self, object: &'a Object) {
        self.all.insert(object.name());
        if !is_without_pods(object.kind()) {
            self.with_pods.insert(object.name());
        }
    }

    /// Whether a label value may be that of an operator's pods.
    fn may_name(&self, value: &str) -> bool {
        self.all.contains(value) || is_derived_from(value, |it| self.with_pods.contains(it))
    }
}

/// Kinds that often have the name of an application, and for which no operator creates pods.
fn is_without_pods(kind: &str) -> bool {
    kind.ends_with("Monitor")
        || kind.ends_with("Secret")
        || kind.ends_with("Route")
        || matches!(
            kind,
            "Certificate" | "Probe" | "PrometheusRule" | "ScaledObject"
        )
}

/// Labels with a domain belong to an operator, except those of Kubernetes and Helm, which are common.
fn is_own_label(key: &str) -> bool {
    let domain = key.split_once('/').map(|it| it.0);
    domain.is_some_and(|it| !matches!(it, "app.kubernetes.io" | "helm.sh"))
}
