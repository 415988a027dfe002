//! Helm charts as data: archives and folders, versions and ranges, the lock, and (feature `fetch`) pulling them.

pub mod chart;
#[cfg(feature = "fetch")]
pub mod fetch;
mod error;
mod go;
pub mod semver;
pub mod source;
mod version;

pub use error::{HelmError, Warnings};
pub use version::HelmVersion;
