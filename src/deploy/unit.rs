//! Data types for what is deployed.

use std::fmt;
use std::sync::Arc;

use super::test_release::TestRelease;
use crate::diag::{Class, Diagnostic, Diagnostics, Severity, Span};
use crate::inflate::ChartInput;
use crate::object::{Object, ObjectId};
use crate::retention::Retention;
use crate::tree::{ReadSet, TreePath};

/// What is deployed from a repository.
#[derive(Clone, Debug, Default)]
pub struct Deployment {
    /// In the order of their folders.
    pub entries: Vec<Entry>,
    /// Notes on unavailable content and on objects that an engine would reject.
    pub diagnostics: Diagnostics,
}

impl Deployment {
    /// As [`Deployment::warnings`], but what an engine rejects for certain stays an error.
    pub fn faults(&self) -> Diagnostics {
        let is_certain = |it: &Diagnostic| it.class == Class::Refused;
        let (certain, others): (Vec<_>, Vec<_>) =
            self.diagnostics.iter().partition(|it| is_certain(it));
        let warnings = others.into_iter().map(as_warning);
        certain.into_iter().cloned().chain(warnings).collect()
    }

    /// Unavailable content as warnings, because it is not an error in the files.
    pub fn warnings(&self) -> Diagnostics {
        self.diagnostics.iter().map(as_warning).collect()
    }
}

fn as_warning(fault: &Diagnostic) -> Diagnostic {
    Diagnostic {
        severity: fault.severity.min(Severity::Warning),
        ..fault.clone()
    }
}

/// A folder at which an engine begins, and everything that follows from it: what is deployed to one cluster.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The path of the folder: `clusters/prod`.
    pub folder: TreePath,
    /// Whether the repository itself defines that an engine applies it. Otherwise, this may be defined in the cluster.
    pub is_bootstrap: bool,
    /// The units, each after its parent.
    pub units: Vec<Unit>,
}

impl Entry {
    /// Whether its folder is a chart that nothing in the repository installs. Its objects are those of the default values.
    pub fn is_chart(&self) -> bool {
        let first = self.units.first();
        first.is_some_and(|it| &*it.id.kind == "Folder" && matches!(it.origin, Origin::Chart(_)))
    }
}

/// Something that an engine reconciles separately, and what it deploys.
#[derive(Clone, Debug)]
pub struct Unit {
    /// The object that defines it: `Kustomization flux-system/apps`. A folder without one is `Folder clusters/prod`.
    pub id: ObjectId,
    /// The index of the parent unit, whose objects include this one.
    pub parent: Option<usize>,
    /// The file and line that it comes from.
    pub origin: Origin,
    /// The units that this one depends on.
    pub depends_on: Vec<ObjectId>,
    /// The wave in which Argo CD syncs it; 0 for Flux.
    pub wave: i64,
    /// The cluster that it deploys to: a name or an address, empty for the one that the engine runs in.
    pub cluster: String,
    /// The options with which Argo CD syncs it: `ServerSideApply=true`. Empty for Flux.
    pub sync_options: Vec<String>,
    /// Where it was written.
    pub span: Option<Span>,
    /// The objects that it deploys; empty if unknown.
    pub objects: Vec<Object>,
    /// Objects of the tree that the engine neither applies nor changes, because of an annotation or label.
    pub unapplied: Vec<Object>,
    /// The charts that it installs, with their values.
    pub inputs: Vec<Arc<ChartInput>>,
    /// How its charts were rendered.
    pub test_releases: Vec<Arc<TestRelease>>,
    /// Whether existing CRDs of its chart are not updated.
    pub keeps_crds: bool,
    /// Which objects it deletes from the cluster and which it keeps.
    pub retention: Retention,
    /// Whether all objects are known.
    pub status: Status,
    /// The files that its objects depend on.
    pub read_set: ReadSet,
}

/// The source of a unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A folder of the repository.
    Folder(TreePath),
    /// A chart that Helm renders.
    Chart(ChartTitle),
    /// The generators of an ApplicationSet.
    Generated,
    /// A source that is not available.
    External(String),
}

/// A chart in reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChartTitle {
    /// The chart's name: `podinfo`.
    pub name: String,
    /// The deployed version; if the chart is not available, the requested one.
    pub version: String,
}

/// Whether a unit's objects are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// All objects of the unit are known.
    Built,
    /// Only those of some sources; a diagnostic gives the reason.
    Partial(Box<Diagnostic>),
    /// All of them, but the unit is suspended.
    Suspended,
    /// None of them; a diagnostic gives the reason.
    NotBuilt(Box<Diagnostic>),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Folder(folder) if folder.as_str().is_empty() => f.write_str("./"),
            Origin::Folder(folder) => write!(f, "./{folder}"),
            Origin::Chart(chart) => write!(f, "chart {chart}"),
            Origin::Generated => f.write_str("generators"),
            Origin::External(what) => f.write_str(what),
        }
    }
}

impl fmt::Display for ChartTitle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        match &*self.version {
            "" => Ok(()),
            version => write!(f, " {version}"),
        }
    }
}
