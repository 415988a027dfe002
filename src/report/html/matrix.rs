//! The changes as a table of claims and environments.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use crate::compare::{ChangedObject, Comparison, LocatedFinding, Section, matrix};

use super::super::View;
use super::super::wording::{headings, name, sign};
use super::{escaped, is_severe, title};

/// The maximum number of columns; rows and columns without a change are left out first.
const COLUMNS_MAX: usize = 60;

pub(super) fn write(
    comparison: &Comparison,
    sections: &[Section<'_>],
    view: &View<'_>,
    page: &mut String,
) {
    let matrix = matrix(comparison);
    // If folders are compared as a whole, there are no environments.
    if comparison.environments.is_empty() || comparison.environments.iter().all(|it| it.name == ".")
    {
        return;
    }
    if matrix.keys().all(|it| it.is_empty()) {
        return by_unit(comparison, page);
    }
    let columns = columns(
        matrix.values().flat_map(BTreeMap::keys).copied(),
        comparison,
    );
    page.push_str("<section id=\"matrix\"><h2>Claims and environments <small>select a cell, row or column to filter</small></h2><div class=\"sheet scroll\"><table class=\"matrix\"><thead><tr><th><button>claim</button></th>");
    for column in &columns {
        let name = escaped(column);
        let flag = flag(&found(comparison, column).collect::<Vec<_>>());
        let _ = write!(
            page,
            "<th scope=\"col\"><button data-environment=\"{name}\" aria-pressed=\"false\">{name} {flag}</button></th>"
        );
    }
    page.push_str("</tr></thead><tbody>\n");
    let locations = locations(sections, view);
    for (claim, row) in &matrix {
        if row.values().all(Vec::is_empty) {
            continue;
        }
        head(claim, locations.get(*claim).map_or("", |it| it), page);
        for column in &columns {
            cell(comparison, claim, column, row.get(column), page);
        }
        page.push_str("</tr>\n");
    }
    page.push_str("</tbody></table></div></section>\n");
}

/// The environments of the table, in the order of the comparison.
fn columns<'a>(all: impl Iterator<Item = &'a str>, comparison: &'a Comparison) -> Vec<&'a str> {
    let all: BTreeSet<&str> = all.collect();
    let mut columns: Vec<&str> = all.into_iter().collect();
    if columns.len() > COLUMNS_MAX {
        let changed: BTreeSet<&str> = comparison.environments.iter().map(|it| &*it.name).collect();
        columns = changed.into_iter().take(COLUMNS_MAX).collect();
    }
    columns.sort_by_cached_key(|it| {
        let mut environments = comparison.environments.iter();
        let position = environments.position(|environment| environment.name == **it);
        position.unwrap_or(usize::MAX)
    });
    columns
}

/// Without claims: a row for each separately synced part of the tree.
fn by_unit(comparison: &Comparison, page: &mut String) {
    page.push_str("<section id=\"matrix\"><h2>Synced folders <small>select a row to filter</small></h2><div class=\"sheet scroll\"><table class=\"matrix\"><thead><tr><th><button>folder</button></th><th scope=\"col\">changes</th></tr></thead><tbody>\n");
    for environment in &comparison.environments {
        let name = escaped(&environment.name);
        let flag = flag(&found(comparison, &environment.name).collect::<Vec<_>>());
        let _ = write!(
            page,
            "<tr><th scope=\"row\"><button data-environment=\"{name}\" aria-pressed=\"false\"><span class=\"name\">{name}</span> {flag}</button></th>"
        );
        let objects: Vec<&ChangedObject> = environment.objects.iter().collect();
        cell(comparison, "", &environment.name, Some(&objects), page);
        page.push_str("</tr>\n");
    }
    page.push_str("</tbody></table></div></section>\n");
}

/// The location and owners of each claim, on one line.
fn locations(sections: &[Section<'_>], view: &View<'_>) -> BTreeMap<String, String> {
    let headings = sections.iter().flat_map(|it| headings(it, view));
    let one = headings.map(|it| {
        let mut lines = it
            .locations
            .first()
            .cloned()
            .into_iter()
            .collect::<Vec<_>>();
        lines.extend(it.owners);
        (it.title, lines.join(" · "))
    });
    one.collect()
}

fn head(claim: &str, under: &str, page: &mut String) {
    let (name, data) = match claim {
        "" => ("everything else".to_string(), String::new()),
        claim => (
            title(claim),
            format!(" data-claim=\"{}\" aria-pressed=\"false\"", escaped(claim)),
        ),
    };
    let under = escaped(under);
    let _ = write!(
        page,
        "<tr><th scope=\"row\"><button{data}><span class=\"name\">{name}</span><span class=\"under\">{under}</span></button></th>"
    );
}

fn cell(
    comparison: &Comparison,
    claim: &str,
    environment: &str,
    objects: Option<&Vec<&ChangedObject>>,
    page: &mut String,
) {
    // A missing claim looks like an unchanged one, because unaffected parts are not rendered.
    let Some(objects) = objects.filter(|it| !it.is_empty()) else {
        page.push_str("<td><span class=\"same\" title=\"no changes\">·</span></td>");
        return;
    };
    let mut counts: BTreeMap<(&str, char), usize> = BTreeMap::new();
    for it in objects {
        let kind = &it.change.kind;
        *counts.entry((name(kind), sign(kind))).or_default() += 1;
    }
    let counts: String = counts
        .iter()
        .map(|((word, sign), many)| {
            let sign = escaped(&sign.to_string());
            format!("<span class=\"{word}\" title=\"{word}\">{sign}{many}</span>")
        })
        .collect();
    let found = found(comparison, environment);
    let found = found.filter(|it| it.claim.as_ref().map_or("", |it| &it.title) == claim);
    let data = match claim {
        "" => String::new(),
        claim => format!(" data-claim=\"{}\"", escaped(claim)),
    };
    let environment = escaped(environment);
    let _ = write!(
        page,
        "<td><button{data} data-environment=\"{environment}\" aria-pressed=\"false\"><span class=\"cell\">{counts}{}</span></button></td>",
        flag(&found.collect::<Vec<_>>())
    );
}

/// The dangers of an environment.
fn found<'a>(
    comparison: &'a Comparison,
    environment: &'a str,
) -> impl Iterator<Item = &'a LocatedFinding> + 'a {
    let environments = comparison.environments.iter();
    let environments = environments.filter(move |it| it.name == environment);
    environments.flat_map(|it| &it.findings)
}

fn flag(found: &[&LocatedFinding]) -> String {
    let ink = match found.iter().any(|it| is_severe(it)) {
        true => "stop",
        false => "warn",
    };
    match found.len() {
        0 => String::new(),
        many => format!("<span class=\"flag {ink}\" title=\"dangers\">!{many}</span>"),
    }
}
