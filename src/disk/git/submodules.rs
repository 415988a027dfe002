//! The files of submodules. A revision only has the commit of a submodule; its files are in the repository of the submodule, if it
//! is checked out.

use std::fs;
use std::path::Path;
use std::sync::{Arc, OnceLock, PoisonError};

use super::objects::Objects;
use super::owner;
use super::revision::Revision;
use super::tree_object::{Mode, TreeEntry};
use crate::disk::refuse_links;
use crate::tree::{FilesError, TreePath};

/// The file that lists the submodules of a repository.
pub const GITMODULES: &str = ".gitmodules";

/// A path in a submodule.
pub(super) struct InSubmodule {
    /// The path of the submodule.
    pub(super) at: TreePath,
    /// The path below it.
    pub(super) rest: TreePath,
    revision: Option<Arc<Revision>>,
}

impl InSubmodule {
    /// The files of the submodule. Errors: they are not available.
    pub(super) fn revision(&self) -> Result<&Revision, FilesError> {
        self.revision.as_deref().ok_or_else(|| {
            let at = &self.at;
            FilesError::Other(format!(
                "the commit of the submodule `{at}` is not available; run `git submodule update --init {at}`"
            ))
        })
    }
}

impl Revision {
    /// The revision without the files of submodules, for a repository whose submodules are fetched separately.
    pub fn without_submodules(mut self) -> Revision {
        self.has_submodules = OnceLock::from(false);
        self
    }

    /// Whether the revision has submodules.
    pub(super) fn has_submodules(&self) -> bool {
        let has_list = || matches!(self.tree_entry(&self.root, GITMODULES), Ok(Some(_)));
        *self.has_submodules.get_or_init(has_list)
    }

    /// The submodule that a path is in, without links on the way to it.
    pub(super) fn in_submodule(&self, path: &TreePath) -> Option<InSubmodule> {
        if !self.has_submodules() {
            return None;
        }
        let (mut at, mut id) = (TreePath::root(), self.root);
        for part in path.parts() {
            let entry = self.tree_entry(&id, part).ok()??;
            at = at.child(part);
            match entry.mode {
                Mode::Folder => id = entry.id,
                Mode::Submodule => {
                    return Some(InSubmodule {
                        rest: path.below(&at).unwrap_or_else(TreePath::root),
                        revision: self.submodule(&at, &entry),
                        at,
                    });
                }
                Mode::File | Mode::Link | Mode::NotUtf8 => return None,
            }
        }
        None
    }

    /// The files of a submodule; `None` if they are not available.
    pub(super) fn submodule(&self, path: &TreePath, entry: &TreeEntry) -> Option<Arc<Revision>> {
        let mut opened = self
            .submodules
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let open = || {
            let objects = self.objects.submodule(path)?;
            let tree = objects.tree(&entry.id.to_string()).ok()??;
            Some(Arc::new(Revision::new(objects, tree)))
        };
        opened.entry(path.clone()).or_insert_with(open).clone()
    }
}

impl Objects {
    /// The objects of a submodule that is checked out. All revisions share them.
    fn submodule(&self, path: &TreePath) -> Option<Arc<Objects>> {
        let mut opened = self
            .submodules
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let open = || {
            refuse_links(&self.root, path).ok()?;
            let root = self.root.join(path.as_str());
            fs::symlink_metadata(root.join(".git")).ok()?;
            owner::check(&root).ok()?;
            Some(Arc::new(Objects::open_submodule(
                &root,
                self.failures.clone(),
            )))
        };
        opened.entry(path.clone()).or_insert_with(open).clone()
    }
}

/// The paths of the submodules of a work tree.
pub(in crate::disk) fn submodule_paths(top: &Path) -> Vec<TreePath> {
    let text = fs::read_to_string(top.join(GITMODULES)).unwrap_or_default();
    let paths = text.lines().filter_map(|it| {
        let (key, value) = it.split_once('=')?;
        let value = value.trim().trim_matches('"');
        (key.trim() == "path").then(|| TreePath::new(value))?
    });
    paths.collect()
}
