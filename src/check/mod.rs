//! Checks of all objects that an environment applies: one file each, and a table.
//!
//! A check sees the objects of an environment, but not its cluster. It does not report what it cannot know, because a false alarm
//! costs more than a missed fault.

mod allow;
mod applications;
mod applied_twice;
mod bad_json_pointer;
mod bad_substitution;
mod bad_sync_wave;
mod chart_values;
mod groups;
mod blocked_traffic;
mod builtin_policies;
mod cluster;
mod dangling_dependency;
mod dangling_source;
mod object_dependency_cycle;
mod lfs_pointer;
mod lines;
mod local_change;
mod long_release_name;
mod long_scrape_timeout;
mod missing_decryption;
mod overridden_namespace;
mod missing_namespace;
mod created_objects;
mod missing_project;
mod missing_reference;
mod objects;
mod pod_security;
mod pods;
mod policy_documents;
mod policy_faults;
mod admission_policies;
mod refused_by_project;
mod environment;
mod substitution;
mod determinism;
mod too_large_to_apply;
mod unmatched_selector;
mod unset_variable;
mod unwatched_namespace;
mod watched_twice;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::Compiled;
use crate::compare::{DeployedOrigins, Origins};
use crate::danger::{DANGERS, check_tree, is_single_tree};
use crate::diag::{Diagnostic, Diagnostics, Severity, Span};
use crate::object::Object;
use crate::rules::{self, Page, Rule};
use crate::tree::Tree;
use crate::validate::{Catalog, RuleBudget};
use crate::yaml::{FieldPath, Node};
pub use allow::{COMMENT, allow};
pub use cluster::{Cluster, definitions, minor, other_version, policies};
pub use determinism::compare_runs;
use environment::{EnvironmentObjects, SourcedObject, environment_objects};
pub use groups::{ObjectGroup, check_groups};
use lines::Lines;
pub use lines::{check_workspace, written_line};
pub use local_change::{has_cluster_rules, is_local_change};
pub use objects::is_applied;
pub use policy_documents::PolicyDocuments;

/// How strictly the objects of an environment are validated.
#[derive(Clone, Copy, Debug)]
pub struct ValidationOptions {
    /// The severity of a kind without a schema.
    pub unknown_kind: Severity,
}

