//! PodDisruptionBudgets that do not allow any disruption.

use std::collections::{BTreeMap, BTreeSet};

use super::{Danger, Faults, RuleKind};
use crate::diag::Severity;
use crate::diff::Pair;
use crate::object::{Label as Value, Object, Selects, selects};
use crate::products::operators;
use crate::yaml::{Entry, FieldPath, Node, emit_canonical};

pub(super) const DANGER: Danger = Danger {
    code: "blocked-eviction",
    severity: Severity::Warning,
    summary: "a PodDisruptionBudget blocks all evictions",
    explain: "\
A node is drained by evicting its pods. A budget that never allows an eviction blocks every drain: node upgrades, autoscaling \
and repairs wait until somebody deletes the pods manually.

Allow at least one eviction: set `maxUnavailable: 1`, or a `minAvailable` below the number of replicas. If a workload runs as a \
single pod and must not be disturbed, remove its budget or add a second replica.",
    check: RuleKind::Tree(check),
};

/// Whether a change may concern budgets of unchanged objects, or unchanged workloads of budgets.
pub(super) fn affects_budgets(pair: &Pair<'_>) -> bool {
    let Some(object) = pair.after().or(pair.before()) else {
        return false;
    };
    let fields: &[&[&str]] = match object.kind() {
        "PodDisruptionBudget" => return true,
        "Deployment" | "StatefulSet" => &[
            &["spec", "replicas"],
            &["spec", "template", "metadata", "labels"],
        ],
        "HorizontalPodAutoscaler" | "ScaledObject" => &[&["spec", "scaleTargetRef"]],
        _ => return false,
    };
    let (Some(before), Some(after)) = (pair.before(), pair.after()) else {
        return true;
    };
    fields.iter().any(
        |field| match (before.node.at_keys(field), after.node.at_keys(field)) {
            (Some(before), Some(after)) => !before.same_data(after),
            (before, after) => before.is_some() || after.is_some(),
        },
    )
}

fn check(objects: &[&Object], faults: &mut Faults) {
    let mut workloads = None;
    for budget in objects
        .iter()
        .filter(|it| it.kind() == "PodDisruptionBudget")
    {
        let field = |key: &str| budget.node.at_keys(&["spec", key]).and_then(Node::as_str);
        if let Some(max @ ("0" | "0%")) = field("maxUnavailable") {
            let message = format!(
                "{} blocks all evictions: `maxUnavailable` is {max}",
                budget.id()
            );
            faults.push(budget, FieldPath::dotted("spec.maxUnavailable"), message);
        }
        let Some(min) = field("minAvailable") else {
            continue;
        };
        let workloads = workloads.get_or_insert_with(|| Workloads::new(objects));
        let pods = workloads.pods(budget);
        let all = match (min.strip_suffix('%').map(str::parse::<f64>), pods) {
            (Some(Ok(percent)), _) if percent >= 100.0 => true,
            (Some(Ok(percent)), Some(pods)) => {
                (percent / 100.0 * pods as f64).ceil() >= pods as f64
            }
            (None, Some(pods)) => min.parse::<i64>().is_ok_and(|min| min >= pods && min > 0),
            _ => false,
        };
        if all {
            let of = match pods {
                Some(pods) => format!(" of {pods} {}", if pods == 1 { "pod" } else { "pods" }),
                None => String::new(),
            };
            let message = format!(
                "{} blocks all evictions: `minAvailable` is {min}{of}",
                budget.id()
            );
            faults.push(budget, FieldPath::dotted("spec.minAvailable"), message);
        }
    }
}

/// A label in a namespace; `None` for a value that is not a string.
type Label<'a> = (&'a str, &'a str, Option<&'a str>);

/// The Deployments and StatefulSets of a tree, found by their pods' labels.
struct Workloads<'a> {
    by_namespace: BTreeMap<&'a str, Vec<&'a Object>>,
    by_label: BTreeMap<Label<'a>, Vec<&'a Object>>,
    /// Namespaces and names of autoscaled workloads.
    scaled: BTreeSet<(&'a str, &'a str)>,
    /// Namespaces with objects that create pods of an unknown number: charts, custom resources, DaemonSets.
    others: BTreeSet<&'a str>,
    /// Results by selector, so that equal ones are evaluated once.
    known: BTreeMap<(&'a str, String), Option<i64>>,
}

