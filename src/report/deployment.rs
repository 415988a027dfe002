//! What is deployed: a tree of units with their objects for people, all objects as YAML, and JSON for programs.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use serde::Serialize;

use super::View;
use super::escape::{printable, screened};
use super::serialize::{Identity, to_json_lines};
use crate::deploy::{Deployment, Entry, Origin, Status, Unit};
use crate::diag::{Diagnostic, Position, Span};
use crate::object::{Object, ObjectId};
use crate::yaml::emit_kustomize;

/// One block per entry: units in the order of reconciliation, below each its objects with their locations.
pub fn deployment(deployment: &Deployment, view: &View<'_>) -> String {
    let mut text = String::new();
    for entry in &deployment.entries {
        if !text.is_empty() {
            text.push('\n');
        }
        let folder = match entry.folder.as_str() {
            "" => ".",
            folder => folder,
        };
        let loose = match (entry.is_bootstrap, entry.is_chart()) {
            (true, _) => "",
            (false, true) => {
                "  (a chart that nothing in the repository installs; with its default values)"
            }
            (false, false) => "  (not applied by anything in the repository)",
        };
        _ = writeln!(text, "\x1b[1m{}\x1b[0m{loose}", printable(folder));
        for (unit, depth) in ordered(entry) {
            write_unit(&mut text, unit, depth, view);
        }
    }
    screened(&text)
}

fn write_unit(text: &mut String, unit: &Unit, depth: usize, view: &View<'_>) {
    let indent = "  ".repeat(depth);
    // A folder without a sync object is the entry itself.
    if &*unit.id.kind != "Folder" {
        write_head(text, unit, &indent, view);
    }
    let names = unit
        .objects
        .iter()
        .map(|it| printable(&it.id().to_string()));
    let names: Vec<String> = names.collect();
    let width = names.iter().map(|it| it.chars().count()).max().unwrap_or(0);
    for (object, name) in unit.objects.iter().zip(names) {
        let location = location(Some(&written(object)), view).unwrap_or_default();
        let line = format!("{indent}    {name:width$}  {location}");
        _ = writeln!(text, "{}", line.trim_end());
    }
}

fn write_head(text: &mut String, unit: &Unit, indent: &str, view: &View<'_>) {
    let mut line = format!("{indent}\x1b[36m{}\x1b[0m", printable(&unit.id.to_string()));
    _ = write!(line, "  {}", printable(&unit.origin.to_string()));
    if !unit.cluster.is_empty() {
        _ = write!(line, "  to {}", printable(&unit.cluster));
    }
    if let Some(location) = location(unit.span.as_ref(), view) {
        _ = write!(line, "  {location}");
    }
    if !unit.depends_on.is_empty() {
        let names = unit.depends_on.iter().map(|it| printable(&it.name));
        _ = write!(line, "  after {}", names.collect::<Vec<_>>().join(", "));
    }
    match &unit.status {
        Status::Built => {}
        Status::Partial(_) => line.push_str("  \x1b[33mshown in part\x1b[0m"),
        Status::Suspended => line.push_str("  \x1b[33msuspended\x1b[0m"),
        Status::NotBuilt(_) => line.push_str("  \x1b[33mnot shown\x1b[0m"),
    }
    _ = writeln!(text, "{line}");
}

/// Where an object was written.
fn written(object: &Object) -> Span {
    object.span().outermost()
}

fn location(span: Option<&Span>, view: &View<'_>) -> Option<String> {
    let span = span.filter(|it| !it.path().as_str().is_empty())?;
    let Position { line, .. } = span.position();
    let path = printable(&(view.display)(span.path()));
    Some(format!("{path}:{line}"))
}

/// The units of an entry, sorted by dependencies, children below their parents; with their depth.
fn ordered(entry: &Entry) -> Vec<(&Unit, usize)> {
    let mut children: BTreeMap<Option<usize>, Vec<usize>> = BTreeMap::new();
    for (at, unit) in entry.units.iter().enumerate() {
        children.entry(unit.parent).or_default().push(at);
    }
    let locations: BTreeMap<&ObjectId, usize> = entry
        .units
        .iter()
        .zip(0..)
        .map(|it| (&it.0.id, it.1))
        .collect();
    let mut out = Vec::new();
    let mut open: Vec<(usize, usize)> = Vec::new();
    let push = |open: &mut Vec<(usize, usize)>, parent: Option<usize>, depth: usize| {
        let own = children.get(&parent).map(Vec::as_slice).unwrap_or_default();
        let sorted = after_dependencies(entry, own, &locations);
        open.extend(sorted.into_iter().rev().map(|it| (it, depth)));
    };
    push(&mut open, None, 1);
    while let Some((at, depth)) = open.pop() {
        out.extend(entry.units.get(at).map(|it| (it, depth)));
        push(&mut open, Some(at), depth + 1);
    }
    out
}

