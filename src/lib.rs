//! A GitOps manifest renderer and kustomize-style generator.
//!
//! ```text
//! claims + templates + environments + overlays
//!     → load → resolve → render → compose → prove → check
//!     → Tree (path → bytes)
//!     → write | diff | check | publish
//! ```
//!
//! The core is pure: the same [`tree::Files`] give the same bytes, offline.

pub use pleach_helm as helm;
pub use pleach_helm::chart;
#[cfg(feature = "cli")]
pub use pleach_helm::fetch;
pub use pleach_kube::{diff, object, patch, schema, secret, validate};
pub use pleach_kustomize as kustomize;
pub use pleach_yaml as yaml;
pub use pleach_yaml::{diag, tree};

pub mod template;
pub mod inflate;
pub mod remote;
pub mod deploy;
pub mod emit;
pub mod topology;
pub mod operators;
pub mod danger;
pub mod compare;
pub mod load;
pub mod resolve;
pub mod render;
pub mod delivery;
pub mod compose;
pub mod prove;
pub mod promote;
pub mod provenance;
pub mod matrix;
pub mod check;
pub mod case;
pub mod json_schema;
pub mod affected;
pub mod incremental;
pub mod shard;
pub mod workspace_diff;
#[cfg(feature = "cli")]
pub mod report;
#[cfg(feature = "cli")]
pub mod disk;
#[cfg(feature = "cli")]
pub mod lsp;
#[cfg(feature = "cli")]
pub mod cli;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use compare::{Claim, Origin, Origins, Written};
use compose::{Data, EnvironmentManifests, Expected, Exports, Form, RenderedTree};
pub use load::Scope;
use remote::WithRemotes;

use diag::Diagnostics;
use tree::{Files, ReadSet, Recorded, Tree, TreePath};
use yaml::parallel::{each, join};

/// The folders of the tree in which environments have folders of their own.
const GROUPS: [&str; 3] = ["clusters", "infrastructure", "apps"];

/// What to compile, and what to leave out.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The environments and claims to render.
    pub scope: Scope,
    /// Archives of charts, by digest.
    pub cache: Option<chart::Cache>,
    /// For who compares what is applied, and builds the bytes anyway: leaves the proof out, and of a part of the workspace the base,
    /// so that its folders hold the objects as they are instead of patches.
    pub without_proof: bool,
    /// For who asks where values come from: what the templates read is noted here. The tree is the same.
    pub trace: Option<template::Trace>,
    /// For who judges objects: also reads what is known of the cluster of each environment.
    pub with_clusters: bool,
    /// Hears of each stage of a compilation.
    pub observer: Observer,
    /// The path of the workspace below the top of its Git repository, to compare `sync.path` with; `None` where that is not known.
    pub below_top: Option<TreePath>,
}

/// Is called when a stage of a compilation begins, with words for a person. It changes nothing.
#[derive(Clone, Default)]
pub struct Observer(Option<Arc<Call>>);

type Call = dyn Fn(&str) + Send + Sync;

impl Observer {
    /// Calls this function when a stage begins, with the stage's name.
    pub fn new(call: impl Fn(&str) + Send + Sync + 'static) -> Observer {
        Observer(Some(Arc::new(call)))
    }

    fn begins(&self, stage: &str) {
        if let Some(call) = &self.0 {
            call(stage);
        }
    }
}

impl std::fmt::Debug for Observer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Observer")
    }
}

