//! A structural schema as JSON Schema (draft 7), for editors.
//!
//! It is generated from the schema that the loader uses, so the two cannot differ. Rules that JSON Schema cannot express are left
//! out: an editor never rejects what the loader accepts.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

use super::json::as_json;
use super::structural::{Additional, Limits, ListType, Logic, Range, Schema, Types};
use super::{documentation, ecma};

/// Whether a document contains the complete value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// It does: required fields are enforced.
    Whole,
    /// It may be merged over another document: required fields are only enforced in items of lists, which are replaced as a whole.
    Partial,
}

/// A converter to JSON Schema.
#[derive(Debug)]
pub struct JsonSchema<'a> {
    form: Form,
    /// Whether fields may also be in snake_case.
    takes_snake_case: bool,
    /// The schemas of charts' values, as `$ref`s by name of the chart.
    charts: &'a BTreeMap<String, String>,
    /// Whether the root accepts quoted numbers everywhere.
    takes_quoted_numbers: bool,
}

impl<'a> JsonSchema<'a> {
    /// A converter for documents of a form.
    pub fn new(form: Form, charts: &'a BTreeMap<String, String>) -> JsonSchema<'a> {
        JsonSchema {
            form,
            takes_snake_case: false,
            charts,
            takes_quoted_numbers: false,
        }
    }

    /// Also accepts each field in snake_case, as protobuf's JSON mapping does.
    #[must_use]
    pub fn with_snake_case(mut self, takes_snake_case: bool) -> JsonSchema<'a> {
        self.takes_snake_case = takes_snake_case;
        self
    }

    /// The schema of a whole document.
    pub fn document(mut self, schema: &Schema) -> Json {
        self.takes_quoted_numbers = schema.flags.quoted_numbers;
        let mut root = self.schema(schema, self.form, Null::Refused, true);
        if self.form == Form::Partial {
            demand_identity(&mut root, schema);
        }
        Json::Object(root)
    }

    fn schema(&self, schema: &Schema, form: Form, null: Null, strict: bool) -> Map<String, Json> {
        let mut out = Map::new();
        documentation::describe(schema, &mut out);
        self.types(schema, null, &mut out);
        if !schema.properties.is_empty() || !matches!(schema.additional, Additional::Unsaid) {
            self.fields(schema, form, strict, &mut out);
        } else if strict && schema.is_closed() && schema.types == Types::Object {
            out.insert("additionalProperties".into(), false.into());
        }
        if let Some(items) = &schema.items {
            let items = self.items(schema, items, form, strict);
            out.insert("items".into(), items);
        }
        if schema.flags.unique_items || schema.list_type == ListType::Set {
            out.insert("uniqueItems".into(), true.into());
        }
        let mut patterns = Vec::new();
        patterns.extend(ecma::of_format(schema.format).map(str::to_string));
        if let Some(name) = ecma::name_of_format(schema.format) {
            out.insert("format".into(), name.into());
        }
        if let Some(limits) = &schema.limits {
            self.limits(schema, limits, form, null, &mut out);
            patterns.extend(
                limits
                    .pattern
                    .as_ref()
                    .and_then(|it| ecma::of_pattern(it.text())),
            );
        }
        put_patterns(patterns, &mut out);
        match &schema.logic {
            Some(logic) => self.logic(logic, form, null, out),
            None => out,
        }
    }

    fn types(&self, schema: &Schema, null: Null, out: &mut Map<String, Json>) {
        let by_number = schema.flags.enum_numbers;
        let mut names: Vec<&str> = match schema.types {
            Types::Any => return,
            Types::Object => vec!["object"],
            Types::Array => vec!["array"],
            Types::String if by_number => vec!["string", "integer"],
            Types::String => vec!["string"],
            Types::Integer if self.takes_quoted_numbers => vec!["integer", "string"],
            Types::Integer => vec!["integer"],
            Types::Number if self.takes_quoted_numbers => vec!["number", "string"],
            Types::Number => vec!["number"],
            Types::Boolean => vec!["boolean"],
            Types::IntOrString => vec!["integer", "string"],
            Types::Quantity => vec!["number", "string"],
        };
        if schema.flags.nullable || null == Null::Taken {
            names.push("null");
        }
        let names = match names.as_slice() {
            [name] => json!(name),
            names => json!(names),
        };
        out.insert("type".into(), names);
    }

