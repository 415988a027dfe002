//! Schemas as in the API server, compiled for validation.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use super::json::Json;
use super::lookup::Lookup;
use super::structural::same;
use crate::schema::pattern::Pattern;
use pleach_yaml::Node;

/// The compiled schema of a value, shared by all objects of a kind.
#[derive(Debug, Default)]
pub(super) struct Schema {
    pub(super) types: Types,
    pub(super) format: Format,
    pub(super) flags: Flags,
    pub(super) properties: Properties,
    pub(super) additional: Additional,
    pub(super) items: Option<Child>,
    pub(super) required: Box<[Box<str>]>,
    pub(super) list: ListType,
    pub(super) list_map_keys: Box<[Box<str>]>,
    pub(super) limits: Option<Box<Limits>>,
    pub(super) logic: Option<Box<Logic>>,
    pub(super) default: Option<Box<Node>>,
    pub(super) rules: Box<[Rule]>,
}

/// A subschema, possibly shared.
#[derive(Debug)]
pub(super) enum Child {
    Own(Box<Schema>),
    /// The number in the [`Pool`].
    Shared(u32),
}

/// The type of a JSON value, or of a Go value for built-in kinds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Types {
    #[default]
    Any,
    Object,
    Array,
    String,
    Integer,
    Number,
    Boolean,
    IntOrString,
    /// `resource.Quantity`: a string or a number.
    Quantity,
}

impl Types {
    /// A description of the type, for messages.
    pub(super) fn description(self) -> &'static str {
        match self {
            Types::Any => "a value",
            Types::Object => "an object",
            Types::Array => "an array",
            Types::String => "a string",
            Types::Integer => "an integer",
            Types::Number => "a number",
            Types::Boolean => "`true` or `false`",
            Types::IntOrString => "an integer or a string",
            Types::Quantity => "a quantity such as `500m`, `10Gi` or `2`",
        }
    }
}

