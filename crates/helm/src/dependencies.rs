//! Dependencies (Helm, `ProcessDependencies`): the subcharts to render, their names, and the values that parents import from them.
//!
//! Charts are in a list and refer to each other by index, as by pointers in Go. In Helm 3, the copy of a chart for an alias shares
//! its subcharts with the original, which remains their parent.

use std::collections::BTreeSet;
use std::rc::Rc;

use serde_json::Value as Json;

use crate::HelmVersion;
use crate::error::{HelmError, Warnings};
use crate::fmt::format_value;
use crate::semver::{Range, Version};
use crate::source::{Dependency, LoadedChart, Metadata};
use crate::value::{Map, Value};
use crate::values::coalesce::{Coalescer, Nulls, scalar_at, table};
use crate::values::{deep_copy, to_map, to_value};

/// The index of a chart in [`Charts`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ChartId(usize);

/// The index of an entry of `dependencies` of some `Chart.yaml` in [`Charts`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct RequirementId(usize);

/// A loaded chart, as changed by aliases, conditions, tags and imports.
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
    /// The dependencies whose imports were processed. Helm replaces each import by a `map[string]string`, which it does not
    /// recognize later. Copies of a chart for aliases share their dependencies, so a second copy imports nothing.
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

    /// The path in names of templates (Helm, `ChartFullPath`): `app/charts/kid`.
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
        let enabled = self.get(id).requirements.iter().flatten();
        enabled.map(|it| self.requirements[it.0].clone()).collect()
    }

    /// Checks that `charts/` contains all dependencies in `Chart.yaml` (Helm, `CheckDependencies`). Errors: Helm's message.
    pub(crate) fn check_complete(&self, root: ChartId) -> Result<(), HelmError> {
        let chart = self.get(root);
        let has = |name: &str| {
            let mut names = chart.dependencies.iter().map(|it| &self.get(*it).name);
            names.any(|it| it == name)
        };
        let required = chart
            .loaded
            .metadata
            .dependencies
            .iter()
            .map(|it| &*it.name);
        let missing: Vec<&str> = required.filter(|it| !has(it)).collect();
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

    /// Applies aliases, tags and conditions with the values of a user, then imports.
    pub(crate) fn process(
        &mut self,
        root: ChartId,
        values: &Map,
        warnings: &mut Warnings,
    ) -> Result<(), HelmError> {
        self.process_enabled(root, values, "", warnings)?;
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

    /// Renames and copies the subcharts of a chart for aliases, and drops the disabled ones (Helm, `processDependencyEnabled`).
    /// `path` is the path of the chart's values, with a dot at the end.
    fn process_enabled(
        &mut self,
        chart: ChartId,
        values: &Map,
        path: &str,
        warnings: &mut Warnings,
    ) -> Result<(), HelmError> {
        let Some(requirements) = self.get(chart).requirements.clone() else {
            return Ok(());
        };
        let dependencies = self.alias_dependencies(chart, &requirements);
        self.set_dependencies(chart, dependencies);
        for requirement in &requirements {
            self.requirements[requirement.0].enabled = true;
        }
        let values = self.coalesced(chart, values, Nulls::Remove, warnings)?;
        for requirement in &requirements {
            let requirement = &mut self.requirements[requirement.0];
            apply_tags(requirement, &values, warnings);
            apply_condition(requirement, &values, path, warnings);
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
        let enabled: Vec<RequirementId> = requirements
            .into_iter()
            .filter(|it| !disabled.contains(&self.requirements[it.0].name))
            .collect();
        for subchart in &kept {
            let path = format!("{path}{}.", self.get(*subchart).name);
            self.process_enabled(*subchart, &values, &path, warnings)?;
        }
        self.get_mut(chart).requirements = Some(enabled).filter(|it| !it.is_empty());
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
    fn alias_dependencies(
        &mut self,
        chart: ChartId,
        requirements: &[RequirementId],
    ) -> Vec<ChartId> {
        let existing = self.get(chart).dependencies.clone();
        let satisfies = |charts: &Charts<'a>, id: ChartId, requirement: &RequirementId| {
            let requirement = &charts.requirements[requirement.0];
            let chart = charts.get(id);
            chart.name == requirement.name
                && is_compatible(&requirement.version, &chart.loaded.metadata.version)
        };
        let mut named: Vec<ChartId> = existing
            .iter()
            .copied()
            .filter(|id| !requirements.iter().any(|it| satisfies(self, *id, it)))
            .collect();
        // As in Helm, a dependency is renamed to its alias before later ones are looked up.
        for requirement in requirements {
            let found = existing
                .iter()
                .find(|id| satisfies(self, **id, requirement));
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

    /// Copies a chart for a dependency (Helm, `getAliasDependency`).
    fn copy(&mut self, id: ChartId, alias: &str) -> ChartId {
        let mut copy = self.get(id).clone();
        if !alias.is_empty() {
            copy.name = alias.to_string();
        }
        let copy_id = ChartId(self.charts.len());
        if self.version == HelmVersion::V3 {
            self.charts.push(copy);
            return copy_id;
        }
        // Helm 4 copies the dependencies of the chart and, one level deep, its subcharts.
        if let Some(requirements) = &mut copy.requirements {
            for requirement in requirements {
                let own = self.requirements[requirement.0].clone();
                *requirement = RequirementId(self.requirements.len());
                self.requirements.push(own);
            }
        }
        let subcharts = std::mem::take(&mut copy.dependencies);
        self.charts.push(copy);
        for subchart in subcharts {
            let mut subchart = self.get(subchart).clone();
            subchart.parent = Some(copy_id);
            let id = ChartId(self.charts.len());
            self.charts.push(subchart);
            self.get_mut(copy_id).dependencies.push(id);
        }
        copy_id
    }

    /// Imports values of subcharts into their parents, innermost charts first (Helm, `processImportValues`).
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
                        let found = path_to_map(&parent, found);
                        self.merge_tables(&imported, &found, warnings);
                    }
                    Err(message) => warnings.push(match import {
                        Json::String(_) => {
                            format!("Warning: ImportValues missing table: {message}")
                        }
                        _ => format!(
                            "Warning: ImportValues missing table from chart {name}: {message}"
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
        coalescer.coalesce_tables(over, under, "", Nulls::Keep);
    }
}

/// The paths in child and parent of an entry of `import-values`.
fn import_paths(import: &Json) -> Option<(String, String)> {
    // Helm formats both with `%v`, so a missing key becomes `<nil>`.
    let path = |value: Option<&Json>| format_value(&value.map_or(Value::Nil, to_value));
    match import {
        Json::Object(map) => Some((path(map.get("child")), path(map.get("parent")))),
        Json::String(name) => Some((format!("exports.{name}"), ".".to_string())),
        _ => None,
    }
}

/// A map with a table at a path (Helm, `pathToMap`); `.` is the root.
fn path_to_map(path: &str, table: Map) -> Map {
    if path == "." {
        return table;
    }
    path.rsplit('.').fold(table, |inner, key| {
        let outer = Map::new(Default::default());
        let _ = outer.insert(key, Value::Map(inner));
        outer
    })
}

/// Enables or disables a dependency by its tags (Helm, `processDependencyTags`): one true tag suffices.
fn apply_tags(requirement: &mut Dependency, values: &Map, warnings: &mut Warnings) {
    let Ok(tags) = table(values, "tags") else {
        return;
    };
    let (mut has_true, mut has_false) = (false, false);
    for tag in &requirement.tags {
        match tags.get(tag.as_bytes()) {
            Some(Value::Bool(true)) => has_true = true,
            Some(Value::Bool(false)) => has_false = true,
            Some(_) => warnings.push(format!(
                "Warning: Tag '{tag}' for chart {} returned non-bool value",
                requirement.name
            )),
            None => {}
        }
    }
    requirement.enabled = has_true || !has_false;
}

/// Enables or disables a dependency by the first path of its condition that is a boolean (Helm, `processDependencyConditions`).
fn apply_condition(
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

/// Whether a version is in a range (Helm, `IsCompatibleRange`); false if either is invalid.
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
