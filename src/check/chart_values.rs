//! Chart values that have no effect, and values that violate the schema of the chart.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

use super::environment::{EnvironmentObjects, SourcedObject};
use crate::deploy::ChartInput;
use crate::diag::{Diagnostic, Diagnostics, Span};
use crate::object::ObjectId;
use crate::yaml::{Entry, FieldPath, Node, View};
use pleach_helm::schema_faults;
use pleach_helm::source::LoadedChart;
use pleach_helm::values::{KnownValues, SchemaFault, UnknownValue, Values};
use serde_json::Value as Json;

/// The maximum number of charts in the cache, for long-running programs.
const CACHED_MAX: usize = 64;

/// The known values of a chart, cached by its content: the language server needs the same ones after every keystroke.
fn known(input: &ChartInput) -> Arc<KnownValues> {
    static KNOWN: Mutex<BTreeMap<u64, Arc<KnownValues>>> = Mutex::new(BTreeMap::new());
    if input.values.values().any(has_template) {
        return Arc::new(KnownValues::new(&input.chart, &input.values));
    }
    let mut hasher = DefaultHasher::new();
    hash(&input.chart, &mut hasher);
    let key = hasher.finish();
    let remembered = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = remembered.get(&key) {
        return known.clone();
    }
    drop(remembered);
    let found = Arc::new(KnownValues::new(&input.chart, &Values::new()));
    let mut remembered = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if remembered.len() >= CACHED_MAX {
        remembered.clear();
    }
    remembered.insert(key, found.clone());
    found
}

/// Hashes everything that the known values of a chart depend on.
fn hash(chart: &LoadedChart, into: &mut DefaultHasher) {
    into.write(chart.values_text().as_bytes());
    into.write(chart.schema.as_deref().unwrap_or(&[]));
    for file in chart.templates.iter().chain(&chart.files) {
        into.write(file.name.as_bytes());
        into.write_usize(file.data.len());
        into.write(&file.data);
    }
    // The files do not include `Chart.yaml` itself.
    into.write(format!("{:?}", chart.metadata.dependencies).as_bytes());
    into.write_usize(chart.dependencies.len());
    chart.dependencies.iter().for_each(|it| hash(it, into));
}

fn has_template(value: &Json) -> bool {
    match value {
        Json::String(text) => text.contains("{{"),
        Json::Array(items) => items.iter().any(has_template),
        Json::Object(map) => map.values().any(has_template),
        _ => false,
    }
}

/// Findings about the chart values of releases.
pub(super) fn findings(environment: &EnvironmentObjects<'_>) -> Vec<Diagnostic> {
    let names: BTreeSet<&ObjectId> = environment.inputs.iter().map(|it| &it.0).collect();
    let objects = environment.objects.iter().map(|it| (it.object.id(), it));
    let releases: BTreeMap<ObjectId, &SourcedObject<'_>> =
        objects.filter(|it| names.contains(&it.0)).collect();
    let mut found = Vec::new();
    for (id, input) in &environment.inputs {
        let release = ReleaseValues {
            id,
            input,
            object: releases.get(id).copied(),
        };
        found.extend(release.invalid());
        found.extend(release.unknown());
    }
    found
}

/// Joins equal findings about the releases of several environments, which may have different names, at the same line.
pub(super) fn joined(found: Diagnostics) -> Diagnostics {
    let mut kept: Vec<(Diagnostic, usize)> = Vec::new();
    let mut known: BTreeMap<String, usize> = BTreeMap::new();
    for fault in found {
        let is_own = matches!(fault.code, "invalid-chart-value" | "unknown-chart-value");
        let key = fault.span.as_ref().zip(fault.message.split_once(": "));
        let key = key.filter(|_| is_own);
        let key = key.map(|(span, (_, rest))| {
            let at = span.position();
            format!("{}:{}:{}:{rest}", span.path(), at.line, at.column)
        });
        let next = kept.len();
        let first = key.map_or(next, |it| *known.entry(it).or_insert(next));
        match kept.get_mut(first) {
            Some((_, more)) => *more += 1,
            None => kept.push((fault, 0)),
        }
    }
    let joined = kept.into_iter().map(|(fault, more)| {
        let message = match fault.message.split_once(": ") {
            Some((id, rest)) if more > 0 => format!("{id} and {more} more: {rest}"),
            _ => fault.message.clone(),
        };
        Diagnostic { message, ..fault }
    });
    joined.collect()
}

/// The chart values of a release.
struct ReleaseValues<'a> {
    id: &'a ObjectId,
    input: &'a ChartInput,
    /// The release, if it is one of the objects.
    object: Option<&'a SourcedObject<'a>>,
}

