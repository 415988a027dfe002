//! A GitOps manifest renderer and kustomize-style generator.
//!
//! ```text
//! claims + templates + environments + overlays
//!     → load → resolve → render → delivery → compose → prove → check
//!     → Tree (path → bytes)
//!     → write | diff | check | publish
//! ```
//!
//! The core is pure: the same [`tree::Files`] give the same bytes, offline.

pub use pleach_helm as helm;
pub use pleach_helm::chart;
#[cfg(feature = "cli")]
pub use pleach_helm::fetch;
pub use pleach_kube::{diff, object, patch, retention, schema, secret, validate};
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
pub mod engine;
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
pub mod krm;
pub mod workspace_diff;
#[cfg(feature = "cli")]
pub mod report;
#[cfg(feature = "cli")]
pub mod disk;
#[cfg(feature = "cli")]
pub mod lsp;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use compare::{Claim, Origin, Origins, ValueFiles};
use compose::Exports;
use engine::ENGINES;
use layout::{Output, claim_folder};
pub use load::Scope;
pub use observer::{Event, Observer};
use remote::WithRemotes;

use diag::Diagnostics;
use tree::{Files, ReadSet, Recorded, Tree, TreePath};

/// Options of a compilation.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The environments and claims to render.
    pub scope: Scope,
    /// Archives of charts, by digest.
    pub cache: Option<chart::Cache>,
    /// For comparisons, which build the bytes anyway: skips the proof and, for a part of the workspace, the base, so that its
    /// folders contain complete objects instead of patches.
    pub skip_proof: bool,
    /// For callers that only need the files: the objects of an environment are dropped when its files are proven, so `origins` is
    /// empty and memory is bounded by the largest environment.
    pub skip_objects: bool,
    /// For queries on where values come from: templates record here what they read. The tree is the same.
    pub trace: Option<template::Trace>,
    /// For checks: also collects the known definitions and objects of each environment's cluster.
    pub with_clusters: bool,
    /// Results that an earlier compilation with the same options has stored for this one.
    pub template_cache: template::TemplateCache,
    /// Is notified of each stage of a compilation and of the work on each environment.
    pub observer: Observer,
    /// The path of the workspace below the top of its Git repository, to compare with `sync.path`; `None` if unknown.
    pub path_in_repository: Option<TreePath>,
}

/// A workspace's tree, and the diagnostics and other results of the compilation.
#[derive(Debug, Default)]
pub struct Compiled {
    /// The files to be written, by their paths below the output folder. Empty if there are errors.
    pub tree: Tree,
    /// The output folder, relative to the workspace; `None` if `pleach.yaml` could not be read.
    pub output: Option<TreePath>,
    /// Folders and files of the tree that belong to the requested environments although their paths do not contain their names.
    pub shared_paths: Vec<TreePath>,
    /// The claim that each folder of the tree was rendered from.
    pub origins: Origins,
    /// Every file and folder that the result depends on.
    pub read_set: ReadSet,
    /// What was compiled: the requested scope, with environments completed if an overlay may mix their claims.
    pub scope: Scope,
    /// The base folders that were compiled.
    pub bases: Vec<&'static str>,
    /// For partially compiled environments: the properties of claims that the rest depends on.
    pub exports: BTreeMap<(String, String), Exports>,
    /// The known definitions and objects of each environment's cluster, if requested.
    pub clusters: BTreeMap<String, check::Cluster>,
    /// The number of claims of the environments; those of base count in each.
    pub claims: usize,
    /// The required charts that are not in the workspace.
    pub requests: Vec<chart::Request>,
    /// Whether a run of the whole workspace would have nothing more to check.
    pub is_conclusive: bool,
    /// Further files that it covers, if it is a shard of the workspace.
    pub shard: Option<shard::Coverage>,
    /// Errors, warnings and notes, sorted by location.
    pub diagnostics: Diagnostics,
}

