//! Pods that must be reachable: databases by their operators, and the pods of LoadBalancers by clients outside the cluster.

use std::collections::BTreeSet;
use std::fmt;

use crate::check::environment::EnvironmentObjects;
use crate::check::pods::{Pod, pods};
use crate::object::{Label, Object};
use crate::products::operators::{self, Operators};
use crate::products::{ManagedPods, kind_of};
use crate::yaml::Node;

/// Pods, a client that must reach them, and on which ports.
pub(super) struct Target<'a> {
    /// The owner of the pods, for messages.
    pub(super) title: String,
    pub(super) namespace: &'a str,
    pub(super) labels: Labels<'a>,
    pub(super) ports: Vec<Port>,
    pub(super) client: Client<'a>,
}

/// The client that must reach a target.
pub(super) enum Client<'a> {
    /// The operator of the object, in one of these namespaces; empty if unknown.
    Operator(BTreeSet<&'a str>),
    /// Clients outside the cluster.
    Outside,
}

/// A port of a pod.
pub(super) struct Port {
    pub(super) number: i64,
    pub(super) protocol: String,
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.protocol {
            "TCP" => write!(f, "{}", self.number),
            protocol => write!(f, "{}/{protocol}", self.number),
        }
    }
}

/// The known labels of pods.
#[derive(Clone)]
pub(super) struct Labels<'a> {
    known: Vec<(&'a str, &'a str)>,
    /// Whether the pods have no other labels.
    is_all: bool,
}

impl<'a> Labels<'a> {
    pub(super) fn value(&self, key: &str) -> Label<'a> {
        let found = self.known.iter().find(|it| it.0 == key);
        match (found, self.is_all) {
            (Some((_, value)), _) => Label::Is(value),
            (None, true) => Label::Missing,
            (None, false) => Label::Unknown,
        }
    }

    fn has(&self, selector: &[(&str, &str)]) -> bool {
        let mut selector = selector.iter();
        selector.all(|(key, value)| self.value(key) == Label::Is(value))
    }
}

/// A kind whose operator connects to the pods that it creates.
struct Managed {
    group: &'static str,
    pods: &'static ManagedPods,
}

impl Managed {
    fn from_object(object: &Object) -> Option<Managed> {
        let kind = kind_of(object)?;
        Some(Managed {
            group: &kind.group,
            pods: kind.pods.as_ref()?,
        })
    }

    fn labels<'a>(&self, object: &'a Object) -> Labels<'a> {
        let own = object.node.at_keys(&["metadata", "labels"]);
        let mut known = pairs(own);
        known.push((&self.pods.label, object.name()));
        Labels {
            known,
            is_all: false,
        }
    }

    /// The ports that the operator connects to: the configured one, if the object can set one.
    fn ports(&self, object: &Object) -> Vec<Port> {
        let configured = field(object, &self.pods.port);
        let configured =
            configured.and_then(|it| it.as_int().or_else(|| it.as_str()?.parse().ok()));
        match configured {
            Some(number) => vec![tcp(number)],
            None => self.pods.ports.iter().map(|it| tcp(*it)).collect(),
        }
    }
}

/// A field of an object; `None` for an empty path.
fn field<'a>(object: &'a Object, path: &[String]) -> Option<&'a Node> {
    let keys: Vec<&str> = path.iter().map(String::as_str).collect();
    object.node.at_keys(&keys).filter(|_| !keys.is_empty())
}

/// All targets in the namespaces that have policies.
pub(super) fn targets<'a>(
    environment: &'a EnvironmentObjects<'_>,
    has_policies: impl Fn(&str) -> bool,
) -> Vec<Target<'a>> {
    let objects: Vec<&Object> = environment.objects.iter().map(|it| &*it.object).collect();
    let operators = Operators::find(&objects);
    let namespaces_of = |group: &str| {
        let own = objects
            .iter()
            .filter(|it| operators.groups(it).contains(group));
        own.map(|it| operators::namespace(it)).collect()
    };
    let in_reach: Vec<&Object> = objects
        .iter()
        .copied()
        .filter(|it| has_policies(it.namespace()))
        .collect();
    let mut found = Vec::new();
    for object in &in_reach {
        if let Some(managed) = Managed::from_object(object) {
            found.push(Target {
                title: object.id().to_string(),
                namespace: object.namespace(),
                labels: managed.labels(object),
                ports: managed.ports(object),
                client: Client::Operator(namespaces_of(managed.group)),
            });
            found.extend(load_balancers_of(object, &managed));
        }
    }
    let services = in_reach.iter().filter(|it| is_load_balancer(&it.node));
    found.extend(services.flat_map(|it| targets_behind(it, &in_reach)));
    found
}

