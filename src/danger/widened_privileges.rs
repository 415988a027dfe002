//! More rights than before: roles and their bindings, and pods that reach into their node.

use std::collections::BTreeSet;

use super::{Danger, Faults, Judge, some};
use crate::diag::Severity;
use crate::diff::Pair;
use crate::object::Object;
use crate::yaml::{FieldPath, Node, View};

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
    sees_secrets: false,
    judge: Judge::Change(judge),
};

fn judge(pair: &Pair<'_>, faults: &mut Faults) {
    let Some(after) = pair.after() else {
        return;
    };
    let before = pair.before();
    let rights: fn(&Object, bool) -> (BTreeSet<String>, &'static str) = match after.kind() {
        "Role" | "ClusterRole" => roles,
        "RoleBinding" | "ClusterRoleBinding" => bindings,
        _ => pods,
    };
    let is_new = before.is_none();
    let (now, field) = rights(after, is_new);
    let had = before.map(|it| rights(it, is_new).0).unwrap_or_default();
    let more: Vec<String> = now
        .iter()
        .filter(|it| !is_covered(it, &had))
        .cloned()
        .collect();
    if !more.is_empty() {
        let message = format!("{} {}", after.id(), some(&more));
        faults.push(after, FieldPath::dotted(field), message);
    }
}

/// Whether a right was there before, itself or by a wildcard.
fn is_covered(right: &str, had: &BTreeSet<String>) -> bool {
    let covers = |had: &str| {
        let (mut had, mut right) = (had.split(' '), right.split(' '));
        loop {
            match (had.next(), right.next()) {
                (None, None) => return true,
                (Some(a), Some(b)) if a == b || a == "`*`" => {}
                _ => return false,
            }
        }
    };
    had.contains(right) || had.iter().any(|it| covers(it))
}

/// What a role allows: `may VERB RESOURCE of GROUP`. Of a new one, only what is much.
fn roles(role: &Object, is_new: bool) -> (BTreeSet<String>, &'static str) {
    let mut rights = BTreeSet::new();
    let rules = role.node.get("rules").and_then(Node::as_sequence);
    for rule in rules.unwrap_or_default() {
        let list = |key: &str| -> Vec<&str> {
            let list = rule.get(key).and_then(Node::as_sequence);
            list.unwrap_or_default()
                .iter()
                .filter_map(Node::as_str)
                .collect()
        };
        let (groups, verbs) = (list("apiGroups"), list("verbs"));
        let names = match &*list("resourceNames") {
            [] => String::new(),
            names => format!(" called {}", names.join("|")),
        };
        let resources: Vec<&str> = list("resources")
            .into_iter()
            .chain(list("nonResourceURLs"))
            .collect();
        for verb in &verbs {
            for resource in &resources {
                let is_much = [*verb, *resource].contains(&"*")
                    || ["escalate", "bind", "impersonate"].contains(verb)
                    || (*resource == "secrets" && ["get", "list", "watch"].contains(verb));
                for group in if groups.is_empty() {
                    &[""][..]
                } else {
                    &groups
                } {
                    let of = if group.is_empty() { "core" } else { group };
                    if is_much || !is_new {
                        rights.insert(format!("may `{verb}` `{resource}` of `{of}`{names}"));
                    }
                }
            }
        }
    }
    (rights, "rules")
}

/// Who gets a role.
fn bindings(binding: &Object, _: bool) -> (BTreeSet<String>, &'static str) {
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
        return (BTreeSet::new(), "subjects");
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
        format!("gives `{role}` to {kind} {namespace}{slash}{name}{everywhere}")
    });
    (given.collect(), "subjects")
}

/// What pods may do on their node.
fn pods(object: &Object, _: bool) -> (BTreeSet<String>, &'static str) {
    let mut rights = BTreeSet::new();
    search(&object.node, &mut rights);
    (rights, "spec")
}

/// Looks for pods at any depth: operators have them in templates of their own.
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
    for (key, words) in [
        ("hostNetwork", "network"),
        ("hostPID", "processes"),
        ("hostIPC", "IPC"),
    ] {
        if is_on(spec.get(key)) {
            rights.insert(format!("shares its node's {words} (`{key}`)"));
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
            rights.insert(format!("lets container `{name}` gain privileges"));
        }
        let added = context("capabilities").and_then(|it| it.get("add")?.as_sequence());
        let added = added.unwrap_or_default().iter().filter_map(Node::as_str);
        rights.extend(added.map(|it| format!("gives container `{name}` the capability `{it}`")));
    }
}
