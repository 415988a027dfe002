//! `pleach tree`: the deployed units and objects.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};

use super::{Global, Outcome, cache, output, revision, session};
use pleach::deploy::Deployment;
use pleach::diag::nearest;
use pleach::disk::{Folder, Repository, WorkTree};
use pleach::load::WorkspaceConfig;
use pleach::report::{deployment, deployment_json, deployment_yaml};
use pleach::tree::{Files, TreePath};
use pleach::workspace_diff::{deployed, deployed_from, sync_folder};
use pleach::{Options, compile};

pub(super) const NOTHING_DEPLOYED: &str = "found no Kustomization or HelmRelease of Flux, and no Application or ApplicationSet of Argo CD";

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Only these environments, or entry folders of Flux or Argo CD such as `clusters/prod`
    #[arg(value_name = "ENV|FOLDER")]
    entries: Vec<String>,
    /// Read this revision instead of the work tree
    #[arg(long, value_name = "REV")]
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
    if let Some(session) = session.filter(|_| !arguments.committed && arguments.at.is_none()) {
        let options = Options {
            cache: cache::open(global),
            skip_proof: true,
            ..Options::default()
        };
        let compiled = compile(&session.files, &options);
        if compiled.diagnostics.has_errors() {
            return Ok(session.report(&compiled.diagnostics));
        }
        let found = match deployed_from(&compiled, &session.files, cache::open(global)) {
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
        return print(found, arguments, global, &display);
    }
    let repository = Repository::find(&current).ok().map(Arc::new);
    let (files, root): (Box<dyn Files>, _) = match (&repository, &arguments.at) {
        (Some(repository), Some(name)) => {
            let files = revision::open(repository, name, "revision")?;
            (Box::new(files), repository.root())
        }
        (Some(repository), None) => (Box::new(WorkTree::open(repository)?), repository.root()),
        (None, Some(_)) => bail!("`--at` requires a Git repository"),
        (None, None) => (Box::new(Folder::open(&current)?), &*current),
    };
    let urls = repository.as_deref().map(addresses).unwrap_or_default();
    let found = deployed(&*files, &urls, cache::open(global));
    if let Some(repository) = &repository {
        repository.failure()?;
    }
    let display = |path: &TreePath| shown(root, &current, path);
    print(found, arguments, global, &display)
}

/// The addresses of the remotes of a repository.
pub(super) fn addresses(repository: &Repository) -> Vec<String> {
    let asked = repository.query(&["config", "--get-regexp", r"^remote\..*\.url$"]);
    let lines = asked.ok().flatten().unwrap_or_default();
    let urls = lines.lines().filter_map(|it| it.split_once(' '));
    urls.map(|it| it.1.to_string()).collect()
}

fn shown(root: &Path, current: &Path, path: &TreePath) -> String {
    session::relative_path(&root.join(path.as_str()), current, path)
}

fn print(
    mut found: Deployment,
    arguments: &Arguments,
    global: &Global,
    display: &dyn Fn(&TreePath) -> String,
) -> Result<Outcome> {
    select(&mut found, &arguments.entries)?;
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
fn select(found: &mut Deployment, wanted: &[String]) -> Result<()> {
    if wanted.is_empty() {
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
    for name in wanted {
        if !found.entries.iter().any(|it| is_it(&it.folder, name)) {
            let folders = found.entries.iter().map(|it| it.folder.as_str());
            match nearest(name, folders) {
                Some(near) => bail!("nothing is deployed from `{name}`; did you mean `{near}`?"),
                None => bail!("nothing is deployed from `{name}`"),
            }
        }
    }
    let is_wanted = |folder: &TreePath| wanted.iter().any(|it| is_it(folder, it));
    found.entries.retain(|it| is_wanted(&it.folder));
    Ok(())
}
