//! Loads a chart from its files.

use std::collections::BTreeMap;
use std::sync::Arc;

use pleach_yaml::tree::TreePath;

use super::files::archive_files;
use super::{ChartFile, LoadedChart, Metadata, parse_values};
use crate::HelmVersion;
use crate::error::{HelmError, Warnings};
use crate::go::yaml::{YamlError, parse};

/// The maximum depth of nested charts. Each level of archives is unpacked in memory.
const DEPTH_MAX: usize = 32;

/// Loads a chart from its files (Helm, `LoadFiles`). `location` is its path, for spans.
///
/// Errors: Helm's message for a chart that it cannot load; charts that are nested too deeply.
pub fn load(
    files: Vec<ChartFile>,
    location: &TreePath,
    version: HelmVersion,
    warnings: &mut Warnings,
) -> Result<LoadedChart, HelmError> {
    let mut loader = Loader { version, warnings };
    if version == HelmVersion::V4 {
        detect_version(&files, location)?;
    }
    loader.chart(files, location, 0)
}

/// Rejects an unknown `apiVersion` before the chart is loaded, as Helm 4 does in `LoadDir`.
fn detect_version(files: &[ChartFile], location: &TreePath) -> Result<(), HelmError> {
    let Some(file) = files.iter().find(|it| it.name == "Chart.yaml") else {
        return Err(HelmError::new(format!(
            "unable to detect chart at {location}/Chart.yaml: no such file or directory"
        )));
    };
    let mut metadata = Metadata::default();
    // Other errors in the file are reported when it is loaded.
    if let Ok(node) = parse(&file.data, &location.child("Chart.yaml")) {
        let _ = metadata.read(node.as_ref(), HelmVersion::V4);
    }
    match &*metadata.api_version {
        "" | "v1" | "v2" => Ok(()),
        _ => Err(HelmError::new("unsupported chart version".to_string())),
    }
}

struct Loader<'a> {
    version: HelmVersion,
    warnings: &'a mut Warnings,
}

