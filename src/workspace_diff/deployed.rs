//! What is deployed from a state: of a repository as it is, or of what its workspace renders to; and the comparison of two states.

use std::collections::{BTreeMap, BTreeSet};

use super::{Context, State, Unrendered};
use crate::Compiled;
use crate::chart::{Cache, Charts, Lock, Pin, Places, Request};
use crate::compare::{
    Claim, CodeOwners, Comparison, Deployed, DeployedOrigins, Origins, Side, compare,
    compare_deployed, deployed_origins, environment,
};
use crate::deploy::{Cluster, Deployment, Entry, Options, Origin, Unit, deploy};
use crate::diag::{Diagnostics, Source, Span};
use crate::load::{self, WorkspaceConfig};
use crate::remote::WithRemotes;
use crate::tree::{Below, Files, TreePath};
use crate::yaml::parallel::join;
use pleach_helm::HelmVersion;

/// Where copies of charts are kept that no `pleach.yaml` puts elsewhere.
const COPIES: &str = "vendor/charts";

/// What is deployed from the files of a repository. `urls` are its own addresses, as far as they are known.
pub fn deployed(files: &dyn Files, urls: &[String], cache: Option<Cache>) -> Deployment {
    let mut diagnostics = Diagnostics::default();
    let files = WithRemotes::new(files, TreePath::root(), cache.clone());
    let charts = charts(&files, cache, &mut diagnostics);
    let options = Options {
        charts: Some(&charts),
        urls: urls.to_vec(),
        ..Options::default()
    };
    let mut found = deploy(&files, &options);
    found.diagnostics.extend(diagnostics);
    found.diagnostics.extend(files.diagnostics());
    found
}

/// The charts of repositories that Flux and Argo CD install from the files of a repository, as far as the ones of its lock lead to.
pub fn chart_requests(files: &dyn Files, cache: Option<Cache>) -> Vec<Request> {
    let files = WithRemotes::new(files, TreePath::root(), cache.clone());
    let charts = charts(&files, cache, &mut Diagnostics::default());
    let options = Options {
        charts: Some(&charts),
        ..Options::default()
    };
    deploy(&files, &options);
    charts.requests()
}

fn charts<'a>(
    files: &'a dyn Files,
    cache: Option<Cache>,
    diagnostics: &mut Diagnostics,
) -> Charts<'a> {
    let lock = Lock::read(files).map_err(|faults| diagnostics.extend(faults));
    let places = Places {
        copies: TreePath::new(COPIES).unwrap_or_else(TreePath::root),
        folders: Vec::new(),
    };
    Charts::new(files, cache, places, lock.unwrap_or_default())
}

/// The charts of a workspace. What is rendered asks for those of mirrors, and the lock pins them by the addresses of claims.
fn workspace_charts<'a>(
    workspace: &WorkspaceConfig,
    files: &'a dyn Files,
    cache: Option<Cache>,
) -> Result<Charts<'a>, Diagnostics> {
    let lock = Lock::read(files)?;
    let mirrored = lock.pins.iter().map(|it| Pin {
        repository: workspace.mirrored(&it.repository),
        ..it.clone()
    });
    let lock = Lock::new(lock.pins.iter().cloned().chain(mirrored));
    let sources = workspace.sources.iter();
    let folders = sources.filter_map(|it| Some((it.prefix.clone(), it.folder.clone()?)));
    let places = Places {
        copies: workspace.chart_copies.clone(),
        folders: folders.collect(),
    };
    Ok(Charts::new(files, cache, places, lock))
}

/// Where a rendered tree lies for what syncs it: paths in its objects begin with this.
pub fn sync_folder(workspace: &WorkspaceConfig) -> TreePath {
    TreePath::new(&workspace.sync_path).unwrap_or_else(TreePath::root)
}

/// What is deployed from what a workspace renders to. `files` are the workspace's own. Errors: what is wrong with its configuration.
pub fn deployed_from(
    compiled: &Compiled,
    files: &dyn Files,
    cache: Option<Cache>,
) -> Result<Deployment, Diagnostics> {
    let workspace = WorkspaceConfig::read(files)?;
    let charts = workspace_charts(&workspace, files, cache)?;
    let folder = sync_folder(&workspace);
    let tree = compiled.tree.under(&folder);
    let clusters = load::environments(files).into_iter().filter_map(|name| {
        let known = load::cluster(files, &name).ok()?;
        let cluster = Cluster {
            helm_version: match known.helm_version {
                Some(3) => HelmVersion::V3,
                _ => HelmVersion::V4,
            },
            kube_version: known.kubernetes_version,
            api_versions: Vec::new(),
        };
        let entry = TreePath::new(&format!("clusters/{name}"))?;
        Some((folder.join(&entry), cluster))
    });
    let options = Options {
        charts: Some(&charts),
        clusters: clusters.collect::<BTreeMap<_, _>>(),
        urls: workspace.sync_url.iter().cloned().collect(),
        ..Options::default()
    };
    Ok(deploy(&tree, &options))
}

