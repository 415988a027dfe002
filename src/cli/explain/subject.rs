//! Names of the object and the field in question, and the output about them.

use anyhow::Result;

use super::super::{Global, Outcome, cache, output};
use super::Form;
use pleach::Options;
use pleach::diag::nearest;
use pleach::object::Object;
use pleach::provenance::NoField;
use pleach::report::{Subject, View, provenance_json, provenance_text};
use pleach::tree::TreePath;

pub(super) fn options(global: &Global) -> Options {
    Options {
        cache: cache::open(global),
        ..Options::default()
    }
}

/// Prints the origins of the values of an object.
pub(super) fn print_subject(
    subject: &Subject<'_>,
    display: &dyn Fn(&TreePath) -> String,
    form: Form,
) -> Result<Outcome> {
    let view = View {
        display,
        color: true,
    };
    output::text(&match form {
        Form::Text => provenance_text(subject, &view),
        Form::Json => provenance_json(subject, &view),
    })?;
    Ok(Outcome::Clean)
}

/// An object with its namespace.
pub(super) fn whole_name(object: &Object) -> String {
    match object.namespace() {
        "" => format!("{}/{}", object.kind(), object.name()),
        namespace => format!("{}/{namespace}/{}", object.kind(), object.name()),
    }
}

pub(super) fn short_name(object: &Object) -> String {
    format!("{}/{}", object.kind(), object.name())
}

/// The error for an unknown object; `known` are the names of the existing ones.
pub(super) fn no_object(environment: &str, object: &str, known: &[String]) -> String {
    let message = format!("environment `{environment}` has no object `{object}`");
    match nearest(object, known.iter().map(String::as_str)) {
        Some(near) => format!("{message}; did you mean `{near}`?"),
        None => format!("{message}; write it as `Kind/name` or `Kind/namespace/name`"),
    }
}

pub(super) fn no_field(object: &str, missing: &NoField) -> anyhow::Error {
    let NoField {
        above,
        wrong,
        known,
    } = missing;
    let above = match above.is_root() {
        true => format!("`{object}`"),
        false => format!("`{above}` of `{object}`"),
    };
    let near = nearest(wrong, known.iter().map(String::as_str));
    let help = match (near, known.as_slice()) {
        (Some(near), _) => format!("; did you mean `{near}`?"),
        (None, []) => String::new(),
        (None, known) => format!("; it has {}", known.join(", ")),
    };
    anyhow::anyhow!("{above} has no `{wrong}`{help}")
}
