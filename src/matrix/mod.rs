//! Claims × environments: charts and their versions, images, replicas, resources, volumes, and how they differ.
//!
//! It uses the objects to be applied, so it includes the effect of templates and overlays. Claims without such facts are left out.

mod facts;

use std::collections::{BTreeMap, BTreeSet};

use crate::object::Object;

pub use facts::facts;

/// Claims in the order of their names.
#[derive(Clone, Debug, Default)]
pub struct Matrix {
    /// The environments, in the order of their names or as [`Matrix::order`] puts them.
    pub environments: Vec<String>,
    /// The claims, sorted by name.
    pub claims: Vec<Claim>,
}

impl Matrix {
    /// Puts these environments first, in this order.
    pub fn order(&mut self, order: &[String]) {
        let rank = |it: &String| order.iter().position(|name| name == it);
        self.environments
            .sort_by_key(|it| rank(it).unwrap_or(order.len()));
    }
}

/// A claim, and its differences between environments.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The claim as `Kind/name`.
    pub name: String,
    /// The environments that have it.
    pub environments: BTreeSet<String>,
    /// One row for each fact about it.
    pub rows: Vec<Row>,
}

/// One fact of a claim: `image clickhouse`.
#[derive(Clone, Debug)]
pub struct Row {
    /// The name of the fact, such as `image clickhouse`.
    pub name: String,
    /// The values, by environment; environments without a value are missing.
    pub values: BTreeMap<String, String>,
    /// Whether the environments that have the claim differ in it.
    pub drifts: bool,
}

/// Builds the table from `found`: environments, their claims, and the objects of these.
pub fn matrix<'a>(found: impl IntoIterator<Item = (String, String, &'a [Object])>) -> Matrix {
    let mut claims: BTreeMap<String, BTreeMap<String, Vec<(String, String)>>> = BTreeMap::new();
    for (environment, claim, objects) in found {
        let facts = facts(objects);
        if !facts.is_empty() {
            let environments = claims.entry(claim).or_default();
            environments.entry(environment).or_default().extend(facts);
        }
    }
    let environments: BTreeSet<String> =
        claims.values().flat_map(|it| it.keys().cloned()).collect();
    Matrix {
        environments: environments.into_iter().collect(),
        claims: claims
            .into_iter()
            .map(|(name, values)| claim(name, values))
            .collect(),
    }
}

fn claim(name: String, values: BTreeMap<String, Vec<(String, String)>>) -> Claim {
    let environments: BTreeSet<String> = values.keys().cloned().collect();
    let mut rows: Vec<Row> = Vec::new();
    for (environment, facts) in values {
        for (name, value) in facts {
            match rows.iter_mut().find(|it| it.name == name) {
                Some(row) => drop(row.values.insert(environment.clone(), value)),
                None => rows.push(Row {
                    name,
                    values: BTreeMap::from([(environment.clone(), value)]),
                    drifts: false,
                }),
            }
        }
    }
    for row in &mut rows {
        if row.name.starts_with("image") {
            shorten_images(&mut row.values);
        }
        let different: BTreeSet<&String> = row.values.values().collect();
        row.drifts = different.len() > 1 || row.values.len() < environments.len();
    }
    Claim {
        name,
        environments,
        rows,
    }
}

/// Removes the registries and folders of images if they are all the same.
fn shorten_images(values: &mut BTreeMap<String, String>) {
    let images = values.values().flat_map(|it| it.split(", "));
    let folders: BTreeSet<&str> = images
        .map(|it| it.rsplit_once('/').map_or("", |it| it.0))
        .collect();
    if folders.len() == 1 {
        for value in values.values_mut() {
            let short = value
                .split(", ")
                .map(|it| it.rsplit('/').next().unwrap_or(it));
            *value = short.collect::<Vec<_>>().join(", ");
        }
    }
}