/// A workspace's tree, and everything that was found on the way to it.
#[derive(Debug, Default)]
pub struct Compiled {
    /// The files to be written, by their paths below the output folder. Empty where there are errors.
    pub tree: Tree,
    /// The output folder, relative to the workspace; `None` where `pleach.yaml` could not be read.
    pub output: Option<TreePath>,
    /// Folders and files of the tree that belong to the environments requested, though their paths don't name these.
    pub places: Vec<TreePath>,
    /// Which claim each folder of the tree came from.
    pub origins: Origins,
    /// Every file and folder that the result depends on.
    pub read_set: ReadSet,
    /// What was compiled: what was requested, and all of an environment where an overlay may mix its claims.
    pub scope: Scope,
    /// The folders of what environments share, as far as they were compiled.
    pub bases: Vec<&'static str>,
    /// What the rest of an environment sees of the claims of it that were compiled without the rest.
    pub interfaces: BTreeMap<(String, String), Exports>,
    /// What is known of the cluster of each environment, where that was requested.
    pub clusters: BTreeMap<String, check::Cluster>,
    /// How many claims the environments have, those of base counted in each.
    pub claims: usize,
    /// The charts that were asked for and are not in the workspace.
    pub requests: Vec<chart::Request>,
    /// Whether nothing was left for a run of the whole workspace to judge.
    pub is_conclusive: bool,
    /// What else it covers, where it is a shard of the workspace.
    pub shard: Option<shard::Coverage>,
    /// Errors, warnings and notes, sorted by location.
    pub diagnostics: Diagnostics,
}

impl Compiled {
    /// Whether a file of the output folder belongs to what was compiled: other files are neither compared nor removed.
    pub fn covers(&self, file: &TreePath) -> bool {
        match &self.shard {
            Some(shard) if self.tree.get(file).is_some() || shard.covers(file) => return true,
            Some(shard) if shard.environments().is_empty() => return false,
            _ => {}
        }
        if self.scope.is_whole() {
            return true;
        }
        let is_place = |it: &TreePath| file == it || file.below(it).is_some();
        if self.tree.get(file).is_some() || self.places.iter().any(is_place) {
            return true;
        }
        let mut parts = file.parts();
        let (group, folder, claim) = (parts.next(), parts.next().unwrap_or(""), parts.next());
        match claim.filter(|_| group != Some("clusters")) {
            // Files that several claims share are elsewhere, each on its own.
            _ if !group.is_some_and(|it| GROUPS.contains(&it)) => false,
            Some(claim) if load::is_base(folder) => {
                self.bases.contains(&folder) && self.scope.has_base_claim(claim)
            }
            Some(claim) => self.scope.has(folder) && self.scope.has_claim(folder, claim),
            None => self.scope.has(folder) && !self.scope.is_partial(folder),
        }
    }

    /// The part of a standing tree that it covers.
    pub fn covered(&self, standing: Tree) -> Tree {
        let files = standing.iter().filter(|it| self.covers(it.0));
        files
            .map(|(path, bytes)| (path.clone(), bytes.clone()))
            .collect()
    }
}

/// Compiles the workspace at the root of `files` to its tree.
///
/// A pure function: the same files and options give the same bytes. All faults of a run are found at once; with any error
/// the tree is empty, so that half of one is never written.
pub fn compile(files: &dyn Files, options: &Options) -> Compiled {
    let files = Recorded::new(files);
    let scope = whole_where_mixed(&files, &options.scope);
    compile_unmixed(files, scope, options, true)
}

/// Compiles a scope in which no environment is partial whose claims cannot be rendered without the others.
fn compile_unmixed(
    files: Recorded<'_>,
    scope: Scope,
    options: &Options,
    is_proven: bool,
) -> Compiled {
    let mut diagnostics = Diagnostics::default();
    let mut requests = Vec::new();
    let cache = options.cache.clone();
    let with_remotes = WithRemotes::new(&files, TreePath::root(), cache.clone());
    options.observer.begins("reading claims");
    let trace = options.trace.as_ref();
    let (output, composed) =
        match load::load_traced(&with_remotes, cache, &scope, trace, &mut diagnostics) {
            Some(mut repository) => {
                if options.without_proof && !scope.is_whole() {
                    repository.bases.clear();
                }
                if let Some(below_top) = &options.below_top {
                    let (workspace, environments) =
                        (&repository.workspace, &repository.environments);
                    diagnostics.extend(load::check_sync_path(workspace, environments, below_top));
                }
                let files = &with_remotes;
                let composed = run(files, &repository, options, is_proven, &mut diagnostics);
                requests = repository.charts.requests();
                (Some(repository.workspace.output.clone()), composed)
            }
            None => (None, None),
        };
    diagnostics.extend(with_remotes.diagnostics());
    load::check_links(&files, &mut diagnostics);
    diagnostics.sort_and_dedup();
    let diagnostics = secret::conceal(diagnostics);
    let composed = composed.unwrap_or_default();
    Compiled {
        tree: match diagnostics.has_errors() {
            true => Tree::new(),
            false => composed.tree,
        },
        output,
        places: composed.places,
        origins: composed.origins.into_iter().collect(),
        read_set: files.finish(),
        scope,
        bases: composed.bases,
        interfaces: composed.interfaces,
        clusters: composed.clusters,
        claims: composed.claims,
        requests,
        is_conclusive: composed.is_conclusive,
        shard: None,
        diagnostics,
    }
}

