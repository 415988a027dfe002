//! `dependsOn` with an object that does not exist.

use super::environment::EnvironmentObjects;
use super::{Check, Faults, RuleKind};
use crate::diag::Severity;
use crate::object::Object;
use crate::yaml::{FieldPath, Node};

pub(super) const CHECK: Check = Check {
    code: "dangling-dependency",
    severity: Severity::Warning,
    summary: "`dependsOn` refers to a Kustomization or HelmRelease that does not exist",
    explain: "\
Flux waits for a dependency before it applies the object. If the dependency never exists, it waits forever: the object reports \
`dependency not found`.

Both must have the same kind: a HelmRelease can only depend on a HelmRelease, a Kustomization only on a Kustomization. The \
default of `namespace` is the namespace of the object.

If it is created elsewhere, for example by `flux bootstrap`, add a comment: `# pleach: allow[dangling-dependency] made by flux \
bootstrap`.",
    check: RuleKind::Whole(check),
};

fn check(environment: &EnvironmentObjects<'_>, faults: &mut Faults) {
    let known = super::object_dependency_cycle::dependents(environment);
    for sourced in &environment.objects {
        for (index, (namespace, name)) in dependencies(&sourced.object).into_iter().enumerate() {
            let kind = sourced.object.kind();
            // Objects that `flux bootstrap` creates are not in the tree.
            if name == "flux-system" || known.contains_key(&(kind, namespace, name)) {
                continue;
            }
            let id = sourced.object.id();
            let message =
                format!("{id} depends on {kind} `{namespace}/{name}`, which does not exist");
            let path = FieldPath::dotted_at("spec.dependsOn.*.name", index);
            faults.push(
                sourced,
                &path,
                message,
                "correct the name, or remove the dependency",
            );
        }
    }
}

/// The namespaces and names that an object waits for.
pub(super) fn dependencies(object: &Object) -> Vec<(&str, &str)> {
    if !object.gvk().group.ends_with(".toolkit.fluxcd.io") {
        return Vec::new();
    }
    let list = object.node.at_keys(&["spec", "dependsOn"]);
    let list = list.and_then(Node::as_sequence).unwrap_or_default();
    list.iter()
        .map(|it| {
            let namespace = it.get("namespace").and_then(Node::as_str);
            let name = it.get("name").and_then(Node::as_str);
            (namespace.unwrap_or(object.namespace()), name.unwrap_or(""))
        })
        .collect()
}
