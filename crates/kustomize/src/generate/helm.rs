//! `helmCharts`, the older `helmChartInflationGenerator`, and the plugin that both configure.

use std::sync::Arc;

use pleach_kube::object::Object;
use pleach_yaml::diag::{Class, Diagnostic, Diagnostics, Source, Span};
use pleach_yaml::tree::{EntryKind, Files, Tree, TreePath, Walk};
use pleach_yaml::{
    Entry, Kind, Mapping, Node, Style, Tag, json_round_trip, parse, parse_one_with_duplicates,
};

use super::super::accumulate::{Context, KustomizationFrame};
use super::super::charts::{ChartInflation, ChartReference, ChartRenderer};
use super::super::json;
use super::super::load::resources_of;
use super::super::record::{List, Record, Text, read_record, record};
use super::super::resource::Resource;

pub(in super::super) const PLUGIN: &str = "HelmChartInflationGenerator";

record! {
    /// An entry of `helmCharts`.
    pub(in super::super) struct ChartEntry {
        name: Text = "name",
        version: Text = "version",
        repository: Text = "repo",
        release_name: Text = "releaseName",
        namespace: Text = "namespace",
        additional_values_files: List<Text> = "additionalValuesFiles",
        values_file: Text = "valuesFile",
        values_inline: Option<Node> = "valuesInline",
        values_merge: Text = "valuesMerge",
        include_crds: bool = "includeCRDs",
        skip_hooks: bool = "skipHooks",
        api_versions: List<Text> = "apiVersions",
        kube_version: Text = "kubeVersion",
        name_template: Text = "nameTemplate",
        skip_tests: bool = "skipTests",
        debug: bool = "debug",
        devel: bool = "devel",
    }
}

record! {
    pub(in super::super) struct ChartGlobals {
        chart_home: Text = "chartHome",
        config_home: Text = "configHome",
    }
}

record! {
    /// The configuration of the plugin.
    pub(in super::super) struct ChartPlugin {
        ..chart: ChartEntry,
        ..globals: ChartGlobals,
    }
}

record! {
    /// An entry of `helmChartInflationGenerator`.
    struct OldChartEntry {
        name: Text = "chartName",
        version: Text = "chartVersion",
        repository: Text = "chartRepoUrl",
        chart_home: Text = "chartHome",
        repository_name: Option<Text> = "chartRepoName",
        helm_bin: Option<Text> = "helmBin",
        helm_home: Text = "helmHome",
        values_file: Text = "values",
        values_inline: Option<Node> = "valuesLocal",
        values_merge: Text = "valuesMerge",
        release_name: Text = "releaseName",
        release_namespace: Option<Text> = "releaseNamespace",
        extra_args: List<Text> = "extraArgs",
    }
}

impl OldChartEntry {
    /// Warnings about fields of an old entry that kustomize ignores.
    fn unused(&self) -> impl Iterator<Item = Diagnostic> {
        let text = |field: &Option<Text>| field.as_ref().map(|it| it.span().clone());
        let unused = [
            ("chartRepoName", text(&self.repository_name)),
            ("helmBin", text(&self.helm_bin)),
            ("releaseNamespace", text(&self.release_namespace)),
            ("extraArgs", self.extra_args.span.clone()),
        ];
        unused.into_iter().filter_map(|(field, span)| {
            let message = format!("kustomize does not use `{field}`");
            let warning = Diagnostic::warning("unused-field", message).at(span?);
            Some(warning.help("use `helmCharts` instead"))
        })
    }

    fn into_entry(self) -> ChartEntry {
        ChartEntry {
            name: self.name,
            version: self.version,
            repository: self.repository,
            release_name: self.release_name,
            values_file: self.values_file,
            values_inline: self.values_inline,
            values_merge: self.values_merge,
            ..ChartEntry::new(self.span)
        }
    }
}

