//! Checks of all objects that an environment applies: one file each, and a table.
//!
//! A check sees the objects of an environment, but not its cluster. It does not report what it cannot know, because a false alarm
//! costs more than a missed fault.

mod allow;
mod applications;
mod bad_substitution;
mod bad_sync_wave;
mod chart_values;
mod groups;
mod blocked_traffic;
mod builtin_policies;
mod cluster;
mod dangling_dependency;
mod dangling_source;
mod dependency_circle;
mod lfs_pointer;
mod lines;
mod missing_namespace;
mod made;
mod missing_project;
mod missing_reference;
mod objects;
mod pod_security;
mod pods;
mod policy_documents;
mod admission_policies;
mod refused_by_project;
mod scene;
mod substitution;
mod determinism;
mod too_large_to_apply;
mod unmatched_selector;
mod unset_variable;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::compare::{DeployedOrigins, Origins};
use crate::danger::{DANGERS, check_tree, is_single_tree};
use crate::diag::{Diagnostic, Diagnostics, Severity, Span};
use crate::object::Object;
use crate::rules::{self, Page, Rule};
use crate::tree::Tree;
use crate::validate::{Catalog, RuleBudget};
use crate::yaml::{FieldPath, Node};
pub use allow::{ALLOW, allow};
pub use cluster::{Cluster, definitions, minor, policies};
pub use determinism::twice;
pub use groups::{ObjectGroup, check_groups};
use lines::Lines;
pub use lines::check_workspace;
pub use objects::is_applied;
pub use policy_documents::PolicyDocuments;
use scene::{EnvironmentObjects, SourcedObject, scenes};

/// How strictly the objects of an environment are validated.
#[derive(Clone, Copy, Debug)]
pub struct Demands {
    /// The severity of a kind without a schema.
    pub unknown_kind: Severity,
}

impl Default for Demands {
    fn default() -> Demands {
        Demands {
            unknown_kind: Severity::Note,
        }
    }
}

/// A rule about the objects of one environment.
pub type Check = Rule<RuleKind>;

