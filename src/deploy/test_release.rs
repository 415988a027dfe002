//! Finds values of a release without effect, by rendering it again with other values.

use std::fmt;
use std::sync::Arc;

use super::Cluster;
use super::chart::{Facts, Install, capabilities};
use crate::diag::Span;
use crate::yaml::{Node, View};
use pleach_helm::manifests::{Rendered, RenderedObject};
use pleach_helm::source::LoadedChart;
use pleach_helm::values::Values;
use pleach_helm::{Capabilities, HelmError, HelmVersion, Release, RenderOptions, Warnings, render};
use serde_json::Value as Json;

/// The maximum number of values of a release that are tried.
const TRIED_MAX: usize = 50;

/// A chart and the inputs of its rendering.
pub struct TestRelease {
    chart: Arc<LoadedChart>,
    values: Values,
    /// The values as written, in ascending order of precedence.
    written: Vec<Node>,
    name: String,
    namespace: String,
    skip_schema: bool,
    version: HelmVersion,
    capabilities: Capabilities,
}

impl fmt::Debug for TestRelease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Trial {{ {} }}", self.name)
    }
}

/// A value of a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReleaseValue {
    /// The keys that lead to it.
    pub path: Vec<String>,
    /// The location in its source file.
    pub span: Span,
}

impl ReleaseValue {
    /// The name of the value, such as `image.tag`.
    pub fn name(&self) -> String {
        self.path.join(".")
    }
}

impl TestRelease {
    /// A chart as installed. Errors: those of Helm for an invalid version of Kubernetes.
    pub(super) fn new(
        chart: &Arc<LoadedChart>,
        install: &Install<'_>,
        facts: &Facts,
        cluster: &Cluster,
    ) -> Result<TestRelease, HelmError> {
        let capabilities =
            capabilities(install.kube_version, &install.api_versions, facts, cluster)?;
        Ok(TestRelease {
            chart: chart.clone(),
            values: install.values.clone(),
            written: install.written.to_vec(),
            name: install.name.to_string(),
            namespace: install.namespace.to_string(),
            skip_schema: install.skip_schema,
            version: cluster.helm_version,
            capabilities,
        })
    }

    pub(super) fn chart(&self) -> &LoadedChart {
        &self.chart
    }

    pub(super) fn written(&self) -> &[Node] {
        &self.written
    }

    /// The objects with the locations of all their parts; `None` if the chart does not render.
    pub(super) fn traced(&self) -> Option<Vec<RenderedObject>> {
        let options = RenderOptions {
            version: self.version,
            skip_schema_validation: self.skip_schema,
            trace: true,
            locations: true,
        };
        let rendered = self.render(&self.values, &options)?;
        let mut all = rendered.objects;
        all.extend(rendered.hooks);
        Some(all)
    }

    fn render(&self, values: &Values, options: &RenderOptions) -> Option<Rendered> {
        let release = Release::install(&self.name, &self.namespace);
        let mut diagnostics = Warnings::default();
        let capabilities = &self.capabilities;
        render(
            &self.chart,
            values,
            &release,
            capabilities,
            options,
            &mut diagnostics,
        )
        .ok()
    }

    /// The values in the release, except maps.
    fn leaves(&self) -> Vec<ReleaseValue> {
        let mut found: Vec<ReleaseValue> = Vec::new();
        for document in self.written.iter().rev() {
            leaves(document, &mut Vec::new(), &mut found);
        }
        found
    }

    pub(super) fn value(&self, path: &[String]) -> Option<&Json> {
        let (first, rest) = path.split_first()?;
        let first = self.values.get(first)?;
        rest.iter().try_fold(first, |value, key| value.get(key))
    }

    /// The output with another value at a path, or with the value removed. `None` if rendering fails.
    fn rendered(&self, path: &[String], value: Option<&Json>) -> Option<Vec<String>> {
        let mut values = self.values.clone();
        put(&mut values, path, value);
        let options = RenderOptions {
            version: self.version,
            skip_schema_validation: self.skip_schema,
            ..RenderOptions::default()
        };
        let rendered = self.render(&values, &options)?;
        let all = rendered.objects.into_iter().chain(rendered.hooks);
        Some(all.map(|it| it.text).collect())
    }

