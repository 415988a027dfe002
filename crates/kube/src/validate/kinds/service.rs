//! Services.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::fields::{
    self, PORT_WORDS, exactly_one_of, is_port, one_of, port_or_name, required, spec_of, text_of,
    within,
};
use crate::validate::fault::Report;
use crate::validate::json::{Fields, Json};
use crate::validate::metadata::labels;
use crate::validate::names;
use crate::validate::scalars::{cidr_sloppy, ip_sloppy};
use pleach_yaml::Node;

pub(super) fn service<'a>(object: &'a Node, report: &mut Report<'a>) {
    let Some(spec) = spec_of(object, report) else {
        return;
    };
    let kinds = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];
    one_of(spec, "type", &kinds, report);
    let kind = match spec.text_or_empty("type") {
        "" => "ClusterIP",
        kind => kind,
    };
    let is_headless = spec.text("clusterIP") == Some("None")
        || spec.list("clusterIPs").first().map(text_of) == Some("None");
    let ports = spec.list("ports");
    if ports.is_empty() && !is_headless && kind != "ExternalName" {
        required(spec, "ports", report);
    }
    match kind {
        "LoadBalancer" | "NodePort" if is_headless => {
            report.invalid_field(
                spec,
                "clusterIP",
                format!("must not be `None` for type `{kind}`"),
            );
        }
        "ExternalName" => external_name(spec, report),
        _ => cluster_ips(spec, is_headless, report),
    }
    validate_ports(spec, kind, report);
    labels(spec.map("selector"), report);
    affinity(spec, report);
    for address in spec.list("externalIPs") {
        external_ip(address, report);
    }
    load_balancer(object, spec, kind, report);
    traffic(spec, kind, report);
}

fn external_name<'a>(spec: &'a Node, report: &mut Report<'a>) {
    for key in ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"] {
        let is_set = spec
            .field(key)
            .is_some_and(|it| !it.is_empty_collection() && it.as_str() != Some(""));
        if is_set {
            report.invalid_field(spec, key, "must not be set for type `ExternalName`");
        }
    }
    let name = spec.text_or_empty("externalName");
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.is_empty() {
        required(spec, "externalName", report);
    } else if let Some(message) = names::dns_subdomain(name) {
        report.invalid_field(spec, "externalName", message);
    }
}

fn ip_families<'a>(
    spec: &'a Node,
    families: &'a [Node],
    address_count: usize,
    report: &mut Report<'a>,
) {
    let mut seen = BTreeSet::new();
    for family in families {
        if !matches!(text_of(family), "IPv4" | "IPv6") {
            report.unsupported(family, &["IPv4", "IPv6"]);
        }
        if !seen.insert(text_of(family)) {
            report.duplicate(family);
        }
    }
    let policies = ["SingleStack", "PreferDualStack", "RequireDualStack"];
    exactly_one_of(spec, "ipFamilyPolicy", &policies, report);
    let has_two = families.len() > 1 || address_count > 1;
    if spec.text("ipFamilyPolicy") == Some("SingleStack") && has_two {
        report.invalid_field(
            spec,
            "ipFamilyPolicy",
            "must not be `SingleStack` with two families",
        );
    }
}

fn cluster_ips<'a>(spec: &'a Node, is_headless: bool, report: &mut Report<'a>) {
    let families = spec.list("ipFamilies");
    let list = spec.list("clusterIPs");
    ip_families(spec, families, list.len(), report);
    let first = spec.text_or_empty("clusterIP");
    match list.first().map(text_of) {
        Some(other) if other != first => {
            report.invalid_field(
                spec,
                "clusterIPs",
                "must begin with the address of `clusterIP`",
            );
        }
        None if !matches!(first, "" | "None") && ip_sloppy(first).is_none() => {
            report.invalid_field(spec, "clusterIP", "must be an IP address, `None` or empty");
        }
        _ => {}
    }
    if list.len() > 2 || is_headless && list.len() > 1 {
        report.invalid_field(
            spec,
            "clusterIPs",
            "must have at most one address of each family",
        );
    }
    for address in list.iter().filter(|it| text_of(it) != "None") {
        if ip_sloppy(text_of(address)).is_none() {
            report.invalid(address, "must be an IP address");
        }
    }
    let addresses: Vec<IpAddr> = list
        .iter()
        .filter_map(|it| ip_sloppy(text_of(it)))
        .collect();
    if let [one, other] = addresses.as_slice()
        && one.is_ipv4() == other.is_ipv4()
    {
        report.invalid_field(
            spec,
            "clusterIPs",
            "must have at most one address of each family",
        );
    }
    let only = ip_sloppy(first)
        .into_iter()
        .take(usize::from(addresses.is_empty()));
    for (address, family) in addresses.iter().copied().chain(only).zip(families) {
        if address.is_ipv4() != (text_of(family) == "IPv4") {
            report.invalid(
                family,
                "must match the family of the address in `clusterIPs`",
            );
        }
    }
}

