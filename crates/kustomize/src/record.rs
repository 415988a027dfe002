//! Configuration as structs: the macro [`record!`] generates a struct, its reader and the list of its keys from one table.
//!
//! kustomize reads its configuration through JSON: names of fields are case-insensitive, `null` is the same as absent, and the words that
//! are booleans in YAML 1.1 are booleans.

use std::fmt;
use std::ops::Deref;

use indexmap::IndexMap;

use pleach_kube::patch::json_key;
use pleach_yaml::diag::{Diagnostic, Diagnostics, Span};
use pleach_yaml::{Entry, Kind, Mapping, Node, Style, Tag, quote};

use super::kustomization::{Pair, sorted_pairs};

/// A map of known fields.
pub(super) trait Record: Sized {
    /// A record without any fields, at a location in a file.
    fn new(span: Span) -> Self;

    /// The names of its fields.
    fn keys() -> Vec<&'static str>;

    /// Reads a field by one of the [`keys`](Record::keys). `false` if it has no field of this name.
    fn read_field(&mut self, key: &str, value: &Node, reader: &mut Reader<'_>) -> bool;

    fn clear(&mut self, key: &str);

    /// The fields that are set, as nodes.
    fn nodes(&self) -> Vec<(&'static str, Node)>;
}

/// The type of a field.
pub(super) trait Field: Sized {
    /// Reads a value that is not null. `what` names it in messages.
    fn read(node: &Node, what: &str, reader: &mut Reader<'_>) -> Result<Self, Diagnostic>;

    /// The value as a node, if it is set and of a type that is written back.
    fn node(&self) -> Option<Node> {
        None
    }
}

/// The type of an item of a list.
pub(super) trait Item: Field {
    /// The value for a null item.
    fn empty(span: &Span) -> Self;
}

/// Declares a struct that is read from a map: each line is a field, its type, and its name in the file. Fields of the records
/// after `..` are read from the same map.
macro_rules! record {
    (
        $(#[$doc:meta])*
        $vis:vis struct $name:ident {
            $(..$base:ident: $base_type:ident,)*
            $($(#[$field_doc:meta])* $field:ident: $type:ty = $key:literal,)*
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug)]
        $vis struct $name {
            /// Where it is written.
            #[allow(dead_code, reason = "not every record reports errors itself")]
            $vis span: pleach_yaml::diag::Span,
            $($vis $base: $base_type,)*
            $($(#[$field_doc])* $vis $field: $type,)*
        }

        impl $crate::record::Record for $name {
            fn new(span: pleach_yaml::diag::Span) -> $name {
                $name {
                    $($base: $crate::record::Record::new(span.clone()),)*
                    $($field: Default::default(),)*
                    span,
                }
            }

            fn keys() -> Vec<&'static str> {
                #[allow(unused_mut, reason = "not every record contains other records")]
                let mut keys: Vec<&'static str> = Vec::new();
                $(keys.extend(<$base_type as $crate::record::Record>::keys());)*
                keys.extend_from_slice(&[$($key,)*]);
                keys
            }

            fn read_field(
                &mut self,
                key: &str,
                value: &pleach_yaml::Node,
                reader: &mut $crate::record::Reader<'_>,
            ) -> bool {
                $(if $crate::record::Record::read_field(&mut self.$base, key, value, reader) {
                    return true;
                })*
                match key {
                    $($key => reader.field(&mut self.$field, $key, value),)*
                    _ => return false,
                }
                #[allow(unreachable_code, reason = "a record may have no fields of its own")]
                true
            }

            fn clear(&mut self, key: &str) {
                $($crate::record::Record::clear(&mut self.$base, key);)*
                match key {
                    $($key => self.$field = Default::default(),)*
                    _ => {}
                }
            }

            fn nodes(&self) -> Vec<(&'static str, pleach_yaml::Node)> {
                #[allow(unused_mut, reason = "not every record has fields")]
                let mut nodes: Vec<(&'static str, pleach_yaml::Node)> = Vec::new();
                $(nodes.extend($crate::record::Record::nodes(&self.$base));)*
                $(nodes.extend($crate::record::Field::node(&self.$field).map(|it| ($key, it)));)*
                nodes
            }
        }

        impl $crate::record::Field for $name {
            fn read(
                node: &pleach_yaml::Node,
                what: &str,
                reader: &mut $crate::record::Reader<'_>,
            ) -> Result<$name, pleach_yaml::diag::Diagnostic> {
                Ok(reader.record(node, what))
            }
        }

        impl $crate::record::Item for $name {
            fn empty(span: &pleach_yaml::diag::Span) -> $name {
                $crate::record::Record::new(span.clone())
            }
        }
    };
}
pub(super) use record;

fn span_or<'a>(node: &'a Node, record: &'a Span) -> &'a Span {
    match node.has_origin() {
        true => node.span(),
        false => record,
    }
}

/// A string; empty if it is absent.
#[derive(Clone)]
pub(super) struct Text(Node);

impl Text {
    pub(super) fn new(node: Node) -> Text {
        Text(node)
    }

    /// The string with its location.
    pub(super) fn node(&self) -> &Node {
        &self.0
    }

    pub(super) fn span(&self) -> &Span {
        self.0.span()
    }

    /// Its location, or that of its parent if it is missing.
    pub(super) fn span_or<'a>(&'a self, record: &'a Span) -> &'a Span {
        span_or(&self.0, record)
    }
}

impl Default for Text {
    fn default() -> Text {
        Text(Node::constant(""))
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        self.0.as_str().unwrap_or("")
    }
}

impl From<&Text> for Span {
    fn from(text: &Text) -> Span {
        text.span().clone()
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Field for Text {
    fn read(node: &Node, what: &str, reader: &mut Reader<'_>) -> Result<Text, Diagnostic> {
        let text = reader.text(node);
        let wrong = || wrong_type(node, what, "a string").fix(quote_help(node), quote(node));
        text.map(|it| Text(it.at(node))).ok_or_else(wrong)
    }

    fn node(&self) -> Option<Node> {
        (!self.is_empty()).then(|| self.0.clone())
    }
}

impl Item for Text {
    fn empty(span: &Span) -> Text {
        Text(Node::string("").at(span))
    }
}

impl Field for bool {
    fn read(node: &Node, what: &str, _: &mut Reader<'_>) -> Result<bool, Diagnostic> {
        as_bool(node).ok_or_else(|| {
            wrong_type(node, what, "`true` or `false`")
                .help("write `true` or `false` without quotes")
        })
    }

    fn node(&self) -> Option<Node> {
        self.then(|| Node::bool(true))
    }
}

/// A whole number; 0 if it is absent.
#[derive(Clone, Debug)]
pub(super) struct Number(Node);

impl Number {
    pub(super) fn value(&self) -> i64 {
        self.0.as_int().unwrap_or(0)
    }

    /// Its location, or that of its parent if it is missing.
    pub(super) fn span_or<'a>(&'a self, record: &'a Span) -> &'a Span {
        span_or(&self.0, record)
    }
}

impl Default for Number {
    fn default() -> Number {
        Number(Node::constant("0").tagged(Tag::Int))
    }
}

impl Field for Number {
    fn read(node: &Node, what: &str, _: &mut Reader<'_>) -> Result<Number, Diagnostic> {
        // In JSON, `1.0` and `1e3` are whole numbers.
        let whole = node.as_float().filter(|it| {
            node.kind() == Kind::Float && it.fract() == 0.0 && it.abs() < 9_007_199_254_740_992.0
        });
        match (node.as_int(), whole) {
            (Some(_), _) => Ok(Number(node.clone())),
            (None, Some(whole)) => {
                let text = format!("{whole:.0}");
                let number = Node::scalar(text, Style::Plain, Tag::Int);
                Ok(Number(number.at(node.span())))
            }
            (None, None) => {
                Err(wrong_type(node, what, "an integer").help("write a number without quotes"))
            }
        }
    }
}

/// A map of strings; empty if it is absent.
#[derive(Clone, Debug)]
pub(super) struct Pairs(Node);

impl Pairs {
    /// The pairs in the order of their keys.
    pub(super) fn sorted(&self) -> Vec<Pair> {
        self.0.as_mapping().map(sorted_pairs).unwrap_or_default()
    }

    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        self.0.get(key)
    }

    pub(super) fn span(&self) -> &Span {
        self.0.span()
    }
}

impl Default for Pairs {
    fn default() -> Pairs {
        Pairs(Node::mapping(Mapping::new()))
    }
}

impl Field for Pairs {
    fn read(node: &Node, what: &str, reader: &mut Reader<'_>) -> Result<Pairs, Diagnostic> {
        match node.as_mapping() {
            Some(pairs) => Ok(Pairs(Node::mapping(reader.pairs(pairs)).at(node))),
            None => Err(wrong_type(node, what, "a map of strings")
                .help("write `key: value`, with the values in quotes")),
        }
    }
}

/// A list; empty if it is absent.
#[derive(Clone, Debug)]
pub(super) struct List<T> {
    /// Where it is written.
    pub(super) span: Option<Span>,
    pub(super) items: Vec<T>,
}

impl<T> List<T> {
    /// Moves the items of another list to the end of this one.
    pub(super) fn append(&mut self, other: List<T>) {
        self.items.extend(other.items);
        self.span = self.span.take().or(other.span);
    }
}

impl<T> Default for List<T> {
    fn default() -> List<T> {
        List {
            span: None,
            items: Vec::new(),
        }
    }
}

impl<T> Deref for List<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.items
    }
}

impl<'a, T> IntoIterator for &'a List<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.items.iter()
    }
}

impl<T: Item> Field for List<T> {
    fn read(node: &Node, what: &str, reader: &mut Reader<'_>) -> Result<List<T>, Diagnostic> {
        let items = node.as_sequence().ok_or_else(|| {
            wrong_type(node, what, "a list").help("write a list: `- ` and an entry on each line")
        })?;
        let what = format!("an entry of {what}");
        let mut read = Vec::with_capacity(items.len());
        for item in items {
            let value = match item.is_null() {
                true => Ok(T::empty(item.span())),
                false => T::read(item, &what, reader),
            };
            read.extend(reader.keep(value));
        }
        Ok(List {
            span: Some(node.span().clone()),
            items: read,
        })
    }

    fn node(&self) -> Option<Node> {
        let items = self.items.iter().filter_map(Field::node);
        let span = self.span.as_ref()?;
        (!self.items.is_empty()).then(|| Node::sequence(items).at(span))
    }
}

/// A field where absent differs from empty.
impl<T: Field> Field for Option<T> {
    fn read(node: &Node, what: &str, reader: &mut Reader<'_>) -> Result<Option<T>, Diagnostic> {
        T::read(node, what, reader).map(Some)
    }

    fn node(&self) -> Option<Node> {
        self.as_ref().and_then(Field::node)
    }
}

/// A value of any type.
impl Field for Node {
    fn read(node: &Node, _: &str, _: &mut Reader<'_>) -> Result<Node, Diagnostic> {
        Ok(node.clone())
    }

    fn node(&self) -> Option<Node> {
        Some(self.clone())
    }
}

/// Reads a map of known fields. `what` is its name in messages: "a kustomization".
pub(super) fn read_record<R: Record>(node: &Node, what: &str, faults: &mut Diagnostics) -> R {
    let strict = true;
    Reader { strict, faults }.record(node, what)
}

/// Like [`read_record`], but ignores unknown fields.
pub(super) fn read_lenient<R: Record>(node: &Node, what: &str, faults: &mut Diagnostics) -> R {
    let strict = false;
    Reader { strict, faults }.record(node, what)
}

/// The field that a name matches: Go's JSON parser prefers the exact name, but ignores case.
pub(super) fn key_of(name: &str, keys: &[&'static str]) -> Option<&'static str> {
    let exact = keys.iter().find(|it| **it == name);
    let known = exact.or_else(|| keys.iter().find(|it| it.eq_ignore_ascii_case(name)));
    known.copied()
}

/// The other spelling of a field that kustomize uses: it converts the file to JSON, where keys are sorted, and reads the last one.
fn later_spelling<'a>(
    mapping: &'a Mapping,
    key: &Node,
    field: &str,
    keys: &[&'static str],
) -> Option<&'a Node> {
    // Nearly always, all fields have their usual names.
    if key.as_str() == Some(field) && !mapping.iter().any(|it| is_spelling(it, field)) {
        return None;
    }
    let others = mapping.iter().filter(|it| it.key.as_str() > key.as_str());
    let mut others = others.filter(|it| !it.value.is_null());
    let later = others.find(|it| key_of(it.key.as_str().unwrap_or(""), keys) == Some(field));
    later.map(|it| &it.key)
}

/// Whether an entry has the name of a field in other letters.
fn is_spelling(entry: &Entry, field: &str) -> bool {
    let name = entry.key.as_str().unwrap_or("");
    name != field && name.eq_ignore_ascii_case(field)
}

fn superseded(key: &Node, later: Option<&Node>, field: &str) -> Diagnostic {
    let name = key.as_str().unwrap_or("");
    let message = format!("`{name}` is ignored: the field `{field}` is set twice");
    let fault = Diagnostic::warning("duplicate-key", message).at(key);
    let fault = match later {
        Some(later) => fault.related(later.span(), "this one is used"),
        None => fault,
    };
    fault.help("remove one of the two")
}

/// Reads records and collects errors.
pub(super) struct Reader<'a> {
    /// The rules for kustomizations. Otherwise, those for configurations of plugins: unknown fields are ignored, and numbers and booleans
    /// are accepted as strings.
    strict: bool,
    faults: &'a mut Diagnostics,
}

impl Reader<'_> {
    pub(super) fn record<R: Record>(&mut self, node: &Node, what: &str) -> R {
        let mut record = R::new(node.span().clone());
        let Some(mapping) = node.as_mapping() else {
            if !node.is_null() {
                let help = "write its fields as `field: value`";
                self.faults.push(wrong_type(node, what, "a map").help(help));
            }
            return record;
        };
        let keys = R::keys();
        for Entry { key, value } in mapping {
            let known = key_of(key.as_str().unwrap_or(""), &keys);
            let later = known.and_then(|it| later_spelling(mapping, key, it, &keys));
            match known {
                Some(field) if later.is_some() => self.faults.push(superseded(key, later, field)),
                Some(field) if !value.is_null() => _ = record.read_field(field, value, self),
                Some(_) => {}
                None if self.strict => self.faults.push(unknown_field(key, &keys, what)),
                None => {}
            }
        }
        record
    }

    /// Reads the value of a field. With a value of another type, it stays absent.
    pub(super) fn field<F: Field>(&mut self, field: &mut F, key: &str, value: &Node) {
        let read = F::read(value, &format!("`{key}`"), self);
        if let Some(value) = self.keep(read) {
            *field = value;
        }
    }

    fn keep<T>(&mut self, read: Result<T, Diagnostic>) -> Option<T> {
        read.map_err(|fault| self.faults.push(fault)).ok()
    }

    fn pairs(&mut self, pairs: &Mapping) -> Mapping {
        // A lookup per key would take quadratic time. A later duplicate replaces the value, as `Mapping::insert` does.
        let mut read: IndexMap<Option<&str>, Entry> = IndexMap::with_capacity(pairs.len());
        let keys: Vec<Node> = pairs.iter().map(|it| pair_key(&it.key)).collect();
        for (
            key,
            Entry {
                key: written,
                value,
            },
        ) in keys.iter().zip(pairs)
        {
            let text = if value.is_null() {
                Some(Node::string(""))
            } else {
                self.text(value)
            };
            match text {
                Some(text) => {
                    let value = text.at(value);
                    let entry = read.entry(key.as_str()).or_insert_with(|| Entry {
                        key: key.clone(),
                        value: Node::null(),
                    });
                    entry.value = value;
                }
                None => {
                    let what = format!("`{}`", written.as_str().unwrap_or(""));
                    let wrong = wrong_type(value, &what, "a string");
                    self.faults.push(wrong.fix(quote_help(value), quote(value)));
                }
            }
        }
        Mapping::from_entries(read.into_values().collect())
    }

    fn text(&self, node: &Node) -> Option<Node> {
        let kind = node.kind();
        match kind {
            Kind::String | Kind::Timestamp if !self.strict || as_bool(node).is_none() => {
                Some(node.clone())
            }
            Kind::Bool if !self.strict => {
                Some(Node::string(node.as_bool().unwrap_or(false).to_string()))
            }
            Kind::Int | Kind::Float if !self.strict => {
                let whole = node.as_int().map(|it| it.to_string());
                let text = whole.or_else(|| node.as_float().map(|it| it.to_string()))?;
                Some(Node::string(text))
            }
            _ => None,
        }
    }
}

fn unknown_field(key: &Node, known: &[&'static str], what: &str) -> Diagnostic {
    let name = key.as_str().unwrap_or("");
    let message = format!("unknown field `{name}` in {what}");
    Diagnostic::error("unknown-field", message)
        .at(key)
        .did_you_mean(name, known.iter().copied())
}

fn quote_help(node: &Node) -> String {
    match node.as_str() {
        Some(text) => format!("quote it: \"{text}\""),
        None => "write a string".to_string(),
    }
}

fn wrong_type(node: &Node, what: &str, expected: &str) -> Diagnostic {
    let found = if as_bool(node).is_some() {
        Kind::Bool
    } else {
        node.kind()
    };
    Diagnostic::error(
        "wrong-field-type",
        format!(
            "expected {expected} for {what}, found {}",
            found.description()
        ),
    )
    .at(node)
}

/// A key as in JSON, where numbers and booleans of YAML 1.1 are strings.
fn pair_key(key: &Node) -> Node {
    match json_key(key) {
        Some(text) => Node::string(text).at(key),
        None => key.clone(),
    }
}

/// A boolean of YAML 1.1.
pub(super) fn as_bool(node: &Node) -> Option<bool> {
    if node.kind() == Kind::Bool {
        return node.as_bool();
    }
    node.as_old_bool()
}
