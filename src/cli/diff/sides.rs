#![allow(
    clippy::disallowed_methods,
    reason = "the folders that the user names are looked up here"
)]
//! The two sides that are compared: revisions, the work tree, folders; rendered where they are workspaces.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};

use super::super::session::{self, WORKSPACE};
use super::super::{Global, cache, output, revision};
use super::partly::partly;
use super::{environment, salt};
use crate::affected::affected as find_affected;
use crate::compare::{Claim, CodeOwners, Comparison, Origins, Side, compare};
use crate::diag::{Diagnostics, join};
use crate::disk::{Folder, Repository, Revision, WorkTree, find_upwards};
use crate::load::{self, WorkspaceConfig};
use crate::tree::{Below, Changes, EntryKind, Files, FilesError, Tree, TreePath};
use crate::{Compiled, Options, Scope, compile, compile_both};

/// One side, opened.
#[derive(Clone)]
pub(super) struct Opened {
    pub(super) name: String,
    files: Arc<dyn Files + Send + Sync>,
    /// The folder of `files` that is compared.
    root: TreePath,
    /// Which claim each of its folders came from, where it was rendered.
    origins: Option<Arc<Origins>>,
    /// Whether it is a folder that the user named.
    is_folder: bool,
    /// For a side whose other one is of the same repository: what differs between them.
    since: Option<Since>,
    /// What it is read from, unless it is a folder.
    repository: Option<Arc<Repository>>,
}

/// Finds what differs from the side before, for a list of folders that hold inputs.
type Since = Arc<dyn Fn(&[TreePath]) -> Result<Changes> + Send + Sync>;

impl Opened {
    pub(super) fn side(&self) -> Side<'_> {
        Side {
            files: &*self.files,
            root: &self.root,
            name: &self.name,
            origins: self.origins.as_deref(),
        }
    }

    /// An error where git could not read something of this side.
    pub(super) fn failure(&self) -> Result<()> {
        let repository = self.repository.as_ref();
        Ok(repository.map_or(Ok(()), |it| it.failure())?)
    }

    /// A path below the repository, or below the folder that the user named. What was rendered from lies below the workspace.
    pub(super) fn display(&self, path: &TreePath, is_rendered: bool) -> String {
        // Of a tree that is written, the files that it came from lie below the workspace too.
        let is_input = matches!(path.parts().next(), Some("environments" | "overlays"));
        match (
            is_rendered || is_input && self.origins.is_some(),
            self.is_folder,
        ) {
            _ if path.as_str().starts_with('<') => path.to_string(),
            (true, false) => self.root.join(path).to_string(),
            (false, true) => path.below(&self.root).as_ref().unwrap_or(path).to_string(),
            _ => path.to_string(),
        }
    }

    pub(super) fn is_workspace(&self) -> bool {
        self.workspace_file() == Ok(Some(EntryKind::File))
    }

    fn workspace_file(&self) -> Result<Option<EntryKind>, FilesError> {
        self.files.kind(&self.root.child(WORKSPACE))
    }

    /// An error where nobody can know whether this side is a workspace.
    pub(super) fn check_workspace_file(&self) -> Result<()> {
        let path = self.display(&self.root.child(WORKSPACE), false);
        let failed = || format!("`{path}` in {} can't be read", self.name);
        self.workspace_file().map(drop).with_context(failed)
    }

    /// The workspace's output folder in its place, or where the other side has it.
    fn output(&self, other: &Opened) -> Opened {
        let read = |it: &Opened| WorkspaceConfig::read(&Below::new(&*it.files, it.root.clone()));
        let workspace = read(self).or_else(|_| read(other));
        let output = workspace.map_or_else(|_| TreePath::root(), |it| it.output);
        Opened {
            root: self.root.join(&output),
            ..self.clone()
        }
    }

    /// The output folder as it is written. Which claims it came from, the claims of the same side say, if they render.
    fn written(&self, other: &Opened, global: &Global) -> Opened {
        let origins = self.render(global).map(|it| self.owned(it.origins));
        Opened {
            origins: origins.map(Arc::new),
            ..self.output(other)
        }
    }

    /// Gives claims that name no owner those of `CODEOWNERS`, which is at the top of a repository.
    fn owned(&self, mut origins: Origins) -> Origins {
        let top = if self.is_folder {
            self.root.clone()
        } else {
            TreePath::root()
        };
        let owners = CodeOwners::find(&*self.files, &top);
        for claim in origins.claims_mut().filter(|it| it.owner.is_none()) {
            let path = claim.span.as_ref().map(|it| self.root.join(it.path()));
            let path = path.as_ref().and_then(|it| it.below(&top));
            if let Some(owner) = path.as_ref().and_then(|it| owners.of(it)) {
                *claim = Arc::new(Claim {
                    owner: Some(owner.into()),
                    ..Claim::clone(claim)
                });
            }
        }
        origins
    }

    /// What the workspace renders to, if it is one.
    fn render(&self, global: &Global) -> Option<Compiled> {
        let files = Below::new(&*self.files, self.root.clone());
        let options = Options {
            cache: cache::open(global),
            ..Options::default()
        };
        let compile = || compile(&files, &options);
        self.is_workspace().then(compile)
    }

    /// This side with what was rendered in place of its files. A folder that is no workspace stays as it is; a revision has no
    /// workspace yet, or no more, and so nothing is applied from it.
    fn rendered(&self, compiled: Option<Compiled>, global: &Global) -> Result<Opened> {
        let (tree, origins) = match compiled {
            None if self.is_folder => return Ok(self.clone()),
            None => {
                output::note(&format!("there is no workspace in {}\n", self.name));
                (Tree::new(), Origins::default())
            }
            Some(compiled) if compiled.diagnostics.has_errors() => {
                let display = |path: &TreePath| format!("{}: {path}", self.name);
                session::report(&compiled.diagnostics, global, &display);
                let name = &self.name;
                bail!("cannot compare: the workspace at {name} fails to render");
            }
            Some(compiled) => (compiled.tree, self.owned(compiled.origins)),
        };
        Ok(Opened {
            files: Arc::new(tree),
            root: TreePath::root(),
            origins: Some(Arc::new(origins)),
            ..self.clone()
        })
    }
}

