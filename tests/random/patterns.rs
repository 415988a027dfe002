//! Random patterns and objects compared with Kyverno's own matching.
//!
//! `KYVERNO_ORACLE` is the path of the program of `tools/kyverno-oracle`, `RANDOM_PATTERNS` the number of patterns, and `RANDOM_SEED` the
//! seed.

use pleach::diag::Source;
use pleach::object::Object;
use pleach::validate::RuleBudget;
use pleach::validate::kyverno::KyvernoPolicies;
use pleach::validate::policy::Created;
use pleach::yaml::{Node, parse_one};
use serde_json::{Map, Value as Json, json};

use crate::chance::{Random, number};
use crate::json::answers;

const KEYS: [&str; 4] = ["a", "b", "c", "name"];
const TEXTS: [&str; 24] = [
    "x",
    "xy",
    "nginx:1.2",
    "nginx",
    "",
    "1",
    "0",
    "5",
    "2.0",
    "true",
    "1Gi",
    "512Mi",
    "100m",
    "0.1",
    "90s",
    "1m30s",
    "1h",
    "-1",
    "*",
    "a-b",
    "1e3",
    "null",
    "10-20",
    "v1.2.3",
];
const PATTERNS: [&str; 40] = [
    "*",
    "?*",
    "??",
    "x*",
    "!x",
    "!*",
    "!x*",
    "x | xy",
    "nginx:* & !*:latest",
    "*:*",
    ">1",
    ">=1",
    "<5",
    "<= 5",
    "!1",
    "1-5",
    "1!-5",
    "512Mi-2Gi",
    "100m-1",
    ">=1Gi",
    "<1m",
    ">1m",
    "!90s",
    "1m30s",
    "true",
    "!true",
    "",
    "null",
    "0",
    "1",
    "2",
    "5.0",
    "a-b",
    "-1-5",
    "-5--1",
    ">",
    "! x",
    "x|",
    "&",
    "10-20",
];

#[test]
#[ignore = "needs KYVERNO_ORACLE: the program of tools/kyverno-oracle"]
fn random_patterns_match_like_in_kyverno() {
    let oracle = std::env::var("KYVERNO_ORACLE").unwrap();
    let (seed, count) = (number("RANDOM_SEED", 1), number("RANDOM_PATTERNS", 20_000));
    let questions: Vec<(Json, Json)> = (0..count)
        .map(|round| question(seed.wrapping_mul(1_000_003) + round))
        .collect();
    let line = |it: &(Json, Json)| format!("{}\n", json!({"object": it.0, "pattern": it.1}));
    let lines: String = questions.iter().map(line).collect();
    let answers = answers(&oracle, lines, questions.len());
    let (mut admitted, mut different) = (0, 0);
    for ((object, pattern), answer) in questions.iter().zip(answers) {
        let expected = answer != "differs";
        admitted += usize::from(expected);
        let found = is_admitted(object, pattern);
        if expected != found {
            different += 1;
            println!("{object}\n{pattern}\n  Kyverno: {answer}, admitted here: {found}");
        }
    }
    println!("{count} patterns, {admitted} of them admit their object, {different} differ");
    assert_eq!(different, 0);
}

/// Whether a policy with the pattern admits the object.
fn is_admitted(object: &Json, pattern: &Json) -> bool {
    let rule = json!({
        "name": "rule",
        "match": {"any": [{"resources": {"kinds": ["*"]}}]},
        "validate": {"pattern": pattern},
    });
    let policy = json!({
        "apiVersion": "kyverno.io/v1",
        "kind": "ClusterPolicy",
        "metadata": {"name": "policy"},
        "spec": {"rules": [rule]},
    });
    let policy = Object::new(node(&policy));
    let policies = KyvernoPolicies::among(std::iter::once(&policy));
    assert!(!policies.is_empty(), "{pattern}");
    let node = node(object);
    let created = Created {
        node: &node,
        gvk: Object::new(node.clone()).gvk(),
        resource: "things".into(),
        name: "name",
        namespace: "",
        namespace_object: None,
    };
    policies
        .evaluate(&created, &RuleBudget::default())
        .is_empty()
}

