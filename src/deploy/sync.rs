//! The objects that make an engine deploy others.

use crate::object::Object;
use crate::yaml::Node;

/// How an engine processes an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum SyncKind {
    /// Flux builds a folder.
    Kustomization,
    /// Flux installs a chart.
    HelmRelease,
    /// The Flux operator installs Flux, which applies a folder.
    FluxInstance,
    /// The Flux operator renders its templates to objects.
    ResourceSet,
    /// Argo CD applies its sources.
    Application,
    /// Argo CD generates Applications.
    ApplicationSet,
}

/// Texts that files with such objects contain.
pub(super) const MARKS: [&str; 4] = [
    "toolkit.fluxcd.io/",
    "fluxcd.controlplane.io/",
    "argoproj.io/",
    "source.extensions.fluxcd.io/",
];

/// Texts that templates of such objects contain.
pub(super) const KINDS: [&str; 4] = [
    "kind: Application",
    "kind: Kustomization",
    "kind: HelmRelease",
    "kind: ResourceSet",
];

impl SyncKind {
    /// The role of an object for the engines; `None` if it is only applied.
    pub(super) fn from_object(object: &Object) -> Option<SyncKind> {
        let gvk = object.gvk();
        Some(match (&*gvk.group, &*gvk.kind) {
            ("kustomize.toolkit.fluxcd.io", "Kustomization") => SyncKind::Kustomization,
            ("helm.toolkit.fluxcd.io", "HelmRelease") => SyncKind::HelmRelease,
            ("fluxcd.controlplane.io", "FluxInstance") => SyncKind::FluxInstance,
            ("fluxcd.controlplane.io", "ResourceSet") => SyncKind::ResourceSet,
            ("argoproj.io", "Application") => SyncKind::Application,
            ("argoproj.io", "ApplicationSet") => SyncKind::ApplicationSet,
            _ => return None,
        })
    }
}

/// A text field; empty if missing.
pub(super) fn text<'a>(node: &'a Node, keys: &[&str]) -> &'a str {
    node.at_keys(keys).and_then(Node::as_str).unwrap_or("")
}

/// A boolean field; false if missing.
pub(super) fn flag(node: &Node, keys: &[&str]) -> bool {
    node.at_keys(keys).and_then(Node::as_bool).unwrap_or(false)
}

/// The items of a list; empty if missing.
pub(super) fn items<'a>(node: &'a Node, keys: &[&str]) -> &'a [Node] {
    let list = node.at_keys(keys).and_then(Node::as_sequence);
    list.unwrap_or_default()
}
