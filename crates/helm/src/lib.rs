//! Helm in Rust: charts from folders and archives, values, templates, and (feature `fetch`) pulling charts.

mod capabilities;
pub mod chart;
mod dependencies;
mod engine;
mod error;
#[cfg(feature = "fetch")]
pub mod fetch;
pub mod fmt;
pub mod functions;
mod go;
pub mod manifests;
mod objects;
mod render;
pub mod semver;
pub mod source;
pub mod template;
pub mod value;
pub mod values;
mod version;

pub use capabilities::{Capabilities, KubeVersion};
pub use error::{HelmError, Warnings};
pub use render::{Release, RenderOptions, name_from_template, render, render_files};
pub use version::HelmVersion;
