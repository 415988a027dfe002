//! ClickHouse clusters that lose shards.

use std::collections::BTreeSet;

use super::clusters;
use crate::diag::Severity;
use crate::diff::Pair;
use crate::products::by_name;
use crate::rules::{Danger, Faults, RuleKind};
use crate::yaml::FieldPath;

/// The rule in the table of dangers.
pub const DANGER: Danger = Danger {
    code: "fewer-shards",
    severity: Severity::Error,
    summary: "a ClickHouse cluster loses shards, and the data on them",
    explain: "\
Each shard holds a part of the data that no other shard has. The operator deletes the surplus shards, and their volumes unless \
these are retained. A shard with another name is another shard, with new volumes: its servers are named after it. The rows are not moved to the remaining shards, and distributed queries continue without them and without an error.

Move the rows first, for example with `INSERT INTO … SELECT` into a Distributed table over the remaining shards, or with \
clickhouse-backup. Compare the row counts before the shards are deleted.",
    check: RuleKind::Change(check),
};

fn check(pair: &Pair<'_>, faults: &mut Faults) {
    let Pair::Same(before, after) = pair else {
        return;
    };
    let new = clusters(after);
    let positions = by_name(&new);
    for old in clusters(before) {
        let path = FieldPath::dotted("spec.configuration.clusters");
        match positions.get(&*old.name).copied() {
            Some(at) if new[at].shard_count < old.shard_count => {
                let message = format!(
                    "cluster `{}` of {} goes from {} to {} shards: the data on the removed shards is lost",
                    old.name,
                    after.id(),
                    old.shard_count,
                    new[at].shard_count
                );
                let layout = path.index(at).key("layout").key("shardsCount");
                faults.push(after, layout, message);
            }
            Some(at) => {
                let names: BTreeSet<&str> = new[at].shards.iter().map(|it| &*it.name).collect();
                let lost = old.shards.iter().map(|it| &*it.name);
                let lost: Vec<&str> = lost.filter(|it| !names.contains(it)).collect();
                if let [first, others @ ..] = &*lost {
                    let more = match others.len() {
                        0 => String::new(),
                        more => format!(" and {more} more"),
                    };
                    let message = format!(
                        "cluster `{}` of {} no longer has shard `{first}`{more}: the data on it is lost",
                        old.name,
                        after.id()
                    );
                    let layout = path.index(at).key("layout").key("shards");
                    faults.push(after, layout, message);
                }
            }
            None if old.is_keeper => {}
            None => {
                let message = format!(
                    "cluster `{}` is removed from {}: its data is lost",
                    old.name,
                    after.id()
                );
                faults.push(after, path, message);
            }
        }
    }
}
