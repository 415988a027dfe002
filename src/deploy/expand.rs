//! Follows an entry to all of its units: objects that an engine builds may define further units.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::chart::{Charts, Facts};
use super::cluster_state::ClusterState;
use super::flux::{
    Build, OwnSource, Release, SourceLocation, Variables, build, find, in_artifact, is_waiting,
    path, resource_set, sync_kustomization, without_ignored,
};
use super::refusal::{is_of_text, mark_refused};
use super::sync::{SyncKind, items, text};
use super::test_release::TestRelease;
use super::unit::{ChartTitle, Origin, Status, Unit};
use super::{Cluster, argo, flux};
use crate::diag::{Class, Diagnostic, Diagnostics, Severity};
use crate::inflate::ChartInput;
use crate::object::{Object, ObjectId};
use crate::retention::Retention;
use crate::tree::{Files, ReadSet, TreePath};
use crate::yaml::Node;
use crate::yaml::parallel::each;

/// The maximum number of units of an entry, in case units define further ones without end.
const UNITS_MAX: usize = 20_000;

/// A sync object that is not yet followed.
struct Pending {
    object: Object,
    kind: SyncKind,
    parent: Option<usize>,
}

/// The state of following an entry.
pub(super) struct Expansion<'a> {
    files: &'a dyn Files,
    cluster: &'a Cluster,
    charts: &'a Charts<'a>,
    own: OwnSource,
    cluster_state: ClusterState,
    pending: Vec<Pending>,
    seen: BTreeSet<ObjectId>,
}

/// The result of following a sync object.
struct Followed {
    inputs: Vec<Arc<ChartInput>>,
    test_releases: Vec<Arc<TestRelease>>,
    origin: Origin,
    objects: Vec<Object>,
    unapplied: Vec<Object>,
    status: Status,
    read_set: ReadSet,
}

