//! References of pods to missing ConfigMaps, Secrets and ServiceAccounts.

use std::collections::{BTreeMap, BTreeSet};

use super::created_objects::CreatedObjects;
use super::environment::{EnvironmentObjects, SourcedObject};
use super::pods::{Pod, pods};
use super::{Check, Faults, RuleKind};
use crate::diag::Severity;
use crate::object::ObjectId;
use crate::yaml::{FieldPath, Node};

pub(super) const CHECK: Check = Check {
    code: "missing-reference",
    severity: Severity::Warning,
    summary: "a pod refers to a ConfigMap, Secret or ServiceAccount that does not exist",
    explain: "\
A pod that refers to an object that does not exist does not start: its status is CreateContainerConfigError or \
ContainerCreating, and the rollout waits until it times out.

Objects in the same namespace count, and so do objects that something there creates: an ExternalSecret, a SealedSecret, a \
Certificate, any custom resource that contains the name, and the Secrets that cert-manager creates for an annotated Ingress or \
Gateway. References with `optional: true` are not checked, and neither are namespaces with a chart, because it is not known what \
the chart creates. If an environment contains no Secrets at all, they are created elsewhere, and references to Secrets are not \
checked.

If it is created by other means, add a comment to the reference: `# pleach: allow[missing-reference] made by Terraform`.",
    check: RuleKind::Whole(check),
};

/// A reference of a pod.
struct Reference<'a> {
    kind: &'static str,
    name: &'a Node,
    path: FieldPath,
}

fn check(environment: &EnvironmentObjects<'_>, faults: &mut Faults) {
    let made = CreatedObjects::new(environment);
    let mut users: BTreeMap<_, Vec<(&SourcedObject<'_>, FieldPath)>> = BTreeMap::new();
    for sourced in &environment.objects {
        let namespace = sourced.object.namespace();
        for reference in pods(&sourced.object).iter().flat_map(references) {
            let name = reference.name.as_str().unwrap_or("");
            if !name.is_empty() && !made.has(reference.kind, namespace, name) {
                let key = (reference.kind, namespace, name.to_string());
                let users = users.entry(key).or_default();
                users.push((sourced, reference.path));
            }
        }
    }
    for ((kind, namespace, name), users) in users {
        let Some((first, path)) = users.first() else {
            continue;
        };
        let others: BTreeSet<ObjectId> = users.iter().map(|it| it.0.object.id()).collect();
        let more = match others.len() - 1 {
            0 => " refers".to_string(),
            more => format!(" and {more} more refer"),
        };
        let message = format!(
            "{}{more} to {kind} `{name}`, which does not exist in namespace `{namespace}`",
            first.object.id(),
        );
        faults.push(first, path, message, HELP);
    }
}

const HELP: &str = "correct the name, or add the object; if it is created by other means, add `# pleach: allow[missing-reference] REASON`";

fn references<'a>(pod: &Pod<'a>) -> Vec<Reference<'a>> {
    let mut found = Vec::new();
    let mut add = |kind, name: Option<&'a Node>, path: FieldPath| {
        found.extend(name.map(|name| Reference { kind, name, path }));
    };
    let account = pod.spec.get("serviceAccountName");
    add(
        "ServiceAccount",
        account,
        pod.path.key("serviceAccountName"),
    );
    for (item, path) in items(pod.spec, &pod.path, "imagePullSecrets") {
        add("Secret", item.get("name"), path.key("name"));
    }
    for (volume, path) in items(pod.spec, &pod.path, "volumes") {
        let projected = volume.get("projected");
        let sources = projected.map(|it| items(it, &path.key("projected"), "sources"));
        for (source, path) in sources.unwrap_or_default() {
            add_needed(&mut add, "ConfigMap", source, &path, "configMap", "name");
            add_needed(&mut add, "Secret", source, &path, "secret", "name");
        }
        add_needed(&mut add, "ConfigMap", volume, &path, "configMap", "name");
        add_needed(&mut add, "Secret", volume, &path, "secret", "secretName");
    }
    for list in ["containers", "initContainers"] {
        for (container, path) in items(pod.spec, &pod.path, list) {
            for (source, path) in items(container, &path, "envFrom") {
                add_needed(&mut add, "ConfigMap", source, &path, "configMapRef", "name");
                add_needed(&mut add, "Secret", source, &path, "secretRef", "name");
            }
            for (variable, path) in items(container, &path, "env") {
                let Some(from) = variable.get("valueFrom") else {
                    continue;
                };
                let path = path.key("valueFrom");
                add_needed(
                    &mut add,
                    "ConfigMap",
                    from,
                    &path,
                    "configMapKeyRef",
                    "name",
                );
                add_needed(&mut add, "Secret", from, &path, "secretKeyRef", "name");
            }
        }
    }
    found
}

/// A reference below a key, unless it is optional.
fn add_needed<'a>(
    add: &mut impl FnMut(&'static str, Option<&'a Node>, FieldPath),
    kind: &'static str,
    holder: &'a Node,
    path: &FieldPath,
    key: &str,
    name: &str,
) {
    let source = holder.get(key);
    let needed = source.filter(|it| it.get("optional").and_then(Node::as_bool) != Some(true));
    add(
        kind,
        needed.and_then(|it| it.get(name)),
        path.key(key).key(name),
    );
}

/// The items of a list, each with its path.
fn items<'a>(node: &'a Node, path: &FieldPath, key: &str) -> Vec<(&'a Node, FieldPath)> {
    let list = node
        .get(key)
        .and_then(Node::as_sequence)
        .unwrap_or_default();
    let list = list.iter().enumerate();
    list.map(|(index, item)| (item, path.key(key).index(index)))
        .collect()
}
