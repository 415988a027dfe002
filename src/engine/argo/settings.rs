//! The settings of Argo CD in `environment.yaml`: the address of the tree, and `spec.argo`.

use crate::diag::{Class, Diagnostic, Diagnostics};
use crate::layout::BASE;
use crate::load::{Engine, Environment, WorkspaceConfig, setting};
use crate::yaml::Node;

/// How environments with `engine: argo` are read.
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
    /// Address of the Git repository that holds the tree.
    pub(super) url: String,
    /// Its branch, tag or commit.
    pub(super) revision: String,
    /// Namespace of Argo CD itself, where its Applications are.
    pub(super) namespace: String,
    /// The AppProject of the environment's Applications.
    pub(super) project: String,
    /// The AppProject of the root Application.
    pub(super) root_project: String,
    /// The cluster that is deployed to.
    pub(super) destination: Destination,
    /// Cluster-scoped kinds that the AppProject permits beside those of the claims, as group and kind; `None` for all.
    pub(super) cluster_resources: Option<Vec<(String, String)>>,
    /// Address prefixes for which Argo CD has a repository Secret.
    pub(super) repositories: Vec<String>,
    /// The document of the environment, for the locations of all fields.
    written: Node,
}

/// The address by which Argo CD knows the cluster that it runs on.
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
    /// The settings, with defaults. The address is empty if neither file sets it, which [`check`] reports.
    pub(super) fn of(environment: &Environment, workspace: &WorkspaceConfig) -> Settings {
        let written = &environment.settings;
        let field = |keys: &[&str], default: &str| {
            text(written, keys).unwrap_or_else(|| default.to_string())
        };
        // For base, these are the settings of another environment.
        let name = written.at_keys(&["metadata", "name"]);
        let name = name.and_then(Node::as_str).unwrap_or(&environment.name);
        let revision = text(written, &["source", "revision"]);
        Settings {
            url: url(written, workspace).unwrap_or_default(),
            revision: revision
                .or_else(|| workspace.sync_revision.clone())
                .unwrap_or_else(|| "HEAD".to_string()),
            namespace: field(&["argo", "namespace"], ENGINE.namespace),
            project: field(&["argo", "project"], name),
            root_project: field(&["argo", "rootProject"], "default"),
            destination: Destination::of(written),
            cluster_resources: cluster_resources(written),
            repositories: match &*environment.name {
                // Base is not applied, so it needs no access settings.
                BASE => vec![String::new()],
                _ => repositories(written),
            },
            written: written.clone(),
        }
    }

    /// The text of a field of `spec` as a node; with its location if it is written in the environment.
    pub(super) fn node(&self, text: &str, keys: &[&str]) -> Node {
        let written = setting(&self.written, keys).filter(|it| it.as_str() == Some(text));
        match written {
            Some(it) => Node::string(text).at(it.span()),
            None => Node::string(text),
        }
    }
}

impl Destination {
    fn of(environment: &Node) -> Destination {
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

/// The address of the Git repository that holds the tree.
fn url(environment: &Node, workspace: &WorkspaceConfig) -> Option<String> {
    text(environment, &["source", "url"]).or_else(|| workspace.sync_url.clone())
}

fn cluster_resources(environment: &Node) -> Option<Vec<(String, String)>> {
    let items = setting(environment, &["argo", "clusterResources"])?.as_sequence()?;
    let kind_of = |node: &Node| {
        let word = |key: &str| node.get(key).and_then(Node::as_str).unwrap_or("");
        (word("group").to_string(), word("kind").to_string())
    };
    Some(items.iter().map(kind_of).collect())
}

fn repositories(environment: &Node) -> Vec<String> {
    let items = setting(environment, &["argo", "repositories"]).and_then(Node::as_sequence);
    let words = items.unwrap_or_default().iter().filter_map(Node::as_str);
    words.map(str::to_string).collect()
}

fn text(environment: &Node, keys: &[&str]) -> Option<String> {
    Some(setting(environment, keys)?.as_str()?.to_string())
}

/// Reports a cluster that is set in two ways, a name that Kubernetes would reject, and a missing address.
fn check(environment: &Node, workspace: &WorkspaceConfig, diagnostics: &mut Diagnostics) {
    let both = ["name", "server"].map(|key| setting(environment, &["argo", "destination", key]));
    if let [Some(name), Some(server)] = both {
        let fault = Diagnostic::error("invalid-value", "a cluster is set in two ways").at(name);
        diagnostics.push(
            fault
                .related(server, "also here")
                .help("keep `name` or `server`"),
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

/// As Kubernetes validates the names of most objects.
fn is_object_name(name: &str) -> bool {
    let is_end = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let is_inner = |c: char| is_end(c) || c == '-' || c == '.';
    name.starts_with(is_end) && name.ends_with(is_end) && name.chars().all(is_inner)
}