impl<'a> Workloads<'a> {
    fn new(objects: &[&'a Object]) -> Workloads<'a> {
        let mut found = Workloads {
            by_namespace: BTreeMap::new(),
            by_label: BTreeMap::new(),
            scaled: BTreeSet::new(),
            others: BTreeSet::new(),
            known: BTreeMap::new(),
        };
        for object in objects {
            let namespace = object.namespace();
            let target = object.node.at_keys(&["spec", "scaleTargetRef", "name"]);
            let target = target.and_then(Node::as_str);
            found.scaled.extend(target.map(|it| (namespace, it)));
            if creates_other_pods(object) {
                found.others.insert(operators::namespace(object));
            }
            if !matches!(object.kind(), "Deployment" | "StatefulSet") {
                continue;
            }
            found
                .by_namespace
                .entry(namespace)
                .or_default()
                .push(object);
            let labels = labels(object).and_then(Node::as_mapping);
            for label in labels.into_iter().flatten() {
                let key = (
                    namespace,
                    label.key.as_str().unwrap_or(""),
                    label.value.as_string(),
                );
                found.by_label.entry(key).or_default().push(object);
            }
        }
        found
    }

    /// The number of pods that a budget covers; `None` if unknown.
    fn pods(&mut self, budget: &'a Object) -> Option<i64> {
        // An empty selector covers all pods of the namespace, a missing one none.
        let selector = budget.node.at_keys(&["spec", "selector"])?;
        selector.as_mapping()?;
        let key = (budget.namespace(), emit_canonical(selector));
        if let Some(known) = self.known.get(&key) {
            return *known;
        }
        let pods = self.count(budget.namespace(), selector);
        self.known.insert(key, pods);
        pods
    }

    /// The workloads with a label.
    fn with<'s>(&'s self, namespace: &'s str, label: &'s Entry) -> &'s [&'s Object] {
        let key = label.key.as_str().unwrap_or("");
        let key = (namespace, key, label.value.as_string());
        let found = self.by_label.get(&key);
        found.map(Vec::as_slice).unwrap_or_default()
    }

    /// The pods of the workloads that a selector matches.
    fn count(&self, namespace: &str, selector: &Node) -> Option<i64> {
        let all = self.by_namespace.get(namespace);
        let all = all.map(Vec::as_slice).unwrap_or_default();
        // Only the pods with the rarest label need to be checked.
        let required = selector.get("matchLabels").and_then(Node::as_mapping);
        let rarest = required
            .into_iter()
            .flatten()
            .map(|it| self.with(namespace, it))
            .min_by_key(|it| it.len());
        // Without a required label, the budget also covers the pods of other objects.
        if rarest.is_none() && self.others.contains(namespace) {
            return None;
        }
        let is_selected = |it: &&&Object| {
            let labels = labels(it);
            selects(Some(selector), |key| Value::find(labels, key)) == Selects::Always
        };
        let selected: Vec<_> = rarest.unwrap_or(all).iter().filter(is_selected).collect();
        let is_scaled = |it: &&&Object| self.scaled.contains(&(namespace, it.name()));
        if selected.is_empty() || selected.iter().any(is_scaled) {
            return None;
        }
        let replicas = |it: &&Object| match it.node.at_keys(&["spec", "replicas"]) {
            None => Some(1),
            Some(replicas) => replicas.as_int(),
        };
        let mut counts = selected.into_iter().map(replicas);
        counts.try_fold(0_i64, |sum, it| sum.checked_add(it?))
    }
}

/// Whether an object creates pods whose number or labels are not known.
fn creates_other_pods(object: &Object) -> bool {
    let group = object.gvk().group;
    let is_custom = group.contains('.') && !group.ends_with(".k8s.io");
    let is_workload = matches!(
        object.kind(),
        "DaemonSet" | "ReplicaSet" | "ReplicationController" | "Job" | "CronJob" | "Pod"
    );
    is_custom || is_workload
}

/// The labels of a workload's pods.
fn labels(workload: &Object) -> Option<&Node> {
    let keys = ["spec", "template", "metadata", "labels"];
    workload.node.at_keys(&keys)
}
