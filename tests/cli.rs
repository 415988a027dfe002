//! The real program in temporary folders: exit codes, streams, and the files that it writes.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::git_repository::{git, repository};
use crate::program::{assert_contains, pleach, run};

fn rendered() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), &["init"], 0);
    run(folder.path(), &["render"], 0);
    folder
}

#[test]
fn a_second_render_of_the_starter_writes_nothing() {
    let folder = rendered();
    assert!(run(folder.path(), &["check"], 0).is_empty());
    let printed = run(folder.path(), &["render"], 0);
    assert!(
        printed.starts_with("0 files written, 0 removed"),
        "{printed}"
    );
}

#[test]
fn init_overwrites_no_file() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("pleach.yaml"), "mine").unwrap();
    let printed = run(folder.path(), &["init"], 2);
    assert!(printed.contains("nothing was written"), "{printed}");
    assert!(!printed.contains("/./"), "{printed}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn without_a_workspace_the_next_step_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    assert!(run(folder.path(), &["check"], 2).contains("`pleach init`"));
}

#[test]
fn an_unknown_format_is_reported_with_the_known_ones() {
    let folder = tempfile::tempdir().unwrap();
    let printed = run(folder.path(), &["check", "--format", "xml"], 2);
    assert!(printed.contains("human, short, json"), "{printed}");
}

#[test]
fn findings_allowed_by_a_comment_are_not_reported_by_render() {
    let folder = rendered();
    let overlay = folder.path().join("overlays/prod");
    let kustomization = overlay.join("kustomization.yaml");
    let text = fs::read_to_string(&kustomization).unwrap();
    let text = text.replace("resources:\n", "resources:\n- gateway.yaml\n");
    fs::write(&kustomization, text).unwrap();
    let gateway = "\
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: a, namespace: default}
spec: {gatewayClassName: a, listeners: [{name: http, port: 80, protocol: HTTP}]}
";
    fs::write(overlay.join("gateway.yaml"), gateway).unwrap();
    let printed = run(folder.path(), &["render", "--strict"], 1);
    assert!(printed.contains("error[crd-not-provided]"), "{printed}");
    let allowed = format!("# pleach: allow[crd-not-provided] every cluster has it\n{gateway}");
    fs::write(overlay.join("gateway.yaml"), allowed).unwrap();
    run(folder.path(), &["render", "--strict"], 0);
    run(folder.path(), &["check", "--strict"], 0);
}

#[test]
fn out_is_relative_to_the_directory_flag() {
    let folder = rendered();
    let elsewhere = tempfile::tempdir().unwrap();
    let workspace = folder.path().to_str().unwrap();
    run(
        elsewhere.path(),
        &["-C", workspace, "render", "--out", "tree"],
        0,
    );
    assert!(folder.path().join("tree/clusters").is_dir());
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
}

#[test]
fn a_file_edited_by_hand_is_kept_without_force() {
    let folder = rendered();
    let file = folder.path().join("deploy/clusters/prod/apps.yaml");
    let made = fs::read_to_string(&file).unwrap();
    let edited = format!("{made}# by hand\n");
    fs::write(&file, &edited).unwrap();
    let checked = pleach(folder.path(), &["check"]);
    let shown = String::from_utf8(checked.stdout).unwrap();
    assert!(shown.contains("\n-# by hand\n"), "{shown}");
    run(folder.path(), &["render"], 1);
    assert_eq!(fs::read_to_string(&file).unwrap(), edited);
    run(folder.path(), &["render", "--force"], 0);
    assert_eq!(fs::read_to_string(&file).unwrap(), made);
}

