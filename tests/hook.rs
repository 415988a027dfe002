//! The hook in real Git repositories, run by Git itself and by a real pre-commit.

use std::fs;
use std::path::Path;

use crate::git_repository::{change, command, git, repository, run};
use crate::program::PLEACH;

#[track_caller]
fn hook(folder: &Path, succeeds: bool) -> String {
    run(folder, PLEACH, &["hook", "run"], succeeds)
}

#[test]
fn a_stale_tree_is_reported_with_the_command_that_fixes_it() {
    let (folder, root) = repository("");
    let printed = hook(&root, true);
    assert_eq!(printed, "pleach: no files of the workspace are staged\n");
    change(&root, "201Gi");
    hook(&root, true);
    git(&root, &["add", "."]);
    let printed = hook(&root, false);
    assert!(
        printed.contains("out of date: deploy/apps/prod/analytics/"),
        "{printed}"
    );
    assert!(printed.contains("run `pleach hook run --fix`"), "{printed}");
    assert!(git(&root, &["diff"]).is_empty());
    let printed = run(&root, PLEACH, &["hook", "run", "--fix"], true);
    assert!(
        printed.starts_with("pleach: 1 file written and 0 removed"),
        "{printed}"
    );
    assert_eq!(printed.lines().count(), 1, "{printed}");
    assert!(git(&root, &["diff"]).is_empty());
    let printed = hook(&root, true);
    assert!(
        printed.starts_with("pleach: the staged tree of prod is up to date"),
        "{printed}"
    );
    run(&root, PLEACH, &["check"], true);
    drop(folder);
}

#[test]
fn nothing_is_staged_in_a_new_repository() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    git(root, &["init", "--quiet"]);
    assert_eq!(hook(root, true), "pleach: no files are staged\n");
    run(root, PLEACH, &["init", "-q"], true);
    let none = "pleach: no files of the workspace are staged\n";
    assert_eq!(hook(root, true), none);
}

#[test]
fn the_hook_checks_the_index_and_not_the_work_tree() {
    let (_folder, root) = repository("");
    change(&root, "201Gi");
    git(&root, &["add", "."]);
    run(&root, PLEACH, &["render"], true);
    hook(&root, false);
    git(&root, &["add", "."]);
    hook(&root, true);
    // Unstaged changes are not part of the commit, so their errors do not matter.
    let file = change(&root, "202Gi");
    fs::write(root.join("environments/prod/broken.yaml"), "{").unwrap();
    hook(&root, true);
    // The staged claim differs from the one in the work tree. The staged one is rendered; the result is written only to the index where
    // the file in the work tree differs from the staged file.
    git(&root, &["add", "environments/prod/databases.yaml"]);
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("202Gi", "203Gi")).unwrap();
    fs::remove_file(root.join("environments/prod/broken.yaml")).unwrap();
    run(&root, PLEACH, &["render"], true);
    run(&root, PLEACH, &["hook", "run", "--fix"], true);
    hook(&root, true);
    let staged = git(&root, &["diff", "--cached", "--", "deploy"]);
    assert!(
        staged.contains("202Gi") && !staged.contains("203Gi"),
        "{staged}"
    );
    assert!(git(&root, &["diff", "--", "deploy"]).contains("203Gi"));
    run(&root, PLEACH, &["check"], true);
}

#[test]
fn edited_and_missing_generated_files_are_reported() {
    let (_folder, root) = repository("");
    let file = root.join("deploy/clusters/prod/apps.yaml");
    let made = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("{made}# by hand\n")).unwrap();
    git(&root, &["add", "."]);
    let printed = hook(&root, false);
    assert!(printed.contains("a generated file was edited"), "{printed}");
    let conflict = made.replacen(
        "apiVersion",
        "<<<<<<< ours\n=======\n>>>>>>> theirs\napiVersion",
        1,
    );
    fs::write(&file, conflict).unwrap();
    git(&root, &["add", "."]);
    let printed = hook(&root, false);
    assert!(printed.contains("merge conflict markers"), "{printed}");
    assert!(printed.contains("pleach render --force"), "{printed}");
    run(&root, PLEACH, &["render", "--force"], true);
    git(&root, &["add", "."]);
    hook(&root, true);
    fs::remove_file(&file).unwrap();
    git(&root, &["add", "."]);
    assert!(hook(&root, false).contains("missing: deploy/clusters/prod/apps.yaml"));
}

