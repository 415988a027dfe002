//! The example claims in a folder beside the project: valid ones render, and invalid ones are refused for the expected reason.

use std::fs;
use std::path::{Path, PathBuf};

use pleach::diag::Source;
use pleach::tree::{Tree, TreePath};
use pleach::yaml::{Node, parse_one};
use pleach::{Compiled, Options, compile};

/// For each invalid file: the code of the diagnostic, and texts in its message.
const REFUSED: [(&str, &str, &[&str]); 7] = [
    (
        "altinity-both-spellings.yaml",
        "both-spellings",
        &["targetCluster", "target_cluster"],
    ),
    (
        "altinity-container-missing.yaml",
        "missing-field",
        &["spec.container"],
    ),
    (
        "clickhouse-cluster-zero-shards.yaml",
        "broken-rule",
        &["shardCount", "at least 1"],
    ),
    (
        "clickhouse-disk-missing.yaml",
        "broken-rule",
        &["diskSize", "unit", "`50`"],
    ),
    (
        "clickhouse-ingress-no-host.yaml",
        "broken-rule",
        &["ingress", "hostname"],
    ),
    (
        "clickhouse-keeper-even.yaml",
        "broken-rule",
        &["1, 3 or 5", "found 2"],
    ),
    (
        "clickhouse-name-too-long.yaml",
        "broken-rule",
        &["production-cluster", "18", "15"],
    ),
];

#[test_with::path("../shared/examples/claims")]
#[test]
fn example_claims_render() {
    let examples = examples();
    for folder in ["kubernetes-altinity-operator", "clickhouse-kubernetes"] {
        for path in claims(&examples.join(folder)) {
            let text = fs::read_to_string(&path).unwrap();
            let environment = metadata(&text, "env").expect("the claim names its environment");
            let mut tree = workspace();
            put(
                &mut tree,
                &format!("environments/{environment}/claim.yaml"),
                &text,
            );
            let compiled = compile(&tree, &Options::default());
            assert_no_errors(&path, &compiled);
            assert!(
                !compiled.tree.is_empty(),
                "{} renders nothing",
                path.display()
            );
        }
    }
}

/// These claims name no environment, and their operator needs its own claim.
#[test_with::path("../shared/examples/claims")]
#[test]
fn example_chronik_clusters_render() {
    let examples = examples();
    for path in claims(&examples.join("chronik-cluster")) {
        for spelling in ["seed", "crd", "rust"] {
            let text = fs::read_to_string(&path).unwrap();
            let annotation =
                format!("  annotations: {{pleach.dev/chronik-spelling: {spelling}}}\nspec:\n");
            let mut tree = workspace();
            put(
                &mut tree,
                "environments/prod/claim.yaml",
                &text.replacen("spec:\n", &annotation, 1),
            );
            put(
                &mut tree,
                "environments/prod/operator.yaml",
                "apiVersion: pleach.dev/v1\nkind: ChronikOperator\nmetadata: {name: chronik-operator}\n",
            );
            let compiled = compile(&tree, &Options::default());
            assert_no_errors(&path, &compiled);
            let rendered = chronik_cluster(&compiled.tree);
            let database = if spelling == "seed" {
                "Postgres"
            } else {
                "postgres"
            };
            let written = rendered.at_keys(&["spec", "metastore", "database"]);
            let written = written.and_then(Node::as_str);
            assert_eq!(written, Some(database), "{}", path.display());
            let objects = [pleach::object::Object::new(rendered)];
            let faults = crate::schema_validation::validate_objects(&objects);
            assert!(faults.is_empty(), "{}: {faults:?}", path.display());
        }
    }
}

fn chronik_cluster(tree: &Tree) -> Node {
    let mut files = tree
        .iter()
        .filter(|it| it.0.name() == "chronikcluster.yaml");
    let (_, bytes) = files.next().expect("the claim renders a cluster");
    let text = std::str::from_utf8(bytes).unwrap();
    parse_one(&Source::internal("cluster", text)).unwrap()
}

