//! Changes as Markdown, for a comment on a pull request: first a table, then the changes, with large ones folded. The size is limited.
//!
//! Text from the user's files is written as code or escaped, so that it is never interpreted as Markdown: a fence is longer than any
//! run of backticks in it, and a part that does not fit is omitted as a whole.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use crate::compare::{
    Comparison, DangerGroup, FindingGroup, Group, Section, danger_groups, findings, sections,
};
use crate::danger::DISCLAIMER;
use crate::diag::Severity;

use super::View;
use super::escape::{printable, screened};
use super::rollout;
use super::summary::counted;
use super::wording::{
    Heading, Mark, clipped, count, folded, headings, location, noted, others, rows, shorten, sign,
    titles,
};

/// The limits of the service on which the report is shown.
pub struct MarkdownOptions<'a> {
    /// The maximum size in bytes. A comment on GitHub has at most 65,536 characters.
    pub bytes_max: usize,
    /// A link or a command that shows the whole report, with the omitted parts.
    pub full_report: &'a str,
}

/// The line by which a later run finds its comment.
const MARKER: &str = "<!-- pleach diff -->";

/// Changes with more rows are folded.
const ROWS_OPEN: usize = 12;

// The maximum number of bytes of one change, characters of a row, rows of the table, and names in a cell.
const GROUP_BYTES_MAX: usize = 8 * 1024;
const ROW_MAX: usize = 300;
const TABLE_MAX: usize = 40;
const NAMES_MAX: usize = 10;

/// The maximum number of notes shown unfolded.
const NOTES_OPEN: usize = 3;

/// The bytes reserved for the line that counts omitted changes.
const TAIL_BYTES: usize = 400;

/// The report, of at most `bytes_max` bytes.
pub fn markdown(
    comparison: &Comparison,
    sides: [&str; 2],
    view: &View<'_>,
    options: &MarkdownOptions<'_>,
) -> String {
    let sections = sections(comparison);
    let findings = findings(comparison);
    let mut page = Page {
        text: String::new(),
        bytes_max: options.bytes_max.saturating_sub(TAIL_BYTES),
        left_out: 0,
    };
    let [before, after] = sides.map(|it| code(&clipped(it, 60)));
    let counted = count(comparison);
    page.push(
        &format!("{MARKER}\n### {counted}\n\n{before} → {after}\n"),
        0,
    );
    page.table(&sections, &findings, view);
    page.dangers(&danger_groups(comparison), view);
    page.notes(comparison, view);
    page.rollout(comparison);
    for section in &sections {
        page.section(section, view);
    }
    screened(&page.finish(options.full_report))
}

struct Page {
    text: String,
    bytes_max: usize,
    /// The number of changes that did not fit.
    left_out: usize,
}

impl Page {
    /// Adds a part that describes `changes` changes, if it fits.
    fn push(&mut self, part: &str, changes: usize) -> bool {
        let fits = self.text.len() + part.len() <= self.bytes_max;
        match fits {
            true => self.text.push_str(part),
            false => self.left_out += changes,
        }
        fits
    }

    fn table(&mut self, sections: &[Section<'_>], findings: &[FindingGroup<'_>], view: &View<'_>) {
        if sections.is_empty() {
            return;
        }
        let mut table = String::from("\n| what | changes | where | danger |\n|---|---|---|---|\n");
        let rows: Vec<String> = sections
            .iter()
            .map(|it| table_row(it, findings, view))
            .collect();
        for row in rows.iter().take(TABLE_MAX) {
            // The table may take at most a quarter of the size.
            if table.len() + row.len() > self.bytes_max / 4 {
                break;
            }
            table.push_str(row);
        }
        let shown = table.lines().count().saturating_sub(3);
        if shown < rows.len() {
            let _ = writeln!(table, "| … {} more | | | |", rows.len() - shown);
        }
        self.push(&table, 0);
    }

