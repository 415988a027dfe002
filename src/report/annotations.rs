//! Changes as diagnostics at the lines of claims, for the forms that show lines.

use crate::compare::{Comparison, findings, sections};
use crate::diag::{Diagnostic, Diagnostics, Severity, Source, Span};
use crate::tree::TreePath;

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

/// The same at lines that exist after the change, since services show no others: a line that is gone is the nearest one that is left,
/// and of a file that is gone only the file is named. `after` gives the text of a file.
pub fn at_existing_lines(
    found: Diagnostics,
    after: &dyn Fn(&TreePath) -> Option<String>,
) -> Diagnostics {
    let placed = found.into_iter().map(|it| Diagnostic {
        span: it.span.as_ref().map(|span| existing(span, after)),
        ..it
    });
    placed.collect()
}

fn existing(span: &Span, after: &dyn Fn(&TreePath) -> Option<String>) -> Span {
    let (old, path) = (&span.source.text, span.path());
    let Some(new) = after(path) else {
        return Span::new(&Source::new(path.clone(), ""), 0..0);
    };
    if *old == new {
        return span.clone();
    }
    let line = span.position().line;
    let is_hidden = old.bytes().all(|it| it == b'\n');
    let line = match is_hidden {
        true => line,
        false => moved(line, old, &new),
    };
    let line = line.clamp(1, new.lines().count().max(1));
    let above = "\n".repeat(line - 1);
    let end = above.len();
    Span::new(&Source::new(path.clone(), above + " "), end..end + 1)
}

/// Where a line is in a changed text, counted from 1: what is before the first difference and what is after the last one stays.
fn moved(line: usize, old: &str, new: &str) -> usize {
    let is_same = |it: &(&str, &str)| it.0 == it.1;
    let same_start = old.lines().zip(new.lines()).take_while(is_same).count();
    let ends = old.lines().rev().zip(new.lines().rev());
    let same_end = ends.take_while(is_same).count();
    let counts = [old, new].map(|it| it.lines().count());
    if line > same_start && line + same_end > counts[0] {
        return (line + counts[1]).saturating_sub(counts[0]);
    }
    line.min(same_start + 1)
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
