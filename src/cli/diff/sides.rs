#![allow(
    clippy::disallowed_methods,
    reason = "the folders that the user names are looked up here"
)]
//! The two sides that are compared: revisions, the work tree, folders.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};

use super::super::output;
use super::super::repository_files::addresses;
use super::super::revision::{self, or_head};
use super::super::session::virtual_path;
use pleach::disk::{Folder, Repository, Revision, WorkTree, find_upwards};
use pleach::kustomize::FILE_NAMES;
use pleach::layout::WORKSPACE;
use pleach::tree::{Changes, EntryKind, Files, TreePath, Unlisted, Walk};
use pleach::workspace_diff::{Memory, State};

/// One side of a comparison, with its files open for reading.
#[derive(Clone)]
pub(super) struct ComparisonSide {
    pub(super) name: String,
    files: Arc<dyn Files + Send + Sync>,
    /// The folder of `files` that is compared.
    root: TreePath,
    /// The top of the repository, or the folder that the user named.
    top: TreePath,
    /// Whether it is a folder that the user named.
    is_folder: bool,
    /// If both sides are from the same repository: the differences between them.
    since: Option<ChangesSince>,
    /// The Git revision or work tree, unless it is a folder.
    repository: Option<Arc<Repository>>,
}

/// Finds the differences from the side before, given the input folders and a store that makes the next comparison faster.
type ChangesSince = Arc<dyn Fn(&[TreePath], Option<&dyn Memory>) -> Result<Changes> + Send + Sync>;

impl ComparisonSide {
    /// The side as a state of a workspace.
    pub(super) fn state(&self) -> State<'_> {
        State {
            files: &*self.files,
            root: &self.root,
            top: &self.top,
            name: &self.name,
            is_tree: self.is_folder,
        }
    }

    /// The differences from the side before, if both are from the same repository.
    pub(super) fn changes(
        &self,
        before: &ComparisonSide,
        memory: Option<&dyn Memory>,
    ) -> Result<Option<Changes>> {
        let since = self.since.as_ref();
        since
            .map(|it| it(&before.state().input_folders(), memory))
            .transpose()
    }

    /// The files below its folder with names that are not valid UTF-8, as far as they were listed.
    pub(super) fn misnamed(&self) -> BTreeSet<TreePath> {
        let unlisted = self.files.unlisted().into_iter();
        let misnamed = unlisted.filter(|it| it.1 == Unlisted::NotUtf8);
        misnamed.filter_map(|it| it.0.below(&self.root)).collect()
    }

    /// The addresses of its repository.
    pub(super) fn addresses(&self) -> Vec<String> {
        let repository = self.repository.as_deref();
        repository.map(addresses).unwrap_or_default()
    }

    /// The top folder of its repository.
    pub(super) fn repository_root(&self) -> Option<&Path> {
        self.repository.as_ref().map(|it| it.root())
    }

    /// An error if git could not read something of this side.
    pub(super) fn failure(&self) -> Result<()> {
        let repository = self.repository.as_ref();
        Ok(repository.map_or(Ok(()), |it| it.failure())?)
    }

    /// A path below the repository, or below the folder that the user named. Inputs are below the workspace.
    pub(super) fn display(&self, path: &TreePath, is_rendered: bool) -> String {
        match (is_rendered, self.is_folder) {
            _ if path.as_str().starts_with('<') => virtual_path(path),
            (true, false) => self.root.join(path).to_string(),
            (false, true) => path.below(&self.root).as_ref().unwrap_or(path).to_string(),
            _ => path.to_string(),
        }
    }

    /// The text of a file by the path in a location, which `display` shows as a path below the repository.
    pub(super) fn text(
        &self,
        path: &TreePath,
        display: &dyn Fn(&TreePath) -> String,
    ) -> Option<String> {
        let own = match self.is_folder {
            true => path.clone(),
            false => TreePath::new(&display(path))?,
        };
        let bytes = self.files.read(&own).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The path of a file of the tree (`output` is the folder of a rendered tree), and whether it is the exact file: a partially
    /// rendered tree contains an object where the whole tree has a patch.
    pub(super) fn tree_file(
        &self,
        path: &TreePath,
        output: Option<&TreePath>,
    ) -> Option<(String, bool)> {
        let own = match output {
            Some(output) => self.root.join(output).join(path),
            None => path.clone(),
        };
        let is_there = |it: &TreePath| matches!(self.files.kind(it), Ok(Some(EntryKind::File)));
        let display = |it: &TreePath| match it.below(&self.root) {
            Some(below) => self.named(it, &below),
            None => it.to_string(),
        };
        if is_there(&own) {
            return Some((display(&own), true));
        }
        let folder = own.parent()?;
        let mut others = FILE_NAMES.into_iter().map(|it| folder.child(it));
        others.find(is_there).map(|it| (display(&it), false))
    }

    /// A path below the folder that the user named, or below the repository.
    fn named(&self, path: &TreePath, below: &TreePath) -> String {
        match self.is_folder {
            true => format!("{}/{below}", self.name.trim_end_matches('/')),
            false => path.to_string(),
        }
    }

    /// If the folder of a workspace does not exist on the other side, uses the only workspace of that side, or the one with the
    /// same `pleach.yaml`.
    fn follow_workspace(&mut self, other: &ComparisonSide) {
        let mut found = Vec::new();
        let mut open = Walk::new(&*self.files, TreePath::root());
        while let Some(folder) = open.next() {
            for entry in self.files.list(&folder).unwrap_or_default() {
                let path = folder.child(&entry.name);
                match entry.kind {
                    EntryKind::Folder if !entry.name.starts_with('.') => open.add(path),
                    EntryKind::File if &*entry.name == WORKSPACE => {
                        let is_gone = matches!(other.files.kind(&path), Ok(None));
                        found.extend(is_gone.then(|| folder.clone()));
                    }
                    _ => {}
                }
            }
        }
        let text = other.files.read(&other.root.child(WORKSPACE)).ok();
        let is_same = |it: &&TreePath| self.files.read(&it.child(WORKSPACE)).ok() == text;
        let same: Vec<&TreePath> = found.iter().filter(is_same).collect();
        let root = match (&*found, &*same) {
            ([only], _) => only,
            (_, [only]) => *only,
            _ => return,
        };
        let location = if root.as_str().is_empty() {
            "."
        } else {
            root.as_str()
        };
        output::note(&format!(
            "the workspace is in `{location}` in {}\n",
            self.name
        ));
        self.root = root.clone();
    }

    /// An error if it is unknown whether this side is a workspace.
    pub(super) fn check_workspace_file(&self) -> Result<()> {
        let path = self.display(&self.root.child(WORKSPACE), false);
        let failed = || format!("cannot read `{path}` in {}", self.name);
        self.state().workspace_file().map(drop).with_context(failed)
    }
}

