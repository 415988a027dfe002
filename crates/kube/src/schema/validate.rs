//! Validates a node against a schema and reports all errors at once.

use std::collections::BTreeMap;

use super::faults::{self, json_kind};
use super::format::is_quantity;
use super::structural::{Flags, Format, Limits, ListType, Logic, Range, Schema, Types};
use super::trail::Trail;
use pleach_yaml::diag::Diagnostic;
use pleach_yaml::{Entry, Kind, Mapping, Node, Style, Tag, View, resolve};

/// All errors of a node, in the order of the text.
///
/// `root` is the name of the node itself, for example its kind. A `null` for a key that does not allow it counts as missing, as in
/// the API server. Codes: `unknown-field`, `missing-field`, `wrong-type`, `invalid-value`.
pub fn validate(node: &Node, schema: &Schema, root: &str) -> Vec<Diagnostic> {
    let mut walk = Walk {
        root,
        faults: Vec::new(),
        flags: schema.flags,
        strict: true,
    };
    walk.node(node, schema, &Trail::ROOT);
    walk.faults
}

struct Walk<'a> {
    root: &'a str,
    faults: Vec<Diagnostic>,
    /// The flags of the root schema.
    flags: Flags,
    /// Whether unknown fields are errors: not within `allOf` and similar keywords, which only add constraints on known ones.
    strict: bool,
}

