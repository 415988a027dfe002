//! A vector: one template with its input, and the output of Helm.
#![allow(clippy::unwrap_used, reason = "a vector that is none fails the test")]

use std::collections::BTreeMap;
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

/// An output or an error.
pub(crate) type Outcome = Result<Vec<u8>, String>;

/// The result of Helm.
pub(crate) fn expected(vector: &Json) -> Outcome {
    if let Some(error) = vector.get("error") {
        return Err(error.as_str().unwrap().to_string());
    }
    match vector.get("output_b64") {
        Some(bytes) => Ok(STANDARD.decode(bytes.as_str().unwrap()).unwrap()),
        None => Ok(vector["output"].as_str().unwrap().as_bytes().to_vec()),
    }
}

/// An outcome in one line.
pub(crate) fn describe(outcome: &Outcome) -> String {
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

/// The result of this crate.
pub(crate) fn rendered(vector: &Json, version: HelmVersion) -> Outcome {
    let context = vector.get("context").cloned().unwrap_or_default();
    let mut warnings = Warnings::default();
    let location = TreePath::new("vec").unwrap();
    let failed = |error: pleach_helm::HelmError| error.message;
    let chart = load(files(vector, &context), &location, version, &mut warnings).map_err(failed)?;
    let values = user_values(&context)
        .merged(version, &|name| Err(format!("open {name}: no such file")))
        .map_err(|error| without_flag(&error.message))?;
    let mut capabilities = Capabilities::defaults(version);
    if let Some(text) = context["kube_version"].as_str() {
        let parsed = KubeVersion::parse(text, version);
        // The vectors come from the library, whose error does not contain the input.
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

/// The vectors come from the libraries, whose errors do not name the flag.
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
