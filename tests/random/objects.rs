//! Objects of a program and of pleach, compared.

use pleach::object::Object;
use pleach::yaml::json_round_trip;
use serde_json::Value as Json;

use crate::json::{same, to_json};

/// Objects with a key that sorts them, or why there are none.
pub(crate) type Outcome = Result<Vec<(String, Json)>, String>;

/// Whether both have the same objects, or none.
pub(crate) fn is_same(expected: &Outcome, found: &Outcome) -> bool {
    match (expected, found) {
        (Ok(expected), Ok(found)) => {
            let mut pairs = expected.iter().zip(found);
            expected.len() == found.len() && pairs.all(|(a, b)| same(&a.1, &b.1))
        }
        (Err(_), Err(_)) => true,
        _ => false,
    }
}

/// Prints the objects that only one side has.
pub(crate) fn show(expected: &Outcome, found: &Outcome) {
    match (expected, found) {
        (Ok(expected), Ok(found)) => {
            for (name, side, other) in [("real  ", expected, found), ("pleach", found, expected)] {
                for (_, it) in side {
                    if !other.iter().any(|(_, other)| same(it, other)) {
                        println!("  {name} {it}");
                    }
                }
            }
        }
        _ => println!("  real   {expected:?}\n  pleach {found:?}"),
    }
}

/// The objects or the error of an answer.
pub(crate) fn expected(answer: &Json) -> Outcome {
    if let Some(error) = answer["error"].as_str() {
        return Err(error.to_string());
    }
    let objects = answer["objects"].as_array().into_iter().flatten();
    Ok(sorted(objects.cloned().collect()))
}

pub(crate) fn sorted(objects: Vec<Json>) -> Vec<(String, Json)> {
    let key = |it: &Json| {
        let name = &it["metadata"]["name"];
        let namespace = &it["metadata"]["namespace"];
        format!("{} {name} {namespace} {}", it["kind"], it["apiVersion"])
    };
    let mut keyed: Vec<(String, Json)> = objects.into_iter().map(|it| (key(&it), it)).collect();
    keyed.sort_by(|a, b| a.0.cmp(&b.0));
    keyed
}

/// An object as the API server receives it.
pub(crate) fn as_applied(object: &Object) -> Json {
    let mut node = object.node.clone();
    json_round_trip(&mut node).unwrap();
    to_json(&node)
}

/// Removes the namespaces that the API server adds, not the program.
pub(crate) fn remove_defaults(objects: &mut [Json], answer: &Json, namespace: &str) {
    let without = |it: &Json| {
        let all = answer["objects"].as_array().into_iter().flatten();
        all.filter(|other| {
            other["kind"] == it["kind"] && other["metadata"]["name"] == it["metadata"]["name"]
        })
        .any(|other| other["metadata"].get("namespace").is_none())
    };
    for it in objects {
        if it["metadata"]["namespace"] == namespace && without(it) {
            it["metadata"].as_object_mut().unwrap().remove("namespace");
        }
    }
}