/// Compiles two states of a workspace, of each only what `scope` asks for and the state has; `None` where that is nothing.
///
/// Of an environment of which only some claims are requested, the rest has to come to the same on both sides. It does unless they
/// turn another face to it, and then the whole environment is compiled.
pub fn compile_both(sides: [&dyn Files; 2], options: &Options) -> [Option<Compiled>; 2] {
    compile_to(sides, options, true)
}

/// The same for who takes the first state as it is: it is not proven.
pub fn compile_change(sides: [&dyn Files; 2], options: &Options) -> [Option<Compiled>; 2] {
    compile_to(sides, options, false)
}

fn compile_to(
    sides: [&dyn Files; 2],
    options: &Options,
    is_first_proven: bool,
) -> [Option<Compiled>; 2] {
    let scope = sides.iter().fold(options.scope.clone(), |scope, side| {
        whole_where_mixed(*side, &scope)
    });
    let compiled = compile_sides(sides, &scope, options, is_first_proven);
    let faces = |environment: &String| {
        compiled.each_ref().map(|it| {
            let all = it.iter().flat_map(|it| &it.interfaces);
            let own = all.filter(|it| it.0.0 == *environment);
            own.collect::<Vec<_>>()
        })
    };
    let has_changed = |it: &&String| matches!(faces(it), [before, after] if before != after);
    let changed: Vec<String> = scope.claims.keys().filter(has_changed).cloned().collect();
    if changed.is_empty() {
        return compiled;
    }
    let mut scope = scope;
    changed.iter().for_each(|it| drop(scope.claims.remove(it)));
    compile_sides(sides, &scope, options, is_first_proven)
}

/// A scope in which no environment is partial whose claims cannot be rendered without the others.
fn whole_where_mixed(files: &dyn Files, scope: &Scope) -> Scope {
    if scope.claims.is_empty() {
        return scope.clone();
    }
    let scope = load::widen_entangled(files, scope);
    compose::whole_under_overlays(files, &scope)
}

fn compile_sides(
    sides: [&dyn Files; 2],
    scope: &Scope,
    options: &Options,
    is_first_proven: bool,
) -> [Option<Compiled>; 2] {
    let one = |files: &dyn Files, is_proven: bool| {
        let there = load::environments(files);
        let mut scope = scope.clone();
        scope.environments.retain(|it| there.contains(it));
        scope.claims.retain(|name, _| there.contains(name));
        (!scope.is_whole()).then(|| {
            let files = Recorded::new(files);
            compile_unmixed(files, scope, options, is_proven)
        })
    };
    let [before, after] = sides;
    let (before, after) = join(|| one(before, is_first_proven), || one(after, true));
    [before, after]
}

/// What a workspace is composed to.
#[derive(Default)]
struct PipelineOutput {
    tree: Tree,
    bases: Vec<&'static str>,
    interfaces: BTreeMap<(String, String), Exports>,
    origins: Vec<(TreePath, Origin)>,
    places: Vec<TreePath>,
    clusters: BTreeMap<String, check::Cluster>,
    claims: usize,
    is_conclusive: bool,
}

