//! Objects that an engine can only delete with permissions that are removed in the same change.

use std::collections::BTreeMap;

use super::app_project::{Destination, fits, list, permits};
use super::{ChangeSet, Danger, Faults, RuleKind, list_names};
use crate::diag::Severity;
use crate::diff::{Pair, is_kept};
use crate::object::Object;
use crate::yaml::{FieldPath, Node};

pub(super) const DANGER: Danger = Danger {
    code: "lost-permission",
    severity: Severity::Error,
    summary: "what Flux or Argo CD need to delete objects would be removed together with them",
    explain: "\
Argo CD deletes the objects of an Application only as far as its AppProject permits: other objects stay in the cluster, and \
nothing manages them. Flux deletes the objects of a Kustomization or HelmRelease with `serviceAccountName` as this \
ServiceAccount. If it no longer exists, the objects stay; if it has lost its rights, the deletion is repeated and fails.

Everything that is removed from the tree is deleted at once, or, in Argo CD, the AppProject is changed first. Use two changes: \
remove what is deployed, wait until it is gone from the cluster, then remove the permission.",
    check: RuleKind::ChangeSet(check),
};

fn check(changes: &ChangeSet<'_>, faults: &mut Faults) {
    let lost = Deletions::new(changes);
    for unit in &lost.gone {
        match (&*unit.gvk().group, unit.kind()) {
            ("kustomize.toolkit.fluxcd.io", "Kustomization")
            | ("helm.toolkit.fluxcd.io", "HelmRelease") => check_flux(unit, &lost, faults),
            ("argoproj.io", "Application") => check_application(unit, &lost, faults),
            _ => {}
        }
    }
    for pair in changes.pairs {
        if let Pair::Same(before, after) = pair
            && is_project(after)
        {
            check_kinds(before, after, &lost.gone, faults);
        }
    }
}

/// Deleted objects, and the permissions for deleting them.
struct Deletions<'a> {
    gone: Vec<&'a Object>,
    /// The ServiceAccounts that are deleted, by namespace and name.
    accounts: BTreeMap<(&'a str, &'a str), &'a Object>,
    /// The first binding of each ServiceAccount that is deleted, by namespace and name.
    bindings: BTreeMap<(&'a str, &'a str), &'a Object>,
    /// The AppProjects that were there before, by name.
    projects: BTreeMap<&'a str, &'a Pair<'a>>,
}

impl<'a> Deletions<'a> {
    fn new(changes: &ChangeSet<'a>) -> Deletions<'a> {
        let mut lost = Deletions {
            gone: changes.pairs.iter().filter_map(removed).collect(),
            accounts: BTreeMap::new(),
            bindings: BTreeMap::new(),
            projects: BTreeMap::new(),
        };
        for object in &lost.gone {
            if object.kind() == "ServiceAccount" {
                let key = (object.namespace(), object.name());
                lost.accounts.entry(key).or_insert(object);
            }
            if !matches!(object.kind(), "RoleBinding" | "ClusterRoleBinding") {
                continue;
            }
            let subjects = object.node.get("subjects").and_then(Node::as_sequence);
            for subject in subjects.unwrap_or_default() {
                let field = |key: &str| subject.get(key).and_then(Node::as_str).unwrap_or("");
                if field("kind") == "ServiceAccount" {
                    let key = (field("namespace"), field("name"));
                    lost.bindings.entry(key).or_insert(object);
                }
            }
        }
        for pair in changes.pairs {
            if let Some(project) = pair.before().filter(|it| is_project(it)) {
                lost.projects.entry(project.name()).or_insert(pair);
            }
        }
        lost
    }
}

/// Deleted objects. Objects that stay in the cluster need no permission.
fn removed<'a>(pair: &Pair<'a>) -> Option<&'a Object> {
    match pair {
        Pair::Removed(before) if !is_kept(before) => Some(before),
        _ => None,
    }
}

