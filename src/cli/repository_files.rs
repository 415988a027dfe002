//! The files of a repository without a workspace, from which Flux and Argo CD deploy.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Result, bail};

use super::revision;
use pleach::diag::{Diagnostic, Diagnostics, Span};
use pleach::disk::{Folder, Repository, WorkTree};
use pleach::layout::WORKSPACE;
use pleach::report::shell_word;
use pleach::tree::{EntryKind, Files, TreePath, Walk};

/// The second part of the error for a repository from which nothing is deployed.
pub(super) const NOTHING_DEPLOYED: &str = "found no Kustomization or HelmRelease of Flux, and no Application or ApplicationSet of Argo CD";

pub(super) struct RepositoryFiles {
    repository: Option<Arc<Repository>>,
    pub(super) files: Box<dyn Files>,
    /// The top folder of the repository, or the folder itself outside of Git.
    pub(super) root: PathBuf,
    /// The addresses of its remotes.
    pub(super) urls: Vec<String>,
}

impl RepositoryFiles {
    /// Opens the work tree or a revision of the repository that contains a folder; outside of Git, the folder.
    pub(super) fn open(folder: &Path, revision: Option<&str>) -> Result<RepositoryFiles> {
        let repository = Repository::find(folder).ok().map(Arc::new);
        let files: Box<dyn Files> = match (&repository, revision) {
            (Some(repository), Some(name)) => {
                Box::new(revision::open(repository, name, "revision")?)
            }
            (Some(repository), None) => Box::new(WorkTree::open(repository)?),
            (None, Some(_)) => bail!("`--at` requires a Git repository"),
            (None, None) if folder.parent().is_none() => {
                bail!(
                    "`/` is not a Git repository: run the command in one, or specify it with `-C DIR`"
                )
            }
            (None, None) => Box::new(Folder::open(folder)?),
        };
        let root = repository.as_deref().map_or(folder, Repository::root);
        Ok(RepositoryFiles {
            files,
            root: root.to_path_buf(),
            urls: repository.as_deref().map(addresses).unwrap_or_default(),
            repository,
        })
    }

    /// Fails if Git could not read a file.
    pub(super) fn failure(&self) -> Result<()> {
        match &self.repository {
            Some(repository) => Ok(repository.failure()?),
            None => Ok(()),
        }
    }
}

/// The addresses of the remotes of a repository.
pub(super) fn addresses(repository: &Repository) -> Vec<String> {
    let asked = repository.query(&["config", "--get-regexp", r"^remote\..*\.url$"]);
    let lines = asked.ok().flatten().unwrap_or_default();
    let urls = lines.lines().filter_map(|it| it.split_once(' '));
    urls.map(|it| it.1.to_string()).collect()
}

/// The code of the warnings of [`unread_workspaces`].
pub(super) const UNREAD: &str = "unread-file";

/// The folders of a repository with a workspace.
pub(super) fn workspaces(files: &dyn Files) -> Vec<TreePath> {
    let mut found = Vec::new();
    walk(files, &mut |folder, path| {
        let is_it = path.name() == WORKSPACE && is_workspace_file(files, &path);
        found.extend(is_it.then(|| folder.clone()));
    });
    found.sort();
    found
}

/// Warnings about workspaces of a repository that are not checked: those in subfolders, and those whose file has another name.
pub(super) fn unread_workspaces(files: &dyn Files) -> Diagnostics {
    let mut found = Diagnostics::default();
    walk(files, &mut |folder, path| {
        found.extend(unread_workspace(files, folder, path));
    });
    found
}

/// Visits all files with their folders, except in hidden folders.
fn walk(files: &dyn Files, visit: &mut dyn FnMut(&TreePath, TreePath)) {
    let mut folders = Walk::new(files, TreePath::root());
    while let Some(folder) = folders.next() {
        for entry in files.list(&folder).unwrap_or_default() {
            let path = folder.child(&entry.name);
            match entry.kind {
                EntryKind::Folder if !entry.name.starts_with('.') => folders.add(path),
                EntryKind::File => visit(&folder, path),
                EntryKind::Folder => {}
            }
        }
    }
}

/// Whether the content of a file is that of a workspace: any program may have a file with this name.
fn is_workspace_file(files: &dyn Files, path: &TreePath) -> bool {
    let text = files.read(path).ok();
    text.is_some_and(|it| memchr::memmem::find(&it, b"pleach.dev/").is_some())
}

fn unread_workspace(files: &dyn Files, folder: &TreePath, path: TreePath) -> Option<Diagnostic> {
    let is_misnamed = path.name() != WORKSPACE;
    let mut names = [WORKSPACE, "pleach.yml"].into_iter();
    if !names.any(|it| path.name().eq_ignore_ascii_case(it)) || !is_workspace_file(files, &path) {
        return None;
    }
    let (reason, help) = match is_misnamed {
        true => (
            format!("a workspace is configured in `{WORKSPACE}`"),
            format!("rename it to `{WORKSPACE}`"),
        ),
        false => (
            format!("the workspace is in the folder `{folder}`"),
            format!(
                "run the command with `-C {}` to check it, too",
                shell_word(folder.as_str())
            ),
        ),
    };
    let message = format!("`{path}` is not read: {reason}");
    let start = Span::of_file(&path);
    Some(Diagnostic::warning(UNREAD, message).at(start).help(help))
}