    fn fields(&self, schema: &Schema, form: Form, strict: bool, out: &mut Map<String, Json>) {
        let mut properties = Map::new();
        let required: Vec<&str> = match form {
            Form::Whole => demanded(schema).collect(),
            Form::Partial => Vec::new(),
        };
        for (name, field) in schema.properties() {
            // The loader treats null as a missing field.
            let null = match required.contains(&name) {
                true => Null::Refused,
                false => Null::Taken,
            };
            let described = Json::Object(self.schema(field, form, null, strict));
            for other in self.other_names(name, field) {
                let mut other_name = described.clone();
                if let Some(keywords) = other_name.as_object_mut() {
                    keywords.insert("doNotSuggest".into(), true.into());
                }
                properties.entry(other).or_insert(other_name);
            }
            properties.insert(name.to_string(), described);
        }
        if !properties.is_empty() {
            out.insert("properties".into(), properties.into());
        }
        // A required field may have another of its names.
        let has_one_name = |name: &&str| {
            let field = schema.property(name);
            field.is_none_or(|it| self.other_names(name, it).is_empty())
        };
        let required: Vec<&str> = required.into_iter().filter(has_one_name).collect();
        if !required.is_empty() {
            out.insert("required".into(), json!(required));
        }
        match &schema.additional {
            Additional::Like(each) => {
                let each = self.schema(each, form, Null::Taken, strict);
                out.insert("additionalProperties".into(), each.into());
            }
            _ if strict && schema.is_closed() => {
                out.insert("additionalProperties".into(), false.into());
            }
            _ => {}
        }
        let conditions = self.chart_values(schema);
        if !conditions.is_empty() {
            out.insert("allOf".into(), conditions.into());
        }
    }

    fn other_names(&self, name: &str, field: &Schema) -> Vec<String> {
        let mut names: Vec<String> = field.aliases().map(str::to_string).collect();
        if self.takes_snake_case {
            let snake = std::iter::once(name).chain(field.aliases()).map(snake_case);
            let snake: Vec<String> = snake.collect();
            names.extend(snake);
        }
        names.retain(|it| it != name);
        names
    }

    /// Conditions for fields with the values of a chart: the chart determines the schema.
    fn chart_values(&self, schema: &Schema) -> Vec<Json> {
        let mut conditions = Vec::new();
        for (name, field) in schema.properties() {
            let Some(values_of) = field.values_of() else {
                continue;
            };
            for (chart, reference) in self.charts {
                let values = json!({"properties": {name: {"$ref": reference}}});
                match values_of.condition(schema, chart) {
                    Some(Json::Bool(true)) => conditions.push(values),
                    Some(condition) => conditions.push(json!({"if": condition, "then": values})),
                    None => {}
                }
            }
        }
        conditions
    }

    fn items(&self, list: &Schema, each: &Schema, form: Form, strict: bool) -> Json {
        let merges = list.list_type == ListType::Map && form == Form::Partial;
        if !merges {
            return self.schema(each, Form::Whole, Null::Refused, strict).into();
        }
        let mut item = self.schema(each, Form::Partial, Null::Refused, strict);
        let keys: Vec<&str> = list.list_map_keys().collect();
        item.insert("required".into(), json!(keys));
        item.into()
    }

    fn limits(
        &self,
        schema: &Schema,
        limits: &Limits,
        form: Form,
        null: Null,
        out: &mut Map<String, Json>,
    ) {
        if !limits.one_of.is_empty() {
            let mut values: Vec<Json> = limits.one_of.iter().map(as_json).collect();
            if schema.flags.enum_numbers {
                values.extend((0..limits.one_of.len()).map(Json::from));
            }
            if schema.flags.nullable || null == Null::Taken {
                values.push(Json::Null);
            }
            out.insert("enum".into(), values.into());
        }
        let mut number = |word: &str, value: Option<f64>| {
            out.extend(value.map(|it| (word.to_string(), whole_or_float(it))));
        };
        match schema.flags.exclusive_minimum {
            true => number("exclusiveMinimum", limits.minimum),
            false => number("minimum", limits.minimum),
        }
        match schema.flags.exclusive_maximum {
            true => number("exclusiveMaximum", limits.maximum),
            false => number("maximum", limits.maximum),
        }
        number("multipleOf", limits.multiple_of);
        let merges = schema.list_type == ListType::Map && form == Form::Partial;
        let mut range = |word: &str, range: Range, has_least: bool| {
            let least = range.min.filter(|_| has_least);
            out.extend(least.map(|it| (format!("min{word}"), it.into())));
            out.extend(range.max.map(|it| (format!("max{word}"), it.into())));
        };
        range("Length", limits.length, true);
        range("Items", limits.items, !merges);
        range("Properties", limits.properties, form == Form::Whole);
    }

    /// Adds `allOf` and similar keywords, which do not reject unknown fields.
    fn logic(
        &self,
        logic: &Logic,
        form: Form,
        null: Null,
        mut out: Map<String, Json>,
    ) -> Map<String, Json> {
        let is_part = form == Form::Partial;
        let branch = |it: &Schema| Json::from(self.schema(it, form, null, false));
        let branches = |list: &[Schema]| list.iter().map(branch).collect::<Vec<_>>();
        let mut all = branches(&logic.all_of);
        let any = branches(&logic.any_of);
        let one = branches(&logic.one_of);
        if !any.is_empty() {
            out.insert("anyOf".into(), any.into());
        }
        match (one.is_empty(), is_part || null == Null::Taken) {
            (true, _) => {}
            // A partial document or null can match more than one branch.
            (false, true) => all.push(json!({"anyOf": one})),
            (false, false) => drop(out.insert("oneOf".into(), one.into())),
        }
        if let Some(not) = logic.not.as_ref().filter(|_| !is_part) {
            let not = Json::from(self.schema(not, form, Null::Refused, false));
            all.push(match null {
                Null::Taken => json!({"anyOf": [{"type": "null"}, {"not": not}]}),
                Null::Refused => json!({"not": not}),
            });
        }
        if !all.is_empty() {
            let existing = out.remove("allOf");
            let before = existing.and_then(|it| it.as_array().cloned());
            let all: Vec<Json> = before.into_iter().flatten().chain(all).collect();
            out.insert("allOf".into(), all.into());
        }
        out
    }
}

