//! Duplicate keys: in some files, kustomize uses one of them. The engine does the same, with a warning.

use pleach_yaml::diag::{Diagnostic, Diagnostics, Severity, Span};
use pleach_yaml::{Mapping, Node, View};

/// Which of several entries is used.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    First,
    Last,
}

/// The reader's errors about such keys, as warnings.
pub(super) fn warnings(duplicates: Diagnostics, keep: Keep) -> impl Iterator<Item = Diagnostic> {
    // Not an error, because kustomize builds such files; but only one of the two values has an effect, and users cannot see which.
    let taken = match keep {
        Keep::First => "first",
        Keep::Last => "last",
    };
    duplicates.into_iter().map(move |it| Diagnostic {
        severity: Severity::Warning,
        help: vec![format!("kustomize uses the {taken} one")],
        ..it
    })
}

/// A map of a patch with a duplicate key, and the reader's error.
pub(super) struct DuplicateKey {
    map: Span,
    fault: Diagnostic,
}

/// All such maps of a document.
pub(super) fn doubled(node: &Node, duplicates: &Diagnostics, found: &mut Vec<DuplicateKey>) {
    for item in node.as_sequence().unwrap_or_default() {
        doubled(item, duplicates, found);
    }
    for entry in node.as_mapping().into_iter().flatten() {
        let is_reported = |it: &&Diagnostic| it.span.as_ref() == Some(entry.key.span());
        // The key's span identifies it: the reader reports the second of two equal keys, and a
        // document may have many.
        found.extend(
            duplicates
                .iter()
                .find(is_reported)
                .map(|fault| DuplicateKey {
                    map: node.span().clone(),
                    fault: fault.clone(),
                }),
        );
        doubled(&entry.value, duplicates, found);
    }
}

/// The error for a patched object that kustomize rejects: a merge skips the second of two equal keys, but a new map is inserted
/// unchanged and cannot be parsed again.
pub(super) fn refused(object: &Node, doubled: &[DuplicateKey]) -> Option<Diagnostic> {
    if doubled.is_empty() {
        return None;
    }
    // A merged map has the span of the resource's own map. Only a map that was copied from the patch
    // as a whole still has its span in the patch.
    if object.as_mapping().is_some()
        && let Some(found) = doubled.iter().find(|it| it.map == *object.span())
    {
        return Some(found.fault.clone());
    }
    let items = object.as_sequence().unwrap_or_default().iter();
    let values = object.as_mapping().into_iter().flatten();
    let below = items.chain(values.map(|it| &it.value));
    below.into_iter().find_map(|it| refused(it, doubled))
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
