//! The main facts about a claim's objects.

use crate::object::Object;
use crate::products::cluster_facts;
use crate::yaml::{Mapping, Node, View};

/// Names and values, in order of occurrence: `("image clickhouse", "clickhouse-server:24.8")`. If several objects differ, all
/// values are listed.
pub fn facts(objects: &[Object]) -> Vec<(String, String)> {
    let mut facts = Facts::default();
    for object in objects {
        match object.kind() {
            "HelmRelease" => release(object, objects, &mut facts),
            "Application" => application(object, &mut facts),
            "GitRepository" => git_repository(object, &mut facts),
            "File" => file(object, &mut facts),
            _ => cluster_facts(object)
                .into_iter()
                .for_each(|(name, value)| facts.add(name, value)),
        }
        if let Some(replicas) = text(&object.node, &["spec", "replicas"]) {
            facts.add(format!("replicas {}", object.name()), replicas);
        }
        if let Some(spec) = object.node.get("spec") {
            workloads(spec, &mut facts);
        }
    }
    facts.found
}

#[derive(Default)]
struct Facts {
    found: Vec<(String, String)>,
}

impl Facts {
    fn add(&mut self, name: impl Into<String>, value: impl Into<String>) {
        let (name, value) = (name.into(), value.into());
        match self.found.iter_mut().find(|it| it.0 == name) {
            None => self.found.push((name, value)),
            Some((_, known)) if known.split(", ").any(|it| it == value) => {}
            Some((_, known)) => known.push_str(&format!(", {value}")),
        }
    }
}

fn text(node: &Node, keys: &[&str]) -> Option<String> {
    let value = node.at_keys(keys)?;
    value
        .as_str()
        .filter(|_| !value.is_null())
        .map(str::to_string)
}

/// The chart of a Flux HelmRelease, and the sizes in its values.
fn release(object: &Object, objects: &[Object], facts: &mut Facts) {
    let spec = |keys: &[&str]| text(&object.node, &[&["spec"], keys].concat());
    if let Some(chart) = spec(&["chart", "spec", "chart"]) {
        let version = spec(&["chart", "spec", "version"]);
        facts.add(
            format!("chart {chart}"),
            version.unwrap_or_else(|| "*".to_string()),
        );
    }
    if let Some(name) = spec(&["chartRef", "name"]) {
        let source = objects
            .iter()
            .find(|it| it.kind() == "OCIRepository" && it.name() == name);
        let of = |keys: &[&str]| source.and_then(|it| text(&it.node, keys));
        let url = of(&["spec", "url"]).unwrap_or_else(|| name.clone());
        let chart = url.rsplit('/').next().unwrap_or(&name).to_string();
        let kinds = ["digest", "semver", "tag"].into_iter();
        let version = kinds.filter_map(|it| of(&["spec", "ref", it])).next();
        facts.add(
            format!("chart {chart}"),
            version.unwrap_or_else(|| "latest".to_string()),
        );
    }
    if let Some(values) = object.node.at_keys(&["spec", "values"]) {
        chart_values(values, &mut Vec::new(), facts);
    }
}

/// The charts of an Argo CD Application.
fn application(object: &Object, facts: &mut Facts) {
    let one = object.node.at_keys(&["spec", "source"]).into_iter();
    let several = object.node.at_keys(&["spec", "sources"]);
    let several = several.and_then(Node::as_sequence).unwrap_or_default();
    for source in one.chain(several) {
        if let Some(chart) = text(source, &["chart"]) {
            let version = text(source, &["targetRevision"]);
            facts.add(
                format!("chart {chart}"),
                version.unwrap_or_else(|| "*".to_string()),
            );
        }
        if let Some(values) = source.at_keys(&["helm", "valuesObject"]) {
            chart_values(values, &mut Vec::new(), facts);
        }
    }
}

/// Files that Argo CD reads in addition to objects: the chart of a service, or its values.
fn file(object: &Object, facts: &mut Facts) {
    let Some(content) = object.node.get("content") else {
        return;
    };
    match (text(content, &["chart"]), text(content, &["version"])) {
        (Some(chart), Some(version)) => facts.add(format!("chart {chart}"), version),
        _ => chart_values(content, &mut Vec::new(), facts),
    }
}

