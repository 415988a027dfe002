//! The properties of a claim that the rest of its environment depends on.
//!
//! The order of claims, their Flux Kustomizations and the check for one owner consider all claims of an environment, but only these
//! properties. If they are the same on both sides of a change, the rest is unchanged.

use std::collections::{BTreeMap, BTreeSet};

use crate::chart::Request;
use crate::delivery::Delivery;
use crate::layout::Group;
use crate::object::ObjectId;
use crate::yaml::emit_canonical;

/// The properties of a claim that the rest of its environment depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exports {
    title: String,
    group: Group,
    /// Its objects, because others are ordered by their namespaces and rejected by their identities.
    objects: Vec<ObjectId>,
    /// The objects written next to the one that applies its folder.
    beside: Vec<String>,
    has_files: bool,
    provides: BTreeSet<String>,
    requires: BTreeSet<String>,
    depends_on: BTreeSet<String>,
    namespaces: BTreeSet<String>,
    /// Group and kind of the CRDs among its objects, and the charts that may bring more.
    definitions: BTreeSet<(String, String)>,
    charts: Vec<Request>,
}

/// The interfaces of an environment's claims.
pub(super) fn all(
    environment: &str,
    deliveries: &[Delivery],
) -> BTreeMap<(String, String), Exports> {
    let interface = |it: &Delivery| {
        let key = (environment.to_string(), it.name.clone());
        (key, Exports::of(it))
    };
    deliveries.iter().map(interface).collect()
}

impl Exports {
    fn of(delivery: &Delivery) -> Exports {
        let releases = delivery.releases.iter().map(|it| &it.object);
        let beside = delivery.first.iter().chain(releases);
        Exports {
            title: delivery.title.clone(),
            group: delivery.group,
            objects: delivery.files.iter().map(|it| it.object.id()).collect(),
            beside: beside.map(|it| emit_canonical(&it.node)).collect(),
            has_files: !delivery.files.is_empty(),
            provides: delivery.provides.clone(),
            requires: delivery.requires.clone(),
            depends_on: delivery.depends_on.clone(),
            namespaces: delivery.namespaces.clone(),
            definitions: super::crds::defined(delivery).collect(),
            charts: delivery.charts.clone(),
        }
    }
}
