//! The claim from which a folder of a rendered tree was rendered, and the line of each of its values.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use crate::diag::Span;
use crate::layout::{Input, environment_of};
use crate::object::{Object, ObjectId};
use crate::tree::TreePath;
use crate::yaml::{FieldPath, Node};

/// A claim as named in reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The claim as `Kind/name`.
    pub title: String,
    /// Who owns it, as its metadata or CODEOWNERS says.
    pub owner: Option<Arc<str>>,
    /// The location of its name, if known.
    pub span: Option<Span>,
}

/// The origin of a folder.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The environment; `None` for base, which is not applied itself.
    pub environment: Option<String>,
    /// The claim in this environment.
    pub claim: Arc<Claim>,
    /// The objects of the folder as rendered, whose spans point to the lines of claims.
    pub objects: Vec<Object>,
    /// Where the values are written.
    pub written: Written,
}

/// The kinds of files that values of objects are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// In environments and overlays of a workspace; all others come from templates.
    Inputs,
    /// In the files that the objects were read from.
    Anywhere,
    /// In files other than those of the objects, which are templates of a chart.
    Values,
}

/// The origins of a tree, by folder: `apps/prod/orders`.
#[derive(Clone, Debug, Default)]
pub struct Origins {
    folders: BTreeMap<TreePath, Origin>,
    /// Folders by environment and claim.
    names: BTreeMap<(String, String), TreePath>,
    /// Environments by object; built on first use.
    environments: OnceLock<BTreeMap<ObjectId, BTreeSet<String>>>,
}

impl FromIterator<(TreePath, Origin)> for Origins {
    fn from_iter<T: IntoIterator<Item = (TreePath, Origin)>>(list: T) -> Origins {
        let folders: BTreeMap<TreePath, Origin> = list.into_iter().collect();
        let named = |(folder, origin): (&TreePath, &Origin)| {
            let environment = origin.environment.clone()?;
            Some(((environment, folder.name().to_string()), folder.clone()))
        };
        Origins {
            names: folders.iter().filter_map(named).collect(),
            folders,
            environments: OnceLock::new(),
        }
    }
}

impl Origins {
    /// The folders and their origins.
    pub fn iter(&self) -> impl Iterator<Item = (&TreePath, &Origin)> {
        self.folders.iter()
    }

    /// Mutable access to each folder and its claim.
    pub fn claims_mut(&mut self) -> impl Iterator<Item = &mut Arc<Claim>> {
        self.folders.values_mut().map(|it| &mut it.claim)
    }

    /// The claim that an object of a folder was rendered from. Objects of the sync engine in the cluster's folder have the name of
    /// their claim, or are in a folder that has it.
    pub fn find(&self, folder: &TreePath, id: &ObjectId) -> Option<&Origin> {
        let own = self.folders.get(folder);
        own.or_else(|| {
            let environment = environment_of(folder)?;
            let named = |name: &str| {
                let key = (environment.to_string(), name.to_string());
                self.folders.get(self.names.get(&key)?)
            };
            named(&id.name).or_else(|| named(folder.name()))
        })
    }

    /// The environments in which an object is rendered, by its identity.
    pub(super) fn environments(&self, id: &ObjectId) -> impl Iterator<Item = &str> {
        let index = self.environments.get_or_init(|| {
            let mut index: BTreeMap<ObjectId, BTreeSet<String>> = BTreeMap::new();
            for origin in self.folders.values() {
                let Some(environment) = &origin.environment else {
                    continue;
                };
                for object in &origin.objects {
                    let environments = index.entry(object.id()).or_default();
                    environments.insert(environment.clone());
                }
            }
            index
        });
        index.get(id).into_iter().flatten().map(String::as_str)
    }

    /// The title of each claim, and an environment that has it.
    pub(super) fn claims(&self) -> impl Iterator<Item = (&str, &str)> {
        let claims = self.folders.values();
        claims.filter_map(|it| Some((&*it.claim.title, it.environment.as_deref()?)))
    }
}

impl Origin {
    /// The line of the claim, environment or overlay that sets a field of an object; for fields from templates, the line of the
    /// claim.
    pub fn place(&self, id: &ObjectId, field: &FieldPath) -> Option<Span> {
        self.place_in(self.objects.iter().find(|it| it.id() == *id), field)
    }

    /// The same for an object of a known origin.
    pub fn place_in(&self, object: Option<&Object>, field: &FieldPath) -> Option<Span> {
        let value = object.map(|it| it.node.nearest_on_path(field));
        let written = value
            .filter(|it| match self.written {
                Written::Inputs => is_input(it),
                Written::Anywhere => it.has_origin(),
                Written::Values => {
                    object.is_some_and(|object| it.span().path() != object.span().path())
                }
            })
            .map(|it| it.span().outermost());
        written.or_else(|| self.claim.span.clone())
    }
}

/// Whether a value is in a file that belongs to an environment.
fn is_input(node: &Node) -> bool {
    node.is_scalar() && Input::is_of_environments(node.span().path())
}
