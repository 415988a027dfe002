//! The YAML reader and writers compared with recorded output of Go's YAML libraries.

use std::path::Path;
use std::sync::Arc;

use pleach::diag::Source;
use pleach::yaml::{
    Mapping, Node, Style, Tag, emit_as_written, emit_kustomize, emit_kyaml, emit_kyaml_value,
    parse_as_kustomize, parse_as_written,
};
use serde_json::Value;

fn cases(name: &str) -> Vec<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/conformance/yaml");
    let text = std::fs::read_to_string(folder.join(name)).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn map(key: Node, value: Node) -> Node {
    let mut mapping = Mapping::new();
    mapping.insert(key, value);
    Node::mapping(mapping)
}

fn built(node: &Node) -> Option<String> {
    emit_kustomize(node).ok()
}

/// The recorded output; `None` for an error.
fn recorded<'a>(case: &'a Value, field: &str) -> Option<&'a str> {
    let text = case[field].as_str().unwrap();
    let refused = text.starts_with("ERR") || text.starts_with("CRASH") || text == "not recorded";
    (!refused).then_some(text)
}

#[test_with::path("../shared/conformance/yaml")]
#[test]
fn scalars_are_written_as_recorded() {
    let (mut wrong, mut checked) = (Vec::new(), 0);
    for case in cases("scalars.json") {
        let value = case["value"].as_str().unwrap();
        let text = || Node::string(value);
        let untagged = Node::scalar(value, Style::Plain, Tag::None);
        let list = map("k".into(), Node::sequence([text()]));
        let deep = map("b".into(), Node::sequence([map("c".into(), text())]));
        let (of_k, as_key) = (map("k".into(), text()), map(text(), "v".into()));
        let results = [
            ("emitted", Some(emit_kyaml(&of_k))),
            ("emitted_key", Some(emit_kyaml(&as_key))),
            ("emitted_in_seq", Some(emit_kyaml(&list))),
            (
                "emitted_untagged",
                Some(emit_kyaml(&map("k".into(), untagged))),
            ),
            ("marshal_v3", Some(emit_kyaml_value(&of_k))),
            ("build", built(&of_k)),
            ("build_key", built(&as_key)),
            ("build_in_seq", built(&list)),
            ("build_deep", built(&map("a".into(), deep))),
        ];
        for (field, found) in results {
            // If the marshalled form is not recorded, it equals the emitted one.
            let field = if case[field].is_null() {
                "emitted"
            } else {
                field
            };
            checked += 1;
            if found.as_deref() != recorded(&case, field) {
                wrong.push(format!(
                    "{field} {value:?}:\n  expected {}\n  found    {found:?}",
                    case[field]
                ));
            }
        }
    }
    println!("{checked} results");
    assert!(
        wrong.is_empty(),
        "{} of {checked} differ:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

/// Reads and writes each recorded document. `left_out` returns the reason why a case cannot be equal.
fn documents(
    field: &str,
    write: impl Fn(&Arc<Source>) -> Option<String>,
    left_out: impl Fn(&str) -> Option<&'static str>,
) {
    let cases = cases("roundtrip.json");
    let (mut wrong, mut reasons) = (Vec::new(), Vec::new());
    for case in &cases {
        let (name, input) = (
            case["name"].as_str().unwrap(),
            case["input"].as_str().unwrap(),
        );
        let found = write(&Source::internal("r.yaml", input));
        let unknown = case[field] == "not recorded";
        if unknown || found.as_deref() == recorded(case, field) {
            continue;
        }
        match left_out(name) {
            Some(reason) => reasons.push(format!("{name}: {reason}")),
            None => wrong.push(format!(
                "{name}\n{input}\n  expected {}\n  found    {found:?}",
                case[field]
            )),
        }
    }
    println!(
        "{} cases, {} left out:\n{}",
        cases.len(),
        reasons.len(),
        reasons.join("\n")
    );
    assert!(
        wrong.is_empty(),
        "{} of {} differ:\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
}

#[test_with::path("../shared/conformance/yaml")]
#[test]
fn documents_are_written_as_kyaml_prints_them() {
    let write = |source: &Arc<Source>| {
        let written = parse_as_written(source).ok()??;
        Some(emit_as_written(&written))
    };
    documents("kyaml", write, |_| None);
}

#[test_with::path("../shared/conformance/yaml")]
#[test]
fn documents_are_written_as_kustomize_builds_them() {
    let write = |source: &Arc<Source>| {
        let documents = parse_as_kustomize(source).ok()?;
        let texts: Option<Vec<String>> = documents.iter().map(built).collect();
        Some(texts?.join("---\n"))
    };
    documents("build", write, |name| match name {
        "annotation int" => Some("labels and annotations become strings in the engine"),
        "list kind" => Some("a list becomes its items in the engine"),
        _ => None,
    });
}
