//! ClickHouse shards that lose replicas.

use super::clusters;
use crate::diag::Severity;
use crate::diff::Pair;
use crate::products::paired;
use crate::rules::{Danger, Faults, RuleKind};
use crate::yaml::FieldPath;

/// The rule in the table of dangers.
pub const DANGER: Danger = Danger {
    code: "fewer-replicas",
    severity: Severity::Error,
    summary: "a ClickHouse cluster loses replicas, and the data that only they have",
    explain: "\
The operator deletes the surplus replicas with their volumes. Replicated tables are kept on the remaining replicas. Tables with \
engines that do not replicate (MergeTree, Log, Memory) exist on one replica only, and so do rows that other replicas have not \
fetched yet.

Before the change, run `SYSTEM SYNC REPLICA` on the remaining replicas, and check `system.tables` for engines that do not begin \
with `Replicated`. After the change, run `SYSTEM DROP REPLICA` for the deleted ones, so that Keeper forgets them.",
    check: RuleKind::Change(check),
};

fn check(pair: &Pair<'_>, faults: &mut Faults) {
    let Pair::Same(before, after) = pair else {
        return;
    };
    let (old, new) = (clusters(before), clusters(after));
    for (old, new) in paired(&old, &new).filter(|it| !it.0.is_keeper) {
        let Some((at, new)) = new else {
            continue;
        };
        let shards = old.shards.iter().zip(&new.shards).enumerate();
        let mut fewer = shards.filter(|(_, (old, new))| new.replica_count < old.replica_count);
        let Some((first, (before_shard, after_shard))) = fewer.next() else {
            continue;
        };
        let (affected, go) = match fewer.count() + 1 {
            many if many == old.shards.len() => ("each shard".to_string(), "goes"),
            1 => (format!("shard {first}"), "goes"),
            many => (format!("{many} shards"), "go"),
        };
        let message = format!(
            "{affected} of cluster `{}` of {} {go} from {} to {} {}: data that only the removed replicas have is lost",
            old.name,
            after.id(),
            before_shard.replica_count,
            after_shard.replica_count,
            if after_shard.replica_count == 1 {
                "replica"
            } else {
                "replicas"
            },
        );
        let path = FieldPath::dotted("spec.configuration.clusters").index(at);
        faults.push(after, path.key("layout").key("replicasCount"), message);
    }
}
