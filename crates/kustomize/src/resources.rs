//! All resources of a build in order, with an index by identity.

use indexmap::{IndexMap, IndexSet};

use pleach_kube::object::Gvk;
use pleach_kube::schema::Schemas;
use pleach_yaml::diag::{Class, Diagnostic};

use super::resource::{Id, Resource};

/// The resources in the order they were added.
#[derive(Clone, Default)]
pub(super) struct Resources {
    list: Vec<Resource>,
    /// The index by current identity; dropped when resources are borrowed mutably.
    current: Option<IndexMap<Id, Vec<usize>>>,
    /// Whether several resources may have the same identity, because a patch or replacement may have changed one.
    renamed: bool,
}

/// Positions by every identity that a resource has or had.
pub(super) type AnyId = IndexMap<Id, Vec<usize>>;

impl Resources {
    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(super) fn iter(&self) -> std::slice::Iter<'_, Resource> {
        self.list.iter()
    }

    pub(super) fn get(&self, at: usize) -> Option<&Resource> {
        self.list.get(at)
    }

    pub(super) fn get_mut(&mut self, at: usize) -> Option<&mut Resource> {
        // The caller may change identities.
        self.current = None;
        self.list.get_mut(at)
    }

    /// Mutable access to the list; invalidates the identity index.
    pub(super) fn list_mut(&mut self) -> &mut Vec<Resource> {
        self.current = None;
        &mut self.list
    }

    pub(super) fn into_list(self) -> Vec<Resource> {
        self.list
    }

    /// Adds a resource. Its identity must be new.
    pub(super) fn append(
        &mut self,
        mut resource: Resource,
        schemas: &Schemas,
    ) -> Result<(), Diagnostic> {
        // Before the identity is computed, which depends on it.
        resource.note_scope(schemas);
        let id = id_of(&resource, schemas);
        let index = self.current_index(schemas);
        let known = index.get(&id).and_then(|at| at.first()).copied();
        if let Some(first) = known.and_then(|at| self.list.get(at)) {
            // kustomize also rejects this.
            return Err(twice(&resource, first));
        }
        let at = self.list.len();
        // Keeps the index valid, so that adding n resources takes n steps.
        if let Some(index) = &mut self.current {
            index.insert(id, vec![at]);
        }
        self.list.push(resource);
        Ok(())
    }

    /// Replaces the resource at a position.
    pub(super) fn replace(&mut self, at: usize, resource: Resource) {
        if let Some(location) = self.list.get_mut(at) {
            *location = resource;
        }
    }

    /// Positions by current identity.
    pub(super) fn current_index(&mut self, schemas: &Schemas) -> &IndexMap<Id, Vec<usize>> {
        let list = &self.list;
        self.current.get_or_insert_with(|| {
            let mut index: IndexMap<Id, Vec<usize>> = IndexMap::with_capacity(list.len());
            for (at, resource) in list.iter().enumerate() {
                index.entry(id_of(resource, schemas)).or_default().push(at);
            }
            index
        })
    }

    /// Records that a patch or replacement may have changed an identity.
    pub(super) fn set_renamed(&mut self) {
        self.renamed = true;
    }

    /// Adds the positions of resources that have the same kind, name and namespace as one of these.
    pub(super) fn with_same_id(&self, positions: Vec<usize>) -> Vec<usize> {
        if !self.renamed {
            return positions;
        }
        let id = |it: &Resource| {
            let object = &it.object;
            let space: Box<str> = object.namespace().into();
            (object.gvk(), Box::<str>::from(object.name()), space)
        };
        let known = positions.iter().filter_map(|at| self.get(*at));
        let ids: IndexSet<_> = known.map(id).collect();
        let has_id = |it: &Resource| !it.deleted && ids.contains(&id(it));
        let all = self.list.iter().enumerate();
        all.filter(|(_, it)| has_id(it)).map(|(at, _)| at).collect()
    }

    /// Like [`check_unique`](Resources::check_unique), if an identity may have changed since the last such check.
    pub(super) fn check_renamed(&mut self, schemas: &Schemas) -> Result<(), Diagnostic> {
        if self.renamed {
            self.check_unique(schemas)?;
            self.renamed = false;
        }
        Ok(())
    }

    /// Positions by all current and former identities.
    pub(super) fn any_index(&self, schemas: &Schemas) -> AnyId {
        let mut index: AnyId = IndexMap::with_capacity(self.list.len());
        for (at, resource) in self.list.iter().enumerate() {
            for id in all_ids(resource, schemas) {
                let locations = index.entry(id).or_default();
                // A resource may have had the same identity twice.
                if locations.last() != Some(&at) {
                    locations.push(at);
                }
            }
        }
        index
    }

    /// An error if two resources have the same identity.
    pub(super) fn check_unique(&self, schemas: &Schemas) -> Result<(), Diagnostic> {
        let existing = || self.list.iter().filter(|it| !it.deleted);
        // Names are compared first, because building identities takes longer.
        let mut names: IndexSet<(&str, &str)> = IndexSet::with_capacity(self.list.len());
        if existing().all(|it| names.insert((it.object.kind(), it.object.name()))) {
            return Ok(());
        }
        let mut known: IndexMap<Id, &Resource> = IndexMap::with_capacity(self.list.len());
        for resource in existing() {
            if let Some(first) = known.insert(id_of(resource, schemas), resource) {
                return Err(twice(resource, first));
            }
        }
        Ok(())
    }

    /// Removes deleted resources. Returns whether there were any.
    pub(super) fn drop_deleted(&mut self) -> bool {
        let any = self.list.iter().any(|it| it.deleted);
        if any {
            // Deleted resources stay in place until a transformer ends, so that positions in the
            // indexes of patches stay valid.
            self.list_mut().retain(|it| !it.deleted);
        }
        any
    }
}

fn twice(resource: &Resource, first: &Resource) -> Diagnostic {
    let message = format!("duplicate resource {}", resource.object.id());
    Diagnostic::error("duplicate-resource", message)
        .class(Class::DuplicateObject)
        .at(resource.object.span())
        .related(first.object.span(), "first defined here")
        .help("remove one of them, or change one with a patch")
}

pub(super) fn id_of(resource: &Resource, schemas: &Schemas) -> Id {
    let object = &resource.object;
    Id {
        space: resource.effective_namespace(schemas).into(),
        name: object.name().into(),
        gvk: object.gvk(),
    }
}

/// All former identities and the current one.
fn all_ids(resource: &Resource, schemas: &Schemas) -> Vec<Id> {
    let gvk = resource.object.gvk();
    let earlier = resource.previous.iter().map(|it| {
        let gvk = Gvk {
            kind: it.kind.as_ref().into(),
            ..gvk.clone()
        };
        // The scope of a former kind is not looked up, as in kustomize: the effective namespace was recorded.
        let space = if it.namespace.is_empty() {
            "default"
        } else {
            &it.namespace
        };
        Id {
            space: space.into(),
            name: it.name.as_ref().into(),
            gvk,
        }
    });
    let mut ids: Vec<Id> = earlier.collect();
    ids.push(id_of(resource, schemas));
    ids
}
