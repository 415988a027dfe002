//! Finds the charts that units install, loads each once, and renders them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use super::installed::{Installed, Parser, objects_of};
use super::metadata::set_namespace;
use super::sync::{items, text};
use super::{Cluster, Options};
use crate::chart::Request;
use crate::diag::{Class, Diagnostic, Diagnostics, Severity, Span};
use crate::inflate::load_folder;
use crate::object::Object;
use crate::schema::Schemas;
use crate::tree::{Files, TreePath};
use crate::yaml::Node;
use pleach_helm::source::LoadedChart;
use pleach_helm::values::Values;
use pleach_helm::{
    Capabilities, HelmError, HelmVersion, KubeVersion, Release, RenderOptions, Warnings, render,
};

/// The location of a chart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ChartLocation {
    /// A folder of the repository.
    Folder(TreePath),
    /// A repository of charts.
    Remote(Request),
}

type Loaded = Result<Arc<LoadedChart>, Diagnostic>;

/// The charts of a run, each loaded once.
pub(super) struct Charts<'a> {
    files: &'a dyn Files,
    options: &'a Options<'a>,
    /// By location, and whether Helm 3 is used.
    loaded: Mutex<BTreeMap<(ChartLocation, bool), Loaded>>,
}

impl<'a> Charts<'a> {
    pub(super) fn new(files: &'a dyn Files, options: &'a Options<'a>) -> Charts<'a> {
        Charts {
            files,
            options,
            loaded: Mutex::default(),
        }
    }

    /// A chart with its subcharts. Errors: `missing-chart` if it is not available, Helm's message if it cannot be loaded.
    pub(super) fn load(
        &self,
        location: &ChartLocation,
        version: HelmVersion,
    ) -> Result<Arc<LoadedChart>, Diagnostic> {
        let key = (location.clone(), version == HelmVersion::V3);
        let known = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known.get(&key) {
            return known.clone();
        }
        drop(known);
        let loaded = self.read(location, version);
        let mut known = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        known.entry(key).or_insert(loaded).clone()
    }

    fn read(&self, location: &ChartLocation, version: HelmVersion) -> Loaded {
        let mut warnings = Warnings::default();
        match (location, self.options.charts) {
            (ChartLocation::Folder(folder), _) => {
                load_folder(self.files, folder, version, &mut warnings)
                    .map(|it| Arc::new(self.with_dependencies(it, folder, version)))
                    .map_err(crate::inflate::diagnostic)
            }
            (ChartLocation::Remote(request), Some(charts)) => {
                charts.load(request, version, |files| {
                    let location =
                        TreePath::root().child(&format!("<chart {}>", file_name(request)));
                    let files = pleach_helm::source::folder_files(files, &TreePath::root());
                    let loaded = files.map_err(HelmError::from).and_then(|files| {
                        pleach_helm::source::load(files, &location, version, &mut warnings)
                    });
                    loaded.map_err(crate::inflate::diagnostic)
                })
            }
            (ChartLocation::Remote(request), None) => {
                let message = format!("chart `{}` is not in the repository", request.title());
                Err(Diagnostic::error("missing-chart", message).class(Class::MissingChart))
            }
        }
    }

    /// A chart of the repository, with dependencies that are not in its `charts/`, which engines would pull. Unavailable ones are
    /// missing, and rendering reports them.
    fn with_dependencies(
        &self,
        mut chart: LoadedChart,
        folder: &TreePath,
        version: HelmVersion,
    ) -> LoadedChart {
        let is_there = |chart: &LoadedChart, name: &str| {
            let mut names = chart.dependencies.iter().map(|it| &it.metadata.name);
            names.any(|it| it == name)
        };
        for dependency in chart.metadata.dependencies.clone() {
            if is_there(&chart, &dependency.name) {
                continue;
            }
            let location = match dependency.repository.strip_prefix("file://") {
                Some(path) => folder.resolve(path).map(ChartLocation::Folder),
                None => {
                    let version = Some(&*dependency.version);
                    Some(ChartLocation::Remote(Request::new(
                        &dependency.repository,
                        &dependency.name,
                        version,
                    )))
                }
            };
            // A dependency on a folder above is a cycle.
            let location = location.filter(|it| *it != ChartLocation::Folder(folder.clone()));
            let loaded = location.map(|it| self.load(&it, version));
            if let Some(Ok(dependency)) = loaded {
                chart.dependencies.push(LoadedChart::clone(&dependency));
            }
        }
        chart
    }

    /// The charts of the lock and the cache.
    pub(super) fn pinned(&self) -> Option<&'a crate::chart::Charts<'a>> {
        self.options.charts
    }
}

fn file_name(request: &Request) -> String {
    request.title().replace(['/', '\\'], "-")
}

/// The custom resources that the repository defines: their API versions, which charts can read, and their scopes.
#[derive(Default)]
pub(super) struct Facts {
    api_versions: BTreeSet<String>,
    /// Groups and kinds of cluster-scoped custom resources.
    cluster_scoped: BTreeSet<(String, String)>,
}

impl Facts {
    /// Reads CustomResourceDefinitions.
    pub(super) fn from_definitions<'o>(definitions: impl Iterator<Item = &'o Object>) -> Facts {
        let mut facts = Facts::default();
        definitions.for_each(|it| facts.add(&it.node));
        facts
    }

