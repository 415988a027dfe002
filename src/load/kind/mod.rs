//! Claim kinds: `<Kind>/kind.yaml` and the templates next to it.

mod definition;
mod effects;
mod folders;
mod names;

use crate::diag::Span;
use crate::layout::Group;
use crate::schema::Schema;
use crate::yaml::Node;
pub use definition::schema;
pub use folders::read_ahead;
pub(super) use folders::{Kinds, Wanted, read_all};

/// A claim kind. Expressions and texts are names of compiled templates in `Templates`.
#[derive(Debug)]
pub struct ClaimKind {
    /// The name of the kind and of its folder.
    pub name: String,
    /// Every `apiVersion` that a claim may have.
    pub api_versions: Vec<String>,
    /// Versions that exist but are not accepted, each with a help text.
    pub other_versions: Vec<(String, String)>,
    /// Other names of the kind.
    pub aliases: Vec<String>,
    /// The accepted spellings of fields.
    pub spelling: Spelling,
    /// A description in one or two sentences; may be empty.
    pub description: String,
    /// The part of the tree that its claims belong to.
    pub group: Group,
    /// Structural schema of a whole claim.
    pub schema: Schema,
    /// Computed names, in order.
    pub locals: Vec<(String, String)>,
    /// Fields that do not always have an effect.
    pub effects: Vec<Effect>,
    /// Conditions that a claim must satisfy.
    pub rules: Vec<Rule>,
    /// Outputs that other claims can refer to.
    pub outputs: Vec<(String, String)>,
    /// Fields that may be a plain value, `{value}`, or a reference to another claim.
    pub references: Vec<Reference>,
    /// Claims of other kinds that it uses.
    pub lookups: Vec<Lookup>,
    /// An expression: the names of claims that must be ready first.
    pub depends_on: Option<String>,
    /// CRDs that a claim installs.
    pub provides: Vec<Capability>,
    /// CRDs that a claim needs.
    pub requires: Vec<Capability>,
    /// The templates, one for each file or list of files.
    pub files: Vec<FileTemplate>,
    /// The `spec` of `kind.yaml`, as written.
    pub written: Node,
    /// The location of `kind.yaml`, for errors that belong to no field.
    pub span: Span,
}

/// The accepted spellings of a claim's fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spelling {
    /// As in the schema.
    Exact,
    /// As in the schema, or in snake_case.
    Protojson,
}

/// A condition that claims must satisfy.
#[derive(Debug)]
pub struct Rule {
    /// An expression: a list to each item of which the rule is applied.
    pub for_each: Option<String>,
    /// An expression that must be true.
    pub require: String,
    /// What is wrong, without its location.
    pub message: String,
    /// What the user can do about it.
    pub help: Option<String>,
    /// The field that the diagnostic points at, with dots; a step `*` is the index of the item.
    pub at: Option<String>,
    /// Whether a violation is only a warning, so the claim is rendered anyway.
    pub warning: bool,
}

/// A field that may refer to another claim: `{valueFrom: {kind, name, fieldPath}}`.
#[derive(Debug)]
pub struct Reference {
    /// The field, with dots.
    pub at: String,
    /// The default kind of the reference.
    pub kind: Option<String>,
    /// The default path of the reference.
    pub field_path: Option<String>,
}

/// A claim of the same environment that claims of this kind use, if it exists.
#[derive(Debug)]
pub struct Lookup {
    /// Its name in expressions, in which it is null if there is no such claim.
    pub name: String,
    /// The kind of the claim that is looked for.
    pub kind: String,
    /// An expression that is true if the claim `found` is to be used.
    pub when: String,
}

/// CRDs that a claim provides or requires.
#[derive(Debug)]
pub struct Capability {
    /// The name of one CRD.
    pub name: Option<String>,
    /// An expression that gives a list of names.
    pub names: Option<String>,
    /// An expression: the condition under which the entry applies.
    pub when: Option<String>,
    /// Whether no other claim of the environment may provide them.
    pub exclusive: bool,
    /// For provided CRDs: an expression for their version.
    pub version: Option<String>,
    /// For required CRDs: the minimum version.
    pub min_version: Option<String>,
}

/// One template of a kind.
#[derive(Debug)]
pub struct FileTemplate {
    /// The name of the template's file.
    pub template: String,
    /// An expression: whether there is a file.
    pub when: Option<String>,
    /// An expression: a list, with one file for each item.
    pub for_each: Option<String>,
    /// The file's name, as a text with expressions.
    pub name: Option<String>,
    /// The default name of the file.
    pub default_name: String,
}

impl ClaimKind {
    /// Whether the kind has that name.
    pub fn has_name(&self, name: &str) -> bool {
        self.names().any(|it| it == name)
    }

    /// The name of the compiled condition of a conditional default.
    pub fn condition(&self, condition: &str) -> String {
        condition_name(&self.name, condition)
    }

    /// All names of the kind.
    pub fn names(&self) -> impl Iterator<Item = &str> + Clone {
        std::iter::once(self.name.as_str()).chain(self.aliases.iter().map(String::as_str))
    }
}

/// The name under which a default's condition is compiled.
fn condition_name(kind: &str, condition: &str) -> String {
    format!("{kind}#default {condition}")
}

/// A field that does not always have an effect.
#[derive(Debug)]
pub struct Effect {
    /// Its path in a claim.
    pub path: Vec<Part>,
    /// The compiled condition under which it has an effect; `None` if it never has.
    pub when: Option<String>,
    /// The compiled help text for a field without effect.
    pub help: Option<String>,
}

/// A part of the path to a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// The field of a map.
    Key(Box<str>),
    /// Any entry of a map that has no fields of its own.
    AnyKey,
    /// Any item of a list.
    AnyItem,
}

impl Effect {
    /// Whether its condition uses `item`, an item of a list.
    pub(super) fn has_item(&self) -> bool {
        self.path.contains(&Part::AnyItem)
    }

    /// Whether its condition uses `key`, the key of an entry.
    pub(super) fn has_key(&self) -> bool {
        self.path.last() == Some(&Part::AnyKey)
    }
}
