//! The environment of expressions: variables with their types, and functions.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

use cel_core::ext::{optionals_extension, string_extension};
use cel_core::{
    Ast, CelType, Env, EvalError, Expr, FunctionDecl, MessageValue, OverloadDecl, ProtoRegistry,
    ProtoTypeResolver, ResolvedProtoType, SpannedExpr, StructFieldValue, Value,
};

use super::{bounds, cost, library};
use crate::schema::pattern::Pattern;

/// The type that an expression must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::validate) enum Expected {
    Anything,
    Bool,
    String,
    StringOrNull,
}

/// The environment of a policy's expressions.
#[derive(Clone, Debug)]
pub(in crate::validate) struct Environment {
    has_params: bool,
    has_authorizer: bool,
    /// The variables of the policy with their types; `None` if it cannot have any.
    variables: Option<BTreeMap<String, CelType>>,
}

const REQUEST: &str = "kubernetes.AdmissionRequest";
const VARIABLES: &str = "kubernetes.variables";
const AUTHORIZER: &str = "kubernetes.authorization.Authorizer";
const CHECK: &str = "kubernetes.authorization.Check";
const DECISION: &str = "kubernetes.authorization.Decision";

impl Environment {
    /// For a policy or a webhook.
    pub(in crate::validate) fn admission(has_params: bool) -> Environment {
        Environment {
            has_params,
            has_authorizer: true,
            variables: None,
        }
    }

    /// Adds a variable of the policy, which following expressions can use.
    pub(in crate::validate) fn add_variable(&mut self, name: &str, expression: &str) {
        let compile = || self.env().compile(expression).ok();
        let known = bounds::check(expression).ok().and_then(|()| compile());
        let result = known.and_then(|it| it.result_type().cloned());
        let variables = self.variables.get_or_insert_default();
        variables.insert(name.to_owned(), result.unwrap_or(CelType::Dyn));
    }

    /// The environment for messages, which cannot use the authorizer.
    pub(in crate::validate) fn without_authorizer(&self) -> Environment {
        Environment {
            has_authorizer: false,
            ..self.clone()
        }
    }

    fn env(&self) -> Env {
        let mut env = base()
            .with_variable("object", CelType::Dyn)
            .with_variable("oldObject", CelType::Dyn)
            .with_variable("namespaceObject", CelType::Dyn)
            .with_variable("request", CelType::message(REQUEST));
        if self.has_params {
            env.add_variable("params", CelType::Dyn);
        }
        if self.has_authorizer {
            env.add_variable("authorizer", CelType::message(AUTHORIZER));
            env.add_variable("authorizer.requestResource", CelType::message(CHECK));
        }
        if self.variables.is_some() {
            env.add_variable("variables", CelType::message(VARIABLES));
        }
        let types = AdmissionTypes {
            variables: self.variables.clone().unwrap_or_default(),
        };
        for function in authorization() {
            env.add_function(function);
        }
        env.with_proto_registry(Arc::new(types))
    }
}

/// Whether an expression compiles and has the right type.
pub(in crate::validate) fn compile(
    text: &str,
    environment: &Environment,
    expected: Expected,
) -> Result<(), String> {
    bounds::check(text)?;
    let env = environment.env();
    let ast = match env.compile(text) {
        Ok(ast) => ast,
        Err(error) => {
            let error = fault_text(&error);
            return match is_guess(&error) {
                true => Ok(()),
                false => Err(error),
            };
        }
    };
    literal_patterns(ast.expr())?;
    let result = ast.result_type().unwrap_or(&CelType::Dyn);
    let holds = match expected {
        Expected::Anything => true,
        Expected::Bool => *result == CelType::Bool,
        Expected::String => *result == CelType::String,
        Expected::StringOrNull => matches!(result, CelType::String | CelType::Null),
    };
    let type_name = match expected {
        Expected::Bool => "bool",
        _ => "string",
    };
    match holds {
        true => Ok(()),
        false => Err(format!(
            "it must be of type {type_name}, not {}",
            result.display_name()
        )),
    }
}

/// Whether the checker only failed to infer a type: where the server's checker has `dyn`, for example for an element of a `dyn`,
/// this one has a type variable (`V#7`) and finds no function for it.
fn is_guess(error: &str) -> bool {
    let faults = error.strip_prefix("check errors: ");
    faults.is_some_and(|it| it.split("; ").all(|it| it.contains("(V#")))
}

/// The environment of rules in CRDs: `self` and `oldSelf` with any type.
pub(super) fn rules() -> &'static Env {
    static ENV: OnceLock<Env> = OnceLock::new();
    ENV.get_or_init(|| {
        base()
            .with_extension(cost::functions())
            .with_variable("self", CelType::Dyn)
            .with_variable("oldSelf", CelType::Dyn)
            .with_variable(cost::METER, CelType::Dyn)
    })
}

