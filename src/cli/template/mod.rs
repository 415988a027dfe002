#![allow(
    clippy::disallowed_methods,
    reason = "charts and values files are read from where the user says"
)]
//! `pleach template`: the output of `helm template`, with Helm's own flags.

mod helm_flags;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::{ArgAction, Args, ValueEnum};

use super::{Global, Outcome, cache, output, session};
use helm_flags::{HelmFlags, check_dry_run, parse_bool};
use pleach::chart::{Charts, Request};
use pleach::diag::{Diagnostic, Diagnostics};
use pleach::disk::Folder;
use pleach::engine::ENGINES;
use pleach::helm::manifests::PrintOptions;
use pleach::helm::source::{LoadedChart, archive_files, load};
use pleach::helm::values::{UserValues, ValuesFile};
use pleach::helm::{HelmError, HelmVersion, Warnings};
use pleach::inflate::{self, Inflation};
use pleach::load::{Cluster, cluster};
use pleach::secret::conceal_with;
use pleach::tree::{Files, TreePath, Unlisted};

/// The meaning of `--devel`: all versions, including pre-releases.
const ANY_VERSION: &str = ">0.0.0-0";

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The release name [default: release-name], then the chart: a folder, an archive, or a chart that `pleach.lock` pins
    #[arg(value_name = "[NAME] CHART", num_args = 1..=2, required = true)]
    names: Vec<String>,
    /// A values file, or `-` for standard input (repeatable, or comma-separated)
    #[arg(short = 'f', long, value_name = "FILE", value_delimiter = ',')]
    values: Vec<PathBuf>,
    /// Values to set: key1=val1,key2=val2
    #[arg(long, value_name = "VALUES")]
    set: Vec<String>,
    /// Values to set as strings: key1=val1,key2=val2
    #[arg(long, value_name = "VALUES")]
    set_string: Vec<String>,
    /// Values to set in JSON: key1=json1,key2=json2; with Helm 4 also one object
    #[arg(long, value_name = "VALUES")]
    set_json: Vec<String>,
    /// Values to set to the contents of files: key1=path1,key2=path2
    #[arg(long, value_name = "VALUES")]
    set_file: Vec<String>,
    /// A value to set literally: key=text
    #[arg(long, value_name = "VALUE")]
    set_literal: Vec<String>,
    /// The namespace of the release [default: default]
    #[arg(short, long, value_name = "NAMESPACE")]
    namespace: Option<String>,
    /// Kubernetes version for `.Capabilities.KubeVersion`
    #[arg(long, value_name = "VERSION")]
    kube_version: Option<String>,
    /// API version to add to `.Capabilities.APIVersions` (repeatable, or comma-separated)
    #[arg(short, long, value_name = "VERSION", value_delimiter = ',')]
    api_versions: Vec<String>,
    /// Include the files of `crds/`
    #[arg(long, hide_default_value = true, value_name = "BOOL", action = ArgAction::Set, value_parser = parse_bool)]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false")]
    include_crds: bool,
    /// Skip hooks that only run in tests
    #[arg(long, hide_default_value = true, value_name = "BOOL", action = ArgAction::Set, value_parser = parse_bool)]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false")]
    skip_tests: bool,
    /// Skip the hooks of the chart
    #[arg(long, hide_default_value = true, value_name = "BOOL", action = ArgAction::Set, value_parser = parse_bool)]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false")]
    no_hooks: bool,
    /// Only the output of these templates: paths or patterns within the chart (repeatable)
    #[arg(short, long, value_name = "TEMPLATE")]
    show_only: Vec<String>,
    /// Set .Release.IsUpgrade instead of .Release.IsInstall
    #[arg(long, hide_default_value = true, value_name = "BOOL", action = ArgAction::Set, value_parser = parse_bool)]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false")]
    is_upgrade: bool,
    /// A template for the release name
    #[arg(long, value_name = "TEMPLATE")]
    name_template: Option<String>,
    /// Do not validate values against `values.schema.json`
    #[arg(long, hide_default_value = true, value_name = "BOOL", action = ArgAction::Set, value_parser = parse_bool)]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false")]
    skip_schema_validation: bool,
    /// The repository of a chart that `pleach.lock` pins
    #[arg(long, value_name = "URL")]
    repo: Option<String>,
    /// The version or range of a chart that `pleach.lock` pins
    #[arg(long, value_name = "VERSION")]
    version: Option<String>,
    /// The major version of Helm to behave as, where 3 and 4 differ [default: `helmVersion` of the environment, else 4]
    #[arg(long, value_name = "MAJOR")]
    helm_version: Option<Major>,
    /// Use the Kubernetes and Helm versions of this environment
    #[arg(long, value_name = "ENV")]
    env: Option<String>,
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "client")]
    dry_run: Option<String>,
    /// Also match pre-releases in `pleach.lock` if `--version` is not given
    #[arg(long, hide = true)]
    #[arg(action = ArgAction::Set, value_parser = parse_bool, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false")]
    devel: bool,
    #[command(flatten)]
    others: HelmFlags,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Major {
    #[value(name = "3")]
    Three,
    #[value(name = "4")]
    Four,
}

