//! A HelmRelease: its chart, its values, and the resulting objects.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::super::chart::{
    ChartLocation, Charts, Facts, Install, fails_everywhere, install, not_rendered, not_shown,
};
use super::super::cluster_state::ClusterState;
use super::super::installed::Parser;
use super::super::sync::{flag, items, text};
use super::super::test_release::TestRelease;
use super::super::unit::{ChartTitle, Origin, Status};
use super::post_render::post_render;
use super::source::{OwnSource, SourceLocation, find};
use super::values::{Written, values};
use crate::chart::Request;
use crate::deploy::Cluster;
use crate::diag::{Class, Diagnostic, Diagnostics, Severity, Span};
use crate::inflate::ChartInput;
use crate::object::Object;
use crate::tree::{Files, TreePath};
use crate::yaml::{FieldPath, Node, hex};
use pleach_helm::source::LoadedChart;
use pleach_helm::values::{Values, merge, parse};
use pleach_helm::{HelmError, HelmVersion};

/// The maximum length of a release name.
const NAME_MAX: usize = 53;

/// A HelmRelease with the objects it refers to.
pub(in crate::deploy) struct Release<'a> {
    object: &'a Object,
    /// The definition of the chart: `spec.chart.spec`, a HelmChart, or an OCIRepository.
    at: Span,
    title: ChartTitle,
    chart: Result<Arc<LoadedChart>, Diagnostic>,
    values: Result<Written, Diagnostic>,
    /// Whether some values are unknown.
    is_partial: bool,
}

/// The reference to a chart in a release.
struct ChartReference {
    location: ChartLocation,
    title: ChartTitle,
    at: Span,
    /// Files of the chart that replace its `values.yaml`.
    values_files: Vec<Node>,
    ignores_missing: bool,
    /// The folder to which they are relative; `None` for the chart itself.
    values_root: Option<TreePath>,
}

