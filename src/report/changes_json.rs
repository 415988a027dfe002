//! Changes for programs: `schemas/changes.json` says what they look like. `schema` counts up when a field changes its meaning or
//! goes; new fields may come.

use crate::compare::{Claim, Comparison, FoundGroup, Group, Place, findings, sections};
use crate::danger::DISCLAIMER;
use crate::diag::{Diagnostic, Span};
use crate::diff::{ChangeKind, Difference, FieldCause, FieldChange, Line};
use crate::products::{Cluster, Zones};
use crate::tree::TreePath;
use crate::yaml::{Kind, Node, View as Value};

use super::View;
use super::json::{id, quoted};
use super::rollout::events;
use super::short;
use super::words::name;

/// The path of a file of the tree before (0) or after (1) the change, and whether it is that file; else it is the kustomization of its
/// folder. `None` where there is neither.
pub type TreeFile<'a> = &'a dyn Fn(usize, &TreePath) -> Option<(String, bool)>;

/// `{"schema": 1, "before": …, "after": …, "groups": [...], "dangers": [...], …}`, one group of equal changes a line.
///
/// `view` shows the files of claims, `tree` gives the path of a file of the tree, before (0) or after (1).
pub fn changes_json(
    comparison: &Comparison,
    sides: [&str; 2],
    view: &View<'_>,
    tree: TreeFile<'_>,
) -> String {
    let sections = sections(comparison);
    let claims = sections.iter().flat_map(|it| &it.claims);
    let mut claims: Vec<String> = claims.map(|it| claim(it, view)).collect();
    claims.sort();
    claims.dedup();
    let groups = sections.iter().flat_map(|it| &it.groups);
    let groups: Vec<String> = groups.map(|it| group(it, tree)).collect();
    let dangers: Vec<String> = findings(comparison)
        .iter()
        .map(|it| danger(it, view))
        .collect();
    let clusters = comparison.environments.iter();
    let clusters = clusters.flat_map(|environment| {
        let changes = environment.clusters.iter();
        changes.map(|it| {
            let side = |it: &Option<Cluster>| it.as_ref().map_or("null".to_string(), cluster);
            let name = quoted(&environment.name);
            let (before, after) = (side(&it.before), side(&it.after));
            format!("{{\"environment\": {name}, \"before\": {before}, \"after\": {after}}}")
        })
    });
    let notes = comparison.notes.iter().map(|it| note(it, view));
    let notes: Vec<String> = notes.collect();
    format!(
        "{{\"schema\": 1, \"before\": {}, \"after\": {}, \"claims\": {}, \"groups\": {}, \"dangers\": {}, \"disclaimer\": {}, \"clusters\": {}, \"rollout\": {}, \"notes\": {}}}\n",
        quoted(sides[0]),
        quoted(sides[1]),
        list(&claims),
        list(&groups),
        list(&dangers),
        quoted(DISCLAIMER),
        list(&clusters.collect::<Vec<_>>()),
        list(&steps(comparison)),
        list(&notes)
    )
}

/// What happens to pods: a step a line, in the order of reconciliation.
fn steps(comparison: &Comparison) -> Vec<String> {
    let mut steps = Vec::new();
    for environment in &comparison.environments {
        for (step, events) in events(environment) {
            let events = events.iter().map(|it| {
                let words = texts(it.words.iter().map(String::as_str));
                format!(
                    "{{{}, \"grave\": {}, \"events\": {words}}}",
                    id(it.id),
                    it.is_grave
                )
            });
            steps.push(format!(
                "{{\"environment\": {}, \"step\": {}, \"unit\": {}, \"objects\": [{}]}}",
                quoted(&environment.name),
                step.order + 1,
                quoted(&step.title),
                events.collect::<Vec<_>>().join(", ")
            ));
        }
    }
    steps
}

fn list(items: &[String]) -> String {
    match items {
        [] => "[]".to_string(),
        items => format!("[\n{}\n]", items.join(",\n")),
    }
}

fn texts<'a>(items: impl IntoIterator<Item = &'a str>) -> String {
    let items: Vec<String> = items.into_iter().map(quoted).collect();
    format!("[{}]", items.join(", "))
}

fn claim(it: &Claim, view: &View<'_>) -> String {
    let place = it
        .span
        .as_ref()
        .map(|it| place(it, view))
        .unwrap_or_default();
    let owner = it
        .owner
        .as_ref()
        .map(|it| format!(", \"owner\": {}", quoted(it)));
    let owner = owner.unwrap_or_default();
    format!("{{\"title\": {}{place}{owner}}}", quoted(&it.title))
}

