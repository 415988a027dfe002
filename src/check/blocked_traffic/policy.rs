//! A NetworkPolicy for ingress, and what it allows.
//!
//! Source: the NetworkPolicy API of `networking.k8s.io/v1`. Policies only add to each other: traffic passes if any of them allows it.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::target::{Client, Labels, Port};
use crate::object::{Label, Object, Selects, selects};
use crate::yaml::Node;

pub(super) const GROUP: &str = "networking.k8s.io";

/// A policy that restricts ingress.
pub(super) struct Policy<'a> {
    selector: Option<&'a Node>,
    rules: &'a [Node],
}

impl<'a> Policy<'a> {
    /// `None` for other objects, and for policies for egress only.
    pub(super) fn from_object(object: &'a Object) -> Option<Policy<'a>> {
        if object.kind() != "NetworkPolicy" || &*object.gvk().group != GROUP {
            return None;
        }
        let spec = object.node.get("spec")?;
        let types = spec.get("policyTypes").and_then(Node::as_sequence);
        let is_ingress = types.is_none_or(|types| {
            types.is_empty() || types.iter().any(|it| it.as_str() == Some("Ingress"))
        });
        let rules = spec.get("ingress").and_then(Node::as_sequence);
        is_ingress.then_some(Policy {
            selector: spec.get("podSelector"),
            rules: rules.unwrap_or_default(),
        })
    }

    pub(super) fn selects(&self, labels: &Labels<'_>) -> Selects {
        selects(self.selector, |key| labels.value(key))
    }

    /// Whether a rule allows a client to reach a port of the pods. If unknown, it counts as allowed.
    pub(super) fn allows(
        &self,
        port: &Port,
        client: &Client<'_>,
        namespace: &str,
        namespaces: &BTreeMap<&str, &Object>,
    ) -> bool {
        self.rules.iter().any(|rule| {
            let ports = items(rule, "ports");
            let peers = items(rule, "from");
            (ports.is_empty() || ports.iter().any(|it| covers(it, port)))
                && (peers.is_empty()
                    || peers
                        .iter()
                        .any(|it| admits(it, client, namespace, namespaces)))
        })
    }
}

fn items<'a>(node: &'a Node, key: &str) -> &'a [Node] {
    node.get(key)
        .and_then(Node::as_sequence)
        .unwrap_or_default()
}

/// Whether an entry of `ports` covers a port. A named port may be any port.
fn covers(entry: &Node, port: &Port) -> bool {
    let protocol = entry.get("protocol").and_then(Node::as_str);
    if protocol.unwrap_or("TCP") != port.protocol {
        return false;
    }
    let number = |key: &str| entry.get(key).and_then(Node::as_int);
    match (entry.get("port"), number("port"), number("endPort")) {
        (Some(_), Some(first), Some(last)) => (first..=last).contains(&port.number),
        (Some(_), Some(only), None) => only == port.number,
        _ => true,
    }
}

/// Whether an entry of `from` may match a client.
fn admits(
    peer: &Node,
    client: &Client<'_>,
    namespace: &str,
    namespaces: &BTreeMap<&str, &Object>,
) -> bool {
    let selector = peer.get("namespaceSelector");
    match client {
        Client::Outside => peer.get("ipBlock").is_some(),
        Client::Operator(_) if peer.get("ipBlock").is_some() => {
            let range = peer.at_keys(&["ipBlock", "cidr"]).and_then(Node::as_str);
            range.is_none_or(may_hold_pods)
        }
        // The namespace of the operator is unknown, so any peer may match it.
        Client::Operator(spaces) if spaces.is_empty() => true,
        Client::Operator(spaces) => spaces.iter().any(|space| match selector {
            None => *space == namespace,
            Some(_) => {
                let known = namespaces.get(space);
                let value = |key: &str| match (key, known) {
                    ("kubernetes.io/metadata.name", _) => Label::Is(space),
                    (_, None) => Label::Unknown,
                    (key, Some(known)) => {
                        Label::find(known.node.at_keys(&["metadata", "labels"]), key)
                    }
                };
                selects(selector, value) != Selects::Never
            }
        }),
    }
}

/// Whether pods may have addresses in a range: it contains all addresses, or overlaps the private ranges.
fn may_hold_pods(range: &str) -> bool {
    let (address, length) = range.split_once('/').unwrap_or((range, "32"));
    let is_wide = length.parse::<u8>().is_ok_and(|it| it < 8);
    match address.parse() {
        Ok(IpAddr::V4(it)) => {
            // 100.64.0.0/10 is reserved for carriers, but cloud providers use it for pods.
            let [first, second, ..] = it.octets();
            is_wide || it.is_private() || first == 100 && (64..128).contains(&second)
        }
        Ok(IpAddr::V6(_)) | Err(_) => true,
    }
}
