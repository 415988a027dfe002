//! A ResourceSet of the Flux operator: the objects that it renders from its templates, for each set of inputs in the repository.

use std::collections::BTreeSet;

use super::super::argo::{go_template, template_value};
use super::super::metadata::{entries, set};
use super::super::sync::{items, text};
use super::super::world::World;
use crate::diag::{Diagnostic, Source};
use crate::object::{Label, Object, Selects, selects};
use crate::tree::TreePath;
use crate::yaml::{Node, View, emit_kustomize, parse};
use pleach_helm::value::{Str, Value};

/// The beginning of the labels of what a set makes.
const OWNER: &str = "resourceset.fluxcd.controlplane.io";

/// The objects of a set. Errors: why the repository does not determine them, as a warning at its line.
pub(in crate::deploy) fn resource_set(
    object: &Object,
    world: &World,
) -> Result<Vec<Object>, Diagnostic> {
    let node = &object.node;
    let all = inputs(object, world)?;
    let mut objects: Vec<Object> = Vec::new();
    let mut known = BTreeSet::new();
    let steps = items(node, &["spec", "steps"]).iter();
    for part in node.get("spec").into_iter().chain(steps) {
        for (template, at) in templates(part) {
            for values in &all {
                let made = made(&template, values, object, at)?;
                let is_enabled = |it: &Object| {
                    let key = "fluxcd.controlplane.io/reconcile";
                    super::super::metadata::value(it, "annotations", key) != "disabled"
                };
                for it in made.into_iter().filter(is_enabled) {
                    let gvk = it.gvk();
                    let key = (
                        gvk.group,
                        gvk.kind,
                        it.namespace().to_string(),
                        it.name().to_string(),
                    );
                    if known.insert(key) {
                        objects.push(it);
                    }
                }
            }
        }
    }
    let label =
        |name: &str, value: &str| (Node::string(format!("{OWNER}/{name}")), Node::string(value));
    let owner = [
        label("name", object.name()),
        label("namespace", object.namespace()),
    ];
    let common = |field: &str| entries(node.at_keys(&["spec", "commonMetadata", field]));
    let (labels, annotations) = (common("labels"), common("annotations"));
    for it in &mut objects {
        set(it, "labels", &owner);
        set(it, "labels", &labels);
        set(it, "annotations", &annotations);
    }
    Ok(objects)
}

fn unseen(object: &Object, at: &Node, words: &str) -> Diagnostic {
    let message = format!("{} is not shown: {words}", object.id());
    Diagnostic::warning("unseen-source", message).at(at)
}

/// The sets of inputs: those of the set itself, and those of static providers. Without any there is one that is empty.
fn inputs(object: &Object, world: &World) -> Result<Vec<Value>, Diagnostic> {
    let node = &object.node;
    let own = items(node, &["spec", "inputs"]).iter();
    let mut all: Vec<Value> = own.map(value).collect();
    let references = items(node, &["spec", "inputsFrom"]);
    let strategy = node.at_keys(&["spec", "inputStrategy", "name"]);
    if let Some(strategy) =
        strategy.filter(|it| it.as_str() == Some("Permute") && !references.is_empty())
    {
        let words = "pleach does not combine the inputs of several providers (Permute)";
        return Err(unseen(object, strategy, words));
    }
    for reference in references {
        for provider in providers(object, reference, world)? {
            let kind = text(&provider.node, &["spec", "type"]);
            let given = provider.node.at_keys(&["spec", "defaultValues"]);
            match given.filter(|_| kind == "Static") {
                Some(given) => all.push(value(given)),
                None => {
                    let words = format!(
                        "its inputs are what ResourceSetInputProvider `{}` of type {kind} finds when it runs in the cluster",
                        provider.name()
                    );
                    return Err(unseen(object, reference, &words));
                }
            }
        }
    }
    if all.is_empty() {
        all.push(Value::map([]));
    }
    Ok(all)
}

/// The providers that a reference leads to: one by its name, or those with some labels. Errors: one that the repository does not have.
fn providers<'a>(
    object: &Object,
    reference: &Node,
    world: &'a World,
) -> Result<Vec<&'a Object>, Diagnostic> {
    const KIND: &str = "ResourceSetInputProvider";
    let name = text(reference, &["name"]);
    let Some(selector) = reference.get("selector").filter(|_| name.is_empty()) else {
        return match world.find(KIND, object.namespace(), name) {
            Some(provider) => Ok(vec![provider]),
            None => {
                let words = format!("{KIND} `{name}` is not in the repository");
                Err(unseen(object, reference, &words))
            }
        };
    };
    let in_namespace = |it: &&Object| it.namespace() == object.namespace();
    let is_selected = |it: &&Object| {
        let labels = it.node.at_keys(&["metadata", "labels"]);
        selects(Some(selector), |key| Label::of(labels, key)) == Selects::Always
    };
    let mut found: Vec<&Object> = world
        .of_kind(KIND)
        .filter(in_namespace)
        .filter(is_selected)
        .collect();
    found.sort_by_key(|it| it.name());
    match found.is_empty() {
        false => Ok(found),
        true => Err(unseen(
            object,
            selector,
            "no ResourceSetInputProvider of the repository has these labels",
        )),
    }
}