/// A Kustomization or HelmRelease, with its ServiceAccount and the bindings of that.
fn check_flux(unit: &Object, lost: &Deletions<'_>, faults: &mut Faults) {
    let flag = |key: &str| unit.node.at_keys(&["spec", key]).and_then(Node::as_bool);
    let (name, namespace) = (
        text(unit, &["spec", "serviceAccountName"]),
        unit.namespace(),
    );
    let is_remote = unit.node.at_keys(&["spec", "kubeConfig"]).is_some();
    if name.is_empty() || is_remote || flag("suspend") == Some(true) || flag("prune") == Some(false)
    {
        return;
    }
    let key = (namespace, name);
    let (lost, consequence) = match (lost.accounts.get(&key), lost.bindings.get(&key)) {
        (Some(account), _) => (account, "everything that it applied stays in the cluster"),
        (None, Some(binding)) => (
            binding,
            "Flux is not allowed to delete what it applied, and retries forever",
        ),
        (None, None) => return,
    };
    let message = format!(
        "{} would be deleted together with {}, and it deletes as ServiceAccount `{name}`: {consequence}",
        unit.id(),
        lost.id()
    );
    faults.push(unit, FieldPath::dotted("spec.serviceAccountName"), message);
}

/// An Application and its AppProject.
fn check_application(application: &Object, lost: &Deletions<'_>, faults: &mut Faults) {
    let Some(pair) = lost.projects.get(text(application, &["spec", "project"])) else {
        return;
    };
    let message = match (pair, destination(application)) {
        (Pair::Removed(project), _) if !is_kept(project) => format!(
            "{} would be deleted together with {}: Argo CD cannot delete the objects of an Application without its AppProject",
            application.id(),
            project.id()
        ),
        (Pair::Same(before, after), Some(location))
            if permits(before, &location) && !permits(after, &location) =>
        {
            format!(
                "{} would be deleted, but {} no longer permits the namespace `{}` of its objects: they stay in the cluster",
                application.id(),
                after.id(),
                location.namespace
            )
        }
        _ => return,
    };
    faults.push(application, FieldPath::dotted("spec.project"), message);
}

fn destination(application: &Object) -> Option<Destination<'_>> {
    let fields = ["server", "name"].into_iter();
    let cluster = |field: &'static str| {
        let cluster = text(application, &["spec", "destination", field]);
        (!cluster.is_empty()).then_some((field, cluster))
    };
    let (field, cluster) = fields.filter_map(cluster).next()?;
    let namespace = text(application, &["spec", "destination", "namespace"]);
    Some(Destination {
        field,
        cluster,
        namespace,
    })
}

/// Cluster-scoped kinds that an AppProject no longer permits, and objects of them that are to be deleted.
fn check_kinds(before: &Object, after: &Object, gone: &[&Object], faults: &mut Faults) {
    const FIELD: &str = "clusterResourceWhitelist";
    // For most projects, no search is needed.
    let is_same = |(before, after): (&Node, &Node)| before.same_data(after);
    let (old, new) = (list(before, FIELD), list(after, FIELD));
    if old.len() == new.len() && old.iter().zip(new).all(is_same) {
        return;
    }
    let lost = gone.iter().filter(|it| {
        it.namespace().is_empty() && permits_kind(before, it) && !permits_kind(after, it)
    });
    let names: Vec<String> = lost.map(|it| it.id().to_string()).collect();
    if !names.is_empty() {
        let message = format!(
            "{} no longer permits the kind of objects that would be deleted, so they stay in the cluster: {}",
            after.id(),
            list_names(&names)
        );
        faults.push(
            after,
            FieldPath::dotted("spec.clusterResourceWhitelist"),
            message,
        );
    }
}

fn permits_kind(project: &Object, object: &Object) -> bool {
    let gvk = object.gvk();
    list(project, "clusterResourceWhitelist").iter().any(|it| {
        let has = |key: &str, text: &str| {
            let pattern = it.get(key).and_then(Node::as_str);
            pattern.is_some_and(|it| fits(it, text))
        };
        has("group", &gvk.group) && has("kind", &gvk.kind)
    })
}

fn is_project(object: &Object) -> bool {
    object.kind() == "AppProject" && object.api_version().starts_with("argoproj.io/")
}

fn text<'a>(object: &'a Object, keys: &[&str]) -> &'a str {
    let node = object.node.at_keys(keys);
    node.and_then(Node::as_str).unwrap_or("")
}
