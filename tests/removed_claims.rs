//! The note that is printed when the output loses all files of a claim.

use std::fs;

use crate::git_repository::repository;
use crate::program::run;

#[test]
fn a_deleted_claim_file_is_named() {
    let top = repository("platform").0;
    let root = top.path().join("platform");
    fs::remove_file(root.join("environments/base/external-secrets.yaml")).unwrap();
    // Without it nothing creates the passwords of these databases.
    for file in ["base", "stage", "prod"] {
        fs::remove_file(root.join(format!("environments/{file}/databases.yaml"))).unwrap();
    }
    fs::remove_file(root.join("environments/test/events.yaml")).unwrap();
    fs::remove_dir_all(root.join("overlays")).unwrap();
    let reported = run(&root, &["check"], 1);
    let reported = reported + &run(&root, &["render"], 0);
    let gone = "note[removed-claim]: `environments/base/external-secrets.yaml`, \
                which contained OperatorInstall/external-secrets, was removed: its";
    assert_eq!(reported.matches(gone).count(), 2, "{reported}");
    assert!(
        reported.contains("files in prod, stage, test are removed"),
        "{reported}"
    );
    assert!(
        reported
            .contains("git restore --staged --worktree environments/base/external-secrets.yaml")
    );
}

#[test]
fn a_file_that_no_longer_contains_the_claim_is_named() {
    let top = repository("platform").0;
    let root = top.path().join("platform");
    let file = root.join("environments/base/databases.yaml");
    let text = fs::read_to_string(&file).unwrap();
    let (first, second) = text.split_once("---\n").unwrap();
    assert!(second.contains("name: events"));
    fs::write(&file, first).unwrap();
    for name in ["stage/databases.yaml", "test/events.yaml"] {
        let file = root.join("environments").join(name);
        let text = fs::read_to_string(&file).unwrap();
        let kept = text.split_once("---\n").map_or("", |it| it.0);
        fs::write(&file, kept).unwrap();
    }
    let reported = run(&root, &["render"], 0);
    assert!(
        reported.contains("no longer contains ClickHouseKubernetes/events: its"),
        "{reported}"
    );
}

#[test]
fn a_file_renamed_to_an_unread_name_is_suggested() {
    let top = repository("platform").0;
    let root = top.path().join("platform");
    let base = root.join("environments/base");
    fs::rename(
        base.join("clickhouse-operator.yaml"),
        base.join("clickhouse-operator.yaml.bak"),
    )
    .unwrap();
    let environments = ["prod", "test"];
    for name in environments {
        let file = format!("environments/{name}/clickhouse-operator.yaml");
        let _ = fs::remove_file(root.join(file));
    }
    let provides = "provides: [clickhouseinstallations.clickhouse.altinity.com, clickhousekeeperinstallations.clickhouse-keeper.altinity.com]";
    for name in ["prod", "stage", "test"] {
        let file = root.join(format!("environments/{name}/environment.yaml"));
        let text = fs::read_to_string(&file).unwrap();
        let (head, _) = text.split_once("  provides:").unwrap();
        let provides = provides.replace('[', "[servicemonitors.monitoring.coreos.com, ");
        fs::write(&file, format!("{head}  {provides}\n")).unwrap();
    }
    let reported = run(&root, &["render"], 0);
    assert!(
        reported.contains("rename `environments/base/clickhouse-operator.yaml.bak`: only"),
        "{reported}"
    );
}

#[test]
fn a_deleted_environment_is_named_once() {
    let top = repository("platform").0;
    let root = top.path().join("platform");
    fs::remove_dir_all(root.join("environments/stage")).unwrap();
    let reported = run(&root, &["render"], 0);
    assert!(
        reported
            .contains("`environments/stage/environment.yaml`, which contained Environment/stage"),
        "{reported}"
    );
    assert_eq!(reported.matches("removed-claim").count(), 1, "{reported}");
}

#[test]
fn without_git_the_claim_is_named() {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), &["init"], 0);
    run(folder.path(), &["render"], 0);
    let text = "apiVersion: pleach.dev/v1\nkind: Environment\nmetadata: {name: test}\nspec: {exclude: [OperatorInstall/pulumi-operator]}\n";
    let environments = folder.path().join("environments/test");
    fs::write(environments.join("environment.yaml"), text).unwrap();
    fs::remove_file(environments.join("pulumi-operator.yaml")).unwrap();
    let reported = run(folder.path(), &["render"], 0);
    assert!(
        reported.contains("OperatorInstall/pulumi-operator is no longer rendered"),
        "{reported}"
    );
}