fn node(value: &Json) -> Node {
    parse_one(&Source::internal("json", value.to_string())).unwrap()
}

fn question(seed: u64) -> (Json, Json) {
    let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let value = object(&mut random, 3);
    let pattern = pattern(&mut random, &value, 3);
    let metadata =
        json!({"name": "name", "labels": {"app.kubernetes.io/name": "x", "tier": "front"}});
    let mut whole = Map::from_iter([("spec".to_string(), pattern)]);
    if random.chance(4) {
        let key = random.pick(&[
            "app.*/name",
            "t?er",
            "tier",
            "none*",
            "(tier)",
            "=(t*)",
            "X(none)",
        ]);
        let wanted = random.pick(&["x", "?*", "front", "!x"]);
        whole.insert("metadata".to_string(), json!({"labels": {key: wanted}}));
    }
    let object = json!({"apiVersion": "v1", "kind": "Thing", "metadata": metadata, "spec": value});
    (object, Json::Object(whole))
}

fn object(random: &mut Random, depth: usize) -> Json {
    let keys = KEYS.iter().filter(|_| !random.chance(3));
    let keys: Vec<&str> = keys.copied().collect();
    let entries = keys
        .into_iter()
        .map(|key| (key.to_string(), value(random, depth)));
    Json::Object(entries.collect())
}

fn value(random: &mut Random, depth: usize) -> Json {
    match random.below(if depth == 0 { 6 } else { 10 }) {
        0 => [json!(null), json!(true), json!(false)][random.below(3)].clone(),
        1 => [json!(0), json!(1), json!(5), json!(-1), json!(1000)][random.below(5)].clone(),
        2 => [json!(1.5), json!(0.1), json!(2.25)][random.below(3)].clone(),
        3..=5 => json!(random.pick(&TEXTS)),
        6 => (0..random.below(3))
            .map(|_| json!(random.pick(&TEXTS)))
            .collect(),
        7 => (0..random.below(4))
            .map(|_| object(random, depth - 1))
            .collect(),
        _ => object(random, depth - 1),
    }
}

/// A pattern that usually has the fields of the value.
fn pattern(random: &mut Random, of: &Json, depth: usize) -> Json {
    if random.chance(12) {
        return json!(random.pick(&PATTERNS));
    }
    match of {
        Json::Object(fields) => {
            let mut made = Map::new();
            for key in KEYS {
                match fields.get(key) {
                    Some(field) if !random.chance(3) => {
                        let below = pattern(random, field, depth.saturating_sub(1));
                        made.insert(anchored(random, key, &below), below);
                    }
                    None if random.chance(6) => {
                        let below = json!(random.pick(&PATTERNS));
                        made.insert(anchored(random, key, &below), below);
                    }
                    _ => {}
                }
            }
            Json::Object(made)
        }
        Json::Array(items) => {
            if random.chance(10) {
                return json!(random.pick(&PATTERNS));
            }
            let count = if random.chance(5) { 2 } else { 1 };
            let patterns = (0..count).map(|_| {
                let item = items.get(random.below(items.len().max(1)));
                pattern(random, item.unwrap_or(&json!("x")), depth.saturating_sub(1))
            });
            patterns.collect()
        }
        scalar => match random.below(3) {
            0 => scalar.clone(),
            1 => value(random, 0),
            _ => json!(random.pick(&PATTERNS)),
        },
    }
}

fn anchored(random: &mut Random, key: &str, below: &Json) -> String {
    match random.below(12) {
        0 | 1 => format!("({key})"),
        2 => format!("=({key})"),
        3 => format!("X({key})"),
        4 => format!("<({key})"),
        5 if below.is_array() => format!("^({key})"),
        6 if random.chance(4) => format!("^({key})"),
        _ => key.to_string(),
    }
}