impl Loader<'_> {
    fn chart(
        &mut self,
        files: Vec<ChartFile>,
        location: &TreePath,
        depth: usize,
    ) -> Result<LoadedChart, HelmError> {
        if depth > DEPTH_MAX {
            let message = format!("charts are nested deeper than {DEPTH_MAX} levels");
            return Err(HelmError::new(message));
        }
        let mut chart = LoadedChart::empty(location);
        let mut has_metadata = self.read_metadata(&files, location, &mut chart)?;
        let mut subcharts: BTreeMap<String, Vec<ChartFile>> = BTreeMap::new();
        for file in files {
            match &*file.name {
                "Chart.yaml" => {}
                "Chart.lock" => self.check_lock(&file, location)?,
                "values.yaml" => {
                    let path = location.child(&file.name);
                    let values = parse_values(&file.data, &path, self.version);
                    chart.values = values.map_err(|error| cannot_load(&file.name, error))?;
                    chart.values_source = Some(file.data);
                }
                "values.schema.json" => chart.schema = Some(file.data),
                "requirements.yaml" | "requirements.lock" => {
                    self.read_requirements(&file, location, &mut chart.metadata)?;
                    has_metadata = true;
                    if chart.metadata.api_version == "v1" {
                        chart.files.push(file);
                    }
                }
                name if name.starts_with("templates/") => chart.templates.push(file),
                name if name.starts_with("charts/") && !name.ends_with(".prov") => {
                    let name = name.strip_prefix("charts/").unwrap_or(name).to_string();
                    let subchart = name.split('/').next().unwrap_or("").to_string();
                    let data = file.data;
                    let files = subcharts.entry(subchart).or_default();
                    files.push(ChartFile { name, data });
                }
                _ => chart.files.push(file),
            }
        }
        if !has_metadata {
            return Err(HelmError::new("Chart.yaml file is missing".to_string()));
        }
        let is_valid = chart.metadata.validate();
        is_valid.map_err(HelmError::new)?;
        let parent = &chart.metadata.name;
        chart.dependencies = self.subcharts(subcharts, parent, location, depth)?;
        Ok(chart)
    }

    /// Reads `Chart.yaml`; returns whether there is one.
    fn read_metadata(
        &self,
        files: &[ChartFile],
        location: &TreePath,
        chart: &mut LoadedChart,
    ) -> Result<bool, HelmError> {
        let mut found = false;
        for file in files.iter().filter(|it| it.name == "Chart.yaml") {
            found = true;
            let read = parse(&file.data, &location.child("Chart.yaml"))
                .and_then(|node| chart.metadata.read(node.as_ref(), self.version));
            read.map_err(|error| cannot_load("Chart.yaml", error))?;
            if chart.metadata.api_version.is_empty() {
                chart.metadata.api_version = "v1".to_string();
            }
        }
        Ok(found)
    }

    /// Reads `requirements.yaml`, or checks `requirements.lock`: the files of a chart with `apiVersion: v1`.
    fn read_requirements(
        &mut self,
        file: &ChartFile,
        location: &TreePath,
        metadata: &mut Metadata,
    ) -> Result<(), HelmError> {
        let is_v1 = metadata.api_version == "v1";
        if file.name == "requirements.lock" {
            self.check_lock(file, location)?;
            if !is_v1 {
                self.warnings.push("Warning: Dependency locking is handled in Chart.lock since apiVersion \"v2\". We recommend migrating to Chart.lock.".to_string());
            }
            return Ok(());
        }
        if !is_v1 {
            self.warnings.push("Warning: Dependencies are handled in Chart.yaml since apiVersion \"v2\". We recommend migrating dependencies to Chart.yaml.".to_string());
        }
        let read = parse(&file.data, &location.child(&file.name))
            .and_then(|node| metadata.read(node.as_ref(), self.version));
        read.map_err(|error| cannot_load(&file.name, error))
    }

    /// Checks a lock. Its content is not used, but Helm rejects a chart whose lock it cannot decode.
    fn check_lock(&self, file: &ChartFile, location: &TreePath) -> Result<(), HelmError> {
        let checked = parse(&file.data, &location.child(&file.name))
            .and_then(|node| super::metadata::check_lock(node.as_ref(), self.version));
        checked.map_err(|error| cannot_load(&file.name, error))
    }

    /// Loads the subcharts of a chart, in the order of their names in `charts/`.
    fn subcharts(
        &mut self,
        files: BTreeMap<String, Vec<ChartFile>>,
        parent: &str,
        location: &TreePath,
        depth: usize,
    ) -> Result<Vec<LoadedChart>, HelmError> {
        let is_chart = |name: &str| !name.starts_with(['_', '.']);
        let files = files.into_iter().filter(|it| is_chart(&it.0));
        let subcharts = files.map(|(name, files)| {
            let subchart = self.subchart(&name, files, parent, location, depth);
            subchart.map_err(|error| {
                error.within(&format!("error unpacking subchart {name} in {parent}"))
            })
        });
        subcharts.collect()
    }

    /// Loads a subchart from its files below `charts/`: a folder, or an archive as a single file.
    fn subchart(
        &mut self,
        name: &str,
        files: Vec<ChartFile>,
        parent: &str,
        location: &TreePath,
        depth: usize,
    ) -> Result<LoadedChart, HelmError> {
        let location = location.child("charts").child(name);
        if name.ends_with(".tgz") {
            let Some(file) = files.first().filter(|it| it.name == name) else {
                let got = files.first().map_or("", |it| &it.name);
                return Err(HelmError::new(format!(
                    "error unpacking subchart tar in {parent}: expected {name}, got {got}"
                )));
            };
            let files = archive_files(&file.data, location.as_str())?;
            return self.chart(files, &location, depth + 1);
        }
        let files = files.into_iter().filter_map(|file| {
            let (_, name) = file.name.split_once('/')?;
            Some(ChartFile {
                name: name.to_string(),
                data: Arc::clone(&file.data),
            })
        });
        self.chart(files.collect(), &location, depth + 1)
    }
}

fn cannot_load(name: &str, error: YamlError) -> HelmError {
    HelmError::new(format!("cannot load {name}: {}", error.message)).at(error.span)
}
