//! Each value of a check case is changed. If the change counts as local, the checks across objects must find the same as before, and the
//! checks of a part everything new.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::LazyLock;

use pleach::check::{CHECKS, ValidationOptions, check_part, has_cluster_rules, is_local_change};
use pleach::tree::Tree;
use pleach::{Compiled, compile};

use crate::check::{checked, input, options};

/// Keys that may be local, and others that never are.
const KEYS: [&str; 12] = [
    "image",
    "cpu",
    "memory",
    "storage",
    "replicas",
    "app",
    "name",
    "port",
    "namespace",
    "text",
    "minAvailable",
    "type",
];
/// New values: amounts, names in the cases, and a variable.
const VALUES: [&str; 6] = ["7", "9Gi", "shop", "orders", "settings", "'${REGION}'"];

type Findings = BTreeSet<(&'static str, String)>;

/// The codes of the checks across objects.
static ACROSS: LazyLock<BTreeSet<&str>> =
    LazyLock::new(|| CHECKS.iter().map(|it| it.code).collect());

/// A case without its text before the first section.
pub(crate) fn check(case: &Tree) -> Result<(), String> {
    let text = case.to_text();
    let Some((before, known)) = findings(&text) else {
        return Ok(());
    };
    for at in 0..text.lines().count() {
        let value = VALUES[at % VALUES.len()];
        let Some(changed) = with_value(&text, at, value) else {
            continue;
        };
        let Some((after, found)) = findings(&changed) else {
            continue;
        };
        if is_local_change(&before, &after) {
            let faults = compare(&known, (&after, &found));
            faults.map_err(|it| format!("`{value}` in line {}: {it}", at + 1))?;
            if has_cluster_rules(&before) != has_cluster_rules(&after) {
                return Err(format!("`{value}` in line {} changes the rules", at + 1));
            }
        }
    }
    Ok(())
}

fn compare(known: &Findings, (after, found): (&Compiled, &Findings)) -> Result<(), String> {
    let part = check_part(after, ValidationOptions::default());
    let part: Findings = part
        .iter()
        .map(|it| (it.code, it.message.clone()))
        .collect();
    let new = found.difference(known).filter(|it| !part.contains(*it));
    let gone = known.difference(found).filter(|it| ACROSS.contains(it.0));
    none("new", new)?;
    none("gone", gone)
}

fn none(what: &str, found: impl Iterator<Item: Debug>) -> Result<(), String> {
    let found: Vec<_> = found.collect();
    match found.is_empty() {
        true => Ok(()),
        false => Err(format!("{what}: {found:#?}")),
    }
}

/// `None` for a workspace that does not render.
fn findings(text: &str) -> Option<(Compiled, Findings)> {
    let files = input(&Tree::from_text(text));
    let compiled = compile(&files, &options());
    if compiled.diagnostics.has_errors() {
        return None;
    }
    let found = checked(&compiled, &files);
    let found = found
        .iter()
        .map(|it| (it.code, it.message.clone()))
        .collect();
    Some((compiled, found))
}

/// The text with another value in a line; `None` if the line has none of the keys.
fn with_value(text: &str, at: usize, value: &str) -> Option<String> {
    let mut lines: Vec<String> = text.lines().map(str::to_string).collect();
    let line = lines.get_mut(at)?;
    let (key, old) = line.split_once(": ")?;
    let name = key.trim_start_matches([' ', '-']);
    if !KEYS.contains(&name) || old.starts_with(['{', '[', '|', '>']) {
        return None;
    }
    *line = format!("{key}: {value}");
    Some(lines.join("\n") + "\n")
}
