//! The user's `overlays/<env>/`, applied to the rendered objects.
//!
//! `labels` without selectors and `commonAnnotations` are not applied to the objects: each written kustomization repeats them,
//! which avoids a patch for each object.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::common::Common;
use super::folder::KUSTOMIZATION;
use super::{EnvironmentManifests, Overlaid};
use crate::delivery::{Delivery, ManifestFile};
use crate::diag::{Class, Diagnostic, Diagnostics, Severity, Source, Span};
use crate::kustomize::{self, FILE_NAMES, Options, Reorder};
use crate::layout::{BASE, Folder, Group};
use crate::object::Object;
use crate::render::plain_name;
use crate::tree::{EntryKind, Files, FilesError, TreePath};
use crate::yaml::{Node, node, parse_one};

/// The folder of what overlays add, and its Flux Kustomization.
pub(crate) const NAME: &str = "overlay";

/// An overlay of the user.
pub(super) struct Overlay {
    /// Its folder; `None` if it does not exist.
    folder: Option<TreePath>,
    /// What each kustomization repeats.
    common: Common,
    /// Whether it contains nothing else.
    is_common: bool,
    span: Option<Span>,
}

impl Overlay {
    /// Whether it has no entries that could fail to match.
    pub(super) fn is_plain(&self) -> bool {
        self.folder.is_none() || self.is_common
    }
}

/// The folder of an environment's overlay and its contents.
pub(super) fn place(files: &dyn Files, environment: &str) -> Result<Option<EntryKind>, FilesError> {
    files.kind(&Folder::Overlays.path().child(environment))
}

/// Whether the result of an environment's overlay for one claim may depend on another claim. Labels and annotations for all objects
/// do not.
pub(super) fn mixes_claims(files: &dyn Files, environment: &str) -> bool {
    match place(files, environment) {
        Ok(None) => false,
        Ok(Some(EntryKind::Folder)) => {
            let mut faults = Diagnostics::default();
            let overlay = read(files, environment, &mut faults);
            faults.has_errors() || !overlay.is_common
        }
        _ => true,
    }
}

pub(super) fn read(files: &dyn Files, environment: &str, diagnostics: &mut Diagnostics) -> Overlay {
    let mut overlay = Overlay {
        folder: None,
        common: Common::default(),
        is_common: false,
        span: None,
    };
    let folder = Folder::Overlays.path().child(environment);
    if !matches!(files.kind(&folder), Ok(Some(EntryKind::Folder))) {
        return overlay;
    }
    let found = FILE_NAMES
        .iter()
        .map(|name| folder.child(name))
        .find(|path| matches!(files.kind(path), Ok(Some(EntryKind::File))));
    let Some(path) = found else {
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
    overlay.common = common(&node);
    overlay.is_common = is_common(&node, &overlay.common);
    overlay
}

/// Whether a kustomization only contains the settings that each written one repeats.
fn is_common(node: &Node, common: &Common) -> bool {
    let fields = common.fields();
    let is_known =
        |key: &str| matches!(key, "apiVersion" | "kind" | "metadata") || fields.contains_key(key);
    node.as_mapping().is_some_and(|it| it.keys().all(is_known))
}

/// The `labels` and `commonAnnotations` of a kustomization.
///
/// Empty if a later transformer may read what they set, or if they change more than metadata: they are then applied with the rest
/// and become patches.
fn common(node: &Node) -> Common {
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
        return Common::default();
    };
    let labels = mapping
        .get("labels")
        .and_then(Node::as_sequence)
        .filter(|items| items.iter().all(is_plain_label));
    let annotations = mapping.get("commonAnnotations").and_then(Node::as_mapping);
    Common {
        labels: labels.unwrap_or_default().to_vec(),
        annotations: annotations.cloned().unwrap_or_default(),
    }
}

fn is_plain_label(entry: &Node) -> bool {
    let on = |key: &str| entry.get(key).and_then(Node::as_bool) == Some(true);
    entry.get("pairs").is_some() && entry.get("fields").is_none() && !on("includeSelectors")
}

/// How to handle an entry that matches nothing.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Unmatched {
    /// Report it as an error: nothing can match it later.
    Refused,
    /// Return it to the caller, who knows whether it matches elsewhere.
    Kept,
    /// Ignore it: it is checked where the overlay belongs.
    PassedOver,
}

