//! One evaluation of a policy for one object and one parameter.

use std::sync::Arc;

use cel_core::{MapActivation, MapKey, Value, ValueMap};
use pleach_yaml::diag::Span;
use pleach_yaml::{FieldPath, Node};

use super::Created;
use crate::object::Object;
use crate::validate::cel::{self, Answer, Programs, RuleBudget};
use crate::validate::decode::Encoding;
use crate::validate::fault::short;

/// A policy with the values of its variables.
pub(in crate::validate) struct Evaluation<'a> {
    spec: &'a Node,
    activation: MapActivation,
    programs: &'a Programs,
    budget: &'a RuleBudget,
    /// Whether an expression that fails counts as true.
    ignores_failures: bool,
}

/// The violation of an expression, or the reason why it was not evaluated.
pub(in crate::validate) struct PolicyAnswer {
    pub(in crate::validate) is_unevaluated: bool,
    pub(in crate::validate) message: String,
    pub(in crate::validate) field: FieldPath,
    /// The location of the expression.
    pub(in crate::validate) span: Span,
}

impl PolicyAnswer {
    fn new(expression: &Node, message: String) -> PolicyAnswer {
        PolicyAnswer {
            is_unevaluated: false,
            message,
            field: field(text(expression)),
            span: expression
                .get("expression")
                .unwrap_or(expression)
                .span()
                .clone(),
        }
    }
}

impl<'a> Evaluation<'a> {
    /// `spec` is that of the policy.
    pub(in crate::validate) fn new(
        spec: &'a Node,
        created: &Created<'_>,
        parameter: Option<&Object>,
        programs: &'a Programs,
        budget: &'a RuleBudget,
    ) -> Evaluation<'a> {
        let failures = spec.get("failurePolicy").and_then(Node::as_str);
        let mut activation = MapActivation::new();
        activation.insert("object", value(created.node));
        activation.insert("oldObject", Value::Null);
        activation.insert("request", request(created));
        if let Some(object) = created.namespace_object {
            activation.insert("namespaceObject", value(object));
        }
        if created.namespace.is_empty() {
            activation.insert("namespaceObject", Value::Null);
        }
        activation.insert(
            "params",
            parameter.map_or(Value::Null, |it| value(&it.node)),
        );
        Evaluation {
            spec,
            activation,
            programs,
            budget,
            ignores_failures: failures == Some("Ignore"),
        }
    }

    /// The violations of the policy by the object; empty if the object satisfies it.
    pub(in crate::validate) fn run(mut self) -> Vec<PolicyAnswer> {
        // A single false condition decides.
        let mut undecided = None;
        for condition in self.items("matchConditions") {
            match self.answer(condition, "expression") {
                Answer::Is(Value::Bool(true)) => {}
                Answer::Is(_) => return Vec::new(),
                Answer::Fails(fault) => {
                    undecided = undecided.or(Some(self.failure(condition, &fault)));
                }
                Answer::Unknown(fault) => {
                    undecided = undecided.or(Some(Some(unevaluated(condition, &fault))));
                }
            }
        }
        if let Some(undecided) = undecided {
            return undecided.into_iter().collect();
        }
        self.add_variables();
        let validations = self.items("validations");
        let violations = validations.filter_map(|it| match self.answer(it, "expression") {
            Answer::Is(Value::Bool(true)) => None,
            Answer::Is(_) => Some(PolicyAnswer::new(it, self.message(it))),
            Answer::Fails(fault) => self.failure(it, &fault),
            Answer::Unknown(fault) => Some(unevaluated(it, &fault)),
        });
        violations.collect()
    }

    fn items(&self, key: &str) -> impl Iterator<Item = &'a Node> + use<'a> {
        let items = self.spec.get(key).and_then(Node::as_sequence);
        items.unwrap_or_default().iter()
    }

    fn answer(&self, of: &Node, key: &str) -> Answer {
        let expression = of.get(key).and_then(Node::as_str).unwrap_or("");
        cel::answer(self.programs, expression, &self.activation, self.budget)
    }

    /// Evaluates the variables in order. If one fails, only the expressions that use it fail.
    fn add_variables(&mut self) {
        let mut variables = ValueMap::new();
        for variable in self.items("variables") {
            let name = variable.get("name").and_then(Node::as_str).unwrap_or("");
            let value = match self.answer(variable, "expression") {
                Answer::Is(value) => value,
                Answer::Fails(fault) => Value::error(fault),
                Answer::Unknown(fault) => cel::unknown(fault),
            };
            variables.insert(MapKey::String(name.into()), value);
            let known = Value::Map(Arc::new(variables.clone()));
            self.activation.insert("variables", known);
        }
    }

    /// The message for an expression that is false.
    fn message(&self, validation: &Node) -> String {
        let made = match validation.get("messageExpression") {
            Some(_) => self.answer(validation, "messageExpression"),
            None => Answer::Is(Value::Null),
        };
        let made = match made {
            Answer::Is(Value::String(text)) => Some(text.trim().to_owned()),
            _ => None,
        };
        let made = made.filter(|it| !it.is_empty() && !it.contains('\n'));
        let fixed = || {
            let fixed = validation.get("message").and_then(Node::as_str);
            fixed.map(|it| it.trim().to_owned())
        };
        made.or_else(fixed)
            .unwrap_or_else(|| format!("failed expression: {}", short(text(validation))))
    }

    fn failure(&self, of: &Node, fault: &str) -> Option<PolicyAnswer> {
        let message = || {
            let expression = short(text(of));
            format!("expression `{expression}` resulted in error: {fault}")
        };
        (!self.ignores_failures).then(|| PolicyAnswer::new(of, message()))
    }
}

