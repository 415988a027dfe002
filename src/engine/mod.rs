//! Sync engines, one folder each: lowering of intents, the files of a cluster, and the objects that start its sync.
//!
//! The settings of engines in `environment.yaml` are read by `load::Engine`. The stages of the pipeline use an engine through the
//! traits [`Lowering`](crate::delivery::Lowering) and [`SyncEngine`].

mod argo;
mod flux;

use crate::compose::SyncEngine;
use crate::load::Engine;

/// The implementation of an engine.
pub(crate) fn of(engine: Engine) -> &'static dyn SyncEngine {
    match engine {
        Engine::Flux => &flux::Flux,
        Engine::Argo => &argo::Argo,
    }
}
