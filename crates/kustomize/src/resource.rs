//! An object under way, with what the engine has to remember of it.

use std::sync::Arc;

use pleach_kube::object::{Gvk, Object};
use pleach_kube::schema::Schemas;
use pleach_yaml::diag::{Diagnostic, Span};
use pleach_yaml::{Kind, Mapping, Node, Tag};

use super::origin::Origin;
use super::shared::Shared;

/// An object and the build's notes on it. kustomize keeps these as annotations in the document; here they are fields, and
/// `notes.rs` shows them to patches as it does.
#[derive(Clone, Debug)]
pub(super) struct Resource {
    pub(super) object: Object,
    /// Whether its kind, as it was when it was looked up, has no namespace.
    scope: Option<Scope>,
    /// Names it had before, oldest first.
    pub(super) previous: Vec<PreviousId>,
    /// Prefixes and suffixes in the order they were put on.
    pub(super) prefixes: Vec<Arc<str>>,
    pub(super) suffixes: Vec<Arc<str>>,
    /// Whether a hash of the content is to be appended to the name.
    pub(super) needs_hash: bool,
    /// Whether a generator of the kustomization made it, and where.
    pub(super) generated: bool,
    /// Whether a Helm chart made it, so that the kustomization's namespace does not move it.
    pub(super) from_chart: bool,
    /// Whether some other object names it.
    pub(super) referred: bool,
    /// Variables that read from it.
    pub(super) variables: Vec<Arc<str>>,
    /// Fields that kustomize holds as one value.
    pub(super) shared: Shared,
    pub(super) origin: Option<Box<Origin>>,
    pub(super) transformations: Vec<Arc<Origin>>,
    /// A patch deleted it; it is dropped when the transformer is done.
    pub(super) deleted: bool,
}

#[derive(Clone, Debug)]
struct Scope {
    api_version: Box<str>,
    kind: Box<str>,
    cluster: bool,
}

/// A name of before, with the namespace and the kind of then.
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

/// The namespace of what has none. No namespace can be named so.
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

    /// The namespace it really is in: [`CLUSTER`] for cluster-scoped kinds, `default` if not set.
    pub(super) fn effective_namespace(&self, schemas: &Schemas) -> &str {
        match self.object.namespace() {
            // A Namespace with `metadata.namespace` written is still one object in the cluster, and
            // a second one a duplicate.
            _ if self.is_cluster_scoped(schemas) => CLUSTER,
            "" => "default",
            namespace => namespace,
        }
    }

    /// Whether its kind is known to have no namespace.
    pub(super) fn is_cluster_scoped(&self, schemas: &Schemas) -> bool {
        let object = &self.object;
        let known = self
            .scope
            .as_ref()
            // A patch may have changed the kind since it was looked up.
            .filter(|it| *it.api_version == *object.api_version() && *it.kind == *object.kind());
        match known {
            Some(scope) => scope.cluster,
            // A kind that is not known counts as namespaced, as in kustomize: most custom resources
            // are.
            None => schemas.is_cluster_scoped(&object.gvk()) == Some(true),
        }
    }

    /// Looks up once whether its kind has a namespace: it is requested often.
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

    /// The kind it came with.
    pub(super) fn original_gvk(&self) -> Gvk {
        let mut gvk = self.object.gvk();
        if let Some(first) = self.previous.first() {
            // Group and version are those of now: kustomize notes only former kinds, names and
            // namespaces.
            gvk.kind = first.kind.as_ref().into();
        }
        gvk
    }

    /// A required field of objects that a change has removed.
    pub(super) fn lost(&self) -> Option<&'static str> {
        match (self.object.kind(), self.object.name()) {
            // `apiVersion` is not checked: kustomize builds objects without one.
            ("", _) => Some("kind"),
            (_, "") => Some("metadata.name"),
            _ => None,
        }
    }

    /// Carries a change of one place to those that share its value. Whoever changes values in place calls it.
    pub(super) fn settle(&mut self) {
        if !self.shared.is_empty() {
            self.shared.settle(&mut self.object.node);
        }
    }

    /// Puts text at `metadata.<key>`.
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
    // `metadata: null` and `labels: null` are common leftovers of templates; kustomize fills them
    // as if they were absent.
    if field.is_tagged_null() {
        *field = Node::mapping(Mapping::new());
    }
    field.as_mapping_mut()
}

/// Refuses to replace a map or a list by `what`.
pub(super) fn only_scalar(field: &Node, what: &str) -> Result<(), Diagnostic> {
    if field.is_scalar() {
        return Ok(());
    }
    let message = format!("expected {what}, found {}", field.kind().words());
    Err(Diagnostic::error("wrong-field-type", message).at(field))
}

/// Sets the text of a scalar: the style is kept, and the type is determined from the text.
pub(super) fn set_text(node: &mut Node, text: &str) {
    set_tagged(node, text, Tag::None);
}

/// Sets the text and type of a scalar; the style is kept.
pub(super) fn set_tagged(node: &mut Node, text: &str, tag: Tag) {
    // go-yaml keeps the style of a node whose value is set, so `"8080"` in quotes stays a string
    // when its digits change.
    *node = Node::scalar(text, node.style(), tag).at(node.span());
}

/// Sets the location of a value that has replaced another one.
pub(super) fn replaced_at(node: &mut Node, place: impl Into<Span>) {
    *node = std::mem::replace(node, Node::null()).at(place);
}

/// Sets a field to a text; a new one is a string.
pub(super) fn set_field(mapping: &mut Mapping, key: &str, text: &str) {
    match mapping.get_mut(key) {
        Some(field) => set_text(field, text),
        None => {
            mapping.insert(plain_key(key), new_text(text));
        }
    }
}

/// A new key. kustomize writes it without quotes, and cannot read back what is no string then.
pub(super) fn new_key(key: &str, at: &Span) -> Result<Node, Diagnostic> {
    // `true` or `1` would be printed without quotes, and read back as a key that is not a string.
    let node = plain_key(key).at(at);
    if node.kind() == Kind::String {
        return Ok(node);
    }
    let is = node.kind().words();
    let message = format!("the key `{key}` is {is}, but kustomize allows only strings");
    Err(Diagnostic::error("build-value", message)
        .at(at)
        .help("use another key; kustomize writes keys without quotes"))
}

/// The text of a new field.
pub(super) fn new_text(text: impl Into<Arc<str>>) -> Node {
    let mut node = Node::string(text);
    // kyaml's `FieldSetter` quotes what YAML 1.1 would misread, also where the text comes from a
    // field that needed no quotes.
    node.quote_as_field();
    node
}

/// A key as kustomize writes new ones: without quotes, whatever it then means. A number is no key, and refused when printed.
pub(super) fn plain_key(key: &str) -> Node {
    Node::scalar(key, pleach_yaml::Style::Plain, Tag::None)
}
