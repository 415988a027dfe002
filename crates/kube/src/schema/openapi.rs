//! Converts a user's OpenAPI document to [`Schemas`].

use std::collections::BTreeMap;

use super::kinds::{Schemas, Types};
use super::table;
use super::table::{Type, TypeRef};
use crate::object::Gvk;
use pleach_yaml::diag::Diagnostic;
use pleach_yaml::{Entry, Mapping, Node};

impl Schemas {
    /// The schemas of an OpenAPI v2 document, which replace the built-in ones. The built-in scopes are kept.
    ///
    /// As for kustomize's `openapi: {path: …}`. (`crds` define name references and do not affect merging.)
    pub fn with_openapi(&self, document: &Node) -> Result<Schemas, Diagnostic> {
        let mut schemas = read_document(document, Types::default(), BTreeMap::new(), false)?;
        schemas
            .scopes
            .extend(self.scopes.iter().map(|(gvk, it)| (gvk.clone(), *it)));
        Ok(schemas)
    }

    /// The schemas of an OpenAPI v2 document in addition to the built-in ones, whose types it may use.
    ///
    /// As in kustomize if the built-in schemas were used before the document was read. The purpose of that use determines which of
    /// two types with the same name applies.
    pub fn builtin_with_openapi(
        document: &Node,
        builtin_wins: bool,
    ) -> Result<Schemas, Diagnostic> {
        read_document(
            document,
            Types::builtin(),
            table::names().collect(),
            builtin_wins,
        )
    }
}

impl Schemas {
    /// Adds an inline type, as in a comment. It can refer to built-in types, if there are any.
    pub fn add_inline(&mut self, schema: &Node) -> Option<TypeRef> {
        let types = self.types.clone();
        let names = if types.builtin {
            table::names().collect()
        } else {
            BTreeMap::new()
        };
        let mut reader = Reader { types, names };
        let at = reader.resolve(schema)?;
        self.types = reader.types;
        Some(at)
    }
}

/// Adds the definitions and paths of a document. `names` are the existing types, which may be kept.
fn read_document(
    document: &Node,
    types: Types,
    names: BTreeMap<Box<str>, TypeRef>,
    older_win: bool,
) -> Result<Schemas, Diagnostic> {
    let empty = Mapping::new();
    let definitions = match document.get("definitions") {
        None if document.as_mapping().is_some() => &empty,
        None => return Err(invalid(document, "an OpenAPI document must be a map")),
        Some(node) => node
            .as_mapping()
            .ok_or_else(|| invalid(node, "`definitions` must be a map"))?,
    };
    let mut reader = Reader { types, names };
    let mut new = Vec::new();
    for Entry { key, value } in definitions {
        let name = key.as_str().unwrap_or("");
        if older_win && reader.names.contains_key(name) {
            continue;
        }
        let at = reader.types.add(Type::default());
        reader.names.insert(name.into(), at);
        new.push((at, value));
    }
    for (at, value) in new {
        reader.definition(at, value, older_win);
    }
    let mut schemas = Schemas {
        types: reader.types,
        ..Schemas::default()
    };
    if let Some(paths) = document.get("paths").and_then(Node::as_mapping) {
        read_scopes(&mut schemas, paths);
    }
    Ok(schemas)
}

fn invalid(node: &Node, message: &str) -> Diagnostic {
    Diagnostic::error("openapi-invalid", message).at(node).help(
        "use the output of `kustomize openapi fetch` or of the endpoint /openapi/v2 of the cluster",
    )
}

struct Reader {
    types: Types,
    names: BTreeMap<Box<str>, TypeRef>,
}

impl Reader {
    fn definition(&mut self, at: TypeRef, schema: &Node, older_win: bool) {
        let it = self.read(schema);
        self.types.set(at, it);
        let gvks = schema
            .get(GVK)
            .and_then(Node::as_sequence)
            .unwrap_or_default();
        for gvk in gvks.iter().filter_map(read_gvk) {
            if !(older_win && self.types.of_kind(&gvk).is_some()) {
                self.types.set_kind(gvk, at);
            }
        }
    }

