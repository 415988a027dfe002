//! Files that differ between two renderings of the same inputs.

use std::collections::BTreeSet;

use crate::compare::Origins;
use crate::diag::{Diagnostic, Diagnostics, Span};
use crate::tree::{Tree, TreePath};

/// A finding for each file that differs, with the claim and the templates that it is rendered from.
pub fn compare_runs(first: &Tree, second: &Tree, origins: &Origins) -> Diagnostics {
    let all: BTreeSet<&TreePath> = first.iter().chain(second.iter()).map(|it| it.0).collect();
    let differing = all.into_iter().filter(|it| first.get(it) != second.get(it));
    differing
        .map(|path| not_reproducible(path, origins))
        .collect()
}

fn not_reproducible(path: &TreePath, origins: &Origins) -> Diagnostic {
    let message = format!("two renderings of the same input differ in `{path}`");
    let fault = Diagnostic::error("unstable-file", message);
    let folder = path.parent().unwrap_or_else(TreePath::root);
    let Some((_, origin)) = origins.iter().find(|it| *it.0 == folder) else {
        return fault.at(Span::of_file(path));
    };
    let templates = origin.objects.iter().map(|it| it.span().path().to_string());
    let templates: BTreeSet<String> = templates.map(|it| format!("`{it}`")).collect();
    let templates: Vec<String> = templates.into_iter().collect();
    let location = origin.claim.span.clone();
    let location = location.unwrap_or_else(|| Span::of_file(path));
    let help = format!(
        "{} is rendered by {}",
        origin.claim.title,
        templates.join(", ")
    );
    fault.at(location).help(help)
}
