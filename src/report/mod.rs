//! Diagnostics, plans and changes as text, one file per format.

mod affected;
mod annotations;
mod changes;
mod changes_form;
mod changes_json;
mod deployment;
mod escape;
mod github;
mod gitlab;
mod html;
mod human;
mod json;
mod junit;
mod markdown;
mod patch;
mod sarif;
mod matrix;
mod promotion;
mod provenance;
mod rollout;
mod serialize;
mod short;
mod summary;
mod unified;
mod wording;

pub use affected::{AffectedParts, affected_json, affected_matrix, affected_names};
pub use annotations::{annotations, at_existing_lines};
pub use changes::changes;
pub use changes_json::{TreeFile, changes_json};
pub use deployment::{deployment, deployment_json, deployment_yaml};
pub use escape::{printable, screened, shell_word};
pub use github::github;
pub use gitlab::gitlab;
pub use html::html;
pub use human::human;
pub use json::json;
pub use junit::junit;
pub use markdown::{MarkdownOptions, markdown};
pub use matrix::{matrix_json, matrix_markdown, matrix_text};
pub use patch::changes_patch;
pub use promotion::promotion;
pub use provenance::{Subject, provenance_json, provenance_text};
pub use sarif::sarif;
pub use short::short;
pub use summary::{count, counted, plan_summary};
pub use unified::unified;
pub use wording::folded;

use crate::diag::{Diagnostic, Diagnostics, Position, Severity, Span};
use crate::secret::conceal;
use crate::tree::TreePath;

/// The format of diagnostics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// With excerpts, for people.
    #[default]
    Human,
    /// One line each, for editors.
    Short,
    /// One object, for programs.
    Json,
    /// Workflow commands, which GitHub shows at the lines that they name.
    Github,
    /// A Code Quality report, which GitLab shows in a merge request.
    Gitlab,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// JUnit XML, for CI systems.
    Junit,
}

impl Format {
    /// All formats, in the order of the help text.
    pub const ALL: &[Format] = &[
        Format::Human,
        Format::Short,
        Format::Json,
        Format::Github,
        Format::Gitlab,
        Format::Sarif,
        Format::Junit,
    ];

    /// Whether it is a document for a program, and not text that people read line by line.
    pub fn is_for_programs(self) -> bool {
        !matches!(self, Format::Human | Format::Short)
    }

    /// Whether it is for a service, which knows files by their paths in the repository.
    pub fn is_for_services(self) -> bool {
        !matches!(self, Format::Human | Format::Short | Format::Json)
    }

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Format::Human => "human",
            Format::Short => "short",
            Format::Json => "json",
            Format::Github => "github",
            Format::Gitlab => "gitlab",
            Format::Sarif => "sarif",
            Format::Junit => "junit",
        }
    }
}

impl std::str::FromStr for Format {
    type Err = String;

    fn from_str(name: &str) -> Result<Format, String> {
        let mut all = Format::ALL.iter().copied();
        all.find(|it| it.name() == name).ok_or_else(|| {
            let names: Vec<_> = Format::ALL.iter().map(|it| it.name()).collect();
            format!(
                "unknown format `{name}`; known formats: {}",
                names.join(", ")
            )
        })
    }
}

/// Settings for the reader of a report.
pub struct View<'a> {
    /// Displays a path, relative to the current folder of the reader.
    pub display: &'a dyn Fn(&TreePath) -> String,
    /// Whether to use colour.
    pub color: bool,
}

/// Diagnostics in a format, without secrets.
pub fn report(diagnostics: &Diagnostics, format: Format, view: &View<'_>) -> String {
    let shown = first(diagnostics, format);
    let diagnostics = shown.as_ref().unwrap_or(diagnostics);
    let diagnostics = &conceal(diagnostics.clone());
    match format {
        Format::Human => human(diagnostics, view),
        Format::Short => short(diagnostics, view),
        Format::Json => json(diagnostics, view),
        Format::Github => github(diagnostics, view),
        Format::Gitlab => gitlab(diagnostics, view),
        Format::Sarif => sarif(diagnostics, view),
        Format::Junit => junit(diagnostics, view),
    }
}

/// The maximum number of diagnostics in a report.
const SHOWN_MAX: usize = 200;

/// The first diagnostics and a note with the count, if there are too many.
fn first(diagnostics: &Diagnostics, format: Format) -> Option<Diagnostics> {
    let count = diagnostics.iter().count();
    let max = match format.is_for_programs() {
        true => SHOWN_MAX * 10,
        false => SHOWN_MAX,
    };
    if count <= max {
        return None;
    }
    // Warnings must not displace errors.
    let is_error = |it: &&Diagnostic| it.severity == Severity::Error;
    let errors = diagnostics.iter().filter(is_error);
    let others = diagnostics.iter().filter(|it| !is_error(it));
    let shown = errors.chain(others).take(max).cloned();
    let mut shown: Diagnostics = shown.collect();
    let message = format!("only {max} of {count} findings are shown");
    let mut note = Diagnostic::warning("more-findings", message);
    note.severity = Severity::Note;
    let help = match (shown.has_errors(), format.is_for_programs()) {
        (true, _) => Some("fix these first".to_string()),
        (false, false) => Some(format!("`--format json` lists up to {}", SHOWN_MAX * 10)),
        (false, true) => None,
    };
    shown.push(match help {
        Some(help) => note.help(help),
        None => note,
    });
    Some(shown)
}

/// The position of the start of a span, and the one after its end.
fn region(span: &Span) -> (Position, Position) {
    let end = span.end.max(span.start);
    let end = Span::from_offsets(span.source(), end, end);
    (span.position(), end.position())
}
