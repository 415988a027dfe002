//! Helm charts rendered by the program itself: for `pleach template`, and for kustomizations that inflate charts.

use pleach_helm::manifests::{PrintOptions, print};
use pleach_helm::source::{LoadedChart, folder_files, load};
use pleach_helm::values::{UserValues, Values, ValuesFile};
use pleach_helm::{
    Capabilities, HelmError, HelmVersion, KubeVersion, Release, RenderOptions, Warnings, render,
};

use crate::chart::{Charts, Request};
use crate::diag::{Diagnostic, Diagnostics, Span};
use crate::kustomize::{ChartInflation, ChartReference, ChartRenderer};
use crate::tree::{Files, Tree, TreePath};

/// The namespace of who names none.
pub const DEFAULT_NAMESPACE: &str = "default";
/// The name of a release that is given none.
pub const DEFAULT_RELEASE: &str = "release-name";

/// A chart, and how it is rendered: the flags of `helm template` as data.
#[derive(Clone, Debug, Default)]
pub struct Inflation {
    /// Whose behaviour is wanted.
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
    /// API versions beside Helm's defaults.
    pub api_versions: Vec<String>,
    /// Whether `values.schema.json` is left out of account.
    pub skip_schema_validation: bool,
    /// What is printed.
    pub print: PrintOptions,
}

impl Inflation {
    /// Renders and prints a chart that was loaded, with the user's `values`.
    ///
    /// Errors: Helm's message, with its place in the chart as far as it is known.
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

/// Loads the chart in a folder. Errors: Helm's message, with its place.
pub fn load_folder(
    files: &dyn Files,
    folder: &TreePath,
    version: HelmVersion,
    warnings: &mut Warnings,
) -> Result<LoadedChart, HelmError> {
    load(folder_files(files, folder)?, folder, version, warnings)
}

/// Helm's message as a diagnostic.
pub fn diagnostic(error: HelmError) -> Diagnostic {
    let fault = Diagnostic::error("helm", error.message.trim_end().to_string());
    match error.span {
        Some(span) => fault.at(*span),
        None => fault,
    }
}

/// What Helm says on standard error, as diagnostics.
pub fn warnings(warnings: &Warnings) -> Diagnostics {
    let text = |line: &String| {
        let words = ["warning: ", "Warning: ", "WARNING: ", "info: "];
        let text = words.iter().find_map(|it| line.strip_prefix(it));
        Diagnostic::warning("helm", text.unwrap_or(line).to_string())
    };
    warnings.iter().map(text).collect()
}

/// Renders the charts of kustomizations.
pub struct Inflater<'a> {
    /// Whose behaviour is wanted.
    pub version: HelmVersion,
    /// The version of Kubernetes where a chart is given none; empty for Helm's default.
    pub kube_version: String,
    /// API versions where a chart is given none.
    pub api_versions: Vec<String>,
    /// The charts of the workspace that the kustomization is in, if it is in one.
    pub charts: Option<Charts<'a>>,
}

impl ChartRenderer for Inflater<'_> {
    fn find(&self, chart: &ChartReference<'_>) -> Result<Tree, Diagnostic> {
        let version = Some(chart.version).filter(|it| !it.is_empty());
        let request = Request::new(chart.repository, chart.name, version);
        match &self.charts {
            Some(charts) => charts.files(&request).map_err(|it| it.at(chart.span)),
            None => {
                let message = format!(
                    "chart `{}` is not in the chart home, and a build reaches no repository",
                    request.title()
                );
                Err(Diagnostic::error("missing-chart", message)
                    .at(chart.span)
                    .help("put it there with `helm pull --untar`, or pin it in the `pleach.lock` of a workspace"))
            }
        }
    }

    fn render(&self, inflation: &ChartInflation<'_>) -> Result<String, Diagnostic> {
        let (mut said, span) = (Warnings::default(), inflation.span);
        let chart = load_folder(inflation.files, &inflation.folder, self.version, &mut said);
        let chart = chart.map_err(|error| placed(error, span))?;
        let given = |text: &str, default: &str| non_empty(text, default).to_string();
        let api_versions = match &*inflation.api_versions {
            [] => self.api_versions.clone(),
            given => given.iter().map(|it| it.to_string()).collect(),
        };
        let files = inflation.values.iter().map(|(name, content)| ValuesFile {
            name: name.clone(),
            content: content.to_vec(),
        });
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
        let user = UserValues {
            files: files.collect(),
            ..UserValues::default()
        };
        let none = |name: &str| Err(format!("open {name}: no such file or directory"));
        user.merged(self.version, &none)
            .and_then(|values| run.run(&chart, &values, &mut said))
            .map_err(|error| placed(error, span))
    }
}

/// An error of a chart that a kustomization inflates.
fn placed(error: HelmError, span: &Span) -> Diagnostic {
    match diagnostic(error) {
        fault if fault.span.is_some() => fault.related(span, "the chart is inflated here"),
        fault => fault.at(span),
    }
}
