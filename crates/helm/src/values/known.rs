//! The known values of a chart: those in its `values.yaml` and schema, and those that its templates can read.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use pleach_yaml::{Entry, Node};
use serde_json::{Map as JsonMap, Value as Json};

use super::Values;
use crate::functions::groups;
use crate::render::is_partial;
use crate::source::{ChartFile, Dependency, LoadedChart};
use crate::template::{GLOBAL, Path, ReadInput, Templates, reads};
use crate::value::Str;

/// Larger files and strings are not analysed as templates.
const TEMPLATE_BYTES_MAX: usize = 1 << 20;

/// The known values of a chart and its subcharts.
#[derive(Clone, Debug)]
pub struct KnownValues {
    root: KnownKeys,
    /// The paths of the values of the chart and its subcharts.
    charts: BTreeSet<Path>,
}

/// The known keys at a path.
#[derive(Clone, Debug, Default)]
struct KnownKeys {
    /// Whether any key is accepted here, because it may have an effect, or because a schema validates the keys.
    is_open: bool,
    fields: BTreeMap<String, KnownKeys>,
}

/// A value that no template of the chart reads.
#[derive(Clone, Debug)]
pub struct UnknownValue<'n> {
    /// The keys that lead to it.
    pub path: Vec<String>,
    /// The last key and the value as written.
    pub entry: &'n Entry,
    /// The known keys at the same level.
    pub known: Vec<String>,
}

impl KnownValues {
    /// The known values of a chart. Strings in the values of the user may be templates and are analysed like those of the chart.
    pub fn new(chart: &LoadedChart, user: &Values) -> KnownValues {
        let mut instances = Vec::new();
        add_instances(chart, Vec::new(), &mut instances);
        let mut known = KnownValues {
            root: KnownKeys::default(),
            charts: instances.iter().map(|it| it.0.clone()).collect(),
        };
        let mut texts = Vec::new();
        for (path, chart) in &instances {
            known.add_defaults(path, &chart.values);
            let schema = chart.schema.as_deref().map(serde_json::from_slice);
            if let Some(Ok(schema)) = schema {
                let keys = known.at(path);
                add_schema(keys, &schema, &schema, &mut Vec::new());
            }
            known.add_dependencies(path, chart);
            add_texts(path, &chart.values, &mut texts);
        }
        known.at(&[GLOBAL.into()]);
        known.add_texts_of_user(user, &mut Vec::new(), &mut texts);
        known.add_reads(&instances, texts);
        known
    }

