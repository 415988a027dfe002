//! `patches`, and the older `patchesStrategicMerge` and `patchesJson6902`.

use std::sync::Arc;

use indexmap::IndexMap;

use pleach_kube::patch::{self, Applied};
use pleach_yaml::diag::{Class, Diagnostic, Diagnostics, Source, Span};
use pleach_yaml::{Entry, Node, Style, Tag, View, parse_with_duplicates};

use super::super::duplicates::{self, DuplicateKey, Keep, one_of_each, refused};
use super::super::generate::data_text;
use super::super::hash::record_previous_id;
use super::super::kustomization::{Patch as PatchEntry, Target};
use super::super::limits::ERRORS_MAX;
use super::super::load::{resources_in, resources_of};
use super::super::openapi::SchemaUse;
use super::super::plugins::configuration;
use super::super::record::{List, Text, record};
use super::super::resource::{Resource, plain_key, set_field};
use super::super::resources::{AnyId, Resources, id_of};
use super::super::selector::{Selector, did_you_mean};
use super::{Transform, TransformContext};

pub(super) const TRANSFORM: Transform = Transform {
    plugin: "PatchTransformer",
    apply: |stage, resources| {
        let mut index = ResourceIndex::default();
        let before = stage.context.diagnostics.errors();
        for entry in &stage.fields.patches {
            // Wrong indentation breaks every entry of a list; reading thousands of patch files would only
            // repeat the error.
            if stage.context.diagnostics.errors() - before >= ERRORS_MAX {
                break;
            }
            let applied = apply_entry(stage, entry, resources, &mut index);
            stage.keep(applied.map_err(|it| named(it, &entry.span)));
            index.invalidate(stage.done(TRANSFORM.plugin, resources));
        }
        Ok(())
    },
    run: |stage, config, resources| {
        apply_entry(
            stage,
            &configuration(config)?,
            resources,
            &mut ResourceIndex::default(),
        )
    },
};

pub(super) const STRATEGIC_MERGE: Transform = Transform {
    plugin: "PatchStrategicMergeTransformer",
    apply: |stage, resources| {
        let entries = &stage.fields.patches_strategic_merge;
        if entries.is_empty() {
            return Ok(());
        }
        let merged = merge_all(stage, entries, resources);
        stage.done(STRATEGIC_MERGE.plugin, resources);
        merged
    },
    run: |stage, config, resources| {
        let config: StrategicMergePlugin = configuration(config)?;
        let mut entries = config.paths.items;
        entries.extend(Some(config.patches).filter(|it| !it.is_empty()));
        if entries.is_empty() {
            return Err(Diagnostic::error(
                "empty-patch",
                "the transformer has neither `paths` nor `patches`",
            )
            .at(&config.span));
        }
        merge_all(stage, &entries, resources)
    },
};

record! {
    struct StrategicMergePlugin {
        paths: List<Text> = "paths",
        patches: Text = "patches",
    }
}

pub(super) const JSON_6902: Transform = Transform {
    plugin: "PatchJson6902Transformer",
    apply: |stage, resources| {
        let mut index = ResourceIndex::default();
        let before = stage.context.diagnostics.errors();
        for entry in &stage.fields.patches_json6902 {
            if stage.context.diagnostics.errors() - before >= ERRORS_MAX {
                break;
            }
            let patch = WrittenPatch::from_entry(entry);
            let applied = apply_json_entry(stage, &patch, resources, &mut index);
            stage.keep(applied.map_err(|it| named(it, &entry.span)));
            stage.done(JSON_6902.plugin, resources);
        }
        Ok(())
    },
    run: |stage, config, resources| {
        let config: JsonPlugin = configuration(config)?;
        let patch = WrittenPatch {
            inline: ("jsonOp", &config.operations),
            path: &config.path,
            target: config.target.as_ref(),
            span: &config.span,
        };
        apply_json_entry(stage, &patch, resources, &mut ResourceIndex::default())
    },
};

