//! `commonAnnotations`, and the function that sets pairs, which labels also use.

use pleach_yaml::diag::Diagnostic;
use pleach_yaml::parallel;
use pleach_yaml::{Mapping, Node, Tag};

use super::super::config::FieldSpecs;
use super::super::fieldspec::{FieldSpec, Leaf};
use super::super::kustomization::{Pair, placed};
use super::super::plugins::configuration;
use super::super::record::{Pairs, record};
use super::super::resource::{Resource, new_text, replaced_at, set_tagged};
use super::super::resources::Resources;
use super::{Transform, TransformContext};

pub(super) const TRANSFORM: Transform = Transform {
    plugin: "AnnotationsTransformer",
    apply,
    run: |transform, config, resources| {
        let config: AnnotationsPlugin = configuration(config)?;
        set_pairs(
            transform,
            resources,
            &config.annotations.sorted(),
            &config.specs,
        )
    },
};

record! {
    struct AnnotationsPlugin {
        annotations: Pairs = "annotations",
        specs: FieldSpecs = "fieldSpecs",
    }
}

fn apply(
    transform: &mut TransformContext<'_, '_>,
    resources: &mut Resources,
) -> Result<(), Diagnostic> {
    let written = &transform.fields.common_annotations;
    let pairs = written.sorted();
    if pairs.is_empty() {
        return Ok(());
    }
    let config = transform.config;
    set_pairs(transform, resources, &pairs, &config.common_annotations)
        .map_err(|it| placed(it, written.span()))?;
    transform.done(TRANSFORM.plugin, resources);
    Ok(())
}

/// Sets pairs in the maps that the specs lead to.
pub(super) fn set_pairs(
    transform: &mut TransformContext<'_, '_>,
    resources: &mut Resources,
    pairs: &[Pair],
    specs: &[FieldSpec],
) -> Result<(), Diagnostic> {
    if pairs.is_empty() {
        return Ok(());
    }
    let values = pairs.iter().map(|it| &*it.value);
    transform.context.added.add_pairs(values, resources.len())?;
    let new: Vec<NewEntry<'_>> = pairs.iter().map(NewEntry::new).collect();
    let set = |resource: &mut Resource| {
        let gvk = resource.object.gvk();
        // Selected once for all pairs, because most default specs are for other kinds.
        let specs: Vec<&FieldSpec> = specs.iter().filter(|it| it.selects(&gvk)).collect();
        let set = |resource: &mut Resource| {
            new.iter()
                .try_for_each(|entry| set_pair(resource, entry, &specs))
        };
        // If a spec does not create the annotations, they may exist only because of internal ones.
        match specs
            .iter()
            .any(|it| !it.create && it.is_near_annotations())
        {
            true => resource.change_with_notes(set),
            false => set(resource),
        }
    };
    parallel::try_map(resources.list_mut(), set).map(drop)
}

/// A pair, and the nodes of the entry that it is added as.
struct NewEntry<'a> {
    pair: &'a Pair,
    key: Result<Node, Diagnostic>,
    value: Node,
}

impl NewEntry<'_> {
    fn new(pair: &Pair) -> NewEntry<'_> {
        NewEntry {
            pair,
            key: pair.new_key(),
            value: new_text(pair.value.clone()).at(&pair.at),
        }
    }
}

fn set_pair(
    resource: &mut Resource,
    NewEntry { pair, key, value }: &NewEntry<'_>,
    specs: &[&FieldSpec],
) -> Result<(), Diagnostic> {
    let (mut added, mut is_replaced) = (Vec::new(), false);
    for spec in specs {
        spec.visit(resource.node_mut(), Leaf::Mapping, &mut |field, trail| {
            // If the spec does not create, a null stays, as in kustomize.
            if field.is_tagged_null() {
                if !spec.is_near_annotations() {
                    return Ok(());
                }
                // At the end, kustomize reads the annotations from it, and writes a map.
                *field = Node::mapping(Mapping::new());
            }
            let found = field.kind().description();
            let Some(mapping) = field.as_mapping_mut() else {
                let message = format!("expected a map at `{}`, found {found}", spec.path);
                return Err(Diagnostic::error("wrong-field-type", message).at(&*field));
            };
            match mapping.get_mut(&pair.key) {
                Some(field) => {
                    is_replaced = true;
                    set_tagged(field, &pair.value, Tag::Str);
                    replaced_at(field, &pair.at);
                }
                None => {
                    mapping.push(key.clone()?, value.clone());
                    added.push(spec.path_of(trail));
                }
            }
            Ok(())
        })?;
    }
    if is_replaced {
        // It may share its value with other fields.
        resource.settle();
    }
    resource.shared.add(added, &pair.key, value);
    Ok(())
}
