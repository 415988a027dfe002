//! Symbolic links in a workspace: a link that leads out of it is refused by its own path, and cyclic or repeated links do not multiply
//! the files to read.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output};

use crate::git_repository::{change, git, repository};
use crate::program::PLEACH;

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

/// kustomize treats a kustomization file outside of its folder as missing.
#[test]
fn a_kustomization_file_that_is_a_link_out_of_its_folder_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| fs::write(root.path().join(path), text).unwrap();
    for folder in ["shared", "own", "over"] {
        fs::create_dir(root.path().join(folder)).unwrap();
        let name = format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {folder}}}\n");
        write(&format!("{folder}/a.yaml"), &name);
    }
    write("shared/kustomization.yaml", "resources: [a.yaml]\n");
    write("over/kustomization.yaml", "resources: [a.yaml, ../own]\n");
    let link = root.path().join("own/kustomization.yaml");
    symlink("../shared/kustomization.yaml", link).unwrap();
    for folder in ["own", "over"] {
        let printed = run(root.path(), &["build", folder], &[1]);
        let message = "kustomization.yaml` is a link to a file outside of its folder";
        assert!(printed.contains(message), "{printed}");
        let free = ["build", folder, "--load-restrictor", "LoadRestrictionsNone"];
        let built = run(root.path(), &free, &[0]);
        assert!(built.contains("name: own"), "{built}");
    }
    fs::rename(
        root.path().join("own/a.yaml"),
        root.path().join("own/b.yaml"),
    )
    .unwrap();
    write("own/real.yaml", "resources: [b.yaml]\n");
    fs::remove_file(root.path().join("own/kustomization.yaml")).unwrap();
    symlink("real.yaml", root.path().join("own/kustomization.yaml")).unwrap();
    run(root.path(), &["build", "over"], &[0]);
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
    const GROUPS: [&[&str]; 5] = [
        &[
            "environments/prod/more",
            "environments/prod/more.yaml",
            "vendor/charts",
        ],
        &["environments/prod"],
        &["overlays/prod"],
        &["overlays"],
        &["templates"],
    ];
    for below in ["", "platform"] {
        let (_folder, root) = repository(below);
        for inputs in GROUPS {
            let outside = outside();
            for input in inputs {
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
                replace_by_link(&root, input, &target);
            }
            git(&root, &["add", "--all"]);
            // The hook does not render a commit that changes no claim.
            let hook = (*inputs != ["templates"]).then_some(&["hook", "run"][..]);
            for arguments in [&["render"][..], &["check"]].into_iter().chain(hook) {
                let printed = run(&root, arguments, &[1, 2]);
                for input in inputs {
                    let error = "error[unreadable-file]: cannot read";
                    let error = format!("{error} `{input}`: a link leads out");
                    assert!(printed.contains(&error), "{arguments:?}: {printed}");
                }
            }
            assert!(root.join("deploy/apps").is_dir(), "{inputs:?}");
            assert_kept(outside.path());
            git(&root, &["reset", "--quiet", "--hard"]);
        }
    }
}

/// Every path of a workspace from which input is read, including a claim kind of the workspace. The paths of a group are tested
/// together: none of them contains another, and each is reported as an error of its own.
const INPUTS: [&[&str]; 4] = [
    &[
        "environments/prod/more",
        "environments/prod/more.yaml",
        "environments/prod/environment.yaml",
        "templates/Own",
        "vendor/charts",
    ],
    &["environments/prod", "templates"],
    &["overlays/prod"],
    &["overlays"],
];

fn replace_by_link(root: &Path, input: &str, target: &Path) {
    let place = root.join(input);
    let _ = fs::remove_dir_all(&place);
    let _ = fs::remove_file(&place);
    fs::create_dir_all(place.parent().unwrap()).unwrap();
    symlink(target, &place).unwrap();
}

#[test]
fn a_broken_link_is_refused_wherever_it_is_read() {
    let (_folder, root) = repository("");
    for inputs in INPUTS {
        for target in ["gone", "/nowhere/at/all", "gone/x", "."] {
            for input in inputs {
                // Here `.` means a link to itself.
                let itself = Path::new(input).file_name().unwrap().to_str().unwrap();
                let target = if target == "." { itself } else { target };
                replace_by_link(&root, input, Path::new(target));
            }
            git(&root, &["add", "--all"]);
            for arguments in [&["render"][..], &["check"], &["hook", "run"]] {
                let printed = run(&root, arguments, &[1, 2]);
                let is_absolute = target.starts_with('/') && arguments[0] == "hook";
                let reason = match is_absolute {
                    true => "a link leads out",
                    false => "a link leads to a file or folder that does not exist",
                };
                for input in inputs {
                    let error = format!("error[unreadable-file]: cannot read `{input}`: {reason}");
                    assert!(
                        printed.contains(&error),
                        "{arguments:?}: {target}: {printed}"
                    );
                }
                let helps = printed.matches("delete the link").count();
                assert!(
                    is_absolute || helps >= inputs.len(),
                    "{arguments:?}: {printed}"
                );
            }
            assert!(root.join("deploy/clusters/prod").is_dir(), "{inputs:?}");
            git(&root, &["reset", "--quiet", "--hard"]);
        }
    }
}