impl<'a> Release<'a> {
    /// Finds the chart and the values of a release.
    pub(in crate::deploy) fn read(
        object: &'a Object,
        cluster_state: &ClusterState,
        own: &OwnSource,
        files: &dyn Files,
        charts: &Charts<'_>,
        cluster: &Cluster,
        diagnostics: &mut Diagnostics,
    ) -> Release<'a> {
        let version = cluster.helm_version;
        let mut unseen = Diagnostics::default();
        let values = values(object, cluster_state, version, &mut unseen);
        let is_partial = !unseen.is_empty();
        diagnostics.extend(unseen);
        let reader = Reader {
            object,
            cluster_state,
            own,
            files,
        };
        match reader.chart_reference() {
            Ok(chart_reference) => {
                let chart = charts.load(&chart_reference.location, version);
                let chart =
                    chart.and_then(|it| with_values_files(it, &chart_reference, files, version));
                Release {
                    object,
                    title: match &chart {
                        Ok(chart) => ChartTitle {
                            name: chart.metadata.name.clone(),
                            version: chart.metadata.version.clone(),
                        },
                        Err(_) => chart_reference.title,
                    },
                    at: chart_reference.at,
                    chart,
                    values,
                    is_partial,
                }
            }
            Err((title, fault)) => Release {
                object,
                at: fault.span.clone().unwrap_or_else(|| object.span().clone()),
                title,
                chart: Err(*fault),
                values,
                is_partial,
            },
        }
    }

    /// The chart, if available.
    pub(in crate::deploy) fn chart(&self) -> Option<&LoadedChart> {
        self.chart.as_deref().ok()
    }

    /// The objects of the release.
    pub(in crate::deploy) fn render(
        self,
        facts: &Facts,
        cluster: &Cluster,
        diagnostics: &mut Diagnostics,
    ) -> (Vec<Object>, Origin, Status) {
        let origin = Origin::Chart(self.title.clone());
        let status = match super::kustomization::is_suspended(self.object) {
            true => Status::Suspended,
            false => Status::Built,
        };
        match self.objects(facts, cluster) {
            Ok(objects) => (objects, origin, status),
            Err(fault) => {
                diagnostics.push(fault.clone());
                (Vec::new(), origin, Status::NotBuilt(Box::new(fault)))
            }
        }
    }

    /// The release, for rendering with other values.
    pub(in crate::deploy) fn test_release(
        &self,
        facts: &Facts,
        cluster: &Cluster,
    ) -> Option<TestRelease> {
        let (values, written) = self.values.as_ref().ok()?;
        let name = release_name(self.object);
        let install = self.install(&name, values, written);
        TestRelease::new(self.chart.as_ref().ok()?, &install, facts, cluster).ok()
    }

    /// The chart and its values, if both are available.
    pub(in crate::deploy) fn input(&self, cluster: &Cluster) -> Option<Arc<ChartInput>> {
        let (values, written) = self.values.as_ref().ok()?;
        let node = &self.object.node;
        Some(Arc::new(ChartInput {
            chart: self.chart.as_ref().ok()?.clone(),
            values: values.clone(),
            written: written.clone(),
            is_partial: self.is_partial,
            skip_schema: flag(node, &["spec", "install", "disableSchemaValidation"]),
            version: cluster.helm_version,
            entry: None,
        }))
    }

    fn install<'b>(
        &'b self,
        name: &'b str,
        values: &'b Values,
        written: &'b [Node],
    ) -> Install<'b> {
        let node = &self.object.node;
        Install {
            name,
            namespace: self.namespace(),
            values,
            skip_schema: flag(node, &["spec", "install", "disableSchemaValidation"]),
            kube_version: "",
            api_versions: Vec::new(),
            written,
            parser: Parser::Kustomize,
        }
    }

    /// A chart's error: an error of the release if helm-controller certainly reports it, too.
    fn not_rendered(&self, what: &str, chart: &LoadedChart, error: HelmError) -> Diagnostic {
        let values = self.object.node.at_keys(&["spec", "values"]);
        // Flux may replace a variable whose value is not known here.
        let has_variable = values.is_some_and(|it| it.span().text().contains("${"));
        let is_certain = !has_variable && fails_everywhere(chart, self.is_partial, &error);
        if !is_certain {
            return not_rendered(what, error, &self.at);
        }
        let name = FieldPath::dotted("metadata.name");
        let at = self.object.node.nearest_on_path(&name).span();
        Diagnostic {
            severity: Severity::Error,
            class: Class::Refused,
            ..not_rendered(what, error, at)
        }
    }

    fn namespace(&self) -> &str {
        match text(&self.object.node, &["spec", "targetNamespace"]) {
            "" => self.object.namespace(),
            namespace => namespace,
        }
    }

    fn objects(&self, facts: &Facts, cluster: &Cluster) -> Result<Vec<Object>, Diagnostic> {
        let what = self.object.id().to_string();
        let chart = self.chart.as_ref();
        let chart = chart.map_err(|it| not_shown(&what, it.clone(), &self.at))?;
        let fault = |it: &Diagnostic| not_shown(&what, it.clone(), self.object.span());
        let (values, written) = self.values.as_ref().map_err(fault)?;
        let name = release_name(self.object);
        let installed = install(chart, &self.install(&name, values, written), facts, cluster)
            .map_err(|error| self.not_rendered(&what, chart, error))?;
        let applied = post_render(self.object, installed, cluster.helm_version);
        let mut objects = applied.map_err(|it| fault(&it))?;
        for object in &mut objects {
            facts.default_namespace(object, self.namespace());
        }
        Ok(objects)
    }
}

/// Whether an upgrade does not change the CRDs of the chart, which is Helm's default.
pub(in crate::deploy) fn keeps_crds(object: &Object) -> bool {
    let is_release = &*object.gvk().group == super::HELM_GROUP;
    is_release && text(&object.node, &["spec", "upgrade", "crds"]) != "CreateReplace"
}

/// `releaseName`, or the namespace and the name; names that are too long are cut and get a hash.
fn release_name(object: &Object) -> String {
    let node = &object.node;
    let namespace = text(node, &["spec", "targetNamespace"]);
    let name = match (text(node, &["spec", "releaseName"]), namespace) {
        ("", "") => object.name().to_string(),
        ("", namespace) => format!("{namespace}-{}", object.name()),
        (name, _) => name.to_string(),
    };
    if name.len() <= NAME_MAX {
        return name;
    }
    let digest = Sha256::digest(name.as_bytes());
    let digits = hex(digest.get(..6).unwrap_or(&digest));
    let kept: String = name.chars().take(NAME_MAX - digits.len() - 1).collect();
    format!("{kept}-{digits}")
}

