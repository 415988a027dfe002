//! `pleach diff`: the effect of a change, by object and field.

use std::collections::BTreeSet;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::Path;

use anyhow::{Result, anyhow, bail};
use clap::{Args, ValueEnum};
use clap_complete::{ArgValueCandidates, ArgValueCompleter};

use self::sides::{ComparisonSide, open};
use super::comparison_flags::{ComparisonFlags, Form, ReportFile};
use super::progress::Progress;
use super::usage::{UsageError, check_names};
use super::{Global, Outcome, cache, output, session};
use pleach::compare::Comparison;
use pleach::diag::{Diagnostic, Span};
use pleach::diff::Salt;
use pleach::disk::{GITMODULES, store};
use pleach::layout::Input;
use pleach::report::{
    Format, MarkdownOptions, TreeFile, View, annotations, at_existing_lines, changes, changes_json,
    changes_patch, folded, html, markdown, report, screened,
};
use pleach::tree::{Changes, TreePath};
use pleach::workspace_diff::{
    Context, Memory, State, Unrendered, add_causes, compare_folders, compare_rendered,
    compare_repositories, compare_workspaces, compare_written,
};

mod sides;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// REV compares a Git revision with the work tree, REV..REV two revisions, REV...REV the second revision with the merge base of
    /// both. Two arguments are two folders or revisions. The default compares HEAD with the work tree
    #[arg(value_name = "REV|TREE", num_args = 0..=2, add = ArgValueCompleter::new(super::completions::revisions_and_folders))]
    sides: Vec<String>,
    /// Compare the committed tree of the workspace, instead of rendering the claims
    #[arg(long)]
    committed: bool,
    /// What to compare: `sync` compares the objects in Git, with kustomizations built; `objects` compares what Flux and Argo CD
    /// deploy from them, including the objects of charts
    #[arg(long, value_name = "DEPTH", default_value = "sync")]
    depth: Depth,
    /// Only this environment (repeatable)
    #[arg(long = "env", value_name = "ENV", add = ArgValueCandidates::new(super::completions::environments))]
    environments: Vec<String>,
    /// Only objects of this claim (repeatable)
    #[arg(long = "claim", value_name = "CLAIM", add = ArgValueCandidates::new(super::completions::claims))]
    claims: Vec<String>,
    /// Show the lines that caused each change of a field: lines of claims, environments, overlays, templates and defaults
    #[arg(long, conflicts_with = "committed")]
    why: bool,
    /// Do not read or write the cache of earlier comparisons
    #[arg(long)]
    no_cache: bool,
    #[command(flatten)]
    comparing: ComparisonFlags,
    /// A link or command that shows the whole report, printed in `md` if the report is truncated
    #[arg(long, value_name = "LINK")]
    full_report: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Depth {
    /// The objects in Git, as written or rendered.
    Sync,
    /// What Flux and Argo CD deploy, including the objects of charts and of nested units.
    Objects,
}

pub(super) fn run(arguments: &Arguments, global: &Global) -> Result<Outcome> {
    if arguments.why && arguments.depth == Depth::Objects {
        let message = "`--why` cannot be used with `--depth objects`".to_string();
        let help = "use `--depth sync`; `pleach explain` explains values of deployed objects";
        return Err(UsageError::new(message, help).into());
    }
    let current = session::directory(global)?;
    let sides = open(&arguments.sides, &current)?;
    let [before, after] = sides.each_ref().map(ComparisonSide::state);
    let is_workspace = before.is_workspace() || after.is_workspace();
    sides.iter().try_for_each(ComparisonSide::failure)?;
    sides
        .iter()
        .try_for_each(ComparisonSide::check_workspace_file)?;
    let progress = Progress::start(global, "comparing");
    let salt = salt();
    let workspace = after.config().or_else(|| before.config());
    let ignore = arguments.comparing.ignored(workspace.as_ref());
    let repository = sides[0].repository_root().filter(|_| !arguments.no_cache);
    let memory = repository.and_then(|it| cache::memory(global, it));
    let context = Context {
        cache: cache::open(global),
        memory: memory.as_ref().map(|it| it as &dyn Memory),
        options: arguments.comparing.options(&salt, &ignore),
    };
    let mut comparison = compare_sides(arguments, &sides, is_workspace, &context, global)?;
    match is_workspace {
        true => check_environments([&before, &after], &arguments.environments)?,
        false => check_folders(&sides, &arguments.environments)?,
    }
    check_claims([&before, &after], &comparison, &arguments.claims)?;
    comparison.keep(&arguments.environments, &arguments.claims);
    comparison.order(
        &workspace
            .map(|it| it.environment_names())
            .unwrap_or_default(),
    );
    if arguments.why && is_workspace {
        add_causes(&mut comparison, [&before, &after], &context);
    }
    drop(progress);
    let is_rendered = is_workspace && !arguments.committed;
    let display = |path: &TreePath| {
        // The input files of a written tree are also below the workspace.
        let is_input = Input::is_of_environments(path);
        sides[1].display(path, is_rendered || is_workspace && is_input)
    };
    let config = sides.each_ref().map(|it| it.state().config());
    let outputs = config.map(|it| it.filter(|_| is_rendered).map(|it| it.output));
    print(
        &comparison,
        &sides,
        &outputs,
        &display,
        (arguments, &current),
    )?;
    let notes = folded(&comparison.notes);
    Ok(arguments
        .comparing
        .outcome(&comparison, &notes, global, &display))
}

