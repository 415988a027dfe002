//! Symbolic links in a workspace: a link that leads out of it is refused by its own path, and cyclic or repeated links do not multiply
//! the files to read.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output};

use crate::hook::{PLEACH, change, git, repository};

/// Runs a command with at most ten seconds of CPU time and two gigabytes of address space.
fn pleach(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new("sh");
    command.args([
        "-c",
        "ulimit -t 10; ulimit -v 2000000; exec \"$@\"",
        "sh",
        PLEACH,
    ]);
    command.current_dir(folder).args(arguments);
    command.output().unwrap()
}

#[track_caller]
fn run(folder: &Path, arguments: &[&str], codes: &[i32]) -> String {
    let output = pleach(folder, arguments);
    let printed = [output.stderr, output.stdout].concat();
    let printed = String::from_utf8_lossy(&printed).into_owned();
    let code = output.status.code();
    assert!(
        code.is_some_and(|it| codes.contains(&it)),
        "{arguments:?}: {code:?}: {printed}"
    );
    printed
}

/// Commits everything, and then a change of a claim.
fn commit(root: &Path) {
    for size in ["201Gi", "202Gi"] {
        change(root, size);
        git(root, &["add", "--all"]);
        git(root, &["commit", "--quiet", "-m", size]);
    }
}

/// Every command that reads the workspace or a revision of it.
const COMMANDS: [&[&str]; 8] = [
    &["render"],
    &["check"],
    &["matrix"],
    &["diff", "HEAD~..HEAD"],
    &["diff", "HEAD~"],
    &["affected", "--since", "HEAD~..HEAD"],
    &["affected", "--since", "HEAD~"],
    &["hook", "run"],
];

#[test]
fn links_to_their_own_folder_are_reported() {
    let (_folder, root) = repository("");
    for name in ["d0", "d1", "d2", "d3", "d4"] {
        symlink(".", root.join("environments/prod").join(name)).unwrap();
    }
    symlink("../..", root.join("environments/prod/up")).unwrap();
    commit(&root);
    for arguments in COMMANDS {
        let printed = run(&root, arguments, &[0, 1]);
        if matches!(arguments[0], "render" | "check") {
            let warning = "`environments/prod/d3` links to one of its parent folders";
            assert!(printed.contains(warning), "{arguments:?}: {printed}");
            assert!(printed.contains("environments/prod/up"), "{printed}");
        }
    }
}

#[test]
fn links_between_folders_do_not_multiply_paths() {
    let (_folder, root) = repository("");
    // Each of 24 folders has two links to the next one: 16 million paths to the last.
    for level in 0..24 {
        let folder = root.join(format!("environments/shared/l{level}"));
        fs::create_dir_all(&folder).unwrap();
        for name in ["a", "b"] {
            symlink(format!("../l{}", level + 1), folder.join(name)).unwrap();
        }
    }
    fs::create_dir_all(root.join("environments/shared/l24")).unwrap();
    let claims = root.join("environments/prod/databases.yaml");
    fs::rename(&claims, root.join("environments/shared/l24/databases.yaml")).unwrap();
    fs::rename(root.join("environments/shared"), root.join("shared")).unwrap();
    symlink("../../shared/l0", root.join("environments/prod/databases")).unwrap();
    git(&root, &["add", "--all"]);
    git(&root, &["commit", "--quiet", "-m", "links"]);
    let text = fs::read_to_string(root.join("shared/l24/databases.yaml")).unwrap();
    fs::write(
        root.join("shared/l24/databases.yaml"),
        text.replacen("Gi", "1Gi", 1),
    )
    .unwrap();
    git(&root, &["commit", "--quiet", "--all", "-m", "change"]);
    let printed = run(&root, &["render"], &[0]);
    assert!(
        printed.contains("its files are read only once"),
        "{printed}"
    );
    for arguments in COMMANDS {
        // The changed file has too many paths.
        run(&root, arguments, &[0, 1, 2]);
    }
}

#[test]
fn cyclic_links_between_folders_end() {
    let (_folder, root) = repository("");
    for (from, to) in [("x", "y"), ("y", "z"), ("z", "x")] {
        let folder = root.join("environments/prod").join(from);
        fs::create_dir_all(&folder).unwrap();
        for name in 0..5 {
            symlink(format!("../{to}"), folder.join(format!("{name}"))).unwrap();
        }
    }
    commit(&root);
    for arguments in COMMANDS {
        run(&root, arguments, &[0, 1, 2]);
    }
}

