//! Claims × environments: charts and their versions, images, replicas, resources, volumes, and where they drift apart.
//!
//! It looks at what would be applied, so it sees what templates and overlays make of a claim. A claim of which there is nothing
//! of the kind to say is left out.

mod facts;

use std::collections::{BTreeMap, BTreeSet};

use crate::compare::{Side, applied};
use crate::tree::{Files, TreePath};

pub use facts::facts;

/// Claims in the order of their names.
#[derive(Clone, Debug, Default)]
pub struct Matrix {
    /// The environments, in the order of their names.
    pub environments: Vec<String>,
    /// The claims.
    pub claims: Vec<Claim>,
}

/// One claim.
#[derive(Clone, Debug)]
pub struct Claim {
    /// Its name.
    pub name: String,
    /// The environments that have it.
    pub environments: BTreeSet<String>,
    /// What is said of it.
    pub rows: Vec<Row>,
}

/// One fact of a claim: `image clickhouse`.
#[derive(Clone, Debug)]
pub struct Row {
    /// What it is.
    pub name: String,
    /// The values, by environment; an environment that says nothing of it is missing.
    pub values: BTreeMap<String, String>,
    /// Whether the environments that have the claim differ in it.
    pub drifts: bool,
}

/// Looks at a rendered tree. `owner` says which environment and claim a part belongs to, known by its folder.
pub fn matrix(tree: &dyn Files, owner: &dyn Fn(&TreePath) -> Option<(String, String)>) -> Matrix {
    let root = TreePath::root();
    let side = Side {
        files: tree,
        root: &root,
        name: "the tree",
    };
    let mut claims: BTreeMap<String, BTreeMap<String, Vec<(String, String)>>> = BTreeMap::new();
    for (folder, objects) in applied(&side) {
        let (Some((environment, claim)), Ok(objects)) = (owner(&folder), objects) else {
            continue;
        };
        let facts = facts(&objects);
        if !facts.is_empty() {
            claims.entry(claim).or_default().insert(environment, facts);
        }
    }
    let environments: BTreeSet<String> =
        claims.values().flat_map(|it| it.keys().cloned()).collect();
    Matrix {
        environments: environments.into_iter().collect(),
        claims: claims
            .into_iter()
            .map(|(name, said)| claim(name, said))
            .collect(),
    }
}

fn claim(name: String, said: BTreeMap<String, Vec<(String, String)>>) -> Claim {
    let environments: BTreeSet<String> = said.keys().cloned().collect();
    let mut rows: Vec<Row> = Vec::new();
    for (environment, facts) in said {
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
        let different: BTreeSet<&String> = row.values.values().collect();
        row.drifts = different.len() > 1 || row.values.len() < environments.len();
    }
    Claim {
        name,
        environments,
        rows,
    }
}
