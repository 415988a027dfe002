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

static ENVIRONMENTS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/environments");
static OVERLAYS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/overlays");
const WORKSPACE: &str = include_str!("starter/pleach.yaml");

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The folder to make the workspace in
    #[arg(value_name = "DIR", default_value = ".")]
    folder: PathBuf,
}

pub(super) fn run(arguments: &Arguments, global: &Global) -> Result<Outcome> {
    // Through its components, so that no `/./` is shown.
    let root = session::directory(global)?.join(&arguments.folder);
    let root: PathBuf = root.components().collect();
    let mut files: Vec<(PathBuf, &[u8])> =
        vec![(PathBuf::from("pleach.yaml"), WORKSPACE.as_bytes())];
    collect(Path::new("environments"), &ENVIRONMENTS, &mut files);
    collect(Path::new("overlays"), &OVERLAYS, &mut files);
    let standing: Vec<String> = files
        .iter()
        .filter(|it| root.join(&it.0).exists())
        .map(|it| it.0.display().to_string())
        .collect();
    if !standing.is_empty() {
        bail!(
            "`{}` has these files already, so nothing was written: {}",
            root.display(),
            standing.join(", ")
        );
    }
    for (path, bytes) in &files {
        let file = root.join(path);
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("`{}` can't be made", folder.display()))?;
        }
        std::fs::write(&file, bytes)
            .with_context(|| format!("`{}` can't be written", file.display()))?;
    }
    output::note(&format!(
        "{} files written; `pleach render` makes the tree from them\n",
        files.len()
    ));
    Ok(Outcome::Clean)
}

fn collect<'a>(below: &Path, folder: &'a Dir<'a>, files: &mut Vec<(PathBuf, &'a [u8])>) {
    files.extend(
        folder
            .files()
            .map(|file| (below.join(file.path()), file.contents())),
    );
    folder.dirs().for_each(|inner| collect(below, inner, files));
}
