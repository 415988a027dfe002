//! Reads the settings of an environment's cluster without its claims, for commands that only render for a cluster.

use super::engine::Engines;
use super::environment::read_environment_file;
use super::environment_names;
use crate::diag::{Diagnostic, Diagnostics};
use crate::tree::Files;
use crate::yaml::Node;

/// A cluster as `environment.yaml` describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cluster {
    /// `kubernetesVersion` as major, minor and patch version; empty if not set.
    pub kubernetes_version: String,
    /// `helmVersion`, the major version of Helm that installs charts in the cluster.
    pub helm_version: Option<i64>,
}

/// The cluster of an environment. Errors: the environment does not exist, or its file is invalid.
pub fn cluster(
    files: &dyn Files,
    engines: &Engines,
    environment: &str,
) -> Result<Cluster, Diagnostics> {
    let mut diagnostics = Diagnostics::default();
    let names = environment_names(files, &mut diagnostics);
    if !names.iter().any(|it| it == environment) {
        let fault = Diagnostic::error(
            "no-environment",
            format!("the workspace has no environment `{environment}`"),
        );
        let known = names.iter().map(String::as_str);
        return Err(fault.did_you_mean(environment, known).into());
    }
    let node = read_environment_file(files, engines, environment)?;
    let spec = |key: &str| node.at_keys(&["spec", key]);
    let version = spec("kubernetesVersion").and_then(Node::as_str);
    Ok(Cluster {
        kubernetes_version: version.map_or(String::new(), |it| match it.matches('.').count() {
            1 => format!("{it}.0"),
            _ => it.to_string(),
        }),
        helm_version: spec("helmVersion").and_then(Node::as_int),
    })
}