impl Compiled {
    /// Whether a file of the output folder belongs to the compiled scope: other files are neither compared nor removed.
    pub fn covers(&self, file: &TreePath) -> bool {
        match &self.shard {
            Some(shard) if self.tree.get(file).is_some() || shard.covers(file) => return true,
            Some(shard) if shard.environments().is_empty() => return false,
            _ => {}
        }
        if self.scope.is_whole() {
            return true;
        }
        let is_location = |it: &TreePath| file == it || file.below(it).is_some();
        if self.tree.get(file).is_some() || self.shared_paths.iter().any(is_location) {
            return true;
        }
        // Files that several claims share are listed separately.
        let Some((folder, claim)) = Output::owner(file) else {
            return false;
        };
        match claim {
            Some(claim) if ENGINES.is_base(folder) => {
                self.bases.contains(&folder) && self.scope.has_base_claim(claim)
            }
            Some(claim) => self.scope.has(folder) && self.scope.has_claim(folder, claim),
            None => self.scope.has(folder) && !self.scope.is_partial(folder),
        }
    }

    /// The part of an existing tree that it covers.
    pub fn covered(&self, existing: Tree) -> Tree {
        let files = existing.iter().filter(|it| self.covers(it.0));
        files
            .map(|(path, bytes)| (path.clone(), bytes.clone()))
            .collect()
    }
}

/// Compiles the workspace at the root of `files` to its tree.
///
/// A pure function: the same files and options give the same bytes. All errors are reported at once; with any error the tree is
/// empty, so that a partial tree is never written.
pub fn compile(files: &dyn Files, options: &Options) -> Compiled {
    let files = Recorded::new(files);
    let scope = widen_scope(&files, &options.scope);
    compile_scope(files, scope, options, true)
}

