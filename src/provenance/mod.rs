//! Where each value of a rendered object comes from: the line of the claim, the line of the template, and everything else that
//! contributes.
//!
//! [`Provenance::of`] compiles a workspace with templates that record what they read ([`crate::Options::trace`]). Then the
//! [`Cause`]s of each value can be queried: lines of claims, environments and overlays, defaults of schemas, lines of templates and
//! charts, and the conditions around them.

mod cause;
mod field;
mod made;
mod overridden;
mod target;

pub use cause::{Cause, Role, Writer, causes};
pub use field::{NoField, field_at_line, find_field, in_whole};
pub use made::explain_made;
pub use target::{NoTarget, Target, is_called};

use std::sync::OnceLock;

use crate::compare::Origin;
use crate::diag::Span;
use crate::layout::Folder;
use crate::object::Object;
use crate::template::Trace;
use crate::tree::{Files, TreePath, Without};
use crate::yaml::{FieldPath, Node, View};
use crate::{Compiled, Options, compile};
use overridden::BaseClaims;

/// A compiled workspace with the origin of each value.
pub struct Provenance<'a> {
    files: &'a dyn Files,
    options: Options,
    trace: Trace,
    compiled: Compiled,
    /// The same without overlays, compiled on the first query for a value that an overlay has changed.
    plain: OnceLock<(Trace, Compiled)>,
    base: OnceLock<BaseClaims>,
}

/// A scalar of an object, and where it comes from.
#[derive(Clone, Debug)]
pub struct Explained {
    /// The field of the object, as a path.
    pub field: FieldPath,
    /// The value that the field has.
    pub value: Node,
    /// The locations, the nearest first.
    pub causes: Vec<Cause>,
}

impl<'a> Provenance<'a> {
    /// Compiles according to `options`. If the workspace has errors, they are in [`Provenance::compiled`], and there are no
    /// objects.
    pub fn of(files: &'a dyn Files, options: Options) -> Provenance<'a> {
        let (trace, compiled) = traced(files, &options);
        Provenance {
            files,
            options,
            trace,
            compiled,
            plain: OnceLock::new(),
            base: OnceLock::new(),
        }
    }

    /// The workspace that the values come from.
    pub fn compiled(&self) -> &Compiled {
        &self.compiled
    }

    /// The objects of an environment, or of base, each with its folder.
    pub fn objects(&self) -> impl Iterator<Item = (&TreePath, &Origin, &Object)> {
        let folders = self.compiled.origins.iter();
        folders.flat_map(|(folder, origin)| {
            let objects = origin.objects.iter();
            objects.map(move |object| (folder, origin, object))
        })
    }

    /// Where the value of a field comes from; for a map or list, where each of its scalars comes from.
    pub fn explain(&self, folder: &TreePath, object: &Object, field: &FieldPath) -> Vec<Explained> {
        let mut found = Vec::new();
        if let Some(node) = object.node.at_path(field) {
            scalars(node, field.clone(), &mut found);
        }
        let explain = |(field, value): (FieldPath, &Node)| Explained {
            causes: self.causes(folder, object, &field, value),
            value: value.clone(),
            field,
        };
        found.into_iter().map(explain).collect()
    }

    /// The locations that contribute to a value, given by its span.
    pub fn causes_of(&self, place: &Span) -> Vec<Cause> {
        causes(&self.trace, place)
    }

    fn causes(
        &self,
        folder: &TreePath,
        object: &Object,
        field: &FieldPath,
        value: &Node,
    ) -> Vec<Cause> {
        let mut causes = causes(&self.trace, value.span());
        for cause in &mut causes {
            cause.overrides = match (cause.role, cause.writer()) {
                (Role::Value, Writer::Claim) => self.of_base(&cause.place),
                (Role::Value, Writer::Overlay) => self.before_overlays(folder, object, field),
                _ => Vec::new(),
            };
        }
        causes
    }

    fn of_base(&self, place: &Span) -> Vec<Span> {
        let base = self.base.get_or_init(|| BaseClaims::read(self.files));
        base.replaced_by(place).into_iter().collect()
    }

    /// The field without overlays.
    fn before_overlays(&self, folder: &TreePath, object: &Object, field: &FieldPath) -> Vec<Span> {
        let (trace, compiled) = self.plain.get_or_init(|| {
            let files = Without::new(self.files, Folder::Overlays.path());
            traced(&files, &self.options)
        });
        let id = object.id();
        let origins = compiled.origins.iter().filter(|it| it.0 == folder);
        let mut objects = origins.flat_map(|it| &it.1.objects);
        let before = objects.find(|it| it.id() == id);
        let before = before.and_then(|it| it.node.at_path(field));
        let causes = before
            .map(|it| causes(trace, it.span()))
            .unwrap_or_default();
        let values = causes.into_iter().filter(|it| it.role == Role::Value);
        let values: Vec<Span> = values.map(|it| it.place).collect();
        values
    }
}

fn traced(files: &dyn Files, options: &Options) -> (Trace, Compiled) {
    let trace = Trace::default();
    let options = Options {
        trace: Some(trace.clone()),
        without_proof: true,
        ..options.clone()
    };
    let compiled = compile(files, &options);
    (trace, compiled)
}

fn scalars<'n>(node: &'n Node, field: FieldPath, into: &mut Vec<(FieldPath, &'n Node)>) {
    match node.view() {
        View::Scalar(_) => into.push((field, node)),
        View::Sequence(items) => {
            for (at, item) in items.iter().enumerate() {
                scalars(item, field.index(at), into);
            }
        }
        View::Mapping(mapping) => {
            for entry in mapping {
                scalars(
                    &entry.value,
                    field.key(entry.key.as_str().unwrap_or("")),
                    into,
                );
            }
        }
    }
}
