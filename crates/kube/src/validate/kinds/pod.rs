//! Pod specs, in pods and in templates of workloads.

use std::collections::BTreeSet;

use super::container::{self, PodFacts, Role};
use super::fields::{self, exactly_one_of, one_of, required, text_of, within};
use super::volume::Volume;
use super::{pod_resources, resources, scheduling, security, volume};
use crate::validate::fault::Report;
use crate::validate::json::Fields;
use crate::validate::metadata;
use crate::validate::names;
use crate::validate::scalars;
use pleach_yaml::Node;

/// Validates a pod template: labels, annotations and spec. `claims` are volumes that the workload adds.
pub(super) fn template<'a>(
    template: &'a Node,
    claims: impl IntoIterator<Item = &'a str>,
    is_identified: bool,
    report: &mut Report<'a>,
) {
    if let Some(about) = template.field("metadata") {
        metadata::labels(about.map("labels"), report);
        metadata::annotations(about, report);
    }
    match template.field("spec") {
        Some(spec) => {
            validate(spec, claims, is_identified, report);
            pod_resources::compare(spec, false, report);
        }
        None => required(template, "spec", report),
    }
    if !template
        .field("spec")
        .map_or(&[][..], |it| it.list("ephemeralContainers"))
        .is_empty()
    {
        report.invalid(template, "must not have `ephemeralContainers`");
    }
}

/// Validates a pod spec that an operator completes, for example with volumes.
pub(in crate::validate) fn partial<'a>(spec: &'a Node, report: &mut Report<'a>) {
    let lists = ["initContainers", "containers"];
    let containers = lists.into_iter().flat_map(|it| spec.list(it));
    let mounts = containers.flat_map(|it| {
        let devices = it.list("volumeDevices");
        it.list("volumeMounts").iter().chain(devices)
    });
    let mounted: Vec<&str> = mounts.map(|it| it.text_or_empty("name")).collect();
    validate(spec, mounted, true, report);
    pod_resources::compare(spec, false, report);
}

/// Validates a pod spec. For an identified pod (StatefulSet), the controller sets host name and subdomain.
pub(super) fn validate<'a>(
    spec: &'a Node,
    claims: impl IntoIterator<Item = &'a str>,
    is_identified: bool,
    report: &mut Report<'a>,
) {
    let pod = facts(spec, claims, report);
    containers(spec, &pod, report);
    let restart = ["Always", "OnFailure", "Never"];
    one_of(spec, "restartPolicy", &restart, report);
    metadata::labels(spec.map("nodeSelector"), report);
    security::pod(spec, report);
    if spec.boolean("shareProcessNamespace") == Some(true) && spec.boolean("hostPID") == Some(true)
    {
        report.invalid_field(
            spec,
            "shareProcessNamespace",
            "must not be true with `hostPID`",
        );
    }
    if let Some(affinity) = spec.field("affinity") {
        scheduling::affinity(affinity, report);
    }
    scheduling::tolerations(spec, report);
    scheduling::topology_spread(spec, report);
    dns(spec, report);
    gates(spec, report);
    identity(spec, is_identified, report);
    within(
        spec,
        "activeDeadlineSeconds",
        1,
        i64::from(i32::MAX),
        report,
    );
    exactly_one_of(
        spec,
        "preemptionPolicy",
        &["PreemptLowerPriority", "Never"],
        report,
    );
    for alias in spec.list("hostAliases") {
        if scalars::ip_sloppy(alias.text_or_empty("ip")).is_none() {
            report.invalid_field(alias, "ip", "must be an IP address");
        }
        fields::each(alias, "hostnames", names::dns_subdomain, report);
    }
    resources::list(spec.map("overhead"), resources::container_name, report);
    pod_resources::validate(spec, report);
    host_namespaces(spec, report);
    if let Some(os) = spec.field("os") {
        exactly_one_of(os, "name", &["linux", "windows"], report);
        if os.text("name") == Some("windows") {
            windows(spec, report);
        }
    }
}

