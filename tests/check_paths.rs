//! `pleach check PATH…` as the real program: standard input, flags, workspaces, exit codes.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

const SERVICE: &str = "\
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {ports: [{port: 80, extra: 1}]}
";

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

/// Runs the program with a text on standard input.
fn run(folder: &Path, arguments: &[&str], input: &[u8]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pleach"));
    command.current_dir(folder).arg("check").args(arguments);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // In some cases the program ends before it has read all input, so a failed write is not an error.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

#[track_caller]
fn check(folder: &Path, arguments: &[&str], input: &[u8], code: i32, words: &str) {
    let output = run(folder, arguments, input);
    let printed = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {printed}");
    assert!(printed.contains(words), "{arguments:?}: {printed}");
}

#[test]
fn standard_input_holds_yaml_or_json() {
    let folder = folder(&[]);
    let found = "<stdin>:4:27: error[unknown-field]: Service web: `spec.ports[0].extra`";
    check(
        folder.path(),
        &["-", "--format", "short"],
        SERVICE.as_bytes(),
        1,
        found,
    );
    let json = br#"{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}
{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "b"}, "datum": {}}"#;
    let found = "<stdin>:2:70: error[unknown-field]: ConfigMap b: `datum`";
    check(folder.path(), &["-", "--format", "short"], json, 1, found);
    check(
        folder.path(),
        &["-"],
        b"",
        0,
        "no Kubernetes objects found here",
    );
    check(
        folder.path(),
        &["-", "--strict"],
        b"",
        1,
        "no Kubernetes objects found here",
    );
    check(folder.path(), &["-"], b"a: \xff", 2, "byte 4 is invalid");
    check(
        folder.path(),
        &["-", "-"],
        b"",
        2,
        "standard input is given twice",
    );
    let fine = SERVICE.replace(", extra: 1", "");
    check(
        folder.path(),
        &["-"],
        fine.as_bytes(),
        0,
        "1 object checked for Kubernetes 1.",
    );
    assert!(
        run(folder.path(), &["-", "-q"], fine.as_bytes())
            .stderr
            .is_empty()
    );
}

#[test]
fn unreadable_paths_are_reported() {
    let folder = folder(&[
        ("binary.yaml", ""),
        ("values/values.yaml", "a: 1"),
        ("chart/Chart.yaml", "apiVersion: v2"),
    ]);
    fs::create_dir(folder.path().join("empty")).unwrap();
    fs::write(folder.path().join("binary.yaml"), b"apiVersion: \x80").unwrap();
    let huge = fs::File::create(folder.path().join("huge.yaml")).unwrap();
    huge.set_len(65 << 20).unwrap();
    for (path, code, words) in [
        ("gone", 2, "cannot read `gone`"),
        ("empty", 0, "no Kubernetes objects found here"),
        ("values", 0, "no Kubernetes objects found here"),
        ("binary.yaml", 1, "binary.yaml:1:13: error[not-utf8]"),
        (
            "huge.yaml",
            1,
            "huge.yaml:1:1: error[unreadable-file]: cannot read `huge.yaml`: the file is larger than 64 MiB",
        ),
        ("chart", 1, "`chart` is a chart"),
        ("chart/Chart.yaml", 1, "it has no `apiVersion` and `kind`"),
    ] {
        check(
            folder.path(),
            &[path, "--format", "short"],
            b"",
            code,
            words,
        );
    }
}

#[test]
fn all_report_formats_work_for_paths() {
    let folder = folder(&[("a/web.yaml", SERVICE)]);
    for (format, words) in [
        ("github", "::error file=a/web.yaml,line=4,"),
        ("sarif", "\"ruleId\": \"unknown-field\""),
        ("json", "\"path\": \"a/web.yaml\", \"line\": 4"),
        ("junit", "unknown-field"),
        ("gitlab", "\"a/web.yaml\""),
    ] {
        check(folder.path(), &["a", "--format", format], b"", 1, words);
    }
}

