//! The deployed objects of one side, in the form that checks use.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::super::origin::ValueFiles;
use super::super::{Claim, Origin, Origins};
use super::units::{Deployed, by_key, definition, environment_of, mark};
use crate::deploy::{self, ChartInputs, Entry, Status, Unit};
use crate::object::{Object, ObjectId};
use crate::tree::TreePath;
use crate::yaml::Node;

/// The origin of a unit's objects. `chart` is appended to the title of its claim.
pub(super) fn origin(
    side: &Deployed<'_>,
    (entry, unit): (&Entry, &Unit),
    environment: String,
    chart: &str,
) -> Origin {
    let claim = (side.claim)(entry, unit);
    Origin {
        environment: Some(environment),
        claim: Arc::new(Claim {
            title: format!("{}{chart}", claim.title),
            ..claim
        }),
        objects: unit.objects.clone(),
        value_files: match unit.origin {
            deploy::Origin::Chart(_) => ValueFiles::Values,
            _ => ValueFiles::Objects,
        },
    }
}

/// The deployed objects of one side, in the form that checks use.
#[derive(Clone, Debug, Default)]
pub struct DeployedOrigins {
    /// The origins of the units that could be built, with their environments, claims and objects.
    pub origins: Origins,
    /// The identities of these units.
    pub built_units: BTreeSet<ObjectId>,
    /// By environment: the charts that units install, with their values.
    pub inputs: BTreeMap<String, ChartInputs>,
    /// Environments with a unit that could not be built and is not a chart, so that further objects may be deployed there.
    pub incomplete: BTreeSet<String>,
    /// Environments that nothing in the repository applies, although it contains entries that apply themselves, or Flux
    /// Kustomizations that patch the sync objects they apply.
    pub unapplied: BTreeSet<String>,
    /// By path in `origins`: the options with which Argo CD applies the objects of an Application.
    pub sync_options: BTreeMap<TreePath, SyncOptions>,
}

/// The options with which Argo CD applies the objects of an Application.
#[derive(Clone, Debug)]
pub struct SyncOptions {
    /// The identity of the Application.
    pub application: ObjectId,
    /// Its sync options, such as `ServerSideApply=true`.
    pub options: Vec<String>,
}

/// Collects the deployed objects of a side.
pub fn deployed_origins(side: &Deployed<'_>) -> DeployedOrigins {
    let mut found = DeployedOrigins::default();
    let mut origins: Vec<(TreePath, Origin)> = Vec::new();
    let units = by_key(side);
    let mut all = units.values();
    let has_parents = all.any(|(entry, unit)| {
        entry.is_bootstrap || definition(entry, unit).is_some_and(patches_sync_objects)
    });
    for (key, (entry, unit)) in units {
        let environment = environment_of(side, entry, unit);
        if has_parents && !entry.is_bootstrap {
            found.unapplied.insert(environment.clone());
        }
        let inputs = unit.inputs.iter().map(|it| (unit.id.clone(), it.clone()));
        let environment_inputs = found.inputs.entry(environment.clone()).or_default();
        environment_inputs.extend(inputs);
        match (&unit.status, &unit.origin) {
            (Status::NotBuilt(_), deploy::Origin::Chart(_)) => continue,
            (Status::NotBuilt(_), _) => {
                found.incomplete.insert(environment);
                continue;
            }
            _ => {}
        }
        found.built_units.insert(unit.id.clone());
        if &*unit.id.kind == "Application" {
            let options = SyncOptions {
                application: unit.id.clone(),
                options: unit.sync_options.clone(),
            };
            found.sync_options.insert(mark(key), options);
        }
        origins.push((mark(key), origin(side, (entry, unit), environment, "")));
    }
    found.origins = origins.into_iter().collect();
    found
}

/// Whether a Flux Kustomization patches the Kustomizations or HelmReleases that it applies.
fn patches_sync_objects(kustomization: &Object) -> bool {
    let patches = kustomization.node.at_keys(&["spec", "patches"]);
    let patches = patches.and_then(Node::as_sequence).unwrap_or_default();
    patches.iter().any(|patch| {
        let text = |keys: &[&str]| patch.at_keys(keys).and_then(Node::as_str).unwrap_or("");
        matches!(text(&["target", "kind"]), "Kustomization" | "HelmRelease")
            || text(&["patch"]).contains(".toolkit.fluxcd.io/")
    })
}
