//! What is deployed, as data.

use std::fmt;
use std::sync::Arc;

use super::trial::Trial;
use crate::diag::{Class, Diagnostic, Diagnostics, Severity, Span};
use crate::inflate::ChartInput;
use crate::object::{Object, ObjectId};
use crate::tree::{ReadSet, TreePath};

/// What is deployed from a repository.
#[derive(Clone, Debug, Default)]
pub struct Deployment {
    /// In the order of their folders.
    pub entries: Vec<Entry>,
    /// What cannot be seen, and what an engine would refuse.
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

    /// What cannot be seen, as warnings: it is no fault of the files.
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

/// A folder that an engine begins at, and all that follows from it: what one cluster gets.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The path of the folder: `clusters/prod`.
    pub folder: TreePath,
    /// Whether the repository itself says that an engine applies it. Else nothing in the repository does, and whoever made the
    /// repository known to an engine may.
    pub is_bootstrap: bool,
    /// Each after the one that it was found in.
    pub units: Vec<Unit>,
}

/// Something that an engine reconciles by itself, and what it deploys.
#[derive(Clone, Debug)]
pub struct Unit {
    /// The object that makes the engine do it: `Kustomization flux-system/apps`. A folder that nothing names is `Folder clusters/prod`.
    pub id: ObjectId,
    /// The unit among whose objects this one was found, as a place in the entry's list.
    pub parent: Option<usize>,
    /// What it is made from.
    pub origin: Origin,
    /// The units that the engine waits for before this one.
    pub depends_on: Vec<ObjectId>,
    /// The wave in which Argo CD syncs it; 0 for Flux.
    pub wave: i64,
    /// The cluster that it deploys to: a name or an address, empty for the one that the engine runs in.
    pub cluster: String,
    /// The options with which Argo CD syncs it: `ServerSideApply=true`. Empty for Flux.
    pub sync_options: Vec<String>,
    /// Where it was written.
    pub span: Option<Span>,
    /// What it deploys; empty where that cannot be seen.
    pub objects: Vec<Object>,
    /// The charts that it installs, with their values.
    pub inputs: Vec<Arc<ChartInput>>,
    /// How its charts were rendered.
    pub trials: Vec<Arc<Trial>>,
    /// Whether CRDs of its chart stay as they are where a cluster has them.
    pub keeps_crds: bool,
    /// What of it stays in the cluster when it is gone from the tree.
    pub keeps: Keeps,
    /// Whether that is all.
    pub status: Status,
    /// What its objects depend on in the repository.
    pub read_set: ReadSet,
}

/// What of a unit's objects stays in the cluster when it is gone from the tree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keeps {
    /// Objects that the unit no longer has.
    pub removed: bool,
    /// All of its objects, when the unit itself is deleted.
    pub on_deletion: bool,
}

/// What a unit is made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A folder of the repository.
    Folder(TreePath),
    /// A chart that Helm renders.
    Chart(ChartTitle),
    /// The generators of an ApplicationSet.
    Generated,
    /// Something that cannot be seen from here.
    Elsewhere(String),
}

/// A chart as reports name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChartTitle {
    /// The chart's name: `podinfo`.
    pub name: String,
    /// The version that is deployed; where the chart is not available, the version that was requested.
    pub version: String,
}

/// Whether a unit's objects are seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// All objects of the unit are known.
    Built,
    /// Those of some of its sources. The diagnostic says why not of all.
    Partial(Box<Diagnostic>),
    /// All of them, but the engine leaves the cluster as it is.
    Suspended,
    /// None of them. The diagnostic says why.
    NotBuilt(Box<Diagnostic>),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Folder(folder) if folder.as_str().is_empty() => f.write_str("./"),
            Origin::Folder(folder) => write!(f, "./{folder}"),
            Origin::Chart(chart) => write!(f, "chart {chart}"),
            Origin::Generated => f.write_str("generators"),
            Origin::Elsewhere(what) => f.write_str(what),
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
