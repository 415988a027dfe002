//! What a change touches, as lines, as JSON and as the matrix of a job.

use std::collections::BTreeSet;

use super::escape::{printable, screened};
use super::json::quoted;
use crate::affected::{Affected, BASE, Touched};
use crate::tree::TreePath;

/// A line each: an environment, `environment/claim`, or the folder of a kustomization.
pub fn affected_names(affected: &Affected, kustomizations: &BTreeSet<TreePath>) -> String {
    let mut lines = Vec::new();
    for (name, touched) in environments(affected) {
        match touched {
            Touched::All => lines.push(name.clone()),
            Touched::Claims(claims) => {
                lines.extend(claims.iter().map(|it| format!("{name}/{it}")));
            }
        }
    }
    lines.extend(kustomizations.iter().map(|it| format!("./{it}")));
    let text: String = lines
        .iter()
        .map(|it| format!("{}\n", printable(it)))
        .collect();
    screened(&text)
}

/// `{version, environments: [{name, whole, claims}], kustomizations}`.
pub fn affected_json(affected: &Affected, kustomizations: &BTreeSet<TreePath>) -> String {
    let environments = environments(affected).map(|(name, touched)| {
        let (is_whole, claims) = match touched {
            Touched::All => (true, String::new()),
            Touched::Claims(claims) => (false, list(claims.iter().map(String::as_str))),
        };
        let name = quoted(name);
        format!("{{\"name\": {name}, \"whole\": {is_whole}, \"claims\": [{claims}]}}")
    });
    let environments = environments.collect::<Vec<_>>().join(", ");
    let folders = list(kustomizations.iter().map(TreePath::as_str));
    format!(
        "{{\"version\": 1, \"environments\": [{environments}], \"kustomizations\": [{folders}]}}\n"
    )
}

/// `{include: [{environment}]}`, one line, as a job's `strategy.matrix` takes it.
pub fn affected_matrix(affected: &Affected) -> String {
    let jobs = environments(affected);
    let jobs = jobs.map(|it| format!("{{\"environment\": {}}}", quoted(it.0)));
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
