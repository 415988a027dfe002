//! Changes for a terminal: each once, with its locations, field paths, and values before and after.

use std::fmt::Write;

use crate::compare::{Comparison, DangerGroup, Group, danger_groups, sections};
use crate::danger::DISCLAIMER;
use crate::diag::Severity;
use crate::diff::ChangeKind;

use super::View;
use super::escape::{printable, screened};
use super::rollout;
use super::summary::counted;
use super::wording::{
    Mark, NAMES_MAX, count, heading_line, headings, location, others, rows, shorten, sign, titles,
};

/// The changes, the dangers, and a last line with counts; empty if there is no change.
pub fn changes(comparison: &Comparison, view: &View<'_>, width: Option<usize>) -> String {
    let mut out = Printer {
        text: String::new(),
        color: view.color,
        width: width.unwrap_or(usize::MAX),
    };
    let sections = sections(comparison);
    for section in &sections {
        for heading in headings(section, view) {
            out.line(Ink::Bold, &heading_line(&heading));
        }
        section.groups.iter().for_each(|it| out.group(it));
        if section.groups.iter().any(|it| it.kind.is_gone()) {
            out.text.push('\n');
        }
    }
    let dangers = danger_groups(comparison);
    out.dangers(&dangers, view);
    out.rollout(comparison);
    // With notes on parts that were not compared, the output must not be empty, which would mean "no change".
    if !(sections.is_empty() && dangers.is_empty() && comparison.notes.is_empty()) {
        out.line(Ink::Bold, &count(comparison));
    }
    screened(&out.text)
}

#[derive(Clone, Copy)]
enum Ink {
    Plain,
    Bold,
    Dim,
    Red,
    Green,
    Yellow,
}

struct Printer {
    text: String,
    color: bool,
    width: usize,
}

impl Printer {
    fn group(&mut self, group: &Group<'_>) {
        let ink = match group.kind {
            ChangeKind::Added => Ink::Green,
            ChangeKind::Removed => Ink::Red,
            ChangeKind::Kept => Ink::Dim,
            ChangeKind::Changed | ChangeKind::Renamed { .. } => Ink::Yellow,
        };
        let sign = sign(group.kind);
        match &*titles(group) {
            [only] => self.line(ink, &format!("{sign} {only}")),
            all => {
                let many = group.objects();
                self.line(
                    ink,
                    &format!("{sign} {}, same change", counted(many, "object")),
                );
                all.iter()
                    .for_each(|it| self.line(ink, &format!("    {it}")));
            }
        }
        for row in rows(group) {
            let (ink, before) = match row.mark {
                Mark::Path => (Ink::Plain, "  "),
                Mark::Removed => (Ink::Red, "    - "),
                Mark::Added => (Ink::Green, "    + "),
                Mark::Same => (Ink::Dim, "      "),
                Mark::Note => (Ink::Dim, "    "),
            };
            self.line(ink, &format!("{before}{}", row.text));
        }
        if !group.kind.is_gone() {
            self.text.push('\n');
        }
    }

    fn dangers(&mut self, groups: &[DangerGroup<'_>], view: &View<'_>) {
        for group in groups {
            let Some(first) = group.members.first() else {
                continue;
            };
            let (finding, claim) = (&first.found.finding, &first.found.claim);
            let ink = match finding.danger.severity {
                Severity::Error => Ink::Red,
                _ => Ink::Yellow,
            };
            let mut names: Vec<String> = group
                .environments()
                .iter()
                .map(ToString::to_string)
                .collect();
            shorten(&mut names, NAMES_MAX);
            let in_ = match &*group.environments() {
                ["."] => String::new(),
                _ => format!(" in {}", names.join(", ")),
            };
            let code = finding.danger.code;
            self.line(ink, &format!("! {code}{in_}: {}", finding.message));
            let written = first.found.span.as_ref().map(|it| location(it, view));
            let claim = claim.as_ref().map(|it| it.title.clone());
            let where_: Vec<String> = written.into_iter().chain(claim).collect();
            if !where_.is_empty() {
                self.line(Ink::Dim, &format!("    {}", where_.join("  ")));
            }
            if let Some(others) = others(group) {
                self.line(Ink::Dim, &format!("    {others}"));
            }
        }
        if !groups.is_empty() {
            let many = counted(groups.len(), "danger");
            self.line(Ink::Dim, &format!("{many}; {DISCLAIMER}\n"));
        }
    }

    /// What happens to pods, step by step.
    fn rollout(&mut self, comparison: &Comparison) {
        let lines = rollout::lines(comparison);
        for (depth, text) in &lines {
            let ink = if *depth == 0 { Ink::Bold } else { Ink::Plain };
            let indent = "  ".repeat(*depth);
            self.line(ink, &format!("{indent}{}", text.replace('`', "")));
        }
        if !lines.is_empty() {
            self.text.push('\n');
        }
    }

    /// A line of output, wrapped if it is too wide, with continuation lines indented.
    fn line(&mut self, ink: Ink, text: &str) {
        let code = match ink {
            Ink::Plain => "",
            Ink::Bold => "1",
            Ink::Dim => "2",
            Ink::Red => "31",
            Ink::Green => "32",
            Ink::Yellow => "1;33",
        };
        let code = if self.color { code } else { "" };
        let (text, ends) = match text.strip_suffix('\n') {
            Some(text) => (text, "\n"),
            None => (text, ""),
        };
        for piece in wrap(&printable(text.trim_end_matches(' ')), self.width) {
            let _ = match code {
                "" => writeln!(self.text, "{piece}"),
                code => writeln!(self.text, "\u{1b}[{code}m{piece}\u{1b}[0m"),
            };
        }
        self.text.push_str(ends);
    }
}

/// The pieces of a line that fit a width, at spaces where there are some.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let indent = text.len()
        - text
            .trim_start_matches([' ', '-', '+', '~', '>', '!'])
            .len();
    let indent = " ".repeat(indent);
    // Tables are not readable on very narrow terminals.
    let width = width.max(indent.len() + 20);
    let (mut pieces, mut rest) = (Vec::new(), text.to_string());
    while let Some((end, _)) = rest.char_indices().nth(width) {
        let head = rest.get(..end).unwrap_or(&rest);
        let space = head.rfind(' ').filter(|it| *it > indent.len() + width / 2);
        let at = space.unwrap_or(end);
        let tail = rest
            .get(at..)
            .unwrap_or("")
            .trim_start_matches(' ')
            .to_string();
        pieces.push(rest.get(..at).unwrap_or("").to_string());
        rest = format!("{indent}{tail}");
    }
    pieces.push(rest);
    pieces
}
