//! Generators of resources, one file each.

mod data;
pub(super) mod helm;
mod iam;

pub(super) use data::{config_map, secret};
pub(super) use iam::service_account;

use indexmap::IndexMap;

use pleach_kube::object::ObjectId;
use pleach_yaml::diag::{Class, Diagnostic, Span};
use pleach_yaml::{Mapping, Node, Style};

use super::accumulate::{Context, KustomizationFrame};
use super::kustomization::GeneratorArgs;
use super::limits::ERRORS_MAX;
use super::load::Loader;
use super::origin::Origin;
use super::plugins;
use super::resource::{Resource, map_at, new_text};
use super::resources::{AnyId, Resources, id_of};

/// A generated resource, and how it is merged.
pub(super) struct Made {
    pub(super) resource: Resource,
    pub(super) behavior: Behavior,
}

/// How a generated resource is combined with an existing one of the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Behavior {
    /// The resource must not exist.
    Create,
    /// The data of the existing resource is merged.
    Merge,
    /// The existing resource is replaced.
    Replace,
}

/// Runs all generators of a kustomization.
pub(super) fn run(
    context: &mut Context<'_>,
    level: &KustomizationFrame<'_>,
    resources: &mut Resources,
) {
    let kustomization = level.kustomization;
    let fields = &kustomization.fields;
    let options = fields.generator_options.as_ref();
    let mut absorber = Absorber {
        index: None,
        resources,
    };
    let folder = level.folder();
    let config_maps = fields.config_map_generator.iter().map(|entry| {
        let made = |loader: Loader<'_>| config_map(loader, &folder, entry, options);
        (&entry.span, made)
    });
    absorb_all(
        context,
        level,
        "ConfigMapGenerator",
        config_maps,
        &mut absorber,
    );
    let secrets = fields.secret_generator.iter().map(|entry| {
        let made = |loader: Loader<'_>| secret(loader, &folder, entry, options);
        (&entry.span, made)
    });
    absorb_all(context, level, "SecretGenerator", secrets, &mut absorber);
    for config in helm::configurations(level, &mut context.diagnostics) {
        let origin = Origin::builtin(&level.file(), helm::PLUGIN);
        inflate(context, level, &config, &origin, &mut absorber);
    }
    plugins::generate(context, level, &mut absorber);
}

/// Creates the objects of one field's entries, each with its location.
fn absorb_all<'e, M: Fn(Loader<'_>) -> Result<Made, Diagnostic>>(
    context: &mut Context<'_>,
    level: &KustomizationFrame<'_>,
    plugin: &str,
    entries: impl Iterator<Item = (&'e Span, M)>,
    absorber: &mut Absorber<'_>,
) {
    let before = context.diagnostics.errors();
    for (at, make) in entries {
        let has_many = context.diagnostics.errors() - before >= ERRORS_MAX;
        if has_many || context.added.is_spent() {
            break;
        }
        let absorbed = make(context.loader).and_then(|mut made| {
            if context.track {
                made.resource.origin = Some(Box::new(Origin::builtin(&level.file(), plugin)));
            }
            absorber.absorb(made, at, context)
        });
        context.keep(absorbed);
    }
}

/// Adds the objects of a chart to the resources.
pub(super) fn inflate(
    context: &mut Context<'_>,
    frame: &KustomizationFrame<'_>,
    config: &helm::ChartPlugin,
    origin: &Origin,
    absorber: &mut Absorber<'_>,
) {
    match helm::inflate(context, frame, config) {
        Err(faults) => context.diagnostics.extend(faults),
        Ok(resources) => {
            for mut resource in resources {
                if context.track {
                    resource.origin = Some(Box::new(origin.clone()));
                }
                let made = Made {
                    resource,
                    behavior: Behavior::Create,
                };
                let absorbed = absorber.absorb(made, &config.span, context);
                context.keep(absorbed);
            }
        }
    }
}

pub(super) struct Absorber<'a> {
    index: Option<AnyId>,
    resources: &'a mut Resources,
}

