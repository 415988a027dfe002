//! Reads a workspace: `pleach.yaml`, environments, claim kinds and claims, with the location of every value.
//!
//! `pleach.yaml`, environments and claim kinds are validated with their schemas here. Claims are only parsed, and their field names
//! are converted to the spelling of the schema: they can only be validated after base and environment are merged.

mod claim;
mod claim_files;
mod cluster;
mod document;
mod engine;
mod environment;
mod kind;
mod links;
mod lookups;
mod policies;
mod rendered_charts;
mod scope;
mod short_policy;
mod spelling;
mod sync_path;
mod unread;
mod word_index;
mod workspace;

pub use claim::{Claim, NAME as CLAIM_NAME, NAME_MAX as CLAIM_NAME_MAX, fault_in_claim_name};
pub use claim_files::claim_files;
pub use cluster::{Cluster, cluster};
pub use document::is_kubernetes_api;
pub use engine::{Engine, Engines, setting};
pub use environment::{Environment, InvalidClaim, environment_folder};
pub use kind::schema as claim_kind_schema;
pub use kind::{
    Capability, ClaimKind, Effect, FileTemplate, Lookup, Part, Reference, Rule, Spelling,
    preload_builtin_kinds,
};
pub use links::check_links;
pub use lookups::{KindLookups, LookedUpKinds, widen_for_lookups};
pub use policies::BuiltinPolicies;
pub use rendered_charts::rendered_charts;
pub use scope::Scope;
pub use short_policy::ShortPolicy;
pub use short_policy::schema as policy_schema;
pub use spelling::normalize_field_names;
pub use sync_path::check_sync_path;
pub use unread::misnamed_folder;
pub use word_index::{WordChanges, WordIndex};
pub use workspace::schema as workspace_schema;
pub use workspace::{ChartSource, Layout, Mirror, OTHER_OUTPUT, WorkspaceConfig};

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::chart::{Cache, ChartLocations, Charts, Lock, Request};
use crate::diag::{Diagnostic, Diagnostics};
use crate::layout::{BASE, Folder, WORKSPACE};
use crate::template::{LookupRequest, TemplateCache, Templates, Trace};
use crate::tree::{EntryKind, Files, Recorded, TreePath};
use crate::yaml::parallel::each_of_many;
use crate::yaml::{Mapping, Node};
use environment::{Draft, EnvironmentReader};
use kind::{KindFilter, Kinds};

/// Everything that a run reads, except the user's overlays, which the kustomize engine reads itself.
pub struct Workspace<'a> {
    /// The settings of `pleach.yaml`, with defaults.
    pub config: WorkspaceConfig,
    /// The claim kinds: those of the workspace, and the built-in ones that they do not replace. In a partial run, only those that
    /// claims use.
    pub kinds: Vec<Arc<ClaimKind>>,
    /// The compiled templates and expressions of the kinds.
    pub templates: Templates<'a>,
    /// The charts that claims and templates use.
    pub charts: Arc<Charts<'a>>,
    /// `environments/base`: neutral values and the shared claims.
    pub base: Environment,
    /// The base for each engine that has environments with the layout `overlays`.
    pub bases: Vec<Environment>,
    /// The requested environments, sorted by name.
    pub environments: Vec<Environment>,
    /// The value of `workspace` in templates and rules.
    pub values: Node,
    /// The names of the environments that are not requested.
    pub others: Vec<String>,
    /// The names of the requested environments that cannot be read.
    pub unread: Vec<String>,
    /// The requested environments and claims.
    pub scope: &'a Scope,
    engines: &'a Engines,
    files: &'a dyn Files,
}

impl Workspace<'_> {
    /// Whether some claims were not read, so that a claim that is not in the workspace may exist.
    pub fn is_partial(&self) -> bool {
        self.scope.names().is_some()
    }

    /// Whether an environment that was not read uses, or may use, a claim of base.
    pub fn may_use_elsewhere(&self, base: &Environment, claim: &Claim) -> bool {
        let reader = EnvironmentReader {
            files: self.files,
            workspace: &self.config,
            engines: self.engines,
        };
        let mut others = self.others.iter();
        others.any(|it| reader.uses_base_claim(it, base.engine, claim))
    }
}

