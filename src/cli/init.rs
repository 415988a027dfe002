#![allow(
    clippy::disallowed_methods,
    reason = "a new workspace is written here, once, and never over anything"
)]
//! `pleach init`: unpacks the starter, which is the project's own workspace.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use include_dir::{Dir, include_dir};

use super::{Global, Outcome, output, session};
use crate::disk::apply;
use crate::emit::{Change, Plan, Step};
use crate::tree::TreePath;

static ENVIRONMENTS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/environments");
static OVERLAYS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/overlays");
const WORKSPACE: &str = include_str!("starter/pleach.yaml");

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The folder of the new workspace
    #[arg(value_name = "DIR", default_value = ".")]
    folder: PathBuf,
}

pub(super) fn run(arguments: &Arguments, global: &Global) -> Result<Outcome> {
    // Through its components, so that no `/./` is shown.
    let root = session::directory(global)?.join(&arguments.folder);
    let root: PathBuf = root.components().collect();
    let workspace = workspace(&root);
    let mut files: Vec<(PathBuf, &[u8])> =
        vec![(PathBuf::from("pleach.yaml"), workspace.as_bytes())];
    collect(Path::new("environments"), &ENVIRONMENTS, &mut files);
    collect(Path::new("overlays"), &OVERLAYS, &mut files);
    // The workspace begins to be one with its last file. Until then, what a run that was killed has written is taken for its own.
    files.rotate_left(1);
    let is_there = root.join("pleach.yaml").exists();
    let is_foreign = |(path, bytes): &&(PathBuf, &[u8])| match std::fs::read(root.join(path)) {
        Ok(standing) => is_there || standing != *bytes,
        Err(_) => root.join(path).symlink_metadata().is_ok(),
    };
    let standing: Vec<String> = files
        .iter()
        .filter(is_foreign)
        .map(|it| it.0.display().to_string())
        .collect();
    if !standing.is_empty() {
        bail!(
            "`{}` has these files already, so nothing was written: {}",
            root.display(),
            standing.join(", ")
        );
    }
    let steps = files.iter().map(|(path, bytes)| {
        let path = path.to_str().and_then(TreePath::new);
        Ok(Step {
            path: path.context("a file of the starter has no path")?,
            change: Change::Create,
            before: None,
            after: Some((*bytes).into()),
        })
    });
    apply(&Plan::from_steps(steps.collect::<Result<_>>()?), &root)?;
    output::status(&format!(
        "{} files written; `pleach render` makes the tree from them\n",
        files.len()
    ));
    Ok(Outcome::Clean)
}

/// `pleach.yaml`, with the place of the tree below the top of the Git repository that the folder is in.
fn workspace(root: &Path) -> String {
    let root = real(root);
    let below = session::repository_top(&root).and_then(|top| root.strip_prefix(top).ok());
    let below = below.and_then(Path::to_str).and_then(TreePath::new);
    match below.filter(|it| *it != TreePath::root()) {
        Some(below) => WORKSPACE.replace("path: ./deploy", &format!("path: ./{below}/deploy")),
        None => WORKSPACE.to_string(),
    }
}

/// A path without links, though its last folders need not be there yet.
fn real(folder: &Path) -> PathBuf {
    let mut above = folder.ancestors();
    let found = above.find_map(|it| Some((it, it.canonicalize().ok()?)));
    match found.map(|(above, real)| folder.strip_prefix(above).map(|rest| real.join(rest))) {
        Some(Ok(path)) => path.components().collect(),
        _ => folder.to_path_buf(),
    }
}

fn collect<'a>(below: &Path, folder: &'a Dir<'a>, files: &mut Vec<(PathBuf, &'a [u8])>) {
    files.extend(
        folder
            .files()
            .map(|file| (below.join(file.path()), file.contents())),
    );
    folder.dirs().for_each(|inner| collect(below, inner, files));
}