impl<'a> Expansion<'a> {
    pub(super) fn new(
        files: &'a dyn Files,
        cluster: &'a Cluster,
        charts: &'a Charts<'a>,
        own: OwnSource,
    ) -> Expansion<'a> {
        Expansion {
            files,
            cluster,
            charts,
            own,
            cluster_state: ClusterState::default(),
            pending: Vec::new(),
            seen: BTreeSet::new(),
        }
    }

    /// Starts with a sync object.
    pub(super) fn begin(&mut self, object: Object) {
        self.add_found(object, None);
    }

    /// Starts with a folder that is applied as it is.
    pub(super) fn begin_folder(&mut self, folder: &TreePath, diagnostics: &mut Diagnostics) {
        let inflater = self.cluster.inflater(self.charts);
        let built = flux::build_plain(self.files, folder, &inflater);
        let id = folder_id(folder);
        let mut followed = from_build(folder, &id, built, false, diagnostics);
        followed.inputs = inflater.into_inputs();
        self.add(id, None, None, followed);
    }

    /// Starts with a chart of the repository that is installed by hand.
    pub(super) fn begin_chart(
        &mut self,
        folder: &TreePath,
        title: ChartTitle,
        objects: Vec<Object>,
        read_set: ReadSet,
    ) {
        let followed = Followed {
            inputs: Vec::new(),
            test_releases: Vec::new(),
            origin: Origin::Chart(title),
            objects,
            unapplied: Vec::new(),
            status: Status::Built,
            read_set,
        };
        self.add(folder_id(folder), None, None, followed);
    }

    /// Follows everything but HelmReleases.
    pub(super) fn expand_folders(&mut self, diagnostics: &mut Diagnostics) {
        loop {
            let (mut open, rest): (Vec<Pending>, Vec<Pending>) = std::mem::take(&mut self.pending)
                .into_iter()
                .partition(|it| it.kind != SyncKind::HelmRelease);
            self.pending = rest;
            // Units that need unknown objects wait, unless nothing else is left.
            let is_ready = |it: &Pending| !self.is_waiting(it);
            if open.iter().any(is_ready) {
                let (ready, waiting): (Vec<_>, Vec<_>) = open.into_iter().partition(is_ready);
                self.pending.extend(waiting);
                open = ready;
            }
            if open.is_empty() || self.cluster_state.units.len() > UNITS_MAX {
                return;
            }
            let facts =
                Facts::from_definitions(self.cluster_state.of_kind("CustomResourceDefinition"));
            let expansion = &*self;
            let done = each(open, diagnostics, |it, diagnostics| {
                expansion.follow(it, &facts, diagnostics)
            });
            self.add_all(done);
        }
    }

    pub(super) fn expand(&mut self, diagnostics: &mut Diagnostics) {
        loop {
            self.expand_folders(diagnostics);
            let open = std::mem::take(&mut self.pending);
            if open.is_empty() || self.cluster_state.units.len() > UNITS_MAX {
                return;
            }
            let done = self.releases(&open, diagnostics);
            self.add_all(open.into_iter().zip(done).collect());
        }
    }

    pub(super) fn finish(self) -> Vec<Unit> {
        self.cluster_state.units
    }

    /// The units found so far.
    pub(super) fn units(&self) -> &[Unit] {
        &self.cluster_state.units
    }

    /// Whether a unit needs objects that are not yet known. These may include the clusters that an ApplicationSet selects.
    fn is_waiting(&self, pending: &Pending) -> bool {
        match pending.kind {
            SyncKind::Kustomization => is_waiting(&pending.object, &self.cluster_state),
            _ => false,
        }
    }

    fn follow(
        &self,
        pending: Pending,
        facts: &Facts,
        diagnostics: &mut Diagnostics,
    ) -> (Pending, Followed) {
        let context = argo::RenderContext {
            files: self.files,
            cluster_state: &self.cluster_state,
            charts: self.charts,
            facts,
            cluster: self.cluster,
            urls: &self.own.urls,
        };
        match pending.kind {
            SyncKind::Application => {
                let applied = argo::apply(&pending.object, &context, diagnostics);
                let followed = Followed {
                    inputs: applied.inputs,
                    test_releases: applied.test_releases,
                    origin: applied.origin,
                    objects: applied.objects,
                    unapplied: Vec::new(),
                    status: applied.status,
                    read_set: applied.read_set,
                };
                (pending, followed)
            }
            SyncKind::ApplicationSet => {
                let recorded = crate::tree::Recorded::new(self.files);
                let context = argo::RenderContext {
                    files: &recorded,
                    ..context
                };
                let applications = argo::applications(&pending.object, &context, diagnostics);
                let followed = Followed {
                    read_set: recorded.finish(),
                    ..generated(applications, diagnostics)
                };
                (pending, followed)
            }
            SyncKind::ResourceSet => {
                let objects = resource_set(&pending.object, &self.cluster_state);
                (pending, generated(objects, diagnostics))
            }
            _ => self.follow_kustomization(pending, diagnostics),
        }
    }

    /// Follows a Kustomization. The first one of an entry may patch itself, and is then followed in its patched form.
    fn follow_kustomization(
        &self,
        pending: Pending,
        diagnostics: &mut Diagnostics,
    ) -> (Pending, Followed) {
        let mut first = Diagnostics::default();
        let followed = self.kustomization(&pending.object, &mut first);
        let is_first = pending.parent.is_none();
        let id = pending.object.id();
        let mut applied = followed.objects.iter().filter(|_| is_first);
        let spec = |it: &Object| it.node.get("spec").cloned();
        let changed = applied.find(|it| it.id() == id).filter(|it| {
            let (written, applied) = (spec(&pending.object), spec(it));
            let pair = written.zip(applied);
            pair.is_some_and(|(written, applied)| !written.same_data(&applied))
        });
        let Some(object) = changed.cloned() else {
            diagnostics.extend(first);
            return (pending, followed);
        };
        let followed = self.kustomization(&object, diagnostics);
        (Pending { object, ..pending }, followed)
    }

    fn kustomization(&self, object: &Object, diagnostics: &mut Diagnostics) -> Followed {
        let reference = object.node.at_keys(&["spec", "sourceRef"]);
        let file = object.span().outermost();
        let folder = in_artifact(self.files, path(object), reference, file.path());
        let folder = match self
            .own
            .locate(object, &folder, &self.cluster_state, self.files)
        {
            SourceLocation::Own(folder) => folder,
            SourceLocation::Elsewhere(what) => return external(object, what, diagnostics),
        };
        let variables = Variables::from_kustomization(object, &self.cluster_state);
        let source = reference.and_then(|it| find(it, object.namespace(), &self.cluster_state));
        let filtered = without_ignored(self.files, source);
        let files = filtered.as_ref().map_or(self.files, |it| it as &dyn Files);
        let built = build(files, &folder, Some(object), variables.as_ref());
        let is_suspended = flux::is_suspended(object);
        from_build(&folder, &object.id(), built, is_suspended, diagnostics)
    }

    /// Reads all charts first, because other charts may depend on their custom resources.
    fn releases(&self, open: &[Pending], diagnostics: &mut Diagnostics) -> Vec<Followed> {
        let (files, cluster, cluster_state) = (self.files, self.cluster, &self.cluster_state);
        let releases = each(open, diagnostics, |it, diagnostics| {
            let (own, charts) = (&self.own, self.charts);
            Release::read(
                &it.object,
                cluster_state,
                own,
                files,
                charts,
                cluster,
                diagnostics,
            )
        });
        let mut facts = Facts::from_definitions(cluster_state.of_kind("CustomResourceDefinition"));
        let charts = releases.iter().filter_map(Release::chart);
        charts.for_each(|it| facts.add_chart(it));
        each(releases, diagnostics, |release, diagnostics| {
            let inputs = release.input(cluster).into_iter().collect();
            let test_release = release.test_release(&facts, cluster).map(Arc::new);
            let (objects, origin, status) = release.render(&facts, cluster, diagnostics);
            Followed {
                inputs,
                test_releases: test_release.into_iter().collect(),
                origin,
                objects,
                unapplied: Vec::new(),
                status,
                read_set: ReadSet::default(),
            }
        })
    }

    fn add_all(&mut self, done: Vec<(Pending, Followed)>) {
        for (pending, followed) in done {
            let id = pending.object.id();
            self.add(id, Some(&pending.object), pending.parent, followed);
        }
    }

    fn add(
        &mut self,
        id: ObjectId,
        object: Option<&Object>,
        parent: Option<usize>,
        followed: Followed,
    ) {
        let found: Vec<Object> = followed
            .objects
            .iter()
            .filter(|it| SyncKind::from_object(it).is_some())
            .cloned()
            .collect();
        let at = self.cluster_state.add(Unit {
            depends_on: object.map(|it| dependencies(it, &id)).unwrap_or_default(),
            span: object.map(|it| it.span().outermost()),
            cluster: object.map(destination).unwrap_or_default(),
            sync_options: object.map(sync_options).unwrap_or_default(),
            wave: object.map(wave).unwrap_or(0),
            keeps_crds: object.is_some_and(flux::keeps_crds),
            retention: object.map(Retention::of).unwrap_or_default(),
            inputs: followed.inputs,
            test_releases: followed.test_releases,
            id,
            parent,
            origin: followed.origin,
            objects: followed.objects,
            unapplied: followed.unapplied,
            status: followed.status,
            read_set: followed.read_set,
        });
        found
            .into_iter()
            .for_each(|it| self.add_found(it, Some(at)));
    }

    fn add_found(&mut self, object: Object, parent: Option<usize>) {
        let Some(kind) = SyncKind::from_object(&object) else {
            return;
        };
        let object = match kind {
            // The folder that it syncs is a separate entry.
            SyncKind::FluxInstance if parent.is_some() => return,
            SyncKind::FluxInstance => match sync_kustomization(&object) {
                Some(object) => object,
                None => return,
            },
            _ => object,
        };
        let kind = match kind {
            SyncKind::FluxInstance => SyncKind::Kustomization,
            kind => kind,
        };
        if self.seen.insert(object.id()) {
            self.pending.push(Pending {
                object,
                kind,
                parent,
            });
        }
    }
}

