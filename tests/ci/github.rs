//! The action in checkouts as GitHub makes them, with its API on loopback.

use std::fs;

use super::action::{Done, Job};
use super::comment::Forge;
use super::install::{Release, VERSION};
use super::{Checkout, assert_tells, head};
use crate::hook::{PLEACH, change, git, run};
use crate::vendor::server::{Answer, Server};

/// A pull request whose branch has gone its own way, and the merge of it that GitHub checks out.
fn pull(below: &str, size: &str) -> Checkout {
    let checkout = Checkout::made(below, |_| {});
    let root = checkout.origin.path();
    let main = head(root);
    git(root, &["checkout", "--quiet", "-b", "branch", "HEAD~"]);
    push(&checkout, below, size);
    Checkout {
        before: main,
        ..checkout
    }
}

/// A further commit of the branch, merged.
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

/// A job of the pull request 7, with a pleach that is installed.
fn job(checkout: &Checkout, forge: &Forge, inputs: &[(&str, &str)]) -> Job {
    let inputs = [&[("version", "installed")], inputs].concat();
    Job::new(&checkout.clone, &inputs)
        .variable("GITHUB_API_URL", &forge.url())
        .variable("GITHUB_SHA", &head(&checkout.clone))
        .with("github.event_name", "pull_request")
        .with("github.event.pull_request.number", "7")
        .with("github.event.pull_request.base.sha", &checkout.before)
}

fn outputs(done: &Done) -> [&str; 3] {
    ["check", "changed", "dangers"].map(|it| &*done.outputs[it])
}

#[test]
fn a_pull_request_has_one_comment_that_is_edited() {
    let (checkout, forge) = (pull("", "50Gi"), Forge::new(Vec::new(), true));
    let done = job(&checkout, &forge, &[]).run();
    assert!(done.is_fine, "{}", done.printed);
    assert_eq!(outputs(&done), ["passed", "true", "1"]);
    let comment = "POST /repos/acme/platform/issues/7/comments";
    assert_eq!(forge.written(), [comment]);
    let range = format!(
        "`{}` → `{}`",
        &checkout.before[..7],
        &head(&checkout.clone)[..7]
    );
    for text in [&forge.bodies()[0], &done.summary] {
        assert_tells(
            text,
            &[&range, "🛑 **shrinking-volume** in `prod`", "+ 50Gi"],
        );
    }
    let annotation = "\n::error file=environments/prod/databases.yaml,line=11,";
    assert_tells(&done.printed, &[annotation, "title=shrinking-volume::"]);
    // The repository's own text is printed where the runner accepts no commands.
    let stopped = done.printed.split("::stop-commands::").nth(1).unwrap();
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
    assert_tells(&forge.bodies()[0], &["+ 60Gi"]);

    push(&checkout, "", "200Gi");
    let done = job(&checkout, &forge, &[]).run();
    assert_eq!(outputs(&done), ["passed", "false", "0"]);
    assert_eq!(forge.written(), [comment, edit, edit]);
    assert_tells(&forge.bodies()[0], &["### no changes"]);
}

#[test]
fn where_nothing_changes_nothing_is_said() {
    let (checkout, forge) = (pull("", "200Gi"), Forge::new(Vec::new(), true));
    let done = job(&checkout, &forge, &[]).run();
    assert!(done.is_fine, "{}", done.printed);
    assert_eq!(forge.written(), [""; 0]);
    assert_tells(&done.summary, &["### no changes"]);
    let inputs = [
        ("comment", "false"),
        ("summary", "false"),
        ("annotations", "false"),
    ];
    push(&checkout, "", "50Gi");
    let done = job(&checkout, &forge, &inputs).run();
    assert_eq!((&*done.summary, forge.written().len()), ("", 0));
    assert!(!done.printed.contains("::error"), "{}", done.printed);
}

#[test]
fn a_token_of_a_fork_leaves_the_summary() {
    let (checkout, forge) = (pull("", "50Gi"), Forge::new(Vec::new(), false));
    for summary in ["true", "false"] {
        let inputs = [("summary", summary), ("check", "false")];
        let done = job(&checkout, &forge, &inputs).run();
        assert!(done.is_fine, "{}", done.printed);
        assert_tells(
            &done.printed,
            &["::notice title=pleach::the token has no permission to comment"],
        );
        assert_eq!(done.summary.matches("### 1 object changed").count(), 1);
    }
    // So does none.
    let done = job(&checkout, &forge, &[("token", "")]).run();
    assert!(
        done.is_fine
            && done
                .printed
                .contains("the token has no permission to comment")
    );
}

#[test]
fn a_stale_tree_fails_when_all_is_said() {
    let checkout = Checkout::new("platform", "201Gi", false);
    let forge = Forge::new(Vec::new(), true);
    let inputs = [("working-directory", "platform"), ("sarif", "true")];
    let done = job(&checkout, &forge, &inputs).run();
    assert!(!done.is_fine);
    assert_tells(
        &done.printed,
        &["::error title=pleach::pleach check found faults"],
    );
    assert_eq!(outputs(&done), ["failed", "true", "0"]);
    assert_tells(
        &forge.bodies()[0],
        &["### pleach in platform\n", "[outdated-file]"],
    );
    let [(used, with)] = &*done.used else {
        panic!("{:?}", done.used);
    };
    assert!(used.starts_with("github/codeql-action/upload-sarif@"));
    assert_eq!(with["category"], "pleach:platform");
    assert_eq!(
        with["sarif_file"],
        format!("{}/check.sarif", done.outputs["reports"])
    );
    let done = job(&checkout, &forge, &[inputs[0], ("fail-on", "never")]).run();
    assert!(done.is_fine, "{}", done.printed);
    assert!(done.used.is_empty());
}

