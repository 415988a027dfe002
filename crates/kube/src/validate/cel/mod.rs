//! CEL expressions: rules of custom resources and expressions of policies.
//!
//! The evaluator is `cel-core`, with Kubernetes' own functions; nothing outside this folder depends on it.

mod bounds;
mod cost;
mod declared;
mod environment;
mod library;
mod opaque;
mod values;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use cel_core::{EvalError, EvalErrorKind, MapActivation, Program, Value};

pub use cost::RuleBudget;
use cost::{CALL_MAX, METER, Meter, metered};
pub(super) use environment::{Environment, Expected, compile};
use values::Values;

use super::decode::Encoding;
use super::fault::{Report, class, short};
use super::schema::{ListType, Pool, Rule, Schema};
use pleach_yaml::{Entry, Node};

/// The maximum length of a computed message in bytes.
const COMPUTED_MAX: usize = 5 << 10;

/// A compiled expression, or the reason why it cannot be evaluated.
pub(super) struct Compiled(Result<Program, String>);

impl std::fmt::Debug for Compiled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Compiled")
    }
}

/// Reserved words of CEL, which cannot be variables, and are escaped in names of fields.
pub(super) fn is_reserved(name: &str) -> bool {
    const WORDS: [&str; 21] = [
        "true",
        "false",
        "null",
        "in",
        "as",
        "break",
        "const",
        "continue",
        "else",
        "for",
        "function",
        "if",
        "import",
        "let",
        "loop",
        "package",
        "namespace",
        "return",
        "var",
        "void",
        "while",
    ];
    WORDS.contains(&name)
}

/// Evaluates the rules of a custom resource: on creation, or on a change of `old`.
pub(super) fn rules<'a>(
    object: &'a Node,
    old: Option<&'a Node>,
    pool: &'a Pool,
    schema: &'a Schema,
    options: Options<'a>,
    report: &mut Report<'a>,
) {
    let is_change_only = false;
    evaluate_rules(object, old, pool, schema, options, is_change_only, report);
}

/// Evaluates only the rules that compare a custom resource with its previous state.
pub(super) fn transitions<'a>(
    object: &'a Node,
    old: &'a Node,
    pool: &'a Pool,
    schema: &'a Schema,
    options: Options<'a>,
    report: &mut Report<'a>,
) {
    evaluate_rules(object, Some(old), pool, schema, options, true, report);
}

fn evaluate_rules<'a>(
    object: &'a Node,
    old: Option<&'a Node>,
    pool: &'a Pool,
    schema: &'a Schema,
    options: Options<'a>,
    is_change_only: bool,
    report: &mut Report<'a>,
) {
    let values = Values {
        pool,
        encoding: options.encoding,
    };
    let mut walk = Walk {
        values,
        budget: options.budget,
        is_change_only,
        report,
    };
    if !schema.rules.is_empty() {
        let old = old.map(|it| values.root(it, schema));
        walk.rules(object, &values.root(object, schema), old.as_ref(), schema);
    }
    for Entry { key, value } in object.as_mapping().into_iter().flatten() {
        let name = key.as_str().unwrap_or("");
        if !(options.drops_status && name == "status") {
            walk.child(value, old.and_then(|it| it.get(name)), name, schema);
        }
    }
}

/// Options for the evaluation of rules.
#[derive(Clone, Copy)]
pub(super) struct Options<'a> {
    pub(super) encoding: Encoding,
    pub(super) drops_status: bool,
    /// The total cost limit of all rules.
    pub(super) budget: &'a RuleBudget,
}

struct Walk<'a, 'r> {
    values: Values<'a>,
    budget: &'a RuleBudget,
    /// Whether other rules than those about changes are skipped.
    is_change_only: bool,
    report: &'r mut Report<'a>,
}

