//! Additional permissions: roles and their bindings, and Flux objects that no longer use a restricted account.
//!
//! Pods are in `pods.rs`, which also finds protection that is removed.

mod pods;

use std::collections::BTreeSet;

use super::{Danger, Faults, RuleKind, list_names};
use crate::diag::Severity;
use crate::diff::Pair;
use crate::object::Object;
use crate::yaml::{FieldPath, Node, emit_canonical};
use pods::{access, lost_protection, specs};

pub(in crate::danger) const DANGER: Danger = Danger {
    code: "widened-privileges",
    severity: Severity::Warning,
    summary: "a role, binding or pod gains privileges",
    explain: "\
Reported are: a role with additional permissions; a new role with wildcards, or one that can read Secrets, run commands in pods, \
request tokens, reach the kubelet, impersonate, or grant permissions; a role with such permissions that is added to `view`, `edit` \
or `admin` by a label; a new ClusterRoleBinding, and new subjects of one; a RoleBinding to `cluster-admin`, `admin` or `edit`, or to \
a group of all users; containers that become privileged, allow privilege escalation or get capabilities; hostPath volumes; ports of \
the node; pods in the host network, PID or IPC namespace.

Protection that a change removes is reported too: `allowPrivilegeEscalation: false`, `runAsNonRoot: true`, a user other than root, \
`drop: [ALL]`, a seccomp profile, `hostUsers: false`, and the level that a Namespace enforces with \
`pod-security.kubernetes.io/enforce`. A Kustomization or HelmRelease of Flux without `serviceAccountName` is applied with the \
permissions of its controller, which may usually do everything.

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
        "Namespace" => (
            lower_level(before, after).into_iter().collect(),
            "metadata.labels",
        ),
        _ => {
            let (old, new) = (before.map(specs).unwrap_or_default(), specs(after));
            let mut more = added(&access(&old), access(&new));
            if let Pair::Same(before, after) = pair {
                more.extend(lost_protection(&old, &new));
                more.extend(lost_account(before, after));
            }
            (more, "spec")
        }
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
    added(&before.map(rights).unwrap_or_default(), rights(after))
}

fn added(had: &BTreeSet<String>, now: BTreeSet<String>) -> Vec<String> {
    let now = now.into_iter();
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
        [self.verb, self.resource].contains(&"*") || self.is_escalation()
    }

    /// Whether it gives access to Secrets, to other identities or to what runs in pods. The subresources are those of "RBAC Good
    /// Practices" of Kubernetes.
    fn is_escalation(&self) -> bool {
        let is_of_core = matches!(self.group, "" | "*");
        let verbs: &[&str] = match self.resource {
            "secrets" => &["get", "list", "watch"],
            "pods/exec" | "pods/attach" | "nodes/proxy" if is_of_core => &["get", "create"],
            "pods/ephemeralcontainers" if is_of_core => &["update", "patch"],
            "serviceaccounts/token" if is_of_core => &["create"],
            _ => &[],
        };
        verbs.contains(&self.verb) || ["escalate", "bind", "impersonate"].contains(&self.verb)
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
    let given = new_aggregation(before, after);
    more.chain(large).chain(given).collect()
}

/// The default roles that a role with far-reaching permissions is newly added to, by a label.
fn new_aggregation(before: Option<&Object>, after: &Object) -> Vec<String> {
    let label = |object: &Object, role: &str| {
        let key = format!("rbac.authorization.k8s.io/aggregate-to-{role}");
        let label = object.node.at_keys(&["metadata", "labels", &key]);
        label.and_then(Node::as_str) == Some("true")
    };
    let (rules, _) = split_by_size(rules(after).into_iter());
    let is_wide = |it: &Right<'_>| {
        let is_everything = it.resource == "*" && matches!(it.group, "" | "*") && it.verb != "list";
        it.is_escalation() || is_everything
    };
    if !rules.iter().flat_map(Rule::rights).any(|it| is_wide(&it)) {
        return Vec::new();
    }
    let roles = ["view", "edit", "admin"].into_iter();
    let new = roles.filter(|it| label(after, it) && !before.is_some_and(|old| label(old, it)));
    new.map(|it| format!("gives its permissions to everybody with the role `{it}`"))
        .collect()
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

/// Groups of all users, of all authenticated users, or of all service accounts.
const EVERYBODY: &[&str] = &[
    "system:unauthenticated",
    "system:anonymous",
    "system:authenticated",
    "system:serviceaccounts",
];

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
    let is_wide = is_cluster || ["cluster-admin", "admin", "edit"].contains(&&*role);
    let subjects = binding.node.get("subjects").and_then(Node::as_sequence);
    let everywhere = if is_cluster {
        " in the whole cluster"
    } else {
        ""
    };
    let given = subjects.unwrap_or_default().iter().filter_map(|it| {
        let namespace = text(it, "namespace");
        let slash = if namespace.is_empty() { "" } else { "/" };
        let (kind, name) = (text(it, "kind"), text(it, "name"));
        let is_everybody = EVERYBODY.contains(&&*name);
        (is_wide || is_everybody)
            .then(|| format!("grants `{role}` to {kind} {namespace}{slash}{name}{everywhere}"))
    });
    given.collect()
}

/// The Pod Security level that a Namespace no longer enforces.
fn lower_level(before: Option<&Object>, after: &Object) -> Option<String> {
    const LABEL: &str = "pod-security.kubernetes.io/enforce";
    let level = |object: &Object| -> Option<String> {
        let label = object.node.at_keys(&["metadata", "labels", LABEL])?;
        label.as_str().map(str::to_string)
    };
    let rank = |level: Option<&str>| match level {
        Some("restricted") => 2,
        Some("baseline") => 1,
        _ => 0,
    };
    let (old, new) = (level(before?)?, level(after));
    (rank(new.as_deref()) < rank(Some(&old))).then(|| match &new {
        Some(new) => format!("enforces the Pod Security level `{new}` instead of `{old}`"),
        None => format!(
            "no longer enforces the Pod Security level `{old}`, only the default of the cluster"
        ),
    })
}

/// The account that Flux no longer uses to apply the objects of a Kustomization or HelmRelease.
fn lost_account(before: &Object, after: &Object) -> Option<String> {
    let gvk = after.gvk();
    let is_flux = matches!(
        &*gvk.group,
        "kustomize.toolkit.fluxcd.io" | "helm.toolkit.fluxcd.io"
    );
    let account = |object: &Object| {
        let account = object.node.at_keys(&["spec", "serviceAccountName"]);
        let account = account.and_then(Node::as_str).unwrap_or("");
        account.to_string()
    };
    let (old, new) = (account(before), account(after));
    (is_flux && !old.is_empty() && new.is_empty()).then(|| {
        format!(
            "is applied with the permissions of its controller instead of those of ServiceAccount `{old}`, unless the controller has a default account"
        )
    })
}
