//! The built-in policy for availability: more than one replica, and a PodDisruptionBudget.

use super::super::environment::{EnvironmentObjects, SourcedObject};
use super::diagnostic;
use crate::diag::{Diagnostic, Severity};
use crate::load::BuiltinPolicies;
use crate::object::{Label, Object, Selects, selects};
use crate::yaml::{FieldPath, Node};

pub(super) fn findings(
    name: &str,
    environment: &EnvironmentObjects<'_>,
    policies: &BuiltinPolicies,
) -> Vec<Diagnostic> {
    let Some((severity, environments)) = &policies.availability else {
        return Vec::new();
    };
    if !environments.is_empty() && !environments.iter().any(|it| it == name) {
        return Vec::new();
    }
    let objects = || environment.objects.iter().map(|it| &*it.object);
    let budgets: Vec<(&str, &Node)> = objects()
        .filter(|it| it.kind() == "PodDisruptionBudget")
        .filter_map(|it| Some((it.namespace(), it.node.at_keys(&["spec", "selector"])?)))
        .collect();
    let scalers: Vec<&Object> = objects()
        .filter(|it| it.kind() == "HorizontalPodAutoscaler")
        .collect();
    let mut found = Vec::new();
    for sourced in &environment.objects {
        if &*sourced.object.gvk().group == "apps"
            && matches!(sourced.object.kind(), "Deployment" | "StatefulSet")
        {
            replicas(sourced, *severity, &scalers, &mut found);
            budget(sourced, *severity, &budgets, &mut found);
        }
    }
    found
}

/// The minimum number of replicas; `None` if it is deliberately zero.
fn minimum_replicas(object: &Object, scalers: &[&Object]) -> Option<i64> {
    let is_scaled = |it: &&&Object| {
        let text = |key: &str| {
            it.node
                .at_keys(&["spec", "scaleTargetRef", key])
                .and_then(Node::as_str)
        };
        it.namespace() == object.namespace()
            && text("kind") == Some(object.kind())
            && text("name") == Some(object.name())
    };
    let number = |it: &Object, key: &str| it.node.at_keys(&["spec", key]).and_then(Node::as_int);
    let least = match scalers.iter().find(is_scaled) {
        Some(scaler) => number(scaler, "minReplicas").unwrap_or(1),
        None => number(object, "replicas").unwrap_or(1),
    };
    (least > 0).then_some(least)
}

fn replicas(
    sourced: &SourcedObject<'_>,
    severity: Severity,
    scalers: &[&Object],
    found: &mut Vec<Diagnostic>,
) {
    if minimum_replicas(&sourced.object, scalers) != Some(1) {
        return;
    }
    let message = format!(
        "{} has only one replica, so it is unavailable whenever its node is",
        sourced.object.id()
    );
    let fault = diagnostic(
        "single-replica",
        severity,
        sourced,
        &FieldPath::dotted("spec.replicas"),
        message,
    );
    found.push(fault.help(
        "set at least two replicas, or give the reason in a comment: `# pleach: allow[single-replica] REASON`",
    ));
}

fn budget(
    sourced: &SourcedObject<'_>,
    severity: Severity,
    budgets: &[(&str, &Node)],
    found: &mut Vec<Diagnostic>,
) {
    let object = &*sourced.object;
    let labels = object
        .node
        .at_keys(&["spec", "template", "metadata", "labels"]);
    if budgets.iter().any(|it| {
        it.0 == object.namespace()
            && selects(Some(it.1), |key| Label::find(labels, key)) == Selects::Always
    }) {
        return;
    }
    let message = format!(
        "{} has no PodDisruptionBudget, so all its pods may be evicted at once",
        object.id()
    );
    let fault = diagnostic(
        "missing-disruption-budget",
        severity,
        sourced,
        &FieldPath::dotted("metadata.name"),
        message,
    );
    found.push(fault.help("add a PodDisruptionBudget whose selector matches its pods"));
}
