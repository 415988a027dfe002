//! The origins of values in objects that charts and kustomizations create at deployment.

use super::{Cause, Explained, Role, Writer, scalars};
use crate::deploy::{Printed, PrintedObject, Unit};
use crate::diag::Span;
use crate::object::Object;
use crate::yaml::{FieldPath, Node};

/// The origins of the values in a field of an object that a unit deploys. `generated` returns the origin of a location in a
/// generated file, and nothing for other locations.
pub fn explain_made(
    object: &Object,
    field: &FieldPath,
    unit: &Unit,
    generated: &dyn Fn(&Span) -> Vec<Cause>,
) -> Vec<Explained> {
    let printed = unit.trials.iter().find_map(|it| it.printed(object));
    let mut found = Vec::new();
    if let Some(node) = object.node.at_path(field) {
        scalars(node, field.clone(), &mut found);
    }
    let explain = |(field, value): (FieldPath, &Node)| {
        let own = printed.as_ref().and_then(|it| of_chart(it, &field, value));
        let causes = match own {
            Some(printed) => chain(&printed, generated),
            None => written(value, generated),
        };
        // The sync engine sets it, such as the namespace of a release.
        let causes = match (causes.is_empty(), &unit.span) {
            (true, Some(place)) => vec![Cause::by(Writer::Other, Role::Value, place.outermost())],
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

/// The value and the origin of a field in the chart; `None` if something else has changed the value since.
fn of_chart(object: &PrintedObject<'_>, field: &FieldPath, value: &Node) -> Option<Printed> {
    let same = object.node()?.at_path(field)?;
    (same.as_str() == value.as_str()).then(|| object.field(field))?
}

fn chain(printed: &Printed, generated: &dyn Fn(&Span) -> Vec<Cause>) -> Vec<Cause> {
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

/// The line of a file, a patch or a transformer.
fn written(value: &Node, generated: &dyn Fn(&Span) -> Vec<Cause>) -> Vec<Cause> {
    let place = value.span().outermost();
    if place.path().as_str().is_empty() {
        return Vec::new();
    }
    let mut causes = generated(&place);
    causes.push(Cause::by(Writer::Other, Role::Value, place));
    causes
}
