//! Classes of diagnostics, for programs that handle them differently. Codes are for users and for `pleach: allow`.

use super::Diagnostic;

/// A class of diagnostics that some caller handles specially.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Class {
    /// Every other one.
    #[default]
    Plain,
    /// An entry of a kustomization matches no object, which may exist in another build.
    Unmatched,
    /// Two objects have the same identity.
    DuplicateObject,
    /// What is written has no effect and can be removed.
    NoEffect,
    /// A chart cannot be used.
    InvalidChart,
    /// A chart does not exist here, and `pleach vendor` may pull it.
    MissingChart,
    /// A file has unresolved merge conflicts.
    MergeConflict,
    /// A reference leads to nothing.
    UnknownReference,
    /// A required field is missing.
    MissingField,
    /// A value of the right type is not one that the field can have.
    InvalidValue,
    /// A rule of a schema or a kind is not met.
    BrokenRule,
    /// A file cannot be read, or a workspace is too large to be read.
    Unreadable,
    /// Something outside of the workspace failed: a server, or the cache.
    Unreachable,
    /// Content is not that of its pin.
    WrongDigest,
    /// A version is not pinned, or no longer is.
    Pin,
    /// A text is too large or too deep.
    Limit,
    /// A mapping has a key more than once.
    DuplicateKey,
    /// There is no schema for a kind of objects.
    NoSchema,
    /// The cluster no longer serves the version of the object.
    RemovedApi,
    /// The sync engine refuses the whole unit for certain.
    Refused,
}

impl Diagnostic {
    /// Says which sort it is of.
    #[must_use]
    pub fn class(mut self, class: Class) -> Diagnostic {
        self.class = class;
        self
    }
}