#[test]
fn the_target_of_several_links_is_read_once() {
    let (_folder, root) = repository("");
    let prod = root.join("environments/prod");
    fs::create_dir(prod.join("own")).unwrap();
    fs::rename(prod.join("databases.yaml"), prod.join("own/databases.yaml")).unwrap();
    symlink("own", prod.join("again")).unwrap();
    symlink("own/../own", prod.join("z")).unwrap();
    git(&root, &["add", "--all"]);
    git(&root, &["commit", "--quiet", "-m", "links"]);
    let printed = run(&root, &["check"], &[0]);
    for link in ["again", "z"] {
        let warning = format!("`environments/prod/{link}` links to `environments/prod/own`");
        assert!(printed.contains(&warning), "{printed}");
    }
    // A revision is read in the same way.
    run(&root, &["diff", "--exit-code", "HEAD~..HEAD"], &[0]);
}

/// A link inside a linked folder is relative to the real location of that folder.
#[test]
fn a_revision_follows_links_as_the_system_does() {
    let (_folder, root) = repository("");
    let prod = root.join("environments/prod");
    fs::create_dir_all(root.join("shared/inner")).unwrap();
    fs::rename(prod.join("databases.yaml"), root.join("shared/databases")).unwrap();
    symlink("../databases", root.join("shared/inner/databases.yaml")).unwrap();
    symlink("../../shared/inner", prod.join("linked")).unwrap();
    git(&root, &["add", "--all"]);
    git(&root, &["commit", "--quiet", "-m", "links"]);
    run(&root, &["check"], &[0]);
    run(&root, &["diff", "--exit-code", "HEAD~..HEAD"], &[0]);
}

/// A folder outside of the workspace, with one file.
fn outside() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("kept.yaml"), "kept: true\n").unwrap();
    folder
}

#[track_caller]
fn assert_kept(outside: &Path) {
    let names = fs::read_dir(outside).unwrap();
    let names: Vec<_> = names.map(|it| it.unwrap().file_name()).collect();
    assert_eq!(names, ["kept.yaml"]);
}

#[test]
fn an_output_that_is_a_link_is_refused() {
    for below in ["", "platform"] {
        let outside = outside();
        let (_folder, root) = repository(below);
        let elsewhere = root.join("elsewhere");
        fs::rename(root.join("deploy"), &elsewhere).unwrap();
        for target in [outside.path(), Path::new("/proc"), &elsewhere] {
            symlink(target, root.join("deploy")).unwrap();
            for arguments in [&["render"][..], &["render", "--force"], &["check"]] {
                let printed = run(&root, arguments, &[2]);
                assert!(
                    printed.contains("/deploy: this is a symbolic link"),
                    "{printed}"
                );
            }
            fs::remove_file(root.join("deploy")).unwrap();
        }
        // The parent folder of the output is a link.
        let text = fs::read_to_string(root.join("pleach.yaml")).unwrap();
        let text = text.replace("output: deploy", "output: out/deploy");
        assert!(text.contains("out/deploy"), "{text}");
        fs::write(root.join("pleach.yaml"), text).unwrap();
        symlink(outside.path(), root.join("out")).unwrap();
        for arguments in [&["render"][..], &["check"]] {
            let printed = run(&root, arguments, &[2]);
            assert!(
                printed.contains("/out: this is a symbolic link"),
                "{printed}"
            );
        }
        git(&root, &["add", "--all"]);
        run(&root, &["hook", "run", "--fix"], &[1, 2]);
        assert_kept(outside.path());
    }
}