/// Options for reading a workspace.
#[derive(Debug)]
pub struct Options<'a> {
    /// The engines that environments can have.
    pub engines: &'a Engines,
    /// The environments and claims to read.
    pub scope: &'a Scope,
    /// The cache of chart archives, by digest.
    pub cache: Option<Cache>,
    /// If set, templates record here where each value of their output comes from.
    pub trace: Option<Trace>,
    /// Compiled templates of an earlier run.
    pub template_cache: TemplateCache,
}

impl<'a> Options<'a> {
    /// Options without a cache, without a trace, and without results of earlier runs.
    pub fn new(engines: &'a Engines, scope: &'a Scope) -> Options<'a> {
        Options {
            engines,
            scope,
            cache: None,
            trace: None,
            template_cache: TemplateCache::default(),
        }
    }
}

/// Reads a workspace whose `pleach.yaml` is at the root of `files`.
///
/// `None` if `pleach.yaml` is missing or invalid. After other errors, the rest is read anyway.
pub fn load<'a>(
    files: &'a dyn Files,
    options: Options<'a>,
    diagnostics: &mut Diagnostics,
) -> Option<Workspace<'a>> {
    let Options {
        engines,
        scope,
        cache,
        trace,
        template_cache,
    } = options;
    let mut workspace = WorkspaceConfig::read(files)
        .map_err(|faults| diagnostics.extend(faults))
        .ok()?;
    workspace.trace = trace;
    let charts = Arc::new(charts(files, cache, &workspace, diagnostics));
    let names = environment_names(files, diagnostics);
    unread::check_root(files, diagnostics);
    let is_requested = |it: &String| it == BASE || scope.has(it);
    let (names, others): (Vec<String>, Vec<String>) = names.into_iter().partition(is_requested);
    let reader = EnvironmentReader {
        files,
        workspace: &workspace,
        engines,
    };
    let drafts = read_drafts(&reader, &names, scope, diagnostics);
    let used_kinds: BTreeSet<String> = drafts.iter().flat_map(Draft::kinds).collect();
    let (kinds, mut templates, faults) =
        read_kinds(&reader, &used_kinds, scope.is_whole(), &charts);
    templates.load_cached(&template_cache);
    diagnostics.extend(faults);
    let finished = each_of_many(many(scope), drafts, diagnostics, |draft, diagnostics| {
        draft.finish(&kinds, diagnostics)
    });
    let (base, environments): (Vec<Environment>, Vec<Environment>) =
        finished.into_iter().partition(|it| it.name == BASE);
    let base = base.into_iter().next();
    let base = base.unwrap_or_else(|| Environment::base(engines));
    if scope.is_whole() && environments.is_empty() && !diagnostics.has_errors() {
        diagnostics.push(no_environment(&workspace));
    }
    let is_read = |name: &String| name == BASE || environments.iter().any(|it| it.name == *name);
    Some(Workspace {
        unread: names.into_iter().filter(|it| !is_read(it)).collect(),
        values: values(&workspace, &environments, &others),
        config: workspace,
        kinds: kinds.valid,
        templates,
        bases: bases(engines, &base, &environments),
        charts,
        base,
        environments,
        others,
        scope,
        engines,
        files,
    })
}

fn no_environment(workspace: &WorkspaceConfig) -> Diagnostic {
    Diagnostic::error("no-environment", "the workspace has no environments")
        .at(&workspace.span)
        .help("create `environments/<name>/environment.yaml`; `pleach init` creates an example")
}

/// The base for each engine that has environments with the layout `overlays`.
fn bases(engines: &Engines, base: &Environment, environments: &[Environment]) -> Vec<Environment> {
    let has_overlays = |engine: &&Engine| {
        let mut environments = environments.iter();
        environments.any(|it| it.engine == *engine && it.layout == Layout::Overlays)
    };
    let engines = engines.iter().filter(has_overlays);
    engines
        .map(|it| base.for_engine(it, environments))
        .collect()
}

