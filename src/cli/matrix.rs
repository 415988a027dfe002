//! `pleach matrix`: claims × environments.

use std::collections::BTreeSet;

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use clap_complete::ArgValueCandidates;

use super::diff::Depth;
use super::repository_files::{NOTHING_DEPLOYED, RepositoryFiles};
use super::session::{Session, no_workspace};
use super::tree_slices::{owner, rendered, service};
use super::usage::{check_environments, check_names};
use super::{Global, Outcome, cache, output};
use pleach::Compiled;
use pleach::compare::DeployedOrigins;
use pleach::load::WorkspaceConfig;
use pleach::matrix::{Matrix, matrix};
use pleach::report::{matrix_json, matrix_markdown, matrix_text};
use pleach::workspace_diff::{repository_origins, workspace_origins};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Show only these claims
    #[arg(value_name = "CLAIM", add = ArgValueCandidates::new(super::completions::claims))]
    claims: Vec<String>,
    /// Only this environment (repeatable)
    #[arg(long = "env", value_name = "ENV", add = ArgValueCandidates::new(super::completions::environments))]
    environments: Vec<String>,
    /// Only rows that differ between environments
    #[arg(long)]
    drift: bool,
    /// Which objects to show: those that are synced, or also those that charts and other units deploy from them. Without
    /// pleach.yaml: those that Flux and Argo CD deploy from the repository
    #[arg(long, value_name = "DEPTH", default_value = "sync")]
    depth: Depth,
    /// Output format of the list
    #[arg(short, long, value_name = "FORM", default_value = "text")]
    output: Form,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Form {
    Text,
    Md,
    Json,
}

pub(super) fn run(arguments: &Arguments, global: &Global) -> Result<Outcome> {
    let Some(mut matrix) = table(arguments, global)? else {
        return Ok(Outcome::Findings);
    };
    let known = matrix.claims.iter().map(|it| it.name.as_str());
    check_names("claim", known, &arguments.claims)?;
    let requested = &arguments.claims;
    matrix
        .claims
        .retain(|it| requested.is_empty() || requested.contains(&it.name));
    if arguments.drift {
        for claim in &mut matrix.claims {
            claim.rows.retain(|it| it.drifts);
        }
        matrix.claims.retain(|it| !it.rows.is_empty());
    }
    match arguments.output {
        Form::Text => output::text(&matrix_text(&matrix))?,
        Form::Md => output::data(matrix_markdown(&matrix).as_bytes())?,
        Form::Json => output::data(matrix_json(&matrix).as_bytes())?,
    }
    Ok(Outcome::Clean)
}

/// The table of all claims. `None` if there are errors, which have been reported.
fn table(arguments: &Arguments, global: &Global) -> Result<Option<Matrix>> {
    let session = Session::open_any(global)?;
    if !session.is_workspace() {
        return deployed_from_repository(&session, arguments, global).map(Some);
    }
    check_environments(&session, &arguments.environments)?;
    let Some(compiled) = rendered(&session, &session.files, &arguments.environments) else {
        return Ok(None);
    };
    if arguments.depth == Depth::Objects {
        return Ok(deployed(&session, &compiled, arguments, global));
    }
    let claims = compiled.origins.iter().filter_map(|(folder, origin)| {
        let (environment, claim) = owner(folder).or_else(|| service(folder))?;
        Some((environment, claim, &*origin.objects))
    });
    Ok(Some(in_order(matrix(claims), &session)))
}

/// The table of all objects that are deployed from a workspace. `None` if there are errors, which have been reported.
fn deployed(
    session: &Session<'_>,
    compiled: &Compiled,
    arguments: &Arguments,
    global: &Global,
) -> Option<Matrix> {
    let found = workspace_origins(compiled, &session.files, cache::open(global));
    let (found, unseen) = match found {
        Ok(found) => found,
        Err(faults) => {
            session.report(&faults);
            return None;
        }
    };
    session.report(&unseen);
    Some(in_order(table_of(&found, arguments), session))
}

/// The table of all objects that are deployed from a repository without a workspace.
fn deployed_from_repository(
    session: &Session<'_>,
    arguments: &Arguments,
    global: &Global,
) -> Result<Matrix> {
    let repository = RepositoryFiles::open(&session.root, None)?;
    let cache = cache::open(global);
    let (found, unseen) = repository_origins(&*repository.files, &repository.urls, cache);
    repository.failure()?;
    if found.origins.iter().next().is_none() {
        bail!("{}, and {NOTHING_DEPLOYED}", no_workspace(global)?);
    }
    session.report(&unseen);
    let known = found.origins.iter();
    let known: BTreeSet<&str> = known
        .filter_map(|it| it.1.environment.as_deref())
        .chain(found.incomplete.iter().map(String::as_str))
        .collect();
    check_names(
        "environment",
        known.iter().copied(),
        &arguments.environments,
    )?;
    Ok(table_of(&found, arguments))
}

fn table_of(found: &DeployedOrigins, arguments: &Arguments) -> Matrix {
    let requested = &arguments.environments;
    let claims = found.origins.iter().filter_map(|(_, origin)| {
        let environment = origin.environment.clone()?;
        let is_requested = requested.is_empty() || requested.contains(&environment);
        let title = &origin.claim.title;
        // Only the name of `Kind/name`, as in the table of synced objects.
        let name = title.split_once('/').filter(|it| !it.0.contains(' '));
        let name = name.map_or(title.as_str(), |it| it.1).to_string();
        is_requested.then_some((environment, name, &*origin.objects))
    });
    matrix(claims)
}

fn in_order(mut matrix: Matrix, session: &Session<'_>) -> Matrix {
    if let Ok(workspace) = WorkspaceConfig::read(&session.files) {
        matrix.order(&workspace.environment_names());
    }
    matrix
}