#[test]
fn differences_go_to_standard_output_and_the_advice_to_standard_error() {
    let folder = rendered();
    fs::remove_dir_all(folder.path().join("deploy/apps")).unwrap();
    let output = pleach(folder.path(), &["check"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.starts_with(b"--- /dev/null\n"));
    assert!(
        String::from_utf8(output.stderr)
            .unwrap()
            .contains("run `pleach render`")
    );
    run(folder.path(), &["render"], 0);
    run(folder.path(), &["check"], 0);
}

#[test]
fn files_without_the_first_line_are_never_touched() {
    let folder = rendered();
    let file = folder.path().join("deploy/apps/mine.yaml");
    fs::write(&file, "mine\n").unwrap();
    run(folder.path(), &["render", "--force"], 0);
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine\n");
}

#[test]
fn a_run_that_is_killed_is_repaired_by_the_next() {
    let folder = rendered();
    let deploy = folder.path().join("deploy");
    // On a busy machine, the run may end before it is killed.
    let interrupted = (0..20).any(|attempt| {
        let whole = texts(&deploy);
        add_environments(folder.path(), attempt);
        kill_while_writing(folder.path());
        let killed = texts(&deploy);
        run(folder.path(), &["render"], 0);
        run(folder.path(), &["check"], 0);
        let done = texts(&deploy);
        let is_interrupted = whole.len() < killed.len() && killed.len() < done.len();
        for (path, text) in killed {
            let is_old = whole.get(&path) == Some(&text);
            let is_new = done.get(&path) == Some(&text);
            assert!(is_old || is_new, "half of {path:?} was written");
        }
        is_interrupted
    });
    assert!(interrupted, "no run was killed while it was writing");
}

/// Adds many environments, so that writing takes long enough to be interrupted.
fn add_environments(root: &Path, attempt: usize) {
    let test = root.join("environments/test/environment.yaml");
    let test = fs::read_to_string(test).unwrap();
    for name in (0..40).map(|at| format!("e{attempt}-{at}")) {
        let environment = root.join("environments").join(&name);
        fs::create_dir(&environment).unwrap();
        let text = test.replace("name: test", &format!("name: {name}"));
        fs::write(environment.join("environment.yaml"), text).unwrap();
    }
}

fn kill_while_writing(root: &Path) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_pleach"))
        .current_dir(root)
        .arg("render")
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    // A second new folder appears only after the first one has all its files.
    let folders = || {
        let groups = ["apps", "clusters", "infrastructure"].iter();
        groups
            .map(|it| fs::read_dir(root.join("deploy").join(it)).unwrap().count())
            .sum::<usize>()
    };
    let before = folders();
    while folders() < before + 2 && child.try_wait().unwrap().is_none() {}
    child.kill().unwrap();
    child.wait().unwrap();
}

/// The finished files of a folder. A new folder is written under a temporary name, which begins with a dot.
fn texts(folder: &Path) -> BTreeMap<PathBuf, String> {
    let is_in_place = |it: &walkdir::DirEntry| {
        let name = it.file_name().to_string_lossy();
        it.depth() == 0 || !name.starts_with(".pleach-")
    };
    let files = walkdir::WalkDir::new(folder).into_iter();
    let files = files.filter_entry(is_in_place).flatten();
    let files = files.map(walkdir::DirEntry::into_path);
    let yaml = files.filter(|it| it.extension().is_some_and(|it| it == "yaml"));
    yaml.filter_map(|it| Some((it.clone(), fs::read_to_string(it).ok()?)))
        .collect()
}

#[test]
fn system_errors_are_reported_without_their_number() {
    let folder = rendered();
    let printed = run(folder.path(), &["render", "--out", "pleach.yaml/tree"], 2);
    assert!(!printed.contains("os error"), "{printed}");
}

