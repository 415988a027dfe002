//! The job of GitLab's template in a checkout, with the release and the API on the loopback interface.

use std::collections::BTreeMap;

use pleach::yaml::Node;

use super::comment::Forge;
use super::files::{read_yaml, text};
use super::install::Release;
use super::{Checkout, Run, command, finish};
use crate::program::{PLEACH, assert_contains};
use crate::vendor::server::{Answer, Server};

/// The template's job and its variables.
fn job() -> (Node, BTreeMap<String, String>) {
    let template = read_yaml("ci/gitlab.yml");
    let job = template.as_mapping().unwrap().iter().next().unwrap();
    let job = job.value.clone();
    let variables = job.get("variables").unwrap().as_mapping().unwrap();
    let variables = variables.iter().map(|it| (text(&it.key), text(&it.value)));
    let variables = variables.collect();
    (job, variables)
}

/// Runs the job in a merge request.
fn run(
    checkout: &Checkout,
    (release, releases): (&Release, &Server),
    forge: &Forge,
    inputs: &[(&str, &str)],
    more: &[(&str, &str)],
) -> Run {
    let (job, mut variables) = job();
    for value in variables.values_mut() {
        let defaults = [
            ("version", env!("CARGO_PKG_VERSION")),
            ("sha256", &*release.sum),
            ("directory", "."),
            ("vendor", "false"),
            ("cache_from", ""),
            ("cache_to", ""),
            ("fail_on", "check"),
            ("allow_no_base", "false"),
        ];
        for (name, input) in inputs.iter().chain(&defaults) {
            *value = value.replace(&format!("$[[ inputs.{name} ]]"), input);
        }
        assert!(!value.contains("$[["), "{value}");
    }
    let url = forge.url();
    let of_service = [
        ("PLEACH_RELEASES", format!("http://{}", releases.address)),
        ("CI_PROJECT_DIR", checkout.clone.display().to_string()),
        ("CI_API_V4_URL", url),
        ("CI_PROJECT_ID", "12".to_string()),
        ("CI_MERGE_REQUEST_IID", "7".to_string()),
        ("CI_MERGE_REQUEST_DIFF_BASE_SHA", checkout.before.clone()),
        ("PLEACH_TOKEN", "s3cret".to_string()),
    ];
    variables.extend(of_service.map(|(name, value)| (name.to_string(), value)));
    variables.extend(
        more.iter()
            .map(|(name, value)| (name.to_string(), value.to_string())),
    );
    let script = job.get("script").unwrap().as_sequence().unwrap();
    let mut command = command(&checkout.clone, "sh", &[]);
    finish(command.envs(variables).args(["-c", &text(&script[0])]))
}

fn release() -> Release {
    Release::new(&format!("#!/bin/sh\nexec '{PLEACH}' \"$@\"\n"))
}

