//! Changes for people: each once, with where it happens, the fields' paths, and what was and is there.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::compare::Comparison;
use crate::diff::{Change, ChangeKind, Difference, Group, Line, group};
use crate::object::ObjectId;
use crate::yaml::{Node, to_claims_form};

use super::View;
use super::summary::counted;

/// Lines that are shown of one value.
const LINES_MAX: usize = 40;

/// Characters that are shown of a line of a value, where base64 has long ones, and of an item of a list.
const WIDTH_MAX: usize = 400;
const NAME_MAX: usize = 60;

/// Objects that are named in one group, and items of a list whose order differs.
const NAMES_MAX: usize = 12;

/// The changes, and a last line that counts them; nothing where there is none.
pub fn changes(comparison: &Comparison, view: &View<'_>) -> String {
    let environments = comparison.environments.iter();
    let groups = group(environments.map(|(name, changes)| (&**name, &**changes)));
    let mut out = Printer {
        text: String::new(),
        color: view.color,
    };
    let (gone, others): (Vec<_>, Vec<_>) = groups
        .iter()
        .partition(|it| it.change.kind == ChangeKind::Removed);
    others.iter().for_each(|it| out.group(it));
    gone.iter().for_each(|it| out.group(it));
    if !gone.is_empty() {
        out.text.push('\n');
    }
    if !groups.is_empty() {
        out.line(Ink::Bold, &count(comparison));
    }
    out.text
}

/// `3 objects changed, 1 added, 2 removed in 4 environments`
fn count(comparison: &Comparison) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, changes) in &comparison.environments {
        for change in changes {
            *counts.entry(name(&change.kind)).or_default() += 1;
        }
    }
    let words = ["changed", "renamed", "added", "removed"];
    let mut parts = words.iter().filter_map(|it| Some((*counts.get(it)?, it)));
    let first = parts
        .next()
        .map(|(many, word)| format!("{} {word}", counted(many, "object")));
    let parts = first
        .into_iter()
        .chain(parts.map(|(many, word)| format!("{many} {word}")));
    let parts = parts.collect::<Vec<_>>().join(", ");
    match comparison.environments.len() {
        1 => parts,
        many => format!("{parts} in {many} places"),
    }
}

/// The word for what became of an object.
pub(super) fn name(kind: &ChangeKind) -> &'static str {
    match kind {
        ChangeKind::Added => "added",
        ChangeKind::Removed => "removed",
        ChangeKind::Changed => "changed",
        ChangeKind::Renamed { .. } => "renamed",
    }
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
}

impl Printer {
    fn group(&mut self, group: &Group<'_>) {
        let (sign, ink) = match group.change.kind {
            ChangeKind::Added => ("+", Ink::Green),
            ChangeKind::Removed => ("-", Ink::Red),
            ChangeKind::Changed => ("~", Ink::Yellow),
            ChangeKind::Renamed { .. } => (">", Ink::Yellow),
        };
        let mut objects: BTreeMap<&ObjectId, Vec<&str>> = BTreeMap::new();
        for place in &group.places {
            objects
                .entry(&place.change.id)
                .or_default()
                .push(place.environment);
        }
        let mut objects: Vec<String> = objects
            .into_iter()
            .map(|(id, environments)| titled(group.change, id, &environments))
            .collect();
        match &*objects {
            [only] => self.line(ink, &format!("{sign} {only}")),
            all => {
                self.line(
                    ink,
                    &format!("{sign} {} alike", counted(all.len(), "object")),
                );
                shorten(&mut objects, NAMES_MAX);
                objects
                    .iter()
                    .for_each(|it| self.line(ink, &format!("    {it}")));
            }
        }
        // What is gone needs no reading.
        if group.change.kind != ChangeKind::Removed {
            self.fields(group.change);
            self.text.push('\n');
        }
    }

    fn fields(&mut self, change: &Change) {
        for field in &change.fields {
            if !field.path.is_root() {
                self.line(Ink::Plain, &format!("  {}", field.path));
            }
            self.difference(&field.difference);
        }
    }

    fn difference(&mut self, difference: &Difference) {
        match difference {
            Difference::Added(value) => self.value('+', value),
            Difference::Removed(value) => self.value('-', value),
            Difference::Changed(before, after) => {
                self.value('-', before);
                self.value('+', after);
            }
            Difference::Text(lines) => lines.iter().for_each(|it| self.text_line(it)),
            Difference::Reordered(before, after) => {
                self.line(Ink::Dim, "    in another order");
                self.line(Ink::Red, &format!("    - {}", listed(before)));
                self.line(Ink::Green, &format!("    + {}", listed(after)));
            }
        }
    }

    fn value(&mut self, sign: char, value: &Node) {
        let text = to_claims_form(value);
        let mut lines: Vec<String> = text.lines().map(str::to_string).collect();
        shorten(&mut lines, LINES_MAX);
        let ink = if sign == '+' { Ink::Green } else { Ink::Red };
        for line in lines {
            self.line(ink, &format!("    {sign} {}", clipped(&line, WIDTH_MAX)));
        }
    }

    fn text_line(&mut self, line: &Line) {
        match line {
            Line::Same(text) => self.line(Ink::Dim, &format!("      {}", clipped(text, WIDTH_MAX))),
            Line::Removed(text) => {
                self.line(Ink::Red, &format!("    - {}", clipped(text, WIDTH_MAX)))
            }
            Line::Added(text) => {
                self.line(Ink::Green, &format!("    + {}", clipped(text, WIDTH_MAX)))
            }
            Line::Gap => self.line(Ink::Dim, "      …"),
        }
    }

    /// One line of output. What would move the cursor or change the colour is written as an escape.
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
        if !code.is_empty() {
            let _ = write!(self.text, "\u{1b}[{code}m");
        }
        for char in text.trim_end_matches(' ').chars() {
            match char {
                char if char.is_control() && char != '\t' => {
                    self.text.extend(char.escape_default())
                }
                char => self.text.push(char),
            }
        }
        self.text
            .push_str(if code.is_empty() { "\n" } else { "\u{1b}[0m\n" });
    }
}

/// `Deployment shop/web (was front) in prod, test`
fn titled(change: &Change, id: &ObjectId, environments: &[&str]) -> String {
    let was = match &change.kind {
        ChangeKind::Renamed { before } => format!(" (was {before})"),
        _ => String::new(),
    };
    match environments {
        ["."] => format!("{id}{was}"),
        environments => format!("{id}{was} in {}", environments.join(", ")),
    }
}

fn listed(names: &[Box<str>]) -> String {
    let mut names: Vec<String> = names.iter().map(|it| clipped(it, NAME_MAX)).collect();
    shorten(&mut names, NAMES_MAX);
    names.join(", ")
}

/// The beginning of a long text.
fn clipped(text: &str, max: usize) -> String {
    match text.char_indices().nth(max) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or(text)),
        None => text.to_string(),
    }
}

/// Says of a long list how many more there are.
fn shorten(lines: &mut Vec<String>, max: usize) {
    if lines.len() > max {
        let more = lines.len() - max;
        lines.truncate(max);
        lines.push(format!("… {more} more"));
    }
}
