//! Reads the folders of environments: the settings of a cluster, and its claims.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::claim::{self, Claim};
use super::claim_files::{claim_files, is_misnamed_environment};
use super::document::{plain_secrets, read_checked, read_text};
use super::engine::{Engine, Engines, setting};
use super::kind::{ClaimKind, Kinds};
use super::unread;
use super::word_index::ESCAPE;
use super::workspace::{Layout, WorkspaceConfig};
use crate::diag::{Diagnostic, Diagnostics, Edit, Source, Span, nearest};
use crate::layout::{BASE, ENVIRONMENT, Folder, Input};
use crate::tree::{Files, TreePath, WordFinder};
use crate::validate::{fault_in_label_key, fault_in_label_value};
use crate::yaml::{Entry, Mapping, Node, parse};

/// One environment, which is one cluster.
#[derive(Clone, Debug)]
pub struct Environment {
    /// The name of the folder below `environments/`.
    pub name: String,
    /// The sync engine that reconciles it.
    pub engine: &'static Engine,
    /// Labels that are added to all objects.
    pub labels: Mapping,
    /// The claims of base that the environment excludes, as `Kind/name`.
    pub exclude: Vec<Node>,
    /// CRDs that are installed in the cluster by other means.
    pub provides: Vec<Node>,
    /// The layout of the environment's folders in the tree.
    pub layout: Layout,
    /// The document with the settings for the engine: `environment.yaml` or, for base, that of the first environment of the engine.
    pub settings: Node,
    /// The value of `environment` in templates and rules.
    pub values: Node,
    /// The claims, in the order of files and documents.
    pub claims: Vec<Claim>,
    /// The documents that are not valid claims, which are already reported.
    pub invalid_claims: Vec<InvalidClaim>,
    /// Whether a file cannot be parsed, so that it may contain further claims.
    pub has_unreadable_file: bool,
    /// The location of `environment.yaml`, for errors that belong to no field.
    pub span: Span,
}

/// The kind and name of an invalid claim; empty if missing.
#[derive(Clone, Debug)]
pub struct InvalidClaim {
    kind: String,
    name: String,
}

impl InvalidClaim {
    fn new(node: &Node) -> InvalidClaim {
        let text = |keys: &[&str]| node.at_keys(keys).and_then(Node::as_str).unwrap_or("");
        InvalidClaim {
            kind: text(&["kind"]).to_string(),
            name: text(&["metadata", "name"]).to_string(),
        }
    }

    /// The name; empty if missing.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it has exactly this kind and name.
    pub fn has_name(&self, kind: &str, name: &str) -> bool {
        self.kind == kind && self.name == name
    }

    /// Whether it is probably the claim with this kind and name, allowing for a typo in its name.
    pub fn is_probable_match(&self, kind: &ClaimKind, name: &str) -> bool {
        kind.has_name(&self.kind) && nearest(&self.name, [name]).is_some()
    }
}

impl Environment {
    /// An empty base, for a workspace without shared claims.
    pub(super) fn base(engines: &Engines) -> Environment {
        let (node, engine) = (Node::mapping(Mapping::new()), engines.default());
        Environment::new(BASE, &node, engine, Layout::default())
    }

    /// The name of its folders in the tree.
    pub fn folder(&self) -> &str {
        match &*self.name {
            BASE => self.engine.base,
            name => name,
        }
    }

    /// A copy of base for an engine, with the settings of the first environment of that engine: the objects of base must have the
    /// namespace of its Argo CD.
    pub(super) fn for_engine(
        &self,
        engine: &'static Engine,
        environments: &[Environment],
    ) -> Environment {
        let mut environment = self.clone();
        environment.engine = engine;
        if let Some(first) = environments.iter().find(|it| it.engine == engine) {
            environment.settings = first.settings.clone();
        }
        if let Some(values) = environment.values.as_mapping_mut() {
            values.insert("engine", engine.name);
        }
        environment
    }

