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
const COMMANDS: [(&[&str], &[&str]); 12] = [
    (&["check"], &[]),
    (&["check", "--strict", "--env", "test"], &[]),
    (&["render", "--out", "elsewhere"], &[]),
    (
        &["diff", "HEAD"],
        &["text", "md", "html", "json", "patch", "github"],
    ),
    (
        &["diff", "HEAD", "--committed"],
        &["text", "md", "html", "json", "patch", "github"],
    ),
    (&["matrix"], &["text", "md", "json"]),
    (&["compare", "test", "prod"], &[]),
    (&["promote", "test", "prod", "--all", "--dry-run"], &[]),
    (&["affected"], &["name", "json", "github-matrix"]),
    (&["hook", "run"], &[]),
    (&["test"], &[]),
    (&["kinds"], &[]),
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

/// What a command prints on both streams.
fn printed(folder: &Path, arguments: &[&str]) -> (String, String) {
    let output = std::process::Command::new(PLEACH)
        .current_dir(folder)
        .args(arguments)
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
