//! `vars`: replaces `$(NAME)` by values of fields.

use std::collections::BTreeMap;
use std::sync::Arc;

use pleach_kube::object::Gvk;
use pleach_yaml::diag::{Diagnostic, Span};
use pleach_yaml::{Kind, Node, Style, Tag, View};

use super::accumulate::{Accumulated, Context, KustomizationFrame};
use super::fieldspec::{FieldSpec, Leaf};
use super::kustomization::{Var, VarObject};
use super::limits;
use super::path;
use super::record::Record;
use super::resources::Resources;

#[derive(Clone, Debug)]
pub(super) struct Variable {
    name: Arc<str>,
    kind: Gvk,
    object: String,
    namespace: String,
    field: String,
    /// The location of its definition.
    span: Span,
}

impl Variable {
    fn new(var: &Var) -> Variable {
        let unnamed = || VarObject::new(var.span.clone());
        let object = var.objref.clone().unwrap_or_else(unnamed);
        let mut kind = object.gvk.to_gvk();
        match object.api_version.split('/').collect::<Vec<_>>()[..] {
            [""] => {}
            [version] => kind.version = version.into(),
            [group, version] => {
                kind.group = group.into();
                kind.version = version.into();
            }
            _ => {}
        }
        let field = match var.fieldref.as_ref().map_or("", |it| &*it.field_path) {
            // The default in kustomize is the name.
            "" => "metadata.name",
            field => field,
        };
        Variable {
            name: (*var.name).into(),
            kind,
            object: object.name.to_string(),
            namespace: object.namespace.to_string(),
            field: field.to_string(),
            span: var.span.clone(),
        }
    }
}

/// Adds the variables of a kustomization, and records them on the resources that they read.
pub(super) fn add(
    context: &mut Context<'_>,
    level: &KustomizationFrame<'_>,
    sum: &mut Accumulated,
) {
    let entries = &level.kustomization.fields.vars;
    let variables: Vec<Variable> = entries.iter().map(Variable::new).collect();
    for variable in &variables {
        let noted = note(variable, &mut sum.resources);
        context.keep(noted);
    }
    let merged = merge(&mut sum.variables, variables);
    context.keep(merged);
}

fn note(variable: &Variable, resources: &mut Resources) -> Result<(), Diagnostic> {
    let space = |it: &str| if it.is_empty() { "default" } else { it }.to_string();
    let fits = |gvk: &Gvk, name: &str, namespace: &str| {
        name == variable.object
            // Not as a pattern: kustomize compares whole identities here, so `objref` needs the API version.
            && *gvk == variable.kind
            && (variable.namespace.is_empty() || space(&variable.namespace) == space(namespace))
    };
    let mut locations = Vec::new();
    for (at, resource) in resources.iter().enumerate() {
        let object = &resource.object;
        let gvk = object.gvk();
        let now = fits(&gvk, object.name(), object.namespace());
        let before = |it: &super::resource::PreviousId| {
            let gvk = Gvk {
                kind: it.kind.as_ref().into(),
                ..gvk.clone()
            };
            fits(&gvk, &it.name, &it.namespace)
        };
        if now || resource.previous.iter().any(before) {
            locations.push(at);
        }
    }
    match locations.as_slice() {
        [at] => {
            if let Some(resource) = resources.get_mut(*at) {
                resource.variables.push(variable.name.clone());
            }
            Ok(())
        }
        [] => Ok(()),
        _ => {
            let message = format!(
                "variable `{}` is ambiguous: several resources match",
                variable.name
            );
            Err(Diagnostic::error("ambiguous-variable", message)
                .at(&variable.span)
                .help("make its `objref` more specific, for example with a namespace"))
        }
    }
}

/// Adds variables. Names are unique.
pub(super) fn merge(known: &mut Vec<Variable>, more: Vec<Variable>) -> Result<(), Diagnostic> {
    for variable in more {
        if let Some(first) = known.iter().find(|it| it.name == variable.name) {
            let message = format!("duplicate variable `{}`", variable.name);
            return Err(Diagnostic::error("duplicate-variable", message)
                .at(&variable.span)
                .related(&first.span, "first defined here"));
        }
        known.push(variable);
    }
    Ok(())
}

/// Inserts the values. Reports unused variables.
pub(super) fn replace(
    resources: &mut Resources,
    variables: &[Variable],
    specs: &[FieldSpec],
) -> Result<Vec<Diagnostic>, Diagnostic> {
    if variables.is_empty() {
        return Ok(Vec::new());
    }
    let mut values = Values::default();
    for variable in variables {
        let value = value(variable, resources)?;
        let name = variable.name.clone();
        values.known.insert(
            name,
            Value {
                node: value,
                used: false,
            },
        );
    }
    for resource in resources.list_mut() {
        let gvk = resource.object.gvk();
        for spec in specs.iter().filter(|it| it.selects(&gvk)) {
            let node = resource.node_mut();
            spec.visit(node, Leaf::Never, &mut |field, _| set(field, &mut values))?;
        }
        resource.settle();
        if let Some(field) = resource.lost() {
            // Without a kind or a name, the identity cannot be printed.
            let left = match resource.object.kind() {
                "" => format!("`{}`", resource.object.name()),
                kind => format!("a {kind}"),
            };
            let message = format!("a variable leaves {left} without `{field}`");
            return Err(Diagnostic::error("missing-variable-source", message)
                .at(resource.object.span())
                .help("set the field that the variable reads to a non-empty value"));
        }
    }
    let unused = variables
        .iter()
        .filter(|it| values.known.get(&it.name).is_some_and(|it| !it.used));
    let warning = |it: &Variable| {
        let message = format!("no field uses variable `{}`", it.name);
        Diagnostic::warning("unused-variable", message).at(&it.span)
    };
    Ok(unused.map(warning).collect())
}

