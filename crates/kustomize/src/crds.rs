//! `crds`: names, labels and annotations in custom resources, as their properties declare them.

use std::cell::Cell;
use std::collections::BTreeMap;

use pleach_kube::object::Gvk;
use pleach_yaml::diag::Diagnostic;
use pleach_yaml::tree::TreePath;
use pleach_yaml::{Node, parse_one};

use super::accumulate::Context;
use super::config::{Config, NameReference};
use super::fieldspec::FieldSpec;
use super::limits::limit;
use super::record::Text;

/// Reads an OpenAPI document of types by name: `{name: {Schema: {properties: …}}}`.
pub(super) fn read(context: &mut Context<'_>, folder: &TreePath, entry: &Text) -> Option<Config> {
    let read = context.loader.source(folder, entry, entry.span());
    let source = context.keep(read)?;
    let document = context.keep_all(parse_one(&source))?;
    if let Some((node, message)) = fault(&document) {
        let fault = Diagnostic::error("openapi-invalid", message)
            .at(node)
            .help(HELP);
        context.diagnostics.push(fault);
        return None;
    }
    let mut types = BTreeMap::new();
    for entry in document.as_mapping().into_iter().flatten() {
        // The file is the output of `openapi-gen` for Go types, not a CustomResourceDefinition: kustomize unmarshals it into
        // `map[string]common.OpenAPIDefinition`, whose fields are `Schema` and `Dependencies`.
        let schema = field(&entry.value, "schema");
        let properties = schema.and_then(|it| field(it, "properties"));
        if let (Some(name), Some(properties)) = (entry.key.as_str(), properties) {
            types.insert(name, properties);
        }
    }
    let mut config = Config::default();
    let walked = Cell::new(0);
    for (name, properties) in &types {
        let is_kind = |it: &&str| properties.get(it).is_some();
        // Other types are only parts of kinds, and are visited when a kind refers to them.
        if ["kind", "apiVersion", "metadata"].iter().all(is_kind) {
            // Types have names as in OpenAPI, `io.example.v1.Bee`. kustomize uses the last part as the kind and leaves the group
            // open.
            let kind = name.rsplit('.').next().unwrap_or(name);
            let walk = Walk {
                kind,
                types: &types,
                walked: &walked,
            };
            walk.properties(properties, &mut Vec::new(), &mut config);
        }
    }
    if walked.get() > WALKED_MAX {
        let message = format!("the types of the file have more than {WALKED_MAX} fields");
        let fault = limit(message).at(entry);
        context
            .diagnostics
            .push(fault.help("split the file, or remove types that refer to each other"));
        return None;
    }
    config.sort();
    Some(config)
}

const HELP: &str = "`crds` takes the OpenAPI document of Go types, as `openapi-gen` writes it (`NAME: {Schema: {…}, Dependencies: […]}`); \
    to apply a CustomResourceDefinition, list it under `resources`";

/// What kustomize cannot unmarshal into definitions of types, and why. `null` is valid everywhere, as in Go.
fn fault(document: &Node) -> Option<(&Node, String)> {
    let is_object = field(document, "apiVersion").is_some_and(Node::is_scalar);
    let kind = field(document, "kind").and_then(Node::as_str);
    if let Some(kind) = kind.filter(|_| is_object) {
        let message = format!("the file is an object of kind `{kind}`, not a document of types");
        return Some((document, message));
    }
    let is_map = |it: &Node| it.is_null() || it.as_mapping().is_some();
    if !is_map(document) {
        return Some((document, "the file is not a map of types".to_string()));
    }
    let types = document.as_mapping().into_iter().flatten();
    types.map(|it| &it.value).find_map(|definition| {
        let schema = field(definition, "schema").unwrap_or(definition);
        let properties = field(schema, "properties").unwrap_or(schema);
        let dependencies = field(definition, "dependencies");
        let is_list = |it: &Node| it.is_null() || it.as_sequence().is_some();
        match [definition, schema, properties]
            .into_iter()
            .find(|it| !is_map(it))
        {
            Some(node) => Some((node, "the definition of a type must be a map".to_string())),
            None => {
                let node = dependencies.filter(|it| !is_list(it))?;
                Some((
                    node,
                    "the dependencies of a type must be a list".to_string(),
                ))
            }
        }
    })
}

/// A field by name. Go ignores the case of names.
fn field<'a>(node: &'a Node, name: &str) -> Option<&'a Node> {
    let fields = node.as_mapping()?.iter();
    let mut fields = fields.filter(|it| {
        it.key
            .as_str()
            .is_some_and(|it| it.eq_ignore_ascii_case(name))
    });
    fields.next().map(|it| &it.value)
}

/// The maximum number of properties of types, because types may refer to each other recursively.
const WALKED_MAX: usize = 100_000;

struct Walk<'a> {
    kind: &'a str,
    types: &'a BTreeMap<&'a str, &'a Node>,
    /// The number of visited properties.
    walked: &'a Cell<usize>,
}

impl<'a> Walk<'a> {
    fn properties(&self, properties: &'a Node, path: &mut Vec<&'a str>, config: &mut Config) {
        for entry in properties.as_mapping().into_iter().flatten() {
            // Prevents infinite recursion.
            let walked = self.walked.get() + 1;
            self.walked.set(walked);
            // kustomize follows such a type until its stack overflows, so its result cannot be
            // reproduced.
            if path.len() > 32 || walked > WALKED_MAX {
                return;
            }
            path.push(entry.key.as_str().unwrap_or(""));
            self.property(&entry.value, path, config);
            path.pop();
        }
    }

    fn property(&self, property: &'a Node, path: &mut Vec<&'a str>, config: &mut Config) {
        let text = |name: &str| field(property, name).and_then(Node::as_string);
        if text("x-kubernetes-annotation").is_some() {
            config.common_annotations.push(self.spec(path));
        }
        if text("x-kubernetes-label-selector").is_some() {
            config.common_labels.push(self.spec(path));
        }
        if text("x-kubernetes-identity").is_some() {
            // Only the prefix: kustomize does not add the suffix here.
            config.name_prefix.push(self.spec(path));
        }
        let version = text("x-kubernetes-object-ref-api-version");
        if let (Some(version), Some(kind)) = (version, text("x-kubernetes-object-ref-kind")) {
            // The property is an object reference; the name is in a field of it.
            path.push(text("x-kubernetes-object-ref-name-key").unwrap_or("name"));
            config.name_references.push(NameReference {
                target: Gvk {
                    // The annotations cannot express a group: kustomize matches any.
                    group: "".into(),
                    version: version.into(),
                    kind: kind.into(),
                },
                referrers: vec![self.spec(path)],
            });
            path.pop();
        }
        let inner = text("$ref").and_then(|it| self.types.get(it));
        if let Some(inner) = inner {
            self.properties(inner, path, config);
        }
    }

    fn spec(&self, path: &[&str]) -> FieldSpec {
        let gvk = Gvk {
            kind: self.kind.into(),
            ..Gvk::default()
        };
        FieldSpec::new(gvk, &path.join("/"), false)
    }
}
