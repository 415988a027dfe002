//! Services that Argo CD's ApplicationSets install, and the repositories that clusters are synced from.

use super::intent::Intent;
use super::repository::access;
use crate::diag::Span;
use crate::layout::Tier;
use crate::load::WorkspaceConfig;
use crate::yaml::{Mapping, Node};

/// A chart that runs as one of the services of an environment.
#[derive(Clone, Debug)]
pub struct Service {
    /// The name of the service and of its release.
    pub name: String,
    /// Whether a team or the platform owns the service. Decides its folder and its ApplicationSet.
    pub tier: Tier,
    /// The `clusterType`, which is part of paths.
    pub cluster_type: String,
    /// The environment of the service, which is part of paths and names.
    pub environment: String,
    /// The namespace that the chart is installed into.
    pub namespace: String,
    /// The address of the chart repository, without `oci://`, as Argo CD expects it.
    pub charts: String,
    /// The name of the chart.
    pub chart: String,
    /// The exact version of the chart.
    pub version: String,
    /// All values, including those of the chart.
    pub values: Node,
    /// Annotations with the owner.
    pub annotations: Option<Node>,
    /// The repository with the tree, if the claim sets it.
    pub repository: Option<GitSource>,
    /// The location of the name.
    pub span: Span,
}

/// A Git repository that contains a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GitSource {
    /// The address of the repository, as used by Git.
    pub url: String,
    /// The branch to follow; `HEAD` if the claim does not set one.
    pub branch: String,
}

impl GitSource {
    /// The repository in the field `gitOps` of an intent.
    pub(crate) fn from_intent(intent: &Intent<'_>) -> Option<GitSource> {
        let url = intent.field(&["gitOps", "url"])?.as_str()?;
        let branch = intent.field(&["gitOps", "branch"]).and_then(Node::as_str);
        Some(GitSource {
            url: url.to_string(),
            branch: branch.unwrap_or("HEAD").to_string(),
        })
    }
}

/// A repository that a cluster is synced from.
#[derive(Clone, Debug)]
pub struct Root {
    /// The `clusterType`, which is part of paths and names.
    pub cluster_type: String,
    /// The repository that the cluster is synced from.
    pub repository: GitSource,
    /// The settings for access to the repository, as fields of a Flux source.
    pub access: Mapping,
}

impl Root {
    pub(crate) fn new(intent: &Intent<'_>, workspace: &WorkspaceConfig) -> Root {
        let text = |key: &str| intent.text(&[key]).to_string();
        Root {
            cluster_type: text("clusterType"),
            access: access(intent, workspace, intent.text(&["url"])),
            repository: GitSource {
                url: text("url"),
                branch: text("branch"),
            },
        }
    }
}
