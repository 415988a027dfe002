//! Intents, which templates create instead of objects of a specific sync engine: `HelmInstall` installs a Helm chart; `GitManifests`
//! applies a folder of a Git repository before the claim's own objects; `ChartApplication` runs a chart as one of an environment's
//! services; `GitOpsRoot` syncs a cluster from a repository.

use std::sync::OnceLock;

use crate::diag::{Class, Diagnostic};
use crate::schema::{Schema, own_schema, validate};
use crate::yaml::Node;

const API_VERSION: &str = "pleach.dev/v1";

/// Whether a rendered document is an intent.
pub(super) fn is_intent(node: &Node) -> bool {
    node.get("apiVersion").and_then(Node::as_str) == Some(API_VERSION)
}

/// The kind of an intent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IntentKind {
    /// Installs a Helm chart.
    HelmInstall,
    /// Applies a folder of a Git repository before the claim's own objects.
    GitManifests,
    /// Runs a chart as one of the services of an environment.
    ChartApplication,
    /// Syncs a cluster from a repository.
    GitOpsRoot,
}

impl IntentKind {
    const ALL: [IntentKind; 4] = [
        IntentKind::HelmInstall,
        IntentKind::GitManifests,
        IntentKind::ChartApplication,
        IntentKind::GitOpsRoot,
    ];

    fn parse(node: &Node) -> Option<IntentKind> {
        let name = node.get("kind").and_then(Node::as_str)?;
        IntentKind::ALL.into_iter().find(|it| it.name() == name)
    }

    fn name(self) -> &'static str {
        match self {
            IntentKind::HelmInstall => "HelmInstall",
            IntentKind::GitManifests => "GitManifests",
            IntentKind::ChartApplication => "ChartApplication",
            IntentKind::GitOpsRoot => "GitOpsRoot",
        }
    }

    fn schema(self) -> &'static Schema {
        static SCHEMAS: [OnceLock<Schema>; 4] = [const { OnceLock::new() }; 4];
        let (at, file, text) = match self {
            IntentKind::HelmInstall => (0, "helm-install", include_str!("helm-install.yaml")),
            IntentKind::GitManifests => (1, "git-manifests", include_str!("git-manifests.yaml")),
            IntentKind::ChartApplication => {
                let text = include_str!("chart-application.yaml");
                (2, "chart-application", text)
            }
            IntentKind::GitOpsRoot => (3, "gitops-root", include_str!("gitops-root.yaml")),
        };
        SCHEMAS[at].get_or_init(|| own_schema(&format!("{file}.yaml"), text))
    }
}

/// An intent that satisfies its schema.
pub(crate) struct Intent<'a> {
    kind: IntentKind,
    node: &'a Node,
}

impl<'a> Intent<'a> {
    /// Validates an intent. Errors: `invalid-intent`, an error in the template that created it.
    pub(crate) fn new(node: &'a Node) -> Result<Intent<'a>, Diagnostic> {
        let Some(kind) = IntentKind::parse(node) else {
            let name = node.get("kind").and_then(Node::as_str).unwrap_or("");
            let fault = Diagnostic::error("invalid-intent", format!("unknown intent `{name}`"));
            return Err(fault
                .at(node)
                .help("use `HelmInstall`, `GitManifests`, `ChartApplication` or `GitOpsRoot`, or a plain object"));
        };
        match validate(node, kind.schema(), kind.name())
            .into_iter()
            .next()
        {
            None => Ok(Intent { kind, node }),
            Some(fault) => Err(Diagnostic {
                code: "invalid-intent",
                class: Class::Plain,
                ..fault
            }),
        }
    }

    pub(crate) fn kind(&self) -> IntentKind {
        self.kind
    }

    /// A field of `spec`, if it is set and not null.
    pub(crate) fn field(&self, keys: &[&str]) -> Option<&'a Node> {
        self.node
            .get("spec")?
            .at_keys(keys)
            .filter(|it| !it.is_null())
    }

    /// A field of `spec` as text; empty if it is not set.
    pub(crate) fn text(&self, keys: &[&str]) -> &'a str {
        self.field(keys).and_then(Node::as_str).unwrap_or("")
    }

    /// A field of `metadata`.
    pub(crate) fn metadata(&self, key: &str) -> Option<&'a Node> {
        self.node.at_keys(&["metadata", key])
    }

    /// A field of `metadata` as text; empty if it is not set.
    pub(crate) fn text_of_metadata(&self, key: &str) -> &'a str {
        self.metadata(key).and_then(Node::as_str).unwrap_or("")
    }

    pub(crate) fn node(&self) -> &'a Node {
        self.node
    }
}