#[test]
fn an_input_that_leads_out_of_the_workspace_is_refused() {
    for below in ["", "platform"] {
        let (_folder, root) = repository(below);
        for input in [
            "environments/prod",
            "environments/prod/more",
            "environments/prod/more.yaml",
            "overlays/prod",
            "overlays",
            "templates",
            "vendor/charts",
        ] {
            let outside = outside();
            let place = root.join(input);
            let _ = fs::remove_dir_all(&place);
            fs::create_dir_all(place.parent().unwrap()).unwrap();
            // For a workspace in a subfolder, the target is in the same repository.
            let target = match below {
                "" => outside.path().to_path_buf(),
                _ => {
                    let beside = root.parent().unwrap().join("beside");
                    fs::create_dir_all(&beside).unwrap();
                    fs::write(beside.join("kept.yaml"), "kept: true\n").unwrap();
                    let up = "../".repeat(input.split('/').count());
                    format!("{up}beside").into()
                }
            };
            let target = match input.ends_with(".yaml") {
                true => target.join("kept.yaml"),
                false => target,
            };
            symlink(target, &place).unwrap();
            git(&root, &["add", "--all"]);
            let path = format!("cannot read `{input}`: a link leads out");
            // The hook does not render a commit that changes no claim.
            let hook = (input != "templates").then_some(&["hook", "run"][..]);
            for arguments in [&["render"][..], &["check"]].into_iter().chain(hook) {
                let printed = run(&root, arguments, &[1, 2]);
                assert!(printed.contains(&path), "{input}: {arguments:?}: {printed}");
            }
            assert!(root.join("deploy/apps").is_dir(), "{input}");
            assert_kept(outside.path());
            git(&root, &["reset", "--quiet", "--hard"]);
        }
    }
}

/// Every path of a workspace from which input is read, including a claim kind of the workspace.
const INPUTS: [&str; 9] = [
    "environments/prod",
    "environments/prod/more",
    "environments/prod/more.yaml",
    "environments/prod/environment.yaml",
    "overlays/prod",
    "overlays",
    "templates",
    "templates/Own",
    "vendor/charts",
];

/// Replaces an input by a link and stages the change.
fn stage_link(root: &Path, input: &str, target: &str) {
    let place = root.join(input);
    let _ = fs::remove_dir_all(&place);
    let _ = fs::remove_file(&place);
    fs::create_dir_all(place.parent().unwrap()).unwrap();
    symlink(target, &place).unwrap();
    git(root, &["add", "--all"]);
}

#[test]
fn a_broken_link_is_refused_wherever_it_is_read() {
    let (_folder, root) = repository("");
    for input in INPUTS {
        for target in ["gone", "/nowhere/at/all", "gone/x", "."] {
            // Here `.` means a link to itself.
            let itself = Path::new(input).file_name().unwrap().to_str().unwrap();
            let target = if target == "." { itself } else { target };
            stage_link(&root, input, target);
            for arguments in [&["render"][..], &["check"], &["hook", "run"]] {
                let printed = run(&root, arguments, &[1, 2]);
                let is_absolute = target.starts_with('/') && arguments[0] == "hook";
                let words = match is_absolute {
                    true => "a link leads out",
                    false => "a link leads to a file or folder that does not exist",
                };
                let message = format!("cannot read `{input}`: {words}");
                assert!(
                    printed.contains(&message),
                    "{arguments:?}: {target}: {printed}"
                );
                let help = "delete the link";
                assert!(
                    is_absolute || printed.contains(help),
                    "{arguments:?}: {printed}"
                );
            }
            assert!(root.join("deploy/clusters/prod").is_dir(), "{input}");
            git(&root, &["reset", "--quiet", "--hard"]);
        }
    }
}

#[test]
fn a_diff_of_unreadable_inputs_is_an_error() {
    let (_folder, root) = repository("");
    for input in INPUTS {
        for target in ["gone", "/etc"] {
            stage_link(&root, input, target);
            let output = pleach(&root, &["diff", "HEAD"]);
            let messages = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(
                output.status.code(),
                Some(2),
                "{input}: {target}: {messages}"
            );
            assert!(
                messages.contains(&format!("cannot read `{input}`")),
                "{messages}"
            );
            git(&root, &["commit", "--quiet", "--no-verify", "-m", "link"]);
            let printed = run(&root, &["diff", "HEAD~..HEAD"], &[2]);
            assert!(
                printed.contains(&format!("cannot read `{input}`")),
                "{printed}"
            );
            // The hook accepts a commit that removes the link.
            git(&root, &["revert", "--no-edit", "HEAD"]);
            run(&root, &["hook", "run"], &[0]);
        }
    }
}

