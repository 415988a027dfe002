//! The canonical text of a value: equal if the values contain the same data.

use pleach_yaml::{Entry, Kind, Node, View};

/// Keys sorted by bytes, no spaces, strings in quotes, everything else as written.
pub(super) fn canonical(node: &Node) -> String {
    let mut text = String::new();
    write(node, &mut text);
    text
}

fn write(node: &Node, out: &mut String) {
    match node.view() {
        View::Scalar(text) => match node.kind() {
            Kind::Null => out.push_str("null"),
            Kind::String | Kind::Timestamp | Kind::Binary => out.push_str(&format!("{text:?}")),
            _ => out.push_str(text),
        },
        View::Sequence(items) => {
            out.push('[');
            for item in items {
                write(item, out);
                out.push(',');
            }
            out.push(']');
        }
        View::Mapping(entries) => {
            let mut sorted: Vec<&Entry> = entries.iter().collect();
            sorted.sort_by_key(|it| it.key.as_str());
            out.push('{');
            for Entry { key, value } in sorted {
                write(key, out);
                out.push(':');
                write(value, out);
                out.push(',');
            }
            out.push('}');
        }
    }
}
