//! Charts with one template, compared with the output of Helm's own engine.
//!
//! The vectors are not part of the repository: `../shared/conformance/helm/vectors.jsonl` contains those of Helm 3. The optional file
//! `target/vectors-helm4.jsonl` contains the same vectors with the output of Helm 4:
//!
//! ```text
//! cd tools/helm-oracle && go run . < VECTORS > ../../target/vectors-helm4.jsonl
//! ```
//!
//! A vector is a line with a JSON object: `template` is the content of `templates/t.yaml`, `values` that of `values.yaml`, `context`
//! contains other files and flags; `output`, `output_b64` or `error` is the result of Helm. `vectors/*.txt` contains the number of
//! passing vectors of each group; fewer are a failure. `vectors/known.txt` contains the vectors with differences, each with the
//! reason. `UPDATE_VECTORS=1` updates the files, `VECTOR_GROUP=errors` shows the differences of a group.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test reads files and reports"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};

use pleach_helm::HelmVersion;
use serde_json::Value as Json;

use vector::{describe, expected, rendered};

mod vector;

#[test]
fn templates_render_as_with_helm_3() {
    let path = root().join("../shared/conformance/helm/vectors.jsonl");
    compare_all(&path, HelmVersion::V3, "helm3");
}

#[test]
fn templates_render_as_with_helm_4() {
    let path = root().join("target/vectors-helm4.jsonl");
    compare_all(&path, HelmVersion::V4, "helm4");
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn compare_all(path: &Path, version: HelmVersion, name: &str) {
    let Ok(vectors) = std::fs::read_to_string(path) else {
        println!("skipped: there is no {}", path.display());
        return;
    };
    let wanted = std::env::var("VECTOR_GROUP").ok();
    let mut groups: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    let known = include_str!("vectors/known.txt");
    let known: BTreeSet<&str> = known
        .lines()
        .filter_map(|it| it.split(' ').next())
        .collect();
    let mut without_reason = Vec::new();
    for line in vectors.lines() {
        let vector: Json = serde_json::from_str(line).unwrap();
        let group = vector["group"].as_str().unwrap();
        if wanted.as_ref().is_some_and(|it| it != group) {
            continue;
        }
        let (expected, found) = (expected(&vector), rendered(&vector, version));
        let counts = groups.entry(group.to_string()).or_default();
        counts.1 += 1;
        let id = vector["id"].as_str().unwrap();
        if expected != found && !known.contains(id) {
            without_reason.push(id.to_string());
        }
        if expected == found {
            counts.0 += 1;
        } else if wanted.is_some() {
            println!(
                "{} {}\n  helm   {}\n  pleach {}",
                vector["id"],
                vector["template"],
                describe(&expected),
                describe(&found)
            );
        }
    }
    let (same, all) = groups
        .values()
        .fold((0, 0), |sum, it| (sum.0 + it.0, sum.1 + it.1));
    println!("{name}: {same} of {all} vectors agree");
    assert!(
        without_reason.is_empty() || wanted.is_some(),
        "these differ without a reason in vectors/known.txt: {without_reason:?}"
    );
    if wanted.is_none() {
        hold_rate(&groups, name);
    }
}

/// Compares the numbers with the recorded ones.
fn hold_rate(groups: &BTreeMap<String, (usize, usize)>, name: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/vectors/{name}.txt"));
    let mut text = String::new();
    for (group, (same, all)) in groups {
        writeln!(text, "{group} {same}/{all}").unwrap();
        println!("{group:20} {same}/{all}");
    }
    if std::env::var("UPDATE_VECTORS").is_ok() {
        std::fs::write(&file, &text).unwrap();
        return;
    }
    let recorded = std::fs::read_to_string(&file).unwrap();
    let mut fallen = Vec::new();
    for line in recorded.lines() {
        let (group, counts) = line.split_once(' ').unwrap();
        let (recorded, _) = counts.split_once('/').unwrap();
        let same = groups.get(group).map_or(0, |it| it.0);
        if same < recorded.parse().unwrap() {
            fallen.push(format!("{group}: {same} agree, {recorded} did"));
        }
    }
    assert!(
        fallen.is_empty(),
        "fewer vectors agree than before:\n{}",
        fallen.join("\n")
    );
}
