//! CustomResourceDefinitions.
//!
//! Source: `pkg/apis/apiextensions/validation` of `k8s.io/apiextensions-apiserver`.

use std::collections::BTreeSet;

use super::custom_schema;
use super::fields::{exactly_one_of, one_of, required, required_name, set, spec_of, text_of};
use crate::validate::fault::Report;
use crate::validate::json::Fields;
use crate::validate::names;
use pleach_yaml::Node;

pub(super) fn definition<'a>(object: &'a Node, report: &mut Report<'a>) {
    let Some(spec) = spec_of(object, report) else {
        return;
    };
    group(spec, report);
    exactly_one_of(spec, "scope", &["Cluster", "Namespaced"], report);
    if let Some(names) = spec.field("names") {
        kind_names(names, report);
        full_name(object, spec, names, report);
    }
    approval(object, spec, report);
    if spec.boolean("preserveUnknownFields") == Some(true) {
        report.invalid_field(
            spec,
            "preserveUnknownFields",
            "must be false: set `x-kubernetes-preserve-unknown-fields` in the schema instead",
        );
    }
    versions(spec, report);
    if let Some(conversion) = spec.field("conversion") {
        convert(conversion, report);
    }
}

fn group<'a>(spec: &'a Node, report: &mut Report<'a>) {
    required_name(spec, "group", names::dns_subdomain, report);
    let group = spec.text_or_empty("group");
    if !group.is_empty() && !group.contains('.') {
        report.invalid_field(spec, "group", "must be a domain with at least one dot");
    }
}

/// The name of the object consists of the plural and the group.
fn full_name<'a>(object: &'a Node, spec: &Node, names: &Node, report: &mut Report<'a>) {
    let (plural, group) = (names.text_or_empty("plural"), spec.text_or_empty("group"));
    let expected = format!("{plural}.{group}");
    let Some(metadata) = object.field("metadata") else {
        return;
    };
    let name = metadata.text_or_empty("name");
    if !name.is_empty() && !plural.is_empty() && !group.is_empty() && name != expected {
        let message = format!("must be `{expected}`: the plural name and the group");
        report.invalid_field(metadata, "name", message);
    }
}

fn kind_names<'a>(names: &'a Node, report: &mut Report<'a>) {
    let lower = |text: &str| names::dns_1035_label(&text.to_lowercase());
    required_name(names, "plural", names::dns_1035_label, report);
    super::fields::name(names, "singular", names::dns_1035_label, report);
    for key in ["kind", "listKind"] {
        if let Some(message) =
            lower(names.text_or_empty(key)).filter(|_| !names.text_or_empty(key).is_empty())
        {
            report.invalid_field(names, key, message);
        }
    }
    if names.text_or_empty("kind").is_empty() {
        required(names, "kind", report);
    } else if names.text("kind") == names.text("listKind") {
        report.invalid_field(names, "listKind", "must not be the same as `kind`");
    }
    for key in ["shortNames", "categories"] {
        super::fields::each(names, key, names::dns_1035_label, report);
    }
}

/// Groups of the Kubernetes community require an approval.
fn approval<'a>(object: &'a Node, spec: &Node, report: &mut Report<'a>) {
    const KEY: &str = "api-approved.kubernetes.io";
    let group = spec.text_or_empty("group");
    let is_protected = ["k8s.io", "kubernetes.io"].iter().any(|domain| {
        let rest = group.strip_suffix(domain);
        rest.is_some_and(|it| it.is_empty() || it.ends_with('.'))
    });
    let metadata = object.field("metadata").filter(|_| is_protected);
    let Some(metadata) = metadata else { return };
    let annotations = metadata.field("annotations");
    let value = annotations.map_or("", |it| it.text_or_empty(KEY));
    let is_url = value
        .split_once("://")
        .is_some_and(|(scheme, host)| !scheme.is_empty() && !host.is_empty());
    if !is_url && !value.starts_with("unapproved") {
        let message = format!(
            "must have the annotation `{KEY}`, with the address of the approval or `unapproved`, because the group belongs to Kubernetes"
        );
        report.invalid(annotations.unwrap_or(metadata), message);
    }
}

