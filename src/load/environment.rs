//! `environments/<name>/`: the settings of a cluster, and its claims.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use super::claim::{self, Claim};
use super::document::{own_schema, plain_secrets, read_checked, read_text, unreadable};
use super::flux_settings::FluxSettings;
use super::kind::{ClaimKind, Kinds};
use super::links;
use super::sync::{self, Argo, Engine, Layout, SourceRef};
use super::unread;
use super::word_index::ESCAPE;
use super::workspace::WorkspaceConfig;
use crate::diag::{Diagnostic, Diagnostics, Edit, Source, Span, nearest};
use crate::layout::{BASE, ENVIRONMENT, Folder, Input};
use crate::schema::Schema;
use crate::tree::{EntryKind, Files, TreePath, Walk, says};
use crate::yaml::{Mapping, Node, parse};

/// One environment, which is one cluster.
#[derive(Clone, Debug)]
pub struct Environment {
    /// The name of the folder below `environments/`.
    pub name: String,
    /// The sync engine that reconciles it.
    pub engine: Engine,
    /// Labels for every object.
    pub labels: Mapping,
    /// Excluded claims of base, as `Kind/name`.
    pub exclude: Vec<Node>,
    /// CRDs that are installed in the cluster by other means.
    pub provides: Vec<Node>,
    /// The form of its part of the tree.
    pub layout: Layout,
    /// The Flux source of the tree.
    pub source: SourceRef,
    /// Fields of its Flux Kustomizations, in addition to those that pleach sets.
    pub flux: FluxSettings,
    /// The settings for Argo CD.
    pub argo: Argo,
    /// The value of `environment` in templates and rules.
    pub values: Node,
    /// Its claims, in the order of files and documents.
    pub claims: Vec<Claim>,
    /// Invalid claims, which are already reported.
    pub broken: Vec<Broken>,
    /// Whether a file of claims cannot be read, so some claims are unknown.
    pub has_unread: bool,
    /// The location of `environment.yaml`, for errors that belong to no field.
    pub span: Span,
}

/// The kind and name of an invalid claim.
#[derive(Clone, Debug)]
pub struct Broken {
    kind: String,
    name: String,
}

impl Broken {
    fn of(node: &Node) -> Broken {
        let word = |keys: &[&str]| node.at_keys(keys).and_then(Node::as_str).unwrap_or("");
        Broken {
            kind: word(&["kind"]).to_string(),
            name: word(&["metadata", "name"]).to_string(),
        }
    }

    /// Its name; empty if missing.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it has exactly this kind and name.
    pub fn has_name(&self, kind: &str, name: &str) -> bool {
        self.kind == kind && self.name == name
    }

    /// Whether `kind` and `name` identify this claim, allowing for a typo in the name.
    pub fn is_probable_match(&self, kind: &ClaimKind, name: &str) -> bool {
        kind.has_name(&self.kind) && nearest(&self.name, [name]).is_some()
    }
}

impl Environment {
    /// An empty base, for a workspace without shared claims.
    pub(super) fn base() -> Environment {
        Environment::new(BASE, &Node::mapping(Mapping::new()), None)
    }

    /// Its folder in each part of the tree.
    pub fn folder(&self) -> &str {
        match &*self.name {
            BASE => self.engine.base(),
            name => name,
        }
    }

    /// The name of an Application, which contains the environment because several clusters can share one Argo CD.
    pub fn application(&self, name: &str) -> String {
        format!("{name}-{}", self.name)
    }

    /// The base of an engine: with this engine, and with the Argo CD settings of its first environment, because `overlays/base` may
    /// contain the namespace of Argo CD.
    pub(super) fn for_engine(&self, engine: Engine, environments: &[Environment]) -> Environment {
        let mut environment = self.clone();
        environment.engine = engine;
        if let Some(first) = environments.iter().find(|it| it.engine == engine) {
            environment.argo = first.argo.clone();
        }
        // Base is not applied, so it needs no access settings.
        environment.argo.repositories = vec![String::new()];
        if let Some(values) = environment.values.as_mapping_mut() {
            values.insert("engine", engine.name());
        }
        environment
    }