struct Value {
    node: Node,
    used: bool,
}

/// The current value of a variable.
fn value(variable: &Variable, resources: &Resources) -> Result<Node, Diagnostic> {
    let mut sources = resources
        .iter()
        .filter(|it| it.variables.contains(&variable.name));
    let Some(resource) = sources.next() else {
        let message = format!(
            "the resource of variable `{}` does not exist",
            variable.name
        );
        return Err(Diagnostic::error("missing-variable-source", message)
            .at(&variable.span)
            .help("correct `objref`, or add the resource; use the name in its file"));
    };
    let found = path::lookup(resource.node(), &fields(&variable.field));
    found.cloned().ok_or_else(|| {
        let id = resource.object.id();
        let message = format!(
            "{id} has no field `{}` for variable `{}`",
            variable.field, variable.name
        );
        Diagnostic::error("missing-variable-source", message)
            .at(&variable.span)
            .related(resource.object.span(), "the resource")
            .help("set the field in the resource, or name another one with `fieldref`")
    })
}

/// The parts of a path; `ports[0]` has two.
fn fields(path: &str) -> Vec<String> {
    let mut fields = Vec::new();
    for part in path::split(path) {
        let index = part.strip_suffix(']').and_then(|it| it.rsplit_once('['));
        match index.filter(|(_, digits)| digits.bytes().all(|it| it.is_ascii_digit())) {
            Some((key, digits)) if !digits.is_empty() => {
                fields.extend((!key.is_empty()).then(|| key.to_string()));
                fields.push(digits.to_string());
            }
            _ => fields.push(part),
        }
    }
    fields
}

/// The values, and a count of what they have added.
#[derive(Default)]
struct Values {
    known: BTreeMap<Arc<str>, Value>,
    added: limits::Added,
}

fn set(field: &mut Node, values: &mut Values) -> Result<(), Diagnostic> {
    // kustomize ignores null fields.
    if field.is_null() {
        return Ok(());
    }
    let not_text = |it: &Node| {
        let message = format!(
            "expected strings for variables, found {}",
            it.kind().description()
        );
        Diagnostic::error("wrong-field-type", message).at(it)
    };
    match field.view() {
        View::Scalar(_) => set_scalar(field, values)?,
        View::Mapping(mapping) => {
            if let Some(entry) = mapping.iter().find(|it| it.key.kind() != Kind::String) {
                return Err(not_text(&entry.key));
            }
            for entry in field
                .as_mapping_mut()
                .into_iter()
                .flat_map(|it| it.iter_mut())
            {
                set_scalar(&mut entry.value, values)?;
            }
        }
        View::Sequence(items) => {
            if let Some(item) = items.iter().find(|it| it.kind() != Kind::String) {
                return Err(not_text(item));
            }
            for item in field.as_sequence_mut().into_iter().flatten() {
                set_scalar(item, values)?;
            }
        }
    }
    Ok(())
}

fn set_scalar(field: &mut Node, values: &mut Values) -> Result<(), Diagnostic> {
    if let Some(text) = field.as_string() {
        let replaced = replaced(text, values).map_err(|it| it.at(&*field))?;
        *field = replaced.at(field.span());
    }
    Ok(())
}

/// The string with its variables replaced. A string that is only a variable takes the type of its value.
fn replaced(text: &str, values: &mut Values) -> Result<Node, Diagnostic> {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        let (before, after) = (&rest[..at], &rest[at + 1..]);
        let Some(next) = after.chars().next() else {
            break;
        };
        result.push_str(before);
        let name = after.strip_prefix('(').and_then(|it| it.split_once(')'));
        match (next, name) {
            // `$$` is an escaped dollar: `$$(A)` becomes `$(A)`, for Kubernetes to expand.
            ('$', _) => {
                result.push('$');
                rest = &after[1..];
            }
            ('(', Some((name, more))) => {
                let value = known(name, values);
                // `$(PORT)` alone becomes a number, so that variables can be used in fields that are not strings.
                if let Some(value) = value.filter(|_| text.len() == name.len() + 3) {
                    return Ok(value);
                }
                match known(name, values) {
                    Some(value) => {
                        let value = value.as_str().unwrap_or("");
                        values.added.add_text(value, 1)?;
                        result.push_str(value);
                    }
                    None => result.push_str(&format!("$({name})")),
                }
                rest = more;
            }
            (next, _) => {
                result.push('$');
                result.push(next);
                rest = &after[next.len_utf8()..];
            }
        }
    }
    result.push_str(rest);
    Ok(string(&result))
}

fn string(text: &str) -> Node {
    let style = if text.contains('\n') {
        Style::Literal
    } else {
        Style::Plain
    };
    Node::string(text).styled(style)
}

/// The value of a variable, if it is a scalar.
fn known(name: &str, values: &mut Values) -> Option<Node> {
    let value = values.known.get_mut(name)?;
    let node = &value.node;
    // A variable whose value is a map or list is not replaced, and counts as unused.
    let text = node.as_str()?;
    value.used = true;
    Some(match node.kind() {
        Kind::Bool => Node::bool(node.as_bool() == Some(true)),
        Kind::Int => Node::int(node.as_int()?),
        Kind::Float => Node::scalar(text, Style::Plain, Tag::Float),
        _ => string(text),
    })
}
