//! Claims × environments: as a table for a terminal, as Markdown and as JSON.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::Serialize;

use super::escape::{printable, screened};
use super::markdown::plain;
use super::serialize::to_json_lines;
use crate::matrix::{Matrix, Row};
use crate::secret::without_secrets;

/// The cell of an environment without the claim or the value.
const NOTHING: &str = "–";

/// The maximum number of characters shown of a value.
const WIDTH_MAX: usize = 40;

/// One table per claim. Rows with different values have a `≠` and colour.
pub fn matrix_text(matrix: &Matrix) -> String {
    let mut text = String::new();
    let (first, columns) = widths(matrix);
    for claim in &matrix.claims {
        if !text.is_empty() {
            text.push('\n');
        }
        let heads = columns.iter().map(|(name, width)| {
            let name = match claim.environments.contains(*name) {
                true => printable(name),
                false => NOTHING.to_string(),
            };
            format!("  {name:width$}")
        });
        let line = format!(
            "  {:first$}{}",
            printable(&claim.name),
            heads.collect::<String>()
        );
        _ = writeln!(text, "\x1b[1m{}\x1b[0m", line.trim_end());
        for row in &claim.rows {
            let sign = if row.drifts { '≠' } else { ' ' };
            let cells = columns
                .iter()
                .map(|(it, width)| format!("  {:width$}", cell(row, it)));
            let line = format!(
                "{sign}   {:1$}{2}",
                printable(&row.name),
                first - 2,
                cells.collect::<String>()
            );
            let line = line.trim_end();
            _ = match row.drifts {
                true => writeln!(text, "\x1b[33m{line}\x1b[0m"),
                false => writeln!(text, "{line}"),
            };
        }
    }
    screened(&text)
}

/// The width of the first column, and the environments with the widths of theirs.
fn widths(matrix: &Matrix) -> (usize, Vec<(&String, usize)>) {
    let length = |text: &str| printable(text).chars().count();
    let rows = || matrix.claims.iter().flat_map(|it| &it.rows);
    let names = rows().map(|it| length(&it.name) + 2);
    let claims = matrix.claims.iter().map(|it| length(&it.name));
    let columns = matrix.environments.iter().map(|environment| {
        let cells = rows().map(|it| cell(it, environment).chars().count());
        let width = cells.chain([length(environment)]).max();
        (environment, width.unwrap_or(0))
    });
    (names.chain(claims).max().unwrap_or(0), columns.collect())
}

fn cell(row: &Row, environment: &str) -> String {
    let Some(value) = row.values.get(environment) else {
        return NOTHING.to_string();
    };
    let value = printable(&without_secrets(value));
    match value.chars().count() > WIDTH_MAX {
        true => value.chars().take(WIDTH_MAX - 1).chain(['…']).collect(),
        false => value,
    }
}

/// One table, for a page or a comment. Different values are bold.
pub fn matrix_markdown(matrix: &Matrix) -> String {
    let escaped = |it: &str| plain(&without_secrets(it));
    let mut text = String::from("| claim | |");
    for environment in &matrix.environments {
        _ = write!(text, " {} |", escaped(environment));
    }
    text.push_str("\n|---|---|");
    text.push_str(&"---|".repeat(matrix.environments.len()));
    text.push('\n');
    for claim in &matrix.claims {
        for (at, row) in claim.rows.iter().enumerate() {
            let name = if at == 0 { claim.name.as_str() } else { "" };
            _ = write!(text, "| {} | {} |", escaped(name), escaped(&row.name));
            for environment in &matrix.environments {
                let value = row.values.get(environment).map_or(NOTHING, String::as_str);
                _ = match row.drifts {
                    true => write!(text, " **{}** |", escaped(value)),
                    false => write!(text, " {} |", escaped(value)),
                };
            }
            text.push('\n');
        }
    }
    text
}

/// `{"schema": 1, "environments": […], "claims": [{"name", "environments", "facts": [{"name", "drifts", "values"}]}]}`.
pub fn matrix_json(matrix: &Matrix) -> String {
    let claims = matrix.claims.iter().map(|claim| ReportClaim {
        name: &claim.name,
        environments: claim.environments.iter().map(String::as_str).collect(),
        facts: claim.rows.iter().map(Fact::new).collect(),
    });
    let report = Report {
        schema: 1,
        environments: matrix.environments.iter().map(String::as_str).collect(),
        claims: claims.collect(),
    };
    to_json_lines(&report, 2)
}

#[derive(Serialize)]
struct Report<'a> {
    schema: u32,
    environments: Vec<&'a str>,
    claims: Vec<ReportClaim<'a>>,
}

#[derive(Serialize)]
struct ReportClaim<'a> {
    name: &'a str,
    environments: Vec<&'a str>,
    facts: Vec<Fact<'a>>,
}

#[derive(Serialize)]
struct Fact<'a> {
    name: &'a str,
    drifts: bool,
    /// The value in each environment.
    values: BTreeMap<&'a str, String>,
}

impl<'a> Fact<'a> {
    fn new(row: &'a Row) -> Fact<'a> {
        let values = row.values.iter();
        Fact {
            name: &row.name,
            drifts: row.drifts,
            values: values
                .map(|(name, value)| (name.as_str(), without_secrets(value).to_string()))
                .collect(),
        }
    }
}
