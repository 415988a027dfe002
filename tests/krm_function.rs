//! `pleach function` in a ResourceList of kustomize or kpt.

use std::fs;
use std::path::Path;

use pleach::diag::Source;
use pleach::tree::TreePath;
use pleach::yaml::{Node, parse_one};

use crate::git_repository::{command, repository};

/// Runs the function with a list below `apiVersion` and `kind`. Returns the exit code, standard output and standard error.
fn function(root: &Path, list: &str) -> (Option<i32>, String, String) {
    let head = "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\n";
    fs::write(root.join("list.yaml"), format!("{head}{list}")).unwrap();
    let output = command(root, "sh", &["-euc", "pleach function < list.yaml"]);
    let text = |it: &[u8]| String::from_utf8_lossy(it).into_owned();
    (
        output.status.code(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

fn items(printed: &str) -> Vec<Node> {
    let list = parse_one(&Source::new(TreePath::root(), printed)).unwrap();
    let items = list.get("items").and_then(Node::as_sequence);
    items.unwrap().to_vec()
}

fn names(items: &[Node]) -> Vec<&str> {
    let names = items
        .iter()
        .map(|it| it.at_keys(&["metadata", "name"]).and_then(Node::as_str));
    names.flatten().collect()
}

#[test_with::executable(git)]
#[test]
fn items_of_the_input_are_kept_with_their_comments() {
    let (_folder, root) = repository("");
    let own = "- # own\n  apiVersion: v1\n  kind: ConfigMap\n  metadata:\n    name: own # name\n";
    let config = "functionConfig:\n  spec: {environment: prod}\n  metadata:\n    labels:\n      environment: dev\n";
    let (code, printed, errors) = function(&root, &format!("items:\n{own}{config}"));
    assert_eq!(code, Some(0), "{errors}");
    assert!(printed.contains(own), "{printed}");
    let items = items(&printed);
    assert!(items.len() > 5, "{printed}");
    assert_eq!(names(&items)[0], "own");
}

#[test_with::executable(git)]
#[test]
fn a_second_run_changes_nothing() {
    let (_folder, root) = repository("");
    let config = "functionConfig: {kind: ConfigMap, data: {environment: prod}}\n";
    let (_, first, _) = function(&root, &format!("items: []\n{config}"));
    let head = "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\n";
    let (code, second, errors) = function(&root, first.strip_prefix(head).unwrap());
    assert_eq!(code, Some(0), "{errors}");
    assert_eq!(first, second);
}

#[test_with::executable(git)]
#[test]
fn an_item_that_is_rendered_again_stays_in_its_file() {
    let (_folder, root) = repository("");
    let config = "functionConfig: {spec: {environment: prod}}\n";
    let (_, printed, _) = function(&root, config);
    let first = items(&printed).swap_remove(0);
    let text = |keys: &[&str]| first.at_keys(keys).and_then(Node::as_str).unwrap();
    let annotations =
        "annotations: {config.kubernetes.io/path: own/file.yaml, example.org/edited: 'yes'}";
    let item = format!(
        "- apiVersion: {}\n  kind: {}\n  metadata: {{name: {}, namespace: {}, {annotations}}}\n",
        text(&["apiVersion"]),
        text(&["kind"]),
        text(&["metadata", "name"]),
        text(&["metadata", "namespace"]),
    );
    let (code, printed, errors) = function(&root, &format!("items:\n{item}{config}"));
    assert_eq!(code, Some(0), "{errors}");
    let replaced = items(&printed).swap_remove(0);
    let annotation = |name| {
        let value = replaced.at_keys(&["metadata", "annotations", name]);
        value.and_then(Node::as_str)
    };
    assert_eq!(
        annotation("config.kubernetes.io/path"),
        Some("own/file.yaml")
    );
    assert_eq!(annotation("example.org/edited"), None);
    assert!(replaced.get("spec").is_some());
}

#[test_with::executable(git)]
#[test]
fn errors_in_claims_are_results() {
    let (_folder, root) = repository("");
    fs::write(root.join("environments/prod/wrong.yaml"), "kind: Wrong\n").unwrap();
    let list = "items:\n- kind: Own\nfunctionConfig: {spec: {environment: prod}}\n";
    let (code, printed, errors) = function(&root, list);
    assert_eq!(code, Some(1), "{errors}");
    assert_eq!(items(&printed).len(), 1, "{printed}");
    let list = parse_one(&Source::new(TreePath::root(), printed)).unwrap();
    let result = &list.get("results").and_then(Node::as_sequence).unwrap()[0];
    let text = |keys: &[&str]| result.at_keys(keys).and_then(Node::as_str);
    assert_eq!(text(&["severity"]), Some("error"));
    assert_eq!(
        text(&["file", "path"]),
        Some("environments/prod/wrong.yaml")
    );
}

#[test_with::executable(git)]
#[test]
fn wrong_configurations_are_refused() {
    let (_folder, root) = repository("");
    let wrong = [
        ("items: []\n", "the ResourceList has no `functionConfig`"),
        (
            "functionConfig: {}\n",
            "the functionConfig has no map `spec`",
        ),
        (
            "functionConfig: {spec: {}}\n",
            "the functionConfig has no `environment`",
        ),
        (
            "functionConfig: {spec: {environment: prod, workspce: .}}\n",
            "did you mean `workspace`?",
        ),
        (
            "functionConfig: {kind: ConfigMap, data: {environment: 3}}\n",
            "`environment` of the functionConfig must be a string",
        ),
        (
            "functionConfig: {spec: {environment: none}}\n",
            "nothing is deployed from `none`",
        ),
        (
            "functionConfig: {spec: {environment: prod, workspace: /}}\n",
            "there is no workspace in `/`",
        ),
        (
            "items: {}\nfunctionConfig: {spec: {environment: prod}}\n",
            "`items` must be a list",
        ),
    ];
    for (list, expected) in wrong {
        let (code, printed, errors) = function(&root, list);
        assert_ne!(code, Some(0), "{list}");
        assert!(printed.is_empty(), "{printed}");
        assert!(errors.contains(expected), "{list}: {errors}");
    }
}
