//! A resource of a build: an object with the engine's records about it.

use std::sync::Arc;

use pleach_kube::object::{Gvk, Object};
use pleach_kube::schema::Schemas;
use pleach_yaml::diag::{Diagnostic, Span};
use pleach_yaml::{Kind, Mapping, Node, Tag};

use super::origin::Origin;
use super::shared::Shared;

/// An object and the records about it. kustomize stores these as annotations in the document; here, they are fields, and
/// `internal_annotations.rs` adds the annotations for patches.
#[derive(Clone, Debug)]
pub(super) struct Resource {
    pub(super) object: Object,
    /// The scope of its kind, and the kind for which it was looked up.
    scope: Option<Scope>,
    /// Names it had before, oldest first.
    pub(super) previous: Vec<PreviousId>,
    /// Prefixes in the order in which they were added.
    pub(super) prefixes: Vec<Arc<str>>,
    pub(super) suffixes: Vec<Arc<str>>,
    /// Whether a hash of the content is appended to the name.
    pub(super) needs_hash: bool,
    /// Whether a generator of the kustomization created it.
    pub(super) generated: bool,
    /// Whether it comes from a Helm chart, so that `namespace` of the kustomization does not apply to it.
    pub(super) from_chart: bool,
    /// Whether operations of a JSON patch were applied, after which kustomize has sorted keys and no comments.
    pub(super) is_from_json: bool,
    /// Whether another object refers to it.
    pub(super) referred: bool,
    /// Variables that read from it.
    pub(super) variables: Vec<Arc<str>>,
    /// Fields that share one value in kustomize.
    pub(super) shared: Shared,
    pub(super) origin: Option<Box<Origin>>,
    pub(super) transformations: Vec<Arc<Origin>>,
    /// Whether a patch deleted it; it is removed when the transformer ends.
    pub(super) deleted: bool,
}

#[derive(Clone, Debug)]
struct Scope {
    api_version: Box<str>,
    kind: Box<str>,
    cluster: bool,
}

/// A former name, with the namespace and kind at that time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PreviousId {
    pub(super) name: Arc<str>,
    pub(super) namespace: Arc<str>,
    pub(super) kind: Arc<str>,
}

/// The identity of a resource: group, version, kind, name and effective namespace.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Id {
    pub(super) gvk: Gvk,
    pub(super) name: Box<str>,
    /// [`CLUSTER`] for cluster-scoped kinds, `default` if not set.
    pub(super) space: Box<str>,
}

/// The namespace of cluster-scoped objects; not a valid namespace name.
pub(super) const CLUSTER: &str = "_non_namespaceable_";

impl Resource {
    pub(super) fn new(object: Object) -> Resource {
        Resource {
            object,
            scope: None,
            previous: Vec::new(),
            prefixes: Vec::new(),
            suffixes: Vec::new(),
            needs_hash: false,
            generated: false,
            from_chart: false,
            is_from_json: false,
            referred: false,
            variables: Vec::new(),
            shared: Shared::default(),
            origin: None,
            transformations: Vec::new(),
            deleted: false,
        }
    }

    pub(super) fn node(&self) -> &Node {
        &self.object.node
    }

    pub(super) fn node_mut(&mut self) -> &mut Node {
        &mut self.object.node
    }

    /// The effective namespace: [`CLUSTER`] for cluster-scoped kinds, `default` if not set.
    pub(super) fn effective_namespace(&self, schemas: &Schemas) -> &str {
        match self.object.namespace() {
            // `metadata.namespace` has no effect on a cluster-scoped object.
            _ if self.is_cluster_scoped(schemas) => CLUSTER,
            "" => "default",
            namespace => namespace,
        }
    }

    /// Whether its kind is known to be cluster-scoped.
    pub(super) fn is_cluster_scoped(&self, schemas: &Schemas) -> bool {
        let object = &self.object;
        let known = self
            .scope
            .as_ref()
            // A patch may have changed the kind since it was looked up.
            .filter(|it| *it.api_version == *object.api_version() && *it.kind == *object.kind());
        match known {
            Some(scope) => scope.cluster,
            // Unknown kinds count as namespaced, as in kustomize.
            None => schemas.is_cluster_scoped(&object.gvk()) == Some(true),
        }
    }

    /// Looks up and stores whether its kind is namespaced, which is needed often.
    pub(super) fn note_scope(&mut self, schemas: &Schemas) {
        self.scope = Some(Scope {
            cluster: self.is_cluster_scoped(schemas),
            api_version: self.object.api_version().into(),
            kind: self.object.kind().into(),
        });
    }

    /// The name in the source file, before any transformation.
    pub(super) fn original_name(&self) -> &str {
        self.previous
            .first()
            .map_or_else(|| self.object.name(), |it| &it.name)
    }

