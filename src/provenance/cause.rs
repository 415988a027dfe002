//! The locations that contribute to a value.

use crate::diag::Span;
use crate::layout::{Input, KIND};
use crate::template::{BUILTIN, Trace, TraceStep};

/// A location that contributes to a value.
#[derive(Clone, Debug)]
pub struct Cause {
    /// How it contributes to the value.
    pub role: Role,
    /// The location.
    pub location: Span,
    /// The locations of values that this one replaces: in base, or before a patch of an overlay.
    pub overrides: Vec<Span>,
    /// The kind of file, if it cannot be determined from the path.
    pub known: Option<Writer>,
}

/// How a location contributes to a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// It contains the value or a part of it.
    Value,
    /// It is a template or expression that prints or computes the value.
    Template,
    /// It contains a part of a condition that the value depends on.
    Condition,
}

/// The kind of file that a location is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writer {
    /// A claim of the environment.
    Claim,
    /// A claim of `environments/base`.
    BaseClaim,
    /// An `environment.yaml`.
    Environment,
    /// The settings in `pleach.yaml`.
    Workspace,
    /// A patch or another file below `overlays/`.
    Overlay,
    /// The schema of a claim kind: a default.
    Schema,
    /// An expression of a claim kind.
    Kind,
    /// A template of a claim kind.
    Template,
    /// A file of a chart.
    Chart,
    /// The values of a Helm release.
    Values,
    /// Any other file of the workspace.
    Other,
}

impl Writer {
    /// A short name for tables, such as `claim` or `default`.
    pub fn description(self) -> &'static str {
        match self {
            Writer::Claim => "claim",
            Writer::BaseClaim => "base",
            Writer::Environment => "environment",
            Writer::Workspace => "workspace",
            Writer::Overlay => "overlay",
            Writer::Schema => "default",
            Writer::Kind => "computed",
            Writer::Template => "template",
            Writer::Chart => "chart",
            Writer::Values => "values",
            Writer::Other => "file",
        }
    }
}

impl Cause {
    /// Whether the location is in a built-in kind, which contains no secrets.
    pub fn is_builtin(&self) -> bool {
        self.location.path().as_str().starts_with(BUILTIN)
    }

    /// A cause in a known kind of file.
    pub fn by(writer: Writer, role: Role, location: Span) -> Cause {
        Cause {
            role,
            location,
            overrides: Vec::new(),
            known: Some(writer),
        }
    }

    /// The kind of file that the location is in.
    pub fn writer(&self) -> Writer {
        self.known
            .unwrap_or_else(|| writer(&self.location, self.role))
    }
}

fn writer(location: &Span, role: Role) -> Writer {
    let path = location.path();
    match Input::parse(path) {
        Some(Input::Environment(_)) => return Writer::Environment,
        Some(input @ Input::Claims { .. }) if input.is_base() => return Writer::BaseClaim,
        Some(Input::Claims { .. }) => return Writer::Claim,
        Some(Input::Overlay { .. }) => return Writer::Overlay,
        Some(Input::Workspace) => return Writer::Workspace,
        Some(Input::Other(..)) | None => {}
    }
    let parts: Vec<&str> = path.parts().collect();
    match parts.as_slice() {
        [.., KIND] if role == Role::Template => Writer::Kind,
        [.., KIND] => Writer::Schema,
        [BUILTIN, ..] => Writer::Template,
        _ if role == Role::Template || path.as_str().ends_with(".j2") => Writer::Template,
        [first, ..] if first.contains("charts") || path.as_str().contains("values") => {
            Writer::Chart
        }
        _ => Writer::Other,
    }
}

/// The maximum length of a chain of expressions that use each other's results.
const DEPTH_MAX: usize = 64;

/// The locations that contribute to a value: first those of its parts, then the lines of templates and expressions, then conditions.
pub fn causes(trace: &Trace, location: &Span) -> Vec<Cause> {
    let mut search = Search {
        trace,
        found: Vec::new(),
        seen: Vec::new(),
    };
    search.follow(location, Role::Value, 0);
    let mut found = search.found;
    found.sort_by_key(|it| it.role);
    one_per_line(found)
}

/// Keeps one cause for each line, because a key and its value can be on the same line.
fn one_per_line(causes: Vec<Cause>) -> Vec<Cause> {
    let mut kept: Vec<(usize, Cause)> = Vec::with_capacity(causes.len());
    for cause in causes {
        let line = cause.location.position().line;
        let is_same =
            |it: &(usize, Cause)| it.0 == line && it.1.location.path() == cause.location.path();
        match kept.iter_mut().find(|it| is_same(it)) {
            // The value is more specific than its key, which comes before it.
            Some((_, it)) if it.role == cause.role && it.location.end < cause.location.start => {
                it.location = cause.location;
            }
            Some(_) => {}
            None => kept.push((line, cause)),
        }
    }
    kept.into_iter().map(|it| it.1).collect()
}

struct Search<'a> {
    trace: &'a Trace,
    found: Vec<Cause>,
    /// Visited steps, with their role.
    seen: Vec<(u32, Role)>,
}

impl Search<'_> {
    fn follow(&mut self, location: &Span, role: Role, depth: usize) {
        let Some(step) = self.trace.step(location) else {
            return self.add(role, location);
        };
        if depth > DEPTH_MAX || self.seen.contains(&(location.start, role)) {
            return;
        }
        self.seen.push((location.start, role));
        let TraceStep {
            at,
            value,
            reads,
            conditions,
        } = step;
        for location in value.iter().chain(&reads) {
            self.follow(location, role, depth + 1);
        }
        if let Some(at) = &at {
            self.add(role.max(Role::Template), at);
        }
        for condition in &conditions {
            condition
                .reads
                .iter()
                .for_each(|it| self.follow(it, Role::Condition, depth + 1));
        }
    }

    fn add(&mut self, role: Role, location: &Span) {
        let location = location.outermost();
        let is_written = !location.path().as_str().is_empty();
        if is_written && !self.found.iter().any(|it| it.location == location) {
            let overrides = Vec::new();
            self.found.push(Cause {
                role,
                location,
                overrides,
                known: None,
            });
        }
    }
}
