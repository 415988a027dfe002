//! `ci/pleach.sh`, the script for any CI service.

use std::fs;
use std::path::Path;

use super::files::{blocks, keys, read_yaml};
use super::install::Release;
use super::{Checkout, FEW_FORMATS, command, finish, root, script};
use crate::git_repository::{change, git, run};
use crate::program::{PLEACH, assert_contains};
use crate::vendor::http::repository;
use crate::vendor::workspace::write;

#[test]
fn a_change_is_reported() {
    let checkout = Checkout::new("", "50Gi", true);
    let printed = script(
        &checkout.clone,
        "pleach.sh",
        &[],
        &[("PLEACH_BASE", &checkout.before)],
    );
    // The first commit was not cloned, so it is fetched.
    assert_contains(
        &printed.expect(0),
        &["shrinking-volume in prod", "1 object changed"],
    );
    let result = checkout.read("pleach-reports/result");
    assert_eq!(
        result,
        "check=passed\ndiff=compared\nchanged=true\ndangers=1\ncomment=true\nreason=\n"
    );
    let comment = checkout.read("pleach-reports/comment.md");
    let range = format!("`{}` → `{}`", &checkout.before[..7], &checkout.after[..7]);
    assert_contains(&comment, &[&range, "### 1 object changed", "+ 50Gi"]);
    assert_contains(&checkout.read("pleach-reports/diff.html"), &["<html"]);
    for name in ["check.sarif", "diff.sarif"] {
        let text = checkout.read(&format!("pleach-reports/{name}"));
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(json["version"], "2.1.0");
    }
    for name in ["check.junit.xml", "diff.junit.xml"] {
        assert_contains(
            &checkout.read(&format!("pleach-reports/{name}")),
            &["<testsuites"],
        );
    }
    let danger = [
        ("PLEACH_BASE", &*checkout.before),
        ("PLEACH_FAIL_ON", "danger"),
    ];
    let printed = script(&checkout.clone, "pleach.sh", &[], &danger).expect(1);
    assert_contains(&printed, &["error: the change has dangers: 1"]);
}

#[test]
fn a_stale_tree_fails_unless_failures_are_disabled() {
    let checkout = Checkout::new("platform", "201Gi", false);
    let stale = [
        ("PLEACH_BASE", &*checkout.before),
        ("PLEACH_DIRECTORY", "platform"),
        FEW_FORMATS,
    ];
    let printed = script(&checkout.clone, "pleach.sh", &[], &stale).expect(1);
    assert_contains(
        &printed,
        &["run `pleach render`", "pleach check found faults"],
    );
    let comment = checkout.read("pleach-reports/comment.md");
    assert!(comment.starts_with("### pleach in platform\n\n🛑 **pleach check found faults.**\n"));
    assert_contains(
        &comment,
        &[
            "    platform/deploy/apps/prod/analytics/",
            "[outdated-file]",
            "Run \"pleach render\"",
            "+ 201Gi",
        ],
    );
    let never = [&stale[..], &[("PLEACH_FAIL_ON", "never")]].concat();
    script(&checkout.clone, "pleach.sh", &[], &never).expect(0);
    let unchecked = [&stale[..], &[("PLEACH_CHECK", "false")]].concat();
    script(&checkout.clone, "pleach.sh", &[], &unchecked).expect(0);
    assert_contains(
        &checkout.read("pleach-reports/result"),
        &["check=skipped\n"],
    );
}

#[test]
fn a_comment_with_many_findings_is_shortened() {
    let checkout = Checkout::with_change("", |root| {
        fs::remove_dir_all(root.join("deploy")).unwrap();
    });
    let variables = [("PLEACH_BASE", &*checkout.before), FEW_FORMATS];
    script(&checkout.clone, "pleach.sh", &[], &variables).expect(1);
    let comment = checkout.read("pleach-reports/comment.md");
    assert!((4000..5000).contains(&comment.len()), "{}", comment.len());
    let shown = comment.matches("error[missing-file]").count();
    let all = checkout.read("pleach-reports/check.txt").lines().count();
    assert_contains(&comment, &[&format!("    … {} more lines\n", all - shown)]);
}