/// The kind in the identity of a unit without a sync object.
const FOLDER: &str = "Folder";

/// The identity of the first unit of an entry that has no sync object.
fn folder_id(folder: &TreePath) -> ObjectId {
    ObjectId {
        group: "".into(),
        kind: FOLDER.into(),
        namespace: "".into(),
        name: folder.as_str().into(),
    }
}

/// The result of a build for a unit; a unit that cannot be built is reported once.
fn from_build(
    folder: &TreePath,
    id: &ObjectId,
    built: Build,
    is_suspended: bool,
    diagnostics: &mut Diagnostics,
) -> Followed {
    let Build {
        objects,
        unapplied,
        read_set,
        diagnostics: faults,
    } = built;
    let mut faults: Vec<Diagnostic> = faults.into_iter().collect();
    match &*id.kind {
        // Nothing in the repository says that the folder is applied.
        FOLDER => faults
            .iter_mut()
            .filter(|it| is_of_text(it))
            .for_each(|it| it.class = Class::Refused),
        _ => mark_refused(&mut faults),
    }
    let mut errors = faults.iter().filter(|it| it.severity == Severity::Error);
    let status = match errors.next().cloned() {
        Some(fault) if objects.is_empty() => Status::NotBuilt(Box::new(fault)),
        Some(fault) => Status::Partial(Box::new(fault)),
        None if is_suspended => Status::Suspended,
        None => Status::Built,
    };
    diagnostics.extend(faults.into_iter().map(|it| not_built(id, it)));
    Followed {
        inputs: Vec::new(),
        test_releases: Vec::new(),
        origin: Origin::Folder(folder.clone()),
        objects,
        unapplied,
        status,
        read_set,
    }
}

