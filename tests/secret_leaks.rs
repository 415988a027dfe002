//! No command shows a secret, and none prints what a terminal or a runner of GitHub would obey: every command that reports, in every
//! format, over the trees of `tests/secrets/leaks/`.
//!
//! Each secret there has the word [`CANARY`] in it, in clear or in base64. `pleach build` prints the objects that it builds, as
//! kustomize does, and `render` writes them: of these, only what they say beside that counts.

use std::fs;
use std::path::Path;

use pleach::report::Format;
use pleach::tree::Tree;

use crate::hook::{PLEACH, git};

const CANARY: [&str; 2] = ["Kanarie7Vogel", "S2FuYXJpZTdWb2dlb"];

/// Commands, and the values of their own flag for the form of their output.
const COMMANDS: [(&[&str], &[&str]); 22] = [
    (&["check"], &[]),
    (&["check", "--strict", "--env", "test"], &[]),
    (&["render", "--out", "elsewhere"], &[]),
    (&["diff", "HEAD"], &FORMS),
    (&["diff", "HEAD", "--committed"], &FORMS),
    (&["matrix"], &["text", "md", "json"]),
    (&["compare", "test", "prod"], &[]),
    (&["promote", "test", "prod", "--all", "--dry-run"], &[]),
    (&["affected"], &["name", "json", "github-matrix"]),
    (&["hook", "run"], &[]),
    (&["test"], &[]),
    (&["kinds"], &[]),
    (&["kinds", "Shop"], &[]),
    (&["explain"], &[]),
    (&["explain", "clear-text-secret"], &[]),
    (&["explain", "Kanarie"], &[]),
    (&["new", "kind", "Shop"], &[]),
    (&["vendor"], &[]),
    (&["vendor", "--check"], &[]),
    (&["promote", "test", "prod", "--all", "shop"], &[]),
    (&["verify", "overlays"], &[]),
    (&["hook", "run", "--fix"], &[]),
];

const FORMS: [&str; 9] = [
    "text", "md", "html", "json", "patch", "github", "gitlab", "sarif", "junit",
];

fn write(folder: &Path, tree: &Tree) {
    for (path, bytes) in tree.iter() {
        let file = folder.join(path.as_str());
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, bytes).unwrap();
    }
}

fn leaks(name: &str) -> Tree {
    let file = format!(
        "{}/tests/secrets/leaks/{name}.txt",
        env!("CARGO_MANIFEST_DIR")
    );
    Tree::from_text(&fs::read_to_string(file).unwrap())
}

/// A folder with a `kustomize` that prints another Secret than pleach does, or fails on one.
fn other_kustomize() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("kustomize");
    let script = "#!/bin/sh\n\
        case \"$*\" in *fails*) echo \"Error: invalid Secret: password=Kanarie7Vogel990\" >&2; exit 1;; esac\n\
        printf 'apiVersion: v1\\nkind: Secret\\nmetadata: {name: good}\\nstringData: {b: Kanarie7Vogel991}\\n'\n";
    fs::write(&program, script).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    }
    folder
}

