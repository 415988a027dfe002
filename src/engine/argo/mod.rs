//! Argo CD, with Applications and ApplicationSets.

mod application_sets;
mod bootstrap;
mod cluster;
mod lowering;
mod names;
mod project;
mod services;
mod settings;
mod waves;

use std::sync::Arc;

use crate::compose::{
    EnvironmentManifests, InstanceNames, Order, Overlaid, RenderedTree, SharedNames, SyncEngine,
};
use crate::delivery::{
    ChartApplication, Delivery, Intent, IntentContext, IntentKind, Lowered, Lowering, ManifestFile,
    Root,
};
use crate::diag::Diagnostics;
use crate::layout::Tier;
use crate::load::{Environment, WorkspaceConfig};
use crate::object::Gvk;
use crate::render::File;
use crate::tree::TreePath;
use crate::yaml::Node;
use settings::{Destination, Settings};

pub(super) use settings::ENGINE;

/// The sync engine Argo CD, with the settings of an environment.
#[derive(Debug)]
struct Argo(Settings);

pub(super) fn new(environment: &Environment, workspace: &WorkspaceConfig) -> Arc<dyn SyncEngine> {
    Arc::new(Argo(Settings::new(environment, workspace)))
}

impl Lowering for Argo {
    fn lower(
        &self,
        intent: &Intent<'_>,
        context: &IntentContext<'_>,
        lowered: &mut Lowered,
        diagnostics: &mut Diagnostics,
    ) {
        let target = lowering::Target {
            argo: &self.0,
            workspace: context.workspace,
            claim: context.claim,
        };
        match intent.kind() {
            IntentKind::HelmInstall => lowered.releases.push(File {
                name: context.file.to_string(),
                node: lowering::helm_install(intent, context.file, &target, diagnostics),
            }),
            IntentKind::GitManifests => {
                let node = lowering::git_manifests(intent, &target, diagnostics);
                lowered.prerequisites.push(node);
            }
            IntentKind::ChartApplication => {
                let application = ChartApplication::new(intent, context.charts);
                let application = diagnostics.keep(application);
                let service = application.map(|it| {
                    diagnostics.extend(it.without_effect());
                    lowering::service(&it, &target, diagnostics)
                });
                lowered.services.extend(service);
            }
            IntentKind::GitOpsRoot => lowered.roots.push(Root::new(intent, context.workspace)),
        }
    }

    fn translate(&self, object: &mut Node) {
        lowering::translate_prune_annotation(object);
    }
}

impl SyncEngine for Argo {
    fn shares_names(&self) -> bool {
        true
    }

    fn names(&self, manifests: &EnvironmentManifests<'_>) -> InstanceNames {
        names::names(&self.0, manifests)
    }

    fn check_names(&self, environments: &[&SharedNames<'_>], diagnostics: &mut Diagnostics) {
        names::check(environments, diagnostics);
        services::check(environments, diagnostics);
    }

    fn release_name(&self, environment: &Environment, name: &str) -> String {
        names::application_name(environment, name)
    }

    fn defines(&self, gvk: &Gvk) -> bool {
        let kinds = ["Application", "ApplicationSet", "AppProject"];
        &*gvk.group == "argoproj.io" && kinds.contains(&&*gvk.kind)
    }

    fn add_shared(
        &self,
        manifests: &mut EnvironmentManifests<'_>,
        workspace: &WorkspaceConfig,
        diagnostics: &mut Diagnostics,
    ) {
        services::add_sets(&self.0, manifests, workspace, diagnostics);
    }

    fn write_shared(&self, rendered: &mut RenderedTree, delivery: &Delivery) {
        services::write(rendered, delivery);
        bootstrap::write_gitkeep(rendered, delivery);
    }

    fn shared_paths(&self, deliveries: &[Delivery]) -> Vec<TreePath> {
        services::shared_paths(deliveries).collect()
    }

    fn root_key(&self, root: &Root, _environment: &Environment) -> String {
        root.cluster_type.clone()
    }

    fn destination(&self) -> Option<&str> {
        Some(match &self.0.destination {
            Destination::Server(address) => address,
            Destination::Name(name) => name,
        })
    }

    fn root_files(
        &self,
        root: &Root,
        _environment: &Environment,
        workspace: &WorkspaceConfig,
    ) -> Vec<ManifestFile> {
        Tier::ALL
            .map(|it| bootstrap::application(root, it, &self.0, workspace))
            .to_vec()
    }

    fn write_cluster(
        &self,
        rendered: &mut RenderedTree,
        workspace: &WorkspaceConfig,
        overlaid: &Overlaid<'_>,
        order: &Order,
        diagnostics: &mut Diagnostics,
    ) {
        let cluster = cluster::Cluster {
            settings: &self.0,
            workspace,
            overlaid,
        };
        cluster.write(rendered, order, diagnostics);
    }
}
