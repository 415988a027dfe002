//! Runs all stages for one environment, from its claims to its files.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use super::origins::origins_of;
use super::{Stages, charts};
use crate::check::{self, Cluster, PolicyDocuments};
use crate::compare::Origin;
use crate::compose::{
    Composer, EnvironmentManifests, Exports, MissingCrd, RenderedTree, SharedNames,
};
use crate::diag::{Diagnostic, Diagnostics, Source};
use crate::load::{Environment, Workspace};
use crate::object::Object;
use crate::prove::Bases;
use crate::resolve::{FieldEffect, Resolution, Resolved, Selection, resolve_environment};
use crate::tree::{Files, Tree, TreePath};
use crate::yaml::parallel::each;
use crate::{Observer, delivery, emit, engine, prove, render};

/// Shared inputs of all environments.
pub(super) struct Pipeline<'a> {
    pub(super) workspace: &'a Workspace<'a>,
    pub(super) composer: &'a Composer<'a>,
    /// The files of base.
    pub(super) base: &'a Tree,
    /// A cache of built base folders, which the proofs of several environments need.
    pub(super) proven_bases: Bases,
    pub(super) observer: &'a Observer,
    /// The definitions and policies of all clusters, if the state of clusters is requested.
    pub(super) cluster_definitions: Option<ClusterDefinitions>,
    /// Whether claims are composed after they are rendered; false if base has errors.
    pub(super) is_composed: bool,
    pub(super) is_proven: bool,
    /// Whether the objects are kept after they are proven.
    pub(super) has_objects: bool,
}

/// The definitions and policies of the workspace, which apply to all clusters.
pub(crate) struct ClusterDefinitions {
    definitions: Vec<Arc<Source>>,
    definition_faults: Arc<OnceLock<Vec<Diagnostic>>>,
    policies: Arc<PolicyDocuments>,
}

impl ClusterDefinitions {
    pub(crate) fn read(files: &dyn Files) -> ClusterDefinitions {
        ClusterDefinitions {
            definitions: check::definitions(files),
            definition_faults: Arc::default(),
            policies: check::policies(files),
        }
    }

    /// The known state of an environment's cluster.
    fn cluster(&self, workspace: &Workspace<'_>, manifests: &EnvironmentManifests<'_>) -> Cluster {
        Cluster {
            builtin_policies: workspace.config.policies.clone(),
            definition_faults: self.definition_faults.clone(),
            ..Cluster::new(
                manifests,
                &workspace.charts,
                &self.definitions,
                &self.policies,
            )
        }
    }
}

/// The result of an environment.
pub(super) struct EnvironmentOutput<'a> {
    pub(super) environment: &'a Environment,
    pub(super) parts: RenderedParts,
    pub(super) shared: SharedNames<'a>,
    pub(super) effects: Vec<FieldEffect>,
    pub(super) cluster: Option<Cluster>,
    /// Applications of charts, if the known state of clusters is requested.
    pub(super) applications: Vec<(String, Object)>,
    pub(super) claims: usize,
    /// Whether no other environment can have conflicting names.
    pub(super) has_only_own_names: bool,
    pub(super) stages: Stages,
}

