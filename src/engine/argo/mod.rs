//! Argo CD, with Applications and ApplicationSets.

mod application_sets;
mod bootstrap;
mod cluster;
mod lowering;
mod names;
mod project;
mod services;
mod waves;

use crate::compose::{
    EnvironmentManifests, Order, Overlaid, RenderedTree, SharedNames, SyncEngine,
};
use crate::delivery::{
    ChartApplication, Delivery, Intent, IntentKind, IntentPlace, Lowered, Lowering, ManifestFile,
    Root,
};
use crate::diag::Diagnostics;
use crate::layout::Tier;
use crate::load::{Environment, WorkspaceConfig};
use crate::object::Gvk;
use crate::render::File;
use crate::tree::TreePath;
use crate::yaml::Node;

/// The engine.
#[derive(Debug)]
pub(super) struct Argo;

impl Lowering for Argo {
    fn lower(
        &self,
        intent: &Intent<'_>,
        place: &IntentPlace<'_>,
        into: &mut Lowered,
        diagnostics: &mut Diagnostics,
    ) {
        let target = lowering::Target {
            argo: &place.environment.argo,
            workspace: place.workspace,
            claim: place.claim,
        };
        match intent.kind() {
            IntentKind::HelmInstall => into.releases.push(File {
                name: place.file.to_string(),
                node: lowering::helm_install(intent, place.file, &target, diagnostics),
            }),
            IntentKind::GitManifests => {
                let node = lowering::git_manifests(intent, &target, diagnostics);
                into.first.push(node);
            }
            IntentKind::ChartApplication => {
                let application = ChartApplication::new(intent, place.charts);
                let application = diagnostics.keep(application);
                let service = application.map(|it| {
                    diagnostics.extend(it.without_effect());
                    lowering::service(&it, &target, diagnostics)
                });
                into.services.extend(service);
            }
            IntentKind::GitOpsRoot => into.roots.push(Root::new(intent, place.workspace)),
        }
    }

    fn translate(&self, object: &mut Node) {
        lowering::translate(object);
    }
}

impl SyncEngine for Argo {
    fn shares_names(&self) -> bool {
        true
    }

    fn names(&self, manifests: &EnvironmentManifests<'_>) -> Vec<(&'static str, String)> {
        names::names(manifests)
    }

    fn check_names(&self, environments: &[&SharedNames<'_>], diagnostics: &mut Diagnostics) {
        names::check(environments, diagnostics);
        services::check(environments, diagnostics);
    }

    fn serves(&self, gvk: &Gvk) -> bool {
        let kinds = ["Application", "ApplicationSet", "AppProject"];
        &*gvk.group == "argoproj.io" && kinds.contains(&&*gvk.kind)
    }

    fn add_shared(
        &self,
        manifests: &mut EnvironmentManifests<'_>,
        workspace: &WorkspaceConfig,
        diagnostics: &mut Diagnostics,
    ) {
        services::add_sets(manifests, workspace, diagnostics);
    }

    fn write_shared(&self, composition: &mut RenderedTree, delivery: &Delivery) {
        services::write(composition, delivery);
        bootstrap::keep_folders(composition, delivery);
    }

    fn places(&self, deliveries: &[Delivery]) -> Vec<TreePath> {
        services::own_places(deliveries).collect()
    }

    fn root_key(&self, root: &Root, _environment: &Environment) -> String {
        root.cluster_type.clone()
    }

    fn is_same_cluster(&self, one: &Environment, other: &Environment) -> bool {
        one.argo.destination == other.argo.destination
    }

    fn root_files(
        &self,
        root: &Root,
        environment: &Environment,
        workspace: &WorkspaceConfig,
    ) -> Vec<ManifestFile> {
        Tier::ALL
            .map(|it| bootstrap::application(root, it, environment, workspace))
            .to_vec()
    }

    fn write_cluster(
        &self,
        composition: &mut RenderedTree,
        workspace: &WorkspaceConfig,
        laid: &Overlaid<'_>,
        order: &Order,
        diagnostics: &mut Diagnostics,
    ) {
        cluster::write(composition, workspace, laid, order, diagnostics);
    }
}
