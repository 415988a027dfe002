//! The access of pods to their node, and the settings that protect the node from them.

use std::collections::{BTreeMap, BTreeSet};

use crate::object::Object;
use crate::yaml::{Entry, Node, View};

/// The pod specs of an object by path.
pub(super) type PodSpecs<'a> = BTreeMap<Vec<Step<'a>>, &'a Node>;

/// The access of pods to their node.
pub(super) fn access(specs: &PodSpecs<'_>) -> BTreeSet<String> {
    let mut rights = BTreeSet::new();
    for spec in specs.values() {
        pod(spec, &mut rights);
    }
    rights
}

/// The protection that pods of an object no longer have. Pods and containers that are new or removed are not compared.
pub(super) fn lost_protection(old: &PodSpecs<'_>, new: &PodSpecs<'_>) -> Vec<String> {
    let both = old
        .iter()
        .filter_map(|(path, old)| Some((*old, *new.get(path)?)));
    let mut lost = Vec::new();
    for (old, new) in both {
        if is(old.get("hostUsers"), false) && !is(new.get("hostUsers"), false) {
            lost.push("runs in the user namespace of its node (`hostUsers`)".to_string());
        }
        let containers = named_containers(new);
        for (name, container) in named_containers(old) {
            let Some(now) = containers.get(name) else {
                continue;
            };
            let (had, has) = (Protection::new(old, container), Protection::new(new, now));
            lost.extend(had.lost(&has).map(|it| it.replace("{}", name)));
        }
    }
    lost
}

/// The effective settings of a container that protect its node.
struct Protection {
    /// `allowPrivilegeEscalation`, which is true by default.
    escalation: Option<bool>,
    is_non_root: bool,
    user: Option<i64>,
    drops_all: bool,
    has_seccomp: bool,
}

impl Protection {
    /// A setting of the container takes precedence over that of the pod.
    fn new(pod: &Node, container: &Node) -> Protection {
        let own = |keys: &[&str]| container.get("securityContext")?.at_keys(keys);
        let setting =
            |keys: &[&str]| own(keys).or_else(|| pod.get("securityContext")?.at_keys(keys));
        let drops = own(&["capabilities", "drop"]).and_then(Node::as_sequence);
        let mut drops = drops.unwrap_or_default().iter().filter_map(Node::as_str);
        let profile = setting(&["seccompProfile", "type"]).and_then(Node::as_str);
        Protection {
            escalation: own(&["allowPrivilegeEscalation"]).and_then(Node::as_bool),
            is_non_root: is(setting(&["runAsNonRoot"]), true),
            user: setting(&["runAsUser"]).and_then(Node::as_int),
            drops_all: drops.any(|it| it.eq_ignore_ascii_case("ALL")),
            has_seccomp: matches!(profile, Some("RuntimeDefault" | "Localhost")),
        }
    }

    /// What is no longer forbidden, with `{}` for the name of the container.
    fn lost(&self, now: &Protection) -> impl Iterator<Item = &'static str> {
        let is_root = now.user == Some(0);
        let lost = [
            (
                self.escalation == Some(false) && now.escalation.is_none(),
                "no longer forbids container `{}` to gain privileges (`allowPrivilegeEscalation`)",
            ),
            (
                is_root && self.user != Some(0),
                "runs container `{}` as root (`runAsUser`)",
            ),
            (
                self.is_non_root && !now.is_non_root && !is_root,
                "no longer forbids container `{}` to run as root (`runAsNonRoot`)",
            ),
            (
                self.drops_all && !now.drops_all,
                "gives container `{}` the default capabilities (`drop: [ALL]` is removed)",
            ),
            (
                self.has_seccomp && !now.has_seccomp,
                "runs container `{}` without a seccomp profile",
            ),
        ];
        lost.into_iter().filter(|it| it.0).map(|it| it.1)
    }
}

fn is(node: Option<&Node>, value: bool) -> bool {
    node.and_then(Node::as_bool) == Some(value)
}

fn list<'a>(node: &'a Node, key: &str) -> &'a [Node] {
    let list = node.get(key).and_then(Node::as_sequence);
    list.unwrap_or_default()
}

/// A step to a field or an item of a list, which its name identifies if it has one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step<'a> {
    Field(&'a str),
    Named(&'a str),
    At(usize),
}

/// The pod specs in an object by path, at any depth, because operators have pod templates in fields of their own.
pub(super) fn specs(object: &Object) -> PodSpecs<'_> {
    let mut found = BTreeMap::new();
    search(&object.node, &mut Vec::new(), &mut found);
    found
}

fn search<'a>(node: &'a Node, path: &mut Vec<Step<'a>>, found: &mut PodSpecs<'a>) {
    let mut below = |step: Step<'a>, node: &'a Node| {
        path.push(step);
        search(node, path, found);
        path.pop();
    };
    match node.view() {
        View::Scalar(_) => {}
        View::Sequence(items) => {
            for (at, item) in items.iter().enumerate() {
                let name = item.get("name").and_then(Node::as_str);
                below(name.map_or(Step::At(at), Step::Named), item);
            }
        }
        View::Mapping(entries) => {
            let mut is_spec = false;
            for Entry { key, value } in entries {
                let key = key.as_str().unwrap_or("");
                is_spec |= key == "containers" && value.as_sequence().is_some();
                if !value.is_scalar() {
                    below(Step::Field(key), value);
                }
            }
            if is_spec {
                found.insert(path.clone(), node);
            }
        }
    }
}

fn containers(spec: &Node) -> impl Iterator<Item = &Node> {
    let lists = ["initContainers", "containers", "ephemeralContainers"];
    lists.into_iter().flat_map(|it| list(spec, it))
}

fn named_containers(spec: &Node) -> BTreeMap<&str, &Node> {
    let named = containers(spec).filter_map(|it| Some((it.get("name")?.as_str()?, it)));
    named.collect()
}

fn pod(spec: &Node, rights: &mut BTreeSet<String>) {
    for (key, resource) in [
        ("hostNetwork", "network"),
        ("hostPID", "processes"),
        ("hostIPC", "IPC"),
    ] {
        if is(spec.get(key), true) {
            rights.insert(format!("shares the {resource} of its node (`{key}`)"));
        }
    }
    let folders = list(spec, "volumes")
        .iter()
        .filter_map(|it| it.at_keys(&["hostPath", "path"])?.as_str());
    rights.extend(folders.map(|it| format!("mounts `{it}` of its node (`hostPath`)")));
    for container in containers(spec) {
        let name = container.get("name").and_then(Node::as_str).unwrap_or("");
        let context = |key: &str| container.at_keys(&["securityContext", key]);
        if is(context("privileged"), true) {
            rights.insert(format!("runs container `{name}` privileged"));
        }
        if is(context("allowPrivilegeEscalation"), true) {
            rights.insert(format!("allows container `{name}` to gain privileges"));
        }
        let added = context("capabilities").and_then(|it| it.get("add")?.as_sequence());
        let added = added.unwrap_or_default().iter().filter_map(Node::as_str);
        rights.extend(added.map(|it| format!("gives container `{name}` the capability `{it}`")));
        // In the host network, all ports are ports of the node.
        let ports = list(container, "ports").iter();
        let ports = ports.filter_map(|it| it.get("hostPort")?.as_int().filter(|it| *it > 0));
        let ports = ports.filter(|_| !is(spec.get("hostNetwork"), true));
        rights.extend(ports.map(|it| format!("opens port {it} of its node (`hostPort`)")));
    }
}
