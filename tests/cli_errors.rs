//! Mistakes at the command line: each is reported with a way to fix it, and none exits with 0.

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::git_repository::git;
use crate::program::run;

fn workspace() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), &["init"], 0);
    folder
}

const NEAREST: &str =
    "unknown environment `prodd`; did you mean `prod`?\nhelp: environments: prod, stage, test\n";

#[test]
fn unknown_names_are_reported_with_the_nearest() {
    let folder = workspace();
    let cases: [(&[&str], i32, &str); 19] = [
        (
            &["tree", "clusters/production"],
            2,
            "`pleach tree --committed` also shows",
        ),
        (&["matrix", "analytcs"], 2, "did you mean `analytics`?"),
        (
            &["compare", "stage", "prod", "event"],
            2,
            "did you mean `events`?",
        ),
        (
            &["kinds", "clickhouse"],
            2,
            "did you mean `ClickHouseKubernetes`?",
        ),
        (
            &["explain", "shrinking"],
            2,
            "did you mean `shrinking-volume`?",
        ),
        (&["explain", "zzz"], 2, "`pleach explain` lists all codes"),
        (&["verify", "nowhere"], 2, "`nowhere` is not a directory"),
        (&["test", "Nothing"], 2, "does not define a kind `Nothing`"),
        (&["check", "--env", "prodd"], 2, NEAREST),
        (&["render", "--env", "prodd"], 2, NEAREST),
        (&["matrix", "--env", "prodd"], 2, NEAREST),
        (&["compare", "stage", "prodd"], 2, NEAREST),
        (&["promote", "stage", "prodd"], 2, NEAREST),
        (&["explain", "prodd", "Deployment/a", "spec"], 2, NEAREST),
        (&["matrix", "zzz"], 2, "help: claims: analytics, "),
        (&["promote", "stage", "prod", "zzz"], 2, "no claim `zzz`"),
        (&["-C", "nowhere", "check"], 2, "nowhere` does not exist"),
        (&["-C", "pleach.yaml", "check"], 2, "is not a directory"),
        (&["-C", "/", "check"], 2, "`/` is not a Git repository"),
    ];
    for (arguments, code, words) in cases {
        let printed = run(folder.path(), arguments, code);
        assert!(printed.contains(words), "{arguments:?}: {printed}");
    }
}

#[test_with::executable(git)]
#[test]
fn a_missing_revision_is_reported_with_the_reason() {
    let folder = workspace();
    let printed = |arguments: &[&str]| run(folder.path(), arguments, 2);
    assert!(printed(&["diff"]).contains("`pleach diff old/ new/`"));
    git(folder.path(), &["init", "-q", "-b", "main"]);
    assert!(printed(&["diff"]).contains("the repository has no commits yet"));
    assert!(printed(&["affected"]).contains("the repository has no commits yet"));
    git(folder.path(), &["add", "-A"]);
    git(folder.path(), &["commit", "-qm", "one"]);
    assert!(printed(&["diff", "mian"]).contains("did you mean `main`?"));
    assert!(
        printed(&["diff", "HEAD", "newtree"]).contains("folder or revision `newtree` not found")
    );
    git(folder.path(), &["commit", "-qm", "two", "--allow-empty"]);
    let shallow = tempfile::tempdir().unwrap();
    let address = format!("file://{}", folder.path().display());
    let clone = ["clone", "-q", "--depth", "1", address.as_str(), "."];
    git(shallow.path(), &clone);
    let printed = run(shallow.path(), &["diff", "HEAD~1"], 2);
    assert!(printed.contains("`git fetch --unshallow`"), "{printed}");
}

#[test]
fn a_folder_without_a_kustomization_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let printed = run(folder.path(), &["build"], 1);
    assert!(printed.contains("--> .\n"), "{printed}");
}

#[test]
fn help_shows_a_commands_own_flags_first_and_an_example() {
    let folder = tempfile::tempdir().unwrap();
    let help = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pleach"));
        let output = command.current_dir(&folder).args(arguments).output();
        String::from_utf8(output.unwrap().stdout).unwrap()
    };
    let commands = help(&["--help"]);
    let commands = commands.split("Commands:").nth(1).unwrap();
    let commands = commands.split("\n\n").next().unwrap();
    let names = commands
        .lines()
        .filter(|it| it.starts_with("  ") && !it.starts_with("   "));
    for name in names.filter_map(|it| it.split_whitespace().next()) {
        if name == "help" {
            continue;
        }
        let text = help(&[name, "--help"]);
        assert!(text.contains("Examples:\n  pleach"), "{name}: {text}");
        let own = text.find("Options:").or_else(|| text.find("Commands:"));
        assert!(
            own < text.find("Options of all commands:"),
            "{name}: {text}"
        );
    }
}