#[test]
fn dangers_fail_where_they_shall() {
    let (checkout, forge) = (pull("", "50Gi"), Forge::new(Vec::new(), true));
    let done = job(&checkout, &forge, &[("fail-on", "danger")]).run();
    assert!(!done.is_fine);
    assert_tells(
        &done.printed,
        &["::error title=pleach::the change has dangers: 1"],
    );
    let done = job(&checkout, &forge, &[("fail-on", "dangers")]).run();
    assert!(!done.is_fine);
    assert_tells(&done.printed, &["never, check or danger, not `dangers`"]);
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
    assert_tells(&bodies[0], &[" a -->\n### pleach in a\n"]);
    assert_tells(&bodies[1], &[" b -->\n### pleach in b\n"]);
}

#[test]
fn a_checkout_of_the_branch_is_compared_with_where_it_began() {
    let (checkout, forge) = (pull("", "50Gi"), Forge::new(Vec::new(), true));
    // What came to main since is no part of the change.
    let root = checkout.origin.path();
    git(root, &["checkout", "--quiet", "main"]);
    fs::write(root.join("environments/test/events.yaml"), "").unwrap();
    run(root, PLEACH, &["render"], true);
    git(root, &["commit", "--quiet", "-a", "-m", "elsewhere"]);
    let base = head(root);
    checkout.check_out("branch");
    let done = job(&checkout, &forge, &[])
        .with("github.event.pull_request.base.sha", &base)
        .variable("GITHUB_SHA", &base)
        .run();
    assert!(done.is_fine, "{}", done.printed);
    assert_tells(&forge.bodies()[0], &["### 1 object changed", "+ 50Gi"]);
}

/// The input `base` may name a branch that went on: what others merged there is no part of the change.
#[test]
fn a_base_that_went_on_is_compared_with_where_the_branch_began() {
    let (checkout, forge) = (pull("", "50Gi"), Forge::new(Vec::new(), true));
    let root = checkout.origin.path();
    git(root, &["checkout", "--quiet", "main"]);
    fs::write(root.join("environments/test/events.yaml"), "").unwrap();
    run(root, PLEACH, &["render"], true);
    git(root, &["commit", "--quiet", "-a", "-m", "elsewhere"]);
    checkout.check_out("branch");
    for base in ["main", &head(root)] {
        let done = job(&checkout, &forge, &[("base", base)]).run();
        assert!(done.is_fine, "{}", done.printed);
    }
    for body in forge.bodies() {
        assert_tells(&body, &["### 1 object changed", "+ 50Gi"]);
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
        let done = job(&[], event).with(name, base).run();
        assert!(done.is_fine, "{event}: {}", done.printed);
        assert_eq!(
            done.outputs["changed"], changed,
            "{event}: {}",
            done.printed
        );
        let is_reported = done.printed.contains("has no commit to compare with");
        assert_eq!(is_reported, changed == "false", "{event}: {}", done.printed);
    }
    let base = [("base", &*checkout.before)];
    assert_eq!(job(&base, "schedule").run().outputs["changed"], "true");
    let done = job(&[base[0], ("diff", "false")], "schedule").run();
    assert_eq!(done.outputs["changed"], "false");
    assert!(
        !done.printed.contains("no commit to compare"),
        "{}",
        done.printed
    );
    assert!(!job(&[("base", "nonesuch")], "push").run().is_fine);
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
    // Packing asks the program for its manual pages.
    fs::remove_file(&marker).unwrap();
    let server = release.serve(None);
    let install = |sum: &str| {
        let inputs = [("version", VERSION), ("sha256", sum)];
        job(&checkout, &forge, &inputs)
            .variable("PLEACH_RELEASES", &format!("http://{}", server.address))
            .run()
    };
    let done = install(&"0".repeat(64));
    assert!(!done.is_fine && !marker.exists());
    assert_eq!(forge.written(), [""; 0]);
    let done = install(&release.sum);
    assert!(done.is_fine && marker.exists(), "{}", done.printed);
    assert_eq!(outputs(&done), ["passed", "true", "1"]);
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
    let written = || store.asked().iter().filter(|it| it.method == "PUT").count();
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
        // What another run has left here would be enough.
        let cache = tempfile::tempdir().unwrap();
        let done = job(&checkout, &forge, &inputs)
            .variable("PLEACH_CACHE", cache.path().to_str().unwrap())
            .variable("AWS_ENDPOINT_URL", &url)
            .variable("GITHUB_REF", reference)
            .with("github.event.pull_request.number", number)
            .with("github.event_name", event)
            .with("github.event.repository.default_branch", "main")
            .run();
        assert!(done.is_fine, "{event}: {}", done.printed);
        assert_eq!(written(), expected, "{event}: {}", done.printed);
    }
    assert!(store.asked().len() > 5);
}