/// CEL with Kubernetes' extensions.
fn base() -> Env {
    // With an empty separator, `split` of the crate returns empty strings at both ends, so it is replaced.
    let strings = string_extension()
        .into_iter()
        .filter(|it| it.name != "split")
        .map(cost::bounded);
    let mut env = Env::with_standard_library()
        .with_extension(strings)
        .with_extension(optionals_extension());
    for function in library::functions() {
        env = env.with_extension([function]);
    }
    env
}

/// Checks that literal patterns are valid regular expressions (RE2).
fn literal_patterns(expr: &SpannedExpr) -> Result<(), String> {
    let mut result = Ok(());
    walk(expr, &mut |expr| {
        let Expr::Call { expr: callee, args } = &expr.node else {
            return;
        };
        let is_match = match &callee.node {
            Expr::Member { field, .. } => field == "matches",
            Expr::Ident(name) => name == "matches",
            _ => false,
        };
        if let (true, Some(Expr::String(pattern))) = (is_match, args.last().map(|it| &it.node))
            && !Pattern::new(pattern).is_valid()
        {
            result = Err(format!("`{pattern}` is not a valid regular expression"));
        }
    });
    result
}

/// Visits an expression and its parts.
pub(super) fn walk(expr: &SpannedExpr, visit: &mut dyn FnMut(&SpannedExpr)) {
    visit(expr);
    let mut each = |it: &SpannedExpr| walk(it, visit);
    match &expr.node {
        Expr::List(items) => items.iter().for_each(|it| each(&it.expr)),
        Expr::Map(entries) => entries.iter().for_each(|it| {
            each(&it.key);
            each(&it.value);
        }),
        Expr::Unary { expr, .. }
        | Expr::Member { expr, .. }
        | Expr::MemberTestOnly { expr, .. } => {
            each(expr);
        }
        Expr::Binary { left, right, .. } => {
            each(left);
            each(right);
        }
        Expr::Ternary {
            cond,
            then_expr,
            else_expr,
        } => {
            each(cond);
            each(then_expr);
            each(else_expr);
        }
        Expr::Index { expr, index, .. } => {
            each(expr);
            each(index);
        }
        Expr::Call { expr, args } => {
            each(expr);
            args.iter().for_each(each);
        }
        Expr::Comprehension(it) => {
            for part in [
                &it.iter_range,
                &it.accu_init,
                &it.loop_condition,
                &it.loop_step,
                &it.result,
            ] {
                each(part);
            }
        }
        Expr::Bind { init, body, .. } => {
            each(init);
            each(body);
        }
        _ => {}
    }
}

/// Functions of the authorizer. They are only declared for type checking, because there is no authorizer here.
fn authorization() -> Vec<FunctionDecl> {
    let (authorizer, check, decision) = (
        CelType::message(AUTHORIZER),
        CelType::message(CHECK),
        CelType::message(DECISION),
    );
    let text = CelType::String;
    let methods = [
        (
            "path",
            vec![authorizer.clone(), text.clone()],
            check.clone(),
        ),
        (
            "group",
            vec![authorizer.clone(), text.clone()],
            check.clone(),
        ),
        (
            "serviceAccount",
            vec![authorizer.clone(), text.clone(), text.clone()],
            authorizer,
        ),
        ("resource", vec![check.clone(), text.clone()], check.clone()),
        (
            "subresource",
            vec![check.clone(), text.clone()],
            check.clone(),
        ),
        (
            "namespace",
            vec![check.clone(), text.clone()],
            check.clone(),
        ),
        ("name", vec![check.clone(), text.clone()], check.clone()),
        (
            "fieldSelector",
            vec![check.clone(), text.clone()],
            check.clone(),
        ),
        (
            "labelSelector",
            vec![check.clone(), text.clone()],
            check.clone(),
        ),
        ("check", vec![check, text], decision.clone()),
        ("allowed", vec![decision.clone()], CelType::Bool),
        ("errored", vec![decision.clone()], CelType::Bool),
        ("error", vec![decision.clone()], CelType::String),
        ("reason", vec![decision], CelType::String),
    ];
    let declare = |(name, parameters, result): (&str, Vec<CelType>, CelType)| {
        FunctionDecl::new(name).with_overload(OverloadDecl::method(
            format!("authz_{name}"),
            parameters,
            result,
        ))
    };
    methods.into_iter().map(declare).collect()
}

/// The types of `request` and `variables`, whose fields are known.
struct AdmissionTypes {
    variables: BTreeMap<String, CelType>,
}

impl fmt::Debug for AdmissionTypes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AdmissionTypes")
    }
}

