//! `helmCharts`, the older `helmChartInflationGenerator`, and the plugin that both configure.

use std::sync::Arc;

use pleach_kube::object::Object;
use pleach_yaml::diag::{Class, Diagnostic, Diagnostics, Source};
use pleach_yaml::tree::{EntryKind, Files, Tree, TreePath, Walk};
use pleach_yaml::{Entry, Mapping, Node, Style, Tag, parse_one_with_duplicates};

use super::super::accumulate::{Context, KustomizationFrame};
use super::super::charts::{ChartInflation, ChartReference, ChartRenderer};
use super::super::json;
use super::super::kustomization::{flag, list, text};
use super::super::load::resources_of;
use super::super::resource::Resource;
use super::super::shape::{Fields, Shape, TEXTS, read_record};

pub(in super::super) const PLUGIN: &str = "HelmChartInflationGenerator";

/// The fields of an entry of `helmCharts`.
const CHART: Fields = &[
    ("name", Shape::Text),
    ("version", Shape::Text),
    ("repo", Shape::Text),
    ("releaseName", Shape::Text),
    ("namespace", Shape::Text),
    ("additionalValuesFiles", TEXTS),
    ("valuesFile", Shape::Text),
    ("valuesInline", Shape::Any),
    ("valuesMerge", Shape::Text),
    ("includeCRDs", Shape::Bool),
    ("skipHooks", Shape::Bool),
    ("apiVersions", TEXTS),
    ("kubeVersion", Shape::Text),
    ("nameTemplate", Shape::Text),
    ("skipTests", Shape::Bool),
    ("debug", Shape::Bool),
    ("devel", Shape::Bool),
];

const GLOBALS: Fields = &[("chartHome", Shape::Text), ("configHome", Shape::Text)];

/// The fields of the plugin's configuration: an entry's and the globals together.
pub(in super::super) const PLUGIN_FIELDS: Fields = &[
    ("name", Shape::Text),
    ("version", Shape::Text),
    ("repo", Shape::Text),
    ("releaseName", Shape::Text),
    ("namespace", Shape::Text),
    ("additionalValuesFiles", TEXTS),
    ("valuesFile", Shape::Text),
    ("valuesInline", Shape::Any),
    ("valuesMerge", Shape::Text),
    ("includeCRDs", Shape::Bool),
    ("skipHooks", Shape::Bool),
    ("apiVersions", TEXTS),
    ("kubeVersion", Shape::Text),
    ("nameTemplate", Shape::Text),
    ("skipTests", Shape::Bool),
    ("debug", Shape::Bool),
    ("devel", Shape::Bool),
    ("chartHome", Shape::Text),
    ("configHome", Shape::Text),
];

/// The fields of an entry of `helmChartInflationGenerator`, and what they are called in `helmCharts`.
const OLD_CHART: Fields = &[
    ("chartName", Shape::Text),
    ("chartVersion", Shape::Text),
    ("chartRepoUrl", Shape::Text),
    ("chartHome", Shape::Text),
    ("chartRepoName", Shape::Text),
    ("helmBin", Shape::Text),
    ("helmHome", Shape::Text),
    ("values", Shape::Text),
    ("valuesLocal", Shape::Any),
    ("valuesMerge", Shape::Text),
    ("releaseName", Shape::Text),
    ("releaseNamespace", Shape::Text),
    ("extraArgs", TEXTS),
];
const NEW_NAMES: &[(&str, &str)] = &[
    ("chartName", "name"),
    ("chartVersion", "version"),
    ("chartRepoUrl", "repo"),
    ("values", "valuesFile"),
    ("valuesLocal", "valuesInline"),
    ("valuesMerge", "valuesMerge"),
    ("releaseName", "releaseName"),
];
/// What kustomize reads of an old entry and then forgets.
const FORGOTTEN: &[&str] = &["chartRepoName", "helmBin", "releaseNamespace", "extraArgs"];