#[test]
fn flags_that_do_not_fit_are_refused() {
    let folder = folder(&[("web.yaml", SERVICE)]);
    let cases: [(&[&str], &str); 9] = [
        (
            &["web.yaml", "--fix"],
            "'[PATH]...' cannot be used with '--fix'",
        ),
        (
            &["web.yaml", "--depth", "objects"],
            "cannot be used with '--depth <DEPTH>'",
        ),
        (&["web.yaml", "--twice"], "cannot be used with '--twice'"),
        (
            &["web.yaml", "--out", "x"],
            "cannot be used with '--out <DIR>'",
        ),
        (&["web.yaml", "--env", "prod"], "`--env` needs a workspace"),
        (&["--kubernetes-version", "1.30"], "<PATH>..."),
        (
            &["web.yaml", "--kubernetes-version", "new"],
            "use the form `1.33`",
        ),
        (
            &["web.yaml", "--policy", "request=error"],
            "did you mean `requests`?",
        ),
        (
            &["web.yaml", "--policy", "requests"],
            "`--policy requests` has no value",
        ),
    ];
    for (arguments, words) in cases {
        check(folder.path(), arguments, b"", 2, words);
    }
}

#[test]
fn the_version_and_policies_can_be_chosen() {
    let budget = "\
apiVersion: flowcontrol.apiserver.k8s.io/v1beta3
kind: FlowSchema
metadata: {name: a}
spec: {priorityLevelConfiguration: {name: exempt}}
---
apiVersion: v1
kind: Pod
metadata: {name: a}
spec: {containers: [{name: a, image: example/a}]}
";
    let folder = folder(&[("a.yaml", budget)]);
    let old = ["a.yaml", "--kubernetes-version", "1.31"];
    check(folder.path(), &old, b"", 0, "warning[deprecated-api]");
    check(folder.path(), &["a.yaml"], b"", 1, "error[removed-api]");
    let ancient = ["a.yaml", "--kubernetes-version", "v1.20.3"];
    check(
        folder.path(),
        &ancient,
        b"",
        0,
        "no schemas for Kubernetes 1.20",
    );
    let policies = [&old[..], &["--policy", "pinnedImages=error"]].concat();
    check(folder.path(), &policies, b"", 1, "error[unpinned-image]");
}

#[test]
fn the_workspace_sets_the_version_and_policies() {
    let folder = folder(&[]);
    let init = Command::new(env!("CARGO_BIN_EXE_pleach"))
        .current_dir(folder.path())
        .arg("init")
        .output()
        .unwrap();
    assert!(init.status.success());
    let environment = folder.path().join("environments/prod/environment.yaml");
    let text = fs::read_to_string(&environment).unwrap();
    let lines = text.lines().map(
        |it| match it.trim_start().starts_with("kubernetesVersion:") {
            true => "  kubernetesVersion: \"1.31\"",
            false => it,
        },
    );
    fs::write(&environment, lines.collect::<Vec<_>>().join("\n")).unwrap();
    let objects = folder.path().join("overlays/prod/objects");
    fs::create_dir_all(&objects).unwrap();
    fs::write(objects.join("web.yaml"), SERVICE.replace(", extra: 1", "")).unwrap();
    fs::create_dir_all(folder.path().join("policies")).unwrap();
    let policy = "\
apiVersion: pleach.dev/v1
kind: Policy
metadata: {name: ports}
spec:
  environments: [prod]
  kinds: [Service]
  rules: [{require: 'object.spec.ports.all(it, it.port > 1000)', message: a low port}]
";
    fs::write(folder.path().join("policies/ports.yaml"), policy).unwrap();
    let found = "overlays/prod/objects/web.yaml:4:15: error[broken-policy]";
    check(
        folder.path(),
        &["overlays/prod/objects", "--format", "short"],
        b"",
        1,
        found,
    );
    let related = "policies/ports.yaml:7";
    check(folder.path(), &["overlays/prod/objects"], b"", 1, related);
    let web = ["overlays/prod/objects/web.yaml", "--env", "stage"];
    check(
        folder.path(),
        &web,
        b"",
        0,
        "1 object checked for Kubernetes 1.",
    );
    let words = "of `stage`";
    check(folder.path(), &web, b"", 0, words);
    let misspelt = ["overlays/prod/objects/web.yaml", "--env", "stages"];
    check(folder.path(), &misspelt, b"", 2, "did you mean `stage`?");
    check(folder.path(), &["."], b"", 2, "`.` is a workspace");
}
