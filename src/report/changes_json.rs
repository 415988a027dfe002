//! Changes for programs, in the form that `schemas/changes.json` describes. The version in `schema` is increased when a field changes
//! its meaning or is removed; new fields may be added without a new version.

use crate::compare::{self, Comparison, FindingGroup, Occurrence, findings, sections};
use crate::danger::DISCLAIMER;
use crate::diag::{Diagnostic, Span};
use crate::diff::{self, ChangeKind, FieldCause, FieldChange, Line};
use crate::products;
use crate::tree::TreePath;
use crate::yaml::Node;

use super::View;
use super::changes_form::{
    self as form, Cause, Claim, Cluster, ClusterChange, Danger, Difference, Event, Exception,
    Field, Group, Note, Object, Replica, Report, Shard, Spread, Step, Value, Variant, Volume,
    Zones,
};
use super::rollout::events;
use super::serialize::{Identity, to_json, to_json_lines};

/// The path of a file of the tree before (0) or after (1) the change, and whether it is that file; otherwise it is the
/// kustomization of its folder. `None` if neither exists.
pub type TreeFile<'a> = &'a dyn Fn(usize, &TreePath) -> Option<(String, bool)>;

/// `{"schema": 1, "before": …, "after": …, "groups": [...], "dangers": [...], …}`, one group of equal changes per line.
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
    let groups = sections.iter().flat_map(|it| &it.groups);
    let findings = findings(comparison);
    let environments = comparison.environments.iter();
    let clusters = environments.flat_map(|environment| {
        let changes = environment.clusters.iter();
        changes.map(|it| ClusterChange {
            environment: &environment.name,
            before: it.before.as_ref().map(cluster),
            after: it.after.as_ref().map(cluster),
        })
    });
    let report = Report {
        schema: 1,
        before: sides[0],
        after: sides[1],
        claims: distinct(claims.map(|it| claim(it, view)).collect()),
        groups: groups.map(|it| group(it, tree)).collect(),
        dangers: findings.iter().map(|it| danger(it, view)).collect(),
        disclaimer: DISCLAIMER,
        clusters: clusters.collect(),
        rollout: steps(comparison),
        notes: comparison.notes.iter().map(|it| note(it, view)).collect(),
    };
    to_json_lines(&report, 2)
}

/// Claims in a fixed order, each once: a claim of several environments is found in each.
fn distinct(claims: Vec<Claim<'_>>) -> Vec<Claim<'_>> {
    let mut claims: Vec<_> = claims.into_iter().map(|it| (to_json(&it), it)).collect();
    claims.sort_by(|a, b| a.0.cmp(&b.0));
    claims.dedup_by(|a, b| a.0 == b.0);
    claims.into_iter().map(|it| it.1).collect()
}

/// The effects on pods, one step per line, in the order of reconciliation.
fn steps(comparison: &Comparison) -> Vec<Step<'_>> {
    let environments = comparison.environments.iter();
    let steps = environments.flat_map(|environment| {
        events(environment).into_iter().map(|(step, events)| {
            let events = events.into_iter().map(|it| Event {
                id: Identity::from(it.id),
                severe: it.is_severe,
                events: it.effects,
            });
            Step {
                environment: &environment.name,
                step: step.order + 1,
                unit: &step.title,
                objects: events.collect(),
            }
        })
    });
    steps.collect()
}

fn claim<'a>(it: &'a compare::Claim, view: &View<'_>) -> Claim<'a> {
    Claim {
        title: &it.title,
        location: it.span.as_ref().map(|it| location(it, view)),
        owner: it.owner.as_deref(),
    }
}

fn location(span: &Span, view: &View<'_>) -> form::Location {
    form::Location {
        path: (view.display)(span.path()),
        line: span.position().line,
    }
}

fn group<'a>(it: &'a compare::Group<'_>, tree: TreeFile<'_>) -> Group<'a> {
    let fields = it.fields.iter();
    let exceptions = it.exceptions.iter().map(|it| Exception {
        environment: it.environment,
        id: Identity::from(it.id),
        differs: it.differs,
    });
    let variants = it.variants.iter().map(|it| Variant {
        environments: it.environments.to_vec(),
        fields: it.fields.iter().map(|it| field(it, &[])).collect(),
    });
    Group {
        change: it.kind.into(),
        objects: it
            .occurrences
            .iter()
            .map(|occurrence| object(it, occurrence, tree))
            .collect(),
        exceptions: exceptions.collect(),
        fields: fields
            .map(|field| self::field(field, &it.causes(field)))
            .collect(),
        variants: variants.collect(),
    }
}