#[test]
fn kinds_are_listed_and_explained() {
    let folder = tempfile::tempdir().unwrap();
    let printed = |arguments: &[&str]| {
        let output = pleach(folder.path(), arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(printed(&["kinds"]).contains("ClickHouseKubernetes, KubernetesClickHouse  "));
    let explained = printed(&["kinds", "KubernetesClickHouse"]);
    let field =
        "    diskSize  string, default 50Gi when spec.container.persistenceEnabled is not false\n";
    assert!(explained.contains(field), "{explained}");
    assert!(explained.contains("spec  map, required\n"), "{explained}");
    assert!(!explained.contains('\x1b'));
    let printed = run(folder.path(), &["kinds", "ClickHouseKubernets"], 2);
    assert!(
        printed.contains("did you mean `ClickHouseKubernetes`?"),
        "{printed}"
    );
}

#[test]
fn completions_print_a_script_that_calls_pleach() {
    let folder = tempfile::tempdir().unwrap();
    let output = pleach(folder.path(), &["completions", "bash"]);
    assert!(output.status.success());
    let script = String::from_utf8(output.stdout).unwrap();
    assert!(script.contains("_PLEACH_COMPLETE"), "{script}");
}

#[test]
fn each_command_has_a_manual_page() {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), &["man", "pages"], 0);
    let page = |name: &str| fs::read_to_string(folder.path().join("pages").join(name)).unwrap();
    assert!(page("pleach.1").contains("pleach\\-render(1)"));
    assert!(page("pleach-hook-run.1").contains("\\-\\-directory"));
    assert!(page("pleach-diff.1").contains("pleach diff main..."));
    let printed = pleach(folder.path(), &["man"]).stdout;
    let printed = String::from_utf8(printed).unwrap();
    assert!(printed.contains(".TH pleach 1"), "{printed}");
    fs::write(folder.path().join("file"), "").unwrap();
    run(folder.path(), &["man", "file"], 2);
}

/// The shell completions for the last word of a command line, in the workspace of this repository.
fn completed(words: &[&str]) -> Vec<String> {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_pleach"))
        .args(["--", "pleach"])
        .args(words)
        .env("_PLEACH_COMPLETE", "fish")
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let names = text.lines().map(|it| it.split('\t').next().unwrap_or(""));
    names.map(str::to_string).collect()
}

#[test]
fn a_shell_completes_commands_environments_claims_kinds_and_codes() {
    assert_eq!(completed(&["rend"]), ["render"]);
    assert_eq!(
        completed(&["render", "--env", ""]),
        ["prod", "stage", "test"]
    );
    assert_eq!(completed(&["matrix", "ana"]), ["analytics"]);
    assert_eq!(completed(&["kinds", "Operator"]), ["OperatorInstall"]);
    assert_eq!(completed(&["explain", "clear-"]), ["clear-text-secret"]);
    assert_eq!(completed(&["explain", "stag"]), ["stage"]);
    assert_eq!(completed(&["tree", "stag"]), ["stage"]);
    assert_eq!(
        completed(&["check", "--format", "git"]),
        ["github", "gitlab"]
    );
}

#[test_with::executable(git)]
#[test]
fn a_shell_completes_revisions_and_folders() {
    let (_folder, root) = crate::git_repository::repository("");
    crate::git_repository::git(&root, &["branch", "env-branch"]);
    let completed = |words: &str| {
        let text = format!("_PLEACH_COMPLETE=fish pleach -- pleach {words}");
        crate::git_repository::run(&root, "sh", &["-c", &text], true)
    };
    assert_eq!(completed("tree --at env"), "env-branch\n");
    assert_eq!(completed("diff env"), "env-branch\nenvironments/\n");
}

#[test]
fn an_empty_workspace_file_is_reported_with_its_fields() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("pleach.yaml"), "").unwrap();
    let printed = run(folder.path(), &["check"], 1);
    assert!(printed.contains("kind: Workspace"), "{printed}");
}

#[test]
fn from_a_subfolder_places_are_relative_to_it() {
    let folder = rendered();
    let claim = folder.path().join("environments/test/more.yaml");
    fs::write(claim, "apiVersion: pleach.dev/v1\nkind: Nothing\n").unwrap();
    let printed = run(&folder.path().join("overlays"), &["check"], 1);
    assert!(
        printed.contains("--> ../environments/test/more.yaml:2:7"),
        "{printed}"
    );
}

