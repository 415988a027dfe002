//! Filters for configuration files: rendering nested maps, and finding conflicts between two sources.

use minijinja::{Error, Value};

use super::meter::charge;
use super::value::{argument_node as node, from_node};
use crate::diag::Source;
use crate::yaml::{Entry, Mapping, Node, View, parse_one};

/// The maximum depth of XML elements; deeper elements are not read.
const DEPTH_MAX: usize = 64;

/// `map | xml("clickhouse")`: the map as XML, in a root element of this name. A key that begins with `@` is an attribute, and a
/// list repeats its element.
pub(super) fn xml(map: &Value, root: &str) -> Result<String, Error> {
    let mut text = String::new();
    write_element(root, &node(map)?, 0, &mut text);
    charge(text.len())?;
    Ok(text)
}

fn write_element(name: &str, value: &Node, depth: usize, out: &mut String) {
    if let View::Sequence(items) = value.view() {
        items
            .iter()
            .for_each(|it| write_element(name, it, depth, out));
        return;
    }
    let indent = "  ".repeat(depth);
    let entries = value.as_mapping().into_iter().flatten();
    let (attributes, children): (Vec<&Entry>, Vec<&Entry>) =
        entries.partition(|it| key_of(it).starts_with('@'));
    out.push_str(&format!("{indent}<{name}"));
    for attribute in attributes {
        let name = key_of(attribute).trim_start_matches('@');
        let value = escaped(attribute.value.as_str().unwrap_or(""));
        out.push_str(&format!(" {name}=\"{value}\""));
    }
    match value.view() {
        View::Scalar(text) => out.push_str(&format!(">{}</{name}>\n", escaped(text))),
        _ if children.is_empty() => out.push_str("/>\n"),
        _ => {
            out.push_str(">\n");
            for child in children {
                write_element(key_of(child), &child.value, depth + 1, out);
            }
            out.push_str(&format!("{indent}</{name}>\n"));
        }
    }
}

fn key_of(entry: &Entry) -> &str {
    entry.key.as_str().unwrap_or("")
}

fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    text.replace('>', "&gt;").replace('"', "&quot;")
}

/// `files | config_paths("/")`: the settings in XML and YAML files, by their paths below the root element. `files` maps file names
/// to contents; files that cannot be parsed are left out.
pub(super) fn config_paths(files: &Value, separator: &str) -> Result<Value, Error> {
    let mut found = Mapping::new();
    let files = node(files)?;
    for Entry { key, value } in files.as_mapping().into_iter().flatten() {
        let text = value.as_str().unwrap_or("");
        charge(text.len())?;
        let paths = match text.trim_start().starts_with('<') {
            true => xml_paths(text, separator),
            false => yaml_paths(text, separator),
        };
        for (path, setting) in paths {
            charge(path.len())?;
            found.insert(Node::string(path), Node::string(setting).at(key.span()));
        }
    }
    Ok(from_node(&Node::mapping(found)))
}

fn yaml_paths(text: &str, separator: &str) -> Vec<(String, String)> {
    let mut paths = Vec::new();
    if let Ok(node) = parse_one(&Source::internal("file", text)) {
        // The root element may be left out.
        let root = ["clickhouse", "yandex"].iter().find_map(|it| node.get(it));
        leaves(root.unwrap_or(&node), "", separator, &mut paths);
    }
    paths
}

fn leaves(node: &Node, path: &str, separator: &str, into: &mut Vec<(String, String)>) {
    for entry in node.as_mapping().into_iter().flatten() {
        let inner = match path {
            "" => key_of(entry).to_string(),
            path => format!("{path}{separator}{}", key_of(entry)),
        };
        match entry.value.as_mapping() {
            Some(_) => leaves(&entry.value, &inner, separator, into),
            None => into.push((inner, entry.value.as_str().unwrap_or("").to_string())),
        }
    }
}

