#![allow(
    clippy::disallowed_methods,
    reason = "the result is written to where the user says"
)]
//! `pleach build`: the output of `kustomize build`, with kustomize's own flags.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};

use super::template::Major;
use super::{Global, Outcome, Strict, cache, output, session};
use pleach::chart::{Charts, LOCK};
use pleach::disk::{self, Folder, find_upwards};
use pleach::inflate::Inflater;
use pleach::kustomize::remote::{RemoteBase, mount};
use pleach::kustomize::{self, Built, LoadRestriction, Options, Reorder};
use pleach::load::charts_of;
use pleach::object::Object;
use pleach::remote::WithRemotes;
use pleach::schema::Schemas;
use pleach::tree::{EntryKind, Files, TreePath};
use pleach::yaml::emit_kustomize;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The folder of the kustomization, or the address of a remote one that `pleach vendor` has pinned
    #[arg(value_name = "PATH", default_value = ".")]
    path: PathBuf,
    /// Write to this file, or one file per object into an existing folder
    #[arg(short, long, value_name = "FILE|DIR")]
    output: Option<PathBuf>,
    /// Which files a kustomization may load
    #[arg(long, value_name = "WHICH", default_value = "LoadRestrictionsRootOnly")]
    load_restrictor: LoadRestrictor,
    /// Order of the objects if the kustomization has no `sortOptions`
    #[arg(long, value_name = "ORDER")]
    reorder: Option<Order>,
    /// Add the label app.kubernetes.io/managed-by
    #[arg(long)]
    enable_managedby_label: bool,
    /// A variable for KRM functions; accepted for compatibility without effect, because no functions are run
    #[arg(short, long = "env", value_name = "NAME=VALUE")]
    env: Vec<String>,
    /// Render the Helm charts of the kustomization
    #[arg(long)]
    enable_helm: bool,
    /// Kubernetes version for charts, unless the kustomization sets one
    #[arg(long, value_name = "VERSION")]
    helm_kube_version: Option<String>,
    /// API version available to charts, unless the kustomization sets any (repeatable)
    #[arg(long, value_name = "VERSION")]
    helm_api_versions: Vec<String>,
    /// The major version of Helm to behave as, where 3 and 4 differ
    #[arg(long, value_name = "MAJOR", default_value = "4")]
    helm_version: Major,
    #[command(flatten)]
    foreign: Foreign,
}

/// Flags of kustomize that would run other programs or access the network.
#[derive(Debug, Args)]
struct Foreign {
    #[arg(long, hide = true)]
    enable_alpha_plugins: bool,
    #[arg(long, hide = true)]
    enable_exec: bool,
    #[arg(long, hide = true)]
    enable_star: bool,
    #[arg(long, hide = true)]
    network: bool,
    #[arg(long, hide = true)]
    helm_command: Option<String>,
    #[arg(long, hide = true)]
    helm_debug: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum LoadRestrictor {
    #[value(name = "LoadRestrictionsRootOnly")]
    RootOnly,
    #[value(name = "LoadRestrictionsNone")]
    None,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Order {
    Legacy,
    None,
}

pub(super) fn run(arguments: &Arguments, global: &Global) -> Result<Outcome> {
    refuse_foreign(arguments)?;
    let current = session::directory(global)?;
    let remote = remote(&arguments.path, &current);
    let target = match remote {
        Some(_) => current.canonicalize()?,
        None => local(&arguments.path, &current)?,
    };
    // Bases may be anywhere; the engine decides what a kustomization may read.
    let files = Folder::open(Path::new("/"))?;
    let options = options(arguments, global);
    let pinning = pinning_folder(global, &target)?;
    let files = WithRemotes::new(&files, tree_path(&pinning)?, cache::open(global));
    let path = match &remote {
        Some(base) => pinned(base, &arguments.path, &files)?,
        None => tree_path(&target)?,
    };
    let mut built = match arguments.enable_helm {
        true => {
            let pinned = Folder::open(&pinning)?;
            let charts = charts(global, &pinned)?;
            let inflater = inflater(arguments, &charts);
            kustomize::build_with_charts(&files, &path, &options, &inflater)
        }
        false => kustomize::build(&files, &path, &options),
    };
    built.diagnostics.extend(files.diagnostics());
    let display = |path: &TreePath| {
        session::relative_path(&Path::new("/").join(path.as_str()), &current, path)
    };
    let outcome = session::report(&built.diagnostics, global, &display);
    if outcome == Outcome::Findings {
        return Ok(outcome);
    }
    // Objects that cannot be printed are reported before anything is written.
    let text = match built.to_yaml() {
        Ok(text) => text,
        Err(faults) => return Ok(session::report(&faults, global, &display)),
    };
    write(&built, &text, arguments.output.as_deref(), &current)?;
    // The process ends here, so the memory is not freed object by object, which would take longer.
    std::mem::forget(built);
    Ok(Outcome::Clean)
}

/// Writes the objects to standard output, a file, or files of a folder.
fn write(built: &Built, text: &str, output: Option<&Path>, current: &Path) -> Result<()> {
    match output.map(|it| current.join(it)) {
        Some(folder) if folder.is_dir() => write_each(built, &folder),
        Some(file) => {
            let _shared = file.parent().map(disk::Lock::share);
            Ok(disk::store(&file, text.as_bytes())?)
        }
        None => output::data(text.as_bytes()),
    }
}

/// The remote address to build, if it is not a folder.
fn remote(path: &Path, current: &Path) -> Option<RemoteBase> {
    let base = path.to_str().and_then(RemoteBase::parse);
    base.filter(|_| !current.join(path).exists())
}

/// The folder that is built.
fn local(path: &Path, current: &Path) -> Result<PathBuf> {
    let target = current.join(path).canonicalize();
    let target = target.with_context(|| format!("cannot read `{}`", path.display()))?;
    if !target.is_dir() {
        bail!(
            "`{}` is a file; name the folder of the kustomization",
            path.display()
        );
    }
    Ok(target)
}

/// The folder of a remote base, if it is pinned or in the cache.
fn pinned(base: &RemoteBase, path: &Path, files: &dyn Files) -> Result<TreePath> {
    let mount = mount(&base.address());
    let name = path.display();
    if !matches!(files.kind(&mount), Ok(Some(EntryKind::Folder))) {
        bail!(
            "`{name}` is not pinned, and a build does not fetch anything; list it under `resources` of a kustomization and run `pleach vendor`"
        );
    }
    let folder = TreePath::new(base.folder.trim_matches('/')).map(|it| mount.join(&it));
    let is_there = |it: &TreePath| matches!(files.kind(it), Ok(Some(EntryKind::Folder)));
    folder.filter(is_there).with_context(|| {
        format!(
            "folder `{}` is not among the pinned files of `{name}`; list `{name}` under `resources` of a kustomization and run `pleach vendor`",
            base.folder
        )
    })
}

/// The folder with the `pleach.lock` for the kustomization: the enclosing workspace, otherwise the nearest folder with a lock.
pub(super) fn pinning_folder(global: &Global, target: &Path) -> Result<PathBuf> {
    let session = session::Session::find_from(global, target)?;
    let workspace = session.map(|it| it.root);
    let lock = || find_upwards(target, LOCK);
    Ok(workspace
        .or_else(lock)
        .unwrap_or_else(|| target.to_path_buf()))
}

pub(super) fn tree_path(folder: &Path) -> Result<TreePath> {
    let path = folder.to_str();
    let path = path.and_then(|it| TreePath::new(it.trim_start_matches('/')));
    path.with_context(|| format!("`{}` is not valid UTF-8", folder.display()))
}

/// The charts that a lock pins.
pub(super) fn charts<'a>(global: &Global, files: &'a Folder) -> Result<Charts<'a>> {
    charts_of(files, cache::open(global)).map_err(|faults| {
        let first = faults.iter().next().map_or("", |it| it.message.as_str());
        anyhow::anyhow!("cannot read the pinned charts: {first}")
    })
}

