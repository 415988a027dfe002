//! Reports custom resources without a CRD.
//!
//! The CRDs that a claim's kind declares as required are checked in [`order`](super::order). A source with unknown content, such as
//! a chart that was not pulled, may contain any CRD.

use std::collections::{BTreeMap, BTreeSet};

use super::{Overlaid, SyncEngine, overlay};
use crate::chart::Charts;
use crate::delivery::Delivery;
use crate::diag::{Diagnostic, Diagnostics, Span};
use crate::object::{Gvk, Object};
use crate::schema::Schemas;

/// Warnings: `crd-not-provided`, one for each kind.
pub(super) fn check(overlaid: &Overlaid<'_>, charts: &Charts<'_>, diagnostics: &mut Diagnostics) {
    let mut missing: BTreeMap<(String, String), (&Object, &Span)> = BTreeMap::new();
    for delivery in &overlaid.deliveries {
        for object in delivery.files.iter().map(|it| &it.object) {
            let gvk = object.gvk();
            // This is the first test because nearly all objects have a built-in kind.
            if is_built_in(&gvk, &*overlaid.engine) {
                continue;
            }
            let kind = (gvk.group.to_string(), gvk.kind.to_string());
            if delivery.requires.iter().any(|it| may_define(it, &kind)) {
                continue;
            }
            let span = match &*delivery.name {
                overlay::NAME => object.span(),
                _ => &delivery.span,
            };
            missing.entry(kind).or_insert((object, span));
        }
    }
    let mut crds = InstalledCrds::default();
    for delivery in &overlaid.deliveries {
        crds.add(delivery);
    }
    let declared = overlaid.environment.provides.iter();
    crds.names
        .extend(declared.filter_map(|it| it.as_str().map(str::to_string)));
    missing.retain(|kind, _| !crds.may_include(kind));
    if missing.is_empty() {
        return;
    }
    for delivery in &overlaid.deliveries {
        crds.add_charts(delivery, charts);
    }
    missing.retain(|kind, _| !crds.may_include(kind));
    let name = &overlaid.environment.name;
    for (object, span) in missing.values() {
        let message = format!(
            "{} needs a CRD for `{}` of `{}`, which environment `{name}` does not provide",
            object.id(),
            object.kind(),
            object.gvk().group
        );
        let fault = Diagnostic::warning("crd-not-provided", message).at(*span);
        diagnostics.push(fault.help(HELP));
    }
}

const HELP: &str = "add the claim of the operator, or the CRD; if the cluster gets the CRD by other means, list it under `spec.provides` in environment.yaml";

/// Whether a kind is built into Kubernetes or installed with the sync engine.
fn is_built_in(gvk: &Gvk, engine: &dyn SyncEngine) -> bool {
    engine.defines(gvk) || Schemas::is_own_group(&gvk.group)
}

/// The group and kind that each CRD among a delivery's objects defines.
pub(super) fn defined_kinds(delivery: &Delivery) -> impl Iterator<Item = (String, String)> {
    let objects = delivery.files.iter().map(|it| &it.object);
    objects
        .filter(|it| it.kind() == "CustomResourceDefinition")
        .filter_map(|object| {
            let text = |keys: &[&str]| Some(object.node.at_keys(keys)?.as_str()?.to_string());
            text(&["spec", "group"]).zip(text(&["spec", "names", "kind"]))
        })
}

/// The CRDs that an environment installs or may install.
#[derive(Default)]
struct InstalledCrds {
    /// The group and kind that each CRD in the tree defines.
    kinds: BTreeSet<(String, String)>,
    /// The names of CRDs that are not in the tree, such as those of charts.
    names: BTreeSet<String>,
    /// API groups that may have further CRDs.
    open_groups: BTreeSet<String>,
    /// Whether any API group may have further CRDs.
    has_unknown_source: bool,
}

impl InstalledCrds {
    fn add(&mut self, delivery: &Delivery) {
        self.names.extend(delivery.provides.iter().cloned());
        self.kinds.extend(defined_kinds(delivery));
        let mut objects = delivery.files.iter().map(|it| &it.object);
        // An overlay may add objects that let the sync engine apply other sources, whose content is unknown.
        self.has_unknown_source |= delivery.name == overlay::NAME && objects.any(deploys_source);
    }

    /// Adds the CRDs of a delivery's charts. If they are unknown, or if the delivery applies folders of other repositories, any CRD
    /// of the API groups that it declares is assumed to be installed, or any CRD at all if it declares none.
    fn add_charts(&mut self, delivery: &Delivery, charts: &Charts<'_>) {
        let mut is_unknown = !delivery.prerequisites.is_empty();
        for chart in &delivery.charts {
            match charts.crds(chart) {
                Some(names) => self.names.extend(names.iter().cloned()),
                None => is_unknown = true,
            }
        }
        if !is_unknown {
            return;
        }
        self.has_unknown_source |= delivery.provides.is_empty();
        let groups = delivery.provides.iter().filter_map(|it| it.split_once('.'));
        self.open_groups.extend(groups.map(|it| it.1.to_string()));
    }

    fn may_include(&self, kind: &(String, String)) -> bool {
        self.has_unknown_source
            || self.open_groups.contains(&kind.0)
            || self.kinds.contains(kind)
            || self.names.iter().any(|it| may_define(it, kind))
    }
}

/// Whether a CRD may define a kind, according to the name of the CRD, such as `widgets.example.com`.
fn may_define(name: &str, (group, kind): &(String, String)) -> bool {
    let parts = name.split_once('.');
    parts.is_some_and(|(plural, crd_group)| crd_group == group && may_be_plural(plural, kind))
}

/// Whether the sync engine deploys another source because of this object: a chart, or a folder of a repository.
fn deploys_source(object: &Object) -> bool {
    let group = object.gvk().group;
    match object.kind() {
        "HelmRelease" | "Kustomization" | "ResourceSet" => group.ends_with(".fluxcd.io"),
        "Application" | "ApplicationSet" => &*group == "argoproj.io",
        "HelmChart" => &*group == "helm.cattle.io",
        _ => false,
    }
}

/// Whether a word may be the plural of a kind, by its first letters: `policies` of `Policy`, `indices` of `Index`.
fn may_be_plural(word: &str, kind: &str) -> bool {
    let kind = kind.to_lowercase();
    let stem = kind.get(..kind.len().saturating_sub(2)).unwrap_or(&kind);
    word.starts_with(stem) && word.len() <= kind.len() + 3
}
