//! The manual pages of codes that no rule has; those of rules are in the files of the rules.

use crate::diag::Severity;

/// Grouped by topic. A page is `# code`, a line `severity: summary`, and paragraphs; indented lines are examples.
const FILES: [&str; 9] = [
    include_str!("pages/charts.md"),
    include_str!("pages/kinds.md"),
    include_str!("pages/kustomize.md"),
    include_str!("pages/objects.md"),
    include_str!("pages/patches.md"),
    include_str!("pages/policies.md"),
    include_str!("pages/text.md"),
    include_str!("pages/tree.md"),
    include_str!("pages/workspace.md"),
];

/// The manual page of a code.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// The code that diagnostics carry: `missing-reference`.
    pub code: &'static str,
    /// Error, warning or note.
    pub severity: Severity,
    /// A summary in one line.
    pub summary: &'static str,
    /// The reason and what to do: paragraphs, separated by empty lines.
    pub explain: &'static str,
}

/// The pages of the text files.
pub fn written() -> impl Iterator<Item = Page> {
    FILES.into_iter().flat_map(|text| {
        let text = text.strip_prefix("# ").unwrap_or(text);
        text.split("\n# ").filter_map(page)
    })
}

fn page(text: &'static str) -> Option<Page> {
    let (code, rest) = text.split_once('\n')?;
    let (head, explain) = rest.split_once("\n\n")?;
    let (severity, summary) = head.split_once(": ")?;
    let severity = match severity {
        "error" => Severity::Error,
        "warning" => Severity::Warning,
        _ => Severity::Note,
    };
    Some(Page {
        code,
        severity,
        summary,
        explain: explain.trim_end(),
    })
}
