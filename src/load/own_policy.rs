//! Policies of a workspace in their short form: `kind: Policy`.

use std::sync::OnceLock;

use super::document::own_schema;
use crate::diag::{Diagnostic, Diagnostics, Span};
use crate::object::Object;
use crate::schema::{Schema, apply_defaults, validate};
use crate::validate::policy::resource_of;
use crate::yaml::{Mapping, Node};

/// A policy in the short form, as objects of Kubernetes.
#[derive(Clone, Debug)]
pub struct OwnPolicy {
    /// The environments that it holds in; all if none is named.
    pub environments: Vec<String>,
    /// A ValidatingAdmissionPolicy and its binding.
    pub objects: Vec<Object>,
    /// For each expression with a help: its place, and the help.
    pub help: Vec<(Span, String)>,
}

impl OwnPolicy {
    /// Whether a document is one.
    pub fn is(node: &Node) -> bool {
        let text = |key: &str| node.get(key).and_then(Node::as_str);
        text("kind") == Some("Policy")
            && text("apiVersion").is_some_and(|it| it.starts_with("pleach.dev/"))
    }

    /// Reads a document. Errors: what its schema finds.
    pub fn read(mut node: Node) -> Result<OwnPolicy, Diagnostics> {
        node.settle_as_data();
        let faults = validate(&node, schema(), "Policy");
        if !faults.is_empty() {
            return Err(faults.into_iter().collect());
        }
        apply_defaults(&mut node, schema(), &mut |_| Ok::<_, Diagnostic>(false))?;
        Ok(as_objects(&node))
    }
}

/// The schema of a policy in the short form.
pub fn schema() -> &'static Schema {
    static SCHEMA: OnceLock<Schema> = OnceLock::new();
    SCHEMA.get_or_init(|| own_schema("policy.yaml", include_str!("schemas/policy.yaml")))
}

/// The short form as the objects that it is short for.
fn as_objects(node: &Node) -> OwnPolicy {
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
    let mut policy = Mapping::from([
        ("failurePolicy", Node::constant("Fail")),
        ("matchConstraints", constraints(spec)),
        ("validations", Node::sequence(rules)),
    ]);
    if let Some(when) = spec.get("when") {
        let condition = Node::mapping([
            ("name", Node::constant("when")),
            ("expression", when.clone()),
        ]);
        policy.insert("matchConditions", Node::sequence([condition]));
    }
    let variables = spec
        .get("variables")
        .and_then(Node::as_mapping)
        .into_iter()
        .flatten();
    let variables = variables
        .map(|it| Node::mapping([("name", it.key.clone()), ("expression", it.value.clone())]));
    policy.insert("variables", Node::sequence(variables));
    let action = match spec.get("severity").and_then(Node::as_str) {
        Some("note") => "Audit",
        Some("warning") => "Warn",
        _ => "Deny",
    };
    let binding = Node::mapping([
        ("policyName", name.clone()),
        (
            "validationActions",
            Node::sequence([Node::constant(action)]),
        ),
    ]);
    let help = list("rules").iter().filter_map(|it| {
        let text = it.get("help")?.as_str()?.to_string();
        Some((it.get("require")?.span().clone(), text))
    });
    OwnPolicy {
        environments: list("environments")
            .iter()
            .filter_map(Node::as_str)
            .map(str::to_string)
            .collect(),
        objects: vec![
            object("ValidatingAdmissionPolicy", &name, Node::mapping(policy)),
            object("ValidatingAdmissionPolicyBinding", &name, binding),
        ],
        help: help.collect(),
    }
}

/// A rule as Kubernetes has it.
fn validation(rule: &Node) -> Node {
    let fields = [
        ("require", "expression"),
        ("message", "message"),
        ("messageExpression", "messageExpression"),
    ];
    let mut validation = Mapping::new();
    for (own, key) in fields {
        if let Some(value) = rule.get(own) {
            validation.insert(key, value.clone());
        }
    }
    Node::mapping(validation)
}

fn object(kind: &'static str, name: &Node, spec: Node) -> Object {
    Object::new(Node::mapping([
        (
            "apiVersion",
            Node::constant("admissionregistration.k8s.io/v1"),
        ),
        ("kind", Node::constant(kind)),
        ("metadata", Node::mapping([("name", name.clone())])),
        ("spec", spec),
    ]))
}

fn constraints(spec: &Node) -> Node {
    let all = || Node::sequence([Node::constant("*")]);
    let rule = |group: Node, resources: Node| {
        Node::mapping([
            ("apiGroups", group),
            ("apiVersions", all()),
            ("operations", Node::sequence([Node::constant("CREATE")])),
            ("resources", resources),
        ])
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
    let mut constraints = Mapping::from([("resourceRules", Node::sequence(rules))]);
    let namespaces = spec
        .get("namespaces")
        .and_then(Node::as_sequence)
        .unwrap_or_default();
    if !namespaces.is_empty() {
        let expression = Node::mapping([
            ("key", Node::constant("kubernetes.io/metadata.name")),
            ("operator", Node::constant("In")),
            ("values", Node::sequence(namespaces.iter().cloned())),
        ]);
        let selector = Node::mapping([("matchExpressions", Node::sequence([expression]))]);
        constraints.insert("namespaceSelector", selector);
    }
    Node::mapping(constraints)
}
