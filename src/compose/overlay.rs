//! Applies the user's `overlays/<env>/` to the rendered objects.
//!
//! `labels` without selectors and `commonAnnotations` are not applied to the objects. Instead, each written kustomization repeats
//! them, so that no object needs a patch for them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::common::CommonMetadata;
use super::folder::KUSTOMIZATION;
use super::{EnvironmentManifests, Overlaid, overlay_fields};
use crate::delivery::{Delivery, ManifestFile};
use crate::diag::{Class, Diagnostic, Diagnostics, Severity, Source, Span};
use crate::kustomize::{self, FILE_NAMES, Options, Reorder};
use crate::layout::{BASE, Folder, Group};
use crate::object::Object;
use crate::render::plain_name;
use crate::tree::{EntryKind, Files, TreePath};
use crate::yaml::{Node, node, parse_one};

/// The name of the folder for objects that overlays add, and of its Flux Kustomization.
pub(crate) const NAME: &str = "overlay";

/// An overlay of the user.
pub(super) struct Overlay {
    /// Its folder; `None` if there is no overlay.
    folder: Option<TreePath>,
    /// The labels and annotations that each written kustomization repeats.
    common: CommonMetadata,
    /// Whether the overlay contains nothing but `common`.
    has_only_metadata: bool,
    /// Whether `buildMetadata` adds the label of the tool that manages the objects.
    has_managed_by_label: bool,
    /// The start of the kustomization file.
    span: Option<Span>,
    /// The value of `namespace`.
    namespace: Option<Span>,
}

impl Overlay {
    /// Whether it has no entries, such as patches, that can fail to match.
    pub(super) fn always_matches(&self) -> bool {
        self.folder.is_none() || self.has_only_metadata
    }
}

/// Whether the result of an environment's overlay for one claim may depend on another claim. If the overlay only adds labels and
/// annotations to all objects, it does not.
pub(super) fn depends_on_all_claims(files: &dyn Files, environment: &str) -> bool {
    match files.kind(&Folder::Overlays.path().child(environment)) {
        Ok(None) => false,
        Ok(Some(EntryKind::Folder)) => {
            let mut faults = Diagnostics::default();
            let overlay = read(files, environment, &mut faults);
            faults.has_errors() || !overlay.has_only_metadata
        }
        _ => true,
    }
}

/// Reads the overlay of an environment. Errors: `no-kustomization`; an invalid kustomization is reported when it is built.
pub(super) fn read(files: &dyn Files, environment: &str, diagnostics: &mut Diagnostics) -> Overlay {
    let mut overlay = Overlay {
        folder: None,
        common: CommonMetadata::default(),
        has_only_metadata: false,
        has_managed_by_label: false,
        span: None,
        namespace: None,
    };
    let folder = Folder::Overlays.path().child(environment);
    if !matches!(files.kind(&folder), Ok(Some(EntryKind::Folder))) {
        return overlay;
    }
    let file = FILE_NAMES
        .iter()
        .map(|name| folder.child(name))
        .find(|path| matches!(files.kind(path), Ok(Some(EntryKind::File))));
    let Some(path) = file else {
        let fault = Diagnostic::error(
            "no-kustomization",
            format!("`{folder}` has no `{KUSTOMIZATION}`"),
        );
        diagnostics.push(
            fault.help("list the patches and resources of the overlay there, or remove the folder"),
        );
        return overlay;
    };
    overlay.folder = Some(folder);
    let Ok(bytes) = files.read(&path) else {
        return overlay;
    };
    // A file that is not YAML is reported by the engine.
    let Ok(text) = std::str::from_utf8(&bytes) else {
        return overlay;
    };
    let Ok(node) = parse_one(&Source::new(path.clone(), text)) else {
        return overlay;
    };
    overlay.span = Some(node.span().start());
    let namespace = node.get("namespace").filter(|it| !it.is_null());
    overlay.namespace = namespace.map(Span::from);
    diagnostics.extend(overlay_fields::ineffective(&node));
    overlay.has_managed_by_label = overlay_fields::has_managed_by_label(&node);
    overlay.common = common_metadata(&node);
    overlay.has_only_metadata = has_only_metadata(&node, &overlay.common);
    overlay
}

/// Whether a kustomization has no other fields than `common`.
fn has_only_metadata(node: &Node, common: &CommonMetadata) -> bool {
    let fields = common.fields();
    let is_known =
        |key: &str| matches!(key, "apiVersion" | "kind" | "metadata") || fields.contains_key(key);
    node.as_mapping().is_some_and(|it| it.keys().all(is_known))
}

