//! The cluster for which `pleach check PATH…` checks objects.

use std::path::PathBuf;

use anyhow::{Result, bail};

use super::super::session::Session;
use super::Arguments;
use pleach::check::{self, Cluster};
use pleach::diag::{Diagnostics, nearest};
use pleach::engine::ENGINES;
use pleach::helm::HelmVersion;
use pleach::layout::{Input, WORKSPACE, environment_of};
use pleach::load::{self, BuiltinPolicies, WorkspaceConfig};
use pleach::tree::{Tree, TreePath};
use pleach::validate::Catalog;

/// The cluster for which objects are checked.
pub(super) struct Target {
    /// The environment; empty for none.
    pub(super) environment: String,
    /// The Kubernetes version for charts; empty for Helm's default.
    pub(super) kubernetes_version: String,
    pub(super) helm_version: HelmVersion,
    pub(super) cluster: Cluster,
    /// The version of `--kubernetes-version`.
    asked: Option<(String, u32)>,
}

impl Target {
    /// `paths` are the named files and folders, with `None` for each stream.
    pub(super) fn from_arguments(
        arguments: &Arguments,
        workspace: Option<&Session<'_>>,
        paths: &[Option<PathBuf>],
    ) -> Result<Target> {
        let environment = environment(&arguments.selection.environments, workspace, paths)?;
        let known = match workspace {
            Some(session) => known_cluster(session, &environment)?,
            None => load::Cluster::default(),
        };
        let asked = match &arguments.kubernetes_version {
            None => None,
            Some(version) => Some(requested_version(version)?),
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

    pub(super) fn minor(&self) -> u32 {
        Catalog::new(self.cluster.minor).minor()
    }

    /// Notes about the version.
    pub(super) fn notes(&self) -> Diagnostics {
        let asked = self.asked.as_ref();
        let note = asked.and_then(|it| check::other_version(it.1, self.minor()));
        note.into_iter().collect()
    }
}

/// A version for charts, and its minor number.
fn requested_version(version: &str) -> Result<(String, u32)> {
    let number = version.trim_start_matches('v');
    let Some(minor) = check::minor(number).filter(|_| version.len() <= number.len() + 1) else {
        bail!("invalid Kubernetes version `{version}`; use the form `1.33`");
    };
    let full = match number.matches('.').count() {
        1 => format!("{number}.0"),
        _ => number.to_string(),
    };
    Ok((full, minor))
}

/// The environment of `--env`, or the one that all files and folders belong to; empty for none.
fn environment(
    asked: &[String],
    workspace: Option<&Session<'_>>,
    paths: &[Option<PathBuf>],
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
            "with PATH, objects are checked for the cluster of one environment; give only one `--env`"
        ),
    }
    let output = WorkspaceConfig::read(&session.files).map(|it| it.output);
    let output = output.unwrap_or_else(|_| TreePath::root());
    let of = |path: &Option<PathBuf>| {
        let path = path.as_ref()?.strip_prefix(session.files.root()).ok()?;
        let path = TreePath::new(path.to_str()?)?;
        let name = match Input::is_of_environments(&path) {
            true => path.parts().nth(1),
            false => None,
        };
        let below = path.below(&output);
        let name = name.or_else(|| environment_of(below.as_ref()?));
        name.map(str::to_string).filter(|it| known.contains(it))
    };
    let mut names = paths.iter().map(of);
    let first = names.next().flatten();
    let is_same = names.all(|it| it == first);
    Ok(first.filter(|_| is_same).unwrap_or_default())
}

/// The cluster settings of the environment; without an environment, those that all environments have in common.
fn known_cluster(session: &Session<'_>, environment: &str) -> Result<load::Cluster> {
    let read = |name: &str| {
        load::cluster(&session.files, &ENGINES, name).map_err(|faults| {
            anyhow::anyhow!("cannot read environment `{name}`: {}", first(&faults))
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
    let config = WorkspaceConfig::read(&session.files)
        .map_err(|faults| anyhow::anyhow!("cannot read `{WORKSPACE}`: {}", first(&faults)));
    config.map(|it| it.policies)
}

/// The policies that flags enable, parsed like those in `pleach.yaml`.
fn builtin_policies(flags: &[String]) -> Result<BuiltinPolicies> {
    let mut text =
        "apiVersion: pleach.dev/v1\nkind: Workspace\nmetadata: {name: flags}\nspec:\n  policies:\n"
            .to_string();
    for flag in flags {
        let Some((name, value)) = flag.split_once('=').filter(|_| !flag.contains('\n')) else {
            bail!("`--policy {flag}` has no value; use the form `--policy requests=warning`");
        };
        text.push_str(&format!("    {name}: {value}\n"));
    }
    let mut files = Tree::new();
    files.insert(TreePath::root().child(WORKSPACE), text.into_bytes());
    let config = WorkspaceConfig::read(&files).map_err(|faults| {
        let help = faults.iter().next().and_then(|it| it.help.first());
        let help = help.map_or(String::new(), |it| format!("; {it}"));
        anyhow::anyhow!("`--policy`: {}{help}", first(&faults))
    });
    config.map(|it| it.policies)
}

fn first(faults: &Diagnostics) -> &str {
    faults.iter().next().map_or("", |it| &it.message)
}
