//! Containers of pods: ports, environment, probes, hooks.

use std::collections::BTreeSet;

use super::fields::{
    self, PORT_WORDS, exactly_one_of, is_port, one_of, port_or_name, required, required_name,
    text_of,
};
use super::volume::{self, Volumes};
use super::{pod_fields, resources, security};
use crate::validate::fault::Report;
use crate::validate::json::Fields;
use crate::validate::names;
use pleach_yaml::Node;

/// The data of a pod that checks of containers need.
pub(super) struct PodFacts<'a> {
    pub(super) volumes: Volumes<'a>,
    pub(super) claims: Vec<&'a str>,
    pub(super) has_host_users: bool,
    pub(super) restart_policy: &'a str,
    pub(super) grace_seconds: i64,
    pub(super) os: Option<&'a str>,
}

/// The role of a container in its pod.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Regular,
    Init,
    Ephemeral,
}

pub(super) fn validate<'a>(
    container: &'a Node,
    role: Role,
    pod: &PodFacts<'a>,
    report: &mut Report<'a>,
) {
    required_name(container, "name", names::dns_label, report);
    if container.text_or_empty("image").is_empty() {
        required(container, "image", report);
    }
    one_of(
        container,
        "terminationMessagePolicy",
        &["File", "FallbackToLogsOnError"],
        report,
    );
    one_of(
        container,
        "imagePullPolicy",
        &["Always", "IfNotPresent", "Never"],
        report,
    );
    ports(container, report);
    for variable in container.list("env") {
        environment_variable(variable, report);
    }
    for source in container.list("envFrom") {
        environment_source(source, report);
    }
    volume::mounts(container, &pod.volumes, report);
    if let Some(amounts) = container.field("resources") {
        resources::requirements(amounts, &pod.claims, resources::container_name, report);
    }
    resize_policies(container, pod.restart_policy, report);
    security::container(container, pod.has_host_users, report);
    let is_sidecar = role == Role::Init && container.text("restartPolicy") == Some("Always");
    if role == Role::Regular || is_sidecar {
        running(container, pod, report);
    } else if role == Role::Init {
        for key in [
            "lifecycle",
            "livenessProbe",
            "readinessProbe",
            "startupProbe",
        ] {
            if container.field(key).is_some() {
                report.invalid_field(
                    container,
                    key,
                    "must not be set for an init container unless its `restartPolicy` is `Always`",
                );
            }
        }
    }
    restart_policy(container, role, report);
}

/// Kubernetes 1.34 drops the policies of containers that are not sidecars, and earlier versions reject them.
fn restart_policy<'a>(container: &'a Node, role: Role, report: &mut Report<'a>) {
    match (role, container.field("restartPolicy")) {
        (Role::Ephemeral, Some(policy)) => {
            report.invalid(policy, "must not be set for an ephemeral container");
        }
        (Role::Init | Role::Regular, _) if report.is_since(34) && !report.is_since(35) => {}
        (Role::Init, _) if !report.is_since(34) => {
            exactly_one_of(container, "restartPolicy", &["Always"], report);
        }
        (_, Some(policy)) if !report.is_since(34) => {
            report.invalid(
                policy,
                "must only be set for an init container (before Kubernetes 1.34)",
            );
        }
        _ => exactly_one_of(
            container,
            "restartPolicy",
            &["Always", "Never", "OnFailure"],
            report,
        ),
    }
}

fn resize_policies<'a>(container: &'a Node, restart_policy: &str, report: &mut Report<'a>) {
    let mut seen = BTreeSet::new();
    for policy in container.list("resizePolicy") {
        if !seen.insert(policy.text_or_empty("resourceName")) {
            report.duplicate(policy);
        }
        exactly_one_of(policy, "resourceName", &["cpu", "memory"], report);
        exactly_one_of(
            policy,
            "restartPolicy",
            &["NotRequired", "RestartContainer"],
            report,
        );
        if restart_policy == "Never" && policy.text("restartPolicy") != Some("NotRequired") {
            report.invalid_field(
                policy,
                "restartPolicy",
                "must be `NotRequired` in a pod that is never restarted",
            );
        }
    }
}