#[test]
fn an_invalid_claim_name_in_base_is_the_only_error() {
    let folder = rendered();
    let base = folder.path().join("environments/base/databases.yaml");
    let claim = fs::read_to_string(&base).unwrap();
    fs::write(&base, claim.replace("name: analytics", "name: analytics_")).unwrap();
    let printed = run(folder.path(), &["check"], 1);
    assert!(printed.contains("1 error"), "{printed}");
}

#[test]
fn build_errors_show_the_folder_without_a_kustomization() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("base")).unwrap();
    fs::create_dir_all(folder.path().join("prod")).unwrap();
    let file = folder.path().join("prod/kustomization.yaml");
    fs::write(file, "resources: [../base]\n").unwrap();
    let printed = run(folder.path(), &["build", "prod"], 1);
    assert!(
        printed.contains("no kustomization file in `../base`"),
        "{printed}"
    );
    let printed = run(folder.path(), &["build", "base"], 1);
    assert!(printed.contains("--> base"), "{printed}");
}

#[test]
fn the_kind_in_the_manual_renders() {
    let folder = rendered();
    let blocks = include_str!("../docs/kinds.md")
        .split("```yaml\n# templates/")
        .skip(1);
    for block in blocks {
        let (path, rest) = block.split_once('\n').unwrap();
        let file = folder.path().join("templates").join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, rest.split_once("```").unwrap().0).unwrap();
    }
    let claim = "apiVersion: example.com/v1\nkind: Website\nmetadata: {name: shop}\nspec: {image: 'shop:1', hostname: shop.example.com}\n";
    fs::write(folder.path().join("environments/base/shop.yaml"), claim).unwrap();
    run(folder.path(), &["render"], 0);
    assert!(
        folder
            .path()
            .join("deploy/apps/base/shop/ingress.yaml")
            .is_file()
    );
    let claim = claim.replace("image: 'shop:1'", "replicas: 1");
    fs::write(folder.path().join("environments/prod/shop.yaml"), claim).unwrap();
    let printed = run(folder.path(), &["check"], 1);
    assert!(
        printed.contains("prod requires at least 2 replicas, found 1"),
        "{printed}"
    );
}

#[test]
fn a_document_for_an_excluded_claim_is_reported() {
    let folder = rendered();
    let file = folder.path().join("environments/stage/environment.yaml");
    let text = fs::read_to_string(&file).unwrap();
    let exclude = "  exclude: [ClickHouseKubernetes/analytics]\n";
    fs::write(&file, format!("{}\n{exclude}", text.trim_end())).unwrap();
    let printed = run(folder.path(), &["check"], 1);
    let message = "the environment excludes the shared claim `ClickHouseKubernetes/analytics`";
    assert!(printed.contains(message), "{printed}");
}

#[test]
fn promote_shows_the_effect_and_writes_only_valid_claims() {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), &["init"], 0);
    let stage = folder.path().join("environments/stage/databases.yaml");
    let text = fs::read_to_string(&stage).unwrap();
    fs::write(
        &stage,
        text.replacen("spec:", "spec:\n  version: \"25.3\"", 1),
    )
    .unwrap();
    let prod = folder.path().join("environments/prod/databases.yaml");
    let before = fs::read_to_string(&prod).unwrap();
    let shown = pleach(folder.path(), &["promote", "stage", "prod", "--dry-run"]);
    let effect = String::from_utf8(shown.stdout).unwrap();
    assert!(effect.contains(" in prod"), "{effect}");
    run(folder.path(), &["compare", "prod", "prod"], 2);
    assert_eq!(fs::read_to_string(&prod).unwrap(), before);
    let output = pleach(folder.path(), &["promote", "stage", "prod"]);
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(printed.contains("clickhouse-server:25.3"), "{printed}");
    assert!(
        fs::read_to_string(&prod)
            .unwrap()
            .contains("version: \"25.3\"")
    );
    // The claim in prod has no ingress host, so enabling its ingress would make it invalid.
    let arguments = [
        "promote",
        "stage",
        "prod",
        "events",
        "--field",
        "spec.ingress.enabled",
    ];
    let printed = run(folder.path(), &arguments, 1);
    assert!(printed.contains("nothing was written"), "{printed}");
    assert!(!folder.path().join("environments/prod/events.yaml").exists());
}