/// Reads the kinds with these names and, if the run is not partial, all other kinds of the workspace. Returns them with their
/// templates and diagnostics.
fn read_kinds<'a>(
    reader: &EnvironmentReader<'_>,
    names: &BTreeSet<String>,
    is_whole: bool,
    charts: &Arc<Charts<'a>>,
) -> (Kinds, Templates<'a>, Diagnostics) {
    let (files, workspace) = (reader.files, reader.workspace);
    let read = |filter: KindFilter<'_>| {
        let trace = workspace.trace.as_ref();
        let (mut templates, mut faults) = (Templates::new(trace), Diagnostics::default());
        let charts = charts.clone();
        templates.add_reader("chart", Box::new(move |it| chart_values(&charts, it)));
        let kinds = kind::read_all(files, Some(workspace), filter, &mut templates, &mut faults);
        (kinds, templates, faults)
    };
    let found = read(match is_whole {
        true => KindFilter::OwnAndNamed(names),
        false => KindFilter::Named(names),
    });
    match names.iter().all(|it| found.0.contains(it)) {
        true => found,
        // The message about an unknown kind lists all kinds.
        false => read(KindFilter::All),
    }
}

/// The value of `workspace` in templates and rules. `others` are the environments that are not read.
fn values(workspace: &WorkspaceConfig, environments: &[Environment], others: &[String]) -> Node {
    let repository = workspace.chart_repository.clone();
    let charts = Mapping::from([("repository", repository.unwrap_or_else(Node::null))]);
    let names = environments.iter().map(|it| &it.name).chain(others);
    let names: BTreeSet<&String> = names.collect();
    let names = names.into_iter().map(|it| Node::string(it.as_str()));
    Node::mapping(Mapping::from([
        ("charts", Node::mapping(charts)),
        ("environments", Node::sequence(names)),
    ]))
}

/// Reads environments and parses their claims. If only some claims are requested, files that contain none of their names are
/// skipped, unless the requested claims may refer to others.
fn read_drafts<'a>(
    reader: &EnvironmentReader<'a>,
    environments: &[String],
    scope: &Scope,
    diagnostics: &mut Diagnostics,
) -> Vec<Draft<'a>> {
    let read = |names: Option<&BTreeSet<String>>| {
        let mut found = Diagnostics::default();
        let drafts = each_of_many(many(scope), environments, &mut found, |name, found| {
            reader.read(name, names, found)
        });
        let drafts: Vec<Draft<'a>> = drafts.into_iter().flatten().collect();
        (drafts, found)
    };
    let names = scope.names();
    let (mut drafts, mut found) = read(names.as_ref());
    let may_refer = |it: &Draft<'_>| names.as_ref().is_some_and(|names| it.may_refer(names));
    let mut parsed_names = names.as_ref();
    if !scope.is_closed && drafts.iter().any(may_refer) {
        parsed_names = None;
        if drafts.iter().any(Draft::is_partial) {
            (drafts, found) = read(None);
        }
    }
    diagnostics.extend(found);
    each_of_many(
        many(scope),
        &mut drafts,
        diagnostics,
        |draft, diagnostics| {
            draft.parse(parsed_names, diagnostics);
        },
    );
    drafts
}

/// The number of environments from which on they are read in parallel. A few claims of one environment and base are read faster than
/// a thread is started.
fn many(scope: &Scope) -> usize {
    match scope.names() {
        Some(_) => 3,
        None => 2,
    }
}

/// The charts of a workspace or repository whose lock is at the root of `files`. Errors: an invalid `pleach.yaml` or lock.
pub fn charts_of<'a>(
    files: &'a dyn Files,
    cache: Option<Cache>,
) -> Result<Charts<'a>, Diagnostics> {
    let file = TreePath::root().child(WORKSPACE);
    let workspace = match files.kind(&file) {
        Ok(None) => WorkspaceConfig::absent()?,
        _ => WorkspaceConfig::read(files)?,
    };
    let mut faults = Diagnostics::default();
    let charts = charts(files, cache, &workspace, &mut faults);
    match faults.is_empty() {
        true => Ok(charts),
        false => Err(faults),
    }
}