/// An unreadable workspace file must not be treated as a missing one.
#[test]
fn a_link_in_place_of_the_workspace_file_is_refused() {
    for target in ["gone", "/etc/hostname"] {
        let (_folder, root) = repository("");
        stage_link(&root, "pleach.yaml", target);
        for arguments in [
            &["render"][..],
            &["check"],
            &["kinds"],
            &["diff", "HEAD"],
            &["affected"],
            &["hook", "run"],
        ] {
            let printed = run(&root, arguments, &[1, 2]);
            assert!(
                printed.contains("`pleach.yaml`"),
                "{arguments:?}: {printed}"
            );
            assert!(printed.contains("cannot read"), "{arguments:?}: {printed}");
        }
        git(&root, &["commit", "--quiet", "--no-verify", "-m", "link"]);
        for arguments in [
            &["diff", "HEAD~..HEAD"][..],
            &["affected", "--since", "HEAD~..HEAD"],
        ] {
            let printed = run(&root, arguments, &[2]);
            assert!(printed.contains("cannot read"), "{arguments:?}: {printed}");
        }
    }
}

/// Without a workspace, an unreadable file causes a note.
#[test]
fn a_diff_of_plain_folders_reports_unreadable_files() {
    let folder = tempfile::tempdir().unwrap();
    for side in ["old", "new"] {
        let apps = folder.path().join(side).join("apps");
        fs::create_dir_all(&apps).unwrap();
        symlink("gone", apps.join("on-both-sides")).unwrap();
        fs::write(
            apps.join("a.yaml"),
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n",
        )
        .unwrap();
    }
    run(folder.path(), &["diff", "--exit-code", "old", "new"], &[0]);
    symlink("gone", folder.path().join("new/more")).unwrap();
    let printed = run(folder.path(), &["diff", "--exit-code", "old", "new"], &[1]);
    assert!(printed.contains("`more` is not compared"), "{printed}");
}

#[test]
fn a_name_that_is_not_utf8_is_refused() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    for input in [
        "environments/prod",
        "environments",
        "overlays/prod",
        "templates",
    ] {
        let (_folder, root) = repository("");
        let place = root.join(input);
        fs::create_dir_all(&place).unwrap();
        if input == "overlays/prod" {
            fs::write(place.join("kustomization.yaml"), "resources: []\n").unwrap();
        }
        let name = place.join(OsStr::from_bytes(b"caf\xe9.yaml"));
        // Some file systems refuse such a name.
        if fs::write(&name, "a: b\n").is_err() {
            return;
        }
        git(&root, &["add", "--all"]);
        let message = format!("`{input}/caf\u{fffd}.yaml` is not read");
        for arguments in [&["render"][..], &["check"], &["hook", "run"]] {
            let printed = run(&root, arguments, &[1, 2]);
            assert!(printed.contains(&message), "{arguments:?}: {printed}");
        }
        git(&root, &["commit", "--quiet", "--no-verify", "-m", "name"]);
        change(&root, "203Gi");
        git(
            &root,
            &["commit", "--quiet", "--all", "--no-verify", "-m", "change"],
        );
        let printed = run(&root, &["diff", "HEAD~2..HEAD"], &[0, 2]);
        assert!(printed.contains(&message), "{printed}");
    }
}

/// Folders with CRDs are also read only once.
#[test]
fn links_between_folders_of_definitions_are_read_once() {
    let (_folder, root) = repository("");
    for level in 0..24 {
        let folder = root.join(format!("crds/l{level}"));
        fs::create_dir_all(&folder).unwrap();
        for name in ["a", "b"] {
            symlink(format!("../l{}", level + 1), folder.join(name)).unwrap();
        }
    }
    fs::create_dir_all(root.join("crds/l24")).unwrap();
    run(&root, &["check"], &[0]);
}

#[test]
fn charts_are_not_copied_through_a_link() {
    let outside = outside();
    let (_folder, root) = repository("");
    let _ = fs::remove_dir_all(root.join("vendor"));
    symlink(outside.path(), root.join("vendor")).unwrap();
    let cache = tempfile::tempdir().unwrap();
    let cache = cache.path().to_str().unwrap();
    run(&root, &["vendor", "--copies", "--cache", cache], &[1, 2]);
    assert_kept(outside.path());
}
