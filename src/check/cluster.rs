//! What is known about the cluster of an environment.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use super::policy_documents::PolicyDocuments;
use crate::chart::Charts;
use crate::compose::EnvironmentManifests;
use crate::deploy::ChartInputs;
use crate::diag::{Diagnostic, Diagnostics, Source, Span};
use crate::layout::Folder;
use crate::load::{BuiltinPolicies, environment_names};
use crate::tree::{EntryKind, Files, Walk};
use crate::yaml::{Node, parse};

/// The cluster of an environment: its version, definitions, policies and charts.
#[derive(Clone, Debug, Default)]
pub struct Cluster {
    /// The minor version of Kubernetes 1, if the environment sets it.
    pub minor: Option<u32>,
    /// The location of the version, if the environment sets it.
    pub version_span: Option<Span>,
    /// Files with CustomResourceDefinitions: those of the environment's charts, then those of the workspace.
    pub definitions: Vec<Arc<Source>>,
    /// The errors of the workspace's files with definitions, once they are needed.
    pub definition_faults: Arc<OnceLock<Vec<Diagnostic>>>,
    /// Policies that are not part of the environment's objects.
    pub policies: Arc<PolicyDocuments>,
    /// The built-in policies that the workspace enables.
    pub builtin_policies: BuiltinPolicies,
    /// The charts that releases install, with their values.
    pub inputs: ChartInputs,
    /// Namespaces that exist by other means: `namespaces/NAME` in the environment's `provides`.
    pub namespaces: BTreeSet<String>,
    /// The document with the settings of the sync engine: `environment.yaml`.
    pub settings: Option<Node>,
}

impl Cluster {
    /// The cluster of an environment.
    pub fn new(
        manifests: &EnvironmentManifests<'_>,
        charts: &Charts<'_>,
        workspace: &[Arc<Source>],
        policies: &Arc<PolicyDocuments>,
    ) -> Cluster {
        let deliveries = manifests.deliveries.iter();
        let requests = deliveries.flat_map(|it| &it.charts);
        let mut definitions: Vec<Arc<Source>> =
            requests.flat_map(|it| charts.definitions(it)).collect();
        definitions.extend(workspace.iter().cloned());
        let version = manifests.environment.values.get("kubernetesVersion");
        let given = manifests.environment.provides.iter();
        let given = given.filter_map(|it| it.as_str()?.strip_prefix("namespaces/"));
        Cluster {
            namespaces: given.map(str::to_string).collect(),
            minor: version.and_then(Node::as_str).and_then(minor),
            version_span: version.filter(|it| it.has_origin()).map(Span::from),
            definitions,
            definition_faults: Arc::default(),
            policies: policies.clone(),
            inputs: ChartInputs::new(),
            settings: Some(manifests.environment.settings.clone()),
            builtin_policies: BuiltinPolicies::default(),
        }
    }

    /// Files with definitions of the workspace that are not valid YAML.
    pub(super) fn definition_faults(&self) -> &[Diagnostic] {
        self.definition_faults.get_or_init(|| {
            let definitions = self.definitions.iter();
            let own = definitions.filter(|it| Folder::containing(&it.path) == Some(Folder::Crds));
            let faults = own.filter_map(|it| parse(it).err()).flatten();
            faults.collect()
        })
    }
}

/// The note that there are no schemas for a minor version of Kubernetes, if those of another one are used.
pub fn other_version(minor: u32, used: u32) -> Option<Diagnostic> {
    let message = format!("no schemas for Kubernetes 1.{minor}: using those of 1.{used}");
    (minor != used).then(|| Diagnostic::note("other-version", message))
}

/// The minor version in `1.33`, `v1.33.2` or `1.33+`.
pub fn minor(version: &str) -> Option<u32> {
    let rest = version.trim_start_matches('v').strip_prefix("1.")?;
    let end = rest
        .find(|it: char| !it.is_ascii_digit())
        .unwrap_or(rest.len());
    rest.get(..end)?.parse().ok()
}

/// The YAML and JSON files in the workspace's folder for definitions.
pub fn definitions(files: &dyn Files) -> Vec<Arc<Source>> {
    files_below(files, Folder::Crds)
}

/// The policies in the workspace's folder for policies.
pub fn policies(files: &dyn Files) -> Arc<PolicyDocuments> {
    let sources = files_below(files, Folder::Policies);
    // Only policies need the names of environments, so that other workspaces do not read the folder for them.
    let names = match sources.is_empty() {
        true => Vec::new(),
        false => environment_names(files, &mut Diagnostics::default()),
    };
    Arc::new(PolicyDocuments::read(&sources, names))
}

fn files_below(files: &dyn Files, folder: Folder) -> Vec<Arc<Source>> {
    let mut found = Vec::new();
    let mut folders = Walk::new(files, folder.path());
    while let Some(folder) = folders.next() {
        for entry in files.list(&folder).unwrap_or_default() {
            let path = folder.child(&entry.name);
            // JSON is YAML, too.
            let extension = entry
                .name
                .rsplit_once('.')
                .map(|it| it.1.to_ascii_lowercase());
            let is_yaml = matches!(extension.as_deref(), Some("yaml" | "yml" | "json"));
            match entry.kind {
                EntryKind::Folder => folders.add(path),
                _ if is_yaml => {
                    let text = files.read(&path).ok();
                    let text = text.map(|it| String::from_utf8_lossy(&it).into_owned());
                    found.extend(text.map(|it| Source::new(path, it)));
                }
                _ => {}
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::minor;

    #[test]
    fn versions() {
        for (text, expected) in [
            ("1.33", Some(33)),
            ("v1.34.2", Some(34)),
            ("1.30+", Some(30)),
            ("2.0", None),
            ("", None),
        ] {
            assert_eq!(minor(text), expected, "{text}");
        }
    }
}
