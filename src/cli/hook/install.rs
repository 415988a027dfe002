#![allow(
    clippy::disallowed_methods,
    reason = "the hook is a file in Git's own folder"
)]
//! `pleach hook install` and `uninstall`: a plain Git hook.

use pleach::layout::WORKSPACE;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::cli::diff::Depth;
use crate::cli::session::{directory, no_workspace};
use crate::cli::{Global, Outcome, output};
use pleach::disk::{Repository, find_upwards, store_executable};

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
const MARK: &str = "# Made by `pleach hook install`; `pleach hook uninstall` takes it away.";

pub(super) fn install(arguments: &Arguments, global: &Global) -> Result<Outcome> {
    let start = directory(global)?;
    let workspace = find_upwards(&start, WORKSPACE);
    let repository = Repository::find(workspace.as_ref().unwrap_or(&start))?;
    let folder = match workspace {
        Some(workspace) => workspace,
        None if arguments.fix => bail!(
            "`--fix` needs a workspace, and there is {}; use `-C DIR` for another folder",
            no_workspace(global)?
        ),
        None => repository.root().to_path_buf(),
    };
    let path = hook(&repository)?;
    if is_foreign(&path) && !arguments.force {
        bail!(
            "`{}` is not a hook of pleach: add the line `{} || exit 1` to it, or replace it with `--force`",
            path.display(),
            line(&folder, &repository, arguments)?
        );
    }
    let line = line(&folder, &repository, arguments)?;
    store_executable(&path, script(&line).as_bytes())?;
    output::status(&format!(
        "`{}` installed: `git commit` runs it, `git commit --no-verify` does not\n",
        path.display()
    ));
    Ok(Outcome::Clean)
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
    path.exists() && !String::from_utf8_lossy(&text).contains(MARK)
}

/// The command that runs the hook. Git starts it in the work tree's top folder.
fn line(folder: &Path, repository: &Repository, arguments: &Arguments) -> Result<String> {
    let folder = folder.canonicalize()?;
    let below = folder
        .strip_prefix(repository.root())
        .unwrap_or(Path::new(""));
    let below = below
        .to_str()
        .context("the path of the folder is not valid UTF-8")?;
    let change = match below {
        "" => String::new(),
        below => format!(" -C '{}'", below.replace('\'', r"'\''")),
    };
    let fix = if arguments.fix { " --fix" } else { "" };
    let depth = match arguments.depth {
        Depth::Sync => "",
        Depth::Objects => " --depth objects",
    };
    Ok(format!("pleach{change} hook run{fix}{depth}"))
}

fn script(line: &str) -> String {
    format!(
        "#!/bin/sh\n{MARK}\n\
         command -v pleach >/dev/null || {{ echo 'the hook needs pleach: install it, or commit with --no-verify' >&2; exit 1; }}\n\
         exec {line}\n"
    )
}
