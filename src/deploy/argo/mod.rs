//! Argo CD: Applications as its repository server renders them, and the Applications that ApplicationSets generate (Argo CD 3).
//!
//! Not supported: plugins, Jsonnet, and generators that query other systems. Diagnostics name what is missing because of this.

mod application;
mod build;
mod environment;
mod generators;
mod kustomize;
mod parameters;
mod release;
mod set;
mod slug;
mod source;
mod template;

pub(super) use application::{apply, destination, inputs, source_paths};
pub(super) use parameters::value;
pub(super) use set::applications;
pub(super) use slug::slug;
pub(super) use template::{functions_with, go_template};

use crate::deploy::Cluster;
use crate::deploy::chart::{Charts, Facts};
use crate::deploy::cluster_state::ClusterState;
use crate::tree::Files;

/// What an Application is rendered from.
pub(super) struct RenderContext<'a> {
    pub(super) files: &'a dyn Files,
    pub(super) cluster_state: &'a ClusterState,
    pub(super) charts: &'a Charts<'a>,
    pub(super) facts: &'a Facts,
    pub(super) cluster: &'a Cluster,
    /// Normalized addresses of the repository itself; empty if unknown.
    pub(super) urls: &'a [String],
}
