//! `pleach render`

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use clap_complete::ArgValueCandidates;

use super::check::with_allow_comments;
use super::session::Session;
use super::{Global, Outcome, cache, output};
use crate::disk::{apply, read_output};
use crate::emit::plan;
use crate::report::plan_summary;
use crate::{Options, Scope, compile};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) selection: Selection,
    /// Overwrite generated files that were edited or that contain conflict markers
    #[arg(long)]
    force: bool,
}

/// What to render, and where the tree is.
#[derive(Debug, Args)]
pub(super) struct Selection {
    /// Only this environment, and base (repeatable)
    #[arg(long = "env", value_name = "ENV", add = ArgValueCandidates::new(super::completions::environments))]
    pub(super) environments: Vec<String>,
    /// The folder of the tree, in place of the one in pleach.yaml
    #[arg(long, value_name = "DIR")]
    pub(super) out: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments, global: &Global) -> Result<Outcome> {
    let session = Session::open(global)?;
    let _lock = session.lock()?;
    let Selection { environments, out } = &arguments.selection;
    let compiled = compile(
        &session.files,
        &Options {
            scope: Scope::of(environments),
            cache: cache::open(global),
            ..Options::default()
        },
    );
    let found = session.report(&with_allow_comments(&compiled, &session.files));
    let Some(output_path) = compiled.output.clone().filter(|_| found == Outcome::Clean) else {
        return Ok(Outcome::Findings);
    };
    let folder = session.output(out.as_deref(), &output_path)?;
    let plan = plan(
        &compiled.tree,
        &compiled.covered(read_output(&folder)?),
        arguments.force,
    );
    let kept = session.report(&plan.faults(&output_path));
    if plan.is_blocked() {
        return Ok(Outcome::Findings);
    }
    apply(&plan, &folder)?;
    output::note(&format!("{}\n", plan_summary(&plan)));
    Ok(kept)
}