    /// The effects on pods: a folded list of steps.
    fn rollout(&mut self, comparison: &Comparison) {
        let lines = rollout::lines(comparison);
        if lines.is_empty() {
            return;
        }
        let mut part = String::from("\n<details><summary>Rollout</summary>\n\n");
        for (depth, text) in &lines {
            let text: Vec<String> = text
                .split('`')
                .enumerate()
                .map(|(at, piece)| match at % 2 {
                    1 => code(piece),
                    _ => escaped(piece),
                })
                .collect();
            let indent = "  ".repeat(*depth);
            let _ = writeln!(part, "{indent}- {}", text.concat());
        }
        part.push_str("\n</details>\n");
        self.push(&part, 0);
    }

    fn dangers(&mut self, groups: &[DangerGroup<'_>], view: &View<'_>) {
        if groups.is_empty() {
            return;
        }
        let many = counted(groups.len(), "danger");
        let head = format!("\n#### {many}\n\n{}\n\n", sentence(DISCLAIMER));
        if !self.push(&head, 0) {
            return;
        }
        let limit = self.bytes_max / 3;
        for (at, it) in groups.iter().enumerate() {
            let line = danger(it, view);
            if self.text.len() + line.len() > limit + head.len() || !self.push(&line, 0) {
                let more = groups.len() - at;
                self.push(&format!("- … {more} more\n"), 0);
                break;
            }
        }
    }

    /// The reasons why parts are not compared: notes before the changes, folded if there are many.
    fn notes(&mut self, comparison: &Comparison, view: &View<'_>) {
        let notes = folded(&comparison.notes);
        let notes: Vec<_> = notes.iter().map(|it| noted(it, view)).collect();
        for (at, note) in notes.iter().enumerate() {
            let line = format!("> ⚠️ {}\n", sentence(&text(&clipped(note, 800))));
            let line = match at {
                NOTES_OPEN => format!(
                    "\n<details><summary>⚠️ {}</summary>\n\n{line}",
                    counted(notes.len() - at, "more note")
                ),
                _ => format!("\n{line}"),
            };
            if self.text.len() + line.len() > self.bytes_max / 2 || !self.push(&line, 0) {
                let more = notes.len() - at;
                self.push(&format!("\n> ⚠️ {}\n", counted(more, "more note")), 0);
                if at > NOTES_OPEN {
                    self.push("\n</details>\n", 0);
                }
                return;
            }
        }
        if notes.len() > NOTES_OPEN {
            self.push("\n</details>\n", 0);
        }
    }

    fn section(&mut self, section: &Section<'_>, view: &View<'_>) {
        let mut head = heading(&headings(section, view));
        for it in &section.groups {
            let part = format!("{head}{}", group(it));
            if self.push(&part, it.occurrences.len()) {
                head.clear();
            }
        }
    }

    fn finish(mut self, full_report: &str) -> String {
        if self.left_out > 0 {
            let many = counted(self.left_out, "change");
            let is_url = full_report.starts_with("https://") || full_report.starts_with("http://");
            let place = match is_url {
                true => format!(
                    "<{}>",
                    clipped(full_report, 200).replace(['<', '>', ' ', '\n'], "")
                ),
                false => code(&clipped(full_report, 200)),
            };
            let _ = write!(self.text, "\n**{many} more** omitted: {place}\n");
        }
        self.text
    }
}

fn table_row(section: &Section<'_>, findings: &[FindingGroup<'_>], view: &View<'_>) -> String {
    let headings = headings(section, view);
    let names = names_and_owners(&headings).join("<br>");
    let mut environments: Vec<&str> = Vec::new();
    let mut objects = BTreeSet::new();
    for group in &section.groups {
        for it in &group.occurrences {
            environments.push(it.environment);
            // An object is in several groups if different fields change in different environments.
            objects.insert((sign(group.kind), it.environment, &it.object.change.id));
        }
    }
    let mut counts = BTreeMap::<char, usize>::new();
    objects
        .iter()
        .for_each(|it| *counts.entry(it.0).or_default() += 1);
    environments.sort_unstable();
    environments.dedup();
    let mut environments: Vec<String> = environments.iter().map(|it| cell(it)).collect();
    shorten(&mut environments, NAMES_MAX);
    let counts: Vec<String> = counts
        .iter()
        .map(|(sign, many)| cell(&format!("{sign}{many}")))
        .collect();
    format!(
        "| {names} | {} | {} | {} |\n",
        counts.join(" "),
        environments.join(" "),
        dangers(&headings, findings)
    )
}

