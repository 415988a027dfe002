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

pub mod tree;
pub mod diag;
pub mod yaml;
pub mod object;
pub mod schema;
pub mod template;
pub mod chart;
pub mod patch;
pub mod kustomize;
pub mod diff;
pub mod compare;
pub mod load;
pub mod resolve;
pub mod render;
pub mod delivery;
pub mod compose;
pub mod prove;
pub mod emit;
pub mod affected;
#[cfg(feature = "cli")]
pub mod report;
#[cfg(feature = "cli")]
pub mod disk;
#[cfg(feature = "cli")]
pub mod cli;

use std::collections::BTreeMap;

use compose::{Composition, Delivered, Interface};
pub use load::Scope;

use diag::{Diagnostics, each};
use tree::{Files, ReadSet, Recorded, Tree, TreePath};

/// What to compile.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// What to render.
    pub scope: Scope,
    /// Archives of charts, by digest.
    pub cache: Option<chart::Cache>,
    /// Leaves the proof out, for who builds the written bytes anyway.
    pub without_proof: bool,
}

/// A workspace's tree, and all that was found on the way to it.
#[derive(Debug, Default)]
pub struct Compiled {
    /// The files to be written, by their paths below the output folder. Empty where there are errors.
    pub tree: Tree,
    /// The output folder, relative to the workspace; `None` where `pleach.yaml` could not be read.
    pub output: Option<TreePath>,
    /// What was read.
    pub read_set: ReadSet,
    /// What was compiled: what was asked for, and all of an environment where an overlay may mix its claims.
    pub scope: Scope,
    /// What the rest of an environment sees of the claims of it that were compiled without the rest.
    pub interfaces: BTreeMap<(String, String), Interface>,
    /// The charts that were asked for.
    pub charts: Vec<chart::Request>,
    /// What is to be said.
    pub diagnostics: Diagnostics,
}

/// Compiles the workspace at the root of `files` to its tree.
///
/// A pure function: the same files and options give the same bytes. All faults of a run are found at once; with any error
/// the tree is empty, so that half of one is never written.
pub fn compile(files: &dyn Files, options: &Options) -> Compiled {
    let files = Recorded::new(files);
    let mut diagnostics = Diagnostics::default();
    let cache = options.cache.clone();
    let scope = compose::whole_under_overlays(&files, &options.scope);
    let builtin = template::builtin();
    let (output, charts, composed) =
        match load::load(&files, cache, builtin, &scope, &mut diagnostics) {
            Some(repository) => {
                let composed = run(&files, &repository, options, &mut diagnostics);
                let output = repository.workspace.output.clone();
                (Some(output), repository.charts.requests(), composed)
            }
            None => (None, Vec::new(), None),
        };
    diagnostics.tidy();
    let (tree, interfaces) = composed
        .filter(|_| !diagnostics.has_errors())
        .unwrap_or_default();
    Compiled {
        tree,
        output,
        read_set: files.finish(),
        scope,
        interfaces,
        charts,
        diagnostics,
    }
}

/// Compiles two states of a workspace, of each only what `scope` asks for and the state has; `None` where that is nothing.
///
/// Of an environment of which only some claims are asked for, the rest has to come to the same on both sides. It does unless they
/// turn another face to it, and then the whole environment is compiled.
pub fn compile_both(sides: [&dyn Files; 2], options: &Options) -> [Option<Compiled>; 2] {
    let scope = sides.iter().fold(options.scope.clone(), |scope, side| {
        compose::whole_under_overlays(*side, &scope)
    });
    let compiled = compile_sides(sides, &scope, options);
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
    compile_sides(sides, &scope, options)
}

fn compile_sides(
    sides: [&dyn Files; 2],
    scope: &Scope,
    options: &Options,
) -> [Option<Compiled>; 2] {
    let one = |files: &dyn Files| {
        let there = load::environments(files);
        let mut scope = scope.clone();
        scope.environments.retain(|it| there.contains(it));
        scope.claims.retain(|name, _| there.contains(name));
        let options = Options {
            scope,
            ..options.clone()
        };
        (!options.scope.is_whole()).then(|| compile(files, &options))
    };
    let [before, after] = sides;
    let (before, after) = rayon::join(|| one(before), || one(after));
    [before, after]
}

/// A tree, and the interfaces of claims that are without the rest of their environment.
type Composed = (Tree, BTreeMap<(String, String), Interface>);

fn run(
    files: &dyn Files,
    repository: &load::Repository<'_>,
    options: &Options,
    diagnostics: &mut Diagnostics,
) -> Option<Composed> {
    let resolution = resolve::resolve(repository, diagnostics);
    let base = deliver(repository, &resolution.base, diagnostics);
    let environments = each(
        &resolution.environments,
        diagnostics,
        |resolved, diagnostics| deliver(repository, resolved, diagnostics),
    );
    if diagnostics.has_errors() {
        return None;
    }
    if options.scope.is_whole() {
        diagnostics.extend(delivery::unused_pins(&repository.charts));
    }
    let composition = compose::compose(
        files,
        &repository.workspace,
        base,
        environments,
        diagnostics,
    );
    let tree = sign(&composition);
    if !diagnostics.has_errors() && !options.without_proof {
        prove::prove(&tree, &composition.expected, diagnostics);
    }
    Some((tree, composition.interfaces))
}

fn deliver<'a>(
    repository: &load::Repository<'_>,
    resolved: &resolve::Resolved<'a>,
    diagnostics: &mut Diagnostics,
) -> Delivered<'a> {
    let environment = resolved.environment;
    let manifests = render::render(&resolved.instances, &repository.templates, diagnostics);
    let deliveries = manifests.iter().map(|it| {
        let engine = environment.engine;
        let (workspace, charts) = (&repository.workspace, &*repository.charts);
        delivery::lower(it, engine, workspace, charts, diagnostics)
    });
    Delivered {
        environment,
        deliveries: deliveries.collect(),
        is_partial: repository.scope.is_partial(&environment.name),
    }
}

/// Puts the ownership line into each file.
fn sign(composition: &Composition) -> Tree {
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
