//! Kubernetes' own kinds, as its OpenAPI document (swagger v2) describes them.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use super::parse::Dialect;
use super::structural::{Schema, Types};
use super::validate::validate_with;
use crate::object::Gvk;
use pleach_yaml::Node;
use pleach_yaml::diag::{Diagnostic, Diagnostics};

/// The definitions of an OpenAPI document. Each is read when it is first needed, since a build looks at few of them.
#[derive(Debug)]
pub struct OpenApi {
    definitions: BTreeMap<Box<str>, Definition>,
    kinds: BTreeMap<Gvk, Box<str>>,
}

#[derive(Debug)]
struct Definition {
    node: Node,
    schema: OnceLock<Option<Schema>>,
}

/// What the document calls a string, and the server reads from numbers too.
const QUANTITY: &str = "io.k8s.apimachinery.pkg.api.resource.Quantity";

impl OpenApi {
    /// Takes the `definitions` of a document.
    pub fn new(document: Node) -> Result<OpenApi, Diagnostics> {
        let origin = document.span().clone();
        let definitions = document
            .into_mapping()
            .and_then(|mut it| it.remove("definitions"))
            .and_then(|it| it.value.into_mapping());
        let Some(definitions) = definitions else {
            return Err(
                Diagnostic::error("invalid-schema", "the document has no `definitions`")
                    .at(origin.start())
                    .into(),
            );
        };
        let mut openapi = OpenApi {
            definitions: BTreeMap::new(),
            kinds: BTreeMap::new(),
        };
        for entry in definitions {
            let name: Box<str> = entry.key.as_str().unwrap_or("").into();
            for gvk in kinds_of(&entry.value) {
                openapi.kinds.insert(gvk, name.clone());
            }
            let schema = OnceLock::new();
            let node = entry.value;
            openapi
                .definitions
                .insert(name, Definition { node, schema });
        }
        Ok(openapi)
    }

    /// The kinds that the document describes.
    pub fn kinds(&self) -> impl Iterator<Item = &Gvk> {
        self.kinds.keys()
    }

    /// The schema of a kind.
    pub fn schema_for(&self, gvk: &Gvk) -> Option<&Schema> {
        self.definition(self.kinds.get(gvk)?)
    }

    /// The schema of a definition by its full name.
    pub fn definition(&self, name: &str) -> Option<&Schema> {
        let definition = self.definitions.get(name)?;
        let read = || {
            let mut schema = Schema::parse_as(&definition.node, Dialect::OpenApi).ok()?;
            if name == QUANTITY {
                schema.types = Types::Quantity;
            }
            Some(schema)
        };
        definition.schema.get_or_init(read).as_ref()
    }

    /// What a schema of this document means: itself, or what it refers to.
    pub fn resolve<'s>(&'s self, schema: &'s Schema) -> &'s Schema {
        let referred = schema.reference.as_deref();
        referred
            .and_then(|name| self.definition(name))
            .unwrap_or(schema)
    }

    /// All faults of a node, as [`validate`](super::validate) tells them; `None` where the kind is unknown.
    pub fn validate(&self, node: &Node, gvk: &Gvk) -> Option<Vec<Diagnostic>> {
        let schema = self.schema_for(gvk)?;
        Some(validate_with(node, schema, &gvk.kind, Some(self)))
    }
}

fn kinds_of(definition: &Node) -> impl Iterator<Item = Gvk> {
    let list = definition.get("x-kubernetes-group-version-kind");
    let list = list.and_then(Node::as_sequence).unwrap_or(&[]);
    list.iter().map(|it| {
        let text = |key| it.get(key).and_then(Node::as_str).unwrap_or("").into();
        Gvk {
            group: text("group"),
            version: text("version"),
            kind: text("kind"),
        }
    })
}
