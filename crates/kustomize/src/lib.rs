//! The engine: produces the output of `kustomize build` 5.8.2, byte for byte, as a pure function of files.
//!
//! ```
//! use pleach_kustomize::{Options, build};
//! use pleach_yaml::tree::{Tree, TreePath};
//!
//! let files = Tree::from_text("\
//! -- app/kustomization.yaml --
//! namePrefix: test-
//! resources: [config.yaml]
//! -- app/config.yaml --
//! apiVersion: v1
//! kind: ConfigMap
//! metadata: {name: colours}
//! data: {sky: blue}
//! ");
//! let built = build(&files, &TreePath::new("app").unwrap(), &Options::default());
//! assert_eq!(built.to_yaml().unwrap(), "\
//! apiVersion: v1
//! data:
//!   sky: blue
//! kind: ConfigMap
//! metadata:
//!   name: test-colours
//! ");
//! ```
//!
//! After a kustomization is parsed, its entries are built first, then its generators and transformers run; hashes, references to
//! changed names and the order come last, once, on the outermost level. Charts are rendered by the caller of
//! [`build_with_charts`]. Features that would run another program (functions, Go plugins) are rejected, with a help text. Remote bases
//! and files are read at the path of [`remote::mount`], where the caller provides them; nothing is fetched. The engine does not depend on
//! claims, and writes nothing back.

mod accumulate;
mod base64;
mod bases;
mod charts;
mod config;
mod crds;
mod defaults;
mod duplicates;
mod fieldspec;
mod finish;
mod generate;
mod hash;
mod json;
mod kustomization;
mod limits;
mod load;
mod internal_annotations;
mod openapi;
mod origin;
mod parsed;
mod path;
mod pattern;
mod plugins;
mod record;
mod references;
pub mod remote;
mod resource;
mod resources;
mod selector;
mod shared;
mod sort;
mod structured;
mod transform;
mod vars;

pub use bases::Bases;
pub use charts::{ChartInflation, ChartReference, ChartRenderer};
pub use kustomization::FILE_NAMES;
pub use parsed::ParsedFiles;

use std::sync::Arc;

use pleach_kube::object::Object;
use pleach_kube::patch::set_emitted_form;
use pleach_kube::schema::Schemas;
use pleach_kube::secret::conceal;
use pleach_yaml::diag::{Diagnostic, Diagnostics, Source, Span};
use pleach_yaml::parallel;
use pleach_yaml::tree::{EntryKind, Files, ReadSet, Recorded, TreePath};
use pleach_yaml::{Node, emit_kustomize};

use accumulate::{Accumulated, Context, Failed, KustomizationFrame};
use kustomization::Kustomization;
use load::Loader;
use resource::Resource;
use resources::Resources;

/// The version of kustomize whose output the engine reproduces.
pub const KUSTOMIZE_VERSION: &str = "5.8.2";

/// The value of the managed-by label.
const VERSION: &str = "kustomize-v5.8.2";

/// The flags of `kustomize build`, and options for programs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The folders from which a kustomization may read files.
    pub load_restriction: LoadRestriction,
    /// The order of the result, if the kustomization has no `sortOptions`.
    pub reorder: Reorder,
    /// Adds the label `app.kubernetes.io/managed-by`.
    pub managed_by_label: bool,
    /// Ignores a strategic merge patch whose resource does not exist, instead of reporting an error.
    pub ignore_unmatched_patches: bool,
    /// Warns about files in a kustomization's folder that nothing refers to.
    pub unreferenced_files: bool,
    /// If charts are not rendered: adds an object with all inputs of each chart to the result, for comparisons of two builds.
    pub charts_as_objects: bool,
    /// Fields of the outermost kustomization to ignore.
    pub ignored_fields: Vec<String>,
}

/// From where a kustomization may read files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LoadRestriction {
    /// From its own folder and below.
    #[default]
    RootOnly,
    /// From anywhere, as `--load-restrictor LoadRestrictionsNone` allows.
    None,
}

/// The order of the result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reorder {
    /// kustomize's default: the legacy order.
    #[default]
    Unspecified,
    /// By kind, then by name.
    Legacy,
    /// As they were added.
    None,
}

/// The result of a build.
#[derive(Clone, Debug)]
pub struct Built {
    /// The objects in order; empty if there are errors.
    pub objects: Vec<Object>,
    /// Everything that the result depends on.
    pub read_set: ReadSet,
    /// Errors, warnings and notes.
    pub diagnostics: Diagnostics,
}

impl Built {
    /// The objects as `kustomize build` prints them.
    pub fn to_yaml(&self) -> Result<String, Diagnostics> {
        let mut text = String::new();
        let mut faults = Diagnostics::default();
        let documents = parallel::map(parallel::MANY, &self.objects, |it| emit_kustomize(&it.node));
        for (at, document) in documents.into_iter().enumerate() {
            if at > 0 {
                text.push_str("---\n");
            }
            match document {
                Ok(document) => text.push_str(&document),
                Err(fault) => faults.push(fault),
            }
        }
        if faults.is_empty() {
            Ok(text)
        } else {
            Err(faults)
        }
    }
}

/// Builds the kustomization in the folder `path`.
pub fn build(files: &dyn Files, path: &TreePath, options: &Options) -> Built {
    build_over(files, path, Vec::new(), options)
}

/// Builds the kustomization in the folder `path`. Several builds over the same files share parsed files.
pub fn build_sharing(
    files: &dyn Files,
    path: &TreePath,
    options: &Options,
    parsed: &ParsedFiles,
) -> Built {
    let input = Input {
        parsed: Some(parsed),
        ..Input::default()
    };
    run(files, path, input, options)
}

