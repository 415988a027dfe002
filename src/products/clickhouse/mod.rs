//! ClickHouse and Keeper with Altinity's operator: the structure of clusters, and rules about its changes.

pub mod even_keepers;
pub mod fewer_keepers;
pub mod fewer_replicas;
pub mod fewer_shards;
mod pod;
pub mod replaced_keeper;
pub mod replaced_volume;
mod topology;

pub use topology::{clusters, facts};
