//! Computes the patch from one object to another.
//!
//! The normal form is a strategic merge patch, which only contains changes. If that is not possible, or would repeat unchanged
//! values, the patch is JSON 6902. Each patch is verified by applying it to the object in the claims form, so an unexpected
//! limitation of kustomize's merge can only affect the form of the patch, not the result.

use super::draft::draft;
use super::json6902::json6902;
use super::operations::operations;
use super::same::{as_emitted, is_rounded, same};
use super::strategic::{Applied, strategic};
use crate::object::Object;
use crate::schema::Schemas;
use pleach_yaml::diag::Diagnostic;
use pleach_yaml::{Node, View};

/// A patch for one object.
#[derive(Clone, Debug)]
pub enum Patch {
    /// A strategic merge patch with the identity of its object, so it needs no target.
    Strategic(Node),
    /// A list of operations, which needs a target.
    Json6902(Node),
}

/// The patch from one object to another with the same identity; `None` if nothing changes.
///
/// The order of list items matters, the order of keys does not. Values keep their spans in `after`.
/// Errors: `patch-impossible`, at the value that cannot be patched.
pub fn between(
    before: &Object,
    after: &Object,
    schemas: &Schemas,
) -> Result<Option<Patch>, Diagnostic> {
    if same(&before.node, &after.node) {
        return Ok(None);
    }
    if let Some(key) = merge_key(&after.node).or_else(|| merge_key(&before.node)) {
        return Err(impossible("a patch cannot contain a key `<<`").at(key));
    }
    let makes_after = |patch: &Patch| {
        let mut node = as_emitted(&before.node);
        // As in kustomize, every scalar of the base has a tag.
        node.declare_types();
        let applied = match patch {
            Patch::Strategic(it) => {
                let mut patch = it.clone();
                patch.declare_types();
                strategic(&mut node, &patch, schemas, &before.gvk())
            }
            Patch::Json6902(it) => json6902(&mut node, it).map(|()| Applied::Merged),
        };
        matches!(applied, Ok(Applied::Merged)) && same(&node, &after.node)
    };
    let draft = draft(before, after, schemas);
    let is_natural = draft.as_ref().is_some_and(|it| it.is_natural);
    let merge = draft.map(|it| Patch::Strategic(it.patch));
    // Operations are also used if a merge would depend on quotes in the base or repeat many values.
    let (natural, other) = if is_natural {
        (merge, None)
    } else {
        (None, merge)
    };
    let operations = || Patch::Json6902(operations(&before.node, &after.node));
    let candidates = natural
        .into_iter()
        .chain(std::iter::once_with(operations))
        .chain(other);
    let mut candidates = candidates.filter(makes_after);
    candidates
        .next()
        .map(Some)
        .ok_or_else(|| why(before, after))
}

fn impossible(message: impl Into<String>) -> Diagnostic {
    Diagnostic::error("patch-impossible", message)
        .help("use the same value in base and the environment, or exclude the object from base")
}

fn why(before: &Object, after: &Object) -> Diagnostic {
    if let Some(node) = big_number(&after.node).or_else(|| big_number(&before.node)) {
        let message = format!(
            "the change of {} requires a JSON 6902 patch, which would round this number",
            after.id()
        );
        return impossible(message).at(node).label("above 2^53");
    }
    if before.id() != after.id() {
        let message = format!("a patch cannot change {} to {}", before.id(), after.id());
        return impossible(message).at(after.span());
    }
    impossible(format!(
        "the change of {} cannot be expressed as a patch",
        after.id()
    ))
    .at(after.span())
}

/// The first key `<<` that is not a merge key: kustomize would treat it as one.
pub fn merge_key(node: &Node) -> Option<&Node> {
    match node.view() {
        View::Scalar(_) => None,
        View::Sequence(items) => items.iter().find_map(merge_key),
        View::Mapping(entries) => entries.iter().find_map(|it| {
            let here = (it.key.as_str() == Some("<<")).then_some(&it.key);
            here.or_else(|| merge_key(&it.value))
        }),
    }
}

/// The first whole number that a float cannot represent.
fn big_number(node: &Node) -> Option<&Node> {
    match node.view() {
        View::Scalar(_) => is_rounded(node).then_some(node),
        View::Sequence(items) => items.iter().find_map(big_number),
        View::Mapping(entries) => entries.iter().find_map(|it| big_number(&it.value)),
    }
}