    /// A reference is replaced by the definition; other keywords next to it are ignored.
    fn resolve(&mut self, schema: &Node) -> Option<TypeRef> {
        match schema.get("$ref").and_then(Node::as_str) {
            Some(reference) => self
                .names
                .get(reference.strip_prefix("#/definitions/")?)
                .copied(),
            None => {
                let it = self.read(schema);
                Some(self.types.add(it))
            }
        }
    }

    fn read(&mut self, schema: &Node) -> Type {
        let mut it = Type::default();
        let properties = schema.get("properties").and_then(Node::as_mapping);
        for Entry { key, value } in properties.into_iter().flatten() {
            if let Some(of) = self.resolve(value) {
                it.fields.insert(key.as_str().unwrap_or("").into(), of);
            }
        }
        let others = schema
            .get("additionalProperties")
            .filter(|it| it.as_mapping().is_some());
        it.others = others.and_then(|node| self.resolve(node));
        if schema.get("type").and_then(Node::as_str) == Some("array") {
            it.items = schema.get("items").and_then(|node| self.resolve(node));
            it.merge_keys = merge_keys(schema);
        }
        it
    }
}

const GVK: &str = "x-kubernetes-group-version-kind";

fn merge_keys(schema: &Node) -> Option<Vec<Box<str>>> {
    let strategy = schema.get("x-kubernetes-patch-strategy")?.as_str()?;
    if !strategy.split(',').any(|word| word == "merge") {
        return None;
    }
    let keys = match schema.get("x-kubernetes-list-map-keys") {
        Some(keys) => keys.as_sequence().unwrap_or_default().iter().collect(),
        None => schema
            .get("x-kubernetes-patch-merge-key")
            .into_iter()
            .collect::<Vec<_>>(),
    };
    Some(
        keys.into_iter()
            .filter_map(Node::as_str)
            .map(Box::from)
            .collect(),
    )
}

fn read_gvk(node: &Node) -> Option<Gvk> {
    let text = |key| node.get(key).and_then(Node::as_str);
    Some(Gvk {
        group: text("group").unwrap_or("").into(),
        version: text("version")?.into(),
        kind: text("kind")?.into(),
    })
}

/// A kind is namespaced if any path to read it goes through a namespace.
fn read_scopes(schemas: &mut Schemas, paths: &Mapping) {
    for Entry { key, value } in paths {
        if let Some(gvk) = value.at_keys(&["get", GVK]).and_then(read_gvk) {
            let path = key.as_str().unwrap_or("");
            let namespaced = schemas.scopes.entry(gvk).or_default();
            *namespaced |= path.contains("namespaces/{namespace}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::ListRule;
    use pleach_yaml::diag::Source;
    use pleach_yaml::parse_one;
    use pleach_yaml::tree::TreePath;

    #[test]
    fn a_document_replaces_types_and_keeps_scopes() {
        let text = "
definitions:
  Thing:
    properties:
      spec: {$ref: '#/definitions/Spec'}
    x-kubernetes-group-version-kind: [{group: example.org, version: v1, kind: Thing}]
  Spec:
    properties:
      parts:
        type: array
        items: {type: object}
        x-kubernetes-patch-merge-key: id
        x-kubernetes-patch-strategy: merge
paths:
  /apis/example.org/v1/things:
    get:
      x-kubernetes-group-version-kind: {group: example.org, version: v1, kind: Thing}
";
        let source = Source::new(TreePath::new("openapi.yaml").unwrap(), text);
        let schemas = Schemas::builtin()
            .with_openapi(&parse_one(&source).unwrap())
            .unwrap();
        let thing = Gvk::new("example.org/v1", "Thing");
        let spec = schemas.field(schemas.type_of(&thing).unwrap(), "spec");
        let parts = schemas.field(spec.unwrap(), "parts");
        assert!(matches!(schemas.list_rule(parts), ListRule::MergeBy([key]) if **key == *"id"));
        assert_eq!(schemas.is_cluster_scoped(&thing), Some(true));
        assert_eq!(schemas.type_of(&Gvk::new("apps/v1", "Deployment")), None);
        assert_eq!(
            schemas.is_cluster_scoped(&Gvk::new("v1", "Namespace")),
            Some(true)
        );
    }
}
