//! The interface to the renderer of `helmCharts`.
//!
//! The engine knows the fields of `helmCharts` and the rules of their values. Rendering a chart is left to the caller, so that
//! this crate needs no Helm.

use std::sync::Arc;

use pleach_yaml::Node;
use pleach_yaml::diag::{Diagnostic, Span};
use pleach_yaml::tree::{Files, Tree, TreePath};

/// Renders charts in place of the program `helm`.
pub trait ChartRenderer: Sync {
    /// The files of a chart that is not in the chart home. The error for a missing chart must have a help text.
    fn find(&self, chart: &ChartReference<'_>) -> Result<Tree, Diagnostic>;

    /// The output of `helm template`. Errors: Helm's, with a location.
    fn render(&self, inflation: &ChartInflation<'_>) -> Result<String, Diagnostic>;
}

/// A chart in a repository.
#[derive(Clone, Debug)]
pub struct ChartReference<'a> {
    /// `repo`: an HTTP repository, or an OCI registry's address without the chart's name.
    pub repository: &'a str,
    /// `name`: the chart's name in the repository.
    pub name: &'a str,
    /// `version`; empty if not set.
    pub version: &'a str,
    /// The location in the kustomization.
    pub span: &'a Span,
}

/// A chart, and the arguments of `helm template` for it.
pub struct ChartInflation<'a> {
    /// The folder of the chart.
    pub files: &'a dyn Files,
    /// The folder of the chart in `files`, with its `Chart.yaml`.
    pub folder: TreePath,
    /// The release's name; empty if not set.
    pub release_name: &'a str,
    /// `--name-template`; empty if not set.
    pub name_template: &'a str,
    /// `--namespace`; empty if not set.
    pub namespace: &'a str,
    /// The values files in their order: their names for messages, and their contents.
    pub values: Vec<(String, Arc<[u8]>)>,
    /// The user's values with their locations, without the chart's own; later ones take precedence.
    pub written: Vec<Node>,
    /// `--api-versions`: versions in addition to Helm's defaults.
    pub api_versions: Vec<&'a str>,
    /// `--kube-version`; empty if not set.
    pub kube_version: &'a str,
    /// `--include-crds`: print the files of `crds/` too.
    pub include_crds: bool,
    /// `--skip-tests`: leave out hooks of `helm test`.
    pub skip_tests: bool,
    /// `--no-hooks`: leave out every hook.
    pub skip_hooks: bool,
    /// The location in the kustomization.
    pub span: &'a Span,
}
