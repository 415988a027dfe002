//! Ingresses, their classes, and network policies.

use std::net::IpAddr;

use super::fields::{self, exactly_one_of, is_port, port_or_name, required, spec_of, text_of};
use super::selector;
use crate::validate::fault::Report;
use crate::validate::json::{Fields, Json};
use crate::validate::names;
use crate::validate::scalars::{cidr_sloppy, ip_sloppy};
use pleach_yaml::Node;

pub(super) fn ingress<'a>(object: &'a Node, report: &mut Report<'a>) {
    const CLASS: &str = "kubernetes.io/ingress.class";
    let Some(spec) = spec_of(object, report) else {
        return;
    };
    let (rules, backend) = (spec.list("rules"), spec.field("defaultBackend"));
    if rules.is_empty() && backend.is_none() {
        report.invalid(spec, "must have `defaultBackend` or `rules`");
    }
    if let Some(backend) = backend {
        ingress_backend(backend, report);
    }
    for rule in rules {
        ingress_rule(rule, report);
    }
    for tls in spec.list("tls") {
        for host in tls.list("hosts") {
            if let Some(message) = host_rule(text_of(host)) {
                report.invalid(host, message);
            }
        }
        fields::name(tls, "secretName", names::dns_subdomain, report);
    }
    let Some(class) = spec.field("ingressClassName") else {
        return;
    };
    if let Some(message) = names::dns_subdomain(text_of(class)) {
        report.invalid(class, message);
    }
    let annotations = object
        .field("metadata")
        .map_or(&[][..], |it| it.map("annotations"));
    let annotation = annotations.iter().find(|it| it.key.as_str() == Some(CLASS));
    if annotation.is_some_and(|it| text_of(&it.value) != text_of(class)) {
        report.invalid(
            class,
            "must be equal to the annotation `kubernetes.io/ingress.class`",
        );
    }
}

fn host_rule(host: &str) -> Option<&'static str> {
    match host.contains('*') {
        true => names::wildcard_subdomain(host),
        false => names::dns_subdomain(host),
    }
}

fn ingress_rule<'a>(rule: &'a Node, report: &mut Report<'a>) {
    let host = rule.text_or_empty("host");
    if !host.is_empty() {
        if ip_sloppy(host).is_some() {
            report.invalid_field(rule, "host", "must be a DNS name, not an IP address");
        } else if let Some(message) = host_rule(host) {
            report.invalid_field(rule, "host", message);
        }
    }
    let Some(http) = rule.field("http") else {
        return;
    };
    if http.list("paths").is_empty() {
        required(http, "paths", report);
    }
    for path in http.list("paths") {
        ingress_path(path, report);
        match path.field("backend") {
            Some(backend) => ingress_backend(backend, report),
            None => required(path, "backend", report),
        }
    }
}

fn ingress_path<'a>(node: &'a Node, report: &mut Report<'a>) {
    let path = node.text_or_empty("path");
    exactly_one_of(
        node,
        "pathType",
        &["Exact", "ImplementationSpecific", "Prefix"],
        report,
    );
    let needs_root = match node.text_or_empty("pathType") {
        "Exact" | "Prefix" => true,
        _ => !path.is_empty(),
    };
    if needs_root && !path.starts_with('/') {
        report.invalid_field(node, "path", "must begin with `/`");
    }
    if !matches!(node.text_or_empty("pathType"), "Exact" | "Prefix") {
        return;
    }
    const PARTS: [&str; 5] = ["//", "/./", "/../", "%2f", "%2F"];
    const ENDS: [&str; 2] = ["/..", "/."];
    if PARTS.iter().any(|it| path.contains(it)) || ENDS.iter().any(|it| path.ends_with(it)) {
        report.invalid_field(node, "path", "must not contain `//`, `/./`, `/../`, `%2F`");
    }
}

fn ingress_backend<'a>(backend: &'a Node, report: &mut Report<'a>) {
    match (backend.field("resource"), backend.field("service")) {
        (Some(resource), None) => typed_reference(resource, report),
        (None, Some(service)) => {
            let rule = match report.is_since(36) {
                true => names::dns_label,
                false => names::dns_1035_label,
            };
            fields::required_name(service, "name", rule, report);
            let Some(port) = service.field("port") else {
                return report.required(service, "port");
            };
            let (name, number) = (
                port.text_or_empty("name"),
                port.integer("number").unwrap_or(0),
            );
            match name.is_empty() {
                false if number != 0 => {
                    report.invalid(port, "must not have both `name` and `number`")
                }
                false => port_or_name(port, "name", report),
                true if !is_port(number) => {
                    report.invalid_field(port, "number", fields::PORT_WORDS);
                }
                true => {}
            }
        }
        (Some(_), Some(_)) => {
            report.invalid(backend, "must not have both `resource` and `service`")
        }
        (None, None) => report.invalid(backend, "must have `service` or `resource`"),
    }
}

