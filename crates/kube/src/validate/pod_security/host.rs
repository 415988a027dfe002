//! Rules about access to the host: its namespaces, ports, probes and processes.

use std::collections::BTreeSet;

use pleach_yaml::Node;

use super::pod::{Pod, is_true, items, named, plural, quoted, setters};
use super::{Violation, violation};

pub(super) fn host_namespaces(pod: &Pod<'_>) -> Option<Violation> {
    let shared: Vec<String> = ["hostNetwork", "hostPID", "hostIPC"]
        .into_iter()
        .filter(|it| is_true(pod.spec.get(it)))
        .map(|it| format!("{it}=true"))
        .collect();
    match shared.is_empty() {
        true => None,
        false => violation("host namespaces", shared.join(", ")),
    }
}

pub(super) fn host_ports(pod: &Pod<'_>) -> Option<Violation> {
    let mut ports = BTreeSet::new();
    let containers = pod.bad(|it| {
        let used = items(it.node.get("ports")).filter_map(|it| it.get("hostPort")?.as_int());
        let used: Vec<String> = used
            .filter(|it| *it != 0)
            .map(|it| it.to_string())
            .collect();
        let is_bad = !used.is_empty();
        ports.extend(used);
        is_bad
    });
    if containers.is_empty() {
        return None;
    }
    let ports: Vec<String> = ports.into_iter().collect();
    let detail = format!(
        "{} {} {} {}",
        named(&containers),
        plural("uses", "use", containers.len()),
        plural("hostPort", "hostPorts", ports.len()),
        ports.join(", ")
    );
    violation("hostPort", detail)
}

pub(super) fn host_probes(pod: &Pod<'_>) -> Option<Violation> {
    const HANDLERS: [&[&str]; 5] = [
        &["livenessProbe"],
        &["readinessProbe"],
        &["startupProbe"],
        &["lifecycle", "postStart"],
        &["lifecycle", "preStop"],
    ];
    let mut hosts = BTreeSet::new();
    let containers = pod.bad(|it| {
        let handlers = HANDLERS.iter().filter_map(|keys| it.node.at_keys(keys));
        let used = handlers.flat_map(|it| {
            let hosts = ["httpGet", "tcpSocket"].map(|kind| it.at_keys(&[kind, "host"]));
            hosts.into_iter().flatten().filter_map(Node::as_str)
        });
        let used: Vec<&str> = used.filter(|it| !it.is_empty()).collect();
        hosts.extend(used.iter().copied());
        !used.is_empty()
    });
    if containers.is_empty() {
        return None;
    }
    let containers: BTreeSet<&str> = containers.into_iter().collect();
    let containers: Vec<&str> = containers.into_iter().collect();
    let detail = format!(
        "{} {} {} {}",
        named(&containers),
        plural("uses", "use", containers.len()),
        plural(
            "probe or lifecycle host",
            "probe or lifecycle hosts",
            hosts.len()
        ),
        quoted(hosts)
    );
    violation("probe or lifecycle host", detail)
}

pub(super) fn windows_host_process(pod: &Pod<'_>) -> Option<Violation> {
    let keys = ["windowsOptions", "hostProcess"];
    let containers = pod.bad(|it| is_true(it.security(&keys)));
    let setters = setters(is_true(pod.security(&keys)), &containers)?;
    let detail = format!("{setters} must not set securityContext.windowsOptions.hostProcess=true");
    violation("hostProcess", detail)
}
