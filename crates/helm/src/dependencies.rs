//! Dependencies: the subcharts to render, their names, and the values that parents import from them.
//!
//! Charts are in a list and refer to each other by index, like pointers in Go: a copy of a chart for an alias shares its subcharts
//! with the original, which in Helm 3 stays their parent.

use std::collections::BTreeSet;
use std::rc::Rc;

use serde_json::Value as Json;

use crate::HelmVersion;
use crate::error::{HelmError, Warnings};
use crate::semver::{Range, Version};
use crate::source::{Dependency, LoadedChart, Metadata};
use crate::value::{Map, Value};
use crate::values::coalesce::{Coalescer, Nulls, scalar_at, table};
use crate::values::{deep_copy, shown, to_map, to_value};

/// The index of a chart in [`Charts`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ChartId(usize);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct RequirementId(usize);

/// A loaded chart, with the effects of values on it.
#[derive(Clone, Debug)]
pub(crate) struct WorkingChart<'a> {
    pub(crate) loaded: &'a LoadedChart,
    /// Its name or alias.
    pub(crate) name: String,
    /// Its defaults, including imports from subcharts.
    pub(crate) values: Map,
    /// The subcharts that are rendered.
    pub(crate) dependencies: Vec<ChartId>,
    parent: Option<ChartId>,
    /// The dependencies in `Chart.yaml`; `None` if there are none, or all are disabled.
    requirements: Option<Vec<RequirementId>>,
}

/// The charts of a release.
#[derive(Debug)]
pub(crate) struct Charts<'a> {
    charts: Vec<WorkingChart<'a>>,
    requirements: Vec<Dependency>,
    /// The dependencies whose imports were processed. Copies of a chart share them, and Helm does not recognize imports that it has
    /// rewritten, so a second copy imports nothing.
    imported: BTreeSet<usize>,
    version: HelmVersion,
}

impl<'a> Charts<'a> {
    /// Creates the list of a loaded chart and its subcharts.
    pub(crate) fn new(chart: &'a LoadedChart, version: HelmVersion) -> (Charts<'a>, ChartId) {
        let mut charts = Charts {
            charts: Vec::new(),
            requirements: Vec::new(),
            imported: BTreeSet::new(),
            version,
        };
        let root = charts.add(chart, None);
        (charts, root)
    }

    fn add(&mut self, loaded: &'a LoadedChart, parent: Option<ChartId>) -> ChartId {
        let id = ChartId(self.charts.len());
        let requirements = loaded.metadata.lists_dependencies().then(|| {
            let start = self.requirements.len();
            self.requirements
                .extend(loaded.metadata.dependencies.iter().cloned());
            (start..self.requirements.len())
                .map(RequirementId)
                .collect()
        });
        self.charts.push(WorkingChart {
            loaded,
            name: loaded.metadata.name.clone(),
            values: to_map(&loaded.values),
            dependencies: Vec::new(),
            parent,
            requirements,
        });
        for subchart in &loaded.dependencies {
            let subchart = self.add(subchart, Some(id));
            self.get_mut(id).dependencies.push(subchart);
        }
        id
    }

