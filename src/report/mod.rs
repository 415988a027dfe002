//! Diagnostics, plans and changes to text; one file a format.

mod affected;
mod changes;
mod changes_json;
mod human;
mod json;
mod matrix;
mod promotion;
mod short;
mod summary;
mod unified;
mod words;

pub use affected::{affected_json, affected_matrix, affected_names};
pub use changes::changes;
pub use changes_json::changes_json;
pub use human::human;
pub use json::json;
pub use matrix::{matrix_json, matrix_markdown, matrix_text};
pub use promotion::promotion;
pub use short::short;
pub use summary::{count, plan_summary};
pub use unified::unified;

use crate::diag::Diagnostics;
use crate::tree::TreePath;

/// How diagnostics are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// With excerpts, for people.
    #[default]
    Human,
    /// One line each, for editors.
    Short,
    /// One object, for programs.
    Json,
}

impl Format {
    /// All, in the order of the help text.
    pub const ALL: &[Format] = &[Format::Human, Format::Short, Format::Json];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Format::Human => "human",
            Format::Short => "short",
            Format::Json => "json",
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
                "there is no format `{name}`; there are {}",
                names.join(", ")
            )
        })
    }
}

/// What a report needs to know of where it is read.
pub struct View<'a> {
    /// How a path is shown: relative to where the reader stands.
    pub display: &'a dyn Fn(&TreePath) -> String,
    /// Whether to use colour.
    pub color: bool,
}

/// Prints diagnostics in a format.
pub fn report(diagnostics: &Diagnostics, format: Format, view: &View<'_>) -> String {
    match format {
        Format::Human => human(diagnostics, view),
        Format::Short => short(diagnostics, view),
        Format::Json => json(diagnostics, view),
    }
}
