//! `labels` and `commonLabels`.

use pleach_yaml::diag::Diagnostic;

use super::super::config::{Config, FieldSpecs};
use super::super::fieldspec::{self, FieldSpec};
use super::super::kustomization::{Labels, placed};
use super::super::plugins::configuration;
use super::super::record::{Pairs, record};
use super::super::resources::Resources;
use super::annotations::set_pairs;
use super::{Transform, TransformContext};

pub(super) const TRANSFORM: Transform = Transform {
    plugin: "LabelTransformer",
    apply,
    run: |transform, config, resources| {
        let config: LabelPlugin = configuration(config)?;
        set_pairs(transform, resources, &config.labels.sorted(), &config.specs)
    },
};

record! {
    struct LabelPlugin {
        labels: Pairs = "labels",
        specs: FieldSpecs = "fieldSpecs",
    }
}

fn apply(
    transform: &mut TransformContext<'_, '_>,
    resources: &mut Resources,
) -> Result<(), Diagnostic> {
    let fields = transform.fields;
    let common = fields.common_labels.sorted();
    if fields.labels.is_empty() && common.is_empty() {
        return Ok(());
    }
    for entry in &fields.labels {
        let specs = specs(transform.config, entry).map_err(|it| placed(it, &entry.span))?;
        set_pairs(transform, resources, &entry.pairs.sorted(), &specs)
            .map_err(|it| placed(it, &entry.span))?;
        transform.done(TRANSFORM.plugin, resources);
    }
    let config = transform.config;
    set_pairs(transform, resources, &common, &config.common_labels)
        .map_err(|it| placed(it, fields.common_labels.span()))?;
    transform.done(TRANSFORM.plugin, resources);
    Ok(())
}

/// The fields that an entry of `labels` sets.
fn specs(config: &Config, entry: &Labels) -> Result<Vec<FieldSpec>, Diagnostic> {
    // The fields of the entry come first, so that defaults that cover them add nothing.
    let mut specs = entry.fields.clone();
    fieldspec::merge(&mut specs, &config.labels)?;
    // Selectors include templates, because a Deployment whose selector does not match its pods is
    // invalid.
    if entry.include_selectors {
        fieldspec::merge(&mut specs, &config.common_labels)?;
        return Ok(specs);
    }
    if entry.include_templates {
        fieldspec::merge(&mut specs, &config.template_labels)?;
    }
    if entry.include_claim_templates {
        fieldspec::merge(&mut specs, &config.claim_labels)?;
    }
    fieldspec::merge(&mut specs, &[FieldSpec::everywhere("metadata/labels")])?;
    Ok(specs)
}
