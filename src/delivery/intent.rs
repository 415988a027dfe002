//! `HelmInstall`: a Helm chart is to be installed, however the engine does that.

use std::sync::OnceLock;

use crate::diag::{Diagnostic, Source};
use crate::schema::{Schema, validate};
use crate::yaml::{Node, parse_one};

const API_VERSION: &str = "pleach.dev/v1";

/// Whether a rendered document is an intent.
pub(super) fn is_intent(node: &Node) -> bool {
    node.get("apiVersion").and_then(Node::as_str) == Some(API_VERSION)
}

/// The fields of a checked intent.
pub(super) struct HelmInstall<'a> {
    node: &'a Node,
}

impl<'a> HelmInstall<'a> {
    /// Errors: what the intent's schema finds, which is the template's fault.
    pub(super) fn new(node: &'a Node) -> Result<HelmInstall<'a>, Diagnostic> {
        match validate(node, schema(), "HelmInstall").into_iter().next() {
            None => Ok(HelmInstall { node }),
            Some(fault) => Err(Diagnostic {
                code: "invalid-intent",
                ..fault
            }),
        }
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

fn schema() -> &'static Schema {
    static SCHEMA: OnceLock<Schema> = OnceLock::new();
    SCHEMA.get_or_init(|| {
        let source = Source::internal("helm-install.yaml", include_str!("helm-install.yaml"));
        let node =
            parse_one(&source).expect("the program's own schemas are YAML, which a test holds");
        Schema::parse(&node).expect("the program's own schemas are schemas, which a test holds")
    })
}
