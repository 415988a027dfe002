//! The location of the output: its sync path in the Git repository, and files that are left in an earlier output folder.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use crate::program::{assert_contains, pleach, run};

const CLAIM: &str = "\
apiVersion: pleach.dev/v1
kind: OperatorInstall
metadata: {name: cert-manager}
spec:
  namespace: cert-manager
  chart: {name: cert-manager, repository: 'https://charts.jetstack.io', version: 1.19.1}
";

/// A workspace with one claim in a folder of a Git repository, with these lines below `spec` of pleach.yaml.
fn workspace(below: &str, spec: &str) -> TempDir {
    let top = tempfile::tempdir().unwrap();
    fs::create_dir(top.path().join(".git")).unwrap();
    let root = top.path().join(below);
    write(&root.join("environments/prod/claims.yaml"), CLAIM);
    let environment = "apiVersion: pleach.dev/v1\nkind: Environment\nmetadata: {name: prod}\n";
    write(
        &root.join("environments/prod/environment.yaml"),
        environment,
    );
    set_spec(&root, spec);
    top
}

fn set_spec(root: &Path, spec: &str) {
    let head = "apiVersion: pleach.dev/v1\nkind: Workspace\nmetadata: {name: w}\nspec:\n";
    write(&root.join("pleach.yaml"), &format!("{head}{spec}"));
}

fn write(file: &Path, text: &str) {
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, text).unwrap();
}

#[test]
fn an_earlier_output_is_reported_by_render_and_check() {
    let top = workspace("", "  output: deploy\n");
    run(top.path(), &["render"], 0);
    set_spec(
        top.path(),
        "  output: gitops/tree\n  sync: {path: ./gitops/tree}\n",
    );
    let reported = run(top.path(), &["render"], 0);
    assert!(reported.contains("warning[earlier-output]: `deploy` contains"));
    assert!(reported.contains("pleach.yaml:5:11"), "{reported}");
    assert!(run(top.path(), &["check"], 0).contains("earlier-output"));
    run(top.path(), &["check", "--strict"], 1);
}

#[test]
fn an_earlier_output_is_removed_on_request() {
    let top = workspace("", "  output: deploy\n");
    run(top.path(), &["render"], 0);
    write(&top.path().join("deploy/README.md"), "mine\n");
    set_spec(top.path(), "  output: tree\n");
    let reported = run(top.path(), &["render", "--remove-earlier-output"], 0);
    assert!(
        reported.contains("files of an earlier output removed"),
        "{reported}"
    );
    let left: Vec<_> = fs::read_dir(top.path().join("deploy")).unwrap().collect();
    assert_eq!(left.len(), 1, "only the user's own file is kept");
    assert!(run(top.path(), &["check", "--strict"], 0).is_empty());
}

#[test]
fn an_earlier_output_inside_the_new_one_is_no_edited_file() {
    let top = workspace("", "  output: deploy/tree\n");
    run(top.path(), &["render"], 0);
    set_spec(top.path(), "  output: deploy\n");
    let reported = run(top.path(), &["render"], 0);
    assert!(!reported.contains("edited-by-hand"), "{reported}");
    assert!(reported.contains("`deploy/tree` contains"), "{reported}");
    run(top.path(), &["render", "--remove-earlier-output"], 0);
    assert!(!top.path().join("deploy/tree").exists());
    assert!(run(top.path(), &["check", "--strict"], 0).is_empty());
}

#[test]
fn an_earlier_output_around_the_new_one_loses_only_its_own_files() {
    let top = workspace("", "  output: deploy\n");
    run(top.path(), &["render"], 0);
    set_spec(top.path(), "  output: deploy/tree\n");
    run(top.path(), &["render", "--remove-earlier-output"], 0);
    assert!(!top.path().join("deploy/clusters").exists());
    assert!(run(top.path(), &["check", "--strict"], 0).is_empty());
}

