//! The cost of evaluating an expression. The API server limits it, but `cel-core` does not, so expressions are instrumented before
//! evaluation: operands and results are charged by size, and each iteration of a loop by its contents.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cel_core::{
    Ast, BinaryOp, CelType, ComprehensionData, EvalError, Expr, FunctionDecl, ListElement,
    MapEntry, MessageValue, OptionalValue, OverloadDecl, Spanned, SpannedExpr, StructField, Value,
};

use super::library;

/// The maximum cost of one evaluation of a rule, as in kube-apiserver (`PerCallLimit`). A part of an expression costs about 1.
pub(super) const CALL_MAX: u64 = 1_000_000;
/// Evaluations up to this cost do not use the budget.
const FREE: u64 = 2_000;
/// The number of bytes of a string that count as one part.
const BYTES: u64 = 64;
/// The maximum length of a string that a function creates from short ones.
const TEXT_MAX: usize = 4 << 20;

/// The variable with the meter. Users cannot write this name, nor those of the functions.
pub(super) const METER: &str = "@meter";
const CHARGE: &str = "@charge";
const CHARGE_ADDED: &str = "@chargeAdded";
const TURN: &str = "@turn";
/// Functions with a pattern, and their instrumented names.
const PATTERNS: [(&str, &str); 3] = [
    ("matches", "@matches"),
    ("find", "@find"),
    ("findAll", "@findAll"),
];

/// The maximum total cost of the rules of many objects, in addition to the limit for each.
#[derive(Clone, Debug)]
pub struct RuleBudget(Arc<AtomicU64>);

impl RuleBudget {
    /// A budget for this number of parts of expressions.
    pub fn new(units: u64) -> RuleBudget {
        RuleBudget(Arc::new(AtomicU64::new(units)))
    }
}

impl Default for RuleBudget {
    /// 10 million, the budget of the API server for one object.
    fn default() -> RuleBudget {
        RuleBudget::new(10_000_000)
    }
}

/// The remaining budget of one evaluation.
#[derive(Clone, Debug)]
pub(super) struct Meter {
    left: Arc<AtomicU64>,
    given: u64,
}

impl Meter {
    pub(super) fn new(budget: &RuleBudget) -> Meter {
        let given = CALL_MAX.min(FREE + budget.0.load(Ordering::Relaxed));
        Meter {
            left: Arc::new(AtomicU64::new(given)),
            given,
        }
    }

    pub(super) fn value(&self) -> Value {
        Value::Message(Box::new(self.clone()))
    }

    /// Subtracts the used cost from the budget. Returns whether it was enough.
    pub(super) fn close(&self, budget: &RuleBudget) -> bool {
        let left = self.left.load(Ordering::Relaxed);
        let used = (self.given - left).saturating_sub(FREE);
        let take = |it: u64| Some(it.saturating_sub(used));
        _ = budget
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take);
        left > 0
    }

    /// Charges a cost. Returns whether enough was left.
    fn charge(&self, units: u64) -> bool {
        let left = self.left.load(Ordering::Relaxed);
        self.left
            .store(left.saturating_sub(units), Ordering::Relaxed);
        left > units
    }

    fn left(&self) -> u64 {
        self.left.load(Ordering::Relaxed)
    }

    fn from_arguments(args: &[Value]) -> Option<&Meter> {
        match args.first() {
            Some(Value::Message(message)) => message.as_any().downcast_ref(),
            _ => None,
        }
    }
}

impl MessageValue for Meter {
    fn type_name(&self) -> &'static str {
        "pleach.Meter"
    }

    fn eq_message(&self, _: &dyn MessageValue) -> bool {
        false
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn clone_boxed(&self) -> Box<dyn MessageValue> {
        Box::new(self.clone())
    }
}

fn too_much() -> Value {
    Value::error(EvalError::invalid_argument("the cost limit is exceeded"))
}

type Implementation = fn(&[Value]) -> Value;

/// The functions that an instrumented expression calls.
pub(super) fn functions() -> Vec<FunctionDecl> {
    let declare = |name: &str, arity: usize, run: Implementation| {
        let types = vec![CelType::Dyn; arity];
        let overload = OverloadDecl::function(format!("{name}_{arity}"), types, CelType::Dyn);
        FunctionDecl::new(name).with_overload(overload.with_impl(run))
    };
    let mut all = vec![
        declare(CHARGE, 2, |args| charge(args, weight)),
        declare(CHARGE_ADDED, 2, |args| charge(args, weight_added)),
        declare(TURN, 3, turn),
    ];
    let patterns: [(&str, usize, Implementation); 4] = [
        ("@matches", 3, |args| pattern(args, library::matches)),
        ("@find", 3, |args| pattern(args, library::find)),
        ("@findAll", 3, |args| pattern(args, library::find_all)),
        ("@findAll", 4, |args| pattern(args, library::find_all)),
    ];
    all.extend(patterns.map(|(name, arity, run)| declare(name, arity, run)));
    all
}