    /// The unknown values. Values below an unknown one are not reported.
    pub fn unknown<'n>(&self, values: &'n Node) -> Vec<UnknownValue<'n>> {
        let mut found = Vec::new();
        self.collect_unknown(&self.root, values, &mut Vec::new(), &mut found);
        found
    }

    fn collect_unknown<'n>(
        &self,
        known: &KnownKeys,
        values: &'n Node,
        path: &mut Path,
        found: &mut Vec<UnknownValue<'n>>,
    ) {
        let is_closed = !known.is_open && !known.fields.is_empty();
        for entry in values
            .as_mapping()
            .filter(|_| is_closed)
            .into_iter()
            .flatten()
        {
            let Some(key) = entry.key.as_str() else {
                continue;
            };
            let is_global = key == GLOBAL && self.charts.contains(path);
            let known_below = match is_global {
                true => self.root.fields.get(GLOBAL),
                false => known.fields.get(key),
            };
            path.push(key.into());
            match known_below {
                Some(below) => self.collect_unknown(below, &entry.value, path, found),
                None => found.push(UnknownValue {
                    path: path.iter().map(|it| it.to_lossy().into_owned()).collect(),
                    entry,
                    known: known.fields.keys().cloned().collect(),
                }),
            }
            path.pop();
        }
    }

    /// The known keys at a path. The globals of a subchart are those of the outermost chart.
    fn at(&mut self, path: &[Str]) -> &mut KnownKeys {
        let global = (0..path.len()).find(|at| {
            let (above, below) = path.split_at(*at);
            below.first().is_some_and(|it| *it == GLOBAL) && self.charts.contains(above)
        });
        let path = path.get(global.unwrap_or(0)..).unwrap_or(path);
        path.iter().fold(&mut self.root, |known, key| {
            known.fields.entry(key.to_lossy().into_owned()).or_default()
        })
    }

    fn add_defaults(&mut self, path: &Path, values: &JsonMap<String, Json>) {
        for (key, value) in values {
            let mut path = path.clone();
            path.push(key.as_str().into());
            let known = self.at(&path);
            add_value(known, value);
        }
    }

    /// Adds the values that conditions, tags and imports in `Chart.yaml` refer to. For a missing subchart, any value is accepted.
    fn add_dependencies(&mut self, path: &Path, chart: &LoadedChart) {
        let below = |keys: &str| {
            let keys = keys.split('.').filter(|it| !it.is_empty()).map(Str::from);
            path.iter().cloned().chain(keys).collect::<Path>()
        };
        for dependency in &chart.metadata.dependencies {
            let name = name_of(dependency);
            let conditions = dependency.condition.split(',').map(str::trim);
            for condition in conditions.filter(|it| !it.is_empty()) {
                self.at(&below(condition));
            }
            for tag in &dependency.tags {
                self.at(&["tags".into(), tag.as_str().into()]);
            }
            let mut loaded = chart.dependencies.iter();
            let loaded = loaded.find(|it| it.metadata.name == dependency.name);
            let Some(loaded) = loaded else {
                self.at(&below(name)).is_open = true;
                self.at(&[GLOBAL.into()]).is_open = true;
                continue;
            };
            for import in &dependency.import_values {
                let (child, parent) = match import {
                    Json::String(key) => (format!("exports.{key}"), ""),
                    import => (text(import, "child").to_string(), text(import, "parent")),
                };
                self.at(&below(&format!("{name}.{child}"))).is_open = true;
                let table = child.split('.').try_fold(&loaded.values, |map, key| {
                    map.get(key).and_then(Json::as_object)
                });
                let parent = below(parent);
                table
                    .into_iter()
                    .for_each(|it| self.add_defaults(&parent, it));
            }
        }
    }

    /// Adds the values that templates read.
    fn add_reads(&mut self, instances: &[(Path, &LoadedChart)], texts: Vec<(Str, Path)>) {
        let mut all = Vec::new();
        for (path, chart) in instances {
            let folder: String = path
                .iter()
                .map(|it| format!("charts/{}/", it.to_lossy()))
                .collect();
            let templates = chart.templates.iter();
            all.extend(templates.map(|it| (format!("{folder}{}", it.name), path, *chart, it)));
        }
        // In Helm's order, definitions of parents replace those of children.
        all.sort_by_cached_key(|it| Reverse((it.0.matches('/').count(), it.0.clone())));
        let mut templates = Templates::new(&groups());
        let mut executed = Vec::new();
        for (name, path, chart, file) in all {
            let is_library = chart.metadata.chart_type.eq_ignore_ascii_case("library");
            if is_library && !is_partial(&name) {
                continue;
            }
            if templates.parse(&name, &Str::from(&*file.data)).is_err() {
                // The chart cannot be rendered.
                self.root.is_open = true;
                return;
            }
            if !is_partial(&name) {
                executed.push((name, path.clone()));
            }
        }
        let charts = self.charts.clone();
        let files = instances.iter().flat_map(|it| files_of_templates(it.1));
        let mut default_keys = BTreeMap::new();
        add_keys(&self.root, &mut Vec::new(), &mut default_keys);
        let reads = reads(&ReadInput {
            templates: &templates,
            executed,
            charts: &charts,
            texts,
            files: files.map(|it| Str::from(&*it.data)).collect(),
            default_keys,
        });
        self.root.is_open |= reads.is_incomplete;
        for (path, is_open) in reads.values {
            let known = self.at(&path);
            known.is_open |= is_open;
        }
    }

    /// Collects strings with template code in the values of the user, each with the chart whose values contain it.
    fn add_texts_of_user(&self, user: &Values, path: &mut Path, texts: &mut Vec<(Str, Path)>) {
        for (key, value) in user {
            path.push(key.as_str().into());
            match value {
                Json::Object(inner) => self.add_texts_of_user(inner, path, texts),
                value => {
                    let above = (0..path.len())
                        .rev()
                        .map(|it| path.get(..it).unwrap_or(&[]));
                    let mut charts = above.filter(|it| self.charts.contains(*it));
                    let chart = charts.next().unwrap_or(&[]).to_vec();
                    add_texts_of(&chart, value, texts);
                }
            }
            path.pop();
        }
    }
}

