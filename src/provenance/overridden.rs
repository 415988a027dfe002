//! Finds values in base that claims of environments replace.

use std::sync::Arc;

use crate::diag::{Source, Span};
use crate::layout::{BASE, Folder};
use crate::tree::{EntryKind, Files, TreePath};
use crate::yaml::{FieldPath, Node, Step, parse};

use super::field::path_in_object;

/// The documents of the claims of `environments/base`.
pub(super) struct BaseClaims(Vec<Node>);

impl BaseClaims {
    pub(super) fn read(files: &dyn Files) -> BaseClaims {
        let mut folders = vec![Folder::Environments.path().child(BASE)];
        let mut documents = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in files.list(&folder).unwrap_or_default() {
                let path = folder.child(&entry.name);
                match entry.kind {
                    EntryKind::Folder => folders.push(path),
                    _ if entry.name.ends_with(".yaml") || entry.name.ends_with(".yml") => {
                        documents.extend(read(files, &path));
                    }
                    _ => {}
                }
            }
        }
        BaseClaims(documents)
    }

    /// The location of the value in base that a value in an environment's claim replaces.
    pub(super) fn replaced_by(&self, location: &Span) -> Option<Span> {
        let documents = parse(location.source()).ok()?;
        let mut path = FieldPath::root();
        let claim = documents.iter().find(|it| {
            path = FieldPath::root();
            find(it, location, &mut path)
        })?;
        let is_same_claim = |other: &&Node| {
            let has_same = |keys: &[&str]| {
                let text = |it: &Node| Some(it.at_keys(keys)?.as_str()?.to_string());
                text(other) == text(claim)
            };
            has_same(&["kind"]) && has_same(&["metadata", "name"])
        };
        let base = self.0.iter().find(is_same_claim)?;
        let node = base.at_path(&path_in_object(claim, base, &path))?;
        node.is_scalar().then(|| node.span().clone())
    }
}

fn read(files: &dyn Files, path: &TreePath) -> Vec<Node> {
    let text = files.read(path).ok();
    let text = text.and_then(|it| String::from_utf8(it.to_vec()).ok());
    let source: Option<Arc<Source>> = text.map(|it| Source::new(path.clone(), it));
    source.and_then(|it| parse(&it).ok()).unwrap_or_default()
}

/// Finds the scalar at a location and appends its path to `path`.
fn find(node: &Node, location: &Span, path: &mut FieldPath) -> bool {
    if node.is_scalar() {
        return node.span().range() == location.range();
    }
    for entry in node.as_mapping().into_iter().flatten() {
        path.push(Step::Key(entry.key.as_str().unwrap_or("").into()));
        if find(&entry.value, location, path) {
            return true;
        }
        path.pop();
    }
    for (at, item) in node.as_sequence().unwrap_or_default().iter().enumerate() {
        path.push(Step::Index(at));
        if find(item, location, path) {
            return true;
        }
        path.pop();
    }
    false
}