fn place(span: &Span, view: &View<'_>) -> String {
    let path = quoted(&(view.display)(span.path()));
    format!(", \"path\": {path}, \"line\": {}", span.position().line)
}

fn group(it: &Group<'_>, tree: TreeFile<'_>) -> String {
    let objects = it.places.iter().map(|place| object(it, place, tree));
    let objects: Vec<String> = objects.collect();
    let fields = it.fields.iter().map(|field| {
        let causes = it.causes(field);
        self::field(field, &causes)
    });
    let fields: Vec<String> = fields.collect();
    let exceptions: Vec<String> = it
        .exceptions
        .iter()
        .map(|it| {
            let environment = quoted(it.environment);
            let id = id(it.id);
            format!(
                "{{\"environment\": {environment}, {id}, \"differs\": {}}}",
                it.differs
            )
        })
        .collect();
    let variants = it.variants.iter().map(|it| {
        let fields: Vec<String> = it.fields.iter().map(|it| field(it, &[])).collect();
        let environments = texts(it.environments.iter().copied());
        format!(
            "{{\"environments\": {environments}, \"fields\": [{}]}}",
            fields.join(", ")
        )
    });
    format!(
        "{{\"change\": {}, \"objects\": [{}], \"exceptions\": [{}], \"fields\": [{}], \"variants\": [{}]}}",
        quoted(name(it.kind)),
        objects.join(", "),
        exceptions.join(", "),
        fields.join(", "),
        variants.collect::<Vec<_>>().join(", ")
    )
}

fn object(group: &Group<'_>, place: &Place<'_>, tree: TreeFile<'_>) -> String {
    let change = &place.object.change;
    let was = match group.kind {
        ChangeKind::Renamed { before } => format!(", \"nameBefore\": {}", quoted(before)),
        _ => String::new(),
    };
    let claim = place.object.claim.as_ref();
    let claim = claim.map(|it| format!(", \"claim\": {}", quoted(&it.title)));
    let (span, at, suffix) = match (&change.after, &change.before) {
        (Some(node), _) => (Some(node.span()), 1, ""),
        (None, node) => (node.as_ref().map(Node::span), 0, "Before"),
    };
    // What the program has of its own is in no file.
    let span = span.filter(|it| !it.path().as_str().starts_with('<'));
    let written = span.and_then(|span| {
        let (path, is_it) = tree(at, span.path())?;
        let (path, line) = (quoted(&path), span.position().line);
        Some(match is_it {
            true => format!(", \"path{suffix}\": {path}, \"line{suffix}\": {line}"),
            false => format!(", \"path{suffix}\": {path}"),
        })
    });
    let deploys = &place.object.deploys;
    let deploys = deploys.iter().map(|it| format!("{{{}}}", id(it)));
    let deploys = match &*deploys.collect::<Vec<_>>() {
        [] => String::new(),
        all => format!(", \"deploys\": [{}]", all.join(", ")),
    };
    format!(
        "{{\"environment\": {}, {}{was}{}{}{deploys}}}",
        quoted(place.environment),
        id(&change.id),
        claim.unwrap_or_default(),
        written.unwrap_or_default()
    )
}

fn danger(it: &FoundGroup<'_>, view: &View<'_>) -> String {
    let finding = &it.found.finding;
    let place = it.found.place.as_ref().map(|it| place(it, view));
    let claim = it.found.claim.as_ref();
    let claim = claim.map(|it| format!(", \"claim\": {}", quoted(&it.title)));
    format!(
        "{{\"code\": {}, \"severity\": {}, \"message\": {}, \"environments\": {}, {}, \"field\": {}{}{}}}",
        quoted(finding.danger.code),
        quoted(short::name(finding.danger.severity)),
        quoted(&finding.message),
        texts(it.environments.iter().copied()),
        id(&finding.id),
        quoted(&finding.field.to_string()),
        claim.unwrap_or_default(),
        place.unwrap_or_default()
    )
}

