#![allow(
    clippy::disallowed_methods,
    reason = "names of changed files may come from standard input"
)]
//! `pleach affected`: the environments, claims and kustomizations that a change affects.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use clap_complete::ArgValueCandidates;

use super::diff::{Depth, salt};
use super::hook::add_generated;
use super::repository_files::addresses;
use super::session::directory;
use super::{Global, Outcome, cache, output, revision};
use pleach::affected::{Affected, affected, kustomizations};
use pleach::chart::{Lock, RemotePin};
use pleach::disk::{Index, Repository, Revision, WorkTree, find_upwards};
use pleach::kustomize::remote::mount;
use pleach::layout::{Folder, WORKSPACE, input_folders};
use pleach::load::{self, Scope, WorkspaceConfig};
use pleach::object::ObjectId;
use pleach::remote::WithRemotes;
use pleach::report::{AffectedParts, affected_json, affected_matrix, affected_names};
use pleach::tree::{Below, Changes, Entry, EntryKind, Files, FilesError, TreePath, Unlisted};
use pleach::workspace_diff::{self, State, changed_units};
use pleach::{Options, compile};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Changed files, or `-` to read a list from standard input; by default the files that differ in Git
    #[arg(value_name = "FILE")]
    files: Vec<String>,
    /// Compare the work tree with this revision, or two revisions with each other: REV..REV
    #[arg(
        long,
        value_name = "REV",
        default_value = "HEAD",
        conflicts_with = "files",
        add = ArgValueCandidates::new(super::completions::revisions)
    )]
    since: String,
    /// Compare the index instead of the work tree
    #[arg(long, conflicts_with_all = ["files", "since"])]
    staged: bool,
    /// What to list: environments, claims and kustomizations; or with `objects` also the Kustomizations, HelmReleases and Applications
    /// whose deployed objects change
    #[arg(long, value_name = "DEPTH", default_value = "sync")]
    depth: Depth,
    /// Output format of the list
    #[arg(short, long, value_name = "FORM", default_value = "name")]
    output: Form,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Form {
    /// One line for each environment, `environment/claim` or folder of a kustomization; for deployed units, `environment: Kind
    /// name`
    Name,
    /// An object with a list of claims and a list of kustomizations; with `--depth objects` also a list of units
    Json,
    /// The environments to check, as JSON for `strategy.matrix` of a GitHub job: also those with changed generated files, or for which
    /// a policy or definition has changed, but no removed ones
    GithubMatrix,
}

/// The affected claims by environment, and the affected kustomizations.
struct Found {
    affected: Affected,
    kustomizations: BTreeSet<TreePath>,
}

impl Found {
    fn with_units<'a>(&'a self, units: Option<&'a Units>) -> AffectedParts<'a> {
        AffectedParts {
            affected: &self.affected,
            kustomizations: &self.kustomizations,
            units,
        }
    }
}

/// Units of Flux and Argo CD, by environment or the folder of their entry.
type Units = BTreeMap<String, BTreeSet<ObjectId>>;

type SharedFiles = Arc<dyn Files + Send + Sync>;

pub(super) fn run(arguments: &Arguments, global: &Global) -> Result<Outcome> {
    let start = directory(global)?;
    let location = find_upwards(&start, WORKSPACE).unwrap_or(start.clone());
    let repository = Arc::new(Repository::find(&location)?);
    let root = below(&location, repository.root())?;
    let (sides, changes) = match &*arguments.files {
        [] => changed(arguments, &repository, &root)?,
        files => named_files(files, &start, &repository)?,
    };
    for side in &sides {
        let workspace = root.child(WORKSPACE);
        let failed = || format!("cannot read `{workspace}`");
        side.kind(&workspace).with_context(failed)?;
    }
    let mut found = find(&sides, &changes, &root, global);
    if matches!(arguments.output, Form::GithubMatrix) {
        let after = Below::new(&*sides[1], root.clone());
        add_checked(&mut found.affected, &after, &changes.within(&root));
    }
    let units = match arguments.depth {
        Depth::Sync => None,
        Depth::Objects => Some(units(&sides, &root, &addresses(&repository), global)),
    };
    repository.failure()?;
    for path in changes.within(&root).misnamed() {
        let path = root.join(path);
        output::note(&format!(
            "`{path}` is ignored: its name is not valid UTF-8; rename it\n"
        ));
    }
    let parts = found.with_units(units.as_ref());
    let text = match arguments.output {
        Form::Name => affected_names(&parts),
        Form::Json => affected_json(&parts),
        Form::GithubMatrix => affected_matrix(&parts),
    };
    output::data(text.as_bytes())?;
    Ok(Outcome::Clean)
}

