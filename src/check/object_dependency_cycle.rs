//! Cycles of `dependsOn`.

use std::collections::{BTreeMap, BTreeSet};

use super::dangling_dependency::dependencies;
use super::environment::{EnvironmentObjects, SourcedObject};
use super::{Check, Faults, RuleKind};
use crate::diag::Severity;
use crate::yaml::FieldPath;

pub(super) const CHECK: Check = Check {
    code: "object-dependency-cycle",
    severity: Severity::Error,
    summary: "Kustomizations or HelmReleases depend on one another in a cycle",
    explain: "\
Flux applies an object when all its dependencies are ready. In a cycle, each object waits for the next, and none is ever \
applied.

Remove one of the dependencies. If two parts really need each other, merge them, or move what both need into a third part.",
    check: RuleKind::Objects(check),
};

/// Kind, namespace and name.
type Key<'a> = (&'a str, &'a str, &'a str);

/// All objects that can have dependencies or be a dependency.
pub(super) fn dependents<'a, 'b>(
    environment: &'a EnvironmentObjects<'b>,
) -> BTreeMap<Key<'a>, &'a SourcedObject<'b>> {
    let all = environment.objects.iter();
    let kinds = all.filter(|it| matches!(it.object.kind(), "Kustomization" | "HelmRelease"));
    kinds
        .map(|it| {
            (
                (it.object.kind(), it.object.namespace(), it.object.name()),
                it,
            )
        })
        .collect()
}

fn check(environment: &EnvironmentObjects<'_>, faults: &mut Faults) {
    let known = dependents(environment);
    let mut done = BTreeSet::new();
    for start in known.keys() {
        let Some(cycle) = find_cycle(*start, &known, &mut done) else {
            continue;
        };
        let Some(sourced) = cycle.first().and_then(|it| known.get(it)) else {
            continue;
        };
        let names: Vec<&str> = cycle.iter().chain(cycle.first()).map(|it| it.2).collect();
        let message = format!(
            "dependency cycle of {}s: {}",
            sourced.object.kind(),
            names.join(" → ")
        );
        let path = FieldPath::dotted("spec.dependsOn");
        faults.push(sourced, &path, message, "remove one of the dependencies");
    }
}

/// A cycle that is reachable from `start`, by depth-first search; each object is visited once.
fn find_cycle<'a>(
    start: Key<'a>,
    known: &BTreeMap<Key<'a>, &'a SourcedObject<'_>>,
    done: &mut BTreeSet<Key<'a>>,
) -> Option<Vec<Key<'a>>> {
    let next = |key: Key<'a>| -> Vec<Key<'a>> {
        let object = known.get(&key).map(|it| &*it.object);
        let names = object.map(dependencies).unwrap_or_default();
        names.into_iter().map(|it| (key.0, it.0, it.1)).collect()
    };
    if done.contains(&start) {
        return None;
    }
    let mut way = vec![(start, next(start))];
    while let Some((_, rest)) = way.last_mut() {
        let Some(key) = rest.pop() else {
            done.extend(way.pop().map(|it| it.0));
            continue;
        };
        if let Some(at) = way.iter().position(|it| it.0 == key) {
            done.extend(way.iter().map(|it| it.0));
            return Some(way.iter().skip(at).map(|it| it.0).collect());
        }
        if !done.contains(&key) {
            way.push((key, next(key)));
        }
    }
    None
}
