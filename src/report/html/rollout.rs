//! The rollout: a lane for each environment, with the steps in the order in which Flux or Argo CD reconciles them.

use std::fmt::Write;

use crate::compare::Comparison;

use super::super::rollout::{Event, events};
use super::{escaped, filter_attributes, with_code};

/// The maximum number of steps in a lane, and of events in a step.
const STEPS_MAX: usize = 30;
const EVENTS_MAX: usize = 12;

/// Writes nothing if the order is unknown or no pods are affected.
pub(super) fn write(comparison: &Comparison, page: &mut String) {
    let lanes = comparison.environments.iter();
    let lanes: Vec<_> = lanes
        .map(|it| (it, events(it)))
        .filter(|it| !it.1.is_empty())
        .collect();
    if lanes.is_empty() {
        return;
    }
    page.push_str("<section data-of=\".lane\" id=\"rollout\"><h2>Rollout <small>in the order of reconciliation</small></h2><div class=\"sheet lanes\">\n");
    for (environment, steps) in lanes {
        let is_severe = steps.iter().any(|it| it.1.iter().any(|it| it.is_severe));
        let name = match &*environment.name {
            "." => "everything",
            name => name,
        };
        let _ = write!(
            page,
            "<article class=\"lane\"{} data-severe=\"{is_severe}\"><h3>{}</h3><ol>",
            filter_attributes(std::iter::empty(), [&*environment.name].into_iter()),
            escaped(name)
        );
        for (step, events) in steps.iter().take(STEPS_MAX) {
            let _ = write!(
                page,
                "<li><div class=\"step\"><b>{}</b> {}</div><ul>",
                step.order + 1,
                escaped(&step.title)
            );
            events
                .iter()
                .take(EVENTS_MAX)
                .for_each(|it| event(it, page));
            rest(events.len(), EVENTS_MAX, page);
            page.push_str("</ul></li>");
        }
        rest(steps.len(), STEPS_MAX, page);
        page.push_str("</ol></article>\n");
    }
    page.push_str("</div></section>\n");
}

fn event(event: &Event<'_>, page: &mut String) {
    let class = if event.is_severe { "severe" } else { "" };
    let _ = write!(
        page,
        "<li class=\"{class}\"><span class=\"obj\">{}</span>",
        escaped(&event.id.to_string())
    );
    for effect in &event.effects {
        let _ = write!(page, "<div>{}</div>", with_code(effect));
    }
    page.push_str("</li>");
}

fn rest(all: usize, shown: usize, page: &mut String) {
    if all > shown {
        let _ = write!(page, "<li class=\"same\">… {} more</li>", all - shown);
    }
}
