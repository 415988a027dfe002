//! `pleach check --fix`: fixes are shown or written, including those that only an earlier fix makes possible.

use std::fs;

use crate::program::{pleach, run};

const CLAIM: &str = "environments/prod/redis.yaml";

/// The starter with a claim that misspells its kind and two fields. The fields are checked only once the kind is right.
fn with_misspellings() -> tempfile::TempDir {
    let top = tempfile::tempdir().unwrap();
    run(top.path(), &["init"], 0);
    run(top.path(), &["render"], 0);
    let claim = "apiVersion: pleach.dev/v1\r\nkind: OperatorInstal\r\nmetadata:\r\n  name: redis\r\nspec:\r\n  namespace: redis # kept\r\n  chart:\r\n    nmae: redis\r\n    repository: https://charts.example.org\r\n    version: \"1.2.3\"\r\n  creatNamespace: true\r\n";
    fs::write(top.path().join(CLAIM), claim).unwrap();
    top
}

#[test]
fn a_dry_run_shows_and_writes_nothing() {
    let top = with_misspellings();
    let before = fs::read(top.path().join(CLAIM)).unwrap();
    let output = pleach(top.path(), &["check", "--fix", "--dry-run"]);
    assert_eq!(output.status.code(), Some(1));
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(shown.contains("+kind: OperatorInstall"), "{shown}");
    assert!(shown.contains("+    name: redis"), "{shown}");
    let printed = String::from_utf8(output.stderr).unwrap();
    assert!(printed.contains("would write 3 fixes to"), "{printed}");
    assert_eq!(fs::read(top.path().join(CLAIM)).unwrap(), before);
}

#[test]
fn everything_is_fixed_and_checked_again() {
    let top = with_misspellings();
    // The only remaining finding is that the output lacks the new claim.
    let shown = run(top.path(), &["check", "--fix"], 1);
    assert!(shown.contains("3 fixes written to"), "{shown}");
    assert!(shown.contains("the tree is out of date"), "{shown}");
    let text = fs::read_to_string(top.path().join(CLAIM)).unwrap();
    assert!(text.contains("kind: OperatorInstall\r\n"), "{text}");
    assert!(text.contains("    name: redis\r\n"), "{text}");
    assert!(text.contains("  createNamespace: true\r\n"), "{text}");
    assert!(text.contains("namespace: redis # kept\r\n"), "{text}");
    run(top.path(), &["render"], 0);
    let shown = run(top.path(), &["check", "--fix"], 0);
    assert!(shown.contains("nothing to fix"), "{shown}");
}

#[test]
fn a_document_without_a_kind_is_not_fixed() {
    let top = tempfile::tempdir().unwrap();
    run(top.path(), &["init"], 0);
    run(top.path(), &["render"], 0);
    let file = top.path().join("environments/base/databases.yaml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replacen("kind: ", "knid: ", 1)).unwrap();
    let before = fs::read(&file).unwrap();
    // A document without a kind is not a claim, so there is no suggestion for it.
    run(top.path(), &["check", "--fix"], 1);
    assert_eq!(fs::read(&file).unwrap(), before);
}

#[test]
fn a_fix_never_adds_a_key_twice() {
    let top = tempfile::tempdir().unwrap();
    run(top.path(), &["init"], 0);
    run(top.path(), &["render"], 0);
    let claim = "apiVersion: pleach.dev/v1\nkind: OperatorInstall\nmetadata:\n  name: redis\nspec:\n  namespace: redis\n  namespac: other\n  chart:\n    name: redis\n    repository: https://charts.example.org\n    version: \"1.2.3\"\n  creatNamespace: true\n  createNamespac: true\n";
    let file = top.path().join(CLAIM);
    fs::write(&file, claim).unwrap();
    let shown = run(top.path(), &["check", "--fix"], 1);
    assert!(
        shown.contains("`namespace` is already set here: remove this field"),
        "{shown}"
    );
    assert!(!shown.contains("duplicate-key"), "{shown}");
    let expected = claim.replace("creatNamespace", "createNamespace");
    assert_eq!(fs::read_to_string(&file).unwrap(), expected);
}
