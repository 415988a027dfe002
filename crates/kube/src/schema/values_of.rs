//! Fields with the values of a chart (`x-pleach-values-of`).

use serde_json::{Value as Json, json};

use super::structural::Schema;
use pleach_yaml::{FieldPath, Node, Step};

/// The chart whose values a field contains.
#[derive(Clone, Debug)]
pub enum ValuesOf {
    /// A chart by name.
    Chart(Box<str>),
    /// The name in a sibling field: the first of these that is set.
    Fields(Vec<FieldPath>),
}

impl ValuesOf {
    /// `{chart: NAME}` or `{fields: [chart.name]}`; `None` for anything else.
    pub(super) fn read(node: &Node) -> Option<ValuesOf> {
        if node.as_mapping()?.len() != 1 {
            return None;
        }
        if let Some(name) = node.get("chart") {
            return Some(ValuesOf::Chart(name.as_string()?.into()));
        }
        let fields = node.get("fields")?.as_sequence()?.iter();
        let paths = fields.map(|it| it.as_string().map(FieldPath::dotted));
        let paths: Vec<FieldPath> = paths.collect::<Option<_>>()?;
        (!paths.is_empty()).then_some(ValuesOf::Fields(paths))
    }

    /// The name of the chart. `parent` is the map with the field, and `schema` its schema, for defaults.
    pub fn chart<'a>(&'a self, parent: &'a Node, schema: &'a Schema) -> Option<&'a str> {
        let paths = match self {
            ValuesOf::Chart(name) => return Some(name),
            ValuesOf::Fields(paths) => paths,
        };
        let given = |path: &FieldPath| parent.at_path(path).and_then(Node::as_str);
        let default = |path| default_at(schema, path).and_then(Node::as_str);
        let mut given = paths.iter().filter_map(given);
        given.next().or_else(|| paths.iter().find_map(default))
    }

    /// The JSON Schema condition for a map whose field has the values of this chart: `true` for all maps, `None` for no map.
    pub(super) fn condition(&self, schema: &Schema, chart: &str) -> Option<Json> {
        let paths = match self {
            ValuesOf::Chart(name) => return (**name == *chart).then_some(Json::Bool(true)),
            ValuesOf::Fields(paths) => paths,
        };
        let mut ways = Vec::new();
        let mut absent: Vec<Json> = Vec::new();
        for path in paths {
            let mut way = absent.clone();
            way.push(at(path.steps(), &json!({"const": chart})));
            ways.push(all(way));
            absent.push(json!({"not": at(path.steps(), &json!({}))}));
        }
        let mut defaults = paths.iter().filter_map(|it| default_at(schema, it));
        if defaults.next().and_then(Node::as_str) == Some(chart) {
            ways.push(all(absent));
        }
        Some(match ways.len() {
            1 => ways.remove(0),
            _ => json!({"anyOf": ways}),
        })
    }
}

fn all(mut conditions: Vec<Json>) -> Json {
    match conditions.len() {
        1 => conditions.remove(0),
        _ => json!({"allOf": conditions}),
    }
}

/// A schema for a map whose field at a path matches another schema.
fn at(steps: &[Step], what: &Json) -> Json {
    let Some((Step::Key(key), rest)) = steps.split_first() else {
        return what.clone();
    };
    json!({"properties": {&**key: at(rest, what)}, "required": [&**key]})
}

fn default_at<'a>(schema: &'a Schema, path: &FieldPath) -> Option<&'a Node> {
    let step = |schema: &'a Schema, step: &Step| match step {
        Step::Key(key) => schema.child(key),
        Step::Index(_) => schema.items(),
    };
    path.steps().iter().try_fold(schema, step)?.default()
}