fn object<'a>(
    group: &'a compare::Group<'_>,
    occurrence: &'a Occurrence<'_>,
    tree: TreeFile<'_>,
) -> Object<'a> {
    let change = &occurrence.object.change;
    let (node, side) = match (&change.after, &change.before) {
        (Some(node), _) => (Some(node), 1),
        (None, node) => (node.as_ref(), 0),
    };
    // Built-in content is not in a file.
    let span = node
        .map(Node::span)
        .filter(|it| !it.path().as_str().starts_with('<'));
    let written = span.and_then(|span| {
        let (path, is_it) = tree(side, span.path())?;
        Some((path, is_it.then(|| span.position().line)))
    });
    let (now, before) = if side == 1 {
        (written, None)
    } else {
        (None, written)
    };
    let (path, line) = now.unzip();
    let (path_before, line_before) = before.unzip();
    Object {
        environment: occurrence.environment,
        id: Identity::from(&change.id),
        name_before: match group.kind {
            ChangeKind::Renamed { before } => Some(before),
            _ => None,
        },
        claim: occurrence.object.claim.as_ref().map(|it| it.title.as_str()),
        path,
        line: line.flatten(),
        path_before,
        line_before: line_before.flatten(),
        deploys: occurrence
            .object
            .deploys
            .iter()
            .map(Identity::from)
            .collect(),
    }
}

fn danger<'a>(it: &'a FindingGroup<'_>, view: &View<'_>) -> Danger<'a> {
    let finding = &it.found.finding;
    Danger {
        code: finding.danger.code,
        severity: finding.danger.severity.into(),
        message: &finding.message,
        environments: it.environments.to_vec(),
        id: Identity::from(&finding.id),
        field: finding.field.to_string(),
        claim: it.found.claim.as_ref().map(|it| it.title.as_str()),
        location: it.found.span.as_ref().map(|it| location(it, view)),
    }
}

fn cluster(it: &products::Cluster) -> Cluster<'_> {
    let shards = it.shards.iter().map(|it| Shard {
        replica_count: it.replica_count,
        replicas: it.replicas.iter().map(replica).collect(),
    });
    Cluster {
        id: Identity::from(&it.id),
        cluster: &it.name,
        keeper: it.is_keeper,
        stopped: it.is_stopped,
        shard_count: it.shard_count,
        shards: shards.collect(),
    }
}

fn replica(it: &products::Replica) -> Replica<'_> {
    let volumes = it.volumes.iter().map(|it| Volume {
        name: &it.name,
        size: &it.size,
        class: it.class.as_deref(),
    });
    Replica {
        zones: match &it.zones {
            products::Zones::Any => None,
            products::Zones::Spread => Some(Zones::Spread(Spread::Spread)),
            products::Zones::Named(zones) => {
                Some(Zones::Named(zones.iter().map(|it| &**it).collect()))
            }
        },
        volumes: volumes.collect(),
        image: it.image.as_deref(),
    }
}

fn field<'a>(it: &'a FieldChange, causes: &[&'a FieldCause]) -> Field<'a> {
    let difference = match &it.difference {
        diff::Difference::Added(after) => Difference::Added {
            after: Value(after),
        },
        diff::Difference::Removed(before) => Difference::Removed {
            before: Value(before),
        },
        diff::Difference::Changed(before, after) => Difference::Changed {
            before: Value(before),
            after: Value(after),
        },
        diff::Difference::Reordered(before, after) => Difference::Reordered { before, after },
        diff::Difference::Text(lines) => Difference::Text {
            lines: lines.iter().map(line).collect(),
        },
    };
    let causes = causes.iter().map(|it| Cause {
        label: it.label,
        path: it.span.path().as_str(),
        line: it.span.position().line,
    });
    Field {
        path: it.path.to_string(),
        difference,
        causes: causes.collect(),
    }
}

/// As in a unified diff: the first character says what became of the line; `@` marks lines that are left out.
fn line(line: &Line) -> String {
    match line {
        Line::Same(text) => format!(" {text}"),
        Line::Removed(text) => format!("-{text}"),
        Line::Added(text) => format!("+{text}"),
        Line::Gap => "@".to_string(),
    }
}

fn note<'a>(it: &'a Diagnostic, view: &View<'_>) -> Note<'a> {
    Note {
        code: it.code,
        message: &it.message,
        location: it.span.as_ref().map(|it| location(it, view)),
    }
}