/// What is deployed from what a workspace renders to, as checks look at it, under its claims; and what cannot be seen. Errors: what is
/// wrong with its configuration.
pub fn workspace_origins(
    compiled: &Compiled,
    files: &dyn Files,
    cache: Option<Cache>,
) -> Result<(DeployedOrigins, Diagnostics), Diagnostics> {
    let workspace = WorkspaceConfig::read(files)?;
    let found = Found {
        deployment: deployed_from(compiled, files, cache)?,
        origins: compiled.origins.clone(),
        folder: sync_folder(&workspace),
    };
    let origins = deployed_origins(&Deployed {
        deployment: &found.deployment,
        name: "",
        claim: &|entry, unit| found.claim(entry, unit),
        environment: &|entry| found.environment(entry),
    });
    Ok((origins, found.deployment.warnings()))
}

/// The same for a repository without a workspace, under the objects that make an engine deploy something.
pub fn repository_origins(
    files: &dyn Files,
    urls: &[String],
    cache: Option<Cache>,
) -> (DeployedOrigins, Diagnostics) {
    let deployment = deployed(files, urls, cache);
    let origins = deployed_origins(&Deployed {
        deployment: &deployment,
        name: "",
        claim: &|_, unit| Claim {
            title: title(unit),
            owner: None,
            span: unit.span.clone().or_else(|| folder_span(unit)),
        },
        environment: &|entry| folder_name(&entry.folder),
    });
    (origins, deployment.warnings())
}

