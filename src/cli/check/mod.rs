//! `pleach check`

mod change;
mod claim_lines;
mod fix;
mod paths;
pub(super) mod repository;
mod target;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Result;
use clap::Args;

use super::diff::{Depth, salt};
use super::progress::Progress;
use super::selection::Selection;
use super::session::Session;
use super::timings::Timings;
use super::unchanged::{RunCache, State};
use super::usage::check_environments;
use super::{Global, Outcome, cache, earlier, output, removed, test};
use pleach::chart::{Cache, Pin};
use pleach::diag::{Diagnostic, Diagnostics, Severity, Source};
use pleach::disk::{Folder, read_output};
use pleach::emit::{Plan, plan, unchecked_files};
use pleach::layout::Input;
use pleach::load::charts_of;
use pleach::report::{Format, View, unified};
use pleach::tree::{Files, Recorded, TreePath};
use pleach::workspace_diff::workspace_origins;
use pleach::{Compiled, Options, Scope, check, compile};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Check only the Kubernetes objects in these files and folders, with or without a workspace. `-` is standard input; a folder with a
    /// kustomization is built
    #[arg(value_name = "PATH", conflicts_with_all = ["out", "twice", "depth", "fix", "dry_run"])]
    paths: Vec<PathBuf>,
    /// With PATH: the Kubernetes version of the cluster [default: `kubernetesVersion` of the environment, otherwise the newest supported version]
    #[arg(long, value_name = "VERSION", requires = "paths")]
    kubernetes_version: Option<String>,
    /// With PATH: enable a built-in policy, as under `policies` in pleach.yaml: `requests=warning` (repeatable)
    #[arg(long = "policy", value_name = "NAME=VALUE", requires = "paths")]
    policies: Vec<String>,
    #[command(flatten)]
    selection: Selection,
    /// Render twice and report files that differ between the two runs
    #[arg(long)]
    twice: bool,
    /// Which objects to check: those that are synced, or also those that charts and other units deploy from them. Without
    /// pleach.yaml, the repository is checked as Flux and Argo CD deploy it
    #[arg(long, value_name = "DEPTH", default_value = "sync")]
    depth: Depth,
    /// Apply the replacements that `help:` suggests, in claims, overlays, pleach.yaml and your own kinds, then check again. The changes
    /// are shown first; at a terminal, you are asked to confirm them
    #[arg(long)]
    fix: bool,
    /// With `--fix`: show the replacements without making them; exit code 1 if there are any
    #[arg(long, requires = "fix")]
    dry_run: bool,
}

pub(super) fn run(arguments: &Arguments, global: &Global) -> Result<Outcome> {
    let timings = &arguments.selection.timings;
    timings.count(global, |timings| check_all(arguments, global, timings))
}

fn check_all(
    arguments: &Arguments,
    global: &Global,
    timings: Option<&Arc<Timings>>,
) -> Result<Outcome> {
    if !arguments.paths.is_empty() {
        return paths::check(arguments, global, timings);
    }
    let mut session = match arguments.fix {
        true => Session::open(global)?,
        false => Session::open_any(global)?,
    };
    if arguments.fix {
        match fix_all(arguments, &session, global)? {
            fix::FixOutcome::Shown => return Ok(Outcome::Findings),
            fix::FixOutcome::Nothing if arguments.dry_run => return Ok(Outcome::Clean),
            fix::FixOutcome::Nothing | fix::FixOutcome::Written => {}
        }
        // The changed files must be read again.
        session = Session::open(global)?;
    }
    if !session.is_workspace() {
        return repository::check(&session, &arguments.selection, global);
    }
    session.use_out(arguments.selection.out.as_deref())?;
    check_workspace(arguments, &session, global, timings)
}

