//! Rules in CEL, as the ValidatingAdmissionPolicies that Kyverno evaluates them as.
//!
//! Source: `pkg/engine/handlers/validation/validate_cel.go` of Kyverno 1.18.

use pleach_yaml::{Mapping, Node};

use super::super::policy::{GROUP, Outcome};
use crate::object::Object;

/// A policy and its binding for a rule with `validate.cel`. What the rule matches is decided before it is evaluated, so the policy
/// matches all objects. Errors: why the rule is not evaluated.
pub(super) fn objects(name: &str, rule: &Node, outcome: Outcome) -> Result<[Object; 2], String> {
    let empty = Node::mapping(Mapping::new());
    let cel = rule.at_keys(&["validate", "cel"]).unwrap_or(&empty);
    let parameters = ["paramKind", "paramRef"];
    if let Some(key) = parameters.iter().find(|it| cel.get(it).is_some()) {
        return Err(format!("has `{key}`"));
    }
    let mut spec = Mapping::from([
        ("failurePolicy", Node::constant("Fail")),
        ("matchConstraints", everything()),
    ]);
    let parts = [
        ("validations", cel.get("expressions")),
        ("variables", cel.get("variables")),
        ("matchConditions", rule.get("celPreconditions")),
    ];
    for (key, value) in parts {
        if let Some(value) = value.filter(|it| !it.is_null()) {
            spec.insert(key, value.clone());
        }
    }
    let action = match outcome {
        Outcome::Deny => "Deny",
        _ => "Audit",
    };
    let binding = Mapping::from([
        ("policyName", Node::string(name)),
        (
            "validationActions",
            Node::sequence([Node::constant(action)]),
        ),
    ]);
    Ok([
        object("ValidatingAdmissionPolicy", name, spec),
        object("ValidatingAdmissionPolicyBinding", name, binding),
    ])
}

fn object(kind: &'static str, name: &str, spec: Mapping) -> Object {
    Object::new(Node::mapping([
        ("apiVersion", Node::string(format!("{GROUP}/v1").as_str())),
        ("kind", Node::constant(kind)),
        ("metadata", Node::mapping([("name", Node::string(name))])),
        ("spec", Node::mapping(spec)),
    ]))
}

fn everything() -> Node {
    let all = || Node::sequence([Node::constant("*")]);
    let rule = Node::mapping([
        ("apiGroups", all()),
        ("apiVersions", all()),
        ("operations", all()),
        ("resources", all()),
    ]);
    Node::mapping([("resourceRules", Node::sequence([rule]))])
}
