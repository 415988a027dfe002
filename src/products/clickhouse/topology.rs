//! Reads the structure of ClickHouse and Keeper clusters from the objects of Altinity's operator: shards, replicas, their zones,
//! volumes and image.
//!
//! It does not include what the operator adds by itself, such as the default template of a pod.

use super::pod::Templates;
use crate::object::Object;
use crate::products::{Cluster, Shard};
use crate::yaml::Node;

/// The maximum number of shards of a cluster, and of replicas of a shard, that are listed. More are only counted, because the
/// number in a file may be arbitrarily large.
const EACH_MAX: u64 = 256;

/// The maximum number of replicas of an object that are listed.
const REPLICAS_MAX: u64 = 65_536;

/// The maximum number of shards of an object that are listed; of further clusters only the first shard.
const SHARDS_MAX: u64 = 65_536;

/// Whether the object defines clusters.
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
    let mut room = Room {
        shards: SHARDS_MAX,
        replicas: REPLICAS_MAX,
    };
    listed
        .iter()
        .map(|node| cluster(object, node, &templates, &mut room))
        .collect()
}

/// Shards and replicas of each cluster as written, for a table of sizes.
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

/// The number of shards and replicas that may still be listed.
struct Room {
    shards: u64,
    replicas: u64,
}

impl Room {
    /// Reserves up to `wanted` entries.
    fn take(room: &mut u64, wanted: u64) -> u64 {
        let taken = wanted.min(EACH_MAX).min(*room);
        *room -= taken;
        taken
    }
}

fn cluster(object: &Object, node: &Node, templates: &Templates<'_>, room: &mut Room) -> Cluster {
    let layout = node.get("layout");
    let field = |key: &str| layout.and_then(|it| it.get(key));
    let (shards, replicas) = (items(field("shards")), items(field("replicas")));
    let is_keeper = object.kind() == "ClickHouseKeeperInstallation";
    let shard_count = match is_keeper {
        true => 1,
        false => count(field("shardsCount"), shards),
    };
    let common = count(field("replicasCount"), replicas);
    let listed_shards = Room::take(&mut room.shards, shard_count).max(shard_count.min(1));
    let shard = |at: u64| {
        let own = usize::try_from(at).ok().and_then(|at| shards.get(at));
        let listed = items(own.and_then(|it| it.get("replicas")));
        let stated = own.and_then(|it| it.get("replicasCount"));
        let replica_count = match (stated, listed) {
            (None, []) => common,
            _ => count(stated, listed),
        };
        let replica = |at: u64| {
            let at = usize::try_from(at).unwrap_or(usize::MAX);
            let says = [Some(node), replicas.get(at), own, listed.get(at)];
            templates.replica(&says.map(|it| it.and_then(|it| it.get("templates"))))
        };
        Shard {
            replica_count,
            replicas: (0..Room::take(&mut room.replicas, replica_count))
                .map(replica)
                .collect(),
        }
    };
    let stop = object
        .node
        .at_keys(&["spec", "stop"])
        .and_then(Node::as_str);
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
        is_stopped: stop
            .is_some_and(|it| ["yes", "true", "1", "on", "enabled"].contains(&&*it.to_lowercase())),
    }
}

fn items(node: Option<&Node>) -> &[Node] {
    node.and_then(Node::as_sequence).unwrap_or_default()
}

/// The explicit number, or that of the items if it is larger; by default one.
fn count(stated: Option<&Node>, items: &[Node]) -> u64 {
    let stated = stated.and_then(|it| it.as_str()?.parse::<u64>().ok());
    let listed = u64::try_from(items.len()).unwrap_or(u64::MAX);
    match (stated, listed) {
        (None, 0) => 1,
        (stated, listed) => stated.unwrap_or(0).max(listed),
    }
}
