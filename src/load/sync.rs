//! The sync engine, layout and source of an environment.

use super::flux_settings::FluxSettings;
use super::workspace::WorkspaceConfig;
use crate::diag::{Class, Diagnostic, Diagnostics};
use crate::yaml::Node;

/// The sync engine that reconciles a tree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Engine {
    /// Flux: kustomize-controller and helm-controller.
    #[default]
    Flux,
    /// Argo CD, with Applications and ApplicationSets.
    Argo,
}

impl Engine {
    /// All engines, in the order of their declaration.
    pub const ALL: [Engine; 2] = [Engine::Flux, Engine::Argo];

    /// Its names and configuration.
    pub(crate) fn words(self) -> &'static EngineWords {
        match self {
            Engine::Flux => &FLUX,
            Engine::Argo => &ARGO,
        }
    }

    /// The name in `environment.yaml`.
    pub fn name(self) -> &'static str {
        self.words().name
    }

    /// The kind of the object that applies a claim's folder.
    pub fn of_claim(self) -> &'static str {
        self.words().claim_kind
    }

    /// The folder of what the engine's environments share. Each engine always has its own, so that adding an environment of another
    /// engine does not move files.
    pub fn base(self) -> &'static str {
        self.words().base
    }
}

/// The names and the configuration of an engine.
pub(crate) struct EngineWords {
    name: &'static str,
    title: &'static str,
    claim_kind: &'static str,
    /// The kind in messages.
    pub(crate) claim_title: &'static str,
    base: &'static str,
    /// The fields below `spec` of an environment that only this engine reads.
    fields: &'static [&'static [&'static str]],
    /// The help text for a field that this engine does not read.
    not_read: &'static str,
    /// Whether it reads the tree from Git.
    pub(super) reads_git: fn(&SourceRef) -> bool,
    check: fn(&Node, &Argo, &mut Diagnostics),
}

const FLUX: EngineWords = EngineWords {
    name: "flux",
    title: "Flux",
    claim_kind: "Kustomization",
    claim_title: "Flux Kustomization",
    base: "base",
    fields: &[
        &["flux"],
        &["source", "kind"],
        &["source", "name"],
        &["source", "namespace"],
    ],
    not_read: "remove it, or set `engine: argo`; Flux gets the address from the source that `flux bootstrap` creates",
    // The paths within an OCI artifact or a bucket are unknown.
    reads_git: |source| source.kind == "GitRepository",
    check: |_, _, _| {},
};

const ARGO: EngineWords = EngineWords {
    name: "argo",
    title: "Argo CD",
    claim_kind: "Application",
    claim_title: "Application",
    base: "base-argo",
    fields: &[&["source", "url"], &["source", "revision"], &["argo"]],
    not_read: "remove it, or set `engine: flux`; for Argo CD, use `spec.argo`, and `url` and `revision` of the source",
    reads_git: |_| true,
    check: check_argo,
};

/// Whether a folder of the tree is a base folder.
pub fn is_base(folder: &str) -> bool {
    Engine::ALL.iter().any(|it| it.base() == folder)
}

/// The form of an environment's part of the tree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layout {
    /// Each claim's folder is an overlay on the base folder.
    #[default]
    Overlays,
    /// Each claim's folder contains its objects as applied, one per file, without a kustomization.
    Flat,
}

impl Layout {
    /// The layout in a field, if it is set.
    pub(super) fn of(node: Option<&Node>) -> Option<Layout> {
        match node?.as_str()? {
            "flat" => Some(Layout::Flat),
            _ => Some(Layout::Overlays),
        }
    }
}

/// The namespace of Flux Kustomizations, which `flux bootstrap` creates.
pub const FLUX_NAMESPACE: &str = "flux-system";

/// A reference to a Flux source.
#[derive(Clone, Debug)]
pub struct SourceRef {
    /// `GitRepository` or another kind of source.
    pub kind: String,
    /// `metadata.name` of the source object.
    pub name: String,
    /// Its namespace, if it differs from that of the Flux Kustomization.
    pub namespace: Option<String>,
}

/// The settings of an environment for Argo CD.
#[derive(Clone, Debug)]
pub struct Argo {
    /// Address of the Git repository that holds the tree.
    pub url: String,
    /// Its branch, tag or commit.
    pub revision: String,
    /// Namespace of Argo CD itself, where its Applications are.
    pub namespace: String,
    /// The AppProject of the environment's Applications.
    pub project: String,
    /// The AppProject of the root Application.
    pub root_project: String,
    /// The cluster that is deployed to.
    pub destination: Destination,
    /// Cluster-scoped kinds that the AppProject permits beside those of the claims, as group and kind; `None` for all.
    pub cluster_resources: Option<Vec<(String, String)>>,
    /// Address prefixes for which Argo CD has a repository Secret.
    pub repositories: Vec<String>,
    /// The document of the environment, for the locations of all fields.
    written: Node,
}

impl Argo {
    /// The text of a field of `spec` as a node; with its location if it is written in the environment.
    pub fn node(&self, text: &str, keys: &[&str]) -> Node {
        let written = spec(&self.written, keys).filter(|it| it.as_str() == Some(text));
        match written {
            Some(it) => Node::string(text).at(it.span()),
            None => Node::string(text),
        }
    }

    /// Whether Argo CD runs on the cluster that it deploys to.
    pub fn is_own_cluster(&self) -> bool {
        match &self.destination {
            Destination::Server(server) => server == OWN_CLUSTER,
            Destination::Name(name) => name == "in-cluster",
        }
    }
}

/// The address by which Argo CD knows the cluster that it runs on.
pub const OWN_CLUSTER: &str = "https://kubernetes.default.svc";

