//! Classes of diagnostics, for programs that handle them differently. Codes are for users and for `pleach: allow`.

use super::Diagnostic;

/// A class of diagnostics that some caller handles specially.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Class {
    /// Diagnostics that no code distinguishes further.
    #[default]
    Plain,
    /// An entry of a kustomization matches no object, which may exist in another build.
    Unmatched,
    /// Two objects have the same identity.
    DuplicateObject,
    /// A value has no effect and can be removed.
    NoEffect,
    /// A chart cannot be used.
    InvalidChart,
    /// A chart does not exist here, and `pleach vendor` may pull it.
    MissingChart,
    /// A file has unresolved merge conflicts.
    MergeConflict,
    /// The target of a reference does not exist.
    UnknownReference,
    /// A required field is missing.
    MissingField,
    /// A value has the right type, but is not allowed.
    InvalidValue,
    /// A rule of a schema or a kind is violated.
    BrokenRule,
    /// A file cannot be read, or a workspace is too large to be read.
    Unreadable,
    /// Something outside of the workspace failed: a server, or the cache.
    Unreachable,
    /// Content that is not in the repository, or a program that a build does not run.
    Unavailable,
    /// Content differs from its pin.
    WrongDigest,
    /// A version is not pinned, or no longer is.
    Pin,
    /// A text is too large or too deep.
    Limit,
    /// A mapping has a key more than once.
    DuplicateKey,
    /// A file has more documents than one.
    SeveralDocuments,
    /// There is no schema for a kind of objects.
    NoSchema,
    /// The cluster no longer serves the version of the object.
    RemovedApi,
    /// The sync engine certainly rejects the whole unit, because of its files.
    Refused,
}

impl Diagnostic {
    /// Sets the class.
    #[must_use]
    pub fn class(mut self, class: Class) -> Diagnostic {
        self.class = class;
        self
    }
}
