#![allow(
    clippy::disallowed_methods,
    reason = "the files that the user names are looked up here"
)]
//! `pleach check PATH…`: the objects in files, folders, kustomizations and standard input.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};

use super::super::build::{charts, pinning_folder, tree_path};
use super::super::session::{self, Session, repository_top};
use super::super::timings::Timings;
use super::super::{Global, Outcome, Strict, cache, output};
use super::{Arguments, demands};
use crate::check::{self, Cluster};
use crate::diag::{Diagnostic, Diagnostics, Source, nearest};
use crate::disk::Folder;
use crate::helm::HelmVersion;
use crate::inflate::Inflater;
use crate::kustomize::{FILE_NAMES, Options};
use crate::layout::{Folder as InputFolder, Input, WORKSPACE, environment_of};
use crate::load::{self, BuiltinPolicies, WorkspaceConfig};
use crate::plain::{Building, Objects, judge};
use crate::remote::WithRemotes;
use crate::report::{Format, counted, printable};
use crate::tree::{Tree, TreePath};
use crate::validate::Catalog;

/// The path that means standard input.
const STANDARD_INPUT: &str = "-";
/// The most that is read of what has no size beforehand.
const TEXT_BYTES_MAX: u64 = 256 << 20;

pub(super) fn check(
    arguments: &Arguments,
    global: &Global,
    timings: Option<&Arc<Timings>>,
) -> Result<Outcome> {
    let begins = |stage: &str| timings.into_iter().for_each(|it| it.begins(stage));
    begins("reading objects");
    let current = session::directory(global)?;
    let places = places(&arguments.paths, &current)?;
    let workspace = workspace(&places, &current, global)?;
    let target = Target::of(arguments, workspace.as_ref(), &places)?;
    let mut objects = Objects::default();
    for place in &places {
        match place {
            Place::Text(source) => objects.add_text(source),
            Place::Path(path) => add(&mut objects, path, &target, global)?,
        }
    }
    objects.report(target.notes());
    begins("checking objects");
    let Target {
        environment,
        cluster,
        ..
    } = &target;
    let found = judge(&objects, environment, cluster, demands(global));
    let outcome = report(&found, workspace.as_ref(), &current, global);
    if global.format == Format::Human && outcome == Outcome::Clean {
        output::status(&summary(&objects, &target));
    }
    // The process ends here: the system takes the memory back faster than a walk through the objects does.
    std::mem::forget(objects);
    Ok(outcome)
}

/// What the user named.
enum Place {
    /// A file or folder.
    Path(PathBuf),
    /// Standard input, or a pipe.
    Text(Arc<Source>),
}

fn places(paths: &[PathBuf], current: &Path) -> Result<Vec<Place>> {
    if paths
        .iter()
        .filter(|it| it.as_os_str() == STANDARD_INPUT)
        .count()
        > 1
    {
        bail!("standard input is named twice");
    }
    let places = paths.iter().map(|it| place(it, current));
    places.collect()
}

fn place(path: &Path, current: &Path) -> Result<Place> {
    if path.as_os_str() == STANDARD_INPUT {
        return Ok(Place::Text(text("<stdin>", std::io::stdin().lock())?));
    }
    let full = current.join(path);
    let failed = || format!("cannot read `{}`", path.display());
    let metadata = std::fs::metadata(&full).with_context(failed)?;
    if metadata.is_dir() {
        if full.join(WORKSPACE).exists() {
            let folder = path.display();
            bail!(
                "`{folder}` is a workspace; check it with `pleach -C {folder} check`, or name a folder of manifests in it"
            );
        }
        return Ok(Place::Path(full.canonicalize().with_context(failed)?));
    }
    if metadata.is_file() {
        return Ok(Place::Path(std::path::absolute(full).with_context(failed)?));
    }
    // A shell makes a pipe of `<(kubectl get …)`.
    let file = std::fs::File::open(&full).with_context(failed)?;
    Ok(Place::Text(text(&path.display().to_string(), file)?))
}

/// All that a stream has. What is no text is an error, since there is no file to show.
fn text(name: &str, from: impl std::io::Read) -> Result<Arc<Source>> {
    let mut bytes = Vec::new();
    let mut limited = from.take(TEXT_BYTES_MAX + 1);
    let failed = || format!("cannot read `{name}`");
    limited.read_to_end(&mut bytes).with_context(failed)?;
    if bytes.len() as u64 > TEXT_BYTES_MAX {
        bail!("`{name}` is longer than {} MiB", TEXT_BYTES_MAX >> 20);
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Source::internal(name, text)),
        Err(fault) => bail!(
            "`{name}` is not valid UTF-8: byte {} is wrong",
            fault.utf8_error().valid_up_to() + 1
        ),
    }
}

