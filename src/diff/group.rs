//! The same change, once: equal changes of several environments and objects together.

use indexmap::IndexMap;

use super::canonical::canonical;
use super::{Change, ChangeKind, Difference, FieldChange};

/// Changes that are equal.
#[derive(Clone, Debug)]
pub struct Group<'a> {
    /// One of them.
    pub change: &'a Change,
    /// Where they happen, in order.
    pub places: Vec<Place<'a>>,
}

/// One object of one environment.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The environment.
    pub environment: &'a str,
    /// The object's own change.
    pub change: &'a Change,
}

/// Puts equal changes together: same fields, same values, in objects of any kind. Groups stand in the order of their first change.
pub fn group<'a>(
    environments: impl IntoIterator<Item = (&'a str, &'a [Change])>,
) -> Vec<Group<'a>> {
    let mut groups: IndexMap<String, Group<'a>> = IndexMap::new();
    for (environment, changes) in environments {
        for change in changes {
            let group = groups.entry(key(change)).or_insert_with(|| Group {
                change,
                places: Vec::new(),
            });
            group.places.push(Place {
                environment,
                change,
            });
        }
    }
    groups.into_values().collect()
}

/// What makes two changes equal, as one text. What is new or gone has its name in its content.
fn key(change: &Change) -> String {
    let mut key = format!("{:?}", change.kind);
    // A rename may have no field at all.
    if let ChangeKind::Renamed { .. } = change.kind {
        key.push_str(&format!("{:?}", change.id));
    }
    for FieldChange {
        path, difference, ..
    } in &change.fields
    {
        key.push_str(&format!("\n{path}: {}", words(difference)));
    }
    key
}

fn words(difference: &Difference) -> String {
    match difference {
        Difference::Added(value) => format!("+ {}", canonical(value)),
        Difference::Removed(value) => format!("- {}", canonical(value)),
        Difference::Changed(a, b) => format!("- {} + {}", canonical(a), canonical(b)),
        other => format!("{other:?}"),
    }
}
