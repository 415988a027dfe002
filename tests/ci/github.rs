//! The action in checkouts like those of GitHub, with its API on the loopback interface.

use std::fs;

use super::action::{Job, Outcome};
use super::comment::Forge;
use super::install::{Release, VERSION};
use super::{Checkout, head};
use crate::git_repository::{change, git, run};
use crate::program::{PLEACH, assert_contains};
use crate::vendor::server::{Answer, Server};

/// A pull request whose branch has diverged from main, and its merge commit, which GitHub checks out.
fn pull(below: &str, size: &str) -> Checkout {
    let checkout = Checkout::with_change(below, |_| {});
    let root = checkout.origin.path();
    let main = head(root);
    git(root, &["checkout", "--quiet", "-b", "branch", "HEAD~"]);
    push(&checkout, below, size);
    Checkout {
        before: main,
        ..checkout
    }
}

/// Adds a commit to the branch, and checks out its merge commit.
fn push(checkout: &Checkout, below: &str, size: &str) {
    let root = checkout.origin.path();
    git(root, &["checkout", "--quiet", "branch"]);
    let workspace = root.join(below);
    change(&workspace, size);
    run(&workspace, PLEACH, &["render"], true);
    let commit = ["commit", "--quiet", "-a", "--allow-empty", "-m", "a change"];
    git(root, &commit);
    git(root, &["checkout", "--quiet", "-B", "merge", "main"]);
    git(
        root,
        &["merge", "--quiet", "--no-ff", "-m", "merge", "branch"],
    );
    checkout.check_out("merge");
}

/// A job of pull request 7 that uses the installed pleach.
fn job(checkout: &Checkout, forge: &Forge, inputs: &[(&str, &str)]) -> Job {
    let inputs = [&[("version", "installed")], inputs].concat();
    Job::new(&checkout.clone, &inputs)
        .variable("GITHUB_API_URL", &forge.url())
        .variable("GITHUB_SHA", &head(&checkout.clone))
        .with("github.event_name", "pull_request")
        .with("github.event.pull_request.number", "7")
        .with("github.event.pull_request.base.sha", &checkout.before)
}

fn outputs(outcome: &Outcome) -> [&str; 3] {
    ["check", "changed", "dangers"].map(|it| &*outcome.outputs[it])
}

#[test]
fn a_pull_request_has_one_comment_that_is_edited() {
    let (checkout, forge) = (pull("", "50Gi"), Forge::new(Vec::new(), true));
    let outcome = job(&checkout, &forge, &[]).run();
    assert!(outcome.succeeds, "{}", outcome.printed);
    assert_eq!(outputs(&outcome), ["passed", "true", "1"]);
    let comment = "POST /repos/acme/platform/issues/7/comments";
    assert_eq!(forge.written(), [comment]);
    let range = format!(
        "`{}` → `{}`",
        &checkout.before[..7],
        &head(&checkout.clone)[..7]
    );
    for text in [&forge.bodies()[0], &outcome.summary] {
        assert_contains(
            text,
            &[&range, "🛑 **shrinking-volume** in `prod`", "+ 50Gi"],
        );
    }
    let annotation = "\n::error file=environments/prod/databases.yaml,line=11,";
    assert_contains(&outcome.printed, &[annotation, "title=shrinking-volume::"]);
    // The repository's own text is printed where the runner accepts no commands.
    let stopped = outcome.printed.split("::stop-commands::").nth(1).unwrap();
    let (stop, rest) = stopped.split_once('\n').unwrap();
    assert!(stop.len() == 32 && rest.contains(&format!("::{stop}::\n")));
    assert!(
        rest.find("what is dangerous")
            .is_none_or(|at| at < rest.find(stop).unwrap())
    );

    push(&checkout, "", "60Gi");
    job(&checkout, &forge, &[]).run();
    let edit = "PATCH /repos/acme/platform/issues/comments/1";
    assert_eq!(forge.written(), [comment, edit]);
    assert_contains(&forge.bodies()[0], &["+ 60Gi"]);

    push(&checkout, "", "200Gi");
    let outcome = job(&checkout, &forge, &[]).run();
    assert_eq!(outputs(&outcome), ["passed", "false", "0"]);
    assert_eq!(forge.written(), [comment, edit, edit]);
    assert_contains(&forge.bodies()[0], &["### no changes"]);
}

#[test]
fn a_pull_request_without_changes_gets_no_comment() {
    let (checkout, forge) = (pull("", "200Gi"), Forge::new(Vec::new(), true));
    let outcome = job(&checkout, &forge, &[]).run();
    assert!(outcome.succeeds, "{}", outcome.printed);
    assert_eq!(forge.written(), [""; 0]);
    assert_contains(&outcome.summary, &["### no changes"]);
    let inputs = [
        ("comment", "false"),
        ("summary", "false"),
        ("annotations", "false"),
    ];
    push(&checkout, "", "50Gi");
    let outcome = job(&checkout, &forge, &inputs).run();
    assert_eq!((&*outcome.summary, forge.written().len()), ("", 0));
    assert!(!outcome.printed.contains("::error"), "{}", outcome.printed);
}

