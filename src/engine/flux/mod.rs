//! Flux, with its source-controller, kustomize-controller and helm-controller.

mod bootstrap;
mod cluster;
mod health;
mod lowering;
mod settings;

use std::sync::Arc;

use crate::compose::{Order, Overlaid, RenderedTree, SyncEngine};
use crate::delivery::{
    ChartApplication, Intent, IntentContext, IntentKind, Lowered, Lowering, ManifestFile, Root,
};
use crate::diag::{Diagnostic, Diagnostics};
use crate::load::{Environment, WorkspaceConfig};
use crate::object::Gvk;
use settings::Settings;

pub(super) use settings::ENGINE;

/// The sync engine Flux, with the settings of an environment.
#[derive(Debug)]
struct Flux(Settings);

pub(super) fn new(environment: &Environment, _: &WorkspaceConfig) -> Arc<dyn SyncEngine> {
    Arc::new(Flux(Settings::new(&environment.settings)))
}

impl Lowering for Flux {
    fn lower(
        &self,
        intent: &Intent<'_>,
        context: &IntentContext<'_>,
        lowered: &mut Lowered,
        diagnostics: &mut Diagnostics,
    ) {
        let result = lower(intent, context, lowered, diagnostics);
        diagnostics.keep(result);
    }
}

fn lower(
    intent: &Intent<'_>,
    context: &IntentContext<'_>,
    lowered: &mut Lowered,
    diagnostics: &mut Diagnostics,
) -> Result<(), Diagnostic> {
    let workspace = context.workspace;
    match intent.kind() {
        IntentKind::HelmInstall => lowered
            .files
            .extend(lowering::helm_install(intent, workspace)?),
        IntentKind::GitManifests => lowered
            .prerequisites
            .extend(lowering::git_manifests(intent, workspace)),
        IntentKind::ChartApplication => {
            let application = ChartApplication::new(intent, context.charts)?;
            diagnostics.extend(application.without_effect());
            let files = lowering::chart_application(&application, workspace)?;
            lowered.files.extend(files);
            let namespace = intent.text_of_metadata("namespace");
            lowered.namespaces.insert(namespace.to_string());
        }
        IntentKind::GitOpsRoot => lowered.roots.push(Root::new(intent, workspace)),
    }
    Ok(())
}

impl SyncEngine for Flux {
    fn defines(&self, gvk: &Gvk) -> bool {
        gvk.group.ends_with(".toolkit.fluxcd.io")
    }

    // The root of Flux applies the folder of one environment, so no two environments have the same root.
    fn root_key(&self, _root: &Root, environment: &Environment) -> String {
        format!("Flux/{}", environment.name)
    }

    fn root_files(
        &self,
        root: &Root,
        environment: &Environment,
        workspace: &WorkspaceConfig,
    ) -> Vec<ManifestFile> {
        bootstrap::root_files(root, &self.0.source, environment, workspace)
    }

    fn write_cluster(
        &self,
        rendered: &mut RenderedTree,
        workspace: &WorkspaceConfig,
        overlaid: &Overlaid<'_>,
        order: &Order,
        _diagnostics: &mut Diagnostics,
    ) {
        cluster::write(rendered, workspace, &self.0, overlaid, order);
    }
}
