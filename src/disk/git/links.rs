//! The symbolic links of a revision, through which its files are visible under other paths.

use std::collections::BTreeSet;

use super::changes::check_folder_count;
use super::id::Id;
use super::revision::Revision;
use super::tree_object::Mode;
use crate::tree::{Changes, FilesError, TreePath};
use crate::workspace_diff::Memory;

/// The maximum number of passes over all links. Each pass follows a chain of links one link further.
const PASSES_MAX: usize = 40;

/// The maximum number of paths that links add. A few links that lead to each other can create more paths than fit into memory.
const LINKED_PATHS_MAX: usize = 200_000;

/// The name under which the IDs of trees without links are remembered.
const WITHOUT_LINKS: &str = "trees without links";

/// The maximum number of remembered trees: reading more takes longer than searching the few that a change affects.
const REMEMBERED_MAX: usize = 50_000;

/// A search of one or more revisions for symbolic links. Most trees are the same in all of them, and contain none.
pub(super) struct LinkSearch<'a> {
    memory: Option<&'a dyn Memory>,
    /// The trees without links at any depth that an earlier comparison has found.
    remembered: BTreeSet<Id>,
    /// Those of them that this search has met.
    used: BTreeSet<Id>,
    /// The trees without links at any depth that this search has found.
    found: BTreeSet<Id>,
    /// The folders that were searched. Those with links must be searched once for each path.
    searched: BTreeSet<(TreePath, Id)>,
    /// Whether the next search would be shorter if the found trees were remembered.
    is_worth_storing: bool,
}

/// A tree that was searched.
struct Searched {
    id: Id,
    has_links: bool,
    subfolders: Vec<Id>,
}

impl<'a> LinkSearch<'a> {
    pub(super) fn new(memory: Option<&'a dyn Memory>) -> LinkSearch<'a> {
        let remembered = memory.and_then(|it| decode(&it.load(WITHOUT_LINKS)?));
        LinkSearch {
            memory,
            remembered: remembered.unwrap_or_default(),
            used: BTreeSet::new(),
            found: BTreeSet::new(),
            searched: BTreeSet::new(),
            is_worth_storing: false,
        }
    }

    /// The symbolic links of a revision below some folders, with their targets. Links that lead out of the repository are left out.
    pub(super) fn links(
        &mut self,
        revision: &Revision,
        folders: &[TreePath],
    ) -> Result<Vec<(TreePath, TreePath)>, FilesError> {
        let mut links = Vec::new();
        let existing = folders
            .iter()
            .filter_map(|it| Some((it.clone(), revision.plain_folder(it)?)));
        let mut pending: Vec<(TreePath, Id)> = existing.collect();
        let (mut walked, mut all) = (0, Vec::new());
        while !pending.is_empty() {
            pending.retain(|it| self.must_be_searched(it));
            walked += pending.len();
            check_folder_count(walked)?;
            revision.prefetch(pending.iter().map(|it| &it.1))?;
            let mut subfolders = Vec::new();
            for (folder, id) in pending {
                all.push(search(revision, &folder, id, &mut links, &mut subfolders)?);
            }
            pending = subfolders;
        }
        self.add_found(&all);
        Ok(links)
    }

    fn must_be_searched(&mut self, folder: &(TreePath, Id)) -> bool {
        if self.remembered.contains(&folder.1) {
            self.used.insert(folder.1);
            return false;
        }
        if self.found.contains(&folder.1) {
            // A tree of both revisions. The next comparison is likely to meet it again.
            self.is_worth_storing = true;
            return false;
        }
        self.searched.insert(folder.clone())
    }

    /// Adds the searched trees that have no links at any depth.
    fn add_found(&mut self, all: &[Searched]) {
        // Subfolders were searched after their parents.
        for it in all.iter().rev() {
            let mut subfolders = it.subfolders.iter();
            let is_known = |it: &Id| self.found.contains(it) || self.remembered.contains(it);
            if !it.has_links && subfolders.all(is_known) {
                self.found.insert(it.id);
            }
        }
    }

    /// Remembers the trees without links that were met.
    pub(super) fn finish(self) {
        let Some(memory) = self.memory.filter(|_| self.is_worth_storing) else {
            return;
        };
        let all: BTreeSet<Id> = self.used.union(&self.found).copied().collect();
        if all.len() <= REMEMBERED_MAX {
            memory.keep(WITHOUT_LINKS, encode(&all));
        }
    }
}

/// Searches one tree.
fn search(
    revision: &Revision,
    folder: &TreePath,
    id: Id,
    links: &mut Vec<(TreePath, TreePath)>,
    subfolders: &mut Vec<(TreePath, Id)>,
) -> Result<Searched, FilesError> {
    let mut searched = Searched {
        id,
        has_links: false,
        subfolders: Vec::new(),
    };
    if !revision.has_more_than_files(&id)? {
        return Ok(searched);
    }
    for entry in revision.tree(&id)?.iter() {
        let path = folder.child(&entry.name);
        match entry.mode {
            Mode::File | Mode::Submodule | Mode::NotUtf8 => {}
            Mode::Folder => {
                searched.subfolders.push(entry.id);
                subfolders.push((path, entry.id));
            }
            Mode::Link => {
                searched.has_links = true;
                let target = revision.object(&entry.id)?;
                let target = str::from_utf8(&target).ok();
                let target = target.and_then(|it| folder.resolve(it));
                // Links that lead back to a parent folder are not followed.
                let target = target.filter(|it| path.below(it).is_none());
                links.extend(target.map(|it| (path, it)));
            }
        }
    }
    Ok(searched)
}

/// The digests of trees, one after the other. Trees that are built from the index have none.
fn encode(ids: &BTreeSet<Id>) -> Vec<u8> {
    let length = ids.iter().map(|it| it.digest().len()).max().unwrap_or(0);
    let mut bytes = vec![u8::try_from(length).unwrap_or(0)];
    for id in ids.iter().filter(|it| it.digest().len() == length) {
        bytes.extend_from_slice(id.digest());
    }
    bytes
}

fn decode(bytes: &[u8]) -> Option<BTreeSet<Id>> {
    let (length, digests) = bytes.split_first()?;
    if *length == 0 {
        return None;
    }
    digests.chunks(usize::from(*length)).map(Id::new).collect()
}

/// Adds the paths under which the changes are visible through links. Errors: too many paths.
pub(super) fn changes_through(
    links: Vec<(TreePath, TreePath)>,
    changes: &mut Changes,
) -> Result<(), FilesError> {
    let limit = changes.len() + LINKED_PATHS_MAX;
    for _ in 0..PASSES_MAX {
        let before = changes.len();
        for (link, target) in &links {
            changes.follow_link(link, target);
            if changes.len() > limit {
                return Err(FilesError::Other(format!(
                    "the changes are visible under more than {LINKED_PATHS_MAX} paths through `{link}` and other links: remove some of the links"
                )));
            }
        }
        if changes.len() == before {
            break;
        }
    }
    Ok(())
}

impl Revision {
    /// The tree of a folder, if no part of its path is a link.
    fn plain_folder(&self, path: &TreePath) -> Option<Id> {
        let mut id = self.root;
        for part in path.parts() {
            let entries = self.tree(&id).ok()?;
            let entry = entries.iter().find(|it| *it.name == *part)?;
            id = Some(entry).filter(|it| it.mode == Mode::Folder)?.id;
        }
        Some(id)
    }
}
