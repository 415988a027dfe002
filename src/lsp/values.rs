//! The values of charts within claims: the chart at a location, and the schema of its values there.

use serde_json::Value as Json;

use super::cursor::Cursor;
use super::state::{Workspace, field_path, schema_at};
use crate::diag::Source;
use crate::schema::Schema;
use crate::tree::TreePath;
use crate::yaml::{Node, Step, parse_one};

/// A location in the values of a chart.
pub(super) struct ChartLocation<'a> {
    /// The name of the chart.
    pub(super) chart: String,
    /// The schema at this location.
    pub(super) schema: ChartSchema<'a>,
}

/// The chart whose values a path leads into, and its schema there. `None` if the path is outside of values, or if the chart is not
/// available.
pub(super) fn chart_location<'a>(
    workspace: &'a Workspace,
    schema: &Schema,
    document: &Node,
    path: &[Step],
) -> Option<ChartLocation<'a>> {
    let is_values = |at: &usize| {
        let here = path.get(..*at).and_then(|it| schema_at(schema, it));
        here.is_some_and(|it| it.values_of().is_some())
    };
    let at = (1..=path.len()).find(is_values)?;
    let (values, below) = path.split_at(at);
    let values_of = schema_at(schema, values)?.values_of()?;
    let above = values.get(..at - 1)?;
    let parent = document.at_path(&field_path(above))?;
    let chart = values_of
        .chart(parent, schema_at(schema, above)?)?
        .to_string();
    let root = workspace.chart_values(&chart)?;
    let schema = below
        .iter()
        .fold(ChartSchema::new(root), |schema, step| schema.step(step));
    Some(ChartLocation { chart, schema })
}

/// The parsed document around the cursor. If it is not valid: without the line that is being edited, or in its last valid state.
pub(super) fn document_node(
    workspace: &Workspace,
    path: &TreePath,
    text: &str,
    cursor: &Cursor,
) -> Option<Node> {
    let document = text.get(cursor.document.clone())?;
    let read = |text: String| {
        let mut node = parse_one(&Source::new(path.clone(), text)).ok()?;
        node.settle_as_data();
        node.as_mapping().is_some().then_some(node)
    };
    let without_line = || {
        let word = cursor.word().start.checked_sub(cursor.document.start)?;
        let start = document.get(..word)?.rfind('\n').map_or(0, |it| it + 1);
        let end = document
            .get(word..)?
            .find('\n')
            .map_or(document.len(), |it| word + it);
        Some([document.get(..start)?, document.get(end..)?].concat())
    };
    let last_valid = || {
        let documents = workspace.index.of_file(path).iter();
        let at = cursor.word().start;
        let mut before = documents.filter(|it| it.range().start <= at);
        before.next_back().map(|it| it.node.clone())
    };
    read(document.to_string())
        .or_else(|| without_line().and_then(read))
        .or_else(last_valid)
}

/// The schema at a location in a chart's values: all JSON Schemas that apply to it.
#[derive(Clone, Debug)]
pub(super) struct ChartSchema<'a> {
    root: &'a Json,
    schemas: Vec<&'a Json>,
}

impl<'a> ChartSchema<'a> {
    fn new(root: &'a Json) -> ChartSchema<'a> {
        let mut schema = ChartSchema {
            root,
            schemas: Vec::new(),
        };
        schema.add(root, 0);
        schema
    }

    /// Adds a schema and the schemas it refers to. Definitions can be recursive.
    fn add(&mut self, schema: &'a Json, depth: usize) {
        const DEPTH_MAX: usize = 16;
        if depth > DEPTH_MAX {
            return;
        }
        self.schemas.push(schema);
        let reference = schema.get("$ref").and_then(Json::as_str);
        let pointer = reference
            .and_then(|it| it.strip_prefix('#'))
            .map(|it| it.replace("%20", " "));
        if let Some(target) = pointer.and_then(|it| self.root.pointer(&it)) {
            self.add(target, depth + 1);
        }
        for keyword in ["allOf", "anyOf", "oneOf"] {
            let branches = schema.get(keyword).and_then(Json::as_array);
            branches
                .into_iter()
                .flatten()
                .for_each(|it| self.add(it, depth + 1));
        }
    }

    /// The schema of a field or an item.
    fn step(&self, step: &Step) -> ChartSchema<'a> {
        let mut below = ChartSchema {
            root: self.root,
            schemas: Vec::new(),
        };
        for schema in &self.schemas {
            let child = match step {
                Step::Key(key) => {
                    let named = schema.get("properties").and_then(|it| it.get(&**key));
                    named.or_else(|| {
                        schema
                            .get("additionalProperties")
                            .filter(|it| it.is_object())
                    })
                }
                Step::Index(_) => schema.get("items"),
            };
            child.into_iter().for_each(|it| below.add(it, 0));
        }
        below
    }

    /// Whether anything is known about the location.
    pub(super) fn is_known(&self) -> bool {
        !self.schemas.is_empty()
    }

    /// The fields, each with its schemas.
    pub(super) fn fields(&self) -> Vec<(&'a str, ChartSchema<'a>)> {
        let mut names: Vec<&'a str> = Vec::new();
        for schema in &self.schemas {
            let fields = schema.get("properties").and_then(Json::as_object);
            for (name, _) in fields.into_iter().flatten() {
                if !names.contains(&name.as_str()) {
                    names.push(name);
                }
            }
        }
        let field = |name: &'a str| (name, self.step(&Step::Key(name.into())));
        names.into_iter().map(field).collect()
    }

    /// The value of a keyword in the first schema that has it.
    fn keyword(&self, keyword: &str) -> Option<&'a Json> {
        self.schemas.iter().find_map(|it| it.get(keyword))
    }

    /// The description of the field.
    pub(super) fn description(&self) -> Option<&'a str> {
        self.keyword("description").and_then(Json::as_str)
    }

    /// The default value of the chart.
    pub(super) fn default(&self) -> Option<&'a Json> {
        self.keyword("default")
    }

    /// The values that are allowed.
    pub(super) fn allowed(&self) -> Vec<&'a Json> {
        let list = self.keyword("enum").and_then(Json::as_array);
        list.into_iter().flatten().collect()
    }

    /// The type in JSON Schema, such as `object`.
    pub(super) fn type_name(&self) -> Option<&'a str> {
        self.keyword("type").and_then(Json::as_str)
    }

    /// Whether the value is a map.
    pub(super) fn is_map(&self) -> bool {
        self.type_name() == Some("object") || self.keyword("properties").is_some()
    }
}