/// Compares two trees as they are written. Only where they differ, the claims are asked for their lines and owners.
pub(super) fn compare_written([before, after]: &[Opened; 2], global: &Global) -> Comparison {
    let compare =
        |[old, new]: [Opened; 2]| compare(&old.side(), &new.side(), &environment, &salt());
    let comparison = compare([before.output(after), after.output(before)]);
    if comparison.environments.is_empty() {
        return comparison;
    }
    let sides = join(
        || before.written(after, global),
        || after.written(before, global),
    );
    compare(sides.into())
}

/// Compares what two workspaces render to. Of two states of one repository only that is rendered which the change touches.
pub(super) fn compare_rendered(
    [before, after]: &[Opened; 2],
    global: &Global,
) -> Result<Comparison> {
    let is_known = before.is_workspace() && after.is_workspace();
    let since = after.since.as_ref().filter(|_| is_known);
    let ((old, new), scope) = match since.map(|it| it(&inputs(before))).transpose()? {
        None => {
            let both = join(|| before.render(global), || after.render(global));
            (both, Scope::default())
        }
        Some(changes) => match affected(before, after, &changes, global) {
            Some(([old, new], scope)) => ((old, new), scope),
            None => return Ok(Comparison::default()),
        },
    };
    let fails = |it: &Option<Compiled>| it.as_ref().is_some_and(|it| it.diagnostics.has_errors());
    let has_failed = [&old, &new].into_iter().any(fails);
    let part = match has_failed && is_known && !new.as_ref().is_some_and(has_unreadable) {
        true => rendered_partly([before, after], scope.clone(), global),
        false => None,
    };
    let (old, new, notes) = match part {
        Some(([old, new], notes)) => (Some(old), Some(new), notes),
        None => (old, new, Diagnostics::default()),
    };
    let (old, new) = (before.rendered(old, global)?, after.rendered(new, global)?);
    let mut comparison = compare(&old.side(), &new.side(), &environment, &salt());
    trim(&mut comparison, &scope);
    comparison.notes.extend(notes);
    Ok(comparison)
}

