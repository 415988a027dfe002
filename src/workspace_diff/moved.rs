//! Changes of the unit, cluster or namespace that the same objects in Git are applied by or to. They are only visible in what the
//! sync engine deploys.

use std::collections::BTreeSet;

use super::deployed::{compare_environments, sync_folder};
use super::{Context, State};
use crate::compare::{Comparison, Environment};
use crate::diag::Diagnostic;
use crate::diff::{Change, ChangeKind};
use crate::load::Scope;
use crate::object::ObjectId;
use crate::tree::{Files, TreePath};
use crate::yaml::Node;

/// The fields of a Flux Kustomization that determine the identity of its objects, and where they are applied.
const OF_KUSTOMIZATION: &[&[&str]] = &[
    &["spec", "targetNamespace"],
    &["spec", "namePrefix"],
    &["spec", "nameSuffix"],
    &["spec", "kubeConfig"],
];

/// The same fields of an Application.
const OF_APPLICATION: &[&[&str]] = &[
    &["spec", "destination"],
    &["spec", "source", "kustomize", "namespace"],
    &["spec", "source", "kustomize", "namePrefix"],
    &["spec", "source", "kustomize", "nameSuffix"],
];

/// Adds the dangers of such changes to a comparison of rendered trees, and a note if objects are deleted, created or left behind.
/// The environments are only compared as deployed if there is such a change. `files` is the tree after the change.
pub(super) fn add(
    comparison: &mut Comparison,
    states: [&State<'_>; 2],
    files: &dyn Files,
    context: &Context<'_>,
) {
    let folder = states[1].config().map(|it| sync_folder(&it));
    let remains = |path: &TreePath| {
        let below = folder.as_ref().and_then(|it| path.below(it));
        below.is_some_and(|it| matches!(files.kind(&it), Ok(Some(_))))
    };
    let has_moved = |it: &&Environment| it.objects.iter().any(|it| moves(&it.change, &remains));
    let moved = comparison.environments.iter().filter(has_moved);
    let moved: Vec<String> = moved.map(|it| it.name.clone()).collect();
    if moved.is_empty() {
        return;
    }
    let scope = Scope::for_environments(&moved);
    // If the whole environment does not render, its part was compared, with a note.
    let Ok(deployed) = compare_environments(states, &scope, context) else {
        return;
    };
    for known in &mut comparison.environments {
        if !moved.contains(&known.name) {
            continue;
        }
        let found = deployed.environments.iter();
        let found: Vec<&Environment> = found.filter(|it| is_part_of(it, &known.name)).collect();
        comparison.notes.extend(note(known, &found));
        keep(known, &found);
        for finding in found.iter().flat_map(|it| &it.findings) {
            let is_known = known.findings.iter().any(|it| {
                let (known, new) = (&it.finding, &finding.finding);
                (known.danger.code, &known.id) == (new.danger.code, &new.id)
                    && known.message == new.message
            });
            if !is_known {
                known.findings.push(finding.clone());
            }
        }
    }
}

/// Whether a change of a unit moves objects that are still in Git. `remains` returns whether the folder of a unit still exists.
fn moves(change: &Change, remains: &dyn Fn(&TreePath) -> bool) -> bool {
    let (path, fields) = match (&*change.id.group, &*change.id.kind) {
        ("kustomize.toolkit.fluxcd.io", "Kustomization") => {
            (&["spec", "path"][..], OF_KUSTOMIZATION)
        }
        ("argoproj.io", "Application") => (&["spec", "source", "path"][..], OF_APPLICATION),
        _ => return false,
    };
    let [before, after] = [&change.before, &change.after].map(Option::as_ref);
    let Some(before) = before else {
        return false;
    };
    if change.kind == ChangeKind::Changed {
        let value = |side: Option<&Node>, keys: &[&str]| side?.at_keys(keys).cloned();
        let differs = |keys: &&[&str]| match (value(Some(before), keys), value(after, keys)) {
            (Some(old), Some(new)) => !old.same_data(&new),
            (old, new) => old.is_some() || new.is_some(),
        };
        return fields.iter().any(differs);
    }
    let path = before.at_keys(path).and_then(Node::as_str);
    path.and_then(TreePath::new).is_some_and(|it| remains(&it))
}

/// Marks removed objects that stay in the cluster, because the unit that applied them leaves them there.
fn keep(known: &mut Environment, found: &[&Environment]) {
    let changes = found.iter().flat_map(|it| &it.objects);
    let kept = changes.filter(|it| it.change.kind == ChangeKind::Kept);
    let kept: BTreeSet<&ObjectId> = kept.map(|it| &it.change.id).collect();
    for object in &mut known.objects {
        if object.change.kind == ChangeKind::Removed && kept.contains(&object.change.id) {
            object.change.kind = ChangeKind::Kept;
        }
    }
    known.findings.retain(|it| !kept.contains(&it.finding.id));
}

/// Whether what is deployed belongs to an environment, possibly in another cluster (`prod (cluster)`).
fn is_part_of(deployed: &Environment, name: &str) -> bool {
    let rest = deployed.name.strip_prefix(name);
    rest.is_some_and(|it| it.is_empty() || it.starts_with(" ("))
}

/// The note that the comparison of the files does not show all objects that are deleted, created or left behind.
fn note(known: &Environment, found: &[&Environment]) -> Option<Diagnostic> {
    let ids: BTreeSet<&ObjectId> = known.objects.iter().map(|it| &it.change.id).collect();
    let changes = found.iter().flat_map(|it| &it.objects);
    let changes: Vec<&Change> = changes
        .map(|it| &it.change)
        .filter(|it| !ids.contains(&it.id))
        .collect();
    let count = |is_kind: &dyn Fn(&ChangeKind) -> bool, what: &str| {
        let count = changes.iter().filter(|it| is_kind(&it.kind)).count();
        (count > 0).then(|| format!("{count} {what}"))
    };
    let counts = [
        count(
            &|it| matches!(it, ChangeKind::Removed | ChangeKind::Renamed { .. }),
            "deleted",
        ),
        count(
            &|it| matches!(it, ChangeKind::Added | ChangeKind::Renamed { .. }),
            "created",
        ),
        count(
            &|it| *it == ChangeKind::Kept,
            "left in the cluster, where nothing applies them any more",
        ),
    ];
    let counts: Vec<String> = counts.into_iter().flatten().collect();
    if counts.is_empty() {
        return None;
    }
    let message = format!(
        "units of `{}` apply the same files to another cluster or namespace, or with other names; objects that are not listed here: {}",
        known.name,
        counts.join(", ")
    );
    let note = Diagnostic::warning("moved-objects", message);
    Some(note.help("run `pleach diff --depth objects`, which lists them"))
}
