//! Helm charts rendered by the program itself: for `pleach template`, and for kustomizations that inflate charts.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use crate::chart::{Charts, Request};
use crate::diag::{Class, Diagnostic, Diagnostics, Source, Span};
use crate::kustomize::{ChartInflation, ChartReference, ChartRenderer};
use crate::secret::{Quoted, conceal_with, is_secret_name};
use crate::tree::{Files, Tree, TreePath};
use crate::yaml::{Mapping, Node, emit_canonical};
use pleach_helm::manifests::{PrintOptions, print};
use pleach_helm::source::{LoadedChart, folder_files, load};
use pleach_helm::values::{UserValues, Values, ValuesFile};
use pleach_helm::{
    Capabilities, HelmError, HelmVersion, KubeVersion, Release, RenderOptions, Warnings, render,
};

/// The namespace of releases that name none.
pub const DEFAULT_NAMESPACE: &str = "default";
/// The default name of a release.
pub const DEFAULT_RELEASE: &str = "release-name";

/// A chart, and how it is rendered: the flags of `helm template` as data.
#[derive(Clone, Debug, Default)]
pub struct Inflation {
    /// The version of Helm whose behaviour is used.
    pub version: HelmVersion,
    /// The release's name; empty for [`DEFAULT_RELEASE`].
    pub name: String,
    /// A template for the name, in place of it; empty for none.
    pub name_template: String,
    /// The namespace; empty for [`DEFAULT_NAMESPACE`].
    pub namespace: String,
    /// Whether it is an upgrade.
    pub is_upgrade: bool,
    /// The version of Kubernetes; empty for Helm's default.
    pub kube_version: String,
    /// API versions in addition to Helm's defaults.
    pub api_versions: Vec<String>,
    /// Whether `values.schema.json` is ignored.
    pub skip_schema_validation: bool,
    /// Which of the chart's manifests are printed.
    pub print: PrintOptions,
}

impl Inflation {
    /// Renders and prints a chart that was loaded, with the user's `values`.
    ///
    /// Errors: Helm's message, with its location in the chart if known.
    pub fn run(
        &self,
        chart: &LoadedChart,
        values: &Values,
        warnings: &mut Warnings,
    ) -> Result<String, HelmError> {
        let mut capabilities = Capabilities::defaults(self.version);
        if !self.kube_version.is_empty() {
            let kube_version = KubeVersion::parse(&self.kube_version, self.version);
            capabilities.kube_version = kube_version.map_err(HelmError::new)?;
        }
        capabilities
            .api_versions
            .extend(self.api_versions.iter().cloned());
        let release = Release {
            is_upgrade: self.is_upgrade,
            ..Release::install(
                &self.release_name()?,
                non_empty(&self.namespace, DEFAULT_NAMESPACE),
            )
        };
        let options = RenderOptions {
            version: self.version,
            skip_schema_validation: self.skip_schema_validation,
            ..RenderOptions::default()
        };
        let rendered = render(chart, values, &release, &capabilities, &options, warnings)?;
        print(&rendered, &self.print, self.version)
    }

    fn release_name(&self) -> Result<String, HelmError> {
        match (&*self.name, &*self.name_template) {
            ("", "") => Ok(DEFAULT_RELEASE.to_string()),
            ("", template) => pleach_helm::name_from_template(template, self.version),
            (name, "") => Ok(name.to_string()),
            _ => Err(HelmError::new(
                "cannot set --name-template and also specify a name",
            )),
        }
    }
}

fn non_empty<'a>(text: &'a str, default: &'a str) -> &'a str {
    if text.is_empty() { default } else { text }
}

/// A chart and its values in a release or kustomization.
pub struct ChartInput {
    /// The chart with its subcharts.
    pub chart: Arc<LoadedChart>,
    /// All values, merged as the engine merges them.
    pub values: Values,
    /// The values as written; later ones take precedence.
    pub written: Vec<Node>,
    /// Whether some values are unknown, such as those of a Secret.
    pub is_partial: bool,
    /// Whether `values.schema.json` is ignored.
    pub skip_schema: bool,
    /// The version of Helm whose behaviour is used.
    pub version: HelmVersion,
    /// The location of the chart's entry in a kustomization; `None` for a release.
    pub entry: Option<Span>,
}