record! {
    struct JsonPlugin {
        path: Text = "path",
        operations: Text = "jsonOp",
        target: Option<Target> = "target",
    }
}

/// A patch in an entry of a kustomization, or in the configuration of a plugin.
struct WrittenPatch<'a> {
    /// Its text in place, after the name of the field.
    inline: (&'static str, &'a Text),
    path: &'a Text,
    target: Option<&'a Target>,
    span: &'a Span,
}

impl WrittenPatch<'_> {
    fn from_entry(entry: &PatchEntry) -> WrittenPatch<'_> {
        WrittenPatch {
            inline: ("patch", &entry.patch),
            path: &entry.path,
            target: entry.target.as_ref(),
            span: &entry.span,
        }
    }
}

enum Patch {
    Strategic(Vec<Resource>, Vec<DuplicateKey>),
    Json(Node),
}

/// An index of resources, rebuilt after an identity has changed.
#[derive(Default)]
struct ResourceIndex {
    /// By all current and former identities.
    by_id: Option<AnyId>,
    /// By current and original names.
    by_name: Option<IndexMap<Box<str>, Vec<usize>>>,
}

fn apply_entry(
    stage: &mut TransformContext<'_, '_>,
    entry: &PatchEntry,
    resources: &mut Resources,
    index: &mut ResourceIndex,
) -> Result<(), Diagnostic> {
    // kustomize trims white space, including the last line break of a block scalar at the end.
    let source = WrittenPatch::from_entry(entry).source(stage, Node::trimmed_source)?;
    let options = entry.options.as_ref();
    let allow = Allow {
        name: options.is_some_and(|it| it.allow_name_change),
        kind: options.is_some_and(|it| it.allow_kind_change),
    };
    let at = &entry.span;
    match (read(stage, &source, at)?, &entry.target) {
        (Patch::Strategic(patches, doubled), None) => {
            for patch in &patches {
                warn_of_directives(stage, patch.node());
                let marked = allow.any().then(|| with_strings(patch, &["annotations"]));
                let patch = marked.as_ref().unwrap_or(patch);
                let Some(at) = index.find(patch, &entry.span, stage, resources)? else {
                    continue;
                };
                index.invalidate(merge(stage, at, patch, allow, false, resources)?);
                check_doubled(stage, resources.get(at), &doubled, &entry.span)?;
            }
            Ok(())
        }
        (Patch::Strategic(patches, doubled), Some(target)) => {
            let Some(patch) = only(&patches, at)? else {
                return Ok(());
            };
            warn_of_directives(stage, patch.node());
            // kustomize copies a patch for each target, which rewrites these maps.
            let patch = with_strings(patch, METADATA);
            for at in index.selected(stage, target, resources)? {
                index.invalidate(merge(stage, at, &patch, allow, true, resources)?);
                check_doubled(stage, resources.get(at), &doubled, &entry.span)?;
            }
            if allow.any() {
                resources.check_unique(&stage.context.schemas)?;
            }
            Ok(())
        }
        (Patch::Json(_), None) => Err(Diagnostic::error(
            "patch-target",
            "a JSON 6902 patch needs a `target`",
        )
        .at(at)
        .help("add `target:` with the kind and name of the object to patch")),
        (Patch::Json(operations), Some(target)) => {
            for at in index.selected(stage, target, resources)? {
                if let Some(resource) = resources.get_mut(at) {
                    // Operations may rename the object, while references still have the old name.
                    record_previous_id(resource, &stage.context.schemas);
                    index.invalidate(apply_json(resource, &operations)?);
                }
            }
            Ok(())
        }
    }
}

/// An error for a duplicate key in a map that comes from the patch, instead of the warning.
fn check_doubled(
    stage: &mut TransformContext<'_, '_>,
    resource: Option<&Resource>,
    doubled: &[DuplicateKey],
    entry: &Span,
) -> Result<(), Diagnostic> {
    let Some(fault) = resource.and_then(|it| refused(it.node(), doubled)) else {
        return Ok(());
    };
    let warnings = std::mem::take(&mut stage.context.diagnostics).into_iter();
    stage.context.diagnostics = warnings
        .filter(|it| it.code != fault.code || it.span != fault.span)
        .collect();
    Err(fault.related(entry, "the patch is listed here"))
}

