//! Finds the fields of a claim kind that only have an effect under a condition, or never.
//!
//! The author of a kind writes the condition into the schema, as `x-pleach-effective-when`. [`add_unread`] adds the fields that no
//! template or expression of the kind reads.

use super::{ClaimKind, Effect, Part};
use crate::schema::{EffectiveWhen, Schema};
use crate::template::{Templates, Texts};

/// The fields of a schema that have a condition. The expressions are added to the kind's texts.
pub(super) fn read(schema: &Schema, kind: &str, texts: &mut Texts) -> Vec<Effect> {
    let mut effects = Vec::new();
    walk(schema, &mut Vec::new(), &mut |path, field| {
        if let Some(condition) = field.effective_when() {
            effects.push(effect(path, condition, kind, texts));
        }
        true
    });
    effects
}

fn effect(path: &[Part], condition: &EffectiveWhen, kind: &str, texts: &mut Texts) -> Effect {
    let name = |role: &str| format!("{kind}#{role} {}", dotted(path));
    let when = name("effective");
    texts.add_expression(&when, &condition.when);
    let help = condition.help.as_ref().map(|text| {
        let help = name("effective help");
        texts.add_text(&help, text);
        help
    });
    Effect {
        path: path.to_vec(),
        when: Some(when),
        help,
    }
}

/// Visits all fields of a schema, each before the fields below it. `visit` returns whether to visit the fields below it.
fn walk(schema: &Schema, path: &mut Vec<Part>, visit: &mut dyn FnMut(&[Part], &Schema) -> bool) {
    if !path.is_empty() && !visit(path, schema) {
        return;
    }
    let below = |part: Part,
                 inner: &Schema,
                 path: &mut Vec<Part>,
                 visit: &mut dyn FnMut(&[Part], &Schema) -> bool| {
        path.push(part);
        walk(inner, path, visit);
        path.pop();
    };
    for (key, field) in schema.properties() {
        below(Part::Key(key.into()), field, path, visit);
    }
    if let Some(inner) = schema.additional() {
        below(Part::AnyKey, inner, path, visit);
    }
    if let Some(inner) = schema.items() {
        below(Part::AnyItem, inner, path, visit);
    }
}

/// The fields that pleach itself reads for every kind.
const READ_BY_PLEACH: [&str; 7] = [
    "apiVersion",
    "kind",
    "metadata.name",
    "metadata.env",
    "metadata.annotations.pleach.dev/owner",
    "spec.owner.team",
    "status",
];

/// Adds the fields that no text of a kind reads. Nothing is added if the kind includes templates of other kinds, which may read its
/// fields.
pub(super) fn add_unread(kind: &mut ClaimKind, templates: &Templates<'_>) {
    let texts = templates.of_kind(&kind.name).map(str::to_string);
    let texts: Vec<String> = texts.collect();
    let own = format!("{}/", kind.name);
    if !texts.iter().all(|it| templates.includes_only(it, &own)) {
        return;
    }
    let names = texts.iter().flat_map(|it| templates.names(it));
    let mut read: Vec<String> = names.map(|it| it.path).collect();
    read.extend(kind.references.iter().map(|it| it.at.clone()));
    read.extend(READ_BY_PLEACH.map(str::to_string));
    let mut unread: Vec<Vec<Part>> = Vec::new();
    walk(&kind.schema, &mut Vec::new(), &mut |path, _| {
        let path_text = dotted(path);
        let is_below = |above: &str, below: &str| {
            let rest = below.strip_prefix(above);
            rest.is_some_and(|it| it.is_empty() || it.starts_with('.'))
        };
        // Reading a field also reads all fields below it.
        let is_read = read.iter().any(|it| is_below(it, &path_text));
        let is_partly_read = read.iter().any(|it| is_below(&path_text, it));
        if !is_read && !is_partly_read {
            unread.push(path.to_vec());
        }
        !is_read && is_partly_read
    });
    let has_condition = |path: &Vec<Part>| kind.effects.iter().any(|it| path.starts_with(&it.path));
    unread.retain(|it| !has_condition(it));
    kind.effects.extend(unread.into_iter().map(|path| Effect {
        path,
        when: None,
        help: None,
    }));
}

/// A path as text, such as `spec.ports.*.name`, with `*` for any item or entry.
fn dotted(path: &[Part]) -> String {
    let parts = path.iter().map(|it| match it {
        Part::Key(key) => key,
        Part::AnyKey | Part::AnyItem => "*",
    });
    parts.collect::<Vec<_>>().join(".")
}
