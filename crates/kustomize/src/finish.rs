//! The last steps, only on the outermost level: hashes, references, variables, order, and `buildMetadata`.

use pleach_yaml::{Mapping, Node};

use pleach_yaml::diag::Diagnostic;

use super::accumulate::{Accumulated, Context, Failed};
use super::kustomization::Kustomization;
use super::limits;
use super::resource::{Resource, map_at, plain_key};
use super::resources::Resources;
use super::{Options, VERSION, hash, references, sort, vars};

/// The annotation of resources that are part of a build but are not printed.
const LOCAL: &str = "config.kubernetes.io/local-config";
pub(super) const ORIGIN: &str = "config.kubernetes.io/origin";
const TRANSFORMATIONS: &str = "alpha.config.kubernetes.io/transformations";

/// The prefix of kustomize's own annotations.
const INTERNAL: &str = "internal.config.kubernetes.io/";
/// Annotations with this prefix that kustomize uses internally and removes at the end.
const INTERNAL_NAMES: [&str; 16] = [
    "previousKinds",
    "previousNames",
    "previousNamespaces",
    "prefixes",
    "suffixes",
    "allowNameChange",
    "allowKindChange",
    "refBy",
    "generatorBehavior",
    "needsHashSuffix",
    "path",
    "index",
    "seqindent",
    "id",
    "annotations-migration-resource-id",
    "helm-generated",
];
/// Internal annotations with other prefixes.
const OWN: [&str; 5] = [
    ORIGIN,
    TRANSFORMATIONS,
    "config.kubernetes.io/path",
    "config.kubernetes.io/index",
    "config.k8s.io/id",
];

/// Finishes the resources of the outermost kustomization.
pub(super) fn finish(
    context: &mut Context<'_>,
    kustomization: &Kustomization,
    mut sum: Accumulated,
) -> Result<Resources, Failed> {
    let before = context.diagnostics.errors();
    let schemas = context.schemas.clone();
    // Hashes first, because references must get the name with the hash.
    let warnings = hash::append(&mut sum.resources, &schemas);
    context.diagnostics.extend(warnings);
    let config = sum.config.clone();
    let config = config.unwrap_or_else(|| super::defaults::config().clone());
    let faults = references::fix(&mut sum.resources, &config, &schemas);
    context.diagnostics.extend(faults);
    context.check(before)?;
    context
        .diagnostics
        .extend(sum.resources.iter().filter_map(unused));
    // After the references, so that a variable that reads a name reads the final one.
    let replaced = vars::replace(&mut sum.resources, &sum.variables, &config.variables);
    let unused = context.keep(replaced).ok_or(Failed)?;
    context.diagnostics.extend(unused);
    let mut resources = sum.resources;
    resources
        .list_mut()
        // Not earlier, because such a resource may be the source of a replacement or variable.
        .retain(|it| it.annotation(LOCAL).is_none_or(|value| value == "false"));
    let sorted = sort::sort(resources.list_mut(), kustomization, context.loader.options);
    context.keep(sorted).ok_or(Failed)?;
    let printable = limits::check_output(&resources);
    context.keep(printable).ok_or(Failed)?;
    // Transformers can make two resources equal, and kubectl would apply the second over the first.
    let unique = resources.check_unique(&schemas);
    context.keep(unique).ok_or(Failed)?;
    context
        .diagnostics
        .extend(resources.iter().filter_map(list_of_annotations));
    context.check(before)?;
    let metadata = Metadata::new(kustomization, context.loader.options);
    for resource in resources.list_mut() {
        metadata.write(resource);
    }
    Ok(resources)
}

/// The warning about a generated resource without references, whose name changes with its content.
fn unused(resource: &Resource) -> Option<Diagnostic> {
    let unused = resource.generated && resource.needs_hash && !resource.referred;
    unused.then(|| {
        let kind = resource.object.kind();
        let message = format!("nothing refers to the generated {kind} `{}`", resource.original_name());
        Diagnostic::warning("unused-generator", message)
            .at(resource.object.span())
            .help("if something outside the kustomization refers to it, set `options: {disableNameSuffixHash: true}`, because its name contains a hash of its content")
    })
}

/// The error about annotations that are a list, for which kustomize panics. It prints none of them otherwise.
fn list_of_annotations(resource: &Resource) -> Option<Diagnostic> {
    let annotations = resource.node().at_keys(&["metadata", "annotations"])?;
    let is_list = !annotations.as_sequence()?.is_empty();
    is_list.then(|| {
        let message = "expected a map for `metadata.annotations`, found a list";
        Diagnostic::error("wrong-field-type", message)
            .at(annotations)
            .related(resource.object.span(), "the resource")
            .help("write each annotation as `name: value`, without a dash")
    })
}

/// Writes `buildMetadata` into the result.
struct Metadata {
    origins: bool,
    transformations: bool,
    managed_by: bool,
}

impl Metadata {
    fn new(kustomization: &Kustomization, options: &Options) -> Metadata {
        let wished = |name: &str| {
            let names = &kustomization.fields.build_metadata;
            names.iter().any(|it| **it == *name)
        };
        Metadata {
            origins: wished("originAnnotations"),
            transformations: wished("transformerAnnotations"),
            managed_by: options.managed_by_label || wished("managedByLabel"),
        }
    }

    fn write(&self, resource: &mut Resource) {
        if self.managed_by {
            let metadata = map_at(resource.node_mut(), "metadata");
            let labels = metadata
                .map(|it| it.get_or_insert_with("labels", || Node::mapping(Mapping::new())));
            if let Some(labels) = labels {
                if labels.is_null() {
                    *labels = Node::mapping(Mapping::new());
                }
                if let Some(labels) = labels.as_mapping_mut() {
                    labels.insert(
                        plain_key("app.kubernetes.io/managed-by"),
                        Node::string(VERSION),
                    );
                }
            }
        }
        let mut annotations = self.annotations(resource);
        let Some(metadata) = resource
            .node_mut()
            .get_mut("metadata")
            .and_then(Node::as_mapping_mut)
        else {
            return;
        };
        if annotations.is_empty() {
            // kustomize prints no empty map, neither for only internal annotations nor for `annotations: {}`.
            metadata.remove("annotations");
        } else {
            annotations
                .entries_mut()
                .sort_by(|a, b| a.key.as_str().cmp(&b.key.as_str()));
            metadata.insert("annotations", annotations);
        }
    }

    /// The annotations as strings, without kustomize's own.
    fn annotations(&self, resource: &Resource) -> Mapping {
        let mut annotations = Mapping::new();
        for entry in resource.metadata_map("annotations").into_iter().flatten() {
            let key = entry.key.as_str().unwrap_or("");
            let internal = key.strip_prefix(INTERNAL);
            let own = OWN.contains(&key) || internal.is_some_and(|it| INTERNAL_NAMES.contains(&it));
            if !own {
                let text = entry.value.as_str().unwrap_or("");
                annotations.insert(
                    plain_key(key).at(&entry.key),
                    Node::string(text).at(&entry.value),
                );
            }
        }
        if let Some(origin) = resource.origin.as_ref().filter(|_| self.origins) {
            annotations.insert(ORIGIN, origin.to_yaml());
        }
        if self.transformations && !resource.transformations.is_empty() {
            let list = Node::sequence(resource.transformations.iter().map(|it| it.to_node()));
            annotations.insert(TRANSFORMATIONS, pleach_yaml::emit_kyaml_value(&list));
        }
        annotations
    }
}
