//! Additional permissions: roles and their bindings, and pods with access to their node.

use std::collections::BTreeSet;

use super::{Danger, Faults, RuleKind, list_names};
use crate::diag::Severity;
use crate::diff::Pair;
use crate::object::Object;
use crate::yaml::{FieldPath, Node, View, emit_canonical};

pub(super) const DANGER: Danger = Danger {
    code: "widened-privileges",
    severity: Severity::Warning,
    summary: "a role, binding or pod gains privileges",
    explain: "\
Reported are: a role with additional permissions; a new role with wildcards, or one that can read Secrets, impersonate, or grant \
permissions; a new ClusterRoleBinding, and new subjects of one; a RoleBinding to `cluster-admin` or `admin`; containers that \
become privileged, allow privilege escalation or get capabilities; hostPath volumes; pods in the host network, PID or IPC \
namespace.

Ask what needs the privileges, and whether narrower ones are enough: fewer verbs, one resource, one namespace.",
    check: RuleKind::Change(check),
};

fn check(pair: &Pair<'_>, faults: &mut Faults) {
    let Some(after) = pair.after() else {
        return;
    };
    let before = pair.before();
    let (more, field) = match after.kind() {
        "Role" | "ClusterRole" => (new_role_permissions(before, after), "rules"),
        "RoleBinding" | "ClusterRoleBinding" => {
            (new_permissions(bindings, before, after), "subjects")
        }
        _ => (new_permissions(pods, before, after), "spec"),
    };
    if !more.is_empty() {
        let message = format!("{} {}", after.id(), list_names(&more));
        faults.push(after, FieldPath::dotted(field), message);
    }
}

/// The permissions that an object newly grants.
fn new_permissions(
    rights: fn(&Object) -> BTreeSet<String>,
    before: Option<&Object>,
    after: &Object,
) -> Vec<String> {
    let had = before.map(rights).unwrap_or_default();
    let now = rights(after).into_iter();
    now.filter(|it| !had.contains(it)).collect()
}

/// The maximum number of permissions of a role that are compared one by one: a rule grants each verb on each resource of each
/// group.
const RIGHTS_MAX: usize = 20_000;

/// One verb on one resource. The names are those of the objects, where a rule has them.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Right<'a> {
    verb: &'a str,
    resource: &'a str,
    group: &'a str,
    names: &'a str,
}

impl Right<'_> {
    /// Whether it was granted before: directly, by a wildcard, or for objects of all names.
    fn is_covered(&self, had: &BTreeSet<Right<'_>>) -> bool {
        [self.verb, "*"].iter().any(|verb| {
            [self.resource, "*"].iter().any(|resource| {
                [self.group, "*"].iter().any(|group| {
                    [self.names, ""].iter().any(|names| {
                        had.contains(&Right {
                            verb,
                            resource,
                            group,
                            names,
                        })
                    })
                })
            })
        })
    }

    /// Whether it is worth reporting for a new role.
    fn is_far_reaching(&self) -> bool {
        [self.verb, self.resource].contains(&"*")
            || ["escalate", "bind", "impersonate"].contains(&self.verb)
            || (self.resource == "secrets" && ["get", "list", "watch"].contains(&self.verb))
    }

    fn describe(&self) -> String {
        let of = if self.group.is_empty() {
            "core"
        } else {
            self.group
        };
        let called = match self.names {
            "" => String::new(),
            names => format!(" named {names}"),
        };
        format!("may `{}` `{}` of `{of}`{called}", self.verb, self.resource)
    }
}

/// A rule of a role.
struct Rule<'a> {
    verbs: Vec<&'a str>,
    resources: Vec<&'a str>,
    groups: Vec<&'a str>,
    names: String,
}

impl<'a> Rule<'a> {
    fn new(rule: &'a Node) -> Rule<'a> {
        let list = |key: &str| {
            let list = rule.get(key).and_then(Node::as_sequence);
            let list = list.unwrap_or_default().iter();
            list.filter_map(Node::as_str).collect::<Vec<_>>()
        };
        let mut groups = list("apiGroups");
        if groups.is_empty() {
            groups.push("");
        }
        let resources = list("resources").into_iter().chain(list("nonResourceURLs"));
        Rule {
            verbs: list("verbs"),
            resources: resources.collect(),
            groups,
            names: list("resourceNames").join("|"),
        }
    }

    /// The number of permissions that it grants.
    fn size(&self) -> usize {
        let lists = [self.verbs.len(), self.resources.len(), self.groups.len()];
        lists.into_iter().fold(1, usize::saturating_mul)
    }

    fn rights(&self) -> impl Iterator<Item = Right<'_>> {
        self.verbs.iter().flat_map(move |verb| {
            self.resources.iter().flat_map(move |resource| {
                self.groups.iter().map(move |group| Right {
                    verb,
                    resource,
                    group,
                    names: &self.names,
                })
            })
        })
    }
}

