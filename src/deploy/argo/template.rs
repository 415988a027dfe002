//! Templates of ApplicationSets: `{{ name }}` replaced, or Go templates with sprig's functions.

use pleach_helm::HelmVersion;
use pleach_helm::functions::{State, groups};
use pleach_helm::template::{Function, FunctionError, MissingKey, Renderer, Templates};
use pleach_helm::value::{Str, Type, Value};

use super::parameters::{Parameters, normalized};
use super::slug::slug;
use crate::deploy::sync::{flag, items};
use crate::diag::Diagnostic;
use crate::yaml::{Entry, Mapping, Node, View};

/// How the templates of an ApplicationSet are read.
pub(super) struct TemplateLanguage {
    /// Whether they are Go templates.
    pub(super) is_go: bool,
    missing_key: MissingKey,
    functions: Templates,
}

/// The functions that Argo CD adds to sprig's.
const ARGO_FUNCTIONS: &[Function] = &[
    Function::fixed("normalize", &[Type::String], |_, arguments| {
        let name = String::from_utf8_lossy(arguments.text(0)).into_owned();
        Ok(Value::string(normalized(&name)))
    }),
    Function::variadic("slugify", &[Type::Any], |_, arguments| {
        let Some(Value::String(name)) = arguments.0.last() else {
            return Err(FunctionError::new(
                "slugify: the last argument is no string",
            ));
        };
        let max = match arguments.0 {
            [Value::Int(_, max), _, ..] => usize::try_from(*max).unwrap_or(0),
            _ => 50,
        };
        let is_smart = !matches!(arguments.0, [_, Value::Bool(false), _]);
        let slug = slug(&normalized(&name.to_lossy()), max, is_smart);
        slug.map(Value::string).map_err(FunctionError::new)
    }),
];

/// The functions of sprig and those of a controller, for [`go_template`].
pub(in crate::deploy) fn functions_with(own: &[Function]) -> Templates {
    let mut all = groups();
    all.push(own);
    Templates::new(&all)
}

/// Renders a Go template with a set of functions. Errors: Go's messages.
pub(in crate::deploy) fn go_template(
    text: &str,
    data: &Value,
    missing_key: MissingKey,
    functions: &Templates,
) -> Result<String, String> {
    let mut templates = functions.without_templates();
    let parsed = templates.parse("base", &Str::from(text));
    parsed.map_err(|it| it.to_string())?;
    let mut renderer = Renderer::new(&templates, HelmVersion::V3, State::new(text));
    renderer.missing_key = missing_key;
    let out = renderer.render_as_go("base", data);
    let out = out.map_err(|it| it.to_string())?;
    Ok(String::from_utf8_lossy(&out).into_owned())
}

impl TemplateLanguage {
    /// The language of an ApplicationSet.
    pub(super) fn from_set(set: &Node) -> TemplateLanguage {
        let options = items(set, &["spec", "goTemplateOptions"]).iter();
        let mut options = options.filter_map(|it| match it.as_str()? {
            "missingkey=error" => Some(MissingKey::Error),
            "missingkey=zero" => Some(MissingKey::Zero),
            "missingkey=default" | "missingkey=invalid" => Some(MissingKey::Invalid),
            _ => None,
        });
        TemplateLanguage {
            is_go: flag(set, &["spec", "goTemplate"]),
            missing_key: options.next_back().unwrap_or_default(),
            functions: functions_with(ARGO_FUNCTIONS),
        }
    }

    /// Replaces the expressions of a text. Errors: Go's messages.
    pub(super) fn text(&self, text: &str, parameters: &Parameters) -> Result<String, String> {
        match self.is_go {
            true if !text.contains("{{") => Ok(text.to_string()),
            true => {
                let data = Value::map(parameters.clone());
                go_template(text, &data, self.missing_key, &self.functions)
            }
            false => fast_template(text, parameters),
        }
    }

