//! The properties of a claim that the output of other claims in its environment depends on.
//!
//! The order of claims, their Flux Kustomizations and the check for objects with two owners read all claims of an environment, but
//! only these properties of each. If a change to a claim does not change them, the output of the other claims is unchanged.

use std::collections::{BTreeMap, BTreeSet};

use crate::chart::Request;
use crate::delivery::Delivery;
use crate::layout::Group;
use crate::object::ObjectId;
use crate::yaml::emit_canonical;

/// The properties of a claim that the output of other claims in its environment depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exports {
    title: String,
    group: Group,
    /// Its objects: their namespaces decide the order of claims, and no other claim may have an object with the same identity.
    objects: Vec<ObjectId>,
    /// The text of its objects in the folder of the cluster.
    cluster_objects: Vec<String>,
    has_files: bool,
    provides: BTreeSet<String>,
    requires: BTreeSet<String>,
    depends_on: BTreeSet<String>,
    namespaces: BTreeSet<String>,
    /// Group and kind of the CRDs among its objects.
    definitions: BTreeSet<(String, String)>,
    /// The charts that it installs, which may contain more CRDs.
    charts: Vec<Request>,
}

/// The exports of all claims, by environment and name of the claim.
pub(super) fn all(
    environment: &str,
    deliveries: &[Delivery],
) -> BTreeMap<(String, String), Exports> {
    let exports = |it: &Delivery| {
        let key = (environment.to_string(), it.name.clone());
        (key, Exports::new(it))
    };
    deliveries.iter().map(exports).collect()
}

impl Exports {
    fn new(delivery: &Delivery) -> Exports {
        let releases = delivery.releases.iter().map(|it| &it.object);
        let cluster_objects = delivery.prerequisites.iter().chain(releases);
        Exports {
            title: delivery.title.clone(),
            group: delivery.group,
            objects: delivery.files.iter().map(|it| it.object.id()).collect(),
            cluster_objects: cluster_objects.map(|it| emit_canonical(&it.node)).collect(),
            has_files: !delivery.files.is_empty(),
            provides: delivery.provides.clone(),
            requires: delivery.requires.clone(),
            depends_on: delivery.depends_on.clone(),
            namespaces: delivery.namespaces.clone(),
            definitions: super::crds::defined_kinds(delivery).collect(),
            charts: delivery.charts.clone(),
        }
    }
}
