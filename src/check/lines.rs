//! The lines of claims for values that a template prints in other words than the claim does.
//!
//! A normal compilation knows the line of a value that was printed as it is. For others, the claims are compiled once more so that their
//! templates note what they read, and only if something is found in such a value.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use super::{Demands, check_at};
use crate::chart::Cache;
use crate::diag::{Diagnostics, Span};
use crate::object::{Object, ObjectId};
use crate::provenance::{Provenance, Role, Writer};
use crate::tree::{Files, TreePath};
use crate::yaml::{FieldPath, Node};
use crate::{Compiled, Options, Scope};

/// For how many claims this is done at most. More findings than that have one reason, which the first of them show.
const CLAIMS_MAX: usize = 500;

/// Where values of objects were written, as far as it takes a traced compilation to know it.
#[derive(Default)]
pub(super) struct Lines<'a> {
    traced: Option<Traced<'a>>,
    /// The folders of the tree in which a value has no line.
    missing: Mutex<BTreeSet<TreePath>>,
}

struct Traced<'a> {
    provenance: &'a Provenance<'a>,
    objects: BTreeMap<(&'a TreePath, ObjectId), &'a Object>,
}

impl Lines<'_> {
    /// The line that a value comes from; `None` where that is not known yet, or nobody wrote it.
    pub(super) fn line(&self, folder: &TreePath, id: &ObjectId, field: &FieldPath) -> Option<Span> {
        let Some(traced) = &self.traced else {
            let mut missing = self.missing.lock().unwrap_or_else(PoisonError::into_inner);
            missing.insert(folder.clone());
            return None;
        };
        let object = traced.objects.get(&(folder, id.clone()))?;
        let (_, node) = first_scalar(object.node.nearest_on_path(field), field);
        let causes = traced.provenance.causes_of(node.span());
        let is_written = |it: &&crate::provenance::Cause| {
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
            .map(|it| it.place.clone())
    }
}

/// The first value of a mapping or list, and its field: the place of the whole is not known once it is merged.
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

/// What all checks find in a workspace that was compiled, each finding at the line that a person wrote. `files` are the workspace's.
pub fn check_workspace(
    compiled: &Compiled,
    files: &dyn Files,
    cache: Option<Cache>,
    demands: Demands,
) -> Diagnostics {
    let Compiled {
        tree,
        origins,
        clusters,
        ..
    } = compiled;
    let lines = Lines::default();
    let found = check_at(tree, origins, clusters, demands, &lines);
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
    let provenance = Provenance::of(files, options);
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
    check_at(tree, origins, clusters, demands, &lines)
}

/// The claims of folders; `None` where there are none.
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
