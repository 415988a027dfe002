//! PodDisruptionBudgets that let no pod go.

use super::{Danger, Faults, Judge};
use crate::diag::Severity;
use crate::object::Object;
use crate::yaml::{FieldPath, Node};

pub(super) const DANGER: Danger = Danger {
    code: "blocked-eviction",
    severity: Severity::Warning,
    summary: "a PodDisruptionBudget blocks all evictions",
    explain: "\
A node is drained by evicting its pods. A budget that never allows an eviction blocks every drain: node upgrades, autoscaling \
and repairs wait until somebody deletes the pods manually.

Allow at least one eviction: set `maxUnavailable: 1`, or a `minAvailable` below the number of replicas. If a workload runs as a \
single pod and must not be disturbed, remove its budget or add a second replica.",
    sees_secrets: false,
    judge: Judge::Tree(judge),
};

fn judge(objects: &[&Object], faults: &mut Faults) {
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
        let pods = pods(budget, objects);
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

/// How many pods a budget covers; `None` if the tree does not say.
fn pods(budget: &Object, objects: &[&Object]) -> Option<i64> {
    let selector = budget.node.at_keys(&["spec", "selector"])?;
    if selector.get("matchExpressions").is_some() {
        return None;
    }
    let wanted = selector.get("matchLabels")?.as_mapping()?;
    let is_selected = |it: &&&Object| {
        let labels = it.node.at_keys(&["spec", "template", "metadata", "labels"]);
        let has = |key: &str, value: &Node| {
            labels
                .and_then(|it| it.get(key))
                .is_some_and(|it| it.same_data(value))
        };
        it.namespace() == budget.namespace()
            && wanted
                .iter()
                .all(|it| has(it.key.as_str().unwrap_or(""), &it.value))
    };
    let is_workload = |it: &&&Object| matches!(it.kind(), "Deployment" | "StatefulSet");
    let selected: Vec<&&Object> = objects
        .iter()
        .filter(is_workload)
        .filter(is_selected)
        .collect();
    let is_scaled = |name: &str| {
        let target = |it: &Object| {
            it.node
                .at_keys(&["spec", "scaleTargetRef", "name"])?
                .as_str()
                .map(str::to_string)
        };
        objects
            .iter()
            .any(|it| it.namespace() == budget.namespace() && target(it).as_deref() == Some(name))
    };
    if selected.is_empty() || selected.iter().any(|it| is_scaled(it.name())) {
        return None;
    }
    let replicas = |it: &&&Object| match it.node.at_keys(&["spec", "replicas"]) {
        None => Some(1),
        Some(replicas) => replicas.as_int(),
    };
    selected.iter().map(replicas).sum()
}
