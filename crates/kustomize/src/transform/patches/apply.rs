//! Applies one patch to one resource.

use std::borrow::Cow;

use pleach_kube::patch::{self, Applied};
use pleach_yaml::diag::{Diagnostic, Diagnostics};
use pleach_yaml::{Entry, Node, Style, Tag, View};

use super::super::super::generate::data_text;
use super::super::super::hash::record_previous_id;
use super::super::super::openapi::SchemaUse;
use super::super::super::resource::{Resource, plain_key, set_field};
use super::super::super::resources::Resources;
use super::super::TransformContext;

/// The parts of an identity that a patch may change.
#[derive(Clone, Copy, Default)]
pub(super) struct AllowedChanges {
    pub(super) name: bool,
    pub(super) kind: bool,
}

impl AllowedChanges {
    pub(super) fn any(self) -> bool {
        self.name || self.kind
    }
}

/// Merges a patch into a resource. Returns whether its identity has changed.
pub(super) fn merge(
    transform: &mut TransformContext<'_, '_>,
    at: usize,
    patch: &Resource,
    allow: AllowedChanges,
    selected: bool,
    resources: &mut Resources,
) -> Result<bool, Diagnostic> {
    let Some(resource) = resources.get_mut(at) else {
        return Ok(false);
    };
    transform.context.needed = SchemaUse::Types;
    let schemas = &transform.context.schemas;
    let (name, namespace) = (
        resource.object.name().to_string(),
        resource.object.namespace().to_string(),
    );
    let (kind, gvk) = (resource.object.kind().to_string(), resource.object.gvk());
    if allow.any() {
        record_previous_id(resource, schemas);
    }
    let patch = with_version_of(resource, patch);
    let notes = match changes_annotations(&patch) {
        true => resource.inject(),
        false => Vec::new(),
    };
    let mut lost = Diagnostics::default();
    let node = resource.node_mut();
    let applied = patch::strategic_with_warnings(node, &patch, schemas, &gvk, &mut lost);
    let known = resource.previous.len();
    resource.strip(&notes, true);
    let is_shortened = resource.previous.len() < known;
    report_lost(lost, resource, &mut transform.context.diagnostics);
    if applied.map_err(|it| with_target(it, resource))? == Applied::Deleted {
        // Only marked, because other entries refer to positions of resources.
        resource.deleted = true;
        return Ok(false);
    }
    if let Some(fields) = resource.node_mut().as_mapping_mut() {
        if !allow.kind {
            set_field(fields, "kind", &kind);
        }
        if selected && gvk.version.is_empty() {
            // kustomize sets the empty version of the resource, and prints it as null.
            fields.insert("apiVersion", Node::scalar("", Style::Plain, Tag::None));
        }
    }
    if !allow.name {
        // A patch may use a former name of its target, which must not be restored.
        resource.set_metadata("name", &name);
    }
    match namespace.as_str() {
        "" => resource.clear_metadata("namespace"),
        namespace => resource.set_metadata("namespace", namespace),
    }
    resource.settle();
    Ok(allow.any() || is_shortened)
}

/// The patch with the API version of its target. As in kustomize, a patch does not change it.
fn with_version_of<'a>(resource: &Resource, patch: &'a Resource) -> Cow<'a, Node> {
    let version = resource.object.api_version();
    if patch.object.api_version() == version {
        return Cow::Borrowed(patch.node());
    }
    let mut node = patch.node().clone();
    if let Some(fields) = node.as_mapping_mut() {
        set_field(fields, "apiVersion", version);
    }
    Cow::Owned(node)
}

/// Reports what a patch has dropped, once for all targets of the patch.
fn report_lost(lost: Diagnostics, resource: &Resource, diagnostics: &mut Diagnostics) {
    for warning in lost {
        let warning = with_target(warning, resource);
        let last = diagnostics.iter().next_back();
        if last.is_none_or(|it| it.code != warning.code || it.span != warning.span) {
            diagnostics.push(warning);
        }
    }
}

/// Whether a strategic merge changes annotations, among which kustomize keeps its internal ones.
fn changes_annotations(patch: &Node) -> bool {
    let directs = |it: &Node| it.get("$patch").is_some();
    let metadata = patch.get("metadata");
    directs(patch) || metadata.is_some_and(|it| directs(it) || it.get("annotations").is_some())
}

