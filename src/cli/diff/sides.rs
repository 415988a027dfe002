#![allow(
    clippy::disallowed_methods,
    reason = "the folders that the user names are looked up here"
)]
//! The two sides that are compared: revisions, the work tree, folders; rendered where they are workspaces.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};

use super::super::session::{self, WORKSPACE};
use super::super::{Global, cache, output};
use super::{environment, salt};
use crate::compare::{Claim, CodeOwners, Comparison, Origins, Side, compare};
use crate::disk::{Folder, Repository, WorkTree, find_upwards};
use crate::load::Workspace;
use crate::tree::{Below, EntryKind, Files, Tree, TreePath};
use crate::{Compiled, Options, compile};

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
}

impl Opened {
    pub(super) fn side(&self) -> Side<'_> {
        Side {
            files: &*self.files,
            root: &self.root,
            name: &self.name,
            origins: self.origins.as_deref(),
        }
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
        let kind = self.files.kind(&self.root.child(WORKSPACE));
        kind == Ok(Some(EntryKind::File))
    }

    /// The workspace's output folder in its place, or where the other side has it.
    fn output(&self, other: &Opened) -> Opened {
        let read = |it: &Opened| Workspace::read(&Below::new(&*it.files, it.root.clone()));
        let workspace = read(self).or_else(|_| read(other));
        let output = workspace.map_or_else(|_| TreePath::root(), |it| it.output);
        Opened {
            root: self.root.join(&output),
            ..self.clone()
        }
    }

    /// The output folder as it is written. Which claims it came from, the claims of the same side say, if they render.
    pub(super) fn written(&self, other: &Opened, global: &Global) -> Opened {
        let origins = self.render(global).map(|it| self.owned(it.origins));
        Opened {
            origins: origins.map(Arc::new),
            ..self.output(other)
        }
    }

    /// Gives claims that name no owner those of `CODEOWNERS`, which stands at the top of a repository.
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
                bail!("the workspace does not render in {name}, so nothing is compared");
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

/// Compares what two workspaces render to.
pub(super) fn compare_rendered(
    [before, after]: &[Opened; 2],
    global: &Global,
) -> Result<Comparison> {
    let (old, new) = rayon::join(|| before.render(global), || after.render(global));
    let (old, new) = (before.rendered(old, global)?, after.rendered(new, global)?);
    Ok(compare(&old.side(), &new.side(), &environment, &salt()))
}

/// The two sides that the arguments name.
pub(super) fn open(names: &[String], current: &Path) -> Result<[Opened; 2]> {
    let workspace = find_upwards(current, WORKSPACE);
    let place = workspace.as_deref().unwrap_or(current);
    match names {
        [] => Ok([open_revision(place, "HEAD")?, open_work_tree(place)?]),
        [range] => match (range.split_once("..."), range.split_once("..")) {
            (Some((a, b)), _) => {
                let base = Repository::find(place)?.merge_base(or_head(a), or_head(b))?;
                let base = base.with_context(|| format!("`{a}` and `{b}` have no common past"))?;
                Ok([
                    open_revision(place, &base)?,
                    open_revision(place, or_head(b))?,
                ])
            }
            (None, Some((a, b))) => Ok([
                open_revision(place, or_head(a))?,
                open_revision(place, or_head(b))?,
            ]),
            (None, None) => Ok([open_revision(place, range)?, open_work_tree(place)?]),
        },
        [before, after, ..] => {
            let side = |name: &String| match current.join(name).is_dir() {
                true => open_folder(&current.join(name), name),
                false => open_revision(place, name),
            };
            Ok([side(before)?, side(after)?])
        }
    }
}

fn or_head(name: &str) -> &str {
    if name.is_empty() { "HEAD" } else { name }
}

fn open_revision(place: &Path, name: &str) -> Result<Opened> {
    let repository = Repository::find(place)?;
    let revision = repository.revision(name)?;
    let files = revision.with_context(|| format!("there is no revision `{name}`"))?;
    Ok(Opened {
        name: name.to_string(),
        files: Arc::new(files),
        root: below(place, repository.root())?,
        origins: None,
        is_folder: false,
    })
}

fn open_work_tree(place: &Path) -> Result<Opened> {
    let repository = Repository::find(place)?;
    Ok(Opened {
        name: "the work tree".to_string(),
        files: Arc::new(WorkTree::open(&repository)?),
        root: below(place, repository.root())?,
        origins: None,
        is_folder: false,
    })
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
