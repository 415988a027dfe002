//! `patches`, and the older `patchesStrategicMerge` and `patchesJson6902`.

mod apply;
mod index;
mod read;

use pleach_yaml::Node;
use pleach_yaml::diag::{Diagnostic, Span};

use self::apply::{AllowedChanges, METADATA, apply_json, merge, warn_of_directives, with_strings};
use self::index::ResourceIndex;
use self::read::{Patch, WrittenPatch, read, strategic_patches};
use super::super::duplicates::{DuplicateKey, refused};
use super::super::hash::record_previous_id;
use super::super::kustomization::{Patch as PatchEntry, Target};
use super::super::limits::ERRORS_MAX;
use super::super::plugins::configuration;
use super::super::record::{List, Text, record};
use super::super::resource::Resource;
use super::super::resources::Resources;
use super::{Transform, TransformContext};

pub(super) const TRANSFORM: Transform = Transform {
    plugin: "PatchTransformer",
    apply: |transform, resources| {
        let mut index = ResourceIndex::default();
        let before = transform.context.diagnostics.errors();
        for entry in &transform.fields.patches {
            // Wrong indentation breaks every entry of a list; reading thousands of patch files would only
            // repeat the error.
            if transform.context.diagnostics.errors() - before >= ERRORS_MAX {
                break;
            }
            let applied = apply_entry(transform, entry, resources, &mut index);
            transform.keep(applied.map_err(|it| with_entry(it, &entry.span)));
            index.invalidate(transform.done(TRANSFORM.plugin, resources));
        }
        Ok(())
    },
    run: |transform, config, resources| {
        apply_entry(
            transform,
            &configuration(config)?,
            resources,
            &mut ResourceIndex::default(),
        )
    },
};