#[test_with::path("../shared/examples/claims")]
#[test]
fn differences_from_base_give_the_expected_patch() {
    let examples = examples();
    let folder = examples.join("pulumi-operator");
    let mut tree = workspace();
    for path in claims(&folder) {
        let name = path.file_stem().unwrap().to_string_lossy();
        let place = format!("environments/{name}/pulumi-operator.yaml");
        put(&mut tree, &place, &fs::read_to_string(&path).unwrap());
    }
    let compiled = compile(&tree, &Options::default());
    assert_no_errors(&folder, &compiled);
    for environment in ["test", "stage", "prod"] {
        let wanted = folder.join(format!("expected/{environment}-helmrelease-patch.yaml"));
        let place = format!("infrastructure/{environment}/pulumi-operator/helmrelease-patch.yaml");
        let patch = compiled.tree.get(&TreePath::new(&place).unwrap());
        let patch = patch.unwrap_or_else(|| panic!("no {place}"));
        assert_eq!(
            data(std::str::from_utf8(patch).unwrap()),
            data(&fs::read_to_string(wanted).unwrap()),
            "{place}"
        );
    }
}

#[test_with::path("../shared/examples/claims")]
#[test]
fn invalid_claims_are_refused_for_the_reason_they_name() {
    let examples = examples();
    let found = claims(&examples.join("invalid"));
    let names: Vec<String> = found
        .iter()
        .map(|it| it.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    assert_eq!(names, REFUSED.map(|it| it.0), "the table lists every file");
    for (path, (_, code, words)) in found.iter().zip(REFUSED) {
        let mut tree = workspace();
        put(
            &mut tree,
            "environments/prod/claim.yaml",
            &fs::read_to_string(path).unwrap(),
        );
        let compiled = compile(&tree, &Options::default());
        assert!(compiled.tree.is_empty());
        let messages: Vec<String> = compiled
            .diagnostics
            .iter()
            .map(|it| format!("[{}] {} ({})", it.code, it.message, it.help.join("; ")))
            .collect();
        let is_expected = compiled.diagnostics.iter().any(|it| {
            it.code == code
                && it.span.is_some()
                && words.iter().all(|word| it.message.contains(word))
        });
        assert!(
            is_expected,
            "{}: {code} {words:?}, but: {messages:?}",
            path.display()
        );
    }
}

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/examples/claims")
}

/// The YAML files of a folder, in order.
fn claims(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    let mut paths: Vec<PathBuf> = entries
        .map(|it| it.unwrap().path())
        .filter(|it| it.extension().is_some_and(|it| it == "yaml"))
        .collect();
    paths.sort();
    paths
}

/// Three environments without claims.
fn workspace() -> Tree {
    let mut tree = Tree::new();
    put(
        &mut tree,
        "pleach.yaml",
        "apiVersion: pleach.dev/v1\nkind: Workspace\nmetadata: {name: examples}\n",
    );
    for name in ["test", "stage", "prod"] {
        put(
            &mut tree,
            &format!("environments/{name}/environment.yaml"),
            &format!(
                "apiVersion: pleach.dev/v1\nkind: Environment\nmetadata: {{name: {name}}}\nspec: {{cluster: {name}-eu-1}}\n"
            ),
        );
    }
    tree
}

fn put(tree: &mut Tree, path: &str, text: &str) {
    tree.insert(TreePath::new(path).unwrap(), text.as_bytes());
}

fn metadata(text: &str, key: &str) -> Option<String> {
    let node = parse_one(&Source::internal("claim", text)).unwrap();
    let value = node.at_keys(&["metadata", key]).and_then(Node::as_str);
    value.map(str::to_string)
}

/// The data of a document, in which the order of keys has no meaning.
fn data(text: &str) -> serde_json::Value {
    json(&parse_one(&Source::internal("patch", text)).unwrap())
}

pub(crate) fn json(node: &Node) -> serde_json::Value {
    use serde_json::Value;
    if let Some(items) = node.as_sequence() {
        Value::Array(items.iter().map(json).collect())
    } else if let Some(mapping) = node.as_mapping() {
        let entries = mapping
            .into_iter()
            .map(|it| (it.key.as_str().unwrap_or("").to_string(), json(&it.value)));
        Value::Object(entries.collect())
    } else if let Some(value) = node.as_bool() {
        Value::Bool(value)
    } else if let Some(value) = node.as_int() {
        Value::String(format!("int {value}"))
    } else if node.is_null() {
        Value::Null
    } else {
        Value::String(node.as_str().unwrap_or("").to_string())
    }
}

fn assert_no_errors(path: &Path, compiled: &Compiled) {
    let messages: Vec<String> = compiled
        .diagnostics
        .iter()
        .map(|it| format!("[{}] {}", it.code, it.message))
        .collect();
    assert!(
        !compiled.diagnostics.has_errors(),
        "{}: {messages:?}",
        path.display()
    );
}
