//! Rules for dangers of a change: one file each, and a table.
//!
//! A rule sees objects before and after, but not the cluster: it describes the change and does not prove safety. Its messages
//! appear in reports, so they contain no values of Secrets.

mod app_project;
mod blocked_eviction;
mod clear_text_secret;
mod deleted_claims;
mod downgrade;
mod dropped_field;
mod dropped_version;
mod immutable_field;
mod scalar_fields;
mod lost_permission;
mod major_upgrade;
mod no_replicas;
mod opened_traffic;
mod pruning_changed;
mod pruned_application;
mod pruned_object;
mod reinstalled_release;
mod released_address;
mod removed_key;
mod removed_operator;
mod retention_removed;
mod shrinking_volume;
mod storage_class_changed;
mod suspension_changed;
mod version;
mod widened_privileges;

use std::collections::BTreeSet;

use crate::diff::Pair;
use crate::object::Object;
use crate::products::clickhouse;
use crate::rules::run;
use crate::yaml::Node;

pub use crate::rules::{ChangeSet, Danger, Finding};
use crate::rules::{Faults, RuleKind};
pub use app_project::{Destination, permits, permits_source};
pub use pruned_application::{GitPath, git_paths, lost_names, lost_path, names_from_file};

/// The index of a rule in the table.
pub fn rank(danger: &Danger) -> usize {
    let location = DANGERS.iter().position(|it| it.code == danger.code);
    location.unwrap_or(DANGERS.len())
}

/// All rules, the most severe first.
pub const DANGERS: &[Danger] = &[
    pruned_object::DANGER,
    pruned_application::DANGER,
    removed_operator::DANGER,
    lost_permission::DANGER,
    clickhouse::fewer_shards::DANGER,
    clickhouse::fewer_replicas::DANGER,
    clickhouse::fewer_keepers::DANGER,
    clickhouse::replaced_volume::DANGER,
    clickhouse::replaced_keeper::DANGER,
    deleted_claims::DANGER,
    shrinking_volume::DANGER,
    storage_class_changed::DANGER,
    immutable_field::DANGER,
    reinstalled_release::DANGER,
    removed_key::DANGER,
    dropped_version::DANGER,
    dropped_field::DANGER,
    clear_text_secret::DANGER,
    opened_traffic::DANGER,
    released_address::DANGER,
    widened_privileges::DANGER,
    downgrade::DANGER,
    major_upgrade::DANGER,
    retention_removed::DANGER,
    pruning_changed::DANGER,
    suspension_changed::DANGER,
    no_replicas::DANGER,
    blocked_eviction::DANGER,
    clickhouse::even_keepers::DANGER,
];

/// The disclaimer that reports print with findings, because an empty list is no guarantee.
pub const DISCLAIMER: &str =
    "this list describes the change; it does not prove that the change is safe";

/// Whether a rule also needs unchanged objects: if a definition changes that they may use, data is removed that they may refer to,
/// their pods are no longer enough for a budget, or a policy no longer restricts them.
pub fn needs_unchanged_objects(pairs: &[Pair<'_>]) -> bool {
    let is_crd = |it: &Object| it.kind() == "CustomResourceDefinition";
    pairs.iter().any(|it| {
        it.before().is_some() && it.after().is_some_and(is_crd)
            || removed_key::loses_data(it)
            || blocked_eviction::affects_budgets(it)
            || opened_traffic::affects_traffic(it)
    })
}

/// The findings of all rules in a change. A finding about a single tree is reported if it did not exist before.
pub fn check(changes: &ChangeSet<'_>) -> Vec<Finding> {
    let [before, after] = sides(changes);
    let mut findings = Vec::new();
    for danger in DANGERS {
        match danger.check {
            RuleKind::Change(check) => findings.extend(run(danger, |faults| {
                let pairs = changes.pairs.iter().filter(|it| !is_secret(it));
                pairs.for_each(|it| check(it, faults));
            })),
            RuleKind::ChangeOrSecret(check) => findings.extend(run(danger, |faults| {
                changes.pairs.iter().for_each(|it| check(it, faults));
            })),
            RuleKind::ChangeSet(check) => {
                findings.extend(run(danger, |faults| check(changes, faults)))
            }
            RuleKind::Tree(check) => {
                let known = run(danger, |faults| check(&before, faults));
                let mut found = run(danger, |faults| check(&after, faults));
                let known: BTreeSet<_> = known.iter().map(|it| (&it.id, &*it.message)).collect();
                found.retain(|it| !known.contains(&(&it.id, &*it.message)));
                findings.extend(found);
            }
        }
    }
    findings
}

/// Whether a finding is that an immutable field of an object changes, so that the change is rejected or the object is created again.
pub fn is_immutable_field(finding: &Finding) -> bool {
    finding.danger.code == immutable_field::DANGER.code
}

/// The objects before and after a change. Unchanged objects are included if they are known.
fn sides<'a>(changes: &ChangeSet<'a>) -> [Vec<&'a Object>; 2] {
    let changed = |side: fn(&Pair<'a>) -> Option<&'a Object>| changes.pairs.iter().filter_map(side);
    let known: BTreeSet<_> = changed(Pair::after).map(Object::id).collect();
    let unchanged = changes.rest.iter().filter(|it| !known.contains(&it.id()));
    let unchanged: Vec<&Object> = unchanged.collect();
    let side = |changed: Vec<&'a Object>| changed.into_iter().chain(unchanged.clone()).collect();
    [
        side(changed(Pair::before).collect()),
        side(changed(Pair::after).collect()),
    ]
}

/// The findings of rules that only need one side.
pub fn check_tree(objects: &[&Object]) -> Vec<Finding> {
    let rules = DANGERS.iter().filter_map(|danger| match danger.check {
        RuleKind::Tree(check) => Some(run(danger, |faults| check(objects, faults))),
        _ => None,
    });
    rules.flatten().collect()
}

/// Whether `pleach check` can run a rule on one tree.
pub fn is_single_tree(danger: &Danger) -> bool {
    matches!(danger.check, RuleKind::Tree(_))
}

/// Whether it is or creates a Secret on either side.
fn is_secret(pair: &Pair<'_>) -> bool {
    let is_secret = |it: &Object| it.kind().eq_ignore_ascii_case("Secret");
    [pair.before(), pair.after()]
        .into_iter()
        .flatten()
        .any(is_secret)
}

/// The text of a field; `nothing` for a missing one.
fn field_text(node: Option<&Node>) -> &str {
    node.and_then(Node::as_str).unwrap_or("nothing")
}

/// The maximum number of names shown.
const NAMES_MAX: usize = 5;

/// Some names, and the number of further ones.
fn list_names(names: &[String]) -> String {
    list_first_names(names, names.len())
}

/// The first of some names, and the number of further ones up to `count`.
fn list_first_names(names: &[String], count: usize) -> String {
    let first = names.get(..NAMES_MAX.min(names.len())).unwrap_or_default();
    match count.saturating_sub(first.len()) {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}