    /// A node with the expressions of all its texts replaced, keys included. Keys without a value are dropped, as by the controller.
    ///
    /// Errors: Go's messages, at the text.
    pub(super) fn node(&self, node: &Node, parameters: &Parameters) -> Result<Node, Diagnostic> {
        Ok(match node.view() {
            View::Scalar(text) if text.contains("{{") => {
                let replaced = self.text(text, parameters);
                let replaced = replaced.map_err(|message| bad_template(message, node))?;
                Node::string(replaced).at(node)
            }
            View::Scalar(_) => node.clone(),
            View::Sequence(items) => {
                let items = items.iter().map(|it| self.node(it, parameters));
                Node::sequence(items.collect::<Result<Vec<_>, _>>()?).at(node)
            }
            View::Mapping(mapping) => {
                let entries = mapping.iter().filter(|it| !it.value.is_null());
                let entries = entries.map(|it| {
                    Ok(Entry {
                        key: self.node(&it.key, parameters)?,
                        value: self.node(&it.value, parameters)?,
                    })
                });
                Node::mapping(entries.collect::<Result<Mapping, Diagnostic>>()?).at(node)
            }
        })
    }
}

pub(super) fn bad_template(message: String, at: &Node) -> Diagnostic {
    Diagnostic::error("bad-template", message).at(at)
}

/// Replaces `{{ name }}` by parameters that are strings; other expressions are kept. A text without any complete expression is not
/// changed. Errors: an expression that does not end.
fn fast_template(text: &str, parameters: &Parameters) -> Result<String, String> {
    let has_expression = |line: &str| {
        let after = line.split_once("{{");
        after.is_some_and(|(_, after)| after.contains("}}"))
    };
    if !text.split('\n').any(has_expression) {
        return Ok(text.to_string());
    }
    let (mut out, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((tag, after)) = after.split_once("}}") else {
            return Err(format!("`{{{{{after}` has no `}}}}`"));
        };
        out.push_str(before);
        match parameters.get(tag.trim().as_bytes()) {
            Some(Value::String(value)) if !tag.trim().is_empty() => {
                out.push_str(&value.to_lossy());
            }
            _ => out.extend(["{{", tag, "}}"]),
        }
        rest = after;
    }
    Ok(out + rest)
}

/// Merges a patch into a node: maps are merged, null removes a field, everything else is replaced.
pub(super) fn merge_patch(node: &Node, patch: &Node) -> Node {
    let (Some(fields), Some(patched)) = (node.as_mapping(), patch.as_mapping()) else {
        return patch.clone();
    };
    let mut fields = fields.clone();
    for Entry { key, value } in patched {
        let name = key.as_str().unwrap_or("");
        if value.is_null() {
            fields.remove(name);
            continue;
        }
        let merged = match fields.get(name) {
            Some(known) => merge_patch(known, value),
            None => value.clone(),
        };
        fields.insert(key.clone(), merged);
    }
    Node::mapping(fields).at(node)
}

/// Fills empty fields of a template from another one, as mergo does for structs: false and 0 count as empty, and arbitrary JSON
/// (`valuesObject`) is a single value.
pub(super) fn fill_empty_fields(node: &Node, base: &Node) -> Node {
    let (Some(fields), Some(given)) = (node.as_mapping(), base.as_mapping()) else {
        return if is_empty(node) {
            base.clone()
        } else {
            node.clone()
        };
    };
    let mut fields = fields.clone();
    for Entry { key, value } in given {
        let name = key.as_str().unwrap_or("");
        let merged = match fields.get(name) {
            Some(own) if name == "valuesObject" && !own.is_null() => own.clone(),
            Some(own) => fill_empty_fields(own, value),
            None => value.clone(),
        };
        fields.insert(key.clone(), merged);
    }
    Node::mapping(fields).at(node)
}

fn is_empty(node: &Node) -> bool {
    let is_zero = node.as_bool() == Some(false) || node.as_int() == Some(0);
    node.is_null() || node.is_empty_collection() || node.as_str() == Some("") || is_zero
}
