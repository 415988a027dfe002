//! What a change touches, as lines, as JSON and as the matrix of a job.

use std::collections::{BTreeMap, BTreeSet};

use super::escape::{printable, screened};
use super::json::quoted;
use crate::affected::{Affected, BASE, Touched};
use crate::object::ObjectId;
use crate::tree::TreePath;

/// What a change touches.
pub struct AffectedParts<'a> {
    /// The environments and claims that a change affects.
    pub affected: &'a Affected,
    /// The folders of kustomizations that a change affects.
    pub kustomizations: &'a BTreeSet<TreePath>,
    /// Units of Flux and Argo CD by environment or folder; `None` where they are not looked at.
    pub units: Option<&'a BTreeMap<String, BTreeSet<ObjectId>>>,
}

impl AffectedParts<'_> {
    fn units(&self) -> impl Iterator<Item = (&String, &ObjectId)> {
        let all = self.units.into_iter().flatten();
        all.flat_map(|(name, units)| units.iter().map(move |it| (name, it)))
    }
}

/// A line each: an environment, `environment/claim`, the folder of a kustomization, or `environment: Kind name`.
pub fn affected_names(parts: &AffectedParts<'_>) -> String {
    let mut lines = Vec::new();
    for (name, touched) in environments(parts.affected) {
        match touched {
            Touched::All => lines.push(name.clone()),
            Touched::Claims(claims) => {
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
    let environments = environments(parts.affected).map(|(name, touched)| {
        let (is_whole, claims) = match touched {
            Touched::All => (true, String::new()),
            Touched::Claims(claims) => (false, list(claims.iter().map(String::as_str))),
        };
        let name = quoted(name);
        format!("{{\"name\": {name}, \"whole\": {is_whole}, \"claims\": [{claims}]}}")
    });
    let environments = environments.collect::<Vec<_>>().join(", ");
    let folders = list(parts.kustomizations.iter().map(TreePath::as_str));
    let units = parts.units().map(|(name, id)| {
        format!(
            "{{\"environment\": {}, \"kind\": {}, \"namespace\": {}, \"name\": {}}}",
            quoted(name),
            quoted(&id.kind),
            quoted(&id.namespace),
            quoted(&id.name)
        )
    });
    let units = match parts.units {
        Some(_) => format!(", \"units\": [{}]", units.collect::<Vec<_>>().join(", ")),
        None => String::new(),
    };
    format!(
        "{{\"version\": 1, \"environments\": [{environments}], \"kustomizations\": [{folders}]{units}}}\n"
    )
}

/// `{include: [{environment}]}`, one line, as a job's `strategy.matrix` takes it.
pub fn affected_matrix(parts: &AffectedParts<'_>) -> String {
    let mut names: BTreeSet<&String> = environments(parts.affected).map(|it| it.0).collect();
    names.extend(parts.units().map(|it| it.0));
    let jobs = names.into_iter();
    let jobs = jobs.map(|it| format!("{{\"environment\": {}}}", quoted(it)));
    let jobs = jobs.collect::<Vec<_>>().join(", ");
    format!("{{\"include\": [{jobs}]}}\n")
}

/// Base is none: nothing is applied from it.
fn environments(affected: &Affected) -> impl Iterator<Item = (&String, &Touched)> {
    affected.environments.iter().filter(|it| it.0 != BASE)
}

fn list<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    texts.map(quoted).collect::<Vec<_>>().join(", ")
}
