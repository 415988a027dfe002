//! Git revisions and the index as [`Files`](crate::tree::Files), read from the object database: no checkout, no worktree.
//!
//! Objects are read directly from the repository's folder, because starting git takes longer than most comparisons. The ID of an
//! object is the digest of its content, so the result cannot differ. Everything else (alternates, other formats, replaced objects,
//! revision expressions, and objects that are not found) is read through one `git cat-file --batch` process: to compare revisions,
//! Git must be installed, and it supports every form of repository. Trees and files are read on demand, and objects that two
//! revisions have in common are read once.

mod changes;
mod chunked_file;
mod command;
mod failures;
mod fetch;
mod id;
mod index;
mod inflate;
mod links;
mod objects;
mod owner;
mod pack;
mod revision;
mod sparse;
mod stage;
mod store;
mod submodules;
mod tree_object;

pub use fetch::{fetch, submodule_commit, submodules};
pub use index::Index;
pub use revision::Revision;
pub(super) use sparse::NotCheckedOut;
pub use stage::StagedFile;
pub use submodules::GITMODULES;
pub(super) use submodules::submodule_paths;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use super::error::DiskError;
use crate::tree::{Changes, TreePath};
use crate::yaml::parallel::join;
use command::{answer, command, command_on_files, command_with_hooks, output};
use failures::Failures;
use objects::Objects;

/// A Git repository, found from a folder inside it.
pub struct Repository {
    /// The work tree's top folder.
    root: PathBuf,
    objects: OnceLock<Arc<Objects>>,
    failures: Arc<Failures>,
}

impl Repository {
    /// The repository of a folder.
    pub fn find(folder: &Path) -> Result<Repository, DiskError> {
        let root = match work_tree_root(folder) {
            Some(root) => root,
            None => git(folder, &["rev-parse", "--show-toplevel"])?.into(),
        };
        owner::check(&root)?;
        Ok(Repository {
            root,
            objects: OnceLock::new(),
            failures: Arc::default(),
        })
    }

    /// The work tree's top folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// An error if git has failed to read files of revisions, which then counted as missing. Callers must check it before they use
    /// results of reads.
    pub fn failure(&self) -> Result<(), DiskError> {
        self.failures.check(&self.root)
    }

    /// The merge base of two revisions, if there is one.
    pub fn merge_base(&self, a: &str, b: &str) -> Result<Option<String>, DiskError> {
        self.query(&["merge-base", "--", a, b])
    }

    /// The answer of a query; `None` if the answer is negative.
    pub fn query(&self, arguments: &[&str]) -> Result<Option<String>, DiskError> {
        answer(&self.root, command(&self.root).args(arguments))
    }

    /// The folder of the hooks, which `core.hooksPath` may set.
    pub fn hooks(&self) -> Result<PathBuf, DiskError> {
        let mut rev_parse = command_with_hooks(&self.root);
        let folder = output(
            &self.root,
            rev_parse.args(["rev-parse", "--git-path", "hooks"]),
        )?;
        let folder = String::from_utf8_lossy(&folder);
        Ok(self.root.join(folder.trim_end_matches(['\r', '\n'])))
    }

    /// Lets git refresh the stat data of the index.
    pub fn refresh(&self) -> Result<(), DiskError> {
        let mut refresh = command_on_files(&self.root)?;
        // Its exit code is 1 if files differ, which is not a failure.
        answer(
            &self.root,
            refresh.args(["update-index", "-q", "--refresh"]),
        )
        .map(drop)
    }