fn run(
    files: &dyn Files,
    repository: &load::Workspace<'_>,
    options: &Options,
    is_proven: bool,
    diagnostics: &mut Diagnostics,
) -> Option<PipelineOutput> {
    let resolution = resolve::resolve(repository, diagnostics);
    let resolved = resolution.environments.iter();
    let claims: usize = resolved.map(|it| it.instances.len()).sum();
    let observer = &options.observer;
    observer.begins(&format!("rendering {claims} claims"));
    let (bases, environments) = deliver_all(repository, &resolution, diagnostics);
    report_run_limit(repository, diagnostics);
    if diagnostics.has_errors() {
        return None;
    }
    if options.scope.is_whole() {
        diagnostics.extend(delivery::unused_pins(&repository.charts));
    }
    let is_conclusive =
        resolution.is_conclusive && environments.iter().all(EnvironmentManifests::is_by_itself);
    let mut clusters = match options.with_clusters {
        true => clusters(files, repository, &environments),
        false => BTreeMap::new(),
    };
    // Applications are in files of clusters, and know the lines of claims only here.
    let releases = match options.with_clusters {
        true => releases(&environments),
        false => Vec::new(),
    };
    let input = compose::Input {
        is_whole: repository.scope.is_whole(),
        charts: &repository.charts,
        bases,
        environments,
    };
    observer.begins("laying overlays over the claims");
    let composition = compose::compose(files, &repository.workspace, input, diagnostics);
    let tree = sign(&composition);
    observer.begins(&format!("building {} files to prove them", tree.len()));
    if !diagnostics.has_errors() && is_proven && !options.without_proof {
        prove::prove(&tree, &composition, diagnostics);
    }
    let bases = repository.bases.iter().map(|it| it.engine.base());
    let origins = origins_of(composition.expected, composition.data);
    if options.with_clusters && !diagnostics.has_errors() {
        let objects = origins.iter().filter_map(|(_, origin)| {
            let environment = origin.environment.as_deref()?;
            Some(origin.objects.iter().map(move |it| (environment, it)))
        });
        let own: Vec<(&str, &object::Object)> = objects.flatten().collect();
        let releases = releases.iter().map(|(name, it)| (&**name, it));
        let workspace = &repository.workspace;
        add_inputs(
            &mut clusters,
            own.into_iter().chain(releases),
            files,
            workspace,
            options,
        );
    }
    Some(PipelineOutput {
        tree,
        bases: bases.collect(),
        interfaces: composition.interfaces,
        origins,
        places: composition.places,
        clusters,
        claims,
        is_conclusive: options.scope.is_whole() || is_conclusive && composition.is_conclusive,
    })
}

/// One report in place of one for each claim that was rendered after the limit was met: which these are is chance.
fn report_run_limit(repository: &load::Workspace<'_>, diagnostics: &mut Diagnostics) {
    if repository.templates.is_over_limit() {
        let at = repository.workspace.span.source.clone();
        let fault = repository.templates.run_limit(at);
        let all = std::mem::take(diagnostics).into_iter();
        *diagnostics = all.filter(|it| it.message != fault.message).collect();
        diagnostics.push(fault);
    }
}

fn clusters(
    files: &dyn Files,
    repository: &load::Workspace<'_>,
    environments: &[EnvironmentManifests<'_>],
) -> BTreeMap<String, check::Cluster> {
    let (definitions, policies) = (check::definitions(files), check::policies(files));
    let cluster = |it: &EnvironmentManifests<'_>| {
        let cluster = check::Cluster {
            builtin_policies: repository.workspace.policies.clone(),
            ..check::Cluster::of(it, &repository.charts, &definitions, &policies)
        };
        (it.environment.name.clone(), cluster)
    };
    environments.iter().map(cluster).collect()
}

