//! Charts with the values that releases give them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Options;
use super::chart::{Charts, Facts};
use super::cluster_state::ClusterState;
use super::flux::{OwnSource, Release};
use super::sync::SyncKind;
use super::unit::{Origin, Status, Unit};
use super::{argo, flux};
use crate::diag::Diagnostics;
use crate::inflate::ChartInput;
use crate::object::{Object, ObjectId};
use crate::tree::{Files, ReadSet};
use crate::yaml::parallel::each;

/// The releases of an environment, with the charts that they install.
pub type ChartInputs = Vec<(ObjectId, Arc<ChartInput>)>;

/// The available charts that releases among the objects of each environment install. `files` are those of the repository. Each
/// chart is loaded once.
pub fn chart_inputs(
    environments: BTreeMap<String, Vec<&Object>>,
    files: &dyn Files,
    options: &Options<'_>,
) -> BTreeMap<String, ChartInputs> {
    let charts = Charts::new(files, options);
    let reader = Reader {
        files,
        charts: &charts,
        urls: options.urls.iter().map(|it| flux::plain(it)).collect(),
        options,
    };
    let environments: Vec<_> = environments.into_iter().collect();
    // Unavailable parts are reported elsewhere.
    let mut unseen = Diagnostics::default();
    let found = each(environments, &mut unseen, |(name, objects), unseen| {
        (name, reader.inputs(&objects, unseen))
    });
    found.into_iter().collect()
}

/// Whether an object is a release or may be part of the definition of one.
fn is_part(object: &Object) -> bool {
    matches!(
        object.kind(),
        "HelmRelease"
            | "HelmRepository"
            | "HelmChart"
            | "OCIRepository"
            | "GitRepository"
            | "ConfigMap"
            | "Application"
    )
}

fn unit(objects: Vec<Object>) -> Unit {
    Unit {
        id: ObjectId {
            group: "".into(),
            kind: "Folder".into(),
            namespace: "".into(),
            name: "".into(),
        },
        parent: None,
        origin: Origin::Generated,
        depends_on: Vec::new(),
        wave: 0,
        cluster: String::new(),
        span: None,
        objects,
        unapplied: Vec::new(),
        inputs: Vec::new(),
        test_releases: Vec::new(),
        keeps_crds: false,
        retention: Default::default(),
        sync_options: Default::default(),
        status: Status::Built,
        read_set: ReadSet::default(),
    }
}

struct Reader<'a> {
    files: &'a dyn Files,
    charts: &'a Charts<'a>,
    options: &'a Options<'a>,
    /// The addresses of the repository in their plain form.
    urls: Vec<String>,
}

impl Reader<'_> {
    fn inputs(&self, objects: &[&Object], unseen: &mut Diagnostics) -> ChartInputs {
        let is_release = |it: &&&Object| {
            let kind = SyncKind::from_object(it);
            matches!(kind, Some(SyncKind::HelmRelease | SyncKind::Application))
        };
        let releases: Vec<&Object> = objects.iter().filter(is_release).copied().collect();
        if releases.is_empty() {
            return Vec::new();
        }
        let parts = objects.iter().filter(|it| is_part(it));
        let mut cluster_state = ClusterState::default();
        cluster_state.add(unit(parts.map(|it| (*it).clone()).collect()));
        let mut seen = BTreeSet::new();
        let releases = releases.iter().filter(|it| seen.insert(it.id()));
        let found = releases.flat_map(|it| {
            let inputs = self.inputs_of(it, &cluster_state, unseen).into_iter();
            inputs.map(|input| (it.id(), input))
        });
        found.collect()
    }

    fn inputs_of(
        &self,
        object: &Object,
        cluster_state: &ClusterState,
        unseen: &mut Diagnostics,
    ) -> Vec<Arc<ChartInput>> {
        let cluster = &self.options.cluster;
        if SyncKind::from_object(object) == Some(SyncKind::HelmRelease) {
            let own = OwnSource::default();
            let (files, charts) = (self.files, self.charts);
            let release =
                Release::read(object, cluster_state, &own, files, charts, cluster, unseen);
            return release.input(cluster).into_iter().collect();
        }
        let context = argo::RenderContext {
            files: self.files,
            cluster_state,
            charts: self.charts,
            facts: &Facts::default(),
            cluster,
            urls: &self.urls,
        };
        argo::inputs(object, &context, &self.options.placement, unseen)
    }
}