/// What a command prints on both streams. Nothing is there to answer it on the network.
fn printed(folder: &Path, arguments: &[&str]) -> (String, String) {
    let kustomize = other_kustomize();
    let path = std::env::var("PATH").unwrap_or_default();
    let output = std::process::Command::new(PLEACH)
        .current_dir(folder)
        .args(arguments)
        .env("PATH", format!("{}:{path}", kustomize.path().display()))
        .env("PLEACH_CACHE", folder.join("cache"))
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

fn judge(text: &str, what: &str, wrong: &mut Vec<String>) {
    for line in text.lines() {
        if CANARY.iter().any(|it| line.contains(it)) {
            let line: String = line.chars().take(300).collect();
            wrong.push(format!("{what}: {line}"));
        }
    }
}

fn every_command(folder: &Path, mut judge: impl FnMut(&str, &str)) {
    for (command, forms) in COMMANDS {
        let formats = Format::ALL.iter().map(|it| vec!["--format", it.name()]);
        let forms = forms.iter().map(|it| vec!["-o", it]);
        for flags in formats.chain(forms) {
            let arguments = [command, &flags].concat();
            let (out, error) = printed(folder, &arguments);
            judge(&format!("{out}\n{error}"), &arguments.join(" "));
        }
    }
}

#[test]
fn no_command_shows_a_secret_of_a_workspace() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    git(folder, &["init", "--quiet", "--initial-branch=main"]);
    write(folder, &leaks("before"));
    printed(folder, &["render"]);
    assert!(folder.join("deploy/clusters").is_dir());
    git(folder, &["add", "--all"]);
    git(folder, &["commit", "--quiet", "--message", "before"]);
    write(folder, &leaks("after"));
    git(folder, &["add", "--all"]);
    let mut wrong = Vec::new();
    let mut all = 0;
    every_command(folder, |text, what| {
        all += text.len();
        judge(text, what, &mut wrong);
    });
    // Where nothing was rendered, nothing could have been shown.
    assert!(all > 20_000, "{all}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_message_of_a_build_shows_a_secret() {
    let folder = tempfile::tempdir().unwrap();
    let cases = leaks("builds");
    write(folder.path(), &cases);
    let mut wrong = Vec::new();
    let mut names: Vec<String> = fs::read_dir(folder.path())
        .unwrap()
        .map(|it| it.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    for name in &names {
        for format in Format::ALL {
            let flags = ["build", name, "--format", format.name()];
            let (out, error) = printed(folder.path(), &flags);
            let text = format!("{out}{error}");
            assert!(!matches!(text.trim(), "" | "[]"), "{name} has no fault");
            judge(&text, &flags.join(" "), &mut wrong);
        }
    }
    assert!(names.len() > 10);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The charts print what they render, as Helm does: of these runs, only what they say beside that counts.
#[test]
fn no_message_about_a_chart_shows_a_secret() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let charts = leaks("charts");
    write(folder, &charts);
    let names = charts.iter().filter_map(|it| {
        let mut parts = it.0.parts();
        (parts.next() == Some("builds")).then(|| parts.next())?
    });
    let names: Vec<&str> = names.collect();
    let mut runs: Vec<Vec<String>> = Vec::new();
    let mut add = |words: &[&str]| runs.push(words.iter().map(ToString::to_string).collect());
    for name in &names {
        let (chart, build) = (format!("charts/{name}"), format!("builds/{name}"));
        for version in ["3", "4"] {
            add(&["template", &chart, "--helm-version", version]);
            add(&[
                "template",
                &chart,
                "--helm-version",
                version,
                "-f",
                "values.yaml",
                "--set",
                "token=Kanarie7Vogel920",
            ]);
        }
        add(&["build", &build, "--enable-helm"]);
        add(&[
            "publish",
            "chart",
            &chart,
            "oci://a:Kanarie7Vogel921@127.0.0.1:1/x",
            "--dry-run",
        ]);
    }
    for values in ["broken-values.yaml", "list-values.yaml", "none.yaml"] {
        add(&["template", "charts/fine", "-f", values]);
    }
    for set in [
        "password[=Kanarie7Vogel930",
        "password.a.b=Kanarie7Vogel931",
        "token[99999999]=Kanarie7Vogel932",
    ] {
        for flag in ["--set", "--set-string", "--set-json", "--set-literal"] {
            add(&["template", "charts/fine", flag, set]);
        }
    }
    for words in [
        &["vendor"][..],
        &["vendor", "--check"],
        &["vendor", "--update"],
        &["render"],
        &["check"],
    ] {
        add(&[&["-C", "ws"], words].concat());
    }
    add(&["publish", "chart", "bad"]);
    add(&["publish", "chart", "bad", "-o", "bad.tgz"]);
    add(&[
        "publish",
        "chart",
        "charts/fine",
        "oci://a:Kanarie7Vogel941@127.0.0.1:1/x",
    ]);
    add(&[
        "publish",
        "chart",
        "charts/fine",
        "https://a:Kanarie7Vogel942@example.org/?token=Kanarie7Vogel943",
    ]);
    add(&[
        "template",
        "fine",
        "--repo",
        "https://a:Kanarie7Vogel944@example.org/?token=Kanarie7Vogel945",
    ]);
    let mut wrong = Vec::new();
    let mut failed = 0;
    for arguments in &runs {
        // Whoever asks a server tries it again for seconds.
        let is_network =
            arguments[0] == "-C" || arguments.iter().any(|it| it.contains("127.0.0.1"));
        let formats = if is_network { 1 } else { Format::ALL.len() };
        for format in Format::ALL.iter().take(formats) {
            let format = ["--format".to_string(), format.name().to_string()];
            let arguments: Vec<&str> = arguments
                .iter()
                .chain(&format)
                .map(String::as_str)
                .collect();
            let (out, error) = printed(folder, &arguments);
            let is_output = matches!(arguments[0], "template" | "build") && out.contains("---\n");
            failed += usize::from(!error.is_empty());
            let text = if is_output {
                error
            } else {
                format!("{out}{error}")
            };
            judge(&text, &arguments.join(" "), &mut wrong);
        }
    }
    assert!(failed > runs.len(), "{failed} of {}", runs.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