impl fmt::Debug for ChartInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChartInput {{ {} }}", self.chart.metadata.name)
    }
}

/// Loads the chart in a folder. Errors: Helm's message, with its location.
pub fn load_folder(
    files: &dyn Files,
    folder: &TreePath,
    version: HelmVersion,
    warnings: &mut Warnings,
) -> Result<LoadedChart, HelmError> {
    load(folder_files(files, folder)?, folder, version, warnings)
}

/// Converts Helm's message to a diagnostic.
pub fn diagnostic(error: HelmError) -> Diagnostic {
    let mut fault = Diagnostic::error("helm", error.message.trim_end().to_string());
    fault.span = error.span.map(|it| *it);
    fault.help.extend(error.help.map(str::to_string));
    fault
}

/// Helm's warnings on standard error, as diagnostics.
pub fn warnings(warnings: &Warnings) -> Diagnostics {
    let text = |line: &String| {
        let prefixes = ["warning: ", "Warning: ", "WARNING: ", "info: "];
        let text = prefixes.iter().find_map(|it| line.strip_prefix(it));
        Diagnostic::warning("helm", text.unwrap_or(line).to_string())
    };
    warnings.iter().map(text).collect()
}

/// What Helm's messages may quote: values of the user and of the charts, and the charts' own texts.
pub fn quoted_texts(user: &UserValues, chart: Option<&LoadedChart>) -> Quoted {
    let mut texts: Vec<String> = Vec::new();
    for file in &user.files {
        texts.push(String::from_utf8_lossy(&file.content).into_owned());
    }
    let sets = [
        &user.set,
        &user.set_string,
        &user.set_file,
        &user.set_literal,
        &user.set_json,
    ];
    texts.extend(sets.into_iter().flatten().map(|it| set_as_yaml(it)));
    texts.extend(user.set_json.iter().cloned());
    let source = |text| Source::internal("values", text);
    let mut quoted = Quoted {
        values: texts.into_iter().map(source).collect(),
        ..Quoted::default()
    };
    let mut charts: Vec<&LoadedChart> = chart.into_iter().collect();
    while let Some(chart) = charts.pop() {
        quoted.defaults.push(source(chart.values_text()));
        let templates = chart.templates.iter().map(|it| {
            let text = String::from_utf8_lossy(&it.data).into_owned();
            Source::template(chart.location.clone(), text)
        });
        quoted.templates.extend(templates);
        let aliases = chart.metadata.dependencies.iter().map(|it| &it.alias);
        let names = aliases.filter(|it| !it.is_empty());
        quoted.charts.extend(names.cloned());
        quoted.charts.push(chart.metadata.name.clone());
        charts.extend(&chart.dependencies);
    }
    quoted
}

/// `a.password=b,c=d` as a map each. Of each name, the last nonempty part is used.
fn set_as_yaml(set: &str) -> String {
    let documents = set.split(',').map(|it| {
        let (path, value) = it.split_once('=').unwrap_or(("", it));
        let mut parts = path.split(['.', '[', ']']).rev();
        let name = parts.find(|it| is_secret_name(it)).unwrap_or(path);
        let mut pair = Mapping::new();
        pair.push(Node::string(name), Node::string(value));
        emit_canonical(&Node::mapping(pair))
    });
    documents.collect::<Vec<_>>().join("---\n")
}

/// Renders the charts of kustomizations.
pub struct Inflater<'a> {
    /// The version of Helm whose behaviour is used.
    version: HelmVersion,
    /// The default version of Kubernetes; empty for Helm's default.
    kube_version: String,
    /// The default API versions.
    api_versions: Vec<String>,
    /// The charts of the workspace that contains the kustomization, if any.
    charts: Option<&'a Charts<'a>>,
    /// The rendered charts with their values, for checks.
    inputs: Mutex<Vec<Arc<ChartInput>>>,
}

