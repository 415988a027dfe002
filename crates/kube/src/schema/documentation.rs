//! Documentation of fields, in keywords that editors support.

use serde_json::{Map, Value as Json, json};

use super::json::as_json;
use super::structural::Schema;
use pleach_yaml::Node;

/// The description, the default and an example of a field.
pub(super) fn describe(schema: &Schema, out: &mut Map<String, Json>) {
    let text = schema.sentences();
    if !text.is_empty() {
        out.insert("description".into(), text.into());
    }
    if let Some(default) = schema.default()
        // An empty map as default only serves to apply the defaults of its fields.
        && (!default.is_empty_collection() || schema.properties.is_empty())
    {
        out.insert("default".into(), as_json(default));
    }
    if let Some(example) = &schema.example {
        out.insert("examples".into(), json!([as_json(example)]));
    }
    if let Some(help) = without_effect(schema) {
        out.insert("doNotSuggest".into(), true.into());
        out.insert("deprecationMessage".into(), help.into());
    }
}

impl Schema {
    /// Sentences about the purpose of the field, its default and its effect.
    pub fn sentences(&self) -> String {
        let mut sentences: Vec<String> = Vec::new();
        sentences.extend(self.description().map(str::to_string));
        if let Some(default) = self.conditional_default() {
            let (value, when) = (as_json(&default.value), default.when.as_str().unwrap_or(""));
            sentences.push(format!("Default {value} when `{when}`."));
        }
        if let Some(effect) = self.effective_when()
            && without_effect(self).is_none()
        {
            let when = effect.when.as_str().unwrap_or("");
            sentences.push(format!("Has an effect when `{when}`."));
        }
        sentences.join(" ")
    }
}

/// The help for a field that never has an effect; `None` for others.
fn without_effect(schema: &Schema) -> Option<String> {
    let effect = schema.effective_when()?;
    let never = effect.when.as_bool() == Some(false) || effect.when.as_str() == Some("false");
    let help = effect.help.as_ref().and_then(Node::as_str);
    never.then(|| match help {
        Some(help) => format!("no effect: {help}"),
        None => "no effect".to_string(),
    })
}