#[test]
fn the_output_folder_cannot_be_an_input_folder() {
    let folder = workspace();
    run(folder.path(), &["render"], 0);
    let file = folder.path().join("pleach.yaml");
    let text = fs::read_to_string(&file).unwrap();
    for output in ["environments", "overlays/prod", "templates", ".git"] {
        fs::write(
            &file,
            text.replace("output: deploy", &format!("output: {output}")),
        )
        .unwrap();
        let printed = run(folder.path(), &["render"], 1);
        assert!(
            printed.contains("use a folder with no other files"),
            "{printed}"
        );
    }
}

#[test]
fn init_is_relative_to_the_folder_of_the_flag() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("platform")).unwrap();
    run(folder.path(), &["-C", "platform", "init"], 0);
    assert!(folder.path().join("platform/pleach.yaml").is_file());
}

#[test]
fn a_chart_without_a_pin_is_reported_at_the_claim_only() {
    let folder = workspace();
    let claim = "apiVersion: platform.infraforge.io/v1\nkind: ApplicationClaim\nmetadata: {name: shop}\nspec:\n  environment: prod\n  clusterType: prod\n  applications: [{name: orders, image: {repository: example.com/orders, tag: v1}}]\n";
    fs::write(folder.path().join("environments/prod/shop.yaml"), claim).unwrap();
    let file = folder.path().join("pleach.yaml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(
        &file,
        format!("{text}\n  charts: {{repository: 'oci://example.com/charts'}}\n"),
    )
    .unwrap();
    let printed = run(folder.path(), &["vendor", "--check"], 1);
    assert_eq!(
        printed.matches("chart `microservice 1.0.0`").count(),
        1,
        "{printed}"
    );
    assert!(!printed.contains("<built-in>"), "{printed}");
}

#[cfg(unix)]
#[test]
fn broken_and_outside_links_are_reported_with_a_fix() {
    let folder = workspace();
    let link = |to: &str, name: &str| {
        let file = folder.path().join("environments/test").join(name);
        std::os::unix::fs::symlink(to, file).unwrap();
    };
    link("nowhere.yaml", "gone.yaml");
    link("/etc/passwd", "out.yaml");
    link("loop.yaml", "loop.yaml");
    let printed = run(folder.path(), &["render"], 1);
    for words in [
        "--> environments/test/gone.yaml",
        "restore the target of the link, or delete the link",
        "--> environments/test/out.yaml",
        "copy the target of the link",
        "--> environments/test/loop.yaml",
    ] {
        assert!(printed.contains(words), "{printed}");
    }
}

#[test]
fn accept_keeps_expectations_when_the_kind_is_invalid() {
    let folder = workspace();
    run(folder.path(), &["new", "kind", "Web"], 0);
    let kind = folder.path().join("templates/Web/kind.yaml");
    let text = fs::read_to_string(&kind).unwrap();
    fs::write(&kind, format!("{text}x: [\n")).unwrap();
    let printed = run(folder.path(), &["test", "--accept"], 1);
    assert!(printed.contains("templates/Web/kind.yaml:"), "{printed}");
    let expected = folder
        .path()
        .join("templates/Web/cases/basic/expected.yaml");
    assert!(expected.is_file(), "the former expectation is kept");
}

