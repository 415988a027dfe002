//! `pleach schema`: JSON Schema for the files of a workspace.

use anyhow::{Context, Result, bail};
use clap::Args;
use clap_complete::ArgValueCandidates;
use serde_json::Value as Json;

use super::session::{self, Session};
use super::{Global, Outcome, cache, output};
use pleach::diag::{Diagnostics, nearest};
use pleach::disk::apply;
use pleach::emit::{Change, Plan, Step};
use pleach::json_schema::{FILE, Form, Schemas};
use pleach::tree::{Files, Tree, TreePath};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Only this kind: a claim kind, Environment, Workspace, ClaimKind or Policy
    #[arg(value_name = "KIND", add = ArgValueCandidates::new(super::completions::kinds))]
    kind: Option<String>,
    /// Enforce required fields of claims. By default, a claim may be partial, because it is merged into the one in
    /// `environments/base`
    #[arg(long)]
    whole: bool,
    /// The values of this chart, by name: a chart that is pinned in pleach.lock and has been pulled, or one in a folder of the
    /// workspace
    #[arg(long, value_name = "NAME", conflicts_with_all = ["kind", "whole"])]
    chart: Option<String>,
    /// Write the schema of all files into `.pleach/schema.json` of the workspace
    #[arg(long, conflicts_with_all = ["kind", "whole", "chart"])]
    write: bool,
}

pub(super) fn run(arguments: &Arguments, global: &Global) -> Result<Outcome> {
    let mut faults = Diagnostics::default();
    let session = Session::find(global)?;
    let cache = cache::open(global);
    let (schemas, outcome) = match &session {
        Some(session) => {
            let schemas = Schemas::read(&session.files, cache, &mut faults);
            (schemas, session.report(&faults))
        }
        None => {
            let schemas = Schemas::read(&Tree::new(), cache, &mut faults);
            let outcome = session::report(&faults, global, &ToString::to_string);
            (schemas, outcome)
        }
    };
    if arguments.write {
        let session =
            session.context("`--write` requires a workspace; create one with `pleach init`")?;
        // If a kind cannot be read, the schema would reject its claims.
        if outcome == Outcome::Clean {
            write(&session, &schemas)?;
        }
        return Ok(outcome);
    }
    let form = match arguments.whole {
        true => Form::Whole,
        false => Form::Partial,
    };
    let schema = match (&arguments.kind, &arguments.chart) {
        (None, None) => schemas.all(form),
        (Some(name), _) => find(schemas.get(name, form), name, "claim kind", schemas.names())?,
        (None, Some(name)) => find(schemas.of_chart(name), name, "chart", schemas.chart_names())?,
    };
    output::data(text(&schema)?.as_bytes())?;
    Ok(outcome)
}

/// A schema as the text of a file.
pub(super) fn text(schema: &Json) -> Result<String> {
    Ok(serde_json::to_string_pretty(schema)? + "\n")
}

fn find<'a>(
    found: Option<Json>,
    name: &str,
    what: &str,
    known: impl Iterator<Item = &'a str>,
) -> Result<Json> {
    let known: Vec<&str> = known.collect();
    match (found, nearest(name, known.iter().copied())) {
        (Some(schema), _) => Ok(schema),
        (None, Some(near)) => bail!("unknown {what} `{name}`; did you mean `{near}`?"),
        (None, None) if known.is_empty() => {
            bail!(
                "unknown {what} `{name}`: there are none in the workspace or its cache; run `pleach vendor`"
            )
        }
        (None, None) => bail!("unknown {what} `{name}`; known: {}", known.join(", ")),
    }
}

fn write(session: &Session<'_>, schemas: &Schemas) -> Result<()> {
    let path = TreePath::new(FILE).context("the schema's file has no path")?;
    let before = session.files.read(&path).ok();
    let after = text(&schemas.all(Form::Partial))?;
    if before.as_deref() == Some(after.as_bytes()) {
        output::status(&format!(
            "{} is up to date\n",
            session.printable_path(&path)
        ));
        return Ok(());
    }
    let _lock = session.lock()?;
    let step = Step {
        change: match before {
            Some(_) => Change::Update,
            None => Change::Create,
        },
        path: path.clone(),
        before,
        after: Some(after.into_bytes().into()),
    };
    apply(&Plan::from_steps(vec![step]), &session.root)?;
    output::status(&format!("{} written\n", session.printable_path(&path)));
    Ok(())
}
