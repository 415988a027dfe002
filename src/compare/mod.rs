//! Compares what a sync engine would apply from two trees, object by object, and finds dangers of the changes.
//!
//! The parts of a tree are its outermost kustomizations, and folders of plain YAML whose files no kustomization lists. If a part
//! cannot be built, its entries are compared one by one and a note says so, because a missing result would look like a deletion.

mod environment;
mod group;
mod origin;
mod owners;
mod application_sets;
mod apply_units;
mod deployed;
mod listed;
mod moves;
mod named;
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
use apply_units::units;
use part::Part;

pub use deployed::{
    Deployed, DeployedOrigins, SyncOptions, compare_deployed, deployed_origins, units_that_differ,
};
pub use group::{
    DangerGroup, Exception, FoundGroup, Group, Matrix, Place, Section, Variant, danger_groups,
    findings, matrix, sections,
};
pub use named::{files as named_files, resources as named_resources};
pub use origin::{Claim, Origin, Origins, Written};
pub use owners::CodeOwners;
pub use part::file_object;
pub use rollout::{Restart, Rollout, Step};

/// One side of a comparison.
#[derive(Clone, Copy)]
pub struct Side<'a> {
    /// Where files are read from.
    pub files: &'a dyn Files,
    /// The compared folder. Kustomizations in it may refer to files outside of it.
    pub root: &'a TreePath,
    /// The name of the side in notes: `HEAD~1`.
    pub name: &'a str,
    /// The claim that each of its folders was rendered from, if known.
    pub origins: Option<&'a Origins>,
}

/// The differences between two sides.
#[derive(Clone, Debug, Default)]
pub struct Comparison {
    /// The environments that have changes, in the order of their names.
    pub environments: Vec<Environment>,
    /// The known claims, by title, and the environments that have them.
    pub claims: BTreeMap<String, BTreeSet<String>>,
    /// The environments that contain each changed object, if known.
    pub presence: BTreeMap<ObjectId, BTreeSet<String>>,
    /// Parts that could not be compared, and why.
    pub notes: Diagnostics,
}

impl Comparison {
    /// Puts these environments first, in this order.
    pub fn order(&mut self, order: &[String]) {
        let rank = |it: &Environment| order.iter().position(|name| *name == it.name);
        self.environments
            .sort_by_key(|it| rank(it).unwrap_or(order.len()));
    }

    /// Keeps only some environments and claims; an empty list means all.
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
        let place = self.environments.partition_point(|it| &*it.name < name);
        let is_there = self
            .environments
            .get(place)
            .is_some_and(|it| it.name == name);
        if !is_there {
            let environment = Environment {
                name: name.to_string(),
                ..Environment::default()
            };
            self.environments.insert(place, environment);
        }
        &mut self.environments[place]
    }
}

/// The differences in one environment.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// The name of the environment, or the folder that is applied.
    pub name: String,
    /// The objects that change.
    pub objects: Vec<Changed>,
    /// Dangers of the changes.
    pub findings: Vec<Found>,
    /// The clusters of servers that change.
    pub clusters: Vec<ClusterChange>,
    /// The units whose objects change, in the order of reconciliation; empty if unknown.
    pub steps: Vec<Step>,
    /// The ApplicationSets on both sides.
    pub(crate) sets: Vec<[Object; 2]>,
}

/// An object that changes.
#[derive(Clone, Debug)]
pub struct Changed {
    /// The difference between its two states.
    pub change: Change,
    /// The claim that it was rendered from, if known.
    pub claim: Option<Arc<Claim>>,
    /// If it is a source of Flux: what is deployed from it.
    pub deploys: Vec<ObjectId>,
    /// How its pods are affected.
    pub rollout: Rollout,
}

/// A finding of a danger rule, with its claim.
#[derive(Clone, Debug)]
pub struct Found {
    /// What a rule found in it.
    pub finding: Finding,
    /// The claim of the object, if known.
    pub claim: Option<Arc<Claim>>,
    /// The line in a claim, if known.
    pub place: Option<Span>,
}

impl Found {
    /// The finding with the best known location.
    pub fn diagnostic(&self) -> Diagnostic {
        self.finding.diagnostic(self.place.as_ref())
    }
}

/// A cluster of servers before and after.
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
    let units = units([before, after], &mut comparison.notes);
    for part in units.parts {
        if let Some(environment) = environment(&part.folder) {
            environments.entry(environment).or_default().push(part);
        }
    }
    let environments: Vec<_> = environments.into_iter().collect();
    let pairs = [before, after];
    let compared = compare_all(pairs, &environments, options, &mut comparison.notes);
    comparison.environments = with_moves(pairs, &environments, compared, options);
    source_users::add(&mut comparison.environments, &environments, after);
    let [old, new] = &units.listings;
    let sets = comparison.environments.iter_mut();
    let sets: Vec<_> = sets.flat_map(|it| std::mem::take(&mut it.sets)).collect();
    let lost = application_sets::lost(old, new, pairs, &mut comparison.notes);
    let renamed = application_sets::renamed([old, new], pairs, &sets);
    for (folder, found) in lost.into_iter().chain(renamed) {
        if let Some(name) = environment(&folder) {
            comparison.environment(&name).findings.push(found);
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

/// Compares environments, each by itself.
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

/// Environments between which parts moved are compared again, together.
fn with_moves(
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
    let again = compare_all(sides, &together, options, &mut known);
    let rest = compared.into_iter();
    let rest = rest.filter(|it| !moved.contains_key(&it.name));
    let mut all: Vec<_> = rest.chain(again).collect();
    all.sort_by(|a, b| a.name.cmp(&b.name));
    all
}

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
    // Objects that the sync engine creates itself are in no folder.
    present.filter(|it| !it.1.is_empty()).collect()
}