fn check_workspace(
    arguments: &Arguments,
    session: &Session<'_>,
    global: &Global,
    timings: Option<&Arc<Timings>>,
) -> Result<Outcome> {
    let selection = &arguments.selection;
    check_environments(session, &selection.environments)?;
    let progress = Progress::timed(global, "looking for changes", timings);
    let is_cacheable = !arguments.twice && arguments.depth != Depth::Objects;
    let run_cache = selection.run_cache("check", session, global, timings);
    let run_cache = run_cache.filter(|_| is_cacheable);
    let options = Options {
        observer: progress.observer(),
        ..options(arguments, session, global)
    };
    let is_known = |it: &RunCache| is_known_as_clean(it, session, &options);
    if run_cache.as_ref().is_some_and(is_known) {
        return Ok(session.report(&Diagnostics::default()));
    }
    progress.set("reading the workspace");
    let compiled = compile(&session.files, &options);
    let has_errors = compiled.diagnostics.has_errors();
    let Some(output_path) = compiled.output.clone().filter(|_| !has_errors) else {
        session.report(&compiled.diagnostics);
        return Ok(Outcome::Findings);
    };
    progress.set(format!("checking {} files", compiled.tree.len()));
    let mut found = lint(&compiled, &session.files, arguments.depth, global);
    if arguments.twice {
        let again = compile(&Folder::open_checkout(&session.root)?, &options);
        let (first, second) = (&compiled.tree, &again.tree);
        found.extend(check::compare_runs(first, second, &compiled.origins));
    }
    let files = Recorded::new(&session.files);
    found.extend(test::findings(session, &files));
    found.extend(unchecked_charts(&session.files, options.cache.clone()));
    let earlier = match &selection.out {
        None => earlier::find(session, &compiled)?,
        Some(_) => Vec::new(),
    };
    found.extend(earlier::findings(session, &earlier));
    // Reported before the tree is compared, so that people can start to read.
    let mut reported = (global.format == Format::Human).then(|| session.report(&found));
    progress.set("comparing with the tree");
    let folder = session.output(selection.out.as_deref(), &output_path)?;
    let existing = earlier::exclude(read_output(&folder)?, &earlier, &output_path);
    let existing = compiled.covered(existing);
    let plan = plan(&compiled.tree, &existing, false);
    let unchecked = unchecked_files(&existing, &compiled.tree, &output_path);
    let is_silent = [&found, &unchecked].iter().all(|it| it.is_empty());
    let is_silent = is_silent && earlier.is_empty() && plan.is_clean();
    if let Some(run_cache) = run_cache.filter(|_| is_silent) {
        let compiled = (&compiled, files.finish());
        run_cache.store_up_to_date(session, compiled, &existing, &plan);
    }
    match reported {
        Some(outcome) if !unchecked.is_empty() => {
            let more = session.report(&unchecked);
            reported = Some(if outcome == Outcome::Clean {
                more
            } else {
                outcome
            });
        }
        Some(_) => {}
        None => found.extend(unchecked),
    }
    let of_removed = || removed::findings(session, &compiled, &plan);
    report_all(
        session,
        (found, reported),
        (&plan, &output_path),
        of_removed,
    )
}

/// Notes about pinned charts that are not available here, so that their values are not checked.
fn unchecked_charts(files: &dyn Files, cache: Option<Cache>) -> Diagnostics {
    // An invalid lock has already been reported.
    let Ok(charts) = charts_of(files, cache) else {
        return Diagnostics::default();
    };
    let note = |pin: &Pin| {
        let message = format!(
            "the values of chart `{}` are not checked, because its archive has not been pulled",
            pin.title()
        );
        let note = Diagnostic {
            span: pin.span.clone(),
            ..Diagnostic::note("unchecked-chart", message)
        };
        note.help("run `pleach vendor` to pull it")
    };
    charts.not_pulled().map(note).collect()
}

/// Whether an earlier run has found that this state, or one that differs in nothing that matters, is clean.
fn is_known_as_clean(run_cache: &RunCache, session: &Session<'_>, options: &Options) -> bool {
    let mut states = run_cache.states(session);
    states.any(|it| match it {
        State::Same(_) => true,
        State::Changed(changed) => change::is_clean(run_cache, *changed, session, options),
    })
}

/// Reports how the tree differs from what it should be, and what was found, unless that is `reported`.
fn report_all(
    session: &Session<'_>,
    (mut found, reported): (Diagnostics, Option<Outcome>),
    (plan, output): (&Plan, &TreePath),
    of_removed: impl FnOnce() -> Diagnostics,
) -> Result<Outcome> {
    let outcome = match reported {
        Some(outcome) => {
            report_plan(session, plan, output, of_removed)?;
            outcome
        }
        // Programs expect one document.
        None => {
            found.extend(plan.findings(output, &session.command("render")));
            found.extend(of_removed());
            session.report(&found)
        }
    };
    Ok(match plan.is_clean() {
        true => outcome,
        false => Outcome::Findings,
    })
}