impl<'a> Walk<'a, '_> {
    fn child(&mut self, node: &'a Node, old: Option<&'a Node>, name: &str, schema: &'a Schema) {
        let below = self.values.pool.child(schema, name);
        if let Some(below) = below.filter(|it| it.flags.has_rules) {
            self.value(node, old, below);
        }
    }

    fn value(&mut self, node: &'a Node, old: Option<&'a Node>, schema: &'a Schema) {
        if node.is_null() {
            return;
        }
        if !schema.rules.is_empty() {
            let value = self.values.convert(node, Some(schema));
            let old = old.map(|it| self.values.convert(it, Some(schema)));
            self.rules(node, &value, old.as_ref(), schema);
        }
        for Entry { key, value } in node.as_mapping().into_iter().flatten() {
            let name = key.as_str().unwrap_or("");
            self.child(value, old.and_then(|it| it.get(name)), name, schema);
        }
        let each = schema.items.as_ref().map(|it| self.values.pool.get(it));
        let Some(each) = each.filter(|it| it.flags.has_rules) else {
            return;
        };
        for item in node.as_sequence().unwrap_or_default() {
            self.value(item, counterpart(item, old, schema), each);
        }
    }

    fn rules(&mut self, node: &'a Node, value: &Value, old: Option<&Value>, schema: &'a Schema) {
        for rule in &schema.rules {
            let is_transition = rule.expression.contains("oldSelf");
            let is_skipped = match is_transition {
                true => old.is_none() && !rule.optional_old_self,
                false => self.is_change_only,
            };
            if is_skipped {
                continue;
            }
            let mut activation = MapActivation::new();
            activation.insert("self", value.clone());
            if is_transition {
                let old = match rule.optional_old_self {
                    true => Value::from_option(old.cloned()),
                    false => old.cloned().unwrap_or(Value::Null),
                };
                activation.insert("oldSelf", old);
            }
            self.rule(node, rule, &activation);
        }
    }

    fn rule(&mut self, node: &'a Node, rule: &'a Rule, activation: &MapActivation) {
        let compiled = rule.program.get_or_init(|| program(&rule.expression));
        let result = match &compiled.0 {
            Ok(program) => evaluate(program, activation, self.budget),
            Err(fault) => return self.unevaluated(node, rule, fault),
        };
        let Some(result) = result else {
            let fault =
                format!("it costs more than {CALL_MAX} steps, or all rules together cost too much");
            return self.unevaluated(node, rule, &fault);
        };
        match result {
            Value::Bool(true) => {}
            Value::Error(fault) if is_unsupported(fault.kind) => {
                self.unevaluated(node, rule, &fault.message);
            }
            Value::Error(fault) => {
                let message = format!(
                    "violates the rule `{}` of its definition: {}",
                    short(rule.expression.trim()),
                    computed(&fault.message).unwrap_or("it fails")
                );
                self.report.push(class::BROKEN_RULE, node, message);
            }
            _ => {
                let message = message(rule, activation, self.budget);
                self.report.push(
                    class::BROKEN_RULE,
                    node,
                    format!("violates a rule of its definition: {message}"),
                );
            }
        }
    }

    fn unevaluated(&mut self, node: &'a Node, rule: &'a Rule, fault: &str) {
        let message = format!(
            "has a rule that could not be evaluated, `{}`: {}",
            short(rule.expression.trim()),
            computed(fault).unwrap_or("it fails")
        );
        self.report.push(class::UNEVALUATED_RULE, node, message);
    }
}

/// Why a text is not a rule of a schema: it cannot be parsed, or reads a field of `self` that is not declared. Other types are not
/// checked.
pub(super) fn check_rule(expression: &str, schema: &Node, is_root: bool) -> Result<(), String> {
    let ast = environment::parse(expression)?;
    match declared::unknown_field(ast.expr(), schema, is_root) {
        Some(name) => Err(format!("the schema has no field `{name}`")),
        None => Ok(()),
    }
}

