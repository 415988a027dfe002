//! Changes as diagnostics at the lines of claims, for formats that show lines.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use crate::compare::{Comparison, findings, sections};
use crate::diag::{Diagnostic, Diagnostics, Severity, Source, Span};
use crate::tree::TreePath;

use super::summary::counted;
use super::wording::shorten;

/// The maximum number of environments listed.
const NAMES_MAX: usize = 12;

/// Dangers, each once with its environments; changed claims, at their lines; parts that could not be compared.
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

/// Moves annotations to lines that exist after the change, because services show no others: a removed line is replaced by the nearest
/// remaining one, and a removed file by the file name alone. `after` returns the text of a file.
pub fn at_existing_lines(
    found: Diagnostics,
    after: &dyn Fn(&TreePath) -> Option<String>,
) -> Diagnostics {
    let mut lines = ExistingLines {
        after,
        texts: BTreeMap::new(),
        changes: BTreeMap::new(),
    };
    let placed = found.into_iter().map(|it| Diagnostic {
        span: it.span.as_ref().map(|span| lines.span(span)),
        ..it
    });
    placed.collect()
}

/// The files after the change. Each is read once, and compared once with each text from before.
struct ExistingLines<'a> {
    after: &'a dyn Fn(&TreePath) -> Option<String>,
    texts: BTreeMap<TreePath, Option<Rc<str>>>,
    /// By the address of the source, which is kept with them.
    changes: BTreeMap<*const Source, (Arc<Source>, Moved)>,
}

impl ExistingLines<'_> {
    fn span(&mut self, span: &Span) -> Span {
        let path = span.path();
        let new = match self.texts.get(path) {
            Some(known) => known.clone(),
            None => {
                let text = (self.after)(path).map(Rc::from);
                self.texts.entry(path.clone()).or_insert(text).clone()
            }
        };
        let Some(new) = new else {
            return Span::of_file(path);
        };
        let source = span.source();
        let (_, moved) = self
            .changes
            .entry(Arc::as_ptr(source))
            .or_insert_with(|| (source.clone(), Moved::between(&source.text, &new)));
        let Some(line) = moved.line(span.position().line) else {
            return span.clone();
        };
        let above = "\n".repeat(line - 1);
        let end = above.len();
        Span::new(&Source::new(path.clone(), above + " "), end..end + 1)
    }
}

/// How lines of a text move, determined from the common lines at the beginning and end.
enum Moved {
    Nothing,
    /// The text from before is hidden, and only this many lines are known of the new one.
    Hidden(usize),
    Lines {
        same_start: usize,
        same_end: usize,
        before: usize,
        after: usize,
    },
}

impl Moved {
    fn between(old: &str, new: &str) -> Moved {
        let after = new.lines().count().max(1);
        if old == new {
            return Moved::Nothing;
        }
        if old.bytes().all(|it| it == b'\n') {
            return Moved::Hidden(after);
        }
        let is_same = |it: &(&str, &str)| it.0 == it.1;
        let ends = old.lines().rev().zip(new.lines().rev());
        Moved::Lines {
            same_start: old.lines().zip(new.lines()).take_while(is_same).count(),
            same_end: ends.take_while(is_same).count(),
            before: old.lines().count(),
            after,
        }
    }

    /// The number of an old line in the new text, both counted from 1; `None` if nothing has changed.
    fn line(&self, line: usize) -> Option<usize> {
        match *self {
            Moved::Nothing => None,
            Moved::Hidden(after) => Some(line.clamp(1, after)),
            Moved::Lines {
                same_start,
                same_end,
                before,
                after,
            } => {
                let is_below = line > same_start && line + same_end > before;
                let line = match is_below {
                    true => (line + after).saturating_sub(before),
                    false => line.min(same_start + 1),
                };
                Some(line.clamp(1, after))
            }
        }
    }
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
