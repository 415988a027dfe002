#![allow(
    clippy::disallowed_methods,
    reason = "Git tells its hooks by a variable which index is meant"
)]
//! `pleach hook run`
//!
//! A commit can only break what it affects: claims, other inputs, and rendered files. If the tree of HEAD is up to date and the
//! hook reports nothing, the tree of the commit is up to date, too.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use clap::Args;

use super::findings::{is_too_large, new_findings};
use super::stage::stage;
use crate::cli::check::with_allow_comments;
use crate::cli::diff::Depth;
use crate::cli::session::Session;
use crate::cli::{Global, Outcome, cache, output};
use pleach::affected::{Affected, affected};
use pleach::diag::{Class, Diagnostic, Diagnostics, MERGE_CONFLICT, Span};
use pleach::disk::{Index, Repository, Revision};
use pleach::emit::{Change, Plan, plan, unchecked_files};
use pleach::engine::ENGINES;
use pleach::layout::{BASE, Output, OutputPart, WORKSPACE, input_folders};
use pleach::load::{self, Scope, WorkspaceConfig};
use pleach::report::{Format, shell_word};
use pleach::tree::{Below, Changes, EntryKind, Files, Tree, TreePath};
use pleach::{Compiled, Options, compile, compile_change};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Update the outdated files and stage them
    #[arg(long)]
    fix: bool,
    /// Which objects to check: those that are synced, or also those that charts and other units deploy from them. Without pleach.yaml,
    /// what Flux and Argo CD deploy from the repository is checked
    #[arg(long, value_name = "DEPTH", default_value = "sync")]
    depth: Depth,
}

/// The command in the help of findings.
const RENDER: &str = "pleach render";

/// The maximum number of files listed.
const LISTED_MAX: usize = 10;

pub(super) fn run(arguments: &Arguments, global: &Global) -> Result<Outcome> {
    let session = match arguments.fix {
        true => Session::open(global)?,
        false => Session::open_any(global)?,
    };
    let repository = Repository::find(&session.root)?;
    let root = session.below(repository.root())?;
    let Index {
        head,
        index,
        unmerged,
    } = repository.index()?;
    let unmerged = unmerged_files(&unmerged, &root);
    if !unmerged.is_empty() {
        return Ok(session.report(&unmerged));
    }
    let changes = staged(&head, &index, &root)?;
    if !session.is_workspace() {
        return match changes.is_empty() {
            true => Ok(clean("no files are staged")),
            false => {
                super::repository::run(&session, &repository, [&head, &index], &changes, global)
            }
        };
    }
    let commit = Commit {
        session: &session,
        repository: &repository,
        index: &index,
        root: &root,
        before: Below::new(&head, root.clone()),
        after: Below::new(&index, root.clone()),
    };
    let kind = commit.after.kind(&TreePath::root().child(WORKSPACE));
    repository.failure()?;
    let failed = || format!("cannot read the staged `{WORKSPACE}`");
    let is_workspace = kind.with_context(failed)? == Some(EntryKind::File);
    if changes.is_empty() || !is_workspace {
        return Ok(clean(match arguments.fix {
            true => "no files of the workspace are staged; `git add` the claims first",
            false => "no files of the workspace are staged",
        }));
    }
    let affected = compile_affected([&commit.before, &commit.after], &changes, global);
    repository.failure()?;
    match affected {
        Some(compiled) => commit.check(&compiled, arguments, global),
        None => Ok(clean("no staged file affects the rendered tree")),
    }
}

/// The commit of a workspace that Git is about to make.
struct Commit<'a> {
    session: &'a Session<'a>,
    repository: &'a Repository,
    index: &'a Revision,
    /// The folder of the workspace in the repository.
    root: &'a TreePath,
    /// The workspace in HEAD.
    before: Below<'a>,
    /// The workspace in the index.
    after: Below<'a>,
}

