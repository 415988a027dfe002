//! Changes as rows of text, which each report formats in its own way.

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;

use crate::compare::{Comparison, DangerGroup, Group, Section};
use crate::diag::{Diagnostic, Diagnostics};
use crate::diff::{ChangeKind, Difference, FieldCause, FieldChange, Line, generator};
use crate::object::ObjectId;
use crate::yaml::{Node, emit_canonical};

use super::View;
use super::summary::counted;

/// The maximum number of lines shown of a value.
const LINES_MAX: usize = 40;

// The maximum number of characters shown of a line of a value, which is long for base64, and of a list item.
const WIDTH_MAX: usize = 400;
const NAME_MAX: usize = 60;

/// The maximum number of objects named in a group, and of items named in a list whose order differs.
pub(super) const NAMES_MAX: usize = 12;

/// The type of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// The path of a field.
    Path,
    Removed,
    Added,
    Same,
    Note,
}

/// One row of a change.
pub(super) struct Row {
    pub(super) mark: Mark,
    pub(super) text: String,
}

/// `3 objects changed, 1 added, 2 removed in 4 environments`
pub(super) fn count(comparison: &Comparison) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for environment in &comparison.environments {
        for object in &environment.objects {
            *counts.entry(name(&object.change.kind)).or_default() += 1;
        }
    }
    let kinds = ["changed", "renamed", "added", "removed", "kept"];
    let mut parts = kinds.iter().filter_map(|it| Some((*counts.get(it)?, it)));
    let first = parts
        .next()
        .map(|(many, word)| format!("{} {word}", counted(many, "object")));
    let parts = first
        .into_iter()
        .chain(parts.map(|(many, word)| format!("{many} {word}")));
    let parts = parts.collect::<Vec<_>>().join(", ");
    match comparison.environments.len() {
        0 if comparison.notes.is_empty() => "no changes".into(),
        0 => "no changes in what can be compared".into(),
        _ if parts.is_empty() => "no object changes".into(),
        1 => parts,
        many => format!("{parts} in {many} places"),
    }
}

/// The name of a kind of change.
pub(super) fn name(kind: &ChangeKind) -> &'static str {
    match kind {
        ChangeKind::Added => "added",
        ChangeKind::Removed => "removed",
        ChangeKind::Kept => "kept",
        ChangeKind::Changed => "changed",
        ChangeKind::Renamed { .. } => "renamed",
    }
}

pub(super) fn sign(kind: &ChangeKind) -> char {
    match kind {
        ChangeKind::Added => '+',
        ChangeKind::Removed => '-',
        ChangeKind::Kept => '=',
        ChangeKind::Changed => '~',
        ChangeKind::Renamed { .. } => '>',
    }
}

/// A claim as the heading of a section.
pub(super) struct Heading {
    pub(super) title: String,
    pub(super) locations: Vec<String>,
    pub(super) owners: Vec<String>,
}

/// The claims of a section, each once.
pub(super) fn headings(section: &Section<'_>, view: &View<'_>) -> Vec<Heading> {
    let mut headings: Vec<Heading> = Vec::new();
    for claim in &section.claims {
        if headings.last().is_none_or(|it| it.title != claim.title) {
            headings.push(Heading {
                title: claim.title.clone(),
                locations: Vec::new(),
                owners: Vec::new(),
            });
        }
        let Some(heading) = headings.last_mut() else {
            continue;
        };
        let location = claim.span.as_ref().map(|span| location(span, view));
        heading
            .locations
            .extend(location.filter(|it| !heading.locations.contains(it)));
        let owner = claim.owner.as_ref().map(ToString::to_string);
        heading
            .owners
            .extend(owner.filter(|it| !heading.owners.contains(it)));
    }
    headings
}

pub(super) fn location(span: &crate::diag::Span, view: &View<'_>) -> String {
    format!("{}:{}", (view.display)(span.path()), span.position().line)
}

/// The reason why something is not compared, with its location if known, but without an excerpt, which may contain secrets.
pub(super) fn noted(note: &crate::diag::Diagnostic, view: &View<'_>) -> String {
    match &note.span {
        Some(span) => format!("{} ({})", note.message, location(span, view)),
        None => note.message.clone(),
    }
}

/// `same for 3 more objects: Application argocd/a, …`; `None` if a danger is about one object.
pub(super) fn others(group: &DangerGroup<'_>) -> Option<String> {
    let rest = group.members.get(1..).filter(|it| !it.is_empty())?;
    let mut names: Vec<String> = rest
        .iter()
        .map(|it| it.found.finding.id.to_string())
        .collect();
    names.dedup();
    let many = counted(names.len(), "more object");
    shorten(&mut names, NAMES_MAX);
    Some(format!("same for {many}: {}", names.join(", ")))
}

