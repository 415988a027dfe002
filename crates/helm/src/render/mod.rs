//! Renders a chart with values for a release to manifests, like `helm template`, without printing.

use std::collections::BTreeMap;

use pleach_yaml::tree::TreePath;
use serde_json::{Map as JsonMap, Value as Json};

use crate::capabilities::Capabilities;
use crate::dependencies::{ChartId, Charts, is_compatible, metadata_of};
use crate::engine::{self, Executed, Template, ValuePaths};
use crate::error::{HelmError, Warnings};
use crate::go::path;
use crate::manifests::{CrdFile, Rendered, RenderedFile, RenderedObject, sort};
use crate::source::LoadedChart;
use crate::value::{Map, Value};
use crate::values::coalesce::{Coalescer, Nulls, table};
use crate::values::schema::{self, SchemaFault};
use crate::values::{to_json, to_map};
use crate::{HelmVersion, objects};

#[cfg(test)]
mod tests;

const NOTES: &str = "NOTES.txt";

/// What templates see as `.Release`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// The name: `.Release.Name` in templates.
    pub name: String,
    /// The namespace: `.Release.Namespace` in templates.
    pub namespace: String,
    /// `.Release.Revision`; 1 for the first installation.
    pub revision: i64,
    /// `.Release.IsUpgrade`; if it is false, `.Release.IsInstall` is true.
    pub is_upgrade: bool,
}

impl Release {
    /// The first installation of a release.
    pub fn install(name: &str, namespace: &str) -> Release {
        Release {
            name: name.to_string(),
            namespace: namespace.to_string(),
            revision: 1,
            is_upgrade: false,
        }
    }
}

/// The flags of `helm template` that affect rendering.
#[derive(Clone, Debug, Default)]
pub struct RenderOptions {
    /// The version of Helm whose behaviour is reproduced.
    pub version: HelmVersion,
    /// Whether `values.schema.json` is ignored.
    pub skip_schema_validation: bool,
    /// Records which parts of objects are values: see [`crate::manifests::ValueOrigin`].
    pub trace: bool,
    /// With `trace`: also records the locations in templates of all parts.
    pub locations: bool,
}

/// Renders a chart with values of the user.
///
/// Each object has the text that `helm template` prints, its node with spans in that text, and the line of the rendered file at
/// which it begins. Random functions use a seed from the names of the release and the template, so that the same input gives the
/// same output.
///
/// Errors: Helm's message for the first error, in Helm's order: release name, type of the chart, missing subcharts, schemas of
/// values, `kubeVersion`, templates, manifests.
pub fn render(
    chart: &LoadedChart,
    values: &JsonMap<String, Json>,
    release: &Release,
    capabilities: &Capabilities,
    options: &RenderOptions,
    warnings: &mut Warnings,
) -> Result<Rendered, HelmError> {
    let version = options.version;
    let (mut charts, root) = Charts::new(chart, version);
    let executed = execute(
        &mut charts,
        root,
        values,
        release,
        capabilities,
        options,
        warnings,
    )?;
    assemble(&charts, root, executed, version, warnings)
}

/// Renders the template files of a chart, without splitting or sorting the output, which need not be YAML.
///
/// Errors: as for [`render`], except those of manifests.
pub fn render_files(
    chart: &LoadedChart,
    values: &JsonMap<String, Json>,
    release: &Release,
    capabilities: &Capabilities,
    options: &RenderOptions,
    warnings: &mut Warnings,
) -> Result<Vec<RenderedFile>, HelmError> {
    let (mut charts, root) = Charts::new(chart, options.version);
    let executed = execute(
        &mut charts,
        root,
        values,
        release,
        capabilities,
        options,
        warnings,
    );
    executed.map(|it| it.files)
}