#[test]
fn a_renamed_environment_can_be_fixed() {
    let (_folder, root) = repository("");
    let prod = root.join("environments/prod");
    git(&root, &["mv", "environments/prod", "environments/live"]);
    let file = root.join("environments/live/environment.yaml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("name: prod", "name: live")).unwrap();
    git(&root, &["mv", "overlays/prod", "overlays/live"]);
    git(&root, &["add", "."]);
    assert!(!prod.exists());
    let printed = hook(&root, false);
    assert!(
        printed.contains("obsolete") || printed.contains("and "),
        "{printed}"
    );
    run(&root, PLEACH, &["hook", "run", "--fix"], true);
    hook(&root, true);
    run(&root, PLEACH, &["check"], true);
}

#[test]
fn before_the_first_commit_everything_is_checked() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    git(root, &["init", "--quiet"]);
    run(root, PLEACH, &["init"], true);
    git(root, &["add", "."]);
    assert!(hook(root, false).contains("missing: deploy/"));
    run(root, PLEACH, &["hook", "run", "--fix"], true);
    assert!(hook(root, true).contains("the tree is up to date"));
    run(root, PLEACH, &["check"], true);
}

#[cfg(unix)]
#[test]
fn git_runs_the_hook_in_subfolders_worktrees_and_merges() {
    let (folder, root) = repository("platform/it's here");
    run(&root, PLEACH, &["hook", "install", "--fix"], true);
    git(&root, &["checkout", "--quiet", "-b", "other"]);
    change(&root, "201Gi");
    git(&root, &["commit", "--quiet", "-a", "-m", "by other"]);
    assert!(git(&root, &["show", "--stat"]).contains("deploy/"));
    git(&root, &["checkout", "--quiet", "main"]);
    fs::write(folder.path().join("README.md"), "x").unwrap();
    git(folder.path(), &["add", "README.md"]);
    git(&root, &["commit", "--quiet", "-m", "elsewhere"]);
    git(&root, &["merge", "--quiet", "--no-edit", "other"]);
    run(&root, PLEACH, &["check"], true);
    let beside = tempfile::tempdir().unwrap();
    let beside = beside.path().join("tree");
    git(
        &root,
        &[
            "worktree",
            "add",
            "--quiet",
            beside.to_str().unwrap(),
            "-b",
            "third",
        ],
    );
    let there = beside.join("platform/it's here");
    change(&there, "202Gi");
    git(&there, &["commit", "--quiet", "-a", "-m", "in a worktree"]);
    run(&there, PLEACH, &["check"], true);
    assert!(git(&there, &["show", "--stat"]).contains("deploy/"));
    assert!(git(&there, &["status", "--short"]).is_empty());
}

#[cfg(unix)]
#[test]
fn findings_of_a_commit_are_reported_once() {
    let (folder, root) = repository("");
    let overlay = root.join("overlays/prod");
    let write = |name: &str, text: &str| fs::write(overlay.join(name), text).unwrap();
    let kustomization = fs::read_to_string(overlay.join("kustomization.yaml")).unwrap();
    let with = |names: &str| kustomization.replace("resources:\n", &format!("resources:\n{names}"));
    let policy = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: web, namespace: web}\n\
                  spec: {podSelector: {matchLabels: {app: web}}}\n";
    write("policy.yaml", policy);
    write("kustomization.yaml", &with("- policy.yaml\n"));
    run(&root, PLEACH, &["render"], true);
    git(folder.path(), &["add", "."]);
    let printed = hook(&root, true);
    assert!(printed.contains("warning[unmatched-selector]"), "{printed}");
    git(folder.path(), &["commit", "--quiet", "-m", "a finding"]);
    // The finding is in HEAD already, so the next commit gets no warning.
    change(&root, "301Gi");
    run(&root, PLEACH, &["render"], true);
    git(folder.path(), &["add", "."]);
    let printed = hook(&root, true);
    assert!(!printed.contains("warning"), "{printed}");
    // An error stops the commit.
    let secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: open, namespace: web}\nstringData: {password: hunter2hunter2}\n";
    write("secret.yaml", secret);
    write(
        "kustomization.yaml",
        &with("- policy.yaml\n- secret.yaml\n"),
    );
    run(&root, PLEACH, &["render"], true);
    git(folder.path(), &["add", "."]);
    let printed = hook(&root, false);
    assert!(
        printed.contains("error[clear-text-secret]")
            && printed.contains("overlays/prod/secret.yaml:4"),
        "{printed}"
    );
    let allowed = format!("# pleach: allow[clear-text-secret] a sample\n{secret}");
    write("secret.yaml", &allowed);
    run(&root, PLEACH, &["render"], true);
    git(folder.path(), &["add", "."]);
    hook(&root, true);
}