impl From<Major> for HelmVersion {
    fn from(major: Major) -> HelmVersion {
        match major {
            Major::Three => HelmVersion::V3,
            Major::Four => HelmVersion::V4,
        }
    }
}

pub(super) fn run(arguments: &Arguments, global: &Global) -> Result<Outcome> {
    let mut diagnostics = arguments.others.check(arguments.namespace.is_some())?;
    if let Some(value) = &arguments.dry_run {
        check_dry_run(value)?;
    }
    let current = session::directory(global)?;
    let (name, chart) = arguments.name_and_chart()?;
    if current.join(chart).exists() {
        diagnostics.extend(unused_for_a_local_chart(arguments));
    }
    let cluster = cluster_of(arguments, global)?;
    let version = arguments.helm_version(&cluster);
    let inflation = inflation(arguments, name, version, cluster);
    let mut warnings = Warnings::default();
    let read = |name: &str| {
        std::fs::read_to_string(current.join(name)).map_err(|it| go_error_text(name, &it))
    };
    // Helm reads the values first, so their errors are reported first.
    let user = user_values(arguments, &current)?;
    let mut quoted = inflate::quoted_texts(&user, None);
    let rendered = match user.merged(version, &read) {
        Err(error) => Err(error),
        Ok(values) => find_chart(arguments, chart, version, &current, global, &mut warnings)?
            .and_then(|it| {
                quoted = inflate::quoted_texts(&user, Some(&it));
                inflation.run(&it, &values, &mut warnings)
            }),
    };
    diagnostics.extend(inflate::warnings(&warnings));
    let text = rendered.map_err(|error| diagnostics.push(inflate::diagnostic(error)));
    let diagnostics = conceal_with(diagnostics, &quoted);
    let display = |path: &TreePath| {
        session::relative_path(&Path::new("/").join(path.as_str()), &current, path)
    };
    let outcome = session::report(&diagnostics, global, &display);
    match text {
        Ok(text) if outcome == Outcome::Clean => {
            output::data(text.as_bytes())?;
            Ok(Outcome::Clean)
        }
        _ => Ok(Outcome::Findings),
    }
}

impl Arguments {
    /// The release name, which may be empty, and the chart.
    fn name_and_chart(&self) -> Result<(&str, &str)> {
        let (name, chart) = match &*self.names {
            [name, chart] => (name.as_str(), chart),
            [chart] => ("", chart),
            _ => bail!("expected a chart"),
        };
        if !name.is_empty() && self.others.has("generate-name") {
            bail!("`--generate-name` cannot be combined with a name");
        }
        Ok((name, chart))
    }

    fn helm_version(&self, cluster: &Cluster) -> HelmVersion {
        match (self.helm_version, cluster.helm_version) {
            (Some(major), _) => major.into(),
            (None, Some(3)) => HelmVersion::V3,
            (None, _) => HelmVersion::V4,
        }
    }
}

/// Warnings about flags that only apply to a chart in a repository, if the chart is a file or folder.
fn unused_for_a_local_chart(arguments: &Arguments) -> Diagnostics {
    let flags = [
        ("repo", arguments.repo.is_some()),
        ("version", arguments.version.is_some()),
        ("devel", arguments.devel),
    ];
    let given = flags.into_iter().filter(|it| it.1);
    given
        .map(|(name, _)| {
            let message =
                format!("`--{name}` has no effect: the chart is a file or folder that exists");
            Diagnostic::warning("unused-flag", message).help("remove it")
        })
        .collect()
}

fn user_values(arguments: &Arguments, current: &Path) -> Result<UserValues> {
    let mut files = Vec::new();
    for path in &arguments.values {
        files.push(values_file(path, current)?);
    }
    Ok(UserValues {
        files,
        set_json: arguments.set_json.clone(),
        set: arguments.set.clone(),
        set_string: arguments.set_string.clone(),
        set_file: arguments.set_file.clone(),
        set_literal: arguments.set_literal.clone(),
    })
}

/// The cluster settings of the environment.
fn cluster_of(arguments: &Arguments, global: &Global) -> Result<Cluster> {
    let Some(environment) = &arguments.env else {
        return Ok(Cluster::default());
    };
    let session = session::Session::open(global)?;
    cluster(&session.files, &ENGINES, environment).map_err(|faults| {
        let first = faults.iter().next();
        let message = first.map_or("", |it| it.message.as_str());
        anyhow::anyhow!("{message}; run `pleach check` for details")
    })
}

fn inflation(
    arguments: &Arguments,
    name: &str,
    version: HelmVersion,
    cluster: Cluster,
) -> Inflation {
    let kube_version = arguments.kube_version.clone();
    Inflation {
        version,
        name: name.to_string(),
        name_template: arguments.name_template.clone().unwrap_or_default(),
        namespace: arguments.namespace.clone().unwrap_or_default(),
        is_upgrade: arguments.is_upgrade,
        kube_version: kube_version.unwrap_or(cluster.kubernetes_version),
        api_versions: arguments.api_versions.clone(),
        skip_schema_validation: arguments.skip_schema_validation,
        print: PrintOptions {
            include_crds: arguments.include_crds,
            no_hooks: arguments.no_hooks,
            skip_tests: arguments.skip_tests,
            show_only: arguments.show_only.clone(),
        },
    }
}