    /// The differences between a revision and the work tree, without ignored files. A file with the same content may be included if
    /// its modification time has changed.
    pub fn work_tree_changes(&self, revision: &str) -> Result<Changes, DiskError> {
        let tracked = || {
            let mut diff_index = command_on_files(&self.root)?;
            diff_index.args(["diff-index", "--name-status", "-z", "--no-renames"]);
            diff_index.args([
                "--no-ext-diff",
                "--no-textconv",
                "--ignore-submodules=dirty",
            ]);
            let arguments = ["--end-of-options", revision, "--"];
            output(&self.root, diff_index.args(arguments)).map(to_text)
        };
        let untracked = ["ls-files", "--others", "--exclude-standard", "-z"];
        let (tracked, untracked) = join(tracked, || git(&self.root, &untracked));
        let (tracked, untracked) = (tracked?, untracked?);
        let mut changes = Changes::new();
        let mut fields = tracked.split('\0');
        while let (Some(status), Some(path)) = (fields.next(), fields.next()) {
            match (TreePath::new(path), status) {
                (None, _) => {}
                // A submodule: git only reports it if another commit is checked out.
                (Some(path), "M") if self.root.join(path.as_str()).is_dir() => {
                    changes.change_all(&path);
                }
                (Some(path), "M") => changes.change(&path),
                (Some(path), _) => changes.change_unknown(&path),
            }
        }
        let untracked = untracked.split('\0').filter(|it| !it.is_empty());
        for path in untracked.filter_map(TreePath::new) {
            changes.change_unknown(&path);
        }
        Ok(changes)
    }

    /// Files and folders of the work tree that Git ignores.
    pub(super) fn ignored(&self) -> Result<BTreeSet<TreePath>, DiskError> {
        let arguments = ["--others", "--ignored", "--exclude-standard", "--directory"];
        let paths = git(&self.root, &[&["ls-files", "-z"], &arguments[..]].concat());
        let paths = paths.inspect_err(|it| self.failures.record(it))?;
        Ok(paths.split('\0').filter_map(TreePath::new).collect())
    }

    /// Opens a revision: a commit by any of its names, or a tree. `None` if it does not exist.
    pub fn revision(&self, name: &str) -> Result<Option<Revision>, DiskError> {
        let objects = self.objects();
        let tree = objects.tree(name)?;
        if tree.is_none() {
            self.check_objects(name)?;
        }
        Ok(tree.map(|it| Revision::new(objects, it)))
    }

    /// An error if a name can be resolved, but its objects are missing or damaged. Git resolves every full object ID, even if there
    /// is no such object: this is not an error.
    fn check_objects(&self, name: &str) -> Result<(), DiskError> {
        let verify = ["rev-parse", "--verify", "--quiet", "--end-of-options", name];
        let Some(id) = self.query(&verify)? else {
            // The commit that the expression begins with may be missing.
            let end = name.find(['~', '^', ':', '@']).filter(|it| *it > 0);
            return end
                .and_then(|it| name.get(..it))
                .map_or(Ok(()), |it| self.check_objects(it));
        };
        if name.len() >= ABBREVIATION_MIN && id.starts_with(&name.to_ascii_lowercase()) {
            return Ok(());
        }
        let read = ["rev-list", "--objects", "--max-count=1", &id, "--"];
        git(&self.root, &read).map(drop)
    }

    fn objects(&self) -> Arc<Objects> {
        let open = || Arc::new(Objects::open(&self.root, self.failures.clone()));
        self.objects.get_or_init(open).clone()
    }
}

/// The minimum length of an abbreviated object ID in Git.
const ABBREVIATION_MIN: usize = 4;

/// The nearest folder, from this one upwards, that has a `.git`. Git would find the same folder, but needs a process.
fn work_tree_root(folder: &Path) -> Option<PathBuf> {
    let folder = fs::canonicalize(folder).ok()?;
    let mut ancestors = folder.ancestors();
    let root = ancestors.find(|it| {
        let git = it.join(".git");
        git.is_file() || git.join("HEAD").exists()
    });
    root.map(Path::to_path_buf)
}

/// The output of a git command, without the line ending.
fn git(folder: &Path, arguments: &[&str]) -> Result<String, DiskError> {
    output(folder, command(folder).args(arguments)).map(to_text)
}

fn to_text(stdout: Vec<u8>) -> String {
    let text = String::from_utf8_lossy(&stdout);
    text.trim_end_matches(['\r', '\n']).to_string()
}
