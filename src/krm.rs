//! The input and output of a KRM function, with which kustomize and kpt run programs: a ResourceList on standard input, and one on
//! standard output.
//!
//! The format is that of the KRM Functions Specification of kustomize. A function returns the items that it does not change, and
//! their comments.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::diag::{Diagnostic, Diagnostics, Severity, Source};
use crate::object::{Object, ObjectId};
use crate::tree::TreePath;
use crate::yaml::{Mapping, Node, Style, Written, emit_as_written, parse_as_written, parse_one};

const FIELDS: [&str; 2] = ["environment", "workspace"];

/// Annotations with the file of an item. kustomize and kpt use them to write an item to the file that it was read from.
const FILE_ANNOTATIONS: [&str; 2] = ["config.kubernetes.io/", "internal.config.kubernetes.io/"];

/// The input of a function.
#[derive(Debug)]
pub struct ResourceList {
    written: Written,
    /// The name of the environment whose objects are requested.
    pub environment: String,
    /// The folder of the workspace, relative to the working directory; `.` by default.
    pub workspace: String,
}

impl ResourceList {
    /// Reads the list, with `environment` and `workspace` in `spec` of the functionConfig, or in `data` of a ConfigMap.
    pub fn read(source: &Arc<Source>) -> Result<ResourceList, Diagnostics> {
        let list = parse_one(source)?;
        let fields = config(&list).map_err(Diagnostics::from)?;
        let mut faults = Diagnostics::default();
        let environment = faults.keep(text(fields, "environment")).flatten();
        let workspace = faults.keep(text(fields, "workspace")).flatten();
        check_names(fields, &mut faults);
        if environment.is_none() && !faults.has_errors() {
            faults.push(
                Diagnostic::error("missing-field", "the functionConfig has no `environment`")
                    .at(fields.span())
                    .help("add `environment: NAME`"),
            );
        }
        check_items(&list, &mut faults);
        let written = parse_as_written(source)?;
        match (written, environment) {
            (Some(written), Some(environment)) if !faults.has_errors() => Ok(ResourceList {
                written,
                environment,
                workspace: workspace.unwrap_or_else(|| ".".to_string()),
            }),
            _ => Err(faults),
        }
    }

    /// The list with the objects. An item with the same identity as an object is replaced, and stays in its file.
    pub fn with_objects<'a>(mut self, objects: impl Iterator<Item = &'a Node>) -> ResourceList {
        let Some(list) = self.written.document.as_mapping_mut() else {
            return self;
        };
        let value = list.get_or_insert_with("items", || Node::sequence([]));
        // A list in flow style, such as `[]`, could not contain objects with comments.
        value.set_style(Style::Plain);
        let Some(items) = value.as_sequence_mut() else {
            return self;
        };
        let ids = items.iter().enumerate().map(|(at, it)| (id(it), at));
        let mut positions: BTreeMap<ObjectId, usize> = ids.collect();
        for object in objects {
            let position = positions.get(&id(object));
            match position.and_then(|it| items.get_mut(*it)) {
                Some(item) => *item = in_file_of(item, object.clone()),
                None => {
                    positions.insert(id(object), items.len());
                    items.push(object.clone());
                }
            }
        }
        self
    }

    /// Writes the list with a result for each diagnostic. `display` gives the path of a file.
    pub fn write(
        mut self,
        diagnostics: &Diagnostics,
        display: &dyn Fn(&TreePath) -> String,
    ) -> String {
        if !diagnostics.is_empty()
            && let Some(list) = self.written.document.as_mapping_mut()
        {
            let results = diagnostics.iter().map(|it| result(it, display));
            list.insert("results", Node::sequence(results));
        }
        emit_as_written(&self.written)
    }
}