fn charts<'a>(
    files: &'a dyn Files,
    cache: Option<Cache>,
    workspace: &WorkspaceConfig,
    diagnostics: &mut Diagnostics,
) -> Charts<'a> {
    let lock = Lock::read(files).map_err(|faults| diagnostics.extend(faults));
    let folder = |it: &ChartSource| Some((it.prefix.clone(), it.folder.clone()?));
    // Checked even if no chart is used, so that a link out of the workspace is reported in every run and not only in some.
    let _ = files.kind(&workspace.chart_copies);
    let locations = ChartLocations {
        copies: workspace.chart_copies.clone(),
        folders: workspace.sources.iter().filter_map(folder).collect(),
    };
    Charts::new(files, cache, locations, lock.unwrap_or_default())
}

/// The result of `chart(repository, name, version)` in a template: `metadata`, `values` and `production` of the chart, which is null
/// if it has no values for production.
fn chart_values(charts: &Charts<'_>, call: &LookupRequest) -> Result<Node, Diagnostic> {
    let version = Some(call.argument(2));
    let mut request = Request::new(call.argument(0), call.argument(1), version);
    request.span = call.location.clone();
    let chart = charts.open(&request)?;
    let production = chart.production.clone().unwrap_or_else(Node::null);
    Ok(Node::mapping([
        ("metadata", chart.metadata.clone()),
        ("values", chart.values.clone()),
        ("production", production),
    ]))
}

/// Reads only the claim kinds, sorted by name: the built-in ones and, if there is a workspace at the root of `files`, those of the
/// workspace.
pub fn kinds(files: &dyn Files, diagnostics: &mut Diagnostics) -> Vec<Arc<ClaimKind>> {
    let files = &Recorded::new(files);
    let is_workspace = !matches!(files.kind(&TreePath::root().child(WORKSPACE)), Ok(None));
    let workspace = is_workspace.then(|| WorkspaceConfig::read(files));
    let workspace = workspace.and_then(|it| it.map_err(|faults| diagnostics.extend(faults)).ok());
    let mut templates = Templates::default();
    // The function must exist, or templates would not compile. It is only called when claims are rendered.
    templates.add_reader("chart", Box::new(|_: &LookupRequest| Ok(Node::null())));
    let mut kinds = kind::read_all(
        files,
        workspace.as_ref(),
        KindFilter::All,
        &mut templates,
        diagnostics,
    );
    check_links(files, diagnostics);
    kinds.valid.sort_by(|a, b| a.name.cmp(&b.name));
    kinds.valid
}

/// The names of the environments without base, sorted. They are the names of the folders in `environments/`.
pub fn environments(files: &dyn Files) -> Vec<String> {
    let mut names = environment_names(files, &mut Diagnostics::default());
    names.retain(|it| it != BASE);
    names
}

/// Like [`environments`], in the order of `environments` in `pleach.yaml`. Those that it does not list follow.
pub fn environments_in_order(files: &dyn Files) -> Vec<String> {
    let workspace = WorkspaceConfig::read(files).ok();
    let order = workspace.map(|it| it.environment_names());
    let order = order.unwrap_or_default();
    let mut names = environments(files);
    names.sort_by_key(|name| {
        order
            .iter()
            .position(|it| it == name)
            .unwrap_or(order.len())
    });
    names
}

/// The names of the folders in `environments/`, including `base`, sorted.
pub fn environment_names(files: &dyn Files, diagnostics: &mut Diagnostics) -> Vec<String> {
    let folder = Folder::Environments.path();
    match files.list(&folder) {
        Ok(entries) => {
            unread::check_environments(&folder, &entries, diagnostics);
            let folders = entries
                .into_iter()
                .filter(|it| it.kind == EntryKind::Folder && !it.name.starts_with('.'));
            folders.map(|it| it.name.into_string()).collect()
        }
        Err(error) => {
            let fault = Diagnostic::error(
                "no-environment",
                format!("cannot read `{}/`: {error}", Folder::Environments.name()),
            );
            diagnostics
                .push(fault.help("create a folder for each environment below `environments/`"));
            Vec::new()
        }
    }
}
