//! A rebase with conflicts in a real Git repository: each command reports them, and `render --force` resolves those in generated
//! files.

use std::fs;
use std::path::Path;

use crate::git_repository::{change, git, repository, run};
use crate::program::{PLEACH, assert_contains};

const PATCH: &str = "deploy/apps/prod/analytics/clickhouseinstallation-patch.yaml";
const CLAIM: &str = "environments/prod/databases.yaml";

/// Commits a change of the claim and its rendering on a new branch.
fn commit(root: &Path, branch: &str, change: impl FnOnce()) {
    git(root, &["checkout", "--quiet", "-b", branch, "main"]);
    change();
    run(root, PLEACH, &["render"], true);
    git(root, &["commit", "--quiet", "-a", "-m", branch]);
}

fn replace(root: &Path, from: &str, to: &str) {
    let file = root.join(CLAIM);
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains(from), "{text}");
    fs::write(&file, text.replacen(from, to, 1)).unwrap();
}

fn pleach(root: &Path, arguments: &[&str], succeeds: bool) -> String {
    run(root, PLEACH, arguments, succeeds)
}

fn continue_rebase(root: &Path) {
    git(root, &["-c", "core.editor=true", "rebase", "--continue"]);
    pleach(root, &["check"], true);
    assert_eq!(git(root, &["status", "--short"]), "");
}

#[test]
fn render_resolves_conflicts_in_rendered_files() {
    let (_folder, root) = repository("");
    commit(&root, "disk", || drop(change(&root, "300Gi")));
    commit(&root, "shards", || {
        replace(&root, "shardCount: 3", "shardCount: 4");
    });
    let printed = run(&root, "git", &["rebase", "disk"], false);
    assert_contains(&printed, &[&format!("Merge conflict in {PATCH}")]);
    assert!(
        !printed.contains(&format!("conflict in {CLAIM}")),
        "{printed}"
    );

    let at = format!("--> {PATCH}:1:1");
    let fix = "run `pleach render --force`";
    let markers = "a generated file contains merge conflict markers";
    for command in ["check", "render"] {
        let printed = pleach(&root, &[command], false);
        assert_contains(&printed, &["merge-conflict", markers, &at, fix]);
        assert!(!printed.contains("run `pleach render`"), "{printed}");
    }
    let printed = pleach(&root, &["check", "--format", "short"], false);
    assert_contains(&printed, &[&format!("{PATCH}:1:1: error[merge-conflict]")]);
    for arguments in [&["hook", "run"][..], &["hook", "run", "--fix"]] {
        let printed = pleach(&root, arguments, false);
        assert_contains(
            &printed,
            &["has unresolved merge conflicts", PATCH, fix, "`git add`"],
        );
    }
    let printed = pleach(&root, &["diff", "--committed", "HEAD"], true);
    let at = "clickhouseinstallation-patch.yaml:1:1: the file contains merge conflict markers";
    assert_contains(&printed, &["not-compared", at, "`pleach render --force`"]);
    // A diff of new renderings ignores the committed output.
    let printed = pleach(&root, &["diff"], true);
    assert_contains(&printed, &["shardsCount", "1 object changed"]);

    pleach(&root, &["render", "--force"], true);
    let text = fs::read_to_string(root.join(PATCH)).unwrap();
    assert!(!text.contains("<<<<<<<"), "{text}");
    assert_contains(&text, &["300Gi", "value: 4"]);
    git(&root, &["add", "deploy"]);
    pleach(&root, &["hook", "run"], true);
    continue_rebase(&root);
}

#[test]
fn conflicts_in_claims_must_be_merged_first() {
    let (_folder, root) = repository("platform");
    commit(&root, "more", || drop(change(&root, "300Gi")));
    commit(&root, "less", || drop(change(&root, "250Gi")));
    run(&root, "git", &["rebase", "more"], false);
    let text = fs::read_to_string(root.join(CLAIM)).unwrap();
    let line = text.lines().position(|it| it.starts_with("<<<<<<< "));
    let at = format!("{CLAIM}:{}:1", line.unwrap() + 1);
    // As long as the claim has conflicts, `--force` writes nothing.
    let before = git(&root, &["status", "--short"]);
    for arguments in [&["check"][..], &["render"], &["render", "--force"]] {
        let printed = pleach(&root, arguments, false);
        assert_contains(&printed, &["merge-conflict", &at, "merge the two sides"]);
    }
    let printed = pleach(&root, &["diff"], true);
    assert_contains(&printed, &["not-compared", &at, "merge the two sides"]);
    assert_contains(&pleach(&root, &["hook", "run"], false), &[CLAIM, PATCH]);
    assert_eq!(git(&root, &["status", "--short"]), before);

    git(&root, &["checkout", "--theirs", CLAIM]);
    pleach(&root, &["render", "--force"], true);
    git(&root, &["add", "."]);
    continue_rebase(&root);
    let text = fs::read_to_string(root.join(PATCH)).unwrap();
    assert!(text.contains("250Gi"), "{text}");
}

#[test]
fn a_claim_removed_on_one_side_loses_its_files() {
    let (_folder, root) = repository("");
    commit(&root, "disk", || drop(change(&root, "300Gi")));
    commit(&root, "gone", || {
        fs::remove_file(root.join(CLAIM)).unwrap();
        let kustomization = root.join("overlays/prod");
        fs::remove_dir_all(kustomization).unwrap();
    });
    run(&root, "git", &["rebase", "disk"], false);
    git(&root, &["rm", "--quiet", CLAIM]);
    let printed = pleach(&root, &["hook", "run"], false);
    assert_contains(&printed, &["has unresolved merge conflicts", PATCH]);
    pleach(&root, &["render", "--force"], true);
    assert!(!root.join(PATCH).exists());
    git(&root, &["add", "."]);
    continue_rebase(&root);
}
