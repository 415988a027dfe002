//! Finds the HelmReleases and Flux Kustomizations that use a changed source of Flux, in all parts of the tree.

use std::collections::{BTreeMap, BTreeSet};

use super::part::Part;
use super::{Environment, Side};
use crate::diff::ChangeKind;
use crate::object::{Object, ObjectId};
use crate::yaml::Node;
use crate::yaml::parallel::map;

/// The API group of Flux sources.
const GROUP: &str = "source.toolkit.fluxcd.io";

/// Sets [`ChangedObject::deploys`](super::ChangedObject::deploys) of changed sources. All parts are built, but only if a source
/// changes.
pub(super) fn add(environments: &mut [Environment], all: &[(String, Vec<Part>)], after: &Side<'_>) {
    let is_source = |id: &ObjectId, kind: &ChangeKind| {
        *id.group == *GROUP && matches!(kind, ChangeKind::Changed)
    };
    let objects = environments.iter().flat_map(|it| &it.objects);
    if !objects
        .into_iter()
        .any(|it| is_source(&it.change.id, &it.change.kind))
    {
        return;
    }
    let users = users(all, after);
    let mut by_source: BTreeMap<(&str, &str), Vec<&User>> = BTreeMap::new();
    for user in &users {
        let source = by_source.entry((&user.kind, &user.name));
        source.or_default().push(user);
    }
    for environment in environments {
        for object in &mut environment.objects {
            let id = &object.change.id;
            if !is_source(id, &object.change.kind) {
                continue;
            }
            let users = by_source.get(&(&*id.kind, &*id.name)).into_iter().flatten();
            let users = users.copied().filter(|it| it.uses(id));
            let (same_environment, others): (Vec<&User>, Vec<&User>) =
                users.partition(|it| it.environment == environment.name);
            // Users in other environments may use a source of another cluster with the same name.
            let users = match same_environment.is_empty() {
                true => others,
                false => same_environment,
            };
            let ids: BTreeSet<&ObjectId> = users.iter().map(|it| &it.id).collect();
            object.deploys = ids.into_iter().cloned().collect();
        }
    }
}

/// An object that refers to a source.
struct User {
    environment: String,
    id: ObjectId,
    /// The kind of the source.
    kind: String,
    /// The namespace of the source; empty if it is only set when the object is applied.
    namespace: String,
    /// The name of the source.
    name: String,
}

impl User {
    fn uses(&self, id: &ObjectId) -> bool {
        let namespace = &*self.namespace;
        let is_same_namespace =
            *namespace == *id.namespace || namespace.is_empty() || id.namespace.is_empty();
        self.kind == *id.kind && self.name == *id.name && is_same_namespace
    }
}

/// The users of sources in all parts. An object that several parts of an environment contain is returned once.
fn users(all: &[(String, Vec<Part>)], after: &Side<'_>) -> Vec<User> {
    let parts: Vec<(&String, &Part)> = all
        .iter()
        .flat_map(|(name, parts)| parts.iter().map(move |it| (name, it)))
        .collect();
    let found = map(2, &parts, |(name, part)| {
        let objects = part.build(after, 1).objects;
        let users = objects.iter().flat_map(|it| user(name, it));
        users.collect::<Vec<_>>()
    });
    let mut users: BTreeMap<(String, ObjectId), User> = BTreeMap::new();
    for it in found.into_iter().flatten() {
        users
            .entry((it.environment.clone(), it.id.clone()))
            .or_insert(it);
    }
    users.into_values().collect()
}

/// The object as a user of a source; `None` if it uses none.
fn user(environment: &str, object: &Object) -> Option<User> {
    let fields: [&[&str]; 3] = [
        &["spec", "chart", "spec", "sourceRef"],
        &["spec", "chartRef"],
        &["spec", "sourceRef"],
    ];
    let group = object.gvk().group;
    let is_user = group.ends_with(".toolkit.fluxcd.io")
        && matches!(object.kind(), "HelmRelease" | "Kustomization" | "HelmChart");
    let mut references = fields.iter().filter_map(|it| object.node.at_keys(it));
    let reference = references.next().filter(|_| is_user)?;
    let text = |key: &str| reference.get(key).and_then(Node::as_str);
    let namespace = text("namespace").map(str::to_string);
    Some(User {
        environment: environment.to_string(),
        kind: text("kind")?.to_string(),
        namespace: namespace.unwrap_or_else(|| object.id().namespace.to_string()),
        name: text("name")?.to_string(),
        id: object.id(),
    })
}
