//! What is deployed from a state of a repository, as it is or as its workspace renders; and the comparison of two states.

use std::collections::{BTreeMap, BTreeSet};

use super::{Context, State, Unrendered, environment_of};
use crate::Compiled;
use crate::chart::{Cache, ChartLocations, Charts, Lock, Request};
use crate::compare::{
    Claim, CodeOwners, Comparison, Deployed, DeployedOrigins, Origins, Side, compare,
    compare_deployed, deployed_origins, differing_units,
};
use crate::deploy::{Cluster, Deployment, Entry, Options, Origin, Unit, deploy};
use crate::diag::{Diagnostics, Span};
use crate::engine::ENGINES;
use crate::load::{self, Scope, WorkspaceConfig};
use crate::object::ObjectId;
use crate::remote::WithRemotes;
use crate::tree::{Below, Files, TreePath};
use crate::yaml::parallel::join;
use pleach_helm::HelmVersion;

/// The default folder of vendored charts.
const COPIES: &str = "vendor/charts";

/// What is deployed from the files of a repository. `urls` are the known addresses of the repository itself.
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

/// The charts that Flux and Argo CD install from the files of a repository. Charts within charts are only found for those in the
/// lock.
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
    let locations = ChartLocations {
        copies: TreePath::new(COPIES).unwrap_or_else(TreePath::root),
        folders: Vec::new(),
    };
    Charts::new(files, cache, locations, lock.unwrap_or_default())
}

/// The path of the rendered tree for the sync engine, with which the paths in its objects begin.
pub fn sync_folder(workspace: &WorkspaceConfig) -> TreePath {
    TreePath::new(&workspace.sync_path).unwrap_or_else(TreePath::root)
}