    fn new(name: &str, node: &Node, workspace: Option<&WorkspaceConfig>) -> Environment {
        let spec = |key: &str| node.at_keys(&["spec", key]).filter(|it| !it.is_null());
        let list = |key: &str| {
            spec(key)
                .and_then(Node::as_sequence)
                .unwrap_or_default()
                .to_vec()
        };
        Environment {
            name: name.to_string(),
            engine: sync::engine(node),
            layout: Layout::of(spec("layout"))
                .or(workspace.map(|it| it.layout))
                .unwrap_or_default(),
            labels: spec("labels")
                .and_then(Node::as_mapping)
                .cloned()
                .unwrap_or_default(),
            exclude: list("exclude"),
            provides: list("provides"),
            source: sync::source_ref(node),
            flux: FluxSettings::of(node),
            argo: sync::argo(name, node, workspace),
            values: values(name, node),
            claims: Vec::new(),
            broken: Vec::new(),
            has_unread: false,
            span: node.span().clone(),
        }
    }
}

/// All fields, with defaults, so that expressions can rely on them.
fn values(name: &str, node: &Node) -> Node {
    let spec = |key: &str| {
        node.at_keys(&["spec", key])
            .filter(|it| !it.is_null())
            .cloned()
    };
    let map = || Node::mapping(Mapping::new());
    Node::mapping([
        ("name", Node::string(name)),
        ("cluster", spec("cluster").unwrap_or_else(Node::null)),
        (
            "engine",
            spec("engine").unwrap_or_else(|| Node::constant("flux")),
        ),
        (
            "kubernetesVersion",
            spec("kubernetesVersion").unwrap_or_else(Node::null),
        ),
        ("variables", spec("variables").unwrap_or_else(map)),
    ])
}

/// An environment whose documents are not yet converted to claims.
pub(super) struct Draft {
    environment: Environment,
    sources: Vec<Arc<Source>>,
    documents: Vec<Node>,
    /// Whether files were skipped.
    is_partial: bool,
}

impl Draft {
    pub(super) fn is_partial(&self) -> bool {
        self.is_partial
    }

    /// Whether a file that names one of these claims contains references to others.
    pub(super) fn may_refer(&self, names: &BTreeSet<String>) -> bool {
        let mut sources = self.sources.iter();
        sources.any(|it| is_about(it, names) && it.text.contains("valueFrom"))
    }

    /// Parses the files; with `names`, only those that may contain a claim with one of these names.
    pub(super) fn parse(
        &mut self,
        names: Option<&BTreeSet<String>>,
        diagnostics: &mut Diagnostics,
    ) {
        let sources = self.sources.iter();
        for source in sources.filter(|it| names.is_none_or(|names| is_about(it, names))) {
            match parse(source) {
                Ok(mut documents) => {
                    documents.iter_mut().for_each(Node::settle_as_data);
                    let wanted = documents.into_iter().filter(|it| is_asked_for(it, names));
                    self.documents.extend(wanted);
                }
                Err(faults) => {
                    self.environment.has_unread = true;
                    diagnostics.extend(faults);
                }
            }
        }
    }

    /// The values of `kind` in the documents.
    pub(super) fn kinds(&self) -> impl Iterator<Item = String> {
        let documents = self.documents.iter();
        documents.filter_map(|it| it.get("kind")?.as_str().map(str::to_string))
    }

    /// Converts the documents to claims.
    pub(super) fn finish(self, kinds: &Kinds, diagnostics: &mut Diagnostics) -> Environment {
        let mut environment = self.environment;
        for node in self.documents {
            let broken = Broken::of(&node);
            match claim::read(node, &environment.name, kinds, diagnostics) {
                Some(claim) => environment.claims.push(claim),
                None => environment.broken.push(broken),
            }
        }
        environment
    }
}

fn is_asked_for(document: &Node, names: Option<&BTreeSet<String>>) -> bool {
    let name = document.at_keys(&["metadata", "name"]);
    let name = name.and_then(Node::as_str);
    !document.is_null() && names.zip(name).is_none_or(|(names, it)| names.contains(it))
}

/// Whether a file may contain a claim with one of these names. A name may be written with an escape sequence.
fn is_about(source: &Source, names: &BTreeSet<String>) -> bool {
    let text = source.text.as_bytes();
    let mut names = names.iter();
    names.any(|it| says(text, it)) || memchr::memchr(b'\\', text).is_some()
}

