//! What a sync engine adds to what all have in common. Each is a folder of `engine`.

use super::{EnvironmentManifests, Order, Overlaid, RenderedTree, SharedNames};
use crate::delivery::{Delivery, Lowering, ManifestFile, Root};
use crate::diag::Diagnostics;
use crate::load::{Environment, WorkspaceConfig};
use crate::object::Gvk;
use crate::tree::TreePath;

pub(crate) trait SyncEngine: Lowering {
    /// Whether an environment gives names in an instance of the engine that other environments may use too.
    fn shares_names(&self) -> bool {
        false
    }

    /// These names, each with its kind.
    fn names(&self, _manifests: &EnvironmentManifests<'_>) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// Reports the names that several of its environments give.
    fn check_names(&self, _environments: &[&SharedNames<'_>], _diagnostics: &mut Diagnostics) {}

    /// Whether its own CRDs define a kind.
    fn serves(&self, gvk: &Gvk) -> bool;

    /// Adds what the claims of an environment have together.
    fn add_shared(
        &self,
        _manifests: &mut EnvironmentManifests<'_>,
        _workspace: &WorkspaceConfig,
        _diagnostics: &mut Diagnostics,
    ) {
    }

    /// Writes what a claim has outside of its own folder.
    fn write_shared(&self, _composition: &mut RenderedTree, _delivery: &Delivery) {}

    /// Folders and files outside of the environment's folders that are its own, whichever claims there are.
    fn places(&self, _deliveries: &[Delivery]) -> Vec<TreePath> {
        Vec::new()
    }

    /// What a root is unique by: environments that sync one cluster from one place have the same.
    fn root_key(&self, root: &Root, environment: &Environment) -> String;

    /// Whether two environments are deployed to one cluster, as far as the engine knows.
    fn is_same_cluster(&self, _one: &Environment, _other: &Environment) -> bool {
        true
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