impl<'a> Inflater<'a> {
    /// The version of Helm, the default version of Kubernetes, the default API versions, and the charts of the workspace.
    pub fn new(
        version: HelmVersion,
        kube_version: &str,
        api_versions: &[String],
        charts: Option<&'a Charts<'a>>,
    ) -> Inflater<'a> {
        Inflater {
            version,
            kube_version: kube_version.to_string(),
            api_versions: api_versions.to_vec(),
            charts,
            inputs: Mutex::default(),
        }
    }

    /// The charts that were rendered, including those that failed.
    pub fn into_inputs(self) -> Vec<Arc<ChartInput>> {
        let inputs = self.inputs.into_inner();
        inputs.unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, inflation: &ChartInflation<'_>, chart: &Arc<LoadedChart>, values: &Values) {
        let input = ChartInput {
            chart: chart.clone(),
            values: values.clone(),
            written: inflation.written.clone(),
            is_partial: false,
            skip_schema: false,
            version: self.version,
            entry: Some(inflation.span.clone()),
        };
        let mut inputs = self.inputs.lock().unwrap_or_else(PoisonError::into_inner);
        inputs.push(Arc::new(input));
    }
}

impl ChartRenderer for Inflater<'_> {
    fn find(&self, chart: &ChartReference<'_>) -> Result<Tree, Diagnostic> {
        let version = Some(chart.version).filter(|it| !it.is_empty());
        let request = Request::new(chart.repository, chart.name, version);
        match self.charts {
            Some(charts) => charts.files(&request).map_err(|it| it.at(chart.span)),
            None => {
                let message = format!(
                    "chart `{}` is not in the chart home, and a build does not pull charts",
                    request.title()
                );
                Err(Diagnostic::error("missing-chart", message).class(Class::MissingChart)
                    .at(chart.span)
                    .help("put it there with `helm pull --untar`, or pin it in the `pleach.lock` of a workspace"))
            }
        }
    }

    fn render(&self, inflation: &ChartInflation<'_>) -> Result<String, Diagnostic> {
        let files = inflation.values.iter().map(|(name, content)| ValuesFile {
            name: name.clone(),
            content: content.to_vec(),
        });
        let user = UserValues {
            files: files.collect(),
            ..UserValues::default()
        };
        let (mut warnings, span) = (Warnings::default(), inflation.span);
        let fault = |error, chart: Option<&LoadedChart>| {
            let fault = Diagnostics::from(placed(error, span));
            let concealed = conceal_with(fault, &quoted_texts(&user, chart));
            let concealed = concealed.into_iter().next();
            concealed.unwrap_or_else(|| Diagnostic::error("helm", "the chart cannot be rendered"))
        };
        let chart = load_folder(
            inflation.files,
            &inflation.folder,
            self.version,
            &mut warnings,
        );
        let chart = Arc::new(chart.map_err(|error| fault(error, None))?);
        let given = |text: &str, default: &str| non_empty(text, default).to_string();
        let api_versions = match &*inflation.api_versions {
            [] => self.api_versions.clone(),
            given => given.iter().map(|it| it.to_string()).collect(),
        };
        let run = Inflation {
            version: self.version,
            name: inflation.release_name.to_string(),
            name_template: inflation.name_template.to_string(),
            namespace: inflation.namespace.to_string(),
            kube_version: given(inflation.kube_version, &self.kube_version),
            api_versions,
            print: PrintOptions {
                include_crds: inflation.include_crds,
                no_hooks: inflation.skip_hooks,
                skip_tests: inflation.skip_tests,
                show_only: Vec::new(),
            },
            ..Inflation::default()
        };
        let none = |name: &str| Err(format!("open {name}: no such file or directory"));
        user.merged(self.version, &none)
            .and_then(|values| {
                self.keep(inflation, &chart, &values);
                run.run(&chart, &values, &mut warnings)
            })
            .map_err(|error| fault(error, Some(&chart)))
    }
}

/// An error of a chart that a kustomization inflates.
fn placed(error: HelmError, span: &Span) -> Diagnostic {
    match diagnostic(error) {
        fault if fault.span.is_some() => fault.related(span, "the chart is used here"),
        fault => fault.at(span),
    }
}