/// A selection that matches nothing would look like a change without effect.
#[test]
fn a_diff_of_unknown_claims_and_folders_is_refused() {
    let folder = workspace();
    let root = folder.path();
    git(root, &["init", "--quiet"]);
    git(root, &["add", "."]);
    git(root, &["commit", "--quiet", "-m", "all"]);
    for (arguments, words) in [
        (["--claim", "analytcs"], "did you mean `analytics`?"),
        (
            ["--env", "prdo"],
            "did you mean `prod`?\nhelp: environments: prod",
        ),
    ] {
        let printed = run(root, &[&["diff", "HEAD"], &arguments[..]].concat(), 2);
        assert!(printed.contains(words), "{printed}");
    }
    // A claim without changes exists, so selecting it is not an error.
    run(root, &["diff", "HEAD", "--claim", "analytics"], 0);
    run(
        root,
        &["diff", "HEAD", "--claim", "ClickHouseKubernetes/analytics"],
        0,
    );
    fs::remove_file(root.join("pleach.yaml")).unwrap();
    git(root, &["commit", "--quiet", "--all", "-m", "a"]);
    let printed = run(root, &["diff", "HEAD", "--env", "enviroments/prod"], 2);
    assert!(
        printed.contains("folder `enviroments/prod` does not exist"),
        "{printed}"
    );
    run(root, &["diff", "HEAD", "--env", "environments/prod"], 0);
}

#[test]
fn a_folder_that_nothing_is_deployed_from_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [
        &["tree"][..],
        &["tree", "-o", "json"],
        &["matrix"],
        &["check"],
    ] {
        let printed = run(folder.path(), arguments, 2);
        assert!(printed.contains("no `pleach.yaml` in"), "{printed}");
    }
    fs::write(folder.path().join("a.yaml"), "").unwrap();
    fs::create_dir(folder.path().join("old")).unwrap();
    for (names, words) in [
        (
            ["a.yaml", "a.yaml"],
            "`a.yaml` is a file; compare the folders",
        ),
        (["old", "a.yaml"], "`a.yaml` is a file; compare the folders"),
        (["old", "nowhere"], "the folder `nowhere` does not exist"),
        (["nowhere", "old"], "the folder `nowhere` does not exist"),
    ] {
        let printed = run(folder.path(), &["diff", names[0], names[1]], 2);
        assert!(printed.contains(words), "{printed}");
    }
}

/// The exit code for a `pleach.yaml` that cannot be read does not depend on the reason.
#[cfg(unix)]
#[test]
fn an_unreadable_workspace_file_fails_the_command() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    let folder = workspace();
    let file = folder.path().join("pleach.yaml");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o000)).unwrap();
    // Root may read everything.
    if fs::read(&file).is_err() {
        let printed = run(folder.path(), &["check"], 2);
        assert!(printed.contains("cannot read `pleach.yaml`"), "{printed}");
    }
    fs::remove_file(&file).unwrap();
    for target in ["nothing", "pleach.yaml"] {
        symlink(target, &file).unwrap();
        let printed = run(folder.path(), &["check"], 2);
        assert!(printed.contains("pleach.yaml"), "{printed}");
        fs::remove_file(&file).unwrap();
    }
}

#[test]
fn an_empty_variable_is_unset() {
    let folder = workspace();
    let mut command = std::process::Command::new(crate::program::PLEACH);
    command.current_dir(folder.path()).args(["matrix", "-q"]);
    let caches = tempfile::tempdir().unwrap();
    command.env("XDG_CACHE_HOME", caches.path());
    let output = command.env("PLEACH_CACHE", "").output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

/// Git writes CRLF into checkouts where `core.autocrlf` is set.
#[test]
fn a_checkout_with_crlf_gives_the_same_result() {
    let folder = workspace();
    let root = folder.path();
    run(root, &["new", "kind", "Thing"], 0);
    run(root, &["render"], 0);
    for file in files_below(root) {
        let text = fs::read_to_string(&file).unwrap();
        fs::write(file, text.replace('\n', "\r\n")).unwrap();
    }
    run(root, &["test"], 0);
    run(root, &["check", "--no-cache"], 0);
}

/// All files below a folder.
fn files_below(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|it| it.unwrap().path());
    let (folders, mut files): (Vec<_>, Vec<_>) = entries.partition(|it| it.is_dir());
    files.extend(folders.iter().flat_map(|it| files_below(it)));
    files
}