fn cluster(it: &Cluster) -> String {
    let shards: Vec<String> = it
        .shards
        .iter()
        .map(|shard| {
            let replicas: Vec<String> = shard
                .replicas
                .iter()
                .map(|it| {
                    let zones = match &it.zones {
                        Zones::Any => "null".to_string(),
                        Zones::Spread => "\"spread\"".to_string(),
                        Zones::Named(zones) => texts(zones.iter().map(|it| &**it)),
                    };
                    let volumes: Vec<String> = it
                        .volumes
                        .iter()
                        .map(|it| {
                            let class = it
                                .class
                                .as_ref()
                                .map(|it| format!(", \"class\": {}", quoted(it)));
                            let (name, size) = (quoted(&it.name), quoted(&it.size));
                            format!(
                                "{{\"name\": {name}, \"size\": {size}{}}}",
                                class.unwrap_or_default()
                            )
                        })
                        .collect();
                    let image = it
                        .image
                        .as_ref()
                        .map(|it| format!(", \"image\": {}", quoted(it)));
                    format!(
                        "{{\"zones\": {zones}, \"volumes\": [{}]{}}}",
                        volumes.join(", "),
                        image.unwrap_or_default()
                    )
                })
                .collect();
            format!(
                "{{\"replicaCount\": {}, \"replicas\": [{}]}}",
                shard.replica_count,
                replicas.join(", ")
            )
        })
        .collect();
    format!(
        "{{{}, \"cluster\": {}, \"keeper\": {}, \"stopped\": {}, \"shardCount\": {}, \"shards\": [{}]}}",
        id(&it.id),
        quoted(&it.name),
        it.is_keeper,
        it.is_stopped,
        it.shard_count,
        shards.join(", ")
    )
}

fn field(it: &FieldChange, causes: &[&FieldCause]) -> String {
    let strings = |texts: &[Box<str>]| {
        let texts: Vec<String> = texts.iter().map(|it| quoted(it)).collect();
        format!("[{}]", texts.join(", "))
    };
    let (name, rest) = match &it.difference {
        Difference::Added(after) => ("added", format!("\"after\": {}", value(after))),
        Difference::Removed(before) => ("removed", format!("\"before\": {}", value(before))),
        Difference::Changed(before, after) => {
            let (before, after) = (value(before), value(after));
            (
                "changed",
                format!("\"before\": {before}, \"after\": {after}"),
            )
        }
        Difference::Reordered(before, after) => {
            let (before, after) = (strings(before), strings(after));
            (
                "reordered",
                format!("\"before\": {before}, \"after\": {after}"),
            )
        }
        Difference::Text(lines) => {
            let lines: Vec<String> = lines.iter().map(line).collect();
            ("text", format!("\"lines\": [{}]", lines.join(", ")))
        }
    };
    let path = quoted(&it.path.to_string());
    let causes = causes.iter().map(|it| {
        let (words, path) = (quoted(it.words), quoted(it.span.path().as_str()));
        let line = it.span.position().line;
        format!("{{\"words\": {words}, \"path\": {path}, \"line\": {line}}}")
    });
    let causes = match &*causes.collect::<Vec<_>>() {
        [] => String::new(),
        causes => format!(", \"causes\": [{}]", causes.join(", ")),
    };
    format!("{{\"path\": {path}, \"change\": \"{name}\", {rest}{causes}}}")
}

/// As in a unified diff: the first character says what became of the line; `@` marks lines that are left out.
fn line(line: &Line) -> String {
    match line {
        Line::Same(text) => quoted(&format!(" {text}")),
        Line::Removed(text) => quoted(&format!("-{text}")),
        Line::Added(text) => quoted(&format!("+{text}")),
        Line::Gap => quoted("@"),
    }
}

fn value(node: &Node) -> String {
    match node.view() {
        Value::Sequence(items) => {
            let items: Vec<String> = items.iter().map(value).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Mapping(entries) => {
            let entries = entries.iter();
            let entries: Vec<String> = entries
                .map(|it| {
                    format!(
                        "{}: {}",
                        quoted(it.key.as_str().unwrap_or("")),
                        value(&it.value)
                    )
                })
                .collect();
            format!("{{{}}}", entries.join(", "))
        }
        Value::Scalar(text) => scalar(node, text),
    }
}

fn scalar(node: &Node, text: &str) -> String {
    let number = match node.kind() {
        Kind::Null => return "null".to_string(),
        Kind::Bool => node.as_bool().map(|it| it.to_string()),
        Kind::Int => node.as_int_wide().map(|it| it.to_string()),
        Kind::Float => node.as_float().map(|it| format!("{it:?}")),
        _ => None,
    };
    number.unwrap_or_else(|| quoted(text))
}

fn note(it: &Diagnostic, view: &View<'_>) -> String {
    let (code, message) = (quoted(it.code), quoted(&it.message));
    let place = it.span.as_ref().map(|it| place(it, view));
    let place = place.unwrap_or_default();
    format!("{{\"code\": {code}, \"message\": {message}{place}}}")
}