impl<'a> Pipeline<'a> {
    pub(super) fn run(&self, selection: &Selection<'a>) -> EnvironmentOutput<'a> {
        let (workspace, mut stages) = (self.workspace, Stages::default());
        let name = selection.environment.name.as_str();
        let mut resolved = self.observer.during(name, "resolving claims", || {
            resolve_environment(workspace, selection, &mut stages.claims)
        });
        let effects = resolved.take_effects();
        let manifests = self.observer.during(name, "rendering claims", || {
            deliver(workspace, &resolved, &mut stages.claims)
        });
        let claims = resolved.instances.len();
        drop(resolved);
        let definitions = self.cluster_definitions.as_ref();
        let mut output = EnvironmentOutput {
            environment: manifests.environment,
            parts: RenderedParts::default(),
            shared: SharedNames::new(&manifests),
            effects,
            cluster: definitions.map(|it| it.cluster(workspace, &manifests)),
            applications: match definitions {
                Some(_) => charts::applications(&manifests),
                None => Vec::new(),
            },
            claims,
            has_only_own_names: manifests.has_only_own_names(),
            stages: Stages::default(),
        };
        if self.is_composed && !stages.claims.has_errors() {
            output.parts = self.compose(manifests, &mut stages);
        }
        output.stages = stages;
        output
    }

    fn compose(&self, manifests: EnvironmentManifests<'a>, stages: &mut Stages) -> RenderedParts {
        let (observer, name) = (self.observer, &manifests.environment.name);
        let (rendered, tree) = observer.during(name, "writing files", || {
            let rendered = self.composer.compose(manifests, &mut stages.overlays);
            let tree = sign(&rendered);
            (rendered, tree)
        });
        if self.is_proven && !stages.has_errors() {
            observer.during(name, "building the files to prove them", || {
                let mut files = self.base.clone();
                files.overlay(&tree);
                let bases = &self.proven_bases;
                prove::prove(&files, &tree, &rendered, bases, &mut stages.proof);
            });
        }
        RenderedParts::new(rendered, tree, self.has_objects)
    }
}

/// The parts of a [`RenderedTree`] that are kept after the proof.
#[derive(Default)]
pub(super) struct RenderedParts {
    pub(super) tree: Tree,
    pub(super) origins: Vec<(TreePath, Origin)>,
    pub(super) shared_paths: Vec<TreePath>,
    pub(super) exports: BTreeMap<(String, String), Exports>,
    pub(super) missing: Vec<MissingCrd>,
    pub(super) unmatched: Vec<Vec<Diagnostic>>,
}

impl RenderedParts {
    pub(super) fn new(rendered: RenderedTree, tree: Tree, has_objects: bool) -> RenderedParts {
        RenderedParts {
            tree,
            origins: match has_objects {
                true => origins_of(rendered.expected, rendered.data),
                false => Vec::new(),
            },
            shared_paths: rendered.shared_paths,
            exports: rendered.exports,
            missing: rendered.missing,
            unmatched: rendered.unmatched,
        }
    }

    /// The first file that another part has with different bytes.
    pub(super) fn differing_file<'a>(&self, other: &'a RenderedParts) -> Option<&'a TreePath> {
        let mut files = other.tree.iter();
        let is_other =
            |it: &(&TreePath, &Arc<[u8]>)| self.tree.get(it.0).is_some_and(|bytes| bytes != it.1);
        files.find(is_other).map(|it| it.0)
    }

    pub(super) fn extend(&mut self, more: RenderedParts) {
        self.tree.overlay(&more.tree);
        self.origins.extend(more.origins);
        self.shared_paths.extend(more.shared_paths);
        self.exports.extend(more.exports);
        self.missing.extend(more.missing);
        self.unmatched.extend(more.unmatched);
    }
}

/// Puts the ownership line into each file.
pub(super) fn sign(rendered: &RenderedTree) -> Tree {
    let files = rendered.files.iter();
    files
        .map(|(path, file)| {
            let text = emit::sign(path, &file.title, &file.body);
            (path.clone(), text.into_bytes().into())
        })
        .collect()
}

/// Renders the claims of an environment and converts them to the objects that its engine applies.
pub(crate) fn deliver<'a>(
    workspace: &Workspace<'_>,
    resolved: &Resolved<'a>,
    diagnostics: &mut Diagnostics,
) -> EnvironmentManifests<'a> {
    let environment = resolved.environment;
    let engine = engine::for_environment(environment, &workspace.config);
    let manifests = render::render(&resolved.instances, &workspace.templates, diagnostics);
    let deliveries = manifests.iter().map(|it| {
        let (config, charts) = (&workspace.config, &*workspace.charts);
        delivery::lower(it, &*engine, config, charts, diagnostics)
    });
    let deliveries = deliveries.collect();
    EnvironmentManifests {
        environment,
        engine,
        deliveries,
        is_partial: workspace.scope.is_without_shared_files(&environment.name),
    }
}

/// Renders and converts all resolved claims. Returns those of environments; base is only rendered for its errors.
pub(crate) fn deliver_all<'a>(
    workspace: &Workspace<'_>,
    resolution: &Resolution<'a>,
    diagnostics: &mut Diagnostics,
) -> Vec<EnvironmentManifests<'a>> {
    let deliver = |it, diagnostics: &mut Diagnostics| deliver(workspace, it, diagnostics);
    each(&resolution.bases, diagnostics, deliver);
    each(&resolution.environments, diagnostics, deliver)
}

/// The known state of each environment's cluster.
pub(crate) fn clusters(
    files: &dyn Files,
    workspace: &Workspace<'_>,
    environments: &[EnvironmentManifests<'_>],
) -> BTreeMap<String, Cluster> {
    let definitions = ClusterDefinitions::read(files);
    let cluster = |it: &EnvironmentManifests<'_>| {
        (
            it.environment.name.clone(),
            definitions.cluster(workspace, it),
        )
    };
    environments.iter().map(cluster).collect()
}