/// The charts of a kustomization as the plugin's configurations.
///
/// A chart without a namespace uses that of the kustomization, or of its nearest parent with one.
pub(super) fn configurations(
    frame: &KustomizationFrame<'_>,
    diagnostics: &mut Diagnostics,
) -> Vec<ChartPlugin> {
    let fields = &frame.kustomization.fields;
    let namespace = match &*fields.namespace {
        "" => &*frame.outer_namespace,
        namespace => namespace,
    };
    let globals = fields.helm_globals.as_ref();
    let globals: Option<ChartGlobals> =
        globals.map(|it| read_record(it, "`helmGlobals`", diagnostics));
    let mut charts: Vec<ChartEntry> = Vec::new();
    for entry in entries(&fields.helm_charts) {
        charts.push(read_record(entry, "an entry of `helmCharts`", diagnostics));
    }
    let mut old_globals = ChartGlobals::new(Node::null().span().clone());
    for entry in entries(&fields.helm_chart_inflation_generator) {
        let what = "an entry of `helmChartInflationGenerator`";
        let mut old: OldChartEntry = read_record(entry, what, diagnostics);
        diagnostics.extend(old.unused());
        for (global, own) in [
            (&mut old_globals.chart_home, &mut old.chart_home),
            (&mut old_globals.config_home, &mut old.helm_home),
        ] {
            if !own.is_empty() {
                *global = std::mem::take(own);
            }
        }
        charts.push(old.into_entry());
    }
    let globals = globals.unwrap_or(old_globals);
    let plugin = |mut chart: ChartEntry| {
        if chart.namespace.is_empty() {
            chart.namespace = Text::new(Node::string(namespace));
        }
        ChartPlugin {
            span: chart.span.clone(),
            chart,
            globals: globals.clone(),
        }
    };
    charts.into_iter().map(plugin).collect()
}

fn entries(list: &Option<Node>) -> &[Node] {
    let items = list.as_ref().and_then(Node::as_sequence);
    items.unwrap_or_default()
}

/// The objects of one chart.
pub(in super::super) fn inflate(
    context: &Context<'_>,
    frame: &KustomizationFrame<'_>,
    config: &ChartPlugin,
) -> Result<Vec<Resource>, Diagnostics> {
    config.check()?;
    let chart = &config.chart;
    let folder = frame.folder();
    let renderer = match context.charts {
        Some(renderer) => renderer,
        None if context.loader.options.charts_as_objects => {
            let mut resource = Resource::new(Object::new(config.described(context, &folder)?));
            resource.from_chart = true;
            return Ok(vec![resource]);
        }
        None => return Err(disabled(&config.span).into()),
    };
    let pulled = config.pulled(context, renderer, &folder)?;
    let (files, chart_folder): (&dyn Files, TreePath) = match &pulled {
        Some(tree) => (tree, TreePath::root()),
        None => (context.loader.files, config.folder(context, &folder)?),
    };
    let inflation = ChartInflation {
        files,
        folder: chart_folder,
        release_name: &chart.release_name,
        name_template: &chart.name_template,
        namespace: &chart.namespace,
        values: config.values(context, &folder, pulled.as_ref())?,
        written: config.written(context, &folder),
        api_versions: chart.api_versions.iter().map(|it| &**it).collect(),
        kube_version: &chart.kube_version,
        include_crds: chart.include_crds,
        skip_tests: chart.skip_tests,
        skip_hooks: chart.skip_hooks,
        span: &config.span,
    };
    let manifests = renderer.render(&inflation)?;
    let source = Source::internal(&format!("<chart {}>", &*chart.name), manifests);
    let mut resources = resources_of(&source).map_err(|faults| {
        let mut reported = Diagnostics::default();
        let faults = faults.into_iter();
        reported.extend(faults.map(|it| it.related(&config.span, "the chart is used here")));
        reported
    })?;
    for resource in &mut resources {
        resource.from_chart = true;
    }
    Ok(resources)
}

fn disabled(config: &Span) -> Diagnostic {
    Diagnostic::error("helm-chart", "Helm charts are not enabled")
        .at(config)
        .help("`pleach build --enable-helm` renders charts, without running helm")
        .help("overlays of a workspace and Flux do not support `helmCharts`: install the chart with a claim or a HelmRelease")
}

/// A values file's name and content.
type ValuesFile = (String, Arc<[u8]>);

