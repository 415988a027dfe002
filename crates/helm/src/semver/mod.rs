//! Versions and ranges as Masterminds/semver reads them, which is what Helm and Flux compare versions with.

mod range;
mod version;

pub use range::Range;
pub use version::{Error, Version, is_exact};