/// Merges notes with the same reason into one: `` `a`, `b`, … 12 more ``.
pub fn folded(notes: &Diagnostics) -> Diagnostics {
    let mut groups: IndexMap<(String, String), (Diagnostic, Vec<String>)> = IndexMap::new();
    for note in notes {
        let parts = named(&note.message);
        let key = match parts {
            Some((_, rest)) => (without_location(rest), String::new()),
            None => (note.message.clone(), note.code.to_string()),
        };
        let name = parts.map(|it| it.0.to_string());
        let group = groups
            .entry(key)
            .or_insert_with(|| (note.clone(), Vec::new()));
        group.1.extend(name);
    }
    let folded = groups.into_values().map(|(note, mut names)| {
        if names.len() < 2 {
            return note;
        }
        names.dedup();
        shorten(&mut names, NAMES_MAX);
        let rest = named(&note.message).map_or("", |it| it.1);
        let plural = rest.replacen(" is not", " are not", 1).replacen(
            "because it cannot",
            "because they cannot",
            1,
        );
        Diagnostic {
            message: format!("{}{}", names.join(", "), without_location(&plural)),
            span: None,
            ..note
        }
    });
    folded.collect()
}

/// The name in backticks at the beginning of a message, and the rest.
fn named(message: &str) -> Option<(&str, &str)> {
    let end = message.strip_prefix('`')?.find('`')? + 2;
    message.split_at_checked(end)
}

/// A message without a location (`path:line:column: `) in it.
fn without_location(message: &str) -> String {
    let is_location = |word: &str| {
        let mut parts = word.rsplit(':');
        let is_number = |it: Option<&str>| it.is_some_and(|it| it.parse::<u32>().is_ok());
        parts.next() == Some("") && is_number(parts.next()) && is_number(parts.next())
    };
    let words: Vec<&str> = message.split(' ').filter(|it| !is_location(it)).collect();
    words.join(" ")
}

/// `ClickHouseKubernetes/orders, environments/base/orders.yaml:4, owned by @data`
pub(super) fn heading_line(heading: &Heading) -> String {
    let mut parts = vec![heading.title.clone()];
    let mut locations = heading.locations.clone();
    shorten(&mut locations, 4);
    parts.extend((!locations.is_empty()).then(|| locations.join(", ")));
    let owners = heading.owners.join(", ");
    parts.extend((!owners.is_empty()).then(|| format!("owned by {owners}")));
    parts.join("  ")
}

/// `Deployment shop/web (was front) in prod, test (not in stage)`, one for each object of a group.
pub(super) fn titles(group: &Group<'_>) -> Vec<String> {
    let objects = objects(group);
    let one = |it: Titled<'_>| {
        let was = match group.kind {
            ChangeKind::Renamed { before } => format!(" (was {before})"),
            ChangeKind::Kept => " (removed from the tree, stays in the cluster)".to_string(),
            _ => String::new(),
        };
        let in_ = match &*it.environments {
            ["."] => String::new(),
            environments => format!(" in {}", environments.join(", ")),
        };
        let listed = |names: &[&str], word: &str| {
            (!names.is_empty()).then(|| format!("{word} in {}", names.join(", ")))
        };
        let parts = [listed(&it.not, "not"), listed(&it.otherwise, "different")];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        let but = match parts.is_empty() {
            true => String::new(),
            false => format!(" ({})", parts.join(", ")),
        };
        format!("{}{was}{in_}{but}", it.id)
    };
    let mut titles: Vec<String> = objects.into_iter().map(one).collect();
    shorten(&mut titles, NAMES_MAX);
    titles
}

/// An object of a group.
pub(super) struct Titled<'a> {
    /// Its identity; a generated name is without its hash.
    pub(super) id: ObjectId,
    /// Environments in which it changes like this.
    pub(super) environments: Vec<&'a str>,
    /// Environments in which it exists but does not change like this.
    pub(super) not: Vec<&'a str>,
    /// Environments in which its fields change to other values.
    pub(super) otherwise: Vec<&'a str>,
}