/// The charts of a kustomization as the plugin's configurations.
///
/// A chart that names no namespace takes the kustomization's, or that of the nearest one above.
pub(super) fn configurations(
    frame: &KustomizationFrame<'_>,
    diagnostics: &mut Diagnostics,
) -> Vec<Node> {
    let kustomization = frame.kustomization;
    let namespace = match kustomization.text("namespace") {
        "" => &frame.outer_namespace,
        namespace => namespace,
    };
    let globals = kustomization.get("helmGlobals");
    let mut globals = globals.map(|it| read_record(it, GLOBALS, "`helmGlobals`", diagnostics));
    let mut charts = Vec::new();
    for entry in kustomization.list("helmCharts") {
        let record = read_record(entry, CHART, "an entry of `helmCharts`", diagnostics);
        charts.push(Node::mapping(record).at(entry));
    }
    let mut old_globals = Mapping::new();
    for entry in kustomization.list("helmChartInflationGenerator") {
        let what = "an entry of `helmChartInflationGenerator`";
        let record = read_record(entry, OLD_CHART, what, diagnostics);
        for field in FORGOTTEN {
            if let Some(value) = record.get(field) {
                let message = format!("kustomize does not use `{field}`");
                let warning = Diagnostic::warning("unused-field", message).at(value);
                diagnostics.push(warning.help("use `helmCharts` instead"));
            }
        }
        for (old, new) in [("chartHome", "chartHome"), ("helmHome", "configHome")] {
            if let Some(value) = record.get(old) {
                old_globals.insert(new, value.clone());
            }
        }
        let mut renamed = Mapping::new();
        for (old, new) in NEW_NAMES {
            if let Some(value) = record.get(old) {
                renamed.insert(*new, value.clone());
            }
        }
        charts.push(Node::mapping(renamed).at(entry));
    }
    if globals.is_none() && !old_globals.is_empty() {
        globals = Some(old_globals);
    }
    for chart in &mut charts {
        if let Some(fields) = chart.as_mapping_mut()
            && !namespace.is_empty()
            && fields
                .get("namespace")
                .and_then(Node::as_str)
                .unwrap_or("")
                .is_empty()
        {
            fields.insert("namespace", Node::string(namespace));
        }
        for entry in globals.iter().flatten() {
            if let (Some(fields), Some(key)) = (chart.as_mapping_mut(), entry.key.as_str()) {
                fields.insert(key.to_string().as_str(), entry.value.clone());
            }
        }
    }
    charts
}

/// The objects of one chart.
pub(in super::super) fn inflate(
    context: &Context<'_>,
    frame: &KustomizationFrame<'_>,
    config: &Node,
) -> Result<Vec<Resource>, Diagnostics> {
    let chart = Chart::new(config)?;
    let folder = frame.folder();
    let renderer = match context.charts {
        Some(renderer) => renderer,
        None if context.loader.options.charts_as_objects => {
            let mut resource = Resource::new(Object::new(chart.described(context, &folder)?));
            resource.from_chart = true;
            return Ok(vec![resource]);
        }
        None => return Err(disabled(config).into()),
    };
    let pulled = chart.pulled(context, renderer, &folder)?;
    let (files, chart_folder): (&dyn Files, TreePath) = match &pulled {
        Some(tree) => (tree, TreePath::root()),
        None => (context.loader.files, chart.folder(context, &folder)?),
    };
    let inflation = ChartInflation {
        files,
        folder: chart_folder,
        release_name: text(config, "releaseName"),
        name_template: text(config, "nameTemplate"),
        namespace: text(config, "namespace"),
        values: chart.values(context, &folder, pulled.as_ref())?,
        written: chart.written(context, &folder),
        api_versions: list(config, "apiVersions")
            .iter()
            .filter_map(Node::as_str)
            .collect(),
        kube_version: text(config, "kubeVersion"),
        include_crds: flag(config, "includeCRDs"),
        skip_tests: flag(config, "skipTests"),
        skip_hooks: flag(config, "skipHooks"),
        span: config.span(),
    };
    let manifests = renderer.render(&inflation)?;
    let source = Source::internal(&format!("<chart {}>", chart.name), manifests);
    let mut resources = resources_of(&source).map_err(|faults| {
        let mut reported = Diagnostics::default();
        let faults = faults.into_iter();
        reported.extend(faults.map(|it| it.related(config.span(), "the chart is used here")));
        reported
    })?;
    for resource in &mut resources {
        resource.from_chart = true;
    }
    Ok(resources)
}

