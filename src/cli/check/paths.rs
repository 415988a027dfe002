#![allow(
    clippy::disallowed_methods,
    reason = "the files that the user names are looked up here"
)]
//! `pleach check PATH…`: the objects in files, folders, kustomizations and standard input.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};

use super::super::build::{charts, pinning_folder, tree_path};
use super::super::session::{self, Session, repository_top};
use super::super::stream::read_stream;
use super::super::timings::Timings;
use super::super::{Global, Outcome, Strict, cache, output};
use super::target::Target;
use super::{Arguments, validation_options};
use pleach::diag::{Diagnostics, Source};
use pleach::disk::Folder;
use pleach::inflate::Inflater;
use pleach::kustomize::{FILE_NAMES, Options};
use pleach::layout::{Folder as InputFolder, WORKSPACE};
use pleach::plain::{BuildContext, Objects, check_objects};
use pleach::remote::WithRemotes;
use pleach::report::{Format, counted, printable, shell_word};
use pleach::tree::TreePath;

/// The path that means standard input.
const STANDARD_INPUT: &str = "-";

pub(super) fn check(
    arguments: &Arguments,
    global: &Global,
    timings: Option<&Arc<Timings>>,
) -> Result<Outcome> {
    let begins = |stage: &str| timings.into_iter().for_each(|it| it.start_stage(stage));
    begins("reading objects");
    let current = session::directory(global)?;
    let inputs = inputs(&arguments.paths, &current)?;
    let workspace = workspace(&inputs, &current, global)?;
    let paths: Vec<Option<PathBuf>> = inputs.iter().map(Input::path).collect();
    let target = Target::from_arguments(arguments, workspace.as_ref(), &paths)?;
    let mut objects = Objects::default();
    for input in &inputs {
        match input {
            Input::Text(source) => objects.add_text(source),
            Input::Path(path) => add(&mut objects, path, &target, global)?,
        }
    }
    objects.report(target.notes());
    begins("checking objects");
    let Target {
        environment,
        cluster,
        ..
    } = &target;
    let found = check_objects(&objects, environment, cluster, validation_options(global));
    let outcome = report(&found, workspace.as_ref(), &current, global);
    if global.format == Format::Human && outcome == Outcome::Clean {
        output::status(&summary(&objects, &target));
    }
    // The process ends here, and the system frees the memory faster than dropping each object does.
    std::mem::forget(objects);
    Ok(outcome)
}

/// An argument of the user.
enum Input {
    /// A file or folder.
    Path(PathBuf),
    /// Standard input, or a pipe.
    Text(Arc<Source>),
}

impl Input {
    fn path(&self) -> Option<PathBuf> {
        match self {
            Input::Path(path) => Some(path.clone()),
            Input::Text(_) => None,
        }
    }
}

fn inputs(paths: &[PathBuf], current: &Path) -> Result<Vec<Input>> {
    if paths
        .iter()
        .filter(|it| it.as_os_str() == STANDARD_INPUT)
        .count()
        > 1
    {
        bail!("standard input is given twice");
    }
    let inputs = paths.iter().map(|it| input(it, current));
    inputs.collect()
}

fn input(path: &Path, current: &Path) -> Result<Input> {
    if path.as_os_str() == STANDARD_INPUT {
        return Ok(Input::Text(read_stream(
            "<stdin>",
            std::io::stdin().lock(),
        )?));
    }
    let full = current.join(path);
    let failed = || format!("cannot read `{}`", path.display());
    let metadata = std::fs::metadata(&full).with_context(failed)?;
    if metadata.is_dir() {
        if full.join(WORKSPACE).exists() {
            let folder = path.display();
            let word = shell_word(&folder.to_string());
            bail!(
                "`{folder}` is a workspace; check it with `pleach -C {word} check`, or pass a folder of manifests in it"
            );
        }
        return Ok(Input::Path(full.canonicalize().with_context(failed)?));
    }
    if metadata.is_file() {
        return Ok(Input::Path(std::path::absolute(full).with_context(failed)?));
    }
    // In a shell, `<(kubectl get …)` is a pipe.
    let file = std::fs::File::open(&full).with_context(failed)?;
    Ok(Input::Text(read_stream(&path.display().to_string(), file)?))
}

/// The workspace of the current folder, or else of the first path that is in one.
fn workspace<'g>(
    inputs: &[Input],
    current: &Path,
    global: &'g Global,
) -> Result<Option<Session<'g>>> {
    if let Some(found) = Session::find_from(global, current)? {
        return Ok(Some(found));
    }
    for input in inputs {
        if let Input::Path(path) = input
            && let Some(found) = Session::find_from(global, path)?
        {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// Adds the objects of a file or folder.
fn add(objects: &mut Objects, path: &Path, target: &Target, global: &Global) -> Result<()> {
    // Bases may be anywhere; the engine decides what a kustomization may read.
    let files = Folder::open(Path::new("/"))?;
    let own = tree_path(path)?;
    let options = Options {
        unreferenced_files: global.strict == Some(Strict::Files),
        ..Options::default()
    };
    let is_built = path.is_dir() || FILE_NAMES.contains(&own.name());
    if !is_built {
        let inflater = || Inflater::new(target.helm_version, "", &[], None);
        let building = BuildContext {
            options: &options,
            inflater: &inflater,
        };
        objects.add_path(&files, &own, &building);
        return Ok(());
    }
    let folder = if path.is_dir() {
        path
    } else {
        path.parent().unwrap_or(path)
    };
    let pinning = pinning_folder(global, folder)?;
    let files = WithRemotes::new(&files, tree_path(&pinning)?, cache::open(global));
    let pinned = Folder::open(&pinning)?;
    let charts = charts(global, &pinned)?;
    let version = &target.kubernetes_version;
    let inflater = || Inflater::new(target.helm_version, version, &[], Some(&charts));
    let building = BuildContext {
        options: &options,
        inflater: &inflater,
    };
    objects.add_path(&files, &own, &building);
    objects.report(files.diagnostics());
    Ok(())
}

/// Prints the findings, with paths relative to the current folder, or for services relative to the top of the repository.
fn report(
    found: &Diagnostics,
    workspace: Option<&Session<'_>>,
    current: &Path,
    global: &Global,
) -> Outcome {
    let top = repository_top(current).filter(|_| global.format.is_for_services());
    let display = |path: &TreePath| {
        // Paths of definitions and policies are relative to the workspace; all others to the root of the file system.
        let folder =
            InputFolder::containing(path).filter(|_| !Path::new("/").join(path.as_str()).exists());
        let file = match (workspace, folder) {
            (Some(session), Some(_)) => session.root.join(path.as_str()),
            _ => Path::new("/").join(path.as_str()),
        };
        let below = top.and_then(|it| file.strip_prefix(it).ok()?.to_str());
        match below {
            Some(below) if !path.as_str().starts_with('<') => below.to_string(),
            _ => session::relative_path(&file, current, path),
        }
    };
    session::report(found, global, &display)
}

/// The last line, for people.
fn summary(objects: &Objects, target: &Target) -> String {
    let charts = match objects.charts() {
        0 => String::new(),
        charts => format!("; {} skipped", counted(charts, "chart")),
    };
    let environment = match &*target.environment {
        "" => String::new(),
        name => format!(" of `{}`", printable(name)),
    };
    format!(
        "{} checked for Kubernetes 1.{}{environment}{charts}\n",
        counted(objects.count(), "object"),
        target.minor()
    )
}
