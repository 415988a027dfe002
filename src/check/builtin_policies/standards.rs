//! The level of the Pod Security Standards that `pleach.yaml` requires in every namespace.

use super::super::environment::EnvironmentObjects;
use super::super::pods::pods;
use super::diagnostic;
use crate::diag::Diagnostic;
use crate::load::BuiltinPolicies;
use crate::validate::pod_security::{Level, violations};
use crate::yaml::FieldPath;

pub(super) fn findings(
    environment: &EnvironmentObjects<'_>,
    policies: &BuiltinPolicies,
    minor: u32,
) -> Vec<Diagnostic> {
    let levels = [
        (policies.baseline, Level::Baseline),
        (policies.restricted, Level::Restricted),
    ];
    let mut found = Vec::new();
    for sourced in &environment.objects {
        let object = &*sourced.object;
        let group = object.gvk().group;
        let is_pod = object.kind() == "Pod" && group.is_empty();
        if !is_pod && !matches!(&*group, "apps" | "batch") {
            continue;
        }
        for (severity, level) in levels {
            let Some(severity) = severity else { continue };
            for pod in pods(object) {
                let metadata = pod.template.get("metadata");
                let broken = violations(level, minor, metadata, pod.spec);
                if broken.is_empty() {
                    continue;
                }
                let title = match is_pod {
                    true => object.id().to_string(),
                    false => format!("a pod of {}", object.id()),
                };
                let message = format!(
                    "{title} violates the Pod Security Standard `{}`: {}",
                    level.name(),
                    broken.join(", ")
                );
                let location = FieldPath::dotted("metadata.name");
                let fault = diagnostic("pod-security", severity, sourced, &location, message);
                found.push(
                    fault.help("change the pod; `podSecurity` in pleach.yaml requires the level"),
                );
            }
        }
    }
    found
}