/// The only patch that an entry with a target may contain.
fn only<'a>(patches: &'a [Resource], entry: &Span) -> Result<Option<&'a Resource>, Diagnostic> {
    let Some(second) = patches.get(1) else {
        return Ok(patches.first());
    };
    let message = "a patch with a `target` contains several documents";
    Err(Diagnostic::error("patch-target", message)
        .at(entry)
        .related(second.object.span(), "the second document")
        .help("write a separate entry for each patch"))
}

fn apply_json_entry(
    stage: &mut TransformContext<'_, '_>,
    patch: &WrittenPatch<'_>,
    resources: &mut Resources,
    index: &mut ResourceIndex,
) -> Result<(), Diagnostic> {
    let target = patch.target.filter(|it| !it.name.is_empty());
    let target = target.ok_or_else(|| {
        let message = "a JSON 6902 patch needs a `target` with a `name`";
        Diagnostic::error("patch-target", message).at(patch.span)
    })?;
    let source = patch.source(stage, Node::embedded_source)?;
    let Patch::Json(operations) = read(stage, &source, patch.span)? else {
        let message = "expected a list of JSON 6902 operations, found an object";
        return Err(Diagnostic::error("not-a-patch", message).at(patch.span));
    };
    if operations.is_empty_collection() {
        return Err(Diagnostic::error("empty-patch", "the patch has no operations").at(patch.span));
    }
    for at in index.selected(stage, target, resources)? {
        if let Some(resource) = resources.get_mut(at) {
            index.invalidate(apply_json(resource, &operations)?);
        }
    }
    Ok(())
}

fn merge_all(
    stage: &mut TransformContext<'_, '_>,
    entries: &[Text],
    resources: &mut Resources,
) -> Result<(), Diagnostic> {
    let mut index = ResourceIndex::default();
    let mut patches = Vec::new();
    for entry in entries {
        for patch in strategic_patches(stage, entry)? {
            patches.push((entry, patch));
        }
    }
    if patches.is_empty() {
        let at = entries.first().map(Text::span).cloned();
        let empty = Diagnostic::error("empty-patch", "the patches are empty");
        return Err(match at {
            Some(span) => empty.at(span),
            None => empty,
        });
    }
    for (entry, patch) in &patches {
        warn_of_directives(stage, patch.node());
        let Some(at) = index.find(patch, entry.span(), stage, resources)? else {
            continue;
        };
        let patch = with_strings(patch, METADATA);
        index.invalidate(merge(stage, at, &patch, Allow::default(), true, resources)?);
    }
    Ok(())
}

/// The patches of an entry: inline if it can be parsed as such, otherwise in the file with this path.
fn strategic_patches(
    stage: &TransformContext<'_, '_>,
    entry: &Text,
) -> Result<Vec<Resource>, Diagnostic> {
    let words = &**entry;
    if words.trim().is_empty() {
        let message = "expected a patch or its path, found an empty entry";
        let fault = Diagnostic::error("empty-patch", message).at(entry);
        return Err(fault.help("remove the entry"));
    }
    // Paths never contain these characters. Most entries are paths, so parsing them as YAML is avoided.
    if (words.contains('\n') || words.contains(": "))
        && let Ok(patches) = resources_of(&entry.node().embedded_source())
    {
        return Ok(patches);
    }
    let source = stage
        .context
        .loader
        .source(&stage.folder, words, entry.span())?;
    resources_of(&source).map_err(|faults| first(faults, entry.span()))
}