fn program(expression: &str) -> Compiled {
    let made = environment::parse(expression).and_then(|ast| {
        environment::rules()
            .program(&metered(&ast))
            .map_err(|it| it.to_string())
    });
    Compiled(made)
}

/// The value of an expression; `None` if it is too expensive.
fn evaluate(program: &Program, activation: &MapActivation, budget: &RuleBudget) -> Option<Value> {
    let meter = Meter::new(budget);
    let mut activation = activation.clone();
    activation.insert(METER, meter.value());
    let value = program.eval(&activation);
    meter.close(budget).then_some(value)
}

/// The result of an expression.
pub(super) enum Answer {
    Is(Value),
    /// The expression fails, as it would in the API server.
    Fails(String),
    /// The result in the API server is unknown.
    Unknown(String),
}

/// The expressions of policies, compiled on first use.
#[derive(Debug, Default)]
pub(super) struct Programs(RefCell<BTreeMap<String, Rc<Compiled>>>);

impl Programs {
    fn get(&self, expression: &str) -> Rc<Compiled> {
        let mut known = self.0.borrow_mut();
        if let Some(compiled) = known.get(expression) {
            return compiled.clone();
        }
        let compiled = Rc::new(program(expression));
        known.insert(expression.to_owned(), compiled.clone());
        compiled
    }
}

/// Evaluates an expression of a policy.
pub(super) fn answer(
    programs: &Programs,
    expression: &str,
    activation: &MapActivation,
    budget: &RuleBudget,
) -> Answer {
    let compiled = programs.get(expression);
    let program = match &compiled.0 {
        Ok(program) => program,
        Err(fault) => return Answer::Unknown(fault.clone()),
    };
    match evaluate(program, activation, budget) {
        None => Answer::Unknown(format!(
            "it costs more than {CALL_MAX} steps, or all expressions together cost too much"
        )),
        Some(Value::Error(fault)) => {
            let message = computed(&fault.message).unwrap_or("it fails").to_owned();
            match is_unsupported(fault.kind) {
                true => Answer::Unknown(message),
                false => Answer::Fails(message),
            }
        }
        Some(value) => Answer::Is(value),
    }
}

/// An unknown value: an expression that uses it is not evaluated.
pub(super) fn unknown(reason: String) -> Value {
    let kind = EvalErrorKind::UnknownIdentifier;
    Value::Error(Arc::new(EvalError {
        message: reason,
        kind,
    }))
}

/// The value of a node without a schema.
pub(super) fn value(node: &Node, encoding: Encoding) -> Value {
    let pool = &Pool::default();
    Values { pool, encoding }.convert(node, None)
}

/// Whether an error is a limitation of this evaluator, and not caused by the object.
fn is_unsupported(kind: EvalErrorKind) -> bool {
    matches!(
        kind,
        EvalErrorKind::UnknownFunction | EvalErrorKind::UnknownIdentifier | EvalErrorKind::Internal
    )
}

/// The message of a violated rule: its computed message, its fixed one, or the rule itself.
fn message(rule: &Rule, activation: &MapActivation, budget: &RuleBudget) -> String {
    let made = rule.message_expression.as_ref().and_then(|it| {
        let program = program(it).0.ok()?;
        match evaluate(&program, activation, budget)? {
            Value::String(text) => Some(computed(&text)?.to_owned()),
            _ => None,
        }
    });
    let fixed = || rule.message.as_ref().map(|it| short(it.trim()));
    made.or_else(fixed)
        .unwrap_or_else(|| format!("`{}`", short(&rule.expression)))
}

/// A computed message, unless it is longer than kube-apiserver permits. It is not cut, so that secrets in it are detected.
fn computed(text: &str) -> Option<&str> {
    (text.len() <= COMPUTED_MAX).then_some(text)
}

