#![allow(
    clippy::disallowed_methods,
    reason = "the hook is a file in Git's own folder"
)]
//! `pleach hook install` and `uninstall`: a plain Git hook.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::cli::diff::Depth;
use crate::cli::repository_files::workspaces;
use crate::cli::session::{directory, no_workspace};
use crate::cli::{Global, Outcome, output};
use pleach::disk::{Repository, WorkTree, find_upwards, store_executable};
use pleach::layout::WORKSPACE;
use pleach::report::shell_word;
use pleach::tree::TreePath;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Let the hook update and stage outdated files of the tree
    #[arg(long)]
    fix: bool,
    /// Which objects the hook checks: those that are synced, or also those that charts and other units deploy from them. Without
    /// pleach.yaml, what Flux and Argo CD deploy from the repository is checked
    #[arg(long, value_name = "DEPTH", default_value = "sync")]
    depth: Depth,
    /// Replace an existing hook that was not installed by pleach
    #[arg(long)]
    force: bool,
}

/// This line marks the hook as installed by pleach.
const MARK: &str = "# Installed by `pleach hook install`; `pleach hook uninstall` removes it.";

/// Each of these texts marks a hook as installed by pleach; earlier versions wrote other lines.
const MARKS: [&str; 2] = [
    "# Installed by `pleach hook install`",
    "# Made by `pleach hook install`",
];

pub(super) fn install(arguments: &Arguments, global: &Global) -> Result<Outcome> {
    let start = directory(global)?;
    let workspace = find_upwards(&start, WORKSPACE);
    let repository = Repository::find(workspace.as_ref().unwrap_or(&start))?;
    let repository = Arc::new(repository);
    let folders = match workspace {
        Some(workspace) => vec![workspace_folder(&workspace, &repository)?],
        None => workspaces(&WorkTree::open(&repository)?),
    };
    if folders.is_empty() && arguments.fix {
        bail!(
            "`--fix` needs a workspace, and there is {}; use `-C DIR` for another folder",
            no_workspace(global)?
        );
    }
    let path = hook(&repository)?;
    let lines = lines(&folders, arguments);
    if is_foreign(&path) && !arguments.force {
        let lines: Vec<String> = lines.iter().map(|it| format!("`{it} || exit 1`")).collect();
        bail!(
            "`{}` is not a hook of pleach: add the {} {} to it, or replace it with `--force`",
            path.display(),
            if lines.len() == 1 { "line" } else { "lines" },
            lines.join(" and ")
        );
    }
    store_executable(&path, script(&lines).as_bytes())?;
    output::status(&format!(
        "`{}` installed{}: `git commit` runs it, `git commit --no-verify` does not\n",
        path.display(),
        of_workspaces(&folders)
    ));
    Ok(Outcome::Clean)
}

/// Names the workspaces in subfolders that the hook checks.
fn of_workspaces(folders: &[TreePath]) -> String {
    let named = folders.iter().filter(|it| !it.as_str().is_empty());
    let named: Vec<String> = named.map(|it| format!("`{it}`")).collect();
    match &*named {
        [] => String::new(),
        [one] => format!(" for the workspace in {one}"),
        several => format!(" for the workspaces in {}", several.join(", ")),
    }
}

pub(super) fn uninstall(global: &Global) -> Result<Outcome> {
    let repository = Repository::find(&directory(global)?)?;
    let path = hook(&repository)?;
    let message = match path.exists() {
        false => format!("`{}` does not exist\n", path.display()),
        true if is_foreign(&path) => bail!(
            "`{}` is not a hook of pleach; it was not removed",
            path.display()
        ),
        true => {
            let failed = || format!("cannot remove `{}`", path.display());
            fs::remove_file(&path).with_context(failed)?;
            format!("`{}` removed\n", path.display())
        }
    };
    output::status(&message);
    Ok(Outcome::Clean)
}

/// The path where Git looks for the hook, considering `core.hooksPath`.
fn hook(repository: &Repository) -> Result<PathBuf> {
    Ok(repository.hooks()?.join("pre-commit"))
}

fn is_foreign(path: &Path) -> bool {
    let text = fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    path.exists() && !MARKS.iter().any(|it| text.contains(it))
}

/// The folder of a workspace in its repository.
fn workspace_folder(folder: &Path, repository: &Repository) -> Result<TreePath> {
    let folder = folder.canonicalize()?;
    let below = folder
        .strip_prefix(repository.root())
        .unwrap_or(Path::new(""));
    let below = below.to_str().and_then(TreePath::new);
    below.context("the path of the folder is not valid UTF-8")
}

/// The commands that run the hook, one for each workspace. Git starts them in the work tree's top folder.
fn lines(folders: &[TreePath], arguments: &Arguments) -> Vec<String> {
    match folders {
        [] => vec![line(&TreePath::root(), arguments)],
        folders => folders.iter().map(|it| line(it, arguments)).collect(),
    }
}

fn line(folder: &TreePath, arguments: &Arguments) -> String {
    let change = match folder.as_str() {
        "" => String::new(),
        folder => format!(" -C {}", shell_word(folder)),
    };
    let fix = if arguments.fix { " --fix" } else { "" };
    let depth = match arguments.depth {
        Depth::Sync => "",
        Depth::Objects => " --depth objects",
    };
    format!("pleach{change} hook run{fix}{depth}")
}

fn script(lines: &[String]) -> String {
    let mut text = format!(
        "#!/bin/sh\n{MARK}\n\
         command -v pleach >/dev/null || {{ echo 'the hook needs pleach: install it, or commit with --no-verify' >&2; exit 1; }}\n"
    );
    if let Some((last, others)) = lines.split_last() {
        others
            .iter()
            .for_each(|it| text.push_str(&format!("{it} || exit 1\n")));
        text.push_str(&format!("exec {last}\n"));
    }
    text
}