#[test]
fn rendering_faults_are_reported_for_the_right_side() {
    let checkout = Checkout::new("", "201Gi", true);
    let root = &checkout.clone;
    let file = root.join("pleach.yaml");
    fs::write(&file, "kind: {").unwrap();
    run(
        root,
        "git",
        &["commit", "--quiet", "-a", "-m", "broken"],
        true,
    );
    let broken = super::head(root);
    let variables = [("PLEACH_BASE", &*checkout.before), FEW_FORMATS];
    let printed = script(root, "pleach.sh", &[], &variables).expect(1);
    assert_contains(&printed, &["yaml-syntax"]);
    let comment = checkout.read("pleach-reports/comment.md");
    assert_contains(
        &comment,
        &["pleach.yaml:1:", "effects of this change are unknown"],
    );
    // A commit that fixes the fault passes.
    run(
        root,
        "git",
        &["revert", "--quiet", "--no-edit", "HEAD"],
        true,
    );
    let variables = [("PLEACH_BASE", &*broken), FEW_FORMATS];
    let printed = script(root, "pleach.sh", &[], &variables).expect(0);
    assert_contains(&printed, &["fails to render"]);
    assert_contains(
        &checkout.read("pleach-reports/result"),
        &["check=passed\ndiff=failed\n"],
    );
    let alone = [variables[0], FEW_FORMATS, ("PLEACH_CHECK", "false")];
    script(root, "pleach.sh", &[], &alone).expect(1);
}

/// Replaces all claims with one whose output contains the version of its chart.
fn write_app(root: &Path, repository: &str, version: &str) {
    for folder in ["environments", "overlays"] {
        let _ = fs::remove_dir_all(root.join(folder));
    }
    write(
        &root.join("environments/test/environment.yaml"),
        "apiVersion: pleach.dev/v1\nkind: Environment\nmetadata: {name: test}\nspec: {cluster: test-1}\n",
    );
    write(
        &root.join("templates/App/kind.yaml"),
        "apiVersion: pleach.dev/v1\nkind: ClaimKind\nmetadata: {name: App}\nspec:\n  apiVersions: [example.com/v1]\n  group: apps\n  \
         schema: {type: object, properties: {spec: {type: object, properties: {repository: {type: string}, version: {type: string}}}}}\n  \
         let: {app: \"chart(spec.repository, 'app', spec.version)\"}\n  files: [{template: configmap.yaml.j2}]\n",
    );
    write(
        &root.join("templates/App/configmap.yaml.j2"),
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: app, namespace: a}\ndata:\n  version: {{ app.metadata.version }}\n",
    );
    let claim = format!(
        "apiVersion: example.com/v1\nkind: App\nmetadata: {{name: shop}}\nspec: {{repository: '{repository}', version: {version}}}\n"
    );
    write(&root.join("environments/test/shop.yaml"), &claim);
    let cache = tempfile::tempdir().unwrap();
    let cache = cache.path().to_str().unwrap();
    for command in ["vendor", "render"] {
        run(root, PLEACH, &["--cache", cache, command], true);
    }
}

#[test]
fn charts_are_pulled_in_the_versions_that_both_sides_pin() {
    let server = repository(&["1.0.0", "2.0.0"]);
    let url = format!("http://{}/charts", server.address);
    let checkout = Checkout::with_change("platform", |root| write_app(root, &url, "^1"));
    let root = checkout.origin.path();
    write_app(&root.join("platform"), &url, "^2");
    run(root, "git", &["add", "."], true);
    run(root, "git", &["commit", "--quiet", "-m", "newer"], true);
    checkout.check_out("main");
    let cache = tempfile::tempdir().unwrap();
    let variables = [
        ("PLEACH_BASE", &*checkout.after),
        ("PLEACH_DIRECTORY", "platform"),
        ("PLEACH_CACHE", cache.path().to_str().unwrap()),
        FEW_FORMATS,
    ];
    let printed = script(&checkout.clone, "pleach.sh", &[], &variables).expect(1);
    assert_contains(&printed, &["missing-chart"]);
    let pulled = [&variables[..], &[("PLEACH_VENDOR", "true")]].concat();
    let printed = script(&checkout.clone, "pleach.sh", &[], &pulled).expect(0);
    assert_contains(&printed, &["- 1.0.0", "+ 2.0.0", "1 object changed"]);
    // CI does not pin charts itself.
    fs::remove_file(checkout.clone.join("platform/pleach.lock")).unwrap();
    let printed = script(&checkout.clone, "pleach.sh", &[], &pulled).expect(2);
    assert_contains(&printed, &["pleach.lock does not match the claims"]);
}

#[test]
fn wrong_arguments_are_reported() {
    let checkout = Checkout::new("", "201Gi", true);
    let printed = |name, value| {
        let run = script(&checkout.clone, "pleach.sh", &[], &[(name, value)]);
        run.expect(2)
    };
    assert_contains(
        &printed("PLEACH_FAIL_ON", "always"),
        &["never, check or danger, not `always`"],
    );
    assert_contains(
        &printed("PLEACH_DIRECTORY", "nowhere"),
        &["`nowhere` is not a directory"],
    );
    assert_contains(
        &printed("PLEACH_BASE", "nonesuch"),
        &["revision `nonesuch` not found, and it cannot be fetched"],
    );
    assert_contains(
        &printed("PLEACH_BASE", "--upload-pack=touch"),
        &["invalid revision `--upload-pack=touch`"],
    );
    // Without a base, the script only checks.
    script(&checkout.clone, "pleach.sh", &[], &[]).expect(0);
    assert_contains(
        &checkout.read("pleach-reports/result"),
        &["diff=skipped\nchanged=false\ndangers=0\ncomment=false\n"],
    );
    change(&checkout.clone, "202Gi");
    run(&checkout.clone, PLEACH, &["check"], false);
    script(&checkout.clone, "pleach.sh", &[], &[]).expect(1);
}

