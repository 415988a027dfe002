//! NetworkPolicies that no longer restrict the traffic of pods.

use std::collections::BTreeMap;

use super::{ChangeSet, Danger, Faults, RuleKind};
use crate::diag::Severity;
use crate::diff::{Pair, is_kept};
use crate::object::{Label, Object, Selects, selects};
use crate::yaml::{FieldPath, Node};

pub(super) const DANGER: Danger = Danger {
    code: "opened-traffic",
    severity: Severity::Warning,
    summary: "pods are no longer isolated by a NetworkPolicy",
    explain: "\
A pod that no NetworkPolicy selects for a direction accepts all incoming traffic, or may connect to every address. Removing the \
last policy that selects pods, often a policy that denies everything, opens them. Removing one of several policies only removes \
what it allowed.

Add the policy that replaces it in the same change. If the pods are to be reachable, write down from where: a policy with the \
allowed sources instead of none.",
    check: RuleKind::ChangeSet(check),
};

/// Whether a change may open the traffic of pods.
pub(super) fn affects_traffic(pair: &Pair<'_>) -> bool {
    pair.before().is_some_and(is_policy)
}

fn check(changes: &ChangeSet<'_>, faults: &mut Faults) {
    let mut by_namespace: BTreeMap<&str, Vec<&Object>> = BTreeMap::new();
    if changes.pairs.iter().any(affects_traffic) {
        for object in changes.rest {
            let near = by_namespace.entry(object.namespace()).or_default();
            near.push(object);
        }
    }
    for pair in changes.pairs {
        let Some(before) = pair.before().filter(|it| is_policy(it)) else {
            continue;
        };
        let is_gone = pair.after().is_none_or(|it| it.id() != before.id());
        if is_gone && is_kept(before) {
            continue;
        }
        let near = by_namespace.get(before.namespace());
        let near = near.map(Vec::as_slice).unwrap_or_default();
        let is_open = |it: &&str| restricts(before, it) && is_opened(before, it, near);
        let opened = ["Ingress", "Egress"].into_iter().filter(is_open);
        let what: Vec<&str> = opened
            .map(|it| match it {
                "Ingress" => "accept all incoming traffic",
                _ => "may connect to all addresses",
            })
            .collect();
        if !what.is_empty() {
            let message = format!(
                "{} no longer isolates its pods: those that no other policy selects {}",
                before.id(),
                what.join(" and ")
            );
            let object = pair.after().unwrap_or(before);
            faults.push(object, FieldPath::dotted("spec"), message);
        }
    }
}

/// Whether pods in the namespace of a policy are no longer restricted. `near` contains the objects there after the change.
fn is_opened(policy: &Object, direction: &str, near: &[&Object]) -> bool {
    let others: Vec<&Object> = near
        .iter()
        .copied()
        .filter(|it| is_policy(it) && restricts(it, direction))
        .collect();
    let Some(selector) = selector(policy) else {
        return false;
    };
    let is_selected_by = |labels: &Node, selector: &Node| {
        selects(Some(selector), |key| Label::find(Some(labels), key)) != Selects::Never
    };
    let is_restricted = |labels: &Node| {
        let mut selectors = others.iter().filter_map(|it| self::selector(it));
        selectors.any(|it| is_selected_by(labels, it))
    };
    let pods: Vec<&Node> = near.iter().filter_map(|it| labels(it)).collect();
    // The pods of a namespace without workloads in the tree are unknown.
    if pods.is_empty() && is_empty(selector) {
        let is_covered = others
            .iter()
            .any(|it| self::selector(it).is_some_and(is_empty));
        return !is_covered && near.iter().any(|it| !is_policy(it));
    }
    let mut selected = pods.into_iter().filter(|it| is_selected_by(it, selector));
    selected.any(|it| !is_restricted(it))
}

fn is_policy(object: &Object) -> bool {
    object.kind() == "NetworkPolicy" && &*object.gvk().group == "networking.k8s.io"
}

fn selector(policy: &Object) -> Option<&Node> {
    policy.node.at_keys(&["spec", "podSelector"])
}

fn is_empty(selector: &Node) -> bool {
    selector.as_mapping().is_some_and(|it| it.is_empty())
}

/// Whether a policy applies to a direction. Without `policyTypes`, it applies to incoming traffic, and to outgoing traffic if it has
/// rules for that.
fn restricts(policy: &Object, direction: &str) -> bool {
    let types = policy.node.at_keys(&["spec", "policyTypes"]);
    match types.and_then(Node::as_sequence) {
        Some(types) => types.iter().any(|it| it.as_str() == Some(direction)),
        None => direction == "Ingress" || policy.node.at_keys(&["spec", "egress"]).is_some(),
    }
}

/// The labels of the pods of a workload.
fn labels(workload: &Object) -> Option<&Node> {
    let template = ["spec", "template", "metadata", "labels"];
    workload.node.at_keys(&template)
}
