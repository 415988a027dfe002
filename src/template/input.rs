//! The data that an expression reads, as bytes: the key under which its value is cached.

use minijinja::Value;
use minijinja::value::ValueKind;

use super::value::has_location;
use crate::yaml::{Node, View};

/// Tags at the beginning of an input. The tags of nodes are `INPUT_KIND` plus the kind.
pub(super) const INPUT_MISSING: u8 = 0;
const INPUT_VALUE: u8 = 1;
const INPUT_KIND: u8 = 2;

/// The data that an expression reads. Equal bytes mean equal data: the kinds and texts of scalars, and the existing part of a path.
#[derive(Default)]
pub(super) struct InputData {
    pub(super) bytes: Vec<u8>,
    /// Whether it contains a collection with locations: the same data can have other locations in another claim.
    pub(super) has_locations: bool,
}

impl InputData {
    /// Writes the node at a path below another one. If it does not exist, writes the kind of the last existing node and its depth.
    pub(super) fn write_field(&mut self, node: &Node, fields: &[Box<str>]) {
        let mut node = node;
        for (at, field) in fields.iter().enumerate() {
            match node.get(field) {
                Some(next) => node = next,
                None => {
                    let kind = INPUT_KIND + node.kind() as u8;
                    self.bytes.extend([INPUT_MISSING, kind]);
                    return self.write_length(at);
                }
            }
        }
        self.has_locations |= !node.is_scalar() && has_location(node);
        self.write_node(node);
    }

    fn write_node(&mut self, node: &Node) {
        self.bytes.push(INPUT_KIND + node.kind() as u8);
        match node.view() {
            View::Scalar(text) => self.write_text(text),
            View::Sequence(items) => {
                self.write_length(items.len());
                items.iter().for_each(|it| self.write_node(it));
            }
            View::Mapping(mapping) => {
                self.write_length(mapping.len());
                for entry in mapping {
                    self.write_node(&entry.key);
                    self.write_node(&entry.value);
                }
            }
        }
    }

    /// Writes a value that is not a collection of a claim, and the number of fields that are read from it.
    pub(super) fn write_value(&mut self, value: &Value, fields: usize) {
        let kind = value.kind();
        self.has_locations |= matches!(kind, ValueKind::Map | ValueKind::Seq | ValueKind::Iterable);
        self.bytes.extend([INPUT_VALUE, kind as u8]);
        self.write_length(fields);
        match value.as_str() {
            Some(text) => self.write_text(text),
            None => self.write_text(&value.to_string()),
        }
    }

    fn write_text(&mut self, text: &str) {
        self.write_length(text.len());
        self.bytes.extend_from_slice(text.as_bytes());
    }

    fn write_length(&mut self, length: usize) {
        self.bytes.extend_from_slice(&length.to_le_bytes());
    }
}
