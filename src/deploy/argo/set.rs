//! The Applications that an ApplicationSet makes.

use super::Setting;
use super::generators::Generators;
use super::template::{Language, merge_patch};
use crate::deploy::sync::items;
use crate::diag::Diagnostics;
use crate::object::Object;
use crate::yaml::{Mapping, Node, parse_one};

/// The Applications of a set, in the order of its generators. What cannot be known is reported, and what is at fault is left out.
pub(in crate::deploy) fn applications(
    set: &Object,
    setting: &Setting<'_>,
    said: &mut Diagnostics,
) -> Vec<Object> {
    let language = Language::of(&set.node);
    let generators = Generators {
        setting,
        set,
        language: &language,
    };
    let template = set.node.at_keys(&["spec", "template"]);
    let template = template.cloned().unwrap_or_else(Node::null);
    let mut found = Vec::new();
    for generator in items(&set.node, &["spec", "generators"]) {
        let generated = generators.run(generator, &template, said);
        let Some(generated) = said.keep(generated) else {
            continue;
        };
        for parameters in generated.parameters {
            let rendered = language.node(&generated.template, &parameters);
            let Some(mut node) = said.keep(rendered) else {
                continue;
            };
            if let Some(patch) = set.node.at_keys(&["spec", "templatePatch"]) {
                let text = language.text(patch.as_str().unwrap_or(""), &parameters);
                let text = text.map_err(|words| {
                    crate::diag::Diagnostic::error("bad-template", words).at(patch)
                });
                let Some(text) = said.keep(text) else {
                    continue;
                };
                match patched(&node, patch, &text) {
                    Ok(changed) => node = changed,
                    Err(faults) => {
                        said.extend(faults);
                        continue;
                    }
                }
            }
            found.push(application(set, &node));
        }
    }
    found
}

/// The project of an Application is the template's own, whatever a patch says.
fn patched(node: &Node, patch: &Node, text: &str) -> Result<Node, Diagnostics> {
    let source = Node::string(text).at(patch).embedded_source();
    let over = parse_one(&source)?;
    let mut changed = merge_patch(node, &over);
    let project = node.at_keys(&["spec", "project"]).cloned();
    let spec = changed.get_mut("spec").and_then(Node::as_mapping_mut);
    if let (Some(spec), Some(project)) = (spec, project) {
        spec.insert("project", project);
    }
    Ok(changed)
}

fn application(set: &Object, template: &Node) -> Object {
    let mut metadata = template
        .get("metadata")
        .and_then(Node::as_mapping)
        .cloned()
        .unwrap_or_default();
    if !set.namespace().is_empty() {
        metadata.insert("namespace", Node::string(set.namespace()));
    }
    let spec = template.get("spec").cloned();
    let fields = Mapping::from([
        (
            "apiVersion",
            Node::constant("argoproj.io/v1alpha1").at(set.span()),
        ),
        ("kind", Node::constant("Application").at(set.span())),
        ("metadata", Node::mapping(metadata).at(set.span())),
        ("spec", spec.unwrap_or_else(Node::null)),
    ]);
    Object::new(Node::mapping(fields).at(template))
}
