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

mod observer;
pub mod layout;
pub mod rules;
pub mod products;
pub mod template;
pub mod inflate;
pub mod remote;
pub mod deploy;
pub mod emit;
pub mod danger;
pub mod compare;
pub mod load;
pub mod resolve;
pub mod render;
pub mod delivery;
pub mod compose;
mod engine;
pub mod prove;
pub mod promote;
pub mod provenance;
pub mod matrix;
pub mod check;
pub mod plain;
mod pipeline;
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
use compose::Exports;
use layout::{Output, claim_folder};
pub use load::Scope;
pub use observer::{Event, Observer};
use remote::WithRemotes;

use diag::Diagnostics;
use tree::{Files, ReadSet, Recorded, Tree, TreePath};

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
    /// For who needs nothing but files: the objects of an environment are dropped when its files are proven, so `origins` is empty, and
    /// the memory of a run goes with its largest environment.
    pub without_objects: bool,
    /// For who asks where values come from: what the templates read is noted here. The tree is the same.
    pub trace: Option<template::Trace>,
    /// For who judges objects: also reads what is known of the cluster of each environment.
    pub with_clusters: bool,
    /// What an earlier compilation with the same options has left to this one.
    pub shelf: template::Shelf,
    /// Hears of each stage of a compilation and of the work on each environment.
    pub observer: Observer,
    /// The path of the workspace below the top of its Git repository, to compare `sync.path` with; `None` where that is not known.
    pub below_top: Option<TreePath>,
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
        // Files that several claims share are elsewhere, each on its own.
        let Some((folder, claim)) = Output::owner(file) else {
            return false;
        };
        match claim {
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
    let kept = (options.trace.as_ref(), &options.shelf);
    let (output, composed) =
        match load::load_traced(&with_remotes, cache, &scope, kept, &mut diagnostics) {
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
                let composed =
                    pipeline::run(files, &repository, options, is_proven, &mut diagnostics);
                requests = repository.charts.requests();
                repository.templates.put_on(&options.shelf);
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
    // One after the other: the second one takes what the first one has compiled.
    let [before, after] = sides;
    let before = one(before, is_first_proven);
    [before, one(after, true)]
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
    /// The name of the environment.
    pub environment: String,
    /// The name of the claim.
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
    let environments = pipeline::deliver_all(&repository, &resolution, &mut diagnostics);
    let delivered = environments.iter().flat_map(|it| {
        let environment = it.environment;
        it.deliveries
            .iter()
            .map(|it| delivered_origin(environment, it))
    });
    let origins: Origins = delivered.collect();
    if options.with_clusters {
        let mut clusters = pipeline::clusters(files, &repository, &environments);
        pipeline::add_charts(
            &mut clusters,
            origins.iter(),
            &[],
            files,
            &repository,
            options,
        );
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
    let folder = claim_folder(delivery.group, environment.folder(), &delivery.name);
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
        pipeline::deliver_all(&repository, &resolution, &mut diagnostics);
        if !diagnostics.has_errors() {
            diagnostics.extend(delivery::unused_pins(&repository.charts));
        }
        repository.charts.requests()
    });
    diagnostics.sort_and_dedup();
    (requests.unwrap_or_default(), diagnostics)
}
