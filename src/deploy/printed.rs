//! The origins of values in objects of a chart: the line of a template, and the values of the release that it prints.

use super::test_release::TestRelease;
use crate::diag::{Source, Span};
use crate::object::Object;
use crate::yaml::{FieldPath, Node, Step, parse_one};
use pleach_helm::manifests::{RenderedObject, TemplateLocation, ValueOrigin};
use pleach_helm::source::LoadedChart;

/// An object of a chart, rendered again so that all its parts have the locations of their templates.
pub struct PrintedObject<'a> {
    test_release: &'a TestRelease,
    rendered: RenderedObject,
    defaults: Defaults<'a>,
}

/// The origin of a field of an object.
#[derive(Clone, Debug, Default)]
pub struct Printed {
    /// The location in a template of the chart.
    pub template: Option<Span>,
    /// The values that are printed there.
    pub values: Vec<PrintedValue>,
}

/// A value that a template prints.
#[derive(Clone, Debug)]
pub struct PrintedValue {
    /// The keys that lead to it below `.Values` of the outermost chart.
    pub path: Vec<String>,
    /// Its location in the user's values.
    pub written: Option<Span>,
    /// Its location in the values of the chart or a subchart.
    pub default: Option<Span>,
}

impl TestRelease {
    /// The rendered object, without changes by the sync engine.
    pub fn printed(&self, object: &Object) -> Option<PrintedObject<'_>> {
        let is_it = |it: &RenderedObject| {
            it.head.kind == object.kind()
                && it.head.name == object.name()
                && it.head.api_version == object.api_version()
        };
        let rendered = self.traced()?.into_iter().find(is_it)?;
        Some(PrintedObject {
            test_release: self,
            rendered,
            defaults: Defaults::new(self.chart()),
        })
    }
}

impl PrintedObject<'_> {
    /// The object as the chart prints it.
    pub fn node(&self) -> Option<&Node> {
        self.rendered.node.as_ref()
    }

    /// The origin of a field; `None` if the chart does not print it.
    pub fn field(&self, field: &FieldPath) -> Option<Printed> {
        let node = self.rendered.node.as_ref()?.at_path(field)?;
        let range = node.span().range();
        let origins = self.rendered.origins.iter();
        let own: Vec<&ValueOrigin> = origins
            .filter(|it| {
                let is_inside = it.range.start <= range.start && range.start < it.range.end;
                is_inside || it.range.start < range.end && range.start < it.range.end
            })
            .collect();
        let mut printed = Printed {
            template: own
                .iter()
                .find_map(|it| it.in_template(range.start..range.start)),
            values: Vec::new(),
        };
        for origin in own {
            let paths = match &*origin.path {
                [] => self.named_values(origin),
                path => vec![path.to_vec()],
            };
            for path in paths {
                let path = self.test_release.with_keys_of(path, field, node);
                if !printed.values.iter().any(|it| it.path == path) {
                    printed.values.push(PrintedValue {
                        written: self.test_release.written_at(&path),
                        default: self.defaults.location_of(&path),
                        path,
                    });
                }
            }
        }
        printed
            .values
            .retain(|it| it.written.is_some() || it.default.is_some());
        Some(printed)
    }

    /// The values that occur in an expression, unless its result is one of them unchanged.
    fn named_values(&self, origin: &ValueOrigin) -> Vec<Vec<String>> {
        let Some(location) = origin.location.as_ref().filter(|it| !it.is_copied) else {
            return Vec::new();
        };
        let text = &location.span.source().text;
        let action = text.get(location.span.range().start..).unwrap_or("");
        let action = action.split("}}").next().unwrap_or("");
        let names = action.split(".Values.").skip(1).map(|it| {
            let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
            let end = it.find(|c| !is_name(c)).unwrap_or(it.len());
            it.get(..end).unwrap_or("").trim_end_matches('.')
        });
        let names = names.filter(|it| !it.is_empty());
        names.map(|it| path_from_root_chart(location, it)).collect()
    }
}

/// The path of a value that a template of a subchart reads, from the outermost chart on.
fn path_from_root_chart(location: &TemplateLocation, name: &str) -> Vec<String> {
    let own = || name.split('.').map(str::to_string);
    if name == "global" || name.starts_with("global.") {
        return own().collect();
    }
    let parts: Vec<&str> = location.template.split('/').collect();
    let charts = parts.windows(2).filter(|it| it[0] == "charts");
    charts.map(|it| it[1].to_string()).chain(own()).collect()
}

impl TestRelease {
    /// The path of a value below one that was printed as a map: `limits.memory` below `resources`.
    fn with_keys_of(&self, path: Vec<String>, field: &FieldPath, node: &Node) -> Vec<String> {
        let key = |step: &Step| match step {
            Step::Key(key) => Some(key.to_string()),
            Step::Index(_) => None,
        };
        let steps = field.steps();
        let below = (1..=steps.len()).rev().find_map(|count| {
            let keys = steps.get(steps.len() - count..)?.iter().map(key);
            let keys: Vec<String> = keys.collect::<Option<_>>()?;
            let whole: Vec<String> = path.iter().chain(&keys).cloned().collect();
            let value = self.value(&whole)?;
            let text = value.as_str().map(str::to_string);
            let text = text.unwrap_or_else(|| value.to_string());
            (node.as_str() == Some(&*text)).then_some(whole)
        });
        below.unwrap_or(path)
    }

    fn written_at(&self, path: &[String]) -> Option<Span> {
        let keys: Vec<&str> = path.iter().map(String::as_str).collect();
        let mut documents = self.written().iter().rev();
        let found = documents.find_map(|it| it.at_keys(&keys));
        found.map(|it| it.span().outermost())
    }
}

/// The `values.yaml` of a chart and of its subcharts, each parsed once.
struct Defaults<'a> {
    chart: &'a LoadedChart,
    values: Option<Node>,
    subcharts: Vec<Defaults<'a>>,
}

impl<'a> Defaults<'a> {
    fn new(chart: &'a LoadedChart) -> Defaults<'a> {
        let bytes = chart.values_source.as_ref();
        let text = bytes.and_then(|it| std::str::from_utf8(it).ok());
        let values = text.and_then(|text| {
            let source = Source::new(chart.location.child("values.yaml"), text);
            parse_one(&source).ok()
        });
        Defaults {
            chart,
            values,
            subcharts: chart.dependencies.iter().map(Defaults::new).collect(),
        }
    }

    /// The line of a value in the chart, or in the subchart that it is for.
    fn location_of(&self, path: &[String]) -> Option<Span> {
        let keys: Vec<&str> = path.iter().map(String::as_str).collect();
        if let Some(found) = self.values.as_ref().and_then(|it| it.at_keys(&keys)) {
            return Some(found.span().clone());
        }
        let (first, rest) = path.split_first()?;
        let mut dependencies = self.chart.metadata.dependencies.iter();
        let alias = dependencies.find(|it| it.alias == *first);
        let name = alias.map_or(first, |it| &it.name);
        let mut subcharts = self.subcharts.iter();
        let subchart = subcharts.find(|it| it.chart.metadata.name == *name)?;
        subchart.location_of(rest)
    }
}
