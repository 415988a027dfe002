//! Fields of an overlay's kustomization that change nothing in the written tree.

use super::folder::KUSTOMIZATION;
use crate::diag::{Class, Diagnostic};
use crate::yaml::Node;

/// Annotations that `buildMetadata` can add. kustomize removes them when it builds the written folders.
const NOT_WRITTEN: [&str; 2] = ["originAnnotations", "transformerAnnotations"];

/// Fields that only matter together with one of some other fields.
const DEPENDENT: [(&str, &[&str]); 2] = [
    (
        "generatorOptions",
        &["configMapGenerator", "secretGenerator"],
    ),
    (
        "helmGlobals",
        &["helmCharts", "helmChartInflationGenerator"],
    ),
];

/// Whether a kustomization adds the label of the tool that manages the objects.
pub(super) fn has_managed_by_label(kustomization: &Node) -> bool {
    let mut names = items(kustomization, "buildMetadata");
    names.any(|it| it.as_str() == Some("managedByLabel"))
}

/// The warnings about fields without effect.
pub(super) fn ineffective(kustomization: &Node) -> Vec<Diagnostic> {
    let names = items(kustomization, "buildMetadata").filter_map(|it| {
        let name = it.as_str().filter(|it| NOT_WRITTEN.contains(it))?;
        let why = "kustomize removes these annotations when it builds the written folders";
        Some(no_effect(it, &format!("`{name}`"), why))
    });
    let order = kustomization.get("sortOptions").map(|it| {
        let why = "each object is written to a file of its own";
        no_effect(it, "`sortOptions`", why)
    });
    let dependent = DEPENDENT.iter().filter_map(|(field, others)| {
        let found = kustomization.get(field)?;
        let is_used = others.iter().any(|it| kustomization.get(it).is_some());
        let why = format!("this `{KUSTOMIZATION}` has no `{}`", others.first()?);
        (!is_used).then(|| no_effect(found, &format!("`{field}`"), &why))
    });
    let images = items(kustomization, "images").filter_map(|it| {
        let name = it.get("name")?.as_str()?;
        let fields = ["newName", "newTag", "digest", "tagSuffix"];
        let why = "it has no `newName`, `newTag`, `digest` or `tagSuffix`";
        let is_change = fields.iter().any(|field| it.get(field).is_some());
        (!is_change).then(|| no_effect(it, &format!("image `{name}`"), why))
    });
    let found = names.chain(order).chain(dependent).chain(images);
    found.collect()
}

fn no_effect(at: &Node, what: &str, why: &str) -> Diagnostic {
    let fault = Diagnostic::warning("no-effect", format!("{what} has no effect: {why}"));
    fault.class(Class::NoEffect).at(at).help("remove it")
}

fn items<'a>(node: &'a Node, key: &str) -> impl Iterator<Item = &'a Node> {
    let list = node.get(key).and_then(Node::as_sequence);
    list.into_iter().flatten()
}