/// A chart and all its subcharts, with the paths of their values.
fn add_instances<'c>(chart: &'c LoadedChart, path: Path, found: &mut Vec<(Path, &'c LoadedChart)>) {
    for subchart in &chart.dependencies {
        let own = &subchart.metadata.name;
        let listed = chart.metadata.dependencies.iter();
        let listed = listed.filter(|it| it.name == *own).map(name_of);
        let mut names: BTreeSet<&str> = listed.collect();
        if names.is_empty() {
            names.insert(own);
        }
        for name in names {
            let mut path = path.clone();
            path.push(name.into());
            add_instances(subchart, path, found);
        }
    }
    found.push((path, chart));
}

/// The key of a dependency's values.
fn name_of(dependency: &Dependency) -> &str {
    match &*dependency.alias {
        "" => &dependency.name,
        alias => alias,
    }
}

fn text<'j>(json: &'j Json, key: &str) -> &'j str {
    json.get(key).and_then(Json::as_str).unwrap_or("")
}

/// Adds a default value. If it is an empty map, any key is accepted in it.
fn add_value(known: &mut KnownKeys, value: &Json) {
    let Json::Object(map) = value else {
        return;
    };
    known.is_open |= map.is_empty();
    for (key, value) in map {
        add_value(known.fields.entry(key.clone()).or_default(), value);
    }
}

/// The known keys so far, by path.
fn add_keys(known: &KnownKeys, path: &mut Path, found: &mut BTreeMap<Path, Vec<Str>>) {
    if known.fields.is_empty() {
        return;
    }
    let keys = known.fields.keys().map(|it| it.as_str().into());
    found.insert(path.clone(), keys.collect());
    for (key, below) in &known.fields {
        path.push(key.as_str().into());
        add_keys(below, path, found);
        path.pop();
    }
}

/// The files with template code that the chart's templates refer to, directly or by folder.
fn files_of_templates(chart: &LoadedChart) -> impl Iterator<Item = &ChartFile> {
    let names = |file: &ChartFile| {
        let part = file.name.split('/').next().unwrap_or(&file.name);
        let finder = memchr::memmem::Finder::new(part);
        let mut templates = chart.templates.iter();
        templates.any(|it| finder.find(&it.data).is_some())
    };
    let files = chart.files.iter();
    files.filter(move |it| is_template(&it.data) && names(it))
}

fn is_template(data: &[u8]) -> bool {
    data.len() < TEMPLATE_BYTES_MAX && data.windows(2).any(|it| it == b"{{")
}

fn add_texts(chart: &Path, values: &JsonMap<String, Json>, texts: &mut Vec<(Str, Path)>) {
    values
        .values()
        .for_each(|it| add_texts_of(chart, it, texts));
}

fn add_texts_of(chart: &Path, value: &Json, texts: &mut Vec<(Str, Path)>) {
    match value {
        Json::String(text) if is_template(text.as_bytes()) => {
            texts.push((text.as_str().into(), chart.clone()));
        }
        Json::Array(items) => items.iter().for_each(|it| add_texts_of(chart, it, texts)),
        Json::Object(map) => add_texts(chart, map, texts),
        _ => {}
    }
}

