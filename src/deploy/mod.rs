//! What is deployed from a repository: the units that Flux and Argo CD reconcile, in the engines' own way, and the objects of each.
//!
//! ```text
//! files → entries (where an engine begins) → units (Kustomizations, HelmReleases, Applications) → objects
//! ```
//!
//! Everything comes from the files alone: no cluster is asked and nothing is pulled. What cannot be seen so (a chart that is not
//! vendored, the value of a Secret, another repository) is a diagnostic at the line that names it; the rest is shown without it.
//! Reconciliation itself is not followed: no health checks, no waiting, no state of a cluster.

mod argo;
mod chart;
mod chart_input;
mod entry;
mod expand;
mod flux;
pub(crate) use flux::envsubst;
mod glob;
mod metadata;
mod scan;
mod sync;
mod trial;
mod unit;
mod world;

pub use crate::inflate::ChartInput;
pub use chart_input::{ChartInputs, chart_inputs};
pub use trial::{ReleaseValue, Trial, idle_changes, lost_values};
pub use unit::{ChartTitle, Deployment, Entry, Keeps, Origin, Status, Unit};

use std::collections::BTreeMap;

use crate::chart::Charts;
use crate::diag::Diagnostics;
use crate::inflate::Inflater;
use crate::tree::{Files, TreePath};
use pleach_helm::HelmVersion;

/// How to look at a repository.
#[derive(Default)]
pub struct Options<'a> {
    /// The charts of a lock and of the cache. Without them only charts of the repository itself are seen.
    pub charts: Option<&'a Charts<'a>>,
    /// What is known of clusters, by the folder of their entry.
    pub clusters: BTreeMap<TreePath, Cluster>,
    /// What is taken for known of all others.
    pub cluster: Cluster,
    /// Addresses of the repository: sources with one of them are the repository itself.
    pub urls: Vec<String>,
    /// Where the files are in their repository.
    pub placement: Placement,
}

/// Where files are in their repository, for paths that begin at its top folder.
#[derive(Clone, Debug)]
pub struct Placement {
    /// Their folder, below the top folder.
    pub below_top: TreePath,
    /// The folder among them whose content is generated, so that it says nothing of what will be deployed.
    pub generated: Option<TreePath>,
}

impl Default for Placement {
    fn default() -> Placement {
        Placement {
            below_top: TreePath::root(),
            generated: None,
        }
    }
}

/// What charts see of the cluster that they are installed in.
#[derive(Clone, Debug, Default)]
pub struct Cluster {
    /// Whose behaviour charts are rendered with.
    pub helm_version: HelmVersion,
    /// The version of Kubernetes; empty for Helm's default.
    pub kube_version: String,
    /// API versions beside Helm's defaults and the custom resources that the repository defines.
    pub api_versions: Vec<String>,
}

impl Cluster {
    /// Renders the charts of kustomizations for this cluster.
    fn inflater<'a>(&self, charts: &'a chart::Charts<'a>) -> Inflater<'a> {
        Inflater::new(
            self.helm_version,
            &self.kube_version,
            &self.api_versions,
            charts.pinned(),
        )
    }
}

impl Options<'_> {
    fn cluster(&self, entry: &TreePath) -> &Cluster {
        self.clusters.get(entry).unwrap_or(&self.cluster)
    }
}

/// Finds what is deployed from the repository at the root of `files`.
///
/// A pure function. Diagnostics are notes on what cannot be seen and on what an engine would refuse; they keep nothing else from
/// being shown.
pub fn deploy(files: &dyn Files, options: &Options<'_>) -> Deployment {
    let mut diagnostics = Diagnostics::default();
    let scan = scan::scan(files);
    let entries = entry::expand_all(files, &scan, options, &mut diagnostics);
    diagnostics.move_outermost();
    diagnostics.sort_and_dedup();
    Deployment {
        entries,
        diagnostics: crate::secret::conceal(diagnostics),
    }
}
