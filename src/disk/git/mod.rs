//! Git revisions and the index as [`Files`](crate::tree::Files), read from the object database: no checkout, no worktree.
//!
//! Objects are read where they lie, in the repository's own folder, since starting git takes longer than most comparisons. Their
//! names are the digests of what they hold, so there is one answer only. What is less plain (alternates, other formats, replaced
//! objects, names that are expressions) is asked of one `git cat-file --batch`, and so is whatever is not found: who compares
//! revisions has Git, and it knows every form that a repository may have. A tree is read when somebody lists it, a file when
//! somebody reads it, and what two revisions have in common once.

mod changes;
mod id;
mod index;
mod inflate;
mod objects;
mod pack;
mod revision;
mod stage;
mod store;

pub use index::Index;
pub use revision::Revision;
pub use stage::Staged;

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, OnceLock};

use super::error::DiskError;
use crate::diag::join;
use crate::tree::{Changes, TreePath};
use objects::Objects;

/// A Git repository.
pub struct Repository {
    /// The work tree's top folder.
    root: PathBuf,
    objects: OnceLock<Arc<Objects>>,
}

impl Repository {
    /// The repository that a folder lies in.
    pub fn find(folder: &Path) -> Result<Repository, DiskError> {
        let root = match top(folder) {
            Some(root) => root,
            None => {
                let root = git(folder, &["rev-parse", "--show-toplevel"])?.map_err(|words| {
                    let failed = DiskError::when("find the Git repository of", folder);
                    failed(io::Error::other(
                        words.lines().next().unwrap_or("").to_string(),
                    ))
                })?;
                root.into()
            }
        };
        Ok(Repository {
            root,
            objects: OnceLock::new(),
        })
    }

    /// The work tree's top folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The commit that two revisions last had in common, if there is one.
    pub fn merge_base(&self, a: &str, b: &str) -> Result<Option<String>, DiskError> {
        Ok(git(&self.root, &["merge-base", "--", a, b])?.ok())
    }

    /// What a git command prints here; `None` where it says no.
    pub fn ask(&self, arguments: &[&str]) -> Result<Option<String>, DiskError> {
        Ok(git(&self.root, arguments)?.ok())
    }

    /// What differs between a revision and the work tree, what Git ignores left out. A file that was only touched may count.
    pub fn work_tree_changes(&self, revision: &str) -> Result<Changes, DiskError> {
        let tracked = ["diff-index", "--name-status", "-z", "--no-renames"];
        let tracked = [&tracked[..], &["--end-of-options", revision, "--"]].concat();
        let untracked = ["ls-files", "--others", "--exclude-standard", "-z"];
        let (tracked, untracked) = join(|| self.ask(&tracked), || self.ask(&untracked));
        let (tracked, untracked) = (tracked?.unwrap_or_default(), untracked?.unwrap_or_default());
        let mut changes = Changes::new();
        let mut fields = tracked.split('\0');
        while let (Some(status), Some(path)) = (fields.next(), fields.next()) {
            match (TreePath::new(path), status) {
                (None, _) => {}
                (Some(path), "M") => changes.change(&path),
                (Some(path), _) => changes.mention(&path),
            }
        }
        let untracked = untracked.split('\0').filter(|it| !it.is_empty());
        for path in untracked.filter_map(TreePath::new) {
            changes.mention(&path);
        }
        Ok(changes)
    }

    /// Files and folders of the work tree that Git is told to ignore.
    pub(super) fn ignored(&self) -> Result<BTreeSet<TreePath>, DiskError> {
        let arguments = ["--others", "--ignored", "--exclude-standard", "--directory"];
        let paths = git(&self.root, &[&["ls-files", "-z"], &arguments[..]].concat())?;
        let paths = paths.unwrap_or_default();
        Ok(paths.split('\0').filter_map(TreePath::new).collect())
    }

    /// Opens a revision: a commit by any of its names, or a tree. `None` where there is none of that name.
    pub fn revision(&self, name: &str) -> Result<Option<Revision>, DiskError> {
        let objects = self.objects();
        let tree = objects
            .tree(name)
            .map_err(DiskError::when("read", &self.root))?;
        Ok(tree.map(|it| Revision::new(objects, it)))
    }

    fn objects(&self) -> Arc<Objects> {
        let open = || Arc::new(Objects::open(&self.root));
        self.objects.get_or_init(open).clone()
    }
}

/// The nearest folder upwards with a `.git` that is one. Git would find the same, but takes a process to say so.
fn top(folder: &Path) -> Option<PathBuf> {
    let folder = fs::canonicalize(folder).ok()?;
    let mut above = folder.ancestors();
    let found = above.find(|it| {
        let git = it.join(".git");
        git.is_file() || git.join("HEAD").exists()
    });
    found.map(Path::to_path_buf)
}

/// What a git command prints, without the line end, or its words where it says no.
fn git(folder: &Path, arguments: &[&str]) -> Result<Result<String, String>, DiskError> {
    let output = command(folder).args(arguments).output();
    let output = output.map_err(DiskError::when("run", Path::new("git")))?;
    let text = |bytes: &[u8]| {
        String::from_utf8_lossy(bytes)
            .trim_end_matches(['\r', '\n'])
            .to_string()
    };
    Ok(match output.status.success() {
        true => Ok(text(&output.stdout)),
        false => Err(text(&output.stderr)
            .trim_start_matches("fatal: ")
            .to_string()),
    })
}

fn command(folder: &Path) -> Command {
    let mut command = Command::new("git");
    command.arg("-C").arg(folder);
    // Reading never dials out, not even for what a partial clone left away.
    command.env("GIT_NO_LAZY_FETCH", "1");
    command
}