fn execute(
    charts: &mut Charts<'_>,
    root: ChartId,
    values: &JsonMap<String, Json>,
    release: &Release,
    capabilities: &Capabilities,
    options: &RenderOptions,
    warnings: &mut Warnings,
) -> Result<Executed, HelmError> {
    let version = options.version;
    let chart = charts.get(root).loaded;
    check_installable(chart, warnings)?;
    charts.check_complete(root)?;
    check_release_name(&release.name, version)?;
    let user = to_map(values);
    let processed = charts.process(root, &user, warnings);
    processed.map_err(|error| match version {
        HelmVersion::V3 => error,
        HelmVersion::V4 => error.within("chart dependencies processing failed"),
    })?;
    let mut coalescer = Coalescer {
        charts,
        version,
        nulls: Nulls::Remove,
        warnings,
    };
    let values = coalescer.run(root, &user)?;
    if !options.skip_schema_validation {
        check_schemas(charts, root, &values, warnings)?;
    }
    check_kube_version(chart, capabilities)?;
    let mut collector = TemplateCollector {
        charts,
        release: objects::release(release),
        capabilities: objects::capabilities(capabilities, version),
        version,
        templates: BTreeMap::new(),
    };
    collector.add(root, Some(&values), None);
    let identity = format!(
        "{}/{} {}",
        release.namespace, release.name, chart.metadata.name
    );
    let trace = options.trace.then(|| engine::Trace {
        paths: value_paths(&values),
        has_locations: options.locations,
    });
    let templates = collector.templates.into_values().collect();
    engine::execute(templates, version, &identity, trace.as_ref())
}

/// The path of each map of the values, by the address of the map.
fn value_paths(values: &Map) -> ValuePaths {
    let mut paths = ValuePaths::new();
    collect_paths(values, &mut Vec::new(), &mut paths);
    paths
}

fn collect_paths(map: &Map, path: &mut Vec<String>, paths: &mut ValuePaths) {
    paths.insert(map.address(), path.clone());
    for (key, value) in map.snapshot() {
        if let Value::Map(inner) = &value {
            path.push(key.to_lossy().into_owned());
            collect_paths(inner, path, paths);
            path.pop();
        }
    }
}

/// Rejects library charts (Helm, `checkIfInstallable`), and warns about deprecated ones.
fn check_installable(chart: &LoadedChart, warnings: &mut Warnings) -> Result<(), HelmError> {
    let chart_type = &chart.metadata.chart_type;
    if !matches!(&**chart_type, "" | "application") {
        return Err(HelmError::new(format!(
            "{chart_type} charts are not installable"
        )));
    }
    if chart.metadata.deprecated {
        warnings.push("WARNING: This chart is deprecated".to_string());
    }
    Ok(())
}

/// Checks a release name (Helm, `ValidateReleaseName`). Errors: Helm's message for an invalid name.
fn check_release_name(name: &str, version: HelmVersion) -> Result<(), HelmError> {
    let message = if name.is_empty() {
        "no name provided"
    } else if name.len() > 53 || !is_dns_name(name) {
        "invalid release name, must match regex ^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$ and the length must not be longer than 53"
    } else {
        return Ok(());
    };
    let quoted = crate::go::strconv::quote(name.as_bytes());
    let error = HelmError::new(format!("release name {quoted}: {message}"));
    Err(match version {
        HelmVersion::V3 => error,
        HelmVersion::V4 => error.within("release name check failed"),
    })
}

fn is_dns_name(name: &str) -> bool {
    let is_alphanumeric =
        |it: Option<char>| it.is_some_and(|it| it.is_ascii_lowercase() || it.is_ascii_digit());
    name.split('.').all(|label| {
        let mut chars = label.chars();
        is_alphanumeric(label.chars().next())
            && is_alphanumeric(label.chars().next_back())
            && chars.all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '-')
    })
}

/// The release name that `--name-template` gives (Helm, `TemplateName`). Errors: Go's message.
pub fn name_from_template(template: &str, version: HelmVersion) -> Result<String, HelmError> {
    let name = engine::execute_text(template, version)?;
    Ok(String::from_utf8_lossy(&name).into_owned())
}

/// Checks `kubeVersion` of the outermost chart (Helm, `renderResources`). Helm does not check those of subcharts.
fn check_kube_version(chart: &LoadedChart, capabilities: &Capabilities) -> Result<(), HelmError> {
    let range = &chart.metadata.kube_version;
    let kube = &capabilities.kube_version;
    if range.is_empty() || is_compatible(range, &kube.normalized) {
        return Ok(());
    }
    Err(HelmError::new(format!(
        "chart requires kubeVersion: {range} which is incompatible with Kubernetes {}",
        kube.version
    )))
}