/// The maps of strings that kustomize rewrites in a patch with several targets.
pub(super) const METADATA: &[&str] = &["labels", "annotations"];

/// Rewrites such maps like kustomize: all values become strings, so that a null is the text `null` and deletes nothing, and empty maps are
/// removed. Annotations are also rewritten if the patch may change names and kinds, because kustomize records this in them.
pub(super) fn with_strings(patch: &Resource, fields: &[&str]) -> Resource {
    let mut patch = patch.clone();
    let Some(metadata) = patch
        .node_mut()
        .get_mut("metadata")
        .and_then(Node::as_mapping_mut)
    else {
        return patch;
    };
    for field in fields {
        let Some(Entry { key, value }) = metadata.remove(field) else {
            continue;
        };
        let span = value.span().clone();
        let mut values = value.into_mapping().unwrap_or_default();
        values
            .entries_mut()
            .sort_by(|a, b| a.key.as_str().cmp(&b.key.as_str()));
        for entry in values.iter_mut() {
            entry.value = data_text(entry.value.as_str().unwrap_or("")).at(&entry.value);
            entry.key = plain_key(entry.key.as_str().unwrap_or("")).at(&entry.key);
        }
        if !values.is_empty() {
            metadata.push(key, Node::mapping(values).at(span));
        }
    }
    patch
}

/// Applies operations. Returns whether the identity has changed.
pub(super) fn apply_json(resource: &mut Resource, operations: &Node) -> Result<bool, Diagnostic> {
    let identity = |it: &Resource| (it.object.id(), it.object.gvk());
    let before = identity(resource);
    // kustomize converts the object to JSON and back for the operations, after which no fields share a
    // node, and no comments are left.
    resource.shared.clear();
    resource.is_from_json = true;
    let notes =
        match operation_paths(operations).any(|it| it.is_empty() || it.starts_with("/metadata")) {
            true => resource.inject(),
            false => Vec::new(),
        };
    let applied = patch::json6902(resource.node_mut(), operations);
    resource.strip(&notes, false);
    applied.map_err(|it| with_target(it, resource))?;
    check_identity(resource, operations)?;
    Ok(identity(resource) != before)
}

/// An error if operations have removed the kind or name. After a strategic merge, kustomize restores them.
fn check_identity(resource: &Resource, operations: &Node) -> Result<(), Diagnostic> {
    let Some(lost) = resource.lost() else {
        return Ok(());
    };
    let message = format!("patch removes required field `{lost}`");
    Err(Diagnostic::error("patch-fails", message)
        .at(operations)
        .help("to delete the whole object, use `$patch: delete`"))
}

/// Adds the target of the patch.
fn with_target(fault: Diagnostic, resource: &Resource) -> Diagnostic {
    let note = format!("{} is patched", resource.object.id());
    fault.related(resource.object.span(), note)
}

fn operation_paths(operations: &Node) -> impl Iterator<Item = &str> {
    let operations = operations.as_sequence().unwrap_or(&[]);
    operations
        .iter()
        .flat_map(|it| ["path", "from"].map(|field| it.get(field).and_then(Node::as_str)))
        .flatten()
}

/// Warns about directives of kubectl, which kustomize copies to the result as data.
pub(super) fn warn_of_directives(transform: &mut TransformContext<'_, '_>, node: &Node) {
    match node.view() {
        View::Scalar(_) => {}
        View::Sequence(items) => items
            .iter()
            .for_each(|it| warn_of_directives(transform, it)),
        View::Mapping(mapping) => {
            for entry in mapping {
                let key = entry.key.as_str().unwrap_or("");
                let known = [
                    "$retainKeys",
                    "$setElementOrder/",
                    "$deleteFromPrimitiveList/",
                ];
                if known.iter().any(|it| key.starts_with(it)) {
                    let message =
                        format!("kustomize does not support `{key}` and copies it to the result");
                    transform
                        .context
                        .diagnostics
                        .push(Diagnostic::warning("unknown-directive", message).at(&entry.key));
                }
                warn_of_directives(transform, &entry.value);
            }
        }
    }
}