/// The objects of a group, each once. Objects whose names differ only in the hash are one object.
pub(super) fn objects<'a>(group: &'a Group<'_>) -> Vec<Titled<'a>> {
    let known = |id: &ObjectId| generator(id).unwrap_or_else(|| id.clone());
    let mut objects: BTreeMap<ObjectId, Titled<'a>> = BTreeMap::new();
    for occurrence in &group.occurrences {
        let id = known(&occurrence.object.change.id);
        let titled = objects.entry(id.clone()).or_insert_with(|| Titled {
            id,
            environments: Vec::new(),
            not: Vec::new(),
            otherwise: Vec::new(),
        });
        titled.environments.push(occurrence.environment);
    }
    for it in &group.exceptions {
        if let Some(titled) = objects.get_mut(&known(it.id)) {
            let names = if it.differs {
                &mut titled.otherwise
            } else {
                &mut titled.not
            };
            names.push(it.environment);
        }
    }
    objects.into_values().collect()
}

/// The rows of a group; none for removed objects, whose content is not of interest.
pub(super) fn rows(group: &Group<'_>) -> Vec<Row> {
    match group.kind.is_gone() {
        true => Vec::new(),
        false => all_rows(group),
    }
}

/// The same, including removed objects.
pub(super) fn all_rows(group: &Group<'_>) -> Vec<Row> {
    let mut rows = Vec::new();
    for it in &group.fields {
        field(it, &mut rows);
        rows.extend(group.causes(it).into_iter().map(|it| Row {
            mark: Mark::Note,
            text: cause(it),
        }));
    }
    let deploys = group.occurrences.iter().flat_map(|it| &it.object.deploys);
    let deploys: BTreeSet<&ObjectId> = deploys.collect();
    if !deploys.is_empty() {
        let mut names: Vec<String> = deploys.iter().map(ToString::to_string).collect();
        shorten(&mut names, NAMES_MAX);
        rows.push(Row {
            mark: Mark::Note,
            text: format!("deploys {}", names.join(", ")),
        });
    }
    for variant in &group.variants {
        rows.push(Row {
            mark: Mark::Note,
            text: format!("but in {}", variant.environments.join(", ")),
        });
        variant.fields.iter().for_each(|it| field(it, &mut rows));
    }
    rows
}

/// A short description of a cause, such as `claim environments/prod/shop.yaml:6`.
fn cause(cause: &FieldCause) -> String {
    let FieldCause { label, span } = cause;
    format!("{label} {}:{}", span.path(), span.position().line)
}

fn field(field: &FieldChange, rows: &mut Vec<Row>) {
    if !field.path.is_root() {
        rows.push(Row {
            mark: Mark::Path,
            text: field.path.to_string(),
        });
    }
    if let Some(name) = field.difference.rehashed() {
        let text = format!("different hash of {name}");
        return rows.push(Row {
            mark: Mark::Note,
            text,
        });
    }
    match &field.difference {
        Difference::Added(node) => value(Mark::Added, node, rows),
        Difference::Removed(node) => value(Mark::Removed, node, rows),
        Difference::Changed(before, after) => {
            value(Mark::Removed, before, rows);
            value(Mark::Added, after, rows);
        }
        Difference::Text(lines) => rows.extend(lines.iter().map(text_line)),
        Difference::Reordered(before, after) => {
            let row = |mark, text| Row { mark, text };
            rows.push(row(Mark::Note, "different order".to_string()));
            rows.push(row(Mark::Removed, listed(before)));
            rows.push(row(Mark::Added, listed(after)));
        }
    }
}

fn value(mark: Mark, node: &Node, rows: &mut Vec<Row>) {
    let text = emit_canonical(node);
    let mut lines: Vec<String> = text.lines().map(|it| clipped(it, WIDTH_MAX)).collect();
    shorten(&mut lines, LINES_MAX);
    rows.extend(lines.into_iter().map(|text| Row { mark, text }));
}

fn text_line(line: &Line) -> Row {
    let (mark, text) = match line {
        Line::Same(text) => (Mark::Same, &**text),
        Line::Removed(text) => (Mark::Removed, &**text),
        Line::Added(text) => (Mark::Added, &**text),
        Line::Gap => (Mark::Same, "…"),
    };
    Row {
        mark,
        text: clipped(text, WIDTH_MAX),
    }
}

fn listed(names: &[Box<str>]) -> String {
    let mut names: Vec<String> = names.iter().map(|it| clipped(it, NAME_MAX)).collect();
    shorten(&mut names, NAMES_MAX);
    names.join(", ")
}

/// The beginning of a long text.
pub(super) fn clipped(text: &str, max: usize) -> String {
    match text.char_indices().nth(max) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or(text)),
        None => text.to_string(),
    }
}

/// Cuts a long list and adds a line with the number of omitted lines.
pub(super) fn shorten(lines: &mut Vec<String>, max: usize) {
    if lines.len() > max {
        let more = lines.len() - max;
        lines.truncate(max);
        lines.push(format!("… {more} more"));
    }
}
