//! Which claim a folder of a rendered tree came from, and at which line each of its values was written.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use crate::diag::Span;
use crate::object::{Object, ObjectId};
use crate::tree::TreePath;
use crate::yaml::{FieldPath, Node};

/// A claim as a report names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// `Kind/name`.
    pub title: String,
    /// Who is asked about it.
    pub owner: Option<Arc<str>>,
    /// Where its name stands, if that is known.
    pub span: Option<Span>,
}

/// What a folder was made from.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The claim, as the folder's environment has it.
    pub claim: Arc<Claim>,
    /// The folder's objects as rendered: their values know the lines that they were written at.
    pub objects: Vec<Object>,
}

/// The origins of a tree, by folder: `apps/prod/orders`.
#[derive(Clone, Debug, Default)]
pub struct Origins {
    folders: BTreeMap<TreePath, Origin>,
    /// Folders by environment and claim.
    names: BTreeMap<(String, String), TreePath>,
    /// Environments by object; made when it is first asked for.
    environments: OnceLock<BTreeMap<ObjectId, BTreeSet<String>>>,
}

impl FromIterator<(TreePath, Origin)> for Origins {
    fn from_iter<T: IntoIterator<Item = (TreePath, Origin)>>(list: T) -> Origins {
        let folders: BTreeMap<TreePath, Origin> = list.into_iter().collect();
        let named = |folder: &TreePath| {
            let environment = environment(folder)?;
            Some((
                (environment.to_string(), folder.name().to_string()),
                folder.clone(),
            ))
        };
        Origins {
            names: folders.keys().filter_map(named).collect(),
            folders,
            environments: OnceLock::new(),
        }
    }
}

/// The environment of a folder of a rendered tree. Nothing is applied from base.
fn environment(folder: &TreePath) -> Option<&str> {
    folder.parts().nth(1).filter(|it| *it != "base")
}

impl Origins {
    /// The folders and what they were made from.
    pub fn iter(&self) -> impl Iterator<Item = (&TreePath, &Origin)> {
        self.folders.iter()
    }

    /// Each folder and its claim, to change.
    pub fn claims_mut(&mut self) -> impl Iterator<Item = &mut Arc<Claim>> {
        self.folders.values_mut().map(|it| &mut it.claim)
    }

    /// The claim that an object of a folder came from. What the sync engine has of its own, in the cluster's folder, bears the
    /// name of its claim.
    pub(super) fn find(&self, folder: &TreePath, id: &ObjectId) -> Option<&Origin> {
        let own = self.folders.get(folder);
        own.or_else(|| {
            let environment = environment(folder)?.to_string();
            self.folders
                .get(self.names.get(&(environment, id.name.to_string()))?)
        })
    }

    /// The environments in which an object is rendered, by its identity.
    pub(super) fn environments(&self, id: &ObjectId) -> impl Iterator<Item = &str> {
        let index = self.environments.get_or_init(|| {
            let mut index: BTreeMap<ObjectId, BTreeSet<String>> = BTreeMap::new();
            for (folder, origin) in &self.folders {
                let Some(environment) = environment(folder) else {
                    continue;
                };
                for object in &origin.objects {
                    let environments = index.entry(object.id()).or_default();
                    environments.insert(environment.to_string());
                }
            }
            index
        });
        index.get(id).into_iter().flatten().map(String::as_str)
    }

    /// The title of each claim, and an environment that has it.
    pub(super) fn claims(&self) -> impl Iterator<Item = (&str, &str)> {
        let claims = self.folders.iter();
        claims.filter_map(|(folder, it)| Some((&*it.claim.title, environment(folder)?)))
    }
}

impl Origin {
    /// The line of the claim, the environment or the overlay that says an object's field; the claim's own line where a template
    /// says it.
    pub(super) fn place(&self, id: &ObjectId, field: &FieldPath) -> Option<Span> {
        let object = self.objects.iter().find(|it| it.id() == *id);
        let value = object.map(|it| it.node.nearest_on_path(field));
        let written = value
            .filter(|it| is_input(it))
            .map(|it| it.span().outermost());
        written.or_else(|| self.claim.span.clone())
    }
}

/// Whether a value stands in a file that is about an environment.
fn is_input(node: &Node) -> bool {
    let folder = node.span().path().parts().next();
    node.is_scalar() && matches!(folder, Some("environments" | "overlays"))
}