fn versions<'a>(spec: &'a Node, report: &mut Report<'a>) {
    let versions = spec.list("versions");
    let mut seen = BTreeSet::new();
    for version in versions {
        required_name(version, "name", names::dns_1035_label, report);
        if !seen.insert(version.text_or_empty("name")) {
            report.duplicate(version);
        }
        one_version(version, report);
    }
    let stored = versions.iter();
    let stored = stored.filter(|it| it.boolean("storage") == Some(true));
    if stored.count() != 1 {
        report.invalid_field(
            spec,
            "versions",
            "must have exactly one version with `storage: true`",
        );
    }
}

fn one_version<'a>(version: &'a Node, report: &mut Report<'a>) {
    if let Some(warning) = version.field("deprecationWarning") {
        let text = text_of(warning);
        if version.boolean("deprecated") != Some(true) {
            report.invalid(warning, "must not be set unless `deprecated` is true");
        } else if text.is_empty() || text.len() > 256 || text.chars().any(char::is_control) {
            report.invalid(warning, "must be 1 to 256 printable characters");
        }
    }
    let subresources = version.field("subresources");
    let schema = version.field("schema");
    match schema.and_then(|it| it.field("openAPIV3Schema")) {
        Some(root) => {
            let has_status = subresources.is_some_and(|it| it.field("status").is_some());
            custom_schema::root(root, has_status, report);
        }
        None => match schema {
            Some(schema) => required(schema, "openAPIV3Schema", report),
            None => required(version, "schema", report),
        },
    }
    if let Some(scale) = subresources.and_then(|it| it.field("scale")) {
        scale_paths(scale, report);
    }
    for column in version.list("additionalPrinterColumns") {
        let types = ["integer", "number", "string", "boolean", "date"];
        one_of(column, "type", &types, report);
        let formats = [
            "int32",
            "int64",
            "float",
            "double",
            "byte",
            "date",
            "date-time",
            "password",
        ];
        one_of(column, "format", &formats, report);
    }
    if version.list("selectableFields").len() > 8 {
        report.invalid_field(version, "selectableFields", "must have at most 8 fields");
    }
}

fn scale_paths<'a>(scale: &'a Node, report: &mut Report<'a>) {
    for (key, prefix) in [
        ("specReplicasPath", ".spec."),
        ("statusReplicasPath", ".status."),
    ] {
        let path = scale.text_or_empty(key);
        if path.is_empty() {
            required(scale, key, report);
        } else if !path.starts_with(prefix) {
            report.invalid_field(scale, key, format!("must be a path below `{prefix}`"));
        }
    }
    let path = scale.text_or_empty("labelSelectorPath");
    if !path.is_empty() && !path.starts_with(".spec.") && !path.starts_with(".status.") {
        report.invalid_field(
            scale,
            "labelSelectorPath",
            "must be a path below `.spec.` or `.status.`",
        );
    }
}

fn convert<'a>(conversion: &'a Node, report: &mut Report<'a>) {
    exactly_one_of(conversion, "strategy", &["None", "Webhook"], report);
    let webhook = conversion.field("webhook");
    if conversion.text("strategy") != Some("Webhook") {
        if let Some(webhook) = webhook {
            report.invalid(webhook, "must not be set unless `strategy` is `Webhook`");
        }
        return;
    }
    let Some(webhook) = webhook else {
        return required(conversion, "webhook", report);
    };
    match webhook.field("clientConfig") {
        Some(client) if set(client, &["url", "service"]).len() != 1 => {
            report.invalid(client, "must have exactly one of `url` and `service`");
        }
        Some(_) => {}
        None => required(webhook, "clientConfig", report),
    }
    let versions = webhook.list("conversionReviewVersions");
    if versions.is_empty() {
        required(webhook, "conversionReviewVersions", report);
    } else if !versions
        .iter()
        .any(|it| matches!(text_of(it), "v1" | "v1beta1"))
    {
        report.invalid_field(
            webhook,
            "conversionReviewVersions",
            "must contain `v1` or `v1beta1`",
        );
    }
}