/// A workspace of services for Argo CD, with two environments of one cluster type.
fn services() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write(
        "pleach.yaml",
        "apiVersion: pleach.dev/v1\nkind: Workspace\nmetadata: {name: services}\nspec:\n\
         \x20 sync: {url: 'https://git.example.com/platform/voltran'}\n\
         \x20 charts: {repository: 'oci://ghcr.io/example', sources: [{prefix: 'oci://ghcr.io/example', folder: charts}]}\n",
    );
    write(
        "charts/microservice/Chart.yaml",
        "{apiVersion: v2, name: microservice, version: 1.0.0}",
    );
    for environment in ["dev", "qa"] {
        write(
            &format!("environments/{environment}/environment.yaml"),
            &format!(
                "apiVersion: pleach.dev/v1\nkind: Environment\nmetadata: {{name: {environment}}}\nspec: {{engine: argo}}\n"
            ),
        );
        write(
            &format!("environments/{environment}/shop.yaml"),
            &format!(
                "apiVersion: platform.infraforge.io/v1\nkind: ApplicationClaim\nmetadata: {{name: shop}}\nspec:\n\
                 \x20 environment: {environment}\n  clusterType: nonprod\n  applications:\n\
                 \x20 - {{name: orders, image: {{repository: ghcr.io/example/orders, tag: \"1.0\"}}}}\n\
                 \x20 - {{name: payments, image: {{repository: ghcr.io/example/payments, tag: \"1.0\"}}}}\n"
            ),
        );
    }
    folder
}

#[test]
fn files_of_a_disabled_service_are_removed() {
    let folder = services();
    run(folder.path(), &["render"], 0);
    let place = |environment: &str, service: &str| {
        let path =
            format!("deploy/environments/nonprod/{environment}/applications/{service}/values.yaml");
        folder.path().join(path)
    };
    let disable = |environment: &str| {
        let claim = folder
            .path()
            .join(format!("environments/{environment}/shop.yaml"));
        let text = fs::read_to_string(&claim).unwrap();
        let text = text.replace("{name: payments,", "{name: payments, enabled: false,");
        fs::write(claim, text).unwrap();
    };
    disable("dev");
    disable("qa");
    // Only the files of that environment are removed, although their paths name it at another level than other files do.
    let printed = run(folder.path(), &["render", "--env", "dev"], 0);
    assert!(
        printed.starts_with("0 files written, 2 removed"),
        "{printed}"
    );
    assert!(!place("dev", "payments").exists() && place("dev", "orders").exists());
    assert!(place("qa", "payments").exists());
    assert!(run(folder.path(), &["check", "--env", "dev"], 0).is_empty());
    run(folder.path(), &["check", "--env", "qa"], 1);
    let printed = run(folder.path(), &["render"], 0);
    assert!(
        printed.starts_with("0 files written, 2 removed"),
        "{printed}"
    );
    assert!(!place("qa", "payments").parent().unwrap().exists());
}