fn unevaluated(of: &Node, fault: &str) -> PolicyAnswer {
    let expression = short(text(of));
    let message = format!("expression `{expression}` could not be evaluated: {fault}");
    PolicyAnswer {
        is_unevaluated: true,
        ..PolicyAnswer::new(of, message)
    }
}

fn text(of: &Node) -> &str {
    let text = of.get("expression").and_then(Node::as_str);
    text.unwrap_or("").trim()
}

/// The first field of `object` in an expression: `spec.replicas` in `object.spec.replicas > 1`. The last part may be the name of a
/// macro or function.
fn field(expression: &str) -> FieldPath {
    let is_part = |it: char| it.is_ascii_alphanumeric() || it == '_';
    let starts = expression.match_indices("object.");
    let mut starts = starts.filter(|(at, _)| {
        let before = expression.get(..*at).and_then(|it| it.chars().last());
        before.is_none_or(|it| !is_part(it) && it != '.')
    });
    let Some((at, start)) = starts.next() else {
        return FieldPath::root();
    };
    let rest = expression.get(at + start.len()..).unwrap_or("");
    let end = rest.find(|it| !is_part(it) && it != '.');
    let path = rest.get(..end.unwrap_or(rest.len())).unwrap_or("");
    let keys = path.split('.').filter(|it| !it.is_empty());
    keys.fold(FieldPath::root(), |path, key| path.key(key))
}

/// The value of an object in its JSON form, as in the server.
fn value(node: &Node) -> Value {
    cel::value(node, Encoding::Yaml)
}

/// The known parts of `request`. The user is unknown.
fn request(created: &Created<'_>) -> Value {
    let string = |text: &str| Value::String(text.into());
    let map = |entries: Vec<(&str, Value)>| {
        let mut map = ValueMap::new();
        for (key, value) in entries {
            map.insert(MapKey::String(key.into()), value);
        }
        Value::Map(Arc::new(map))
    };
    let gvk = &created.gvk;
    let kind = map(vec![
        ("group", string(&gvk.group)),
        ("version", string(&gvk.version)),
        ("kind", string(&gvk.kind)),
    ]);
    let resource = map(vec![
        ("group", string(&gvk.group)),
        ("version", string(&gvk.version)),
        ("resource", string(&created.resource)),
    ]);
    map(vec![
        ("kind", kind.clone()),
        ("requestKind", kind),
        ("resource", resource.clone()),
        ("requestResource", resource),
        ("subResource", string("")),
        ("requestSubResource", string("")),
        ("name", string(created.name)),
        ("namespace", string(created.namespace)),
        ("operation", string("CREATE")),
        ("dryRun", Value::Bool(false)),
        (
            "userInfo",
            cel::unknown("the user who applies the object is unknown".to_owned()),
        ),
    ])
}
