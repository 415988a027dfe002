//! Changes as a unified diff of all applied objects of all environments, for tools that read patches.

use similar::TextDiff;

use super::escape::{is_unprintable, printable, screened};
use crate::compare::{ChangedObject, Comparison};
use crate::yaml::{Node, emit_canonical};

/// The number of context lines.
const CONTEXT: usize = 3;

/// The patch. Objects are files `ENVIRONMENT/GROUP/KIND/NAMESPACE/NAME.yaml`; values of Secrets are hidden.
pub fn changes_patch(comparison: &Comparison) -> String {
    let mut text = String::new();
    // Programs that read patches skip lines before the first header.
    for note in &comparison.notes {
        text.push_str(&format!("# {}\n", printable(&note.message)));
    }
    for environment in &comparison.environments {
        for object in &environment.objects {
            text.push_str(&file(&environment.name, object));
        }
    }
    screened(&text)
}

/// Text with each line made printable.
pub(super) fn lines(text: &str) -> String {
    let lines = text.split_inclusive('\n');
    let line = |it: &str| match it.strip_suffix('\n') {
        Some(it) => format!("{}\n", printable(it)),
        None => printable(it),
    };
    lines.map(line).collect()
}

fn file(environment: &str, object: &ChangedObject) -> String {
    let change = &object.change;
    let path = |node: &Node| {
        let text = |keys: &[&str]| node.at_keys(keys).and_then(Node::as_str).unwrap_or("");
        let group = change.id.group.to_string();
        let namespace = text(&["metadata", "namespace"]).to_string();
        let (kind, name) = (text(&["kind"]).to_string(), text(&["metadata", "name"]));
        let parts = [
            environment.to_string(),
            group,
            kind,
            namespace,
            format!("{name}.yaml"),
        ];
        let parts = parts.into_iter().filter(|it| !it.is_empty());
        let path = parts.collect::<Vec<_>>().join("/");
        path.replace(|it: char| is_unprintable(it) || it == '\\', "_")
    };
    let (before, after) = (change.before.as_ref(), change.after.as_ref());
    let header = |letter: char, node: Option<&Node>| match node {
        Some(node) => format!("{letter}/{}", path(node)),
        None => "/dev/null".to_string(),
    };
    let text = |node: Option<&Node>| lines(&node.map(emit_canonical).unwrap_or_default());
    let (old, new) = (text(before), text(after));
    let diff = TextDiff::from_lines(&old, &new);
    let mut diff = diff.unified_diff();
    diff.context_radius(CONTEXT);
    diff.header(&header('a', before), &header('b', after))
        .to_string()
}