/// The `environment.yaml` of an environment. Errors: the file is missing or invalid.
pub(super) fn read_own_file(files: &dyn Files, name: &str) -> Result<Node, Diagnostics> {
    let path = Input::Environment(name).path();
    read_checked(files, &path, schema(), "Environment")
}

/// Whether an environment has overlays on an engine's base and does not exclude all of its claims, according to its own file.
pub(super) fn takes(
    files: &dyn Files,
    workspace: &WorkspaceConfig,
    name: &str,
    engine: Engine,
    claim: &Claim,
) -> bool {
    let Ok(node) = read_own_file(files, name) else {
        return false;
    };
    let environment = Environment::new(name, &node, Some(workspace));
    if environment.engine != engine || environment.layout != Layout::Overlays {
        return false;
    }
    let excludes = |it: &Node| {
        let title = it.as_str().and_then(|it| it.split_once('/'));
        title.is_some_and(|(kind, name)| claim.kind.has_name(kind) && claim.name == name)
    };
    !environment.exclude.iter().any(excludes)
}

/// The files that may contain some claims, if there is an index.
fn files_about(
    files: &dyn Files,
    folder: &TreePath,
    names: &BTreeSet<String>,
) -> Option<Vec<TreePath>> {
    let names = names.iter().map(String::as_str);
    let words: Vec<&str> = names.chain([ESCAPE]).collect();
    files.saying(folder, &words)
}

/// Reads an environment's folder; with `names`, files without a claim of such a name may be skipped. `None` if its own file is
/// invalid; its claims are then not read.
pub(super) fn read(
    files: &dyn Files,
    name: &str,
    workspace: &WorkspaceConfig,
    names: Option<&BTreeSet<String>>,
    diagnostics: &mut Diagnostics,
) -> Option<Draft> {
    let folder = Folder::Environments.path().child(name);
    let path = folder.child(ENVIRONMENT);
    let mut found = Diagnostics::default();
    let paths = names.and_then(|it| files_about(files, &folder, it));
    let is_partial = paths.is_some();
    let paths = paths.unwrap_or_else(|| claim_files(files, &folder, &mut found));
    let mut places = found.iter().filter_map(|it| it.span.as_ref());
    let is_misnamed = places.any(|it| is_misnamed(it.path()));
    diagnostics.extend(found);
    files.expect(&paths);
    let environment = match files.kind(&path) {
        Ok(None) if name == BASE => Environment::base(),
        Ok(None) if is_misnamed => return None,
        Ok(None) => {
            let fault = Diagnostic::error(
                "no-environment",
                format!("`{folder}` has no `{ENVIRONMENT}`"),
            );
            diagnostics.push(fault.help(format!("create one with `apiVersion: pleach.dev/v1`, `kind: Environment`, `metadata: {{name: {name}}}`")));
            return None;
        }
        _ => match read_checked(files, &path, schema(), "Environment") {
            Ok(node) => {
                check_name(name, &node, diagnostics);
                diagnostics.extend(plain_secrets(&node));
                let environment = Environment::new(name, &node, Some(workspace));
                check_sync(&environment, &node, diagnostics);
                environment
            }
            Err(faults) => {
                diagnostics.extend(faults);
                return None;
            }
        },
    };
    let sources = paths.iter().map(|it| read_text(files, it));
    let sources = sources.filter_map(|it| diagnostics.keep(it)).collect();
    Some(Draft {
        environment,
        sources,
        documents: Vec::new(),
        is_partial,
    })
}

/// Base has no engine of its own: it is rendered for each engine in use.
fn check_sync(environment: &Environment, node: &Node, diagnostics: &mut Diagnostics) {
    if environment.name != BASE {
        return sync::check(node, environment.engine, &environment.argo, diagnostics);
    }
    for key in ["layout", "source", "argo"] {
        if let Some(found) = node.at_keys(&["spec", key]).filter(|it| !it.is_null()) {
            let message = format!("`environments/base` is not synced and cannot have `{key}`");
            let fault = Diagnostic::error("invalid-value", message).at(found);
            diagnostics.push(fault.help("remove it here, and set it in the environments"));
        }
    }
}