fn ports<'a>(container: &'a Node, report: &mut Report<'a>) {
    let mut seen = BTreeSet::new();
    for port in container.list("ports") {
        let name = port.text_or_empty("name");
        fields::name(port, "name", names::port_name, report);
        if !name.is_empty() && !seen.insert(name) {
            report.invalid_field(port, "name", "must be unique");
        }
        if !is_port(port.integer("containerPort").unwrap_or(0)) {
            report.invalid_field(port, "containerPort", PORT_WORDS);
        }
        if port
            .integer("hostPort")
            .is_some_and(|it| it != 0 && !is_port(it))
        {
            report.invalid_field(port, "hostPort", PORT_WORDS);
        }
        one_of(port, "protocol", &["TCP", "UDP", "SCTP"], report);
    }
}

/// Duplicate ports of the node.
pub(super) fn host_ports<'a>(containers: &'a [Node], report: &mut Report<'a>) {
    let mut seen = BTreeSet::new();
    for port in containers.iter().flat_map(|it| it.list("ports")) {
        let number = port.integer("hostPort").unwrap_or(0);
        let protocol = port.text("protocol").filter(|it| !it.is_empty());
        let key = (
            protocol.unwrap_or("TCP"),
            port.text_or_empty("hostIP"),
            number,
        );
        if number != 0 && !seen.insert(key) {
            report.invalid_field(port, "hostPort", "must be unique");
        }
    }
}

const ENV_FIELDS: [&str; 9] = [
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
];

fn environment_variable<'a>(variable: &'a Node, report: &mut Report<'a>) {
    const SOURCES: [&str; 5] = [
        "fieldRef",
        "resourceFieldRef",
        "configMapKeyRef",
        "secretKeyRef",
        "fileKeyRef",
    ];
    required_name(variable, "name", env_name(report), report);
    let Some(from) = variable.field("valueFrom") else {
        return;
    };
    let sources = fields::set(from, &SOURCES);
    match sources.len() {
        0 => report.invalid(from, "must have a source"),
        _ if !variable.text_or_empty("value").is_empty() => {
            report.invalid(from, "must not be set together with a `value`");
        }
        1 => {}
        _ => report.invalid(from, "must have only one source"),
    }
    for source in sources {
        let Some(reference) = from.field(source) else {
            continue;
        };
        match source {
            "fieldRef" => pod_fields::object_field(reference, &ENV_FIELDS, report),
            "resourceFieldRef" => pod_fields::resource_field(reference, false, report),
            "fileKeyRef" => {
                required_name(reference, "key", names::env_name, report);
                required_name(reference, "volumeName", names::dns_label, report);
                fields::no_steps_back(reference, "path", report);
            }
            _ => {
                let name = reference.text_or_empty("name");
                if let Some(message) = names::dns_subdomain(name) {
                    report.invalid_field(reference, "name", message);
                }
                required_name(reference, "key", names::config_key, report);
            }
        }
    }
}

fn env_name(report: &Report<'_>) -> names::NameRule {
    match report.is_since(32) {
        true => names::env_name,
        false => names::strict_env_name,
    }
}

fn environment_source<'a>(source: &'a Node, report: &mut Report<'a>) {
    fields::name(source, "prefix", env_name(report), report);
    let sources = fields::set(source, &["configMapRef", "secretRef"]);
    if sources.len() != 1 {
        report.invalid(
            source,
            "must have exactly one of `configMapRef` and `secretRef`",
        );
    }
    for key in sources {
        if let Some(reference) = source.field(key) {
            required_name(reference, "name", names::dns_subdomain, report);
        }
    }
}