#[cfg(target_os = "linux")]
#[test]
fn a_merge_request_has_one_note_and_the_reports() {
    let (release, forge) = (release(), Forge::new(Vec::new(), true));
    let server = release.serve(None);
    let from = (&release, &server);
    let checkout = Checkout::new("", "50Gi", true);
    run(&checkout, from, &forge, &[], &[]).expect(0);
    run(&checkout, from, &forge, &[], &[]).expect(0);
    let note = "/projects/12/merge_requests/7/notes";
    assert_eq!(
        forge.written(),
        [format!("POST {note}"), format!("PUT {note}/1")]
    );
    assert_contains(
        &forge.bodies()[0],
        &["### 1 object changed", "🛑 **shrinking-volume**"],
    );
    let printed = run(&checkout, from, &forge, &[("fail_on", "danger")], &[]).expect(1);
    assert_contains(&printed, &["the change has dangers: 1"]);
    // The reports that the template names exist.
    let (job, _) = job();
    let reports = job.at_keys(&["artifacts", "reports"]).unwrap();
    let quality = text(reports.get("codequality").unwrap());
    let quality: serde_json::Value = serde_json::from_str(&checkout.read(&quality)).unwrap();
    let list = quality.as_array().unwrap();
    assert_eq!(list.len(), 1, "{quality}");
    assert_eq!(list[0]["check_name"], "shrinking-volume");
    assert_eq!(
        list[0]["location"]["path"],
        "environments/prod/databases.yaml"
    );
    assert_eq!(
        text(reports.get("junit").unwrap()),
        "pleach-reports/*.junit.xml"
    );
    for name in ["check.junit.xml", "diff.junit.xml"] {
        checkout.read(&format!("pleach-reports/{name}"));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_stale_tree_fails_the_job_after_its_note() {
    let (release, forge) = (release(), Forge::new(Vec::new(), true));
    let server = release.serve(None);
    let from = (&release, &server);
    let checkout = Checkout::new("platform", "201Gi", false);
    let inputs = [("directory", "platform")];
    // The base of a pipeline for merged results is the target branch.
    let merged = [("CI_MERGE_REQUEST_TARGET_BRANCH_SHA", &*checkout.before)];
    let merged = [merged[0], ("CI_MERGE_REQUEST_DIFF_BASE_SHA", "nonesuch")];
    run(&checkout, from, &forge, &inputs, &merged).expect(1);
    assert_contains(
        &forge.bodies()[0],
        &[" platform -->\n### pleach in platform\n"],
    );
    let quality = checkout.read("pleach-reports/gl-code-quality-report.json");
    assert_contains(&quality, &["outdated-file", "platform/deploy/"]);
    let quality: serde_json::Value = serde_json::from_str(&quality).unwrap();
    assert!(!quality.as_array().unwrap().is_empty());
}

#[cfg(target_os = "linux")]
#[test]
fn without_a_token_there_are_only_reports() {
    let release = release();
    let server = release.serve(None);
    let from = (&release, &server);
    let checkout = Checkout::new("", "50Gi", true);
    let forge = Forge::new(Vec::new(), true);
    run(&checkout, from, &forge, &[], &[("PLEACH_TOKEN", "")]).expect(0);
    assert!(forge.server.requests().is_empty());
    assert_contains(
        &checkout.read("pleach-reports/comment.md"),
        &["1 object changed"],
    );
    let forge = Forge::new(Vec::new(), false);
    let printed = run(&checkout, from, &forge, &[], &[]).expect(0);
    assert_contains(&printed, &["PLEACH_TOKEN has no permission to comment"]);
    // The pipeline of a branch compares with the commit before the push.
    let branch = [
        ("CI_MERGE_REQUEST_IID", ""),
        ("CI_MERGE_REQUEST_DIFF_BASE_SHA", ""),
        ("CI_COMMIT_BEFORE_SHA", &*checkout.before),
    ];
    let printed = run(&checkout, from, &forge, &[], &branch).expect(0);
    assert_contains(&printed, &["1 object changed"]);
}

#[cfg(target_os = "linux")]
#[test]
fn an_archive_with_another_checksum_is_not_run() {
    let (release, forge) = (release(), Forge::new(Vec::new(), true));
    let server = release.serve(None);
    let checkout = Checkout::new("", "50Gi", true);
    let sum = "0".repeat(64);
    let run = |inputs: &[(&str, &str)]| run(&checkout, (&release, &server), &forge, inputs, &[]);
    let printed = run(&[("sha256", &sum)]).expect(1);
    assert_contains(
        &printed,
        &[&release.sum, "does not match the pinned checksum"],
    );
    let printed = run(&[("version", "99.0.0")]);
    assert_ne!(printed.code, Some(0));
    assert_contains(&printed.printed, &["404"]);
    let two = format!("{sum} {}", release.sum);
    run(&[("sha256", &two)]).expect(0);
}

#[cfg(target_os = "linux")]
#[test]
fn only_the_default_branch_writes_to_the_shared_cache() {
    let (release, forge) = (release(), Forge::new(Vec::new(), true));
    let server = release.serve(None);
    let from = (&release, &server);
    let checkout = Checkout::new("", "50Gi", true);
    let store = Server::start(|it| Answer::status(if it.method == "PUT" { 200 } else { 404 }));
    let url = format!("http://{}", store.address);
    let inputs = ["cache_from", "cache_to"].map(|it| (it, "s3://acme/cache"));
    for (branch, expected) in [("", 0), ("feature", 0), ("main", 1)] {
        let cache = tempfile::tempdir().unwrap();
        let more = [
            ("PLEACH_CACHE", cache.path().to_str().unwrap()),
            ("AWS_ENDPOINT_URL", &url),
            ("CI_COMMIT_BRANCH", branch),
            ("CI_DEFAULT_BRANCH", "main"),
        ];
        run(&checkout, from, &forge, &inputs, &more).expect(0);
        assert_eq!(store.writes(), expected, "{branch}");
    }
    assert!(store.requests().len() > 3);
}
