//! The Applications that an ApplicationSet generates.

use std::collections::BTreeMap;

use super::RenderContext;
use super::generators::Generators;
use super::parameters::Parameters;
use super::template::{TemplateLanguage, bad_template, merge_patch};
use crate::deploy::sync::{flag, items};
use crate::diag::{Class, Diagnostic, Diagnostics};
use crate::object::Object;
use crate::yaml::{Mapping, Node, parse_one};

/// The Applications of a set, in the order of its generators. Unknown parts are reported.
///
/// Errors: the first fault of a generator or template; the controller then does not change any Application of the set.
pub(in crate::deploy) fn applications(
    set: &Object,
    context: &RenderContext<'_>,
    diagnostics: &mut Diagnostics,
) -> Result<Vec<Object>, Diagnostic> {
    let language = TemplateLanguage::from_set(&set.node);
    let generators = Generators::new(context, set, &language);
    let template = set.node.at_keys(&["spec", "template"]);
    let template = template.cloned().unwrap_or_else(Node::null);
    let mut found = Vec::new();
    for generator in items(&set.node, &["spec", "generators"]) {
        for generated in generators.run(generator, &template, diagnostics)? {
            for parameters in generated.parameters {
                let node = rendered(set, &language, &generated.template, &parameters)?;
                found.push(application(set, &node));
            }
        }
    }
    without_duplicates(&mut found, set, diagnostics);
    Ok(found)
}

/// The rendered template, with the patch applied.
fn rendered(
    set: &Object,
    language: &TemplateLanguage,
    template: &Node,
    parameters: &Parameters,
) -> Result<Node, Diagnostic> {
    let mut node = template.clone();
    // Without parameters, the controller uses the template unchanged.
    if !parameters.is_empty() {
        node = language.node(template, parameters)?;
        add_finalizer(&mut node, set);
    }
    let Some(patch) = set.node.at_keys(&["spec", "templatePatch"]) else {
        return Ok(node);
    };
    let text = language.text(patch.as_str().unwrap_or(""), parameters);
    let text = text.map_err(|message| bad_template(message, patch))?;
    patched(&node, patch, &text)
}

/// Deleting an Application deletes what it deployed, unless its set preserves that.
fn add_finalizer(node: &mut Node, set: &Object) {
    const FINALIZER: &str = "resources-finalizer.argocd.argoproj.io";
    let is_preserved = flag(
        &set.node,
        &["spec", "syncPolicy", "preserveResourcesOnDeletion"],
    );
    let has_any = !items(node, &["metadata", "finalizers"]).is_empty();
    let at = node.clone();
    let metadata = node.get_mut("metadata").and_then(Node::as_mapping_mut);
    if let Some(metadata) = metadata.filter(|_| !is_preserved && !has_any) {
        let finalizers = vec![Node::constant(FINALIZER).at(&at)];
        metadata.insert("finalizers", Node::sequence(finalizers).at(&at));
    }
}

/// Reports two Applications with the same name, of which the controller applies neither.
fn without_duplicates(found: &mut Vec<Object>, set: &Object, diagnostics: &mut Diagnostics) {
    let mut count: BTreeMap<String, usize> = BTreeMap::new();
    for it in found.iter() {
        *count.entry(it.name().to_string()).or_default() += 1;
    }
    count.retain(|_, count| *count > 1);
    for (name, count) in &count {
        let message = format!("{} generates {count} Applications `{name}`", set.id());
        let help = "Argo CD applies none of them; make the name depend on all parameters";
        diagnostics.push(
            Diagnostic::error("duplicate-resource", message)
                .class(Class::DuplicateObject)
                .at(&set.node)
                .help(help),
        );
    }
    found.retain(|it| !count.contains_key(it.name()));
}

/// A strategic merge by the types of Applications: maps are merged, lists replaced, finalizers added. A patch cannot change the
/// project.
fn patched(node: &Node, patch: &Node, text: &str) -> Result<Node, Diagnostic> {
    if text.trim_start().starts_with('{')
        && let Err(fault) = serde_json::from_str::<serde_json::Value>(text)
    {
        let message = format!("templatePatch begins with `{{`, so it must be JSON: {fault}");
        return Err(bad_template(message, patch));
    }
    let source = Node::string(text).at(patch).embedded_source();
    let over = parse_one(&source).map_err(|faults| {
        let fault = faults.into_iter().next();
        fault.unwrap_or_else(|| bad_template("it is not valid YAML".to_string(), patch))
    })?;
    if over.is_null() {
        return Ok(node.clone());
    }
    if over.as_mapping().is_none() {
        let message = "templatePatch must be a mapping".to_string();
        return Err(bad_template(message, patch));
    }
    let mut changed = merge_patch(node, &over);
    let path = ["metadata", "finalizers"];
    let (own, added) = (items(node, &path), items(&over, &path));
    let is_kept = |it: &&Node| !added.iter().any(|added| added.as_str() == it.as_str());
    let kept = own.iter().filter(is_kept);
    let all: Vec<Node> = added.iter().chain(kept).cloned().collect();
    let metadata = changed.get_mut("metadata").and_then(Node::as_mapping_mut);
    if let Some(metadata) = metadata.filter(|_| !added.is_empty()) {
        metadata.insert("finalizers", Node::sequence(all).at(patch));
    }
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