/// An input as the operator reads it from JSON: whole numbers stay whole.
fn value(node: &Node) -> Value {
    match node.view() {
        View::Mapping(entries) => Value::map(entries.iter().map(|it| {
            let key = Str::from(it.key.as_str().unwrap_or(""));
            (key, value(&it.value))
        })),
        View::Sequence(items) => Value::list(items.iter().map(value).collect()),
        View::Scalar(_) => match node.as_int() {
            Some(number) => Value::int64(number),
            None => template_value(node),
        },
    }
}

/// The templates of a set or of a step of it, each with where it is written.
fn templates(part: &Node) -> Vec<(String, &Node)> {
    let resources = items(part, &["resources"]).iter();
    let resources = resources.filter_map(|it| Some((emit_kustomize(it).ok()?, it)));
    let text = part.get("resourcesTemplate");
    let text = text.and_then(|it| Some((it.as_str()?.to_string(), it)));
    resources.chain(text).collect()
}

/// The objects of one template with one set of inputs.
fn made(
    template: &str,
    inputs: &Value,
    object: &Object,
    at: &Node,
) -> Result<Vec<Object>, Diagnostic> {
    let fault = |words: &str| unseen(object, at, words);
    let data = Value::map([(Str::from("inputs"), inputs.clone())]);
    let text = go_template(&as_go(template), &data, true).map_err(|it| fault(&it))?;
    let place = TreePath::root().child(&format!("<{}>", object.name().replace('/', "-")));
    let documents = parse(&Source::new(place, &*text));
    let documents = documents.map_err(|faults| {
        let first = faults.into_iter().next();
        let words = first.map_or_else(String::new, |it| it.message);
        fault(&format!("what a template makes is no YAML: {words}"))
    })?;
    let objects = documents.into_iter().filter(|it| !it.is_null());
    Ok(objects.map(|it| Object::new(it.at(at))).collect())
}

/// A template between `<<` and `>>` as one between `{{` and `}}`. The function `inputs` becomes a field of the data.
fn as_go(template: &str) -> String {
    let mut out = String::new();
    let mut rest = template;
    while let Some(start) = rest.find("<<") {
        let (before, after) = rest.split_at(start);
        out.push_str(&before.replace("{{", "{{ \"{{\" }}"));
        let after = after.get(2..).unwrap_or("");
        let Some(end) = after.find(">>") else {
            out.push_str("<<");
            rest = after;
            continue;
        };
        let (inside, tail) = after.split_at(end);
        out.push_str("{{");
        out.push_str(&with_field(inside));
        out.push_str("}}");
        rest = tail.get(2..).unwrap_or("");
    }
    out.push_str(&rest.replace("{{", "{{ \"{{\" }}"));
    out
}

/// An expression with `$.inputs` in place of the function `inputs`; texts in quotes stay.
fn with_field(expression: &str) -> String {
    let mut out = String::new();
    let mut quote: Option<char> = None;
    let mut word = String::new();
    let mut before = ' ';
    let flush = |word: &mut String, before: char, out: &mut String| {
        let is_function = word == "inputs" && !matches!(before, '.' | '$');
        out.push_str(if is_function { "$.inputs" } else { word });
        word.clear();
    };
    for letter in expression.chars() {
        let is_word = letter.is_alphanumeric() || letter == '_';
        if quote.is_none() && is_word {
            word.push(letter);
            continue;
        }
        flush(&mut word, before, &mut out);
        match quote {
            Some(open) if open == letter => quote = None,
            None if matches!(letter, '"' | '`' | '\'') => quote = Some(letter),
            _ => {}
        }
        out.push(letter);
        before = letter;
    }
    flush(&mut word, before, &mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::as_go;

    #[test]
    fn templates_of_the_operator_become_gos() {
        assert_eq!(
            as_go("a: << inputs.b >> {{ c }}"),
            "a: {{ $.inputs.b }} {{ \"{{\" }} c }}"
        );
        assert_eq!(
            as_go("<<- range (inputs.list) >><< .inputs >><< \"inputs\" >>"),
            "{{- range ($.inputs.list) }}{{ .inputs }}{{ \"inputs\" }}"
        );
        assert_eq!(as_go("a << b"), "a << b");
    }
}