fn validate_ports<'a>(spec: &'a Node, kind: &str, report: &mut Report<'a>) {
    let ports = spec.list("ports");
    let (mut seen, mut used, mut of_nodes) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for port in ports {
        let name = port.text_or_empty("name");
        if name.is_empty() && ports.len() > 1 {
            report.required(port, "name");
        }
        fields::name(port, "name", names::dns_label, report);
        if !name.is_empty() && !seen.insert(name) {
            report.invalid_field(port, "name", "must be unique");
        }
        let number = port.integer("port").unwrap_or(0);
        if !is_port(number) {
            report.invalid_field(port, "port", PORT_WORDS);
        }
        one_of(port, "protocol", &["TCP", "UDP", "SCTP"], report);
        let protocol = match port.text_or_empty("protocol") {
            "" => "TCP",
            protocol => protocol,
        };
        if !used.insert((protocol, number)) {
            report.duplicate(port);
        }
        // A missing value, 0 and an empty name mean the port itself.
        let target = port.field("targetPort").map(Json::from_node);
        if !matches!(target, None | Some(Json::Int(0) | Json::String(""))) {
            port_or_name(port, "targetPort", report);
        }
        if let Some(protocol) = port.field("appProtocol")
            && let Some(message) = names::qualified_name(text_of(protocol))
        {
            report.invalid(protocol, message);
        }
        let node = port.integer("nodePort").unwrap_or(0);
        if node != 0 && kind == "ClusterIP" {
            report.invalid_field(port, "nodePort", "must not be set for type `ClusterIP`");
        } else if node != 0 && !is_port(node) {
            report.invalid_field(port, "nodePort", PORT_WORDS);
        }
        if node != 0 && !of_nodes.insert((protocol, node)) {
            report.invalid_field(port, "nodePort", "must be unique");
        }
    }
}

fn affinity<'a>(spec: &'a Node, report: &mut Report<'a>) {
    one_of(spec, "sessionAffinity", &["ClientIP", "None"], report);
    if spec.text("sessionAffinity") != Some("ClientIP") {
        return;
    }
    let config = spec
        .field("sessionAffinityConfig")
        .and_then(|it| it.field("clientIP"));
    if let Some(client) = config {
        within(client, "timeoutSeconds", 1, 86_400, report);
    }
}

/// Validates an external IP address: unspecified, loopback and link-local addresses are invalid.
fn external_ip<'a>(address: &'a Node, report: &mut Report<'a>) {
    let Some(ip) = ip_sloppy(text_of(address)) else {
        return report.invalid(address, "must be an IP address");
    };
    let is_local = match ip {
        IpAddr::V4(ip) => ip.is_link_local() || ip.octets().starts_with(&[224, 0, 0]),
        IpAddr::V6(ip) => {
            let first = ip.segments().first().copied().unwrap_or(0);
            first & 0xffc0 == 0xfe80 || first & 0xff0f == 0xff02
        }
    };
    if ip.is_unspecified() || ip.is_loopback() || is_local {
        report.invalid(
            address,
            "must not be an unspecified, loopback or link-local address",
        );
    }
}

fn load_balancer<'a>(object: &'a Node, spec: &'a Node, kind: &str, report: &mut Report<'a>) {
    const RANGES: &str = "service.beta.kubernetes.io/load-balancer-source-ranges";
    let is_balancer = kind == "LoadBalancer";
    let ranges = spec.list("loadBalancerSourceRanges");
    if !ranges.is_empty() && !is_balancer {
        report.invalid_field(
            spec,
            "loadBalancerSourceRanges",
            "must not be set unless the type is `LoadBalancer`",
        );
    }
    for range in ranges {
        if cidr_sloppy(text_of(range).trim()).is_none() {
            report.invalid(range, "must be a network such as `10.0.0.0/8`");
        }
    }
    let annotations = object
        .field("metadata")
        .map_or(&[][..], |it| it.map("annotations"));
    let annotation = annotations
        .iter()
        .find(|it| it.key.as_str() == Some(RANGES));
    if let Some(annotation) = annotation.filter(|_| ranges.is_empty()) {
        let text = text_of(&annotation.value).trim();
        let holds = text.is_empty() || text.split(',').all(|it| cidr_sloppy(it.trim()).is_some());
        if !is_balancer {
            report.invalid(
                &annotation.value,
                "must not be set unless the type is `LoadBalancer`",
            );
        } else if !holds {
            report.invalid(&annotation.value, "must be networks such as `10.0.0.0/8`");
        }
    }
    for key in ["allocateLoadBalancerNodePorts", "loadBalancerClass"] {
        if spec.field(key).is_some() && !is_balancer {
            report.invalid_field(
                spec,
                key,
                "must not be set unless the type is `LoadBalancer`",
            );
        }
    }
    if let Some(class) = spec.field("loadBalancerClass")
        && let Some(message) = names::qualified_name(text_of(class))
    {
        report.invalid(class, message);
    }
}

fn traffic<'a>(spec: &'a Node, kind: &str, report: &mut Report<'a>) {
    let is_external = matches!(kind, "LoadBalancer" | "NodePort")
        || kind == "ClusterIP" && !spec.list("externalIPs").is_empty();
    let policy = spec.text_or_empty("externalTrafficPolicy");
    if !is_external && !policy.is_empty() {
        report.invalid_field(
            spec,
            "externalTrafficPolicy",
            "must not be set unless the service is reachable from outside the cluster",
        );
    } else {
        one_of(spec, "externalTrafficPolicy", &["Cluster", "Local"], report);
    }
    let health = spec.integer("healthCheckNodePort").unwrap_or(0);
    let needs_health = kind == "LoadBalancer" && policy == "Local";
    if health != 0 && !needs_health {
        report.invalid_field(spec, "healthCheckNodePort", "must not be set unless the type is `LoadBalancer` and `externalTrafficPolicy` is `Local`");
    } else if health != 0 && !is_port(health) {
        report.invalid_field(spec, "healthCheckNodePort", PORT_WORDS);
    }
    exactly_one_of(spec, "internalTrafficPolicy", &["Cluster", "Local"], report);
    let distributions: &[&str] = match report.is_since(34) {
        true => &["PreferClose", "PreferSameZone", "PreferSameNode"],
        false => &["PreferClose"],
    };
    exactly_one_of(spec, "trafficDistribution", distributions, report);
}