/// The releases of claims that are in no folder of their claim, by environment.
fn releases(environments: &[EnvironmentManifests<'_>]) -> Vec<(String, object::Object)> {
    let found = environments.iter().flat_map(|it| {
        let releases = it.deliveries.iter().flat_map(|it| &it.releases);
        releases.map(|release| (it.environment.name.clone(), release.object.clone()))
    });
    found.collect()
}

/// Adds the charts that releases install to what is known of clusters.
fn add_inputs<'a>(
    clusters: &mut BTreeMap<String, check::Cluster>,
    objects: impl Iterator<Item = (&'a str, &'a object::Object)>,
    files: &dyn Files,
    workspace: &load::WorkspaceConfig,
    options: &Options,
) {
    let mut environments: BTreeMap<String, Vec<&object::Object>> = BTreeMap::new();
    for (name, object) in objects {
        environments
            .entry(name.to_string())
            .or_default()
            .push(object);
    }
    // A lock that cannot be read was reported when it was.
    let Ok(charts) = load::rendered_charts(workspace, files, options.cache.clone()) else {
        return;
    };
    let options = deploy::Options {
        charts: Some(&charts),
        ..deploy::Options::default()
    };
    for (name, inputs) in deploy::chart_inputs(environments, files, &options) {
        if let Some(cluster) = clusters.get_mut(&name) {
            cluster.inputs = inputs;
        }
    }
}

/// What some claims come to by themselves.
#[derive(Debug, Default)]
pub struct JudgedClaims {
    /// The objects of each claim, by environment. The folder of a claim is that of the tree.
    pub origins: Origins,
    /// The CRDs that each claim of each environment brings and needs.
    pub capabilities: Vec<ClaimCapabilities>,
    /// What was found in the claims and in their objects.
    pub diagnostics: Diagnostics,
}

/// The CRDs that a claim brings and needs.
#[derive(Debug)]
pub struct ClaimCapabilities {
    /// The environment.
    pub environment: String,
    /// The claim's name.
    pub claim: String,
    /// The names of the CRDs that it brings.
    pub provides: BTreeSet<String>,
    /// The names of the CRDs that it needs.
    pub requires: BTreeSet<String>,
}

/// Renders claims for an editor: without overlays, without the proof, and without the checks of a whole environment.
/// With a closed scope the time is that of its claims, whatever else the workspace has.
pub fn judge_claims(files: &dyn Files, options: &Options) -> JudgedClaims {
    let mut diagnostics = Diagnostics::default();
    let cache = options.cache.clone();
    let loaded = load::load(files, cache, &options.scope, &mut diagnostics);
    let Some(repository) = loaded else {
        return JudgedClaims {
            diagnostics: secret::conceal(diagnostics),
            ..JudgedClaims::default()
        };
    };
    let resolution = resolve::resolve(&repository, &mut diagnostics);
    let (_, environments) = deliver_all(&repository, &resolution, &mut diagnostics);
    let delivered = environments.iter().flat_map(|it| {
        let environment = it.environment;
        it.deliveries
            .iter()
            .map(|it| delivered_origin(environment, it))
    });
    let origins: Origins = delivered.collect();
    if options.with_clusters {
        let mut clusters = clusters(files, &repository, &environments);
        let objects = origins.iter().filter_map(|(_, origin)| {
            let environment = origin.environment.as_deref()?;
            Some(origin.objects.iter().map(move |it| (environment, it)))
        });
        let workspace = &repository.workspace;
        add_inputs(&mut clusters, objects.flatten(), files, workspace, options);
        diagnostics.extend(check::check_objects(&origins, &clusters));
    }
    diagnostics.sort_and_dedup();
    let capabilities = environments.iter().flat_map(|it| {
        let environment = it.environment;
        it.deliveries.iter().map(|it| ClaimCapabilities {
            environment: environment.name.clone(),
            claim: it.name.clone(),
            provides: it.provides.clone(),
            requires: it.requires.clone(),
        })
    });
    JudgedClaims {
        capabilities: capabilities.collect(),
        origins,
        diagnostics: secret::conceal(diagnostics),
    }
}

/// The objects of a claim before any overlay.
fn delivered_origin(
    environment: &load::Environment,
    delivery: &delivery::Delivery,
) -> (TreePath, Origin) {
    let folder = TreePath::root().child(delivery.group.folder());
    let folder = folder.child(environment.folder()).child(&delivery.name);
    let files = delivery.files.iter().chain(&delivery.releases);
    let objects = files
        .map(|it| it.object.clone())
        .chain(delivery.first.iter().cloned());
    let origin = Origin {
        environment: Some(environment.name.clone()),
        claim: Arc::new(Claim {
            title: delivery.title.clone(),
            owner: delivery.owner.clone(),
            span: Some(delivery.span.clone()),
        }),
        objects: objects.collect(),
        written: Written::Inputs,
    };
    (folder, origin)
}