impl WrittenPatch<'_> {
    /// The text of the patch, inline or from its file.
    fn source(
        &self,
        stage: &TransformContext<'_, '_>,
        source_of: fn(&Node) -> Arc<Source>,
    ) -> Result<Arc<Source>, Diagnostic> {
        let (field, inline) = self.inline;
        match (inline.trim().is_empty(), self.path.is_empty()) {
            (true, true) => Err(Diagnostic::error(
                "empty-patch",
                format!("the patch has neither `{field}` nor `path`"),
            )
            .at(self.span)),
            (false, false) => Err(Diagnostic::error(
                "patch-twice",
                format!("the patch has both `{field}` and `path`"),
            )
            .at(self.span)
            .help("remove one of them")),
            (false, true) => Ok(source_of(inline.node())),
            (true, false) => {
                let loader = stage.context.loader;
                loader.source(&stage.folder, self.path, self.path.span())
            }
        }
    }
}

/// Parses a patch: a list is a JSON 6902 patch, anything else a strategic merge patch. Documents after a list are ignored, as in
/// kustomize.
fn read(
    stage: &mut TransformContext<'_, '_>,
    source: &Arc<Source>,
    entry: &Span,
) -> Result<Patch, Diagnostic> {
    let (documents, duplicates) = parse_with_duplicates(source).unwrap_or_default();
    let is_list = documents
        .first()
        .is_some_and(|it| it.as_sequence().is_some());
    // A merge finds the first of two equal keys; a list of operations is parsed to Go maps, where the last one remains.
    let keep = if is_list { Keep::Last } else { Keep::First };
    let twice = !duplicates.is_empty();
    let mut doubled = Vec::new();
    if twice {
        for document in &documents {
            duplicates::doubled(document, &duplicates, &mut doubled);
        }
    }
    let warnings = duplicates::warnings(duplicates, keep);
    let warnings = warnings.map(|it| it.related(entry, "the patch is listed here"));
    stage.context.diagnostics.extend(warnings);
    let mut single = documents.iter().map(|it| one_of_each(it, keep));
    match (is_list, twice) {
        (true, false) => return patch::parse_json6902(source).map(Patch::Json),
        (true, true) => {
            let document = single.next().unwrap_or_else(Node::null);
            return patch::json6902_in(source, document).map(Patch::Json);
        }
        (false, false) => resources_of(source),
        (false, true) => resources_in(single.collect()),
    }
    .map(|patches| Patch::Strategic(patches, doubled))
    .map_err(|faults| first(faults, entry))
}

fn first(faults: Diagnostics, entry: &Span) -> Diagnostic {
    let fault = faults.into_iter().next();
    let fault = fault.unwrap_or_else(|| {
        Diagnostic::error("not-a-patch", "the patch cannot be parsed").at(entry)
    });
    fault.related(entry, "the patch is listed here")
}

/// The parts of an identity that a patch may change.
#[derive(Clone, Copy, Default)]
struct Allow {
    name: bool,
    kind: bool,
}

impl Allow {
    fn any(self) -> bool {
        self.name || self.kind
    }
}