#[test]
fn a_diff_of_unreadable_inputs_is_an_error() {
    let (_folder, root) = repository("");
    for inputs in INPUTS {
        for target in ["gone", "/etc"] {
            for input in inputs {
                replace_by_link(&root, input, Path::new(target));
            }
            git(&root, &["add", "--all"]);
            let printed = run(&root, &["diff", "HEAD"], &[2]);
            git(&root, &["commit", "--quiet", "--no-verify", "-m", "link"]);
            let committed = run(&root, &["diff", "HEAD~..HEAD"], &[2]);
            for input in inputs {
                let error = format!("cannot read `{input}`");
                assert!(printed.contains(&error), "{target}: {printed}");
                assert!(committed.contains(&error), "{target}: {committed}");
            }
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
        replace_by_link(&root, "pleach.yaml", Path::new(target));
        git(&root, &["add", "--all"]);
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
    const FOLDERS: [&str; 4] = [
        "environments/prod",
        "environments",
        "overlays/prod",
        "templates",
    ];
    let (_folder, root) = repository("");
    for folder in FOLDERS {
        let folder = root.join(folder);
        fs::create_dir_all(&folder).unwrap();
        let name = folder.join(OsStr::from_bytes(b"caf\xe9.yaml"));
        // Some file systems refuse such a name.
        if fs::write(&name, "a: b\n").is_err() {
            return;
        }
    }
    let kustomization = root.join("overlays/prod/kustomization.yaml");
    fs::write(kustomization, "resources: []\n").unwrap();
    git(&root, &["add", "--all"]);
    let assert_reported = |printed: &str| {
        for folder in FOLDERS {
            let message = format!("`{folder}/caf\u{fffd}.yaml` is not read");
            assert!(printed.contains(&message), "{message}: {printed}");
        }
    };
    for arguments in [&["render"][..], &["check"], &["hook", "run"]] {
        assert_reported(&run(&root, arguments, &[1, 2]));
    }
    git(&root, &["commit", "--quiet", "--no-verify", "-m", "name"]);
    change(&root, "203Gi");
    git(
        &root,
        &["commit", "--quiet", "--all", "--no-verify", "-m", "change"],
    );
    assert_reported(&run(&root, &["diff", "HEAD~2..HEAD"], &[0, 2]));
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

/// A chart whose template prints the content of all its other files.
fn chart(folder: &Path) {
    fs::create_dir_all(folder.join("templates")).unwrap();
    let metadata = "{apiVersion: v2, name: web, version: 1.0.0}";
    fs::write(folder.join("Chart.yaml"), metadata).unwrap();
    let template =
        "{{ range $name, $data := .Files }}{{ $name }}: {{ $data | toString }}\n{{ end }}";
    fs::write(folder.join("templates/a.yaml"), template).unwrap();
}

/// As in Helm, unlike links in a workspace.
#[test]
fn links_of_a_local_chart_lead_anywhere() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    chart(&root.join("web"));
    fs::create_dir_all(root.join("shared/inner")).unwrap();
    fs::write(root.join("shared/inner/a"), "1").unwrap();
    fs::create_dir_all(root.join("web/charts")).unwrap();
    fs::create_dir_all(root.join("library/templates")).unwrap();
    let metadata = "{apiVersion: v2, name: library, version: 1.0.0, type: library}";
    fs::write(root.join("library/Chart.yaml"), metadata).unwrap();
    symlink("../../library", root.join("web/charts/library")).unwrap();
    symlink("../shared/inner/a", root.join("web/file")).unwrap();
    symlink("../shared", root.join("web/one")).unwrap();
    symlink("one/inner", root.join("web/two")).unwrap();
    let printed = run(root, &["template", "web"], &[0]);
    let head = "---\n# Source: web/templates/a.yaml\n";
    let files = "file: 1\none/inner/a: 1\ntwo/a: 1\n";
    assert_eq!(printed, format!("{head}{files}"));
}

#[test]
fn links_that_multiply_the_files_of_a_chart_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let web = folder.path().join("web");
    chart(&web);
    for level in 0..24 {
        let place = web.join(format!("files/l{level}"));
        fs::create_dir_all(&place).unwrap();
        for name in ["a", "b"] {
            symlink(format!("../l{}", level + 1), place.join(name)).unwrap();
        }
    }
    fs::create_dir_all(web.join("files/l24")).unwrap();
    let printed = run(folder.path(), &["template", "web"], &[1]);
    assert!(printed.contains("repeat more than 10000"), "{printed}");
}

#[test]
fn links_of_a_chart_to_parent_folders_are_reported() {
    let folder = tempfile::tempdir().unwrap();
    let web = folder.path().join("web");
    chart(&web);
    symlink(".", web.join("loop")).unwrap();
    let printed = run(folder.path(), &["template", "web"], &[1]);
    let error = "cannot read `loop`: it links to one of its parent folders";
    assert!(printed.contains(error), "{printed}");
}
