//! ValidatingAdmissionPolicies, evaluated as in the API server when an object is created.
//!
//! Source: `k8s.io/apiserver/pkg/admission/plugin/policy/validating`. The user and the authorizer are unknown: an expression that
//! uses them is not evaluated, which is reported.

mod evaluate;
mod matching;

use std::borrow::Cow;

use pleach_yaml::diag::Span;
use pleach_yaml::{FieldPath, Node};

use super::cel::{Programs, RuleBudget};
pub use super::defaults::defaulted;
use crate::object::{Gvk, Object, Selects};
pub(super) use evaluate::Evaluation;

/// The API group of policies and bindings.
pub const GROUP: &str = "admissionregistration.k8s.io";

/// The API group of Kyverno's policies in CEL.
pub const KYVERNO_GROUP: &str = "policies.kyverno.io";

/// Kyverno policies that are evaluated like ValidatingAdmissionPolicies; they need no binding.
const KYVERNO_KINDS: [&str; 2] = ["ValidatingPolicy", "NamespacedValidatingPolicy"];

/// The policies of a cluster with their bindings.
#[derive(Debug)]
pub struct Policies<'a> {
    bound: Vec<Bound<'a>>,
    /// All objects, for parameters.
    objects: Vec<&'a Object>,
    programs: Programs,
}

/// A policy and one of its bindings. Without a binding, it applies to everything that it matches.
#[derive(Clone, Copy, Debug)]
struct Bound<'a> {
    policy: &'a Object,
    binding: Option<&'a Object>,
}

/// The creation of an object, as input of admission.
#[derive(Clone, Debug)]
pub struct Created<'a> {
    /// The object, with the defaults of its kind.
    pub node: &'a Node,
    /// Its group, version and kind.
    pub gvk: Gvk,
    /// The resource of the kind: `deployments`.
    pub resource: Cow<'a, str>,
    /// `metadata.name`; empty if the server generates the name.
    pub name: &'a str,
    /// Its namespace; empty for a cluster-scoped object.
    pub namespace: &'a str,
    /// Its Namespace object, if known.
    pub namespace_object: Option<&'a Node>,
}

/// The action of an API server for an object that violates a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// It rejects the object.
    Deny,
    /// It creates the object and returns a warning.
    Warn,
    /// It creates the object and writes to the audit log.
    Audit,
    /// Unknown, because the policy could not be evaluated.
    Unevaluated,
}

/// The result of a policy for an object.
#[derive(Clone, Debug)]
pub struct PolicyFinding<'a> {
    /// The policy that was violated or could not be evaluated.
    pub policy: &'a Object,
    /// The action for a violation.
    pub outcome: Outcome,
    /// The policy's message, or the reason why it was not evaluated.
    pub message: String,
    /// The first field in the expression; the root if there is none.
    pub field: FieldPath,
    /// The location of the expression, or of the policy if no expression was evaluated.
    pub span: Span,
}