/// The shell commands in the documentation, with a release on the loopback interface.
#[cfg(target_os = "linux")]
#[test]
fn the_documented_commands_work() {
    let release = Release::new(&format!("#!/bin/sh\nexec '{PLEACH}' \"$@\"\n"));
    let server = release.serve(None);
    let lines = blocks("ci/README.md", "sh").remove(0);
    let url = "https://github.com/pleach/pleach/releases/download";
    let name = release.name.trim_end_matches(".tar.gz");
    assert!(lines.contains(url), "{lines}");
    let lines = lines
        .replace(url, &format!("http://{}", server.address))
        .replace(
            &format!(
                "pleach-{}-x86_64-unknown-linux-gnu",
                super::install::VERSION
            ),
            name,
        )
        .replace("origin/main", "$BEFORE");
    let checkout = Checkout::new("", "50Gi", true);
    let run = |sum: &str| {
        let variables = [("PLEACH_SHA256", sum), ("BEFORE", &checkout.before)];
        let mut command = command(&checkout.clone, "sh", &variables);
        finish(command.args(["-e", "-c", &lines]))
    };
    assert_contains(&run(&release.sum).expect(0), &[": OK", "1 object changed"]);
    assert_contains(&run(&"0".repeat(64)).expect(1), &["FAILED"]);
}

#[test]
fn the_documented_inputs_are_those_of_the_action() {
    let inputs = keys(&read_yaml("action.yml"), "inputs");
    let page = fs::read_to_string(root().join("ci/README.md")).unwrap();
    let rows = page.lines().filter(|it| it.starts_with("| `"));
    let mut documented: Vec<&str> = Vec::new();
    for row in rows {
        let names = row.trim_start_matches("| ").split(" |").next().unwrap();
        documented.extend(names.split(", ").map(|it| it.trim_matches('`')));
    }
    documented.sort_unstable();
    assert_eq!(
        documented,
        Vec::from_iter(inputs.iter().map(String::as_str))
    );
}

/// Changes that others merged after the branch began are not shown, even if the clone has neither the base branch nor the merge base.
#[test]
fn a_change_is_compared_with_its_merge_base() {
    let checkout = Checkout::new("", "201Gi", true);
    let origin = checkout.origin.path();
    git(origin, &["checkout", "--quiet", "-b", "topic", "HEAD~1"]);
    write(&origin.join("notes.md"), "words");
    git(origin, &["add", "."]);
    git(origin, &["commit", "--quiet", "-m", "another change"]);
    checkout.check_out("topic");
    let branch = [("PLEACH_BASE", "origin/main"), FEW_FORMATS];
    let printed = script(&checkout.clone, "pleach.sh", &[], &branch).expect(0);
    assert!(!printed.contains("storage"), "{printed}");
    assert_contains(&checkout.read("pleach-reports/result"), &["changed=false"]);
    // On request, the change is compared with the tip of the base.
    let tip = [
        ("PLEACH_BASE", "origin/main"),
        ("PLEACH_MERGE_BASE", "false"),
        FEW_FORMATS,
    ];
    script(&checkout.clone, "pleach.sh", &[], &tip).expect(0);
    assert_contains(&checkout.read("pleach-reports/result"), &["changed=true"]);
}

#[test]
fn a_shallow_clone_is_reported() {
    let checkout = Checkout::new("", "201Gi", true);
    let origin = checkout.origin.path();
    git(origin, &["checkout", "--quiet", "-b", "topic", "HEAD~1"]);
    let commit = ["commit", "--quiet", "--allow-empty", "-m", "another change"];
    git(origin, &commit);
    checkout.check_out("topic");
    let clone = &checkout.clone;
    git(
        clone,
        &["fetch", "--quiet", "--depth=1", "origin", "main:main"],
    );
    git(clone, &["remote", "set-url", "origin", "file:///nowhere"]);
    let branch = [("PLEACH_BASE", "main")];
    let printed = script(clone, "pleach.sh", &[], &branch).expect(2);
    assert_contains(&printed, &["the clone is shallow", "git fetch --unshallow"]);
    let output = command(clone, PLEACH, &[])
        .args(["diff", "main...HEAD"])
        .output();
    let words = String::from_utf8_lossy(&output.unwrap().stderr).into_owned();
    assert_contains(&words, &["shallow clone", "git fetch --unshallow"]);
}