    pub(crate) fn get(&self, id: ChartId) -> &WorkingChart<'a> {
        &self.charts[id.0]
    }

    fn get_mut(&mut self, id: ChartId) -> &mut WorkingChart<'a> {
        &mut self.charts[id.0]
    }

    pub(crate) fn full_path(&self, id: ChartId) -> String {
        let chart = self.get(id);
        match chart.parent {
            Some(parent) => format!("{}/charts/{}", self.full_path(parent), chart.name),
            None => chart.name.clone(),
        }
    }

    /// Whether it has no parent.
    pub(crate) fn is_root(&self, id: ChartId) -> bool {
        self.get(id).parent.is_none()
    }

    /// The enabled dependencies in `Chart.yaml` of a chart.
    pub(crate) fn requirements_of(&self, id: ChartId) -> Vec<Dependency> {
        let listed = self.get(id).requirements.iter().flatten();
        listed.map(|it| self.requirements[it.0].clone()).collect()
    }

    /// Checks that `charts/` contains all dependencies in `Chart.yaml`. Errors: Helm's message.
    pub(crate) fn check_complete(&self, root: ChartId) -> Result<(), HelmError> {
        let chart = self.get(root);
        let has = |name: &str| {
            let mut names = chart.dependencies.iter().map(|it| &self.get(*it).name);
            names.any(|it| it == name)
        };
        let listed = chart.loaded.metadata.dependencies.iter();
        let missing: Vec<&str> = listed.map(|it| &*it.name).filter(|it| !has(it)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let missing = missing.join(", ");
        let advice = match self.version {
            HelmVersion::V3 => {
                "An error occurred while checking for chart dependencies. You may need to run `helm dependency build` to fetch missing dependencies"
            }
            HelmVersion::V4 => {
                "an error occurred while checking for chart dependencies. You may need to run 'helm dependency build' to fetch missing dependencies"
            }
        };
        Err(HelmError::new(format!(
            "{advice}: found in Chart.yaml, but missing in charts/ directory: {missing}"
        )))
    }

    /// Applies aliases, tags, conditions and imports under the values of a user.
    pub(crate) fn process(
        &mut self,
        root: ChartId,
        values: &Map,
        warnings: &mut Warnings,
    ) -> Result<(), HelmError> {
        self.enable(root, values, "", warnings)?;
        self.import_values(root, warnings)
    }

    fn coalesced(
        &self,
        chart: ChartId,
        values: &Map,
        nulls: Nulls,
        warnings: &mut Warnings,
    ) -> Result<Map, HelmError> {
        let mut coalescer = Coalescer {
            charts: self,
            version: self.version,
            nulls,
            warnings,
        };
        coalescer.run(chart, values)
    }

    fn enable(
        &mut self,
        chart: ChartId,
        values: &Map,
        path: &str,
        warnings: &mut Warnings,
    ) -> Result<(), HelmError> {
        let Some(requirements) = self.get(chart).requirements.clone() else {
            return Ok(());
        };
        let dependencies = self.named_dependencies(chart, &requirements);
        self.set_dependencies(chart, dependencies);
        for requirement in &requirements {
            self.requirements[requirement.0].enabled = true;
        }
        let values = self.coalesced(chart, values, Nulls::Remove, warnings)?;
        for requirement in &requirements {
            let requirement = &mut self.requirements[requirement.0];
            switch_by_tags(requirement, &values, warnings);
            switch_by_condition(requirement, &values, path, warnings);
        }
        let disabled: BTreeSet<String> = requirements
            .iter()
            .map(|it| &self.requirements[it.0])
            .filter(|it| !it.enabled)
            .map(|it| it.name.clone())
            .collect();
        let kept: Vec<ChartId> = self
            .get(chart)
            .dependencies
            .clone()
            .into_iter()
            .filter(|it| !disabled.contains(&self.get(*it).name))
            .collect();
        let listed: Vec<RequirementId> = requirements
            .into_iter()
            .filter(|it| !disabled.contains(&self.requirements[it.0].name))
            .collect();
        for subchart in &kept {
            let path = format!("{path}{}.", self.get(*subchart).name);
            self.enable(*subchart, &values, &path, warnings)?;
        }
        self.get_mut(chart).requirements = Some(listed).filter(|it| !it.is_empty());
        self.set_dependencies(chart, kept);
        Ok(())
    }

    fn set_dependencies(&mut self, chart: ChartId, dependencies: Vec<ChartId>) {
        for dependency in &dependencies {
            self.get_mut(*dependency).parent = Some(chart);
        }
        self.get_mut(chart).dependencies = dependencies;
    }

    /// The subcharts that are not listed as dependencies, then for each dependency a copy with its name or alias.
    fn named_dependencies(
        &mut self,
        chart: ChartId,
        requirements: &[RequirementId],
    ) -> Vec<ChartId> {
        let existing = self.get(chart).dependencies.clone();
        let is_of = |charts: &Charts<'a>, id: ChartId, requirement: &RequirementId| {
            let requirement = &charts.requirements[requirement.0];
            let chart = charts.get(id);
            chart.name == requirement.name
                && is_compatible(&requirement.version, &chart.loaded.metadata.version)
        };
        let mut named: Vec<ChartId> = existing
            .iter()
            .copied()
            .filter(|id| !requirements.iter().any(|it| is_of(self, *id, it)))
            .collect();
        // Helm renames dependencies one after the other, which affects the comparison of later ones.
        for requirement in requirements {
            let found = existing.iter().find(|id| is_of(self, **id, requirement));
            if let Some(found) = found.copied() {
                let alias = self.requirements[requirement.0].alias.clone();
                named.push(self.copy(found, &alias));
            }
            let requirement = &mut self.requirements[requirement.0];
            if !requirement.alias.is_empty() {
                requirement.name.clone_from(&requirement.alias);
            }
        }
        named
    }

    fn copy(&mut self, id: ChartId, alias: &str) -> ChartId {
        let mut copy = self.get(id).clone();
        if !alias.is_empty() {
            copy.name = alias.to_string();
        }
        let copied = ChartId(self.charts.len());
        if self.version == HelmVersion::V3 {
            self.charts.push(copy);
            return copied;
        }
        // Helm 4 copies the dependencies of the chart and, one level deep, its subcharts.
        if let Some(listed) = &mut copy.requirements {
            for requirement in listed {
                let own = self.requirements[requirement.0].clone();
                *requirement = RequirementId(self.requirements.len());
                self.requirements.push(own);
            }
        }
        let subcharts = std::mem::take(&mut copy.dependencies);
        self.charts.push(copy);
        for subchart in subcharts {
            let mut subchart = self.get(subchart).clone();
            subchart.parent = Some(copied);
            let id = ChartId(self.charts.len());
            self.charts.push(subchart);
            self.get_mut(copied).dependencies.push(id);
        }
        copied
    }

    /// Imports values of subcharts into their parents, from the innermost outwards.
    fn import_values(&mut self, chart: ChartId, warnings: &mut Warnings) -> Result<(), HelmError> {
        for subchart in self.get(chart).dependencies.clone() {
            self.import_values(subchart, warnings)?;
        }
        let Some(requirements) = self.get(chart).requirements.clone() else {
            return Ok(());
        };
        let nothing = Map::new(Default::default());
        let values = self.coalesced(chart, &nothing, Nulls::Keep, warnings)?;
        let imported = Map::new(Default::default());
        for requirement in requirements {
            let Dependency {
                name,
                import_values,
                ..
            } = self.requirements[requirement.0].clone();
            let mut normalized = Vec::new();
            let is_first = self.imported.insert(requirement.0);
            for import in import_values.iter().filter(|_| is_first) {
                let Some((child, parent)) = import_paths(import) else {
                    continue;
                };
                normalized.push(serde_json::json!({"child": child, "parent": parent}));
                match table(&values, &format!("{name}.{child}")) {
                    Ok(found) => {
                        let found = placed(&parent, found);
                        self.merge_tables(&imported, &found, warnings);
                    }
                    Err(words) => warnings.push(match import {
                        Json::String(_) => format!("Warning: ImportValues missing table: {words}"),
                        _ => format!(
                            "Warning: ImportValues missing table from chart {name}: {words}"
                        ),
                    }),
                }
            }
            self.requirements[requirement.0].import_values = normalized;
        }
        let values = deep_copy(&values);
        self.merge_tables(&values, &imported, warnings);
        self.get_mut(chart).values = values;
        Ok(())
    }

    fn merge_tables(&self, over: &Map, under: &Map, warnings: &mut Warnings) {
        let mut coalescer = Coalescer {
            charts: self,
            version: self.version,
            nulls: Nulls::Keep,
            warnings,
        };
        coalescer.tables(over, under, "", Nulls::Keep);
    }
}