fn git_repository(object: &Object, facts: &mut Facts) {
    for key in ["commit", "tag", "semver", "branch"] {
        if let Some(at) = text(&object.node, &["spec", "ref", key]) {
            facts.add(format!("git {}", object.name()), at);
        }
    }
}

/// Containers and volume claims, wherever a kind keeps its pod templates.
fn workloads(node: &Node, facts: &mut Facts) {
    match node.view() {
        View::Mapping(mapping) => {
            for key in ["containers", "initContainers"] {
                let items = mapping.get(key).and_then(Node::as_sequence);
                items
                    .unwrap_or_default()
                    .iter()
                    .for_each(|it| container(it, facts));
            }
            let claims = mapping
                .get("volumeClaimTemplates")
                .and_then(Node::as_sequence);
            claims
                .unwrap_or_default()
                .iter()
                .for_each(|it| volume(it, facts));
            // The values of a chart are processed separately.
            let inner = mapping.iter().filter(|it| !is_values(&it.key));
            inner.for_each(|it| workloads(&it.value, facts));
        }
        View::Sequence(items) => items.iter().for_each(|it| workloads(it, facts)),
        View::Scalar(_) => {}
    }
}

fn container(node: &Node, facts: &mut Facts) {
    let name = text(node, &["name"]).unwrap_or_default();
    if let Some(image) = text(node, &["image"]) {
        facts.add(format!("image {name}"), image);
    }
    if let Some(it) = node.get("resources") {
        resources(&name, it, facts);
    }
}

fn volume(node: &Node, facts: &mut Facts) {
    let name = text(node, &["name"]).or_else(|| text(node, &["metadata", "name"]));
    if let Some(size) = text(node, &["spec", "resources", "requests", "storage"]) {
        facts.add(format!("volume {}", name.unwrap_or_default()), size);
    }
}

/// `cpu operator: 100m … 500m`: what is requested and the limit.
fn resources(name: &str, node: &Node, facts: &mut Facts) {
    for resource in ["cpu", "memory"] {
        let ends = ["requests", "limits"].map(|it| text(node, &[it, resource]));
        let value = match ends {
            [None, None] => continue,
            [Some(low), Some(high)] if low == high => low,
            [low, high] => {
                let [low, high] = [low, high].map(|it| it.unwrap_or_else(|| "–".to_string()));
                format!("{low} … {high}")
            }
        };
        facts.add(format!("{resource} {name}").trim_end(), value);
    }
}

/// The images, replicas and resources in a chart's values, each with its path.
fn chart_values(node: &Node, path: &mut Vec<String>, facts: &mut Facts) {
    let Some(mapping) = node.as_mapping() else {
        return;
    };
    let location = path.join(".");
    let named = |what: &str| format!("{what} {location}").trim_end().to_string();
    for key in ["replicas", "replicaCount"] {
        if let Some(count) = text(node, &[key]) {
            facts.add(named("replicas"), count);
        }
    }
    if let Some(tag) = image(mapping) {
        facts.add(named("image"), tag);
    }
    for entry in mapping {
        let key = entry.key.as_str().unwrap_or("");
        if key == "resources" {
            resources(&location, &entry.value, facts);
        } else {
            path.push(key.to_string());
            chart_values(&entry.value, path, facts);
            path.pop();
        }
    }
}

/// `image: repository:tag` in one text, or as the map that charts have.
fn image(mapping: &Mapping) -> Option<String> {
    let image = mapping.get("image")?;
    if let Some(text) = image.as_string() {
        return Some(text.to_string());
    }
    let [registry, repository, tag] =
        ["registry", "repository", "tag"].map(|it| text(image, &[it]).filter(|it| !it.is_empty()));
    let repository = match (registry, repository) {
        (Some(registry), Some(repository)) => Some(format!("{registry}/{repository}")),
        (_, repository) => repository,
    };
    match (repository, tag) {
        (Some(repository), Some(tag)) => Some(format!("{repository}:{tag}")),
        (one, other) => one.or(other),
    }
}

fn is_values(key: &Node) -> bool {
    matches!(key.as_str(), Some("values" | "source" | "sources"))
}
