//! The lines in claims of values that a template computes rather than copies.
//!
//! A normal compilation keeps the line of a value that is copied. If a finding is about any other value, its claim is compiled once
//! more with tracing, which records everything that the templates read.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use super::{ValidationOptions, check_at};
use crate::chart::Cache;
use crate::diag::{Diagnostics, Span};
use crate::object::{Object, ObjectId};
use crate::provenance::{Cause, Provenance, Role, Writer};
use crate::tree::{Files, TreePath};
use crate::yaml::{FieldPath, Node};
use crate::{Compiled, Options, Scope};

/// The maximum number of claims that are compiled again. So many findings usually have a common cause.
const CLAIMS_MAX: usize = 500;

/// The lines of values, from traced compilations.
#[derive(Default)]
pub(super) struct Lines<'a> {
    traced: Option<Traced<'a>>,
    /// The folders of the tree with values whose line is missing.
    missing: Mutex<BTreeSet<TreePath>>,
}

struct Traced<'a> {
    provenance: &'a Provenance<'a>,
    objects: BTreeMap<(&'a TreePath, ObjectId), &'a Object>,
}

impl Lines<'_> {
    /// The line that a value comes from; `None` if it is not known yet, or the value is not from an input file.
    pub(super) fn line(&self, folder: &TreePath, id: &ObjectId, field: &FieldPath) -> Option<Span> {
        written_line(&self.causes(folder, id, field)?)
    }

    /// The line of a template of the workspace that writes a value; `None` as for [`Lines::line`].
    pub(super) fn template(
        &self,
        folder: &TreePath,
        id: &ObjectId,
        field: &FieldPath,
    ) -> Option<Span> {
        let causes = self.causes(folder, id, field)?.into_iter();
        let is_builtin = |it: &Span| it.path().as_str().starts_with('<');
        let mut templates = causes.filter(|it| it.writer() == Writer::Template);
        let found = templates.find(|it| it.role != Role::Condition && !is_builtin(&it.location));
        found.map(|it| it.location)
    }

    /// What a value comes from; `None` if it is not known yet.
    fn causes(&self, folder: &TreePath, id: &ObjectId, field: &FieldPath) -> Option<Vec<Cause>> {
        let Some(traced) = &self.traced else {
            let mut missing = self.missing.lock().unwrap_or_else(PoisonError::into_inner);
            missing.insert(folder.clone());
            return None;
        };
        let object = traced.objects.get(&(folder, id.clone()))?;
        let (_, node) = first_scalar(object.node.nearest_on_path(field), field);
        Some(traced.provenance.causes_of(node.span()))
    }
}

/// The line of an input file that a value comes from.
pub fn written_line(causes: &[Cause]) -> Option<Span> {
    let is_written = |it: &&Cause| {
        matches!(
            it.writer(),
            Writer::Claim | Writer::BaseClaim | Writer::Environment | Writer::Overlay
        )
    };
    let mut written = causes.iter().filter(is_written);
    let value = written.clone().find(|it| it.role != Role::Condition);
    // The innermost condition comes last.
    value
        .or_else(|| written.next_back())
        .map(|it| it.location.clone())
}

/// The first scalar of a mapping or list, and its field: a merged collection has no location of its own.
pub(super) fn first_scalar<'n>(node: &'n Node, field: &FieldPath) -> (FieldPath, &'n Node) {
    let (mut node, mut field) = (node, field.clone());
    loop {
        let entry = node.as_mapping().and_then(|it| it.iter().next());
        let item = node.as_sequence().and_then(|it| it.first());
        (field, node) = match (entry, item) {
            (Some(it), _) => (field.key(it.key.as_str().unwrap_or("")), &it.value),
            (None, Some(it)) => (field.index(0), it),
            (None, None) => return (field, node),
        };
    }
}

/// The findings of all checks in a compiled workspace, each at its line in the input. `files` are those of the workspace.
pub fn check_workspace(
    compiled: &Compiled,
    files: &dyn Files,
    cache: Option<Cache>,
    validation: ValidationOptions,
) -> Diagnostics {
    let Compiled {
        tree,
        origins,
        clusters,
        ..
    } = compiled;
    let lines = Lines::default();
    let found = check_at(tree, origins, clusters, validation, &lines);
    let missing = lines.missing.into_inner();
    let missing = missing.unwrap_or_else(PoisonError::into_inner);
    let Some(scope) = scope_of(&missing, compiled) else {
        return found;
    };
    let options = Options {
        scope,
        cache,
        ..Options::default()
    };
    let provenance = Provenance::new(files, options);
    if provenance.compiled().diagnostics.has_errors() {
        return found;
    }
    let objects = provenance.objects();
    let objects = objects.map(|(folder, _, object)| ((folder, object.id()), object));
    let traced = Traced {
        objects: objects.collect(),
        provenance: &provenance,
    };
    let lines = Lines {
        traced: Some(traced),
        ..Lines::default()
    };
    check_at(tree, origins, clusters, validation, &lines)
}

/// The claims rendered into some folders; `None` if there are none.
fn scope_of(folders: &BTreeSet<TreePath>, compiled: &Compiled) -> Option<Scope> {
    let mut scope = Scope::default();
    let missing = compiled.origins.iter();
    let missing = missing.filter(|it| folders.contains(it.0));
    for (folder, origin) in missing.take(CLAIMS_MAX) {
        let Some(environment) = &origin.environment else {
            continue;
        };
        if !scope.environments.contains(environment) {
            scope.environments.push(environment.clone());
        }
        let claims = scope.claims.entry(environment.clone()).or_default();
        claims.insert(folder.name().to_string());
    }
    (!scope.environments.is_empty()).then_some(scope)
}