/// Fields that only apply to Linux.
fn windows<'a>(spec: &'a Node, report: &mut Report<'a>) {
    const WORDS: &str = "must not be set for a Windows pod";
    const POD: [&str; 4] = ["hostPID", "hostIPC", "shareProcessNamespace", "resources"];
    const CONTEXT: [&str; 13] = [
        "appArmorProfile",
        "seLinuxOptions",
        "seccompProfile",
        "fsGroup",
        "fsGroupChangePolicy",
        "sysctls",
        "runAsUser",
        "runAsGroup",
        "supplementalGroups",
        "supplementalGroupsPolicy",
        "capabilities",
        "readOnlyRootFilesystem",
        "procMount",
    ];
    for key in fields::set(spec, &POD) {
        report.invalid_field(spec, key, WORDS);
    }
    let containers = spec
        .list("containers")
        .iter()
        .chain(spec.list("initContainers"));
    let contexts = containers.filter_map(|it| it.field("securityContext"));
    for context in spec.field("securityContext").into_iter().chain(contexts) {
        for key in fields::set(context, &CONTEXT) {
            report.invalid_field(context, key, WORDS);
        }
        for key in fields::set(context, &["privileged", "allowPrivilegeEscalation"]) {
            report.invalid_field(context, key, WORDS);
        }
    }
}

fn facts<'a>(
    spec: &'a Node,
    claims: impl IntoIterator<Item = &'a str>,
    report: &mut Report<'a>,
) -> PodFacts<'a> {
    let mut volumes = volume::validate(spec, report);
    let claim = Volume {
        is_claim: true,
        is_empty_dir: false,
    };
    volumes.extend(claims.into_iter().map(|it| (it, claim)));
    let resource_claims = spec.list("resourceClaims");
    let mut seen = BTreeSet::new();
    for claim in resource_claims {
        fields::required_name(claim, "name", names::dns_label, report);
        if !seen.insert(claim.text_or_empty("name")) {
            report.duplicate(claim);
        }
        if fields::set(claim, &["resourceClaimName", "resourceClaimTemplateName"]).len() != 1 {
            report.invalid(
                claim,
                "must have exactly one of `resourceClaimName` and `resourceClaimTemplateName`",
            );
        }
    }
    PodFacts {
        volumes,
        claims: resource_claims
            .iter()
            .map(|it| it.text_or_empty("name"))
            .collect(),
        has_host_users: spec.boolean("hostUsers") != Some(false),
        restart_policy: spec.text_or_empty("restartPolicy"),
        grace_seconds: spec.integer("terminationGracePeriodSeconds").unwrap_or(30),
        os: spec.field("os").and_then(|it| it.text("name")),
    }
}

fn containers<'a>(spec: &'a Node, pod: &PodFacts<'a>, report: &mut Report<'a>) {
    let (regular, init) = (spec.list("containers"), spec.list("initContainers"));
    if regular.is_empty() {
        required(spec, "containers", report);
    }
    let mut seen = BTreeSet::new();
    let lists = [
        (regular, Role::Regular),
        (init, Role::Init),
        (spec.list("ephemeralContainers"), Role::Ephemeral),
    ];
    for (list, role) in lists {
        for container in list {
            container::validate(container, role, pod, report);
            let name = container.text_or_empty("name");
            if !name.is_empty() && !seen.insert(name) {
                report.invalid_field(container, "name", "must be unique");
            }
            file_keys(container, pod, report);
        }
    }
    container::host_ports(regular, report);
    for container in init {
        container::host_ports(std::slice::from_ref(container), report);
    }
}

/// Variables from files require an `emptyDir` volume.
fn file_keys<'a>(container: &'a Node, pod: &PodFacts<'a>, report: &mut Report<'a>) {
    for variable in container.list("env") {
        let from = variable
            .field("valueFrom")
            .and_then(|it| it.field("fileKeyRef"));
        let Some(reference) = from else { continue };
        let volume = pod.volumes.get(reference.text_or_empty("volumeName"));
        if !volume.is_some_and(|it| it.is_empty_dir) {
            report.invalid_field(
                reference,
                "volumeName",
                "must be the name of an `emptyDir` of the pod",
            );
        }
    }
}

