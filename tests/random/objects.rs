//! Compares the objects of a program and of pleach.

use pleach::deploy::{Status, Unit};
use pleach::object::Object;
use pleach::tree::{Tree, TreePath};
use pleach::yaml::json_round_trip;
use serde_json::{Value as Json, json};

use crate::chance::number;
use crate::json::{answers, same, to_json};

/// Objects with a key that sorts them, or why there are none.
pub(crate) type Outcome = Result<Vec<(String, Json)>, String>;

/// Something that a program and pleach deploy.
pub(crate) trait Case {
    /// The question for the program.
    fn question(&self) -> Json;

    /// The objects that pleach deploys, or why there are none.
    fn found(&self, answer: &Json) -> Outcome;

    /// The title of a case that differs.
    fn title(&self) -> String;

    /// Whether the engine ignores an object of the program.
    fn ignores(_object: &Json) -> bool {
        false
    }
}

/// Random cases. Their number is in an environment variable, and the seed in `RANDOM_SEED`.
pub(crate) fn random_cases<C>(variable: &str, default: u64, random: impl Fn(u64) -> C) -> Vec<C> {
    let (seed, count) = (number("RANDOM_SEED", 1), number(variable, default));
    let seeds = (0..count).map(|it| seed.wrapping_mul(1_000_003) + it);
    seeds.map(random).collect()
}

/// Compares cases with a program, whose path is in an environment variable.
pub(crate) fn compare<C: Case>(program: &str, cases: &[C]) {
    let program = std::env::var(program).unwrap();
    let lines = cases.iter().map(|it| format!("{}\n", it.question()));
    let answers = answers(&program, lines.collect(), cases.len());
    let (mut failing, mut different) = (0, 0);
    for (case, answer) in cases.iter().zip(answers) {
        let (mut expected, found) = (expected(&answer), case.found(&answer));
        if let Ok(objects) = &mut expected {
            objects.retain(|(_, it)| !C::ignores(it));
        }
        failing += usize::from(expected.is_err());
        if !is_same(&expected, &found) {
            different += 1;
            println!("--- {}", case.title());
            show(&expected, &found);
        }
    }
    let count = cases.len();
    println!("{count} cases, {failing} of them fail, {different} differ");
    assert_eq!(different, 0);
}

/// A repository with some files.
pub(crate) fn tree(files: impl IntoIterator<Item = (String, String)>) -> Tree {
    let mut tree = Tree::new();
    for (name, text) in files {
        tree.insert(TreePath::new(&name).unwrap(), text.into_bytes());
    }
    tree
}

/// The file from which Flux applies the folder `clusters/prod`.
pub(crate) fn flux_sync() -> (String, String) {
    let object = json!({
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization",
        "metadata": {"name": "flux-system", "namespace": "flux-system"},
        "spec": {"path": "./clusters/prod", "prune": true, "sourceRef": {"kind": "GitRepository", "name": "flux-system"}},
    });
    let name = "clusters/prod/flux-system/gotk-sync.yaml";
    (name.to_string(), object.to_string())
}

/// The objects of a kind.
pub(crate) fn of_kind(objects: &[Json], kind: &str) -> Vec<Json> {
    let found = objects.iter().filter(|it| it["kind"] == kind);
    found.cloned().collect()
}

/// Whether both have the same objects, or none.
fn is_same(expected: &Outcome, found: &Outcome) -> bool {
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
fn show(expected: &Outcome, found: &Outcome) {
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
fn expected(answer: &Json) -> Outcome {
    if let Some(error) = answer["error"].as_str() {
        return Err(error.to_string());
    }
    let objects = answer["objects"].as_array().into_iter().flatten();
    Ok(sorted(objects.cloned().collect()))
}

fn sorted(objects: Vec<Json>) -> Vec<(String, Json)> {
    let key = |it: &Json| {
        let name = &it["metadata"]["name"];
        let namespace = &it["metadata"]["namespace"];
        format!("{} {name} {namespace} {}", it["kind"], it["apiVersion"])
    };
    let mut keyed: Vec<(String, Json)> = objects.into_iter().map(|it| (key(&it), it)).collect();
    keyed.sort_by(|a, b| a.0.cmp(&b.0));
    keyed
}

/// The objects that pleach finds in a unit, without namespaces that `answer` does not have.
pub(crate) fn outcome(unit: &Unit, answer: &Json, namespace: &str) -> Outcome {
    if let Status::NotBuilt(fault) = &unit.status {
        return Err(fault.message.clone());
    }
    let mut objects: Vec<Json> = unit.objects.iter().map(as_applied).collect();
    remove_defaults(&mut objects, answer, namespace);
    Ok(sorted(objects))
}

/// An object as the API server receives it.
fn as_applied(object: &Object) -> Json {
    let mut node = object.node.clone();
    json_round_trip(&mut node).unwrap();
    to_json(&node)
}

/// Removes the namespaces that the API server adds, not the program.
fn remove_defaults(objects: &mut [Json], answer: &Json, namespace: &str) {
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
