//! The structure of a cluster of servers: shards, replicas, their zones, volumes and images.

use std::collections::BTreeMap;

use crate::object::ObjectId;

/// A cluster as the object of its operator describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// The object that says it.
    pub id: ObjectId,
    /// Its name within the object.
    pub name: String,
    /// The product, as the heading of a report names it.
    pub product: &'static str,
    /// Whether its nodes hold no data but decide by majority, as ClickHouse's Keeper does.
    pub is_keeper: bool,
    /// How many shards it has. An ensemble that decides by majority has one.
    pub shard_count: u64,
    /// The first of them.
    pub shards: Vec<Shard>,
    /// Whether the operator is to stop all of its servers.
    pub is_stopped: bool,
}

/// A shard, with its replicas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shard {
    /// How many replicas it has.
    pub replica_count: u64,
    /// The first of them.
    pub replicas: Vec<Replica>,
}

/// One server: a pod with its volumes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replica {
    /// Where it may run.
    pub zones: Zones,
    /// The volumes that the server mounts.
    pub volumes: Vec<Volume>,
    /// The image of its first container.
    pub image: Option<String>,
}

/// Where a server may run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Zones {
    /// The pod template does not restrict it.
    #[default]
    Any,
    /// In each zone about as many.
    Spread,
    /// Only in these zones, by name.
    Named(Vec<String>),
}

/// A volume of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Volume {
    /// The name of its template.
    pub name: String,
    /// How much it asks for, as written.
    pub size: String,
    /// Its storage class; the cluster's default if there is none.
    pub class: Option<String>,
}

/// Where each cluster is, by its name; the first one of a name.
pub fn by_name(clusters: &[Cluster]) -> BTreeMap<&str, usize> {
    let places = clusters.iter().enumerate().rev();
    places.map(|(at, it)| (&*it.name, at)).collect()
}