    /// Reports settings for claims that do not exist. `known` are the names of the environment's claims. Errors: `unknown-claim`.
    pub fn check_claim_fields(&self, known: &BTreeSet<&str>, diagnostics: &mut Diagnostics) {
        let fields = self.engine.claim_fields.iter();
        let fields = fields.filter_map(|it| setting(&self.settings, it)?.as_mapping());
        for Entry { key, .. } in fields.flatten() {
            let name = key.as_str().unwrap_or("");
            if !known.contains(name) {
                let message = format!("the environment has no claim `{name}`");
                let fault = Diagnostic::error("unknown-claim", message).at(key);
                diagnostics.push(
                    fault
                        .did_you_mean(name, known.iter().copied())
                        .help("write the name of a claim, or remove its settings"),
                );
            }
        }
    }

    fn new(name: &str, node: &Node, engine: &'static Engine, layout: Layout) -> Environment {
        let spec = |key: &str| setting(node, &[key]);
        let list = |key: &str| {
            spec(key)
                .and_then(Node::as_sequence)
                .unwrap_or_default()
                .to_vec()
        };
        Environment {
            name: name.to_string(),
            engine,
            layout: Layout::parse(spec("layout")).unwrap_or(layout),
            labels: spec("labels")
                .and_then(Node::as_mapping)
                .cloned()
                .unwrap_or_default(),
            exclude: list("exclude"),
            provides: list("provides"),
            values: values(name, node, engine),
            settings: node.clone(),
            claims: Vec::new(),
            invalid_claims: Vec::new(),
            has_unreadable_file: false,
            span: node.span().clone(),
        }
    }
}

/// The value of `environment` in templates and rules. It has all fields, so that expressions do not need to test for them.
fn values(name: &str, node: &Node, engine: &Engine) -> Node {
    let spec = |key: &str| setting(node, &[key]).cloned();
    let map = || Node::mapping(Mapping::new());
    Node::mapping([
        ("name", Node::string(name)),
        ("cluster", spec("cluster").unwrap_or_else(Node::null)),
        (
            "engine",
            spec("engine").unwrap_or_else(|| Node::constant(engine.name)),
        ),
        (
            "kubernetesVersion",
            spec("kubernetesVersion").unwrap_or_else(Node::null),
        ),
        ("variables", spec("variables").unwrap_or_else(map)),
    ])
}

/// An environment whose documents are not yet converted to claims.
pub(super) struct Draft<'a> {
    environment: Environment,
    engines: &'a Engines,
    /// The files with claims.
    sources: Vec<Arc<Source>>,
    /// The documents of the parsed files.
    documents: Vec<Node>,
    /// Whether some files were not read.
    is_partial: bool,
}

impl Draft<'_> {
    pub(super) fn is_partial(&self) -> bool {
        self.is_partial
    }

    /// Whether one of these claims may refer to another claim.
    pub(super) fn may_refer(&self, names: &BTreeSet<String>) -> bool {
        let (mut sources, names) = (self.sources.iter(), finders(names));
        sources.any(|it| may_contain(it, &names) && it.text.contains("valueFrom"))
    }

    /// Parses the files; with `names`, only those that may contain a claim with one of these names.
    pub(super) fn parse(
        &mut self,
        names: Option<&BTreeSet<String>>,
        diagnostics: &mut Diagnostics,
    ) {
        let empty = self.sources.iter().filter_map(unread::empty_claim_file);
        diagnostics.extend(empty);
        let (sources, finders) = (self.sources.iter(), names.map(finders));
        let is_read = |it: &Source| finders.as_ref().is_none_or(|names| may_contain(it, names));
        for source in sources.filter(|it| is_read(it)) {
            match parse(source) {
                Ok(mut documents) => {
                    documents.iter_mut().for_each(Node::settle_as_data);
                    let requested = documents.into_iter().filter(|it| is_requested(it, names));
                    self.documents.extend(requested);
                }
                Err(faults) => {
                    self.environment.has_unreadable_file = true;
                    diagnostics.extend(faults);
                }
            }
        }
    }

    /// The value of `kind` of each document.
    pub(super) fn kinds(&self) -> impl Iterator<Item = String> {
        let documents = self.documents.iter();
        documents.filter_map(|it| it.get("kind")?.as_str().map(str::to_string))
    }

    /// Converts the documents to claims.
    pub(super) fn finish(self, kinds: &Kinds, diagnostics: &mut Diagnostics) -> Environment {
        let mut environment = self.environment;
        for node in self.documents {
            let invalid = InvalidClaim::new(&node);
            match claim::read(node, &environment.name, kinds, self.engines, diagnostics) {
                Some(claim) => environment.claims.push(claim),
                None => environment.invalid_claims.push(invalid),
            }
        }
        environment
    }
}

