//! Custom resources in namespaces that their operator does not watch.

use std::collections::BTreeMap;

use super::environment::{EnvironmentObjects, SourcedObject};
use super::watched_twice::operators;
use super::{Check, Faults, RuleKind};
use crate::diag::Severity;
use crate::object::ObjectId;
use crate::products::Watched;
use crate::yaml::FieldPath;

pub(super) const CHECK: Check = Check {
    code: "unwatched-namespace",
    severity: Severity::Warning,
    summary: "an operator does not watch the namespace of a custom resource",
    explain: "\
Many operators watch only some namespaces: those that the values of their chart list, and often only their own, even by default \
(Strimzi, MongoDB, Percona). They ignore objects in all others without a message: the database is never created, and Flux or Argo CD \
waits for it until the timeout.

Let the operator watch the namespace, or move the object to a namespace that it watches.

The installations of known charts are checked, if all of their values are in the HelmRelease or Application. If any operator of the \
environment for this kind watches all namespaces, or it is not known which ones, nothing is reported.",
    check: RuleKind::Whole(check),
};

fn check(environment: &EnvironmentObjects<'_>, faults: &mut Faults) {
    let operators = operators(environment);
    let Some(first) = operators.first() else {
        return;
    };
    if operators.iter().any(|it| it.cluster != first.cluster) {
        // Which of the clusters an object is for is not known here.
        return;
    }
    let mut ignored: BTreeMap<ObjectId, &SourcedObject<'_>> = BTreeMap::new();
    for sourced in &environment.objects {
        let object = &sourced.object;
        let of_kind = operators.iter().filter(|it| {
            it.watch.kinds.iter().any(|it| it == object.kind())
                && it.groups.iter().any(|it| **it == *object.gvk().group)
        });
        let namespace = object.namespace();
        let mut watching = of_kind.map(|it| &it.watched).peekable();
        let is_ignored = watching.peek().is_some() && watching.all(|it| it.excludes(namespace));
        if is_ignored && !namespace.is_empty() {
            ignored.entry(object.id()).or_insert(sourced);
        }
    }
    for (id, sourced) in ignored {
        let watching = operators
            .iter()
            .find(|it| it.watch.kinds.iter().any(|it| *it == *id.kind));
        let Some((operator, Watched::Names(names))) = watching.map(|it| (it, &it.watched)) else {
            continue;
        };
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let message = format!(
            "{id} is ignored: its operator {} watches only {} {}",
            operator.sourced.object.id(),
            if names.len() == 1 {
                "namespace"
            } else {
                "the namespaces"
            },
            names.join(", ")
        );
        let help = format!(
            "let the operator also watch `{}`, or move the object to a namespace that it watches",
            id.namespace
        );
        faults.push(
            sourced,
            &FieldPath::dotted("metadata.namespace"),
            message,
            &help,
        );
    }
}