impl Walk<'_> {
    fn node(&mut self, node: &Node, schema: &Schema, trail: &Trail<'_>) {
        if node.is_null() && schema.flags.nullable {
            return;
        }
        if !self.has_type(node, schema) {
            return self
                .faults
                .push(faults::wrong_type(self.root, node, schema, trail));
        }
        match node.view() {
            View::Mapping(mapping) => self.mapping(node, mapping, schema, trail),
            View::Sequence(items) => self.sequence(items, schema, trail),
            View::Scalar(text) => self.scalar(node, text, schema, trail),
        }
        if let Some(limits) = &schema.limits {
            self.limits(node, schema, limits, trail);
        }
        if let Some(logic) = &schema.logic {
            self.logic(node, logic, trail);
        }
    }

    fn has_type(&self, node: &Node, schema: &Schema) -> bool {
        let kind = json_kind(node);
        let number = matches!(kind, Kind::Int | Kind::Float);
        let enumerated = || self.by_number(schema) && kind == Kind::Int;
        match schema.types {
            Types::Any => kind != Kind::Null,
            Types::Object => kind == Kind::Mapping,
            Types::Array => kind == Kind::Sequence,
            Types::Boolean => kind == Kind::Bool,
            Types::String => kind == Kind::String || enumerated(),
            Types::Integer => kind == Kind::Int || self.quoted(node, &[Kind::Int]),
            Types::Number => number || self.quoted(node, &[Kind::Int, Kind::Float]),
            Types::IntOrString => matches!(kind, Kind::Int | Kind::String),
            Types::Quantity => number || kind == Kind::String,
        }
    }

    fn quoted(&self, node: &Node, kinds: &[Kind]) -> bool {
        self.flags.quoted_numbers
            && node
                .as_string()
                .is_some_and(|text| kinds.contains(&resolve(text)))
    }

    fn by_number(&self, schema: &Schema) -> bool {
        self.flags.enum_numbers || schema.flags.enum_numbers
    }

    fn mapping(&mut self, node: &Node, mapping: &Mapping, schema: &Schema, trail: &Trail<'_>) {
        let closed = self.strict && schema.is_closed();
        for Entry { key, value } in mapping {
            let name = key.as_str().unwrap_or("");
            if let Some(field) = schema.child(name) {
                if field.flags.nullable || !value.is_null() {
                    self.node(value, field, &trail.key(key));
                }
            } else if closed {
                let fault = faults::unknown_field(self.root, (mapping, key), schema, trail);
                self.faults.push(fault);
            }
        }
        for name in &schema.required {
            let field = schema.property(name);
            // The server applies defaults before it checks required fields.
            if field.is_some_and(|it| it.default.is_some()) {
                continue;
            }
            let nullable = || field.is_some_and(Schema::is_nullable);
            let existing = mapping.entry(name);
            if existing.is_none_or(|it| it.value.is_null() && !nullable()) {
                let at = existing.map_or(node, |it| &it.key);
                let fault = faults::missing_field(self.root, at, name, schema, trail);
                self.faults.push(fault);
            }
        }
    }

    fn sequence(&mut self, items: &[Node], schema: &Schema, trail: &Trail<'_>) {
        if let Some(each) = schema.items() {
            for (at, item) in items.iter().enumerate() {
                self.node(item, each, &trail.index(at));
            }
        }
        let whole = schema.flags.unique_items || schema.list_type == ListType::Set;
        if !whole && schema.list_type != ListType::Map {
            return;
        }
        let mut seen = BTreeMap::new();
        for (at, item) in items.iter().enumerate() {
            let identity = if whole {
                Some(format!("{item:?}"))
            } else {
                identity(item, schema)
            };
            let Some(identity) = identity else { continue };
            if let Some(first) = seen.insert(identity.clone(), item) {
                let fault =
                    faults::duplicate_item(self.root, item, first, &identity, &trail.index(at));
                self.faults.push(fault);
            }
        }
    }

    fn scalar(&mut self, node: &Node, text: &str, schema: &Schema, trail: &Trail<'_>) {
        let number = self.number_text(node);
        let holds = match schema.format {
            Format::Int32 => number.is_none_or(|it| {
                Node::scalar(it, Style::Plain, Tag::None)
                    .as_int()
                    .is_some_and(|it| i32::try_from(it).is_ok())
            }),
            Format::Int64 => {
                number.is_none_or(|it| Node::scalar(it, Style::Plain, Tag::None).as_int().is_some())
            }
            format if format.is_amount() => format.holds(text),
            format => json_kind(node) != Kind::String || format.holds(text),
        };
        if !holds {
            let mut fault = faults::invalid(self.root, node, schema.format.description(), trail);
            fault.help.extend(schema.format.advice(text));
            self.faults.push(fault);
        } else if schema.types == Types::Quantity && !is_quantity(text) {
            self.invalid(node, Format::Quantity.description(), trail);
        }
    }

    /// The text of a number, which may be quoted if the schema permits it.
    fn number_text<'n>(&self, node: &'n Node) -> Option<&'n str> {
        let plain = matches!(json_kind(node), Kind::Int | Kind::Float);
        node.as_str()
            .filter(|_| plain || self.quoted(node, &[Kind::Int, Kind::Float]))
    }

    fn limits(&mut self, node: &Node, schema: &Schema, limits: &Limits, trail: &Trail<'_>) {
        if !limits.one_of.is_empty() && !self.is_allowed(node, schema, &limits.one_of) {
            let fault = faults::not_allowed(self.root, node, &limits.one_of, trail);
            self.faults.push(fault);
        }
        match node.view() {
            View::Scalar(text) if json_kind(node) == Kind::String => {
                self.text(node, schema, text, trail)
            }
            View::Sequence(items) => self.size(node, items.len(), limits.items, "item", trail),
            View::Mapping(map) => self.size(node, map.len(), limits.properties, "key", trail),
            View::Scalar(_) => {}
        }
        let number = self
            .number_text(node)
            .and_then(|it| Node::scalar(it, Style::Plain, Tag::None).as_float());
        if let Some(number) =
            number.filter(|_| schema.types != Types::IntOrString || json_kind(node) != Kind::String)
        {
            self.number(node, number, schema, limits, trail);
        }
    }

    fn is_allowed(&self, node: &Node, schema: &Schema, allowed: &[Node]) -> bool {
        let index = || node.as_int().and_then(|it| usize::try_from(it).ok());
        let numbered = || self.by_number(schema) && index().is_some_and(|it| it < allowed.len());
        allowed.iter().any(|it| it.same_data(node)) || numbered()
    }

    fn text(&mut self, node: &Node, schema: &Schema, text: &str, trail: &Trail<'_>) {
        let Some(limits) = &schema.limits else { return };
        if limits.length.min.or(limits.length.max).is_some() {
            self.size(
                node,
                text.chars().count(),
                limits.length,
                "character",
                trail,
            );
        }
        if let Some(pattern) = limits.pattern.as_ref().filter(|it| !it.matches(text)) {
            let expected = format!("a string that matches the pattern `{}`", pattern.text());
            let fault = faults::invalid(self.root, node, &expected, trail);
            let example = schema.example.as_ref().and_then(Node::as_str);
            self.faults.push(match example {
                Some(example) => fault.help(format!("use a string such as `{example}`")),
                None => fault,
            });
        }
    }

    fn size(&mut self, node: &Node, size: usize, range: Range, what: &str, trail: &Trail<'_>) {
        if !range.holds(size) {
            let fault = faults::wrong_size(self.root, node, size, range, what, trail);
            self.faults.push(fault);
        }
    }

    fn number(
        &mut self,
        node: &Node,
        number: f64,
        schema: &Schema,
        limits: &Limits,
        trail: &Trail<'_>,
    ) {
        let Flags {
            exclusive_minimum,
            exclusive_maximum,
            ..
        } = schema.flags;
        if !limits.number_holds(number, exclusive_minimum, exclusive_maximum) {
            let expected = faults::range_words(limits, exclusive_minimum, exclusive_maximum);
            self.invalid(node, &expected, trail);
        }
        if let Some(step) = limits
            .multiple_of
            .filter(|step| !is_multiple(number, *step))
        {
            self.invalid(node, &format!("a multiple of {step}"), trail);
        }
    }

    fn invalid(&mut self, node: &Node, expected: &str, trail: &Trail<'_>) {
        self.faults
            .push(faults::invalid(self.root, node, expected, trail));
    }

    fn logic(&mut self, node: &Node, logic: &Logic, trail: &Trail<'_>) {
        let strict = std::mem::replace(&mut self.strict, false);
        for branch in &logic.all_of {
            self.node(node, branch, trail);
        }
        if !logic.any_of.is_empty() && self.holding(node, &logic.any_of, trail) == 0 {
            self.faults
                .push(faults::no_branch(self.root, node, &logic.any_of, trail));
        }
        match self.holding(node, &logic.one_of, trail) {
            _ if logic.one_of.is_empty() => {}
            0 => self
                .faults
                .push(faults::no_branch(self.root, node, &logic.one_of, trail)),
            1 => {}
            _ => self.faults.push(faults::several_branches(
                self.root,
                node,
                &logic.one_of,
                trail,
            )),
        }
        if logic
            .not
            .as_ref()
            .is_some_and(|it| self.holding(node, std::slice::from_ref(it), trail) == 1)
        {
            self.faults.push(faults::forbidden(self.root, node, trail));
        }
        self.strict = strict;
    }

    /// The number of branches that match. Their errors are not reported, because a branch is only a test.
    fn holding(&mut self, node: &Node, branches: &[Schema], trail: &Trail<'_>) -> usize {
        let before = self.faults.len();
        let mut count = 0;
        for branch in branches {
            self.node(node, branch, trail);
            count += usize::from(self.faults.len() == before);
            self.faults.truncate(before);
        }
        count
    }
}

fn is_multiple(number: f64, step: f64) -> bool {
    let ratio = number / step;
    (ratio - ratio.round()).abs() < 1e-9
}

/// The keys of a list item, with defaults; `None` if a key has neither a value nor a default.
fn identity(item: &Node, schema: &Schema) -> Option<String> {
    let each = schema.items()?;
    let keys = schema.list_map_keys().map(|key| {
        let default = || each.property(key).and_then(Schema::default);
        let value = item.get(key).or_else(default)?;
        Some(format!("{key}: {value:?}"))
    });
    let keys: Option<Vec<String>> = keys.collect();
    keys.filter(|it| !it.is_empty()).map(|it| it.join(", "))
}