/// Units of one parent, each after its dependencies.
fn after_dependencies(
    entry: &Entry,
    units: &[usize],
    locations: &BTreeMap<&ObjectId, usize>,
) -> Vec<usize> {
    let own: BTreeSet<usize> = units.iter().copied().collect();
    let (mut out, mut done) = (Vec::new(), BTreeSet::new());
    let mut sorted = units.to_vec();
    sorted.sort_by_key(|it| entry.units.get(*it).map_or(0, |it| it.wave));
    let mut open: Vec<(usize, bool)> = sorted.iter().rev().map(|it| (*it, false)).collect();
    while let Some((at, is_ready)) = open.pop() {
        if is_ready {
            out.push(at);
            continue;
        }
        if !done.insert(at) {
            continue;
        }
        open.push((at, true));
        let dependencies = entry.units.get(at).map(|it| it.depends_on.as_slice());
        let dependencies = dependencies.unwrap_or_default().iter().rev();
        let known = dependencies.filter_map(|it| locations.get(it).copied());
        open.extend(known.filter(|it| own.contains(it)).map(|it| (it, false)));
    }
    out
}

/// All objects, each below a comment with its entry, unit and location. Errors: an object that cannot be written as YAML.
pub fn deployment_yaml(
    deployment: &Deployment,
    view: &View<'_>,
) -> Result<String, Box<Diagnostic>> {
    let mut text = String::new();
    for entry in &deployment.entries {
        for (unit, _) in ordered(entry) {
            for object in &unit.objects {
                let location = location(Some(&written(object)), view).unwrap_or_default();
                let (folder, unit) = (
                    printable(entry.folder.as_str()),
                    printable(&unit.id.to_string()),
                );
                _ = write!(
                    text,
                    "---\n# {folder}: {unit}: {location}\n{}",
                    emit_kustomize(&object.node)?
                );
            }
        }
    }
    Ok(text)
}

/// `{"schema": 1, "entries": [{"folder", "bootstrap", "units": [{"kind", "namespace", "name", "parent", "origin", "location",
/// "dependsOn", "status", "objects": […]}]}]}`.
pub fn deployment_json(deployment: &Deployment, view: &View<'_>) -> String {
    let entries = deployment.entries.iter().map(|entry| ReportEntry {
        folder: entry.folder.as_str(),
        bootstrap: entry.is_bootstrap,
        units: ordered(entry)
            .into_iter()
            .map(|it| ReportUnit::new(it.0, entry, view))
            .collect(),
    });
    let report = Report {
        schema: 1,
        entries: entries.collect(),
    };
    to_json_lines(&report, 4)
}

#[derive(Serialize)]
struct Report<'a> {
    schema: u32,
    entries: Vec<ReportEntry<'a>>,
}

#[derive(Serialize)]
struct ReportEntry<'a> {
    folder: &'a str,
    bootstrap: bool,
    units: Vec<ReportUnit<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ReportUnit<'a> {
    #[serde(flatten)]
    id: Identity,
    parent: Option<String>,
    origin: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    chart: Option<ReportChart<'a>>,
    cluster: &'a str,
    wave: i64,
    #[serde(rename = "place")]
    location: String,
    depends_on: Vec<String>,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    objects: Vec<ReportObject>,
}

#[derive(Serialize)]
struct ReportChart<'a> {
    name: &'a str,
    version: &'a str,
}

#[derive(Serialize)]
struct ReportObject {
    #[serde(flatten)]
    id: Identity,
    #[serde(rename = "place")]
    location: String,
}

impl<'a> ReportUnit<'a> {
    fn new(unit: &'a Unit, entry: &Entry, view: &View<'_>) -> ReportUnit<'a> {
        let parent = unit.parent.and_then(|it| entry.units.get(it));
        let (status, why) = match &unit.status {
            Status::Built => ("built", None),
            Status::Partial(fault) => ("partial", Some(&fault.message)),
            Status::Suspended => ("suspended", None),
            Status::NotBuilt(fault) => ("not-built", Some(&fault.message)),
        };
        let chart = match &unit.origin {
            Origin::Chart(chart) => Some(ReportChart {
                name: &chart.name,
                version: &chart.version,
            }),
            _ => None,
        };
        let objects = unit.objects.iter().map(|it| ReportObject {
            id: Identity::from(&it.id()),
            location: location(Some(&written(it)), view).unwrap_or_default(),
        });
        ReportUnit {
            id: Identity::from(&unit.id),
            parent: parent.map(|it| it.id.to_string()),
            origin: unit.origin.to_string(),
            chart,
            cluster: &unit.cluster,
            wave: unit.wave,
            location: location(unit.span.as_ref(), view).unwrap_or_default(),
            depends_on: unit.depends_on.iter().map(ObjectId::to_string).collect(),
            status,
            reason: why.map(String::as_str),
            objects: objects.collect(),
        }
    }
}
