//! Sync engines, a folder each: what intents become, the files of a cluster, and what starts its sync.
//!
//! What is read of an engine from `environment.yaml` is in `load::Engine`. The stages of the pipeline see an engine through the traits
//! [`Lowering`](crate::delivery::Lowering) and [`SyncEngine`].

mod argo;
mod flux;

use crate::compose::SyncEngine;
use crate::load::Engine;

/// What an engine does.
pub(crate) fn of(engine: Engine) -> &'static dyn SyncEngine {
    match engine {
        Engine::Flux => &flux::Flux,
        Engine::Argo => &argo::Argo,
    }
}
