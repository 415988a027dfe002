//! Coalesces values (Helm, `coalesce.go`): those of the user over those of a chart, those of a parent over those of a subchart.
//!
//! Maps are shared as in Go, and changed in place as in Helm. So if a subchart adds a key to a nested map of its globals, its
//! parent sees it too.

use super::{deep_copy, is_table};
use crate::HelmVersion;
use crate::dependencies::{ChartId, Charts};
use crate::error::{HelmError, Warnings};
use crate::fmt::{format_value, sprintf};
use crate::go::strconv;
use crate::value::{Map, Str, Value};

const GLOBAL: &str = "global";

/// The treatment of nulls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nulls {
    /// A null removes the value that it overrides (Helm, `CoalesceValues`).
    Remove,
    /// A null is kept for a later step (Helm, `MergeValues`).
    Keep,
}

/// The state of coalescing.
pub(crate) struct Coalescer<'a> {
    pub(crate) charts: &'a Charts<'a>,
    pub(crate) version: HelmVersion,
    pub(crate) nulls: Nulls,
    pub(crate) warnings: &'a mut Warnings,
}

impl Coalescer<'_> {
    /// Coalesces a copy of the given values with those of a chart and its subcharts.
    ///
    /// Errors: the value under the name of a subchart is not a map.
    pub(crate) fn run(&mut self, chart: ChartId, values: &Map) -> Result<Map, HelmError> {
        let values = deep_copy(values);
        self.coalesce(chart, &values, "")?;
        Ok(values)
    }

    fn coalesce(&mut self, chart: ChartId, values: &Map, prefix: &str) -> Result<(), HelmError> {
        self.coalesce_values(chart, values, prefix);
        self.coalesce_dependencies(chart, values, prefix)
    }

    fn coalesce_dependencies(
        &mut self,
        chart: ChartId,
        values: &Map,
        prefix: &str,
    ) -> Result<(), HelmError> {
        let prefix = concat_prefix(prefix, &self.charts.get(chart).name);
        for subchart in self.charts.get(chart).dependencies.clone() {
            let name = self.charts.get(subchart).name.clone();
            let subchart_values = match values.get(name.as_bytes()) {
                Some(Value::Map(map)) => map,
                None => {
                    let map = Map::new(Default::default());
                    let _ = values.insert(name.as_str(), Value::Map(map.clone()));
                    map
                }
                Some(other) => {
                    let message = format!("type mismatch on {name}: {}", format_bool(&other));
                    return Err(HelmError::new(message));
                }
            };
            self.coalesce_globals(&subchart_values, values, &prefix);
            self.coalesce(subchart, &subchart_values, &prefix)?;
        }
        Ok(())
    }

    /// Copies the globals of a parent (`src`) to a subchart (`dst`).
    fn coalesce_globals(&mut self, dst: &Map, src: &Map, prefix: &str) {
        let dst_globals = match dst.get(GLOBAL.as_bytes()) {
            None => Map::new(Default::default()),
            Some(Value::Map(globals)) => globals,
            Some(_) => {
                let message =
                    "warning: skipping globals because destination global is not a table.";
                return self.warnings.push(message.to_string());
            }
        };
        let src_globals = match src.get(GLOBAL.as_bytes()) {
            None => Map::new(Default::default()),
            Some(Value::Map(globals)) => globals,
            Some(_) => {
                let message = "warning: skipping globals because source global is not a table.";
                return self.warnings.push(message.to_string());
            }
        };
        for (key, value) in src_globals.snapshot() {
            self.coalesce_global(&dst_globals, &key, value, prefix);
        }
        let _ = dst.insert(GLOBAL, Value::Map(dst_globals));
    }

    fn coalesce_global(&mut self, globals: &Map, key: &Str, value: Value, prefix: &str) {
        let own = globals.get(key);
        let Value::Map(table) = &value else {
            match own {
                Some(Value::Map(_)) => {
                    let message = format!("key {} is table. Skipping", key.to_lossy());
                    self.warnings.push(message);
                }
                _ => _ = globals.insert(key.clone(), value),
            }
            return;
        };
        // A shallow copy of the table.
        let copy = Map::new(table.snapshot().into_iter().collect());
        match own {
            None => {}
            Some(Value::Map(own)) => {
                let prefix = concat_prefix(prefix, &key.to_lossy());
                self.coalesce_tables(&copy, &own, &prefix, Nulls::Keep);
            }
            Some(_) => {
                let key = strconv::quote(key);
                let message =
                    format!("Conflict: cannot merge map onto non-map for {key}. Skipping.");
                return self.warnings.push(message);
            }
        }
        let _ = globals.insert(key.clone(), Value::Map(copy));
    }

    /// Adds the defaults of a chart under the given values.
    fn coalesce_values(&mut self, chart: ChartId, values: &Map, prefix: &str) {
        let prefix = concat_prefix(prefix, &self.charts.get(chart).name);
        let defaults = deep_copy(&self.charts.get(chart).values);
        let removes = self.nulls == Nulls::Remove;
        for (key, default) in defaults.snapshot() {
            match values.get(&key) {
                Some(Value::Nil) if removes => _ = values.remove(&key),
                Some(Value::Map(table)) => {
                    let full_key = concat_prefix(&prefix, &key.to_lossy());
                    self.coalesce_default_table(chart, &key, &table, &default, &full_key);
                }
                Some(_) => {}
                None => {
                    if removes && self.version == HelmVersion::V4 {
                        match &default {
                            Value::Nil => continue,
                            Value::Map(table) => remove_nulls(table),
                            _ => {}
                        }
                    }
                    let _ = values.insert(key, default);
                }
            }
        }
    }

    fn coalesce_default_table(
        &mut self,
        chart: ChartId,
        key: &Str,
        table: &Map,
        default: &Value,
        full_key: &str,
    ) {
        let Value::Map(default) = default else {
            if !default.is_nil() {
                let message = format!("warning: skipped value for {full_key}: Not a table.");
                self.warnings.push(message);
            }
            return;
        };
        let is_subchart = |id: &ChartId| *self.charts.get(*id).name.as_bytes() == **key;
        let nulls = match self.charts.get(chart).dependencies.iter().any(is_subchart) {
            // The defaults of the subchart are added later, so a null must be kept.
            true => Nulls::Keep,
            false => self.nulls,
        };
        if nulls == Nulls::Remove && self.version == HelmVersion::V4 {
            remove_nulls(default);
        }
        self.coalesce_tables(table, default, full_key, nulls);
    }

    /// Adds the entries of `src` to `dst`, whose entries take precedence (Helm, `coalesceTablesFullKey`).
    pub(crate) fn coalesce_tables(&mut self, dst: &Map, src: &Map, prefix: &str, nulls: Nulls) {
        let removable = match self.version {
            HelmVersion::V3 => None,
            HelmVersion::V4 => Some(copy_nulls(dst, src)),
        };
        for (key, src_value) in src.snapshot() {
            let full_key = || concat_prefix(prefix, &key.to_lossy());
            let may_remove = removable.as_ref().is_none_or(|it| it.contains(&key));
            match (dst.get(&key), src_value) {
                (Some(Value::Nil), _) if nulls == Nulls::Remove && may_remove => {
                    let _ = dst.remove(&key);
                }
                (None, src_value) => _ = dst.insert(key, src_value),
                (Some(Value::Map(dst_table)), Value::Map(src_table)) => {
                    self.coalesce_tables(&dst_table, &src_table, &full_key(), nulls);
                }
                (Some(_), src_table @ Value::Map(_)) => {
                    let (key, value) = (full_key(), format_value(&src_table));
                    self.warnings.push(format!(
                        "warning: cannot overwrite table with non table for {key} ({value})"
                    ));
                }
                (Some(Value::Map(_)), src_value) if !src_value.is_nil() => {
                    let (key, value) = (full_key(), format_value(&src_value));
                    self.warnings.push(format!(
                        "warning: destination for {key} is a table. Ignoring non-table value ({value})"
                    ));
                }
                _ => {}
            }
        }
    }
}