impl Commit<'_> {
    /// Checks what the commit affects, and the rendered tree in the index, which `--fix` updates.
    fn check(
        &self,
        compiled: &Compiled,
        arguments: &Arguments,
        global: &Global,
    ) -> Result<Outcome> {
        let sides: [&dyn Files; 2] = [&self.before, &self.after];
        let mut found = with_allow_comments(compiled, &self.after);
        let is_rendered = !found.has_errors();
        if is_rendered {
            found.extend(new_findings(sides, compiled, arguments.depth, global));
        }
        self.repository.failure()?;
        let Some(output_path) = compiled.output.clone().filter(|_| is_rendered) else {
            self.session.report(&found);
            return Ok(Outcome::Findings);
        };
        let existing = existing(&self.after, &output_path, compiled)?;
        found.extend(self.new_unchecked_files(&existing, &output_path, compiled)?);
        self.repository.failure()?;
        let outcome = self.session.report(&found);
        let plan = plan(&compiled.tree, &existing, false);
        if plan.is_clean() {
            return Ok(up_to_date(compiled, &self.after, outcome));
        }
        let kept = self.session.report(&plan.faults(&output_path, RENDER));
        if !arguments.fix || plan.is_blocked() || kept == Outcome::Findings {
            report(self.session, &plan, &output_path, self.root);
            return Ok(Outcome::Findings);
        }
        let folder = self.root.join(&output_path);
        let kept = stage(self.repository, &plan, &folder, self.index)?;
        clean(&format!(
            "{} written and {} removed, in the index{}",
            files(plan.written()),
            plan.removed(),
            self.in_work_tree(&kept, &output_path)
        ));
        Ok(outcome)
    }
}

impl Commit<'_> {
    /// Files that pleach did not create and that HEAD does not have yet, in folders of which the sync engine applies all files.
    fn new_unchecked_files(
        &self,
        existing: &Tree,
        output: &TreePath,
        compiled: &Compiled,
    ) -> Result<Diagnostics> {
        let mut found = Diagnostics::default();
        for fault in unchecked_files(existing, &compiled.tree, output) {
            let path = fault.span.as_ref().map(|it| it.path().clone());
            let before = path.map(|it| self.before.kind(&it)).transpose();
            if before
                .context("cannot read the tree of HEAD")?
                .flatten()
                .is_none()
            {
                found.push(fault);
            }
        }
        Ok(found)
    }

    /// What `--fix` has done in the work tree. `kept` are the files that have unstaged changes there.
    fn in_work_tree(&self, kept: &[TreePath], output: &TreePath) -> String {
        let paths = kept.iter().take(LISTED_MAX);
        let paths = paths.map(|it| self.session.printable_path(&output.join(it)));
        let paths: Vec<String> = paths.map(|it| format!("`{it}`")).collect();
        let more = match kept.len() - paths.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        match &*paths {
            [] => " and the work tree".to_string(),
            paths => format!(
                "; not in the work tree, because of unstaged changes: {}{more}",
                paths.join(", ")
            ),
        }
    }
}

/// Reports that the staged tree is up to date, unless findings of the staged changes have been reported.
fn up_to_date(compiled: &Compiled, index: &dyn Files, outcome: Outcome) -> Outcome {
    if outcome == Outcome::Findings {
        output::error("the staged changes have new errors");
        return outcome;
    }
    let scope = &compiled.scope;
    let is_checked = scope.claims.is_empty() || !is_too_large(index, &scope.environments);
    let rest = match is_checked {
        true => "",
        false => "; the environments are too large for all checks; run `pleach check`",
    };
    let summary = checked(scope, compiled.tree.len());
    clean(&format!("{summary}{rest}"))
}

pub(super) fn clean(why: &str) -> Outcome {
    output::status(&format!("pleach: {why}\n"));
    Outcome::Clean
}

fn files(number: usize) -> String {
    match number {
        1 => "1 file".to_string(),
        number => format!("{number} files"),
    }
}

fn checked(scope: &Scope, number: usize) -> String {
    let number = files(number);
    match &*scope.environments {
        [] => format!("the tree is up to date ({number})"),
        [one] => format!("the staged tree of {one} is up to date ({number})"),
        some => format!(
            "the staged tree of {} environments is up to date ({number})",
            some.len()
        ),
    }
}

/// Unmerged files of the workspace, from which no tree can be rendered.
fn unmerged_files(unmerged: &BTreeSet<TreePath>, root: &TreePath) -> Diagnostics {
    let own = unmerged.iter().filter_map(|it| it.below(root));
    let fault = |path: TreePath| {
        let span = Span::of_file(&path);
        Diagnostic::error(MERGE_CONFLICT, "this file has unresolved merge conflicts")
            .class(Class::MergeConflict)
            .at(span)
            .help("merge the claims, run `pleach render --force`, and `git add` both")
    };
    own.map(fault).collect()
}

/// The staged files, by paths below the workspace.
fn staged(head: &Revision, index: &Revision, root: &TreePath) -> Result<Changes> {
    let workspace = WorkspaceConfig::read(&Below::new(index, root.clone())).ok();
    let mut inputs = workspace.map(|it| it.templates).unwrap_or_default();
    inputs.extend(input_folders());
    let inputs: Vec<TreePath> = inputs.iter().map(|it| root.join(it)).collect();
    Ok(head.changes(index, &inputs, None)?.within(root))
}