/// The corresponding item of the old list, which has the same keys if the list is a map.
fn counterpart<'a>(item: &Node, old: Option<&'a Node>, schema: &Schema) -> Option<&'a Node> {
    if schema.list != ListType::Map {
        return None;
    }
    let same = |other: &&Node| {
        schema
            .list_map_keys
            .iter()
            .all(|key| match (item.get(key), other.get(key)) {
                (Some(a), Some(b)) => super::structural::same(a, b),
                (None, None) => true,
                _ => false,
            })
    };
    old?.as_sequence()?.iter().find(same)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::validate::read::read_text;
    use pleach_yaml::diag::Source;
    use pleach_yaml::parse_one;

    /// Whether a rule holds for a value of any type.
    fn holds(rule: &str, value: &str) -> Vec<&'static str> {
        holds_within(&RuleBudget::default(), rule, value)
    }

    fn holds_within(budget: &RuleBudget, rule: &str, value: &str) -> Vec<&'static str> {
        let schema = format!(
            "{{\"type\":\"object\",\"properties\":{{\"v\":{{\"x-kubernetes-preserve-unknown-fields\":true,\
             \"x-kubernetes-validations\":[{{\"rule\":{rule:?}}}]}}}}}}"
        );
        let schema = read_text(&schema);
        let object = parse_one(&Source::internal("object", format!("v: {value}"))).unwrap();
        let (pool, mut report) = (Pool::default(), Report::default());
        let options = Options {
            encoding: Encoding::Yaml,
            drops_status: false,
            budget,
        };
        rules(&object, None, &pool, &schema, options, &mut report);
        report.faults.iter().map(|it| it.class.code).collect()
    }

    #[test]
    fn kubernetes_functions() {
        for (rule, value) in [
            ("quantity(self).isGreaterThan(quantity('1Gi'))", "2Gi"),
            ("quantity(self).add(1).asInteger() == 3", "'2'"),
            ("isQuantity(self) && !isQuantity('x')", "2Gi"),
            ("ip(self).family() == 4 && isIP('::1')", "10.0.0.1"),
            (
                "cidr(self).containsIP('10.1.2.3') && cidr(self).prefixLength() == 8",
                "10.0.0.0/8",
            ),
            (
                "url(self).getHostname() == 'a.b' && url(self).getPort() == '80'",
                "http://a.b:80/c",
            ),
            (
                "semver(self).isLessThan(semver('1.10.0')) && semver(self).minor() == 9",
                "1.9.0-rc.1",
            ),
            ("!format.dns1123Label().validate(self).hasValue()", "abc"),
            ("format.dns1123Label().validate(self).hasValue()", "A_b"),
            (
                "self.isSorted() && self.sum() == 6 && self.max() == 3 && self.indexOf(2) == 1",
                "[1, 2, 3]",
            ),
            (
                "self.find('[0-9]+') == '12' && self.findAll('[a-z]').size() == 2",
                "a12b",
            ),
            (
                "self.all(it, it > 0) && self.exists_one(it, it == 2)",
                "[1, 2]",
            ),
            ("optional.of(self).orValue(2) == 1", "1"),
            (
                "self.startsWith('a') && self.size() == 3 && self.matches('^a')",
                "abc",
            ),
            (
                "self.lowerAscii() == 'ab' && self.split('').size() == 2",
                "AB",
            ),
            ("[1, 2].filter(it, it > self).size() == 1", "1"),
        ] {
            assert_eq!(holds(rule, value), [] as [&str; 0], "{rule}");
        }
    }

    #[test]
    fn expensive_rules_are_not_evaluated() {
        let digits = "[0,1,2,3,4,5,6,7,8,9]";
        let nested = |step: &str, inner: &str| {
            let loops: String = (0..8)
                .map(|at| format!("{digits}.{step}(x{at}, "))
                .collect();
            format!("{loops}{inner}{}", ")".repeat(8))
        };
        let bind = |inner: &str| {
            let open: String = (0..40)
                .map(|at| format!("[[x{at}, x{at}]].all(x{}, ", at + 1))
                .collect();
            format!("['aaaaaaaa'].all(x0, {open}{inner}{})", ")".repeat(40))
        };
        let texts: String = (0..40)
            .map(|at| format!("[x{at} + x{at}].all(x{}, ", at + 1))
            .collect();
        for rule in [
            format!("{} == 1", nested("map", "x7")),
            format!("{} == 1", nested("filter", "true")),
            format!("{} == 1", nested("exists_one", "true")),
            nested("all", "x7 >= 0"),
            format!("!{}", nested("exists", "x7 < 0")),
            format!("{} || true", nested("all", "x7 >= 0")),
            bind("x40 == x40"),
            bind("x40 in [x40]"),
            format!(
                "['aaaaaaaa'].all(x0, {texts}x40.size() > 0{})",
                ")".repeat(40)
            ),
            format!("{digits}.all(x, self.all(y, self.all(z, !'aaaa'.matches('(a|b){{500}}'))))"),
            format!("{digits}.all(x, self.all(y, self.all(z, self == self)))"),
            format!("{digits}.all(x, self.all(y, self.all(z, z in self)))"),
        ] {
            let list: Vec<String> = (0..300).map(|it| it.to_string()).collect();
            let (value, budget) = (format!("[{}]", list.join(", ")), RuleBudget::new(20_000));
            assert_eq!(
                holds_within(&budget, &rule, &value),
                ["unevaluated-rule"],
                "{rule}"
            );
        }
        for rule in [
            "self.replace('', self).replace('', self).replace('', self).size() > 0",
            "self.split('').join(self + self).size() > 0",
            "'%.999999999f'.format([1.0]).size() > 0",
        ] {
            let text = "a".repeat(5_000);
            assert_eq!(holds(rule, &text), ["broken-crd-rule"], "{rule}");
        }
    }

    #[test]
    fn plausible_rules_are_evaluated() {
        let list: Vec<String> = (0..100)
            .map(|it| format!("{{name: n{it}, port: {it}}}"))
            .collect();
        for rule in [
            "self.all(x, self.exists_one(y, y.name == x.name))",
            "self.map(x, x.port).sum() > 0",
            "self.all(x, x.name.matches('^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$'))",
            "self.filter(x, x.port > 10).map(x, x.name + '-' + string(x.port)).size() == 89",
            "self.all(x, x.name in self.map(y, y.name))",
        ] {
            assert_eq!(
                holds(rule, &format!("[{}]", list.join(", "))),
                [] as [&str; 0],
                "{rule}"
            );
        }
        let deep = format!("{}self.size() > 0{}", "(".repeat(55), ")".repeat(55));
        assert_eq!(holds(&deep, "[1]"), [] as [&str; 0]);
        let chain = format!("{}true", "self.size() == 1 && ".repeat(40));
        assert_eq!(holds(&chain, "[1]"), [] as [&str; 0]);
    }

    #[test]
    fn deep_expressions_are_not_read() {
        for rule in [
            "(",
            "!",
            "-",
            "1 + ",
            "true || ",
            "[",
            "{1: ",
            "a.",
            "self.all(x, ",
            "1 in ",
        ] {
            assert_eq!(
                holds(&rule.repeat(9_000), "[1]"),
                ["unevaluated-rule"],
                "{rule}"
            );
        }
    }

    #[test]
    fn broken_and_unevaluated_rules() {
        assert_eq!(holds("self == 2", "1"), ["broken-crd-rule"]);
        assert_eq!(holds("nothing(self)", "1"), ["unevaluated-rule"]);
        assert_eq!(holds("self.", "1"), ["unevaluated-rule"]);
        assert_eq!(
            holds("quantity(self).sign() == 1", "x"),
            ["broken-crd-rule"]
        );
        assert_eq!(holds("oldSelf == self", "x"), [] as [&str; 0]);
    }
}
