//! `pleach render`

use std::sync::Arc;

use anyhow::Result;
use clap::Args;

use super::check::with_allow_comments;
use super::earlier::{self, EarlierTree};
use super::progress::Progress;
use super::selection::Selection;
use super::session::Session;
use super::timings::Timings;
use super::unchanged::{Changed, RunCache, State};
use super::usage::check_environments;
use super::{Global, Outcome, cache, output, removed};
use pleach::diag::{Diagnostic, Diagnostics};
use pleach::disk::{apply, read_output};
use pleach::emit::{Plan, plan};
use pleach::report::plan_summary;
use pleach::shard::{Shard, compile_shard};
use pleach::tree::{ReadSet, TreePath};
use pleach::{Compiled, Options, Scope, compile};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) selection: Selection,
    /// Render one of several parts, for several machines: `2/5` is the second of five parts, which together are the whole tree
    #[arg(long, value_name = "I/N", value_parser = shard, conflicts_with = "environments")]
    shard: Option<Shard>,
    /// Overwrite generated files that were edited or that contain conflict markers
    #[arg(long)]
    force: bool,
    /// Remove the tree that was written before `output` in pleach.yaml was changed
    #[arg(long, conflicts_with = "out")]
    remove_earlier_output: bool,
}

fn shard(text: &str) -> Result<Shard, String> {
    Shard::read(text).ok_or_else(|| "expected I/N with I from 1 to N, such as 2/5".to_string())
}

pub(super) fn run(arguments: &Arguments, global: &Global) -> Result<Outcome> {
    let timings = &arguments.selection.timings;
    timings.count(global, |timings| render(arguments, global, timings))
}

fn render(
    arguments: &Arguments,
    global: &Global,
    timings: Option<&Arc<Timings>>,
) -> Result<Outcome> {
    let mut session = Session::open(global)?;
    let selection = &arguments.selection;
    session.use_out(selection.out.as_deref())?;
    check_environments(&session, &selection.environments)?;
    let _lock = session.lock()?;
    let progress = Progress::timed(global, "looking for changes", timings);
    let run_cache = selection.run_cache("render", &session, global, timings);
    let run_cache = run_cache.filter(|_| arguments.shard.is_none());
    let options = Options {
        observer: progress.observer(),
        scope: Scope::for_environments(&selection.environments),
        cache: cache::open(global),
        path_in_repository: session.path_in_repository(),
        skip_objects: true,
        ..Options::default()
    };
    if let Some(run_cache) = &run_cache
        && render_changes(run_cache, &session, &options, arguments.force)?
    {
        return Ok(Outcome::Clean);
    }
    progress.set("reading the workspace");
    let compiled = match arguments.shard {
        Some(shard) => compile_shard(&session.files, shard, &options),
        None => compile(&session.files, &options),
    };
    let mut found = with_allow_comments(&compiled, &session.files);
    let earlier = match (&selection.out, found.has_errors()) {
        (None, false) => earlier::find(&session, &compiled)?,
        _ => Vec::new(),
    };
    if !arguments.remove_earlier_output {
        found.extend(earlier::findings(&session, &earlier));
    }
    let found = session.report(&found);
    let Some(output_path) = compiled.output.clone().filter(|_| found == Outcome::Clean) else {
        return Ok(Outcome::Findings);
    };
    let outcome = write(
        arguments,
        &session,
        run_cache.as_ref(),
        (&compiled, &output_path),
        &earlier,
        &progress,
    )?;
    if arguments.remove_earlier_output && outcome.is_some() {
        remove_earlier(&session, &earlier)?;
    }
    Ok(outcome.unwrap_or(Outcome::Findings))
}

/// Writes the rendered tree. `None` if a file is in the way.
fn write(
    arguments: &Arguments,
    session: &Session<'_>,
    run_cache: Option<&RunCache>,
    (compiled, output_path): (&Compiled, &TreePath),
    earlier: &[EarlierTree],
    progress: &Progress,
) -> Result<Option<Outcome>> {
    let folder = session.output(arguments.selection.out.as_deref(), output_path)?;
    progress.set("comparing with the tree");
    let existing = earlier::exclude(read_output(&folder)?, earlier, output_path);
    let existing = compiled.covered(existing);
    let plan = plan(&compiled.tree, &existing, arguments.force);
    let faults = plan.faults(output_path, &session.command("render"));
    let faults = faults.into_iter();
    let mut faults: Diagnostics = faults
        .map(|it| {
            let path = it.span.as_ref().and_then(|it| it.path().below(output_path));
            match path.is_some_and(|it| compiled.tree.get(&it).is_some()) {
                true => with_command(it, session),
                false => it,
            }
        })
        .collect();
    faults.extend(removed::findings(session, compiled, &plan));
    let outcome = session.report(&faults);
    if plan.is_blocked() {
        return Ok(None);
    }
    progress.set(format!("writing {} files", plan.written()));
    apply(&plan, &folder)?;
    if let Some(run_cache) = run_cache.filter(|_| earlier.is_empty()) {
        let compiled = (compiled, ReadSet::default());
        run_cache.store_up_to_date(session, compiled, &existing, &plan);
    }
    output::status(&format!("{}\n", plan_summary(&plan)));
    Ok(Some(outcome))
}

/// Renders the changes since any earlier run without diagnostics. Returns false if a complete run is required.
fn render_changes(
    run_cache: &RunCache,
    session: &Session<'_>,
    options: &Options,
    force: bool,
) -> Result<bool> {
    for state in run_cache.states(session) {
        match state {
            State::Same(files) => {
                finish(session, &Diagnostics::default(), &Plan::up_to_date(files));
                return Ok(true);
            }
            State::Changed(changed) => {
                if render_part(run_cache, *changed, session, options, force)? {
                    return Ok(true);
                }
            }
        }
    }
    Ok(false)
}

/// Renders the changes since a run without diagnostics. Returns false if a complete run is required.
fn render_part(
    run_cache: &RunCache,
    changed: Changed,
    session: &Session<'_>,
    options: &Options,
    force: bool,
) -> Result<bool> {
    let Some(part) = changed.part(session, run_cache, options, force) else {
        return Ok(false);
    };
    apply(&part.plan, &run_cache.out)?;
    let compiled = part.update.compiled.as_ref();
    let removed = compiled.map(|it| removed::findings(session, it, &part.plan));
    finish(session, &removed.unwrap_or_default(), &part.plan);
    run_cache.store_partial(session, changed, part);
    Ok(true)
}

/// Reports a run without diagnostics of the workspace, in the same parts as a complete run.
fn finish(session: &Session<'_>, removed: &Diagnostics, plan: &Plan) {
    session.report(&Diagnostics::default());
    session.report(removed);
    output::status(&format!("{}\n", plan_summary(plan)));
}

fn remove_earlier(session: &Session<'_>, earlier: &[EarlierTree]) -> Result<()> {
    let removed = earlier::remove(session, earlier)?;
    let removed: usize = removed.iter().map(Plan::removed).sum();
    output::status(&match removed {
        0 => "no earlier output found\n".to_string(),
        1 => "1 file of an earlier output removed\n".to_string(),
        number => format!("{number} files of an earlier output removed\n"),
    });
    Ok(())
}

/// Names the command that shows an edit. That command itself prints the edit with the finding.
fn with_command(fault: Diagnostic, session: &Session<'_>) -> Diagnostic {
    match fault.code {
        "edited-by-hand" => fault.help(format!(
            "`{}` shows what was edited",
            session.command("check")
        )),
        _ => fault,
    }
}
