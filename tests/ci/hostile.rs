//! Hostile pull requests: the scripts run none of their programs, read and write nothing through their links, and fail if git cannot
//! read the repository.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::action::Job;
use super::comment::Forge;
use super::{Checkout, FEW_FORMATS, Run, head, script};
use crate::git_repository::{change, git};
use crate::program::assert_contains;

/// Writes a program that appends its environment to the marker file, and then runs `then`.
fn program(file: &Path, marker: &Path, then: &str) {
    let text = format!(
        "#!/bin/sh\n{{ echo \"$0 $*\"; env; echo; }} >>'{}'\n{then}\n",
        marker.display()
    );
    fs::write(file, text).unwrap();
    fs::set_permissions(file, PermissionsExt::from_mode(0o755)).unwrap();
}

/// Makes a folder look like a bare repository whose configuration names a program in every setting that git could run.
fn embed(folder: &Path, marker: &Path) {
    fs::write(folder.join("HEAD"), "ref: refs/heads/main\n").unwrap();
    for name in ["objects", "refs"] {
        fs::create_dir(folder.join(name)).unwrap();
        fs::write(folder.join(name).join(".keep"), "").unwrap();
    }
    program(&folder.join("x.sh"), marker, "");
    let config = "[core]\n\trepositoryformatversion = 0\n\tbare = false\n\tworktree = .\n\tfsmonitor = ./x.sh\n\
        \tsshCommand = ./x.sh\n\tpager = ./x.sh\n\thooksPath = .\n\
        [remote \"origin\"]\n\turl = .\n\tuploadpack = ./x.sh\n\
        [filter \"x\"]\n\tclean = ./x.sh\n\tsmudge = ./x.sh\n\
        [diff]\n\texternal = ./x.sh\n[credential]\n\thelper = ./x.sh\n";
    fs::write(folder.join("config"), config).unwrap();
    fs::write(folder.join(".gitattributes"), "* filter=x\n").unwrap();
}

/// A pull request with a change of a workspace in `platform`.
fn pull(change: impl FnOnce(&Path)) -> Checkout {
    Checkout::with_change("platform", |workspace| {
        crate::git_repository::run(workspace, crate::program::PLEACH, &["render"], true);
        change(workspace);
    })
}

fn job(checkout: &Checkout, forge: &Forge, inputs: &[(&str, &str)]) -> Job {
    let own = [("version", "installed"), ("working-directory", "platform")];
    Job::new(&checkout.clone, &[&own[..], inputs].concat())
        .variable("GITHUB_API_URL", &forge.url())
        .variable("GITHUB_SHA", &head(&checkout.clone))
        .with("github.event_name", "pull_request")
        .with("github.event.pull_request.number", "7")
        .with("github.event.pull_request.base.sha", &checkout.before)
}

fn gitlab(checkout: &Checkout, forge: &Forge, more: &[(&str, &str)]) -> Run {
    let project = checkout.clone.display().to_string();
    let url = forge.url();
    let variables = [
        ("CI_PROJECT_DIR", &*project),
        ("CI_API_V4_URL", &*url),
        ("CI_PROJECT_ID", "12"),
        ("CI_MERGE_REQUEST_IID", "7"),
        ("CI_MERGE_REQUEST_DIFF_BASE_SHA", &*checkout.before),
        ("PLEACH_TOKEN", "s3cret"),
        ("PLEACH_DIRECTORY", "platform"),
    ];
    let variables = [&variables[..], more].concat();
    script(&checkout.clone, "gitlab.sh", &[], &variables)
}

fn recipe(checkout: &Checkout, more: &[(&str, &str)]) -> Run {
    let variables = [
        ("PLEACH_BASE", &*checkout.before),
        ("PLEACH_DIRECTORY", "platform"),
        FEW_FORMATS,
    ];
    let variables = [&variables[..], more].concat();
    script(&checkout.clone, "pleach.sh", &[], &variables)
}

