//! Interrupted runs: the reader of the output closes its pipe, the device is full, or the process is killed.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use pleach::report::html;
use sha2::{Digest, Sha256};

use crate::common_forms::{VIEW, comparison};
use crate::git_repository::{change, repository, run};
use crate::program::PLEACH;

fn code(folder: &Path, arguments: &[&str], out: Stdio) -> Option<i32> {
    let mut command = Command::new(PLEACH);
    command.current_dir(folder).args(arguments).stdout(out);
    command.stderr(Stdio::null()).status().unwrap().code()
}

/// Commands that print, each with its exit code in a workspace whose tree is out of date.
const COMMANDS: [(&[&str], i32); 14] = [
    (&["check"], 1),
    (&["check", "--format", "github"], 1),
    (&["check", "--format", "sarif"], 1),
    (&["diff"], 0),
    (&["diff", "--exit-code"], 1),
    (&["diff", "--output", "md", "--exit-code"], 1),
    (&["affected"], 0),
    (&["matrix"], 0),
    (&["compare", "stage", "prod"], 1),
    (&["kinds"], 0),
    (&["explain"], 0),
    (&["completions", "bash"], 0),
    (&["--help"], 0),
    (&["--version"], 0),
];

#[test]
fn a_closed_pipe_does_not_change_the_exit_code() {
    let (_folder, root) = repository("");
    change(&root, "201Gi");
    for (arguments, wanted) in COMMANDS {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let found = code(&root, arguments, writer.into());
        assert_eq!(
            found,
            code(&root, arguments, Stdio::null()),
            "{arguments:?}"
        );
        if arguments[0] != "compare" {
            assert_eq!(found, Some(wanted), "{arguments:?}");
        }
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_device_is_an_error() {
    let (_folder, root) = repository("");
    change(&root, "201Gi");
    for (arguments, _) in COMMANDS {
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        assert_eq!(
            code(&root, arguments, full.into()),
            Some(2),
            "{arguments:?}"
        );
    }
}

#[test]
fn init_completes_what_a_killed_init_wrote() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    run(root, PLEACH, &["init"], true);
    fs::remove_file(root.join("pleach.yaml")).unwrap();
    fs::remove_file(root.join("environments/prod/databases.yaml")).unwrap();
    fs::write(root.join(".pleach-abc123.tmp"), "half").unwrap();
    run(root, PLEACH, &["init"], true);
    assert!(root.join("environments/prod/databases.yaml").exists());
    assert!(!root.join(".pleach-abc123.tmp").exists());
    assert!(run(root, PLEACH, &["init"], false).contains("nothing was written"));
    // A file with other content is not overwritten.
    fs::remove_file(root.join("pleach.yaml")).unwrap();
    fs::write(root.join("environments/prod/databases.yaml"), "mine").unwrap();
    let printed = run(root, PLEACH, &["init"], false);
    assert!(
        printed.ends_with("nothing was written: environments/prod/databases.yaml\n"),
        "{printed}"
    );
    assert!(!root.join("pleach.yaml").exists());
}

#[test]
fn new_kind_completes_what_a_killed_run_wrote() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    run(root, PLEACH, &["init"], true);
    run(root, PLEACH, &["new", "kind", "Thing"], true);
    let kind = root.join("templates/Thing");
    let all = pleach::disk::read(
        &pleach::disk::Folder::open(&kind).unwrap(),
        &pleach::tree::TreePath::root(),
    );
    fs::remove_dir_all(kind.join("cases")).unwrap();
    fs::remove_file(kind.join("service.yaml.j2")).unwrap();
    run(root, PLEACH, &["new", "kind", "Thing"], true);
    let again = pleach::disk::read(
        &pleach::disk::Folder::open(&kind).unwrap(),
        &pleach::tree::TreePath::root(),
    );
    assert_eq!(again.unwrap(), all.unwrap());
    run(root, PLEACH, &["new", "kind", "Thing"], false);
}

#[test]
fn new_kind_accepts_the_empty_folder_of_a_killed_run() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    run(root, PLEACH, &["init"], true);
    fs::create_dir_all(root.join("templates/Thing/cases")).unwrap();
    run(root, PLEACH, &["new", "kind", "Thing"], true);
    assert!(root.join("templates/Thing/kind.yaml").is_file());
}

#[test]
fn a_value_that_cannot_be_printed_is_reported_at_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    fs::write(root.join("kustomization.yaml"), "resources: [a.yaml]\n").unwrap();
    for value in ["!!binary '***'", ".inf", ".nan"] {
        let object = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  a: ";
        fs::write(root.join("a.yaml"), format!("{object}{value}\n")).unwrap();
        for output in [&[][..], &["-o", "out"], &["-o", "."]] {
            let arguments = [&["build"], output].concat();
            let printed = run(root, PLEACH, &arguments, false);
            assert!(printed.contains("a.yaml:5:"), "{value}: {printed}");
            assert_eq!(fs::read_dir(root).unwrap().count(), 2, "{value}");
        }
    }
}

#[test]
fn the_tree_is_not_written_into_gits_folder_or_an_input() {
    let (_folder, root) = repository("");
    let text = fs::read_to_string(root.join("pleach.yaml")).unwrap();
    for output in [
        ".git",
        ".GIT",
        ".Git/x",
        "a/.giT/b",
        "Environments",
        "OVERLAYS/prod",
    ] {
        let text = text.replace("output: deploy", &format!("output: {output}"));
        fs::write(root.join("pleach.yaml"), text).unwrap();
        let printed = run(&root, PLEACH, &["render"], false);
        assert!(
            printed.contains("the tree cannot be written to"),
            "{output}: {printed}"
        );
        assert!(printed.contains("pleach.yaml:"), "{output}: {printed}");
    }
}

/// The page's policy names its style and its script by their hashes, and admits no other.
#[test]
fn the_page_of_a_diff_runs_its_own_script_alone() {
    let page = html(&comparison(), ["before", "after"], &VIEW);
    let (_, policy) = page
        .split_once("Content-Security-Policy\" content=\"")
        .unwrap();
    let (policy, _) = policy.split_once('"').unwrap();
    assert!(!policy.contains("unsafe"), "{policy}");
    for (element, directive) in [("style", "style-src"), ("script", "script-src")] {
        let opening = format!("<{element}>");
        let mut parts = page.split(&opening).skip(1);
        let (text, _) = parts
            .next()
            .unwrap()
            .split_once(&format!("</{element}>"))
            .unwrap();
        assert!(parts.next().is_none(), "{element}");
        let (_, named) = policy.split_once(&format!("{directive} 'sha256-")).unwrap();
        let (named, _) = named.split_once('\'').unwrap();
        use base64::Engine;
        let decoded = base64::engine::general_purpose::STANDARD
            .decode(named)
            .unwrap();
        assert_eq!(
            decoded,
            Sha256::digest(text.as_bytes()).to_vec(),
            "{element}"
        );
    }
    assert!(
        !page.contains(" style=\"") && !page.contains(" onclick"),
        "{policy}"
    );
}