    /// The kind in the source file.
    pub(super) fn original_gvk(&self) -> Gvk {
        let mut gvk = self.object.gvk();
        if let Some(first) = self.previous.first() {
            // Group and version are the current ones: kustomize only records former kinds, names and namespaces.
            gvk.kind = first.kind.as_ref().into();
        }
        gvk
    }

    /// A required field that a change has removed.
    pub(super) fn lost(&self) -> Option<&'static str> {
        let is_null = |path: &[&str]| self.node().at_keys(path).is_some_and(Node::is_null);
        match (self.object.kind(), self.object.name()) {
            // `apiVersion` is not checked: kustomize builds objects without one.
            ("", _) => Some("kind"),
            _ if is_null(&["kind"]) => Some("kind"),
            (_, "") => Some("metadata.name"),
            _ if is_null(&["metadata", "name"]) => Some("metadata.name"),
            _ => None,
        }
    }

    /// Copies a change to all fields that share the value. Must be called after values were changed in place.
    pub(super) fn settle(&mut self) {
        if !self.shared.is_empty() {
            self.shared.settle(&mut self.object.node);
        }
    }

    pub(super) fn set_metadata(&mut self, key: &str, text: &str) {
        if let Some(metadata) = map_at(self.node_mut(), "metadata") {
            set_field(metadata, key, text);
        }
    }

    pub(super) fn clear_metadata(&mut self, key: &str) {
        if let Some(metadata) = self
            .node_mut()
            .get_mut("metadata")
            .and_then(Node::as_mapping_mut)
        {
            metadata.remove(key);
        }
    }

    /// A map of strings in the metadata: labels or annotations.
    pub(super) fn metadata_map(&self, field: &str) -> Option<&Mapping> {
        self.node().at_keys(&["metadata", field])?.as_mapping()
    }

    pub(super) fn annotation(&self, key: &str) -> Option<&str> {
        self.metadata_map("annotations")?.get(key)?.as_str()
    }
}

/// The map at a key, created if missing.
pub(super) fn map_at<'a>(node: &'a mut Node, key: &str) -> Option<&'a mut Mapping> {
    let field = node
        .as_mapping_mut()?
        .get_or_insert_with(key, || Node::mapping(Mapping::new()));
    // kustomize treats `metadata: null` and `labels: null` as absent.
    if field.is_tagged_null() {
        *field = Node::mapping(Mapping::new());
    }
    field.as_mapping_mut()
}

/// An error if a map or list would be replaced by `what`.
pub(super) fn only_scalar(field: &Node, what: &str) -> Result<(), Diagnostic> {
    if field.is_scalar() {
        return Ok(());
    }
    let message = format!("expected {what}, found {}", field.kind().description());
    Err(Diagnostic::error("wrong-field-type", message).at(field))
}

/// Sets the text of a scalar: the style is kept, and the type is determined from the text.
pub(super) fn set_text(node: &mut Node, text: &str) {
    set_tagged(node, text, Tag::None);
}

/// Sets the text and type of a scalar; the style is kept.
pub(super) fn set_tagged(node: &mut Node, text: &str, tag: Tag) {
    // go-yaml keeps the style of a node when its value is set, so a quoted `"8080"` stays a string.
    *node = Node::scalar(text, node.style(), tag).at(node.span());
}

/// Sets the location of a value that has replaced another one.
pub(super) fn replaced_at(node: &mut Node, location: impl Into<Span>) {
    *node = std::mem::replace(node, Node::null()).at(location);
}

/// Sets the text of a field; a new field is a string.
pub(super) fn set_field(mapping: &mut Mapping, key: &str, text: &str) {
    match mapping.get_mut(key) {
        Some(field) => set_text(field, text),
        None => {
            mapping.insert(plain_key(key), new_text(text));
        }
    }
}

/// A new key. kustomize prints it without quotes, so it must be a string without quotes.
pub(super) fn new_key(key: &str, at: &Span) -> Result<Node, Diagnostic> {
    // `true` or `1` would be printed without quotes, and read back as a key that is not a string.
    let node = plain_key(key).at(at);
    if node.kind() == Kind::String {
        return Ok(node);
    }
    let is = node.kind().description();
    let message = format!("key `{key}` is {is}, but kustomize only allows strings");
    Err(Diagnostic::error("build-value", message)
        .at(at)
        .help("use another key; kustomize writes keys without quotes"))
}

/// The text of a new field.
pub(super) fn new_text(text: impl Into<Arc<str>>) -> Node {
    let mut node = Node::string(text);
    // `FieldSetter` of kyaml quotes words that YAML 1.1 would misread, even if the source field has no
    // quotes.
    node.quote_as_field();
    node
}

/// A new key as kustomize prints it, without quotes. If it is then a number, printing reports an error.
pub(super) fn plain_key(key: &str) -> Node {
    Node::scalar(key, pleach_yaml::Style::Plain, Tag::None)
}
