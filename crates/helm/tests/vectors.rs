//! One-template charts beside what Helm's own engine made of them.
//!
//! The vectors are not part of the repository: `../shared/conformance/helm/vectors.jsonl` holds those of Helm 3, and
//! `target/vectors-helm4.jsonl`, if it is there, the same ones as `tools/helm-oracle` recorded them from Helm 4:
//!
//! ```text
//! cd tools/helm-oracle && go run . < VECTORS > ../../target/vectors-helm4.jsonl
//! ```
//!
//! A vector is a JSON object a line: `template` is the text of `templates/t.yaml`, `values` that of `values.yaml`, `context` holds
//! other files and flags; `output`, `output_b64` or `error` is what Helm gives. `vectors/*.txt` says how many vectors of each group
//! agree; none may fall below that. `UPDATE_VECTORS=1` writes the files anew, `VECTOR_GROUP=errors` shows what differs in a group.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a test reads files and reports"
)]

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pleach_helm::source::{ChartFile, load};
use pleach_helm::values::{UserValues, ValuesFile};
use pleach_helm::{
    Capabilities, HelmVersion, KubeVersion, Release, RenderOptions, Warnings, render_files,
};
use pleach_yaml::tree::TreePath;
use serde_json::Value as Json;

type Outcome = Result<Vec<u8>, String>;

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
    for line in vectors.lines() {
        let vector: Json = serde_json::from_str(line).unwrap();
        let group = vector["group"].as_str().unwrap();
        if wanted.as_ref().is_some_and(|it| it != group) {
            continue;
        }
        let (expected, found) = (expected(&vector), rendered(&vector, version));
        let counts = groups.entry(group.to_string()).or_default();
        counts.1 += 1;
        if expected == found {
            counts.0 += 1;
        } else if wanted.is_some() {
            println!(
                "{} {}\n  helm   {}\n  pleach {}",
                vector["id"],
                vector["template"],
                shown(&expected),
                shown(&found)
            );
        }
    }
    let (same, all) = groups
        .values()
        .fold((0, 0), |sum, it| (sum.0 + it.0, sum.1 + it.1));
    println!("{name}: {same} of {all} vectors agree");
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

fn expected(vector: &Json) -> Outcome {
    if let Some(error) = vector.get("error") {
        return Err(error.as_str().unwrap().to_string());
    }
    match vector.get("output_b64") {
        Some(bytes) => Ok(STANDARD.decode(bytes.as_str().unwrap()).unwrap()),
        None => Ok(vector["output"].as_str().unwrap().as_bytes().to_vec()),
    }
}

fn shown(outcome: &Outcome) -> String {
    match outcome {
        Ok(output) => format!("gives {:?}", String::from_utf8_lossy(output)),
        Err(error) => format!("fails with {error:?}"),
    }
}

const CHART: &str = "apiVersion: v2
name: vec
version: 1.2.3
appVersion: \"4.5.6\"
description: one template
type: application
";

fn rendered(vector: &Json, version: HelmVersion) -> Outcome {
    let context = vector.get("context").cloned().unwrap_or_default();
    let mut warnings = Warnings::default();
    let place = TreePath::new("vec").unwrap();
    let failed = |error: pleach_helm::HelmError| error.message;
    let chart = load(files(vector, &context), &place, version, &mut warnings).map_err(failed)?;
    let values = user_values(&context)
        .merged(version, &|name| Err(format!("open {name}: no such file")))
        .map_err(|error| without_flag(&error.message))?;
    let mut capabilities = Capabilities::defaults(version);
    if let Some(text) = context["kube_version"].as_str() {
        let parsed = KubeVersion::parse(text, version);
        // The vectors come from the library, which does not say what it was given.
        let prefix = format!("invalid kube version '{text}': ");
        capabilities.kube_version = parsed.map_err(|it| it.replace(&prefix, ""))?;
    }
    capabilities
        .api_versions
        .extend(texts(&context["api_versions"]));
    let mut release = Release::install("rel", "ns");
    let given = &context["release"];
    if let Some(name) = given["name"].as_str() {
        release.name = name.to_string();
    }
    if let Some(namespace) = given["namespace"].as_str() {
        release.namespace = namespace.to_string();
    }
    release.revision = given["revision"].as_i64().unwrap_or(1);
    release.is_upgrade = given["upgrade"].as_bool().unwrap_or(false);
    let options = RenderOptions {
        version,
        ..RenderOptions::default()
    };
    let files = render_files(
        &chart,
        &values,
        &release,
        &capabilities,
        &options,
        &mut warnings,
    );
    let mut files = files.map_err(failed)?.into_iter();
    let file = files.find(|it| it.path == "vec/templates/t.yaml");
    Ok(file.unwrap().content)
}

/// The vectors come from the libraries, which do not name the flag that a text was given to.
fn without_flag(message: &str) -> String {
    let flagged = message.strip_prefix("failed parsing --");
    let words = flagged.and_then(|it| it.split_once(" data: "));
    words.map_or(message, |it| it.1).to_string()
}

fn files(vector: &Json, context: &Json) -> Vec<ChartFile> {
    let text = |it: &Json| it.as_str().unwrap().to_string();
    let mut files = BTreeMap::from([
        ("Chart.yaml".to_string(), CHART.to_string()),
        ("templates/t.yaml".to_string(), text(&vector["template"])),
    ]);
    if vector["values"] != "" {
        files.insert("values.yaml".to_string(), text(&vector["values"]));
    }
    for key in ["files", "templates"] {
        let more = context[key].as_object().into_iter().flatten();
        files.extend(more.map(|(name, data)| (name.clone(), text(data))));
    }
    if let Some(chart) = context["chart"].as_str() {
        files.insert("Chart.yaml".to_string(), chart.to_string());
    }
    let file = |(name, data): (String, String)| ChartFile {
        name,
        data: Arc::from(data.into_bytes()),
    };
    files.into_iter().map(file).collect()
}

fn user_values(context: &Json) -> UserValues {
    let file = |content: String| ValuesFile {
        name: "values.yaml".to_string(),
        content: content.into_bytes(),
    };
    UserValues {
        files: texts(&context["user_values"]).map(file).collect(),
        set_json: texts(&context["set_json"]).collect(),
        set: texts(&context["set"]).collect(),
        set_string: texts(&context["set_string"]).collect(),
        set_literal: texts(&context["set_literal"]).collect(),
        ..UserValues::default()
    }
}

fn texts(list: &Json) -> impl Iterator<Item = String> + '_ {
    let list = list.as_array().into_iter().flatten();
    list.map(|it| it.as_str().unwrap().to_string())
}
