//! Claim kinds. A kind is a folder with the file `kind.yaml` and templates.

mod conflicts;
mod definition;
mod effects;
mod fields;
mod folders;
mod names;

use crate::diag::Span;
use crate::layout::Group;
use crate::schema::Schema;
use crate::template::BUILTIN;
use crate::yaml::Node;
pub use definition::schema;
pub use folders::preload_builtin_kinds;
pub(super) use folders::{KindFilter, Kinds, read_all};

/// A claim kind. Its expressions and texts are compiled in `Templates`; the fields contain their names there.
#[derive(Debug)]
pub struct ClaimKind {
    /// The name of the kind and of its folder.
    pub name: String,
    /// Every `apiVersion` that a claim may have.
    pub api_versions: Vec<String>,
    /// Versions that exist but are not accepted, each with a help text for claims that use it.
    pub other_versions: Vec<(String, String)>,
    /// Other names of the kind.
    pub aliases: Vec<String>,
    /// The accepted spellings of fields.
    pub spelling: Spelling,
    /// A description in one or two sentences; may be empty.
    pub description: String,
    /// The part of the tree that its claims belong to.
    pub group: Group,
    /// The structural schema of a claim, including `apiVersion`, `kind` and `metadata`.
    pub schema: Schema,
    /// The names and expressions of `let`, in order.
    pub locals: Vec<(String, String)>,
    /// Fields that do not always have an effect.
    pub effects: Vec<Effect>,
    /// Conditions that a claim must satisfy.
    pub rules: Vec<Rule>,
    /// The names and expressions of outputs, which other claims can refer to.
    pub outputs: Vec<(String, String)>,
    /// Fields that may be a plain value, `{value}`, or a reference to another claim.
    pub references: Vec<Reference>,
    /// The entries of `find`: claims of other kinds that it uses.
    pub lookups: Vec<Lookup>,
    /// An expression for the names of claims that must be ready first.
    pub depends_on: Option<String>,
    /// CRDs that a claim installs.
    pub provides: Vec<Capability>,
    /// CRDs that a claim needs.
    pub requires: Vec<Capability>,
    /// The templates of files.
    pub files: Vec<FileTemplate>,
    /// The `spec` of `kind.yaml`.
    pub spec: Node,
    /// The location of `kind.yaml`, for errors that belong to no field.
    pub span: Span,
    /// The location of its name.
    pub name_span: Span,
}

/// The accepted spellings of a claim's fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spelling {
    /// Only the names in the schema.
    Exact,
    /// The names in the schema, or the same names in snake_case.
    Protojson,
}

/// A condition that claims must satisfy.
#[derive(Debug)]
pub struct Rule {
    /// An expression for a list. If set, the rule is checked for each item.
    pub for_each: Option<String>,
    /// An expression that must be true.
    pub require: String,
    /// The message of the diagnostic.
    pub message: String,
    /// The help of the diagnostic.
    pub help: Option<String>,
    /// The path of the field that the diagnostic points at, such as `spec.ports.*.name`; `*` is the index of the item.
    pub at: Option<String>,
    /// Whether a violation is only a warning, so that the claim is rendered anyway.
    pub warning: bool,
}

/// A field that may refer to another claim: `{valueFrom: {kind, name, fieldPath}}`.
#[derive(Debug)]
pub struct Reference {
    /// The path of the field, such as `spec.password`.
    pub at: String,
    /// The default for `kind` of the reference.
    pub kind: Option<String>,
    /// The default for `fieldPath` of the reference.
    pub field_path: Option<String>,
}

/// An entry of `find`: a claim of the same environment that claims of this kind use, if it exists.
#[derive(Debug)]
pub struct Lookup {
    /// The name of the claim in expressions. It is null if there is no such claim.
    pub name: String,
    /// The kind of the claim.
    pub kind: String,
    /// The condition, an expression in which `found` is a claim of this kind.
    pub when: String,
}

/// CRDs that a claim provides or requires.
#[derive(Debug)]
pub struct Capability {
    /// The name of a CRD.
    pub name: Option<String>,
    /// An expression for a list of names of CRDs.
    pub names: Option<String>,
    /// An expression for the condition under which the entry applies.
    pub when: Option<String>,
    /// Whether no other claim of the environment may provide the same CRDs.
    pub exclusive: bool,
    /// For provided CRDs: an expression for their version.
    pub version: Option<String>,
    /// For required CRDs: the minimum version.
    pub min_version: Option<String>,
}

/// A template of a kind that creates a file or several files.
#[derive(Debug)]
pub struct FileTemplate {
    /// The name of the template.
    pub template: String,
    /// An expression for the condition under which the file is created.
    pub when: Option<String>,
    /// An expression for a list. If set, a file is created for each item.
    pub for_each: Option<String>,
    /// The name of the file, a text with expressions.
    pub name: Option<String>,
    /// The name of the file if `name` is not set.
    pub default_name: String,
}

impl ClaimKind {
    /// Whether a name is the name or an alias of the kind.
    pub fn has_name(&self, name: &str) -> bool {
        self.names().any(|it| it == name)
    }

    /// Whether the kind is built in, and not one of the workspace.
    pub fn is_builtin(&self) -> bool {
        self.span.path().parts().next() == Some(BUILTIN)
    }

    /// The name under which the condition of a default is compiled.
    pub fn condition(&self, condition: &str) -> String {
        condition_name(&self.name, condition)
    }

    /// The name and the aliases of the kind.
    pub fn names(&self) -> impl Iterator<Item = &str> + Clone {
        std::iter::once(self.name.as_str()).chain(self.aliases.iter().map(String::as_str))
    }
}

fn condition_name(kind: &str, condition: &str) -> String {
    format!("{kind}#default {condition}")
}

/// A field that does not always have an effect.
#[derive(Debug)]
pub struct Effect {
    /// The path of the field in a claim.
    pub path: Vec<Part>,
    /// The condition under which it has an effect, an expression; `None` if it never has one.
    pub when: Option<String>,
    /// The help of the warning that it has no effect, a text with expressions.
    pub help: Option<String>,
}

/// A part of the path to a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// A field with this name.
    Key(Box<str>),
    /// Any entry of a map with arbitrary keys.
    AnyKey,
    /// Any item of a list.
    AnyItem,
}

impl Effect {
    /// Whether its condition can use `item`, the list item that contains the field.
    pub(super) fn has_item(&self) -> bool {
        self.path.contains(&Part::AnyItem)
    }

    /// Whether its condition can use `key`, the key of the field.
    pub(super) fn has_key(&self) -> bool {
        self.path.last() == Some(&Part::AnyKey)
    }
}
