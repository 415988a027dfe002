//! The path to a node while it is validated.

use pleach_yaml::diag::Span;
use pleach_yaml::{FieldPath, Node, Step};

/// The path from the root to the current node, on the stack: a path is only allocated for an error.
pub(super) struct Trail<'t> {
    above: Option<(&'t Trail<'t>, Here<'t>)>,
}

#[derive(Clone, Copy)]
enum Here<'t> {
    Key(&'t Node),
    Index(usize),
}

impl<'t> Trail<'t> {
    pub(super) const ROOT: Trail<'static> = Trail { above: None };

    pub(super) fn key(&'t self, key: &'t Node) -> Trail<'t> {
        Trail {
            above: Some((self, Here::Key(key))),
        }
    }

    pub(super) fn index(&'t self, index: usize) -> Trail<'t> {
        Trail {
            above: Some((self, Here::Index(index))),
        }
    }

    /// The key of the node, if any, as location of errors inside the node.
    pub(super) fn key_span(&self) -> Option<&'t Span> {
        match self.above {
            Some((_, Here::Key(key))) => Some(key.span()),
            _ => None,
        }
    }

    pub(super) fn path(&self) -> FieldPath {
        let Some((above, here)) = self.above else {
            return FieldPath::root();
        };
        let mut path = above.path();
        path.push(match here {
            Here::Key(key) => Step::Key(key.as_str().unwrap_or("").into()),
            Here::Index(index) => Step::Index(index),
        });
        path
    }
}