/// The `labels` and `commonAnnotations` of a kustomization.
///
/// Empty if a later transformer may read the values that they set, or if they change more than metadata: they are then applied to
/// the objects with the rest of the overlay, and become patches.
fn common_metadata(node: &Node) -> CommonMetadata {
    const LATER: [&str; 5] = [
        "patchesJson6902",
        "replacements",
        "transformers",
        "vars",
        "components",
    ];
    let Some(mapping) = node
        .as_mapping()
        .filter(|it| !it.keys().any(|key| LATER.contains(&key)))
    else {
        return CommonMetadata::default();
    };
    let labels = mapping
        .get("labels")
        .and_then(Node::as_sequence)
        .filter(|items| items.iter().all(only_sets_metadata));
    let annotations = mapping.get("commonAnnotations").and_then(Node::as_mapping);
    CommonMetadata {
        labels: labels.unwrap_or_default().to_vec(),
        annotations: annotations.cloned().unwrap_or_default(),
    }
}

/// Whether an entry of `labels` changes no other fields than `metadata.labels` and those of templates.
fn only_sets_metadata(entry: &Node) -> bool {
    let is_true = |key: &str| entry.get(key).and_then(Node::as_bool) == Some(true);
    entry.get("pairs").is_some() && entry.get("fields").is_none() && !is_true("includeSelectors")
}

/// How to handle an entry of an overlay that matches no object.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Unmatched {
    /// Report it as an error.
    Error,
    /// Return the error to the caller, because the entry may match in another environment.
    Defer,
    /// Ignore it, because other objects decide whether it is an error.
    Ignore,
}

/// Applies overlays to an environment's objects, one after the other. Also returns the deferred errors for entries that match
/// nothing.
pub(super) fn apply_overlays<'a>(
    files: &dyn Files,
    manifests: EnvironmentManifests<'a>,
    overlays: &[(&Overlay, Unmatched)],
    diagnostics: &mut Diagnostics,
) -> (Overlaid<'a>, Vec<Diagnostic>) {
    let EnvironmentManifests {
        environment,
        engine,
        mut deliveries,
        is_partial,
    } = manifests;
    let mut common = CommonMetadata::default();
    if environment.name != BASE && !environment.labels.is_empty() {
        let pairs = environment.labels.clone();
        common.labels.push(node!({"pairs": pairs}));
    }
    let mut deferred = Vec::new();
    for (overlay, unmatched) in overlays {
        common.labels.extend(overlay.common.labels.iter().cloned());
        for entry in &overlay.common.annotations {
            common
                .annotations
                .insert(entry.key.clone(), entry.value.clone());
        }
        if let Some(folder) = &overlay.folder {
            let mut found = Diagnostics::default();
            let is_reported = *unmatched != Unmatched::Ignore;
            let target = (environment.name.as_str(), deliveries);
            let overlay = (*overlay, folder);
            deliveries = apply_overlay(files, target, overlay, is_reported, &mut found);
            for fault in found {
                match fault.class == Class::Unmatched && *unmatched == Unmatched::Defer {
                    true => deferred.push(fault),
                    false => diagnostics.push(fault),
                }
            }
        }
    }
    let overlaid = Overlaid {
        environment,
        engine,
        deliveries,
        common,
        is_partial,
    };
    (overlaid, deferred)
}

/// Builds an overlay on top of an environment's objects. If there are errors, the objects are unchanged.
fn apply_overlay(
    files: &dyn Files,
    (environment, mut deliveries): (&str, Vec<Delivery>),
    (overlay, folder): (&Overlay, &TreePath),
    reports_unmatched: bool,
    diagnostics: &mut Diagnostics,
) -> Vec<Delivery> {
    let common = overlay.common.fields();
    let ignored_fields = common.keys().chain(["buildMetadata"]).map(str::to_string);
    let ignored_fields = ignored_fields.collect();
    let options = Options {
        managed_by_label: overlay.has_managed_by_label,
        ignore_unmatched_patches: !reports_unmatched,
        ignored_fields,
        reorder: Reorder::None,
        ..Options::default()
    };
    let built = kustomize::build_over(files, folder, marked_objects(&deliveries), &options);
    let failed = built.diagnostics.has_errors();
    if reports_unmatched || failed {
        let faults = built.diagnostics.into_iter();
        let faults = faults.filter_map(|it| duplicate_of_overlay(it, overlay, &deliveries));
        diagnostics.extend(faults.map(unmatched_as_error));
    }
    if failed {
        return deliveries;
    }
    let added = replace_objects(&mut deliveries, built.objects);
    add_objects(&mut deliveries, added, environment, overlay);
    deliveries
}