fn names_and_owners(headings: &[Heading]) -> Vec<String> {
    let mut names: Vec<String> = headings.iter().map(|it| cell(&it.title)).collect();
    if names.is_empty() {
        names.push("objects".to_string());
    }
    shorten(&mut names, 3);
    let owners = headings.iter().flat_map(|it| &it.owners);
    let mut owners: Vec<String> = owners.map(|it| cell(it)).collect();
    owners.dedup();
    shorten(&mut owners, 2);
    if !owners.is_empty() {
        names.push(format!("owned by {}", owners.join(", ")));
    }
    names
}

/// The number of dangers of these claims, with the sign of the highest severity.
fn dangers(headings: &[Heading], findings: &[FindingGroup<'_>]) -> String {
    let own = findings.iter().filter(|it| {
        let claim = it.found.claim.as_ref().map(|it| &*it.title);
        match headings.is_empty() {
            true => claim.is_none(),
            false => headings.iter().any(|it| Some(&*it.title) == claim),
        }
    });
    let severities: Vec<Severity> = own.map(|it| it.found.finding.danger.severity).collect();
    match severities.len() {
        0 => String::new(),
        many if severities.contains(&Severity::Error) => format!("🛑 {many}"),
        many => format!("⚠️ {many}"),
    }
}

fn danger(group: &DangerGroup<'_>, view: &View<'_>) -> String {
    let Some(it) = group.members.first() else {
        return String::new();
    };
    let finding = &it.found.finding;
    let sign = match finding.danger.severity {
        Severity::Error => "🛑",
        _ => "⚠️",
    };
    let environments = group.environments();
    let mut names: Vec<String> = environments.iter().map(|it| code(it)).collect();
    shorten(&mut names, NAMES_MAX);
    let in_ = match &*environments {
        ["."] => String::new(),
        _ => format!(" in {}", names.join(", ")),
    };
    let at = it
        .found
        .span
        .as_ref()
        .map(|it| format!(" ({})", code(&location(it, view))));
    let message = text(&clipped(&finding.message, 400));
    let others = others(group).map(|it| format!("; {}", text(&clipped(&it, 800))));
    format!(
        "- {sign} **{}**{in_}: {message}{}{}\n",
        finding.danger.code,
        at.unwrap_or_default(),
        others.unwrap_or_default()
    )
}

fn heading(headings: &[Heading]) -> String {
    let titles: Vec<String> = headings.iter().map(|it| code(&it.title)).collect();
    let mut titles = titles;
    shorten(&mut titles, NAMES_MAX);
    if titles.is_empty() {
        return "\n".to_string();
    }
    let mut head = format!("\n#### {}\n\n", titles.join(", "));
    if let [only] = headings {
        let mut details: Vec<String> = only.locations.iter().map(|it| code(it)).collect();
        shorten(&mut details, 4);
        if !only.owners.is_empty() {
            let owners: Vec<String> = only.owners.iter().map(|it| code(it)).collect();
            details.push(format!("owned by {}", owners.join(", ")));
        }
        if !details.is_empty() {
            let _ = writeln!(head, "{}\n", details.join(", "));
        }
    }
    head
}

/// One change: its objects, and its rows as a code block; folded if there are many.
fn group(group: &Group<'_>) -> String {
    let titles: Vec<String> = titles(group)
        .iter()
        .map(|it| clipped(it, ROW_MAX))
        .collect();
    let sign = sign(group.kind);
    let title = match &*titles {
        [only] => format!("{sign} {only}"),
        _ => format!("{sign} {}, same change", counted(group.objects(), "object")),
    };
    let mut body = String::new();
    if titles.len() > 1 {
        titles
            .iter()
            .for_each(|it| _ = writeln!(body, "- {}", code(it)));
        body.push('\n');
    }
    let (fence, many) = fenced(group);
    body.push_str(&fence);
    if group.kind.is_gone() && titles.len() == 1 {
        return format!("{}\n\n", code(&title));
    }
    if many + titles.len() <= ROWS_OPEN {
        return format!("{}\n\n{body}\n", code(&title));
    }
    let lines = counted(many, "line");
    let title = html(&clipped(&printable(&title), ROW_MAX));
    format!("<details><summary><code>{title}</code> ({lines})</summary>\n\n{body}\n</details>\n\n")
}

/// The rows as a code block in the language `diff`, which GitHub and GitLab colour, and their number.
fn fenced(group: &Group<'_>) -> (String, usize) {
    let rows = rows(group);
    if rows.is_empty() {
        return (String::new(), 0);
    }
    let mut lines = String::new();
    for (at, row) in rows.iter().enumerate() {
        let text = clipped(&printable(&row.text), ROW_MAX);
        let line = match row.mark {
            Mark::Path => format!("@@ {text} @@"),
            Mark::Removed => format!("- {text}"),
            Mark::Added => format!("+ {text}"),
            Mark::Same | Mark::Note => format!("  {text}"),
        };
        if lines.len() + line.len() > GROUP_BYTES_MAX {
            let _ = writeln!(lines, "  … {}", counted(rows.len() - at, "more line"));
            break;
        }
        lines.push_str(line.trim_end());
        lines.push('\n');
    }
    let fence = "`".repeat(backticks(&lines).max(2) + 1);
    (format!("{fence}diff\n{lines}{fence}\n"), rows.len())
}

/// The longest run of backticks.
fn backticks(text: &str) -> usize {
    let runs = text.split(|it| it != '`');
    runs.map(str::len).max().unwrap_or(0)
}

/// Text as code, on one line.
fn code(text: &str) -> String {
    let text = printable(text).replace(['\n', '\t'], " ");
    let ticks = "`".repeat(backticks(&text) + 1);
    let space = if text.starts_with('`') || text.ends_with('`') || text.is_empty() {
        " "
    } else {
        ""
    };
    format!("{ticks}{space}{text}{space}{ticks}")
}

/// Text as code in a table, where `|` would end the cell.
fn cell(text: &str) -> String {
    code(&clipped(text, 120)).replace('|', "\\|")
}

/// A message as Markdown: names in backticks become code, and everything else is escaped.
fn text(text: &str) -> String {
    let text = printable(text);
    let mut pieces = text.split('`');
    let mut out = escaped(pieces.next().unwrap_or(""));
    while let Some(name) = pieces.next() {
        match pieces.next() {
            Some(rest) => {
                out.push_str(&code(name));
                out.push_str(&escaped(rest));
            }
            None => out.push_str(&format!("\\`{}", escaped(name))),
        }
    }
    out
}

/// Text with all Markdown escaped.
pub(super) fn plain(text: &str) -> String {
    escaped(&printable(text)).replace('`', "\\`")
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            // GitHub would notify the user whose name follows.
            '@' => out.push_str("&#64;"),
            '\\' | '*' | '_' | '[' | ']' | '#' | '|' | '~' | '!' | '$' => {
                out.push('\\');
                out.push(char);
            }
            char => out.push(char),
        }
    }
    out
}

fn html(text: &str) -> String {
    let text = text
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    text.replace('@', "&#64;").replace('\n', " ")
}

/// Text with a capital letter at the beginning and a period at the end.
fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|it| it.to_uppercase().to_string());
    format!("{}{}.", first.unwrap_or_default(), chars.as_str())
}
