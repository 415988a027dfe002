//! A value with its location.

use std::sync::Arc;

use super::{Entry, FieldPath, Kind, Mapping, Step, is_yaml_1_1_non_string, resolve};
use crate::diag::Span;

/// A YAML value: a scalar, a sequence or a mapping, with the span of the text it came from.
///
/// Cheap to clone: the items of a sequence and the entries of a mapping are shared until one of the clones changes.
///
/// The span is kept through merging and patching, so that a late error points to the line in the user's file. Text that the source
/// contains verbatim is a slice of it, without an allocation per scalar.
#[derive(Clone)]
pub struct Node {
    span: Span,
    value: Value,
}

/// Each variant contains its own style, which then fits next to the discriminant: a node has 40 bytes, and large files are read
/// faster.
#[derive(Clone)]
enum Value {
    /// Text that is in the source of the node's own span.
    Slice(Presentation, u32, u32),
    Static(Presentation, &'static str),
    Owned(Presentation, Arc<str>),
    Sequence(Presentation, triomphe::Arc<Vec<Node>>),
    Mapping(Presentation, Mapping),
}

/// The style and the explicit type.
#[derive(Clone, Copy)]
struct Presentation(Style, Tag);

impl Value {
    fn look(&self) -> Presentation {
        match self {
            Value::Slice(look, ..) | Value::Static(look, _) | Value::Owned(look, _) => *look,
            Value::Sequence(look, _) | Value::Mapping(look, _) => *look,
        }
    }

    fn look_mut(&mut self) -> &mut Presentation {
        match self {
            Value::Slice(look, ..) | Value::Static(look, _) | Value::Owned(look, _) => look,
            Value::Sequence(look, _) | Value::Mapping(look, _) => look,
        }
    }
}

/// The style of a value: a preference for the writers, and an input of kustomize's merge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Style {
    /// A scalar without quotes; a collection in block form.
    #[default]
    Plain,
    /// In single quotes: `'…'`.
    SingleQuoted,
    /// In double quotes, with escapes: `"…"`.
    DoubleQuoted,
    /// A literal block, which keeps line ends: `|`.
    Literal,
    /// A folded block, which joins lines: `>`.
    Folded,
    /// A collection in `[…]` or `{…}`; a null whose value is missing inside such a collection.
    Flow,
    /// A scalar without quotes after its tag, as in `!!str 5`. Only [`Node::declare_types`] distinguishes it from `Plain`.
    Tagged,
}

impl Style {
    /// Whether it is only a style of strings.
    fn is_quoted(self) -> bool {
        !matches!(self, Style::Plain | Style::Flow | Style::Tagged)
    }
}

/// The type that is explicit in the source, or that the value was created with; `None` if the text determines it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Tag {
    /// Resolved from the text: a plain scalar by YAML's rules, every other a string.
    #[default]
    None,
    /// `!!str`: a string.
    Str,
    /// `!!null`: the null value.
    Null,
    /// `!!bool`: a boolean.
    Bool,
    /// `!!int`: a whole number.
    Int,
    /// `!!float`: a number with a fraction or an exponent.
    Float,
    /// `!!timestamp`: a date, with or without a time.
    Timestamp,
    /// `!!binary`: bytes in base64.
    Binary,
    /// A tag that YAML does not define, such as CloudFormation's `!Ref`.
    Other,
}

impl Tag {
    /// The tag for a kind of scalar; a collection has none.
    pub fn from_kind(kind: Kind) -> Tag {
        match kind {
            Kind::Null => Tag::Null,
            Kind::Bool => Tag::Bool,
            Kind::Int => Tag::Int,
            Kind::Float => Tag::Float,
            Kind::Timestamp => Tag::Timestamp,
            Kind::Binary => Tag::Binary,
            Kind::String => Tag::Str,
            Kind::Sequence | Kind::Mapping => Tag::None,
        }
    }

    /// The kind of a tag.
    fn kind(self) -> Option<Kind> {
        Some(match self {
            Tag::None => return None,
            Tag::Str | Tag::Other => Kind::String,
            Tag::Null => Kind::Null,
            Tag::Bool => Kind::Bool,
            Tag::Int => Kind::Int,
            Tag::Float => Kind::Float,
            Tag::Timestamp => Kind::Timestamp,
            Tag::Binary => Kind::Binary,
        })
    }
}

