//! Custom resources: schemas out of a CustomResourceDefinition, and the metadata that every object has.

use std::sync::OnceLock;

use super::parse::Dialect;
use super::structural::Schema;
use crate::object::Gvk;
use pleach_yaml::diag::{Diagnostic, Diagnostics, Source};
use pleach_yaml::{Node, parse_one};

/// Reads CustomResourceDefinitions.
#[derive(Debug)]
pub struct CustomResource;

impl CustomResource {
    /// The kinds that a definition serves, one for each version.
    pub fn kinds(crd: &Node) -> Vec<Gvk> {
        let text = |keys: &[&str]| crd.at_keys(keys).and_then(Node::as_str).unwrap_or("");
        let kind = |version: &str| Gvk {
            group: text(&["spec", "group"]).into(),
            version: version.into(),
            kind: text(&["spec", "names", "kind"]).into(),
        };
        let names = versions(crd)
            .iter()
            .filter_map(|it| it.get("name")?.as_str());
        names.map(kind).collect()
    }

    /// The schema of one version. `apiVersion`, `kind` and `metadata` are known without being named.
    pub fn schema(crd: &Node, version: &str) -> Result<Schema, Diagnostics> {
        let named = |it: &&Node| it.get("name").and_then(Node::as_str) == Some(version);
        let Some(found) = versions(crd).iter().find(named) else {
            let known = versions(crd)
                .iter()
                .filter_map(|it| it.get("name")?.as_str());
            let fault = Diagnostic::error(
                "unknown-version",
                format!("the definition has no version `{version}`"),
            );
            return Err(fault
                .at(crd.span().start())
                .did_you_mean(version, known)
                .into());
        };
        let shared = || crd.at_keys(&["spec", "validation", "openAPIV3Schema"]);
        let node = found
            .at_keys(&["schema", "openAPIV3Schema"])
            .or_else(shared);
        let mut schema = match node {
            Some(node) => Schema::parse_as(node, Dialect::Crd)?,
            None => {
                let mut schema = Schema::anything(found.span().clone());
                schema.flags.preserve_unknown = true;
                schema
            }
        };
        schema.flags.resource = true;
        Ok(schema)
    }
}

fn versions(crd: &Node) -> &[Node] {
    let list = crd.at_keys(&["spec", "versions"]);
    list.and_then(Node::as_sequence).unwrap_or(&[])
}

/// What `metadata` of an object may hold.
pub(super) fn object_meta() -> &'static Schema {
    static SCHEMA: OnceLock<Schema> = OnceLock::new();
    SCHEMA.get_or_init(|| {
        let source = Source::internal("object-meta.yaml", include_str!("object-meta.yaml"));
        let node = parse_one(&source).expect("the embedded schema is YAML");
        Schema::parse(&node).expect("the embedded schema is one")
    })
}