/// Helm 4: sets a null in `src` for each null in `dst`. Returns the keys of those nulls that had a value in `src`: only they remove
/// a default.
fn copy_nulls(dst: &Map, src: &Map) -> Vec<Str> {
    let mut had_value = Vec::new();
    for (key, value) in dst.snapshot() {
        if matches!(value, Value::Nil) {
            if src.get(&key).is_some_and(|it| !matches!(it, Value::Nil)) {
                had_value.push(key.clone());
            }
            let _ = src.insert(key, Value::Nil);
        }
    }
    had_value
}

/// Helm 4: removes the nulls of defaults at all levels (`cleanNilValues`).
fn remove_nulls(table: &Map) {
    for (key, value) in table.snapshot() {
        match value {
            Value::Nil => _ = table.remove(&key),
            Value::Map(inner) => remove_nulls(&inner),
            _ => {}
        }
    }
}

/// A key with the path before it, for warnings.
fn concat_prefix(prefix: &str, key: &str) -> String {
    match prefix {
        "" => key.to_string(),
        prefix => format!("{prefix}.{key}"),
    }
}

/// A value in the format `%t`, which Helm by mistake uses for values that are not booleans: `%!t(string=x)`.
fn format_bool(value: &Value) -> String {
    let text = sprintf(b"%t", std::slice::from_ref(value));
    String::from_utf8_lossy(&text).into_owned()
}

/// The map at a path (Helm, `Values.Table`). Errors: Helm's message for a key whose value is not a map.
pub(crate) fn table(values: &Map, path: &str) -> Result<Map, String> {
    let mut table = values.clone();
    for key in path.split('.') {
        match table.get(key.as_bytes()) {
            Some(Value::Map(inner)) => table = inner,
            _ => {
                return Err(format!("{} is not a table", strconv::quote(key.as_bytes())));
            }
        }
    }
    Ok(table)
}

/// The value at a path, if it is not a map (Helm, `Values.PathValue`).
pub(crate) fn scalar_at(values: &Map, path: &str) -> Option<Value> {
    let found = match path.rsplit_once('.') {
        Some((before, key)) => table(values, before).ok()?.get(key.as_bytes()),
        None => values.get(path.as_bytes()),
    };
    found.filter(|it| !is_table(it))
}