/// Whether a document has one of these names, or no name.
fn is_requested(document: &Node, names: Option<&BTreeSet<String>>) -> bool {
    let name = document.at_keys(&["metadata", "name"]);
    let name = name.and_then(Node::as_str);
    !document.is_null() && names.zip(name).is_none_or(|(names, it)| names.contains(it))
}

fn finders(names: &BTreeSet<String>) -> Vec<WordFinder<'_>> {
    names.iter().map(|it| WordFinder::new(it)).collect()
}

/// Whether a file may contain a claim with one of these names. A file with a backslash may contain any name, as an escape sequence.
fn may_contain(source: &Source, names: &[WordFinder<'_>]) -> bool {
    let text = source.text.as_bytes();
    let mut names = names.iter();
    names.any(|it| it.is_in(text)) || memchr::memchr(b'\\', text).is_some()
}

/// Reads the `environment.yaml` of an environment. Errors: the file is missing or invalid.
pub(super) fn read_environment_file(
    files: &dyn Files,
    engines: &Engines,
    name: &str,
) -> Result<Node, Diagnostics> {
    let path = Input::Environment(name).path();
    let node = read_checked(files, &path, engines.schema(), "Environment")?;
    let faults = label_faults(&node);
    match faults.has_errors() {
        true => Err(faults),
        false => Ok(node),
    }
}

/// Labels that no object can have. Every object of the environment would be rejected because of them.
fn label_faults(node: &Node) -> Diagnostics {
    let labels = setting(node, &["labels"]).and_then(Node::as_mapping);
    let faults = labels.into_iter().flatten().flat_map(|it| {
        let (key, value) = (
            it.key.as_str().unwrap_or(""),
            it.value.as_str().unwrap_or(""),
        );
        let of_key = fault_in_label_key(key).map(|fault| {
            let message = format!("the key `{key}` of a label {fault}");
            Diagnostic::error("invalid-value", message).at(&it.key)
        });
        let of_value = fault_in_label_value(value).map(|fault| {
            let message = format!("the value of label `{key}` {fault}");
            Diagnostic::error("invalid-value", message).at(&it.value)
        });
        of_key.into_iter().chain(of_value)
    });
    faults.collect()
}

/// Reads environments of a workspace.
#[derive(Clone, Copy)]
pub(super) struct EnvironmentReader<'a> {
    pub(super) files: &'a dyn Files,
    pub(super) workspace: &'a WorkspaceConfig,
    pub(super) engines: &'a Engines,
}

/// The files that may contain claims with these names; `None` if there is no index of words.
fn find_files(
    files: &dyn Files,
    folder: &TreePath,
    names: &BTreeSet<String>,
) -> Option<Vec<TreePath>> {
    let names = names.iter().map(String::as_str);
    let words: Vec<&str> = names.chain([ESCAPE]).collect();
    files.files_containing(folder, &words)
}

