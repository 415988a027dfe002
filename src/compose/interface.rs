//! What the rest of an environment sees of a claim.
//!
//! The order of claims, their Flux Kustomizations and the rule of one owner look at all claims of an environment, but at nothing
//! of a claim beyond this. Where it is the same on both sides of a change, they come to the same too.

use std::collections::{BTreeMap, BTreeSet};

use crate::delivery::Delivery;
use crate::load::Group;
use crate::object::ObjectId;
use crate::yaml::to_claims_form;

/// What the rest of an environment sees of a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    title: String,
    group: Group,
    /// Its objects, by whose namespaces and identities others are ordered and refused.
    objects: Vec<ObjectId>,
    /// What is written beside the object that applies its folder.
    beside: Vec<String>,
    has_files: bool,
    provides: BTreeSet<String>,
    requires: BTreeSet<String>,
    depends_on: BTreeSet<String>,
}

/// The interfaces of an environment's claims.
pub(super) fn all(
    environment: &str,
    deliveries: &[Delivery],
) -> BTreeMap<(String, String), Interface> {
    let interface = |it: &Delivery| {
        let key = (environment.to_string(), it.name.clone());
        (key, Interface::of(it))
    };
    deliveries.iter().map(interface).collect()
}

impl Interface {
    fn of(delivery: &Delivery) -> Interface {
        let releases = delivery.releases.iter().map(|it| &it.object);
        let beside = delivery.first.iter().chain(releases);
        Interface {
            title: delivery.title.clone(),
            group: delivery.group,
            objects: delivery.files.iter().map(|it| it.object.id()).collect(),
            beside: beside.map(|it| to_claims_form(&it.node)).collect(),
            has_files: !delivery.files.is_empty(),
            provides: delivery.provides.clone(),
            requires: delivery.requires.clone(),
            depends_on: delivery.depends_on.clone(),
        }
    }
}
