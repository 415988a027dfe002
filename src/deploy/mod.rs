//! What is deployed from a repository: the units that Flux and Argo CD reconcile, and the objects of each, built as the engines do.
//!
//! ```text
//! files → entries (where an engine begins) → units (Kustomizations, HelmReleases, Applications) → objects
//! ```
//!
//! Everything is determined from the files alone, without a cluster or network. For content that is not available (a chart that is
//! not vendored, the value of a Secret, another repository), there is a diagnostic at the line that refers to it; the rest is shown
//! without it. Reconciliation itself is not simulated: no health checks, no waiting, no state of a cluster.

mod argo;
mod chart;
mod chart_entry;
mod chart_input;
mod entry;
mod expand;
mod flux;
pub(crate) use flux::envsubst;
mod glob;
mod installed;
mod locations;
mod metadata;
mod printed;
mod refusal;
mod scan;
mod sync;
mod test_release;
mod unit;
mod cluster_state;

pub use crate::inflate::ChartInput;
pub use chart_input::{ChartInputs, chart_inputs};
pub(crate) use installed::flattened;
pub use printed::{Printed, PrintedObject, PrintedValue};
pub use test_release::{ReleaseValue, TestRelease, idle_changes, lost_values};
pub use unit::{ChartTitle, Deployment, Entry, Origin, Status, Unit};

use std::collections::{BTreeMap, BTreeSet};

use crate::chart::Charts;
use crate::diag::{Diagnostic, Diagnostics, Severity};
use crate::inflate::Inflater;
use crate::object::Object;
use crate::tree::{Files, TreePath};
use pleach_helm::HelmVersion;

/// Whether an object makes Flux or Argo CD deploy others.
pub fn is_sync_object(object: &Object) -> bool {
    sync::SyncKind::from_object(object).is_some()
}

/// How to look at a repository.
#[derive(Default)]
pub struct Options<'a> {
    /// The charts of a lock and of the cache. Without them, only charts of the repository itself are available.
    pub charts: Option<&'a Charts<'a>>,
    /// The known clusters, by the folder of their entry.
    pub clusters: BTreeMap<TreePath, Cluster>,
    /// The default for all other clusters.
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
    pub folder: TreePath,
    /// The folder with generated content, which is ignored because it may be outdated.
    pub generated: Option<TreePath>,
}

impl Default for Placement {
    fn default() -> Placement {
        Placement {
            folder: TreePath::root(),
            generated: None,
        }
    }
}

/// Properties of a cluster that charts can read.
#[derive(Clone, Debug, Default)]
pub struct Cluster {
    /// The version of Helm for rendering charts.
    pub helm_version: HelmVersion,
    /// The version of Kubernetes; empty for Helm's default.
    pub kube_version: String,
    /// API versions in addition to Helm's defaults and the custom resources that the repository defines.
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
/// A pure function. Diagnostics are notes on unavailable content and on objects that an engine would reject; the rest is still
/// shown.
pub fn deploy(files: &dyn Files, options: &Options<'_>) -> Deployment {
    let mut diagnostics = Diagnostics::default();
    let scan = scan::scan(files);
    let entries = entry::expand_all(files, &scan, options, &mut diagnostics);
    report_invalid(&scan, &entries, &mut diagnostics);
    diagnostics.move_outermost();
    diagnostics.sort_and_dedup();
    Deployment {
        entries,
        diagnostics: crate::secret::conceal(diagnostics),
    }
}

/// Reports files with the text of sync objects that are not YAML, unless a unit has read them and its build reports them.
fn report_invalid(scan: &scan::Scan, entries: &[Entry], diagnostics: &mut Diagnostics) {
    let units = entries.iter().flat_map(|it| &it.units);
    let read: BTreeSet<&TreePath> = units.flat_map(|it| &it.read_set.files).collect();
    let invalid = scan.invalid.iter().filter(|it| !read.contains(it.0));
    for fault in invalid.flat_map(|it| it.1.iter()) {
        diagnostics.push(Diagnostic {
            message: format!(
                "the sync objects in this file are not read: {}",
                fault.message
            ),
            severity: Severity::Warning,
            ..fault.clone()
        });
    }
}
