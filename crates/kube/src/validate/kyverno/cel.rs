//! Rules in CEL, which Kyverno evaluates like a ValidatingAdmissionPolicy.
//!
//! Source: `pkg/engine/handlers/validation/validate_cel.go` of Kyverno 1.19.

use pleach_yaml::{Mapping, Node};

/// The `spec` of the equivalent ValidatingAdmissionPolicy of a rule with `validate.cel`, without match conditions on resources,
/// which the rule itself has.
/// Errors: the reason why the rule is not evaluated.
pub(super) fn spec(rule: &Node) -> Result<Node, String> {
    let cel = |key: &str| rule.at_keys(&["validate", "cel", key]);
    let parameters = ["paramKind", "paramRef"];
    if let Some(key) = parameters.iter().find(|it| cel(it).is_some()) {
        return Err(format!("has `{key}`"));
    }
    let parts = [
        ("validations", cel("expressions")),
        ("variables", cel("variables")),
        ("matchConditions", rule.get("celPreconditions")),
    ];
    let mut spec = Mapping::new();
    for (key, value) in parts {
        if let Some(value) = value {
            spec.insert(key, value.clone());
        }
    }
    Ok(Node::mapping(spec))
}