/// The paths and texts of the elements without children, and the paths of those that replace or remove settings of other files.
fn xml_paths(text: &str, separator: &str) -> Vec<(String, String)> {
    let mut paths = Vec::new();
    // The name of each open element, and whether it has children.
    let mut open: Vec<(&str, bool)> = Vec::new();
    let mut rest = text;
    while let Some((before, tag)) = rest.split_once('<') {
        let content = before.trim();
        let is_comment = tag.strip_prefix("!--");
        let end = if is_comment.is_some() { "-->" } else { ">" };
        let Some((tag, after)) = tag.split_once(end) else {
            break;
        };
        rest = after;
        if tag.starts_with(['!', '?']) || is_comment.is_some() {
            continue;
        }
        let path = |open: &[(&str, bool)]| {
            let names = open.iter().skip(1).map(|it| it.0);
            names.collect::<Vec<_>>().join(separator)
        };
        if tag.starts_with('/') {
            let is_leaf = open.last().is_some_and(|it| !it.1);
            if is_leaf && open.len() > 1 {
                paths.push((path(&open), content.to_string()));
            }
            open.pop();
            continue;
        }
        if let Some(parent) = open.last_mut() {
            parent.1 = true;
        }
        let is_closed = tag.ends_with('/');
        let mut attributes = tag.trim_end_matches('/').split_whitespace();
        open.push((attributes.next().unwrap_or(""), false));
        let replaces = attributes.any(|it| it.starts_with("replace") || it.starts_with("remove"));
        if (is_closed || replaces) && open.len() > 1 {
            paths.push((path(&open), String::new()));
        }
        if is_closed {
            open.pop();
        }
        if open.len() > DEPTH_MAX {
            break;
        }
    }
    paths
}

/// `a | conflicts(b, "/")`: the keys of a flat map that have another value in the other map, or that are above or below one of its
/// keys.
pub(super) fn conflicts(map: &Value, other: &Value, separator: &str) -> Result<Value, Error> {
    let (map, other) = (node(map)?, node(other)?);
    let others = || other.as_mapping().into_iter().flatten();
    let is_below = |above: &str, key: &str| {
        let rest = key.strip_prefix(above);
        rest.is_some_and(|it| it.starts_with(separator))
    };
    let is_conflict = |entry: &&Entry| {
        let key = key_of(entry);
        others().any(|it| match key_of(it) == key {
            true => it.value.as_str() != entry.value.as_str(),
            false => is_below(key_of(it), key) || is_below(key, key_of(it)),
        })
    };
    let entries = map.as_mapping().into_iter().flatten();
    let found = entries.filter(is_conflict).map(|it| {
        let location = if it.value.has_origin() {
            &it.value
        } else {
            &it.key
        };
        Node::string(key_of(it)).at(location.span())
    });
    Ok(from_node(&Node::sequence(found.collect::<Vec<_>>())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Value {
        from_node(&parse_one(&Source::internal("map", text)).unwrap())
    }

    #[test]
    fn elements() {
        let map = value("a: {b: 1 < 2, c: {'@from_env': X}}\nd: [1, 2]\n");
        let text = "<r>\n  <a>\n    <b>1 &lt; 2</b>\n    <c from_env=\"X\"/>\n  </a>\n  <d>1</d>\n  <d>2</d>\n</r>\n";
        assert_eq!(xml(&map, "r").unwrap(), text);
    }

    #[test]
    fn settings_of_files() {
        for text in [
            "<clickhouse><!-- <x>1</x> --><logger><level>debug</level><size/></logger>\n</clickhouse>",
            "logger: {level: debug, size: ''}\n",
            "clickhouse: {logger: {level: debug, size: ''}}\n",
        ] {
            let files = Mapping::from([("f", Node::string(text))]);
            let paths = config_paths(&from_node(&Node::mapping(files)), "/").unwrap();
            assert_eq!(
                paths.to_string(),
                "{'logger/level': 'debug', 'logger/size': ''}"
            );
        }
        let unread = ["<a><b", "<", "</a></a>", "<a/><b/>", "a: [", ""];
        unread.iter().for_each(|it| drop(xml_paths(it, "/")));
    }

    #[test]
    fn settings_of_two_sources() {
        let defaults = value("{a/b: 1, c: 2, d/e/f: 3}");
        let given = value("{a/b: 1, c: 3, d: 1, a/b/c: 1, dd: 1}");
        let found = conflicts(&given, &defaults, "/").unwrap();
        assert_eq!(found.to_string(), "['c', 'd', 'a/b/c']");
    }
}