/// Adds the affected unit to an error of a build.
fn not_built(id: &ObjectId, fault: Diagnostic) -> Diagnostic {
    match fault.severity {
        // The other files of the folder are still read.
        Severity::Error if &*id.kind == FOLDER && fault.class == Class::Refused => fault,
        Severity::Error => Diagnostic {
            message: format!("{id} is not shown: {}", fault.message),
            ..fault
        },
        _ => fault,
    }
}

/// The objects that an ApplicationSet or a ResourceSet generates. A fault is reported, and its objects are then unknown.
fn generated(made: Result<Vec<Object>, Diagnostic>, diagnostics: &mut Diagnostics) -> Followed {
    let (origin, objects, status) = match made {
        Ok(objects) => (Origin::Generated, objects, Status::Built),
        Err(fault) => {
            diagnostics.push(fault.clone());
            let origin = Origin::External("templates".to_string());
            (origin, Vec::new(), Status::NotBuilt(Box::new(fault)))
        }
    };
    Followed {
        inputs: Vec::new(),
        test_releases: Vec::new(),
        origin,
        objects,
        unapplied: Vec::new(),
        status,
        read_set: ReadSet::default(),
    }
}

fn external(object: &Object, what: String, diagnostics: &mut Diagnostics) -> Followed {
    let message = format!(
        "{} is not shown: its source {what} is not this repository",
        object.id()
    );
    let at = object.node.at_keys(&["spec", "sourceRef"]);
    let fault = Diagnostic::warning("unseen-source", message).at(at.unwrap_or(&object.node));
    diagnostics.push(fault.clone());
    Followed {
        inputs: Vec::new(),
        test_releases: Vec::new(),
        origin: Origin::External(what),
        objects: Vec::new(),
        unapplied: Vec::new(),
        status: Status::NotBuilt(Box::new(fault)),
        read_set: ReadSet::default(),
    }
}

/// The options of an Application.
fn sync_options(object: &Object) -> Vec<String> {
    let options = items(&object.node, &["spec", "syncPolicy", "syncOptions"]);
    let options = options.iter().filter_map(Node::as_str);
    options.map(str::to_string).collect()
}

/// The cluster that an engine deploys to; empty for its own.
fn destination(object: &Object) -> String {
    match SyncKind::from_object(object) {
        Some(SyncKind::Application) => argo::destination(object),
        _ => text(&object.node, &["spec", "kubeConfig", "secretRef", "name"]).to_string(),
    }
}

/// The wave in which Argo CD syncs an object.
fn wave(object: &Object) -> i64 {
    let wave = super::metadata::value(object, "annotations", "argocd.argoproj.io/sync-wave");
    wave.parse().unwrap_or(0)
}

/// `spec.dependsOn`: objects of the same kind.
fn dependencies(object: &Object, id: &ObjectId) -> Vec<ObjectId> {
    let list = items(&object.node, &["spec", "dependsOn"]).iter();
    let dependency = |it| {
        let namespace = match text(it, &["namespace"]) {
            "" => object.namespace(),
            namespace => namespace,
        };
        ObjectId {
            namespace: namespace.into(),
            name: text(it, &["name"]).into(),
            ..id.clone()
        }
    };
    list.map(dependency).collect()
}
