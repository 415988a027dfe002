//! Changes of single values in a text: each case has the text, the changes in order, and the resulting text.

use std::sync::Arc;

use pleach::diag::{Diagnostics, Source};
use pleach::tree::{Tree, TreePath};
use pleach::yaml::{FieldPath, Node, Step, parse_one, remove_from_text, set_in_text};

pub(crate) fn make(tree: &mut Tree) {
    let path = |name: &str| TreePath::new(name).unwrap();
    let text = |name: &str| String::from_utf8(tree.get(&path(name)).unwrap().to_vec()).unwrap();
    let changes = parse_one(&Source::new(path("changes.yaml"), text("changes.yaml"))).unwrap();
    let mut edited = text("before.yaml");
    let mut faults = String::new();
    for change in changes.as_sequence().unwrap() {
        match apply(&Source::new(path("before.yaml"), edited.as_str()), change) {
            Ok(text) => edited = text,
            Err(found) => found
                .iter()
                .for_each(|it| faults.push_str(&format!("{}\n", it.message))),
        }
    }
    tree.insert(path("after.yaml"), edited.into_bytes());
    if !faults.is_empty() {
        tree.insert(path("faults.txt"), faults.into_bytes());
    }
}

/// Applies `{at: [spec, list, 0], set: value}` or `{at: …, remove: true}`; `document` defaults to 0.
fn apply(source: &Arc<Source>, change: &Node) -> Result<String, Diagnostics> {
    let steps = change.get("at").and_then(Node::as_sequence).unwrap();
    let mut path = FieldPath::root();
    for step in steps {
        path.push(match step.as_int() {
            Some(at) => Step::Index(usize::try_from(at).unwrap()),
            None => Step::Key(step.as_str().unwrap().into()),
        });
    }
    let document = change.get("document").and_then(Node::as_int).unwrap_or(0);
    let document = usize::try_from(document).unwrap();
    match change.get("set") {
        Some(value) => set_in_text(source, document, &path, value),
        None => remove_from_text(source, document, &path),
    }
}