    /// Adds the definitions of a chart.
    pub(super) fn add_chart(&mut self, chart: &LoadedChart) {
        for file in chart.crd_files() {
            objects_of(&String::from_utf8_lossy(&file.data), &file.name)
                .iter()
                .for_each(|it| self.add(&it.node));
        }
        chart.dependencies.iter().for_each(|it| self.add_chart(it));
    }

    fn add(&mut self, definition: &Node) {
        let group = text(definition, &["spec", "group"]);
        let kind = text(definition, &["spec", "names", "kind"]);
        if text(definition, &["spec", "scope"]) == "Cluster" {
            self.cluster_scoped
                .insert((group.to_string(), kind.to_string()));
        }
        for version in items(definition, &["spec", "versions"]) {
            let version = format!("{group}/{}", text(version, &["name"]));
            self.api_versions.insert(format!("{version}/{kind}"));
            self.api_versions.insert(version);
        }
    }

    fn is_cluster_scoped(&self, object: &Object) -> bool {
        let gvk = object.gvk();
        let known = Schemas::builtin().is_cluster_scoped(&gvk);
        known.unwrap_or_else(|| {
            let key = (gvk.group.to_string(), gvk.kind.to_string());
            self.cluster_scoped.contains(&key)
        })
    }

    /// Sets the namespace of an object without one, if its kind is namespaced.
    pub(super) fn default_namespace(&self, object: &mut Object, namespace: &str) {
        if object.namespace().is_empty() && !self.is_cluster_scoped(object) {
            set_namespace(object, namespace);
        }
    }
}

/// How a chart is installed.
pub(super) struct Install<'a> {
    pub(super) name: &'a str,
    pub(super) namespace: &'a str,
    pub(super) values: &'a Values,
    pub(super) skip_schema: bool,
    /// The version of Kubernetes and the API versions, if the engine that installs it sets them.
    pub(super) kube_version: &'a str,
    pub(super) api_versions: Vec<String>,
    /// Values as written, for their locations; later ones take precedence.
    pub(super) written: &'a [Node],
    pub(super) parser: Parser,
}