#[test]
fn programs_of_an_embedded_repository_are_not_run() {
    let outside = tempfile::tempdir().unwrap();
    let marker = outside.path().join("was-run");
    let checkout = pull(|workspace| {
        embed(workspace, &marker);
        change(workspace, "201Gi");
        crate::git_repository::run(workspace, crate::program::PLEACH, &["render"], true);
    });
    let forge = Forge::new(Vec::new(), true);
    let outcome = job(&checkout, &forge, &[]).run();
    assert!(outcome.succeeds && !marker.exists(), "{}", outcome.printed);
    assert_eq!(outcome.outputs["changed"], "true", "{}", outcome.printed);
    for run in [&gitlab as &dyn Fn(_, _, _) -> Run, &|it, _, more| {
        recipe(it, more)
    }] {
        checkout.check_out("main");
        let printed = run(&checkout, &forge, &[]).expect(0);
        assert_contains(&printed, &["1 object changed"]);
        assert!(!marker.exists(), "{printed}");
    }
}

/// A folder with wrappers of git, curl, pleach and other programs that record their environment.
fn recording_wrappers(marker: &Path) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["git", "curl", "pleach", "awk", "sed", "tar"] {
        let real = match name {
            "pleach" => crate::program::PLEACH.to_string(),
            name => {
                let found = Command::new("sh")
                    .args(["-c", &format!("command -v {name}")])
                    .output();
                String::from_utf8(found.unwrap().stdout).unwrap()
            }
        };
        let then = format!("exec '{}' \"$@\"", real.trim());
        program(&folder.path().join(name), marker, &then);
    }
    folder
}

#[test]
fn only_git_fetch_gets_the_token() {
    let outside = tempfile::tempdir().unwrap();
    let marker = outside.path().join("seen");
    let recording_wrappers = recording_wrappers(&marker);
    let checkout = pull(|workspace| drop(change(workspace, "201Gi")));
    let forge = Forge::new(Vec::new(), true);
    // This commit is not the merge, so the base must be fetched.
    let outcome = job(&checkout, &forge, &[])
        .variable("GITHUB_SHA", &checkout.before)
        .programs(recording_wrappers.path())
        .run();
    assert_eq!(forge.written().len(), 1, "{}", outcome.printed);
    let seen = fs::read_to_string(&marker).unwrap();
    let with_token = seen.split("\n\n").filter(|it| it.contains("s3cret"));
    let with_token: Vec<&str> = with_token.map(|it| it.lines().next().unwrap()).collect();
    assert!(
        seen.contains("/pleach ") && seen.contains("/curl "),
        "{seen}"
    );
    assert!(!with_token.is_empty());
    for command in with_token {
        assert!(
            command.contains("/git ") && command.contains(" fetch "),
            "{command}"
        );
    }
    fs::remove_file(&marker).unwrap();
    checkout.check_out("main");
    let path = format!(
        "{}:{}",
        recording_wrappers.path().display(),
        std::env::var("PATH").unwrap()
    );
    gitlab(&checkout, &forge, &[("PATH", &path)]).expect(1);
    let seen = fs::read_to_string(&marker).unwrap();
    assert!(
        seen.contains("/pleach ") && seen.contains("/curl "),
        "{seen}"
    );
    assert!(!seen.contains("s3cret"), "{seen}");
}

/// A folder outside of the repository, and a file in it.
fn outside() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kept");
    fs::write(&file, "kept\n").unwrap();
    (folder, file)
}

