//! ClickHouse and Keeper as Altinity's operator runs them: the structure of clusters, and the rules about changes of it.

pub mod even_keepers;
pub mod fewer_keepers;
pub mod fewer_replicas;
pub mod fewer_shards;
mod pod;
mod topology;

pub use topology::{clusters, facts};
