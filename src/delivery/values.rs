//! The values of a chart: its own, those for production, and those of a claim.

use crate::yaml::{Entry, Mapping, Node};

/// Merges the layers in order: maps are merged, lists and scalars are replaced, null removes a value.
///
/// `own` are the chart's own values, which Helm merges below all layers. A removed value would reappear from there, so null is kept
/// if the chart has a value of this name.
pub(super) fn layered<'a>(layers: impl IntoIterator<Item = &'a Node>, own: &Node) -> Node {
    let mut values = Mapping::new();
    for layer in layers {
        lay(&mut values, layer, Some(own));
    }
    Node::mapping(values)
}

fn lay(values: &mut Mapping, over: &Node, own: Option<&Node>) {
    for Entry { key, value } in over.as_mapping().into_iter().flatten() {
        let name = key.as_str().unwrap_or("");
        let own = own.and_then(|it| it.get(name)).filter(|it| !it.is_null());
        if value.is_null() && own.is_none() {
            values.remove(name);
        } else if value.as_mapping().is_some() {
            let inner = values.get_mut(name).and_then(Node::as_mapping_mut);
            let mut inner = inner.map(std::mem::take).unwrap_or_default();
            lay(&mut inner, value, own);
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
        let values = layered([&own, &production, &claim], &own);
        assert_eq!(
            emit_canonical(&values),
            "a:\n  b: 2\n  c:\n  - 3\nd:\n  h: 1\ne:\n  f: 1\n  g: 2\n"
        );
    }

    #[test]
    fn a_null_stays_only_where_the_chart_would_bring_the_value_back() {
        let own = node("a: {b: 1, c: 2}\n");
        let production = node("d: 1\ne: {f: 1, g: 2}\n");
        let claim = node("a: {b: null, x: null}\nd: null\ne: {f: null}\n");
        let whole = layered([&own, &production, &claim], &own);
        assert_eq!(
            emit_canonical(&whole),
            "a:\n  b: null\n  c: 2\ne:\n  g: 2\n"
        );
        let rest = layered([&production, &claim], &own);
        assert_eq!(emit_canonical(&rest), "e:\n  g: 2\na:\n  b: null\n");
    }
}
