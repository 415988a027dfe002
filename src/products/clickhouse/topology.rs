//! Reads the structure of ClickHouse and Keeper clusters from the objects of Altinity's operator: shards, replicas, their zones,
//! volumes and image.
//!
//! It does not include what the operator adds by itself, such as the default template of a pod.

use super::pod::Templates;
use crate::object::Object;
use crate::products::{Cluster, Shard};
use crate::yaml::Node;

/// The maximum number of shards of a cluster, and of replicas of a shard, that are listed. Others are only counted, because the
/// numbers in a file may be arbitrarily large.
const LISTED_MAX: u64 = 256;

/// The maximum number of replicas of an object that are listed.
const REPLICAS_MAX: u64 = 65_536;

/// The maximum number of shards of an object that are listed. Of further clusters, only the first shard is listed.
const SHARDS_MAX: u64 = 65_536;

/// Whether an object is a custom resource of the operator that defines clusters.
fn is_installation(object: &Object) -> bool {
    let group = object.api_version().split('/').next();
    match object.kind() {
        "ClickHouseInstallation" => group == Some("clickhouse.altinity.com"),
        "ClickHouseKeeperInstallation" => group == Some("clickhouse-keeper.altinity.com"),
        _ => false,
    }
}

/// The clusters of an object; empty if it is not an installation.
pub fn clusters(object: &Object) -> Vec<Cluster> {
    if !is_installation(object) {
        return Vec::new();
    }
    let templates = Templates::new(&object.node);
    let listed = object.node.at_keys(&["spec", "configuration", "clusters"]);
    let listed = listed.and_then(Node::as_sequence).unwrap_or_default();
    let mut limits = ListLimits {
        shards: SHARDS_MAX,
        replicas: REPLICAS_MAX,
    };
    listed
        .iter()
        .map(|node| cluster(object, node, &templates, &mut limits))
        .collect()
}

/// The numbers of shards and replicas of each cluster, each with its name in tables.
pub fn facts(object: &Object) -> Vec<(&'static str, String)> {
    if !matches!(
        object.kind(),
        "ClickHouseInstallation" | "ClickHouseKeeperInstallation"
    ) {
        return Vec::new();
    }
    let listed = object.node.at_keys(&["spec", "configuration", "clusters"]);
    let listed = listed.and_then(Node::as_sequence).unwrap_or_default();
    let facts = listed.iter().map(|cluster| {
        let count = |key: &str| {
            let value = cluster.at_keys(&["layout", key])?;
            let value = value.as_str().filter(|_| !value.is_null());
            value.map(str::to_string)
        };
        let replicas = count("replicasCount").unwrap_or_else(|| "1".to_string());
        match count("shardsCount") {
            Some(shards) => ("shards × replicas", format!("{shards} × {replicas}")),
            None => ("keeper replicas", replicas),
        }
    });
    facts.collect()
}

/// The numbers of shards and replicas that may still be listed.
struct ListLimits {
    shards: u64,
    replicas: u64,
}

/// How many of `count` entries are listed. Reduces the limit by this number.
fn reserve(limit: &mut u64, count: u64) -> u64 {
    let reserved = count.min(LISTED_MAX).min(*limit);
    *limit -= reserved;
    reserved
}

fn cluster(
    object: &Object,
    node: &Node,
    templates: &Templates<'_>,
    limits: &mut ListLimits,
) -> Cluster {
    let layout = node.get("layout");
    let field = |key: &str| layout.and_then(|it| it.get(key));
    let (shards, replicas) = (items(field("shards")), items(field("replicas")));
    let is_keeper = object.kind() == "ClickHouseKeeperInstallation";
    let shard_count = match is_keeper {
        true => 1,
        false => count(field("shardsCount"), shards),
    };
    let common = count(field("replicasCount"), replicas);
    let listed_shards = reserve(&mut limits.shards, shard_count).max(shard_count.min(1));
    let shard = |at: u64| {
        let own = usize::try_from(at).ok().and_then(|at| shards.get(at));
        let listed = items(own.and_then(|it| it.get("replicas")));
        let number = own.and_then(|it| it.get("replicasCount"));
        let replica_count = match (number, listed) {
            (None, []) => common,
            _ => count(number, listed),
        };
        let replica = |at: u64| {
            let at = usize::try_from(at).unwrap_or(usize::MAX);
            let levels = [Some(node), replicas.get(at), own, listed.get(at)];
            templates.replica(&levels.map(|it| it.and_then(|it| it.get("templates"))))
        };
        let own_name = own.and_then(|it| it.get("name")?.as_str());
        Shard {
            name: own_name.map_or_else(|| at.to_string(), str::to_string),
            replica_count,
            replicas: (0..reserve(&mut limits.replicas, replica_count))
                .map(replica)
                .collect(),
        }
    };
    Cluster {
        id: object.id(),
        name: node
            .get("name")
            .and_then(Node::as_str)
            .unwrap_or("")
            .to_string(),
        product: "ClickHouse",
        is_keeper,
        shard_count,
        shards: (0..listed_shards).map(shard).collect(),
        is_stopped: is_stopped(object),
    }
}

/// Whether `spec.stop` is one of the operator's words for true.
fn is_stopped(object: &Object) -> bool {
    let stop = object.node.at_keys(&["spec", "stop"]);
    let stop = stop.and_then(Node::as_str);
    stop.is_some_and(|it| ["yes", "true", "1", "on", "enabled"].contains(&&*it.to_lowercase()))
}

fn items(node: Option<&Node>) -> &[Node] {
    node.and_then(Node::as_sequence).unwrap_or_default()
}

/// The larger one of a number and the number of items; 1 if neither is set.
fn count(number: Option<&Node>, items: &[Node]) -> u64 {
    let number = number.and_then(|it| it.as_str()?.parse::<u64>().ok());
    let listed = u64::try_from(items.len()).unwrap_or(u64::MAX);
    match (number, listed) {
        (None, 0) => 1,
        (number, listed) => number.unwrap_or(0).max(listed),
    }
}
