//! How often we judge an object as a real API server did: a yardstick with a recorded floor.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use pleach::diag::Source;
use pleach::object::Object;
use pleach::schema::ApiSchemas;
use pleach::yaml::{Node, parse_one};
use serde_json::Value;

/// Cases that must agree; raise it when more do.
const FLOOR: usize = 2_829;

#[test]
fn api_verdicts() {
    let cases = cases();
    let groups: BTreeSet<String> = cases.iter().filter_map(|it| group(&it["object"])).collect();
    let Some(schemas) =
        crate::schema_validation::api_schemas(&groups).filter(|_| !cases.is_empty())
    else {
        return println!("skipped: no ../shared beside the project");
    };
    let mut agreeing = 0;
    let mut others: BTreeMap<(bool, &str), Vec<String>> = BTreeMap::new();
    for case in &cases {
        let accepts = case["verdict"] == "accepted";
        let faults = judge(case, &schemas);
        if accepts == faults.is_empty() {
            agreeing += 1;
        } else {
            let rule = case["rule"].as_str().unwrap_or("");
            let others = others.entry((accepts, rule)).or_default();
            others.push(format!("{} {}", case["id"], faults.join("; ")));
        }
    }
    println!("{agreeing} of {} verdicts agree", cases.len());
    for ((accepts, rule), cases) in &others {
        let word = if *accepts { "refused" } else { "accepted" };
        println!("wrongly {word}: {} {rule}", cases.len());
        for case in cases.iter().filter(|_| *accepts) {
            println!("    {case}");
        }
    }
    assert!(agreeing >= FLOOR, "{agreeing} agree, expected {FLOOR}");
}

/// What is wrong with an object; nothing if it is taken.
fn judge(case: &Value, schemas: &ApiSchemas) -> Vec<String> {
    let json = || case["object"].to_string();
    let text = case["text"].as_str().map_or_else(json, str::to_owned);
    match parse_one(&Source::internal("object", text)) {
        Ok(node) => told(&node, schemas),
        Err(faults) => faults.iter().map(|it| it.message.clone()).collect(),
    }
}

fn told(node: &Node, schemas: &ApiSchemas) -> Vec<String> {
    let faults = schemas.validate(&Object::new(node.clone()));
    faults.into_iter().map(|it| it.message).collect()
}

/// The cases that create one object.
fn cases() -> Vec<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/conformance/api");
    let folders = walkdir::WalkDir::new(folder).sort_by_file_name();
    let files = folders.into_iter().filter_map(Result::ok);
    let texts = files
        .filter(|it| it.file_name() == "cases.jsonl")
        .map(|it| std::fs::read_to_string(it.path()).unwrap());
    let lines: Vec<String> = texts
        .flat_map(|it| it.lines().map(str::to_owned).collect::<Vec<_>>())
        .collect();
    let cases = lines
        .iter()
        .map(|it| serde_json::from_str::<Value>(it).unwrap());
    cases.filter(|it| it["verb"] == "create").collect()
}

fn group(object: &Value) -> Option<String> {
    Some(object["apiVersion"].as_str()?.split_once('/')?.0.to_owned())
}
