//! Compares the objects that a sync engine would apply from two trees, and finds dangers of the changes.
//!
//! The parts of a tree are its outermost kustomizations, and folders of YAML files that no kustomization lists. If a part cannot be
//! built, its entries are compared one by one, with a note, because missing objects would look like deletions.

mod environment;
mod group;
mod origin;
mod owners;
mod application_sets;
mod apply_units;
mod deployed;
mod listed;
mod moves;
mod kustomization_paths;
mod objects;
mod part;
mod rollout;
mod source_users;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::danger::Finding;
use crate::diag::{Diagnostic, Diagnostics, Span};
use crate::diff::{Change, Options};
use crate::object::{Object, ObjectId};
use crate::products::Cluster;
use crate::tree::{Files, TreePath};
use crate::yaml::parallel::each;
use apply_units::find_parts;
use part::Part;

pub use deployed::{
    Deployed, DeployedOrigins, SyncOptions, compare_deployed, deployed_origins, differing_units,
};
pub use group::{
    DangerGroup, Exception, FindingGroup, Group, Matrix, Occurrence, Section, Variant,
    danger_groups, findings, matrix, sections,
};
pub use kustomization_paths::{files as referenced_files, resources as referenced_resources};
pub use origin::{Claim, Origin, Origins, ValueFiles};
pub use owners::CodeOwners;
pub use part::file_object;
pub use rollout::{Restart, Rollout, Step};

/// One side of a comparison.
#[derive(Clone, Copy)]
pub struct Side<'a> {
    /// The files of the side.
    pub files: &'a dyn Files,
    /// The compared folder. Its kustomizations may refer to files outside of it.
    pub root: &'a TreePath,
    /// The name of the side in notes, such as `HEAD~1`.
    pub name: &'a str,
    /// The claim that each folder was rendered from, if known.
    pub origins: Option<&'a Origins>,
}

/// The differences between two sides.
#[derive(Clone, Debug, Default)]
pub struct Comparison {
    /// The environments that have changes, sorted by name.
    pub environments: Vec<Environment>,
    /// By title of each known claim: the environments that have the claim.
    pub claims: BTreeMap<String, BTreeSet<String>>,
    /// By changed object: the environments that contain it, if known.
    pub presence: BTreeMap<ObjectId, BTreeSet<String>>,
    /// Parts that could not be compared, and why.
    pub notes: Diagnostics,
}

impl Comparison {
    /// Moves the environments of a list to the front, in the order of the list.
    pub fn order(&mut self, order: &[String]) {
        let rank = |it: &Environment| order.iter().position(|name| *name == it.name);
        self.environments
            .sort_by_key(|it| rank(it).unwrap_or(order.len()));
    }

    /// Keeps only some environments and claims. An empty list keeps all.
    pub fn keep(&mut self, environments: &[String], claims: &[String]) {
        let is_claim = |claim: Option<&Arc<Claim>>| {
            let title = claim.map_or("", |it| &*it.title);
            let name = title.rsplit('/').next().unwrap_or(title);
            claims.is_empty() || claims.iter().any(|it| it == name || it == title)
        };
        if !environments.is_empty() {
            self.environments
                .retain(|it| environments.contains(&it.name));
        }
        for environment in &mut self.environments {
            environment.objects.retain(|it| is_claim(it.claim.as_ref()));
            environment
                .findings
                .retain(|it| is_claim(it.claim.as_ref()));
            let ids: BTreeSet<&ObjectId> =
                environment.objects.iter().map(|it| &it.change.id).collect();
            environment.clusters.retain(|it| {
                let side = it.after.as_ref().or(it.before.as_ref());
                side.is_some_and(|it| ids.contains(&it.id))
            });
        }
        self.environments
            .retain(|it| !(it.objects.is_empty() && it.findings.is_empty()));
    }

    /// The environment with a name; it is added if it is missing.
    fn environment(&mut self, name: &str) -> &mut Environment {
        let position = self.environments.partition_point(|it| &*it.name < name);
        let exists = self
            .environments
            .get(position)
            .is_some_and(|it| it.name == name);
        if !exists {
            let environment = Environment {
                name: name.to_string(),
                ..Environment::default()
            };
            self.environments.insert(position, environment);
        }
        &mut self.environments[position]
    }
}

/// The differences in one environment.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// The name of the environment, or the folder that is applied.
    pub name: String,
    /// The objects that change.
    pub objects: Vec<ChangedObject>,
    /// Dangers of the changes.
    pub findings: Vec<LocatedFinding>,
    /// The clusters of servers that change.
    pub clusters: Vec<ClusterChange>,
    /// The units whose objects change, in the order of reconciliation; empty if unknown.
    pub steps: Vec<Step>,
    /// The ApplicationSets that both sides have, before and after.
    pub(crate) sets: Vec<[Object; 2]>,
}

/// An object that changes.
#[derive(Clone, Debug)]
pub struct ChangedObject {
    /// The difference between its two states.
    pub change: Change,
    /// The claim that it was rendered from, if known.
    pub claim: Option<Arc<Claim>>,
    /// If it is a source of Flux: the HelmReleases and Flux Kustomizations that use it.
    pub deploys: Vec<ObjectId>,
    /// The effect on its pods.
    pub rollout: Rollout,
}