/// The renderer of charts from the chart home and of pinned charts.
fn inflater<'a>(arguments: &Arguments, charts: &'a Charts<'a>) -> Inflater<'a> {
    Inflater::new(
        arguments.helm_version.into(),
        arguments.helm_kube_version.as_deref().unwrap_or_default(),
        &arguments.helm_api_versions,
        Some(charts),
    )
}

fn options(arguments: &Arguments, global: &Global) -> Options {
    Options {
        load_restriction: match arguments.load_restrictor {
            LoadRestrictor::RootOnly => LoadRestriction::RootOnly,
            LoadRestrictor::None => LoadRestriction::None,
        },
        reorder: match arguments.reorder {
            None => Reorder::Unspecified,
            Some(Order::Legacy) => Reorder::Legacy,
            Some(Order::None) => Reorder::None,
        },
        managed_by_label: arguments.enable_managedby_label,
        unreferenced_files: global.strict == Some(Strict::Files),
        ..Options::default()
    }
}

fn refuse_foreign(arguments: &Arguments) -> Result<()> {
    let Foreign {
        enable_alpha_plugins,
        enable_exec,
        enable_star,
        network,
        ref helm_command,
        helm_debug,
    } = arguments.foreign;
    if helm_command.is_some() || helm_debug {
        bail!(
            "`--helm-command` and `--helm-debug` are not supported: pleach renders charts itself"
        );
    }
    if enable_alpha_plugins || enable_exec || enable_star || network {
        bail!(
            "a build does not run other programs and does not use the network; commit the output of the plugin or function as a resource"
        );
    }
    Ok(())
}

/// One file per object, named as in kustomize: `[<namespace>_][<group>_]<version>_<kind>_<name>.yaml`.
fn write_each(built: &Built, folder: &Path) -> Result<()> {
    let is_cluster_scoped =
        |object: &Object| Schemas::builtin().is_cluster_scoped(&object.gvk()) == Some(true);
    let namespace = |object: &Object| {
        if object.namespace().is_empty() {
            "default".to_string()
        } else {
            object.namespace().to_lowercase()
        }
    };
    let namespaced = built
        .objects
        .iter()
        .filter(|it| !is_cluster_scoped(it))
        .map(namespace);
    let several = namespaced.collect::<std::collections::BTreeSet<_>>().len() > 1;
    let mut files = BTreeMap::new();
    for object in &built.objects {
        let gvk = object.gvk();
        let parts = [&*gvk.group, &*gvk.version, &*gvk.kind, object.name()];
        let name = parts
            .iter()
            .filter(|it| !it.is_empty())
            .copied()
            .collect::<Vec<_>>()
            .join("_")
            .to_lowercase();
        let prefix = if several && !is_cluster_scoped(object) {
            format!("{}_", namespace(object))
        } else {
            String::new()
        };
        let document =
            emit_kustomize(&object.node).map_err(|fault| anyhow::anyhow!("{}", fault.message))?;
        files.insert(format!("{prefix}{name}.yaml"), document);
    }
    let _shared = disk::Lock::share(folder);
    for (name, document) in files {
        disk::store(&folder.join(name.replace('/', "-")), document.as_bytes())?;
    }
    Ok(())
}
