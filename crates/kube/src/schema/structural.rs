//! Structural schemas as in CRDs, with a few extensions for claim kinds.
//!
//! A schema is parsed once and does not change afterwards. [`validate`](super::validate) validates nodes, and
//! [`apply_defaults`](super::apply_defaults) applies defaults.

use indexmap::IndexMap;

use super::pattern::Pattern;
use super::values_of::ValuesOf;
use pleach_yaml::Node;
use pleach_yaml::diag::Span;

/// A structural schema of a CustomResourceDefinition.
#[derive(Clone, Debug)]
pub struct Schema {
    pub(super) span: Span,
    pub(super) types: Types,
    pub(super) format: Format,
    pub(super) flags: Flags,
    pub(super) description: Option<Node>,
    pub(super) properties: IndexMap<Box<str>, Schema>,
    pub(super) required: Vec<Box<str>>,
    pub(super) items: Option<Box<Schema>>,
    pub(super) additional: Additional,
    pub(super) list_type: ListType,
    pub(super) list_map_keys: Vec<Box<str>>,
    pub(super) limits: Option<Box<Limits>>,
    pub(super) logic: Option<Box<Logic>>,
    pub(super) default: Option<Node>,
    pub(super) conditional_default: Option<Box<ConditionalDefault>>,
    pub(super) example: Option<Node>,
    pub(super) effective_when: Option<Box<EffectiveWhen>>,
    pub(super) aliases: Vec<Box<str>>,
    pub(super) values_of: Option<Box<ValuesOf>>,
}

/// A default that only applies under a condition, which the caller evaluates.
#[derive(Clone, Debug)]
pub struct ConditionalDefault {
    /// The value that a missing field gets.
    pub value: Node,
    /// The condition: the text of an expression, with its location.
    pub when: Node,
}

/// The condition under which a field has an effect (`x-pleach-effective-when`). The caller evaluates it.
#[derive(Clone, Debug)]
pub struct EffectiveWhen {
    /// The condition: the text of an expression, with its location.
    pub when: Node,
    /// The help if it is not met.
    pub help: Option<Node>,
}

/// The type of a list in the API server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ListType {
    /// Replaced as a whole.
    #[default]
    Atomic,
    /// Items are unique, as in a set.
    Set,
    /// Items are identified by their keys.
    Map,
}

/// The types that a schema allows.
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
    /// A Kubernetes quantity: a string, or any number.
    Quantity,
}

/// The formats that are checked; others are ignored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Format {
    #[default]
    None,
    Int32,
    Int64,
    Byte,
    Date,
    DateTime,
    Duration,
    Quantity,
    Ipv4,
    Ipv6,
    Cidr,
    IpOrCidr,
    Uri,
    Uuid,
    Email,
    Hostname,
    WildcardHostname,
    Cpu,
    Memory,
    Storage,
    Image,
    ImageRepository,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Flags {
    pub(super) nullable: bool,
    pub(super) preserve_unknown: bool,
    pub(super) enum_numbers: bool,
    pub(super) quoted_numbers: bool,
    pub(super) unique_items: bool,
    pub(super) exclusive_minimum: bool,
    pub(super) exclusive_maximum: bool,
}

/// The schema of keys that are not in `properties`.
#[derive(Clone, Debug, Default)]
pub(super) enum Additional {
    /// Not specified: such keys are unknown.
    #[default]
    Unsaid,
    Refused,
    Anything,
    Like(Box<Schema>),
}

#[derive(Clone, Debug, Default)]
pub(super) struct Limits {
    pub(super) one_of: Vec<Node>,
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
    pub(super) min: Option<usize>,
    pub(super) max: Option<usize>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Logic {
    pub(super) all_of: Vec<Schema>,
    pub(super) any_of: Vec<Schema>,
    pub(super) one_of: Vec<Schema>,
    pub(super) not: Option<Schema>,
}

impl Schema {
    /// A schema that allows everything; the parser starts with it.
    pub(super) fn anything(span: Span) -> Schema {
        Schema {
            span,
            types: Types::Any,
            format: Format::None,
            flags: Flags::default(),
            description: None,
            properties: IndexMap::new(),
            required: Vec::new(),
            items: None,
            additional: Additional::Unsaid,
            list_type: ListType::Atomic,
            list_map_keys: Vec::new(),
            limits: None,
            logic: None,
            default: None,
            conditional_default: None,
            example: None,
            effective_when: None,
            aliases: Vec::new(),
            values_of: None,
        }
    }

    /// The location of the schema.
    pub fn span(&self) -> &Span {
        &self.span
    }

    /// The description of the field in the schema.
    pub fn description(&self) -> Option<&str> {
        self.description.as_ref().and_then(Node::as_str)
    }

