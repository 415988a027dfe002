//! A node known to be a Kubernetes object, and its identity.

mod quantity;
mod selector;

pub use quantity::{has_unit, is_binary, quantity, quantity_text};
pub use selector::{Label, Selects, selects, selects_by};

use std::fmt;
use std::sync::Arc;

use crate::retention::Handling;
use pleach_yaml::Node;
use pleach_yaml::diag::Span;

/// Group, version and kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Gvk {
    /// API group; empty for the core group.
    pub group: Box<str>,
    /// Version within the group.
    pub version: Box<str>,
    /// The kind, in the spelling of its API: `Deployment`.
    pub kind: Box<str>,
}

impl Gvk {
    /// From `apiVersion` (`group/version`, or a bare version of the core group) and `kind`.
    pub fn new(api_version: &str, kind: &str) -> Gvk {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        Gvk {
            group: group.into(),
            version: version.into(),
            kind: kind.into(),
        }
    }

    /// `group/version`, or the bare version of the core group.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.to_string()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }
}

/// The identity of an object: group, kind, namespace and name, without the version.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId {
    /// API group; empty for the core group.
    pub group: Box<str>,
    /// The kind, in the spelling of its API: `Deployment`.
    pub kind: Box<str>,
    /// `metadata.namespace`; empty if there is none.
    pub namespace: Box<str>,
    /// `metadata.name`; empty if `generateName` is used.
    pub name: Box<str>,
}

/// `Kind name` or `Kind namespace/name`, for messages.
impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&*self.namespace, &*self.name) {
            ("", "") => f.write_str(&self.kind),
            (namespace, "") => write!(f, "{} in {namespace}", self.kind),
            ("", name) => write!(f, "{} {name}", self.kind),
            (namespace, name) => write!(f, "{} {namespace}/{name}", self.kind),
        }
    }
}

impl fmt::Debug for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{self}", self.group)
    }
}

/// A Kubernetes object: a mapping with `apiVersion`, `kind` and `metadata.name`.
#[derive(Clone, Debug)]
pub struct Object {
    /// The whole object, a mapping with `apiVersion` and `kind`.
    pub node: Node,
    /// A mark of the caller, which is kept through a build and not printed.
    pub mark: Option<Arc<str>>,
    /// Whether it stays in the cluster when it is removed from the tree, for a reason outside of the object.
    pub stays: bool,
    /// What the unit of a sync engine that applies it does with it; `None` if the unit or its engine is unknown.
    pub handling: Option<Handling>,
}

impl Object {
    /// Creates an object from a node; missing fields are empty in its identity.
    pub fn new(node: Node) -> Object {
        Object {
            node,
            mark: None,
            stays: false,
            handling: None,
        }
    }

    /// `apiVersion` as written: `group/version`, or a bare version of the core group.
    pub fn api_version(&self) -> &str {
        self.text(&["apiVersion"])
    }

    /// `kind` as written; empty if it is not a string.
    pub fn kind(&self) -> &str {
        self.text(&["kind"])
    }

    /// `metadata.name` as written; empty if there is none.
    pub fn name(&self) -> &str {
        self.text(&["metadata", "name"])
    }

    /// `metadata.namespace`; empty if there is none.
    pub fn namespace(&self) -> &str {
        self.text(&["metadata", "namespace"])
    }

    /// Group, version and kind.
    pub fn gvk(&self) -> Gvk {
        Gvk::new(self.api_version(), self.kind())
    }

    /// Group, kind, namespace and name as an owned value.
    pub fn id(&self) -> ObjectId {
        let Gvk { group, kind, .. } = self.gvk();
        ObjectId {
            group,
            kind,
            namespace: self.namespace().into(),
            name: self.name().into(),
        }
    }

    /// The location of the object.
    pub fn span(&self) -> &Span {
        self.node.span()
    }

    fn text(&self, keys: &[&str]) -> &str {
        self.node.at_keys(keys).and_then(Node::as_str).unwrap_or("")
    }
}
