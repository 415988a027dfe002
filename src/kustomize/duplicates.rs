//! Keys that stand twice in one map: kustomize takes one of them in some files. So does the engine, and warns of it.

use crate::diag::{Diagnostic, Diagnostics, Severity};
use crate::yaml::{Mapping, Node, View};

/// Which of several entries counts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    First,
    Last,
}

/// What the reader said of such keys, as warnings.
pub(super) fn warnings(duplicates: Diagnostics, keep: Keep) -> impl Iterator<Item = Diagnostic> {
    let taken = match keep {
        Keep::First => "first",
        Keep::Last => "last",
    };
    duplicates.into_iter().map(move |it| Diagnostic {
        severity: Severity::Warning,
        help: vec![format!("kustomize takes the {taken} one")],
        ..it
    })
}

/// The value with one entry for each key.
pub(super) fn one_of_each(node: &Node, keep: Keep) -> Node {
    match node.view() {
        View::Scalar(_) => node.clone(),
        View::Sequence(items) => {
            Node::sequence(items.iter().map(|it| one_of_each(it, keep))).at(node)
        }
        View::Mapping(mapping) => {
            let mut kept = Mapping::new();
            for entry in mapping {
                let known = kept.contains_key(entry.key.as_str().unwrap_or(""));
                if keep == Keep::Last || !known {
                    kept.insert(entry.key.clone(), one_of_each(&entry.value, keep));
                }
            }
            Node::mapping(kept).at(node)
        }
    }
}