/// The units whose objects differ.
fn units(sides: &[SharedFiles; 2], root: &TreePath, urls: &[String], global: &Global) -> Units {
    let top = TreePath::root();
    let [before, after] = [&sides[0], &sides[1]].map(|files| State {
        files: &**files,
        root,
        top: &top,
        name: "",
        is_tree: true,
    });
    let salt = salt();
    let context = workspace_diff::Context {
        memory: None,
        cache: cache::open(global),
        options: pleach::diff::Options::new(&salt),
    };
    changed_units([&before, &after], urls, &context)
}

fn below(folder: &Path, root: &Path) -> Result<TreePath> {
    let failed = || format!("cannot read `{}`", folder.display());
    let folder = folder.canonicalize().with_context(failed)?;
    let path = folder.strip_prefix(root).ok().and_then(Path::to_str);
    path.and_then(TreePath::new).with_context(failed)
}

/// The paths that differ between two states, as Git lists them.
fn changed(
    arguments: &Arguments,
    repository: &Arc<Repository>,
    root: &TreePath,
) -> Result<([SharedFiles; 2], Changes)> {
    let open = |name: &str| -> Result<Revision> {
        let name = if name.is_empty() { "HEAD" } else { name };
        revision::open(repository, name, "revision")
    };
    if !arguments.since.contains("..") {
        check_conflicts(repository)?;
    }
    if arguments.staged {
        let Index { head, index, .. } = repository.index()?;
        return between(head, index, root);
    }
    if let Some((before, after)) = arguments.since.split_once("...") {
        let (before, after) = (revision::or_head(before), revision::or_head(after));
        let base = revision::merge_base(repository, before, after, "revision")?;
        return between(open(&base)?, open(after)?, root);
    }
    if let Some((before, after)) = arguments.since.split_once("..") {
        return between(open(before)?, open(after)?, root);
    }
    let before = open(&arguments.since)?;
    let mut changes = repository.work_tree_changes(&arguments.since)?;
    before.add_linked(&inputs(&before, root), &mut changes, None)?;
    let after = WorkTree::open(repository)?;
    Ok(([Arc::new(before), Arc::new(after)], changes))
}

/// During a merge, the content of files with conflicts is undecided.
fn check_conflicts(repository: &Repository) -> Result<()> {
    let listed = repository.query(&["ls-files", "--unmerged"])?;
    let listed = listed.unwrap_or_default();
    let mut paths = listed.lines().filter_map(|it| it.split_once('\t'));
    if let Some((_, first)) = paths.next() {
        bail!("`{first}` has merge conflicts; resolve them, `git add` the files, and try again");
    }
    Ok(())
}

fn between(
    before: Revision,
    after: Revision,
    root: &TreePath,
) -> Result<([SharedFiles; 2], Changes)> {
    let changes = before.changes(&after, &inputs(&before, root), None)?;
    Ok(([Arc::new(before), Arc::new(after)], changes))
}

/// The folders that may contain links to files that are read under another path.
fn inputs(files: &dyn Files, root: &TreePath) -> Vec<TreePath> {
    let workspace = WorkspaceConfig::read(&Below::new(files, root.clone())).ok();
    let mut folders = workspace.map(|it| it.templates).unwrap_or_default();
    folders.extend(input_folders());
    folders.iter().map(|it| root.join(it)).collect()
}

/// Whether a name without a path is a branch, tag or commit. A removed file with such a name is rare.
fn is_revision(repository: &Repository, name: &str) -> bool {
    let may_be = !name.contains(['/', '.', ' ']);
    may_be && matches!(repository.revision(name), Ok(Some(_)))
}

/// Whether a name looks like two revisions: `main..HEAD`.
fn is_range(name: &str) -> bool {
    name.contains("..") && !name.split('/').any(|it| it == "..")
}

