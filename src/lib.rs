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
pub mod emit;
pub mod topology;
pub mod danger;
pub mod compare;
pub mod load;
pub mod resolve;
pub mod render;
pub mod delivery;
pub mod compose;
pub mod prove;
pub mod promote;
pub mod matrix;
pub mod case;
#[cfg(feature = "cli")]
pub mod report;
#[cfg(feature = "cli")]
pub mod disk;
#[cfg(feature = "cli")]
pub mod net;
#[cfg(feature = "cli")]
pub mod cli;

use std::sync::Arc;

use compare::{Claim, Origin, Origins};
use compose::{Composition, Data, Delivered, Expected, Form};
use diag::{Diagnostics, each};
use tree::{Files, ReadSet, Recorded, Tree, TreePath};

/// What to compile.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The environments to render; all of them where none is named.
    pub environments: Vec<String>,
    /// Archives of charts, by digest.
    pub cache: Option<chart::Cache>,
}

/// A workspace's tree, and all that was found on the way to it.
#[derive(Debug)]
pub struct Compiled {
    /// The files to be written, by their paths below the output folder. Empty where there are errors.
    pub tree: Tree,
    /// The output folder, relative to the workspace; `None` where `pleach.yaml` could not be read.
    pub output: Option<TreePath>,
    /// Folders and files of the tree that belong to the environments asked for, though their paths don't name these.
    pub places: Vec<TreePath>,
    /// Which claim each folder of the tree came from.
    pub origins: Origins,
    /// What was read.
    pub read_set: ReadSet,
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
    let builtin = template::builtin();
    let cache = options.cache.clone();
    let mut origins = Vec::new();
    let ((tree, places), output) = match load::load(&files, cache, &builtin, &mut diagnostics) {
        Some(repository) => (
            run(&files, &repository, options, &mut origins, &mut diagnostics),
            Some(repository.workspace.output.clone()),
        ),
        None => (Default::default(), None),
    };
    diagnostics.tidy();
    Compiled {
        tree: if diagnostics.has_errors() {
            Tree::new()
        } else {
            tree
        },
        output,
        places,
        origins: origins.into_iter().collect(),
        read_set: files.finish(),
        diagnostics,
    }
}

fn run(
    files: &dyn Files,
    repository: &load::Repository<'_>,
    options: &Options,
    origins: &mut Vec<(TreePath, Origin)>,
    diagnostics: &mut Diagnostics,
) -> (Tree, Vec<TreePath>) {
    let resolution = resolve::resolve(repository, &options.environments, diagnostics);
    let (bases, environments) = deliver_all(repository, &resolution, diagnostics);
    if diagnostics.has_errors() {
        return Default::default();
    }
    if options.environments.is_empty() {
        diagnostics.extend(delivery::unused_pins(&repository.charts));
    }
    let input = compose::Input {
        is_whole: environments.len() == repository.environments.len(),
        bases,
        environments,
    };
    let composition = compose::compose(files, &repository.workspace, input, diagnostics);
    let tree = sign(&composition);
    if !diagnostics.has_errors() {
        prove::prove(&tree, &composition, diagnostics);
    }
    *origins = origins_of(composition.expected, composition.data);
    (tree, composition.places)
}

/// The charts that a workspace asks for, and what kept claims from being rendered far enough to ask.
///
/// A chart that is not at hand is such a fault too: what its values would ask for is not known yet.
pub fn charts(files: &dyn Files, options: &Options) -> (Vec<chart::Request>, Diagnostics) {
    let mut diagnostics = Diagnostics::default();
    let cache = options.cache.clone();
    let loaded = load::load(files, cache, &template::builtin(), &mut diagnostics);
    let requests = loaded.map(|repository| {
        let resolution = resolve::resolve(&repository, &options.environments, &mut diagnostics);
        deliver_all(&repository, &resolution, &mut diagnostics);
        if !diagnostics.has_errors() {
            diagnostics.extend(delivery::unused_pins(&repository.charts));
        }
        repository.charts.requests()
    });
    diagnostics.tidy();
    (requests.unwrap_or_default(), diagnostics)
}

fn deliver_all<'a>(
    repository: &load::Repository<'_>,
    resolution: &resolve::Resolution<'a>,
    diagnostics: &mut Diagnostics,
) -> (Vec<Delivered<'a>>, Vec<Delivered<'a>>) {
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

/// What a folder must build to says also what it came from; what stands beside others, as ApplicationSets do, came from many.
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
    repository: &load::Repository<'_>,
    resolved: &resolve::Resolved<'a>,
    diagnostics: &mut Diagnostics,
) -> Delivered<'a> {
    let environment = resolved.environment;
    let manifests = render::render(&resolved.instances, &repository.templates, diagnostics);
    let deliveries = manifests.iter().map(|it| {
        let (workspace, charts) = (&repository.workspace, &*repository.charts);
        delivery::lower(it, environment, workspace, charts, diagnostics)
    });
    Delivered {
        environment,
        deliveries: deliveries.collect(),
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
