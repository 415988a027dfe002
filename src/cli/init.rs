#![allow(
    clippy::disallowed_methods,
    reason = "a new workspace is written here, once, and never over anything"
)]
//! `pleach init`: unpacks the starter, which is the project's own workspace.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use include_dir::{Dir, include_dir};

use super::{Global, Outcome, output, schema, session};
use pleach::diag::Diagnostics;
use pleach::disk::apply;
use pleach::emit::{Change, Plan, Step};
use pleach::json_schema::{self, Form, Schemas};
use pleach::layout::{Folder, WORKSPACE};
use pleach::tree::{Tree, TreePath};

static ENVIRONMENTS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/environments");
static OVERLAYS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/overlays");
const WORKSPACE_TEXT: &str = include_str!("starter/pleach.yaml");

/// Files for editors. If they already exist, they are not changed.
const SETTINGS: (&str, &str) = (
    ".vscode/settings.json",
    include_str!("starter/settings.json"),
);

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
    let mut files: Vec<(PathBuf, Vec<u8>)> = vec![(PathBuf::from(WORKSPACE), workspace.into())];
    collect(
        Path::new(Folder::Environments.name()),
        &ENVIRONMENTS,
        &mut files,
    );
    files.iter_mut().try_for_each(name_schema)?;
    collect(Path::new(Folder::Overlays.name()), &OVERLAYS, &mut files);
    let schemas = Schemas::read(&Tree::new(), None, &mut Diagnostics::default());
    let schema = schema::text(&schemas.all(Form::Partial))?;
    files.push((json_schema::FILE.into(), schema.into()));
    let has_settings = root.join(SETTINGS.0).symlink_metadata().is_ok();
    if !has_settings {
        files.push((SETTINGS.0.into(), SETTINGS.1.into()));
    }
    // `pleach.yaml` is written last. Until then, the files of an interrupted run are recognized as unfinished.
    files.rotate_left(1);
    refuse_existing(&root, &files)?;
    let steps = files.iter().map(|(path, bytes)| {
        let path = path.to_str().and_then(TreePath::new);
        Ok(Step {
            path: path.context("a file of the starter has no path")?,
            change: Change::Create,
            before: None,
            after: Some(bytes.as_slice().into()),
        })
    });
    apply(&Plan::from_steps(steps.collect::<Result<_>>()?), &root)?;
    output::status(&format!(
        "{} files written; `pleach render` renders the tree\n",
        files.len()
    ));
    if has_settings {
        output::status(&format!(
            "`{}` already exists and was not changed; add `{}` to its `yaml.schemas`\n",
            SETTINGS.0,
            json_schema::FILE
        ));
    }
    Ok(Outcome::Clean)
}

/// `pleach.yaml`, with the path of the tree below the top of the Git repository.
fn workspace(root: &Path) -> String {
    let root = session::real_path(root);
    let below = session::repository_top(&root).and_then(|top| root.strip_prefix(top).ok());
    let below = below.and_then(Path::to_str).and_then(TreePath::new);
    match below.filter(|it| *it != TreePath::root()) {
        Some(below) => WORKSPACE_TEXT.replace("path: ./deploy", &format!("path: ./{below}/deploy")),
        None => WORKSPACE_TEXT.to_string(),
    }
}

/// Adds the schema to the first line of a file, for editors.
fn name_schema((path, bytes): &mut (PathBuf, Vec<u8>)) -> Result<()> {
    let path = path.to_str().and_then(TreePath::new);
    let folder = path
        .and_then(|it| it.parent())
        .context("a file of the starter has no path")?;
    let schema = TreePath::new(json_schema::FILE).context("the schema has no path")?;
    let mut text = json_schema::modeline(&folder.relative(&schema)).into_bytes();
    text.append(bytes);
    *bytes = text;
    Ok(())
}

fn collect(below: &Path, folder: &Dir<'_>, files: &mut Vec<(PathBuf, Vec<u8>)>) {
    let own = folder.files();
    files.extend(own.map(|it| (below.join(it.path()), it.contents().to_vec())));
    folder.dirs().for_each(|inner| collect(below, inner, files));
}

/// Errors: a file of the starter would replace another one. An interrupted run can be repeated.
fn refuse_existing(root: &Path, files: &[(PathBuf, Vec<u8>)]) -> Result<()> {
    let is_complete = root.join(WORKSPACE).exists();
    let is_foreign = |(path, bytes): &&(PathBuf, Vec<u8>)| match std::fs::read(root.join(path)) {
        Ok(existing) => is_complete || existing != *bytes,
        Err(_) => root.join(path).symlink_metadata().is_ok(),
    };
    let existing: Vec<String> = files
        .iter()
        .filter(is_foreign)
        .map(|it| it.0.display().to_string())
        .collect();
    if !existing.is_empty() {
        bail!(
            "these files already exist in `{}`; nothing was written: {}",
            root.display(),
            existing.join(", ")
        );
    }
    Ok(())
}