#[test]
fn a_foreign_hook_is_kept() {
    let (folder, root) = repository("");
    git(&root, &["config", "core.hooksPath", "hooks"]);
    let file = folder.path().join("hooks/pre-commit");
    fs::create_dir(file.parent().unwrap()).unwrap();
    fs::write(&file, "#!/bin/sh\n").unwrap();
    let printed = run(&root, PLEACH, &["hook", "install"], false);
    assert!(
        printed.contains("add the line `pleach hook run || exit 1` to it"),
        "{printed}"
    );
    run(&root, PLEACH, &["hook", "uninstall"], false);
    run(&root, PLEACH, &["hook", "install", "--force"], true);
    run(&root, PLEACH, &["hook", "install"], true);
    change(&root, "201Gi");
    // Changes that `-a` staged are unstaged again when the hook fails.
    let printed = run(&root, "git", &["commit", "-a", "-m", "stale"], false);
    assert!(
        printed.contains("run `pleach render`, `git add`"),
        "{printed}"
    );
    let printed = run(&root, PLEACH, &["hook", "run", "--fix"], true);
    assert!(printed.contains("`git add` the claims first"), "{printed}");
    git(&root, &["add", "."]);
    let printed = run(&root, "git", &["commit", "-m", "stale"], false);
    assert!(printed.contains("run `pleach hook run --fix`"), "{printed}");
    run(&root, PLEACH, &["hook", "uninstall"], true);
    assert!(!file.exists());
    git(&root, &["commit", "--quiet", "-a", "-m", "stale"]);
}