#[test]
fn with_the_token_of_a_fork_only_the_summary_is_written() {
    let (checkout, forge) = (pull("", "50Gi"), Forge::new(Vec::new(), false));
    for summary in ["true", "false"] {
        let inputs = [("summary", summary), ("check", "false")];
        let outcome = job(&checkout, &forge, &inputs).run();
        assert!(outcome.succeeds, "{}", outcome.printed);
        assert_contains(
            &outcome.printed,
            &["::notice title=pleach::the token has no permission to comment"],
        );
        assert_eq!(outcome.summary.matches("### 1 object changed").count(), 1);
    }
    // The same happens without a token.
    let outcome = job(&checkout, &forge, &[("token", "")]).run();
    assert!(
        outcome.succeeds
            && outcome
                .printed
                .contains("the token has no permission to comment")
    );
}

#[test]
fn a_stale_tree_fails_after_all_reports_are_written() {
    let checkout = Checkout::new("platform", "201Gi", false);
    let forge = Forge::new(Vec::new(), true);
    let inputs = [("working-directory", "platform"), ("sarif", "true")];
    let outcome = job(&checkout, &forge, &inputs).run();
    assert!(!outcome.succeeds);
    assert_contains(
        &outcome.printed,
        &["::error title=pleach::pleach check found faults"],
    );
    assert_eq!(outputs(&outcome), ["failed", "true", "0"]);
    assert_contains(
        &forge.bodies()[0],
        &["### pleach in platform\n", "[outdated-file]"],
    );
    let [(used, with)] = &*outcome.used else {
        panic!("{:?}", outcome.used);
    };
    assert!(used.starts_with("github/codeql-action/upload-sarif@"));
    assert_eq!(with["category"], "pleach:platform");
    assert_eq!(
        with["sarif_file"],
        format!("{}/check.sarif", outcome.outputs["reports"])
    );
    let outcome = job(&checkout, &forge, &[inputs[0], ("fail-on", "never")]).run();
    assert!(outcome.succeeds, "{}", outcome.printed);
    assert!(outcome.used.is_empty());
}

#[test]
fn dangers_fail_on_request() {
    let (checkout, forge) = (pull("", "50Gi"), Forge::new(Vec::new(), true));
    let outcome = job(&checkout, &forge, &[("fail-on", "danger")]).run();
    assert!(!outcome.succeeds);
    assert_contains(
        &outcome.printed,
        &["::error title=pleach::the change has dangers: 1"],
    );
    let outcome = job(&checkout, &forge, &[("fail-on", "dangers")]).run();
    assert!(!outcome.succeeds);
    assert_contains(&outcome.printed, &["never, check or danger, not `dangers`"]);
}

#[test]
fn two_workspaces_have_two_comments() {
    let (checkout, forge) = (pull("a", "50Gi"), Forge::new(Vec::new(), true));
    let root = checkout.origin.path();
    for _ in 0..2 {
        let inputs = [("working-directory", "a"), ("check", "false")];
        job(&checkout, &forge, &inputs).run();
    }
    git(root, &["mv", "a", "b"]);
    git(root, &["commit", "--quiet", "-m", "moved"]);
    checkout.check_out("merge");
    job(&checkout, &forge, &[("working-directory", "b")]).run();
    let bodies = forge.bodies();
    assert_eq!(bodies.len(), 2);
    assert_contains(&bodies[0], &[" a -->\n### pleach in a\n"]);
    assert_contains(&bodies[1], &[" b -->\n### pleach in b\n"]);
}

#[test]
fn a_checkout_of_the_branch_is_compared_with_its_merge_base() {
    let (checkout, forge) = (pull("", "50Gi"), Forge::new(Vec::new(), true));
    // Later commits on main are not part of the change.
    let root = checkout.origin.path();
    git(root, &["checkout", "--quiet", "main"]);
    fs::write(root.join("environments/test/events.yaml"), "").unwrap();
    run(root, PLEACH, &["render"], true);
    git(root, &["commit", "--quiet", "-a", "-m", "elsewhere"]);
    let base = head(root);
    checkout.check_out("branch");
    let outcome = job(&checkout, &forge, &[])
        .with("github.event.pull_request.base.sha", &base)
        .variable("GITHUB_SHA", &base)
        .run();
    assert!(outcome.succeeds, "{}", outcome.printed);
    assert_contains(&forge.bodies()[0], &["### 1 object changed", "+ 50Gi"]);
}

/// The input `base` may name a branch with newer commits, which are not part of the change.
#[test]
fn a_base_with_newer_commits_is_replaced_with_the_merge_base() {
    let (checkout, forge) = (pull("", "50Gi"), Forge::new(Vec::new(), true));
    let root = checkout.origin.path();
    git(root, &["checkout", "--quiet", "main"]);
    fs::write(root.join("environments/test/events.yaml"), "").unwrap();
    run(root, PLEACH, &["render"], true);
    git(root, &["commit", "--quiet", "-a", "-m", "elsewhere"]);
    checkout.check_out("branch");
    for base in ["main", &head(root)] {
        let outcome = job(&checkout, &forge, &[("base", base)]).run();
        assert!(outcome.succeeds, "{}", outcome.printed);
    }
    for body in forge.bodies() {
        assert_contains(&body, &["### 1 object changed", "+ 50Gi"]);
    }
}

