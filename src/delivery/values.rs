//! Merges the values of a chart with those for production and those of a claim.

use crate::yaml::{Entry, Mapping, Node};

/// Merges layers of values in order: maps are merged, lists and scalars are replaced, and null removes a value.
///
/// Helm merges the result into `defaults`, the values of the chart. There, a removed value would still exist, so null is kept if the
/// chart has a default.
pub(super) fn merged<'a>(layers: impl IntoIterator<Item = &'a Node>, defaults: &Node) -> Node {
    let mut values = Mapping::new();
    for layer in layers {
        merge(&mut values, layer, Some(defaults));
    }
    Node::mapping(values)
}

fn merge(values: &mut Mapping, layer: &Node, defaults: Option<&Node>) {
    for Entry { key, value } in layer.as_mapping().into_iter().flatten() {
        let name = key.as_str().unwrap_or("");
        let defaults = defaults
            .and_then(|it| it.get(name))
            .filter(|it| !it.is_null());
        if value.is_null() && defaults.is_none() {
            values.remove(name);
        } else if value.as_mapping().is_some() {
            let inner = values.get_mut(name).and_then(Node::as_mapping_mut);
            let mut inner = inner.map(std::mem::take).unwrap_or_default();
            merge(&mut inner, value, defaults);
            values.insert(key.clone(), Node::mapping(inner).at(value.span()));
        } else {
            values.insert(key.clone(), value.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::Source;
    use crate::yaml::{emit_canonical, parse_one};

    fn node(text: &str) -> Node {
        parse_one(&Source::internal("values", text)).unwrap()
    }

    #[test]
    fn maps_merge_and_the_rest_is_replaced() {
        let own = node("a: {b: 1, c: [1, 2]}\nd: x\n");
        let production = node("a: {b: 2}\ne: {f: 1}\n");
        let claim = node("a: {c: [3]}\ne: {g: 2}\nd: {h: 1}\n");
        let values = merged([&own, &production, &claim], &own);
        assert_eq!(
            emit_canonical(&values),
            "a:\n  b: 2\n  c:\n  - 3\nd:\n  h: 1\ne:\n  f: 1\n  g: 2\n"
        );
    }

    #[test]
    fn a_null_is_kept_only_if_the_chart_has_a_default() {
        let own = node("a: {b: 1, c: 2}\n");
        let production = node("d: 1\ne: {f: 1, g: 2}\n");
        let claim = node("a: {b: null, x: null}\nd: null\ne: {f: null}\n");
        let all = merged([&own, &production, &claim], &own);
        assert_eq!(emit_canonical(&all), "a:\n  b: null\n  c: 2\ne:\n  g: 2\n");
        let overrides = merged([&production, &claim], &own);
        assert_eq!(emit_canonical(&overrides), "e:\n  g: 2\na:\n  b: null\n");
    }
}