#[test]
fn charts_that_have_not_been_pulled_are_noted() {
    let folder = workspace();
    let root = folder.path();
    let claim = "apiVersion: pleach.dev/v1\nkind: OperatorInstall\nmetadata: {name: b}\n\
                 spec: {namespace: b, chart: {name: b, repository: 'https://x.example', version: 1.2.3}}\n";
    let lock = "apiVersion: pleach.dev/v1\nkind: Lock\nmetadata: {name: pleach}\nspec:\n  charts:\n\
                \x20 - repository: https://x.example\n    name: b\n    requested: 1.2.3\n    version: 1.2.3\n\
                \x20   digest: sha256:0000000000000000000000000000000000000000000000000000000000000000\n\
                \x20   origin: https://x.example/b-1.2.3.tgz\n";
    fs::write(root.join("environments/prod/b.yaml"), claim).unwrap();
    fs::write(root.join("pleach.lock"), lock).unwrap();
    let cache = root.join("cache").display().to_string();
    run(root, &["render", "--cache", &cache], 0);
    // The second run is not skipped, because the first one had a note.
    for _ in 0..2 {
        let found = run(root, &["check", "--cache", &cache], 0);
        let note = "note[unchecked-chart]: the values of chart `b 1.2.3` are not checked, because its archive has not been pulled";
        assert!(found.contains(note), "{found}");
        assert!(found.contains("pleach.lock:7"), "{found}");
    }
}

#[test]
fn applied_files_of_other_origin_are_reported() {
    let folder = workspace();
    let root = folder.path();
    run(root, &["render"], 0);
    run(root, &["check"], 0);
    let cluster = root.join("deploy/clusters/prod");
    fs::create_dir(cluster.join("flux-system")).unwrap();
    fs::write(cluster.join("flux-system/gotk-sync.yaml"), "kind: Any\n").unwrap();
    let clean = run(root, &["check"], 0);
    assert_eq!(clean, "");
    let stray = cluster.join("stray.yaml");
    fs::write(&stray, "apiVersion: v1\nkind: ConfigMap\n").unwrap();
    let warning = "warning[unchecked-file]: `clusters/prod/stray.yaml` is applied, but not checked";
    for _ in 0..2 {
        let found = run(root, &["check"], 0);
        assert!(
            found.contains(warning) && found.contains("1 warning\n"),
            "{found}"
        );
    }
    run(root, &["check", "--strict"], 1);
    fs::write(
        &stray,
        "# pleach: allow[unchecked-file] written by Terraform\nkind: ConfigMap\n",
    )
    .unwrap();
    assert_eq!(run(root, &["check", "--strict"], 0), "");
}

#[test]
fn files_of_other_origin_are_reported_in_folders_of_claims_without_kustomization() {
    let folder = workspace();
    let root = folder.path();
    for (layout, is_applied) in [("overlays", false), ("flat", true)] {
        let text = fs::read_to_string(root.join("pleach.yaml")).unwrap();
        let text = match text.split_once("\n  layout:") {
            Some((before, _)) => before.to_string(),
            None => text,
        };
        let text = format!("{}\n  layout: {layout}\n", text.trim_end());
        fs::write(root.join("pleach.yaml"), text).unwrap();
        run(root, &["render"], 0);
        let groups = ["apps", "infrastructure"].map(|it| root.join("deploy").join(it).join("prod"));
        let group = groups.into_iter().find(|it| it.is_dir()).unwrap();
        let claim = fs::read_dir(group).unwrap().next().unwrap().unwrap();
        let stray = claim.path().join("stray.yaml");
        fs::write(&stray, "apiVersion: v1\nkind: ConfigMap\n").unwrap();
        let found = run(root, &["check"], 0);
        assert_eq!(
            found.contains("warning[unchecked-file]"),
            is_applied,
            "{found}"
        );
        fs::remove_file(stray).unwrap();
    }
}

#[test]
fn usage_lines_do_not_contain_variables() {
    let folder = workspace();
    let output = Command::new(env!("CARGO_BIN_EXE_pleach"))
        .args(["promote", "dev"])
        .env("PLEACH_CACHE", folder.path().join("cache"))
        .current_dir(folder.path())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(
        text.contains("Usage: pleach promote <FROM> <TO> [CLAIM]..."),
        "{text}"
    );
}

#[test]
fn help_and_errors_have_the_requested_colors() {
    let folder = workspace();
    let is_colored = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_pleach"))
            .args(arguments)
            .env("CLICOLOR_FORCE", "1")
            .current_dir(folder.path())
            .output()
            .unwrap();
        [output.stdout, output.stderr].concat().contains(&b'\x1b')
    };
    assert!(!is_colored(&["--color", "never", "--help"]));
    assert!(!is_colored(&["--color=never", "nope"]));
    assert!(is_colored(&["--color", "always", "nope"]));
}