/// `(meter, value)`: returns the value if its cost can be charged.
fn charge(args: &[Value], weight: fn(&Value, u64) -> u64) -> Value {
    match (Meter::from_arguments(args), args.get(1)) {
        (Some(meter), Some(value)) if meter.charge(weight(value, meter.left())) => value.clone(),
        _ => too_much(),
    }
}

/// `(meter, collected, parts)`: whether a loop may continue, given its collected result and the number of its parts.
fn turn(args: &[Value]) -> Value {
    let (Some(meter), Some(collected), Some(Value::Int(parts))) =
        (Meter::from_arguments(args), args.get(1), args.get(2))
    else {
        return Value::Bool(false);
    };
    let parts = u64::try_from(*parts).unwrap_or(u64::MAX);
    Value::Bool(meter.charge(weight_added(collected, 0).saturating_add(parts)))
}

/// `(meter, text, pattern, …)`: a pattern is compiled for each call, and in the worst case processed once for each part of the
/// text.
fn pattern(args: &[Value], run: fn(&[Value]) -> Value) -> Value {
    let (Some(meter), Some(Value::String(text)), Some(Value::String(pattern))) =
        (Meter::from_arguments(args), args.get(1), args.get(2))
    else {
        return Value::error(EvalError::no_matching_overload("matches"));
    };
    let repeats = pattern.split('{').skip(1).map(|it| {
        let digits = it.split(|it: char| !it.is_ascii_digit());
        digits
            .filter_map(|it| it.parse::<u64>().ok())
            .max()
            .unwrap_or(1)
    });
    let repeats = repeats.fold(1, |product: u64, it| product.saturating_mul(it.max(1)));
    let length = pattern.len() as u64;
    let compiled = (length * 5).saturating_add(length.saturating_mul(repeats) / 2);
    let read = 1 + text.len() as u64 / 1024;
    match meter.charge(compiled.saturating_add(100).saturating_mul(read)) {
        true => run(args.get(1..).unwrap_or_default()),
        false => too_much(),
    }
}

/// The number of parts of a value, where shared parts count each time. Stops shortly above `max`.
fn weight(value: &Value, max: u64) -> u64 {
    let mut open = vec![value];
    let mut weight = 0_u64;
    while let Some(value) = open.pop() {
        weight += 1;
        if weight.saturating_add(open.len() as u64) > max {
            return u64::MAX;
        }
        match value {
            Value::String(text) => weight += text.len() as u64 / BYTES,
            Value::Bytes(bytes) => weight += bytes.len() as u64 / BYTES,
            Value::List(items) => open.extend(items.iter()),
            Value::Map(map) => {
                weight += map.len() as u64;
                open.extend(map.iter().map(|it| it.1));
            }
            Value::Optional(OptionalValue::Some(inner)) => open.push(inner),
            _ => {}
        }
    }
    weight
}

/// The cost of copying a value, whose list items are shared.
fn weight_added(value: &Value, _: u64) -> u64 {
    1 + match value {
        Value::String(text) => text.len() as u64 / BYTES,
        Value::Bytes(bytes) => bytes.len() as u64 / BYTES,
        Value::List(items) => items.len() as u64 / 8,
        Value::Map(map) => map.len() as u64,
        _ => 0,
    }
}

/// A function with a limit for its result, because some create large results from small inputs.
pub(super) fn bounded(mut function: FunctionDecl) -> FunctionDecl {
    let estimate: fn(&[Value]) -> usize = match &*function.name {
        "replace" => replaced,
        "join" => joined,
        "format" => formatted,
        _ => return function,
    };
    for overload in &mut function.overloads {
        if let Some(run) = overload.implementation.take() {
            overload.implementation = Some(Arc::new(move |args: &[Value]| {
                match estimate(args) > TEXT_MAX {
                    true => too_much(),
                    false => run(args),
                }
            }));
        }
    }
    function
}

fn length(value: Option<&Value>) -> usize {
    match value {
        Some(Value::String(text)) => text.len(),
        _ => 0,
    }
}