impl<'a> EnvironmentReader<'a> {
    /// Reads an environment's folder. With `names`, files without a claim of such a name may be skipped. `None` if its
    /// `environment.yaml` is missing or invalid.
    pub(super) fn read(
        &self,
        name: &str,
        names: Option<&BTreeSet<String>>,
        diagnostics: &mut Diagnostics,
    ) -> Option<Draft<'a>> {
        let (folder, _) = environment_folder(name);
        let mut found = Diagnostics::default();
        let paths = names.and_then(|it| find_files(self.files, &folder, it));
        let is_partial = paths.is_some();
        let paths = paths.unwrap_or_else(|| claim_files(self.files, &folder, &mut found));
        let mut spans = found.iter().filter_map(|it| it.span.as_ref());
        let is_misnamed = spans.any(|it| is_misnamed_environment(it.path()));
        diagnostics.extend(found);
        self.files.expect(&paths);
        let environment = self.environment(name, is_misnamed, diagnostics)?;
        let sources = paths.iter().map(|it| read_text(self.files, it));
        let sources = sources.filter_map(|it| diagnostics.keep(it)).collect();
        Some(Draft {
            environment,
            engines: self.engines,
            sources,
            documents: Vec::new(),
            is_partial,
        })
    }

    /// Reads the environment without its claims. `is_misnamed` is true if a file with a similar name is already reported.
    fn environment(
        &self,
        name: &str,
        is_misnamed: bool,
        diagnostics: &mut Diagnostics,
    ) -> Option<Environment> {
        let (folder, path) = environment_folder(name);
        match self.files.kind(&path) {
            Ok(None) if name == BASE => return Some(Environment::base(self.engines)),
            Ok(None) if is_misnamed => return None,
            Ok(None) => {
                let fault = Diagnostic::error(
                    "no-environment",
                    format!("`{folder}` has no `{ENVIRONMENT}`"),
                );
                diagnostics.push(fault.help(format!("create one with `apiVersion: pleach.dev/v1`, `kind: Environment`, `metadata: {{name: {name}}}`")));
                return None;
            }
            _ => {}
        }
        match read_environment_file(self.files, self.engines, name) {
            Ok(node) => {
                self.check_name(name, &node, diagnostics);
                diagnostics.extend(plain_secrets(&node));
                self.check_settings(name, &node, diagnostics);
                Some(self.convert(name, &node))
            }
            Err(faults) => {
                diagnostics.extend(faults);
                None
            }
        }
    }

    /// Converts an `environment.yaml`.
    fn convert(&self, name: &str, node: &Node) -> Environment {
        let engine = self.engines.engine_of(node);
        Environment::new(name, node, engine, self.workspace.layout)
    }

    /// Whether an environment has overlays on the base of an engine and does not exclude a claim of base. Only its
    /// `environment.yaml` is read.
    pub(super) fn uses_base_claim(&self, name: &str, engine: &Engine, claim: &Claim) -> bool {
        let Ok(node) = read_environment_file(self.files, self.engines, name) else {
            return false;
        };
        let environment = self.convert(name, &node);
        if environment.engine != engine || environment.layout != Layout::Overlays {
            return false;
        }
        let excludes = |it: &Node| {
            let title = it.as_str().and_then(|it| it.split_once('/'));
            title.is_some_and(|(kind, name)| claim.kind.has_name(kind) && claim.name == name)
        };
        !environment.exclude.iter().any(excludes)
    }

    /// Reports invalid settings for the engine. Base cannot have any, because it is rendered for each engine that is used.
    fn check_settings(&self, name: &str, node: &Node, diagnostics: &mut Diagnostics) {
        if name == BASE {
            return self.engines.check_base(node, diagnostics);
        }
        self.engines.check(node, diagnostics);
        (self.engines.engine_of(node).check)(node, self.workspace, diagnostics);
    }

    /// Checks `metadata.name` of an environment. Errors: `invalid-value`, `reserved-name`.
    fn check_name(&self, name: &str, node: &Node, diagnostics: &mut Diagnostics) {
        let is_reserved = name == "overlay" || name != BASE && self.engines.reserves(name);
        let Some(name_node) = node.at_keys(&["metadata", "name"]) else {
            return;
        };
        if name_node.as_str() != Some(name) {
            let fault = Diagnostic::error(
                "invalid-value",
                format!("the name of the environment must be that of its folder, `{name}`"),
            );
            let written = name_node.as_str().unwrap_or("");
            diagnostics.push(fault.at(name_node).fix(
                format!("write `name: {name}`, or rename the folder"),
                Edit::rename(name_node.span(), written, name),
            ));
        } else if is_reserved {
            diagnostics.push(
                Diagnostic::error(
                    "reserved-name",
                    format!("an environment cannot be named `{name}`"),
                )
                .at(name_node)
                .help("rename the folder and the environment"),
            );
        }
    }
}

/// The folder of an environment and the path of its `environment.yaml`.
pub fn environment_folder(name: &str) -> (TreePath, TreePath) {
    let folder = Folder::Environments.path().child(name);
    let file = folder.child(ENVIRONMENT);
    (folder, file)
}
