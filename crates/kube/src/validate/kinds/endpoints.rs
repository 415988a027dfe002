//! Endpoints and EndpointSlices.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::fields::{PORT_WORDS, exactly_one_of, is_port, name, required, text_of};
use crate::validate::fault::Report;
use crate::validate::json::Fields;
use crate::validate::{names, scalars};
use pleach_yaml::Node;

const PROTOCOLS: [&str; 3] = ["TCP", "UDP", "SCTP"];

pub(super) fn endpoints<'a>(object: &'a Node, report: &mut Report<'a>) {
    for subset in object.list("subsets") {
        let lists = ["addresses", "notReadyAddresses"];
        if lists.iter().all(|it| subset.list(it).is_empty()) {
            report.invalid(subset, "must have `addresses` or `notReadyAddresses`");
        }
        for address in lists.iter().flat_map(|it| subset.list(it)) {
            match scalars::ip_sloppy(address.text_or_empty("ip")) {
                Some(ip) => target(address.field("ip"), ip, report),
                None => report.invalid_field(address, "ip", "must be an IP address"),
            }
            name(address, "hostname", names::dns_label, report);
            name(address, "nodeName", names::dns_subdomain, report);
        }
        let ports = subset.list("ports");
        for port in ports {
            if ports.len() > 1 && port.text_or_empty("name").is_empty() {
                required(port, "name", report);
            }
            if !is_port(port.integer("port").unwrap_or(0)) {
                report.invalid_field(port, "port", PORT_WORDS);
            }
            one_port(port, report);
        }
    }
}

fn one_port<'a>(port: &'a Node, report: &mut Report<'a>) {
    name(port, "name", names::dns_label, report);
    name(port, "appProtocol", names::qualified_name, report);
    super::fields::one_of(port, "protocol", &PROTOCOLS, report);
}

/// Addresses that traffic cannot be sent to.
fn target<'a>(at: Option<&'a Node>, ip: IpAddr, report: &mut Report<'a>) {
    let is_local = match ip {
        IpAddr::V4(ip) => ip.is_link_local() || ip.octets().starts_with(&[224, 0, 0]),
        IpAddr::V6(ip) => {
            let first = ip.segments().first().copied().unwrap_or(0);
            first & 0xffc0 == 0xfe80 || first & 0xff0f == 0xff02
        }
    };
    if let Some(at) = at.filter(|_| ip.is_unspecified() || ip.is_loopback() || is_local) {
        report.invalid(
            at,
            "must not be unspecified, a loopback or a link-local address",
        );
    }
}

pub(super) fn slice<'a>(object: &'a Node, report: &mut Report<'a>) {
    exactly_one_of(object, "addressType", &["IPv4", "IPv6", "FQDN"], report);
    let kind = object.text_or_empty("addressType");
    if object.list("endpoints").len() > 1000 {
        report.invalid_field(object, "endpoints", "must have at most 1000 endpoints");
    }
    for endpoint in object.list("endpoints") {
        let addresses = endpoint.list("addresses");
        if addresses.is_empty() {
            required(endpoint, "addresses", report);
        } else if addresses.len() > 100 {
            report.invalid_field(endpoint, "addresses", "must have at most 100 addresses");
        }
        for address in addresses {
            slice_address(address, kind, report);
        }
        name(endpoint, "hostname", names::dns_label, report);
        name(endpoint, "nodeName", names::dns_subdomain, report);
    }
    let mut seen = BTreeSet::new();
    for port in object.list("ports") {
        if !seen.insert(port.text_or_empty("name")) {
            report.duplicate(port);
        }
        one_port(port, report);
    }
}

fn slice_address<'a>(address: &'a Node, kind: &str, report: &mut Report<'a>) {
    let ip = scalars::ip_sloppy(text_of(address));
    match (kind, ip) {
        ("IPv4", Some(ip)) if ip.is_ipv4() => target(Some(address), ip, report),
        ("IPv6", Some(ip)) if ip.is_ipv6() => target(Some(address), ip, report),
        ("IPv4", _) => report.invalid(address, "must be an IPv4 address"),
        ("IPv6", _) => report.invalid(address, "must be an IPv6 address"),
        ("FQDN", _) => {
            let name = text_of(address);
            let name = name.strip_suffix('.').unwrap_or(name);
            if names::dns_subdomain(name).is_some() || !name.contains('.') {
                report.invalid(
                    address,
                    "must be a full domain name, such as `db.example.org`",
                );
            }
        }
        _ => {}
    }
}
