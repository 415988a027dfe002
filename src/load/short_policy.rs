//! Policies of a workspace in the short form, with `kind: Policy`.

use std::sync::OnceLock;

use super::document::own_schema;
use crate::diag::{Diagnostic, Diagnostics, Span};
use crate::object::Object;
use crate::schema::{Schema, apply_defaults, validate};
use crate::validate::policy::resource_of;
use crate::yaml::{Mapping, Node, node};

/// A policy in the short form, converted to Kubernetes objects.
#[derive(Clone, Debug)]
pub struct ShortPolicy {
    /// The environments that the policy applies to; if empty, all.
    pub environments: Vec<Node>,
    /// The kinds that it applies to; if empty, all.
    pub kinds: Vec<Node>,
    /// The namespaces that it applies to; if empty, all.
    pub namespaces: Vec<Node>,
    /// A ValidatingAdmissionPolicy and its binding.
    pub objects: Vec<Object>,
    /// The location and the help text of each rule that has one.
    pub help: Vec<(Span, String)>,
}

impl ShortPolicy {
    /// Whether a document is a policy in the short form.
    pub fn is_short_policy(node: &Node) -> bool {
        let text = |key: &str| node.get(key).and_then(Node::as_str);
        text("kind") == Some("Policy")
            && text("apiVersion").is_some_and(|it| it.starts_with("pleach.dev/"))
    }

    /// Whether the policy applies to an environment.
    pub fn applies_to(&self, environment: &str) -> bool {
        let mut names = self.environments.iter();
        self.environments.is_empty() || names.any(|it| it.as_str() == Some(environment))
    }

    /// Reads a document. Errors: violations of its schema.
    pub fn read(mut node: Node) -> Result<ShortPolicy, Diagnostics> {
        node.settle_as_data();
        let faults = validate(&node, schema(), "Policy");
        if !faults.is_empty() {
            return Err(faults.into_iter().collect());
        }
        apply_defaults(&mut node, schema(), &mut |_| Ok::<_, Diagnostic>(false))?;
        Ok(convert(&node))
    }
}

/// The schema of a policy in the short form.
pub fn schema() -> &'static Schema {
    static SCHEMA: OnceLock<Schema> = OnceLock::new();
    SCHEMA.get_or_init(|| own_schema("policy.yaml", include_str!("schemas/policy.yaml")))
}

/// Converts the short form to Kubernetes objects.
fn convert(node: &Node) -> ShortPolicy {
    let empty = Node::mapping(Mapping::new());
    let spec = node.get("spec").unwrap_or(&empty);
    let list = |key: &str| {
        spec.get(key)
            .and_then(Node::as_sequence)
            .unwrap_or_default()
    };
    let name = node
        .at_keys(&["metadata", "name"])
        .cloned()
        .unwrap_or_else(|| Node::string(""));
    let rules = list("rules").iter().map(validation);
    let condition = |it: &Node| node!([{"name": "when", "expression": it.clone()}]);
    let variables = spec
        .get("variables")
        .and_then(Node::as_mapping)
        .into_iter()
        .flatten();
    let variables =
        variables.map(|it| node!({"name": it.key.clone(), "expression": it.value.clone()}));
    let policy = node!({
        "failurePolicy": "Fail",
        "matchConstraints": constraints(spec),
        "validations": Node::sequence(rules),
        "matchConditions"?: spec.get("when").map(condition),
        "variables": Node::sequence(variables),
    });
    let action = match spec.get("severity").and_then(Node::as_str) {
        Some("note") => "Audit",
        Some("warning") => "Warn",
        _ => "Deny",
    };
    let binding = node!({"policyName": name.clone(), "validationActions": [action]});
    let help = list("rules").iter().filter_map(|it| {
        let text = it.get("help")?.as_str()?.to_string();
        Some((it.get("require")?.span().clone(), text))
    });
    ShortPolicy {
        environments: list("environments").to_vec(),
        kinds: list("kinds").to_vec(),
        namespaces: list("namespaces").to_vec(),
        objects: vec![
            object("ValidatingAdmissionPolicy", &name, policy),
            object("ValidatingAdmissionPolicyBinding", &name, binding),
        ],
        help: help.collect(),
    }
}

/// A rule as an entry of `validations`.
fn validation(rule: &Node) -> Node {
    node!({
        "expression"?: rule.get("require").cloned(),
        "message"?: rule.get("message").cloned(),
        "messageExpression"?: rule.get("messageExpression").cloned(),
    })
}

fn object(kind: &'static str, name: &Node, spec: Node) -> Object {
    Object::new(node!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": kind,
        "metadata": {"name": name.clone()},
        "spec": spec,
    }))
}

/// `matchConstraints` for the kinds and namespaces of a policy.
fn constraints(spec: &Node) -> Node {
    let all = || node!(["*"]);
    let rule = |group: Node, resources: Node| {
        node!({
            "apiGroups": group,
            "apiVersions": all(),
            "operations": ["CREATE"],
            "resources": resources,
        })
    };
    let kinds = spec
        .get("kinds")
        .and_then(Node::as_sequence)
        .unwrap_or_default();
    let rules: Vec<Node> = match kinds {
        [] => vec![rule(all(), all())],
        kinds => {
            let kinds = kinds.iter().filter_map(Node::as_str);
            let split = |it: &str| match it.rsplit_once('/') {
                Some((group, kind)) => (Node::sequence([Node::string(group)]), resource_of(kind)),
                None => (all(), resource_of(it)),
            };
            kinds
                .map(|it| {
                    let (group, resource) = split(it);
                    rule(group, Node::sequence([Node::string(resource)]))
                })
                .collect()
        }
    };
    let namespaces = spec
        .get("namespaces")
        .and_then(Node::as_sequence)
        .unwrap_or_default();
    let selector = (!namespaces.is_empty()).then(|| {
        node!({
            "matchExpressions": [{
                "key": "kubernetes.io/metadata.name",
                "operator": "In",
                "values": namespaces.to_vec(),
            }],
        })
    });
    node!({"resourceRules": rules, "namespaceSelector"?: selector})
}