/// A node's value for matching.
#[derive(Clone, Copy, Debug)]
pub enum View<'a> {
    /// The text of a scalar, without quotes and escapes.
    Scalar(&'a str),
    /// A sequence with these items.
    Sequence(&'a [Node]),
    /// A mapping with these entries, in their order.
    Mapping(&'a Mapping),
}

impl Node {
    /// A scalar whose text is a range of the span's source, on character boundaries.
    pub(super) fn slice(span: Span, text: std::ops::Range<usize>, style: Style, tag: Tag) -> Node {
        let clip = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Node {
            span,
            value: Value::Slice(Presentation(style, tag), clip(text.start), clip(text.end)),
        }
    }

    /// A scalar with its own text and a location.
    pub(super) fn owned(span: Span, text: Arc<str>, style: Style, tag: Tag) -> Node {
        Node {
            span,
            value: Value::Owned(Presentation(style, tag), text),
        }
    }

    /// A sequence with a location.
    pub(super) fn items(span: Span, items: Vec<Node>, style: Style, tag: Tag) -> Node {
        Node {
            span,
            value: Value::Sequence(Presentation(style, tag), triomphe::Arc::new(items)),
        }
    }

    /// A mapping with a location.
    pub(super) fn entries(span: Span, mapping: Mapping, style: Style, tag: Tag) -> Node {
        Node {
            span,
            value: Value::Mapping(Presentation(style, tag), mapping),
        }
    }

    /// A scalar with its own text.
    pub fn scalar(text: impl Into<Arc<str>>, style: Style, tag: Tag) -> Node {
        Node {
            span: Span::nowhere(),
            value: Value::Owned(Presentation(style, tag), text.into()),
        }
    }

    /// A string, even if its text looks like another type.
    pub fn string(text: impl Into<Arc<str>>) -> Node {
        Node::scalar(text, Style::Plain, Tag::Str)
    }

    /// A string constant, without an allocation.
    pub fn constant(text: &'static str) -> Node {
        Node {
            span: Span::nowhere(),
            value: Value::Static(Presentation(Style::Plain, Tag::Str), text),
        }
    }

    /// A generated null, without a location in a file.
    pub fn null() -> Node {
        Node {
            span: Span::nowhere(),
            value: Value::Static(Presentation(Style::Plain, Tag::Null), "null"),
        }
    }

    /// A boolean that has no source.
    pub fn bool(value: bool) -> Node {
        let text = if value { "true" } else { "false" };
        Node {
            span: Span::nowhere(),
            value: Value::Static(Presentation(Style::Plain, Tag::Bool), text),
        }
    }

    /// An integer that has no source.
    pub fn int(value: i64) -> Node {
        Node::scalar(value.to_string(), Style::Plain, Tag::Int)
    }

    /// A generated sequence of these items.
    pub fn sequence(items: impl IntoIterator<Item = Node>) -> Node {
        Node::items(
            Span::nowhere(),
            items.into_iter().collect(),
            Style::Plain,
            Tag::None,
        )
    }

    /// A generated mapping of these entries.
    pub fn mapping(mapping: impl Into<Mapping>) -> Node {
        Node::entries(Span::nowhere(), mapping.into(), Style::Plain, Tag::None)
    }

    /// A copy that shares no collection with this value.
    ///
    /// For a value that is inserted at several places of one document, where the address of a node identifies its place.
    #[must_use]
    pub fn deep_clone(&self) -> Node {
        let value = match &self.value {
            Value::Sequence(look, items) => {
                let items = items.iter().map(Node::deep_clone).collect();
                Value::Sequence(*look, triomphe::Arc::new(items))
            }
            Value::Mapping(look, mapping) => {
                let entries = mapping.iter().map(|Entry { key, value }| Entry {
                    key: key.clone(),
                    value: value.deep_clone(),
                });
                Value::Mapping(*look, entries.collect())
            }
            scalar => scalar.clone(),
        };
        let span = self.span.clone();
        Node { span, value }
    }

    /// The same value with another location.
    #[must_use]
    pub fn at(mut self, span: impl Into<Span>) -> Node {
        if let Value::Slice(look, ..) = self.value {
            self.value = Value::Owned(look, self.as_str().unwrap_or("").into());
        }
        self.span = span.into();
        self
    }

    /// The same value with another style.
    #[must_use]
    pub fn styled(mut self, style: Style) -> Node {
        self.value.look_mut().0 = style;
        self
    }

    /// Changes the style.
    pub fn set_style(&mut self, style: Style) {
        self.value.look_mut().0 = style;
    }

    /// Changes the tag.
    pub fn set_tag(&mut self, tag: Tag) {
        self.value.look_mut().1 = tag;
    }

    /// The same value with another tag.
    #[must_use]
    pub fn tagged(mut self, tag: Tag) -> Node {
        self.value.look_mut().1 = tag;
        self
    }

    /// The location in its source file.
    pub fn span(&self) -> &Span {
        &self.span
    }

    /// Whether it has a location in a file.
    pub fn has_origin(&self) -> bool {
        !self.span.is_nowhere()
    }

    /// The style in which it was written.
    pub fn style(&self) -> Style {
        self.value.look().0
    }

    /// The explicit tag that was written before the value.
    pub fn tag(&self) -> Tag {
        self.value.look().1
    }

    /// The value for matching.
    pub fn view(&self) -> View<'_> {
        match &self.value {
            Value::Sequence(_, items) => View::Sequence(items),
            Value::Mapping(_, mapping) => View::Mapping(mapping),
            _ => View::Scalar(self.as_str().unwrap_or("")),
        }
    }

    /// The kind of the value. That of a scalar follows go-yaml v3.
    pub fn kind(&self) -> Kind {
        match &self.value {
            Value::Sequence(_, _) => Kind::Sequence,
            Value::Mapping(_, _) => Kind::Mapping,
            _ => {
                let is_quoted = self.style().is_quoted();
                let text = || resolve(self.as_str().unwrap_or(""));
                match self.tag().kind() {
                    None if is_quoted => Kind::String,
                    None => text(),
                    Some(kind @ (Kind::String | Kind::Binary)) => kind,
                    // The writer removes a tag that matches the text, and quotes make it a string.
                    Some(kind) if is_quoted && text() == kind => Kind::String,
                    Some(kind) => kind,
                }
            }
        }
    }

    /// Sets the tag of every scalar value to that of its kind, as go-yaml v3 does when reading: the tag is kept when the text
    /// changes.
    ///
    /// Keys are not changed. Without this, the kind of a scalar changes with its text.
    pub fn declare_types(&mut self) {
        if let Some(items) = self.as_sequence_mut() {
            return items.iter_mut().for_each(Node::declare_types);
        }
        if let Some(entries) = self.as_mapping_mut() {
            return entries.iter_mut().for_each(|it| it.value.declare_types());
        }
        let tag = Tag::from_kind(self.kind());
        let look = self.value.look_mut();
        *look = match *look {
            Presentation(Style::Flow, Tag::None) => Presentation(Style::Plain, tag),
            Presentation(style, Tag::None) => Presentation(style, tag),
            Presentation(Style::Plain | Style::Flow, stated) => Presentation(Style::Tagged, stated),
            stated => stated,
        };
    }

    /// Converts values without an equivalent in JSON to their meaning in claims: an unquoted date is a string, and a missing value
    /// inside `{…}` is null.
    pub fn settle_as_data(&mut self) {
        if let Some(items) = self.as_sequence_mut() {
            return items.iter_mut().for_each(Node::settle_as_data);
        }
        if let Some(entries) = self.as_mapping_mut() {
            return entries.iter_mut().for_each(|it| it.value.settle_as_data());
        }
        if self.style() == Style::Flow && self.is_null() {
            *self = Node::null().at(self.span().clone());
        } else if matches!(self.tag(), Tag::None | Tag::Timestamp) && self.kind() == Kind::Timestamp
        {
            self.value.look_mut().1 = Tag::Str;
        }
    }

    /// Adds quotes to an unquoted string that has another type in YAML 1.1, as kustomize does for every field that it sets.
    pub fn quote_as_field(&mut self) {
        let is_open = matches!(self.tag(), Tag::Str | Tag::None) && self.style() == Style::Plain;
        if is_open && self.as_str().is_some_and(is_yaml_1_1_non_string) {
            self.value.look_mut().0 = Style::DoubleQuoted;
        }
    }

    /// Whether it has the tag of a null, independent of its text: kustomize treats such values as null until it prints them.
    pub fn is_tagged_null(&self) -> bool {
        self.is_scalar() && self.tag() == Tag::Null
    }

    /// The text of a scalar of any kind.
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::Slice(_, start, end) => {
                let text = self.span.source_text();
                Some(text.get(*start as usize..*end as usize).unwrap_or(""))
            }
            Value::Static(_, text) => Some(text),
            Value::Owned(_, text) => Some(text),
            Value::Sequence(_, _) | Value::Mapping(_, _) => None,
        }
    }

    /// Whether this is a scalar with this text.
    pub(super) fn is_text(&self, text: &str) -> bool {
        match &self.value {
            Value::Slice(_, start, end) => {
                let (start, end) = (*start as usize, *end as usize);
                // Most texts differ in length, which is the fastest comparison.
                end.wrapping_sub(start) == text.len()
                    && self
                        .span
                        .source_text()
                        .as_bytes()
                        .get(start..end)
                        .is_some_and(|own| same_bytes(own, text.as_bytes()))
            }
            Value::Static(_, own) => *own == text,
            Value::Owned(_, own) => **own == *text,
            Value::Sequence(_, _) | Value::Mapping(_, _) => false,
        }
    }

    /// The text of a scalar that is a string.
    pub fn as_string(&self) -> Option<&str> {
        self.as_str().filter(|_| self.kind() == Kind::String)
    }

    /// The value of a boolean.
    pub fn as_bool(&self) -> Option<bool> {
        (self.kind() == Kind::Bool).then(|| matches!(self.as_str(), Some("true" | "True" | "TRUE")))
    }

    /// The value of an unquoted word that is a boolean only in YAML 1.1, such as `yes` and `off`.
    pub fn as_old_bool(&self) -> Option<bool> {
        if self.style() != Style::Plain || self.tag() != Tag::None {
            return None;
        }
        match self.as_str().filter(|it| it.len() <= 3)? {
            "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Some(true),
            "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => Some(false),
            _ => None,
        }
    }

    /// The value of a whole number within 64 bits.
    pub fn as_int(&self) -> Option<i64> {
        if self.kind() != Kind::Int {
            None
        } else {
            self.as_str().and_then(super::scalar::int_value)
        }
    }

    /// The value of a whole number from −2^63 to 2^64−1.
    pub fn as_int_wide(&self) -> Option<i128> {
        if self.kind() != Kind::Int {
            None
        } else {
            self.as_str().and_then(super::scalar::int_value_wide)
        }
    }

    /// The nearest float to a finite number.
    pub fn as_float(&self) -> Option<f64> {
        match self.kind() {
            Kind::Int => self.as_int_wide().map(|it| it as f64),
            Kind::Float => {
                // The tag of a float may precede a whole number.
                let text = self.as_str()?;
                let whole = super::scalar::int_value_wide(text).map(|it| it as f64);
                whole.or_else(|| super::scalar::float_value(text))
            }
            _ => None,
        }
    }

    /// Whether the value is null.
    pub fn is_null(&self) -> bool {
        match self.value.look() {
            // No spelling of null is longer.
            Presentation(style, Tag::None) => {
                self.as_str().is_some_and(|it| it.len() <= 4)
                    && !style.is_quoted()
                    && self.kind() == Kind::Null
            }
            _ => self.kind() == Kind::Null,
        }
    }

    /// Whether it is a scalar.
    pub fn is_scalar(&self) -> bool {
        !matches!(self.value, Value::Sequence(_, _) | Value::Mapping(_, _))
    }

    /// Whether it is a mapping or a sequence without content.
    pub fn is_empty_collection(&self) -> bool {
        match self.view() {
            View::Scalar(_) => false,
            View::Sequence(items) => items.is_empty(),
            View::Mapping(mapping) => mapping.is_empty(),
        }
    }

    /// The items of a sequence.
    pub fn as_sequence(&self) -> Option<&[Node]> {
        if let Value::Sequence(_, items) = &self.value {
            Some(items)
        } else {
            None
        }
    }

    /// The items of a sequence, mutably.
    pub fn as_sequence_mut(&mut self) -> Option<&mut Vec<Node>> {
        if let Value::Sequence(_, items) = &mut self.value {
            Some(triomphe::Arc::make_mut(items))
        } else {
            None
        }
    }

    /// The entries of a mapping.
    pub fn as_mapping(&self) -> Option<&Mapping> {
        if let Value::Mapping(_, mapping) = &self.value {
            Some(mapping)
        } else {
            None
        }
    }

    /// The entries of a mapping, mutably.
    pub fn as_mapping_mut(&mut self) -> Option<&mut Mapping> {
        if let Value::Mapping(_, mapping) = &mut self.value {
            Some(mapping)
        } else {
            None
        }
    }

    /// The mapping, or `None` for other kinds.
    pub fn into_mapping(self) -> Option<Mapping> {
        if let Value::Mapping(_, mapping) = self.value {
            Some(mapping)
        } else {
            None
        }
    }

    /// The items, or `None` for other kinds.
    pub fn into_sequence(self) -> Option<Vec<Node>> {
        if let Value::Sequence(_, items) = self.value {
            Some(triomphe::Arc::unwrap_or_clone(items))
        } else {
            None
        }
    }

    /// A mapping's value by its key.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.as_mapping()?.get(key)
    }

    /// A mapping's value by its key, mutably.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        self.as_mapping_mut()?.get_mut(key)
    }

    /// The value at a path of keys.
    pub fn at_keys(&self, keys: &[&str]) -> Option<&Node> {
        keys.iter().try_fold(self, |node, key| node.get(key))
    }

    /// Merges another value into this one: mappings as in [`Mapping::merge`], any other value is replaced.
    pub fn merge(&mut self, over: Node) {
        match (&mut self.value, over.value) {
            (Value::Mapping(_, base), Value::Mapping(_, over)) => base.merge(over),
            (value, over_value) => {
                *value = over_value;
                self.span = over.span;
            }
        }
    }

    /// The value at a path of keys, mutably.
    pub fn at_keys_mut(&mut self, keys: &[&str]) -> Option<&mut Node> {
        keys.iter().try_fold(self, |node, key| node.get_mut(key))
    }

    /// The value at this path below the node, if every step exists.
    pub fn at_path(&self, path: &FieldPath) -> Option<&Node> {
        path.steps().iter().try_fold(self, |node, step| match step {
            Step::Key(key) => node.get(key),
            Step::Index(index) => node.as_sequence()?.get(*index),
        })
    }

    /// The deepest existing node on a path, as location of errors about missing nodes below it.
    pub fn nearest_on_path(&self, path: &FieldPath) -> &Node {
        let mut node = self;
        for step in path.steps() {
            let next = match step {
                Step::Key(key) => node.get(key),
                Step::Index(index) => node.as_sequence().and_then(|items| items.get(*index)),
            };
            match next {
                Some(next) => node = next,
                None => break,
            }
        }
        node
    }

    /// Whether two values contain the same data. Spans, styles and the order of keys are ignored.
    ///
    /// Numbers are compared by their text: `1` and `1.0` differ.
    pub fn same_data(&self, other: &Node) -> bool {
        match (self.view(), other.view()) {
            (View::Scalar(a), View::Scalar(b)) => {
                let kind = self.kind();
                kind == other.kind()
                    && (kind == Kind::Null
                        || a == b
                        || kind == Kind::Bool && self.as_bool() == other.as_bool())
            }
            (View::Sequence(a), View::Sequence(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.same_data(b))
            }
            (View::Mapping(a), View::Mapping(b)) => a.same_data(b),
            _ => false,
        }
    }
}

