//! The effects of a change on running pods, by unit, in the order in which the engine reconciles them.

use std::collections::BTreeMap;

use crate::compare::{ChangedObject, Comparison, Environment, Restart, Rollout, Step};
use crate::diff::ChangeKind;
use crate::object::ObjectId;

use super::escape::printable;
use super::summary::counted;

/// The effects of a step on one object.
pub(super) struct Event<'a> {
    pub(super) id: &'a ObjectId,
    pub(super) effects: Vec<String>,
    /// Whether no pod stays available, a quorum is lost, or a danger was found.
    pub(super) is_severe: bool,
}

/// The steps of an environment that affect pods or delete objects, with their events.
pub(super) fn events(environment: &Environment) -> Vec<(&Step, Vec<Event<'_>>)> {
    let objects = environment.objects.iter();
    let objects: BTreeMap<&ObjectId, &ChangedObject> =
        objects.map(|it| (&it.change.id, it)).collect();
    let with_events = environment.steps.iter().map(|step| {
        let changed = step.objects.iter().filter_map(|it| objects.get(it));
        let events = changed.filter_map(|it| event(it, environment)).collect();
        (step, events)
    });
    let with_events = with_events.filter(|it: &(&Step, Vec<Event<'_>>)| !it.1.is_empty());
    with_events.collect()
}

fn event<'a>(changed: &'a ChangedObject, environment: &Environment) -> Option<Event<'a>> {
    let id = &changed.change.id;
    let rollout = &changed.rollout;
    let mut effects: Vec<String> = Vec::new();
    if changed.change.kind == ChangeKind::Removed {
        effects.push("is no longer created and is deleted".to_string());
    }
    effects.extend(rollout.restart.as_ref().map(restart));
    effects.extend(rollout.note.map(str::to_string));
    effects.extend(images(rollout));
    let dangers = environment.findings.iter();
    let mut codes: Vec<&str> = dangers
        .filter(|it| it.finding.id == *id)
        .map(|it| it.finding.danger.code)
        .collect();
    codes.sort_unstable();
    codes.dedup();
    effects.extend(codes.iter().map(|it| format!("danger `{it}`")));
    let is_down = rollout.restart.as_ref().is_some_and(is_down);
    (!effects.is_empty()).then_some(Event {
        id,
        effects,
        is_severe: is_down || !codes.is_empty(),
    })
}

/// Whether no pod stays available, or fewer than a quorum.
fn is_down(restart: &Restart) -> bool {
    let needed = restart.quorum.unwrap_or(1);
    restart.min_available.is_some_and(|it| it < needed)
}

fn restart(restart: &Restart) -> String {
    let mut effects = match (restart.pods, restart.is_manual) {
        (_, true) => "pods restart when somebody deletes them".to_string(),
        (None, false) => "pods restart node by node".to_string(),
        (Some(1), false) => "1 pod restarts".to_string(),
        (Some(pods), false) => format!("{} restart", counted_pods(pods)),
    };
    match restart.min_available {
        Some(0) => effects.push_str(", none is available meanwhile"),
        Some(1) => effects.push_str(", at least 1 stays available"),
        Some(left) => effects.push_str(&format!(", at least {left} stay available")),
        None => {}
    }
    if let (Some(quorum), Some(left)) = (restart.quorum, restart.min_available) {
        let kept = if left < quorum { "lost" } else { "kept" };
        effects.push_str(&format!("; the quorum of {quorum} is {kept}"));
    }
    effects
}

fn counted_pods(pods: u64) -> String {
    usize::try_from(pods).map_or_else(|_| format!("{pods} pods"), |it| counted(it, "pod"))
}

fn images(rollout: &Rollout) -> impl Iterator<Item = String> {
    rollout
        .images
        .iter()
        .map(|[before, after]| match (before, after) {
            (Some(before), Some(after)) => format!("image `{before}` → `{after}`"),
            (None, Some(after)) => format!("image `{after}` is added"),
            (Some(before), None) => format!("image `{before}` is removed"),
            (None, None) => String::new(),
        })
}

/// The steps of all environments as lines: headings, steps, events.
pub(super) fn lines(comparison: &Comparison) -> Vec<(usize, String)> {
    let mut lines = Vec::new();
    for environment in &comparison.environments {
        let steps = events(environment);
        if steps.is_empty() {
            continue;
        }
        let name = match &*environment.name {
            "." => String::new(),
            name => format!(" in {}", printable(name)),
        };
        lines.push((0, format!("rollout{name}")));
        for (step, events) in steps {
            let title = printable(&step.title);
            lines.push((1, format!("{}. {title}", step.order + 1)));
            for event in events {
                let effects = event.effects.join("; ");
                lines.push((2, format!("{}: {effects}", event.id)));
            }
        }
    }
    lines
}