fn replaced(args: &[Value]) -> usize {
    let [text, old, new] = [0, 1, 2].map(|at| length(args.get(at)));
    let times = text / old.max(1) + 1;
    text.saturating_add(times.saturating_mul(new))
}

/// `list.join(separator)`: the items are charged.
fn joined(args: &[Value]) -> usize {
    let items = match args.first() {
        Some(Value::List(items)) => items.len(),
        _ => 0,
    };
    items.saturating_mul(length(args.get(1)))
}

/// `text.format(list)`: a precision determines the number of digits.
fn formatted(args: &[Value]) -> usize {
    let Some(Value::String(text)) = args.first() else {
        return 0;
    };
    let precisions = text.split("%.").skip(1).map(|it| {
        let digits = it.bytes().take_while(u8::is_ascii_digit).count();
        let digits = it.get(..digits).unwrap_or("");
        digits
            .parse()
            .unwrap_or(if digits.is_empty() { 0 } else { usize::MAX })
    });
    precisions.fold(0, usize::saturating_add)
}

pub(super) fn metered(ast: &Ast) -> Ast {
    let mut writer = Writer {
        scope: vec!["self".to_owned(), "oldSelf".to_owned()],
        parts: 0,
    };
    let expr = writer.expr(ast.expr().clone());
    Ast::new_unchecked(expr, ast.source())
}

struct Writer {
    /// The bound variables; any other name may be part of the name of a function.
    scope: Vec<String>,
    /// The number of parts of the current loop.
    parts: i64,
}

impl Writer {
    fn expr(&mut self, expr: SpannedExpr) -> SpannedExpr {
        self.parts += 1;
        let Spanned { id, node, span } = expr;
        let node = match node {
            Expr::Binary { op, left, right } => self.binary(op, *left, *right),
            Expr::Unary { op, expr } => Expr::Unary {
                op,
                expr: self.boxed(expr),
            },
            Expr::Ternary {
                cond,
                then_expr,
                else_expr,
            } => Expr::Ternary {
                cond: self.boxed(cond),
                then_expr: self.boxed(then_expr),
                else_expr: self.boxed(else_expr),
            },
            Expr::Member {
                expr,
                field,
                optional,
            } => Expr::Member {
                expr: self.boxed(expr),
                field,
                optional,
            },
            Expr::MemberTestOnly { expr, field } => Expr::MemberTestOnly {
                expr: self.boxed(expr),
                field,
            },
            Expr::Index {
                expr,
                index,
                optional,
            } => Expr::Index {
                expr: self.boxed(expr),
                index: self.boxed(index),
                optional,
            },
            Expr::Call { expr, args } => {
                let call = self.call(*expr, args);
                return with(CHARGE, Spanned::new(id, call, span));
            }
            Expr::Comprehension(data) => Expr::Comprehension(self.comprehension(data)),
            Expr::Bind {
                var_name,
                init,
                body,
            } => {
                let init = self.boxed(init);
                self.scope.push(var_name.clone());
                let body = self.boxed(body);
                self.scope.pop();
                Expr::Bind {
                    var_name,
                    init,
                    body,
                }
            }
            node => self.collection(node),
        };
        Spanned::new(id, node, span)
    }

    fn collection(&mut self, node: Expr) -> Expr {
        match node {
            Expr::List(items) => {
                let items = items.into_iter().map(|it| ListElement {
                    expr: self.expr(it.expr),
                    ..it
                });
                Expr::List(items.collect())
            }
            Expr::Map(entries) => {
                let entries = entries.into_iter().map(|it| MapEntry {
                    key: self.expr(it.key),
                    value: self.expr(it.value),
                    ..it
                });
                Expr::Map(entries.collect())
            }
            Expr::Struct { type_name, fields } => {
                let fields = fields.into_iter().map(|it| StructField {
                    value: self.expr(it.value),
                    ..it
                });
                Expr::Struct {
                    type_name,
                    fields: fields.collect(),
                }
            }
            node => node,
        }
    }

    #[expect(clippy::boxed_local, reason = "the parts of an expression are boxed")]
    fn boxed(&mut self, expr: Box<SpannedExpr>) -> Box<SpannedExpr> {
        Box::new(self.expr(*expr))
    }

    fn binary(&mut self, op: BinaryOp, left: SpannedExpr, right: SpannedExpr) -> Expr {
        let (left, right) = (self.expr(left), self.expr(right));
        let function = match op {
            BinaryOp::And | BinaryOp::Or => None,
            BinaryOp::Add => Some(CHARGE_ADDED),
            _ => Some(CHARGE),
        };
        let operand = |it| match function {
            Some(function) => Box::new(charged(function, it)),
            None => Box::new(it),
        };
        Expr::Binary {
            op,
            left: operand(left),
            right: operand(right),
        }
    }

