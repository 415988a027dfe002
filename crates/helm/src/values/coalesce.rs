//! Coalesces values: those of the user over those of a chart, those of a parent over those of a child.
//!
//! Maps are shared as in Go, and changed in place as in Helm: additions of a child to a nested map of its globals are visible in
//! its parent, because both refer to the same map.

use super::{deep_copy, is_table, shown};
use crate::HelmVersion;
use crate::dependencies::{ChartId, Charts};
use crate::error::{HelmError, Warnings};
use crate::go::strconv;
use crate::value::{Map, Str, Value};

const GLOBAL: &str = "global";

/// The treatment of nulls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nulls {
    /// A null removes the value that it overrides.
    Remove,
    /// A null is kept for a later step.
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
    /// Coalesces the given values, which are not changed, with those of a chart and its subcharts.
    ///
    /// Errors: a value that is not a map where a subchart has its values.
    pub(crate) fn run(&mut self, chart: ChartId, values: &Map) -> Result<Map, HelmError> {
        let values = deep_copy(values);
        self.chart(chart, &values, "")?;
        Ok(values)
    }

    fn chart(&mut self, chart: ChartId, values: &Map, prefix: &str) -> Result<(), HelmError> {
        self.own_values(chart, values, prefix);
        self.subcharts(chart, values, prefix)
    }

    fn subcharts(&mut self, chart: ChartId, values: &Map, prefix: &str) -> Result<(), HelmError> {
        let prefix = joined(prefix, &self.charts.get(chart).name);
        for subchart in self.charts.get(chart).dependencies.clone() {
            let name = self.charts.get(subchart).name.clone();
            let inner = match values.get(name.as_bytes()) {
                Some(Value::Map(inner)) => inner,
                None => {
                    let inner = Map::new(Default::default());
                    let _ = values.insert(name.as_str(), Value::Map(inner.clone()));
                    inner
                }
                Some(other) => {
                    let words = format!("type mismatch on {name}: {}", bool_verb(&other));
                    return Err(HelmError::new(words));
                }
            };
            self.globals(&inner, values, &prefix);
            self.chart(subchart, &inner, &prefix)?;
        }
        Ok(())
    }

    /// Copies the globals of a parent (`from`) to a child (`into`).
    fn globals(&mut self, into: &Map, from: &Map, prefix: &str) {
        let into_globals = match into.get(GLOBAL.as_bytes()) {
            None => Map::new(Default::default()),
            Some(Value::Map(globals)) => globals,
            Some(_) => {
                let words = "warning: skipping globals because destination global is not a table.";
                return self.warnings.push(words.to_string());
            }
        };
        let from_globals = match from.get(GLOBAL.as_bytes()) {
            None => Map::new(Default::default()),
            Some(Value::Map(globals)) => globals,
            Some(_) => {
                let words = "warning: skipping globals because source global is not a table.";
                return self.warnings.push(words.to_string());
            }
        };
        for (key, value) in from_globals.snapshot() {
            self.global(&into_globals, &key, value, prefix);
        }
        let _ = into.insert(GLOBAL, Value::Map(into_globals));
    }

    fn global(&mut self, globals: &Map, key: &Str, value: Value, prefix: &str) {
        let own = globals.get(key);
        let Value::Map(table) = &value else {
            match own {
                Some(Value::Map(_)) => {
                    let words = format!("key {} is table. Skipping", key.to_lossy());
                    self.warnings.push(words);
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
                let prefix = joined(prefix, &key.to_lossy());
                self.tables(&copy, &own, &prefix, Nulls::Keep);
            }
            Some(_) => {
                let key = strconv::quote(key);
                let words = format!("Conflict: cannot merge map onto non-map for {key}. Skipping.");
                return self.warnings.push(words);
            }
        }
        let _ = globals.insert(key.clone(), Value::Map(copy));
    }

    /// Adds the chart's own values under the given ones.
    fn own_values(&mut self, chart: ChartId, values: &Map, prefix: &str) {
        let prefix = joined(prefix, &self.charts.get(chart).name);
        let own = deep_copy(&self.charts.get(chart).values);
        let removes = self.nulls == Nulls::Remove;
        for (key, default) in own.snapshot() {
            match values.get(&key) {
                Some(Value::Nil) if removes => _ = values.remove(&key),
                Some(Value::Map(table)) => {
                    let full_key = joined(&prefix, &key.to_lossy());
                    self.own_table(chart, &key, &table, &default, &full_key);
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

    fn own_table(
        &mut self,
        chart: ChartId,
        key: &Str,
        table: &Map,
        default: &Value,
        full_key: &str,
    ) {
        let Value::Map(default) = default else {
            if !default.is_nil() {
                let words = format!("warning: skipped value for {full_key}: Not a table.");
                self.warnings.push(words);
            }
            return;
        };
        let is_subchart = |id: &ChartId| *self.charts.get(*id).name.as_bytes() == **key;
        let nulls = match self.charts.get(chart).dependencies.iter().any(is_subchart) {
            // The defaults of the child are added later, so a null must be kept.
            true => Nulls::Keep,
            false => self.nulls,
        };
        if nulls == Nulls::Remove && self.version == HelmVersion::V4 {
            remove_nulls(default);
        }
        self.tables(table, default, full_key, nulls);
    }

    /// Adds the entries of one table under those of another.
    pub(crate) fn tables(&mut self, over: &Map, under: &Map, prefix: &str, nulls: Nulls) {
        let removed = match self.version {
            HelmVersion::V3 => None,
            HelmVersion::V4 => Some(mark_nulls(over, under)),
        };
        for (key, default) in under.snapshot() {
            let own = over.get(&key);
            let may_remove = removed.as_ref().is_none_or(|it| it.contains(&key));
            match (own, default) {
                (Some(Value::Nil), _) if nulls == Nulls::Remove && may_remove => {
                    let _ = over.remove(&key);
                }
                (None, default) => _ = over.insert(key, default),
                (Some(Value::Map(own)), Value::Map(default)) => {
                    let full_key = joined(prefix, &key.to_lossy());
                    self.tables(&own, &default, &full_key, nulls);
                }
                (Some(_), default @ Value::Map(_)) => {
                    let full_key = joined(prefix, &key.to_lossy());
                    let shown = shown(&default);
                    self.warnings.push(format!(
                        "warning: cannot overwrite table with non table for {full_key} ({shown})"
                    ));
                }
                (Some(Value::Map(_)), default) if !default.is_nil() => {
                    let full_key = joined(prefix, &key.to_lossy());
                    let shown = shown(&default);
                    self.warnings.push(format!(
                        "warning: destination for {full_key} is a table. Ignoring non-table value ({shown})"
                    ));
                }
                _ => {}
            }
        }
    }
}

/// Helm 4: sets a null in `under` for each null in `over`; returns the keys that had a value before.
fn mark_nulls(over: &Map, under: &Map) -> Vec<Str> {
    let mut had_value = Vec::new();
    for (key, value) in over.snapshot() {
        if value.is_nil() && matches!(value, Value::Nil) {
            if under.get(&key).is_some_and(|it| !matches!(it, Value::Nil)) {
                had_value.push(key.clone());
            }
            let _ = under.insert(key, Value::Nil);
        }
    }
    had_value
}

/// Helm 4: nulls in defaults count as absent.
fn remove_nulls(table: &Map) {
    for (key, value) in table.snapshot() {
        match value {
            Value::Nil => _ = table.remove(&key),
            Value::Map(inner) => remove_nulls(&inner),
            _ => {}
        }
    }
}

fn joined(prefix: &str, key: &str) -> String {
    match prefix {
        "" => key.to_string(),
        prefix => format!("{prefix}.{key}"),
    }
}

/// Go's `%t`, which Helm uses to show values that are not maps.
fn bool_verb(value: &Value) -> String {
    let text = crate::fmt::sprintf(b"%t", std::slice::from_ref(value));
    String::from_utf8_lossy(&text).into_owned()
}

/// The map at a path. Errors: Helm's message for a part that is not a map.
pub(crate) fn table(values: &Map, path: &str) -> Result<Map, String> {
    let mut table = values.clone();
    for part in path.split('.') {
        match table.get(part.as_bytes()) {
            Some(Value::Map(inner)) => table = inner,
            _ => {
                return Err(format!(
                    "{} is not a table",
                    strconv::quote(part.as_bytes())
                ));
            }
        }
    }
    Ok(table)
}

/// The value at a path, if it is not a map.
pub(crate) fn scalar_at(values: &Map, path: &str) -> Option<Value> {
    let found = match path.rsplit_once('.') {
        Some((before, key)) => table(values, before).ok()?.get(key.as_bytes()),
        None => values.get(path.as_bytes()),
    };
    found.filter(|it| !is_table(it))
}