/// Files named by the user, whose earlier content is unknown.
fn named_files(
    files: &[String],
    start: &Path,
    repository: &Arc<Repository>,
) -> Result<([SharedFiles; 2], Changes)> {
    let above = below(start, repository.root())?;
    let after: SharedFiles = Arc::new(WorkTree::open(repository)?);
    let head = OnceCell::new();
    let head = || head.get_or_init(|| repository.revision("HEAD").ok().flatten());
    let is_in_work_tree = |path: &TreePath| !matches!(after.kind(path), Ok(None));
    let is_committed = |path: &TreePath| {
        let kind = head().as_ref().map(|it| it.kind(path));
        kind.is_some_and(|it| !matches!(it, Ok(None)))
    };
    let (mut changes, mut unknown) = (Changes::new(), Vec::new());
    for name in given_names(files)? {
        let paths = possible_paths(&name, &above, repository.root())?;
        let is_revision = || is_range(&name) || is_revision(repository, &name);
        if !paths.iter().any(is_in_work_tree) && is_revision() {
            output::note(&format!(
                "`{name}` is treated as a changed file; to compare revisions, use `--since {name}`\n"
            ));
            paths.iter().for_each(|it| changes.change_unknown(it));
            continue;
        }
        let known = paths
            .iter()
            .filter(|it| is_in_work_tree(it) || is_committed(it));
        let known: Vec<&TreePath> = known.collect();
        known.iter().for_each(|it| changes.change_unknown(it));
        if known.is_empty() {
            unknown.push((name, paths));
        }
    }
    change_missing_files(&unknown, repository, &mut changes)?;
    let before = ExcludedFiles {
        files: after.clone(),
        hidden: changes.clone(),
    };
    Ok(([Arc::new(before), after], changes))
}

/// The names in the arguments, with the lines of standard input for `-`.
fn given_names(files: &[String]) -> Result<Vec<String>> {
    let mut names: Vec<String> = files.iter().filter(|it| *it != "-").cloned().collect();
    if names.len() < files.len() {
        let mut text = String::new();
        let read = std::io::stdin().lock().read_to_string(&mut text);
        read.context("cannot read standard input")?;
        names.extend(text.lines().filter(|it| !it.is_empty()).map(str::to_string));
    }
    Ok(names)
}

/// Adds files that are neither in the work tree nor in HEAD, by name and possible paths. Warns about those that never existed.
fn change_missing_files(
    missing: &[(String, Vec<TreePath>)],
    repository: &Repository,
    changes: &mut Changes,
) -> Result<()> {
    let removed = removed_files(repository, missing.iter().flat_map(|it| &it.1))?;
    for (name, paths) in missing {
        let known: Vec<&TreePath> = paths.iter().filter(|it| removed.contains(*it)).collect();
        known.iter().for_each(|it| changes.change_unknown(it));
        if known.is_empty() {
            paths.iter().for_each(|it| changes.change_unknown(it));
            let message =
                format!("`{name}` is neither in the work tree nor in the history of HEAD");
            output::warning(&message, &[]);
        }
    }
    Ok(())
}

/// The paths in the repository that a name may mean: relative to the current folder, and otherwise to the top of the repository, as
/// Git prints names. At least one.
fn possible_paths(name: &str, above: &TreePath, top: &Path) -> Result<Vec<TreePath>> {
    let absolute = Path::new(name).strip_prefix(top).ok();
    let paths = match absolute.and_then(Path::to_str) {
        Some(path) => [TreePath::new(path), None],
        None => [above.resolve(name), TreePath::root().resolve(name)],
    };
    let mut paths: Vec<TreePath> = paths.into_iter().flatten().collect();
    paths.dedup();
    match paths.is_empty() {
        true => bail!("`{name}` is not in the repository"),
        false => Ok(paths),
    }
}

/// The maximum number of files whose history is searched.
const SEARCHED_MAX: usize = 200;

/// The given files that an earlier commit has removed. Scripts list such files among the changes of a branch.
fn removed_files<'a>(
    repository: &Repository,
    paths: impl Iterator<Item = &'a TreePath>,
) -> Result<BTreeSet<TreePath>> {
    let paths: Vec<&str> = paths.map(TreePath::as_str).take(SEARCHED_MAX).collect();
    if paths.is_empty() {
        return Ok(BTreeSet::new());
    }
    let log = [
        "--literal-pathspecs",
        "log",
        "-z",
        "--format=",
        "--name-only",
        "--",
    ];
    let found = repository.query(&[&log[..], &paths].concat())?;
    let found = found.unwrap_or_default();
    Ok(found.split('\0').filter_map(TreePath::new).collect())
}

