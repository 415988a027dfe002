//! Applies defaults.

use super::Schema;
use pleach_yaml::diag::Diagnostic;
use pleach_yaml::{Mapping, Node};

/// Applies the defaults of a schema, as the API server does for a CRD.
///
/// A default only applies if its parent map exists (or is itself a default); defaults are completed recursively; items of lists and
/// values of free keys are visited. A `null` that the schema does not allow counts as missing. A plain default has precedence over
/// a conditional one, whose condition is evaluated by `when`; an error in it stops the process.
pub fn apply_defaults(
    node: &mut Node,
    schema: &Schema,
    when: &mut dyn FnMut(&str) -> Result<bool, Diagnostic>,
) -> Result<(), Diagnostic> {
    if let Some(mapping) = node.as_mapping_mut() {
        fill(mapping, schema, when)?;
        for entry in mapping.iter_mut() {
            let child = entry.key.as_str().and_then(|key| schema.child(key));
            if let Some(child) = child {
                apply_defaults(&mut entry.value, child, when)?;
            }
        }
    } else if let (Some(items), Some(schema)) = (node.as_sequence_mut(), schema.items()) {
        for item in items {
            apply_defaults(item, schema, when)?;
        }
    }
    Ok(())
}

fn fill(
    mapping: &mut Mapping,
    schema: &Schema,
    when: &mut dyn FnMut(&str) -> Result<bool, Diagnostic>,
) -> Result<(), Diagnostic> {
    for (key, field) in schema.properties() {
        if field.default().is_none() && field.conditional_default().is_none() {
            continue;
        }
        let existing = mapping.get(key);
        if existing.is_some_and(|it| field.is_nullable() || !it.is_null()) {
            continue;
        }
        if let Some(value) = default_of(field, when)? {
            mapping.insert(Node::string(key), value);
        }
    }
    Ok(())
}

fn default_of(
    field: &Schema,
    when: &mut dyn FnMut(&str) -> Result<bool, Diagnostic>,
) -> Result<Option<Node>, Diagnostic> {
    if let Some(value) = field.default() {
        return Ok(Some(value.clone()));
    }
    let Some(conditional) = field.conditional_default() else {
        return Ok(None);
    };
    let holds = when(conditional.when.as_str().unwrap_or("")).map_err(|fault| Diagnostic {
        span: fault.span.or_else(|| Some(conditional.when.span().clone())),
        ..fault
    })?;
    Ok(holds.then(|| conditional.value.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use pleach_yaml::diag::Source;
    use pleach_yaml::parse_one;

    fn read(text: &str) -> Node {
        parse_one(&Source::internal("test", text)).unwrap()
    }

    fn filled(schema: &str, node: &str) -> String {
        let schema = Schema::parse(&read(schema)).unwrap();
        let mut node = read(node);
        apply_defaults(&mut node, &schema, &mut |text| Ok(text == "yes")).unwrap();
        format!("{node:?}")
    }

    #[test]
    fn only_where_the_map_is() {
        let schema = "{type: object, properties: {a: {type: object, properties: {b: {type: integer, default: 1}}}}}";
        assert_eq!(filled(schema, "{}"), "{}");
        assert_eq!(filled(schema, "a: {}"), r#"{"a": {"b": 1}}"#);
        assert_eq!(filled(schema, "a: {b: null}"), r#"{"a": {"b": 1}}"#);
        assert_eq!(filled(schema, "a: {b: 0}"), r#"{"a": {"b": 0}}"#);
    }

    #[test]
    fn inside_defaults_lists_and_free_keys() {
        let inner = "{type: object, default: {}, properties: {b: {type: integer, default: 1}}}";
        let within = |outer: &str| outer.replace('?', inner);
        assert_eq!(
            filled(&within("{type: object, properties: {a: ?}}"), "{}"),
            r#"{"a": {"b": 1}}"#
        );
        assert_eq!(
            filled(&within("{type: array, items: ?}"), "[{}]"),
            r#"[{"b": 1}]"#
        );
        assert_eq!(
            filled(&within("{type: object, additionalProperties: ?}"), "x: {}"),
            r#"{"x": {"b": 1}}"#
        );
    }

    #[test]
    fn conditions() {
        let schema = "{type: object, properties: {a: {x-pleach-default: {value: 1, when: 'yes'}}, b: {x-pleach-default: {value: 2, when: 'no'}}}}";
        assert_eq!(filled(schema, "{}"), r#"{"a": 1}"#);
    }
}
