//! Strategic merge, as in kustomize.
//!
//! The merge visits the whole object, not only the fields of the patch: any patch drops items of keyed lists without a key or with
//! a duplicate one, and keys without a value. An added value is merged with itself, which removes its nulls and directives. As in
//! kustomize, `$retainKeys`, `$setElementOrder` and `$deleteFromPrimitiveList` of kubectl are plain data.
//!
//! As in go-yaml, a scalar has a text, a tag and a style, and only the tag determines whether it is null. A new value takes the
//! style of the old one, so a number becomes a string if the old value was quoted; a plain string that has another type in YAML 1.1
//! gets quotes.

use std::cell::RefCell;
use std::collections::BTreeMap;

use super::comments::Commented;
use super::lists;
use crate::object::Gvk;
use crate::schema::{ListRule, Schemas, TypeRef};
use pleach_yaml::diag::{Diagnostic, Diagnostics};
use pleach_yaml::{Entry, Kind, Mapping, Node, View};

/// The result of a merge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// The node is merged.
    Merged,
    /// The patch deletes it; the node is unchanged.
    Deleted,
}

/// Merges a patch into an object of the kind `gvk`.
///
/// Both must have explicit types (see [`Node::declare_types`]). The caller must ensure that a patch changes neither kind nor name nor
/// namespace. After an error, the target is partly merged.
pub fn strategic(
    target: &mut Node,
    patch: &Node,
    schemas: &Schemas,
    gvk: &Gvk,
) -> Result<Applied, Diagnostic> {
    strategic_with_warnings(target, patch, schemas, gvk, &mut Diagnostics::default())
}

/// Like [`strategic`], with warnings about items that the merge drops silently. Code: `lost-items`.
pub fn strategic_with_warnings(
    target: &mut Node,
    patch: &Node,
    schemas: &Schemas,
    gvk: &Gvk,
    warnings: &mut Diagnostics,
) -> Result<Applied, Diagnostic> {
    match directive(patch)? {
        Some(Directive::Delete) => return Ok(Applied::Deleted),
        // kustomize ignores a replaced root and continues with the old one (case `replaced-item`).
        Some(Directive::Replace) => return Ok(Applied::Merged),
        _ => {}
    }
    let commented = Commented::read([target, patch], schemas);
    let merge = Merge {
        schemas: commented.as_ref().map_or(schemas, |it| &it.schemas),
        commented: commented.as_ref(),
        warnings: RefCell::default(),
    };
    merge.merge(target, Some(patch), schemas.type_of(gvk))?;
    warnings.extend(merge.warnings.into_inner());
    Ok(Applied::Merged)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Directive {
    Delete,
    Replace,
    Merge,
}

pub(super) const DIRECTIVE: &str = "$patch";

impl Directive {
    fn read(node: &Node) -> Result<Directive, Diagnostic> {
        match node.as_str().unwrap_or("") {
            "delete" => Ok(Directive::Delete),
            "replace" => Ok(Directive::Replace),
            "merge" => Ok(Directive::Merge),
            other => Err(Diagnostic::error(
                "patch-directive",
                format!("unknown patch directive `{other}`"),
            )
            .at(node)
            .help("set `$patch` to `delete`, `replace` or `merge`")),
        }
    }
}

/// The directives of a map of the patch.
fn directive(patch: &Node) -> Result<Option<Directive>, Diagnostic> {
    patch.get(DIRECTIVE).map(Directive::read).transpose()
}

/// The directive of a list in the patch: its first item with `$patch`, if that has no other key.
pub(super) fn list_directive(items: &[Node]) -> Result<Option<Directive>, Diagnostic> {
    let Some(item) = items.iter().find(|it| it.get(DIRECTIVE).is_some()) else {
        return Ok(None);
    };
    if item.as_mapping().is_some_and(|it| it.len() > 1) {
        return Ok(None);
    }
    directive(item)
}

/// Removes the items with the directive, and empty ones.
fn without_directive(items: &[Node], directive: Directive) -> Vec<Node> {
    let holds = |it: &Node| {
        it.get(DIRECTIVE)
            .is_some_and(|it| Directive::read(it).ok() == Some(directive))
    };
    let is_empty =
        |it: &Node| it.is_tagged_null() || it.as_mapping().is_some_and(Mapping::is_empty);
    let kept = items.iter().filter(|it| !holds(it) && !is_empty(it));
    kept.cloned().collect()
}

pub(super) struct Merge<'a> {
    pub(super) schemas: &'a Schemas,
    pub(super) commented: Option<&'a Commented>,
    /// The items that the merge drops silently.
    pub(super) warnings: RefCell<Vec<Diagnostic>>,
}