/// The part that the commit affects, rendered from the index; `None` if it affects nothing.
fn compile_affected(
    sides: [&dyn Files; 2],
    changes: &Changes,
    global: &Global,
) -> Option<Compiled> {
    let [before, after] = sides;
    let options = |scope: Scope| Options {
        scope,
        cache: cache::open(global),
        with_clusters: true,
        ..Options::default()
    };
    let whole = || Some(compile(after, &options(Scope::default())));
    let (Ok(_), Ok(workspace)) = (WorkspaceConfig::read(before), WorkspaceConfig::read(after))
    else {
        return whole();
    };
    let reads = |scope: &Scope| compile(before, &options(scope.clone())).read_set;
    let mut found = affected(sides, changes, &reads);
    add_generated(&mut found, after, changes, &workspace.output);
    if found.environments.get(BASE) == Some(&pleach::affected::AffectedClaims::All) {
        return whole();
    }
    let [_, compiled] = compile_change(sides, &options(found.scope()?));
    // If everything affected was removed, its generated files must be removed, too.
    compiled.or_else(whole)
}

/// Adds the claims and environments whose generated files have changed, because these may have been edited.
pub(in crate::cli) fn add_generated(
    found: &mut Affected,
    files: &dyn Files,
    changes: &Changes,
    output: &TreePath,
) {
    let names = load::environments(files);
    for path in changes.below(output).filter_map(|it| it.below(output)) {
        let Some(Output::Own {
            part,
            folder,
            claim,
            file,
        }) = Output::parse(&path)
        else {
            continue;
        };
        let is_environment = names.iter().any(|it| it == folder);
        match claim.filter(|_| !file.is_empty()) {
            _ if part == OutputPart::Clusters && is_environment => found.add_environment(folder),
            Some(claim) if ENGINES.is_base(folder) => {
                names.iter().for_each(|it| found.add_claim(it, claim));
            }
            Some(claim) if is_environment => found.add_claim(folder, claim),
            _ => {}
        }
    }
}

/// The compiled part of the tree, as it is in the index.
fn existing(files: &dyn Files, output: &TreePath, compiled: &Compiled) -> Result<Tree> {
    let mut tree = Tree::new();
    let mut open = vec![TreePath::root()];
    while let Some(folder) = open.pop() {
        let location = output.join(&folder);
        let failed = || format!("cannot read `{location}` in the index");
        if files.kind(&location).with_context(failed)? != Some(EntryKind::Folder) {
            continue;
        }
        for entry in files.list(&location).with_context(failed)? {
            let path = folder.child(&entry.name);
            let may_cover = folder.parts().count() < 2 || compiled.covers(&path.child("x"));
            match entry.kind {
                EntryKind::Folder if may_cover => open.push(path),
                EntryKind::File if compiled.covers(&path) => {
                    let bytes = files
                        .read(&location.child(&entry.name))
                        .with_context(failed)?;
                    tree.insert(path, bytes);
                }
                _ => {}
            }
        }
    }
    Ok(tree)
}

/// Reports outdated files, and the command that updates them.
fn report(session: &Session<'_>, plan: &Plan, output_path: &TreePath, root: &TreePath) {
    if session.global.format != Format::Human {
        session.report(&plan.findings(output_path, RENDER));
        return;
    }
    for step in plan.steps.iter().take(LISTED_MAX) {
        let word = match step.change {
            Change::Create => "missing",
            Change::Update => "out of date",
            Change::Delete => "obsolete",
        };
        let path = session.printable_path(&output_path.join(&step.path));
        output::note(&format!("  {word}: {path}\n"));
    }
    if plan.steps.len() > LISTED_MAX {
        let rest = plan.steps.len() - LISTED_MAX;
        output::note(&format!("  and {rest} more\n"));
    }
    if plan.is_blocked() || plan.kept() > 0 {
        output::error("the staged tree is out of date");
        return;
    }
    let folder = match root.as_str() {
        "" => String::new(),
        root => format!(" -C {}", shell_word(root)),
    };
    let help = match is_passing_index() {
        true => format!("run `pleach{folder} render`, `git add` the changes, and commit again"),
        false => format!("run `pleach{folder} hook run --fix`"),
    };
    output::error(&format!("the staged tree is out of date: {help}"));
}

/// Whether files are staged for this commit only (`git commit -a`, `git commit FILE`): if the hook fails, Git discards this index,
/// so `--fix` could not update it afterwards.
fn is_passing_index() -> bool {
    let index = std::env::var_os("GIT_INDEX_FILE");
    index.is_some_and(|it| it.to_string_lossy().ends_with(".lock"))
}
