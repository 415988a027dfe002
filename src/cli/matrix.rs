//! `pleach matrix`: claims × environments.

use anyhow::Result;
use clap::{Args, ValueEnum};
use clap_complete::ArgValueCandidates;

use super::session::Session;
use super::tree_slices::{check_claims, owner, rendered, service};
use super::{Global, Outcome, output};
use crate::load::WorkspaceConfig;
use crate::matrix::matrix;
use crate::report::{matrix_json, matrix_markdown, matrix_text};

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
    /// Output format
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
    let session = Session::open(global)?;
    let Some(compiled) = rendered(&session, &session.files, &arguments.environments) else {
        return Ok(Outcome::Findings);
    };
    let claims = compiled.origins.iter().filter_map(|(folder, origin)| {
        let (environment, claim) = owner(folder).or_else(|| service(folder))?;
        Some((environment, claim, &*origin.objects))
    });
    let mut matrix = matrix(claims);
    if let Ok(workspace) = WorkspaceConfig::read(&session.files) {
        matrix.order(&workspace.environment_names());
    }
    let known = matrix.claims.iter().map(|it| it.name.as_str());
    check_claims(known, &arguments.claims)?;
    let wanted = &arguments.claims;
    matrix
        .claims
        .retain(|it| wanted.is_empty() || wanted.contains(&it.name));
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