#[test]
fn the_matrix_shows_a_service_in_each_environment() {
    let folder = services();
    let claim = folder.path().join("environments/qa/shop.yaml");
    let text = fs::read_to_string(&claim).unwrap();
    let text = text.replace(
        "example/orders, tag: \"1.0\"}",
        "example/orders, tag: v2}, replicas: 3",
    );
    fs::write(claim, text).unwrap();
    let output = pleach(folder.path(), &["matrix", "orders"]);
    let printed = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<Vec<&str>> = printed
        .lines()
        .map(|it| it.split_whitespace().collect())
        .collect();
    let wanted = [
        &["orders", "nonprod/dev", "nonprod/qa"][..],
        &["chart", "microservice", "1.0.0", "1.0.0"],
        &["≠", "image", "orders:1.0", "orders:v2"],
        &["≠", "replicas", "–", "3"],
    ];
    assert_eq!(lines, wanted, "{printed}");
}

#[test]
fn a_new_kind_renders_and_its_cases_detect_changes() {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), &["init"], 0);
    assert!(run(folder.path(), &["new", "kind", "webService"], 2).contains("use PascalCase"));
    assert!(
        run(folder.path(), &["new", "kind", "OperatorInstall"], 2).contains("is a built-in kind")
    );
    run(folder.path(), &["new", "kind", "WebService"], 0);
    let kind = folder.path().join("templates/WebService");
    let refused = fs::read_to_string(kind.join("cases/floating-image/expected.txt")).unwrap();
    assert!(refused.contains("has no tag"), "{refused}");
    assert!(run(folder.path(), &["test"], 0).starts_with("2 cases, 0 differ"));
    let (case, aside) = (
        kind.join("cases/floating-image"),
        folder.path().join("aside"),
    );
    fs::rename(&case, &aside).unwrap();
    assert!(run(folder.path(), &["test"], 0).starts_with("1 case, 0 differ"));
    fs::rename(&aside, &case).unwrap();
    // The workspace can use the new kind.
    let claim = folder.path().join("environments/base/shop.yaml");
    fs::copy(kind.join("cases/basic/claim.yaml"), claim).unwrap();
    run(folder.path(), &["render"], 0);
    assert!(
        folder
            .path()
            .join("deploy/apps/base/shop/deployment.yaml")
            .exists()
    );
    assert!(run(folder.path(), &["new", "kind", "WebService"], 2).contains("already"));
    // A changed template makes its case differ until the change is accepted.
    let template = kind.join("service.yaml.j2");
    let text = fs::read_to_string(&template).unwrap();
    fs::write(
        &template,
        text.replace("targetPort: http", "targetPort: 80"),
    )
    .unwrap();
    run(folder.path(), &["render"], 0);
    assert!(run(folder.path(), &["check"], 1).contains("case-differs"));
    run(folder.path(), &["test", "WebService"], 1);
    run(folder.path(), &["test", "--accept"], 0);
    run(folder.path(), &["check"], 0);
}

#[test]
fn version_names_the_matching_kustomize_release() {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_pleach"))
        .arg("--version")
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let kustomize = pleach::kustomize::KUSTOMIZE_VERSION;
    assert_eq!(
        text.lines().nth(1),
        Some(&*format!("builds like kustomize {kustomize}"))
    );
}

#[test]
fn quiet_runs_print_nothing_on_success() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [&["init", "-q"], &["render", "-q"], &["-q", "check"]] {
        let output = pleach(folder.path(), arguments);
        assert!(output.status.success());
        assert!(output.stderr.is_empty() && output.stdout.is_empty());
    }
    // Warnings are shown without `-q`, or if they decide the exit code.
    fs::remove_file(
        folder
            .path()
            .join("environments/base/external-secrets.yaml"),
    )
    .unwrap();
    run(folder.path(), &["render"], 0);
    for command in [&["check"][..], &["render"], &["tree", "prod"]] {
        let with = |more: &[&str], code| run(folder.path(), &[command, more].concat(), code);
        assert!(with(&[], 0).contains("warning["));
        assert_eq!(with(&["-q"], 0), "");
    }
    let strict = run(folder.path(), &["check", "-q", "--strict"], 1);
    assert!(strict.contains("error[crd-not-provided]"), "{strict}");
    fs::remove_dir_all(folder.path().join("deploy/clusters")).unwrap();
    assert!(run(folder.path(), &["check", "--quiet"], 1).contains("run `pleach render`"));
}

