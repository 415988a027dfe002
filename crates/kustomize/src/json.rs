//! JSON in the format of Go's encoder: sorted keys, and escaped HTML characters.

use pleach_yaml::{Kind, Node, View};

/// A value as JSON: on one line, or with an indentation.
pub(super) fn write(node: &Node, indent: Option<usize>) -> String {
    let mut writer = Writer {
        text: String::new(),
        indent,
    };
    writer.value(node, 0);
    writer.text
}

struct Writer {
    text: String,
    indent: Option<usize>,
}

impl Writer {
    fn value(&mut self, node: &Node, depth: usize) {
        match node.view() {
            View::Scalar(text) => match node.kind() {
                Kind::Null => self.text.push_str("null"),
                Kind::Bool => self.text.push_str(if node.as_bool() == Some(true) {
                    "true"
                } else {
                    "false"
                }),
                Kind::Int | Kind::Float => self.number(node, text),
                _ => self.string(text),
            },
            View::Sequence(items) => {
                self.text.push('[');
                for (at, item) in items.iter().enumerate() {
                    self.separate(at, depth + 1);
                    self.value(item, depth + 1);
                }
                self.close(items.is_empty(), depth, ']');
            }
            View::Mapping(mapping) => {
                let entries = mapping
                    .iter()
                    .map(|it| (it.key.as_str().unwrap_or(""), &it.value));
                let mut entries: Vec<(&str, &Node)> = entries.collect();
                // Go writes maps in the order of their keys' bytes, and the hash of a ConfigMap
                // depends on it.
                entries.sort_by_key(|it| it.0);
                self.text.push('{');
                for (at, (key, value)) in entries.iter().enumerate() {
                    self.separate(at, depth + 1);
                    self.string(key);
                    self.text
                        .push_str(if self.indent.is_some() { ": " } else { ":" });
                    self.value(value, depth + 1);
                }
                self.close(entries.is_empty(), depth, '}');
            }
        }
    }

    fn separate(&mut self, at: usize, depth: usize) {
        if at > 0 {
            self.text.push(',');
        }
        self.break_line(depth);
    }

    fn close(&mut self, empty: bool, depth: usize, end: char) {
        if !empty {
            self.break_line(depth);
        }
        self.text.push(end);
    }

    fn break_line(&mut self, depth: usize) {
        if let Some(indent) = self.indent {
            self.text.push('\n');
            self.text.extend(std::iter::repeat_n(' ', indent * depth));
        }
    }

    fn number(&mut self, node: &Node, text: &str) {
        match (node.as_int_wide(), node.as_float()) {
            // Go has parsed the number, so it is always written in decimal.
            (Some(value), _) => self.text.push_str(&value.to_string()),
            (None, Some(value)) => self.text.push_str(&float(value)),
            // Infinities and NaN, which JSON cannot represent.
            (None, None) => self.text.push_str(text),
        }
    }

    fn string(&mut self, text: &str) {
        self.text.push('"');
        for char in text.chars() {
            match char {
                '"' => self.text.push_str("\\\""),
                '\\' => self.text.push_str("\\\\"),
                '\n' => self.text.push_str("\\n"),
                '\r' => self.text.push_str("\\r"),
                '\t' => self.text.push_str("\\t"),
                '\u{8}' => self.text.push_str("\\b"),
                '\u{c}' => self.text.push_str("\\f"),
                // `encoding/json` escapes HTML by default, and kustomize does not turn it off: the
                // hash covers `\u003c`, not `<`.
                '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..'\u{20}' => {
                    self.text.push_str(&format!("\\u{:04x}", u32::from(char)));
                }
                char => self.text.push(char),
            }
        }
        self.text.push('"');
    }
}

/// The shortest digits, with an exponent below 1e-6 and from 1e21.
fn float(value: f64) -> String {
    let magnitude = value.abs();
    // The bounds are those of ECMAScript, which Go's encoder follows.
    if magnitude != 0.0 && !(1e-6..1e21).contains(&magnitude) {
        let text = format!("{value:e}");
        return match text.split_once('e') {
            Some((digits, exponent)) if !exponent.starts_with('-') => {
                format!("{digits}e+{exponent}")
            }
            _ => text,
        };
    }
    value.to_string()
}
