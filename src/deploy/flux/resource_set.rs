//! A ResourceSet of the Flux operator: the objects that it renders from its templates, for each set of inputs in the repository.

use std::collections::{BTreeMap, BTreeSet};

use super::super::argo::{self, functions_with, go_template, slug};
use super::super::cluster_state::ClusterState;
use super::super::metadata::{entries, set};
use super::super::sync::{flag, items, text};
use crate::diag::{Diagnostic, Source};
use crate::object::{Label, Object, Selects, selects};
use crate::tree::TreePath;
use crate::yaml::{Node, View, emit_kustomize, parse};
use pleach_helm::template::{Function, FunctionError, MissingKey, Templates};
use pleach_helm::value::{Str, Type, Value};

/// The functions that the operator adds to sprig's.
const OWN: &[Function] = &[Function::fixed(
    "slugify",
    &[Type::String],
    |_, arguments| {
        let name = String::from_utf8_lossy(arguments.text(0)).into_owned();
        // The maximum is that of a label's value.
        let slug = slug(&name, 63, true);
        slug.map(Value::string).map_err(FunctionError::new)
    },
)];

/// The prefix of the labels of a set's objects.
const OWNER: &str = "resourceset.fluxcd.controlplane.io";

/// The objects of a set. Errors: a warning why they cannot be determined from the repository.
pub(in crate::deploy) fn resource_set(
    object: &Object,
    cluster_state: &ClusterState,
) -> Result<Vec<Object>, Diagnostic> {
    let node = &object.node;
    let all = inputs(object, cluster_state)?;
    let functions = functions_with(OWN);
    let mut objects: Vec<Object> = Vec::new();
    let mut known = BTreeSet::new();
    let steps = items(node, &["spec", "steps"]).iter();
    for part in node.get("spec").into_iter().chain(steps) {
        for (template, at) in templates(part) {
            for values in &all {
                let made = render_template(&template, values, &functions, object, at)?;
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

fn unseen(object: &Object, at: &Node, reason: &str) -> Diagnostic {
    let message = format!("{} is not shown: {reason}", object.id());
    Diagnostic::warning("unseen-source", message).at(at)
}

/// The sets of inputs: those of the set itself, then those of static providers, in sequence or permuted. Without inputs and
/// providers, there is one empty set; if the providers have no inputs, there is none.
fn inputs(object: &Object, cluster_state: &ClusterState) -> Result<Vec<Value>, Diagnostic> {
    let node = &object.node;
    let own = items(node, &["spec", "inputs"]).iter();
    let own = own.map(|it| with_provider(it, object)).collect();
    let mut all = vec![(object.name().to_string(), own)];
    let references = items(node, &["spec", "inputsFrom"]);
    let mut chosen = BTreeMap::new();
    for reference in references {
        for provider in providers(object, reference, cluster_state)? {
            chosen.insert(provider.name(), (provider, reference));
        }
    }
    for (provider, reference) in chosen.into_values() {
        let kind = text(&provider.node, &["spec", "type"]);
        let given = provider.node.at_keys(&["spec", "defaultValues"]);
        let Some(given) = given.filter(|_| kind == "Static") else {
            let reason = format!(
                "its inputs are what ResourceSetInputProvider `{}` of type {kind} finds when it runs in the cluster",
                provider.name()
            );
            return Err(unseen(object, reference, &reason));
        };
        let inputs = vec![with_provider(given, provider)];
        all.push((provider.name().to_string(), inputs));
    }
    let strategy = node.at_keys(&["spec", "inputStrategy"]);
    let mut combined = match strategy.map(|it| text(it, &["name"])) {
        Some("Permute") => {
            let includes_empty = strategy.is_some_and(|it| flag(it, &["includeEmptyProviders"]));
            all.retain(|it| includes_empty || !it.1.is_empty());
            combinations(&all)
                .map_err(|reason| unseen(object, strategy.unwrap_or(node), &reason))?
        }
        _ => all.into_iter().flat_map(|it| it.1).collect(),
    };
    if combined.is_empty() && references.is_empty() {
        combined.push(Value::map([]));
    }
    Ok(combined)
}

/// A set of inputs and its provider.
fn with_provider(inputs: &Node, provider: &Object) -> Value {
    let gvk = provider.gvk();
    let text = |it: &str| Value::string(it);
    let reference = Value::map([
        (
            "apiVersion".into(),
            text(&format!("{}/{}", gvk.group, gvk.version)),
        ),
        ("kind".into(), text(&gvk.kind)),
        ("name".into(), text(provider.name())),
        ("namespace".into(), text(provider.namespace())),
    ]);
    let value = value(inputs);
    if let Value::Map(map) = &value {
        _ = map.insert("provider", reference);
    }
    value
}

/// The maximum number of combinations in the operator.
const COMBINATIONS_MAX: usize = 10_000;

/// All combinations of the inputs of all providers, under the providers' names.
fn combinations(providers: &[(String, Vec<Value>)]) -> Result<Vec<Value>, String> {
    let count = providers
        .iter()
        .try_fold(1_usize, |count, it| count.checked_mul(it.1.len()));
    if count.is_none_or(|it| it > COMBINATIONS_MAX) {
        return Err(format!(
            "its inputs have more than {COMBINATIONS_MAX} combinations, which the operator refuses"
        ));
    }
    if providers.is_empty() {
        return Ok(Vec::new());
    }
    let mut all = vec![(Vec::new(), Vec::new())];
    for (name, inputs) in providers {
        let name = key(name);
        let mut longer = Vec::new();
        for (id, chosen) in &all {
            for (at, input) in inputs.iter().enumerate() {
                let (mut id, mut chosen) = (id.clone(), chosen.clone());
                id.push(format!("{name}={at}"));
                chosen.push((Str::from(name.as_str()), input.clone()));
                longer.push((id, chosen));
            }
        }
        all = longer;
    }
    let sets = all.into_iter().map(|(id, chosen)| {
        let id = adler32(id.join("/").as_bytes()).to_string();
        Value::map(chosen.into_iter().chain([("id".into(), Value::string(id))]))
    });
    Ok(sets.collect())
}

/// A name as a template key: words of lower-case letters and digits, joined by underscores.
fn key(name: &str) -> String {
    let lower = name.to_lowercase();
    let words = lower.split(|it: char| !it.is_ascii_alphanumeric());
    let words: Vec<&str> = words.filter(|it| !it.is_empty()).collect();
    words.join("_")
}

/// The checksum of RFC 1950, which the operator uses as the name of a combination.
fn adler32(bytes: &[u8]) -> u32 {
    let (low, high) = bytes.iter().fold((1_u32, 0_u32), |(low, high), byte| {
        let low = (low + u32::from(*byte)) % 65_521;
        (low, (high + low) % 65_521)
    });
    high << 16 | low
}

/// The providers that a reference selects: by name or by labels. Errors: a provider that is not in the repository.
fn providers<'a>(
    object: &Object,
    reference: &Node,
    cluster_state: &'a ClusterState,
) -> Result<Vec<&'a Object>, Diagnostic> {
    const KIND: &str = "ResourceSetInputProvider";
    let name = text(reference, &["name"]);
    let Some(selector) = reference.get("selector").filter(|_| name.is_empty()) else {
        return match cluster_state.find(KIND, object.namespace(), name) {
            Some(provider) => Ok(vec![provider]),
            None => {
                let reason = format!("{KIND} `{name}` is not in the repository");
                Err(unseen(object, reference, &reason))
            }
        };
    };
    let in_namespace = |it: &&Object| it.namespace() == object.namespace();
    let is_selected = |it: &&Object| {
        let labels = it.node.at_keys(&["metadata", "labels"]);
        selects(Some(selector), |key| Label::find(labels, key)) == Selects::Always
    };
    let mut found: Vec<&Object> = cluster_state
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
            None => argo::value(node),
        },
    }
}