impl<'a> Policies<'a> {
    /// The policies among the objects of a cluster, once for each of their bindings. A policy without a binding has no effect,
    /// unless it is in `unbound`. Parameters are looked up among the same objects.
    pub fn among(objects: Vec<&'a Object>, unbound: &'a [Object]) -> Policies<'a> {
        let objects: Vec<&Object> = objects.into_iter().chain(unbound).collect();
        let of_kind = |kind: &'static str| {
            let objects = objects.iter().copied();
            objects.filter(move |it| it.kind() == kind && &*it.gvk().group == GROUP)
        };
        let mut bound: Vec<Bound<'_>> = Vec::new();
        for policy in of_kind("ValidatingAdmissionPolicy") {
            let bindings = of_kind("ValidatingAdmissionPolicyBinding").filter(|binding| {
                let name = binding.node.at_keys(&["spec", "policyName"]);
                name.and_then(Node::as_str) == Some(policy.name())
            });
            let known = bound.len();
            bound.extend(bindings.map(|binding| Bound {
                policy,
                binding: Some(binding),
            }));
            if bound.len() == known && unbound.iter().any(|it| std::ptr::eq(it, policy)) {
                bound.push(Bound {
                    policy,
                    binding: None,
                });
            }
        }
        let of_kyverno = objects.iter().copied();
        let of_kyverno = of_kyverno.filter(|it| is_kyverno(it) && kyverno_reason(it).is_none());
        bound.extend(of_kyverno.map(|policy| Bound {
            policy,
            binding: None,
        }));
        Policies {
            bound,
            objects,
            programs: Programs::default(),
        }
    }

    /// Whether no policy is in effect.
    pub fn is_empty(&self) -> bool {
        self.bound.is_empty()
    }

    /// The results of all policies for an object. The cost of their expressions is subtracted from the budget.
    pub fn evaluate(&self, created: &Created<'_>, budget: &RuleBudget) -> Vec<PolicyFinding<'a>> {
        let mut found = Vec::new();
        for bound in &self.bound {
            self.evaluate_bound(bound, created, budget, &mut found);
        }
        found
    }

    fn evaluate_bound(
        &self,
        bound: &Bound<'a>,
        created: &Created<'_>,
        budget: &RuleBudget,
        found: &mut Vec<PolicyFinding<'a>>,
    ) {
        let mut report = |outcome, message, field, span| {
            found.push(PolicyFinding {
                policy: bound.policy,
                outcome,
                message,
                field,
                span,
            });
        };
        let whole = || bound.policy.span().clone();
        let is_namespaced = bound.policy.kind() == "NamespacedValidatingPolicy";
        if is_namespaced && bound.policy.namespace() != created.namespace {
            return;
        }
        match matching::matches(bound, created) {
            Selects::Never => return,
            Selects::Perhaps => {
                let message = format!(
                    "the labels of namespace `{}` are unknown",
                    created.namespace
                );
                return report(Outcome::Unevaluated, message, FieldPath::root(), whole());
            }
            Selects::Always => {}
        }
        let parameters = match matching::parameters(bound, created, &self.objects) {
            Ok(parameters) => parameters,
            Err(message) => {
                return report(Outcome::Unevaluated, message, FieldPath::root(), whole());
            }
        };
        let outcome = action(bound);
        let Some(spec) = bound.policy.node.get("spec") else {
            return;
        };
        for parameter in parameters {
            let evaluation = Evaluation::new(spec, created, parameter, &self.programs, budget);
            for answer in evaluation.run() {
                let outcome = match answer.is_unevaluated {
                    true => Outcome::Unevaluated,
                    false => outcome,
                };
                report(outcome, answer.message, answer.field, answer.span);
            }
        }
    }
}

/// The resource of a kind: its plural, by the rules that Kubernetes follows.
pub fn resource_of(kind: &str) -> String {
    let kind = kind.to_lowercase();
    let before_y = kind.strip_suffix('y');
    match before_y.filter(|it| !it.ends_with(['a', 'e', 'i', 'o', 'u'])) {
        Some(stem) => format!("{stem}ies"),
        None if kind == "endpoints" => kind,
        None if kind.ends_with(['s', 'x']) => format!("{kind}es"),
        None => format!("{kind}s"),
    }
}

/// Whether an object is a Kyverno policy in CEL.
pub fn is_kyverno(object: &Object) -> bool {
    &*object.gvk().group == KYVERNO_GROUP && KYVERNO_KINDS.contains(&object.kind())
}

/// The reason why a Kyverno policy in CEL is not evaluated.
pub fn kyverno_reason(policy: &Object) -> Option<&'static str> {
    let spec = |keys: &[&str]| {
        policy
            .node
            .get("spec")?
            .at_keys(keys)
            .and_then(Node::as_str)
    };
    if spec(&["evaluation", "mode"]).is_some_and(|it| it != "Kubernetes") {
        return Some("it applies to other JSON data, not to Kubernetes objects");
    }
    if spec(&["evaluation", "admission", "enabled"]) == Some("false") {
        return Some("it is disabled for admission");
    }
    let constraints = policy.node.at_keys(&["spec", "matchConstraints"]);
    constraints
        .is_none_or(Node::is_null)
        .then_some("it has no `matchConstraints`")
}

/// The most severe of the `validationActions` of the binding, or of a Kyverno policy itself.
fn action(bound: &Bound<'_>) -> Outcome {
    let actions = |object: &'_ Object| {
        let actions = object.node.at_keys(&["spec", "validationActions"]);
        let actions = actions.and_then(Node::as_sequence).unwrap_or_default();
        actions.to_vec()
    };
    let actions = match bound.binding {
        Some(binding) => actions(binding),
        None if is_kyverno(bound.policy) => actions(bound.policy),
        None => Vec::new(),
    };
    if bound.binding.is_none() && actions.is_empty() {
        return Outcome::Deny;
    }
    let has = |action: &str| actions.iter().any(|it| it.as_str() == Some(action));
    match (has("Deny"), has("Warn")) {
        (true, _) => Outcome::Deny,
        (false, true) => Outcome::Warn,
        (false, false) => Outcome::Audit,
    }
}
