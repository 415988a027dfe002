//! Property: a patch that RFC 6902 permits has the same result as with the `json-patch` crate.
//!
//! kustomize's library permits more, such as the replacement of a missing key; `tests/patch/cases/` and the recorded cases test that.

use pleach::patch::{json6902, parse_json6902};
use pleach::yaml::{Kind, Node, View};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{documents, source};

/// Values with few keys, so that the paths of patches often exist.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        (0..5u8).prop_map(Value::from),
        "[a-c]{1,2}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            map(inner),
        ]
    })
}

fn map(inner: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    let keys = prop::sample::select(vec!["a", "b", "a/b", "m~n"]).prop_map(String::from);
    let entries = prop::collection::btree_map(keys, inner, 1..4);
    entries.prop_map(|it| it.into_iter().collect::<serde_json::Map<_, _>>().into())
}

/// The pointers to all values of a document, and to places at which one can be added.
fn pointers(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::Array(items) => {
            found.push(format!("{at}/-"));
            for (index, item) in items.iter().enumerate() {
                found.push(format!("{at}/{index}"));
                pointers(item, &format!("{at}/{index}"), found);
            }
        }
        Value::Object(entries) => {
            found.push(format!("{at}/new"));
            for (key, value) in entries {
                let below = format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"));
                pointers(value, &below, found);
                found.push(below);
            }
        }
        _ => {}
    }
}

fn operation(pointers: Vec<String>) -> impl Strategy<Value = Value> {
    let names = prop::sample::select(vec!["add", "remove", "replace", "test", "move", "copy"]);
    let pointer = prop::sample::select(pointers);
    (names, pointer.clone(), pointer, value()).prop_map(|(op, path, from, value)| match op {
        "add" | "replace" | "test" => json!({"op": op, "path": path, "value": value}),
        "remove" => json!({"op": op, "path": path}),
        _ => json!({"op": op, "path": path, "from": from}),
    })
}

fn document_and_patch() -> impl Strategy<Value = (Value, Value)> {
    map(value()).prop_flat_map(|document| {
        let mut found = Vec::new();
        pointers(&document, "", &mut found);
        let patch = prop::collection::vec(operation(found), 1..4).prop_map(Value::from);
        (Just(document), patch)
    })
}

/// The document after the patch; `None` if the patch is refused.
fn ours(document: &Value, patch: &Value) -> Option<Value> {
    let mut node = documents(&document.to_string()).pop()?;
    let operations = parse_json6902(&source(&patch.to_string())).ok()?;
    json6902(&mut node, &operations).ok()?;
    Some(json_of(&node))
}

fn json_of(node: &Node) -> Value {
    match node.view() {
        View::Scalar(text) if node.kind() == Kind::String => text.into(),
        View::Scalar(text) => serde_json::from_str(text).unwrap(),
        View::Sequence(items) => items.iter().map(json_of).collect(),
        View::Mapping(entries) => {
            let entries = entries.iter();
            let entries =
                entries.map(|it| (it.key.as_str().unwrap().to_string(), json_of(&it.value)));
            Value::Object(entries.collect())
        }
    }
}

fn theirs(document: &Value, patch: &Value) -> Option<Value> {
    let mut document = document.clone();
    let patch: json_patch::Patch = serde_json::from_value(patch.clone()).ok()?;
    // `patch` would undo the applied operations after an error, which panics for some moves. Here `unsafe` only means without undoing.
    json_patch::patch_unsafe(&mut document, &patch).ok()?;
    Some(document)
}

proptest! {
    #![proptest_config(ProptestConfig { max_global_rejects: 10_000, ..ProptestConfig::with_cases(1000) })]

    #[test]
    fn a_patch_is_applied_as_the_rfc_requires((document, patch) in document_and_patch()) {
        let expected = theirs(&document, &patch);
        prop_assume!(expected.is_some());
        prop_assert_eq!(ours(&document, &patch), expected, "{}", patch);
    }
}
