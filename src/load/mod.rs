//! Bytes to claims, claim kinds and environments, with spans.
//!
//! What is read is checked here against its own schema (a workspace, an environment, a claim kind); a claim is only read
//! and brought to its kind's spelling, since it is whole only after base and environment are merged.

mod claim;
mod document;
mod environment;
mod kind;
mod names;
mod spelling;
mod sync;
mod workspace;

pub use claim::Claim;
pub use document::is_kubernetes_api;
pub use environment::{Broken, Environment};
pub use kind::{Capability, ClaimKind, FileTemplate, Group, Lookup, Reference, Rule, Spelling};
pub use spelling::normalise;
pub use sync::{Argo, Destination, Engine, Layout, OWN_CLUSTER, SourceRef, is_base};
pub use workspace::{ChartSource, Mirror, Workspace};

use std::sync::Arc;

use crate::chart::{Cache, Charts, Lock, Places, Request};
use crate::diag::{Diagnostic, Diagnostics};
use crate::template::{Question, Templates};
use crate::tree::{EntryKind, Files, Tree, TreePath};
use crate::yaml::{Mapping, Node};

/// Everything that a run reads, the user's overlays left out (the kustomize engine reads those itself).
pub struct Repository<'a> {
    /// `pleach.yaml`.
    pub workspace: Workspace,
    /// All claim kinds: the workspace's own ones and the built-in ones that these do not replace.
    pub kinds: Vec<Arc<ClaimKind>>,
    /// Their templates and expressions, compiled.
    pub templates: Templates<'a>,
    /// The charts that claims and templates ask for.
    pub charts: Arc<Charts<'a>>,
    /// `environments/base`: neutral values and the shared claims.
    pub base: Environment,
    /// The same for each engine that has overlays on it.
    pub bases: Vec<Environment>,
    /// The other environments, by name.
    pub environments: Vec<Environment>,
    /// What templates and rules see as `workspace`.
    pub values: Node,
}

/// Reads a workspace whose `pleach.yaml` stands at the root of `files`.
///
/// `builtin` is the tree of the built-in kinds. `None` when there is no workspace to speak of; single faults are kept in
/// `diagnostics` and do not stop the rest.
pub fn load<'a>(
    files: &'a dyn Files,
    cache: Option<Cache>,
    builtin: &Tree,
    diagnostics: &mut Diagnostics,
) -> Option<Repository<'a>> {
    let workspace = Workspace::read(files)
        .map_err(|faults| diagnostics.extend(faults))
        .ok()?;
    let charts = Arc::new(charts(files, cache, &workspace, diagnostics));
    let mut templates = Templates::default();
    let read = charts.clone();
    templates.add_reader("chart", Box::new(move |it| chart_values(&read, it)));
    let kinds = kind::read_all(
        files,
        builtin,
        Some(&workspace),
        &mut templates,
        diagnostics,
    );
    let (mut base, mut environments) = (Environment::base(), Vec::new());
    for name in environment_names(files, diagnostics) {
        let Some(environment) = environment::read(files, &name, &workspace, &kinds, diagnostics)
        else {
            continue;
        };
        if name == environment::BASE {
            base = environment
        } else {
            environments.push(environment)
        }
    }
    if environments.is_empty() && !diagnostics.has_errors() {
        let fault = Diagnostic::error("no-environment", "the workspace has no environment");
        diagnostics.push(
            fault.at(&workspace.span).help(
                "make `environments/<name>/environment.yaml`; `pleach init` unpacks an example",
            ),
        );
    }
    let is_overlaid = |engine: &Engine| {
        let mut environments = environments.iter();
        environments.any(|it| it.engine == *engine && it.layout == Layout::Overlays)
    };
    let engines = Engine::ALL.into_iter().filter(is_overlaid);
    Some(Repository {
        values: values(&workspace, &environments),
        workspace,
        kinds: kinds.sound,
        templates,
        bases: engines.map(|it| base.for_engine(it)).collect(),
        charts,
        base,
        environments,
    })
}

fn values(workspace: &Workspace, environments: &[Environment]) -> Node {
    let repository = workspace.chart_repository.clone();
    let charts = Mapping::from([("repository", repository.unwrap_or_else(Node::null))]);
    let names = environments.iter().map(|it| Node::string(it.name.as_str()));
    Node::mapping(Mapping::from([
        ("charts", Node::mapping(charts)),
        ("environments", Node::sequence(names)),
    ]))
}

fn charts<'a>(
    files: &'a dyn Files,
    cache: Option<Cache>,
    workspace: &Workspace,
    diagnostics: &mut Diagnostics,
) -> Charts<'a> {
    let lock = Lock::read(files).map_err(|faults| diagnostics.extend(faults));
    let folder = |it: &ChartSource| Some((it.prefix.clone(), it.folder.clone()?));
    let places = Places {
        copies: workspace.chart_copies.clone(),
        folders: workspace.sources.iter().filter_map(folder).collect(),
    };
    Charts::new(files, cache, places, lock.unwrap_or_default())
}

/// `chart(repository, name, version)` in a template: the chart's `metadata`, `values` and `production` values, null where it has
/// none.
fn chart_values(charts: &Charts<'_>, question: &Question) -> Result<Node, Diagnostic> {
    let version = Some(question.argument(2));
    let mut request = Request::new(question.argument(0), question.argument(1), version);
    request.span = question.place.clone();
    let chart = charts.open(&request)?;
    let production = chart.production.clone().unwrap_or_else(Node::null);
    Ok(Node::mapping([
        ("metadata", chart.metadata.clone()),
        ("values", chart.values.clone()),
        ("production", production),
    ]))
}

/// Reads the claim kinds alone, by name: those of the workspace at the root of `files`, or the built-in ones where none is.
pub fn kinds(
    files: &dyn Files,
    builtin: &Tree,
    diagnostics: &mut Diagnostics,
) -> Vec<Arc<ClaimKind>> {
    let is_workspace = matches!(
        files.kind(&TreePath::root().child(workspace::FILE)),
        Ok(Some(_))
    );
    let workspace = is_workspace.then(|| Workspace::read(files));
    let workspace = workspace.and_then(|it| it.map_err(|faults| diagnostics.extend(faults)).ok());
    let mut templates = Templates::default();
    let mut kinds = kind::read_all(
        files,
        builtin,
        workspace.as_ref(),
        &mut templates,
        diagnostics,
    );
    kinds.sound.sort_by(|a, b| a.name.cmp(&b.name));
    kinds.sound
}

/// The folders of `environments/`, in the order of their names.
fn environment_names(files: &dyn Files, diagnostics: &mut Diagnostics) -> Vec<String> {
    let Some(folder) = TreePath::new(environment::FOLDER) else {
        return Vec::new();
    };
    match files.list(&folder) {
        Ok(entries) => {
            let folders = entries
                .into_iter()
                .filter(|it| it.kind == EntryKind::Folder && !it.name.starts_with('.'));
            folders.map(|it| it.name.into_string()).collect()
        }
        Err(error) => {
            let fault = Diagnostic::error(
                "no-environment",
                format!("`{}/` can't be read: {error}", environment::FOLDER),
            );
            diagnostics
                .push(fault.help("a workspace has a folder per environment below `environments/`"));
            Vec::new()
        }
    }
}