fn typed_reference<'a>(reference: &'a Node, report: &mut Report<'a>) {
    if let Some(group) = reference.field("apiGroup")
        && let Some(message) = names::dns_subdomain(text_of(group))
    {
        report.invalid(group, message);
    }
    for key in ["kind", "name"] {
        fields::required_name(reference, key, names::path_segment, report);
    }
}

pub(super) fn ingress_class<'a>(object: &'a Node, report: &mut Report<'a>) {
    let Some(spec) = spec_of(object, report) else {
        return;
    };
    if let Some(controller) = spec.field("controller") {
        let text = text_of(controller);
        let holds = text.split_once('/').is_some_and(|(domain, path)| {
            names::dns_subdomain(domain).is_none() && !path.is_empty()
        });
        if !holds || text.len() > 250 {
            report.invalid(
                controller,
                "must be a domain and a path: `example.org/controller`",
            );
        }
    }
    let Some(parameters) = spec.field("parameters") else {
        return;
    };
    typed_reference(parameters, report);
    exactly_one_of(parameters, "scope", &["Cluster", "Namespace"], report);
    let is_namespaced = parameters.text("scope") == Some("Namespace");
    match (parameters.field("namespace"), is_namespaced) {
        (None, true) => report.required(parameters, "namespace"),
        (Some(_), true) => fields::name(parameters, "namespace", names::dns_label, report),
        (Some(value), false) => {
            report.invalid(value, "must not be set unless `scope` is `Namespace`")
        }
        (None, false) => {}
    }
}

pub(super) fn network_policy<'a>(object: &'a Node, report: &mut Report<'a>) {
    let Some(spec) = object.field("spec") else {
        return;
    };
    selector::field(spec, "podSelector", report);
    for (direction, peers) in [("ingress", "from"), ("egress", "to")] {
        for rule in spec.list(direction) {
            for port in rule.list("ports") {
                policy_port(port, report);
            }
            for peer in rule.list(peers) {
                policy_peer(peer, report);
            }
        }
    }
    let kinds = spec.list("policyTypes");
    if kinds.len() > 2 {
        report.invalid_field(spec, "policyTypes", "must have at most two types");
    }
    for kind in kinds {
        if !matches!(text_of(kind), "Ingress" | "Egress") {
            report.unsupported(kind, &["Ingress", "Egress"]);
        }
    }
}

fn policy_port<'a>(port: &'a Node, report: &mut Report<'a>) {
    exactly_one_of(port, "protocol", &["TCP", "UDP", "SCTP"], report);
    let number = port.field("port").map(Json::from_node);
    if number.is_some() {
        port_or_name(port, "port", report);
    }
    let Some(end) = port.field("endPort") else {
        return;
    };
    match number {
        Some(Json::Int(first)) => {
            let last = port.integer("endPort").unwrap_or(0);
            if i128::from(last) < first || !is_port(last) {
                report.invalid(end, "must not be less than `port`");
            }
        }
        _ => report.invalid(end, "must not be set unless `port` is a number"),
    }
}

fn policy_peer<'a>(peer: &'a Node, report: &mut Report<'a>) {
    let selectors = fields::set(peer, &["podSelector", "namespaceSelector"]);
    for key in &selectors {
        selector::field(peer, key, report);
    }
    let Some(block) = peer.field("ipBlock") else {
        if selectors.is_empty() {
            report.invalid(
                peer,
                "must have `podSelector`, `namespaceSelector` or `ipBlock`",
            );
        }
        return;
    };
    if !selectors.is_empty() {
        report.invalid(peer, "must not have `ipBlock` together with a selector");
    }
    let text = block.text_or_empty("cidr");
    let Some(network) = cidr_sloppy(text) else {
        if !text.is_empty() {
            report.invalid_field(block, "cidr", "must be a network such as `10.0.0.0/8`");
        }
        return;
    };
    for except in block.list("except") {
        match cidr_sloppy(text_of(except)) {
            None => report.invalid(except, "must be a network such as `10.0.0.0/8`"),
            Some(inner) if !is_within(inner, network) => {
                report.invalid(except, "must be a smaller network within `cidr`");
            }
            Some(_) => {}
        }
    }
}

fn is_within(inner: (IpAddr, u8), outer: (IpAddr, u8)) -> bool {
    let masked = |address: IpAddr, bits: u8| match address {
        IpAddr::V4(it) => u128::from(u32::from(it).checked_shr(32 - u32::from(bits)).unwrap_or(0)),
        IpAddr::V6(it) => u128::from(it)
            .checked_shr(128 - u32::from(bits))
            .unwrap_or(0),
    };
    inner.0.is_ipv4() == outer.0.is_ipv4()
        && inner.1 > outer.1
        && masked(inner.0, outer.1) == masked(outer.0, outer.1)
}