/// Whether two texts of equal length are equal. Up to 16 bytes, two overlapping integers cover the whole text.
fn same_bytes(a: &[u8], b: &[u8]) -> bool {
    fn ends<const N: usize>(bytes: &[u8]) -> Option<(&[u8; N], &[u8; N])> {
        bytes.first_chunk().zip(bytes.last_chunk())
    }
    match a.len() {
        0..4 => a.iter().eq(b),
        4..8 => ends::<4>(a) == ends::<4>(b),
        8..=16 => ends::<8>(a) == ends::<8>(b),
        _ => a == b,
    }
}

impl From<&Node> for Span {
    fn from(node: &Node) -> Span {
        node.span.clone()
    }
}

impl From<&str> for Node {
    fn from(text: &str) -> Node {
        Node::string(text)
    }
}

impl From<String> for Node {
    fn from(text: String) -> Node {
        Node::string(text)
    }
}

impl From<bool> for Node {
    fn from(value: bool) -> Node {
        Node::bool(value)
    }
}

impl From<i64> for Node {
    fn from(value: i64) -> Node {
        Node::int(value)
    }
}

impl From<Vec<Node>> for Node {
    fn from(items: Vec<Node>) -> Node {
        Node::sequence(items)
    }
}

impl From<Mapping> for Node {
    fn from(mapping: Mapping) -> Node {
        Node::mapping(mapping)
    }
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.view() {
            View::Scalar(text) if self.kind() == Kind::String => write!(f, "{text:?}"),
            View::Scalar(text) => f.write_str(text),
            View::Sequence(items) => f.debug_list().entries(items).finish(),
            View::Mapping(mapping) => f
                .debug_map()
                .entries(mapping.iter().map(|it| (&it.key, &it.value)))
                .finish(),
        }
    }
}