/// Whether null is accepted for a missing field.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Null {
    Taken,
    Refused,
}

/// The required fields of a complete document: those without a default.
fn demanded(schema: &Schema) -> impl Iterator<Item = &str> {
    let has_default = |name: &&str| {
        let field = schema.property(name);
        field.is_some_and(|it| it.default().is_some() || it.conditional_default().is_some())
    };
    schema.required().filter(move |it| !has_default(it))
}

/// Requires the identity even in a partial document.
fn demand_identity(root: &mut Map<String, Json>, schema: &Schema) {
    let known = ["apiVersion", "kind", "metadata"];
    let names: Vec<&str> = known
        .into_iter()
        .filter(|it| schema.property(it).is_some())
        .collect();
    root.insert("required".into(), json!(names));
    let metadata = root
        .get_mut("properties")
        .and_then(|it| it.get_mut("metadata"));
    let has_name = schema
        .property("metadata")
        .and_then(|it| it.property("name"));
    if let (Some(Json::Object(metadata)), Some(_)) = (metadata, has_name) {
        metadata.insert("required".into(), json!(["name"]));
    }
}

fn put_patterns(mut patterns: Vec<String>, out: &mut Map<String, Json>) {
    if patterns.len() < 2 {
        out.extend(patterns.pop().map(|it| ("pattern".to_string(), it.into())));
        return;
    }
    let patterns = patterns.into_iter().map(|it| json!({"pattern": it}));
    out.insert("allOf".into(), patterns.collect::<Vec<_>>().into());
}

/// The snake_case name of a field, as in protobuf.
fn snake_case(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    for c in name.chars() {
        if c.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    snake
}

fn whole_or_float(value: f64) -> Json {
    // Within 2^53, each whole number is exact.
    match value.fract() == 0.0 && value.abs() < 9_007_199_254_740_992.0 {
        true => Json::from(value as i64),
        false => Json::from(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pleach_yaml::diag::Source;
    use pleach_yaml::parse_one;

    fn made(text: &str, form: Form) -> Json {
        let node = parse_one(&Source::internal("test", text)).unwrap();
        let charts = BTreeMap::from([("web".to_string(), "#/definitions/web".to_string())]);
        let schema = Schema::parse(&node).unwrap();
        JsonSchema::new(form, &charts)
            .with_snake_case(true)
            .document(&schema)
    }

    #[test]
    fn required_fields_of_a_whole_and_of_a_part() {
        let text = "{type: object, required: [a, b], properties: {a: {type: string}, b: {type: integer, default: 1}}}";
        let whole = made(text, Form::Whole);
        assert_eq!(whole["required"], json!(["a"]));
        assert_eq!(whole["properties"]["a"]["type"], json!("string"));
        assert_eq!(whole["properties"]["b"]["type"], json!(["integer", "null"]));
        assert_eq!(whole["additionalProperties"], json!(false));
        let part = made(text, Form::Partial);
        assert_eq!(part["required"], json!([]));
        assert_eq!(part["properties"]["a"]["type"], json!(["string", "null"]));
    }

    #[test]
    fn items_of_a_list_that_merges_have_their_keys() {
        let text = "{type: object, properties: {l: {type: array, x-kubernetes-list-type: map, x-kubernetes-list-map-keys: [name], items: {type: object, required: [name, port], properties: {name: {type: string}, port: {type: integer}}}}}}";
        let items = |form| made(text, form)["properties"]["l"]["items"]["required"].clone();
        assert_eq!(items(Form::Whole), json!(["name", "port"]));
        assert_eq!(items(Form::Partial), json!(["name"]));
    }

    #[test]
    fn other_names_are_taken_and_not_suggested() {
        let text = "{type: object, properties: {clusterName: {type: string, x-pleach-aliases: [cluster]}}}";
        let properties = made(text, Form::Whole)["properties"].clone();
        for other in ["cluster_name", "cluster"] {
            assert_eq!(properties[other]["doNotSuggest"], json!(true), "{other}");
        }
    }

    #[test]
    fn the_values_of_a_chart_that_a_field_names() {
        let text = "{type: object, properties: {chart: {type: object, properties: {name: {type: string}}}, values: {type: object, x-kubernetes-preserve-unknown-fields: true, x-pleach-values-of: {fields: [chart.name]}}}}";
        let condition = &made(text, Form::Whole)["allOf"][0];
        let named = json!({"properties": {"chart": {"properties": {"name": {"const": "web"}}, "required": ["name"]}}, "required": ["chart"]});
        assert_eq!(condition["if"], named);
        let values = &condition["then"]["properties"]["values"];
        assert_eq!(values["$ref"], json!("#/definitions/web"));
    }
}
