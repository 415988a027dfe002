//! The generator `list`: elements as they are written.

use pleach_helm::value::Value;

use super::super::parameters::{Parameters, of_mapping, value};
use super::{Generators, ParameterSet, ParameterSets, not_allowed};
use crate::deploy::sync::items;
use crate::diag::Diagnostic;
use crate::yaml::{Node, parse_one};

impl Generators<'_> {
    pub(super) fn list(&self, spec: &Node) -> ParameterSets {
        let mut sets: Vec<Parameters> = Vec::new();
        for element in items(spec, &["elements"]) {
            if !element.is_null() && element.as_mapping().is_none() {
                return Err(not_allowed(element, "an element must be a mapping"));
            }
            sets.push(match self.language.is_go {
                true => of_mapping(element),
                false => flat_element(element)?,
            });
        }
        if let Some(text) = spec
            .get("elementsYaml")
            .filter(|it| it.as_str() != Some(""))
        {
            let source = text.embedded_source();
            let parsed = parse_one(&source).map_err(|faults| {
                let message = faults.iter().next().map_or("", |it| it.message.as_str());
                not_allowed(text, &format!("elementsYaml: {message}"))
            })?;
            let is_set = |it: &Node| it.is_null() || it.as_mapping().is_some();
            match parsed.as_sequence() {
                Some(elements) if elements.iter().all(is_set) => {
                    sets.extend(elements.iter().map(of_mapping));
                }
                None if parsed.is_null() => {}
                _ => return Err(not_allowed(text, "elementsYaml must be a list of mappings")),
            }
        }
        Ok(sets)
    }
}

/// An element of a list if templates are not Go templates: strings, and `values` with a prefix.
fn flat_element(element: &Node) -> ParameterSet {
    let mut flat = Parameters::new();
    for entry in element.as_mapping().into_iter().flatten() {
        let key = entry.key.as_str().unwrap_or("");
        if key != "values" {
            flat.insert(key.into(), plain_text(&entry.value)?);
            continue;
        }
        let Some(values) = entry.value.as_mapping() else {
            return Err(not_allowed(&entry.value, "`values` must be a mapping"));
        };
        for entry in values {
            let key = format!("values.{}", entry.key.as_str().unwrap_or(""));
            flat.insert(key.into(), plain_text(&entry.value)?);
        }
    }
    Ok(flat)
}

fn plain_text(node: &Node) -> Result<Value, Diagnostic> {
    match value(node) {
        text @ Value::String(_) => Ok(text),
        _ => {
            let message = "a parameter must be a string where `goTemplate` is not true";
            Err(not_allowed(node, message).help("write it in quotes, or set `goTemplate: true`"))
        }
    }
}
