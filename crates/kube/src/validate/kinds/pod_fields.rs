//! References to fields of a pod, and to resources of its containers.

use super::fields::{self, exactly_one_of, required};
use crate::validate::fault::Report;
use crate::validate::json::Fields;
use crate::validate::names;
use crate::validate::quantity::Quantity;
use pleach_yaml::Node;

/// A field of the pod (`metadata.labels['a']`).
pub(super) fn object_field<'a>(reference: &'a Node, known: &[&str], report: &mut Report<'a>) {
    // The server only supports the fields of `v1`.
    exactly_one_of(reference, "apiVersion", &["v1", ""], report);
    let path = reference.text_or_empty("fieldPath");
    if path.is_empty() {
        return required(reference, "fieldPath", report);
    }
    let subscript = path.strip_suffix("']").and_then(|it| it.split_once("['"));
    let holds = match subscript {
        Some(("metadata.annotations", key)) => names::qualified_name(&key.to_lowercase()).is_none(),
        Some(("metadata.labels", key)) => names::qualified_name(key).is_none(),
        Some(_) => false,
        None => known.contains(&path),
    };
    if !holds {
        let value = reference.field("fieldPath").unwrap_or(reference);
        report.unsupported(value, known);
    }
}

/// A reference to a resource of a container.
pub(super) fn resource_field<'a>(
    reference: &'a Node,
    needs_container: bool,
    report: &mut Report<'a>,
) {
    const KNOWN: [&str; 6] = [
        "limits.cpu",
        "limits.memory",
        "limits.ephemeral-storage",
        "requests.cpu",
        "requests.memory",
        "requests.ephemeral-storage",
    ];
    let name = reference.text_or_empty("resource");
    if needs_container && reference.text_or_empty("containerName").is_empty() {
        required(reference, "containerName", report);
    } else if name.is_empty() {
        required(reference, "resource", report);
    } else if !KNOWN.contains(&name)
        && !name.starts_with("requests.hugepages-")
        && !name.starts_with("limits.hugepages-")
    {
        let value = reference.field("resource").unwrap_or(reference);
        report.unsupported(value, &KNOWN);
    }
    divisor(reference, name, report);
}

fn divisor<'a>(reference: &'a Node, name: &str, report: &mut Report<'a>) {
    const UNITS: [&str; 13] = [
        "1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei",
    ];
    let amount = fields::quantity(reference, "divisor").filter(|it| !it.is_zero());
    let Some(amount) = amount else { return };
    let allowed: &[&str] = match name.ends_with(".cpu") {
        true => &["1m", "1"],
        false => &UNITS,
    };
    if !allowed.iter().any(|it| Quantity::parse(it) == Some(amount)) {
        let message = format!("must be one of {}", allowed.join(", "));
        report.invalid_field(reference, "divisor", message);
    }
}
