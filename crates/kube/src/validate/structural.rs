//! Custom resources: unknown fields, types, limits and list types, as in apiextensions-apiserver on creation.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::fault::{Help, Report, class, quoted, short};
use super::format;
use super::json::{Json, integral};
use super::schema::{Additional, Limits, ListType, Logic, Pool, Schema, Types, anything};
use super::{decode, metadata};
use pleach_yaml::{Entry, Mapping, Node};

/// Validates custom resources of one version against their schema.
pub(super) struct Structural<'a, 'r> {
    pub(super) pool: &'a Pool,
    pub(super) report: &'r mut Report<'a>,
    /// The type of `metadata`, for embedded resources.
    pub(super) metadata: decode::Type<'a>,
    /// Whether the server drops `status` when it creates the object.
    pub(super) drops_status: bool,
}

/// Fields that every object has, independent of its schema.
fn is_meta_field(name: &str) -> bool {
    matches!(name, "apiVersion" | "kind" | "metadata")
}

impl<'a> Structural<'a, '_> {
    /// Validates the whole object, except its metadata.
    pub(super) fn root(&mut self, node: &'a Node, schema: &'a Schema) {
        self.unknown_fields(node, Some(schema), true);
        if let Some(map) = node.as_mapping() {
            self.assertions(node, schema, schema);
            for entry in map {
                if !self.is_dropped_status(entry) {
                    self.property(entry, schema);
                }
            }
        }
    }

    fn is_dropped_status(&self, entry: &Entry) -> bool {
        self.drops_status && entry.key.as_str() == Some("status")
    }

    fn property(&mut self, entry: &'a Entry, schema: &'a Schema) {
        let below = self.pool.child(schema, entry.key.as_str().unwrap_or(""));
        if let Some(below) = below.filter(|it| it.flags.nullable || !entry.value.is_null()) {
            self.value(&entry.value, below);
        }
    }

    /// Validates a value of a field.
    pub(super) fn field(&mut self, node: &'a Node, schema: &'a Schema) {
        self.unknown_fields(node, Some(schema), false);
        self.value(node, schema);
    }

    fn value(&mut self, node: &'a Node, schema: &'a Schema) {
        self.assertions(node, schema, schema);
        if let Some(map) = node.as_mapping() {
            if schema.flags.embedded_resource {
                metadata::embedded(node, self.metadata, self.report);
            }
            for entry in map {
                self.property(entry, schema);
            }
        } else if let Some(items) = node.as_sequence() {
            if let Some(each) = &schema.items {
                let each = self.pool.get(each);
                for item in items {
                    self.value(item, each);
                }
            }
            self.list_type(items, schema);
        }
    }

    /// Reports unknown fields, which the server would drop. Without a schema, all fields are unknown.
    fn unknown_fields(&mut self, node: &'a Node, schema: Option<&'a Schema>, is_resource: bool) {
        let keeps = schema.is_some_and(|it| it.flags.preserve_unknown);
        if let Some(map) = node.as_mapping() {
            let is_resource = is_resource || schema.is_some_and(|it| it.flags.embedded_resource);
            for Entry { key, value } in map {
                let name = key.as_str().unwrap_or("");
                if key.is_null() {
                    self.report.push(
                        class::WRONG_TYPE,
                        key,
                        "has a null key, which JSON cannot have",
                    );
                }
                if is_resource && is_meta_field(name) {
                    continue;
                }
                match schema.and_then(|it| self.below(it, name)) {
                    Some(below) => self.unknown_fields(value, below, false),
                    None if keeps => {}
                    None => self.unknown_field((map, key), schema),
                }
            }
        }
        let each = schema.and_then(|it| it.items.as_ref());
        let each = each.map(|it| self.pool.get(it));
        for item in node.as_sequence().unwrap_or_default() {
            match each {
                // If a field preserves unknown fields, lists without a schema are also kept.
                None if keeps => {}
                Some(each) if keeps && !each.flags.preserve_unknown => {
                    self.known_fields_only(item, each);
                }
                _ => self.unknown_fields(item, each, false),
            }
        }
    }

    /// Checks only known fields, for items of a list whose schema preserves unknown fields.
    fn known_fields_only(&mut self, node: &'a Node, schema: &'a Schema) {
        for Entry { key, value } in node.as_mapping().into_iter().flatten() {
            if let Some(below) = self.below(schema, key.as_str().unwrap_or("")) {
                self.unknown_fields(value, below, false);
            }
        }
    }

    /// Whether a key is known, and its schema, if it has one.
    fn below(&self, schema: &'a Schema, name: &str) -> Option<Option<&'a Schema>> {
        if let Some(child) = schema.properties.get(name) {
            return Some(Some(self.pool.get(child)));
        }
        match &schema.additional {
            Additional::Like(child) => Some(Some(self.pool.get(child))),
            Additional::Anything => Some(Some(anything())),
            Additional::None | Additional::Nothing => None,
        }
    }

    fn unknown_field(&mut self, (map, key): (&Mapping, &'a Node), schema: Option<&'a Schema>) {
        self.report
            .push(class::UNKNOWN_FIELD, key, "is an unknown field");
        let known = schema.into_iter().flat_map(|it| it.properties.names());
        let name = key.as_str().unwrap_or("");
        self.report.help(Help::nearest_field(name, known, map));
    }

    /// Validates a value against a schema. `whole` is the enclosing schema with the defaults, if this one is a part of it.
    fn assertions(&mut self, node: &'a Node, schema: &'a Schema, whole: &'a Schema) {
        let json = Json::from_node(node);
        if !self.has_type(&json, schema) {
            return self
                .report
                .wrong_type(node, schema.types.description(), json.type_name());
        }
        if let Json::Map(map) = json {
            self.required(node, map, schema, whole);
        }
        if let Json::String(text) = json
            && !format::holds(schema.format, text)
        {
            let message = format!("must be {}", format::description(schema.format));
            self.report.invalid(node, message);
        }
        if let Some(limits) = &schema.limits {
            self.limits(node, &json, schema, limits, whole);
        }
        if let Some(logic) = &schema.logic {
            self.logic(node, logic, whole);
        }
    }

    fn has_type(&self, json: &Json<'_>, schema: &Schema) -> bool {
        let is_whole = || match json {
            Json::Int(value) => i64::try_from(*value).is_ok(),
            // go-openapi accepts a float as an integer only within the safe range of JavaScript.
            Json::Float(value) => integral(*value).is_some_and(|it| it.abs() < 1 << 53),
            _ => false,
        };
        if matches!(json, Json::Null) {
            return schema.flags.nullable || schema.types == Types::Any;
        }
        match schema.types {
            Types::Any => true,
            Types::Object => matches!(json, Json::Map(_)),
            Types::Array => matches!(json, Json::List(_)),
            Types::String => matches!(json, Json::String(_)),
            Types::Boolean => matches!(json, Json::Bool(_)),
            Types::Integer => is_whole(),
            Types::Number => json.number().is_some(),
            Types::IntOrString => matches!(json, Json::String(_)) || is_whole(),
            Types::Quantity => matches!(json, Json::String(_)) || json.number().is_some(),
        }
    }

    /// Whether a field exists after defaults are set and nulls are removed.
    fn is_present(&self, map: &Mapping, name: &str, whole: &Schema) -> bool {
        let field = self.pool.child(whole, name);
        let has_default = || {
            let named = whole.properties.get(name).map(|it| self.pool.get(it));
            named.is_some_and(|it| it.default.is_some())
        };
        match map.get(name) {
            Some(value) if value.is_null() => {
                field.is_none_or(|it| it.flags.nullable) || has_default()
            }
            Some(_) => true,
            None => has_default(),
        }
    }

    fn required(&mut self, node: &'a Node, map: &Mapping, schema: &'a Schema, whole: &Schema) {
        for name in &schema.required {
            if !self.is_present(map, name, whole) {
                self.report.required(node, name);
            }
        }
    }

    fn limits(
        &mut self,
        node: &'a Node,
        json: &Json<'_>,
        schema: &Schema,
        limits: &'a Limits,
        whole: &Schema,
    ) {
        if !limits.one_of.is_empty() && !limits.one_of.has(node) {
            self.report.unsupported(node, &limits.one_of.texts());
        }
        match json {
            Json::String(text) => self.text(node, text, limits),
            Json::List(items) => self.size(node, items.len(), limits.items, "items"),
            Json::Map(map) if !limits.properties.is_open() => {
                let size = self.property_count(map, whole);
                self.size(node, size, limits.properties, "fields");
            }
            Json::Int(_) | Json::Float(_) => self.number(node, json, schema, limits),
            _ => {}
        }
    }

    fn property_count(&self, map: &Mapping, whole: &Schema) -> usize {
        let present = map
            .keys()
            .filter(|it| self.is_present(map, it, whole))
            .count();
        let missing = whole.properties.iter().filter(|(name, child)| {
            map.get(name).is_none() && self.pool.get(child).default.is_some()
        });
        present + missing.count()
    }

    fn size(&mut self, node: &'a Node, size: usize, range: super::schema::Range, what: &str) {
        if !range.holds(size as u64) {
            let message = format!("must have {} {what}, not {size}", range.description());
            self.report.invalid(node, message);
        }
    }

    fn text(&mut self, node: &'a Node, text: &str, limits: &'a Limits) {
        let length = text.chars().count();
        if !limits.length.is_open() {
            self.size(node, length, limits.length, "characters");
        }
        // A pattern that repeats the limit adds nothing.
        let limit = limits.length.max.map(|it| format!("{it}}}"));
        let is_longer = limits.length.max.is_some_and(|it| length as u64 > it);
        let repeats = |it: &crate::schema::pattern::Pattern| {
            limit
                .as_ref()
                .is_some_and(|limit| it.text().contains(limit))
        };
        if is_longer && limits.pattern.as_ref().is_some_and(repeats) {
            return;
        }
        if let Some(pattern) = limits.pattern.as_ref().filter(|it| !it.matches(text)) {
            let message = format!("must match `{}`", short(pattern.text()));
            self.report.invalid(node, message);
        }
    }

    fn number(&mut self, node: &'a Node, json: &Json<'_>, schema: &Schema, limits: &Limits) {
        let Some(value) = json.number() else { return };
        let flags = schema.flags;
        let below = |min: f64| value < min || flags.exclusive_minimum && value == min;
        let above = |max: f64| value > max || flags.exclusive_maximum && value == max;
        if let Some(min) = limits.minimum.filter(|it| below(*it)) {
            let word = if flags.exclusive_minimum {
                "greater than"
            } else {
                "at least"
            };
            self.report.invalid(node, format!("must be {word} {min}"));
        }
        if let Some(max) = limits.maximum.filter(|it| above(*it)) {
            let word = if flags.exclusive_maximum {
                "less than"
            } else {
                "at most"
            };
            self.report.invalid(node, format!("must be {word} {max}"));
        }
        let is_multiple = |step: &f64| (value / step).fract() == 0.0;
        if let Some(step) = limits.multiple_of.filter(|it| !is_multiple(it)) {
            self.report
                .invalid(node, format!("must be a multiple of {step}"));
        }
    }

    fn logic(&mut self, node: &'a Node, logic: &'a Logic, whole: &'a Schema) {
        for branch in &logic.all_of {
            self.branch(node, branch, whole);
        }
        let any = logic.any_of.iter().any(|it| self.holds(node, it, whole));
        if !logic.any_of.is_empty() && !any {
            self.report.invalid(
                node,
                format!("must have {}", forms(&logic.any_of, "one of")),
            );
        }
        let count = logic
            .one_of
            .iter()
            .filter(|it| self.holds(node, it, whole))
            .count();
        if !logic.one_of.is_empty() && count != 1 {
            self.report.invalid(
                node,
                format!("must have {}", forms(&logic.one_of, "exactly one of")),
            );
        }
        if logic
            .not
            .as_ref()
            .is_some_and(|it| self.holds(node, it, whole))
        {
            self.report
                .invalid(node, "has a form that the schema forbids (`not`)");
        }
    }

    /// Whether a branch matches. Its errors are dropped, because a branch is only a test.
    fn holds(&mut self, node: &'a Node, branch: &'a Schema, whole: &'a Schema) -> bool {
        let before = self.report.faults.len();
        self.branch(node, branch, whole);
        let holds = self.report.faults.len() == before;
        self.report.faults.truncate(before);
        holds
    }

    fn branch(&mut self, node: &'a Node, branch: &'a Schema, whole: &'a Schema) {
        self.assertions(node, branch, whole);
        for Entry { key, value } in node.as_mapping().into_iter().flatten() {
            let name = key.as_str().unwrap_or("");
            let full = self.pool.child(whole, name).unwrap_or_else(|| anything());
            if let Some(below) = self.pool.child(branch, name)
                && (full.flags.nullable || !value.is_null())
            {
                self.branch(value, below, full);
            }
        }
        for (name, below) in branch.properties.iter() {
            let Some(full) = self.pool.child(whole, name) else {
                continue;
            };
            let is_given = node
                .get(name)
                .is_some_and(|it| full.flags.nullable || !it.is_null());
            if !is_given && let Some(default) = full.default.as_deref() {
                self.branch(default, self.pool.get(below), full);
            }
        }
        if let Some(each) = &branch.items {
            let full = whole
                .items
                .as_ref()
                .map_or_else(|| anything(), |it| self.pool.get(it));
            for item in node.as_sequence().unwrap_or_default() {
                self.branch(item, self.pool.get(each), full);
            }
        }
    }

    /// Checks that the items of sets and the keys of maps are unique.
    fn list_type(&mut self, items: &'a [Node], schema: &'a Schema) {
        if schema.list == ListType::Atomic || items.len() < 2 {
            return;
        }
        let mut seen = BTreeSet::new();
        for item in items {
            let mut identity = String::new();
            match schema.list {
                ListType::Map => self.keys(item, schema, &mut identity),
                _ => canonical(item, &mut identity),
            }
            if !seen.insert(identity) {
                self.report.duplicate(item);
            }
        }
    }

    fn keys(&self, item: &Node, schema: &Schema, identity: &mut String) {
        let each = schema.items.as_ref().map(|it| self.pool.get(it));
        for key in &schema.list_map_keys {
            let default = || {
                let field = each?.properties.get(key)?;
                self.pool.get(field).default.as_deref()
            };
            let value = item.get(key).filter(|it| !it.is_null()).or_else(default);
            if let Some(value) = value {
                canonical(value, identity);
            }
            identity.push('\u{1f}');
        }
    }
}

/// The canonical text of a JSON value.
pub(super) fn canonical(node: &Node, text: &mut String) {
    match Json::from_node(node) {
        Json::Null => text.push_str("null"),
        Json::Bool(value) => _ = write!(text, "{value}"),
        Json::Int(value) => _ = write!(text, "{value}"),
        Json::Float(value) => _ = write!(text, "{value}"),
        Json::String(value) => _ = write!(text, "{value:?}"),
        Json::List(items) => {
            text.push('[');
            for item in items {
                canonical(item, text);
                text.push(',');
            }
            text.push(']');
        }
        Json::Map(map) => {
            let mut entries: Vec<&Entry> = map.iter().collect();
            entries.sort_by_key(|it| it.key.as_str());
            text.push('{');
            for entry in entries {
                _ = write!(text, "{:?}:", entry.key.as_str().unwrap_or(""));
                canonical(&entry.value, text);
                text.push(',');
            }
            text.push('}');
        }
    }
}

/// Whether two JSON values are equal.
pub(super) fn same(a: &Node, b: &Node) -> bool {
    match (Json::from_node(a), Json::from_node(b)) {
        (Json::Null, Json::Null) => true,
        (Json::Bool(a), Json::Bool(b)) => a == b,
        (Json::String(a), Json::String(b)) => a == b,
        (Json::List(a), Json::List(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Json::Map(a), Json::Map(b)) => {
            let other = |entry: &Entry| b.get(entry.key.as_str().unwrap_or(""));
            a.len() == b.len()
                && a.iter()
                    .all(|it| other(it).is_some_and(|b| same(&it.value, b)))
        }
        (a, b) => a.number().is_some() && a.number() == b.number(),
    }
}

/// The requirements of branches: the names of required fields, if they contain nothing else.
fn forms(branches: &[Schema], prefix: &str) -> String {
    let required = branches.iter().map(|it| it.required.first());
    let names: Option<Vec<&str>> = required.map(|it| it.map(|it| &**it)).collect();
    match names {
        Some(names) => format!("{prefix} the fields {}", quoted(names.into_iter())),
        None => format!("{prefix} the forms that the schema allows"),
    }
}
