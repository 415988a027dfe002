//! Built-in policies for containers (resources, images, privileges, probes) and for the labels of workloads.

use super::super::environment::{EnvironmentObjects, SourcedObject};
use super::super::pods::{Pod, pods};
use super::diagnostic;
use crate::diag::{Diagnostic, Severity};
use crate::load::BuiltinPolicies;
use crate::yaml::{FieldPath, Node};

/// Tags that are moved to newer images.
const MOVING_TAGS: [&str; 9] = [
    "latest", "head", "edge", "nightly", "main", "master", "stable", "dev", "develop",
];

pub(super) fn findings(
    environment: &EnvironmentObjects<'_>,
    policies: &BuiltinPolicies,
) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for sourced in &environment.objects {
        let pods = pods(&sourced.object);
        if let (Some((severity, names)), false) = (&policies.labels, pods.is_empty()) {
            labels(sourced, *severity, names, &mut found);
        }
        for pod in &pods {
            let mut of_pod = PodPolicies {
                sourced,
                policies,
                pod,
                found: &mut found,
            };
            of_pod.check();
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

struct PodPolicies<'a, 's> {
    sourced: &'a SourcedObject<'s>,
    policies: &'a BuiltinPolicies,
    pod: &'a Pod<'a>,
    found: &'a mut Vec<Diagnostic>,
}

impl PodPolicies<'_, '_> {
    fn diagnostic(
        &mut self,
        code: &'static str,
        severity: Severity,
        field: &FieldPath,
        problem: &str,
        help: &str,
    ) {
        let message = format!("{} {problem}", self.sourced.object.id());
        let fault = super::diagnostic(code, severity, self.sourced, field, message);
        self.found.push(fault.help(help));
    }

    fn check(&mut self) {
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
                let problem = format!("runs pods with `{key}: true`");
                self.diagnostic(
                    "privileged-container",
                    severity,
                    &self.pod.path.key(key),
                    &problem,
                    "remove it, unless the pods must manage their node",
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
                let problem = format!(
                    "has container `{name}` without requests for {}",
                    missing.join(" and ")
                );
                let field = path.key("resources").key("requests");
                self.diagnostic(
                    "missing-requests",
                    severity,
                    &field,
                    &problem,
                    "set `resources.requests`; the scheduler needs them to place pods",
                );
            }
        }
        if let Some(severity) = self
            .policies
            .limits
            .filter(|_| !amount(&["resources", "limits", "memory"]))
        {
            let problem = format!("has container `{name}` without a memory limit");
            let field = path.key("resources").key("limits");
            self.diagnostic(
                "missing-limits",
                severity,
                &field,
                &problem,
                "set `resources.limits.memory`, so that the container cannot use up the memory of its node",
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
        let problem = match tag {
            None => format!("runs image `{image}`, which has no tag"),
            Some(tag) if MOVING_TAGS.contains(&tag.to_lowercase().as_str()) => {
                format!("runs image `{image}`, whose tag is moved to newer images")
            }
            Some(_) => return,
        };
        self.diagnostic(
            "unpinned-image",
            severity,
            &path.key("image"),
            &problem,
            "use the tag of a release, or a digest",
        );
    }

    fn privileges(&mut self, container: &Node, path: &FieldPath) {
        let Some(severity) = self.policies.privileged else {
            return;
        };
        for key in ["privileged", "allowPrivilegeEscalation"] {
            let keys = ["securityContext", key];
            if container.at_keys(&keys).and_then(Node::as_bool) == Some(true) {
                let problem = format!("has container `{}` with `{key}: true`", name_of(container));
                let field = path.key("securityContext").key(key);
                self.diagnostic(
                    "privileged-container",
                    severity,
                    &field,
                    &problem,
                    "remove it, or add only the capabilities that the container needs",
                );
            }
        }
    }

    fn probes(&mut self, container: &Node, path: &FieldPath) {
        let Some(severity) = self.policies.probes else {
            return;
        };
        // Jobs run to completion and need no probes.
        if matches!(self.sourced.object.kind(), "Job" | "CronJob") {
            return;
        }
        let is_missing = |it: &&str| container.get(it).is_none_or(Node::is_null);
        let missing: Vec<&str> = ["readinessProbe", "livenessProbe"]
            .into_iter()
            .filter(is_missing)
            .collect();
        if !missing.is_empty() {
            let problem = format!(
                "has container `{}` without {}",
                name_of(container),
                missing.join(" and ")
            );
            self.diagnostic("missing-probe", severity, path, &problem, "add probes, so that Kubernetes knows when the container is ready and when to restart it");
        }
    }
}

fn name_of(container: &Node) -> &str {
    container.get("name").and_then(Node::as_str).unwrap_or("")
}
