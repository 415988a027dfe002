//! `pleach test`: the cases of the workspace's own claim kinds.

use anyhow::Result;
use clap::Args;
use clap_complete::ArgValueCandidates;

use super::diff::salt;
use super::session::Session;
use super::usage::UsageError;
use super::{Global, Outcome, cache, output};
use pleach::case;
use pleach::diag::{Diagnostic, Diagnostics, Span};
use pleach::disk::apply;
use pleach::emit::{Plan, Step};
use pleach::report::{Format, View, short, unified};
use pleach::tree::{Files, TreePath};

/// A case is a folder `templates/<Kind>/cases/<case>/` with `claim.yaml` and either the expected output, `expected.yaml`, or the expected
/// errors, `expected.txt`. An optional `environment.yaml` is the environment in which it is rendered
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Only the test cases of these kinds
    #[arg(value_name = "KIND", add = ArgValueCandidates::new(super::completions::kinds))]
    kinds: Vec<String>,
    /// Accept the rendered output as expected; `git diff` then shows what changed
    #[arg(long)]
    accept: bool,
}

pub(super) fn run(arguments: &Arguments, global: &Global) -> Result<Outcome> {
    let session = Session::open(global)?;
    let _lock = session.lock()?;
    let case::Outcome {
        count,
        steps,
        faults,
    } = match cases(&session, &session.files, &arguments.kinds) {
        Ok(outcome) => outcome,
        Err(faults) => match UsageError::among(&faults) {
            Some(fault) => return Err(fault.into()),
            None => return Ok(session.report(&faults)),
        },
    };
    let (differing, found) = (steps.len(), differing(&steps));
    let plan = Plan::from_steps(steps);
    if arguments.accept {
        apply(&plan, &session.root)?;
        output::status(&format!(
            "{}, {differing} of their files written\n",
            counted(count)
        ));
        return Ok(session.report(&faults));
    }
    let display = |path: &TreePath| session.display(path);
    let view = View {
        display: &display,
        color: true,
    };
    output::text(&unified(&plan, &TreePath::root(), &view, &salt()))?;
    let differ = if differing == 1 { "differs" } else { "differ" };
    output::status(&format!("{}, {differing} {differ}\n", counted(count)));
    let mut reported = faults;
    if global.format != Format::Human {
        reported.extend(found);
    }
    let outcome = session.report(&reported);
    if differing == 0 {
        return Ok(outcome);
    }
    output::error(
        "a case differs from its expected output: fix the kind, or run `pleach test --accept`",
    );
    Ok(Outcome::Findings)
}

fn counted(cases: usize) -> String {
    match cases {
        1 => "1 case".to_string(),
        cases => format!("{cases} cases"),
    }
}

fn cases(
    session: &Session<'_>,
    files: &dyn Files,
    kinds: &[String],
) -> Result<case::Outcome, Diagnostics> {
    let format = |faults: &Diagnostics| {
        let view = View {
            display: &TreePath::to_string,
            color: false,
        };
        short(faults, &view)
    };
    let cache = cache::open(session.global);
    case::run(files, cache.as_ref(), kinds, &format)
}

/// Writes the output of the cases of a kind as their expected output.
pub(super) fn accept(global: &Global, kind: &str) -> Result<()> {
    let session = Session::open(global)?;
    if let Ok(outcome) = cases(&session, &session.files, &[kind.to_string()]) {
        apply(&Plan::from_steps(outcome.steps), &session.root)?;
    }
    Ok(())
}

/// A finding for each case whose output differs. Errors of the workspace are reported elsewhere. `files` are those of the workspace, and
/// record what is read.
pub(super) fn findings(session: &Session<'_>, files: &dyn Files) -> Diagnostics {
    let Ok(outcome) = cases(session, files, &[]) else {
        return Diagnostics::default();
    };
    let mut found = outcome.faults;
    found.extend(differing(&outcome.steps));
    found
}

fn differing(steps: &[Step]) -> Diagnostics {
    let found = steps.iter().map(|it| {
        let message = format!("`{}` differs from the output of the case", it.path);
        Diagnostic::error("case-differs", message)
            .at(Span::of_file(&it.path))
            .help("run `pleach test` to see the difference, or `pleach test --accept` to accept it")
    });
    found.collect()
}
