//! `pleach check --fix`: replacements are shown, written, and made one after the other where they overlap.

use std::fs;

use crate::cli::{pleach, run};

const CLAIM: &str = "environments/prod/redis.yaml";

/// The starter with a claim whose kind, field and value have slips. The field is found only once the kind is right.
fn with_slips() -> tempfile::TempDir {
    let top = tempfile::tempdir().unwrap();
    run(top.path(), &["init"], 0);
    run(top.path(), &["render"], 0);
    let claim = "apiVersion: pleach.dev/v1\r\nkind: OperatorInstal\r\nmetadata:\r\n  name: redis\r\nspec:\r\n  namespace: redis # kept\r\n  chart:\r\n    nmae: redis\r\n    repository: https://charts.example.org\r\n    version: \"1.2.3\"\r\n  creatNamespace: true\r\n";
    fs::write(top.path().join(CLAIM), claim).unwrap();
    top
}

#[test]
fn a_dry_run_shows_and_writes_nothing() {
    let top = with_slips();
    let before = fs::read(top.path().join(CLAIM)).unwrap();
    let output = pleach(top.path(), &["check", "--fix", "--dry-run"]);
    assert_eq!(output.status.code(), Some(1));
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(shown.contains("+kind: OperatorInstall"), "{shown}");
    assert!(shown.contains("+    name: redis"), "{shown}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("would write 3 fixes to"), "{said}");
    assert_eq!(fs::read(top.path().join(CLAIM)).unwrap(), before);
}

#[test]
fn all_is_fixed_and_checked_again() {
    let top = with_slips();
    // The tree lacks the new claim, which is all that is found.
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
fn what_is_generated_or_built_in_is_left_alone() {
    let top = tempfile::tempdir().unwrap();
    run(top.path(), &["init"], 0);
    run(top.path(), &["render"], 0);
    let file = top.path().join("environments/base/databases.yaml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replacen("kind: ", "knid: ", 1)).unwrap();
    let before = fs::read(&file).unwrap();
    // No name is offered for what is no claim.
    run(top.path(), &["check", "--fix"], 1);
    assert_eq!(fs::read(&file).unwrap(), before);
}
