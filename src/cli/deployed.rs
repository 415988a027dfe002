//! What is deployed from a repository or from what a workspace renders to, with the charts that are at hand.

use std::collections::BTreeMap;

use super::{Global, cache};
use crate::Compiled;
use crate::chart::{Charts, Lock, Places};
use crate::deploy::{Cluster, Deployment, Options, deploy};
use crate::diag::{Diagnostic, Diagnostics, Severity};
use crate::disk::Repository;
use crate::helm::HelmVersion;
use crate::load::{self, WorkspaceConfig};
use crate::tree::{Files, Tree, TreePath};

/// Where copies of charts are kept that no `pleach.yaml` puts elsewhere.
const COPIES: &str = "vendor/charts";

/// What is deployed from the files of a repository.
pub(super) fn of_repository(
    files: &dyn Files,
    repository: Option<&Repository>,
    global: &Global,
) -> Deployment {
    let mut diagnostics = Diagnostics::default();
    let lock = Lock::read(files).map_err(|faults| diagnostics.extend(faults));
    let places = Places {
        copies: TreePath::new(COPIES).unwrap_or_else(TreePath::root),
        folders: Vec::new(),
    };
    let charts = Charts::new(files, cache::open(global), places, lock.unwrap_or_default());
    let options = Options {
        charts: Some(&charts),
        urls: repository.map(addresses).unwrap_or_default(),
        ..Options::default()
    };
    let mut found = deploy(files, &options);
    found.diagnostics.extend(diagnostics);
    found
}

/// The addresses that a repository is pulled from and pushed to.
fn addresses(repository: &Repository) -> Vec<String> {
    let asked = repository.ask(&["config", "--get-regexp", r"^remote\..*\.url$"]);
    let lines = asked.ok().flatten().unwrap_or_default();
    let urls = lines.lines().filter_map(|it| it.split_once(' '));
    urls.map(|it| it.1.to_string()).collect()
}

/// Where a rendered tree lies for what syncs it: paths in its objects begin with this.
pub(super) fn sync_folder(workspace: &WorkspaceConfig) -> TreePath {
    TreePath::new(&workspace.sync_path).unwrap_or_else(TreePath::root)
}

/// What is deployed from what a workspace renders to. `files` are the workspace's own.
pub(super) fn of_workspace(
    compiled: &Compiled,
    files: &dyn Files,
    global: &Global,
) -> Result<Deployment, Diagnostics> {
    let workspace = WorkspaceConfig::read(files)?;
    let charts = load::charts_of(files, cache::open(global))?;
    let folder = sync_folder(&workspace);
    let tree: Tree = compiled.tree.under(&folder);
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
        Some((
            folder.join(&TreePath::new(&format!("clusters/{name}"))?),
            cluster,
        ))
    });
    let options = Options {
        charts: Some(&charts),
        clusters: clusters.collect::<BTreeMap<_, _>>(),
        ..Options::default()
    };
    Ok(deploy(&tree, &options))
}

/// The diagnostics of a deployment as warnings: nothing that can't be seen is a fault of the files.
pub(super) fn notes(diagnostics: &Diagnostics) -> Diagnostics {
    let note = |it: &Diagnostic| Diagnostic {
        severity: it.severity.min(Severity::Warning),
        ..it.clone()
    };
    diagnostics.iter().map(note).collect()
}
