//! The semantic difference of two sets of objects, as plain data.
//!
//! Not covered here: the origin of the objects, printing of changes, and dangers.

mod canonical;
mod fields;
mod ignore;
mod lenient;
mod lists;
mod pair;
mod path;
mod rename;
mod same_named;
mod text;

pub use crate::secret::Salt;
pub use ignore::{Ignore, IgnoreError};
pub use pair::{Pair, generator, pair};
pub use path::{Path, Step};

use crate::object::{Gvk, Object, ObjectId};
use crate::retention::Retention;
use crate::schema::Schemas;
use crate::secret;
use canonical::canonical;
use pleach_yaml::Node;
use pleach_yaml::diag::Span;

/// A change of an object.
#[derive(Clone, Debug)]
pub struct Change {
    /// The identity of the object, after the change if it still exists.
    pub id: ObjectId,
    /// Whether it was added, removed, renamed or changed.
    pub kind: ChangeKind,
    /// The changed fields. If the object was added or removed, the whole object at the root.
    pub fields: Vec<FieldChange>,
    /// The object before the change, with secrets hidden.
    pub before: Option<Node>,
    /// The object after the change, with secrets hidden.
    pub after: Option<Node>,
}

/// The kind of a change.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChangeKind {
    /// Only the new side has the object.
    Added,
    /// Only the old side has the object, so it is deleted.
    Removed,
    /// It is no longer in the tree, but the sync engine leaves it in the cluster.
    Kept,
    /// Its fields differ. A generated name whose hash differs is one of the fields.
    Changed,
    /// It has a new name and nearly the same content. In the cluster, one object is deleted and another one created.
    Renamed {
        /// The name that it had before.
        before: Box<str>,
    },
}

impl ChangeKind {
    /// Whether it is no longer in the tree.
    pub fn is_gone(&self) -> bool {
        matches!(self, ChangeKind::Removed | ChangeKind::Kept)
    }
}

/// Whether the sync engine keeps an object in the cluster when it is removed from the tree. If the unit that applies it is unknown,
/// the annotations of Flux and Argo CD count.
pub fn is_kept(object: &Object) -> bool {
    match &object.handling {
        Some(handling) => !handling.deletes,
        None => object.stays || Retention::default().keeps_removed(object),
    }
}

/// Whether the sync engine deletes an object and creates it again if an immutable field changes.
pub fn is_recreated(before: &Object, after: &Object) -> bool {
    let is_recreated = |it: &Object| match &it.handling {
        Some(handling) => handling.recreates,
        None => Retention::default().recreates(it),
    };
    is_recreated(before) || is_recreated(after)
}

/// A change of a field.
#[derive(Clone, Debug)]
pub struct FieldChange {
    /// The path of the field in the object.
    pub path: Path,
    /// The values before and after the change.
    pub difference: Difference,
    /// The location of the value, or of the former value if it was removed.
    pub span: Span,
    /// The lines that caused it, if requested.
    pub causes: Vec<FieldCause>,
}

/// A line that caused the change of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldCause {
    /// The kind of line: `claim`, `overlay`, `default`, `because of`.
    pub label: &'static str,
    /// The location in its source file.
    pub span: Span,
}

/// How a value differs. Secrets in it are already hidden.
#[derive(Clone, Debug)]
pub enum Difference {
    /// The value was added.
    Added(Node),
    /// The value was removed.
    Removed(Node),
    /// The value was replaced.
    Changed(Node, Node),
    /// A multi-line string differs.
    Text(Vec<Line>),
    /// A list has the same items in a different order. The identity of each item, before and after.
    Reordered(Vec<Box<str>>, Vec<Box<str>>),
}

impl Difference {
    /// The generated name without its hash, if only the hash differs.
    pub fn rehashed(&self) -> Option<&str> {
        let Difference::Changed(before, after) = self else {
            return None;
        };
        let name = pair::hashless(before.as_string()?)?;
        (pair::hashless(after.as_string()?)? == name).then_some(name)
    }

    /// A text that is the same for equal differences. Changed hashes are equal, because the change of the content is reported
    /// separately.
    pub fn key(&self) -> String {
        if let Some(name) = self.rehashed() {
            return format!("# {name}");
        }
        match self {
            Difference::Added(value) => format!("+ {}", canonical(value)),
            Difference::Removed(value) => format!("- {}", canonical(value)),
            Difference::Changed(a, b) => format!("- {} + {}", canonical(a), canonical(b)),
            other => format!("{other:?}"),
        }
    }
}

