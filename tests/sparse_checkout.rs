//! Sparse checkouts: inputs that are not checked out are read from the index, and are not treated as deleted.

use std::fs;
use std::path::Path;

use crate::git_repository::{change, git, repository, run};
use crate::program::PLEACH;

fn checkout(root: &Path, arguments: &[&str]) {
    git(root, &[&["sparse-checkout", "set"], arguments].concat());
}

#[test]
fn environments_that_are_not_checked_out_stay_in_the_tree() {
    for below in ["", "platform"] {
        let (folder, root) = repository(below);
        let of = |path: &str| match below {
            "" => path.to_string(),
            _ => format!("{below}/{path}"),
        };
        let folders = ["environments/base", "environments/stage", "deploy"].map(of);
        checkout(folder.path(), &folders.each_ref().map(|it| &**it));
        assert!(!root.join("environments/prod").exists());
        assert!(!root.join("overlays").exists());
        let printed = run(&root, PLEACH, &["diff"], true);
        assert_eq!(printed, "");
        for command in [&["render"][..], &["check"], &["check", "--twice"]] {
            run(&root, PLEACH, command, true);
            assert_eq!(
                git(folder.path(), &["status", "--short"]),
                "",
                "{command:?}"
            );
        }
        assert!(!root.join("environments/prod").exists());
    }
}

#[test]
fn a_change_of_base_reaches_environments_that_are_not_checked_out() {
    let (_folder, root) = repository("");
    checkout(
        &root,
        &["environments/base", "environments/stage", "deploy"],
    );
    let file = fs::read_dir(root.join("environments/base"))
        .unwrap()
        .map(|it| it.unwrap().path())
        .find(|it| {
            fs::read_to_string(it)
                .unwrap()
                .contains("kind: OperatorInstall")
        })
        .unwrap();
    let name = file.file_name().unwrap().to_str().unwrap().to_string();
    fs::remove_file(&file).unwrap();
    let printed = run(&root, PLEACH, &["diff"], true);
    assert!(printed.contains("prod"), "{name}: {printed}");
}

#[test]
fn after_a_pull_the_new_index_is_read() {
    let (_folder, root) = repository("");
    checkout(
        &root,
        &["environments/base", "environments/stage", "deploy"],
    );
    run(&root, PLEACH, &["render"], true);
    checkout(&root, &["environments", "overlays", "deploy"]);
    change(&root, "201Gi");
    git(&root, &["commit", "--quiet", "-a", "-m", "stale"]);
    checkout(
        &root,
        &["environments/base", "environments/stage", "deploy"],
    );
    let printed = run(&root, PLEACH, &["check"], false);
    assert!(printed.contains("201Gi"), "{printed}");
    run(&root, PLEACH, &["render"], true);
    assert!(git(&root, &["diff"]).contains("201Gi"));
}

#[test]
fn single_files_that_are_not_checked_out_are_read_from_the_index() {
    let (_folder, root) = repository("");
    git(
        &root,
        &[
            "sparse-checkout",
            "set",
            "--no-cone",
            "/*",
            "!/environments/prod/databases.yaml",
        ],
    );
    assert!(!root.join("environments/prod/databases.yaml").exists());
    run(&root, PLEACH, &["render"], true);
    assert_eq!(git(&root, &["status", "--short"]), "");
    fs::remove_file(root.join("environments/prod/environment.yaml")).unwrap();
    // A file that was checked out and is removed is not read from the index.
    run(&root, PLEACH, &["check"], false);
}

#[test]
fn a_file_that_a_partial_clone_does_not_have_is_an_error() {
    let (folder, root) = repository("");
    git(&root, &["config", "uploadpack.allowFilter", "true"]);
    let clones = tempfile::tempdir().unwrap();
    let url = format!("file://{}", folder.path().display());
    let clone = [
        "clone",
        "--quiet",
        "--filter=blob:none",
        "--sparse",
        &url,
        "clone",
    ];
    git(clones.path(), &clone);
    let clone = clones.path().join("clone");
    checkout(
        &clone,
        &["environments/base", "environments/stage", "deploy"],
    );
    let printed = run(&clone, PLEACH, &["render"], false);
    assert!(printed.contains("git sparse-checkout add"), "{printed}");
    assert_eq!(git(&clone, &["status", "--short"]), "");
}