/// All values, of the user or of the chart itself, that violate the schemas of the chart and its enabled subcharts.
///
/// Errors: Helm's message if the values cannot be merged with those of the charts.
pub fn schema_faults(
    chart: &LoadedChart,
    values: &JsonMap<String, Json>,
    version: HelmVersion,
) -> Result<Vec<SchemaFault>, HelmError> {
    let mut warnings = Warnings::default();
    let (mut charts, root) = Charts::new(chart, version);
    let user = to_map(values);
    charts.process(root, &user, &mut warnings)?;
    let mut coalescer = Coalescer {
        charts: &charts,
        version,
        nulls: Nulls::Remove,
        warnings: &mut warnings,
    };
    let values = coalescer.run(root, &user)?;
    let mut found = Vec::new();
    collect_schema_faults(&charts, root, &values, &mut Vec::new(), &mut found);
    Ok(found)
}

fn collect_schema_faults(
    charts: &Charts<'_>,
    id: ChartId,
    values: &Map,
    path: &mut Vec<String>,
    found: &mut Vec<SchemaFault>,
) {
    let chart = charts.get(id);
    if let Some(text) = &chart.loaded.schema {
        let own = schema::faults(&to_json(&Value::Map(values.clone())), text);
        found.extend(own.into_iter().map(|it| SchemaFault {
            path: path.iter().cloned().chain(it.path).collect(),
            ..it
        }));
    }
    for subchart in &chart.dependencies {
        let name = &charts.get(*subchart).name;
        if let Some(Value::Map(values)) = values.get(name.as_bytes()) {
            path.push(name.clone());
            collect_schema_faults(charts, *subchart, &values, path, found);
            path.pop();
        }
    }
}

/// Validates the values of a chart and its subcharts (Helm, `ValidateAgainstSchema`).
fn check_schemas(
    charts: &Charts<'_>,
    root: ChartId,
    values: &Map,
    warnings: &mut Warnings,
) -> Result<(), HelmError> {
    let mut report = String::new();
    write_schema_report(charts, root, values, &mut report, warnings);
    match report.is_empty() {
        true => Ok(()),
        false => Err(HelmError::new(format!(
            "values don't meet the specifications of the schema(s) in the following chart(s):\n{report}"
        ))),
    }
}

fn write_schema_report(
    charts: &Charts<'_>,
    id: ChartId,
    values: &Map,
    report: &mut String,
    warnings: &mut Warnings,
) {
    let chart = charts.get(id);
    if let Some(text) = &chart.loaded.schema {
        let validation = schema::validate(&to_json(&Value::Map(values.clone())), text);
        for url in validation.external_schemas {
            warnings.push(format!(
                "the schema of {} refers to {url}, which is not fetched; the values are not checked against it",
                chart.name
            ));
        }
        if let Some(message) = validation.message {
            report.push_str(&format!("{}:\n{message}", chart.name));
        }
    }
    for subchart in &chart.dependencies {
        let name = &charts.get(*subchart).name;
        if let Some(Value::Map(values)) = values.get(name.as_bytes()) {
            write_schema_report(charts, *subchart, &values, report, warnings);
        }
    }
}

/// Collects the templates of all charts, each with its dot (Helm, `recAllTpls`).
struct TemplateCollector<'a> {
    charts: &'a Charts<'a>,
    release: Value,
    capabilities: Value,
    version: HelmVersion,
    /// Templates by path; if two have the same path, the later one is used.
    templates: BTreeMap<String, Template>,
}