/// A destination cluster of Argo CD.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// By the address of its API server.
    Server(String),
    /// By its name in Argo CD.
    Name(String),
}

/// The engine of an environment.
pub(super) fn engine(environment: &Node) -> Engine {
    let name = spec(environment, &["engine"]).and_then(Node::as_str);
    let found = Engine::ALL.into_iter().find(|it| Some(it.name()) == name);
    found.unwrap_or_default()
}

/// The Flux source, with the defaults of `flux bootstrap`.
pub(super) fn source_ref(environment: &Node) -> SourceRef {
    let field = |key: &str| text(environment, &["source", key]);
    SourceRef {
        kind: field("kind").unwrap_or_else(|| "GitRepository".to_string()),
        name: field("name").unwrap_or_else(|| "flux-system".to_string()),
        namespace: field("namespace"),
    }
}

/// The settings for Argo CD, with defaults. The address is empty if neither file sets it; [`check`] reports this.
pub(super) fn argo(name: &str, environment: &Node, workspace: Option<&WorkspaceConfig>) -> Argo {
    let field = |keys: &[&str], default: &str| {
        text(environment, keys).unwrap_or_else(|| default.to_string())
    };
    let synced =
        |get: fn(&WorkspaceConfig) -> &Option<String>| workspace.and_then(|it| get(it).clone());
    let words = |key: &str| {
        let items = spec(environment, &["argo", key]).and_then(Node::as_sequence);
        let words = items.unwrap_or_default().iter().filter_map(Node::as_str);
        words.map(str::to_string).collect()
    };
    let destination = |key: &str| text(environment, &["argo", "destination", key]);
    let kind_of = |node: &Node| {
        let word = |key: &str| node.get(key).and_then(Node::as_str).unwrap_or("");
        (word("group").to_string(), word("kind").to_string())
    };
    let cluster_resources = spec(environment, &["argo", "clusterResources"]);
    let cluster_resources = cluster_resources.and_then(Node::as_sequence);
    Argo {
        url: text(environment, &["source", "url"])
            .or_else(|| synced(|it| &it.sync_url))
            .unwrap_or_default(),
        revision: text(environment, &["source", "revision"])
            .or_else(|| synced(|it| &it.sync_revision))
            .unwrap_or_else(|| "HEAD".to_string()),
        namespace: field(&["argo", "namespace"], "argocd"),
        project: field(&["argo", "project"], name),
        root_project: field(&["argo", "rootProject"], "default"),
        destination: match (destination("name"), destination("server")) {
            (Some(name), _) => Destination::Name(name),
            (None, Some(server)) => Destination::Server(server),
            (None, None) => Destination::Server(OWN_CLUSTER.to_string()),
        },
        cluster_resources: cluster_resources.map(|it| it.iter().map(kind_of).collect()),
        repositories: words("repositories"),
        written: environment.clone(),
    }
}

/// Reports fields that the engine does not read, and missing fields that it requires.
pub(super) fn check(node: &Node, engine: Engine, argo: &Argo, diagnostics: &mut Diagnostics) {
    let others = Engine::ALL.into_iter().filter(|it| *it != engine);
    for keys in others.flat_map(|it| it.words().fields) {
        if let Some(found) = spec(node, keys) {
            diagnostics.push(not_read(found, keys, engine));
        }
    }
    let both = ["name", "server"].map(|key| spec(node, &["argo", "destination", key]));
    if let [Some(name), Some(server)] = both {
        let fault = Diagnostic::error("invalid-value", "a cluster is set in two ways").at(name);
        diagnostics.push(
            fault
                .related(server, "also here")
                .help("keep `name` or `server`"),
        );
    }
    FluxSettings::check(node, diagnostics);
    (engine.words().check)(node, argo, diagnostics);
}

fn check_argo(node: &Node, argo: &Argo, diagnostics: &mut Diagnostics) {
    let name = node.at_keys(&["metadata", "name"]).unwrap_or(node);
    if !is_object_name(name.as_str().unwrap_or("")) {
        let message = "the name of an environment with `engine: argo` must consist of lower-case letters, digits, `-` and `.`";
        let fault = Diagnostic::error("invalid-value", message).at(name);
        diagnostics.push(fault.help("rename the folder, and use its name here"));
    }
    if argo.url.is_empty() {
        let message = "`spec.source.url` is required for `engine: argo`: the address of the Git repository with the rendered tree";
        let at = spec(node, &["engine"]).unwrap_or(node);
        let fault = Diagnostic::error("missing-field", message)
            .class(Class::MissingField)
            .at(at);
        diagnostics.push(fault.help(
            "set `spec.sync.url` in pleach.yaml for all environments, or `spec.source.url` here",
        ));
    }
}

/// As Kubernetes validates the names of most objects.
fn is_object_name(name: &str) -> bool {
    let is_end = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let is_inner = |c: char| is_end(c) || c == '-' || c == '.';
    name.starts_with(is_end) && name.ends_with(is_end) && name.chars().all(is_inner)
}

fn not_read(found: &Node, keys: &[&str], engine: Engine) -> Diagnostic {
    let field = format!("spec.{}", keys.join("."));
    let message = format!("{} does not read `{field}`", engine.words().title);
    let help = engine.words().not_read;
    Diagnostic::error("invalid-value", message)
        .at(found)
        .help(help)
}

fn spec<'a>(environment: &'a Node, keys: &[&str]) -> Option<&'a Node> {
    let found = environment.get("spec")?.at_keys(keys)?;
    Some(found).filter(|it| !it.is_null())
}

fn text(environment: &Node, keys: &[&str]) -> Option<String> {
    Some(spec(environment, keys)?.as_str()?.to_string())
}