impl ChartPlugin {
    fn check(&self) -> Result<(), Diagnostic> {
        let ChartEntry {
            name,
            release_name: release,
            values_merge: merge,
            ..
        } = &self.chart;
        let invalid = |field: &Text, message: String| {
            Err(Diagnostic::error("invalid-value", message).at(field.span_or(&self.span)))
        };
        if name.is_empty() {
            return invalid(name, "the chart has no name".to_string());
        }
        if name.starts_with('-') || name.contains('/') || matches!(&**name, "." | "..") {
            return invalid(name, format!("invalid chart name `{}`", &**name));
        }
        if release.starts_with('-') {
            return invalid(release, format!("invalid release name `{}`", &**release));
        }
        if !matches!(&**merge, "" | "merge" | "override" | "replace") {
            let message = format!(
                "expected `merge`, `override` or `replace`, found `{}`",
                &**merge
            );
            return invalid(merge, message);
        }
        Ok(())
    }

    /// The chart's folder in the chart home, relative to the kustomization.
    fn location(&self) -> String {
        let home = match &*self.globals.chart_home {
            "" => "charts",
            home => home,
        };
        let name = &*self.chart.name;
        match (&*self.chart.version, &*self.chart.repository) {
            ("", _) | (_, "") => format!("{home}/{name}"),
            (version, _) => format!("{home}/{name}-{version}/{name}"),
        }
    }

    fn folder(&self, context: &Context<'_>, folder: &TreePath) -> Result<TreePath, Diagnostic> {
        let at = self.globals.chart_home.span_or(&self.span);
        context.loader.resolve(folder, &self.location(), at)
    }