/// The two sides in the arguments. A workspace whose folder was renamed is found.
pub(super) fn open(names: &[String], current: &Path) -> Result<[ComparisonSide; 2]> {
    let [mut before, mut after] = open_named(names, current)?;
    let is_revision = !before.is_folder && !after.is_folder;
    match [&before, &after].map(|it| it.state().is_workspace()) {
        [false, true] if is_revision => before.follow_workspace(&after),
        [true, false] if is_revision => after.follow_workspace(&before),
        _ => {}
    }
    // The changes between the sides are only known if the workspace is at the same path.
    if before.root != after.root {
        after.since = None;
    }
    Ok([before, after])
}

fn open_named(names: &[String], current: &Path) -> Result<[ComparisonSide; 2]> {
    let workspace = find_upwards(current, WORKSPACE);
    let location = workspace.as_deref().unwrap_or(current);
    let what = match names.len() {
        0 | 1 => "revision",
        _ => "folder or revision",
    };
    let git = || Git::open(location, what);
    match names {
        [] => git()?.with_work_tree("HEAD"),
        [range] => match (range.split_once("..."), range.split_once("..")) {
            (Some((a, b)), _) => {
                let git = git()?;
                let base = revision::merge_base(&git.repository, or_head(a), or_head(b), git.what)?;
                git.revisions(&base, or_head(b))
            }
            (None, Some((a, b))) => git()?.revisions(or_head(a), or_head(b)),
            (None, None) => git()?.with_work_tree(range),
        },
        [before, after, ..] => {
            let is_folder = |name: &String| current.join(name).is_dir();
            let folder = |name: &String| open_folder(&current.join(name), name);
            let git = || {
                let git = git();
                let mut others = names.iter().filter(|it| !is_folder(it));
                others.try_for_each(|it| check_folder(&git, current, it))?;
                git
            };
            match (is_folder(before), is_folder(after)) {
                (true, true) => Ok([folder(before)?, folder(after)?]),
                (true, false) => {
                    let git = git()?;
                    Ok([folder(before)?, git.opened(after, git.revision(after)?)])
                }
                (false, true) => {
                    let git = git()?;
                    Ok([git.opened(before, git.revision(before)?), folder(after)?])
                }
                (false, false) => git()?.revisions(before, after),
            }
        }
    }
}

