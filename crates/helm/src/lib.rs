//! Helm in Rust: charts from folders and archives, values, templates, manifests, and (feature `fetch`) pulling charts.
//!
//! ```
//! use pleach_helm::manifests::{PrintOptions, print};
//! use pleach_helm::source::{folder_files, load};
//! use pleach_helm::{Capabilities, HelmVersion, Release, RenderOptions, Warnings, render};
//! use pleach_yaml::tree::{Tree, TreePath};
//!
//! let files = Tree::from_text("\
//! -- Chart.yaml --
//! {apiVersion: v2, name: app, version: 1.0.0}
//! -- values.yaml --
//! colour: blue
//! -- templates/config.yaml --
//! kind: ConfigMap
//! data: {colour: {{ .Values.colour }}}
//! ");
//! let mut warnings = Warnings::default();
//! let options = RenderOptions::default();
//! let files = folder_files(&files, &TreePath::root()).unwrap();
//! let chart = load(files, &TreePath::root(), options.version, &mut warnings).unwrap();
//! let capabilities = Capabilities::defaults(HelmVersion::V4);
//! let release = Release::install("web", "default");
//! let values = Default::default();
//! let rendered = render(&chart, &values, &release, &capabilities, &options, &mut warnings).unwrap();
//! let text = print(&rendered, &PrintOptions::default(), options.version).unwrap();
//! assert_eq!(text, "\
//! ---
//! ## Source: app/templates/config.yaml
//! kind: ConfigMap
//! data: {colour: blue}
//! ");
//! ```

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
pub use render::{Release, RenderOptions, name_from_template, render, render_files, schema_faults};
pub use version::HelmVersion;
