//! The objects in templates: `.Chart`, `.Files`, `.Capabilities`, `.Release` and `.Values`, with their Go types.

mod capabilities;
mod chart;
mod files;
mod values;

pub(crate) use capabilities::capabilities;
pub(crate) use chart::metadata;
pub(crate) use files::files;
pub(crate) use values::{as_values, values_type};

use crate::render::Release;
use crate::value::{Map, Str, Value};

pub(crate) fn release(release: &Release) -> Value {
    let entries: [(&str, Value); 6] = [
        ("Name", Value::string(release.name.as_str())),
        ("Namespace", Value::string(release.namespace.as_str())),
        ("IsUpgrade", Value::Bool(release.is_upgrade)),
        ("IsInstall", Value::Bool(!release.is_upgrade)),
        ("Revision", Value::int(release.revision)),
        ("Service", Value::string("Helm")),
    ];
    plain_map(entries)
}

pub(crate) fn plain_map<const N: usize>(entries: [(&str, Value); N]) -> Value {
    let entries = entries.map(|(key, value)| (Str::from(key), value));
    Value::Map(Map::new(entries.into_iter().collect()))
}
