//! Keeper ensembles that lose nodes.

use super::clusters;
use crate::diag::Severity;
use crate::diff::Pair;
use crate::products::{Cluster, paired};
use crate::rules::{Danger, Faults, RuleKind};
use crate::yaml::FieldPath;

/// The rule in the table of dangers.
pub const DANGER: Danger = Danger {
    code: "fewer-keepers",
    severity: Severity::Error,
    summary: "a Keeper ensemble loses nodes",
    explain: "\
Keeper decides by majority. While nodes are removed, the remaining ones must still be a majority of the old ensemble. Otherwise \
it stops accepting writes and every replicated table becomes read-only. From three nodes to one, no such step exists.

Remove one node at a time, and wait until `echo mntr | nc HOST 2181` shows one leader and all others as followers.",
    check: RuleKind::Change(check),
};

fn check(pair: &Pair<'_>, faults: &mut Faults) {
    let Pair::Same(before, after) = pair else {
        return;
    };
    let nodes = |it: &Cluster| it.shards.first().map_or(0, |it| it.replica_count);
    let (old, new) = (clusters(before), clusters(after));
    for (old, new) in paired(&old, &new).filter(|it| it.0.is_keeper) {
        if let Some((at, now)) = new.filter(|it| nodes(it.1) < nodes(old)) {
            let message = format!(
                "{} goes from {} to {} Keeper {}",
                after.id(),
                nodes(old),
                nodes(now),
                if nodes(now) == 1 { "node" } else { "nodes" }
            );
            let path = FieldPath::dotted("spec.configuration.clusters").index(at);
            faults.push(after, path.key("layout").key("replicasCount"), message);
        }
    }
}
