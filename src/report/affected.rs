//! The parts that a change affects: as lines, as JSON, and as the matrix of a CI job.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::escape::{printable, screened};
use super::serialize::to_json;
use crate::affected::{Affected, AffectedClaims, BASE};
use crate::object::ObjectId;
use crate::tree::TreePath;

/// The parts that a change affects.
pub struct AffectedParts<'a> {
    /// The environments and claims that a change affects.
    pub affected: &'a Affected,
    /// The folders of kustomizations that a change affects.
    pub kustomizations: &'a BTreeSet<TreePath>,
    /// Units of Flux and Argo CD by environment or folder; `None` if not requested.
    pub units: Option<&'a BTreeMap<String, BTreeSet<ObjectId>>>,
}

impl AffectedParts<'_> {
    fn units(&self) -> impl Iterator<Item = (&String, &ObjectId)> {
        let all = self.units.into_iter().flatten();
        all.flat_map(|(name, units)| units.iter().map(move |it| (name, it)))
    }
}

/// One line each: an environment, `environment/claim`, the folder of a kustomization, or `environment: Kind name`.
pub fn affected_names(parts: &AffectedParts<'_>) -> String {
    let mut lines = Vec::new();
    for (name, touched) in environments(parts.affected) {
        match touched {
            AffectedClaims::All => lines.push(name.clone()),
            AffectedClaims::Only(claims) => {
                lines.extend(claims.iter().map(|it| format!("{name}/{it}")));
            }
        }
    }
    lines.extend(parts.kustomizations.iter().map(|it| format!("./{it}")));
    lines.extend(parts.units().map(|(name, id)| format!("{name}: {id}")));
    let text: String = lines
        .iter()
        .map(|it| format!("{}\n", printable(it)))
        .collect();
    screened(&text)
}

/// `{version, environments: [{name, whole, claims}], kustomizations, units: [{environment, kind, namespace, name}]}`.
pub fn affected_json(parts: &AffectedParts<'_>) -> String {
    let environments = environments(parts.affected).map(|(name, touched)| Environment {
        name,
        whole: matches!(touched, AffectedClaims::All),
        claims: match touched {
            AffectedClaims::All => Vec::new(),
            AffectedClaims::Only(claims) => claims.iter().map(String::as_str).collect(),
        },
    });
    let units = parts.units().map(|(environment, id)| Unit {
        environment,
        kind: &id.kind,
        namespace: &id.namespace,
        name: &id.name,
    });
    let report = Report {
        version: 1,
        environments: environments.collect(),
        kustomizations: parts.kustomizations.iter().map(TreePath::as_str).collect(),
        units: parts.units.map(|_| units.collect()),
    };
    to_json(&report) + "\n"
}

#[derive(Serialize)]
struct Report<'a> {
    version: u32,
    environments: Vec<Environment<'a>>,
    kustomizations: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    units: Option<Vec<Unit<'a>>>,
}

#[derive(Serialize)]
struct Environment<'a> {
    name: &'a str,
    whole: bool,
    claims: Vec<&'a str>,
}

#[derive(Serialize)]
struct Unit<'a> {
    environment: &'a str,
    kind: &'a str,
    namespace: &'a str,
    name: &'a str,
}

/// `{include: [{environment}]}` on one line, for `strategy.matrix` of a job.
pub fn affected_matrix(parts: &AffectedParts<'_>) -> String {
    let mut names: BTreeSet<&String> = environments(parts.affected).map(|it| it.0).collect();
    names.extend(parts.units().map(|it| it.0));
    let jobs = names.into_iter().map(|environment| Job { environment });
    let include = jobs.collect();
    to_json(&JobMatrix { include }) + "\n"
}

#[derive(Serialize)]
struct JobMatrix<'a> {
    include: Vec<Job<'a>>,
}

#[derive(Serialize)]
struct Job<'a> {
    environment: &'a str,
}

/// The affected environments without base, which is not applied.
fn environments(affected: &Affected) -> impl Iterator<Item = (&String, &AffectedClaims)> {
    affected.environments.iter().filter(|it| it.0 != BASE)
}
