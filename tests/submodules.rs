//! Submodules: their files are read from their own repositories, also for the index and for revisions.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::git_repository::{git, repository, run};
use crate::program::{PLEACH, assert_contains};

fn add_submodule(root: &Path, url: &Path) {
    let url = url.to_str().unwrap();
    let allow = ["-c", "protocol.file.allow=always", "submodule", "--quiet"];
    git(root, &[&allow[..], &["add", url, "lib"]].concat());
}

/// A repository with a ConfigMap, as the source of a submodule.
fn library() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    fs::write(root.join("kustomization.yaml"), "resources: [cm.yaml]\n").unwrap();
    git(root, &["init", "--quiet", "--initial-branch=main"]);
    set_value(root, "one");
    folder
}

fn set_value(library: &Path, value: &str) {
    let object = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: lib, namespace: lib}}\ndata: {{a: {value}}}\n"
    );
    fs::write(library.join("cm.yaml"), object).unwrap();
    git(library, &["add", "."]);
    git(library, &["commit", "--quiet", "-m", value]);
}

/// A workspace whose overlay of `prod` has a submodule as a resource.
fn workspace() -> (TempDir, TempDir, PathBuf) {
    let (library, (folder, root)) = (library(), repository(""));
    add_submodule(&root, library.path());
    let overlay = root.join("overlays/prod/kustomization.yaml");
    let text = fs::read_to_string(&overlay).unwrap();
    let text = text.replace("\nresources:\n", "\nresources:\n- ../../lib\n");
    assert!(text.contains("- ../../lib\n"), "{text}");
    fs::write(&overlay, text).unwrap();
    run(&root, PLEACH, &["render"], true);
    git(&root, &["add", "."]);
    (library, folder, root)
}

#[test]
fn the_hook_and_diff_read_submodules() {
    let (_library, _folder, root) = workspace();
    run(&root, PLEACH, &["hook", "run"], true);
    run(&root, PLEACH, &["hook", "install"], true);
    let printed = run(&root, PLEACH, &["diff"], true);
    assert_contains(&printed, &["+ ConfigMap lib"]);
    assert!(!printed.contains("not compared"), "{printed}");
    git(&root, &["commit", "--quiet", "-m", "with a submodule"]);
    assert_eq!(run(&root, PLEACH, &["diff"], true), "");
    set_value(&root.join("lib"), "two");
    for arguments in [&["diff"][..], &["diff", "HEAD"]] {
        let printed = run(&root, PLEACH, arguments, true);
        assert_contains(&printed, &["ConfigMap lib", "one", "two"]);
    }
    git(&root, &["add", "lib"]);
    let printed = run(&root, "git", &["commit", "-m", "stale"], false);
    assert_contains(&printed, &["the staged tree is out of date"]);
    run(&root, PLEACH, &["hook", "run", "--fix"], true);
    git(&root, &["commit", "--quiet", "-m", "fixed"]);
    run(&root, PLEACH, &["check"], true);
    let printed = run(&root, PLEACH, &["diff", "HEAD~..HEAD"], true);
    assert_contains(&printed, &["ConfigMap lib", "one", "two"]);
}

#[test]
fn a_submodule_that_is_not_checked_out_is_named() {
    let (_library, folder, root) = workspace();
    git(&root, &["commit", "--quiet", "-m", "with a submodule"]);
    set_value(&root.join("lib"), "two");
    run(&root, PLEACH, &["render"], true);
    git(&root, &["commit", "--quiet", "-a", "-m", "two"]);
    let clones = tempfile::tempdir().unwrap();
    let url = folder.path().to_str().unwrap();
    git(clones.path(), &["clone", "--quiet", url, "clone"]);
    let clone = clones.path().join("clone");
    let printed = run(&clone, PLEACH, &["diff", "HEAD~..HEAD"], true);
    let help = "run `git submodule update --init lib`";
    assert_contains(
        &printed,
        &["the submodule `lib` has changed and is not compared", help],
    );
    let overlay = clone.join("overlays/prod/kustomization.yaml");
    let text = fs::read_to_string(&overlay).unwrap();
    fs::write(&overlay, format!("{text}namePrefix: a-\n")).unwrap();
    git(&clone, &["add", "."]);
    let printed = run(&clone, PLEACH, &["hook", "run"], false);
    assert_contains(
        &printed,
        &[
            "the commit of this submodule is not available",
            "run `git submodule update --init`",
        ],
    );
}

#[test]
fn a_changed_submodule_is_compared_without_a_workspace() {
    let library = library();
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    git(root, &["init", "--quiet", "--initial-branch=main"]);
    add_submodule(root, library.path());
    git(root, &["commit", "--quiet", "-m", "one"]);
    set_value(&root.join("lib"), "two");
    let printed = run(root, PLEACH, &["diff"], true);
    assert_contains(&printed, &["ConfigMap lib", "one", "two"]);
    git(root, &["commit", "--quiet", "-a", "-m", "two"]);
    let printed = run(root, PLEACH, &["diff", "HEAD~..HEAD"], true);
    assert_contains(&printed, &["ConfigMap lib", "one", "two"]);
    // A repository in the work tree that is no submodule is not read.
    git(
        root,
        &[
            "clone",
            "--quiet",
            library.path().to_str().unwrap(),
            "other",
        ],
    );
    assert_eq!(run(root, PLEACH, &["diff"], true), "");
}
