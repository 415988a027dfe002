//! Pods that violate the Pod Security Standards of their namespace.

use super::environment::{EnvironmentObjects, SourcedObject};
use super::pods::pods;
use crate::diag::{Diagnostic, Severity};
use crate::validate::pod_security::{Level, violations};
use crate::yaml::Node;

const PREFIX: &str = "pod-security.kubernetes.io/";

/// The modes of a level, the most severe first.
const MODES: [(&str, Severity); 3] = [
    ("enforce", Severity::Error),
    ("warn", Severity::Warning),
    ("audit", Severity::Note),
];

/// Checks pods against the labels of their Namespaces. `minor` is the newest version of the standards that the cluster knows.
pub(super) fn findings(environment: &EnvironmentObjects<'_>, minor: u32) -> Vec<Diagnostic> {
    let namespaces = environment.namespaces();
    let findings = environment.objects.iter().filter_map(|sourced| {
        let object = &*sourced.object;
        let is_workload = matches!(&*object.gvk().group, "apps" | "batch");
        let is_pod = object.kind() == "Pod" && object.gvk().group.is_empty();
        let namespace = namespaces.get(object.namespace());
        let namespace = namespace.filter(|_| is_workload || is_pod)?;
        check(
            sourced,
            namespace.node.at_keys(&["metadata", "labels"])?,
            minor,
        )
    });
    findings.collect()
}

/// The first mode that the pods of an object violate.
fn check(sourced: &SourcedObject<'_>, labels: &Node, minor: u32) -> Option<Diagnostic> {
    let object = &*sourced.object;
    let text = |key: String| labels.get(&key).and_then(Node::as_str);
    MODES.iter().find_map(|(mode, severity)| {
        let level = Level::parse(text(format!("{PREFIX}{mode}"))?)?;
        let version = text(format!("{PREFIX}{mode}-version")).unwrap_or("latest");
        let minor = match version.strip_prefix("v1.") {
            Some(pinned) => minor.min(pinned.parse().ok()?),
            None => minor,
        };
        pods(object).into_iter().find_map(|pod| {
            let metadata = pod.template.get("metadata");
            let violations = violations(level, minor, metadata, pod.spec);
            if violations.is_empty() {
                return None;
            }
            let title = match object.kind() {
                "Pod" => object.id().to_string(),
                _ => format!("a pod of {}", object.id()),
            };
            let message = format!(
                "{title} violates the Pod Security Standard `{}:{version}` of its namespace: {}",
                level.name(),
                violations.join(", ")
            );
            let fault = Diagnostic {
                severity: *severity,
                ..Diagnostic::error("pod-security", message)
            };
            let fault = fault.at(sourced.line(&pod.path));
            Some(match *severity {
                Severity::Error => fault.help(format!(
                    "change the pod template, because the API server rejects its pods; or lower `{PREFIX}{mode}` of the namespace"
                )),
                _ => fault,
            })
        })
    })
}