pub(super) const STRATEGIC_MERGE: Transform = Transform {
    plugin: "PatchStrategicMergeTransformer",
    apply: |transform, resources| {
        let entries = &transform.fields.patches_strategic_merge;
        if entries.is_empty() {
            return Ok(());
        }
        let merged = merge_all(transform, entries, resources);
        transform.done(STRATEGIC_MERGE.plugin, resources);
        merged
    },
    run: |transform, config, resources| {
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
        merge_all(transform, &entries, resources)
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
    apply: |transform, resources| {
        let mut index = ResourceIndex::default();
        let before = transform.context.diagnostics.errors();
        for entry in &transform.fields.patches_json6902 {
            if transform.context.diagnostics.errors() - before >= ERRORS_MAX {
                break;
            }
            let patch = WrittenPatch::from_entry(entry);
            let applied = apply_json_entry(transform, &patch, resources, &mut index);
            transform.keep(applied.map_err(|it| with_entry(it, &entry.span)));
            transform.done(JSON_6902.plugin, resources);
        }
        Ok(())
    },
    run: |transform, config, resources| {
        let config: JsonPlugin = configuration(config)?;
        let patch = WrittenPatch {
            inline: ("jsonOp", &config.operations),
            path: &config.path,
            target: config.target.as_ref(),
            span: &config.span,
        };
        apply_json_entry(transform, &patch, resources, &mut ResourceIndex::default())
    },
};

record! {
    struct JsonPlugin {
        path: Text = "path",
        operations: Text = "jsonOp",
        target: Option<Target> = "target",
    }
}

fn apply_entry(
    transform: &mut TransformContext<'_, '_>,
    entry: &PatchEntry,
    resources: &mut Resources,
    index: &mut ResourceIndex,
) -> Result<(), Diagnostic> {
    // kustomize trims white space, including the last line break of a block scalar at the end.
    let source = WrittenPatch::from_entry(entry).source(transform, Node::trimmed_source)?;
    let options = entry.options.as_ref();
    let allow = AllowedChanges {
        name: options.is_some_and(|it| it.allow_name_change),
        kind: options.is_some_and(|it| it.allow_kind_change),
    };
    let at = &entry.span;
    match (read(transform, &source, at)?, &entry.target) {
        (Patch::Strategic(patches, duplicates), None) => {
            for patch in &patches {
                warn_of_directives(transform, patch.node());
                let marked = allow.any().then(|| with_strings(patch, &["annotations"]));
                let patch = marked.as_ref().unwrap_or(patch);
                let Some(at) = index.find(patch, &entry.span, transform, resources)? else {
                    continue;
                };
                index.invalidate(merge(transform, at, patch, allow, false, resources)?);
                check_duplicate_keys(transform, resources.get(at), &duplicates, &entry.span)?;
            }
            Ok(())
        }
        (Patch::Strategic(patches, duplicates), Some(target)) => {
            let Some(patch) = single_patch(&patches, at)? else {
                return Ok(());
            };
            warn_of_directives(transform, patch.node());
            // kustomize copies a patch for each target, which rewrites these maps.
            let patch = with_strings(patch, METADATA);
            let selected = index.selected(transform, target, resources)?;
            // kustomize looks them up again by their identities.
            for at in resources.with_same_id(selected) {
                if merge(transform, at, &patch, allow, true, resources)? {
                    index.invalidate(true);
                    resources.set_renamed();
                }
                check_duplicate_keys(transform, resources.get(at), &duplicates, &entry.span)?;
            }
            resources.check_renamed(&transform.context.schemas)
        }
        (Patch::Json(operations), Some(target)) => {
            let selected = index.selected(transform, target, resources)?;
            apply_operations(transform, &operations, &selected, resources, index)
        }
        (Patch::Json(_), None) => {
            let message = "a JSON 6902 patch needs a `target`";
            let fault = Diagnostic::error("patch-target", message).at(at);
            Err(fault.help("add `target:` with the kind and name of the object to patch"))
        }
    }
}

/// Applies a JSON 6902 patch to the selected resources.
fn apply_operations(
    transform: &TransformContext<'_, '_>,
    operations: &Node,
    selected: &[usize],
    resources: &mut Resources,
    index: &mut ResourceIndex,
) -> Result<(), Diagnostic> {
    for at in selected {
        if let Some(resource) = resources.get_mut(*at) {
            // Operations may rename the object, while references still have the old name.
            record_previous_id(resource, &transform.context.schemas);
            if apply_json(resource, operations)? {
                index.invalidate(true);
                resources.set_renamed();
            }
        }
    }
    Ok(())
}

/// An error for a duplicate key in a map that comes from the patch, instead of the warning.
fn check_duplicate_keys(
    transform: &mut TransformContext<'_, '_>,
    resource: Option<&Resource>,
    duplicates: &[DuplicateKey],
    entry: &Span,
) -> Result<(), Diagnostic> {
    let Some(fault) = resource.and_then(|it| refused(it.node(), duplicates)) else {
        return Ok(());
    };
    let warnings = std::mem::take(&mut transform.context.diagnostics).into_iter();
    transform.context.diagnostics = warnings
        .filter(|it| it.code != fault.code || it.span != fault.span)
        .collect();
    Err(fault.related(entry, "the patch is listed here"))
}

/// The only patch that an entry with a target may contain.
fn single_patch<'a>(
    patches: &'a [Resource],
    entry: &Span,
) -> Result<Option<&'a Resource>, Diagnostic> {
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
    transform: &mut TransformContext<'_, '_>,
    patch: &WrittenPatch<'_>,
    resources: &mut Resources,
    index: &mut ResourceIndex,
) -> Result<(), Diagnostic> {
    let target = patch.target.filter(|it| !it.name.is_empty());
    let target = target.ok_or_else(|| {
        let message = "a JSON 6902 patch needs a `target` with a `name`";
        Diagnostic::error("patch-target", message).at(patch.span)
    })?;
    let source = patch.source(transform, Node::embedded_source)?;
    let Patch::Json(operations) = read(transform, &source, patch.span)? else {
        let message = "expected a list of JSON 6902 operations, found an object";
        return Err(Diagnostic::error("not-a-patch", message).at(patch.span));
    };
    if operations.is_empty_collection() {
        return Err(Diagnostic::error("empty-patch", "the patch has no operations").at(patch.span));
    }
    for at in index.selected(transform, target, resources)? {
        if let Some(resource) = resources.get_mut(at)
            && apply_json(resource, &operations)?
        {
            index.invalidate(true);
            resources.set_renamed();
        }
    }
    Ok(())
}

fn merge_all(
    transform: &mut TransformContext<'_, '_>,
    entries: &[Text],
    resources: &mut Resources,
) -> Result<(), Diagnostic> {
    let mut index = ResourceIndex::default();
    let mut patches = Vec::new();
    for entry in entries {
        for patch in strategic_patches(transform, entry)? {
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
        warn_of_directives(transform, patch.node());
        let Some(at) = index.find(patch, entry.span(), transform, resources)? else {
            continue;
        };
        let patch = with_strings(patch, METADATA);
        index.invalidate(merge(
            transform,
            at,
            &patch,
            AllowedChanges::default(),
            true,
            resources,
        )?);
    }
    Ok(())
}

/// Adds the location of the patch, unless already present.
fn with_entry(fault: Diagnostic, entry: &Span) -> Diagnostic {
    let is_mentioned = fault.related.iter().any(|(span, _)| span == entry);
    if is_mentioned || fault.span.as_ref() == Some(entry) {
        return fault;
    }
    fault.related(entry, "the patch is listed here")
}