/// Compares what the arguments select, but of all environments and claims.
fn compare_sides(
    arguments: &Arguments,
    sides: &[ComparisonSide; 2],
    is_workspace: bool,
    context: &Context<'_>,
    global: &Global,
) -> Result<Comparison> {
    let [before, after] = sides.each_ref().map(ComparisonSide::state);
    let states = [&before, &after];
    let comparison = match (is_workspace, arguments.committed) {
        (true, false) if arguments.depth == Depth::Objects => {
            compare_workspaces(states, context).map_err(|it| unrendered(&it, global))
        }
        _ if arguments.depth == Depth::Objects => {
            Ok(compare_repositories(states, &sides[1].addresses(), context))
        }
        (true, false) => rendered(sides, context, global),
        (true, true) => Ok(compare_written(states, context)),
        (false, _) => Ok(compare_folders(states, context)),
    };
    // Files that git could not read may look like a workspace that does not render.
    sides.iter().try_for_each(ComparisonSide::failure)?;
    let mut comparison = comparison?;
    note_submodules(&mut comparison, sides)?;
    if !is_workspace || arguments.committed || arguments.depth == Depth::Objects {
        let unread = sides.iter().flat_map(ComparisonSide::misnamed);
        note_misnamed(&mut comparison, unread.collect());
    }
    Ok(comparison)
}

