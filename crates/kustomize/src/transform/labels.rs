//! `labels` and `commonLabels`.

use pleach_yaml::Node;
use pleach_yaml::diag::Diagnostic;

use super::super::config::{Config, specs_of};
use super::super::fieldspec::{self, FieldSpec};
use super::super::kustomization::{FIELD_SPECS, Pair, flag, list, sorted_pairs};
use super::super::resources::Resources;
use super::super::shape::Shape;
use super::annotations::set_pairs;
use super::{Transform, TransformContext};

pub(super) const TRANSFORM: Transform = Transform {
    plugin: "LabelTransformer",
    apply,
    fields: &[("labels", Shape::Pairs), ("fieldSpecs", FIELD_SPECS)],
    run: |stage, config, resources| {
        set_pairs(
            stage,
            resources,
            &pairs(config, "labels"),
            &specs_of(list(config, "fieldSpecs")),
        )
    },
};

fn apply(
    stage: &mut TransformContext<'_, '_>,
    resources: &mut Resources,
) -> Result<(), Diagnostic> {
    let kustomization = stage.kustomization;
    let common = kustomization
        .pairs("commonLabels")
        .map(sorted_pairs)
        .unwrap_or_default();
    if kustomization.list("labels").is_empty() && common.is_empty() {
        return Ok(());
    }
    for entry in kustomization.list("labels") {
        let specs = specs(stage.config, entry).map_err(|it| it.at(entry))?;
        set_pairs(stage, resources, &pairs(entry, "pairs"), &specs).map_err(|it| {
            match it.span {
                None => it.at(entry),
                Some(_) => it,
            }
        })?;
        stage.done(TRANSFORM.plugin, resources);
    }
    let config = stage.config;
    set_pairs(stage, resources, &common, &config.common_labels)
        .map_err(|it| stage.kustomization.at_field(it, "commonLabels"))?;
    stage.done(TRANSFORM.plugin, resources);
    Ok(())
}

/// The fields that an entry of `labels` sets.
fn specs(config: &Config, entry: &Node) -> Result<Vec<FieldSpec>, Diagnostic> {
    let mut specs = specs_of(list(entry, "fields"));
    fieldspec::merge(&mut specs, &config.labels)?;
    if flag(entry, "includeSelectors") {
        fieldspec::merge(&mut specs, &config.common_labels)?;
        return Ok(specs);
    }
    if flag(entry, "includeTemplates") {
        fieldspec::merge(&mut specs, &config.template_labels)?;
    }
    if flag(entry, "includeVolumeClaimTemplates") {
        fieldspec::merge(&mut specs, &config.claim_labels)?;
    }
    fieldspec::merge(&mut specs, &[FieldSpec::everywhere("metadata/labels")])?;
    Ok(specs)
}

pub(super) fn pairs(record: &Node, field: &str) -> Vec<Pair> {
    record
        .get(field)
        .and_then(Node::as_mapping)
        .map(sorted_pairs)
        .unwrap_or_default()
}