    fn call(&mut self, callee: SpannedExpr, args: Vec<SpannedExpr>) -> Expr {
        let name = match &callee.node {
            Expr::Ident(name) | Expr::Member { field: name, .. } => name.clone(),
            _ => String::new(),
        };
        // It does not depend on the size of its operand.
        let is_shallow = name == "size";
        let mut operand = |it: SpannedExpr| {
            let it = self.expr(it);
            match is_shallow {
                true => it,
                false => charged(CHARGE, it),
            }
        };
        let args: Vec<SpannedExpr> = args.into_iter().map(&mut operand).collect();
        let receiver = match callee.node {
            Expr::Member {
                expr,
                field,
                optional,
            } => match self.is_value(&expr) {
                true => Ok((self.expr(*expr), field, optional)),
                false => Err(Expr::Member {
                    expr,
                    field,
                    optional,
                }),
            },
            node => Err(node),
        };
        let patterns = PATTERNS.into_iter().find(|it| it.0 == name);
        match (receiver, patterns) {
            (Ok((receiver, ..)), Some((_, function))) => {
                let own = charged(CHARGE, receiver);
                call(function, [own].into_iter().chain(args))
            }
            (Ok((receiver, field, optional)), None) => {
                let receiver = match is_shallow {
                    true => receiver,
                    false => charged(CHARGE, receiver),
                };
                let member = Expr::Member {
                    expr: Box::new(receiver),
                    field,
                    optional,
                };
                Expr::Call {
                    expr: Box::new(Spanned::new(callee.id, member, callee.span)),
                    args,
                }
            }
            (Err(Expr::Ident(_)), Some((_, function))) => call(function, args),
            (Err(node), _) => Expr::Call {
                expr: Box::new(Spanned::new(callee.id, node, callee.span)),
                args,
            },
        }
    }

    /// Whether the target of a call is a value, and not the beginning of the function's name.
    fn is_value(&self, expr: &SpannedExpr) -> bool {
        match &expr.node {
            Expr::Ident(name) => self.scope.contains(name),
            Expr::Member { expr, .. } => self.is_value(expr),
            _ => true,
        }
    }

    fn comprehension(&mut self, data: ComprehensionData) -> ComprehensionData {
        let iter_range = self.boxed(data.iter_range);
        let accu_init = self.boxed(data.accu_init);
        let outer = std::mem::take(&mut self.parts);
        let names = [&data.iter_var, &data.iter_var2, &data.accu_var];
        let known = self.scope.len();
        self.scope.extend(names.into_iter().cloned());
        let condition = self.expr(*data.loop_condition);
        let loop_step = self.boxed(data.loop_step);
        let parts = std::mem::replace(&mut self.parts, outer);
        let result = self.boxed(data.result);
        self.scope.truncate(known);
        let collected = part(Expr::Ident(data.accu_var.clone()));
        let may_go_on = part(call(TURN, [collected, part(Expr::Int(parts))]));
        ComprehensionData {
            iter_range,
            accu_init,
            loop_condition: Box::new(part(Expr::Binary {
                op: BinaryOp::And,
                left: Box::new(may_go_on),
                right: Box::new(condition),
            })),
            loop_step,
            result,
            ..data
        }
    }
}

fn part(node: Expr) -> SpannedExpr {
    Spanned::new(0, node, 0..0)
}

/// A call of one of these functions, with the meter as first argument.
fn call(function: &str, args: impl IntoIterator<Item = SpannedExpr>) -> Expr {
    let meter = part(Expr::Ident(METER.to_owned()));
    Expr::Call {
        expr: Box::new(part(Expr::Ident(function.to_owned()))),
        args: [meter].into_iter().chain(args).collect(),
    }
}

fn with(function: &str, expr: SpannedExpr) -> SpannedExpr {
    let span = expr.span.clone();
    Spanned::new(0, call(function, [expr]), span)
}

/// An operand with a charge, unless it already has one.
fn charged(function: &str, expr: SpannedExpr) -> SpannedExpr {
    match &expr.node {
        Expr::Null | Expr::Bool(_) | Expr::Int(_) | Expr::UInt(_) | Expr::Float(_) => expr,
        Expr::Call { expr: callee, .. } if is_charge(callee) => expr,
        _ => with(function, expr),
    }
}

fn is_charge(callee: &SpannedExpr) -> bool {
    matches!(&callee.node, Expr::Ident(name) if name == CHARGE)
}
