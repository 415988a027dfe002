//! `pleach tree`: the deployed units and objects.

use std::path::Path;

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use clap_complete::ArgValueCandidates;

use super::repository_files::{NOTHING_DEPLOYED, RepositoryFiles};
use super::usage::UsageError;
use super::{Global, Outcome, cache, output, session};
use pleach::deploy::Deployment;
use pleach::diag::{Diagnostics, nearest};
use pleach::disk::read_output;
use pleach::emit::{Ownership, ownership};
use pleach::layout::Output;
use pleach::load::WorkspaceConfig;
use pleach::report::{deployment, deployment_json, deployment_yaml};
use pleach::tree::{Tree, TreePath};
use pleach::workspace_diff::{deployed, deployed_from, sync_folder};
use pleach::{Options, compile};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Only these environments, or entry folders of Flux or Argo CD such as `clusters/prod`
    #[arg(value_name = "ENV|FOLDER", add = ArgValueCandidates::new(super::completions::environments))]
    entries: Vec<String>,
    /// Read this revision instead of the work tree
    #[arg(long, value_name = "REV", add = ArgValueCandidates::new(super::completions::revisions))]
    at: Option<String>,
    /// Read the committed tree of the workspace, instead of rendering the claims
    #[arg(long)]
    committed: bool,
    /// Output format: the tree as text or json, or all objects as yaml
    #[arg(short, long, value_name = "FORM", default_value = "text")]
    output: Form,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Form {
    Text,
    Yaml,
    Json,
}

pub(super) fn run(arguments: &Arguments, global: &Global) -> Result<Outcome> {
    let current = session::directory(global)?;
    let session = session::Session::find(global)?;
    let is_workspace = session.is_some();
    if let Some(session) = session.filter(|_| !arguments.committed && arguments.at.is_none()) {
        let found = match rendered(&session, &bootstrapped(&session)?) {
            Ok(found) => found,
            Err(faults) => return Ok(session.report(&faults)),
        };
        let workspace = WorkspaceConfig::read(&session.files).ok();
        let folder = workspace.as_ref().map(sync_folder);
        let display = |path: &TreePath| {
            let below = folder.as_ref().and_then(|it| path.below(it));
            let output = workspace.as_ref().zip(below);
            let path = output.map_or_else(|| path.clone(), |(it, below)| it.output.join(&below));
            session.display(&path)
        };
        return print(found, (arguments, true), global, &display);
    }
    let repository = RepositoryFiles::open(&current, arguments.at.as_deref())?;
    let found = deployed(&*repository.files, &repository.urls, cache::open(global));
    repository.failure()?;
    if found.entries.is_empty() && !is_workspace {
        bail!("{}, and {NOTHING_DEPLOYED}", session::no_workspace(global)?);
    }
    let display = |path: &TreePath| display_path(&repository.root, &current, path);
    print(found, (arguments, false), global, &display)
}

/// The files that `flux bootstrap` and others have added to the folders of clusters, as paths in the output.
fn bootstrapped(session: &session::Session<'_>) -> Result<Tree> {
    let Ok(workspace) = WorkspaceConfig::read(&session.files) else {
        return Ok(Tree::new());
    };
    let existing = read_output(&session.output(None, &workspace.output)?)?;
    let files = existing.iter().filter(|(path, bytes)| {
        Output::is_of_cluster(path) && ownership(path, bytes) == Ownership::Foreign
    });
    Ok(files
        .map(|(path, bytes)| (path.clone(), bytes.clone()))
        .collect())
}

/// What the rendered workspace deploys, together with the files of other origin that the sync engine applies.
pub(super) fn rendered(
    session: &session::Session<'_>,
    foreign: &Tree,
) -> Result<Deployment, Diagnostics> {
    let options = Options {
        cache: cache::open(session.global),
        skip_proof: true,
        ..Options::default()
    };
    let mut compiled = compile(&session.files, &options);
    if compiled.diagnostics.has_errors() {
        return Err(compiled.diagnostics);
    }
    for (path, bytes) in compiled.covered(foreign.clone()).iter() {
        compiled.tree.insert(path.clone(), bytes.clone());
    }
    deployed_from(&compiled, &session.files, cache::open(session.global))
}

fn display_path(root: &Path, current: &Path, path: &TreePath) -> String {
    session::relative_path(&root.join(path.as_str()), current, path)
}

fn print(
    mut found: Deployment,
    (arguments, is_rendered): (&Arguments, bool),
    global: &Global,
    display: &dyn Fn(&TreePath) -> String,
) -> Result<Outcome> {
    // The repository may have entries that the workspace does not render.
    select(&mut found, &arguments.entries).map_err(|error| match is_rendered {
        true => UsageError::new(
            error.to_string(),
            "`pleach tree --committed` also shows what other files of the repository deploy",
        )
        .into(),
        false => error,
    })?;
    let view = pleach::report::View {
        display,
        color: true,
    };
    match arguments.output {
        Form::Text => output::text(&deployment(&found, &view))?,
        Form::Json => output::data(deployment_json(&found, &view).as_bytes())?,
        Form::Yaml => {
            let text = deployment_yaml(&found, &view);
            let text = text.map_err(|fault| anyhow::anyhow!("{}", fault.message))?;
            output::data(text.as_bytes())?;
        }
    }
    if found.entries.is_empty() {
        output::note(&format!("{NOTHING_DEPLOYED}\n"));
    }
    Ok(session::report(&found.warnings(), global, display))
}

/// Keeps the requested entries, given by their folder or its last part.
pub(super) fn select(found: &mut Deployment, requested: &[String]) -> Result<()> {
    if requested.is_empty() {
        return Ok(());
    }
    let is_it = |folder: &TreePath, name: &str| {
        let name = name.trim_start_matches("./").trim_end_matches('/');
        let folder = folder.as_str();
        folder == name
            || folder
                .strip_suffix(name)
                .is_some_and(|it| it.ends_with('/'))
    };
    for name in requested {
        if !found.entries.iter().any(|it| is_it(&it.folder, name)) {
            let folders = || found.entries.iter().map(|it| &it.folder);
            let names = folders().map(TreePath::as_str);
            match nearest(name, names.chain(folders().map(TreePath::name))) {
                Some(near) => bail!("nothing is deployed from `{name}`; did you mean `{near}`?"),
                None => bail!("nothing is deployed from `{name}`"),
            }
        }
    }
    let is_requested = |folder: &TreePath| requested.iter().any(|it| is_it(folder, it));
    found.entries.retain(|it| is_requested(&it.folder));
    Ok(())
}