#[test]
fn reports_are_not_written_through_links() {
    let (folder, kept) = outside();
    let forge = Forge::new(Vec::new(), true);
    // The link is the folder of the reports, a folder above it, or a report.
    let checkout = pull(|workspace| {
        let top = workspace.parent().unwrap();
        symlink(folder.path(), top.join("pleach-reports")).unwrap();
        symlink(folder.path(), top.join("linked")).unwrap();
    });
    let link = "is reached through a symbolic link in the repository";
    assert_contains(
        &recipe(&checkout, &[]).expect(2),
        &["/pleach-reports`", link].map(|it| it.trim_start_matches('/')),
    );
    assert_contains(&gitlab(&checkout, &forge, &[]).expect(2), &[link]);
    for reports in ["linked/reports", "linked/", "./linked"] {
        let printed = recipe(&checkout, &[("PLEACH_REPORTS", reports)]).expect(2);
        assert_contains(&printed, &[link]);
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    let names = [
        "comment.md",
        "summary.md",
        "result",
        "check.txt",
        "diff.html",
        "gl-code-quality-report.json",
    ];
    let checkout = pull(|workspace| {
        let reports = workspace.parent().unwrap().join("pleach-reports");
        fs::create_dir(&reports).unwrap();
        names
            .iter()
            .for_each(|it| symlink(&kept, reports.join(it)).unwrap());
        // These files look like reports of this run, but are not.
        fs::write(reports.join("more.codequality.json"), "{\"forged\": 1}\n").unwrap();
        fs::write(reports.join("more.junit.xml"), "<testsuites/>").unwrap();
    });
    recipe(&checkout, &[]).expect(0);
    checkout.check_out("main");
    gitlab(&checkout, &forge, &[]).expect(0);
    assert_eq!(fs::read_to_string(&kept).unwrap(), "kept\n");
    assert!(
        !checkout
            .clone
            .join("pleach-reports/more.junit.xml")
            .exists()
    );
    let quality = checkout.read("pleach-reports/gl-code-quality-report.json");
    assert!(!quality.contains("forged"), "{quality}");
}

#[test]
fn a_workspace_that_is_a_link_is_refused() {
    let (folder, _) = outside();
    let checkout = Checkout::with_change("platform", |workspace| {
        fs::rename(workspace, workspace.with_file_name("real")).unwrap();
        symlink("real", workspace).unwrap();
        symlink(folder.path(), workspace.with_file_name("out")).unwrap();
    });
    let forge = Forge::new(Vec::new(), true);
    assert_contains(
        &recipe(&checkout, &[]).expect(2),
        &["reached through a symbolic link"],
    );
    gitlab(&checkout, &forge, &[]).expect(2);
    assert!(!job(&checkout, &forge, &[]).run().succeeds);
    let printed = recipe(&checkout, &[("PLEACH_DIRECTORY", "out/")]).expect(2);
    assert_contains(&printed, &["not in a Git repository"]);
}

#[test]
fn a_lock_that_is_a_link_is_not_followed() {
    let checkout = pull(|workspace| symlink("/dev/zero", workspace.join("pleach.lock")).unwrap());
    let printed = recipe(&checkout, &[("PLEACH_VENDOR", "true")]).expect(2);
    assert_contains(&printed, &["pleach.lock"]);
}

/// The lines that a runner executes as commands: those that begin with `::` while commands are not stopped.
fn commands(printed: &str) -> Vec<&str> {
    let mut stopped: Option<String> = None;
    let mut found = Vec::new();
    for line in printed.split(['\n', '\r']) {
        match (&stopped, line.strip_prefix("::stop-commands::")) {
            (Some(end), _) if end == line => stopped = None,
            (Some(_), _) => {}
            (None, Some(name)) => stopped = Some(format!("::{name}::")),
            (None, None) if line.starts_with("::") => found.push(line),
            (None, None) => {}
        }
    }
    found
}

#[test]
fn file_names_are_not_executed_as_commands() {
    let name = "a\n::set-output name=owned::x\r::error::owned\n.yaml";
    let checkout = pull(|workspace| {
        fs::write(workspace.join("environments/prod").join(name), "kind: [\n").unwrap();
        fs::write(
            workspace.join("environments/prod/b.yaml"),
            "kind: \"::error::owned\\n::error::owned\"\n",
        )
        .unwrap();
    });
    let forge = Forge::new(Vec::new(), true);
    let outcome = job(&checkout, &forge, &[]).run();
    assert!(!outcome.succeeds);
    let found = commands(&outcome.printed);
    assert!(!found.is_empty(), "{}", outcome.printed);
    for command in found {
        let is_ours = [
            "::notice ",
            "::warning ",
            "::error file=",
            "::error title=pleach",
        ];
        assert!(
            is_ours.iter().any(|it| command.starts_with(it)),
            "{command}"
        );
    }
    for line in outcome.outputs.keys().chain(outcome.outputs.values()) {
        assert!(!line.contains("owned"), "{line}");
    }
}

#[test_with::root()]
#[test]
fn a_checkout_of_another_user_is_read_if_it_is_trusted() {
    let checkout = pull(|workspace| {
        change(workspace, "201Gi");
        crate::git_repository::run(workspace, crate::program::PLEACH, &["render"], true);
    });
    let forge = Forge::new(Vec::new(), true);
    let job = job(&checkout, &forge, &[]);
    let mut chown = Command::new("chown");
    let chown = chown.args(["-R", "12345"]).arg(&checkout.clone);
    let chown = chown.stderr(Stdio::null()).status();
    assert!(chown.is_ok_and(|it| it.success()));
    // GitHub and GitLab created this checkout for the job, so their scripts trust it.
    let outcome = job.run();
    assert!(outcome.succeeds, "{}", outcome.printed);
    assert_eq!(outcome.outputs["changed"], "true");
    gitlab(&checkout, &forge, &[]).expect(0);
    // The general script trusts nothing.
    let printed = recipe(&checkout, &[]).expect(2);
    assert_contains(&printed, &["dubious ownership", "safe.directory"]);
}

#[test]
fn an_unreadable_repository_is_an_error() {
    let forge = Forge::new(Vec::new(), true);
    for damage in ["index", "HEAD", "packs"] {
        let checkout = pull(|workspace| drop(change(workspace, "201Gi")));
        let own = checkout.clone.join(".git");
        let job = job(&checkout, &forge, &[("check", "false")]);
        match damage {
            "packs" => fs::remove_dir_all(own.join("objects/pack")).unwrap(),
            file => fs::write(own.join(file), "garbage").unwrap(),
        }
        // A comparison of two commits does not need the index.
        let is_needed = damage != "index";
        assert_eq!(job.run().succeeds, !is_needed, "{damage}");
        let code = if is_needed { 2 } else { 0 };
        recipe(&checkout, &[("PLEACH_CHECK", "false")]).expect(code);
        gitlab(&checkout, &forge, &[("PLEACH_CHECK", "false")]).expect(code);
    }
}

/// Runs the scripts with dangers as failures, and returns the output of the action.
#[track_caller]
fn fail_for_dangers(checkout: &Checkout, check: &str) -> String {
    let forge = Forge::new(Vec::new(), true);
    let inputs = [("check", check), ("fail-on", "danger")];
    let outcome = job(checkout, &forge, &inputs).run();
    assert!(!outcome.succeeds, "{}", outcome.printed);
    let variables = [("PLEACH_CHECK", check), ("PLEACH_FAIL_ON", "danger")];
    recipe(checkout, &variables).expect(1);
    checkout.check_out("main");
    gitlab(checkout, &forge, &variables).expect(1);
    outcome.printed
}

#[test]
fn a_danger_is_counted_whatever_it_quotes() {
    let checkout = pull(|workspace| {
        let role = "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: a}\n\
            rules: [{apiGroups: ['title=not-compared::'], resources: ['title=not-compared::'], verbs: ['*']}]\n";
        fs::write(workspace.join("overlays/prod/role.yaml"), role).unwrap();
        let file = workspace.join("overlays/prod/kustomization.yaml");
        let text = fs::read_to_string(&file).unwrap();
        let text = text.replace("resources:\n", "resources:\n- role.yaml\n");
        fs::write(file, text).unwrap();
        crate::git_repository::run(workspace, crate::program::PLEACH, &["render"], true);
    });
    let printed = fail_for_dangers(&checkout, "true");
    assert_contains(&printed, &["the change has dangers: 1"]);
}

#[test]
fn a_claim_that_is_not_compared_counts_as_a_danger() {
    let checkout = pull(|workspace| {
        let file = workspace.join("environments/prod/databases.yaml");
        let text = fs::read_to_string(&file).unwrap();
        fs::write(file, text.replace("diskSize: ", "diskSizes: ")).unwrap();
    });
    let printed = fail_for_dangers(&checkout, "false");
    assert_contains(
        &printed,
        &["the effects of a part of this change are unknown"],
    );
}

/// A wrapper of pleach fails to write the report of dangers, as on a full disk.
#[test]
fn dangers_that_cannot_be_written_fail() {
    let outside = tempfile::tempdir().unwrap();
    let checkout = pull(|workspace| drop(change(workspace, "50Gi")));
    let then = format!(
        "case \"$*\" in *'--report github='*) exit 2;; esac\nexec '{}' \"$@\"",
        crate::program::PLEACH
    );
    program(
        &outside.path().join("pleach"),
        &outside.path().join("seen"),
        &then,
    );
    let path = format!(
        "{}:{}",
        outside.path().display(),
        std::env::var("PATH").unwrap()
    );
    let variables = [
        ("PLEACH_CHECK", "false"),
        ("PLEACH_FAIL_ON", "danger"),
        ("PATH", &*path),
    ];
    recipe(&checkout, &variables).expect(2);
}

#[test]
fn unknown_dangers_fail() {
    let checkout = pull(|workspace| drop(change(workspace, "50Gi")));
    let forge = Forge::new(Vec::new(), true);
    let run = |inputs: &[(&str, &str)]| {
        let inputs = [&[("check", "false"), ("fail-on", "danger")], inputs].concat();
        let job = job(&checkout, &forge, &inputs);
        job.with("github.event.pull_request.number", "")
            .with("github.event_name", "schedule")
            .run()
    };
    let outcome = run(&[]);
    assert!(!outcome.succeeds);
    assert_contains(
        &outcome.printed,
        &["the dangers of the change are unknown", "allow-no-base"],
    );
    for input in [("allow-no-base", "true"), ("diff", "false")] {
        let outcome = run(&[input]);
        assert!(outcome.succeeds, "{input:?}: {}", outcome.printed);
    }
    assert!(!run(&[("base", &*checkout.before)]).succeeds);
    let danger = [
        ("PLEACH_BASE", ""),
        ("PLEACH_FAIL_ON", "danger"),
        ("PLEACH_CHECK", "false"),
    ];
    recipe(&checkout, &danger).expect(2);
    recipe(
        &checkout,
        &[&danger[..], &[("PLEACH_ALLOW_NO_BASE", "true")]].concat(),
    )
    .expect(0);
    // The base of a pull request must be available.
    let missing = "1".repeat(40);
    let outcome = job(&checkout, &forge, &[])
        .variable("GITHUB_SHA", &missing)
        .with("github.event.pull_request.base.sha", &missing)
        .run();
    assert!(!outcome.succeeds, "{}", outcome.printed);
    // If the base does not render, the dangers are unknown too.
    let root = &checkout.clone;
    fs::write(root.join("platform/pleach.yaml"), "kind: {").unwrap();
    git(root, &["commit", "--quiet", "-a", "-m", "broken"]);
    let broken = head(root);
    git(root, &["revert", "--quiet", "--no-edit", "HEAD"]);
    crate::git_repository::run(
        &root.join("platform"),
        crate::program::PLEACH,
        &["render"],
        true,
    );
    git(
        root,
        &["commit", "--quiet", "--allow-empty", "-a", "-m", "rendered"],
    );
    let broken = [("PLEACH_BASE", &*broken), ("PLEACH_FAIL_ON", "danger")];
    let printed = recipe(&checkout, &broken).expect(1);
    assert_contains(&printed, &["cannot compare"]);
    recipe(&checkout, &broken[..1]).expect(0);
}