/// The permissions that a role newly grants; for a new role, only far-reaching ones.
fn new_role_permissions(before: Option<&Object>, after: &Object) -> Vec<String> {
    let old = before.map(rules).unwrap_or_default();
    let known: BTreeSet<String> = old.iter().map(|it| emit_canonical(it)).collect();
    let new = rules(after).into_iter();
    let new = new.filter(|it| !known.contains(&emit_canonical(it)));
    let (new, too_large) = split_by_size(new);
    let (old, _) = split_by_size(old.into_iter());
    let had: BTreeSet<Right<'_>> = old.iter().flat_map(Rule::rights).collect();
    let now: BTreeSet<Right<'_>> = new.iter().flat_map(Rule::rights).collect();
    let is_reported = |it: &&Right<'_>| before.is_some() || it.is_far_reaching();
    let more = now.iter().filter(is_reported);
    let more = more.filter(|it| !it.is_covered(&had)).map(Right::describe);
    let large = too_large.iter().map(|it| {
        format!(
            "gains a rule with {} verbs on {} resources of {} groups, too large to compare in detail",
            it.verbs.len(),
            it.resources.len(),
            it.groups.len()
        )
    });
    more.chain(large).collect()
}

fn rules(role: &Object) -> Vec<&Node> {
    let rules = role.node.get("rules").and_then(Node::as_sequence);
    rules.unwrap_or_default().iter().collect()
}

/// Rules whose permissions can be compared one by one, and the others.
fn split_by_size<'a>(rules: impl Iterator<Item = &'a Node>) -> (Vec<Rule<'a>>, Vec<Rule<'a>>) {
    let mut room = RIGHTS_MAX;
    rules.map(Rule::new).partition(|rule| {
        let left = room.checked_sub(rule.size());
        room = left.unwrap_or(room);
        left.is_some()
    })
}

/// The subjects of a binding.
fn bindings(binding: &Object) -> BTreeSet<String> {
    let text = |node: &Node, key: &str| {
        node.get(key)
            .and_then(Node::as_str)
            .unwrap_or("")
            .to_string()
    };
    let role = binding
        .node
        .get("roleRef")
        .map(|it| text(it, "name"))
        .unwrap_or_default();
    let is_cluster = binding.kind() == "ClusterRoleBinding";
    if !is_cluster && !["cluster-admin", "admin"].contains(&&*role) {
        return BTreeSet::new();
    }
    let subjects = binding.node.get("subjects").and_then(Node::as_sequence);
    let everywhere = if is_cluster {
        " in the whole cluster"
    } else {
        ""
    };
    let given = subjects.unwrap_or_default().iter().map(|it| {
        let namespace = text(it, "namespace");
        let slash = if namespace.is_empty() { "" } else { "/" };
        let (kind, name) = (text(it, "kind"), text(it, "name"));
        format!("grants `{role}` to {kind} {namespace}{slash}{name}{everywhere}")
    });
    given.collect()
}

/// The access of pods to their node.
fn pods(object: &Object) -> BTreeSet<String> {
    let mut rights = BTreeSet::new();
    search(&object.node, &mut rights);
    rights
}

/// Finds pods at any depth, because operators have pod templates in fields of their own.
fn search(node: &Node, rights: &mut BTreeSet<String>) {
    match node.view() {
        View::Scalar(_) => {}
        View::Sequence(items) => items.iter().for_each(|it| search(it, rights)),
        View::Mapping(entries) => {
            if node
                .get("containers")
                .is_some_and(|it| it.as_sequence().is_some())
            {
                pod(node, rights);
            }
            entries.iter().for_each(|it| search(&it.value, rights));
        }
    }
}

fn pod(spec: &Node, rights: &mut BTreeSet<String>) {
    let list = |key: &str| {
        spec.get(key)
            .and_then(Node::as_sequence)
            .unwrap_or_default()
    };
    let is_on = |node: Option<&Node>| node.and_then(Node::as_bool) == Some(true);
    for (key, resource) in [
        ("hostNetwork", "network"),
        ("hostPID", "processes"),
        ("hostIPC", "IPC"),
    ] {
        if is_on(spec.get(key)) {
            rights.insert(format!("shares the {resource} of its node (`{key}`)"));
        }
    }
    let folders = list("volumes")
        .iter()
        .filter_map(|it| it.at_keys(&["hostPath", "path"])?.as_str());
    rights.extend(folders.map(|it| format!("mounts `{it}` of its node (`hostPath`)")));
    for container in ["initContainers", "containers", "ephemeralContainers"]
        .into_iter()
        .flat_map(list)
    {
        let name = container.get("name").and_then(Node::as_str).unwrap_or("");
        let context = |key: &str| container.at_keys(&["securityContext", key]);
        if is_on(context("privileged")) {
            rights.insert(format!("runs container `{name}` privileged"));
        }
        if is_on(context("allowPrivilegeEscalation")) {
            rights.insert(format!("allows container `{name}` to gain privileges"));
        }
        let added = context("capabilities").and_then(|it| it.get("add")?.as_sequence());
        let added = added.unwrap_or_default().iter().filter_map(Node::as_str);
        rights.extend(added.map(|it| format!("gives container `{name}` the capability `{it}`")));
    }
}