/// Adds the keys of a schema. If it has rules for additional keys, it validates them itself, so any key is accepted. `active` are
/// the references that are being followed.
fn add_schema<'s>(
    known: &mut KnownKeys,
    schema: &'s Json,
    root: &'s Json,
    active: &mut Vec<&'s str>,
) {
    let Some(keywords) = schema.as_object() else {
        return;
    };
    let open_keywords = [
        "additionalProperties",
        "patternProperties",
        "unevaluatedProperties",
    ];
    known.is_open |= open_keywords.iter().any(|it| keywords.contains_key(*it));
    let properties = keywords.get("properties").and_then(Json::as_object);
    for (key, schema) in properties.into_iter().flatten() {
        let field = known.fields.entry(key.clone()).or_default();
        add_schema(field, schema, root, active);
    }
    if let Some(reference) = keywords.get("$ref").and_then(Json::as_str) {
        let target = reference.strip_prefix('#').and_then(|it| root.pointer(it));
        match target.filter(|_| !active.contains(&reference)) {
            Some(target) => {
                active.push(reference);
                add_schema(known, target, root, active);
                active.pop();
            }
            None => known.is_open = true,
        }
    }
    for keyword in ["allOf", "anyOf", "oneOf"] {
        let branches = keywords.get(keyword).and_then(Json::as_array);
        for branch in branches.into_iter().flatten() {
            add_schema(known, branch, root, active);
        }
    }
    for branch in ["if", "then", "else"]
        .iter()
        .filter_map(|it| keywords.get(*it))
    {
        add_schema(known, branch, root, active);
    }
}

#[cfg(test)]
mod tests {
    use pleach_yaml::diag::Source;
    use pleach_yaml::parse_one;
    use pleach_yaml::tree::{Tree, TreePath};

    use super::*;
    use crate::source::{folder_files, load};
    use crate::{HelmVersion, Warnings};

    /// The paths of `values` that are unknown in a chart with this template and these defaults.
    fn unknown(template: &str, defaults: &str, values: &str) -> Vec<String> {
        let files = Tree::from_text(&format!(
            "-- Chart.yaml --\n{{apiVersion: v2, name: web, version: 1.0.0}}\n\
             -- values.yaml --\n{defaults}\n-- templates/a.yaml --\n{template}\n\
             -- templates/_helpers.tpl --\n{{{{ define \"all\" }}}}{{{{ toYaml .it }}}}{{{{ end }}}}\
             {{{{ define \"name\" }}}}{{{{ .it.name }}}}{{{{ .root.Values.suffix }}}}{{{{ end }}}}\n"
        ));
        let files = folder_files(&files, &TreePath::root()).unwrap();
        let mut warnings = Warnings::default();
        let chart = load(files, &TreePath::root(), HelmVersion::V4, &mut warnings).unwrap();
        let node = parse_one(&Source::internal("values", values)).unwrap();
        let known = KnownValues::new(&chart, &Values::new());
        let found = known.unknown(&node).into_iter();
        found.map(|it| it.path.join(".")).collect()
    }

