//! The interface of a sync engine as an environment uses it. Each engine is a folder of `engine`.

use super::{EnvironmentManifests, Order, Overlaid, RenderedTree, SharedNames};
use crate::delivery::{Delivery, Lowering, ManifestFile, Root};
use crate::diag::Diagnostics;
use crate::load::{Environment, WorkspaceConfig};
use crate::object::Gvk;
use crate::tree::TreePath;

/// Names that an environment creates in an instance of its engine.
#[derive(Default)]
pub(crate) struct InstanceNames {
    /// The namespace of the instance.
    pub(crate) namespace: String,
    /// Whether the instance is on the cluster that it deploys the environment to.
    pub(crate) is_on_cluster: bool,
    /// The names, each with its kind.
    pub(crate) names: Vec<(&'static str, String)>,
}

pub(crate) trait SyncEngine: Lowering {
    /// Whether an environment creates names in an instance of the engine that other environments may share.
    fn shares_names(&self) -> bool {
        false
    }

    fn names(&self, _manifests: &EnvironmentManifests<'_>) -> InstanceNames {
        InstanceNames::default()
    }

    /// Reports names that several environments create.
    fn check_names(&self, _environments: &[&SharedNames<'_>], _diagnostics: &mut Diagnostics) {}

    /// Whether its own CRDs define a kind.
    fn serves(&self, gvk: &Gvk) -> bool;

    /// Adds files that belong to several claims of an environment.
    fn add_shared(
        &self,
        _manifests: &mut EnvironmentManifests<'_>,
        _workspace: &WorkspaceConfig,
        _diagnostics: &mut Diagnostics,
    ) {
    }

    /// Writes the files of a claim outside of its own folder.
    fn write_shared(&self, _composition: &mut RenderedTree, _delivery: &Delivery) {}

    /// Folders and files outside of the environment's folders that belong to it, independent of its claims.
    fn places(&self, _deliveries: &[Delivery]) -> Vec<TreePath> {
        Vec::new()
    }

    /// The identity of a root: it is the same for environments that sync one cluster from one source.
    fn root_key(&self, root: &Root, environment: &Environment) -> String;

    /// The cluster that the environment is deployed to, if its settings for the engine say it.
    fn destination(&self) -> Option<&str> {
        None
    }

    /// The objects that start the sync of a cluster.
    fn root_files(
        &self,
        root: &Root,
        environment: &Environment,
        workspace: &WorkspaceConfig,
    ) -> Vec<ManifestFile>;

    /// Writes `clusters/<environment>/`: the engine's own objects for each claim.
    fn write_cluster(
        &self,
        composition: &mut RenderedTree,
        workspace: &WorkspaceConfig,
        laid: &Overlaid<'_>,
        order: &Order,
        diagnostics: &mut Diagnostics,
    );
}