/// Why the chart cannot be determined, and its name if known.
type UnknownChart = (ChartTitle, Box<Diagnostic>);

struct Reader<'a> {
    object: &'a Object,
    cluster_state: &'a ClusterState,
    own: &'a OwnSource,
    files: &'a dyn Files,
}

impl Reader<'_> {
    fn chart_reference(&self) -> Result<ChartReference, UnknownChart> {
        let node = &self.object.node;
        if let Some(spec) = node.at_keys(&["spec", "chart", "spec"]) {
            return self.chart_spec_reference(spec, self.object.namespace());
        }
        let Some(reference) = node.at_keys(&["spec", "chartRef"]) else {
            let message = "the HelmRelease has no chart";
            let fault = Diagnostic::error("invalid-value", message).at(self.object.span());
            return Err((unknown(""), Box::new(fault)));
        };
        let source = find(reference, self.object.namespace(), self.cluster_state);
        match (text(reference, &["kind"]), source) {
            ("OCIRepository", Some(source)) => Ok(from_repository(source)),
            ("HelmChart", Some(source)) => {
                let spec = source.node.get("spec").unwrap_or(&source.node);
                self.chart_spec_reference(spec, source.namespace())
            }
            ("ExternalArtifact", _) => self.artifact_reference(reference),
            (kind, _) => Err(unseen(reference, kind, text(reference, &["name"]))),
        }
    }

    /// An ExternalArtifact, if an ArtifactGenerator of the repository copies the chart into it.
    fn artifact_reference(&self, reference: &Node) -> Result<ChartReference, UnknownChart> {
        let (top, namespace) = (TreePath::root(), self.object.namespace());
        let located =
            self.own
                .locate_reference(reference, namespace, &top, self.cluster_state, self.files);
        let name = text(reference, &["name"]);
        match located {
            SourceLocation::Own(folder) => Ok(ChartReference {
                title: unknown(folder.name()),
                location: ChartLocation::Folder(folder),
                at: reference.span().clone(),
                values_files: Vec::new(),
                ignores_missing: false,
                values_root: None,
            }),
            SourceLocation::Elsewhere(_) => {
                let message = format!(
                    "ExternalArtifact `{name}` is created by a controller in the cluster, and no ArtifactGenerator of the repository defines its content"
                );
                let at = reference.get("name").unwrap_or(reference);
                let fault = Diagnostic::error("unseen-source", message).at(at);
                Err((unknown(name), Box::new(fault)))
            }
        }
    }

    /// `spec.chart.spec`, or the spec of a HelmChart.
    fn chart_spec_reference(
        &self,
        spec: &Node,
        namespace: &str,
    ) -> Result<ChartReference, UnknownChart> {
        let (name, version) = (text(spec, &["chart"]), text(spec, &["version"]));
        let version = Some(version).filter(|it| !matches!(*it, "" | "*"));
        let reference = spec.get("sourceRef").unwrap_or(spec);
        let title = ChartTitle {
            name: name.to_string(),
            version: version.unwrap_or("").to_string(),
        };
        let at = spec
            .get("version")
            .or_else(|| spec.get("chart"))
            .unwrap_or(spec);
        let mut chart_reference = ChartReference {
            location: ChartLocation::Folder(TreePath::root()),
            title,
            at: at.span().clone(),
            values_files: items(spec, &["valuesFiles"]).to_vec(),
            ignores_missing: flag(spec, &["ignoreMissingValuesFiles"]),
            values_root: None,
        };
        let kind = text(reference, &["kind"]);
        if kind == "HelmRepository" {
            let Some(source) = find(reference, namespace, self.cluster_state) else {
                let (_, fault) = unseen(reference, kind, text(reference, &["name"]));
                return Err((chart_reference.title, fault));
            };
            let mut request = Request::new(text(&source.node, &["spec", "url"]), name, version);
            request.span = Some(chart_reference.at.outermost());
            chart_reference.location = ChartLocation::Remote(request);
            return Ok(chart_reference);
        }
        let state = self.cluster_state;
        let folder = TreePath::root().resolve(name.trim_start_matches('/'));
        let folder = folder.unwrap_or_else(TreePath::root);
        let own = self.own;
        match own.locate_reference(reference, namespace, &folder, state, self.files) {
            SourceLocation::Own(own) => {
                chart_reference.location = ChartLocation::Folder(own);
                chart_reference.title.name = folder.name().to_string();
                chart_reference.values_root = Some(TreePath::root());
                Ok(chart_reference)
            }
            SourceLocation::Elsewhere(what) => {
                let (_, fault) = unseen(reference, "chart", &format!("{name}` of `{what}"));
                Err((chart_reference.title, fault))
            }
        }
    }
}

