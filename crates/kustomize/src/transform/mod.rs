//! Transformers: one file each, in the order in which kustomize runs them.
//!
//! Each can be used in two ways: by its field of a kustomization, and as a plugin with its own configuration, listed under
//! `transformers`.

mod affix;
mod annotations;
mod images;
mod labels;
mod namespace;
mod patches;
mod replacements;
mod replicas;
mod value_add;

use std::sync::Arc;

use pleach_yaml::diag::Diagnostic;
use pleach_yaml::tree::TreePath;

use super::accumulate::{Accumulated, Context, Failed, KustomizationFrame, mark};
use super::config::Config;
use super::hash;
use super::kustomization::KustomizationFields;
use super::origin::Origin;
use super::resource::Resource;
use super::resources::Resources;

pub(super) struct Transform {
    /// Its name as a plugin.
    pub(super) plugin: &'static str,
    /// Applies its field of a kustomization.
    apply: fn(&mut TransformContext<'_, '_>, &mut Resources) -> Result<(), Diagnostic>,
    /// Runs it with the configuration of a plugin.
    pub(super) run:
        fn(&mut TransformContext<'_, '_>, &Resource, &mut Resources) -> Result<(), Diagnostic>,
}

/// In the order kustomize runs them.
const ORDER: &[Transform] = &[
    patches::STRATEGIC_MERGE,
    patches::TRANSFORM,
    namespace::TRANSFORM,
    affix::PREFIX,
    affix::SUFFIX,
    labels::TRANSFORM,
    annotations::TRANSFORM,
    patches::JSON_6902,
    replicas::TRANSFORM,
    images::TRANSFORM,
    replacements::TRANSFORM,
];

/// Transformers that are only available as plugins.
const PLUGINS: &[Transform] = &[affix::BOTH, value_add::TRANSFORM, HASH];

/// Appends hashes earlier than usual.
const HASH: Transform = Transform {
    plugin: "HashTransformer",
    apply: |_, _| Ok(()),
    run: |transform, _, resources| {
        hash::append(resources, &transform.context.schemas);
        Ok(())
    },
};

/// The transformer of a plugin's kind.
pub(super) fn by_plugin(kind: &str) -> Option<&'static Transform> {
    ORDER.iter().chain(PLUGINS).find(|it| it.plugin == kind)
}

/// The context of a transformer.
pub(super) struct TransformContext<'a, 'b> {
    pub(super) context: &'a mut Context<'b>,
    pub(super) fields: &'a KustomizationFields,
    pub(super) config: &'a Config,
    pub(super) folder: TreePath,
    /// The kustomization file as origins name it.
    file: Origin,
}

impl TransformContext<'_, '_> {
    /// Records that a transformer has finished one entry. Returns whether positions of resources have changed.
    fn done(&mut self, plugin: &str, resources: &mut Resources) -> bool {
        if !self.context.track {
            return false;
        }
        let moved = resources.drop_deleted();
        mark(resources, &Arc::new(Origin::builtin(&self.file, plugin)));
        moved
    }

    /// Records an error and continues with the next entry.
    fn keep(&mut self, result: Result<(), Diagnostic>) {
        self.context.keep(result);
    }
}

/// Runs the transformers of a kustomization.
pub(super) fn run(
    context: &mut Context<'_>,
    level: &KustomizationFrame<'_>,
    sum: &mut Accumulated,
) -> Result<(), Failed> {
    let before = context.diagnostics.errors();
    let config = sum.config.clone();
    let config = config.unwrap_or_else(|| super::defaults::config().clone());
    let mut transform = TransformContext {
        context,
        fields: &level.kustomization.fields,
        config: &config,
        folder: level.folder(),
        file: level.file(),
    };
    for transformer in ORDER {
        let result = (transformer.apply)(&mut transform, &mut sum.resources);
        transform.keep(result);
        // Between transformers, as in kustomize: the next one must not see deleted resources.
        sum.resources.drop_deleted();
        transform.context.check(before)?;
    }
    Ok(())
}

/// Runs a transformer by its configuration as a plugin.
pub(super) fn run_plugin(
    context: &mut Context<'_>,
    level: &KustomizationFrame<'_>,
    sum: &mut Accumulated,
    transformer: &Transform,
    config: &Resource,
) -> Result<(), Diagnostic> {
    let specs = sum.config.clone();
    let specs = specs.unwrap_or_else(|| super::defaults::config().clone());
    let mut transform = TransformContext {
        context,
        fields: &level.kustomization.fields,
        config: &specs,
        folder: level.folder(),
        file: level.file(),
    };
    (transformer.run)(&mut transform, config, &mut sum.resources)?;
    sum.resources.drop_deleted();
    Ok(())
}