#[test]
fn the_tree_of_another_workspace_is_no_earlier_output() {
    let top = workspace("", "  output: deploy\n");
    let other = top.path().join("other");
    write(&other.join("environments/prod/claims.yaml"), CLAIM);
    let environment = "apiVersion: pleach.dev/v1\nkind: Environment\nmetadata: {name: prod}\n";
    write(
        &other.join("environments/prod/environment.yaml"),
        environment,
    );
    set_spec(&other, "  sync: {path: ./other/deploy}\n");
    run(&other, &["render"], 0);
    run(top.path(), &["render", "--strict"], 0);
}

#[test]
fn a_workspace_in_a_subfolder_needs_a_sync_path() {
    let top = workspace("platform", "  layout: flat\n");
    let root = top.path().join("platform");
    let reported = run(&root, &["render"], 0);
    assert!(
        reported.contains("the tree is in `./platform/deploy` of the Git repository"),
        "{reported}"
    );
    assert!(run(&root, &["check"], 0).contains("warning[wrong-sync-path]"));
    run(&root, &["check", "--strict"], 1);
}

#[test]
fn a_wrong_sync_path_is_reported_at_its_position() {
    let top = workspace("platform", "  sync: {path: ./plattform/deploy/}\n");
    let reported = run(&top.path().join("platform"), &["render"], 0);
    assert!(reported.contains("pleach.yaml:5:16"), "{reported}");
    assert!(reported.contains("write `sync: {path: ./platform/deploy}`"));
}

#[test]
fn every_spelling_of_the_right_sync_path_is_accepted() {
    for path in ["platform/deploy", "./platform/deploy/", "/platform//deploy"] {
        let spec = format!("  sync: {{path: {path}}}\n");
        let top = workspace("platform", &spec);
        run(&top.path().join("platform"), &["render", "--strict"], 0);
    }
}

#[test]
fn the_sync_path_of_an_artifact_is_not_checked() {
    let top = workspace("platform", "  sync: {path: ./}\n");
    let root = top.path().join("platform");
    let environment = "\
apiVersion: pleach.dev/v1
kind: Environment
metadata: {name: prod}
spec: {source: {kind: OCIRepository, name: tree}}
";
    write(
        &root.join("environments/prod/environment.yaml"),
        environment,
    );
    run(&root, &["render", "--strict"], 0);
}

#[test]
fn a_comment_in_pleach_yaml_allows_another_sync_path() {
    let spec = "  # pleach: allow[wrong-sync-path] a job copies the tree\n  sync: {path: ./x}\n";
    let top = workspace("", spec);
    run(top.path(), &["render", "--strict"], 0);
    run(top.path(), &["check", "--strict"], 0);
}

#[test]
fn init_in_a_subfolder_writes_the_sync_path() {
    let top = tempfile::tempdir().unwrap();
    fs::create_dir(top.path().join(".git")).unwrap();
    run(top.path(), &["init", "team/platform"], 0);
    let root = top.path().join("team/platform");
    let text = fs::read_to_string(root.join("pleach.yaml")).unwrap();
    assert!(text.contains("path: ./team/platform/deploy"), "{text}");
    run(&root, &["render", "--strict"], 0);
}

#[test]
fn out_cannot_be_a_folder_that_output_cannot_be() {
    let folder = workspace("w", "  output: deploy\n  sync: {path: ./w/deploy}\n");
    let root = &folder.path().join("w");
    fs::create_dir_all(root.join("templates")).unwrap();
    fs::create_dir_all(root.join("elsewhere")).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink("../environments", root.join("elsewhere/link")).unwrap();
    let other =
        |folder: &str| format!("the tree cannot be written to `{folder}`, which has other files");
    for (start, out, message) in [
        (".", "environments", other("environments")),
        (".", "Environments/x", other("environments")),
        (".", "templates/Website", other("templates")),
        (".", "overlays", other("overlays")),
        (".", "new/../overlays/x", other("overlays")),
        ("environments/prod", "zz", other("environments")),
        ("elsewhere", "link/x", other("environments")),
        (".", ".git", "written to the folder of Git".to_string()),
        (".", "../.git/x", "written to the folder of Git".to_string()),
        (
            ".",
            ".",
            "written to the folder of the workspace".to_string(),
        ),
        (
            "elsewhere",
            "..",
            "written to the folder of the workspace".to_string(),
        ),
    ] {
        for command in ["render", "check"] {
            let printed = run(&root.join(start), &[command, "--out", out], 2);
            assert_contains(
                &printed,
                &[&message, "help: use a folder with no other files"],
            );
        }
    }
    run(root, &["render", "--out", "tree"], 0);
    run(root, &["render", "--out", "../tree/of.git"], 0);
    run(
        &root.join("environments/prod"),
        &["render", "--out", "../../tree"],
        0,
    );
}

