//! Intents to Flux or Argo CD objects; one file an engine.