/// The LoadBalancers that an operator creates from the Service templates of an object.
fn load_balancers_of<'a>(object: &'a Object, managed: &Managed) -> Vec<Target<'a>> {
    let templates = field(object, &managed.pods.services).and_then(Node::as_sequence);
    let templates = templates.unwrap_or_default().iter();
    let balancers = templates.filter(|it| is_type_load_balancer(it));
    balancers
        .map(|it| Target {
            title: format!("the LoadBalancer of {}", object.id()),
            namespace: object.namespace(),
            labels: managed.labels(object),
            ports: service_ports(it, &[]),
            client: Client::Outside,
        })
        .collect()
}

/// The pods behind a Service of type LoadBalancer: a target for each workload that it selects, or one target with only the labels of
/// its selector.
fn targets_behind<'a>(service: &'a Object, objects: &[&'a Object]) -> Vec<Target<'a>> {
    let selector = pairs(service.node.at_keys(&["spec", "selector"]));
    if selector.is_empty() {
        return Vec::new();
    }
    let target = |labels: Labels<'a>, pods: &[Pod<'_>]| Target {
        title: service.id().to_string(),
        namespace: service.namespace(),
        labels,
        ports: service_ports(&service.node, pods),
        client: Client::Outside,
    };
    let neighbours = objects
        .iter()
        .filter(|it| it.namespace() == service.namespace());
    let mut found = Vec::new();
    for object in neighbours {
        if let Some(managed) = Managed::from_object(object) {
            let labels = managed.labels(object);
            let is_selected = selector
                .iter()
                .any(|it| it.0 == managed.pods.label && it.1 == object.name());
            if is_selected {
                let known = labels.known.into_iter().chain(selector.iter().copied());
                let known = known.collect();
                let labels = Labels {
                    known,
                    is_all: false,
                };
                found.push(target(labels, &[]));
            }
            continue;
        }
        for pod in pods(object) {
            let labels = Labels {
                known: pairs(pod.labels),
                is_all: true,
            };
            if labels.has(&selector) {
                found.push(target(labels, &[pod]));
            }
        }
    }
    if found.is_empty() {
        let labels = Labels {
            known: selector,
            is_all: false,
        };
        found.push(target(labels, &[]));
    }
    found
}

fn is_load_balancer(node: &Node) -> bool {
    let text = |key: &str| node.get(key).and_then(Node::as_str);
    text("kind") == Some("Service")
        && text("apiVersion") == Some("v1")
        && is_type_load_balancer(node)
}

fn is_type_load_balancer(node: &Node) -> bool {
    let kind = node.at_keys(&["spec", "type"]).and_then(Node::as_str);
    kind == Some("LoadBalancer")
}

/// The target ports of a Service. Named ports that no container declares are left out.
fn service_ports(service: &Node, pods: &[Pod<'_>]) -> Vec<Port> {
    let ports = service
        .at_keys(&["spec", "ports"])
        .and_then(Node::as_sequence);
    let ports = ports.unwrap_or_default().iter();
    let ports = ports.filter_map(|it| {
        let protocol = it.get("protocol").and_then(Node::as_str);
        let target = it.get("targetPort").or_else(|| it.get("port"))?;
        let number = match target.as_int() {
            Some(number) => number,
            None => container_port(pods, target.as_str()?)?,
        };
        Some(Port {
            number,
            protocol: protocol.unwrap_or("TCP").to_string(),
        })
    });
    ports.collect()
}

fn container_port(pods: &[Pod<'_>], name: &str) -> Option<i64> {
    let containers = pods
        .iter()
        .filter_map(|it| it.spec.get("containers")?.as_sequence());
    let ports = containers
        .flatten()
        .filter_map(|it| it.get("ports")?.as_sequence());
    let mut ports = ports.flatten();
    let port = ports.find(|it| it.get("name").and_then(Node::as_str) == Some(name))?;
    port.get("containerPort")?.as_int()
}

fn tcp(number: i64) -> Port {
    Port {
        number,
        protocol: "TCP".to_string(),
    }
}

fn pairs(labels: Option<&Node>) -> Vec<(&str, &str)> {
    let labels = labels.and_then(Node::as_mapping).into_iter().flatten();
    labels
        .filter_map(|it| Some((it.key.as_str()?, it.value.as_str()?)))
        .collect()
}