fn values_file(path: &Path, current: &Path) -> Result<ValuesFile> {
    let name = path.display().to_string();
    if name.contains("://") {
        bail!("`{name}` is a URL, and rendering does not use the network; download the file first");
    }
    let content = match name.trim() {
        "-" => {
            let mut content = Vec::new();
            std::io::Read::read_to_end(&mut std::io::stdin().lock(), &mut content)?;
            content
        }
        _ => std::fs::read(current.join(path))
            .map_err(|it| anyhow::anyhow!(go_error_text(&name, &it)))?,
    };
    Ok(ValuesFile {
        name: current.join(path).display().to_string(),
        content,
    })
}

/// An error of the system in Go's words.
fn go_error_text(name: &str, error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => format!("open {name}: no such file or directory"),
        _ => format!("open {name}: {error}"),
    }
}

/// The chart of the command line: a folder or an archive, or else a chart that the lock of the workspace pins.
fn find_chart(
    arguments: &Arguments,
    chart: &str,
    version: HelmVersion,
    current: &Path,
    global: &Global,
    warnings: &mut Warnings,
) -> Result<Result<LoadedChart, HelmError>> {
    let path = current.join(chart);
    if path.is_dir() {
        let location = tree_path(&path.canonicalize()?)?;
        // As in Helm, links of a chart may lead anywhere.
        let files = Folder::open(Path::new("/"))?;
        let loaded = pleach::helm::source::folder_files(&files, &location)
            .map_err(HelmError::from)
            .and_then(|read| check_names(&files, &location).map(|()| read))
            .and_then(|read| load(read, &location, version, warnings));
        return Ok(loaded);
    }
    if path.is_file() {
        let bytes = std::fs::read(&path).with_context(|| format!("cannot read `{chart}`"))?;
        let location = tree_path(&path.canonicalize()?)?;
        let files = archive_files(&bytes, chart).map_err(HelmError::from);
        return Ok(files.and_then(|files| load(files, &location, version, warnings)));
    }
    let files = pinned(arguments, chart, global)?;
    let location = TreePath::root().child(&format!("<chart {}>", chart.replace('/', "-")));
    Ok(files.map_err(HelmError::from).and_then(|tree| {
        let files = pleach::helm::source::folder_files(&tree, &TreePath::root())?;
        load(files, &location, version, warnings)
    }))
}

/// Fails if a file of the chart could not be listed: Helm would read it, or fail.
fn check_names(files: &Folder, chart: &TreePath) -> Result<(), HelmError> {
    let unlisted = files.unlisted();
    let Some((path, reason)) = unlisted.first_key_value() else {
        return Ok(());
    };
    let path = path.below(chart).unwrap_or_else(|| path.clone());
    let reason = match reason {
        Unlisted::Cycle => "it links to one of its parent folders",
        Unlisted::NotUtf8 => "its name is not valid UTF-8",
        Unlisted::Submodule => "the commit of this submodule is not available",
    };
    let fault = Diagnostic::error("unreadable-file", format!("cannot read `{path}`: {reason}"));
    Err(HelmError::from(fault))
}

fn tree_path(path: &Path) -> Result<TreePath> {
    let text = path
        .to_str()
        .and_then(|it| TreePath::new(it.trim_start_matches('/')));
    text.with_context(|| format!("`{}` is not valid UTF-8", path.display()))
}

/// The files of a chart that the lock of the workspace pins, found by repository and name, or by an unambiguous name.
fn pinned(
    arguments: &Arguments,
    chart: &str,
    global: &Global,
) -> Result<Result<pleach::tree::Tree, pleach::diag::Diagnostic>> {
    if arguments.repo.is_none() && chart.starts_with(['.', '/']) {
        bail!("file or folder `{chart}` not found");
    }
    let Some(session) = session::Session::find(global)? else {
        bail!(
            "file or folder `{chart}` not found, and there is no workspace with a `pleach.lock` that pins such a chart"
        );
    };
    let charts: Charts<'_> =
        pleach::load::charts_of(&session.files, cache::open(global)).map_err(|faults| {
            anyhow::anyhow!("{}", faults.iter().next().map_or("", |it| &it.message))
        })?;
    let (repository, name) = match (&arguments.repo, chart.rsplit_once('/')) {
        (Some(repository), _) => (repository.clone(), chart),
        (None, Some((repository, name))) => (repository.to_string(), name),
        (None, None) => match &*charts.repositories(chart) {
            [repository] => (repository.clone(), chart),
            [] => bail!(
                "file or folder `{chart}` not found, and `pleach.lock` does not pin a chart with this name"
            ),
            several => bail!(
                "`pleach.lock` pins `{chart}` from several repositories; choose one with `--repo`: {}",
                several.join(", ")
            ),
        },
    };
    let newest = arguments.devel.then_some(ANY_VERSION);
    Ok(charts.files(&Request::new(
        &repository,
        name,
        arguments.version.as_deref().or(newest),
    )))
}