#[test]
fn a_run_without_findings_has_one_document() {
    let (_folder, root) = repository("");
    let is_document = |text: &str, format: &str| match format {
        "junit" => text.starts_with("<?xml") && text.trim_end().ends_with("</testsuites>"),
        _ => serde_json::from_str::<serde_json::Value>(text).is_ok(),
    };
    let mut commands = vec![
        vec!["diff"],
        vec!["affected"],
        vec!["explain", "prod", "Namespace/analytics"],
        vec!["explain", "missing-file"],
        vec!["promote", "prod", "prod"],
        vec!["matrix"],
        vec!["kinds"],
        vec!["build", "deploy/apps/prod/analytics"],
    ];
    if Command::new("kustomize").arg("version").output().is_ok() {
        commands.push(vec!["verify", "deploy/apps/prod/analytics"]);
    }
    for command in commands {
        for format in ["json", "sarif", "gitlab", "junit"] {
            let output = pleach(&root, &[&command[..], &["--format", format]].concat());
            let printed = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(0), "{command:?}: {printed}");
            assert!(
                is_document(&printed, format),
                "{command:?} {format}: {printed}"
            );
        }
    }
    // Other text follows the document.
    let output = pleach(&root, &["affected", "gone.yaml", "--format", "json"]);
    let printed = String::from_utf8(output.stderr).unwrap();
    let mut values = serde_json::Deserializer::from_str(&printed).into_iter::<serde_json::Value>();
    assert_eq!(values.next().unwrap().unwrap()["schema"], 1);
    let rest = &printed[values.byte_offset()..];
    assert_contains(rest, &["warning: `gone.yaml` is neither"]);
    let output = pleach(&root, &["diff", "no-such-revision", "--format", "json"]);
    assert_eq!(output.status.code(), Some(2));
    assert_contains(&String::from_utf8(output.stderr).unwrap(), &["error: "]);
}

#[test]
fn diff_reports_one_cause_once() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let write = |path: &str, text: &str| {
        let file = root.join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    };
    let head = "apiVersion: pleach.dev/v1\nkind:";
    write(
        "pleach.yaml",
        &format!("{head} Workspace\nmetadata: {{name: w}}\n"),
    );
    for name in ["dev", "prod"] {
        let text = format!("{head} Environment\nmetadata: {{name: {name}}}\n");
        write(&format!("environments/{name}/environment.yaml"), &text);
    }
    write(
        "templates/Site/kind.yaml",
        &format!(
            "{head} ClaimKind\nmetadata: {{name: Site}}\nspec:\n  apiVersions: [example.com/v1]\n  group: apps\n  schema:\n    type: object\n    properties:\n      spec: {{type: object, properties: {{args: {{type: array, items: {{type: string}}}}}}}}\n  files: [{{template: a.yaml.j2}}]\n"
        ),
    );
    write(
        "templates/Site/a.yaml.j2",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: a}\ndata: {a: '{{ spec.args|length }}'}\n",
    );
    let claim = |spec: &str| {
        format!("apiVersion: example.com/v1\nkind: Site\nmetadata: {{name: shop}}\nspec: {spec}\n")
    };
    write("environments/base/shop.yaml", &claim("{args: [x]}"));
    git(root, &["init", "--quiet"]);
    git(root, &["add", "."]);
    git(root, &["commit", "--quiet", "-m", "all"]);
    write("environments/base/shop.yaml", &claim("{args: null}"));
    write("environments/prod/shop.yaml", &claim("{args: [a, b]}"));
    let printed = run(root, &["diff"], 0);
    assert_contains(
        &printed,
        &["environment dev is not compared", "1 warning\n"],
    );
}