/// Renders a chart as for an installation.
///
/// Errors: Helm's messages.
pub(super) fn install(
    chart: &LoadedChart,
    install: &Install<'_>,
    facts: &Facts,
    cluster: &Cluster,
) -> Result<Installed, HelmError> {
    let version = cluster.helm_version;
    let capabilities = capabilities(install.kube_version, &install.api_versions, facts, cluster)?;
    let release = Release::install(install.name, install.namespace);
    let locations = is_in_repository(chart);
    let render_options = RenderOptions {
        version,
        skip_schema_validation: install.skip_schema,
        trace: locations || !install.written.is_empty(),
        locations,
    };
    let mut warnings = Warnings::default();
    let rendered = render(
        chart,
        install.values,
        &release,
        &capabilities,
        &render_options,
        &mut warnings,
    )?;
    Ok(Installed::new(rendered, install))
}

/// Whether the files of a chart are files of the repository, so that reports can refer to lines of its templates. Other charts have
/// a path in angle brackets.
fn is_in_repository(chart: &LoadedChart) -> bool {
    !chart.location.as_str().starts_with('<')
}

/// The capabilities that a chart sees. `kube_version` and `api_versions` are those of the release itself.
pub(super) fn capabilities(
    kube_version: &str,
    api_versions: &[String],
    facts: &Facts,
    cluster: &Cluster,
) -> Result<Capabilities, HelmError> {
    let version = cluster.helm_version;
    let mut capabilities = Capabilities::defaults(version);
    let kube_version = match kube_version {
        "" => &*cluster.kube_version,
        given => given,
    };
    if !kube_version.is_empty() {
        let parsed = KubeVersion::parse(kube_version, version);
        capabilities.kube_version = parsed.map_err(HelmError::new)?;
    }
    let own = cluster.api_versions.iter().chain(&facts.api_versions);
    let known = &mut capabilities.api_versions;
    known.extend(own.chain(api_versions).cloned());
    Ok(capabilities)
}

/// Helm's error, with help for dependencies that an engine would pull.
pub(super) fn helm_fault(error: HelmError) -> Diagnostic {
    let fault = crate::inflate::diagnostic(error);
    match fault.message.contains("missing in charts/ directory") {
        true => fault.help("run `pleach vendor` to pull and pin the charts that it depends on"),
        false => fault,
    }
}

/// Whether the engine certainly fails to render a chart that does not render here: all values and subcharts are known, and no
/// template asks the cluster.
pub(super) fn fails_everywhere(chart: &LoadedChart, is_partial: bool, error: &HelmError) -> bool {
    !is_partial && !error.message.contains("missing in charts/ directory") && !asks_cluster(chart)
}

/// Whether a template may read objects or the APIs of the cluster.
fn asks_cluster(chart: &LoadedChart) -> bool {
    let mut templates = chart.templates.iter();
    let asks = |text: &str| text.contains("lookup") || text.contains("Capabilities");
    templates.any(|it| asks(&String::from_utf8_lossy(&it.data)))
        || chart.dependencies.iter().any(asks_cluster)
}

/// A chart's error as a note on the unit that installs it.
pub(super) fn not_rendered(what: &str, error: HelmError, at: &Span) -> Diagnostic {
    let fault = helm_fault(error);
    let mut note = Diagnostic::warning(
        "not-deployed",
        format!(
            "{what} is not shown, because its chart does not render: {}",
            fault.message
        ),
    )
    .at(at);
    note.help = fault.help;
    note.related
        .extend(fault.span.map(|it| (it, "in the chart".to_string())));
    note
}

/// An error as a note on its unit. It stays an error if the engine certainly reports it, too.
pub(super) fn not_shown(what: &str, fault: Diagnostic, at: &Span) -> Diagnostic {
    let message = format!("{what} is not shown: {}", fault.message);
    Diagnostic {
        message,
        severity: match fault.class {
            Class::Refused => Severity::Error,
            _ => Severity::Warning,
        },
        span: Some(at.clone()),
        ..fault
    }
}

/// The first error of several.
pub(super) fn first_error(diagnostics: &Diagnostics) -> Option<Diagnostic> {
    let mut all = diagnostics.iter();
    all.find(|it| it.severity == crate::diag::Severity::Error)
        .cloned()
}
