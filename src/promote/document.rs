//! The document that receives the values: the environment's own document of a claim, or a new one.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Difference, Step};
use crate::diag::{Class, Diagnostic, Diagnostics, Source};
use crate::layout::Folder;
use crate::load::{ClaimKind, normalize_field_names};
use crate::resolve::Written;
use crate::tree::{Files, TreePath};
use crate::yaml::{
    self, FieldPath, Mapping, Node, emit_canonical, parse, remove_from_text, set_in_text,
};

/// Sets the values of `differences` in the document of `target`. `texts` contains the files that earlier claims have changed.
pub(super) fn write(
    files: &dyn Files,
    texts: &mut BTreeMap<TreePath, String>,
    environment: &str,
    target: &Written<'_>,
    differences: &[Difference],
) -> Result<(), Diagnostics> {
    if differences.is_empty() {
        return Ok(());
    }
    let path = match target.own {
        Some(own) => own.node.span().path().clone(),
        None => own_file(environment, target.name),
    };
    let text = match texts.get(&path) {
        Some(text) => Some(text.clone()),
        None => read(files, &path)?,
    };
    let mut draft = match (target.own, text) {
        (Some(own), Some(text)) => {
            let start = own.node.span().range().start;
            let source = own.node.span().source().clone();
            let number = parse(&source)?
                .iter()
                .position(|it| it.span().range().start == start);
            Draft {
                path: &path,
                kind: target.kind,
                text,
                number: number.unwrap_or(0),
            }
        }
        (_, text) => Draft::new_document(&path, target, text.unwrap_or_default())?,
    };
    for difference in differences {
        draft.apply(difference, target.base.map(|it| &it.node))?;
    }
    texts.insert(path.clone(), draft.text);
    Ok(())
}

/// The path of a new file for a claim that the environment so far only has from base.
fn own_file(environment: &str, claim: &str) -> TreePath {
    let folder = Folder::Environments.path().child(environment);
    folder.child(&format!("{claim}.yaml"))
}

fn read(files: &dyn Files, path: &TreePath) -> Result<Option<String>, Diagnostic> {
    if !matches!(files.kind(path), Ok(Some(_))) {
        return Ok(None);
    }
    let unreadable = |why: String| {
        Diagnostic::error("unreadable-file", format!("`{path}`: {why}")).class(Class::Unreadable)
    };
    let bytes = files.read(path).map_err(|it| unreadable(it.to_string()))?;
    match str::from_utf8(&bytes) {
        Ok(text) => Ok(Some(text.to_string())),
        Err(_) => Err(unreadable("is not valid UTF-8".to_string())),
    }
}

/// A text that is being changed, and the index of the document.
struct Draft<'a> {
    path: &'a TreePath,
    kind: &'a Arc<ClaimKind>,
    text: String,
    number: usize,
}

impl<'a> Draft<'a> {
    /// A new document, which only identifies the claim.
    fn new_document(
        path: &'a TreePath,
        target: &'a Written<'_>,
        text: String,
    ) -> Result<Draft<'a>, Diagnostics> {
        let number = parse(&Source::new(path.clone(), text.as_str()))?.len();
        let known = |key: &str| target.node.get(key).cloned().unwrap_or_else(Node::null);
        let head = Mapping::from([
            ("apiVersion", known("apiVersion")),
            ("kind", known("kind")),
            (
                "metadata",
                Node::mapping([("name", Node::string(target.name))]),
            ),
        ]);
        let head = emit_canonical(&Node::mapping(head));
        let text = match text.trim_end() {
            "" => head,
            before => format!("{before}\n---\n{head}"),
        };
        Ok(Draft {
            path,
            kind: target.kind,
            text,
            number,
        })
    }

    fn apply(&mut self, difference: &Difference, base: Option<&Node>) -> Result<(), Diagnostics> {
        let source = Source::new(self.path.clone(), self.text.as_str());
        let documents = parse(&source)?;
        let Some(raw) = documents.get(self.number) else {
            return Ok(());
        };
        let mut normal = raw.clone();
        normalize_field_names(&mut normal, self.kind, &mut Diagnostics::default());
        let (path, missing) = as_written(raw, &normal, &difference.steps);
        self.text = match &difference.from {
            Some(value) => {
                let value = new_item(missing, value);
                set_in_text(&source, self.number, &path, &value)?
            }
            // Null removes a value of base. A value that only this document sets is deleted instead.
            None if base.is_some_and(|it| sets_value(it, &difference.steps)) => {
                set_in_text(&source, self.number, &path, &Node::null())?
            }
            None => remove_from_text(&source, self.number, &path)?,
        };
        Ok(())
    }
}

/// The path as the document spells it, down to the field, or to the end of a list that does not have the item yet; and the
/// remaining steps from that item on.
fn as_written<'s>(raw: &Node, normal: &Node, steps: &'s [Step]) -> (FieldPath, &'s [Step]) {
    let mut path = FieldPath::root();
    let (mut raw, mut normal) = (Some(raw), Some(normal));
    for (done, step) in steps.iter().enumerate() {
        match step {
            Step::Key(key) => {
                let at = normal.and_then(|it| it.as_mapping()?.position(key));
                let entry = at.and_then(|at| raw?.as_mapping()?.as_slice().get(at));
                let spelled = entry.and_then(|it| it.key.as_str()).unwrap_or(key);
                path.push(yaml::Step::Key(spelled.into()));
                (raw, normal) = (entry.map(|it| &it.value), normal.and_then(|it| it.get(key)));
            }
            Step::Item(keys) => {
                let items = normal.and_then(Node::as_sequence).unwrap_or_default();
                let at = items.iter().position(|it| is_item(it, keys));
                path.push(yaml::Step::Index(at.unwrap_or(items.len())));
                let Some(at) = at else {
                    return (path, steps.get(done..).unwrap_or_default());
                };
                (raw, normal) = (raw.and_then(|it| it.as_sequence()?.get(at)), items.get(at));
            }
        }
    }
    (path, &[])
}

fn is_item(item: &Node, keys: &[(String, String)]) -> bool {
    let is = |(key, value): &(String, String)| item.get(key).and_then(Node::as_str) == Some(value);
    keys.iter().all(is)
}

/// The value of a new item, with the keys that identify it.
fn new_item(missing: &[Step], value: &Node) -> Node {
    let steps = missing.iter().enumerate().rev();
    steps.fold(value.clone(), |value, (at, step)| {
        let mut mapping = Mapping::new();
        match step {
            Step::Key(key) => drop(mapping.insert(key.as_str(), value)),
            Step::Item(keys) => {
                for (key, text) in keys {
                    mapping.insert(key.as_str(), Node::string(text.as_str()));
                }
                for entry in value.as_mapping().into_iter().flatten() {
                    mapping.insert(entry.key.clone(), entry.value.clone());
                }
            }
        }
        let is_item = matches!(step, Step::Item(_)) && at > 0;
        let node = Node::mapping(mapping);
        if is_item {
            Node::sequence([node])
        } else {
            node
        }
    })
}

/// Whether a document sets a value at these steps.
fn sets_value(node: &Node, steps: &[Step]) -> bool {
    let mut node = Some(node);
    for step in steps {
        node = match step {
            Step::Key(key) => node.and_then(|it| it.get(key)),
            Step::Item(keys) => node.and_then(|it| {
                let mut items = it.as_sequence()?.iter();
                items.find(|it| is_item(it, keys))
            }),
        };
    }
    node.is_some()
}