fn disabled(config: &Node) -> Diagnostic {
    Diagnostic::error("helm-chart", "Helm charts are not enabled")
        .at(config)
        .help("pass `--enable-helm` to render charts, without running helm; with Flux, install the chart with a HelmRelease, because Flux does not support `helmCharts`")
}

/// A values file's name and content.
type ValuesFile = (String, Arc<[u8]>);

/// A chart's fields that decide where it is.
struct Chart<'a> {
    config: &'a Node,
    name: &'a str,
    version: &'a str,
    repository: &'a str,
}

impl<'a> Chart<'a> {
    fn new(config: &'a Node) -> Result<Chart<'a>, Diagnostic> {
        let name = text(config, "name");
        let invalid = |field: &str, words: String| {
            let at = config.get(field).unwrap_or(config);
            Err(Diagnostic::error("invalid-value", words).at(at))
        };
        if name.is_empty() {
            return invalid("name", "the chart has no name".to_string());
        }
        if name.starts_with('-') || name.contains('/') || matches!(name, "." | "..") {
            return invalid("name", format!("invalid chart name `{name}`"));
        }
        let release = text(config, "releaseName");
        if release.starts_with('-') {
            return invalid("releaseName", format!("invalid release name `{release}`"));
        }
        let merge = text(config, "valuesMerge");
        if !matches!(merge, "" | "merge" | "override" | "replace") {
            let words = format!("expected `merge`, `override` or `replace`, found `{merge}`");
            return invalid("valuesMerge", words);
        }
        Ok(Chart {
            config,
            name,
            version: text(config, "version"),
            repository: text(config, "repo"),
        })
    }

    /// The chart's folder in the chart home, relative to the kustomization.
    fn place(&self) -> String {
        let home = match text(self.config, "chartHome") {
            "" => "charts",
            home => home,
        };
        match (self.version, self.repository) {
            ("", _) | (_, "") => format!("{home}/{}", self.name),
            (version, _) => format!("{home}/{0}-{version}/{0}", self.name),
        }
    }

    fn folder(&self, context: &Context<'_>, folder: &TreePath) -> Result<TreePath, Diagnostic> {
        let at = self.config.get("chartHome").unwrap_or(self.config);
        context.loader.resolve(folder, &self.place(), at.span())
    }

    /// The chart's files where it is not in the chart home.
    fn pulled(
        &self,
        context: &Context<'_>,
        renderer: &dyn ChartRenderer,
        folder: &TreePath,
    ) -> Result<Option<Tree>, Diagnostic> {
        let own = self.folder(context, folder)?;
        if let Ok(Some(EntryKind::Folder)) = context.loader.files.kind(&own) {
            return Ok(None);
        }
        if self.repository.is_empty() {
            let shown = context.loader.shown(&own);
            let message = format!("no chart at `{shown}`, and no repository to pull it from");
            return Err(Diagnostic::error("missing-chart", message)
                .class(Class::MissingChart)
                .at(self.config)
                .help("put the folder of the chart there, or set `repo`"));
        }
        let reference = ChartReference {
            repository: self.repository,
            name: self.name,
            version: self.version,
            span: self.config.span(),
        };
        renderer.find(&reference).map(Some)
    }

    /// Everything that decides what the chart is rendered to, as an object: its configuration, the values files, and the chart's own files
    /// where it is in the chart home.
    fn described(&self, context: &Context<'_>, folder: &TreePath) -> Result<Node, Diagnostic> {
        let name = match text(self.config, "releaseName") {
            "" => self.name,
            release => release,
        };
        let mut metadata = Mapping::from([("name", Node::string(name))]);
        let namespace = text(self.config, "namespace");
        if !namespace.is_empty() {
            metadata.insert("namespace", Node::string(namespace));
        }
        let mut object = Mapping::from([
            ("apiVersion", Node::constant("builtin")),
            ("kind", Node::constant(PLUGIN)),
            ("metadata", Node::mapping(metadata)),
        ]);
        for Entry { key, value } in self.config.as_mapping().into_iter().flatten() {
            object.insert(key.clone(), value.clone());
        }
        let mut files = Mapping::new();
        let given = self.config.get("valuesFile").into_iter();
        for entry in given.chain(list(self.config, "additionalValuesFiles")) {
            let name = entry.as_str().unwrap_or("");
            if !name.is_empty() {
                let (_, bytes) = context.loader.bytes(folder, name, entry.span())?;
                files.insert(name, file_text(&bytes));
            }
        }
        let own = self.folder(context, folder)?;
        let place = self.place();
        let mut open = Walk::new(context.loader.files, own.clone());
        while let Some(above) = open.next() {
            for entry in context.loader.files.list(&above).unwrap_or_default() {
                let path = above.child(&entry.name);
                match (entry.kind, path.below(&own)) {
                    (EntryKind::Folder, _) => open.add(path),
                    (EntryKind::File, Some(below)) => {
                        let bytes = context.loader.files.read(&path).unwrap_or_default();
                        files.insert(format!("{place}/{below}").as_str(), file_text(&bytes));
                    }
                    (EntryKind::File, None) => {}
                }
            }
        }
        if !files.is_empty() {
            object.insert("files", Node::mapping(files));
        }
        Ok(Node::mapping(object).at(self.config))
    }

    /// The values files that Helm is given: their names for messages, and their contents.
    fn values(
        &self,
        context: &Context<'_>,
        folder: &TreePath,
        pulled: Option<&Tree>,
    ) -> Result<Vec<ValuesFile>, Diagnostic> {
        let inline = self.config.get("valuesInline").map(with_old_booleans);
        let inline = inline.filter(|it| !it.is_empty_collection());
        let merge = text(self.config, "valuesMerge");
        let first = match inline {
            None => self.values_file(context, folder, pulled)?,
            Some(inline) => {
                let merged = match merge {
                    "replace" => inline,
                    _ => {
                        let (name, bytes) = self.values_file(context, folder, pulled)?;
                        let own = self.parse_values(&name, &bytes)?;
                        match merge {
                            "merge" => laid_over(&own, inline),
                            _ => laid_over(&inline, own),
                        }
                    }
                };
                let content = json::write(&merged, None).into_bytes();
                ("valuesInline".to_string(), content.into())
            }
        };
        let mut values = vec![first];
        for entry in list(self.config, "additionalValuesFiles") {
            let name = entry.as_str().unwrap_or("");
            let (path, bytes) = context.loader.bytes(folder, name, entry.span())?;
            values.push((context.loader.shown(&path), bytes));
        }
        Ok(values)
    }

    /// `valuesFile`, or the chart's own values.
    fn values_file(
        &self,
        context: &Context<'_>,
        folder: &TreePath,
        pulled: Option<&Tree>,
    ) -> Result<ValuesFile, Diagnostic> {
        let given = self
            .config
            .get("valuesFile")
            .filter(|it| it.as_str() != Some(""));
        if let (None, Some(tree)) = (given, pulled) {
            let own = tree.get(&TreePath::root().child("values.yaml"));
            let empty = || Arc::from(*b"");
            let name = format!("{}/values.yaml", self.name);
            return Ok((name, own.cloned().unwrap_or_else(empty)));
        }
        let own = format!("{}/values.yaml", self.place());
        let (name, at) = match given {
            Some(node) => (node.as_str().unwrap_or(""), node),
            None => (&*own, self.config),
        };
        let (path, bytes) = context.loader.bytes(folder, name, at.span())?;
        Ok((context.loader.shown(&path), bytes))
    }

    /// The user's values with their places. What cannot be read is reported where the chart is rendered.
    fn written(&self, context: &Context<'_>, folder: &TreePath) -> Vec<Node> {
        let parsed = |entry: &Node| {
            let name = entry.as_str().filter(|it| !it.is_empty())?;
            let (path, bytes) = context.loader.bytes(folder, name, entry.span()).ok()?;
            let source = Source::new(path, String::from_utf8_lossy(&bytes));
            Some(parse_one_with_duplicates(&source).ok()?.0)
        };
        let inline = self.config.get("valuesInline");
        let inline = inline.filter(|it| it.as_mapping().is_some_and(|it| !it.is_empty()));
        let file = self.config.get("valuesFile").and_then(parsed);
        let first = match (inline.cloned(), text(self.config, "valuesMerge")) {
            (inline @ Some(_), "replace") => [None, inline],
            (inline, "merge") => [inline, file],
            (inline, _) => [file, inline],
        };
        let more = list(self.config, "additionalValuesFiles").iter();
        let all = first.into_iter().flatten().chain(more.filter_map(parsed));
        all.collect()
    }

    fn parse_values(&self, name: &str, bytes: &[u8]) -> Result<Node, Diagnostic> {
        let message = || format!("the values file `{name}` is not valid YAML");
        let failed = || Diagnostic::error("yaml-syntax", message()).at(self.config);
        let text = std::str::from_utf8(bytes).map_err(|_| failed())?;
        let source = Source::internal(name, text);
        match parse_one_with_duplicates(&source) {
            Ok((node, _)) if node.is_null() => Ok(Node::mapping(Mapping::new())),
            Ok((node, _)) => Ok(node),
            Err(faults) => Err(faults.into_iter().next().unwrap_or_else(failed)),
        }
    }
}

fn file_text(bytes: &[u8]) -> Node {
    Node::string(&*String::from_utf8_lossy(bytes))
}

/// A kustomization is read by YAML 1.1's rules: `yes` and `on` are booleans.
fn with_old_booleans(node: &Node) -> Node {
    let mut node = node.clone();
    replace_old_booleans(&mut node);
    node
}

fn replace_old_booleans(node: &mut Node) {
    if let Some(items) = node.as_sequence_mut() {
        return items.iter_mut().for_each(replace_old_booleans);
    }
    if let Some(mapping) = node.as_mapping_mut() {
        return mapping
            .iter_mut()
            .for_each(|it| replace_old_booleans(&mut it.value));
    }
    let is_plain = node.style() == Style::Plain && node.tag() == Tag::None;
    if let Some(value) = node.as_old_bool().filter(|_| is_plain) {
        *node = Node::bool(value).at(node.span().clone());
    }
}

/// kyaml's `merge2` of values: maps are merged, all else is replaced, a null removes.
fn laid_over(over: &Node, under: Node) -> Node {
    let (Some(entries), Some(_)) = (over.as_mapping(), under.as_mapping()) else {
        return over.clone();
    };
    let mut merged = under;
    for Entry { key, value } in entries {
        let (Some(name), Some(mapping)) = (key.as_str(), merged.as_mapping_mut()) else {
            continue;
        };
        if value.is_null() {
            mapping.remove(name);
            continue;
        }
        let value = match mapping.get(name).filter(|it| !it.is_null()) {
            Some(own) => laid_over(value, own.clone()),
            None => without_nulls(value),
        };
        mapping.insert(key.clone(), value);
    }
    merged
}

/// What is laid over nothing: its nulls remove nothing and are gone.
fn without_nulls(node: &Node) -> Node {
    let mut node = node.clone();
    if let Some(mapping) = node.as_mapping_mut() {
        mapping.retain_mut(|it| {
            it.value = without_nulls(&it.value);
            !it.value.is_null()
        });
    }
    node
}