/// An OCIRepository that contains the chart.
fn from_repository(source: &Object) -> ChartReference {
    let url = text(&source.node, &["spec", "url"]).trim_end_matches('/');
    let (repository, name) = url.rsplit_once('/').unwrap_or((url, ""));
    let reference = |key: &str| text(&source.node, &["spec", "ref", key]);
    let version = ["semver", "tag"]
        .into_iter()
        .map(reference)
        .find(|it| !it.is_empty());
    let mut request = Request::new(repository, name, version);
    request.digest = Some(reference("digest").to_string()).filter(|it| !it.is_empty());
    let at = source
        .node
        .at_keys(&["spec", "ref"])
        .unwrap_or(&source.node);
    request.span = Some(at.span().outermost());
    ChartReference {
        title: ChartTitle {
            name: name.to_string(),
            version: version.unwrap_or("").to_string(),
        },
        location: ChartLocation::Remote(request),
        at: at.span().clone(),
        values_files: Vec::new(),
        ignores_missing: false,
        values_root: None,
    }
}

fn unknown(name: &str) -> ChartTitle {
    ChartTitle {
        name: name.to_string(),
        version: String::new(),
    }
}

fn unseen(reference: &Node, kind: &str, name: &str) -> UnknownChart {
    let message = format!("{kind} `{name}` is not in the repository");
    let at = reference.get("name").unwrap_or(reference);
    let fault = Diagnostic::error("unseen-source", message).at(at);
    (unknown(name), Box::new(fault))
}

/// A chart with values from files other than `values.yaml`.
fn with_values_files(
    chart: Arc<LoadedChart>,
    chart_reference: &ChartReference,
    files: &dyn Files,
    version: HelmVersion,
) -> Result<Arc<LoadedChart>, Diagnostic> {
    if chart_reference.values_files.is_empty() {
        return Ok(chart);
    }
    let mut values = Values::new();
    for file in &chart_reference.values_files {
        let name = file.as_str().unwrap_or("");
        match values_file(&chart, name, chart_reference, files) {
            Some(FileContent::Own) => merge(&mut values, chart.values.clone()),
            Some(FileContent::Bytes(bytes)) => {
                let path = TreePath::new(name).unwrap_or_else(TreePath::root);
                let parsed = parse(&bytes, &path, version);
                let parsed =
                    parsed.map_err(|it| Diagnostic::error("invalid-value", it.message).at(file))?;
                merge(&mut values, parsed);
            }
            None if chart_reference.ignores_missing => {}
            None => {
                let message = format!("values file `{name}` does not exist in the chart");
                return Err(Diagnostic::error("missing-path", message).at(file));
            }
        }
    }
    let mut chart = LoadedChart::clone(&chart);
    chart.values = values;
    Ok(Arc::new(chart))
}

enum FileContent {
    /// The chart's own `values.yaml`.
    Own,
    Bytes(Arc<[u8]>),
}

fn values_file(
    chart: &LoadedChart,
    name: &str,
    chart_reference: &ChartReference,
    files: &dyn Files,
) -> Option<FileContent> {
    if let Some(root) = &chart_reference.values_root {
        let path = root.resolve(name.trim_start_matches('/'))?;
        return files.read(&path).ok().map(FileContent::Bytes);
    }
    let name = name.trim_start_matches("./");
    if name == "values.yaml" {
        return Some(FileContent::Own);
    }
    let file = chart.files.iter().find(|it| it.name == name);
    file.map(|it| FileContent::Bytes(it.data.clone()))
}
