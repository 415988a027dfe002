//! ClickHouse clusters that lose shards.

use std::collections::BTreeSet;

use super::clusters;
use crate::diag::Severity;
use crate::diff::Pair;
use crate::products::{Cluster, paired};
use crate::rules::{Danger, Faults, RuleKind};
use crate::yaml::FieldPath;

/// The rule in the table of dangers.
pub const DANGER: Danger = Danger {
    code: "fewer-shards",
    severity: Severity::Error,
    summary: "a ClickHouse cluster loses shards, and the data on them",
    explain: "\
Each shard holds a part of the data that no other shard has. The operator deletes the surplus shards, and their volumes unless \
these are retained. A shard with another name is another shard, with new volumes: its servers are named after it. The rows are not \
moved to the remaining shards, and distributed queries continue without them and without an error.

Move the rows first, for example with `INSERT INTO … SELECT` into a Distributed table over the remaining shards, or with \
clickhouse-backup. Compare the row counts before the shards are deleted.",
    check: RuleKind::Change(check),
};

fn check(pair: &Pair<'_>, faults: &mut Faults) {
    let Pair::Same(before, after) = pair else {
        return;
    };
    let (old, new) = (clusters(before), clusters(after));
    let path = FieldPath::dotted("spec.configuration.clusters");
    for (old, new) in paired(&old, &new) {
        let whose = format!("cluster `{}` of {}", old.name, after.id());
        match new {
            Some((at, new)) => {
                let layout = path.clone().index(at).key("layout");
                if new.shard_count < old.shard_count {
                    let (from, to) = (old.shard_count, new.shard_count);
                    let message = format!(
                        "{whose} goes from {from} to {to} shards: the data on the removed shards is lost"
                    );
                    faults.push(after, layout.key("shardsCount"), message);
                } else if let Some(lost) = lost_shards(old, new) {
                    let message = format!("{whose} no longer has {lost}");
                    faults.push(after, layout.key("shards"), message);
                }
            }
            None if old.is_keeper => {}
            None => {
                let name = &old.name;
                let message = format!(
                    "cluster `{name}` is removed from {}: its data is lost",
                    after.id()
                );
                faults.push(after, path.clone(), message);
            }
        }
    }
}

/// The shards whose names no longer exist, and what is lost with them.
fn lost_shards(old: &Cluster, new: &Cluster) -> Option<String> {
    let names: BTreeSet<&str> = new.shards.iter().map(|it| &*it.name).collect();
    let mut lost = old.shards.iter().map(|it| &*it.name);
    let first = lost.find(|it| !names.contains(it))?;
    Some(match lost.filter(|it| !names.contains(it)).count() {
        0 => format!("shard `{first}`: the data on it is lost"),
        more => format!("shard `{first}` and {more} more: the data on them is lost"),
    })
}