/// The templates of a set or of one of its steps, each with its location.
fn templates(part: &Node) -> Vec<(String, &Node)> {
    let resources = items(part, &["resources"]).iter();
    let resources = resources.filter_map(|it| Some((emit_kustomize(it).ok()?, it)));
    let text = part.get("resourcesTemplate");
    let text = text.and_then(|it| Some((it.as_str()?.to_string(), it)));
    resources.chain(text).collect()
}

/// The objects of one template with one set of inputs.
fn render_template(
    template: &str,
    inputs: &Value,
    functions: &Templates,
    object: &Object,
    at: &Node,
) -> Result<Vec<Object>, Diagnostic> {
    let fault = |reason: &str| unseen(object, at, reason);
    let data = Value::map([(Str::from("inputs"), inputs.clone())]);
    let text = go_template(&as_go(template), &data, MissingKey::Error, functions);
    let text = text.map_err(|it| fault(&it))?;
    let location = TreePath::root().child(&format!("<{}>", object.name().replace('/', "-")));
    let documents = parse(&Source::new(location, &*text));
    let documents = documents.map_err(|faults| {
        let first = faults.into_iter().next();
        let reason = first.map_or_else(String::new, |it| it.message);
        fault(&format!(
            "the output of the template is not valid YAML: {reason}"
        ))
    })?;
    let objects = documents.into_iter().filter(|it| !it.is_null());
    Ok(objects.map(|it| Object::new(it.at(at))).collect())
}

/// Converts the delimiters `<<` and `>>` to `{{` and `}}`. The function `inputs` becomes a field of the data.
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

/// Replaces the function `inputs` by `$.inputs` in an expression, except in quoted texts.
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