/// The fields of the functionConfig.
fn config(list: &Node) -> Result<&Node, Diagnostic> {
    let field = |key: &str| list.get(key).and_then(Node::as_str).unwrap_or("");
    if field("kind") != "ResourceList" || !field("apiVersion").starts_with("config.kubernetes.io/")
    {
        return Err(
            Diagnostic::error("invalid-value", "the input is not a ResourceList")
                .at(list.span())
                .help("run this command as a function of kustomize or kpt"),
        );
    }
    let Some(config) = list.get("functionConfig") else {
        return Err(
            Diagnostic::error("missing-field", "the ResourceList has no `functionConfig`")
                .at(list.span())
                .help("configure the function with `spec.environment`"),
        );
    };
    let is_config_map = config.get("kind").and_then(Node::as_str) == Some("ConfigMap");
    let key = if is_config_map { "data" } else { "spec" };
    let fields = config.get(key).filter(|it| it.as_mapping().is_some());
    fields.ok_or_else(|| {
        Diagnostic::error(
            "missing-field",
            format!("the functionConfig has no map `{key}`"),
        )
        .at(config.span())
        .help(format!("add `{key}: {{environment: NAME}}`"))
    })
}

fn text(fields: &Node, name: &str) -> Result<Option<String>, Diagnostic> {
    let Some(value) = fields.get(name) else {
        return Ok(None);
    };
    match value.as_string().filter(|it| !it.is_empty()) {
        Some(text) => Ok(Some(text.to_string())),
        None => Err(Diagnostic::error(
            "invalid-value",
            format!("`{name}` of the functionConfig must be a string that is not empty"),
        )
        .at(value.span())
        .help("put the value in quotes")),
    }
}

fn check_names(fields: &Node, faults: &mut Diagnostics) {
    for entry in fields.as_mapping().iter().flat_map(|it| it.iter()) {
        let name = entry.key.as_str().unwrap_or("");
        if !FIELDS.contains(&name) {
            let message = format!("the functionConfig has an unknown field `{name}`");
            let fault = Diagnostic::error("unknown-field", message).at(entry.key.span());
            faults.push(fault.did_you_mean(name, FIELDS));
        }
    }
}

fn check_items(list: &Node, faults: &mut Diagnostics) {
    if let Some(items) = list.get("items").filter(|it| it.as_sequence().is_none()) {
        faults.push(Diagnostic::error("invalid-value", "`items` must be a list").at(items.span()));
    }
}

fn id(item: &Node) -> ObjectId {
    Object::new(item.clone()).id()
}

/// An object with the annotations of the item that it replaces.
fn in_file_of(item: &Node, mut object: Node) -> Node {
    let annotations = item.at_keys(&["metadata", "annotations"]);
    let annotations = annotations.and_then(Node::as_mapping).into_iter();
    for entry in annotations.flat_map(|it| it.iter()) {
        let name = entry.key.as_str().unwrap_or("");
        if FILE_ANNOTATIONS.iter().any(|it| name.starts_with(it)) {
            annotate(&mut object, name, entry.value.clone());
        }
    }
    object
}

fn annotate(object: &mut Node, name: &str, value: Node) {
    let metadata = object.get_mut("metadata").and_then(Node::as_mapping_mut);
    let annotations = metadata.and_then(|it| {
        let none = || Node::mapping(Mapping::new());
        it.get_or_insert_with("annotations", none).as_mapping_mut()
    });
    if let Some(annotations) = annotations {
        annotations.insert(name, value);
    }
}

/// A diagnostic as the specification describes results. The code and the line are tags, because there are no fields for them.
fn result(diagnostic: &Diagnostic, display: &dyn Fn(&TreePath) -> String) -> Node {
    let severity = match diagnostic.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "info",
    };
    let mut tags = Mapping::new();
    tags.insert("code", diagnostic.code);
    let mut result = Mapping::new();
    result.insert("message", Node::string(message(diagnostic)));
    result.insert("severity", severity);
    if let Some(span) = &diagnostic.span {
        tags.insert("line", Node::string(span.position().line.to_string()));
        let mut file = Mapping::new();
        file.insert("path", Node::string(display(span.path())));
        result.insert("file", Node::mapping(file));
    }
    result.insert("tags", Node::mapping(tags));
    Node::mapping(result)
}

fn message(diagnostic: &Diagnostic) -> String {
    let help = diagnostic.help.iter().map(|it| format!("; {it}"));
    help.fold(diagnostic.message.clone(), |text, it| text + &it)
}
