//! Reports custom resources without a CRD.
//!
//! What a claim's kind requires is checked in [`order`](super::order). A source with unknown content, such as a chart that was not
//! pulled, may contain any CRD.

use std::collections::{BTreeMap, BTreeSet};

use super::{Overlaid, SyncEngine, overlay};
use crate::chart::Charts;
use crate::delivery::Delivery;
use crate::diag::{Diagnostic, Diagnostics, Span};
use crate::object::{Gvk, Object};
use crate::schema::Schemas;

/// Warnings: `crd-not-provided`, one for each kind.
pub(super) fn check(laid: &Overlaid<'_>, charts: &Charts<'_>, diagnostics: &mut Diagnostics) {
    let mut wanted: BTreeMap<(String, String), (&Object, &Span)> = BTreeMap::new();
    for delivery in &laid.deliveries {
        for object in delivery.files.iter().map(|it| &it.object) {
            let gvk = object.gvk();
            // For nearly all objects, the search ends here.
            if is_of_cluster(&gvk, &*laid.engine) {
                continue;
            }
            let kind = (gvk.group.to_string(), gvk.kind.to_string());
            if delivery.requires.iter().any(|it| is_crd_of(it, &kind)) {
                continue;
            }
            let place = match &*delivery.name {
                overlay::NAME => object.span(),
                _ => &delivery.span,
            };
            wanted.entry(kind).or_insert((object, place));
        }
    }
    let mut known = Known::default();
    for delivery in &laid.deliveries {
        known.add(delivery);
    }
    let others = laid.environment.provides.iter();
    known
        .names
        .extend(others.filter_map(|it| it.as_str().map(str::to_string)));
    wanted.retain(|kind, _| !known.has(kind));
    if wanted.is_empty() {
        return;
    }
    for delivery in &laid.deliveries {
        known.add_charts(delivery, charts);
    }
    wanted.retain(|kind, _| !known.has(kind));
    let name = &laid.environment.name;
    for (object, place) in wanted.values() {
        let message = format!(
            "{} needs a CRD for `{}` of `{}`, which environment `{name}` does not provide",
            object.id(),
            object.kind(),
            object.gvk().group
        );
        let fault = Diagnostic::warning("crd-not-provided", message).at(*place);
        diagnostics.push(fault.help(HELP));
    }
}

const HELP: &str = "add the claim of the operator, or the CRD; if the cluster gets the CRD by other means, list it under `spec.provides` in environment.yaml";

/// Whether a kind is built into Kubernetes or installed by the sync engine.
fn is_of_cluster(gvk: &Gvk, engine: &dyn SyncEngine) -> bool {
    engine.serves(gvk) || Schemas::is_own_group(&gvk.group)
}

/// Group and kind of the CRDs among a delivery's objects.
pub(super) fn defined(delivery: &Delivery) -> impl Iterator<Item = (String, String)> {
    let own = delivery.files.iter().map(|it| &it.object);
    own.filter(|it| it.kind() == "CustomResourceDefinition")
        .filter_map(|object| {
            let text = |keys: &[&str]| Some(object.node.at_keys(keys)?.as_str()?.to_string());
            text(&["spec", "group"]).zip(text(&["spec", "names", "kind"]))
        })
}

/// The CRDs of an environment.
#[derive(Default)]
struct Known {
    /// Group and kind of the CRDs that are objects of the tree.
    kinds: BTreeSet<(String, String)>,
    names: BTreeSet<String>,
    /// Groups that may have further CRDs.
    open: BTreeSet<String>,
    /// Whether there may be further CRDs of any group.
    is_open: bool,
}

impl Known {
    fn add(&mut self, delivery: &Delivery) {
        self.names.extend(delivery.provides.iter().cloned());
        self.kinds.extend(defined(delivery));
        let mut own = delivery.files.iter().map(|it| &it.object);
        // An overlay may let the sync engine apply other sources, whose content is unknown.
        self.is_open |= delivery.name == overlay::NAME && own.any(brings_more);
    }

    /// The CRDs of a delivery's charts and of folders in other repositories. If they are unknown, further CRDs of the declared
    /// groups.
    fn add_charts(&mut self, delivery: &Delivery, charts: &Charts<'_>) {
        let mut is_unknown = !delivery.first.is_empty();
        for chart in &delivery.charts {
            match charts.crds(chart) {
                Some(names) => self.names.extend(names.iter().cloned()),
                None => is_unknown = true,
            }
        }
        if !is_unknown {
            return;
        }
        self.is_open |= delivery.provides.is_empty();
        let groups = delivery.provides.iter().filter_map(|it| it.split_once('.'));
        self.open.extend(groups.map(|it| it.1.to_string()));
    }

    fn has(&self, kind: &(String, String)) -> bool {
        self.is_open
            || self.open.contains(&kind.0)
            || self.kinds.contains(kind)
            || self.names.iter().any(|it| is_crd_of(it, kind))
    }
}

/// Whether a CRD such as `widgets.example.com` defines a kind.
fn is_crd_of(name: &str, (group, kind): &(String, String)) -> bool {
    let split = name.split_once('.');
    split.is_some_and(|(plural, of)| of == group && is_plural(plural, kind))
}

fn brings_more(object: &Object) -> bool {
    let group = object.gvk().group;
    match object.kind() {
        "HelmRelease" | "Kustomization" | "ResourceSet" => group.ends_with(".fluxcd.io"),
        "Application" | "ApplicationSet" => &*group == "argoproj.io",
        "HelmChart" => &*group == "helm.cattle.io",
        _ => false,
    }
}

/// Whether a word may be the plural of a kind, judging by its first letters: `policies` of `Policy`, `indices` of `Index`.
fn is_plural(word: &str, kind: &str) -> bool {
    let kind = kind.to_lowercase();
    let stem = kind.get(..kind.len().saturating_sub(2)).unwrap_or(&kind);
    word.starts_with(stem) && word.len() <= kind.len() + 3
}
