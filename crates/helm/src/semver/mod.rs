//! Versions and ranges, as in Masterminds/semver, which Helm and Flux use.

mod range;
mod version;

pub use range::Range;
pub use version::{Error, Version, is_exact};