/// Explains why a name that is not a revision is not a folder either.
fn check_folder(git: &Result<Git>, current: &Path, name: &str) -> Result<()> {
    if let Ok(git) = git
        && git.repository.revision(name)?.is_some()
    {
        return Ok(());
    }
    if current.join(name).is_file() {
        bail!(
            "`{name}` is a file; compare the folders that contain the files: `pleach diff old/ new/`"
        );
    }
    match git {
        Ok(_) => Ok(()),
        Err(_) => bail!("the folder `{name}` does not exist"),
    }
}

/// The repository of a folder. Its sides share what they read.
struct Git {
    repository: Arc<Repository>,
    /// The folder, below the repository's top folder.
    root: TreePath,
    /// The possible meanings of the arguments.
    what: &'static str,
}

impl Git {
    fn open(location: &Path, what: &'static str) -> Result<Git> {
        let repository = Repository::find(location).map_err(|it| match it.is_no_repository() {
            true => it.help("without Git, compare two folders: `pleach diff old/ new/`"),
            false => it,
        })?;
        Ok(Git {
            what,
            root: below(location, repository.root())?,
            repository: Arc::new(repository),
        })
    }

    fn revision(&self, name: &str) -> Result<Arc<Revision>> {
        Ok(Arc::new(revision::open(&self.repository, name, self.what)?))
    }

    fn opened(&self, name: &str, files: Arc<dyn Files + Send + Sync>) -> ComparisonSide {
        ComparisonSide {
            name: name.to_string(),
            files,
            root: self.root.clone(),
            top: TreePath::root(),
            is_folder: false,
            since: None,
            repository: Some(self.repository.clone()),
        }
    }

    fn revisions(&self, before: &str, after: &str) -> Result<[ComparisonSide; 2]> {
        let (old, new) = (self.revision(before)?, self.revision(after)?);
        let [before, after] = [(before, old.clone()), (after, new.clone())]
            .map(|(name, revision)| self.opened(name, revision));
        let since = move |inputs: &[TreePath], memory: Option<&dyn Memory>| {
            Ok(old.changes(&new, inputs, memory)?)
        };
        let since: Option<ChangesSince> = Some(Arc::new(since));
        Ok([before, ComparisonSide { since, ..after }])
    }

    /// A revision and the work tree.
    fn with_work_tree(&self, name: &str) -> Result<[ComparisonSide; 2]> {
        let (revision, work_tree) = (self.revision(name)?, WorkTree::open(&self.repository)?);
        let before = self.opened(name, revision.clone());
        let after = self.opened("the work tree", Arc::new(work_tree));
        let (repository, name) = (self.repository.clone(), name.to_string());
        let since = move |inputs: &[TreePath], memory: Option<&dyn Memory>| {
            let mut changes = repository.work_tree_changes(&name)?;
            revision.add_linked(inputs, &mut changes, memory)?;
            Ok(changes)
        };
        let since: Option<ChangesSince> = Some(Arc::new(since));
        Ok([before, ComparisonSide { since, ..after }])
    }
}

/// A folder; its kustomizations may refer to folders anywhere.
fn open_folder(folder: &Path, name: &str) -> Result<ComparisonSide> {
    let top = Path::new("/");
    let root = below(folder, top)?;
    Ok(ComparisonSide {
        name: name.to_string(),
        files: Arc::new(Folder::open(top)?),
        top: root.clone(),
        root,
        is_folder: true,
        since: None,
        repository: None,
    })
}

/// The path of a folder relative to another one.
fn below(folder: &Path, root: &Path) -> Result<TreePath> {
    let failed = || format!("cannot read `{}`", folder.display());
    let folder = folder.canonicalize().with_context(failed)?;
    let root = root.canonicalize().with_context(failed)?;
    let path = folder.strip_prefix(&root).ok().and_then(Path::to_str);
    path.and_then(TreePath::new).with_context(failed)
}
