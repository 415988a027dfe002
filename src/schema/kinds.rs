//! Which lists of a kind merge, by which keys, and which kinds stand outside namespaces.
//!
//! The built-in table is Kubernetes 1.21 as kustomize embeds it, since its merge must be met. Only what leads to a list that
//! merges is in it: fields of other types say nothing about a merge, so they have no type here.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use indexmap::IndexMap;

use crate::object::Gvk;

/// The types of kinds, as far as a merge asks for them.
#[derive(Clone, Debug, Default)]
pub struct Schemas {
    /// Those of the built-in table where nothing else was put here; read when first asked for, since few builds merge.
    pub(super) types: OnceLock<Types>,
    /// True for kinds that live in a namespace.
    pub(super) scopes: IndexMap<Gvk, bool>,
}

/// Types, and which of them is a kind's.
#[derive(Clone, Debug, Default)]
pub(super) struct Types {
    /// Whether they begin with the built-in ones, which can then be named.
    pub(super) builtin: bool,
    pub(super) types: Vec<Type>,
    pub(super) kinds: BTreeMap<Gvk, TypeRef>,
}

/// A type in a [`Schemas`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TypeRef(pub(super) u32);

#[derive(Clone, Debug, Default)]
pub(super) struct Type {
    pub(super) fields: BTreeMap<Box<str>, TypeRef>,
    /// The type of every field that is not named: that of a map's values.
    pub(super) others: Option<TypeRef>,
    pub(super) items: Option<TypeRef>,
    /// The keys by which a list merges; none of them for a list that is united value by value.
    pub(super) merge_keys: Option<Vec<Box<str>>>,
}

/// What a merge does with a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListRule<'a> {
    /// The new list stands in place of the old one.
    Replace,
    /// Items with the same values of these keys merge.
    MergeBy(&'a [Box<str>]),
    /// Scalars that are missing are added.
    Unite,
}

impl Schemas {
    /// Kubernetes' own kinds.
    pub fn builtin() -> &'static Arc<Schemas> {
        static BUILTIN: OnceLock<Arc<Schemas>> = OnceLock::new();
        BUILTIN.get_or_init(|| {
            Arc::new(Schemas {
                types: OnceLock::new(),
                scopes: read_scopes(TABLE),
            })
        })
    }

    pub(super) fn types(&self) -> &Types {
        self.types.get_or_init(|| read_types(TABLE))
    }

    /// The type of a kind's objects.
    pub fn type_of(&self, gvk: &Gvk) -> Option<TypeRef> {
        // Most kinds are nobody's but an operator's: the built-in types need not be read to learn that.
        if self.types.get().is_none() && !names_kind(TABLE, gvk) {
            return None;
        }
        self.types().kinds.get(gvk).copied()
    }

    /// The type of a field, or of a map's value.
    pub fn field(&self, of: TypeRef, key: &str) -> Option<TypeRef> {
        let it = self.at(of)?;
        it.fields.get(key).copied().or(it.others)
    }

    /// The type of a list's items.
    pub fn items(&self, of: TypeRef) -> Option<TypeRef> {
        self.at(of)?.items
    }

    /// What a merge does with a list of this type; without a type it replaces.
    pub fn list_rule(&self, of: Option<TypeRef>) -> ListRule<'_> {
        let keys = of.and_then(|of| self.at(of)?.merge_keys.as_deref());
        match keys {
            None => ListRule::Replace,
            Some([]) => ListRule::Unite,
            Some(keys) => ListRule::MergeBy(keys),
        }
    }

    /// Whether objects of a kind stand outside namespaces; `None` for a kind that is not known.
    pub fn is_cluster_scoped(&self, gvk: &Gvk) -> Option<bool> {
        self.scopes.get(gvk).map(|namespaced| !namespaced)
    }

    fn at(&self, of: TypeRef) -> Option<&Type> {
        self.types().types.get(of.0 as usize)
    }
}

impl Types {
    pub(super) fn add(&mut self, it: Type) -> TypeRef {
        let at = TypeRef(u32::try_from(self.types.len()).unwrap_or(u32::MAX));
        self.types.push(it);
        at
    }
}

/// Its head says how it is written.
const TABLE: &str = include_str!("kinds.txt");

/// The built-in types by their names in Kubernetes' OpenAPI document.
pub(super) fn builtin_names() -> impl Iterator<Item = (Box<str>, TypeRef)> {
    let rows = TABLE.lines().filter_map(|it| it.strip_prefix("type "));
    let names = rows.map(|it| it.split(' ').next().unwrap_or(""));
    // The types were added in the order of their rows.
    names.zip(0..).map(|(name, at)| {
        let name = format!("io.k8s.api.{name}");
        (name.into(), TypeRef(at))
    })
}

/// Whether the table may have a type of a kind.
fn names_kind(table: &str, gvk: &Gvk) -> bool {
    let word = format!(" {} ", gvk.kind);
    memchr::memmem::find(table.as_bytes(), word.as_bytes()).is_some()
}