#[test]
fn other_events_have_another_base_or_none() {
    let checkout = Checkout::new("", "50Gi", true);
    let forge = Forge::new(Vec::new(), true);
    let job = |inputs: &[(&str, &str)], event: &str| {
        let inputs = [&[("check", "false")], inputs].concat();
        let job = job(&checkout, &forge, &inputs);
        job.with("github.event.pull_request.number", "")
            .with("github.event_name", event)
    };
    let zeros = "0".repeat(40);
    let missing = "1".repeat(40);
    for (event, name, base, changed) in [
        ("push", "github.event.before", &checkout.before, "true"),
        ("push", "github.event.before", &zeros, "false"),
        ("push", "github.event.before", &missing, "false"),
        (
            "merge_group",
            "github.event.merge_group.base_sha",
            &checkout.before,
            "true",
        ),
        ("schedule", "github.event.schedule", &zeros, "false"),
    ] {
        let outcome = job(&[], event).with(name, base).run();
        assert!(outcome.succeeds, "{event}: {}", outcome.printed);
        assert_eq!(
            outcome.outputs["changed"], changed,
            "{event}: {}",
            outcome.printed
        );
        let is_reported = outcome.printed.contains("has no commit to compare with");
        assert_eq!(
            is_reported,
            changed == "false",
            "{event}: {}",
            outcome.printed
        );
    }
    let base = [("base", &*checkout.before)];
    assert_eq!(job(&base, "schedule").run().outputs["changed"], "true");
    let outcome = job(&[base[0], ("diff", "false")], "schedule").run();
    assert_eq!(outcome.outputs["changed"], "false");
    assert!(
        !outcome.printed.contains("no commit to compare"),
        "{}",
        outcome.printed
    );
    assert!(!job(&[("base", "nonesuch")], "push").run().succeeds);
    assert_eq!(forge.written(), [""; 0]);
}

#[test]
fn the_release_is_installed_first() {
    let (checkout, forge) = (pull("", "50Gi"), Forge::new(Vec::new(), true));
    let marker = checkout.origin.path().join("was-run");
    let program = format!(
        "#!/bin/sh\ntouch '{}'\nexec '{PLEACH}' \"$@\"\n",
        marker.display()
    );
    let release = Release::new(&program);
    // Packing has run the program for its manual pages.
    fs::remove_file(&marker).unwrap();
    let server = release.serve(None);
    let install = |sum: &str| {
        let inputs = [("version", VERSION), ("sha256", sum)];
        job(&checkout, &forge, &inputs)
            .variable("PLEACH_RELEASES", &format!("http://{}", server.address))
            .run()
    };
    let outcome = install(&"0".repeat(64));
    assert!(!outcome.succeeds && !marker.exists());
    assert_eq!(forge.written(), [""; 0]);
    let outcome = install(&release.sum);
    assert!(outcome.succeeds && marker.exists(), "{}", outcome.printed);
    assert_eq!(outputs(&outcome), ["passed", "true", "1"]);
}

#[test]
fn only_the_default_branch_writes_to_the_shared_cache() {
    let checkout = Checkout::new("", "50Gi", true);
    let forge = Forge::new(Vec::new(), true);
    let store = Server::start(|it| Answer::status(if it.method == "PUT" { 200 } else { 404 }));
    let url = format!("http://{}", store.address);
    let address = "s3://acme/cache";
    let inputs = [
        ("diff", "false"),
        ("cache-from", address),
        ("cache-to", address),
    ];
    let events = [
        ("pull_request", "7", "refs/pull/7/merge", 0),
        ("pull_request_target", "7", "refs/heads/main", 0),
        ("push", "", "refs/heads/feature", 0),
        (
            "merge_group",
            "",
            "refs/heads/gh-readonly-queue/main/pr-7",
            0,
        ),
        ("push", "", "refs/heads/main", 1),
    ];
    for (event, number, reference, expected) in events {
        // With the cache of an earlier run, nothing would be written.
        let cache = tempfile::tempdir().unwrap();
        let outcome = job(&checkout, &forge, &inputs)
            .variable("PLEACH_CACHE", cache.path().to_str().unwrap())
            .variable("AWS_ENDPOINT_URL", &url)
            .variable("GITHUB_REF", reference)
            .with("github.event.pull_request.number", number)
            .with("github.event_name", event)
            .with("github.event.repository.default_branch", "main")
            .run();
        assert!(outcome.succeeds, "{event}: {}", outcome.printed);
        assert_eq!(store.writes(), expected, "{event}: {}", outcome.printed);
    }
    assert!(store.requests().len() > 5);
}