/// The input of a check.
pub enum RuleKind {
    /// Each object by itself, also outside of an environment.
    Each(fn(&EnvironmentObjects<'_>, &mut Faults)),
    /// The objects of an environment, possibly without unknown ones.
    Objects(fn(&EnvironmentObjects<'_>, &mut Faults)),
    /// All objects of an environment. It reports missing objects, so all of them must be known.
    Whole(fn(&EnvironmentObjects<'_>, &mut Faults)),
}

impl RuleKind {
    /// The function, if the check can run on these objects.
    fn of(
        &self,
        scene: &EnvironmentObjects<'_>,
    ) -> Option<fn(&EnvironmentObjects<'_>, &mut Faults)> {
        match self {
            RuleKind::Each(check) | RuleKind::Objects(check) => Some(*check),
            RuleKind::Whole(check) => (!scene.is_partial).then_some(*check),
        }
    }
}

fn run(check: &'static Check, scene: &EnvironmentObjects<'_>) -> Vec<Diagnostic> {
    let mut faults = Faults {
        check,
        found: Vec::new(),
    };
    if let Some(find) = check.check.of(scene) {
        find(scene, &mut faults);
    }
    faults.found
}

/// The findings of the checks with a wanted input.
fn run_each(
    scene: &EnvironmentObjects<'_>,
    is_wanted: impl Fn(&RuleKind) -> bool,
) -> Vec<Diagnostic> {
    let checks = CHECKS.iter().filter(|it| is_wanted(&it.check));
    checks.flat_map(|it| run(it, scene)).collect()
}

/// All checks, in the order in which they run.
pub const CHECKS: &[Check] = &[
    dependency_circle::CHECK,
    dangling_dependency::CHECK,
    missing_namespace::CHECK,
    dangling_source::CHECK,
    missing_reference::CHECK,
    unmatched_selector::CHECK,
    blocked_traffic::CHECK,
    unset_variable::CHECK,
    bad_substitution::CHECK,
    lfs_pointer::CHECK,
    bad_sync_wave::CHECK,
    missing_project::CHECK,
    refused_by_project::CHECK,
    too_large_to_apply::CHECK,
];

/// The manual pages of all codes, in their order.
pub fn pages() -> Vec<Page> {
    let checks = CHECKS.iter().map(Rule::page);
    let dangers = DANGERS.iter().map(Rule::page);
    let mut pages: Vec<Page> = checks.chain(dangers).chain(rules::written()).collect();
    pages.sort_by_key(|it| it.code);
    pages
}

/// Whether a code is checked in a single tree. Misspelled codes count, so that their allow comments are reported as unused.
pub fn is_judged(code: &str) -> bool {
    let mut others = DANGERS.iter().filter(|it| !is_single_tree(it));
    !others.any(|it| it.code == code)
}

/// The findings of all checks in a rendered tree, by environment. Equal findings in several environments are reported once.
pub fn check(
    tree: &Tree,
    origins: &Origins,
    clusters: &BTreeMap<String, Cluster>,
    demands: Demands,
) -> Diagnostics {
    check_at(tree, origins, clusters, demands, &Lines::default())
}

fn check_at(
    tree: &Tree,
    origins: &Origins,
    clusters: &BTreeMap<String, Cluster>,
    demands: Demands,
    lines: &Lines<'_>,
) -> Diagnostics {
    let mut scenes = scenes(tree, origins, lines);
    for (name, scene) in &mut scenes {
        if let Some(cluster) = clusters.get(name) {
            scene.inputs = cluster.inputs.clone();
        }
    }
    check_all(scenes, clusters, demands)
}

/// The findings of all checks in a deployment, including the objects of charts and remote bases.
pub fn check_deployed(
    deployed: &DeployedOrigins,
    clusters: &BTreeMap<String, Cluster>,
    demands: Demands,
) -> Diagnostics {
    let lines = Lines::default();
    let mut scenes = scenes(&Tree::new(), &deployed.origins, &lines);
    let seen = Arc::new(deployed.built_units.clone());
    let sync_options = Arc::new(deployed.sync_options.clone());
    for (name, scene) in &mut scenes {
        scene.seen = seen.clone();
        scene.sync_options = sync_options.clone();
        scene.is_partial = deployed.incomplete.contains(name);
        scene.is_unapplied = deployed.unapplied.contains(name);
        if let Some(inputs) = deployed.inputs.get(name) {
            scene.inputs = inputs.clone();
        }
    }
    check_all(scenes, clusters, demands)
}

fn check_all(
    scenes: BTreeMap<String, EnvironmentObjects<'_>>,
    clusters: &BTreeMap<String, Cluster>,
    demands: Demands,
) -> Diagnostics {
    let mut found = Diagnostics::default();
    let (unknown, budget) = (Cluster::default(), RuleBudget::default());
    for (name, mut scene) in scenes {
        let cluster = clusters.get(&name).unwrap_or(&unknown);
        scene.given_namespaces = cluster.namespaces.clone();
        found.extend(run_checks(&name, &scene, cluster, demands, &budget, |_| {
            true
        }));
    }
    found.sort_and_dedup();
    found
}

/// The findings about the objects of an environment. `is_wanted` selects checks by their input.
fn run_checks(
    name: &str,
    scene: &EnvironmentObjects<'_>,
    cluster: &Cluster,
    demands: Demands,
    budget: &RuleBudget,
    is_wanted: fn(&RuleKind) -> bool,
) -> Diagnostics {
    let mut found = Diagnostics::default();
    found.extend(run_each(scene, is_wanted));
    found.extend(dangers(scene));
    found.extend(objects::findings(scene, cluster, demands, budget));
    found.extend(chart_values::findings(scene));
    found.extend(admission_policies::findings(name, scene, cluster, budget));
    let minor = Catalog::new(cluster.minor).minor();
    found.extend(pod_security::findings(scene, minor));
    let policies = &cluster.builtin_policies;
    found.extend(match scene.is_partial {
        true => builtin_policies::of_objects(scene, policies, minor),
        false => builtin_policies::findings(name, scene, policies, minor),
    });
    found
}

/// The findings about single objects, independent of all others.
pub fn check_objects(origins: &Origins, clusters: &BTreeMap<String, Cluster>) -> Diagnostics {
    let mut found = Diagnostics::default();
    let (unknown, budget) = (Cluster::default(), RuleBudget::default());
    let lines = Lines::default();
    for (name, mut scene) in scenes(&Tree::new(), origins, &lines) {
        let cluster = clusters.get(&name).unwrap_or(&unknown);
        scene.inputs = cluster.inputs.clone();
        let demands = Demands::default();
        found.extend(objects::findings(&scene, cluster, demands, &budget));
        found.extend(chart_values::findings(&scene));
        let minor = Catalog::new(cluster.minor).minor();
        let policies = &cluster.builtin_policies;
        found.extend(builtin_policies::of_objects(&scene, policies, minor));
    }
    found
}

/// The dangers that need only one side of a comparison.
fn dangers(scene: &EnvironmentObjects<'_>) -> Vec<Diagnostic> {
    let objects: Vec<&Object> = scene.objects.iter().map(|it| &*it.object).collect();
    let places: BTreeMap<_, _> = scene
        .objects
        .iter()
        .map(|it| (it.object.id(), it))
        .collect();
    let diagnostics = check_tree(&objects).into_iter().map(|finding| {
        let placed = places.get(&finding.id);
        let place = placed.and_then(|it| it.place(&finding.field));
        let template = placed.and_then(|it| it.template(&finding.field));
        with_template(finding.diagnostic(place.as_ref()), template)
    });
    diagnostics.collect()
}

/// Collects the findings of a check.
pub struct Faults {
    check: &'static Check,
    found: Vec<Diagnostic>,
}

impl Faults {
    /// Adds a finding about a field of an object.
    fn push(&mut self, placed: &SourcedObject<'_>, field: &FieldPath, message: String, help: &str) {
        let fault = self.fault(placed, field, message);
        self.found.push(fault.help(help));
    }

    /// Adds a finding about a field with an unknown name. The help suggests a similar known name, if there is one.
    fn push_name<'n>(
        &mut self,
        placed: &SourcedObject<'_>,
        field: &FieldPath,
        message: String,
        known: impl IntoIterator<Item = &'n str>,
        help: &str,
    ) {
        let node = placed.object.node.at_path(field);
        let wrong = node.and_then(Node::as_str).unwrap_or("");
        let fault = self.fault(placed, field, message);
        let advised = fault.did_you_mean(wrong, known);
        self.found.push(match advised.help.is_empty() {
            true => advised.help(help),
            false => advised,
        });
    }

    fn fault(&self, placed: &SourcedObject<'_>, field: &FieldPath, message: String) -> Diagnostic {
        let fault = Diagnostic {
            severity: self.check.severity,
            ..Diagnostic::error(self.check.code, message)
        };
        with_template(fault.at(placed.line(field)), placed.template(field))
    }
}

/// Adds the line of the chart's template, beside the line of the release.
fn with_template(fault: Diagnostic, template: Option<Span>) -> Diagnostic {
    match template {
        Some(template) => fault.related(&template, "rendered by this template of the chart"),
        None => fault,
    }
}
