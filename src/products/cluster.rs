//! The structure of a cluster of servers: shards, replicas, their zones, volumes and images.

use std::collections::BTreeMap;

use crate::object::ObjectId;

/// A cluster as described by the object of its operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// The object that defines it.
    pub id: ObjectId,
    /// Its name within the object.
    pub name: String,
    /// The product, as in headings of reports.
    pub product: &'static str,
    /// Whether its nodes form a quorum without data, as ClickHouse Keeper.
    pub is_keeper: bool,
    /// The number of shards; one for an ensemble with a quorum.
    pub shard_count: u64,
    /// The first of them.
    pub shards: Vec<Shard>,
    /// Whether the operator stops all of its servers.
    pub is_stopped: bool,
}

/// A shard, with its replicas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shard {
    /// The number of replicas.
    pub replica_count: u64,
    /// The first of them.
    pub replicas: Vec<Replica>,
}

/// One server: a pod with its volumes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replica {
    /// The zones it may run in.
    pub zones: Zones,
    /// The volumes that the server mounts.
    pub volumes: Vec<Volume>,
    /// The image of its first container.
    pub image: Option<String>,
}

/// The zones a server may run in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Zones {
    /// The pod template does not restrict it.
    #[default]
    Any,
    /// About the same number in each zone.
    Spread,
    /// Only in these zones, by name.
    Named(Vec<String>),
}

/// A volume of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Volume {
    /// The name of its template.
    pub name: String,
    /// The requested size, as written.
    pub size: String,
    /// Its storage class; the cluster's default if there is none.
    pub class: Option<String>,
}

/// The index of each cluster, by its name; of equal names, the first one.
pub fn by_name(clusters: &[Cluster]) -> BTreeMap<&str, usize> {
    let places = clusters.iter().enumerate().rev();
    places.map(|(at, it)| (&*it.name, at)).collect()
}