/// Replaces the objects of claims by the built ones, which are found by their marks. Objects that were not built are removed.
/// Returns the built objects that belong to no claim.
fn replace_objects(deliveries: &mut [Delivery], built: Vec<Object>) -> Vec<Object> {
    let mut by_file: BTreeMap<(String, Arc<str>), Object> = BTreeMap::new();
    let mut added = Vec::new();
    for mut object in built {
        let mark = object.mark.take();
        match mark.as_deref().and_then(|it| it.split_once('/')) {
            Some((claim, file)) => drop(by_file.insert((claim.to_string(), file.into()), object)),
            None => added.push(object),
        }
    }
    for delivery in deliveries {
        let claim = &delivery.name;
        let mut replace = |file: &mut ManifestFile| {
            let object = by_file.remove(&(claim.clone(), file.name.clone()));
            object.map(|it| file.object = it).is_some()
        };
        delivery.files.retain_mut(&mut replace);
        delivery.releases.retain_mut(replace);
    }
    added
}

/// The error for two objects of claims with the same identity, at the overlay that gives it to them; `None` if they have it without
/// the overlay, which [`owners`](super::owners) reports. Other errors are returned unchanged.
fn duplicate_of_overlay(
    fault: Diagnostic,
    overlay: &Overlay,
    deliveries: &[Delivery],
) -> Option<Diagnostic> {
    let claim = |span: &Span| deliveries.iter().find(|it| it.span == *span);
    let of_claim = fault.span.as_ref().and_then(claim);
    let Some(second) = of_claim.filter(|_| fault.class == Class::DuplicateObject) else {
        return Some(fault);
    };
    if has_duplicates(deliveries) {
        return None;
    }
    let Some(at) = overlay.namespace.as_ref().or(overlay.span.as_ref()) else {
        return Some(fault);
    };
    let message = format!(
        "the overlay makes objects of claims equal: {}",
        fault.message
    );
    let own = Diagnostic::error(fault.code, message)
        .class(fault.class)
        .at(at);
    let own = fault
        .related
        .into_iter()
        .fold(own, |own, it| own.related(&it.0, it.1));
    let own = own.related(&second.span, "the second one is rendered for this claim");
    Some(own.help(
        "change only some of the objects: a patch with a `target` can set their namespace or name",
    ))
}

/// Whether two objects have the same identity.
fn has_duplicates(deliveries: &[Delivery]) -> bool {
    let mut known = BTreeSet::new();
    let files = deliveries
        .iter()
        .flat_map(|it| it.files.iter().chain(&it.releases));
    files.map(|it| it.object.id()).any(|it| !known.insert(it))
}

/// Turns the warning of the kustomize engine about an entry that matches nothing into an error.
fn unmatched_as_error(mut diagnostic: Diagnostic) -> Diagnostic {
    if diagnostic.class == Class::Unmatched {
        diagnostic.severity = Severity::Error;
    }
    diagnostic
}

/// All objects, each marked with the claim and the file that it belongs to.
fn marked_objects(deliveries: &[Delivery]) -> Vec<Object> {
    let files = deliveries.iter().flat_map(|delivery| {
        let files = delivery.files.iter().chain(&delivery.releases);
        files.map(move |file| (delivery, file))
    });
    files
        .map(|(delivery, file)| Object {
            mark: Some(format!("{}/{}", delivery.name, file.name).into()),
            ..file.object.clone()
        })
        .collect()
}

/// Adds the objects that an overlay adds to the delivery for them.
fn add_objects(
    deliveries: &mut Vec<Delivery>,
    added: Vec<Object>,
    environment: &str,
    overlay: &Overlay,
) {
    if added.is_empty() {
        return;
    }
    if !deliveries.iter().any(|it| it.name == NAME) {
        let at = overlay.span.clone();
        let at = at.unwrap_or_else(|| Node::null().span().clone());
        let title = format!("Overlay/{environment}");
        deliveries.push(Delivery::synthetic(NAME, title, Group::Apps, at));
    }
    let Some(delivery) = deliveries.iter_mut().find(|it| it.name == NAME) else {
        return;
    };
    for object in added {
        let name = file_name(&object, &delivery.files);
        delivery.files.push(ManifestFile { name, object });
    }
}

/// `<kind>-<name>.yaml`. If the name is already used, the namespace is added, and then a number.
fn file_name(object: &Object, existing: &[ManifestFile]) -> Arc<str> {
    let join = |parts: &[&str]| plain_name(&parts.join("-"));
    let candidates = [
        join(&[object.kind(), object.name()]),
        join(&[object.kind(), object.namespace(), object.name()]),
    ];
    let numbered = (2..).map(|number| format!("{}-{number}", candidates[1]));
    let mut names = candidates
        .iter()
        .cloned()
        .chain(numbered)
        .map(|it| format!("{it}.yaml"));
    names
        .find(|name| existing.iter().all(|it| *it.name != **name) && name != KUSTOMIZATION)
        .unwrap_or_default()
        .into()
}