/// The clusters of a workspace, by the folder that each applies; `folder` contains the tree.
fn clusters(files: &dyn Files, folder: &TreePath) -> BTreeMap<TreePath, Cluster> {
    let clusters = load::environments(files).into_iter().filter_map(|name| {
        let known = load::cluster(files, &ENGINES, &name).ok()?;
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
    clusters.collect()
}

/// What is deployed from the rendered tree of a workspace. `files` are the files of the workspace. Errors: an invalid
/// configuration.
pub fn deployed_from(
    compiled: &Compiled,
    files: &dyn Files,
    cache: Option<Cache>,
) -> Result<Deployment, Diagnostics> {
    let workspace = WorkspaceConfig::read(files)?;
    let charts = load::rendered_charts(&workspace, files, cache)?;
    let folder = sync_folder(&workspace);
    let tree = compiled.tree.under(&folder);
    let options = Options {
        charts: Some(&charts),
        clusters: clusters(files, &folder),
        urls: workspace.sync_url.iter().cloned().collect(),
        ..Options::default()
    };
    Ok(deploy(&tree, &options))
}

/// What is deployed from the rendered tree of a workspace, grouped by claims for checks, and notes on what cannot be determined.
/// Errors: an invalid configuration.
pub fn workspace_origins(
    compiled: &Compiled,
    files: &dyn Files,
    cache: Option<Cache>,
) -> Result<(DeployedOrigins, Diagnostics), Diagnostics> {
    let workspace = WorkspaceConfig::read(files)?;
    let found = Found {
        deployment: deployed_from(compiled, files, cache)?,
        origins: compiled.origins.clone(),
        folder: Some(sync_folder(&workspace)),
    };
    let origins = deployed_origins(&Deployed {
        deployment: &found.deployment,
        name: "",
        claim: &|entry, unit| found.claim(entry, unit),
        environment: &|entry| found.environment(entry),
    });
    Ok((origins, found.deployment.faults()))
}

/// A sync unit, with its environment and claim in reports.
#[derive(Clone, Debug)]
pub struct NamedUnit {
    /// The environment; without a workspace the folder that the engine begins at.
    pub environment: String,
    /// The claim that it was rendered from; without one, the unit itself in place of a claim.
    pub claim: Claim,
    /// The sync unit that deploys the objects.
    pub unit: Unit,
}

/// All that is deployed from what a workspace renders to. Errors: what is wrong with its configuration.
pub fn workspace_units(
    compiled: &Compiled,
    files: &dyn Files,
    cache: Option<Cache>,
) -> Result<Vec<NamedUnit>, Diagnostics> {
    let workspace = WorkspaceConfig::read(files)?;
    let found = Found {
        deployment: deployed_from(compiled, files, cache)?,
        origins: compiled.origins.clone(),
        folder: Some(sync_folder(&workspace)),
    };
    let named = |entry: &Entry, unit: &Unit| NamedUnit {
        environment: found.environment(entry),
        claim: found.claim(entry, unit),
        unit: unit.clone(),
    };
    Ok(named_units(&found.deployment, &named))
}

/// All that is deployed from a repository without a workspace.
pub fn repository_units(
    files: &dyn Files,
    urls: &[String],
    cache: Option<Cache>,
) -> Vec<NamedUnit> {
    let named = |entry: &Entry, unit: &Unit| NamedUnit {
        environment: folder_name(&entry.folder),
        claim: Claim {
            title: title(unit),
            owner: None,
            span: None,
        },
        unit: unit.clone(),
    };
    named_units(&deployed(files, urls, cache), &named)
}

fn named_units(
    deployment: &Deployment,
    named: &dyn Fn(&Entry, &Unit) -> NamedUnit,
) -> Vec<NamedUnit> {
    let entries = deployment.entries.iter();
    let units = entries.flat_map(|entry| entry.units.iter().map(move |unit| (entry, unit)));
    units.map(|(entry, unit)| named(entry, unit)).collect()
}

/// What is deployed from a repository without a workspace, grouped for checks by the objects that make an engine deploy something, and
/// notes on what cannot be determined.
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
    (origins, deployment.faults())
}

/// Compares what is deployed from two repositories, or from two states of one. Files that no engine deploys are compared as they
/// are. The tree of a workspace is compared as written, by environment.
pub fn compare_repositories(
    [before, after]: [&State<'_>; 2],
    urls: &[String],
    context: &Context<'_>,
) -> Comparison {
    let deployments = {
        let (old, new) = join(
            || before.deployed_as_written(urls, context),
            || after.deployed_as_written(urls, context),
        );
        [old, new]
    };
    let owners = [before, after].map(|it| CodeOwners::read(it.files, it.top));
    let claims = owners.each_ref().map(|owners| {
        move |_: &Entry, unit: &Unit| {
            let file = unit.span.as_ref().map(Span::path);
            let owner = file.and_then(|it| owners.owners(it));
            Claim {
                title: title(unit),
                owner: owner.map(Into::into),
                span: unit.span.clone().or_else(|| folder_span(unit)),
            }
        }
    });
    let trees = [before.tree_folder(after), after.tree_folder(before)];
    let name = |entry: &Entry| {
        let mut below = trees.iter().flatten();
        let below = below.find_map(|tree| entry.folder.below(tree));
        let below = below.unwrap_or_else(|| entry.folder.clone());
        match trees.iter().all(Option::is_none) {
            true => folder_name(&below),
            false => environment_name(&below),
        }
    };
    let sides = [0, 1].map(|at| Deployed {
        deployment: &deployments[at],
        name: [before, after][at].name,
        claim: &claims[at],
        environment: &name,
    });
    let mut comparison = compare_deployed([&sides[0], &sides[1]], &context.options);
    let rest = compare_undeployed_files([before, after], &deployments, context);
    add_undeployed(&mut comparison, rest);
    comparison
}

/// Adds the changes of files that are not deployed to those of deployed objects.
fn add_undeployed(comparison: &mut Comparison, rest: Comparison) {
    for environment in rest.environments {
        let mut known = comparison.environments.iter_mut();
        match known.find(|it| it.name == environment.name) {
            Some(known) => {
                known.objects.extend(environment.objects);
                known.findings.extend(environment.findings);
                known.clusters.extend(environment.clusters);
            }
            None => comparison.environments.push(environment),
        }
    }
    comparison.environments.sort_by(|a, b| a.name.cmp(&b.name));
    comparison.notes.extend(rest.notes);
}

impl State<'_> {
    /// The folder of the rendered tree in the repository; `None` if neither state is a workspace.
    fn tree_folder(&self, other: &State<'_>) -> Option<TreePath> {
        let is_workspace = self.is_workspace() || other.is_workspace();
        let tree = || self.output(other).below(self.top);
        is_workspace.then(|| tree().unwrap_or_else(TreePath::root))
    }

    /// What is deployed from the files as they are. The configuration of a workspace selects charts and versions.
    fn deployed_as_written(&self, urls: &[String], context: &Context<'_>) -> Deployment {
        let top = Below::new(self.files, self.top.clone());
        let Some(workspace) = self.config() else {
            return deployed(&top, urls, context.cache.clone());
        };
        let own = self.below();
        let mut diagnostics = Diagnostics::default();
        let charts = load::rendered_charts(&workspace, &own, context.cache.clone()).unwrap_or_else(
            |faults| {
                diagnostics.extend(faults);
                charts(&top, context.cache.clone(), &mut Diagnostics::default())
            },
        );
        let in_repository = |it: &TreePath| it.below(self.top).unwrap_or_else(TreePath::root);
        let files = WithRemotes::new(&top, in_repository(self.root), context.cache.clone());
        let options = Options {
            charts: Some(&charts),
            clusters: clusters(&own, &in_repository(&self.root.join(&workspace.output))),
            urls: urls
                .iter()
                .cloned()
                .chain(workspace.sync_url.clone())
                .collect(),
            ..Options::default()
        };
        let mut found = deploy(&files, &options);
        // Claims and overlays are inputs of the tree and are not applied themselves.
        let inputs = self.input_folders().into_iter();
        let inputs: Vec<_> = inputs.filter_map(|it| it.below(self.top)).collect();
        let is_input = |it: &TreePath| {
            inputs
                .iter()
                .any(|input| it == input || it.below(input).is_some())
        };
        found.entries.retain(|it| !is_input(&it.folder));
        found.diagnostics.extend(diagnostics);
        found.diagnostics.extend(files.diagnostics());
        found
    }
}

/// Compares files that no unit is built from; in a workspace, only those of its tree.
fn compare_undeployed_files(
    states: [&State<'_>; 2],
    deployments: &[Deployment; 2],
    context: &Context<'_>,
) -> Comparison {
    let entries = deployments.iter().flat_map(|it| &it.entries);
    let units = entries.flat_map(|it| &it.units);
    let files = units.flat_map(|it| &it.read_set.files);
    let covered: BTreeSet<TreePath> = files.filter_map(TreePath::parent).collect();
    let [before, after] = states;
    let is_workspace = before.is_workspace() || after.is_workspace();
    let roots = match is_workspace {
        true => [before.output(after), after.output(before)],
        false => [before.root.clone(), after.root.clone()],
    };
    let is_covered = |part: &TreePath| {
        let folder = roots[1].join(part).below(after.top);
        covered.contains(&folder.unwrap_or_else(TreePath::root))
    };
    let name = |part: &TreePath| match is_workspace {
        true => environment_of(part),
        false => Some(folder_name(part)),
    };
    let folder = |part: &TreePath| name(part).filter(|_| !is_covered(part));
    let files = states.map(|it| it.with_remotes(context));
    let sides = [0, 1].map(|at| Side {
        files: &files[at],
        root: &roots[at],
        name: states[at].name,
        origins: None,
    });
    let mut comparison = compare(&sides[0], &sides[1], &folder, &context.options);
    files
        .iter()
        .for_each(|it| comparison.notes.extend(it.diagnostics()));
    comparison
}

/// The environment of a folder of a rendered tree; a folder of no environment is identified by its path.
fn environment_name(folder: &TreePath) -> String {
    crate::layout::environment_of(folder).map_or_else(|| folder_name(folder), str::to_string)
}

fn folder_name(folder: &TreePath) -> String {
    match folder.as_str() {
        "" => ".".to_string(),
        folder => folder.to_string(),
    }
}

/// The title of a unit, in the form of claim titles. A folder without a name is identified by its path.
fn title(unit: &Unit) -> String {
    match &*unit.id.kind {
        "Folder" => folder_name(&TreePath::new(&unit.id.name).unwrap_or_else(TreePath::root)),
        _ => unit.id.to_string(),
    }
}

fn folder_span(unit: &Unit) -> Option<Span> {
    let folder = TreePath::new(&unit.id.name)?;
    Some(Span::of_file(&folder))
}

/// Compares what is deployed from the rendered trees of two states of a workspace. Objects are reported under the claim that their
/// unit was rendered from. Errors: a state does not render.
pub fn compare_workspaces(
    states: [&State<'_>; 2],
    context: &Context<'_>,
) -> Result<Comparison, Unrendered> {
    compare_environments(states, &Scope::default(), context)
}

/// The same for some environments.
pub(super) fn compare_environments(
    states: [&State<'_>; 2],
    scope: &Scope,
    context: &Context<'_>,
) -> Result<Comparison, Unrendered> {
    let (old, new) = join(
        || states[0].deployed(scope, context),
        || states[1].deployed(scope, context),
    );
    let found = [old?, new?];
    let claims = found
        .each_ref()
        .map(|found| move |entry: &Entry, unit: &Unit| found.claim(entry, unit));
    let is_of = |entry: &Entry| found.iter().find(|it| it.contains(entry));
    let name = |entry: &Entry| is_of(entry).unwrap_or(&found[1]).environment(entry);
    let sides = [0, 1].map(|at| Deployed {
        deployment: &found[at].deployment,
        name: states[at].name,
        claim: &claims[at],
        environment: &name,
    });
    Ok(compare_deployed([&sides[0], &sides[1]], &context.options))
}

/// The units whose objects differ between two states, by the folder of their entry. A unit that cannot be built is included if the
/// object that defines it differs. If a state does not render, all units are included.
pub fn changed_units(
    states: [&State<'_>; 2],
    urls: &[String],
    context: &Context<'_>,
) -> BTreeMap<String, BTreeSet<ObjectId>> {
    let one = |at: usize| {
        let state = states[at];
        match state.is_workspace() {
            true => state
                .deployed(&Scope::default(), context)
                .unwrap_or_else(|_| Found::none()),
            false => Found {
                deployment: deployed(&state.below(), urls, context.cache.clone()),
                ..Found::none()
            },
        }
    };
    let (old, new) = join(|| one(0), || one(1));
    let none = |_: &Entry, _: &Unit| Claim {
        title: String::new(),
        owner: None,
        span: None,
    };
    let is_workspace = states.iter().any(|it| it.is_workspace());
    let name = |entry: &Entry| match is_workspace {
        true => new.environment(entry),
        false => folder_name(&entry.folder),
    };
    let sides = [&old, &new].map(|found| Deployed {
        deployment: &found.deployment,
        name: "",
        claim: &none,
        environment: &name,
    });
    differing_units([&sides[0], &sides[1]])
}

/// A state of a workspace and what is deployed from it.
struct Found {
    deployment: Deployment,
    origins: Origins,
    /// The folder of the rendered tree; `None` for a state without a workspace.
    folder: Option<TreePath>,
}

impl State<'_> {
    fn deployed(&self, scope: &Scope, context: &Context<'_>) -> Result<Found, Unrendered> {
        let unrendered = |diagnostics: Diagnostics| Unrendered {
            name: self.name.to_string(),
            diagnostics,
        };
        let Some(compiled) = self.render_part(scope, context) else {
            return Ok(Found::none());
        };
        if compiled.diagnostics.has_errors() {
            return Err(unrendered(compiled.diagnostics));
        }
        let deployment = deployed_from(&compiled, &self.below(), context.cache.clone());
        let workspace = self.config();
        Ok(Found {
            deployment: deployment.map_err(unrendered)?,
            origins: self.with_owners(compiled.origins),
            folder: workspace.map(|it| sync_folder(&it)),
        })
    }
}

impl Found {
    fn none() -> Found {
        Found {
            deployment: Deployment::default(),
            origins: Origins::default(),
            folder: None,
        }
    }

    /// Whether an entry belongs to the rendered tree.
    fn contains(&self, entry: &Entry) -> bool {
        self.below(&entry.folder).is_some()
    }

    /// A folder relative to the rendered tree.
    fn below(&self, folder: &TreePath) -> Option<TreePath> {
        folder.below(self.folder.as_ref()?)
    }

    /// The environment that an entry is for.
    fn environment(&self, entry: &Entry) -> String {
        environment_name(
            &self
                .below(&entry.folder)
                .unwrap_or_else(|| entry.folder.clone()),
        )
    }

    /// The claim of the folder that a unit is built from, or that of its parent unit.
    fn claim(&self, entry: &Entry, unit: &Unit) -> Claim {
        let mut above = Some(unit);
        while let Some(it) = above {
            if let Some(claim) = self.own_claim(it) {
                return claim;
            }
            above = it.parent.and_then(|it| entry.units.get(it));
        }
        let location = unit.span.as_ref().and_then(|it| it.path().parent());
        let found = location.and_then(|it| self.find(&it, unit));
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
        let folder = self.below(folder)?;
        let origin = self.origins.find(&folder, &unit.id)?;
        Some(Claim::clone(&origin.claim))
    }
}