/// Hooks and probes of a long-running container.
fn running<'a>(container: &'a Node, pod: &PodFacts<'a>, report: &mut Report<'a>) {
    if let Some(lifecycle) = container.field("lifecycle") {
        for key in ["postStart", "preStop"] {
            if let Some(hook) = lifecycle.field(key) {
                handler(
                    hook,
                    &["exec", "httpGet", "tcpSocket", "sleep"],
                    pod,
                    report,
                );
            }
        }
        stop_signal(lifecycle, pod.os, report);
    }
    for key in ["livenessProbe", "readinessProbe", "startupProbe"] {
        if let Some(probe) = container.field(key) {
            validate_probe(probe, key == "readinessProbe", pod, report);
        }
    }
}

fn stop_signal<'a>(lifecycle: &'a Node, os: Option<&str>, report: &mut Report<'a>) {
    let Some(signal) = lifecycle.field("stopSignal") else {
        return;
    };
    match os {
        None => report.invalid(signal, "must not be set unless the pod's `os.name` is"),
        Some("windows") => exactly_one_of(lifecycle, "stopSignal", &["SIGKILL", "SIGTERM"], report),
        Some(_) if !text_of(signal).starts_with("SIG") => {
            report.invalid(signal, "must be the name of a signal such as `SIGTERM`");
        }
        Some(_) => {}
    }
}

fn validate_probe<'a>(
    probe: &'a Node,
    is_readiness: bool,
    pod: &PodFacts<'a>,
    report: &mut Report<'a>,
) {
    handler(
        probe,
        &["exec", "httpGet", "tcpSocket", "grpc"],
        pod,
        report,
    );
    let counts = [
        "initialDelaySeconds",
        "timeoutSeconds",
        "periodSeconds",
        "successThreshold",
        "failureThreshold",
    ];
    fields::not_negative(probe, &counts, report);
    let grace = probe.integer("terminationGracePeriodSeconds");
    if grace.is_some_and(|it| it <= 0) {
        report.invalid_field(
            probe,
            "terminationGracePeriodSeconds",
            "must be greater than 0",
        );
    }
    if is_readiness && grace.is_some() {
        report.invalid_field(
            probe,
            "terminationGracePeriodSeconds",
            "must not be set for a readiness probe",
        );
    }
    let successes = probe.integer("successThreshold");
    if !is_readiness && successes.is_some_and(|it| !matches!(it, 0 | 1)) {
        report.invalid_field(
            probe,
            "successThreshold",
            "must be 1 unless it is a readiness probe",
        );
    }
}

/// The action of a probe or hook.
fn handler<'a>(holder: &'a Node, kinds: &[&str], pod: &PodFacts<'a>, report: &mut Report<'a>) {
    let set = fields::set(holder, kinds);
    if set.len() != 1 {
        let kinds = super::super::fault::quoted(kinds.iter().copied());
        return report.invalid(holder, format!("must have exactly one of {kinds}"));
    }
    for kind in set {
        let Some(action) = holder.field(kind) else {
            continue;
        };
        match kind {
            "exec" if action.list("command").is_empty() => {
                report.required(action, "command");
            }
            "httpGet" => {
                port_or_name(action, "port", report);
                one_of(action, "scheme", &["HTTP", "HTTPS"], report);
                for header in action.list("httpHeaders") {
                    if let Some(message) = names::header_name(header.text_or_empty("name")) {
                        report.invalid_field(header, "name", message);
                    }
                }
            }
            "tcpSocket" | "grpc" => port_or_name(action, "port", report),
            "sleep" => {
                let seconds = action.integer("seconds").unwrap_or(0);
                let least = i64::from(!report.is_since(33));
                if !(least..=pod.grace_seconds).contains(&seconds) {
                    let message = format!(
                        "must be from {least} to the pod's `terminationGracePeriodSeconds`, {}",
                        pod.grace_seconds
                    );
                    report.invalid_field(action, "seconds", message);
                }
            }
            _ => {}
        }
    }
}