/// The workspace around the run, or else around the first file or folder that is in one.
fn workspace<'g>(
    places: &[Place],
    current: &Path,
    global: &'g Global,
) -> Result<Option<Session<'g>>> {
    if let Some(found) = Session::find_from(global, current)? {
        return Ok(Some(found));
    }
    for place in places {
        if let Place::Path(path) = place
            && let Some(found) = Session::find_from(global, path)?
        {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// The cluster that objects are judged for.
struct Target {
    /// The environment; empty for none.
    environment: String,
    /// The version of Kubernetes as charts see it; empty for Helm's default.
    kubernetes_version: String,
    helm_version: HelmVersion,
    cluster: Cluster,
    /// The version that the user asked for.
    asked: Option<(String, u32)>,
}

impl Target {
    fn of(
        arguments: &Arguments,
        workspace: Option<&Session<'_>>,
        places: &[Place],
    ) -> Result<Target> {
        let environment = environment(&arguments.selection.environments, workspace, places)?;
        let known = match workspace {
            Some(session) => known_cluster(session, &environment)?,
            None => load::Cluster::default(),
        };
        let asked = match &arguments.kubernetes_version {
            None => None,
            Some(version) => Some(asked(version)?),
        };
        let kubernetes_version = match &asked {
            Some((version, _)) => version.clone(),
            None => known.kubernetes_version,
        };
        let minor = check::minor(&kubernetes_version);
        let cluster = match workspace {
            Some(session) => Cluster {
                definitions: check::definitions(&session.files),
                policies: check::policies(&session.files),
                builtin_policies: workspace_policies(session)?,
                ..Cluster::default()
            },
            None => Cluster::default(),
        };
        let builtin_policies = match &*arguments.policies {
            [] => cluster.builtin_policies,
            policies => builtin_policies(policies)?,
        };
        Ok(Target {
            environment,
            kubernetes_version,
            helm_version: match known.helm_version {
                Some(3) => HelmVersion::V3,
                _ => HelmVersion::V4,
            },
            cluster: Cluster {
                minor,
                builtin_policies,
                ..cluster
            },
            asked,
        })
    }

    fn minor(&self) -> u32 {
        Catalog::new(self.cluster.minor).minor()
    }

    /// What is to be said of the version.
    fn notes(&self) -> Diagnostics {
        let asked = self.asked.as_ref().filter(|it| it.1 != self.minor());
        let note = asked.map(|(_, minor)| {
            let message = format!(
                "there are no schemas of Kubernetes 1.{minor}: those of 1.{} are used",
                self.minor()
            );
            Diagnostic::note("other-version", message)
        });
        note.into_iter().collect()
    }
}

/// A version as charts see it, and its minor number.
fn asked(version: &str) -> Result<(String, u32)> {
    let number = version.trim_start_matches('v');
    let Some(minor) = check::minor(number).filter(|_| version.len() <= number.len() + 1) else {
        bail!("`--kubernetes-version {version}` is no version of Kubernetes; write `1.33`");
    };
    let full = match number.matches('.').count() {
        1 => format!("{number}.0"),
        _ => number.to_string(),
    };
    Ok((full, minor))
}

/// The environment that is asked for, or that all files and folders belong to; empty for none.
fn environment(
    asked: &[String],
    workspace: Option<&Session<'_>>,
    places: &[Place],
) -> Result<String> {
    let Some(session) = workspace else {
        return match asked {
            [] => Ok(String::new()),
            _ => bail!(
                "`--env` needs a workspace, and there is no `{WORKSPACE}` here; use `--kubernetes-version`"
            ),
        };
    };
    let known = load::environments(&session.files);
    match asked {
        [] => {}
        [name] if known.contains(name) => return Ok(name.clone()),
        [name] => {
            let near = nearest(name, known.iter().map(String::as_str));
            let help = near.map_or(String::new(), |it| format!("; did you mean `{it}`?"));
            bail!("the workspace has no environment `{name}`{help}");
        }
        _ => bail!(
            "with PATH, objects are checked for the cluster of one environment; name one `--env`"
        ),
    }
    let output = WorkspaceConfig::read(&session.files).map(|it| it.output);
    let output = output.unwrap_or_else(|_| TreePath::root());
    let of = |place: &Place| match place {
        Place::Text(_) => None,
        Place::Path(path) => {
            let path = path.strip_prefix(session.files.root()).ok()?;
            let path = TreePath::new(path.to_str()?)?;
            let name = match Input::is_of_environments(&path) {
                true => path.parts().nth(1),
                false => None,
            };
            let below = path.below(&output);
            let name = name.or_else(|| environment_of(below.as_ref()?));
            name.map(str::to_string).filter(|it| known.contains(it))
        }
    };
    let mut names = places.iter().map(of);
    let first = names.next().flatten();
    let is_same = names.all(|it| it == first);
    Ok(first.filter(|_| is_same).unwrap_or_default())
}

/// What the environment says of its cluster; without one, what all environments say alike.
fn known_cluster(session: &Session<'_>, environment: &str) -> Result<load::Cluster> {
    let read = |name: &str| {
        load::cluster(&session.files, name).map_err(|faults| {
            let first = faults.iter().next().map_or("", |it| it.message.as_str());
            anyhow::anyhow!("cannot read the environment `{name}`: {first}")
        })
    };
    if !environment.is_empty() {
        return read(environment);
    }
    let names = load::environments(&session.files);
    let clusters: Vec<load::Cluster> = names.iter().map(|it| read(it)).collect::<Result<_>>()?;
    let first = clusters.first().cloned().unwrap_or_default();
    Ok(match clusters.iter().all(|it| *it == first) {
        true => first,
        false => load::Cluster::default(),
    })
}

fn workspace_policies(session: &Session<'_>) -> Result<BuiltinPolicies> {
    let config = WorkspaceConfig::read(&session.files).map_err(|faults| {
        let first = faults.iter().next().map_or("", |it| it.message.as_str());
        anyhow::anyhow!("cannot read `{WORKSPACE}`: {first}")
    });
    config.map(|it| it.policies)
}

/// The policies that flags switch on, read as `pleach.yaml` is.
fn builtin_policies(flags: &[String]) -> Result<BuiltinPolicies> {
    let mut text =
        "apiVersion: pleach.dev/v1\nkind: Workspace\nmetadata: {name: flags}\nspec:\n  policies:\n"
            .to_string();
    for flag in flags {
        let Some((name, value)) = flag.split_once('=').filter(|_| !flag.contains('\n')) else {
            bail!("`--policy {flag}` has no value; write `--policy requests=warning`");
        };
        text.push_str(&format!("    {name}: {value}\n"));
    }
    let mut files = Tree::new();
    files.insert(TreePath::root().child(WORKSPACE), text.into_bytes());
    let config = WorkspaceConfig::read(&files).map_err(|faults| {
        let first = faults.iter().next();
        let message = first.map_or("", |it| it.message.as_str());
        let help = first.and_then(|it| it.help.first());
        let help = help.map_or(String::new(), |it| format!("; {it}"));
        anyhow::anyhow!("`--policy`: {message}{help}")
    });
    config.map(|it| it.policies)
}

/// Adds the objects of a file, or below a folder.
fn add(objects: &mut Objects, path: &Path, target: &Target, global: &Global) -> Result<()> {
    // Bases may lie anywhere; what a kustomization may read is the engine's to say.
    let files = Folder::open(Path::new("/"))?;
    let own = tree_path(path)?;
    let options = Options {
        unreferenced_files: global.strict == Some(Strict::Files),
        ..Options::default()
    };
    let is_built = path.is_dir() || FILE_NAMES.contains(&own.name());
    if !is_built {
        let inflater = || Inflater::new(target.helm_version, "", &[], None);
        let building = Building {
            options: &options,
            inflater: &inflater,
        };
        objects.add_path(&files, &own, &building);
        return Ok(());
    }
    let folder = if path.is_dir() {
        path
    } else {
        path.parent().unwrap_or(path)
    };
    let pinning = pinning_folder(global, folder)?;
    let files = WithRemotes::new(&files, tree_path(&pinning)?, cache::open(global));
    let pinned = Folder::open(&pinning)?;
    let charts = charts(global, &pinned)?;
    let version = &target.kubernetes_version;
    let inflater = || Inflater::new(target.helm_version, version, &[], Some(&charts));
    let building = Building {
        options: &options,
        inflater: &inflater,
    };
    objects.add_path(&files, &own, &building);
    objects.report(files.diagnostics());
    Ok(())
}

/// Prints what was found, with paths as the user types them; for services, below the top of the repository.
fn report(
    found: &Diagnostics,
    workspace: Option<&Session<'_>>,
    current: &Path,
    global: &Global,
) -> Outcome {
    let top = repository_top(current).filter(|_| global.format.is_for_services());
    let display = |path: &TreePath| {
        // Definitions and policies of the workspace have their paths in it; all others begin at the root of the system.
        let folder = InputFolder::of(path).filter(|_| !Path::new("/").join(path.as_str()).exists());
        let file = match (workspace, folder) {
            (Some(session), Some(_)) => session.root.join(path.as_str()),
            _ => Path::new("/").join(path.as_str()),
        };
        let below = top.and_then(|it| file.strip_prefix(it).ok()?.to_str());
        match below {
            Some(below) if !path.as_str().starts_with('<') => below.to_string(),
            _ => session::shown(&file, current, path),
        }
    };
    session::report(found, global, &display)
}

/// What was judged, for people.
fn summary(objects: &Objects, target: &Target) -> String {
    let charts = match objects.charts() {
        0 => String::new(),
        charts => format!("; {} passed over", counted(charts, "chart")),
    };
    let environment = match &*target.environment {
        "" => String::new(),
        name => format!(" of `{}`", printable(name)),
    };
    format!(
        "{} checked for Kubernetes 1.{}{environment}{charts}\n",
        counted(objects.count(), "object"),
        target.minor()
    )
}
