//! A ChronikCluster can be written in three spellings; each of them is rendered in the spelling that an annotation requests.

use pleach::diag::Source;
use pleach::tree::{Tree, TreePath};
use pleach::yaml::{Node, parse_one};
use pleach::{Options, compile};

/// For each backend, the fields below `storage:` as the seed, the CRD and the operator's Rust types spell them.
const STORAGES: [[&str; 3]; 4] = [
    ["backend: {local: {}}", "backend: local", "backend: local"],
    [
        "backend: {s3: {bucket: b, region: r}}",
        "backend: s3, s3: {bucket: b, region: r}",
        "backend: {s3: {bucket: b, region: r}}",
    ],
    [
        "backend: {gcs: {bucket: b}}",
        "backend: gcs, gcs: {bucket: b}",
        "backend: {gcs: {bucket: b}}",
    ],
    [
        "backend: {azure: {container: c, account: a}}",
        "backend: azure, azure: {container: c, account: a}",
        "backend: {azure: {container: c, account: a}}",
    ],
];
const DATABASES: [&str; 3] = ["Postgres", "postgres", "postgres"];
const SPELLINGS: [&str; 3] = ["seed", "crd", "rust"];

#[test]
fn each_spelling_is_rendered_as_each_other_spelling() {
    for storages in STORAGES {
        for (wanted, spelling) in SPELLINGS.iter().enumerate() {
            let annotation = format!("pleach.dev/chronik-spelling: {spelling}");
            let expected = crate::examples::json(&object(storages[wanted], DATABASES[wanted]));
            for (written, storage) in storages.iter().enumerate() {
                let tree = rendered(storage, DATABASES[written], &annotation);
                let object = parsed(text(&tree, "chronikcluster.yaml"));
                let annotated =
                    object.at_keys(&["metadata", "annotations", "pleach.dev/chronik-spelling"]);
                assert_eq!(annotated.and_then(Node::as_str), Some(*spelling));
                let spec = crate::examples::json(object.get("spec").unwrap());
                assert_eq!(spec, expected, "{storage} as {spelling}");
            }
        }
    }
}

#[test]
fn objects_are_the_same_for_each_spelling() {
    for storages in STORAGES {
        let mut trees = storages
            .iter()
            .zip(DATABASES)
            .map(|(storage, database)| rendered(storage, database, "pleach.dev/delivery: objects"));
        let first = trees.next().unwrap();
        assert!(text(&first, "configmap.yaml").contains("storage.backend"));
        assert!(trees.all(|it| it == first), "{storages:?}");
    }
}

/// The expected `spec` for a storage and a database.
fn object(storage: &str, database: &str) -> Node {
    parsed(&format!(
        "controllers: 3\ningestNodes: 3\nstorage: {{{storage}, size: 1Gi}}\n\
         metastore: {{database: {database}, connection: {{host: h, port: 5432, database: d, credentialsSecret: s}}}}\n"
    ))
}

fn rendered(storage: &str, database: &str, annotation: &str) -> Tree {
    let text = format!(
        "-- pleach.yaml --\napiVersion: pleach.dev/v1\nkind: Workspace\nmetadata: {{name: case}}\n\
         -- environments/test/environment.yaml --\napiVersion: pleach.dev/v1\nkind: Environment\nmetadata: {{name: test}}\n\
         spec: {{provides: [chronikclusters.chronik.stream]}}\n\
         -- environments/test/a.yaml --\napiVersion: chronik.stream/v1alpha1\nkind: ChronikCluster\n\
         metadata: {{name: a, annotations: {{{annotation}}}}}\n\
         spec:\n  storage: {{{storage}, size: 1Gi}}\n  metastore:\n    database: {database}\n    \
         connection: {{host: h, port: 5432, database: d, credentialsSecret: s}}\n"
    );
    let compiled = compile(&Tree::from_text(&text), &Options::default());
    let messages: Vec<&str> = compiled.diagnostics.iter().map(|it| &*it.message).collect();
    assert!(messages.is_empty(), "{messages:?}\n{text}");
    compiled.tree
}

fn text<'a>(tree: &'a Tree, file: &str) -> &'a str {
    let path = TreePath::new(&format!("apps/test/a/{file}")).unwrap();
    std::str::from_utf8(tree.get(&path).unwrap()).unwrap()
}

fn parsed(text: &str) -> Node {
    parse_one(&Source::internal("object", text)).unwrap()
}
