//! The answers of the oracle programs, and values as JSON.

use std::io::Write as _;
use std::process::{Command, Stdio};

use pleach::yaml::{Kind, Node, View, emit_kustomize};
use serde_json::Value as Json;

/// Sends lines to a program that prints one answer for each, and returns the `count` answers.
pub(crate) fn answers(oracle: &str, lines: String, count: usize) -> Vec<Json> {
    let mut program = Command::new(oracle);
    let program = program.stdin(Stdio::piped()).stdout(Stdio::piped());
    // Helm prints warnings there.
    let program = program.stderr(Stdio::null());
    let mut program = program.spawn().unwrap();
    let mut input = program.stdin.take().unwrap();
    let feeder = std::thread::spawn(move || input.write_all(lines.as_bytes()));
    let output = program.wait_with_output().unwrap();
    feeder.join().unwrap().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let answers: Vec<Json> = text
        .lines()
        .map(|it| serde_json::from_str(it).unwrap())
        .collect();
    assert_eq!(answers.len(), count);
    answers
}

/// Whether two values are equal; a whole number equals the same number as a float.
pub(crate) fn same(a: &Json, b: &Json) -> bool {
    match (a, b) {
        (Json::Number(a), Json::Number(b)) => a.as_f64() == b.as_f64(),
        (Json::Array(a), Json::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Json::Object(a), Json::Object(b)) => {
            a.len() == b.len()
                && a.iter()
                    .all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        _ => a == b,
    }
}

pub(crate) fn to_json(node: &Node) -> Json {
    match node.view() {
        View::Mapping(entries) => {
            let entries = entries.iter();
            Json::Object(
                entries
                    .map(|it| {
                        (
                            it.key.as_str().unwrap_or("").to_string(),
                            to_json(&it.value),
                        )
                    })
                    .collect(),
            )
        }
        View::Sequence(items) => items.iter().map(to_json).collect(),
        View::Scalar(text) => match node.kind() {
            // A missing value of a flow map is printed as an empty text.
            Kind::Null => match emit_kustomize(node).is_ok_and(|it| it.trim() == "\"\"") {
                true => Json::from(""),
                false => Json::Null,
            },
            Kind::Bool => Json::from(node.as_bool()),
            Kind::Int | Kind::Float => node.as_int().map_or_else(
                || {
                    let text = emit_kustomize(node).unwrap_or_else(|_| text.to_string());
                    Json::from(text.trim().parse::<f64>().unwrap_or(f64::NAN))
                },
                Json::from,
            ),
            _ => Json::from(text),
        },
    }
}
