//! Changes as diagnostics at the lines of claims, for the forms that show lines.

use crate::compare::{Comparison, findings, sections};
use crate::diag::{Diagnostic, Diagnostics, Severity};

use super::summary::counted;
use super::words::shorten;

/// Environments that are named.
const NAMES_MAX: usize = 12;

/// What is dangerous, each once with its environments; which claims change, at their lines; what could not be compared.
pub fn annotations(comparison: &Comparison) -> Diagnostics {
    let mut all = Diagnostics::default();
    for it in findings(comparison) {
        let mut diagnostic = it.found.diagnostic();
        let in_ = listed(&it.environments);
        diagnostic.message = format!("{}{in_}", diagnostic.message);
        all.push(diagnostic.help(it.found.finding.danger.summary));
    }
    all.extend(comparison.notes.iter().cloned());
    all.extend(claims(comparison));
    all
}

fn listed(environments: &[&str]) -> String {
    let mut names: Vec<String> = environments.iter().map(ToString::to_string).collect();
    shorten(&mut names, NAMES_MAX);
    match environments {
        ["."] => String::new(),
        _ => format!(" (in {})", names.join(", ")),
    }
}

/// `changes 3 objects in prod, test`, at each document of a claim that changes.
fn claims(comparison: &Comparison) -> Vec<Diagnostic> {
    let mut notes = Vec::new();
    let sections = sections(comparison);
    let mut claims: Vec<_> = sections.iter().flat_map(|it| &it.claims).collect();
    claims.sort_by_key(|it| (&it.title, it.span.as_ref().map(|it| it.start)));
    claims.dedup();
    for claim in claims {
        let Some(span) = &claim.span else {
            continue;
        };
        let (mut objects, mut environments) = (0, Vec::new());
        for environment in &comparison.environments {
            let own = environment.objects.iter();
            let own = own.filter(|it| it.claim.as_deref() == Some(*claim)).count();
            objects += own;
            environments.extend((own > 0).then_some(&*environment.name));
        }
        let message = format!(
            "{} changes {}{}",
            claim.title,
            counted(objects, "object"),
            listed(&environments)
        );
        notes.push(
            Diagnostic {
                severity: Severity::Note,
                ..Diagnostic::error("changed-claim", message)
            }
            .at(span),
        );
    }
    notes
}
