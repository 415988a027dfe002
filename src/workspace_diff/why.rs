//! The causes of each changed field: the lines of claims, environments, overlays and templates that differ between two states.

use std::collections::BTreeSet;

use super::{Context, State};
use crate::compare::Comparison;
use crate::diff::{Difference, FieldCause, FieldChange, Path, Step as PathStep};
use crate::object::{Object, ObjectId};
use crate::provenance::{Cause, Provenance, Role};
use crate::yaml::{FieldPath, Node, Step};
use crate::{Options, Scope};

/// The maximum number of lines listed for a field.
const CAUSES_MAX: usize = 4;

/// Adds the causes to each changed field. Both states are rendered again with templates that record what they read.
pub fn add_causes(comparison: &mut Comparison, states: [&State<'_>; 2], context: &Context<'_>) {
    let environments = comparison.environments.iter().map(|it| it.name.clone());
    let environments: Vec<String> = environments.collect();
    let files = states.map(State::below);
    let [before, after] = [0, 1].map(|at| {
        let known = states[at].environments();
        let names: Vec<String> = environments
            .iter()
            .filter(|it| known.contains(it))
            .cloned()
            .collect();
        let options = Options {
            scope: Scope::for_environments(&names),
            cache: context.cache.clone(),
            ..Options::default()
        };
        let is_there = states[at].is_workspace() && !names.is_empty();
        is_there.then(|| Provenance::new(&files[at], options))
    });
    for environment in &mut comparison.environments {
        for changed in &mut environment.objects {
            let id = changed.change.id.clone();
            let find = |side: &Option<Provenance<'_>>, field: &FieldChange| {
                let side = side.as_ref()?;
                causes(side, &environment.name, &id, &field.path)
            };
            for field in &mut changed.change.fields {
                let was = find(&before, field).unwrap_or_default();
                let is = find(&after, field).unwrap_or_default();
                field.causes = match field.difference {
                    Difference::Removed(_) => differing(&was, &is),
                    _ => differing(&is, &was),
                };
            }
        }
    }
}

/// Where a field of an object comes from; `None` if the state does not have it.
fn causes(
    side: &Provenance<'_>,
    environment: &str,
    id: &ObjectId,
    path: &Path,
) -> Option<Vec<Cause>> {
    let mut objects = side.objects();
    let (folder, _, object) =
        objects.find(|it| it.1.environment.as_deref() == Some(environment) && it.2.id() == *id)?;
    let field = field_of(object, path);
    let explained = side.explain(folder, object, &field).into_iter();
    let mut causes: Vec<Cause> = Vec::new();
    for cause in explained.flat_map(|it| it.causes) {
        if !causes.iter().any(|it| it.location == cause.location) {
            causes.push(cause);
        }
    }
    causes.sort_by_key(|it| it.role);
    Some(causes)
}

/// The lines that only one side has; if there are none, the lines that the value is written on.
fn differing(own: &[Cause], other: &[Cause]) -> Vec<FieldCause> {
    let key = |it: &Cause| (it.location.path().clone(), line(it));
    let known: BTreeSet<_> = other.iter().map(key).collect();
    let new: Vec<&Cause> = own.iter().filter(|it| !known.contains(&key(it))).collect();
    let values = || own.iter().filter(|it| it.role == Role::Value);
    let causes: Vec<&Cause> = match (new.is_empty(), values().next().is_some()) {
        (false, _) => new,
        (true, true) => values().collect(),
        (true, false) => own.iter().collect(),
    };
    let causes = causes.into_iter().take(CAUSES_MAX).map(|it| FieldCause {
        label: match it.role {
            Role::Condition => "because of",
            _ => it.writer().description(),
        },
        span: it.location.clone(),
    });
    causes.collect()
}

fn line(cause: &Cause) -> String {
    let (text, at) = (&cause.location.source().text, cause.location.range().start);
    let start = text
        .get(..at)
        .and_then(|it| it.rfind('\n'))
        .map_or(0, |it| it + 1);
    let line = text.get(start..).and_then(|it| it.lines().next());
    line.unwrap_or("").trim().to_string()
}

/// The field in an object; if the path leads into a text, the nearest field above.
fn field_of(object: &Object, path: &Path) -> FieldPath {
    let (mut field, mut node) = (FieldPath::root(), Some(&object.node));
    for step in path.steps() {
        let next = match step {
            PathStep::Key(key) => Some(Step::Key(key.clone())),
            PathStep::Index(at) => Some(Step::Index(*at)),
            PathStep::Item(fields) => node.and_then(Node::as_sequence).and_then(|items| {
                let is_it = |item: &Node| {
                    let mut all = fields.iter();
                    all.all(|(key, value)| item.get(key).and_then(Node::as_str) == Some(&**value))
                };
                items.iter().position(is_it).map(Step::Index)
            }),
            PathStep::Document(_) => None,
        };
        let below = next.as_ref().and_then(|step| match step {
            Step::Key(key) => node?.get(key),
            Step::Index(at) => node?.as_sequence()?.get(*at),
        });
        let (Some(step), Some(below)) = (next, below) else {
            break;
        };
        field.push(step);
        node = Some(below);
    }
    field
}
