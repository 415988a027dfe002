//! The claims that the folders of a tree were rendered from, and the lines that the values of their objects come from.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use crate::diag::Span;
use crate::layout::{Input, environment_of};
use crate::object::{Object, ObjectId};
use crate::tree::TreePath;
use crate::yaml::{FieldPath, Node};

/// A claim as reports show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The claim as `Kind/name`.
    pub title: String,
    /// The owner according to its metadata or CODEOWNERS.
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
    /// The files that users edit to change the values of the objects.
    pub value_files: ValueFiles,
}

/// The files that users edit to change the values of objects. Values from other files have the location of the claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueFiles {
    /// Files in `environments/` and `overlays/` of a workspace. The others are templates.
    Inputs,
    /// All files, including those that contain the objects.
    Objects,
    /// Files that do not contain the objects, such as values files. Those with the objects are templates of a chart.
    Values,
}

/// The origins of all folders of a tree.
#[derive(Clone, Debug, Default)]
pub struct Origins {
    /// By folder, such as `apps/prod/orders`.
    by_folder: BTreeMap<TreePath, Origin>,
    /// By environment and claim: the folder.
    folders: BTreeMap<(String, String), TreePath>,
    /// By object: the environments that have it. Built on first use.
    environments: OnceLock<BTreeMap<ObjectId, BTreeSet<String>>>,
}

impl FromIterator<(TreePath, Origin)> for Origins {
    fn from_iter<T: IntoIterator<Item = (TreePath, Origin)>>(list: T) -> Origins {
        let by_folder: BTreeMap<TreePath, Origin> = list.into_iter().collect();
        let by_claim = |(folder, origin): (&TreePath, &Origin)| {
            let environment = origin.environment.clone()?;
            Some(((environment, folder.name().to_string()), folder.clone()))
        };
        Origins {
            folders: by_folder.iter().filter_map(by_claim).collect(),
            by_folder,
            environments: OnceLock::new(),
        }
    }
}

impl Origins {
    /// All folders with their origins.
    pub fn iter(&self) -> impl Iterator<Item = (&TreePath, &Origin)> {
        self.by_folder.iter()
    }

    /// Mutable access to the claim of each folder.
    pub fn claims_mut(&mut self) -> impl Iterator<Item = &mut Arc<Claim>> {
        self.by_folder.values_mut().map(|it| &mut it.claim)
    }

    /// The origin of an object in a folder. Objects of the sync engine in the folder of a cluster have the name of their claim, or
    /// are in a folder with that name.
    pub fn find(&self, folder: &TreePath, id: &ObjectId) -> Option<&Origin> {
        let origin = self.by_folder.get(folder);
        origin.or_else(|| {
            let environment = environment_of(folder)?;
            let by_claim = |name: &str| {
                let key = (environment.to_string(), name.to_string());
                self.by_folder.get(self.folders.get(&key)?)
            };
            by_claim(&id.name).or_else(|| by_claim(folder.name()))
        })
    }

    /// The environments in which an object with this identity is rendered.
    pub(super) fn environments(&self, id: &ObjectId) -> impl Iterator<Item = &str> {
        let index = self.environments.get_or_init(|| {
            let mut index: BTreeMap<ObjectId, BTreeSet<String>> = BTreeMap::new();
            for origin in self.by_folder.values() {
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
        let origins = self.by_folder.values();
        origins.filter_map(|it| Some((&*it.claim.title, it.environment.as_deref()?)))
    }
}

impl Origin {
    /// The location in a claim, environment or overlay that sets a field of an object. For fields from templates, the location of
    /// the claim.
    pub fn location(&self, id: &ObjectId, field: &FieldPath) -> Option<Span> {
        self.location_in(self.objects.iter().find(|it| it.id() == *id), field)
    }

    /// Like [`Origin::location`], for an object that is already known.
    pub fn location_in(&self, object: Option<&Object>, field: &FieldPath) -> Option<Span> {
        let value = object.map(|it| it.node.nearest_on_path(field));
        let editable = value
            .filter(|it| match self.value_files {
                ValueFiles::Inputs => is_input(it),
                ValueFiles::Objects => it.has_origin(),
                ValueFiles::Values => {
                    object.is_some_and(|object| it.span().path() != object.span().path())
                }
            })
            .map(|it| it.span().outermost());
        editable.or_else(|| self.claim.span.clone())
    }
}

/// Whether a value is in a file that belongs to an environment.
fn is_input(node: &Node) -> bool {
    node.is_scalar() && Input::is_of_environments(node.span().path())
}
