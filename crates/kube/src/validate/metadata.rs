//! `metadata` of objects and of embedded resources (`ValidateObjectMeta` of apimachinery).

use super::decode::{self, Encoding, Type};
use super::fault::{Report, class};
use super::json::Fields;
use super::names::{self, NameRule};
use pleach_yaml::{Entry, Node};

/// The maximum total size of annotations, keys and values, in bytes.
const ANNOTATIONS_MAX: usize = 256 * 1024;

/// The rules for the metadata of a kind.
#[derive(Clone, Copy)]
pub(super) struct Rules {
    pub(super) name: NameRule,
    /// Whether the server generates a name if there is none.
    pub(super) is_name_optional: bool,
    /// Whether it is a built-in kind, whose finalizers must have a domain or be one of three.
    pub(super) is_core: bool,
    pub(super) is_namespaced: bool,
}

/// Validates the metadata of an object on creation.
pub(super) fn validate<'a>(object: &'a Node, rules: Rules, report: &mut Report<'a>) {
    let Some(metadata) = object.field("metadata") else {
        return match rules.is_name_optional {
            true => {}
            false => report.required(object, "metadata"),
        };
    };
    let (name, prefix) = (
        metadata.text_or_empty("name"),
        metadata.text_or_empty("generateName"),
    );
    if let Some(message) = (rules.name)(&names::as_prefix(prefix)).filter(|_| !prefix.is_empty()) {
        report.invalid_field(metadata, "generateName", message);
    }
    if name.is_empty() && prefix.is_empty() {
        if !rules.is_name_optional {
            report.required(metadata, "name");
        }
    } else if let Some(message) = (rules.name)(name).filter(|_| !name.is_empty()) {
        report.invalid_field(metadata, "name", message);
    }
    let namespace = metadata.text_or_empty("namespace");
    if rules.is_namespaced
        && !namespace.is_empty()
        && let Some(message) = names::dns_label(namespace)
    {
        report.invalid_field(metadata, "namespace", message);
    }
    if !metadata.text_or_empty("resourceVersion").is_empty() {
        report.invalid_field(
            metadata,
            "resourceVersion",
            "must not be set when an object is created",
        );
    }
    common(metadata, rules.is_core, report);
}

/// Validates the metadata of created, updated and embedded objects.
pub(super) fn common<'a>(metadata: &'a Node, is_core: bool, report: &mut Report<'a>) {
    if metadata.integer("generation").is_some_and(|it| it < 0) {
        report.invalid_field(metadata, "generation", "must not be negative");
    }
    labels(metadata.map("labels"), report);
    annotations(metadata, report);
    owner_references(metadata, report);
    finalizers(metadata, is_core, report);
}

/// Validates keys and values of labels.
pub(super) fn labels<'a>(labels: &'a [Entry], report: &mut Report<'a>) {
    for Entry { key, value } in labels {
        if let Some(message) = names::qualified_name(key.as_str().unwrap_or("")) {
            report.invalid(key, message);
        }
        let text = if value.is_null() {
            ""
        } else {
            value.as_str().unwrap_or("")
        };
        if let Some(message) = names::label_value(text) {
            report.invalid(value, message);
        }
    }
}

/// Validates keys of annotations, and their total size.
pub(super) fn annotations<'a>(metadata: &'a Node, report: &mut Report<'a>) {
    let mut size = 0;
    for Entry { key, value } in metadata.map("annotations") {
        let name = key.as_str().unwrap_or("");
        // The server accepts upper-case letters in the domain of an annotation.
        if let Some(message) = names::qualified_name(&name.to_lowercase()) {
            report.invalid(key, message);
        }
        let text = if value.is_null() {
            ""
        } else {
            value.as_str().unwrap_or("")
        };
        size += name.len() + text.len();
    }
    if size > ANNOTATIONS_MAX {
        let message =
            format!("must not be larger than 256 KiB in total, including keys; found {size} bytes");
        report.invalid_field(metadata, "annotations", message);
    }
}

fn owner_references<'a>(metadata: &'a Node, report: &mut Report<'a>) {
    let mut has_controller = false;
    for owner in metadata.list("ownerReferences") {
        if owner.is_null() {
            report.invalid(owner, "must not be null");
            continue;
        }
        let version = owner.text_or_empty("apiVersion");
        let version_name = version.rsplit('/').next().unwrap_or("");
        if version_name.is_empty() || version.matches('/').count() > 1 {
            report.required(owner, "apiVersion");
        }
        for key in ["kind", "name", "uid"] {
            if owner.text_or_empty(key).is_empty() {
                report.required(owner, key);
            }
        }
        if version == "v1" && owner.text("kind") == Some("Event") {
            report.invalid(owner, "must not be an Event");
        }
        if owner.boolean("controller") == Some(true) && std::mem::replace(&mut has_controller, true)
        {
            report.invalid_field(owner, "controller", "must be `true` for only one owner");
        }
    }
}

fn finalizers<'a>(metadata: &'a Node, is_core: bool, report: &mut Report<'a>) {
    const STANDARD: [&str; 3] = ["kubernetes", "orphan", "foregroundDeletion"];
    let list = metadata.list("finalizers");
    for item in list {
        let name = if item.is_null() {
            ""
        } else {
            item.as_str().unwrap_or("")
        };
        if let Some(message) = names::qualified_name(name) {
            report.invalid(item, message);
        } else if is_core && !name.contains('/') && !STANDARD.contains(&name) {
            report.invalid(
                item,
                "must begin with a domain and `/`, such as `example.org/name`",
            );
        }
    }
    let has = |name: &str| list.iter().any(|it| it.as_str() == Some(name));
    if has("orphan") && has("foregroundDeletion") {
        report.invalid_field(
            metadata,
            "finalizers",
            "must not have both `orphan` and `foregroundDeletion`",
        );
    }
}

/// Validates an embedded resource (`x-kubernetes-embedded-resource`).
pub(super) fn embedded<'a>(node: &'a Node, metadata: Type<'a>, report: &mut Report<'a>) {
    for key in ["apiVersion", "kind"] {
        let value = node.get(key).filter(|it| !it.is_null());
        let text = value.map(|it| match super::json::Json::from_node(it) {
            super::json::Json::String(text) => Some(text),
            _ => None,
        });
        match (value, text) {
            (Some(value), Some(None)) => report.push(class::WRONG_TYPE, value, "must be a string"),
            (Some(value), Some(Some(text))) => {
                let is_kind = key == "kind";
                let wrong = match is_kind {
                    true => names::dns_1035_label(&text.to_lowercase()).is_some(),
                    false => text.is_empty() || text.matches('/').count() > 1,
                };
                if wrong {
                    report.invalid(
                        value,
                        if is_kind {
                            "must be the name of a kind"
                        } else {
                            "must be `group/version` or `version`"
                        },
                    );
                }
            }
            _ => report.required(node, key),
        }
    }
    if let Some(value) = node.field("metadata") {
        let before = report.faults.len();
        decode::decode(value, metadata, Encoding::Yaml, report);
        if report.faults.len() == before {
            inner(value, report);
        }
    }
}

fn inner<'a>(metadata: &'a Node, report: &mut Report<'a>) {
    let name = metadata.text_or_empty("name");
    if let Some(message) = names::path_segment(name).filter(|_| !name.is_empty()) {
        report.invalid_field(metadata, "name", message);
    }
    let namespace = metadata.text_or_empty("namespace");
    if let Some(message) = names::dns_label(namespace).filter(|_| !namespace.is_empty()) {
        report.invalid_field(metadata, "namespace", message);
    }
    common(metadata, false, report);
}
