//! A pod or pod template, and the words of messages about its containers.

use pleach_yaml::Node;

pub(super) struct Pod<'a> {
    pub(super) metadata: Option<&'a Node>,
    pub(super) spec: &'a Node,
    pub(super) minor: u32,
    pub(super) containers: Vec<Container<'a>>,
}

pub(super) struct Container<'a> {
    pub(super) name: &'a str,
    pub(super) node: &'a Node,
}

impl<'a> Container<'a> {
    /// A field of its security context.
    pub(super) fn security(&self, keys: &[&str]) -> Option<&'a Node> {
        at(self.node.get("securityContext")?, keys)
    }
}

impl<'a> Pod<'a> {
    /// A field of its security context.
    pub(super) fn security(&self, keys: &[&str]) -> Option<&'a Node> {
        at(self.spec.get("securityContext")?, keys)
    }

    pub(super) fn is_windows(&self) -> bool {
        self.spec.at_keys(&["os", "name"]).and_then(Node::as_str) == Some("windows")
    }

    /// Since 1.35, a pod in a user namespace may run as root.
    pub(super) fn is_in_user_namespace(&self) -> bool {
        let users = self.spec.get("hostUsers").and_then(Node::as_bool);
        self.minor >= 35 && users == Some(false)
    }

    /// The names of violating containers.
    pub(super) fn bad(&self, mut is_bad: impl FnMut(&Container<'a>) -> bool) -> Vec<&'a str> {
        let bad = self.containers.iter().filter(|it| is_bad(it));
        bad.map(|it| it.name).collect()
    }
}

/// A field; null counts as missing.
pub(super) fn at<'a>(node: &'a Node, keys: &[&str]) -> Option<&'a Node> {
    node.at_keys(keys).filter(|it| !it.is_null())
}

/// Init containers first, as in Kubernetes.
pub(super) fn containers(spec: &Node) -> Vec<Container<'_>> {
    let lists = ["initContainers", "containers", "ephemeralContainers"];
    let lists = lists
        .into_iter()
        .filter_map(|it| spec.get(it)?.as_sequence());
    lists
        .flatten()
        .map(|node| Container {
            name: node.get("name").and_then(Node::as_str).unwrap_or(""),
            node,
        })
        .collect()
}

pub(super) fn items(node: Option<&Node>) -> impl Iterator<Item = &Node> {
    node.and_then(Node::as_sequence).unwrap_or_default().iter()
}

pub(super) fn is_true(node: Option<&Node>) -> bool {
    node.and_then(Node::as_bool) == Some(true)
}

pub(super) fn quoted<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.into_iter().map(|it| format!("\"{it}\"")).collect();
    names.join(", ")
}

pub(super) fn plural<'a>(one: &'a str, many: &'a str, count: usize) -> &'a str {
    if count == 1 { one } else { many }
}

pub(super) fn named(containers: &[&str]) -> String {
    let noun = plural("container", "containers", containers.len());
    format!("{noun} {}", quoted(containers.iter().copied()))
}

/// `pod and containers "a", "b"`.
pub(super) fn setters(is_pod: bool, containers: &[&str]) -> Option<String> {
    match (is_pod, containers.is_empty()) {
        (false, true) => None,
        (true, true) => Some("pod".to_owned()),
        (true, false) => Some(format!("pod and {}", named(containers))),
        (false, false) => Some(named(containers)),
    }
}