impl Default for ValidationOptions {
    fn default() -> ValidationOptions {
        ValidationOptions {
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
    fn function_for(
        &self,
        environment: &EnvironmentObjects<'_>,
    ) -> Option<fn(&EnvironmentObjects<'_>, &mut Faults)> {
        match self {
            RuleKind::Each(check) | RuleKind::Objects(check) => Some(*check),
            RuleKind::Whole(check) => (!environment.is_partial).then_some(*check),
        }
    }
}

fn run(check: &'static Check, environment: &EnvironmentObjects<'_>) -> Vec<Diagnostic> {
    let mut faults = Faults {
        check,
        found: Vec::new(),
    };
    if let Some(find) = check.check.function_for(environment) {
        find(environment, &mut faults);
    }
    faults.found
}

/// The findings of the checks that a condition selects.
fn run_each(
    environment: &EnvironmentObjects<'_>,
    is_selected: impl Fn(&RuleKind) -> bool,
) -> Vec<Diagnostic> {
    let checks = CHECKS.iter().filter(|it| is_selected(&it.check));
    checks.flat_map(|it| run(it, environment)).collect()
}

/// All checks, in the order in which they run.
pub const CHECKS: &[Check] = &[
    object_dependency_cycle::CHECK,
    dangling_dependency::CHECK,
    missing_namespace::CHECK,
    dangling_source::CHECK,
    applied_twice::CHECK,
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
    long_release_name::CHECK,
    long_scrape_timeout::CHECK,
    missing_decryption::CHECK,
    unwatched_namespace::CHECK,
    watched_twice::CHECK,
    overridden_namespace::CHECK,
    bad_json_pointer::CHECK,
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
pub fn is_checked(code: &str) -> bool {
    let mut others = DANGERS.iter().filter(|it| !is_single_tree(it));
    !others.any(|it| it.code == code)
}

/// The findings of all checks in a rendered tree, by environment. Equal findings in several environments are reported once.
pub fn check(
    tree: &Tree,
    origins: &Origins,
    clusters: &BTreeMap<String, Cluster>,
    options: ValidationOptions,
) -> Diagnostics {
    check_at(tree, origins, clusters, options, &Lines::default())
}

fn check_at(
    tree: &Tree,
    origins: &Origins,
    clusters: &BTreeMap<String, Cluster>,
    options: ValidationOptions,
    lines: &Lines<'_>,
) -> Diagnostics {
    let environments = rendered_environments(tree, origins, clusters, lines);
    check_all(environments, clusters, options)
}

/// The findings about the objects of a part of a workspace, without those that depend on other objects.
pub fn check_part(compiled: &Compiled, options: ValidationOptions) -> Diagnostics {
    let (clusters, lines) = (&compiled.clusters, Lines::default());
    let mut environments =
        rendered_environments(&compiled.tree, &compiled.origins, clusters, &lines);
    for environment in environments.values_mut() {
        environment.is_partial = true;
    }
    check_all(environments, clusters, options)
}

/// The objects of each environment of a rendered tree, with the charts that its releases install.
fn rendered_environments<'a>(
    tree: &Tree,
    origins: &'a Origins,
    clusters: &BTreeMap<String, Cluster>,
    lines: &'a Lines<'a>,
) -> BTreeMap<String, EnvironmentObjects<'a>> {
    let mut environments = environment_objects(tree, origins, lines);
    for (name, environment) in &mut environments {
        if let Some(cluster) = clusters.get(name) {
            environment.inputs = cluster.inputs.clone();
        }
    }
    environments
}

/// The findings of all checks in a deployment, including the objects of charts and remote bases.
pub fn check_deployed(
    deployed: &DeployedOrigins,
    clusters: &BTreeMap<String, Cluster>,
    options: ValidationOptions,
) -> Diagnostics {
    let lines = Lines::default();
    let mut environments = environment_objects(&Tree::new(), &deployed.origins, &lines);
    let seen = Arc::new(deployed.built_units.clone());
    let sync_options = Arc::new(deployed.sync_options.clone());
    for (name, environment) in &mut environments {
        environment.seen = seen.clone();
        environment.sync_options = sync_options.clone();
        environment.is_partial = deployed.incomplete.contains(name);
        environment.is_unapplied = deployed.unapplied.contains(name);
        if let Some(inputs) = deployed.inputs.get(name) {
            environment.inputs = inputs.clone();
        }
    }
    check_all(environments, clusters, options)
}

fn check_all(
    environments: BTreeMap<String, EnvironmentObjects<'_>>,
    clusters: &BTreeMap<String, Cluster>,
    options: ValidationOptions,
) -> Diagnostics {
    let mut found = Diagnostics::default();
    let (unknown, budget) = (Cluster::default(), RuleBudget::default());
    found.extend(policy_faults::unmatched(&environments, clusters));
    for (name, mut environment) in environments {
        let cluster = clusters.get(&name).unwrap_or(&unknown);
        environment.given_namespaces = cluster.namespaces.clone();
        environment.settings = cluster.settings.clone();
        found.extend(run_checks(
            &name,
            &environment,
            cluster,
            options,
            &budget,
            |_| true,
        ));
    }
    found.sort_and_dedup();
    chart_values::joined(found)
}

/// The findings about the objects of an environment. `is_selected` selects checks by their input.
fn run_checks(
    name: &str,
    environment: &EnvironmentObjects<'_>,
    cluster: &Cluster,
    options: ValidationOptions,
    budget: &RuleBudget,
    is_selected: fn(&RuleKind) -> bool,
) -> Diagnostics {
    let mut found = Diagnostics::default();
    found.extend(run_each(environment, is_selected));
    found.extend(dangers(environment));
    found.extend(objects::findings(environment, cluster, options, budget));
    found.extend(chart_values::findings(environment));
    found.extend(admission_policies::findings(
        name,
        environment,
        cluster,
        budget,
    ));
    let minor = Catalog::new(cluster.minor).minor();
    let version = cluster.minor.zip(cluster.version_span.as_ref());
    found.extend(version.and_then(|(asked, at)| Some(other_version(asked, minor)?.at(at))));
    found.extend(pod_security::findings(environment, minor));
    let policies = &cluster.builtin_policies;
    found.extend(match environment.is_partial {
        true => builtin_policies::findings_of_part(environment, policies, minor),
        false => builtin_policies::findings(name, environment, policies, minor),
    });
    found
}

/// The findings about single objects, independent of all others.
pub fn check_objects(origins: &Origins, clusters: &BTreeMap<String, Cluster>) -> Diagnostics {
    let mut found = Diagnostics::default();
    let (unknown, budget) = (Cluster::default(), RuleBudget::default());
    let lines = Lines::default();
    for (name, mut environment) in environment_objects(&Tree::new(), origins, &lines) {
        let cluster = clusters.get(&name).unwrap_or(&unknown);
        environment.inputs = cluster.inputs.clone();
        let options = ValidationOptions::default();
        found.extend(objects::findings(&environment, cluster, options, &budget));
        found.extend(chart_values::findings(&environment));
        let minor = Catalog::new(cluster.minor).minor();
        let policies = &cluster.builtin_policies;
        found.extend(builtin_policies::findings_of_part(
            &environment,
            policies,
            minor,
        ));
    }
    found
}

/// The dangers that need only one side of a comparison.
fn dangers(environment: &EnvironmentObjects<'_>) -> Vec<Diagnostic> {
    let objects: Vec<&Object> = environment.objects.iter().map(|it| &*it.object).collect();
    let locations: BTreeMap<_, _> = environment
        .objects
        .iter()
        .map(|it| (it.object.id(), it))
        .collect();
    let diagnostics = check_tree(&objects).into_iter().map(|finding| {
        let sourced = locations.get(&finding.id);
        let location = sourced.and_then(|it| it.location(&finding.field));
        let template = sourced.and_then(|it| it.template(&finding.field));
        with_template(finding.diagnostic(location.as_ref()), template)
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
    fn push(
        &mut self,
        sourced: &SourcedObject<'_>,
        field: &FieldPath,
        message: String,
        help: &str,
    ) {
        let fault = self.fault(sourced, field, message);
        self.found.push(fault.help(help));
    }

    /// Adds a finding about a field with an unknown name. The help suggests a similar known name, if there is one.
    fn push_name<'n>(
        &mut self,
        sourced: &SourcedObject<'_>,
        field: &FieldPath,
        message: String,
        known: impl IntoIterator<Item = &'n str>,
        help: &str,
    ) {
        let node = sourced.object.node.at_path(field);
        let wrong = node.and_then(Node::as_str).unwrap_or("");
        let fault = self.fault(sourced, field, message);
        let advised = fault.did_you_mean(wrong, known);
        self.found.push(match advised.help.is_empty() {
            true => advised.help(help),
            false => advised,
        });
    }

    fn fault(&self, sourced: &SourcedObject<'_>, field: &FieldPath, message: String) -> Diagnostic {
        let fault = Diagnostic {
            severity: self.check.severity,
            ..Diagnostic::error(self.check.code, message)
        };
        with_template(fault.at(sourced.line(field)), sourced.template(field))
    }
}

/// Adds the line of the chart's template, beside the line of the release.
fn with_template(fault: Diagnostic, template: Option<Span>) -> Diagnostic {
    match template {
        Some(template) => fault.related(&template, "rendered by this template of the chart"),
        None => fault,
    }
}
