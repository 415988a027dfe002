//! The settings of Argo CD in `environment.yaml`: the address of the tree, and `spec.argo`.

use crate::diag::{Class, Diagnostic, Diagnostics};
use crate::layout::BASE;
use crate::load::{Engine, Environment, WorkspaceConfig, setting};
use crate::yaml::Node;

/// The description of Argo CD that `load` uses to read environments with `engine: argo`.
pub(in crate::engine) const ENGINE: Engine = Engine {
    name: "argo",
    title: "Argo CD",
    claim_kind: "Application",
    claim_title: "Application",
    base: "base-argo",
    namespace: "argocd",
    reserved: &[],
    schema: include_str!("environment.yaml"),
    claim_fields: &[],
    instead: "for Argo CD, use `spec.argo`, and `url` and `revision` of the source",
    reads_git: |_| true,
    check,
};

/// The settings of an environment for Argo CD.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    /// The address of the Git repository that contains the tree.
    pub(super) url: String,
    /// The branch, tag or commit in the repository.
    pub(super) revision: String,
    /// The namespace of Argo CD itself, which also contains its Applications.
    pub(super) namespace: String,
    /// The AppProject of the environment's Applications.
    pub(super) project: String,
    /// The AppProject of the root Application.
    pub(super) root_project: String,
    /// The target cluster.
    pub(super) destination: Destination,
    /// Group and kind of the cluster-scoped kinds that the AppProject permits in addition to those of the claims; `None` for all.
    pub(super) cluster_resources: Option<Vec<(String, String)>>,
    /// The beginnings of addresses for which Argo CD has a Secret with credentials.
    pub(super) repositories: Vec<String>,
    /// The document of the environment, for the locations of all fields.
    document: Node,
}

/// The address that Argo CD uses for the cluster that it runs on.
pub(super) const OWN_CLUSTER: &str = "https://kubernetes.default.svc";

/// A destination cluster of Argo CD.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Destination {
    /// By the address of its API server.
    Server(String),
    /// By its name in Argo CD.
    Name(String),
}

impl Settings {
    /// The settings, with defaults. The address is empty if it is set neither in `environment.yaml` nor in `pleach.yaml`, which
    /// [`check`] reports.
    pub(super) fn new(environment: &Environment, workspace: &WorkspaceConfig) -> Settings {
        let document = &environment.settings;
        let field = |keys: &[&str], default: &str| {
            text(document, keys).unwrap_or_else(|| default.to_string())
        };
        // Base has the settings of another environment, which contain the name of that environment.
        let name = document.at_keys(&["metadata", "name"]);
        let name = name.and_then(Node::as_str).unwrap_or(&environment.name);
        let revision = text(document, &["source", "revision"]);
        Settings {
            url: url(document, workspace).unwrap_or_default(),
            revision: revision
                .or_else(|| workspace.sync_revision.clone())
                .unwrap_or_else(|| "HEAD".to_string()),
            namespace: field(&["argo", "namespace"], ENGINE.namespace),
            project: field(&["argo", "project"], name),
            root_project: field(&["argo", "rootProject"], "default"),
            destination: Destination::new(document),
            cluster_resources: cluster_resources(document),
            repositories: match &*environment.name {
                // Base is not applied, so no credentials are required: every address begins with the empty text.
                BASE => vec![String::new()],
                _ => repositories(document),
            },
            document: document.clone(),
        }
    }

    /// The text of a field of `spec` as a node, with the location of the field if `environment.yaml` sets it.
    pub(super) fn node(&self, text: &str, keys: &[&str]) -> Node {
        let field = setting(&self.document, keys).filter(|it| it.as_str() == Some(text));
        match field {
            Some(it) => Node::string(text).at(it.span()),
            None => Node::string(text),
        }
    }
}

impl Destination {
    fn new(environment: &Node) -> Destination {
        let field = |key: &str| text(environment, &["argo", "destination", key]);
        match (field("name"), field("server")) {
            (Some(name), _) => Destination::Name(name),
            (None, Some(server)) => Destination::Server(server),
            (None, None) => Destination::Server(OWN_CLUSTER.to_string()),
        }
    }

    /// Whether it is the cluster that Argo CD itself runs on.
    pub(super) fn is_own_cluster(&self) -> bool {
        match self {
            Destination::Server(server) => server == OWN_CLUSTER,
            Destination::Name(name) => name == "in-cluster",
        }
    }
}

/// The address of the Git repository that contains the tree.
fn url(environment: &Node, workspace: &WorkspaceConfig) -> Option<String> {
    text(environment, &["source", "url"]).or_else(|| workspace.sync_url.clone())
}

fn cluster_resources(environment: &Node) -> Option<Vec<(String, String)>> {
    let items = setting(environment, &["argo", "clusterResources"])?.as_sequence()?;
    let group_and_kind = |node: &Node| {
        let field = |key: &str| node.get(key).and_then(Node::as_str).unwrap_or("");
        (field("group").to_string(), field("kind").to_string())
    };
    Some(items.iter().map(group_and_kind).collect())
}

fn repositories(environment: &Node) -> Vec<String> {
    let items = setting(environment, &["argo", "repositories"]).and_then(Node::as_sequence);
    let addresses = items.unwrap_or_default().iter().filter_map(Node::as_str);
    addresses.map(str::to_string).collect()
}

fn text(environment: &Node, keys: &[&str]) -> Option<String> {
    Some(setting(environment, keys)?.as_str()?.to_string())
}

/// Reports a destination with both `name` and `server`, a name of the environment that Kubernetes would reject, and a missing
/// address of the tree.
fn check(environment: &Node, workspace: &WorkspaceConfig, diagnostics: &mut Diagnostics) {
    let both = ["name", "server"].map(|key| setting(environment, &["argo", "destination", key]));
    if let [Some(name), Some(server)] = both {
        let message = "a destination cannot have both `name` and `server`";
        let fault = Diagnostic::error("invalid-value", message).at(name);
        diagnostics.push(
            fault
                .related(server, "`server` is set here")
                .help("keep one of the two"),
        );
    }
    let name = environment
        .at_keys(&["metadata", "name"])
        .unwrap_or(environment);
    if !is_object_name(name.as_str().unwrap_or("")) {
        let message = "the name of an environment with `engine: argo` must consist of lower-case letters, digits, `-` and `.`";
        let fault = Diagnostic::error("invalid-value", message).at(name);
        diagnostics.push(fault.help("rename the folder, and use its name here"));
    }
    if url(environment, workspace).is_none_or(|it| it.is_empty()) {
        let message = "`spec.source.url` is required for `engine: argo`: the address of the Git repository with the rendered tree";
        let at = setting(environment, &["engine"]).unwrap_or(environment);
        let fault = Diagnostic::error("missing-field", message)
            .class(Class::MissingField)
            .at(at);
        diagnostics.push(fault.help(
            "set `spec.sync.url` in pleach.yaml for all environments, or `spec.source.url` here",
        ));
    }
}

/// Whether Kubernetes accepts a name for most kinds of objects.
fn is_object_name(name: &str) -> bool {
    let is_end = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let is_inner = |c: char| is_end(c) || c == '-' || c == '.';
    name.starts_with(is_end) && name.ends_with(is_end) && name.chars().all(is_inner)
}