#[test]
fn affected_names_the_changed_claims_and_folders() {
    let (_folder, root) = repository("");
    let affected = |arguments: &[&str]| {
        let output = command(&root, PLEACH, &[&["affected"], arguments].concat());
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(affected(&[]), "");
    assert_eq!(affected(&["-o", "github-matrix"]), "{\"include\": []}\n");
    change(&root, "201Gi");
    // The overlay of prod may combine its claims, but the document of a claim affects only that claim.
    assert_eq!(affected(&["--since", "HEAD"]), "prod/analytics\n");
    assert_eq!(
        affected(&["environments/prod/databases.yaml"]),
        "prod/analytics\n"
    );
    assert_eq!(affected(&["overlays/prod/kustomization.yaml"]), "prod\n");
    assert_eq!(affected(&["environments/stage/gone.yaml"]), "stage\n");
    assert_eq!(affected(&["README.md"]), "");
    let misspelt = ["affected", "enviroments/prod/orders.yaml"];
    let printed = run(&root, PLEACH, &misspelt, true);
    assert_eq!(
        printed,
        "warning: `enviroments/prod/orders.yaml` is neither in the work tree nor in the history of HEAD\n"
    );
    // A file that the change removes is in HEAD.
    fs::remove_file(root.join("environments/stage/databases.yaml")).unwrap();
    let removed = ["affected", "environments/stage/databases.yaml"];
    assert_eq!(run(&root, PLEACH, &removed, true), "stage\n");
    // So is one that an earlier commit of the branch has removed in its history.
    let commit = [
        "commit",
        "--quiet",
        "-m",
        "file",
        "--",
        "environments/stage",
    ];
    git(&root, &commit);
    assert_eq!(run(&root, PLEACH, &removed, true), "stage\n");
    git(&root, &["checkout", "HEAD~", "--", "environments/stage"]);
    git(&root, &commit);
    let matrix = affected(&["-o", "github-matrix"]);
    assert_eq!(matrix, "{\"include\": [{\"environment\": \"prod\"}]}\n");
    assert_eq!(affected(&["--staged"]), "");
    git(&root, &["add", "."]);
    let json = affected(&["--staged", "-o", "json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["environments"][0]["claims"][0], "analytics");
    let plain = root.join("tools/app");
    fs::create_dir_all(&plain).unwrap();
    fs::write(
        plain.join("kustomization.yaml"),
        "configMapGenerator: [{name: a, files: [../x.txt]}]\n",
    )
    .unwrap();
    fs::write(root.join("tools/x.txt"), "1").unwrap();
    git(&root, &["add", "."]);
    git(&root, &["commit", "--quiet", "-m", "more"]);
    fs::write(root.join("tools/x.txt"), "2").unwrap();
    assert_eq!(affected(&[]), "./tools/app\n");
    assert_eq!(
        affected(&["--since", "HEAD~..HEAD"]),
        "prod/analytics\n./tools/app\n"
    );
}

#[test]
fn fix_names_files_with_unstaged_changes() {
    let (_folder, root) = repository("");
    change(&root, "201Gi");
    git(&root, &["add", "."]);
    let stale = hook(&root, false);
    let path = stale.split("out of date: ").nth(1).unwrap();
    let path = path.lines().next().unwrap();
    let text = fs::read_to_string(root.join(path)).unwrap();
    fs::write(root.join(path), format!("{text}# unstaged\n")).unwrap();
    let printed = run(&root, PLEACH, &["hook", "run", "--fix"], true);
    let expected = format!(
        "pleach: 1 file written and 0 removed, in the index; not in the work tree, because of unstaged changes: `{path}`\n"
    );
    assert_eq!(printed, expected);
    let kept = fs::read_to_string(root.join(path)).unwrap();
    assert!(kept.ends_with("# unstaged\n"), "{kept}");
    assert!(git(&root, &["diff", "--cached"]).contains("201Gi"));
}

#[test]
fn the_hook_at_the_top_checks_the_workspaces_in_subfolders() {
    let (folder, root) = repository("platform");
    let top = folder.path();
    let printed = run(top, PLEACH, &["hook", "install"], true);
    assert!(
        printed.contains("installed for the workspace in `platform`"),
        "{printed}"
    );
    let file = top.join(".git/hooks/pre-commit");
    let text = fs::read_to_string(&file).unwrap();
    assert!(
        text.ends_with("\nexec pleach -C platform hook run\n"),
        "{text}"
    );
    change(&root, "201Gi");
    run(top, "git", &["commit", "-a", "-m", "stale"], false);
    // A hook of an earlier version is replaced without `--force`.
    let old = "# Made by `pleach hook install`; `pleach hook uninstall` takes it away.";
    fs::write(&file, format!("#!/bin/sh\n{old}\nexec pleach hook run\n")).unwrap();
    fs::create_dir(top.join("another one")).unwrap();
    run(&top.join("another one"), PLEACH, &["init"], true);
    let printed = run(top, PLEACH, &["hook", "install", "--fix"], true);
    assert!(
        printed.contains("the workspaces in `another one`, `platform`"),
        "{printed}"
    );
    let text = fs::read_to_string(&file).unwrap();
    let lines = "pleach -C 'another one' hook run --fix || exit 1\nexec pleach -C platform hook run --fix\n";
    assert!(text.ends_with(lines), "{text}");
    git(top, &["add", "."]);
    git(top, &["commit", "--quiet", "-m", "fixed"]);
    run(&root, PLEACH, &["check"], true);
    assert!(git(top, &["show", "--name-only"]).contains("platform/deploy/"));
    fs::write(&file, "#!/bin/sh\n").unwrap();
    let printed = run(top, PLEACH, &["hook", "install"], false);
    assert!(
        printed.contains("add the lines `pleach -C 'another one' hook run || exit 1` and `pleach -C platform hook run || exit 1` to it"),
        "{printed}"
    );
    let one = ["-C", "platform", "hook", "install", "--force"];
    run(top, PLEACH, &one, true);
    assert!(!fs::read_to_string(&file).unwrap().contains("another"));
    run(top, PLEACH, &["hook", "uninstall"], true);
    assert!(!file.exists());
}

#[test]
fn affected_accepts_paths_as_git_prints_them() {
    let (folder, root) = repository("platform");
    change(&root, "201Gi");
    let pipe = |folder: &Path, command: &str| {
        let script = format!("git diff --name-only | {PLEACH} {command}");
        run(folder, "sh", &["-c", &script], true)
    };
    let environments = root.join("environments");
    for (folder, command) in [
        (&*root, "affected -"),
        (&environments, "affected -"),
        (folder.path(), "-C platform affected -"),
    ] {
        assert_eq!(pipe(folder, command), "prod/analytics\n");
    }
    let own = ["affected", "prod/databases.yaml"];
    assert_eq!(run(&environments, PLEACH, &own, true), "prod/analytics\n");
    // A removed file, in HEAD or in its history.
    fs::remove_file(root.join("environments/stage/databases.yaml")).unwrap();
    let removed = ["affected", "platform/environments/stage/databases.yaml"];
    assert_eq!(run(&root, PLEACH, &removed, true), "stage\n");
    git(&root, &["commit", "--quiet", "-a", "-m", "removed"]);
    assert_eq!(run(&root, PLEACH, &removed, true), "stage\n");
    let wrong = ["affected", "platfrom/environments/stage/databases.yaml"];
    let printed = run(&root, PLEACH, &wrong, true);
    assert!(printed.contains("neither in the work tree"), "{printed}");
}

/// `.ci/run` installs pre-commit in `target/pre-commit` and adds it to the PATH.
#[test_with::executable("pre-commit")]
#[test]
fn a_real_pre_commit_runs_the_hook() {
    let pre_commit = "pre-commit";
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join(".pre-commit-hooks.yaml");
    run(
        manifest.parent().unwrap(),
        pre_commit,
        &["validate-manifest", ".pre-commit-hooks.yaml"],
        true,
    );
    let (_folder, root) = repository("");
    for (entry, fix) in [("hook run", false), ("hook run --fix", true)] {
        let manifest = fs::read_to_string(&manifest).unwrap();
        assert!(
            manifest.contains(&format!("entry: pleach {entry}\n")),
            "{manifest}"
        );
        let config = format!(
            "repos:\n- repo: local\n  hooks:\n  - {{id: pleach, name: pleach, entry: pleach {entry}, language: system, pass_filenames: false, always_run: true}}\n"
        );
        fs::write(root.join(".pre-commit-config.yaml"), config).unwrap();
        git(&root, &["add", "."]);
        run(&root, pre_commit, &["install"], true);
        git(&root, &["commit", "--quiet", "-m", "clean"]);
        change(&root, if fix { "301Gi" } else { "300Gi" });
        git(&root, &["add", "."]);
        // pre-commit stashes unstaged changes and restores them.
        fs::write(root.join("environments/stage/environment.yaml"), "broken").unwrap();
        let printed = run(&root, "git", &["commit", "-m", "stale"], fix);
        assert_eq!(
            printed.contains("run `pleach hook run --fix`"),
            !fix,
            "{printed}"
        );
        let text = fs::read_to_string(root.join("environments/stage/environment.yaml")).unwrap();
        assert_eq!(text, "broken");
        git(&root, &["checkout", "--", "environments/stage"]);
    }
    run(&root, PLEACH, &["check"], true);
    assert!(git(&root, &["show", "--stat"]).contains("deploy/"));
}

#[test]
fn an_unchanged_submodule_affects_nothing() {
    let (_folder, root) = repository("");
    let inner = root.join("lib");
    fs::create_dir_all(inner.join("app")).unwrap();
    fs::write(inner.join("app/kustomization.yaml"), "namePrefix: a-\n").unwrap();
    git(&inner, &["init", "--quiet"]);
    git(&inner, &["add", "."]);
    git(&inner, &["commit", "--quiet", "-m", "inner"]);
    git(&root, &["-c", "advice.addEmbeddedRepo=false", "add", "lib"]);
    git(&root, &["commit", "--quiet", "-m", "with a submodule"]);
    let output = command(&root, PLEACH, &["affected"]);
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "");
}

#[test]
fn a_staged_file_that_is_applied_but_not_rendered_is_reported_once() {
    let (folder, root) = repository("");
    let text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: web}\n";
    fs::write(root.join("deploy/clusters/prod/stray.yaml"), text).unwrap();
    git(folder.path(), &["add", "."]);
    let printed = hook(&root, true);
    let warning = "warning[unchecked-file]: `clusters/prod/stray.yaml` is applied";
    assert!(printed.contains(warning), "{printed}");
    git(folder.path(), &["commit", "--quiet", "-m", "a file"]);
    change(&root, "301Gi");
    run(&root, PLEACH, &["render"], true);
    git(folder.path(), &["add", "."]);
    let printed = hook(&root, true);
    assert!(!printed.contains("unchecked-file"), "{printed}");
}
