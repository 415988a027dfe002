#![allow(
    clippy::disallowed_methods,
    reason = "a completion starts from the working directory, as the command will"
)]
//! `pleach completions`: the script that connects a shell to pleach, and the candidates that pleach answers with.
//!
//! The script calls `pleach` itself for each completion, so environments, claims, kinds, codes and revisions are those of the workspace around
//! the working directory, and no generated list becomes outdated.

use std::collections::BTreeSet;
use std::ffi::OsStr;

use anyhow::{Context, Result};
use clap::{Args, CommandFactory};
use clap_complete::engine::{PathCompleter, ValueCompleter};
use clap_complete::env::Shells;
use clap_complete::{CompleteEnv, CompletionCandidate, Shell};

use super::{Cli, Outcome, output};
use pleach::check::pages;
use pleach::diag::Diagnostics;
use pleach::disk::{Folder, Repository, find_upwards};
use pleach::engine::ENGINES;
use pleach::layout::WORKSPACE;
use pleach::load::{self, Scope};
use pleach::report::Format;
use pleach::tree::Tree;

/// The environment variable with which the script requests candidates.
const VARIABLE: &str = "_PLEACH_COMPLETE";

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The shell; source the output in its startup file: `source <(pleach completions bash)`
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

pub(super) fn run(arguments: &Arguments) -> Result<Outcome> {
    let shells = Shells::builtins();
    let name = arguments.shell.to_string();
    let shell = shells
        .completer(&name)
        .with_context(|| format!("no completions for {name}"))?;
    let mut script = Vec::new();
    shell.write_registration(VARIABLE, "pleach", "pleach", "pleach", &mut script)?;
    output::data(&script)?;
    Ok(Outcome::Clean)
}

/// If a shell has requested candidates, prints them and ends the program.
pub(super) fn answer() {
    CompleteEnv::with_factory(Cli::command)
        .var(VARIABLE)
        .complete();
}

/// The names of the workspace's environments.
pub(super) fn environments() -> Vec<CompletionCandidate> {
    let Some(files) = workspace() else {
        return Vec::new();
    };
    let names = load::environment_names(&files, &mut Diagnostics::default());
    let deployed = names.into_iter().filter(|it| !ENGINES.is_base(it));
    deployed.map(CompletionCandidate::new).collect()
}

/// What `pleach explain` accepts first: environments and codes.
pub(super) fn subjects() -> Vec<CompletionCandidate> {
    environments().into_iter().chain(codes()).collect()
}

/// The names of the formats for errors and warnings.
pub(super) fn formats() -> Vec<CompletionCandidate> {
    let names = Format::ALL.iter().map(|it| it.name());
    names.map(CompletionCandidate::new).collect()
}

/// The branches and tags of the repository.
pub(super) fn revisions() -> Vec<CompletionCandidate> {
    const QUERY: [&str; 5] = [
        "for-each-ref",
        "--format=%(refname:short)",
        "refs/heads",
        "refs/tags",
        "refs/remotes",
    ];
    let repository = std::env::current_dir().ok();
    let repository = repository.and_then(|it| Repository::find(&it).ok());
    let names = repository.and_then(|it| it.query(&QUERY).ok().flatten());
    let names = names.unwrap_or_default();
    names.lines().map(CompletionCandidate::new).collect()
}

/// Revisions of the repository, and folders.
pub(super) fn revisions_and_folders(current: &OsStr) -> Vec<CompletionCandidate> {
    let text = current.to_string_lossy();
    let is_continued =
        |it: &CompletionCandidate| it.get_value().to_string_lossy().starts_with(&*text);
    let mut found: Vec<_> = revisions().into_iter().filter(is_continued).collect();
    found.extend(PathCompleter::dir().complete(current));
    found
}

/// The names of all claims of the workspace, with their kinds.
pub(super) fn claims() -> Vec<CompletionCandidate> {
    let Some(files) = workspace() else {
        return Vec::new();
    };
    let scope = Scope::default();
    let Some(workspace) = load::load(
        &files,
        load::Options::new(&ENGINES, &scope),
        &mut Diagnostics::default(),
    ) else {
        return Vec::new();
    };
    let environments = workspace.environments.iter().chain([&workspace.base]);
    let claims = environments.flat_map(|it| &it.claims);
    let named: BTreeSet<_> = claims
        .map(|it| (&it.name, it.kind.name.to_string()))
        .collect();
    let candidate =
        |(name, kind): (&String, String)| CompletionCandidate::new(name).help(Some(kind.into()));
    named.into_iter().map(candidate).collect()
}

/// The names of all claim kinds, built in and of the workspace.
pub(super) fn kinds() -> Vec<CompletionCandidate> {
    let mut faults = Diagnostics::default();
    let kinds = match workspace() {
        Some(files) => load::kinds(&files, &mut faults),
        None => load::kinds(&Tree::new(), &mut faults),
    };
    let names = kinds
        .iter()
        .flat_map(|it| it.names().map(str::to_string).collect::<Vec<_>>());
    names.map(CompletionCandidate::new).collect()
}

/// The codes that `pleach explain` has a page for, with their summaries.
pub(super) fn codes() -> Vec<CompletionCandidate> {
    let candidate =
        |it: pleach::rules::Page| CompletionCandidate::new(it.code).help(Some(it.summary.into()));
    pages().into_iter().map(candidate).collect()
}

/// The workspace around the working directory. A completion reports no errors: without a workspace there are no candidates.
fn workspace() -> Option<Folder> {
    let current = std::env::current_dir().ok()?;
    let root = find_upwards(&current, WORKSPACE)?;
    Folder::open(&root).ok()
}
