//! The merge keys of lists in each kind, and the scope of kinds.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use indexmap::IndexMap;

use super::table::{self, Type, TypeRef};
use crate::object::Gvk;

/// The types that are needed for merging. The scopes of built-in kinds always apply.
#[derive(Clone, Debug, Default)]
pub struct Schemas {
    pub(super) types: Types,
    /// True for namespaced kinds.
    pub(super) scopes: IndexMap<Gvk, bool>,
}

/// The types, and the type of each kind.
#[derive(Clone, Debug, Default)]
pub(super) struct Types {
    /// Whether they include the built-in types.
    pub(super) builtin: bool,
    types: Vec<Type>,
    kinds: BTreeMap<Gvk, TypeRef>,
}

/// The merge rule of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListRule<'a> {
    /// The new list replaces the old one.
    Replace,
    /// Items with the same values of these keys are merged.
    MergeBy(&'a [Box<str>]),
    /// Missing scalars are added.
    Unite,
}

impl Schemas {
    /// The schemas of built-in kinds, shared by all callers; a type is parsed when an object first needs it.
    pub fn builtin() -> &'static Arc<Schemas> {
        static BUILTIN: OnceLock<Arc<Schemas>> = OnceLock::new();
        BUILTIN.get_or_init(|| {
            Arc::new(Schemas {
                types: Types::builtin(),
                ..Schemas::default()
            })
        })
    }

    /// The type of a kind's objects.
    pub fn type_of(&self, gvk: &Gvk) -> Option<TypeRef> {
        self.types.of_kind(gvk)
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

    /// The merge rule of a list with this type; without a type, the list is replaced.
    pub fn list_rule(&self, of: Option<TypeRef>) -> ListRule<'_> {
        let keys = of.and_then(|of| self.at(of)?.merge_keys.as_deref());
        match keys {
            None => ListRule::Replace,
            Some([]) => ListRule::Unite,
            Some(keys) => ListRule::MergeBy(keys),
        }
    }

    /// Whether a kind is cluster-scoped; `None` if it is unknown.
    pub fn is_cluster_scoped(&self, gvk: &Gvk) -> Option<bool> {
        let own = || self.scopes.get(gvk).copied();
        table::is_namespaced(gvk).or_else(own).map(|it| !it)
    }

    /// Whether a group belongs to Kubernetes. Newer groups are not in the table.
    pub fn is_own_group(group: &str) -> bool {
        const LATER: [&str; 3] = [
            "internal.apiserver.k8s.io",
            "resource.k8s.io",
            "storagemigration.k8s.io",
        ];
        LATER.contains(&group) || table::has_group(group)
    }

    fn at(&self, of: TypeRef) -> Option<&Type> {
        self.types.at(of)
    }
}

impl Types {
    pub(super) fn builtin() -> Types {
        Types {
            builtin: true,
            ..Types::default()
        }
    }

    pub(super) fn add(&mut self, it: Type) -> TypeRef {
        let at = u32::try_from(self.types.len()).unwrap_or(u32::MAX);
        self.types.push(it);
        TypeRef(table::OWN.saturating_add(at))
    }

    /// Replaces an added type.
    pub(super) fn set(&mut self, at: TypeRef, it: Type) {
        let at = at.0.checked_sub(table::OWN);
        if let Some(location) = at.and_then(|at| self.types.get_mut(at as usize)) {
            *location = it;
        }
    }

    /// Sets the type of a kind.
    pub(super) fn set_kind(&mut self, gvk: Gvk, of: TypeRef) {
        self.kinds.insert(gvk, of);
    }

    pub(super) fn of_kind(&self, gvk: &Gvk) -> Option<TypeRef> {
        let builtin = || self.builtin.then(|| table::type_of(gvk))?;
        self.kinds.get(gvk).copied().or_else(builtin)
    }

    fn at(&self, of: TypeRef) -> Option<&Type> {
        match of.0.checked_sub(table::OWN) {
            Some(own) => self.types.get(own as usize),
            None => table::at(of),
        }
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