impl ReleaseValues<'_> {
    fn chart(&self) -> String {
        let metadata = &self.input.chart.metadata;
        format!("{} {}", metadata.name, metadata.version)
    }

    /// Values that violate the schema of the chart or a subchart.
    fn invalid(&self) -> Vec<Diagnostic> {
        let input = self.input;
        if input.skip_schema {
            return Vec::new();
        }
        let faults = schema_faults(&input.chart, &input.values, input.version);
        // Values that cannot be merged are reported when the chart is rendered.
        let faults = faults.unwrap_or_default().into_iter();
        let is_seen = |it: &SchemaFault| !input.is_partial || !it.message.starts_with("missing ");
        let found = faults.filter(is_seen).filter_map(|fault| {
            let written = self.written(&fault.path);
            let node = written.map(|it| &it.value);
            let text = node.and_then(Node::as_str).unwrap_or("");
            if text.contains("${") {
                // Flux substitutes the variable before Helm validates the value.
                return None;
            }
            let message = format!(
                "{}: {} of chart `{}`: {}",
                self.id,
                title(&fault.path),
                self.chart(),
                fault.message
            );
            let span = written.map(|it| match it.value.is_scalar() {
                true => it.value.span(),
                false => it.key.span(),
            });
            let location = self.location(&fault.path, span);
            let found = Diagnostic::error("invalid-chart-value", message);
            Some(at(found, location).help(
                "change the value; Helm does not install the chart with it. See `values.schema.json` of the chart",
            ))
        });
        found.collect()
    }

    /// Values that appear neither in the chart's own values nor in its templates.
    fn unknown(&self) -> Vec<Diagnostic> {
        if self.input.written.is_empty() {
            return Vec::new();
        }
        let known = known(self.input);
        let all = self.input.written.iter();
        let found = all.flat_map(|it| known.unknown(it));
        found.filter_map(|it| self.without_effect(&it)).collect()
    }

    /// `None` for a value without a line in the input, such as the values that a built-in kind sets.
    fn without_effect(&self, value: &UnknownValue<'_>) -> Option<Diagnostic> {
        let message = format!(
            "{}: value {} has no effect: neither the templates of chart `{}` nor its own values mention it",
            self.id,
            title(&value.path),
            self.chart()
        );
        let spans = [value.entry.key.span(), value.entry.value.span()];
        let object = self.object.filter(|_| self.input.entry.is_none());
        let is_written = |it: &&Span| object.is_none_or(|object| object.is_written(it));
        let span = spans.into_iter().find(is_written)?;
        let location = self.location(&value.path, Some(span));
        let found = at(
            Diagnostic::warning("unknown-chart-value", message),
            location,
        );
        let key = value.path.last().map_or("", String::as_str);
        let found = found.did_you_mean(key, value.known.iter().map(String::as_str));
        Some(match found.help.is_empty() {
            true => found.help("remove it, or look up its name in the chart's `values.yaml`"),
            false => found,
        })
    }

    /// The deepest entry on a path in the written values, from the document with the highest precedence.
    fn written(&self, path: &[String]) -> Option<&Entry> {
        let documents = self.input.written.iter().rev();
        let found = documents.filter_map(|it| deepest(it, path));
        found
            .reduce(|best, it| if it.0 > best.0 { it } else { best })
            .map(|it| it.1)
    }

    /// The line of a value in the input, or else in the release.
    fn location(&self, path: &[String], span: Option<&Span>) -> Option<Span> {
        if self.input.entry.is_some() {
            return span.or(self.input.entry.as_ref()).map(Span::outermost);
        }
        let Some(object) = self.object else {
            return span.map(Span::outermost);
        };
        match span.filter(|it| object.is_written(it)) {
            Some(span) => Some(span.outermost()),
            None => Some(object.line(&self.field(path))),
        }
    }

    /// The field of the release that contains a value.
    fn field(&self, path: &[String]) -> FieldPath {
        let above = match self.id.kind.as_ref() {
            "HelmRelease" => "spec.values",
            _ => "spec.source.helm.valuesObject",
        };
        path.iter()
            .fold(FieldPath::dotted(above), |field, key| field.key(key))
    }
}

fn at(found: Diagnostic, location: Option<Span>) -> Diagnostic {
    match location {
        Some(location) => found.at(location),
        None => found,
    }
}

/// `image.tag` in quotes, or `the values` for the root.
fn title(path: &[String]) -> String {
    match path {
        [] => "the values".to_string(),
        path => format!("`{}`", path.join(".")),
    }
}

/// The deepest existing entry on a path in a document, and its depth.
fn deepest<'n>(document: &'n Node, path: &[String]) -> Option<(usize, &'n Entry)> {
    let (mut node, mut found) = (document, None);
    for (depth, key) in path.iter().enumerate() {
        match node.view() {
            View::Mapping(mapping) => {
                let Some(entry) = mapping.iter().find(|it| it.key.as_str() == Some(key)) else {
                    break;
                };
                found = Some((depth, entry));
                node = &entry.value;
            }
            View::Sequence(items) => {
                let Some(item) = key.parse().ok().and_then(|it: usize| items.get(it)) else {
                    break;
                };
                node = item;
            }
            View::Scalar(_) => break,
        }
    }
    found
}
