//! Finds operators, the API groups that they manage, and their namespaces.
//!
//! An operator is either the installation of a known chart, or a Deployment whose ServiceAccount has a role that allows it to change
//! objects of an API group.

use std::collections::{BTreeMap, BTreeSet};

use super::packs;
use crate::object::Object;
use crate::yaml::Node;

/// The operators among a set of objects.
#[derive(Debug)]
pub struct Operators<'a> {
    permitted: Permitted<'a>,
}

impl<'a> Operators<'a> {
    /// Reads the roles and role bindings of the objects, which show which Deployments are operators.
    pub fn find(objects: &[&'a Object]) -> Operators<'a> {
        Operators {
            permitted: permitted(objects),
        }
    }

    /// The API groups whose objects this object manages; none if it is not an operator.
    pub fn groups(&self, object: &Object) -> BTreeSet<&'a str> {
        match object.kind() {
            "HelmRelease" | "Application" => {
                let charts = charts(object);
                let known = packs().iter().flat_map(|it| &it.charts);
                let known = known.filter(|it| charts.contains(&*it.0));
                known
                    .flat_map(|it| it.1.iter().map(String::as_str))
                    .collect()
            }
            "Deployment" => {
                let account = ["spec", "template", "spec", "serviceAccountName"];
                let account = object.node.at_keys(&account).and_then(Node::as_str);
                let groups = account.and_then(|it| self.permitted.get(&(object.namespace(), it)));
                groups.cloned().unwrap_or_default()
            }
            _ => BTreeSet::new(),
        }
    }
}

/// The namespace that an operator runs in: the target of a release, or the object's own.
pub fn namespace(operator: &Object) -> &str {
    let text = |keys: &[&str]| operator.node.at_keys(keys).and_then(Node::as_str);
    let target = match operator.kind() {
        "HelmRelease" => text(&["spec", "targetNamespace"]),
        "Application" => text(&["spec", "destination", "namespace"]),
        _ => None,
    };
    target.unwrap_or(operator.namespace())
}

/// The names of the charts that an object installs. For a chart in a registry, this is the last part of the address or name.
pub(super) fn charts(object: &Object) -> BTreeSet<&str> {
    let text = |keys: &[&str]| object.node.at_keys(keys).and_then(Node::as_str);
    let mut found: Vec<&str> = [
        &["spec", "chart", "spec", "chart"][..],
        &["spec", "chartRef", "name"],
        &["spec", "source", "chart"],
        &["spec", "source", "repoURL"],
    ]
    .into_iter()
    .filter_map(text)
    .collect();
    let sources = object.node.at_keys(&["spec", "sources"]);
    for source in sources.and_then(Node::as_sequence).unwrap_or_default() {
        let fields = ["chart", "repoURL"].map(|it| source.get(it).and_then(Node::as_str));
        found.extend(fields.into_iter().flatten());
    }
    found
        .into_iter()
        .filter_map(|it| it.rsplit('/').next())
        .collect()
}

/// The API groups of custom resources that ServiceAccounts may change, by namespace and name.
type Permitted<'a> = BTreeMap<(&'a str, &'a str), BTreeSet<&'a str>>;

/// The permissions of roles whose bindings are also among the objects.
fn permitted<'a>(objects: &[&'a Object]) -> Permitted<'a> {
    let mut roles: BTreeMap<(&str, &str), BTreeSet<&str>> = BTreeMap::new();
    for role in objects.iter().filter(|it| it.kind().ends_with("Role")) {
        let rules = role.node.get("rules").and_then(Node::as_sequence);
        let rules = rules.unwrap_or_default().iter().filter(allows_changes);
        let groups = roles.entry((role.kind(), role.name())).or_default();
        groups.extend(rules.flat_map(custom_groups));
    }
    let mut permitted = Permitted::new();
    for binding in objects
        .iter()
        .filter(|it| it.kind().ends_with("RoleBinding"))
    {
        let text = |node: &'a Node, key: &str| node.get(key).and_then(Node::as_str);
        let role = binding.node.get("roleRef");
        let role = role.and_then(|it| Some((text(it, "kind")?, text(it, "name")?)));
        let Some(groups) = role.and_then(|it| roles.get(&it)) else {
            continue;
        };
        let subjects = binding.node.get("subjects").and_then(Node::as_sequence);
        for subject in subjects.unwrap_or_default() {
            let account = text(subject, "namespace").zip(text(subject, "name"));
            if let Some(account) =
                account.filter(|_| text(subject, "kind") == Some("ServiceAccount"))
            {
                permitted.entry(account).or_default().extend(groups);
            }
        }
    }
    permitted
}

/// Whether a rule of a role allows changing objects.
fn allows_changes(rule: &&Node) -> bool {
    let verbs = rule.get("verbs").and_then(Node::as_sequence);
    let mut verbs = verbs.unwrap_or_default().iter().filter_map(Node::as_str);
    verbs.any(|it| matches!(it, "*" | "update" | "patch"))
}

/// The API groups of a rule, except those of Kubernetes.
fn custom_groups(rule: &Node) -> impl Iterator<Item = &str> {
    let groups = rule.get("apiGroups").and_then(Node::as_sequence);
    let groups = groups.unwrap_or_default().iter().filter_map(Node::as_str);
    groups.filter(|it| it.contains('.') && !it.ends_with(".k8s.io"))
}