/// The paths in child and parent of an entry of `import-values`.
fn import_paths(import: &Json) -> Option<(String, String)> {
    let shown = |value: Option<&Json>| shown(&value.map_or(Value::Nil, to_value));
    match import {
        Json::Object(map) => Some((shown(map.get("child")), shown(map.get("parent")))),
        Json::String(name) => Some((format!("exports.{name}"), ".".to_string())),
        _ => None,
    }
}

/// A table at a path; `.` is the root.
fn placed(path: &str, table: Map) -> Map {
    if path == "." {
        return table;
    }
    path.rsplit('.').fold(table, |inner, key| {
        let outer = Map::new(Default::default());
        let _ = outer.insert(key, Value::Map(inner));
        outer
    })
}

fn switch_by_tags(requirement: &mut Dependency, values: &Map, warnings: &mut Warnings) {
    let Ok(tags) = table(values, "tags") else {
        return;
    };
    let (mut on, mut off) = (false, false);
    for tag in &requirement.tags {
        match tags.get(tag.as_bytes()) {
            Some(Value::Bool(true)) => on = true,
            Some(Value::Bool(false)) => off = true,
            Some(_) => warnings.push(format!(
                "Warning: Tag '{tag}' for chart {} returned non-bool value",
                requirement.name
            )),
            None => {}
        }
    }
    requirement.enabled = on || !off;
}

fn switch_by_condition(
    requirement: &mut Dependency,
    values: &Map,
    prefix: &str,
    warnings: &mut Warnings,
) {
    let condition = requirement.condition.trim().to_string();
    for path in condition.split(',').filter(|it| !it.is_empty()) {
        match scalar_at(values, &format!("{prefix}{path}")) {
            Some(Value::Bool(value)) => {
                requirement.enabled = value;
                return;
            }
            Some(_) => warnings.push(format!(
                "Warning: Condition path '{path}' for chart {} returned non-bool value",
                requirement.name
            )),
            None => {}
        }
    }
}

/// Whether a version is in a range; false if either is invalid.
pub(crate) fn is_compatible(range: &str, version: &str) -> bool {
    match (Range::parse(range), Version::parse(version)) {
        (Ok(range), Ok(version)) => range.admits(&version),
        _ => false,
    }
}

/// The metadata of a chart for templates, with its alias and enabled dependencies.
pub(crate) fn metadata_of(charts: &Charts<'_>, id: ChartId) -> Rc<Metadata> {
    let chart = charts.get(id);
    let mut metadata = chart.loaded.metadata.clone();
    metadata.name.clone_from(&chart.name);
    metadata.dependencies = charts.requirements_of(id);
    Rc::new(metadata)
}