fn dns<'a>(spec: &'a Node, report: &mut Report<'a>) {
    let policies = ["ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"];
    one_of(spec, "dnsPolicy", &policies, report);
    let config = spec.field("dnsConfig");
    let servers = config.map_or(&[][..], |it| it.list("nameservers"));
    if spec.text("dnsPolicy") == Some("None") && servers.is_empty() {
        return report.invalid_field(
            config.unwrap_or(spec),
            "nameservers",
            "must have a name server when `dnsPolicy` is `None`",
        );
    }
    let Some(config) = config else { return };
    if servers.len() > 3 {
        report.invalid_field(config, "nameservers", "must have at most 3 name servers");
    }
    for server in servers {
        if scalars::ip_sloppy(text_of(server)).is_none() {
            report.invalid(server, "must be an IP address");
        }
    }
    let searches = config.list("searches");
    let length: usize = searches.iter().map(|it| text_of(it).len() + 1).sum();
    if searches.len() > 32 || length > 2049 {
        report.invalid_field(
            config,
            "searches",
            "must have at most 32 names with 2048 characters in total",
        );
    }
    for search in searches {
        let text = text_of(search);
        let name = text.strip_suffix('.').unwrap_or(text);
        let fault = match report.is_since(33) {
            true => names::dns_subdomain_with_underscore(name).filter(|_| text != "."),
            false => names::dns_subdomain(name),
        };
        if let Some(message) = fault {
            report.invalid(search, message);
        }
    }
    for option in config.list("options") {
        if option.text_or_empty("name").is_empty() {
            report.required(option, "name");
        }
    }
}

fn gates<'a>(spec: &'a Node, report: &mut Report<'a>) {
    for gate in spec.list("readinessGates") {
        fields::required_name(gate, "conditionType", names::qualified_name, report);
    }
    let mut seen = BTreeSet::new();
    for gate in spec.list("schedulingGates") {
        fields::required_name(gate, "name", names::qualified_name, report);
        if !seen.insert(gate.text_or_empty("name")) {
            report.duplicate(gate);
        }
    }
}

/// Names in a pod.
fn identity<'a>(spec: &'a Node, is_identified: bool, report: &mut Report<'a>) {
    for key in [
        "serviceAccountName",
        "nodeName",
        "priorityClassName",
        "hostnameOverride",
    ] {
        fields::name(spec, key, names::dns_subdomain, report);
    }
    if spec.field("serviceAccountName").is_none() {
        fields::name(spec, "serviceAccount", names::dns_subdomain, report);
    }
    if let Some(class) = spec.field("runtimeClassName")
        && let Some(message) = names::dns_subdomain(text_of(class))
    {
        report.invalid(class, message);
    }
    if !is_identified {
        fields::name(spec, "hostname", names::dns_label, report);
        fields::name(spec, "subdomain", names::dns_label, report);
    }
}

/// Restrictions of pods in the network or user namespace of the node.
fn host_namespaces<'a>(spec: &'a Node, report: &mut Report<'a>) {
    if spec.boolean("hostNetwork") == Some(true) {
        for port in spec
            .list("containers")
            .iter()
            .flat_map(|it| it.list("ports"))
        {
            let (host, own) = (
                port.integer("hostPort").unwrap_or(0),
                port.integer("containerPort"),
            );
            if host != 0 && Some(host) != own {
                report.invalid_field(
                    port,
                    "hostPort",
                    "must be equal to `containerPort` with `hostNetwork`",
                );
            }
        }
        if spec.field("hostnameOverride").is_some() {
            report.invalid_field(
                spec,
                "hostnameOverride",
                "must not be set with `hostNetwork`",
            );
        }
    }
    if spec.boolean("hostUsers") == Some(false) {
        for key in ["hostNetwork", "hostPID", "hostIPC"] {
            if spec.boolean(key) == Some(true) {
                report.invalid_field(spec, key, "must not be true when `hostUsers` is false");
            }
        }
    }
}