/// One line of a difference in text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// A line that both texts have.
    Same(Box<str>),
    /// A line that only the old text has.
    Removed(Box<str>),
    /// A line that only the new text has.
    Added(Box<str>),
    /// Unchanged lines that are too far from a difference to be shown.
    Gap,
}

/// Options of a comparison.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    /// The salt for digests that replace values of Secrets and values that look like keys, so that they cannot be looked up.
    pub salt: &'a Salt,
    /// Whether equal quantities in different notation (`1000m`, `1`) and fields without effect (`labels: {}`) count as differences.
    pub exact: bool,
    /// Ignored fields and kinds.
    pub ignore: &'a [Ignore],
    /// Whether changes need only contain the differing fields, and not the whole objects, of which there may be very many.
    pub fields_only: bool,
}

impl<'a> Options<'a> {
    /// The default: values with the same meaning for a cluster are equal, and nothing is ignored.
    pub fn new(salt: &'a Salt) -> Options<'a> {
        Options {
            salt,
            exact: false,
            ignore: &[],
            fields_only: false,
        }
    }
}

/// Compares objects by identity, then field by field.
///
/// List items are paired by the key that the schema declares, or else by a field with a name, or else by content.
pub fn diff(
    before: &[Object],
    after: &[Object],
    schemas: &Schemas,
    options: &Options<'_>,
) -> Vec<Change> {
    let pairs = pair(before, after);
    let changes = pairs.iter().filter_map(|it| change(it, schemas, options));
    changes.collect()
}

/// The change of one object; `None` if it is unchanged.
pub fn change(pair: &Pair<'_>, schemas: &Schemas, options: &Options<'_>) -> Option<Change> {
    let mut sides = [pair.before(), pair.after()].into_iter().flatten();
    if sides.any(|it| ignore::is_ignored(it, options.ignore)) {
        return None;
    }
    match pair {
        Pair::Same(before, after) => changed(before, after, schemas, options),
        Pair::Renamed(before, after) => Some(renamed(before, after, schemas, options)),
        Pair::Added(after) => Some(whole(after, ChangeKind::Added, options.salt)),
        Pair::Removed(before) => {
            let kind = match is_kept(before) {
                true => ChangeKind::Kept,
                false => ChangeKind::Removed,
            };
            Some(whole(before, kind, options.salt))
        }
    }
}

/// The differences of two values whose secrets are already hidden.
pub fn fields(before: &Node, after: &Node, gvk: &Gvk, schemas: &Schemas) -> Vec<FieldChange> {
    let salt = Salt::new(b"");
    fields::compare(before, after, gvk, schemas, &Options::new(&salt))
}

fn changed(
    before: &Object,
    after: &Object,
    schemas: &Schemas,
    options: &Options<'_>,
) -> Option<Change> {
    if before.node.same_data(&after.node) {
        return None;
    }
    let change = compared(before, after, ChangeKind::Changed, schemas, options);
    (!change.fields.is_empty()).then_some(change)
}

fn renamed(before: &Object, after: &Object, schemas: &Schemas, options: &Options<'_>) -> Change {
    let kind = ChangeKind::Renamed {
        before: before.name().into(),
    };
    let mut change = compared(before, after, kind, schemas, options);
    let is_name = |it: &FieldChange| it.path.is_keys(&["metadata", "name"]);
    change.fields.retain(|it| !is_name(it));
    change
}

fn compared(
    before: &Object,
    after: &Object,
    kind: ChangeKind,
    schemas: &Schemas,
    options: &Options<'_>,
) -> Change {
    let without_hidden = |object: &Object| {
        let pruned = ignore::pruned(object, options.ignore);
        secret::hide(pruned.as_ref().unwrap_or(&object.node), options.salt)
    };
    let (old, new) = (without_hidden(before), without_hidden(after));
    Change {
        id: after.id(),
        kind,
        fields: fields::compare(&old, &new, &after.gvk(), schemas, options),
        before: Some(old),
        after: Some(new),
    }
}

fn whole(object: &Object, kind: ChangeKind, salt: &Salt) -> Change {
    let node = secret::hide(&object.node, salt);
    let span = object.span().clone();
    let difference = match kind {
        ChangeKind::Added => Difference::Added(node.clone()),
        _ => Difference::Removed(node.clone()),
    };
    let (before, after) = match kind {
        ChangeKind::Added => (None, Some(node)),
        _ => (Some(node), None),
    };
    let field = FieldChange {
        path: Path::root(),
        difference,
        span,
        causes: Vec::new(),
    };
    Change {
        id: object.id(),
        kind,
        fields: vec![field],
        before,
        after,
    }
}