impl Merge<'_> {
    /// Merges into an existing value; false if it is removed.
    pub(super) fn merge(
        &self,
        target: &mut Node,
        patch: Option<&Node>,
        of: Option<TypeRef>,
    ) -> Result<bool, Diagnostic> {
        let patch = match patch {
            // Any patch removes `key:`, but not `key: null`.
            None if target.is_tagged_null() => return Ok(target.as_str() != Some("")),
            None => None,
            Some(patch) if patch.is_tagged_null() => return Ok(false),
            Some(patch) if target.is_tagged_null() => return self.put(target, patch, of),
            Some(patch) => Some(patch),
        };
        // kyaml compares the types of nodes first, and rejects merging a map into a list.
        if let Some(patch) = patch.filter(|it| shape(it) != shape(target)) {
            return Err(wrong_kind(target, patch));
        }
        match target.kind() {
            Kind::Mapping => self.merge_map(target, patch, of),
            Kind::Sequence => self.merge_list(target, patch, of),
            _ => {
                if let Some(patch) = patch {
                    // go-yaml keeps the style of the node in the object, not that of the patch.
                    *target = patch.clone().styled(target.style());
                }
                Ok(true)
            }
        }
    }

    fn merge_map(
        &self,
        target: &mut Node,
        patch: Option<&Node>,
        of: Option<TypeRef>,
    ) -> Result<bool, Diagnostic> {
        match patch.map(directive).transpose()?.flatten() {
            Some(Directive::Delete) => return Ok(false),
            Some(Directive::Replace) => {
                // Not merged, but the directive itself and nulls are removed, as for a new value.
                return patch.map_or(Ok(true), |it| self.put(target, it, of));
            }
            _ => {}
        }
        let of = self.type_of(of, [Some(&*target), patch]);
        take_style(target, patch);
        let span = target.span().clone();
        let Some(entries) = target.as_mapping_mut() else {
            return Ok(true);
        };
        let mut pending: BTreeMap<&str, &Entry> = BTreeMap::new();
        for entry in patch.and_then(Node::as_mapping).into_iter().flatten() {
            pending.insert(entry.key.as_str().unwrap_or(""), entry);
        }
        // Directives are already processed, so in a nested object this key is data.
        pending.remove(DIRECTIVE);
        // kyaml treats the empty name as missing, so its output would be wrong.
        if pending.contains_key("") || entries.contains_key("") {
            return Err(empty_key().at(patch.map_or(span, |it| it.span().clone())));
        }
        // `retain_mut` cannot return early, so the first error is stored.
        let mut fault = None;
        entries.retain_mut(|entry| {
            let key = entry.key.as_str().unwrap_or("");
            let patch = pending.remove(key);
            let of = self.field(of, &entry.key, patch.map(|it| &it.key));
            let patch = patch.map(|it| &it.value);
            if patch.is_none() {
                entry.value.quote_as_field();
            }
            self.merge(&mut entry.value, patch, of)
                .unwrap_or_else(|it| {
                    fault.get_or_insert(it);
                    true
                })
        });
        if let Some(fault) = fault {
            return Err(fault);
        }
        if !pending.is_empty() {
            self.append_new(entries, patch, pending, of)?;
        }
        Ok(true)
    }

    /// Adds the keys that only the patch has after the old ones, in the order of the patch.
    fn append_new(
        &self,
        entries: &mut Mapping,
        patch: Option<&Node>,
        mut pending: BTreeMap<&str, &Entry>,
        of: Option<TypeRef>,
    ) -> Result<(), Diagnostic> {
        for entry in patch.and_then(Node::as_mapping).into_iter().flatten() {
            let key = entry.key.as_str().unwrap_or("");
            if let Some(new) = pending.remove(key) {
                let of = self.field(of, &entry.key, None);
                if let Some(mut value) = self.added(&new.value, of)? {
                    value.quote_as_field();
                    entries.push(entry.key.clone(), value);
                }
            }
        }
        Ok(())
    }

    fn merge_list(
        &self,
        target: &mut Node,
        patch: Option<&Node>,
        of: Option<TypeRef>,
    ) -> Result<bool, Diagnostic> {
        take_style(target, patch);
        let keys = match self.schemas.list_rule(of) {
            ListRule::Replace => {
                if let Some(patch) = patch {
                    *target = patch.clone().styled(target.style());
                }
                return Ok(true);
            }
            ListRule::MergeBy(keys) => keys,
            // In a list of scalars such as `finalizers`, the text of an item is its key.
            ListRule::Unite => &[],
        };
        let items = patch.and_then(Node::as_sequence);
        let directive = items.map(list_directive).transpose()?.flatten();
        let items = match (directive, items) {
            (Some(it), Some(items)) => Some(without_directive(items, it)),
            (_, items) => items.map(<[Node]>::to_vec),
        };
        let of = of.and_then(|of| self.schemas.items(of));
        match directive {
            Some(Directive::Delete) => Ok(false),
            Some(Directive::Replace) => {
                let items = lists::own(self, items.unwrap_or_default(), keys, of)?;
                let made = Node::sequence(items).at(patch.unwrap_or(target).span());
                *target = made.styled(target.style());
                Ok(true)
            }
            _ => {
                if let Some(location) = target.as_sequence_mut() {
                    let old = std::mem::take(location);
                    *location = lists::merge(self, old, items, keys, of)?;
                }
                Ok(true)
            }
        }
    }

    /// Replaces an old value by that of the patch, with the old style. Returns false if the value is removed.
    fn put(
        &self,
        target: &mut Node,
        patch: &Node,
        of: Option<TypeRef>,
    ) -> Result<bool, Diagnostic> {
        let added = self.added(patch, of)?;
        let kept = added.is_some();
        if let Some(added) = added {
            *target = added.styled(target.style());
        }
        Ok(kept)
    }

    /// Additions of the patch that the object does not have.
    pub(super) fn added(
        &self,
        patch: &Node,
        of: Option<TypeRef>,
    ) -> Result<Option<Node>, Diagnostic> {
        let mut node = patch.clone();
        match patch.view() {
            View::Scalar(_) if patch.is_tagged_null() => return Ok(None),
            View::Scalar(_) => {}
            View::Mapping(_) => {
                // Without an old value, an unknown directive is data.
                match directive(patch) {
                    Ok(Some(Directive::Delete)) => return Ok(None),
                    Ok(Some(_)) => strip(&mut node),
                    _ => {}
                }
                self.own_fields(&mut node, of)?;
            }
            View::Sequence(_) => self.own_items(&mut node, of)?,
        }
        Ok(Some(node))
    }

    /// Merges a value with itself. Returns false if it is removed.
    pub(super) fn own(&self, node: &mut Node, of: Option<TypeRef>) -> Result<bool, Diagnostic> {
        match node.kind() {
            _ if node.is_tagged_null() => return Ok(false),
            Kind::Mapping => {
                let directive = directive(node)?;
                if directive.is_some() {
                    strip(node);
                }
                if directive == Some(Directive::Delete) {
                    return Ok(false);
                }
                self.own_fields(node, of)?;
            }
            Kind::Sequence if self.schemas.list_rule(of) != ListRule::Replace => {
                let directive = list_directive(node.as_sequence().unwrap_or_default())?;
                if directive == Some(Directive::Delete) {
                    return Ok(false);
                }
                if let (Some(directive), Some(items)) = (directive, node.as_sequence_mut()) {
                    *items = without_directive(items, directive);
                }
                self.own_items(node, of)?;
            }
            _ => {}
        }
        Ok(true)
    }

    fn own_fields(&self, node: &mut Node, of: Option<TypeRef>) -> Result<(), Diagnostic> {
        let of = self.type_of(of, [Some(&*node), None]);
        let span = node.span().clone();
        let Some(entries) = node.as_mapping_mut() else {
            return Ok(());
        };
        if entries.contains_key("") {
            return Err(empty_key().at(span));
        }
        let mut fault = None;
        entries.retain_mut(|entry| {
            let of = self.field(of, &entry.key, None);
            entry.value.quote_as_field();
            self.own(&mut entry.value, of).unwrap_or_else(|it| {
                fault.get_or_insert(it);
                true
            })
        });
        fault.map_or(Ok(()), Err)
    }

    fn own_items(&self, node: &mut Node, of: Option<TypeRef>) -> Result<(), Diagnostic> {
        let keys = match self.schemas.list_rule(of) {
            // In kyaml, a list that is replaced as a whole is data: its nulls and directives are kept.
            ListRule::Replace => return Ok(()),
            ListRule::MergeBy(keys) => keys,
            ListRule::Unite => &[],
        };
        if let Some(items) = node.as_sequence_mut() {
            let old = std::mem::take(items);
            *items = lists::own(self, old, keys, of.and_then(|of| self.schemas.items(of)))?;
        }
        Ok(())
    }

    /// The type of a key's value, from a comment or otherwise from the type of the map.
    fn field(&self, of: Option<TypeRef>, key: &Node, patch_key: Option<&Node>) -> Option<TypeRef> {
        let keys = [Some(key), patch_key].into_iter().flatten();
        let own = self
            .commented
            .and_then(|it| keys.into_iter().find_map(|key| it.type_of(key)));
        own.or_else(|| self.schemas.field(of?, key.as_str().unwrap_or("")))
    }

    /// If no type is known, a nested object has its own.
    pub(super) fn type_of(
        &self,
        of: Option<TypeRef>,
        nodes: [Option<&Node>; 2],
    ) -> Option<TypeRef> {
        of.or_else(|| {
            nodes.into_iter().flatten().find_map(|node| {
                let text = |key| {
                    node.get(key)
                        .filter(|it| !it.is_tagged_null())
                        .and_then(Node::as_str)
                };
                let gvk = Gvk::new(text("apiVersion")?, text("kind")?);
                self.schemas.type_of(&gvk)
            })
        })
    }
}

pub(super) fn strip(node: &mut Node) {
    if let Some(entries) = node.as_mapping_mut() {
        entries.remove(DIRECTIVE);
    }
}

/// An empty collection takes the style of the patch.
fn take_style(target: &mut Node, patch: Option<&Node>) {
    if let Some(patch) = patch.filter(|_| target.is_empty_collection()) {
        target.set_style(patch.style());
    }
}

/// Scalar, list or map.
fn shape(node: &Node) -> u8 {
    match node.view() {
        View::Scalar(_) => 0,
        View::Sequence(_) => 1,
        View::Mapping(_) => 2,
    }
}

pub(super) fn wrong_kind(target: &Node, patch: &Node) -> Diagnostic {
    let (is, wants) = (target.kind().description(), patch.kind().description());
    Diagnostic::error(
        "patch-wrong-kind",
        format!("the patch has {wants} where the object has {is}"),
    )
    .at(patch)
    .related(target.span(), "the object's value")
    .help("use a JSON 6902 patch: a strategic merge patch cannot change the type of a value")
}

fn empty_key() -> Diagnostic {
    Diagnostic::error(
        "patch-empty-key",
        "a strategic merge patch cannot contain a map with an empty key",
    )
    .help("use a JSON 6902 patch")
}