/// Checks that one side has each environment that the user names.
fn check_environments(states: [&State<'_>; 2], requested: &[String]) -> Result<()> {
    let known: BTreeSet<String> = states.iter().flat_map(|it| it.environments()).collect();
    let known = known.iter().map(String::as_str);
    Ok(check_names("environment", known, requested)?)
}

/// Checks that one side has each folder that the user names, if there is no workspace.
fn check_folders(sides: &[ComparisonSide; 2], requested: &[String]) -> Result<()> {
    for name in requested {
        let is_there = |side: &ComparisonSide| {
            let state = side.state();
            let folder = TreePath::new(name).map(|it| state.root.join(&it));
            folder.is_some_and(|it| matches!(state.files.kind(&it), Ok(Some(_))))
        };
        if name != "." && !sides.iter().any(is_there) {
            bail!(
                "folder `{name}` does not exist; without a workspace, `--env` selects folders, such as `apps/shop`"
            );
        }
    }
    Ok(())
}

/// Checks that one side has each claim that the user names. Only changes are rendered, so unchanged claims are looked up in the
/// documents.
fn check_claims(
    states: [&State<'_>; 2],
    comparison: &Comparison,
    requested: &[String],
) -> Result<()> {
    if requested.is_empty() {
        return Ok(());
    }
    let mut known: BTreeSet<String> = comparison.claims.keys().cloned().collect();
    let changed = comparison.environments.iter().flat_map(|it| &it.objects);
    known.extend(changed.filter_map(|it| Some(it.claim.as_ref()?.title.to_string())));
    for title in known.clone() {
        known.extend(title.rsplit('/').next().map(str::to_string));
    }
    if requested.iter().all(|it| known.contains(it)) {
        return Ok(());
    }
    known.extend(states.iter().flat_map(|it| it.claims()));
    let known = known.iter().map(String::as_str);
    Ok(check_names("claim", known, requested)?)
}

/// Compares the rendered trees of two workspaces. Nothing is applied from a revision without a workspace.
fn rendered(
    sides: &[ComparisonSide; 2],
    context: &Context<'_>,
    global: &Global,
) -> Result<Comparison> {
    let states = sides.each_ref().map(ComparisonSide::state);
    for state in states.iter().filter(|it| !it.is_tree && !it.is_workspace()) {
        output::note(&format!("no workspace in {}\n", state.name));
    }
    let [old, new] = sides;
    let changes = match states.iter().all(State::is_workspace) {
        true => new.changes(old, context.memory)?,
        false => None,
    };
    let [before, after] = &states;
    let compared = compare_rendered([before, after], changes.as_ref(), context);
    let mut comparison = compared.map_err(|fault| unrendered(&fault, global))?;
    let mut inputs = before.input_folders();
    inputs.extend(after.input_folders());
    let is_input = |it: &&TreePath| inputs.iter().any(|folder| it.below(folder).is_some());
    let misnamed = changes.iter().flat_map(Changes::misnamed).filter(is_input);
    let below = misnamed.filter_map(|it| it.below(after.root));
    note_misnamed(&mut comparison, below.collect());
    Ok(comparison)
}

/// Reports changed submodules whose files are not available on some side.
fn note_submodules(comparison: &mut Comparison, sides: &[ComparisonSide; 2]) -> Result<()> {
    let list = TreePath::root().child(GITMODULES);
    let is_there = |it: &ComparisonSide| matches!(it.state().files.kind(&list), Ok(Some(_)));
    let [before, after] = sides;
    if !sides.iter().any(is_there) {
        return Ok(());
    }
    let changes = after.changes(before, None)?;
    for path in changes.iter().flat_map(Changes::wholes) {
        let reasons = sides.iter().map(|it| it.state().files.list(path).err());
        if let Some(reason) = reasons.flatten().next() {
            let message = format!("the submodule `{path}` has changed and is not compared");
            let note = Diagnostic::warning("not-compared", message).at(Span::of_file(path));
            comparison.notes.push(note.help(reason.to_string()));
        }
    }
    Ok(())
}

/// Reports files that are not compared because their names are not valid, unless this is already reported.
fn note_misnamed(comparison: &mut Comparison, paths: BTreeSet<TreePath>) {
    for path in paths {
        let name = format!("`{path}`");
        let is_said = comparison.notes.iter().any(|it| it.message.contains(&name));
        if !is_said {
            let message = format!("{name} is not compared: its name is not valid UTF-8");
            let note = Diagnostic::warning("not-compared", message);
            let note = note.at(Span::of_file(&path));
            comparison.notes.push(note.help("rename it"));
        }
    }
}

/// Reports why a state does not render.
fn unrendered(fault: &Unrendered, global: &Global) -> anyhow::Error {
    let display = |path: &TreePath| format!("{}: {path}", fault.name);
    session::report(&fault.diagnostics, global, &display);
    let name = &fault.name;
    anyhow!("cannot compare: the workspace at {name} fails to render")
}

fn print(
    comparison: &Comparison,
    sides: &[ComparisonSide; 2],
    outputs: &[Option<TreePath>; 2],
    display: &dyn Fn(&TreePath) -> String,
    (arguments, directory): (&Arguments, &Path),
) -> Result<()> {
    let view = View {
        display,
        color: true,
    };
    let command = format!("pleach diff {}", arguments.sides.join(" "));
    let file = |at: usize, path: &TreePath| sides[at].tree_file(path, outputs[at].as_ref());
    let text = |path: &TreePath| sides[1].text(path, display);
    let form = Printed {
        text: &text,
        names: sides.each_ref().map(|it| &*it.name),
        comparing: &arguments.comparing,
        directory,
        full_report: arguments
            .full_report
            .as_deref()
            .unwrap_or(command.trim_end()),
        file: &file,
    };
    form.print(comparison, &view)
}

/// How a comparison is printed and written to files.
pub(in crate::cli) struct Printed<'a> {
    /// The names of the sides.
    pub(in crate::cli) names: [&'a str; 2],
    /// The forms of the reports.
    pub(in crate::cli) comparing: &'a ComparisonFlags,
    /// The folder of relative paths of reports.
    pub(in crate::cli) directory: &'a Path,
    /// A link or command that shows the whole report.
    pub(in crate::cli) full_report: &'a str,
    /// The files of the trees.
    pub(in crate::cli) file: TreeFile<'a>,
    /// The texts of files after the change, by their paths in locations.
    pub(in crate::cli) text: &'a dyn Fn(&TreePath) -> Option<String>,
}

impl Printed<'_> {
    pub(in crate::cli) fn print(&self, comparison: &Comparison, view: &View<'_>) -> Result<()> {
        let plain = View {
            color: false,
            ..*view
        };
        for ReportFile { form, file } in &self.comparing.reports {
            let text = self.report(*form, comparison, &plain)?;
            store(&self.directory.join(file), text.as_bytes())?;
        }
        match self.comparing.output {
            Form::Text => output::text(&changes(comparison, view, output::columns())),
            form => output::data(self.report(form, comparison, view)?.as_bytes()),
        }
    }

    fn report(&self, form: Form, comparison: &Comparison, view: &View<'_>) -> Result<String> {
        let noted = |format| {
            let found = at_existing_lines(annotations(comparison), self.text);
            report(&found, format, view)
        };
        Ok(match form {
            Form::Text => screened(&changes(comparison, view, None)),
            Form::Md => {
                let options = MarkdownOptions {
                    bytes_max: usize::try_from(self.comparing.max_bytes)?,
                    full_report: self.full_report,
                };
                markdown(comparison, self.names, view, &options)
            }
            Form::Html => html(comparison, self.names, view),
            Form::Json => changes_json(comparison, self.names, view, self.file),
            Form::Patch => changes_patch(comparison),
            Form::Github => noted(Format::Github),
            Form::Gitlab => noted(Format::Gitlab),
            Form::Sarif => noted(Format::Sarif),
            Form::Junit => noted(Format::Junit),
        })
    }
}

/// A random salt, so that digests of hidden values can be compared within one report, but not looked up elsewhere.
pub(in crate::cli) fn salt() -> Salt {
    let bytes = || RandomState::new().build_hasher().finish().to_le_bytes();
    Salt::new(&[bytes(), bytes()].concat())
}
