//! The kustomize engine.