fn check_name(name: &str, node: &Node, diagnostics: &mut Diagnostics) {
    const RESERVED: [&str; 3] = ["base-argo", "overlay", "flux-system"];
    let Some(given) = node.at_keys(&["metadata", "name"]) else {
        return;
    };
    if given.as_str() != Some(name) {
        let fault = Diagnostic::error(
            "invalid-value",
            format!("the name of the environment must be that of its folder, `{name}`"),
        );
        diagnostics.push(fault.at(given).fix(
            format!("write `name: {name}`, or rename the folder"),
            Edit::rename(given.span(), given.as_str().unwrap_or(""), name),
        ));
    } else if RESERVED.contains(&name) {
        diagnostics.push(
            Diagnostic::error(
                "reserved-name",
                format!("an environment cannot be named `{name}`"),
            )
            .at(given)
            .help("rename the folder and the environment"),
        );
    }
}

/// An environment's folder and its own file.
pub fn environment_folder(name: &str) -> (TreePath, TreePath) {
    let folder = Folder::Environments.path().child(name);
    let file = folder.child(ENVIRONMENT);
    (folder, file)
}

/// The number of errors after which no further folder is read.
const UNREADABLE_MAX: usize = 100;

/// The files ending in `.yaml` or `.yml` below a folder, except dot files and `environment.yaml`.
pub fn claim_files(
    files: &dyn Files,
    folder: &TreePath,
    diagnostics: &mut Diagnostics,
) -> Vec<TreePath> {
    let mut found = Vec::new();
    let mut folders = Walk::new(files, folder.clone());
    while let Some(current) = folders.next() {
        let entries = match files.list(&current) {
            Ok(entries) => entries,
            Err(error) => {
                diagnostics.push(unreadable(&current, &error));
                // If the listing of a revision is too large, every further folder would repeat the error.
                if diagnostics.errors() >= UNREADABLE_MAX {
                    break;
                }
                continue;
            }
        };
        for entry in entries.into_iter().filter(|it| !it.name.starts_with('.')) {
            let path = current.child(&entry.name);
            if entry.kind == EntryKind::Folder {
                folders.add(path);
                continue;
            }
            match Role::of(&path, current == *folder) {
                Role::Environment => {}
                Role::Misnamed => diagnostics.extend(unread::wrong_environment_file(&path)),
                Role::Claims => found.push(path),
                Role::Other => {
                    diagnostics.extend(unread::wrong_extension(&path));
                    diagnostics.extend(unread::json_claim(files, &path));
                }
            }
        }
    }
    let repeated = folders.into_repeated();
    diagnostics.extend(repeated.iter().map(|it| links::repeated(files, it)));
    found.sort();
    found
}

/// Whether a path below an environment's folder is a claim file. `None` if it may have a diagnostic.
pub(super) fn is_claim_file(path: &TreePath) -> Option<bool> {
    if path.parts().any(|it| it.starts_with('.')) {
        return Some(false);
    }
    let is_top = path.parts().nth(1).is_none();
    match Role::of(path, is_top) {
        Role::Environment => Some(false),
        Role::Misnamed => None,
        Role::Claims => Some(true),
        Role::Other => {
            let is_reported = unread::wrong_extension(path).is_some();
            (!path.name().ends_with(".json") && !is_reported).then_some(false)
        }
    }
}

/// The role of a file below an environment's folder, by its name.
enum Role {
    /// `environment.yaml`.
    Environment,
    /// A file whose name is similar to `environment.yaml`.
    Misnamed,
    Claims,
    Other,
}

impl Role {
    /// `is_top` is whether the file is in the environment's folder itself.
    fn of(path: &TreePath, is_top: bool) -> Role {
        match path.name() {
            ENVIRONMENT if is_top => Role::Environment,
            _ if is_top && is_misnamed(path) => Role::Misnamed,
            name if name.ends_with(".yaml") || name.ends_with(".yml") => Role::Claims,
            _ => Role::Other,
        }
    }
}

/// Whether the name of a file is similar to `environment.yaml`.
fn is_misnamed(path: &TreePath) -> bool {
    unread::wrong_environment_file(path).is_some()
}

/// The schema of `environment.yaml`.
pub fn schema() -> &'static Schema {
    static SCHEMA: OnceLock<Schema> = OnceLock::new();
    SCHEMA.get_or_init(|| own_schema("environment.yaml", include_str!("schemas/environment.yaml")))
}
