//! A GitOps manifest renderer and kustomize-style generator.
//!
//! ```text
//! claims + templates + environments + overlays
//!     → load → resolve → render → compose → prove → check
//!     → Tree (path → bytes)
//!     → write | diff | check | publish
//! ```
//!
//! The core is pure: the same [`tree::Files`] give the same bytes, offline.

pub mod tree;
pub mod diag;
pub mod yaml;
pub mod object;
pub mod schema;
pub mod template;
pub mod patch;
pub mod kustomize;
pub mod load;
pub mod resolve;
pub mod render;
pub mod delivery;
pub mod compose;
pub mod prove;
pub mod emit;
#[cfg(feature = "cli")]
pub mod report;
#[cfg(feature = "cli")]
pub mod disk;