/// Whether a side could not be read. A claim with a fault may be left out of a comparison; a link that is broken or leads outside may
/// hide anything, and so nothing is compared with it. On the side before, it can only be what the change repairs.
fn has_unreadable(compiled: &Compiled) -> bool {
    let mut faults = compiled.diagnostics.iter();
    faults.any(|it| it.code == "unreadable-file")
}

/// More may have been rendered than was asked for. Where an object is that stays as it is can only be said of all environments, or
/// of none.
fn trim(comparison: &mut Comparison, scope: &Scope) {
    let objects = comparison.environments.iter().flat_map(|it| &it.objects);
    for object in objects {
        let claim = object
            .claim
            .as_ref()
            .and_then(|it| it.title.rsplit('/').next());
        let presence = comparison.presence.get_mut(&object.change.id);
        if let (Some(claim), Some(presence)) = (claim, presence) {
            presence.retain(|it| scope.has_claim(it, claim));
        }
    }
}

/// What renders on both sides of what does not as a whole.
fn rendered_partly(
    [before, after]: [&Opened; 2],
    scope: Scope,
    global: &Global,
) -> Option<([Compiled; 2], Diagnostics)> {
    let [old, new] = [before, after].map(|it| Below::new(&*it.files, it.root.clone()));
    let options = Options {
        scope,
        cache: cache::open(global),
        without_proof: true,
        with_clusters: false,
    };
    partly([&old, &new], [&before.name, &after.name], &options)
}

/// The folders that may contain a link to a file that is read by another path.
fn inputs(side: &Opened) -> Vec<TreePath> {
    let files = Below::new(&*side.files, side.root.clone());
    let workspace = WorkspaceConfig::read(&files).ok();
    let mut folders = workspace.map(|it| it.templates).unwrap_or_default();
    folders.extend(["environments", "overlays"].map(|it| TreePath::root().child(it)));
    folders.iter().map(|it| side.root.join(it)).collect()
}

/// From so many files the claim kinds are read before it is known what is rendered.
const AHEAD_MAX: usize = 16;

/// What a change touches, rendered on both sides; nothing where it touches nothing.
fn affected(
    before: &Opened,
    after: &Opened,
    changes: &Changes,
    global: &Global,
) -> Option<([Option<Compiled>; 2], Scope)> {
    let [old, new] = [before, after].map(|it| Below::new(&*it.files, it.root.clone()));
    let options = |scope: Scope| Options {
        scope,
        cache: cache::open(global),
        without_proof: true,
        with_clusters: false,
    };
    let reads = |scope: &Scope| compile(&old, &options(scope.clone())).read_set;
    let changes = changes.within(&before.root);
    let inputs = TreePath::root().child("environments");
    let inputs: Vec<TreePath> = changes.below(&inputs).take(AHEAD_MAX).cloned().collect();
    let (mut found, ()) = join(
        || find_affected([&old, &new], &changes, &reads),
        || load::read_ahead(&new, &inputs),
    );
    found.add_exceptions(&load::environments(&new));
    let scope = found.scope()?;
    let compiled = compile_both([&old, &new], &options(scope.clone()));
    // Nothing of what is touched is there on one side: that side renders to nothing of it.
    Some((compiled.map(|it| Some(it.unwrap_or_default())), scope))
}

