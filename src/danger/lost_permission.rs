//! What an engine may delete only with something that goes in the same change.

use super::app_project::{Destination, fits, list, permits};
use super::{ChangeSet, Danger, Faults, Judge, some};
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
    sees_secrets: false,
    judge: Judge::ChangeSet(judge),
};

fn judge(scene: &ChangeSet<'_>, faults: &mut Faults) {
    let gone: Vec<&Object> = scene.pairs.iter().filter_map(removed).collect();
    for unit in &gone {
        match (&*unit.gvk().group, unit.kind()) {
            ("kustomize.toolkit.fluxcd.io", "Kustomization")
            | ("helm.toolkit.fluxcd.io", "HelmRelease") => judge_flux(unit, &gone, faults),
            ("argoproj.io", "Application") => judge_application(unit, scene, faults),
            _ => {}
        }
    }
    for pair in scene.pairs {
        if let Pair::Same(before, after) = pair
            && is_project(after)
        {
            judge_kinds(before, after, &gone, faults);
        }
    }
}

/// What is deleted; what stays in the cluster needs no permission.
fn removed<'a>(pair: &Pair<'a>) -> Option<&'a Object> {
    match pair {
        Pair::Removed(before) if !is_kept(before) => Some(before),
        _ => None,
    }
}

/// A Kustomization or HelmRelease, and its ServiceAccount or what gives it its rights.
fn judge_flux(unit: &Object, gone: &[&Object], faults: &mut Faults) {
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
    let is_account = |it: &&&Object| {
        it.kind() == "ServiceAccount" && it.name() == name && it.namespace() == namespace
    };
    let is_subject = |it: &Node| {
        let field = |key: &str| it.get(key).and_then(Node::as_str).unwrap_or("");
        field("kind") == "ServiceAccount"
            && field("name") == name
            && field("namespace") == namespace
    };
    let binds = |it: &&&Object| {
        let subjects = it.node.get("subjects").and_then(Node::as_sequence);
        matches!(it.kind(), "RoleBinding" | "ClusterRoleBinding")
            && subjects.unwrap_or_default().iter().any(is_subject)
    };
    let (lost, words) = match (gone.iter().find(is_account), gone.iter().find(binds)) {
        (Some(account), _) => (account, "everything that it applied stays in the cluster"),
        (None, Some(binding)) => (
            binding,
            "Flux may not delete what it applied, and tries again and again",
        ),
        (None, None) => return,
    };
    let message = format!(
        "{} would be deleted together with {}, and it deletes as ServiceAccount `{name}`: {words}",
        unit.id(),
        lost.id()
    );
    faults.push(unit, FieldPath::dotted("spec.serviceAccountName"), message);
}

/// An Application and its AppProject.
fn judge_application(application: &Object, scene: &ChangeSet<'_>, faults: &mut Faults) {
    let project = text(application, &["spec", "project"]);
    let of_project = |it: &&Pair<'_>| {
        it.before()
            .is_some_and(|it| is_project(it) && it.name() == project)
    };
    let Some(pair) = scene.pairs.iter().find(of_project) else {
        return;
    };
    let message = match (pair, destination(application)) {
        (Pair::Removed(project), _) if !is_kept(project) => format!(
            "{} would be deleted together with {}: Argo CD cannot delete the objects of an Application without its AppProject",
            application.id(),
            project.id()
        ),
        (Pair::Same(before, after), Some(place))
            if permits(before, &place) && !permits(after, &place) =>
        {
            format!(
                "{} would be deleted, but {} no longer permits the namespace `{}` of its objects: they stay in the cluster",
                application.id(),
                after.id(),
                place.namespace
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
fn judge_kinds(before: &Object, after: &Object, gone: &[&Object], faults: &mut Faults) {
    let lost = gone.iter().filter(|it| {
        it.namespace().is_empty() && permits_kind(before, it) && !permits_kind(after, it)
    });
    let names: Vec<String> = lost.map(|it| it.id().to_string()).collect();
    if !names.is_empty() {
        let message = format!(
            "{} no longer permits the kind of objects that would be deleted, so they stay in the cluster: {}",
            after.id(),
            some(&names)
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
