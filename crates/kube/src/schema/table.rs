//! The built-in kinds and their types: those of Kubernetes 1.21, which kustomize embeds.
//!
//! It only contains types with lists that are merged, because others do not affect merging. Types are parsed on first use, because
//! a build needs few.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use crate::object::Gvk;

/// The format is described at its beginning.
const TABLE: &str = include_str!("kinds.txt");

/// The number of a type is its row times this; the numbers of lists and maps among its fields follow.
const PARTS: u32 = 256;

/// The first number that is not a built-in type.
pub(super) const OWN: u32 = 1 << 16;

/// A type in a [`Schemas`](super::Schemas).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TypeRef(pub(super) u32);

#[derive(Clone, Debug, Default)]
pub(super) struct Type {
    pub(super) fields: BTreeMap<Box<str>, TypeRef>,
    /// The type of all other fields: that of the values of a map.
    pub(super) others: Option<TypeRef>,
    pub(super) items: Option<TypeRef>,
    /// The keys by which list items are merged; empty for a list whose values are united.
    pub(super) merge_keys: Option<Vec<Box<str>>>,
}

struct Kind {
    /// Group, version and kind.
    name: [&'static str; 3],
    namespaced: Option<bool>,
    of: &'static str,
}

struct Row {
    name: &'static str,
    fields: &'static str,
    types: OnceLock<Vec<Type>>,
}

fn kinds() -> &'static [Kind] {
    static KINDS: OnceLock<Vec<Kind>> = OnceLock::new();
    KINDS.get_or_init(|| {
        let rows = TABLE.lines().filter_map(|it| it.strip_prefix("kind "));
        let mut kinds: Vec<Kind> = rows.filter_map(read_kind).collect();
        kinds.sort_unstable_by_key(|it| it.name);
        kinds
    })
}

fn read_kind(row: &'static str) -> Option<Kind> {
    let mut row = row.split(' ');
    let (scope, api_version, kind, of) = (row.next()?, row.next()?, row.next()?, row.next()?);
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    Some(Kind {
        name: [group, version, kind],
        namespaced: (scope != "-").then_some(scope == "n"),
        of,
    })
}

/// The types, sorted by name.
fn rows() -> &'static [Row] {
    static ROWS: OnceLock<Vec<Row>> = OnceLock::new();
    ROWS.get_or_init(|| {
        let rows = TABLE.lines().filter_map(|it| it.strip_prefix("type "));
        let row = |it: &'static str| {
            let (name, fields) = it.split_once(' ').unwrap_or((it, ""));
            let types = OnceLock::new();
            Row {
                name,
                fields,
                types,
            }
        };
        rows.map(row).collect()
    })
}

fn kind(gvk: &Gvk) -> Option<&'static Kind> {
    let (kinds, name) = (kinds(), [&*gvk.group, &*gvk.version, &*gvk.kind]);
    let at = kinds.binary_search_by_key(&name, |it| it.name).ok()?;
    kinds.get(at)
}

/// The type of the objects of a kind.
pub(super) fn type_of(gvk: &Gvk) -> Option<TypeRef> {
    named(kind(gvk)?.of)
}

/// Whether a kind is namespaced.
pub(super) fn is_namespaced(gvk: &Gvk) -> Option<bool> {
    kind(gvk)?.namespaced
}

/// Whether the table contains a group.
pub(super) fn has_group(group: &str) -> bool {
    let kinds = kinds();
    let at = kinds.partition_point(|it| it.name[0] < group);
    kinds.get(at).is_some_and(|it| it.name[0] == group)
}

/// The types by their names in Kubernetes' OpenAPI document.
pub(super) fn names() -> impl Iterator<Item = (Box<str>, TypeRef)> {
    rows().iter().filter_map(|it| {
        let name = format!("io.k8s.api.{}", it.name);
        Some((name.into(), named(it.name)?))
    })
}

fn named(name: &str) -> Option<TypeRef> {
    let row = rows().binary_search_by_key(&name, |it| it.name).ok()?;
    Some(TypeRef(u32::try_from(row).ok()? * PARTS))
}

/// A type by its number.
pub(super) fn at(of: TypeRef) -> Option<&'static Type> {
    let row = rows().get((of.0 / PARTS) as usize)?;
    let first = of.0 - of.0 % PARTS;
    let types = row.types.get_or_init(|| read(row.fields, first));
    types.get((of.0 % PARTS) as usize)
}

/// A type, and the lists and maps among its fields.
fn read(fields: &str, first: u32) -> Vec<Type> {
    let mut types = vec![Type::default()];
    let mut named_fields = Vec::new();
    for (field, form) in fields.split(' ').filter_map(|it| it.split_once('=')) {
        let of = match part(form) {
            Some(part) => {
                types.push(part);
                let number = u32::try_from(types.len() - 1);
                number.ok().map(|it| TypeRef(first + it))
            }
            None => named(form),
        };
        named_fields.extend(of.map(|it| (field.into(), it)));
    }
    if let Some(it) = types.first_mut() {
        it.fields = named_fields.into_iter().collect();
    }
    types
}

/// `[type]@keys` is a list, `{type}` a map.
fn part(form: &str) -> Option<Type> {
    if let Some((items, keys)) = form.strip_prefix('[').and_then(|it| it.split_once("]@")) {
        let keys = keys.split(',').filter(|key| !key.is_empty());
        return Some(Type {
            items: named(items),
            merge_keys: Some(keys.map(Box::from).collect()),
            ..Type::default()
        });
    }
    let values = form.strip_prefix('{')?.strip_suffix('}')?;
    Some(Type {
        others: named(values),
        ..Type::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_types_are_in_order_and_their_numbers_suffice() {
        assert!(rows().is_sorted_by_key(|it| it.name));
        assert!(rows().len() as u32 * PARTS <= OWN);
        for row in rows() {
            let of = named(row.name).unwrap();
            assert!(at(of).is_some());
            assert!(row.types.get().unwrap().len() <= PARTS as usize);
        }
        let rows = TABLE.lines().filter(|it| it.starts_with("kind "));
        assert_eq!(kinds().len(), rows.count());
    }
}