impl Absorber<'_> {
    pub(super) fn absorb(
        &mut self,
        made: Made,
        entry: &Span,
        context: &mut Context<'_>,
    ) -> Result<(), Diagnostic> {
        let Made {
            mut resource,
            behavior,
        } = made;
        let schemas = &context.schemas.clone();
        let id = id_of(&resource, schemas);
        let index = self
            .index
            .get_or_insert_with(|| self.resources.any_index(schemas));
        let found = index.get(&id).map(Vec::as_slice).unwrap_or_default();
        let name = resource.object.id();
        let (at, old) = match (found, behavior) {
            // This includes former identities: a generator without `behavior` must not replace a renamed resource.
            ([], Behavior::Create) => {
                index.insert(id, vec![self.resources.len()]);
                return self
                    .resources
                    .append(resource, schemas)
                    .map_err(|it| it.at(entry));
            }
            ([], _) => return Err(nothing_to_merge(&name).at(entry)),
            ([at], _) => match self.resources.get(*at) {
                Some(old) => (*at, old),
                None => return Ok(()),
            },
            _ => {
                let message = format!("several resources are, or were, named {name}");
                return Err(Diagnostic::error("ambiguous-generator", message).at(entry));
            }
        };
        if behavior == Behavior::Create {
            return Err(already_exists(&name, old).at(entry));
        }
        if old.object.gvk() != resource.object.gvk() {
            let now = old.object.id();
            let message = format!("cannot merge with or replace {name}: it was changed to {now}");
            return Err(Diagnostic::error("nothing-to-merge", message)
                .at(entry)
                .related(old.object.span(), "here")
                .help("remove the patch that changes its kind, or remove `behavior`"));
        }
        let copied = context.added.add_copies(old.node(), 1);
        copied.map_err(|it| it.at(entry))?;
        take_over(&mut resource, old, behavior == Behavior::Merge);
        self.resources.replace(at, resource);
        Ok(())
    }
}

/// The new resource gets the name and history of the old one.
fn take_over(resource: &mut Resource, old: &Resource, merge: bool) {
    merge_maps(resource, old, &["metadata", "labels"]);
    merge_maps(resource, old, &["metadata", "annotations"]);
    resource.set_metadata("name", old.object.name());
    match old.object.namespace() {
        "" => resource.clear_metadata("namespace"),
        namespace => resource.set_metadata("namespace", namespace),
    }
    if merge {
        merge_maps(resource, old, &["data"]);
        merge_maps(resource, old, &["binaryData"]);
    }
    // Each side can disable the hash, and it cannot be enabled again.
    resource.needs_hash &= old.needs_hash;
    resource.previous.clone_from(&old.previous);
    resource.prefixes.clone_from(&old.prefixes);
    resource.suffixes.clone_from(&old.suffixes);
    resource.variables.clone_from(&old.variables);
    resource.object.mark.clone_from(&old.object.mark);
    if merge {
        resource.origin = old.origin.clone().or(resource.origin.take());
    }
    resource.transformations.clone_from(&old.transformations);
}

/// Merges the new map of strings over the old one. Without entries, the field is removed.
fn merge_maps(resource: &mut Resource, old: &Resource, path: &[&str]) {
    let none = Mapping::new();
    let before = old.node().at_keys(path).and_then(Node::as_mapping);
    let before = before.unwrap_or(&none);
    let mut merged = Mapping::new();
    for entry in before {
        let text = entry.value.as_str().unwrap_or("");
        merged.push(entry.key.clone(), data_text(text).at(&entry.value));
    }
    if let Some(own) = resource.node().at_keys(path).and_then(Node::as_mapping) {
        let positions: IndexMap<&str, usize> = before.keys().zip(0..).collect();
        for entry in own {
            let position = entry.key.as_str().and_then(|key| positions.get(key));
            match position.and_then(|at| merged.entries_mut().get_mut(*at)) {
                Some(known) => known.value = entry.value.clone(),
                None => merged.push(entry.key.clone(), entry.value.clone()),
            }
        }
    }
    let target = match path {
        [outer, inner] => map_at(resource.node_mut(), outer).map(|it| (it, *inner)),
        [field, ..] => resource.node_mut().as_mapping_mut().map(|it| (it, *field)),
        [] => None,
    };
    match target {
        Some((mapping, field)) if merged.is_empty() => {
            mapping.remove(field);
        }
        Some((mapping, field)) => {
            mapping.insert(field, Node::mapping(merged));
        }
        None => {}
    }
}

/// The text of an entry of `data`: a block if it has several lines.
pub(super) fn data_text(text: &str) -> Node {
    match text.contains('\n') {
        // kustomize sets this style for readability; the printer uses quotes if the text cannot be a block.
        true => Node::string(text).styled(Style::Literal),
        false => new_text(text),
    }
}

/// The `behavior` of an entry.
pub(super) fn behavior(entry: &GeneratorArgs) -> Behavior {
    match &*entry.behavior {
        "merge" => Behavior::Merge,
        "replace" => Behavior::Replace,
        _ => Behavior::Create,
    }
}

fn nothing_to_merge(id: &ObjectId) -> Diagnostic {
    let message = format!("cannot merge with or replace {id}: it does not exist");
    Diagnostic::error("nothing-to-merge", message).help(
        "remove `behavior`, or use the name of a resource before prefixes and suffixes are added",
    )
}

fn already_exists(id: &ObjectId, existing: &Resource) -> Diagnostic {
    let message = format!("{id} already exists");
    Diagnostic::error("duplicate-resource", message)
        .class(Class::DuplicateObject)
        .related(existing.object.span(), "here")
        .help("set `behavior: merge` or `behavior: replace`")
}