/// Compiles exactly a scope, in which environments are complete if their claims cannot be rendered separately.
fn compile_scope(
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
    let reading = load::Options {
        cache,
        trace: options.trace.clone(),
        template_cache: options.template_cache.clone(),
        ..load::Options::new(&ENGINES, &scope)
    };
    let (output, composed) = match load::load(&with_remotes, reading, &mut diagnostics) {
        Some(mut workspace) => {
            if options.skip_proof && !scope.is_whole() {
                workspace.bases.clear();
            }
            let files = &with_remotes;
            let (config, environments) = (&workspace.config, &workspace.environments);
            let path = options.path_in_repository.as_ref();
            diagnostics.extend(load::check_sync_path(config, environments, path));
            let composed = pipeline::run(files, &workspace, options, is_proven, &mut diagnostics);
            requests = workspace.charts.requests();
            workspace.templates.store_cached(&options.template_cache);
            (Some(workspace.config.output.clone()), composed)
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
        shared_paths: composed.shared_paths,
        origins: composed.origins.into_iter().collect(),
        read_set: files.finish(),
        scope,
        bases: composed.bases,
        exports: composed.exports,
        clusters: composed.clusters,
        claims: composed.claims,
        requests,
        is_conclusive: composed.is_conclusive,
        shard: None,
        diagnostics,
    }
}

/// Compiles the part in `scope` of two states of a workspace; `None` for a state that has none of its environments.
///
/// If only some claims of an environment are requested, the rest must be unchanged. If properties that the rest depends on differ
/// between the two states, the whole environment is compiled.
pub fn compile_both(sides: [&dyn Files; 2], options: &Options) -> [Option<Compiled>; 2] {
    compile_to(sides, options, true)
}

/// Like [`compile_both`], but without proving the first state.
pub fn compile_change(sides: [&dyn Files; 2], options: &Options) -> [Option<Compiled>; 2] {
    compile_to(sides, options, false)
}

fn compile_to(
    sides: [&dyn Files; 2],
    options: &Options,
    is_first_proven: bool,
) -> [Option<Compiled>; 2] {
    let scope = sides.iter().fold(options.scope.clone(), |scope, side| {
        widen_scope(*side, &scope)
    });
    let compiled = compile_sides(sides, &scope, options, is_first_proven);
    let exports = |environment: &String| {
        compiled.each_ref().map(|it| {
            let all = it.iter().flat_map(|it| &it.exports);
            let own = all.filter(|it| it.0.0 == *environment);
            own.collect::<Vec<_>>()
        })
    };
    let has_changed = |it: &&String| matches!(exports(it), [before, after] if before != after);
    let changed: Vec<String> = scope.claims.keys().filter(has_changed).cloned().collect();
    if changed.is_empty() {
        return compiled;
    }
    let mut scope = scope;
    changed.iter().for_each(|it| drop(scope.claims.remove(it)));
    compile_sides(sides, &scope, options, is_first_proven)
}

/// Extends a scope so that environments are rendered completely if their claims cannot be rendered separately.
fn widen_scope(files: &dyn Files, scope: &Scope) -> Scope {
    if scope.claims.is_empty() {
        return scope.clone();
    }
    let scope = load::widen_for_lookups(files, scope);
    compose::widen_for_overlays(files, &scope)
}

fn compile_sides(
    sides: [&dyn Files; 2],
    scope: &Scope,
    options: &Options,
    is_first_proven: bool,
) -> [Option<Compiled>; 2] {
    let compile_side = |files: &dyn Files, is_proven: bool| {
        let existing = load::environments(files);
        let mut scope = scope.clone();
        scope.environments.retain(|it| existing.contains(it));
        scope.claims.retain(|name, _| existing.contains(name));
        (!scope.is_whole()).then(|| {
            let files = Recorded::new(files);
            compile_scope(files, scope, options, is_proven)
        })
    };
    // One after the other, because the second compilation reuses templates of the first one.
    let [before, after] = sides;
    let before = compile_side(before, is_first_proven);
    [before, compile_side(after, true)]
}

/// The result of rendering some claims separately.
#[derive(Debug, Default)]
pub struct CheckedClaims {
    /// The objects of each claim, by environment. The folder of a claim is that of the tree.
    pub origins: Origins,
    /// The CRDs that each claim of each environment installs and needs.
    pub capabilities: Vec<ClaimCapabilities>,
    /// Diagnostics on the claims and their objects.
    pub diagnostics: Diagnostics,
}

/// The CRDs that a claim installs and needs.
#[derive(Debug)]
pub struct ClaimCapabilities {
    /// The name of the environment.
    pub environment: String,
    /// The name of the claim.
    pub claim: String,
    /// The names of the CRDs that it installs.
    pub provides: BTreeSet<String>,
    /// The names of the CRDs that it needs.
    pub requires: BTreeSet<String>,
}

/// Renders claims for an editor: without overlays, without the proof, and without the checks of a whole environment. With a closed
/// scope, the time only depends on its claims and not on the rest of the workspace.
pub fn check_claims(files: &dyn Files, options: &Options) -> CheckedClaims {
    let mut diagnostics = Diagnostics::default();
    let reading = load::Options {
        cache: options.cache.clone(),
        ..load::Options::new(&ENGINES, &options.scope)
    };
    let loaded = load::load(files, reading, &mut diagnostics);
    let Some(workspace) = loaded else {
        return CheckedClaims {
            diagnostics: secret::conceal(diagnostics),
            ..CheckedClaims::default()
        };
    };
    let resolution = resolve::resolve(&workspace, &mut diagnostics);
    let environments = pipeline::deliver_all(&workspace, &resolution, &mut diagnostics);
    let delivered = environments.iter().flat_map(|it| {
        let environment = it.environment;
        it.deliveries
            .iter()
            .map(|it| delivered_origin(environment, it))
    });
    let origins: Origins = delivered.collect();
    if options.with_clusters {
        let mut clusters = pipeline::clusters(files, &workspace, &environments);
        pipeline::add_charts(
            &mut clusters,
            origins.iter(),
            &[],
            files,
            &workspace,
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
    CheckedClaims {
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
        .chain(delivery.prerequisites.iter().cloned());
    let origin = Origin {
        environment: Some(environment.name.clone()),
        claim: Arc::new(Claim {
            title: delivery.title.clone(),
            owner: delivery.owner.clone(),
            span: Some(delivery.span.clone()),
        }),
        objects: objects.collect(),
        value_files: ValueFiles::Inputs,
    };
    (folder, origin)
}

/// The charts that a workspace requires, and the errors of claims that could not be rendered far enough to know theirs.
///
/// A missing chart is also such an error, because its values may require further charts.
pub fn charts(files: &dyn Files, options: &Options) -> (Vec<chart::Request>, Diagnostics) {
    let mut diagnostics = Diagnostics::default();
    let reading = load::Options {
        cache: options.cache.clone(),
        ..load::Options::new(&ENGINES, &options.scope)
    };
    let loaded = load::load(files, reading, &mut diagnostics);
    let requests = loaded.map(|workspace| {
        let resolution = resolve::resolve(&workspace, &mut diagnostics);
        pipeline::deliver_all(&workspace, &resolution, &mut diagnostics);
        if !diagnostics.has_errors() {
            diagnostics.extend(delivery::unused_pins(&workspace.charts));
        }
        workspace.charts.requests()
    });
    diagnostics.sort_and_dedup();
    (requests.unwrap_or_default(), diagnostics)
}