/// A finding of a danger rule, with its claim and location.
#[derive(Clone, Debug)]
pub struct LocatedFinding {
    /// The finding of the rule.
    pub finding: Finding,
    /// The claim of the object, if known.
    pub claim: Option<Arc<Claim>>,
    /// The location in the files of the claim, if known.
    pub span: Option<Span>,
}

impl LocatedFinding {
    /// The finding as a diagnostic, at the location in the files of the claim if it is known.
    pub fn diagnostic(&self) -> Diagnostic {
        self.finding.diagnostic(self.span.as_ref())
    }
}

/// A cluster of servers, such as a database, that changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterChange {
    /// The cluster before the change; `None` for a new one.
    pub before: Option<Cluster>,
    /// The cluster after the change; `None` for a removed one.
    pub after: Option<Cluster>,
}

/// Compares two sides. `environment` returns the environment of a part, given its folder below the root. Parts of one environment
/// are compared together, so that objects may move between them.
pub fn compare(
    before: &Side<'_>,
    after: &Side<'_>,
    environment: &(dyn Fn(&TreePath) -> Option<String> + Sync),
    options: &Options<'_>,
) -> Comparison {
    let mut environments: BTreeMap<String, Vec<Part>> = BTreeMap::new();
    let mut comparison = Comparison::default();
    let found = find_parts([before, after], &mut comparison.notes);
    for part in found.parts {
        if let Some(environment) = environment(&part.folder) {
            environments.entry(environment).or_default().push(part);
        }
    }
    let environments: Vec<_> = environments.into_iter().collect();
    let pairs = [before, after];
    let compared = compare_all(pairs, &environments, options, &mut comparison.notes);
    comparison.environments = compare_moved(pairs, &environments, compared, options);
    source_users::add(&mut comparison.environments, &environments, after);
    let [old, new] = &found.listings;
    let sets = comparison.environments.iter_mut();
    let sets: Vec<_> = sets.flat_map(|it| std::mem::take(&mut it.sets)).collect();
    let removed = application_sets::check_removed_paths(old, new, pairs, &mut comparison.notes);
    let renamed = application_sets::check_changed_files([old, new], pairs, &sets);
    for (folder, finding) in removed.into_iter().chain(renamed) {
        if let Some(name) = environment(&folder) {
            comparison.environment(&name).findings.push(finding);
        }
    }
    comparison
        .environments
        .retain(|it| !(it.objects.is_empty() && it.findings.is_empty()));
    for origins in [before, after].into_iter().filter_map(|it| it.origins) {
        for (title, name) in origins.claims() {
            let environments = comparison.claims.entry(title.to_string()).or_default();
            environments.insert(name.to_string());
        }
    }
    if let Some(origins) = after.origins {
        comparison.presence = presence(&comparison.environments, origins);
    }
    comparison
}

/// Compares each environment separately.
fn compare_all(
    [before, after]: [&Side<'_>; 2],
    environments: &[(String, Vec<Part>)],
    options: &Options<'_>,
    notes: &mut Diagnostics,
) -> Vec<Environment> {
    each(environments, notes, |(name, parts), notes| {
        environment::compare(before, after, name.clone(), parts, options, notes)
    })
}

/// Compares environments between which parts moved again, as one environment. Returns the results of all environments.
fn compare_moved(
    sides: [&Side<'_>; 2],
    environments: &[(String, Vec<Part>)],
    compared: Vec<Environment>,
    options: &Options<'_>,
) -> Vec<Environment> {
    let moved = moves::find(environments, &compared, sides);
    if moved.is_empty() {
        return compared;
    }
    let mut together: BTreeMap<String, Vec<Part>> = BTreeMap::new();
    for (name, parts) in environments {
        if let Some(target) = moved.get(name) {
            let all = together.entry(target.clone()).or_default();
            all.extend(parts.iter().cloned());
        }
    }
    let together: Vec<_> = together.into_iter().collect();
    // Parts that cannot be built already have a note.
    let mut known = Diagnostics::default();
    let compared_together = compare_all(sides, &together, options, &mut known);
    let unmoved = compared.into_iter();
    let unmoved = unmoved.filter(|it| !moved.contains_key(&it.name));
    let mut all: Vec<_> = unmoved.chain(compared_together).collect();
    all.sort_by(|a, b| a.name.cmp(&b.name));
    all
}

/// The environments that contain each changed object.
fn presence(
    environments: &[Environment],
    origins: &Origins,
) -> BTreeMap<ObjectId, BTreeSet<String>> {
    let changed = environments.iter().flat_map(|it| &it.objects);
    let ids: BTreeSet<&ObjectId> = changed.map(|it| &it.change.id).collect();
    let present = ids.into_iter().map(|id| {
        let names = origins.environments(id).map(str::to_string);
        (id.clone(), names.collect::<BTreeSet<_>>())
    });
    // Objects that the sync engine itself creates are in no folder, so their environments are unknown.
    present.filter(|it| !it.1.is_empty()).collect()
}
