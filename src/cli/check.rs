//! `pleach check`

use anyhow::Result;
use clap::Args;

use super::render::Selection;
use super::session::Session;
use super::{Global, Outcome, cache, output};
use crate::disk::read_output;
use crate::emit::plan;
use crate::report::{Format, View, unified};
use crate::{Options, Scope, compile};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    selection: Selection,
}

pub(super) fn run(arguments: &Arguments, global: &Global) -> Result<Outcome> {
    let session = Session::open(global)?;
    let Selection { environments, out } = &arguments.selection;
    let compiled = compile(
        &session.files,
        &Options {
            scope: Scope::of(environments),
            cache: cache::open(global),
            ..Options::default()
        },
    );
    let Some(output_path) = compiled.output.clone() else {
        session.report(&compiled.diagnostics);
        return Ok(Outcome::Findings);
    };
    let found = if compiled.diagnostics.is_empty() {
        Outcome::Clean
    } else {
        session.report(&compiled.diagnostics)
    };
    if found == Outcome::Findings {
        return Ok(found);
    }
    let folder = session.output(out.as_deref(), &output_path);
    let plan = plan(
        &compiled.tree,
        &compiled.covered(read_output(&folder)?),
        false,
    );
    if plan.is_clean() {
        return Ok(Outcome::Clean);
    }
    if global.format == Format::Human {
        let display = |path: &_| session.display(path);
        output::text(&unified(
            &plan,
            &output_path,
            &View {
                display: &display,
                color: true,
            },
        ))?;
        session.report(&plan.faults(&output_path));
        output::error("the tree is not what the claims render to: run `pleach render`");
    } else {
        session.report(&plan.findings(&output_path));
    }
    Ok(Outcome::Findings)
}