/// The charts that a workspace asks for, and what kept claims from being rendered far enough to ask.
///
/// A missing chart is such a fault too: what its values would ask for is not known yet.
pub fn charts(files: &dyn Files, options: &Options) -> (Vec<chart::Request>, Diagnostics) {
    let mut diagnostics = Diagnostics::default();
    let cache = options.cache.clone();
    let loaded = load::load(files, cache, &options.scope, &mut diagnostics);
    let requests = loaded.map(|repository| {
        let resolution = resolve::resolve(&repository, &mut diagnostics);
        deliver_all(&repository, &resolution, &mut diagnostics);
        if !diagnostics.has_errors() {
            diagnostics.extend(delivery::unused_pins(&repository.charts));
        }
        repository.charts.requests()
    });
    diagnostics.sort_and_dedup();
    (requests.unwrap_or_default(), diagnostics)
}

fn deliver_all<'a>(
    repository: &load::Workspace<'_>,
    resolution: &resolve::Resolution<'a>,
    diagnostics: &mut Diagnostics,
) -> (Vec<EnvironmentManifests<'a>>, Vec<EnvironmentManifests<'a>>) {
    let bases = each(&resolution.bases, diagnostics, |base, diagnostics| {
        deliver(repository, base, diagnostics)
    });
    let environments = each(
        &resolution.environments,
        diagnostics,
        |resolved, diagnostics| deliver(repository, resolved, diagnostics),
    );
    (bases, environments)
}

/// The expected build of a folder names its claim. Files such as ApplicationSets belong to several claims.
fn origins_of(expected: Vec<Expected>, data: Vec<Data>) -> Vec<(TreePath, Origin)> {
    let origin = |folder: &TreePath, title, owner, span, objects| Origin {
        // Nothing is applied from base.
        environment: compare::environment(folder)
            .filter(|it| !load::is_base(it))
            .map(str::to_string),
        claim: Arc::new(Claim {
            title,
            owner,
            span: Some(span),
        }),
        objects,
        written: Written::Inputs,
    };
    let folders = expected.into_iter();
    let folders = folders.filter(|it| !matches!(it.form, Form::Files(_)));
    let mut origins: Vec<(TreePath, Origin)> = folders
        .map(|it| {
            let origin = origin(&it.folder, it.title, it.owner, it.span, it.objects);
            (it.folder, origin)
        })
        .collect();
    for it in data {
        let object = compare::file_object(&it.path, it.node);
        let folder = it.path.parent().unwrap_or_else(TreePath::root);
        match origins.last_mut().filter(|last| last.0 == folder) {
            Some((_, origin)) => origin.objects.push(object),
            None => {
                let origin = origin(&folder, it.title, it.owner, it.span, vec![object]);
                origins.push((folder, origin));
            }
        }
    }
    origins
}

fn deliver<'a>(
    repository: &load::Workspace<'_>,
    resolved: &resolve::Resolved<'a>,
    diagnostics: &mut Diagnostics,
) -> EnvironmentManifests<'a> {
    let environment = resolved.environment;
    let manifests = render::render(&resolved.instances, &repository.templates, diagnostics);
    let deliveries = manifests.iter().map(|it| {
        let (workspace, charts) = (&repository.workspace, &*repository.charts);
        delivery::lower(it, environment, workspace, charts, diagnostics)
    });
    EnvironmentManifests {
        environment,
        deliveries: deliveries.collect(),
        is_partial: repository.scope.is_partial(&environment.name),
    }
}

/// Puts the ownership line into each file.
fn sign(composition: &RenderedTree) -> Tree {
    let files = composition.files.iter();
    files
        .map(|(path, file)| {
            (
                path.clone(),
                emit::sign(path, &file.title, &file.body)
                    .into_bytes()
                    .into(),
            )
        })
        .collect()
}