fn read_scopes(table: &str) -> IndexMap<Gvk, bool> {
    // The kinds stand before the types, which are by far the longer part.
    let rows = table.lines().skip_while(|it| it.starts_with('#'));
    let rows = rows.map_while(|it| it.strip_prefix("kind "));
    let kind = |row: &str| {
        let mut row = row.split(' ');
        let (scope, version, kind) = (row.next()?, row.next()?, row.next()?);
        (scope != "-").then(|| (Gvk::new(version, kind), scope == "n"))
    };
    rows.filter_map(kind).collect()
}

fn read_types(table: &str) -> Types {
    let mut schemas = Types {
        builtin: true,
        ..Types::default()
    };
    let rows = || table.lines().map(|line| line.split(' '));
    let mut names = BTreeMap::new();
    for mut row in rows().filter(|row| row.clone().next() == Some("type")) {
        names.insert(row.nth(1).unwrap_or(""), schemas.add(Type::default()));
    }
    for mut row in rows() {
        match row.next() {
            Some("kind") => read_kind(&mut schemas, &names, row),
            Some("type") => read_type(&mut schemas, &names, row),
            _ => {}
        }
    }
    schemas
}

fn read_kind<'a>(
    schemas: &mut Types,
    names: &BTreeMap<&str, TypeRef>,
    mut row: impl Iterator<Item = &'a str>,
) {
    let mut next = || row.next().unwrap_or("");
    let (_, version, kind, name) = (next(), next(), next(), next());
    if let Some(at) = names.get(name) {
        schemas.kinds.insert(Gvk::new(version, kind), *at);
    }
}

fn read_type<'a>(
    schemas: &mut Types,
    names: &BTreeMap<&str, TypeRef>,
    mut row: impl Iterator<Item = &'a str>,
) {
    let Some(at) = row.next().and_then(|name| names.get(name)) else {
        return;
    };
    let mut fields = BTreeMap::new();
    for (field, form) in row.filter_map(|it| it.split_once('=')) {
        if let Some(of) = read_form(schemas, names, form) {
            fields.insert(field.into(), of);
        }
    }
    if let Some(it) = schemas.types.get_mut(at.0 as usize) {
        it.fields = fields;
    }
}

fn read_form(schemas: &mut Types, names: &BTreeMap<&str, TypeRef>, form: &str) -> Option<TypeRef> {
    if let Some((items, keys)) = form.strip_prefix('[').and_then(|it| it.split_once("]@")) {
        let keys = keys.split(',').filter(|key| !key.is_empty());
        return Some(schemas.add(Type {
            items: names.get(items).copied(),
            merge_keys: Some(keys.map(Box::from).collect()),
            ..Type::default()
        }));
    }
    match form.strip_prefix('{').and_then(|it| it.strip_suffix('}')) {
        Some(values) => Some(schemas.add(Type {
            others: names.get(values).copied(),
            ..Type::default()
        })),
        None => names.get(form).copied(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule<'a>(version: &str, kind: &str, path: &[&str]) -> ListRule<'a> {
        let schemas = Schemas::builtin();
        let mut of = schemas.type_of(&Gvk::new(version, kind));
        for key in path {
            of = of.and_then(|of| {
                if *key == "[]" {
                    schemas.items(of)
                } else {
                    schemas.field(of, key)
                }
            });
        }
        schemas.list_rule(of)
    }

    fn keys(rule: ListRule<'_>) -> Vec<&str> {
        match rule {
            ListRule::MergeBy(keys) => keys.iter().map(|key| &**key).collect(),
            _ => Vec::new(),
        }
    }

    #[test]
    fn lists_of_a_deployment() {
        let at = |path: &str| {
            rule(
                "apps/v1",
                "Deployment",
                &path.split('.').collect::<Vec<_>>(),
            )
        };
        let containers = "spec.template.spec.containers";
        assert_eq!(keys(at(containers)), ["name"]);
        assert_eq!(keys(at(&format!("{containers}.[].env"))), ["name"]);
        assert_eq!(
            keys(at(&format!("{containers}.[].ports"))),
            ["containerPort", "protocol"]
        );
        assert_eq!(at(&format!("{containers}.[].args")), ListRule::Replace);
        assert_eq!(at("spec.template.spec.tolerations"), ListRule::Replace);
        assert_eq!(at("metadata.finalizers"), ListRule::Unite);
        assert_eq!(
            rule("example.org/v1", "Deployment", &["metadata", "finalizers"]),
            ListRule::Replace
        );
    }

    #[test]
    fn scopes() {
        let scope = |version: &str, kind: &str| {
            Schemas::builtin().is_cluster_scoped(&Gvk::new(version, kind))
        };
        assert_eq!(scope("v1", "Namespace"), Some(true));
        assert_eq!(scope("v1", "Service"), Some(false));
        assert_eq!(
            scope(
                "admissionregistration.k8s.io/v1",
                "ValidatingAdmissionPolicy"
            ),
            Some(true)
        );
        assert_eq!(scope("example.org/v1", "Thing"), None);
    }
}