fn request_field(message: &str, field: &str) -> Option<CelType> {
    const KIND: &str = "kubernetes.GroupVersionKind";
    const RESOURCE: &str = "kubernetes.GroupVersionResource";
    const USER: &str = "kubernetes.UserInfo";
    Some(match (message, field) {
        (REQUEST, "kind" | "requestKind") => CelType::message(KIND),
        (REQUEST, "resource" | "requestResource") => CelType::message(RESOURCE),
        (REQUEST, "subResource" | "requestSubResource" | "name" | "namespace" | "operation") => {
            CelType::String
        }
        (REQUEST, "userInfo") => CelType::message(USER),
        (REQUEST, "dryRun") => CelType::Bool,
        (REQUEST, "options") => CelType::Dyn,
        (KIND, "group" | "version" | "kind") => CelType::String,
        (RESOURCE, "group" | "version" | "resource") => CelType::String,
        (USER, "username" | "uid") => CelType::String,
        (USER, "groups") => CelType::list(CelType::String),
        (USER, "extra") => CelType::map(CelType::String, CelType::list(CelType::String)),
        _ => return None,
    })
}

impl ProtoTypeResolver for AdmissionTypes {
    fn get_field_type(&self, message: &str, field: &str) -> Option<CelType> {
        match message {
            VARIABLES => self.variables.get(field).cloned(),
            _ => request_field(message, field),
        }
    }

    fn has_message(&self, message: &str) -> bool {
        message == VARIABLES || message.starts_with("kubernetes.")
    }

    fn is_extension(&self, _: &str, _: &str) -> bool {
        false
    }

    fn get_enum_value(&self, _: &str, _: &str) -> Option<i32> {
        None
    }

    fn resolve_qualified(&self, _: &[&str], _: &str) -> Option<ResolvedProtoType> {
        None
    }

    fn resolve_message_name(&self, _: &str, _: &str) -> Option<String> {
        None
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// Expressions of policies are compiled here, never evaluated.
impl ProtoRegistry for AdmissionTypes {
    fn construct_message(&self, name: &str, _: &[StructFieldValue], _: bool) -> Value {
        Value::error(EvalError::unknown_function(name))
    }

    fn message_field_access(&self, _: &dyn MessageValue, field: &str, _: bool, _: bool) -> Value {
        Value::error(EvalError::unknown_identifier(field))
    }

    fn message_has_field(&self, _: &dyn MessageValue, _: &str) -> Value {
        Value::Bool(false)
    }

    fn get_extension_value(
        &self,
        _: &dyn MessageValue,
        _: &str,
        _: bool,
        _: bool,
    ) -> Option<Value> {
        None
    }

    fn has_extension(&self, _: &dyn MessageValue, _: &str) -> Option<bool> {
        None
    }
}

/// The text of an error. After `token:`, the text would be hidden as a secret.
fn fault_text(error: &impl fmt::Display) -> String {
    let text = error.to_string();
    let faults = text.split("; ").map(|fault| {
        for before in ["found ", "unexpected token: "] {
            if let Some((start, token)) = fault.split_once(before) {
                let before = before.replace(':', "");
                return format!("{start}{before}{}", token_text(token));
            }
        }
        fault.to_owned()
    });
    let faults: Vec<String> = faults.collect();
    let text = faults.join("; ");
    text.replace("expected identifier", "expected a name")
}

/// A token as in the expression, from its name in the parser (`Some(LParen)`).
fn token_text(name: &str) -> String {
    const TOKENS: [(&str, &str); 28] = [
        ("True", "true"),
        ("False", "false"),
        ("Null", "null"),
        ("In", "in"),
        ("EqEq", "=="),
        ("Ne", "!="),
        ("Le", "<="),
        ("Ge", ">="),
        ("And", "&&"),
        ("Or", "||"),
        ("Plus", "+"),
        ("Minus", "-"),
        ("Star", "*"),
        ("Slash", "/"),
        ("Percent", "%"),
        ("Lt", "<"),
        ("Gt", ">"),
        ("Not", "!"),
        ("Question", "?"),
        ("Colon", ":"),
        ("LParen", "("),
        ("RParen", ")"),
        ("LBracket", "["),
        ("RBracket", "]"),
        ("LBrace", "{"),
        ("RBrace", "}"),
        ("Dot", "."),
        ("Comma", ","),
    ];
    if name == "None" {
        return "the end".to_owned();
    }
    let token = name
        .strip_prefix("Some(")
        .and_then(|it| it.strip_suffix(')'))
        .unwrap_or(name);
    let symbol = TOKENS.iter().find(|it| it.0 == token).map(|it| it.1);
    // Names and literals: `Ident("a")`.
    let literal = || token.split_once('(')?.1.strip_suffix(')');
    let text = symbol.or_else(literal).unwrap_or(token);
    format!("`{text}`")
}

/// Parses an expression without type checking, which the definition has already passed.
pub(super) fn parse(text: &str) -> Result<Ast, String> {
    bounds::check(text)?;
    rules().parse_only(text).map_err(|it| fault_text(&it))
}
