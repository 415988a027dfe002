//! Built-in policies of containers: resources, images, privileges, probes; and of the labels of what runs them.

use super::super::pods::{Pod, pods};
use super::super::scene::{EnvironmentObjects, SourcedObject};
use super::diagnostic;
use crate::diag::{Diagnostic, Severity};
use crate::load::BuiltinPolicies;
use crate::yaml::{FieldPath, Node};

/// Tags that mean another image from time to time.
const MOVING: [&str; 9] = [
    "latest", "head", "edge", "nightly", "main", "master", "stable", "dev", "develop",
];

pub(super) fn findings(
    scene: &EnvironmentObjects<'_>,
    policies: &BuiltinPolicies,
) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for sourced in &scene.objects {
        let pods = pods(&sourced.object);
        if let (Some((severity, names)), false) = (&policies.labels, pods.is_empty()) {
            labels(sourced, *severity, names, &mut found);
        }
        for pod in &pods {
            let mut of_pod = OfPod {
                sourced,
                policies,
                pod,
                found: &mut found,
            };
            of_pod.judge();
        }
    }
    found
}

fn labels(
    sourced: &SourcedObject<'_>,
    severity: Severity,
    names: &[String],
    found: &mut Vec<Diagnostic>,
) {
    let labels = sourced.object.node.at_keys(&["metadata", "labels"]);
    let is_there = |it: &&String| labels.is_some_and(|labels| labels.get(it).is_some());
    let missing: Vec<String> = names
        .iter()
        .filter(|it| !is_there(it))
        .map(|it| format!("`{it}`"))
        .collect();
    if missing.is_empty() {
        return;
    }
    let word = if missing.len() == 1 {
        "label"
    } else {
        "labels"
    };
    let message = format!(
        "{} has no {word} {}",
        sourced.object.id(),
        missing.join(", ")
    );
    let fault = diagnostic(
        "missing-label",
        severity,
        sourced,
        &FieldPath::dotted("metadata.name"),
        message,
    );
    found.push(fault.help(
        "add it; `spec.labels` of environment.yaml gives all objects of an environment a label",
    ));
}

struct OfPod<'a, 's> {
    sourced: &'a SourcedObject<'s>,
    policies: &'a BuiltinPolicies,
    pod: &'a Pod<'a>,
    found: &'a mut Vec<Diagnostic>,
}

impl OfPod<'_, '_> {
    fn diagnostic(
        &mut self,
        code: &'static str,
        severity: Severity,
        field: &FieldPath,
        words: &str,
        help: &str,
    ) {
        let message = format!("{} {words}", self.sourced.object.id());
        let fault = super::diagnostic(code, severity, self.sourced, field, message);
        self.found.push(fault.help(help));
    }

    fn judge(&mut self) {
        self.host_namespaces();
        for key in ["initContainers", "containers"] {
            let list = self.pod.spec.get(key).and_then(Node::as_sequence);
            for (at, container) in list.unwrap_or_default().iter().enumerate() {
                let path = self.pod.path.key(key).index(at);
                self.resources(container, &path);
                self.image(container, &path);
                self.privileges(container, &path);
                if key == "containers" {
                    self.probes(container, &path);
                }
            }
        }
    }

    fn host_namespaces(&mut self) {
        let Some(severity) = self.policies.privileged else {
            return;
        };
        for key in ["hostNetwork", "hostPID", "hostIPC"] {
            if self.pod.spec.get(key).and_then(Node::as_bool) == Some(true) {
                let words = format!("runs pods with `{key}: true`");
                self.diagnostic(
                    "privileged-container",
                    severity,
                    &self.pod.path.key(key),
                    &words,
                    "remove it, unless the pods manage their node",
                );
            }
        }
    }

    fn resources(&mut self, container: &Node, path: &FieldPath) {
        let amount = |keys: &[&str]| container.at_keys(keys).is_some_and(|it| !it.is_null());
        let name = name_of(container);
        if let Some(severity) = self.policies.requests {
            let missing: Vec<&str> = ["cpu", "memory"]
                .into_iter()
                .filter(|it| !amount(&["resources", "requests", it]))
                .collect();
            if !missing.is_empty() {
                let words = format!(
                    "has a container `{name}` without requests of {}",
                    missing.join(" and ")
                );
                let field = path.key("resources").key("requests");
                self.diagnostic(
                    "missing-requests",
                    severity,
                    &field,
                    &words,
                    "write `resources.requests`, by which pods are put on nodes",
                );
            }
        }
        if let Some(severity) = self
            .policies
            .limits
            .filter(|_| !amount(&["resources", "limits", "memory"]))
        {
            let words = format!("has a container `{name}` without a limit of memory");
            let field = path.key("resources").key("limits");
            self.diagnostic(
                "missing-limits",
                severity,
                &field,
                &words,
                "write `resources.limits.memory`, so that it cannot take the memory of others",
            );
        }
    }

    fn image(&mut self, container: &Node, path: &FieldPath) {
        let Some(severity) = self.policies.pinned_images else {
            return;
        };
        let Some(image) = container
            .get("image")
            .and_then(Node::as_str)
            .filter(|it| !it.contains('@'))
        else {
            return;
        };
        let tag = image
            .rsplit('/')
            .next()
            .and_then(|it| it.split_once(':'))
            .map(|it| it.1);
        let words = match tag {
            None => format!("runs the image `{image}`, which has no tag"),
            Some(tag) if MOVING.contains(&tag.to_lowercase().as_str()) => {
                format!("runs the image `{image}`, whose tag moves")
            }
            Some(_) => return,
        };
        self.diagnostic(
            "unpinned-image",
            severity,
            &path.key("image"),
            &words,
            "write the tag of a release, or a digest",
        );
    }

    fn privileges(&mut self, container: &Node, path: &FieldPath) {
        let Some(severity) = self.policies.privileged else {
            return;
        };
        for key in ["privileged", "allowPrivilegeEscalation"] {
            let keys = ["securityContext", key];
            if container.at_keys(&keys).and_then(Node::as_bool) == Some(true) {
                let words = format!(
                    "has a container `{}` with `{key}: true`",
                    name_of(container)
                );
                let field = path.key("securityContext").key(key);
                self.diagnostic(
                    "privileged-container",
                    severity,
                    &field,
                    &words,
                    "remove it, or give the container single capabilities",
                );
            }
        }
    }

    fn probes(&mut self, container: &Node, path: &FieldPath) {
        let Some(severity) = self.policies.probes else {
            return;
        };
        // What is done some time is not asked whether it is ready.
        if matches!(self.sourced.object.kind(), "Job" | "CronJob") {
            return;
        }
        let is_missing = |it: &&str| container.get(it).is_none_or(Node::is_null);
        let missing: Vec<&str> = ["readinessProbe", "livenessProbe"]
            .into_iter()
            .filter(is_missing)
            .collect();
        if !missing.is_empty() {
            let words = format!(
                "has a container `{}` without {}",
                name_of(container),
                missing.join(" and ")
            );
            self.diagnostic("missing-probe", severity, path, &words, "add it, so that Kubernetes knows when the container is ready, and when to restart it");
        }
    }
}

fn name_of(container: &Node) -> &str {
    container.get("name").and_then(Node::as_str).unwrap_or("")
}
