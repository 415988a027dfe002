//! Templates of ApplicationSets: `{{ name }}` replaced, or Go templates with sprig's functions.

use pleach_helm::HelmVersion;
use pleach_helm::functions::{State, groups};
use pleach_helm::template::{Function, FunctionError, Renderer, Templates};
use pleach_helm::value::{Str, Type, Value};

use super::parameters::{Parameters, normalized, value};
use crate::deploy::sync::{flag, items};
use crate::diag::Diagnostic;
use crate::yaml::{Entry, Mapping, Node, View};

/// How the templates of an ApplicationSet are read.
pub(super) struct Language {
    /// Whether they are Go templates.
    pub(super) is_go: bool,
    /// Whether a parameter that does not exist is an error.
    is_strict: bool,
}

/// The functions that Argo CD adds to sprig's.
const OWN: &[Function] = &[
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
        Ok(Value::string(slug(&name.to_lossy(), max, is_smart)))
    }),
];

/// A name for an address: words joined by dashes, whole words where it has to be cut.
fn slug(name: &str, max: usize, is_smart: bool) -> String {
    let name = normalized(name).replace('.', "-");
    let words: Vec<&str> = name.split('-').filter(|it| !it.is_empty()).collect();
    let whole = words.join("-");
    if max == 0 || whole.len() <= max {
        return whole;
    }
    if !is_smart {
        let cut: String = whole.chars().take(max).collect();
        return cut.trim_matches('-').to_string();
    }
    let mut out = String::new();
    for word in words {
        let length = out.len() + word.len() + usize::from(!out.is_empty());
        if length > max {
            break;
        }
        if !out.is_empty() {
            out.push('-');
        }
        out.push_str(word);
    }
    match out.is_empty() {
        true => whole.chars().take(max).collect(),
        false => out,
    }
}

/// A Go template with sprig's functions. Errors: Go's words; where it is strict, a value that does not exist.
pub(in crate::deploy) fn go_template(
    text: &str,
    data: &Value,
    is_strict: bool,
) -> Result<String, String> {
    let mut all = groups();
    all.push(OWN);
    let mut templates = Templates::new(&all);
    let parsed = templates.parse("base", &Str::from(text));
    parsed.map_err(|it| it.to_string())?;
    let mut renderer = Renderer::new(&templates, HelmVersion::V3, State::new(text));
    let out = renderer.render_as_go("base", data);
    let out = String::from_utf8_lossy(&out.map_err(|it| it.to_string())?).into_owned();
    if is_strict && out.contains("<no value>") {
        let line = out.lines().find(|it| it.contains("<no value>"));
        return Err(format!(
            "a value of `{}` does not exist",
            line.unwrap_or(text).trim()
        ));
    }
    Ok(out)
}

impl Language {
    /// The language of an ApplicationSet.
    pub(super) fn of(set: &Node) -> Language {
        let options = items(set, &["spec", "goTemplateOptions"]).iter();
        let mut options = options.filter_map(Node::as_str);
        Language {
            is_go: flag(set, &["spec", "goTemplate"]),
            is_strict: options.any(|it| it == "missingkey=error"),
        }
    }

    /// A text with its expressions replaced. Errors: Go's words.
    pub(super) fn text(&self, text: &str, parameters: &Parameters) -> Result<String, String> {
        match self.is_go {
            _ if !text.contains("{{") => Ok(text.to_string()),
            true => self.go(text, parameters),
            false => Ok(replaced(text, parameters)),
        }
    }

    fn go(&self, text: &str, parameters: &Parameters) -> Result<String, String> {
        let data = Value::map(
            parameters
                .iter()
                .map(|(key, it)| (Str::from(key.as_str()), value(it))),
        );
        go_template(text, &data, self.is_strict)
    }

    /// A node with the expressions of all its texts replaced, keys included. Errors: Go's words, at the text.
    pub(super) fn node(&self, node: &Node, parameters: &Parameters) -> Result<Node, Diagnostic> {
        Ok(match node.view() {
            View::Scalar(text) if text.contains("{{") => {
                let replaced = self.text(text, parameters);
                let replaced = replaced.map_err(|words| bad_template(words, node))?;
                Node::string(replaced).at(node)
            }
            View::Scalar(_) => node.clone(),
            View::Sequence(items) => {
                let items = items.iter().map(|it| self.node(it, parameters));
                Node::sequence(items.collect::<Result<Vec<_>, _>>()?).at(node)
            }
            View::Mapping(mapping) => {
                let entries = mapping.iter().map(|it| {
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

fn bad_template(words: String, at: &Node) -> Diagnostic {
    Diagnostic::error("bad-template", words).at(at)
}

/// `{{ name }}` replaced by parameters that are texts; all others stay.
fn replaced(text: &str, parameters: &Parameters) -> String {
    let (mut out, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((tag, after)) = after.split_once("}}") else {
            break;
        };
        out.push_str(before);
        match parameters
            .get(tag.trim())
            .and_then(serde_json::Value::as_str)
        {
            Some(value) => out.push_str(value),
            None => out.extend(["{{", tag, "}}"]),
        }
        rest = after;
    }
    out + rest
}

/// Lays a patch over a node: maps are merged, null takes a field away, all else is replaced.
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

/// A template with what it leaves empty taken from another.
pub(super) fn filled(node: &Node, base: &Node) -> Node {
    let (Some(fields), Some(given)) = (node.as_mapping(), base.as_mapping()) else {
        let is_empty = node.is_null() || node.is_empty_collection() || node.as_str() == Some("");
        return if is_empty { base.clone() } else { node.clone() };
    };
    let mut fields = fields.clone();
    for Entry { key, value } in given {
        let merged = match fields.get(key.as_str().unwrap_or("")) {
            Some(own) => filled(own, value),
            None => value.clone(),
        };
        fields.insert(key.clone(), merged);
    }
    Node::mapping(fields).at(node)
}

#[cfg(test)]
mod tests {
    use super::slug;

    #[test]
    fn a_slug_ends_with_a_whole_word() {
        assert_eq!(
            slug("Feature/add_new things", 50, true),
            "feature-add-new-things"
        );
        assert_eq!(slug("feature-add-new-things", 12, true), "feature-add");
        assert_eq!(slug("feature-add-new-things", 13, false), "feature-add-n");
    }
}
