//! ClickHouse clusters that lose the Keeper with the metadata of their tables.

use std::collections::BTreeMap;

use crate::diag::Severity;
use crate::diff::Pair;
use crate::object::Object;
use crate::rules::{Danger, Faults, RuleKind};
use crate::yaml::{FieldPath, Node};

/// The rule in the table of dangers.
pub const DANGER: Danger = Danger {
    code: "replaced-keeper",
    severity: Severity::Warning,
    summary: "a ClickHouse cluster gets another Keeper, or none",
    explain: "\
Keeper or ZooKeeper contains the metadata of replicated tables: which replicas exist, and which parts they have. If the servers of \
a cluster no longer use it, use another one, or look below another `root`, replicated tables become read-only when the servers are \
restarted.

Adding and removing single nodes of the same ensemble is not reported. To move to another ensemble, copy the metadata first, or \
run `SYSTEM RESTORE REPLICA` for each table after the change.",
    check: RuleKind::Change(check),
};

fn check(pair: &Pair<'_>, faults: &mut Faults) {
    let Pair::Same(before, after) = pair else {
        return;
    };
    let new = keepers(after);
    for (cluster, (_, old)) in keepers(before) {
        let Some((field, now)) = new.get(cluster) else {
            continue;
        };
        let old_hosts = hosts(old);
        let new_hosts = hosts(*now);
        let (what, unless) = if old_hosts.is_empty() {
            continue;
        } else if new_hosts.is_empty() {
            ("no longer has a Keeper", "")
        } else if !old_hosts.iter().any(|it| new_hosts.contains(it)) {
            (
                "has other Keeper nodes",
                ", unless they are the same ensemble",
            )
        } else if root(old) != root(*now) {
            ("has another `root` in Keeper", "")
        } else {
            continue;
        };
        let message = format!(
            "cluster `{cluster}` of {} {what}: its replicated tables become read-only{unless}",
            after.id()
        );
        faults.push(after, field.clone(), message);
    }
}

/// By name of a cluster: the field with its Keeper, and the value. A cluster without one has that of the installation.
fn keepers(object: &Object) -> BTreeMap<&str, (FieldPath, Option<&Node>)> {
    let group = object.gvk().group;
    if (&*group, object.kind()) != ("clickhouse.altinity.com", "ClickHouseInstallation") {
        return BTreeMap::new();
    }
    let common = object.node.at_keys(&["spec", "configuration", "zookeeper"]);
    let clusters = object.node.at_keys(&["spec", "configuration", "clusters"]);
    let clusters = clusters.and_then(Node::as_sequence).unwrap_or_default();
    let named = clusters.iter().enumerate().filter_map(|(at, cluster)| {
        let name = cluster.get("name")?.as_str()?;
        let keeper = match cluster.get("zookeeper") {
            Some(own) => {
                let clusters = FieldPath::dotted("spec.configuration.clusters");
                (clusters.index(at).key("zookeeper"), Some(own))
            }
            None => (FieldPath::dotted("spec.configuration.zookeeper"), common),
        };
        Some((name, keeper))
    });
    named.collect()
}

/// The hosts of an ensemble, without the domains after their names, which may be written or not.
fn hosts(keeper: Option<&Node>) -> Vec<&str> {
    let nodes = keeper.and_then(|it| it.get("nodes")?.as_sequence());
    let nodes = nodes.unwrap_or_default().iter();
    let hosts = nodes.filter_map(|it| it.get("host")?.as_str()?.split('.').next());
    hosts.collect()
}

fn root(keeper: Option<&Node>) -> &str {
    let root = keeper.and_then(|it| it.get("root")?.as_str());
    root.unwrap_or("").trim_end_matches('/')
}