/// The two sides that the arguments name.
pub(super) fn open(names: &[String], current: &Path) -> Result<[Opened; 2]> {
    let workspace = find_upwards(current, WORKSPACE);
    let place = workspace.as_deref().unwrap_or(current);
    let git = || {
        Git::open(
            place,
            if names.len() < 2 {
                "revision"
            } else {
                "folder or revision"
            },
        )
    };
    match names {
        [] => git()?.with_work_tree("HEAD"),
        [range] => match (range.split_once("..."), range.split_once("..")) {
            (Some((a, b)), _) => {
                let git = git()?;
                // A name that means nothing is told better than git does.
                git.revision(or_head(a))?;
                git.revision(or_head(b))?;
                let base = git.repository.merge_base(or_head(a), or_head(b))?;
                let base = base.with_context(|| format!("`{a}` and `{b}` have no common past"))?;
                git.revisions(&base, or_head(b))
            }
            (None, Some((a, b))) => git()?.revisions(or_head(a), or_head(b)),
            (None, None) => git()?.with_work_tree(range),
        },
        [before, after, ..] => {
            let is_folder = |name: &String| current.join(name).is_dir();
            let folder = |name: &String| open_folder(&current.join(name), name);
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

fn or_head(name: &str) -> &str {
    if name.is_empty() { "HEAD" } else { name }
}

/// The repository of a folder, whose sides share what they read.
struct Git {
    repository: Arc<Repository>,
    /// The folder, below the repository's top folder.
    root: TreePath,
    /// What the names could be.
    what: &'static str,
}

impl Git {
    fn open(place: &Path, what: &'static str) -> Result<Git> {
        let repository = Repository::find(place).map_err(|it| match it.is_no_repository() {
            true => it.help("without Git two folders can be compared: `pleach diff old/ new/`"),
            false => it,
        })?;
        Ok(Git {
            what,
            root: below(place, repository.root())?,
            repository: Arc::new(repository),
        })
    }

    fn revision(&self, name: &str) -> Result<Arc<Revision>> {
        Ok(Arc::new(revision::open(&self.repository, name, self.what)?))
    }

    fn opened(&self, name: &str, files: Arc<dyn Files + Send + Sync>) -> Opened {
        Opened {
            name: name.to_string(),
            files,
            root: self.root.clone(),
            origins: None,
            is_folder: false,
            since: None,
            repository: Some(self.repository.clone()),
        }
    }

    fn revisions(&self, before: &str, after: &str) -> Result<[Opened; 2]> {
        let (old, new) = (self.revision(before)?, self.revision(after)?);
        let [before, after] = [(before, old.clone()), (after, new.clone())]
            .map(|(name, revision)| self.opened(name, revision));
        let since = move |inputs: &[TreePath]| Ok(old.changes(&new, inputs)?);
        let since: Option<Since> = Some(Arc::new(since));
        Ok([before, Opened { since, ..after }])
    }

    /// A revision and the work tree.
    fn with_work_tree(&self, name: &str) -> Result<[Opened; 2]> {
        let (revision, work_tree) = (self.revision(name)?, WorkTree::open(&self.repository)?);
        let before = self.opened(name, revision.clone());
        let after = self.opened("the work tree", Arc::new(work_tree));
        let (repository, name) = (self.repository.clone(), name.to_string());
        let since = move |inputs: &[TreePath]| {
            let mut changes = repository.work_tree_changes(&name)?;
            revision.add_linked(inputs, &mut changes)?;
            Ok(changes)
        };
        let since: Option<Since> = Some(Arc::new(since));
        Ok([before, Opened { since, ..after }])
    }
}

/// A folder by itself; its kustomizations may refer to others anywhere.
fn open_folder(folder: &Path, name: &str) -> Result<Opened> {
    let top = Path::new("/");
    Ok(Opened {
        name: name.to_string(),
        files: Arc::new(Folder::open(top)?),
        root: below(folder, top)?,
        origins: None,
        is_folder: true,
        since: None,
        repository: None,
    })
}

/// A folder's path below another.
fn below(folder: &Path, root: &Path) -> Result<TreePath> {
    let failed = || format!("`{}` can't be read", folder.display());
    let folder = folder.canonicalize().with_context(failed)?;
    let root = root.canonicalize().with_context(failed)?;
    let path = folder.strip_prefix(&root).ok().and_then(Path::to_str);
    path.and_then(TreePath::new).with_context(failed)
}
