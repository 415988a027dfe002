//! Sync engines, one folder each: their settings in `environment.yaml`, lowering of intents, the files of a cluster, and the objects
//! that start its sync.
//!
//! `load` reads environments with [`ENGINES`]. The later stages use the engine of an environment through the traits
//! `delivery::Lowering` and `SyncEngine`.

mod argo;
mod flux;

use std::sync::{Arc, LazyLock};

use crate::compose::SyncEngine;
use crate::load::{Engine, Engines, Environment, WorkspaceConfig};

/// An engine, and what makes it work for an environment.
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
pub(crate) fn of(environment: &Environment, workspace: &WorkspaceConfig) -> Arc<dyn SyncEngine> {
    let other = OTHERS.iter().find(|it| it.0 == environment.engine);
    let (_, new) = other.unwrap_or(&DEFAULT);
    new(environment, workspace)
}
