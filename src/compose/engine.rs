//! The interface between `compose` and the sync engines, which are implemented in the folders of `engine`.

use super::{EnvironmentManifests, Order, Overlaid, RenderedTree, SharedNames};
use crate::delivery::{Delivery, Lowering, ManifestFile, Root};
use crate::diag::Diagnostics;
use crate::load::{Environment, WorkspaceConfig};
use crate::object::Gvk;
use crate::tree::TreePath;

/// The names that an environment uses in an instance of its engine. Environments that share an instance must not use the same ones.
#[derive(Default)]
pub(crate) struct InstanceNames {
    /// The namespace of the instance.
    pub(crate) namespace: String,
    /// Whether the instance runs on the cluster that it deploys the environment to.
    pub(crate) is_on_cluster: bool,
    /// The names, each with its kind.
    pub(crate) names: Vec<(&'static str, String)>,
}

pub(crate) trait SyncEngine: Lowering {
    /// Whether environments may share an instance of the engine, so that their names can conflict.
    fn shares_names(&self) -> bool {
        false
    }

    fn names(&self, _manifests: &EnvironmentManifests<'_>) -> InstanceNames {
        InstanceNames::default()
    }

    /// Reports names that several environments use.
    fn check_names(&self, _environments: &[&SharedNames<'_>], _diagnostics: &mut Diagnostics) {}

    /// The name under which a release of an environment is applied.
    fn release_name(&self, _environment: &Environment, name: &str) -> String {
        name.to_string()
    }

    /// Whether a kind is defined by a CRD of the engine itself.
    fn defines(&self, gvk: &Gvk) -> bool;

    /// Adds files that belong to several claims of an environment.
    fn add_shared(
        &self,
        _manifests: &mut EnvironmentManifests<'_>,
        _workspace: &WorkspaceConfig,
        _diagnostics: &mut Diagnostics,
    ) {
    }

    /// Writes the files of a claim that are outside of its folder.
    fn write_shared(&self, _composition: &mut RenderedTree, _delivery: &Delivery) {}

    /// Folders and files that belong to the environment as a whole and are outside of its folders.
    fn shared_paths(&self, _deliveries: &[Delivery]) -> Vec<TreePath> {
        Vec::new()
    }

    /// The identity of a root. Environments that sync the same cluster from the same source have the same key.
    fn root_key(&self, root: &Root, environment: &Environment) -> String;

    /// The cluster that the environment is deployed to, if the settings for the engine contain it.
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

    /// Writes `clusters/<environment>/`: the objects of the engine that apply each claim.
    fn write_cluster(
        &self,
        rendered: &mut RenderedTree,
        workspace: &WorkspaceConfig,
        overlaid: &Overlaid<'_>,
        order: &Order,
        diagnostics: &mut Diagnostics,
    );
}
