//! Loads charts as Helm does: metadata, values, templates and subcharts from the files of a folder or archive.

mod files;
mod load;
mod metadata;
mod values;

pub use files::{archive_files, folder_files};
pub use load::load;
pub use metadata::{Dependency, Maintainer, Metadata};
pub(crate) use values::{merge_maps, parse_values};

use std::sync::Arc;

use pleach_yaml::tree::TreePath;
use serde_json::{Map, Value as Json};

/// A loaded chart with its subcharts, before values are applied.
#[derive(Clone, Debug)]
pub struct LoadedChart {
    /// `Chart.yaml`, and for `apiVersion: v1` also `requirements.yaml`.
    pub metadata: Metadata,
    /// `values.yaml`; numbers are float64.
    pub values: Map<String, Json>,
    /// The bytes of `values.yaml`, if the chart has one, to locate values in it.
    pub values_source: Option<Arc<[u8]>>,
    /// The bytes of `values.schema.json`, if the chart has one.
    pub schema: Option<Arc<[u8]>>,
    /// The files below `templates/`.
    pub templates: Vec<ChartFile>,
    /// All other files, including those of `crds/`.
    pub files: Vec<ChartFile>,
    /// Its path, for spans.
    pub location: TreePath,
    /// The subcharts in `charts/`, by file name.
    pub dependencies: Vec<LoadedChart>,
}

/// A file of a chart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChartFile {
    /// Its path in the chart.
    pub name: String,
    /// Its content, without a byte order mark.
    pub data: Arc<[u8]>,
}

impl LoadedChart {
    fn empty(location: &TreePath) -> LoadedChart {
        LoadedChart {
            metadata: Metadata::default(),
            values: Map::new(),
            values_source: None,
            schema: None,
            templates: Vec::new(),
            files: Vec::new(),
            location: location.clone(),
            dependencies: Vec::new(),
        }
    }

    /// Whether two charts have the same files, wherever these are.
    pub fn has_same_files(&self, other: &LoadedChart) -> bool {
        let mut dependencies = self.dependencies.iter().zip(&other.dependencies);
        self.metadata == other.metadata
            && self.values == other.values
            && self.values_source == other.values_source
            && self.schema == other.schema
            && self.templates == other.templates
            && self.files == other.files
            && self.dependencies.len() == other.dependencies.len()
            && dependencies.all(|(own, other)| own.has_same_files(other))
    }

    /// The defaults of the chart as JSON, for messages, and for tests that compare them with Helm.
    pub fn values_text(&self) -> String {
        serde_json::to_string(&self.values).unwrap_or_default()
    }

    /// The files of `crds/` with manifests, without those of subcharts.
    pub fn crd_files(&self) -> impl Iterator<Item = &ChartFile> {
        let extensions = ["yaml", "yml", "json"];
        self.files.iter().filter(move |file| {
            let extension = file.name.rsplit_once('.').map_or("", |it| it.1);
            file.name.starts_with("crds/")
                && extensions
                    .iter()
                    .any(|it| it.eq_ignore_ascii_case(extension))
        })
    }
}
