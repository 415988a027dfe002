//! The structure of a cluster of servers: shards, replicas, their zones, volumes and images.

use std::collections::BTreeMap;

use crate::object::ObjectId;

/// A cluster of servers, as the custom resource of its operator describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// The object that defines it.
    pub id: ObjectId,
    /// Its name in the object.
    pub name: String,
    /// The name of the product in headings of reports.
    pub product: &'static str,
    /// Whether it is an ensemble that coordinates other servers by a quorum, such as ClickHouse Keeper.
    pub is_keeper: bool,
    /// The number of shards; 1 for an ensemble with a quorum.
    pub shard_count: u64,
    /// The first shards; not all of them if there are very many.
    pub shards: Vec<Shard>,
    /// Whether the operator stops all of its servers.
    pub is_stopped: bool,
}

/// A shard, with its replicas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Its name, or its number if it has none. Servers with another name have other volumes.
    pub name: String,
    /// The number of replicas.
    pub replica_count: u64,
    /// The first replicas; not all of them if there are very many.
    pub replicas: Vec<Replica>,
}

/// A server: a pod with its volumes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replica {
    /// The zones that the server may run in.
    pub zones: Zones,
    /// The volumes that the server mounts.
    pub volumes: Vec<Volume>,
    /// The image of its first container.
    pub image: Option<String>,
}

/// The zones that a server may run in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Zones {
    /// The pod template does not restrict the zones.
    #[default]
    Any,
    /// The servers are spread over all zones.
    Spread,
    /// The server only runs in these zones.
    Named(Vec<String>),
}

/// A volume of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Volume {
    /// The name of the volume claim template.
    pub name: String,
    /// The requested size, as written.
    pub size: String,
    /// The storage class; `None` for the default of the Kubernetes cluster.
    pub class: Option<String>,
}

/// Each cluster before a change, with the position of the first one that has its name after the change, and that one.
pub fn paired<'a>(
    before: &'a [Cluster],
    after: &'a [Cluster],
) -> impl Iterator<Item = (&'a Cluster, Option<(usize, &'a Cluster)>)> {
    let later = after.iter().enumerate().rev();
    let by_name: BTreeMap<&str, (usize, &Cluster)> =
        later.map(|(at, it)| (&*it.name, (at, it))).collect();
    let earlier = before.iter();
    earlier.map(move |old| (old, by_name.get(&*old.name).copied()))
}