    /// Whether the chart's own values contain a path, or a map that accepts it.
    fn has_default(&self, path: &[String]) -> bool {
        let in_values = |values: &Values, path: &[String]| {
            let Some((first, rest)) = path.split_first() else {
                return true;
            };
            let mut value = values.get(first);
            for key in rest {
                match value {
                    Some(Json::Object(map)) if map.is_empty() => return true,
                    Some(Json::Object(map)) => value = map.get(key),
                    Some(Json::Null) => return true,
                    _ => return false,
                }
            }
            value.is_some()
        };
        let below = path.split_first();
        let of_subchart = below.is_some_and(|(first, rest)| {
            first == "global"
                || self
                    .chart
                    .dependencies
                    .iter()
                    .any(|it| it.metadata.name == *first && in_values(&it.values, rest))
                || self
                    .chart
                    .metadata
                    .dependencies
                    .iter()
                    .any(|it| it.alias == *first)
        });
        of_subchart || in_values(&self.chart.values, path)
    }

    /// Whether a change of the value at a path changes the output. A failure counts as an effect.
    fn has_effect(&self, path: &[String], baseline: &[String]) -> bool {
        let Some(value) = self.value(path) else {
            return true;
        };
        let mut others = vec![None];
        others.extend(variations(value).into_iter().map(Some));
        others.iter().any(|it| {
            self.rendered(path, it.as_ref())
                .is_none_or(|it| it != baseline)
        })
    }
}

fn variations(value: &Json) -> Vec<Json> {
    match value {
        Json::Bool(value) => vec![Json::Bool(!value)],
        Json::Number(_) => vec![Json::from(0), Json::from(7919)],
        Json::String(text) => vec![Json::from(format!("{text}-x")), Json::from("")],
        Json::Array(items) if items.is_empty() => vec![Json::from(vec!["x"])],
        Json::Array(_) => vec![Json::Array(Vec::new())],
        Json::Object(_) | Json::Null => vec![Json::from("x")],
    }
}

fn put(values: &mut Values, path: &[String], value: Option<&Json>) {
    let Some((last, above)) = path.split_last() else {
        return;
    };
    let mut map = values;
    for key in above {
        match map.get_mut(key) {
            Some(Json::Object(below)) => map = below,
            _ => return,
        }
    }
    match value {
        Some(value) => drop(map.insert(last.clone(), value.clone())),
        None => drop(map.remove(last)),
    }
}

fn leaves(node: &Node, path: &mut Vec<String>, found: &mut Vec<ReleaseValue>) {
    match node.view() {
        View::Mapping(entries) => {
            for entry in entries {
                let Some(key) = entry.key.as_str() else {
                    continue;
                };
                path.push(key.to_string());
                leaves(&entry.value, path, found);
                path.pop();
            }
        }
        _ if path.is_empty() || found.iter().any(|it| it.path == *path) => {}
        _ => found.push(ReleaseValue {
            path: path.clone(),
            span: node.span().clone(),
        }),
    }
}

/// Values of the new release that had an effect before, but no longer do with another chart.
pub fn lost_values(before: &TestRelease, after: &TestRelease) -> Vec<ReleaseValue> {
    let is_same = before.chart.metadata.version == after.chart.metadata.version
        && before.chart.metadata.name == after.chart.metadata.name;
    if is_same {
        return Vec::new();
    }
    let (Some(old), Some(new)) = (before.rendered(&[], None), after.rendered(&[], None)) else {
        return Vec::new();
    };
    let unknown = after.leaves().into_iter();
    let unknown = unknown.filter(|it| !after.has_default(&it.path));
    let lost = unknown.take(TRIED_MAX).filter(|it| {
        before.value(&it.path).is_some()
            && before.has_effect(&it.path, &old)
            && !after.has_effect(&it.path, &new)
    });
    lost.collect()
}

/// Changed values whose change alone does not affect the output.
pub fn idle_changes(before: &TestRelease, after: &TestRelease) -> Vec<ReleaseValue> {
    let changed = after.leaves().into_iter();
    let changed = changed.filter(|it| before.value(&it.path) != after.value(&it.path));
    let changed: Vec<ReleaseValue> = changed.take(TRIED_MAX).collect();
    let Some(now) = Some(&changed)
        .filter(|it| !it.is_empty())
        .and_then(|_| after.rendered(&[], None))
    else {
        return Vec::new();
    };
    let is_idle = |it: &ReleaseValue| {
        let back = after.rendered(&it.path, before.value(&it.path));
        back.as_ref() == Some(&now)
    };
    changed.into_iter().filter(is_idle).collect()
}
