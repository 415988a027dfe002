//! The known values of a chart: those of its `values.yaml` and schema, and those that its templates can read.

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

/// Texts of this size and more are not analysed as templates.
const TEXT_BYTES_MAX: usize = 1 << 20;

/// The known values of a chart and its subcharts.
#[derive(Clone, Debug)]
pub struct KnownValues {
    root: Known,
    /// The paths of the chart and its subcharts.
    charts: BTreeSet<Path>,
}

/// The known keys at a path.
#[derive(Clone, Debug, Default)]
struct Known {
    /// Whether any key may have an effect, or a schema decides which.
    is_free: bool,
    fields: BTreeMap<String, Known>,
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
            root: Known::default(),
            charts: instances.iter().map(|it| it.0.clone()).collect(),
        };
        let mut texts = Vec::new();
        for (path, chart) in &instances {
            known.add_defaults(path, &chart.values);
            let schema = chart.schema.as_deref().map(serde_json::from_slice);
            if let Some(Ok(schema)) = schema {
                let at = known.at(path);
                add_schema(at, &schema, &schema, &mut Vec::new());
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
        self.look(&self.root, values, &mut Vec::new(), &mut found);
        found
    }

    fn look<'n>(
        &self,
        known: &Known,
        values: &'n Node,
        path: &mut Path,
        found: &mut Vec<UnknownValue<'n>>,
    ) {
        let is_closed = !known.is_free && !known.fields.is_empty();
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
                Some(below) => self.look(below, &entry.value, path, found),
                None => found.push(UnknownValue {
                    path: path.iter().map(|it| it.to_lossy().into_owned()).collect(),
                    entry,
                    known: known.fields.keys().cloned().collect(),
                }),
            }
            path.pop();
        }
    }

    /// The known keys at a path. Globals of subcharts are shared.
    fn at(&mut self, path: &[Str]) -> &mut Known {
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

    /// Adds conditions, tags and imports in `Chart.yaml`. The values of missing subcharts are unknown.
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
                self.at(&below(name)).is_free = true;
                self.at(&[GLOBAL.into()]).is_free = true;
                continue;
            };
            for import in &dependency.import_values {
                let (child, parent) = match import {
                    Json::String(key) => (format!("exports.{key}"), ""),
                    import => (text(import, "child").to_string(), text(import, "parent")),
                };
                self.at(&below(&format!("{name}.{child}"))).is_free = true;
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
                self.root.is_free = true;
                return;
            }
            if !is_partial(&name) {
                executed.push((name, path.clone()));
            }
        }
        let charts = self.charts.clone();
        let files = instances.iter().flat_map(|it| files_of_templates(it.1));
        let mut own = BTreeMap::new();
        add_keys(&self.root, &mut Vec::new(), &mut own);
        let reads = reads(&ReadInput {
            templates: &templates,
            executed,
            charts: &charts,
            texts,
            files: files.map(|it| Str::from(&*it.data)).collect(),
            own,
        });
        self.root.is_free |= reads.is_cut;
        for (path, is_free) in reads.values {
            let known = self.at(&path);
            known.is_free |= is_free;
        }
    }

    /// Strings of the user with template code, with the chart whose values contain them.
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

/// Adds a value of the chart. In an empty map, any key is known.
fn add_value(known: &mut Known, value: &Json) {
    let Json::Object(map) = value else {
        return;
    };
    known.is_free |= map.is_empty();
    for (key, value) in map {
        add_value(known.fields.entry(key.clone()).or_default(), value);
    }
}

/// The known keys so far, by path.
fn add_keys(known: &Known, path: &mut Path, found: &mut BTreeMap<Path, Vec<Str>>) {
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
    data.len() < TEXT_BYTES_MAX && data.windows(2).any(|it| it == b"{{")
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

/// Adds the keys of a schema. If it restricts additional keys, the schema itself validates them. `open` are the followed
/// references.
fn add_schema<'s>(known: &mut Known, schema: &'s Json, root: &'s Json, open: &mut Vec<&'s str>) {
    let Some(words) = schema.as_object() else {
        return;
    };
    let others = [
        "additionalProperties",
        "patternProperties",
        "unevaluatedProperties",
    ];
    known.is_free |= others.iter().any(|it| words.contains_key(*it));
    let properties = words.get("properties").and_then(Json::as_object);
    for (key, schema) in properties.into_iter().flatten() {
        let field = known.fields.entry(key.clone()).or_default();
        add_schema(field, schema, root, open);
    }
    if let Some(reference) = words.get("$ref").and_then(Json::as_str) {
        let target = reference.strip_prefix('#').and_then(|it| root.pointer(it));
        match target.filter(|_| !open.contains(&reference)) {
            Some(target) => {
                open.push(reference);
                add_schema(known, target, root, open);
                open.pop();
            }
            None => known.is_free = true,
        }
    }
    for word in ["allOf", "anyOf", "oneOf"] {
        let branches = words.get(word).and_then(Json::as_array);
        for branch in branches.into_iter().flatten() {
            add_schema(known, branch, root, open);
        }
    }
    for branch in ["if", "then", "else"]
        .iter()
        .filter_map(|it| words.get(*it))
    {
        add_schema(known, branch, root, open);
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

    /// The values that a chart with this template and these values does not know, as paths.
    fn unknown(template: &str, own: &str, values: &str) -> Vec<String> {
        let files = Tree::from_text(&format!(
            "-- Chart.yaml --\n{{apiVersion: v2, name: web, version: 1.0.0}}\n\
             -- values.yaml --\n{own}\n-- templates/a.yaml --\n{template}\n\
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
    fn templates_mention_values() {
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
    fn own_values_and_texts_mention_values() {
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