/// Merges a patch into a resource. Returns whether its identity has changed.
fn merge(
    stage: &mut TransformContext<'_, '_>,
    at: usize,
    patch: &Resource,
    allow: Allow,
    selected: bool,
    resources: &mut Resources,
) -> Result<bool, Diagnostic> {
    let Some(resource) = resources.get_mut(at) else {
        return Ok(false);
    };
    stage.context.needed = SchemaUse::Types;
    let schemas = &stage.context.schemas;
    let (name, namespace) = (
        resource.object.name().to_string(),
        resource.object.namespace().to_string(),
    );
    let (kind, gvk) = (resource.object.kind().to_string(), resource.object.gvk());
    if allow.any() {
        record_previous_id(resource, schemas);
    }
    let fitted;
    let patch = if patch.object.api_version() == resource.object.api_version() {
        patch.node()
    } else {
        let mut copy = patch.node().clone();
        if let Some(fields) = copy.as_mapping_mut() {
            // The patch must not change the version of its target: kustomize sets the version of the
            // target.
            set_field(fields, "apiVersion", resource.object.api_version());
        }
        fitted = copy;
        &fitted
    };
    let notes = match reaches_annotations(patch) {
        true => resource.inject(),
        false => Vec::new(),
    };
    let mut lost = Diagnostics::default();
    let node = resource.node_mut();
    let applied = patch::strategic_with_warnings(node, patch, schemas, &gvk, &mut lost);
    let known = resource.previous.len();
    resource.strip(&notes, true);
    let forgotten = resource.previous.len() < known;
    for warning in lost {
        let warning = patched(warning, resource);
        // A patch with many targets drops the same items in each.
        let last = stage.context.diagnostics.iter().next_back();
        if last.is_none_or(|it| it.code != warning.code || it.span != warning.span) {
            stage.context.diagnostics.push(warning);
        }
    }
    if applied.map_err(|it| patched(it, resource))? == Applied::Deleted {
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
    Ok(allow.any() || forgotten)
}

/// Whether a strategic merge changes annotations, among which kustomize keeps its internal ones.
fn reaches_annotations(patch: &Node) -> bool {
    let directs = |it: &Node| it.get("$patch").is_some();
    let metadata = patch.get("metadata");
    directs(patch) || metadata.is_some_and(|it| directs(it) || it.get("annotations").is_some())
}

/// The maps of strings that kustomize rewrites in a patch with several targets.
const METADATA: &[&str] = &["labels", "annotations"];

/// Rewrites such maps like kustomize: all values become strings, so that a null is the text `null` and deletes nothing, and empty maps are
/// removed. Annotations are also rewritten if the patch may change names and kinds, because kustomize records this in them.
fn with_strings(patch: &Resource, fields: &[&str]) -> Resource {
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
fn apply_json(resource: &mut Resource, operations: &Node) -> Result<bool, Diagnostic> {
    let identity = |it: &Resource| (it.object.id(), it.object.gvk());
    let before = identity(resource);
    // kustomize converts the object to JSON and back for the operations, after which no fields share a
    // node.
    resource.shared.clear();
    let notes =
        match list_of_paths(operations).any(|it| it.is_empty() || it.starts_with("/metadata")) {
            true => resource.inject(),
            false => Vec::new(),
        };
    let applied = patch::json6902(resource.node_mut(), operations);
    resource.strip(&notes, false);
    applied.map_err(|it| patched(it, resource))?;
    still_an_object(resource, operations)?;
    Ok(identity(resource) != before)
}

/// An error if operations have removed the kind or name. After a strategic merge, kustomize restores them.
fn still_an_object(resource: &Resource, operations: &Node) -> Result<(), Diagnostic> {
    let Some(lost) = resource.lost() else {
        return Ok(());
    };
    let message = format!("patch removes required field `{lost}`");
    Err(Diagnostic::error("patch-fails", message)
        .at(operations)
        .help("to delete the whole object, use `$patch: delete`"))
}

/// Adds the target of the patch.
fn patched(fault: Diagnostic, resource: &Resource) -> Diagnostic {
    let words = format!("{} is patched", resource.object.id());
    fault.related(resource.object.span(), words)
}

/// Adds the location of the patch, unless already present.
fn named(fault: Diagnostic, entry: &Span) -> Diagnostic {
    let is_mentioned = fault.related.iter().any(|(span, _)| span == entry);
    if is_mentioned || fault.span.as_ref() == Some(entry) {
        return fault;
    }
    fault.related(entry, "the patch is listed here")
}

fn list_of_paths(operations: &Node) -> impl Iterator<Item = &str> {
    let operations = operations.as_sequence().unwrap_or(&[]);
    operations
        .iter()
        .flat_map(|it| ["path", "from"].map(|field| it.get(field).and_then(Node::as_str)))
        .flatten()
}

fn by_name(resources: &Resources) -> IndexMap<Box<str>, Vec<usize>> {
    let mut index: IndexMap<Box<str>, Vec<usize>> = IndexMap::with_capacity(resources.len());
    for (at, resource) in resources.iter().enumerate() {
        let (now, original) = (resource.object.name(), resource.original_name());
        index.entry(now.into()).or_default().push(at);
        if original != now {
            index.entry(original.into()).or_default().push(at);
        }
    }
    index
}

impl ResourceIndex {
    /// Drops the index if an identity has changed.
    fn invalidate(&mut self, changed: bool) {
        if changed {
            *self = ResourceIndex::default();
        }
    }

    /// The positions of the resources that a target selects.
    fn selected(
        &mut self,
        stage: &mut TransformContext<'_, '_>,
        target: &Target,
        resources: &Resources,
    ) -> Result<Vec<usize>, Diagnostic> {
        let selector = Selector::new(target)?;
        let schemas = &stage.context.schemas;
        let fits = |at: &usize| {
            let resource = resources.get(*at);
            resource.is_some_and(|it| !it.deleted && selector.matches(it, schemas))
        };
        let found: Vec<usize> = match selector.exact_name() {
            Some(name) => {
                let index = self.by_name.get_or_insert_with(|| by_name(resources));
                let index = index.get(name).map(Vec::as_slice).unwrap_or_default();
                index.iter().copied().filter(fits).collect()
            }
            None => (0..resources.len()).filter(fits).collect(),
        };
        if found.is_empty() {
            let message = "the target of the patch matches no resource";
            let warning = Diagnostic::warning("unmatched-patch", message)
                .class(Class::Unmatched)
                .at(&target.span);
            let warning = did_you_mean(warning, &target.identity(), resources);
            stage.context.diagnostics.push(warning);
        }
        Ok(found)
    }

    /// The position of the resource of a patch; `None` only if a patch may have no target.
    fn find(
        &mut self,
        patch: &Resource,
        entry: &Span,
        stage: &TransformContext<'_, '_>,
        resources: &Resources,
    ) -> Result<Option<usize>, Diagnostic> {
        let schemas = &stage.context.schemas;
        let index = self
            .by_id
            .get_or_insert_with(|| resources.any_index(schemas));
        let found = index
            .get(&id_of(patch, schemas))
            .map(Vec::as_slice)
            .unwrap_or_default();
        let mut found = found
            .iter()
            .copied()
            .filter(|at| resources.get(*at).is_some_and(|it| !it.deleted));
        let id = patch.object.id();
        match (found.next(), found.next()) {
            (Some(at), None) => Ok(Some(at)),
            (None, _) if stage.context.loader.options.ignore_unmatched_patches => Ok(None),
            // The patch may be for an object of a chart that is not rendered.
            (None, _)
                if stage.context.loader.options.charts_as_objects
                    && resources.iter().any(|it| it.from_chart) =>
            {
                Ok(None)
            }
            (None, _) => {
                let names = resources
                    .iter()
                    .filter(|it| it.object.kind() == &*id.kind)
                    .map(|it| it.object.name());
                Err(
                    Diagnostic::error("unmatched-patch", format!("the patch matches no resource: {id} does not exist")).class(Class::Unmatched)
                        .at(patch.object.span())
                        .related(entry, "the patch is listed here")
                        .did_you_mean(&id.name, names)
                        .help("correct the kind, name or namespace, or use a `target` to select by fewer fields"),
                )
            }
            (Some(_), Some(_)) => Err(Diagnostic::error(
                "ambiguous-patch",
                format!("the patch matches several resources: {id}"),
            )
            .at(patch.object.span())
            .related(entry, "the patch is listed here")
            .help("add the namespace to the patch, or use a `target` that selects all of them")),
        }
    }
}

/// Warns about directives of kubectl, which kustomize copies to the result as data.
fn warn_of_directives(stage: &mut TransformContext<'_, '_>, node: &Node) {
    match node.view() {
        View::Scalar(_) => {}
        View::Sequence(items) => items.iter().for_each(|it| warn_of_directives(stage, it)),
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
                    stage
                        .context
                        .diagnostics
                        .push(Diagnostic::warning("unknown-directive", message).at(&entry.key));
                }
                warn_of_directives(stage, &entry.value);
            }
        }
    }
}