/// Compares what is deployed from two repositories, or from two states of one. What no engine deploys is compared as it is.
pub fn compare_repositories(
    [before, after]: [&State<'_>; 2],
    urls: &[String],
    context: &Context<'_>,
) -> Comparison {
    let tops = [before, after].map(|it| Below::new(it.files, it.top.clone()));
    let deployments = {
        let one = |at: usize| deployed(&tops[at], urls, context.cache.clone());
        let (old, new) = join(|| one(0), || one(1));
        [old, new]
    };
    let owners = [before, after].map(|it| CodeOwners::find(it.files, it.top));
    let claims = owners.each_ref().map(|owners| {
        move |_: &Entry, unit: &Unit| {
            let file = unit.span.as_ref().map(Span::path);
            let owner = file.and_then(|it| owners.of(it));
            Claim {
                title: title(unit),
                owner: owner.map(Into::into),
                span: unit.span.clone().or_else(|| folder_span(unit)),
            }
        }
    });
    let name = |entry: &Entry| folder_name(&entry.folder);
    let sides = [0, 1].map(|at| Deployed {
        deployment: &deployments[at],
        name: [before, after][at].name,
        claim: &claims[at],
        environment: &name,
    });
    let mut comparison = compare_deployed([&sides[0], &sides[1]], &context.options);
    let rest = rest([before, after], &deployments, context);
    comparison.environments.extend(rest.environments);
    comparison.environments.sort_by(|a, b| a.name.cmp(&b.name));
    comparison.notes.extend(rest.notes);
    comparison
}

/// Compares what no unit is built from.
fn rest(
    states: [&State<'_>; 2],
    deployments: &[Deployment; 2],
    context: &Context<'_>,
) -> Comparison {
    let entries = deployments.iter().flat_map(|it| &it.entries);
    let units = entries.flat_map(|it| &it.units);
    let files = units.flat_map(|it| &it.read_set.files);
    let covered: BTreeSet<TreePath> = files.filter_map(TreePath::parent).collect();
    let top = states[1].top;
    let is_covered = |part: &TreePath, root: &TreePath| {
        let folder = root.join(part).below(top).unwrap_or_else(TreePath::root);
        covered.contains(&folder)
    };
    let root = states[1].root;
    let folder = |part: &TreePath| (!is_covered(part, root)).then(|| folder_name(part));
    let files = states.map(|it| it.with_remotes(context));
    let sides = [0, 1].map(|at| Side {
        files: &files[at],
        root: states[at].root,
        name: states[at].name,
        origins: None,
    });
    let mut comparison = compare(&sides[0], &sides[1], &folder, &context.options);
    files
        .iter()
        .for_each(|it| comparison.notes.extend(it.diagnostics()));
    comparison
}

fn folder_name(folder: &TreePath) -> String {
    match folder.as_str() {
        "" => ".".to_string(),
        folder => folder.to_string(),
    }
}

/// A unit as a claim is called. A folder that nothing names is identified by its path.
fn title(unit: &Unit) -> String {
    match &*unit.id.kind {
        "Folder" => folder_name(&TreePath::new(&unit.id.name).unwrap_or_else(TreePath::root)),
        _ => unit.id.to_string(),
    }
}

fn folder_span(unit: &Unit) -> Option<Span> {
    let folder = TreePath::new(&unit.id.name)?;
    Some(Span::new(&Source::new(folder, ""), 0..0))
}

/// Compares what is deployed from what two states of a workspace render to. Objects are reported under the claim that their unit came
/// from. Errors: a state does not render.
pub fn compare_workspaces(
    states: [&State<'_>; 2],
    context: &Context<'_>,
) -> Result<Comparison, Unrendered> {
    let (old, new) = join(
        || states[0].deployed(context),
        || states[1].deployed(context),
    );
    let found = [old?, new?];
    let claims = found
        .each_ref()
        .map(|found| move |entry: &Entry, unit: &Unit| found.claim(entry, unit));
    let is_of = |entry: &Entry| {
        found
            .iter()
            .find(|it| entry.folder.below(&it.folder).is_some())
    };
    let name = |entry: &Entry| is_of(entry).unwrap_or(&found[1]).environment(entry);
    let sides = [0, 1].map(|at| Deployed {
        deployment: &found[at].deployment,
        name: states[at].name,
        claim: &claims[at],
        environment: &name,
    });
    Ok(compare_deployed([&sides[0], &sides[1]], &context.options))
}

/// A state of a workspace and what is deployed from it.
struct Found {
    deployment: Deployment,
    origins: Origins,
    /// Where the rendered tree lies.
    folder: TreePath,
}

impl State<'_> {
    fn deployed(&self, context: &Context<'_>) -> Result<Found, Unrendered> {
        let unrendered = |diagnostics: Diagnostics| Unrendered {
            name: self.name.to_string(),
            diagnostics,
        };
        let Some(compiled) = self.render(context) else {
            return Ok(Found {
                deployment: Deployment::default(),
                origins: Origins::default(),
                folder: TreePath::root(),
            });
        };
        if compiled.diagnostics.has_errors() {
            return Err(unrendered(compiled.diagnostics));
        }
        let deployment = deployed_from(&compiled, &self.below(), context.cache.clone());
        let workspace = self.config();
        Ok(Found {
            deployment: deployment.map_err(unrendered)?,
            origins: self.owned(compiled.origins),
            folder: workspace.map_or_else(TreePath::root, |it| sync_folder(&it)),
        })
    }
}

impl Found {
    /// The environment that an entry is for.
    fn environment(&self, entry: &Entry) -> String {
        let below = entry.folder.below(&self.folder);
        let folder = below.unwrap_or_else(|| entry.folder.clone());
        environment(&folder).map_or_else(|| folder_name(&folder), str::to_string)
    }

    /// The claim of the folder that a unit is built from, or that of the unit above it.
    fn claim(&self, entry: &Entry, unit: &Unit) -> Claim {
        let mut above = Some(unit);
        while let Some(it) = above {
            if let Some(claim) = self.own_claim(it) {
                return claim;
            }
            above = it.parent.and_then(|it| entry.units.get(it));
        }
        let place = unit.span.as_ref().and_then(|it| it.path().parent());
        let found = place.and_then(|it| self.find(&it, unit));
        found.unwrap_or_else(|| Claim {
            title: title(unit),
            owner: None,
            span: None,
        })
    }

    fn own_claim(&self, unit: &Unit) -> Option<Claim> {
        match &unit.origin {
            Origin::Folder(folder) if &*unit.id.kind != "Folder" => self.find(folder, unit),
            _ => None,
        }
    }

    fn find(&self, folder: &TreePath, unit: &Unit) -> Option<Claim> {
        let folder = folder.below(&self.folder)?;
        let origin = self.origins.find(&folder, &unit.id)?;
        Some(Claim::clone(&origin.claim))
    }
}
