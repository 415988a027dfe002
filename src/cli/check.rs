//! `pleach check`

use anyhow::Result;
use clap::Args;

use super::render::Selection;
use super::session::Session;
use super::{Global, Outcome, cache, output, test};
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
    let (is_human, mut found) = (global.format == Format::Human, compiled.diagnostics.clone());
    let Some(output_path) = compiled.output.clone() else {
        session.report(&found);
        return Ok(Outcome::Findings);
    };
    let is_told = is_human && !found.is_empty();
    if is_told && session.report(&found) == Outcome::Findings {
        return Ok(Outcome::Findings);
    }
    if found.has_errors() {
        return Ok(session.report(&found));
    }
    let cases = test::findings(&session);
    if is_human && !cases.is_empty() {
        session.report(&cases);
    }
    let is_clean = cases.is_empty();
    found.extend(cases);
    let folder = session.output(out.as_deref(), &output_path);
    let plan = plan(
        &compiled.tree,
        &compiled.covered(read_output(&folder)?),
        false,
    );
    if is_human && !plan.is_clean() {
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
    }
    if !is_human {
        // Whoever reads it wants one document.
        found.extend(plan.findings(&output_path));
        if session.report(&found) == Outcome::Findings {
            return Ok(Outcome::Findings);
        }
    }
    Ok(match plan.is_clean() && is_clean {
        true => Outcome::Clean,
        false => Outcome::Findings,
    })
}
