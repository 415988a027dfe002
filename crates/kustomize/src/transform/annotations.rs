//! `commonAnnotations`, and the setting of pairs that labels share.

use pleach_yaml::diag::Diagnostic;
use pleach_yaml::parallel;
use pleach_yaml::{FieldPath, Tag};

use super::super::config::specs_of;
use super::super::fieldspec::{FieldSpec, Leaf};
use super::super::kustomization::{FIELD_SPECS, Pair, list, sorted_pairs};
use super::super::resource::{Resource, new_text, replaced_at, set_tagged};
use super::super::resources::Resources;
use super::super::shape::Shape;
use super::labels::pairs;
use super::{Transform, TransformContext};

pub(super) const TRANSFORM: Transform = Transform {
    plugin: "AnnotationsTransformer",
    apply,
    fields: &[("annotations", Shape::Pairs), ("fieldSpecs", FIELD_SPECS)],
    run: |stage, config, resources| {
        set_pairs(
            stage,
            resources,
            &pairs(config, "annotations"),
            &specs_of(list(config, "fieldSpecs")),
        )
    },
};

fn apply(
    stage: &mut TransformContext<'_, '_>,
    resources: &mut Resources,
) -> Result<(), Diagnostic> {
    let pairs = stage
        .kustomization
        .pairs("commonAnnotations")
        .map(sorted_pairs)
        .unwrap_or_default();
    if pairs.is_empty() {
        return Ok(());
    }
    let config = stage.config;
    set_pairs(stage, resources, &pairs, &config.common_annotations)
        .map_err(|it| stage.kustomization.at_field(it, "commonAnnotations"))?;
    stage.done(TRANSFORM.plugin, resources);
    Ok(())
}

/// Sets pairs in the maps that the specs lead to.
pub(super) fn set_pairs(
    stage: &mut TransformContext<'_, '_>,
    resources: &mut Resources,
    pairs: &[Pair],
    specs: &[FieldSpec],
) -> Result<(), Diagnostic> {
    if pairs.is_empty() {
        return Ok(());
    }
    let values = pairs.iter().map(|it| &*it.value);
    stage.context.added.add_pairs(values, resources.len())?;
    let set = |resource: &mut Resource| {
        let gvk = resource.object.gvk();
        let specs: Vec<&FieldSpec> = specs.iter().filter(|it| it.selects(&gvk)).collect();
        pairs
            .iter()
            .try_for_each(|pair| set_pair(resource, pair, &specs))
    };
    parallel::try_map(resources.list_mut(), set).map(drop)
}

fn set_pair(resource: &mut Resource, pair: &Pair, specs: &[&FieldSpec]) -> Result<(), Diagnostic> {
    let node = new_text(pair.value.clone()).at(&pair.at);
    let mut added: Vec<FieldPath> = Vec::new();
    for spec in specs {
        spec.visit(resource.node_mut(), Leaf::Mapping, &mut |field, trail| {
            if field.is_tagged_null() {
                return Ok(());
            }
            let words = field.kind().words();
            let Some(mapping) = field.as_mapping_mut() else {
                let message = format!("expected a map at `{}`, found {words}", spec.path);
                return Err(Diagnostic::error("wrong-field-type", message).at(&*field));
            };
            match mapping.get_mut(&pair.key) {
                Some(field) => {
                    set_tagged(field, &pair.value, Tag::Str);
                    replaced_at(field, &pair.at);
                }
                None => {
                    mapping.insert(pair.new_key()?, node.clone());
                    added.push(trail.path().key(&pair.key));
                }
            }
            Ok(())
        })?;
    }
    resource.settle();
    resource.shared.add(added, &node);
    Ok(())
}
