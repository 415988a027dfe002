#![allow(
    clippy::disallowed_methods,
    reason = "the folders that the user names are looked up here"
)]
//! `pleach diff`: what a change will do, object by object and field by field.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};

use super::session::{self, WORKSPACE};
use super::{Global, Outcome, cache, output};
use crate::compare::{Comparison, Side, compare};
use crate::diff::Salt;
use crate::disk::{Folder, Repository, WorkTree, find_upwards};
use crate::load::{Workspace, is_base};
use crate::report::{View, changes, changes_json};
use crate::tree::{Below, EntryKind, Files, Tree, TreePath};
use crate::{Compiled, Options, compile};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// REV compares a Git revision with the work tree, REV..REV two revisions, REV...REV the second with where the two
    /// parted; two arguments are a folder or a revision each. Without any, HEAD is compared with the work tree
    #[arg(value_name = "REV|TREE", num_args = 0..=2)]
    sides: Vec<String>,
    /// Compare the tree of a workspace as it is written, instead of rendering it
    #[arg(long)]
    committed: bool,
    /// How the changes are printed
    #[arg(short, long, value_name = "FORM", default_value = "text")]
    output: Form,
    /// Exit with 1 where there are differences
    #[arg(long)]
    exit_code: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Form {
    Text,
    Json,
}

pub(super) fn run(arguments: &Arguments, global: &Global) -> Result<Outcome> {
    let current = session::directory(global)?;
    let sides = open(arguments, &current)?;
    let is_workspace = sides.iter().any(Opened::is_workspace);
    let comparison = match (is_workspace, arguments.committed) {
        (true, false) => compare_rendered(&sides, global)?,
        (true, true) => {
            let [before, after] = &sides;
            let (old, new) = (before.output(after), after.output(before));
            compare(&old.side(), &new.side(), &environment, &salt())
        }
        (false, _) => {
            let folder = |part: &TreePath| match part.as_str() {
                "" => Some(".".to_string()),
                part => Some(part.to_string()),
            };
            let [before, after] = &sides;
            compare(&before.side(), &after.side(), &folder, &salt())
        }
    };
    print(&comparison, &sides, arguments.output)?;
    let display = |path: &TreePath| path.to_string();
    let noted = match comparison.notes.is_empty() {
        true => Outcome::Clean,
        false => session::report(&comparison.notes, global, &display),
    };
    let is_same = comparison.environments.is_empty() && comparison.notes.is_empty();
    Ok(match arguments.exit_code && !is_same {
        true => Outcome::Findings,
        false => noted,
    })
}

/// The environment of a folder of a rendered tree: `apps/prod/orders`, `clusters/prod`. Nothing is applied from base. Of
/// services in Argo CD it is the cluster type, `appsets/nonprod/apps`, or with it the environment, `environments/nonprod/dev`.
fn environment(part: &TreePath) -> Option<String> {
    let parts: Vec<&str> = part.parts().take(3).collect();
    match *parts {
        ["environments", cluster_type, environment] => {
            Some(format!("{cluster_type}/{environment}"))
        }
        [_, folder, ..] if !is_base(folder) => Some(folder.to_string()),
        _ => None,
    }
}

fn print(comparison: &Comparison, [before, after]: &[Opened; 2], form: Form) -> Result<()> {
    match form {
        Form::Json => {
            output::data(changes_json(comparison, [&before.name, &after.name]).as_bytes())
        }
        Form::Text => {
            let view = View {
                display: &TreePath::to_string,
                color: true,
            };
            output::text(&changes(comparison, &view))
        }
    }
}

/// Random, so that a digest of a hidden value can be compared within one report and looked up nowhere.
pub(super) fn salt() -> Salt {
    let bytes = || RandomState::new().build_hasher().finish().to_le_bytes();
    Salt::new(&[bytes(), bytes()].concat())
}

/// One side, opened.
#[derive(Clone)]
struct Opened {
    name: String,
    files: Arc<dyn Files + Send + Sync>,
    /// The folder of `files` that is compared.
    root: TreePath,
    /// Whether it is a folder that the user named.
    is_folder: bool,
}

impl Opened {
    fn side(&self) -> Side<'_> {
        Side {
            files: &*self.files,
            root: &self.root,
            name: &self.name,
        }
    }

    fn is_workspace(&self) -> bool {
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
        let tree = match compiled {
            None if self.is_folder => return Ok(self.clone()),
            None => {
                output::note(&format!("there is no workspace in {}\n", self.name));
                Tree::new()
            }
            Some(compiled) if compiled.diagnostics.has_errors() => {
                let display = |path: &TreePath| format!("{}: {path}", self.name);
                session::report(&compiled.diagnostics, global, &display);
                let name = &self.name;
                bail!("the workspace does not render in {name}, so nothing is compared");
            }
            Some(compiled) => compiled.tree,
        };
        Ok(Opened {
            files: Arc::new(tree),
            root: TreePath::root(),
            ..self.clone()
        })
    }
}

/// Compares what two workspaces render to.
fn compare_rendered([before, after]: &[Opened; 2], global: &Global) -> Result<Comparison> {
    let (old, new) = rayon::join(|| before.render(global), || after.render(global));
    let (old, new) = (before.rendered(old, global)?, after.rendered(new, global)?);
    Ok(compare(&old.side(), &new.side(), &environment, &salt()))
}

/// The two sides that the arguments name.
fn open(arguments: &Arguments, current: &Path) -> Result<[Opened; 2]> {
    let workspace = find_upwards(current, WORKSPACE);
    let place = workspace.as_deref().unwrap_or(current);
    match &*arguments.sides {
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
        is_folder: false,
    })
}

fn open_work_tree(place: &Path) -> Result<Opened> {
    let repository = Repository::find(place)?;
    Ok(Opened {
        name: "the work tree".to_string(),
        files: Arc::new(WorkTree::open(&repository)?),
        root: below(place, repository.root())?,
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
