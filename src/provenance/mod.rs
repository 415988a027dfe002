//! Finds the origin of each value of a rendered object: the line of the claim, the line of the template, and all other lines that
//! contribute to it.
//!
//! [`Provenance::new`] compiles a workspace with templates that record the values they read ([`crate::Options::trace`]). Then, the
//! [`Cause`]s of each value can be queried: lines of claims, environments and overlays, defaults in schemas, lines of templates and
//! charts, and conditions.

mod cause;
mod field;
mod deployed;
mod overridden;
mod target;

pub use cause::{Cause, Role, Writer, causes};
pub use deployed::explain_deployed;
pub use field::{NoField, field_at_line, find_field, path_in_object};
pub use target::{NoTarget, Target, has_name};

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
    /// The workspace without overlays, compiled on the first query for a value that an overlay has changed.
    without_overlays: OnceLock<(Trace, Compiled)>,
    /// The claims of base, read on the first query for a value of a claim.
    base: OnceLock<BaseClaims>,
}

/// A scalar of an object and its origin.
#[derive(Clone, Debug)]
pub struct Explained {
    /// The path of the field in the object.
    pub field: FieldPath,
    /// The value of the field.
    pub value: Node,
    /// The locations that contribute to the value, sorted by role.
    pub causes: Vec<Cause>,
}

impl<'a> Provenance<'a> {
    /// Compiles a workspace. If it has errors, they are in [`Provenance::compiled`], and there are no objects.
    pub fn new(files: &'a dyn Files, options: Options) -> Provenance<'a> {
        let (trace, compiled) = traced(files, &options);
        Provenance {
            files,
            options,
            trace,
            compiled,
            without_overlays: OnceLock::new(),
            base: OnceLock::new(),
        }
    }

    /// The result of the compilation.
    pub fn compiled(&self) -> &Compiled {
        &self.compiled
    }

    /// All objects, each with its folder and the origin of the folder.
    pub fn objects(&self) -> impl Iterator<Item = (&TreePath, &Origin, &Object)> {
        let folders = self.compiled.origins.iter();
        folders.flat_map(|(folder, origin)| {
            let objects = origin.objects.iter();
            objects.map(move |object| (folder, origin, object))
        })
    }

    /// The origin of the value of a field or, for a map or list, of each scalar in it.
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

    /// The locations that contribute to the value with this span.
    pub fn causes_of(&self, location: &Span) -> Vec<Cause> {
        causes(&self.trace, location)
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
                (Role::Value, Writer::Claim) => self.replaced_in_base(&cause.location),
                (Role::Value, Writer::Overlay) => self.before_overlays(folder, object, field),
                _ => Vec::new(),
            };
        }
        causes
    }

    /// The location of the value in base that a value in a claim replaces.
    fn replaced_in_base(&self, location: &Span) -> Vec<Span> {
        let base = self.base.get_or_init(|| BaseClaims::read(self.files));
        base.replaced_by(location).into_iter().collect()
    }

    /// The locations of the value that a field has without overlays.
    fn before_overlays(&self, folder: &TreePath, object: &Object, field: &FieldPath) -> Vec<Span> {
        let (trace, compiled) = self.without_overlays.get_or_init(|| {
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
        values.map(|it| it.location).collect()
    }
}

/// Compiles a workspace with a trace.
fn traced(files: &dyn Files, options: &Options) -> (Trace, Compiled) {
    let trace = Trace::default();
    let options = Options {
        trace: Some(trace.clone()),
        skip_proof: true,
        ..options.clone()
    };
    let compiled = compile(files, &options);
    (trace, compiled)
}

/// Collects the scalars in a node, with their paths.
fn scalars<'n>(node: &'n Node, field: FieldPath, found: &mut Vec<(FieldPath, &'n Node)>) {
    match node.view() {
        View::Scalar(_) => found.push((field, node)),
        View::Sequence(items) => {
            for (at, item) in items.iter().enumerate() {
                scalars(item, field.index(at), found);
            }
        }
        View::Mapping(mapping) => {
            for entry in mapping {
                scalars(
                    &entry.value,
                    field.key(entry.key.as_str().unwrap_or("")),
                    found,
                );
            }
        }
    }
}