/// The formats that the server supports; others are ignored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Format {
    #[default]
    None,
    Int32,
    Int64,
    Double,
    Byte,
    Date,
    DateTime,
    Duration,
    Ipv4,
    Ipv6,
    Cidr,
    Mac,
    Uri,
    Uuid,
    Email,
    Hostname,
    HexColor,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Flags {
    pub(super) nullable: bool,
    pub(super) preserve_unknown: bool,
    pub(super) embedded_resource: bool,
    pub(super) unique_items: bool,
    pub(super) exclusive_minimum: bool,
    pub(super) exclusive_maximum: bool,
    /// Whether this schema or a subschema has CEL rules.
    pub(super) has_rules: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum ListType {
    #[default]
    Atomic,
    Set,
    Map,
}

/// The schema of additional properties.
#[derive(Debug, Default)]
pub(super) enum Additional {
    /// Not specified: such keys are unknown.
    #[default]
    None,
    Anything,
    Nothing,
    Like(Child),
}

#[derive(Debug, Default)]
pub(super) struct Limits {
    pub(super) one_of: Enumeration,
    pub(super) pattern: Option<Pattern>,
    pub(super) minimum: Option<f64>,
    pub(super) maximum: Option<f64>,
    pub(super) multiple_of: Option<f64>,
    pub(super) length: Range,
    pub(super) items: Range,
    pub(super) properties: Range,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Range {
    pub(super) min: Option<u64>,
    pub(super) max: Option<u64>,
}

/// The allowed values of a field.
#[derive(Debug, Default)]
pub(super) struct Enumeration {
    texts: Vec<Box<str>>,
    sorted: BTreeSet<Box<str>>,
    /// The allowed numbers, as bits.
    numbers: BTreeSet<u64>,
    others: Vec<Node>,
}

impl Enumeration {
    pub(super) fn new(values: &[Node]) -> Enumeration {
        let mut all = Enumeration::default();
        for value in values {
            match Json::from_node(value) {
                Json::String(text) => {
                    all.texts.push(text.into());
                    all.sorted.insert(text.into());
                }
                json => match json.number() {
                    Some(number) => _ = all.numbers.insert(bits(number)),
                    None => all.others.push(value.clone()),
                },
            }
        }
        all
    }

    pub(super) fn is_empty(&self) -> bool {
        self.texts.is_empty() && self.numbers.is_empty() && self.others.is_empty()
    }

    pub(super) fn has(&self, value: &Node) -> bool {
        match Json::from_node(value) {
            Json::String(text) => self.sorted.contains(text),
            json => match json.number() {
                Some(number) => self.numbers.contains(&bits(number)),
                None => self.others.iter().any(|it| same(it, value)),
            },
        }
    }

    pub(super) fn texts(&self) -> Vec<&str> {
        self.texts.iter().map(|it| &**it).collect()
    }
}

/// Zero has two forms that are equal.
fn bits(number: f64) -> u64 {
    (number + 0.0).to_bits()
}

#[derive(Debug, Default)]
pub(super) struct Logic {
    pub(super) all_of: Vec<Schema>,
    pub(super) any_of: Vec<Schema>,
    pub(super) one_of: Vec<Schema>,
    pub(super) not: Option<Schema>,
}

#[derive(Debug)]
pub(super) struct Rule {
    pub(super) expression: Box<str>,
    pub(super) message: Option<Box<str>>,
    pub(super) message_expression: Option<Box<str>>,
    /// Whether it is also evaluated without an old value (`optionalOldSelf`).
    pub(super) optional_old_self: bool,
    pub(super) program: OnceLock<super::cel::Compiled>,
}

pub(super) type Properties = Lookup<Child>;

impl Range {
    pub(super) fn holds(self, size: u64) -> bool {
        self.min.is_none_or(|it| size >= it) && self.max.is_none_or(|it| size <= it)
    }

    pub(super) fn is_open(self) -> bool {
        self.min.is_none() && self.max.is_none()
    }

    /// `at least 1`, `at most 10`, `1 to 10`.
    pub(super) fn description(self) -> String {
        match (self.min, self.max) {
            (Some(min), Some(max)) if min == max => format!("exactly {min}"),
            (Some(min), Some(max)) => format!("{min} to {max}"),
            (Some(min), None) => format!("at least {min}"),
            (None, Some(max)) => format!("at most {max}"),
            (None, None) => "any number of".to_owned(),
        }
    }
}

/// Shared schemas, by number. Each is parsed on first use.
#[derive(Debug, Default)]
pub(super) struct Pool {
    /// The text of a schema, as JSON.
    texts: Vec<Box<str>>,
    read: Vec<OnceLock<Schema>>,
}

impl Pool {
    pub(super) fn new(texts: Vec<Box<str>>) -> Pool {
        let read = texts.iter().map(|_| OnceLock::new()).collect();
        Pool { texts, read }
    }

    /// The schema of a child.
    pub(super) fn get<'s>(&'s self, child: &'s Child) -> &'s Schema {
        match child {
            Child::Own(schema) => schema,
            Child::Shared(number) => self.shared(*number),
        }
    }

    /// The schema of a number; one that allows everything if there is none.
    pub(super) fn shared(&self, number: u32) -> &Schema {
        let number = number as usize;
        match (self.texts.get(number), self.read.get(number)) {
            (Some(text), Some(read)) => read.get_or_init(|| super::read::read_text(text)),
            _ => anything(),
        }
    }

    /// The schema of a key: that of the property, or else that of additional properties.
    pub(super) fn child<'s>(&'s self, schema: &'s Schema, key: &str) -> Option<&'s Schema> {
        match (schema.properties.get(key), &schema.additional) {
            (Some(child), _) | (None, Additional::Like(child)) => Some(self.get(child)),
            _ => None,
        }
    }
}

/// A schema that allows everything.
pub(super) fn anything() -> &'static Schema {
    static ANYTHING: OnceLock<Schema> = OnceLock::new();
    ANYTHING.get_or_init(|| Schema {
        flags: Flags {
            preserve_unknown: true,
            ..Flags::default()
        },
        ..Schema::default()
    })
}