/// Shows the differences between the existing and the rendered tree.
fn report_plan(
    session: &Session<'_>,
    plan: &Plan,
    output: &TreePath,
    of_removed: impl FnOnce() -> Diagnostics,
) -> Result<()> {
    if plan.is_clean() {
        return Ok(());
    }
    let view = View {
        display: &|path: &_| session.display(path),
        color: true,
    };
    output::text(&unified(plan, output, &view, &salt()))?;
    let mut faults = plan.faults(output, &session.command("render"));
    faults.extend(of_removed());
    session.report(&faults);
    let help = match plan.kept() {
        0 => format!(": run `{}`", session.command("render")),
        // Each of these has its own help.
        _ => String::new(),
    };
    output::error(&format!("the tree is out of date{help}"));
    Ok(())
}

fn fix_all(
    arguments: &Arguments,
    session: &Session<'_>,
    global: &Global,
) -> Result<fix::FixOutcome> {
    fix::run(
        session,
        &options(arguments, session, global),
        arguments.depth,
        arguments.dry_run,
        global,
    )
}

fn options(arguments: &Arguments, session: &Session<'_>, global: &Global) -> Options {
    Options {
        scope: Scope::for_environments(&arguments.selection.environments),
        cache: cache::open(global),
        with_clusters: true,
        path_in_repository: session.path_in_repository(),
        ..Options::default()
    }
}

/// The findings of rendering and of all checks, without those that inputs allow. With `Depth::Objects`, deployed objects are included.
pub(super) fn lint(
    compiled: &Compiled,
    files: &dyn Files,
    depth: Depth,
    global: &Global,
) -> Diagnostics {
    let mut found = compiled.diagnostics.clone();
    if found.has_errors() {
        return found;
    }
    let validation = validation_options(global);
    found.extend(check::check_workspace(
        compiled,
        files,
        cache::open(global),
        validation,
    ));
    if depth == Depth::Objects {
        let known: BTreeSet<(&str, String)> = found
            .iter()
            .map(|it| (it.code, it.message.clone()))
            .collect();
        let deep = deployed_findings(compiled, files, validation, global).into_iter();
        let new = deep.filter(|it| !known.contains(&(it.code, it.message.clone())));
        let new = new.collect::<Vec<_>>();
        found.extend(claim_lines::at_claims(new, compiled, files, global));
    }
    // Unused comments can only be determined for the whole workspace.
    let is_whole = compiled.scope.is_whole();
    allowed(found, compiled, files, &|code| {
        is_whole && check::is_checked(code)
    })
}

/// The findings about the objects that are deployed from a tree.
fn deployed_findings(
    compiled: &Compiled,
    files: &dyn Files,
    validation: check::ValidationOptions,
    global: &Global,
) -> Diagnostics {
    match workspace_origins(compiled, files, cache::open(global)) {
        Ok((deployed, mut unseen)) => {
            unseen.extend(check::check_deployed(
                &deployed,
                &compiled.clusters,
                validation,
            ));
            unseen
        }
        Err(faults) => faults,
    }
}

/// The severity of objects without a schema.
pub(super) fn validation_options(global: &Global) -> check::ValidationOptions {
    check::ValidationOptions {
        unknown_kind: match global.strict {
            Some(_) => Severity::Error,
            None => Severity::Note,
        },
    }
}

/// The diagnostics of a compilation, without those that `pleach: allow` comments suppress. Errors that prevent rendering are never
/// suppressed.
pub(super) fn with_allow_comments(compiled: &Compiled, files: &dyn Files) -> Diagnostics {
    let found = compiled.diagnostics.clone();
    match found.is_empty() || found.has_errors() {
        true => found,
        false => allowed(found, compiled, files, &|_| false),
    }
}

fn allowed(
    found: Diagnostics,
    compiled: &Compiled,
    files: &dyn Files,
    is_judged: &dyn Fn(&str) -> bool,
) -> Diagnostics {
    let locations = found.iter().filter_map(|it| it.span.as_ref());
    let locations: BTreeSet<TreePath> = locations.map(|it| it.path().clone()).collect();
    let paths = compiled.read_set.files.iter();
    let paths = paths.filter(|it| Input::is_setting(it) || locations.contains(it));
    let sources = paths.filter_map(|path| {
        let bytes = files.read(path).ok()?;
        Some(Source::new(
            path.clone(),
            String::from_utf8(bytes.to_vec()).ok()?,
        ))
    });
    check::allow(found, &sources.collect::<Vec<_>>(), is_judged)
}