/// The side before the change, if only the names of differing files are known: everything in such a file counts as added, and the
/// content of a removed file is unknown.
struct ExcludedFiles {
    files: SharedFiles,
    hidden: Changes,
}

impl ExcludedFiles {
    fn is_hidden(&self, path: &TreePath) -> bool {
        self.hidden.has(path) && path.name() != WORKSPACE
    }
}

impl Files for ExcludedFiles {
    fn read(&self, path: &TreePath) -> Result<Arc<[u8]>, FilesError> {
        match self.is_hidden(path) {
            true => Err(FilesError::Other("it has changed".to_string())),
            false => self.files.read(path),
        }
    }

    fn list(&self, folder: &TreePath) -> Result<Vec<Entry>, FilesError> {
        self.files.list(folder)
    }

    fn unlisted(&self) -> BTreeMap<TreePath, Unlisted> {
        self.files.unlisted()
    }

    fn real(&self, path: &TreePath) -> Result<TreePath, FilesError> {
        self.files.real(path)
    }

    fn kind(&self, path: &TreePath) -> Result<Option<EntryKind>, FilesError> {
        match self.files.kind(path) {
            Ok(None) if self.is_hidden(path) => Ok(Some(EntryKind::File)),
            Ok(Some(EntryKind::File)) if self.is_hidden(path) => Ok(None),
            kind => kind,
        }
    }
}

fn find(
    [before, after]: &[SharedFiles; 2],
    changes: &Changes,
    root: &TreePath,
    global: &Global,
) -> Found {
    let [old, new] = [before, after].map(|it| Below::new(&**it, root.clone()));
    let reads = |scope: &Scope| {
        let options = Options {
            scope: scope.clone(),
            cache: cache::open(global),
            ..Options::default()
        };
        let mut read_set = compile(&new, &options).read_set;
        let more = compile(&old, &options).read_set;
        read_set.files.extend(more.files);
        read_set.folders.extend(more.folders);
        read_set
    };
    let inside = changes.within(root);
    let affected = affected([&old, &new], &inside, &reads);
    let workspaces = [&old, &new].map(|it| WorkspaceConfig::read(it).ok());
    let mut without: Vec<TreePath> = Vec::new();
    for workspace in workspaces.into_iter().flatten() {
        let own = input_folders();
        let folders = own
            .into_iter()
            .chain(workspace.templates)
            .chain([workspace.output]);
        without.extend(folders.map(|it| root.join(&it)));
    }
    let cache = cache::open(global);
    let sides = [before, after].map(|it| WithRemotes::new(&**it, root.clone(), cache.clone()));
    let mut changes = changes.clone();
    for address in moved_remotes([&old, &new]) {
        changes.change_all(&mount(&address));
    }
    Found {
        affected,
        kustomizations: kustomizations([&sides[0], &sides[1]], &changes, &without),
    }
}

/// Adds the environments whose check may have another result, although their rendering is the same: because of generated files, policies
/// or definitions. Removes those that no longer exist, which cannot be checked.
fn add_checked(found: &mut Affected, after: &dyn Files, changes: &Changes) {
    let names = load::environments(after);
    if let Ok(workspace) = WorkspaceConfig::read(after) {
        add_generated(found, after, changes, &workspace.output);
    }
    let rules = [Folder::Policies, Folder::Crds].map(Folder::path);
    if rules.iter().any(|it| changes.below(it).next().is_some()) {
        names.iter().for_each(|it| found.add_environment(it));
    }
    found.environments.retain(|it, _| names.contains(it));
}

/// The remote bases and files that the locks of two states pin differently.
fn moved_remotes(sides: [&dyn Files; 2]) -> BTreeSet<String> {
    let [old, new] = sides.map(|it| Lock::read(it).unwrap_or_default());
    let moved = |it: &&RemotePin| old.remote(&it.address) != new.remote(&it.address);
    let pins = old.remotes.iter().chain(&new.remotes).filter(moved);
    pins.map(|it| it.address.clone()).collect()
}
