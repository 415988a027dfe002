//! What a template may say is wanted, however the engine does it: `HelmInstall`, a Helm chart is to be installed;
//! `GitManifests`, a folder of a Git repository is to be applied before the claim's own objects.

use std::sync::OnceLock;

use crate::diag::{Diagnostic, Source};
use crate::schema::{Schema, validate};
use crate::yaml::{Node, parse_one};

const API_VERSION: &str = "pleach.dev/v1";

/// Whether a rendered document is an intent.
pub(super) fn is_intent(node: &Node) -> bool {
    node.get("apiVersion").and_then(Node::as_str) == Some(API_VERSION)
}

/// What is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IntentKind {
    /// A Helm chart is to be installed.
    HelmInstall,
    /// A folder of a Git repository is to be applied first.
    GitManifests,
}

impl IntentKind {
    fn of(node: &Node) -> Option<IntentKind> {
        match node.get("kind").and_then(Node::as_str)? {
            "HelmInstall" => Some(IntentKind::HelmInstall),
            "GitManifests" => Some(IntentKind::GitManifests),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            IntentKind::HelmInstall => "HelmInstall",
            IntentKind::GitManifests => "GitManifests",
        }
    }

    fn schema(self) -> &'static Schema {
        static HELM_INSTALL: OnceLock<Schema> = OnceLock::new();
        static GIT_MANIFESTS: OnceLock<Schema> = OnceLock::new();
        let (schema, name, text) = match self {
            IntentKind::HelmInstall => (
                &HELM_INSTALL,
                "helm-install.yaml",
                include_str!("helm-install.yaml"),
            ),
            IntentKind::GitManifests => (
                &GIT_MANIFESTS,
                "git-manifests.yaml",
                include_str!("git-manifests.yaml"),
            ),
        };
        schema.get_or_init(|| {
            let node = parse_one(&Source::internal(name, text))
                .expect("the program's own schemas are YAML, which a test holds");
            Schema::parse(&node).expect("the program's own schemas are schemas, which a test holds")
        })
    }
}

/// The fields of a checked intent.
pub(super) struct Intent<'a> {
    kind: IntentKind,
    node: &'a Node,
}

impl<'a> Intent<'a> {
    /// Errors: what the intent's schema finds, which is the template's fault.
    pub(super) fn new(node: &'a Node) -> Result<Intent<'a>, Diagnostic> {
        let Some(kind) = IntentKind::of(node) else {
            let name = node.get("kind").and_then(Node::as_str).unwrap_or("");
            let fault = Diagnostic::error("invalid-intent", format!("there is no intent `{name}`"));
            return Err(fault
                .at(node)
                .help("a template says `HelmInstall` or `GitManifests`, or makes a plain object"));
        };
        match validate(node, kind.schema(), kind.name())
            .into_iter()
            .next()
        {
            None => Ok(Intent { kind, node }),
            Some(fault) => Err(Diagnostic {
                code: "invalid-intent",
                ..fault
            }),
        }
    }

    /// What is wanted.
    pub(super) fn kind(&self) -> IntentKind {
        self.kind
    }

    /// A field of `spec`, if it is given and not null.
    pub(super) fn field(&self, keys: &[&str]) -> Option<&'a Node> {
        self.node
            .get("spec")?
            .at_keys(keys)
            .filter(|it| !it.is_null())
    }

    /// A field of `spec` as text; empty where it is not given.
    pub(super) fn text(&self, keys: &[&str]) -> &'a str {
        self.field(keys).and_then(Node::as_str).unwrap_or("")
    }

    /// A field of `metadata`.
    pub(super) fn metadata(&self, key: &str) -> Option<&'a Node> {
        self.node.at_keys(&["metadata", key])
    }

    /// The whole intent.
    pub(super) fn node(&self) -> &'a Node {
        self.node
    }
}