impl TemplateCollector<'_> {
    /// Adds a chart and its subcharts, and returns the dot of the chart. `values` is set for the outermost chart, `parent` for all
    /// others.
    fn add(&mut self, id: ChartId, values: Option<&Map>, parent: Option<&Map>) -> Map {
        let chart = self.charts.get(id);
        let chart_values = match (values, parent) {
            (Some(values), _) => values.clone(),
            // Helm looks up `Values.NAME` as a path, so a chart whose name contains a dot gets no values.
            (None, Some(parent)) => table(parent, &format!("Values.{}", chart.name))
                .unwrap_or_else(|_| Map::new(Default::default())),
            (None, None) => Map::new(Default::default()),
        };
        let subcharts = Map::new(Default::default());
        let metadata = metadata_of(self.charts, id);
        let is_root = self.charts.is_root(id);
        let entries = [
            ("Chart", objects::metadata(&metadata, is_root, self.version)),
            ("Files", objects::files(&chart.loaded.files)),
            ("Release", self.release.clone()),
            ("Capabilities", self.capabilities.clone()),
            ("Values", objects::as_values(&chart_values, self.version)),
            ("Subcharts", Value::Map(subcharts.clone())),
        ];
        let dot = Map::new(
            entries
                .map(|(key, value)| (key.into(), value))
                .into_iter()
                .collect(),
        );
        for subchart in &chart.dependencies {
            let inner = self.add(*subchart, None, Some(&dot));
            let _ = subcharts.insert(self.charts.get(*subchart).name.as_str(), Value::Map(inner));
        }
        let full_path = self.charts.full_path(id);
        let is_library = metadata.chart_type.eq_ignore_ascii_case("library");
        for file in &chart.loaded.templates {
            if is_library && !is_partial(&file.name) {
                continue;
            }
            let path = clean(&format!("{full_path}/{}", file.name));
            let template = Template {
                path: path.clone(),
                text: file.data.clone(),
                dot: dot.retyped(objects::values_type(self.version)),
                base_path: clean(&format!("{full_path}/templates")),
                location: chart
                    .loaded
                    .location
                    .resolve(&file.name)
                    .unwrap_or_else(TreePath::root),
            };
            self.templates.insert(path, template);
        }
        dot
    }
}

fn clean(text: &str) -> String {
    String::from_utf8_lossy(&path::clean(text.as_bytes())).into_owned()
}

/// Whether a file is a partial, such as `_helpers.tpl`, whose output Helm does not use.
pub(crate) fn is_partial(name: &str) -> bool {
    path::base(name.as_bytes()).starts_with(b"_")
}

/// Turns the output of the templates into the objects, hooks, CRDs and notes of the release (Helm, `renderResources`).
fn assemble(
    charts: &Charts<'_>,
    root: ChartId,
    executed: Executed,
    version: HelmVersion,
    warnings: &mut Warnings,
) -> Result<Rendered, HelmError> {
    let root_notes = format!("{}/templates/{NOTES}", charts.get(root).name);
    let (notes, files): (Vec<RenderedFile>, Vec<RenderedFile>) = executed
        .files
        .into_iter()
        .partition(|it| it.path.ends_with(NOTES));
    let notes = notes.into_iter().find(|it| it.path == root_notes);
    let mut sorted = sort(files, version, warnings)?;
    let has_generated_value = |object: &RenderedObject| {
        let mut generated = executed.not_deterministic.iter();
        generated.any(|it| it.value.to_str().is_some_and(|it| object.text.contains(it)))
    };
    for object in sorted.objects.iter_mut().chain(&mut sorted.hooks) {
        object.not_deterministic = has_generated_value(object);
    }
    let mut crds = Vec::new();
    collect_crds(charts, root, &mut crds);
    Ok(Rendered {
        objects: sorted.objects,
        hooks: sorted.hooks,
        unknown_hooks: sorted.unknown_hooks,
        crds,
        notes: notes.map(|it| String::from_utf8_lossy(&it.content).into_owned()),
    })
}

fn collect_crds(charts: &Charts<'_>, id: ChartId, crds: &mut Vec<CrdFile>) {
    let chart = charts.get(id);
    let path = charts.full_path(id);
    crds.extend(chart.loaded.crd_files().map(|file| CrdFile {
        path: clean(&format!("{path}/{}", file.name)),
        text: String::from_utf8_lossy(&file.data).into_owned(),
    }));
    for subchart in &chart.dependencies {
        collect_crds(charts, *subchart, crds);
    }
}