/// Applies overlays to an environment's objects, one after the other.
pub(super) fn apply_overlays<'a>(
    files: &dyn Files,
    delivered: EnvironmentManifests<'a>,
    overlays: &[(&Overlay, Unmatched)],
    diagnostics: &mut Diagnostics,
) -> (Overlaid<'a>, Vec<Diagnostic>) {
    let EnvironmentManifests {
        environment,
        engine,
        mut deliveries,
        is_partial,
    } = delivered;
    let mut common = Common::default();
    if environment.name != BASE && !environment.labels.is_empty() {
        let pairs = environment.labels.clone();
        common.labels.push(node!({"pairs": pairs}));
    }
    let mut kept = Vec::new();
    for (overlay, unmatched) in overlays {
        common.labels.extend(overlay.common.labels.iter().cloned());
        for entry in &overlay.common.annotations {
            common
                .annotations
                .insert(entry.key.clone(), entry.value.clone());
        }
        if let Some(folder) = &overlay.folder {
            let mut said = Diagnostics::default();
            let name = &environment.name;
            let own = *unmatched != Unmatched::PassedOver;
            deliveries = apply_overlay(files, name, deliveries, overlay, folder, own, &mut said);
            for fault in said {
                match fault.class == Class::Unmatched && *unmatched == Unmatched::Kept {
                    true => kept.push(fault),
                    false => diagnostics.push(fault),
                }
            }
        }
    }
    let laid = Overlaid {
        environment,
        engine,
        deliveries,
        common,
        is_partial,
    };
    (laid, kept)
}

fn apply_overlay(
    files: &dyn Files,
    environment: &str,
    mut deliveries: Vec<Delivery>,
    overlay: &Overlay,
    folder: &TreePath,
    own: bool,
    diagnostics: &mut Diagnostics,
) -> Vec<Delivery> {
    let without = overlay.common.fields().keys().map(str::to_string).collect();
    let options = Options {
        pass_over_unmatched: !own,
        without,
        reorder: Reorder::None,
        ..Options::default()
    };
    let built = kustomize::build_over(files, folder, marked(&deliveries), &options);
    let failed = built.diagnostics.has_errors();
    diagnostics.extend(
        built
            .diagnostics
            .into_iter()
            .filter(|it| (own || failed) && !is_of_two_claims(it, &deliveries))
            .map(no_match_is_an_error),
    );
    if failed {
        return deliveries;
    }
    let mut places: BTreeMap<(String, Arc<str>), Object> = BTreeMap::new();
    let mut added = Vec::new();
    for mut object in built.objects {
        match object
            .mark
            .take()
            .as_deref()
            .and_then(|mark| mark.split_once('/'))
        {
            Some((claim, file)) => drop(places.insert((claim.to_string(), file.into()), object)),
            None => added.push(object),
        }
    }
    for delivery in &mut deliveries {
        let mut keep = |file: &mut ManifestFile| match places
            .remove(&(delivery.name.clone(), file.name.clone()))
        {
            Some(object) => {
                file.object = object;
                true
            }
            None => false,
        };
        delivery.files.retain_mut(&mut keep);
        delivery.releases.retain_mut(keep);
    }
    add(&mut deliveries, added, environment, overlay);
    deliveries
}

/// An object that two claims render is reported by [`owners`](super::owners).
fn is_of_two_claims(fault: &Diagnostic, deliveries: &[Delivery]) -> bool {
    let is_claim = |span: &Span| deliveries.iter().any(|it| it.span == *span);
    fault.class == Class::DuplicateObject && fault.span.as_ref().is_some_and(is_claim)
}

/// The engine reports an entry that matches nothing as a warning.
fn no_match_is_an_error(mut diagnostic: Diagnostic) -> Diagnostic {
    if diagnostic.class == Class::Unmatched {
        diagnostic.severity = Severity::Error;
    }
    diagnostic
}

/// All objects, each with the claim and the file that it belongs to.
fn marked(deliveries: &[Delivery]) -> Vec<Object> {
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

/// Objects that the overlay adds are written to a separate folder.
fn add(deliveries: &mut Vec<Delivery>, added: Vec<Object>, environment: &str, overlay: &Overlay) {
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

/// `<kind>-<name>.yaml`; if that exists, with the namespace, then with a number.
fn file_name(object: &Object, taken: &[ManifestFile]) -> Arc<str> {
    let form = |parts: &[&str]| plain_name(&parts.join("-"));
    let candidates = [
        form(&[object.kind(), object.name()]),
        form(&[object.kind(), object.namespace(), object.name()]),
    ];
    let numbered = (2..).map(|number| format!("{}-{number}", candidates[1]));
    let mut names = candidates
        .iter()
        .cloned()
        .chain(numbered)
        .map(|it| format!("{it}.yaml"));
    names
        .find(|name| taken.iter().all(|it| *it.name != **name) && name != KUSTOMIZATION)
        .unwrap_or_default()
        .into()
}
