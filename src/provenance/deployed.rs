//! Finds the origins of values in objects that charts and kustomizations create when they are deployed.

use super::{Cause, Explained, Role, Writer, scalars};
use crate::deploy::{Printed, PrintedObject, Unit};
use crate::diag::Span;
use crate::object::Object;
use crate::yaml::{FieldPath, Node};

/// The origins of the values in a field of an object that a unit deploys. `generated` returns the origin of a location in a
/// generated file, and nothing for other locations.
pub fn explain_deployed(
    object: &Object,
    field: &FieldPath,
    unit: &Unit,
    generated: &dyn Fn(&Span) -> Vec<Cause>,
) -> Vec<Explained> {
    let printed = unit.test_releases.iter().find_map(|it| it.printed(object));
    let mut found = Vec::new();
    if let Some(node) = object.node.at_path(field) {
        scalars(node, field.clone(), &mut found);
    }
    let explain = |(field, value): (FieldPath, &Node)| {
        let in_chart = printed
            .as_ref()
            .and_then(|it| chart_field(it, &field, value));
        let causes = match in_chart {
            Some(printed) => chart_causes(&printed, generated),
            None => file_cause(value, generated),
        };
        // A value without any location is set by the sync engine, such as the namespace of a release.
        let causes = match (causes.is_empty(), &unit.span) {
            (true, Some(location)) => {
                vec![Cause::by(Writer::Other, Role::Value, location.outermost())]
            }
            _ => causes,
        };
        Explained {
            value: value.clone(),
            field,
            causes,
        }
    };
    found.into_iter().map(explain).collect()
}

/// The origin of a field in the output of the chart; `None` if the value was changed after the chart was rendered.
fn chart_field(object: &PrintedObject<'_>, field: &FieldPath, value: &Node) -> Option<Printed> {
    let rendered = object.node()?.at_path(field)?;
    (rendered.as_str() == value.as_str()).then(|| object.field(field))?
}

/// The locations in values and templates of a chart.
fn chart_causes(printed: &Printed, generated: &dyn Fn(&Span) -> Vec<Cause>) -> Vec<Cause> {
    let mut causes = Vec::new();
    for value in &printed.values {
        let default = value.default.clone();
        match &value.written {
            Some(written) => {
                causes.extend(generated(written));
                let overrides = default.into_iter().collect();
                causes.push(Cause {
                    overrides,
                    ..Cause::by(Writer::Values, Role::Value, written.clone())
                });
            }
            None => causes.extend(default.map(|it| Cause::by(Writer::Chart, Role::Value, it))),
        }
    }
    let template = printed.template.clone();
    causes.extend(template.map(|it| Cause::by(Writer::Template, Role::Template, it)));
    causes.sort_by_key(|it| it.role);
    causes
}

/// The location of a value in a file, such as a manifest or a patch.
fn file_cause(value: &Node, generated: &dyn Fn(&Span) -> Vec<Cause>) -> Vec<Cause> {
    let location = value.span().outermost();
    if location.path().as_str().is_empty() {
        return Vec::new();
    }
    let mut causes = generated(&location);
    causes.push(Cause::by(Writer::Other, Role::Value, location));
    causes
}