#[test]
fn reports_name_the_folder_of_out() {
    let folder = workspace("w", "  output: deploy\n  sync: {path: ./w/deploy}\n");
    let root = &folder.path().join("w");
    run(root, &["render"], 0);
    let elsewhere = folder.path().join("elsewhere");
    for (out, shown) in [("tree", "tree"), ("../elsewhere", "../elsewhere")] {
        run(root, &["render", "--out", out], 0);
        fs::remove_file(root.join(out).join("clusters/prod/infrastructure.yaml")).unwrap();
        let short = run(root, &["check", "--out", out, "--format", "short"], 1);
        assert_contains(
            &short,
            &[&format!(
                "{shown}/clusters/prod/infrastructure.yaml:1:1: error[missing-file]"
            )],
        );
        let human = pleach(root, &["check", "--out", out]);
        let human = String::from_utf8([human.stdout, human.stderr].concat()).unwrap();
        assert_contains(
            &human,
            &[
                &format!("+++ b/{shown}/clusters/prod/infrastructure.yaml"),
                &format!("run `pleach render --out {out}`"),
            ],
        );
        assert!(!human.contains("deploy/clusters"), "{human}");
        let sarif = pleach(root, &["check", "--out", out, "--format", "sarif"]);
        let sarif = String::from_utf8(sarif.stdout).unwrap();
        let uri = format!(
            "{}/clusters/prod/infrastructure.yaml\"",
            shown.replace("..", "").trim_start_matches('/')
        );
        assert!(
            sarif.contains(&uri) && !sarif.contains("deploy/clusters"),
            "{sarif}"
        );
        run(root, &["render", "--out", out], 0);
        let file = root.join(out).join("clusters/prod/infrastructure.yaml");
        let text = fs::read_to_string(&file).unwrap();
        fs::write(&file, format!("{text}# edited\n")).unwrap();
        let printed = run(root, &["render", "--out", out], 1);
        assert_contains(
            &printed,
            &[
                &format!("{shown}/clusters/prod/infrastructure.yaml"),
                &format!("run `pleach render --out {out} --force`"),
                &format!("`pleach check --out {out}` shows"),
            ],
        );
        run(root, &["render", "--force", "--out", out], 0);
    }
    assert!(elsewhere.is_dir());
}

#[test]
fn the_tree_is_not_written_to_folders_of_workspaces() {
    let parent = tempfile::tempdir().unwrap();
    let (own, other) = (parent.path().join("own"), parent.path().join("other"));
    for root in [&own, &other] {
        write(&root.join("environments/prod/claims.yaml"), CLAIM);
        let environment = "apiVersion: pleach.dev/v1\nkind: Environment\nmetadata: {name: prod}\n";
        write(
            &root.join("environments/prod/environment.yaml"),
            environment,
        );
        set_spec(root, "  output: deploy\n");
    }
    let contains = "error: the tree cannot be written to a folder that contains the workspace";
    for (out, reason) in [
        ("..", contains),
        ("/", contains),
        ("../other", "which has other files, in the workspace"),
        (
            "../other/environments/prod",
            "which has other files, in the workspace",
        ),
    ] {
        let printed = run(&own, &["render", "--out", out], 2);
        assert!(
            printed.contains(reason) && !printed.contains("--force"),
            "{printed}"
        );
    }
    run(&own, &["render", "--out", "../new"], 0);
}