    /// The schema of a field by its name, without aliases; see [`Schema::field_of_alias`].
    pub fn property(&self, key: &str) -> Option<&Schema> {
        self.properties.get(key)
    }

    /// The named fields in the order of the schema.
    pub fn properties(&self) -> impl Iterator<Item = (&str, &Schema)> {
        self.properties.iter().map(|(key, it)| (&**key, it))
    }

    /// The names of the fields in the order of the schema.
    pub fn property_names(&self) -> impl Iterator<Item = &str> {
        self.properties.keys().map(|key| &**key)
    }

    /// The names of fields that must exist.
    pub fn required(&self) -> impl Iterator<Item = &str> {
        self.required.iter().map(|key| &**key)
    }

    /// The schema of each item of a list.
    pub fn items(&self) -> Option<&Schema> {
        self.items.as_deref()
    }

    /// The schema for keys that are not in `properties`.
    pub fn additional(&self) -> Option<&Schema> {
        match &self.additional {
            Additional::Like(schema) => Some(schema),
            _ => None,
        }
    }

    /// The schema for a key: that of the field, or else that of all other keys.
    pub fn child(&self, key: &str) -> Option<&Schema> {
        self.property(key).or_else(|| self.additional())
    }

    /// Whether unknown keys are allowed and kept: a free-form map such as Helm values.
    pub fn preserves_unknown(&self) -> bool {
        self.flags.preserve_unknown || matches!(self.additional, Additional::Anything)
    }

    /// Whether unknown keys are errors.
    pub fn is_closed(&self) -> bool {
        !self.preserves_unknown()
            && match self.additional {
                Additional::Refused => true,
                _ => self.types != Types::Any || !self.properties.is_empty(),
            }
    }

    /// The type of the list.
    pub fn list_type(&self) -> ListType {
        self.list_type
    }

    /// The keys that identify the items of a list; empty for other lists.
    pub fn list_map_keys(&self) -> impl ExactSizeIterator<Item = &str> {
        self.list_map_keys.iter().map(|key| &**key)
    }

    /// Other names of this field (`x-pleach-aliases`).
    pub fn aliases(&self) -> impl ExactSizeIterator<Item = &str> {
        self.aliases.iter().map(|name| &**name)
    }

    /// The field with this alias, if there is one.
    pub fn field_of_alias(&self, alias: &str) -> Option<&str> {
        self.properties()
            .find(|(_, field)| field.aliases().any(|it| it == alias))
            .map(|it| it.0)
    }

    /// Whether `null` is a valid value.
    pub fn is_nullable(&self) -> bool {
        self.flags.nullable
    }

    /// The default of a field.
    pub fn default(&self) -> Option<&Node> {
        self.default.as_ref()
    }

    /// The conditional default of a field.
    pub fn conditional_default(&self) -> Option<&ConditionalDefault> {
        self.conditional_default.as_deref()
    }

    /// The condition under which the field has an effect, if it has one.
    pub fn effective_when(&self) -> Option<&EffectiveWhen> {
        self.effective_when.as_deref()
    }

    /// The chart whose values the field contains, if any.
    pub fn values_of(&self) -> Option<&ValuesOf> {
        self.values_of.as_deref()
    }

    /// The schemas of `anyOf`.
    pub fn alternatives(&self) -> impl Iterator<Item = &Schema> {
        let logic = self.logic.as_deref();
        logic
            .into_iter()
            .flat_map(|it| it.any_of.iter().chain(&it.one_of))
    }

    /// The allowed values, if they are restricted.
    pub fn allowed_values(&self) -> &[Node] {
        self.limits.as_ref().map_or(&[], |it| &it.one_of)
    }

    /// The minimum and maximum.
    pub fn bounds(&self) -> (Option<f64>, Option<f64>) {
        let limits = self.limits.as_ref();
        limits.map_or((None, None), |it| (it.minimum, it.maximum))
    }

    /// Whether an allowed value may be given by its index.
    pub fn takes_enum_numbers(&self) -> bool {
        self.flags.enum_numbers
    }

    /// Whether quoted numbers are accepted everywhere below this root, as in protojson.
    pub fn takes_quoted_numbers(&self) -> bool {
        self.flags.quoted_numbers
    }

    /// The value of `type`; empty if any type is allowed.
    pub fn type_name(&self) -> &'static str {
        match self.types {
            Types::Any => "",
            Types::Object => "object",
            Types::Array => "array",
            Types::String => "string",
            Types::Integer => "integer",
            Types::Number => "number",
            Types::Boolean => "boolean",
            Types::IntOrString => "int-or-string",
            Types::Quantity => "quantity",
        }
    }
}
