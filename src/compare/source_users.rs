//! Finds what is deployed from a changed Flux source: HelmReleases and Kustomizations anywhere in the tree.

use std::collections::{BTreeMap, BTreeSet};

use super::part::Part;
use super::{Environment, Side};
use crate::diff::ChangeKind;
use crate::object::{Object, ObjectId};
use crate::yaml::Node;
use crate::yaml::parallel::map;

/// The API group of sources.
const GROUP: &str = "source.toolkit.fluxcd.io";

/// Adds to each changed source what is deployed from it. All parts are only built if a source changes.
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
            let own = by_source.get(&(&*id.kind, &*id.name)).into_iter().flatten();
            let own = own.copied().filter(|it| it.uses(id));
            let (near, far): (Vec<&User>, Vec<&User>) =
                own.partition(|it| it.environment == environment.name);
            // A source with the same name may belong to another cluster.
            let own = if near.is_empty() { far } else { near };
            let names: BTreeSet<&ObjectId> = own.iter().map(|it| &it.id).collect();
            object.deploys = names.into_iter().cloned().collect();
        }
    }
}

/// An object that refers to a source.
struct User {
    environment: String,
    id: ObjectId,
    /// The kind of the source.
    kind: String,
    /// The namespace of the source, which may only be set when the object is applied.
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

fn users(all: &[(String, Vec<Part>)], after: &Side<'_>) -> Vec<User> {
    let parts: Vec<(&String, &Part)> = all
        .iter()
        .flat_map(|(name, parts)| parts.iter().map(move |it| (name, it)))
        .collect();
    let found = map(2, &parts, |(name, part)| {
        let objects = part.build(after, 1).objects;
        let users = objects.iter().flat_map(|it| uses(name, it));
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

fn uses(environment: &str, object: &Object) -> Option<User> {
    let places: [&[&str]; 3] = [
        &["spec", "chart", "spec", "sourceRef"],
        &["spec", "chartRef"],
        &["spec", "sourceRef"],
    ];
    let group = object.gvk().group;
    let is_user = group.ends_with(".toolkit.fluxcd.io")
        && matches!(object.kind(), "HelmRelease" | "Kustomization" | "HelmChart");
    let mut references = places.iter().filter_map(|it| object.node.at_keys(it));
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