    #[test]
    fn values_that_templates_read_are_known() {
        let own = "a: {b: 1}";
        for (template, values, expected) in [
            ("{{ .Values.a.c }}", "a: {b: 1, c: 1, d: 1}", "a.d"),
            ("{{ $.Values.x }}", "{x: 1, y: 1}", "y"),
            (
                "{{ index .Values \"a\" \"x-y\" }}",
                "a: {x-y: 1, y: 1}",
                "a.y",
            ),
            (
                "{{ with .Values.a }}{{ .c }}{{ $.Values.z }}{{ end }}",
                "{a: {c: 1, z: 1}, z: 1}",
                "a.z",
            ),
            (
                "{{ with .Values.a }}{{ else }}{{ .Values.x }}{{ end }}",
                "{x: 1, y: 1}",
                "y",
            ),
            ("{{ toYaml .Values.a }}", "{a: {any: 1}, y: 1}", "y"),
            (
                "{{ range $k, $v := .Values.a }}{{ end }}",
                "{a: {any: 1}, y: 1}",
                "y",
            ),
            (
                "{{ range list .Values.a .Values.x }}{{ .c }}{{ end }}",
                "{a: {c: 1, d: 1}, x: {c: 1}}",
                "a.d",
            ),
            (
                "{{ $x := .Values.a }}{{ if $x.c }}{{ end }}",
                "a: {c: 1, d: 1}",
                "a.d",
            ),
            (
                "{{ $x := dict }}{{ if .Values.s }}{{ $x = .Values.a }}{{ end }}{{ $x.c }}",
                "{a: {c: 1, d: 1}, s: 1}",
                "a.d",
            ),
            (
                "{{ include \"name\" (dict \"it\" .Values.a \"root\" $) }}",
                "{a: {name: 1, d: 1}, suffix: 1}",
                "a.d",
            ),
            (
                "{{ template \"all\" (dict \"it\" .Values.a) }}",
                "{a: {any: 1}, y: 1}",
                "y",
            ),
            (
                "{{ include (print \"al\" \"l\") (dict \"it\" .Values.a) }}",
                "{a: {any: 1}, y: 1}",
                "y",
            ),
            (
                "{{ (.Values.a | default dict).c }}",
                "a: {c: 1, d: 1}",
                "a.d",
            ),
            (
                "{{ (and .Values.s .Values.a).c }}",
                "{s: 1, a: {c: 1, d: 1}}",
                "a.d",
            ),
            (
                "{{ (or .Values.s (.Values.a | and .Values.t)).c }}",
                "{s: 1, t: 1, a: {c: 1, d: 1}}",
                "a.d",
            ),
            (
                "{{ dig \"c\" \"e\" 1 .Values.a }}",
                "a: {c: {e: 1, f: 1}, d: 1}",
                "a.c.f a.d",
            ),
            (
                "{{ get .Values.a \"c\" }}{{ hasKey .Values.a \"e\" }}",
                "a: {c: 1, e: 1, d: 1}",
                "a.d",
            ),
            (
                "{{ toYaml (pick .Values.a \"c\") }}",
                "a: {c: {any: 1}, d: 1}",
                "a.d",
            ),
            (
                "{{ $x := merge (dict) .Values.a }}{{ $x.c }}",
                "{a: {any: 1}, y: 1}",
                "y",
            ),
            (
                "{{ range tuple \"c\" \"e\" }}{{ index $.Values.a . }}{{ end }}",
                "a: {c: 1, e: 1, d: 1}",
                "a.d",
            ),
            (
                "{{ index .Values.a .Release.Name }}",
                "{a: {any: 1}, y: 1}",
                "y",
            ),
            (
                "{{ index (list 1 .Values.a) 1 | toYaml }}",
                "{a: {any: 1}, y: 1}",
                "y",
            ),
            ("{{ tpl \"{{ .Values.t }}\" . }}", "{t: 1, y: 1}", "y"),
            ("{{ .Values.PathValue \"a.c\" }}", "a: {c: 1, d: 1}", "a.d"),
            ("{{ toYaml .Values }}", "{any: 1}", ""),
            ("{{ toYaml . }}", "{any: 1}", ""),
            ("{{ range $k, $v := .Values }}{{ end }}", "{any: 1}", ""),
            ("{{ index .Values .Values.a.b }}", "{any: 1}", ""),
        ] {
            assert_eq!(
                unknown(template, own, values).join(" "),
                expected,
                "{template}"
            );
        }
    }

    #[test]
    fn defaults_and_templates_in_them_are_known() {
        for (own, values, expected) in [
            ("a: {}", "a: {any: 1}", ""),
            ("a: null", "{a: {any: 1}, b: 1}", "b"),
            ("a: []", "{a: [{any: 1}], b: 1}", "b"),
            ("a: 'x {{ .Values.c }}'", "{a: 1, c: 1, d: 1}", "d"),
            ("{}", "any: 1", "any"),
            ("a: 1", "{global: {any: 1}, a: 1}", ""),
        ] {
            assert_eq!(unknown("", own, values).join(" "), expected, "{own}");
        }
    }
}
