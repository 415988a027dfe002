#![allow(
    clippy::disallowed_methods,
    reason = "the folders that the user names are looked up here"
)]
//! `pleach diff`: what a change will do, object by object and field by field.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};

use super::{Global, Outcome, output, session};
use crate::compare::{Comparison, Side, compare};
use crate::compile;
use crate::diff::Salt;
use crate::disk::{Folder, Repository, find_upwards};
use crate::report::{View, changes, changes_json};
use crate::tree::{Below, EntryKind, Files, Tree, TreePath};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// REV compares a Git revision with the work tree, REV..REV two revisions, REV...REV the second with where the two
    /// parted; two arguments are a folder or a revision each. Without any, HEAD is compared with the work tree
    #[arg(value_name = "REV|TREE", num_args = 0..=2)]
    sides: Vec<String>,
    /// Compare the kustomizations and manifests below this folder as they are, even in a workspace
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

/// The file that makes a folder a workspace.
const WORKSPACE: &str = "pleach.yaml";

pub(super) fn run(arguments: &Arguments, global: &Global) -> Result<Outcome> {
    let current = session::directory(global)?;
    let [before, after] = open(arguments, &current)?;
    let is_workspace = !arguments.committed && (before.is_workspace() || after.is_workspace());
    let comparison = if is_workspace {
        compare_workspaces(&before, &after, global)?
    } else {
        let folder = |part: &TreePath| Some(part.to_string());
        compare(&before.side(), &after.side(), &folder, &salt())
    };
    print(&comparison, [&before, &after], arguments.output, global)?;
    let is_same = comparison.environments.is_empty() && comparison.notes.is_empty();
    Ok(if arguments.exit_code && !is_same {
        Outcome::Findings
    } else {
        Outcome::Clean
    })
}

fn print(
    comparison: &Comparison,
    [before, after]: [&Opened; 2],
    form: Form,
    global: &Global,
) -> Result<()> {
    let current = std::env::current_dir().unwrap_or_default();
    let display = |path: &TreePath| session::shown(&after.base.join(path.as_str()), &current, path);
    let view = View {
        display: &display,
        color: true,
    };
    match form {
        Form::Json => {
            let sides = [&*before.name, &*after.name];
            output::data(changes_json(comparison, sides, &view).as_bytes())?;
        }
        Form::Text => {
            output::text(&changes(comparison, &view))?;
            if !comparison.notes.is_empty() {
                session::report(&comparison.notes, global, &display);
            }
        }
    }
    Ok(())
}

/// Random, so that a digest of a hidden value can be compared within one report and looked up nowhere.
fn salt() -> Salt {
    let bytes = || RandomState::new().build_hasher().finish().to_le_bytes();
    Salt::new(&[bytes(), bytes()].concat())
}

/// One side, opened.
struct Opened {
    name: String,
    files: Box<dyn Files>,
    /// The folder of `files` that is compared.
    root: TreePath,
    /// Where `files` stand on disk.
    base: PathBuf,
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

    /// The tree that the workspace renders to; an empty one where there is no workspace yet, or no more.
    fn render(&self, global: &Global) -> Result<Tree> {
        if !self.is_workspace() {
            output::note(&format!("there is no workspace in {}\n", self.name));
            return Ok(Tree::new());
        }
        let files = Below::new(&*self.files, self.root.clone());
        let compiled = compile(&files, &crate::Options::default());
        if compiled.diagnostics.has_errors() {
            let display = |path: &TreePath| format!("{}: {path}", self.name);
            session::report(&compiled.diagnostics, global, &display);
            bail!(
                "the workspace does not render in {}, so nothing is compared",
                self.name
            );
        }
        Ok(compiled.tree)
    }
}

fn compare_workspaces(before: &Opened, after: &Opened, global: &Global) -> Result<Comparison> {
    let (old, new) = (before.render(global)?, after.render(global)?);
    // `apps/prod/orders`, `clusters/prod`. Nothing is applied from base.
    let environment = |part: &TreePath| {
        let environment = part.parts().nth(1).filter(|it| *it != "base");
        environment.map(str::to_string)
    };
    let root = TreePath::root();
    let before = Side {
        files: &old,
        root: &root,
        name: &before.name,
    };
    let after = Side {
        files: &new,
        root: &root,
        name: &after.name,
    };
    Ok(compare(&before, &after, &environment, &salt()))
}

/// The two sides that the arguments name.
fn open(arguments: &Arguments, current: &Path) -> Result<[Opened; 2]> {
    let workspace = match arguments.committed {
        true => None,
        false => find_upwards(current, WORKSPACE),
    };
    let place = workspace.as_deref().unwrap_or(current);
    let revision = |name: &str| open_revision(place, if name.is_empty() { "HEAD" } else { name });
    match &*arguments.sides {
        [] => Ok([revision("HEAD")?, open_work_tree(place)?]),
        [range] => match (range.split_once("..."), range.split_once("..")) {
            (Some((a, b)), _) => {
                let (a, b) = (
                    if a.is_empty() { "HEAD" } else { a },
                    if b.is_empty() { "HEAD" } else { b },
                );
                let base = Repository::find(place)?.merge_base(a, b)?;
                Ok([revision(&base)?, revision(b)?])
            }
            (None, Some((a, b))) => Ok([revision(a)?, revision(b)?]),
            (None, None) => Ok([revision(range)?, open_work_tree(place)?]),
        },
        [before, after, ..] => {
            let side = |name: &String| match current.join(name).is_dir() {
                true => open_folder(&current.join(name), name),
                false => revision(name),
            };
            Ok([side(before)?, side(after)?])
        }
    }
}

fn open_revision(place: &Path, name: &str) -> Result<Opened> {
    let repository = Repository::find(place)?;
    Ok(Opened {
        name: name.to_string(),
        files: Box::new(repository.revision(name)?),
        root: below(place, repository.root())?,
        base: repository.root().to_path_buf(),
    })
}

fn open_work_tree(place: &Path) -> Result<Opened> {
    let repository = Repository::find(place)?;
    Ok(Opened {
        name: "the work tree".to_string(),
        files: Box::new(Folder::open(repository.root())?),
        root: below(place, repository.root())?,
        base: repository.root().to_path_buf(),
    })
}

/// A folder by itself; its kustomizations may refer to others anywhere.
fn open_folder(folder: &Path, name: &str) -> Result<Opened> {
    let base = PathBuf::from("/");
    Ok(Opened {
        name: name.to_string(),
        files: Box::new(Folder::open(&base)?),
        root: below(folder, &base)?,
        base,
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
