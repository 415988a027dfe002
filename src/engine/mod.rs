//! The sync engines, one folder each. A folder contains the settings of the engine in `environment.yaml`, the lowering of intents to
//! its objects, the files that it needs for each cluster, and the objects that start the sync of a cluster.
//!
//! `load` uses the table [`ENGINES`] to read environments. The later stages use the engine of an environment through the traits
//! `delivery::Lowering` and `SyncEngine`.

mod argo;
mod flux;

use std::sync::{Arc, LazyLock};

use crate::compose::SyncEngine;
use crate::load::{Engine, Engines, Environment, WorkspaceConfig};

/// An engine as `load` knows it, and the constructor of its implementation for one environment.
type Entry = (
    &'static Engine,
    fn(&Environment, &WorkspaceConfig) -> Arc<dyn SyncEngine>,
);

/// The engine of environments that do not set one.
const DEFAULT: Entry = (&flux::ENGINE, flux::new);

const OTHERS: &[Entry] = &[(&argo::ENGINE, argo::new)];

/// The engines that environments can have.
pub static ENGINES: LazyLock<Engines> =
    LazyLock::new(|| Engines::new(DEFAULT.0, OTHERS.iter().map(|it| it.0)));

/// The engine of an environment, with its settings.
pub(crate) fn for_environment(
    environment: &Environment,
    workspace: &WorkspaceConfig,
) -> Arc<dyn SyncEngine> {
    let other = OTHERS.iter().find(|it| it.0 == environment.engine);
    let (_, new) = other.unwrap_or(&DEFAULT);
    new(environment, workspace)
}