/// Builds the kustomization in the folder `path`. Several builds over the same files share the bases that they include.
pub fn build_on(files: &dyn Files, path: &TreePath, options: &Options, bases: &Bases) -> Built {
    let input = Input {
        bases: Some(bases),
        ..Input::default()
    };
    run(files, path, input, options)
}

/// Builds the kustomization in the folder `path`, including its charts.
pub fn build_with_charts(
    files: &dyn Files,
    path: &TreePath,
    options: &Options,
    charts: &dyn ChartRenderer,
) -> Built {
    let input = Input {
        charts: Some(charts),
        ..Input::default()
    };
    run(files, path, input, options)
}

/// Builds the kustomization in the folder `path` on top of existing objects.
///
/// Each object's mark is carried to the result unchanged, through renames and patches.
pub fn build_over(
    files: &dyn Files,
    path: &TreePath,
    mut initial: Vec<Object>,
    options: &Options,
) -> Built {
    let nodes = initial.iter_mut().map(|it| &mut it.node);
    nodes.for_each(set_emitted_form);
    let input = Input {
        initial,
        ..Input::default()
    };
    run(files, path, input, options)
}

/// Builds a kustomization that is given as a node, as if it were the file of the folder `path`, on top of `initial` objects. For
/// programs that change a kustomization before building it, as Flux and Argo CD do; its spans may be in any file.
///
/// The initial objects are those of a parsed text. [`set_emitted_form`] gives computed objects this form.
pub fn build_given(
    files: &dyn Files,
    path: &TreePath,
    kustomization: &Node,
    initial: Vec<Object>,
    options: &Options,
    charts: Option<&dyn ChartRenderer>,
) -> Built {
    let input = Input {
        given: Some(kustomization),
        initial,
        charts,
        ..Input::default()
    };
    run(files, path, input, options)
}

/// Inputs of a build in addition to files.
#[derive(Default)]
struct Input<'a> {
    /// The outermost kustomization, in place of its file.
    given: Option<&'a Node>,
    initial: Vec<Object>,
    charts: Option<&'a dyn ChartRenderer>,
    parsed: Option<&'a ParsedFiles>,
    bases: Option<&'a Bases>,
}

fn run(files: &dyn Files, path: &TreePath, input: Input<'_>, options: &Options) -> Built {
    let recorded = Recorded::new(files);
    let loader = Loader {
        files: &recorded,
        options,
        target: path,
        parsed: input.parsed,
    };
    let mut context = Context {
        charts: input.charts,
        bases: input.bases,
        ..Context::new(loader, Schemas::builtin().clone())
    };
    let objects = build_all(&mut context, path, input.given, input.initial);
    let Context {
        mut diagnostics,
        entered,
        ..
    } = context;
    let read_set = recorded.finish();
    if options.unreferenced_files && objects.is_ok() {
        let folders = entered
            .files
            .iter()
            .filter(|it| remote::mount_of(&it.path).is_none());
        diagnostics.extend(folders.flat_map(|it| unreferenced(files, it, &read_set)));
    }
    diagnostics.move_outermost();
    Built {
        objects: objects.unwrap_or_default(),
        read_set,
        diagnostics: conceal(diagnostics),
    }
}

/// Files next to a kustomization that seem to belong to it, but were not read.
fn unreferenced(files: &dyn Files, file: &Arc<Source>, read_set: &ReadSet) -> Vec<Diagnostic> {
    let folder = file.path.parent().unwrap_or_else(TreePath::root);
    let entries = files.list(&folder).unwrap_or_default().into_iter();
    let entries = entries.filter(|it| it.kind == EntryKind::File && !it.name.starts_with('.'));
    let data = |name: &str| {
        [".yaml", ".yml", ".json"]
            .iter()
            .any(|it| name.ends_with(it))
    };
    let names = entries.map(|it| it.name).filter(|it| data(it));
    let unread = names.filter(|it| !read_set.files.contains(&folder.child(it)));
    let warning = |name: Box<str>| {
        let message = format!("nothing refers to file `{name}`");
        Diagnostic::warning("unreferenced-file", message)
            .at(Span::new(file, 0..0))
            .help("list it under `resources`, or remove it")
    };
    unread.map(warning).collect()
}

fn build_all(
    context: &mut Context<'_>,
    path: &TreePath,
    given: Option<&Node>,
    initial: Vec<Object>,
) -> Result<Vec<Object>, Failed> {
    let without: Vec<&str> = context
        .loader
        .options
        .ignored_fields
        .iter()
        .map(String::as_str)
        .collect();
    let kustomization = match given {
        Some(node) => {
            let file = path.child(FILE_NAMES[0]);
            Kustomization::read(&file, node, &mut context.diagnostics).ok_or(Failed)?
        }
        None => context.kustomization(path, None)?,
    };
    let kustomization = kustomization.without_fields(&without);
    openapi::enter(context, &kustomization)?;
    context.track = kustomization.fields.build_metadata.span.is_some();
    let mut sum = Accumulated::default();
    for mut object in initial {
        object.node.declare_types();
        let added = sum
            .resources
            .append(Resource::new(object), &context.schemas);
        context.keep(added);
    }
    let level = KustomizationFrame {
        kustomization: &kustomization,
        origin: origin::Origin::default(),
        folders: vec![path.clone()],
        outer_namespace: String::new(),
    };
    let sum = context.accumulate(&level, sum)?;
    let resources: Resources = finish::finish(context, &kustomization, sum)?;
    Ok(resources
        .into_list()
        .into_iter()
        .map(|it| it.object)
        .collect())
}