    /// The chart's files, if it is not in the chart home.
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
        if self.chart.repository.is_empty() {
            let path = context.loader.display(&own);
            let message = format!("no chart at `{path}`, and no repository to pull it from");
            return Err(Diagnostic::error("missing-chart", message)
                .class(Class::MissingChart)
                .at(&self.span)
                .help("put the folder of the chart there, or set `repo`"));
        }
        let reference = ChartReference {
            repository: &self.chart.repository,
            name: &self.chart.name,
            version: &self.chart.version,
            span: &self.span,
        };
        renderer.find(&reference).map(Some)
    }

    /// All inputs of the chart's rendering, as an object: its configuration, the values files, and the chart's own files if it is
    /// in the chart home.
    fn described(&self, context: &Context<'_>, folder: &TreePath) -> Result<Node, Diagnostic> {
        let chart = &self.chart;
        let name = match &*chart.release_name {
            "" => &*chart.name,
            release => release,
        };
        let mut metadata = Mapping::from([("name", Node::string(name))]);
        if !chart.namespace.is_empty() {
            metadata.insert("namespace", &*chart.namespace);
        }
        let mut object = Mapping::from([
            ("apiVersion", Node::constant("builtin")),
            ("kind", Node::constant(PLUGIN)),
            ("metadata", Node::mapping(metadata)),
        ]);
        for (key, value) in self.nodes() {
            object.insert(key, value);
        }
        let mut files = Mapping::new();
        let named = [&chart.values_file].into_iter();
        for name in named.chain(&chart.additional_values_files) {
            if !name.is_empty() {
                let (_, bytes) = context.loader.bytes(folder, name, name.span())?;
                files.insert(&**name, file_text(&bytes));
            }
        }
        let own = self.folder(context, folder)?;
        let location = self.location();
        let mut open = Walk::new(context.loader.files, own.clone());
        while let Some(above) = open.next() {
            for entry in context.loader.files.list(&above).unwrap_or_default() {
                let path = above.child(&entry.name);
                match (entry.kind, path.below(&own)) {
                    (EntryKind::Folder, _) => open.add(path),
                    (EntryKind::File, Some(below)) => {
                        let bytes = context.loader.files.read(&path).unwrap_or_default();
                        files.insert(format!("{location}/{below}").as_str(), file_text(&bytes));
                    }
                    (EntryKind::File, None) => {}
                }
            }
        }
        if !files.is_empty() {
            object.insert("files", Node::mapping(files));
        }
        Ok(Node::mapping(object).at(&self.span))
    }

    /// The values files for Helm: their names for messages, and their contents.
    fn values(
        &self,
        context: &Context<'_>,
        folder: &TreePath,
        pulled: Option<&Tree>,
    ) -> Result<Vec<ValuesFile>, Diagnostic> {
        let inline = self.chart.values_inline.as_ref().map(with_old_booleans);
        let inline = inline.filter(|it| !it.is_empty_collection());
        let merge = &*self.chart.values_merge;
        let first = match inline {
            None => self.values_file(context, folder, pulled)?,
            Some(inline) => {
                let merged = match merge {
                    "replace" => inline,
                    _ => {
                        let (name, bytes) = self.values_file(context, folder, pulled)?;
                        let mut own = self.parse_values(&name, &bytes)?;
                        complete_dates(&mut own);
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
        for name in &self.chart.additional_values_files {
            let (path, bytes) = context.loader.bytes(folder, name, name.span())?;
            values.push((context.loader.display(&path), bytes));
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
        let given = Some(&self.chart.values_file).filter(|it| !it.is_empty());
        if let (None, Some(tree)) = (given, pulled) {
            let own = tree.get(&TreePath::root().child("values.yaml"));
            let empty = || Arc::from(*b"");
            let name = format!("{}/values.yaml", &*self.chart.name);
            return Ok((name, own.cloned().unwrap_or_else(empty)));
        }
        let own = format!("{}/values.yaml", self.location());
        let (name, at) = match given {
            Some(file) => (&**file, file.span()),
            None => (&*own, &self.span),
        };
        let (path, bytes) = context.loader.bytes(folder, name, at)?;
        Ok((context.loader.display(&path), bytes))
    }

    /// The user's values with their locations. Unreadable files are reported when the chart is rendered.
    fn written(&self, context: &Context<'_>, folder: &TreePath) -> Vec<Node> {
        let parsed = |name: &Text| {
            let name = Some(name).filter(|it| !it.is_empty())?;
            let (path, bytes) = context.loader.bytes(folder, name, name.span()).ok()?;
            let source = Source::new(path, String::from_utf8_lossy(&bytes));
            Some(parse_one_with_duplicates(&source).ok()?.0)
        };
        let inline = self.chart.values_inline.as_ref();
        let inline = inline.filter(|it| it.as_mapping().is_some_and(|it| !it.is_empty()));
        let file = parsed(&self.chart.values_file);
        let first = match (inline.cloned(), &*self.chart.values_merge) {
            (inline @ Some(_), "replace") => [None, inline],
            (inline, "merge") => [inline, file],
            (inline, _) => [file, inline],
        };
        let more = self.chart.additional_values_files.iter();
        let all = first.into_iter().flatten().chain(more.filter_map(parsed));
        all.collect()
    }

    fn parse_values(&self, name: &str, bytes: &[u8]) -> Result<Node, Diagnostic> {
        let message = || format!("the values file `{name}` is not valid YAML");
        let failed = || Diagnostic::error("yaml-syntax", message()).at(&self.span);
        let text = std::str::from_utf8(bytes).map_err(|_| failed())?;
        let source = Source::internal(name, text);
        match parse_one_with_duplicates(&source) {
            // kustomize reads nothing from it; a null is a document.
            Ok((node, _)) if node.is_null() && parse(&source).is_ok_and(|it| it.is_empty()) => {
                let message = format!("the values file `{name}` is empty");
                let fault = Diagnostic::error("helm-chart", message);
                let fault = fault.at(self.chart.values_file.span_or(&self.span));
                Err(fault.help("write `{}` to it: kustomize cannot merge `valuesInline` with an empty file; or set `valuesMerge: replace`"))
            }
            Ok((node, _)) if node.is_null() => Ok(Node::mapping(Mapping::new())),
            Ok((node, _)) => Ok(node),
            Err(faults) => Err(faults.into_iter().next().unwrap_or_else(failed)),
        }
    }
}

fn file_text(bytes: &[u8]) -> Node {
    Node::string(&*String::from_utf8_lossy(bytes))
}

/// Converts words that are booleans in YAML 1.1, such as `yes` and `on`, because kustomize reads them so.
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

/// `merge2` of kyaml for values: maps are merged, everything else is replaced, and null removes.
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

/// Writes unquoted dates with a time, because kustomize merges values as values of Go.
fn complete_dates(node: &mut Node) {
    if let Some(items) = node.as_sequence_mut() {
        return items.iter_mut().for_each(complete_dates);
    }
    if let Some(entries) = node.as_mapping_mut() {
        return entries
            .iter_mut()
            .for_each(|it| complete_dates(&mut it.value));
    }
    if node.kind() == Kind::Timestamp {
        // A date is always valid JSON.
        let _ = json_round_trip(node);
    }
}

/// Values without a lower layer: their nulls have no effect and are dropped.
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
