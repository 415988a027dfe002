//! The objects that sync engines and charts deploy: found deterministically, and used by the hook and by other commands.

use pleach::deploy::{Options, deploy};
use pleach::report::{View, deployment, deployment_yaml, human};
use pleach::tree::{Tree, TreePath};

use crate::git_repository::command;
use crate::program::{PLEACH, write};

#[test]
fn the_same_files_give_the_same_deployment() {
    let text = std::fs::read_to_string(
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/deploy/flux-release.txt"),
    );
    let tree = Tree::from_text(&text.unwrap()).folder(&TreePath::new("in").unwrap());
    let view = View {
        display: &TreePath::to_string,
        color: false,
    };
    let run = || {
        let found = deploy(&tree, &Options::default());
        let objects = deployment_yaml(&found, &view).unwrap();
        deployment(&found, &view) + &objects + &human(&found.diagnostics, &view)
    };
    assert_eq!(run(), run());
}

/// A workspace with its own kind, which renders a HelmRelease. The chart is a folder of the workspace.
const WORKSPACE: &str = "\
-- pleach.yaml --
apiVersion: pleach.dev/v1
kind: Workspace
metadata: {name: shop}
spec:
  charts:
    sources: [{prefix: 'oci://charts.example.com', folder: charts}]
-- charts/web/Chart.yaml --
apiVersion: v2
name: web
version: 1.0.0
-- charts/web/templates/web.yaml --
apiVersion: v1
kind: Service
metadata:
  name: web
spec:
  ports: [{port: {{ .Values.port }}}]
-- environments/prod/environment.yaml --
apiVersion: pleach.dev/v1
kind: Environment
metadata: {name: prod}
-- environments/prod/web.yaml --
apiVersion: example.com/v1
kind: Web
metadata: {name: web}
spec: {port: 80}
-- templates/Web/kind.yaml --
apiVersion: pleach.dev/v1
kind: ClaimKind
metadata: {name: Web}
spec:
  apiVersions: [example.com/v1]
  group: apps
  schema:
    type: object
    properties:
      spec:
        type: object
        properties: {port: {}}
  files:
  - template: repository.yaml.j2
  - template: release.yaml.j2
-- templates/Web/repository.yaml.j2 --
apiVersion: source.toolkit.fluxcd.io/v1
kind: HelmRepository
metadata: {name: charts, namespace: shop}
spec: {type: oci, url: 'oci://charts.example.com', interval: 1h}
-- templates/Web/release.yaml.j2 --
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: web, namespace: shop}
spec:
  interval: 10m
  chart:
    spec:
      chart: web
      version: 1.0.0
      sourceRef: {kind: HelmRepository, name: charts}
  values:
    port: {{ spec.port }}
";

#[test]
fn the_hook_checks_the_objects_that_charts_render() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &Tree::from_text(WORKSPACE));
    let pleach = |arguments: &[&str], code| run(folder.path(), PLEACH, arguments, code);
    let git = |arguments: &[&str]| run(folder.path(), "git", arguments, 0);
    git(&["init", "-q"]);
    pleach(&["render"], 0);
    git(&["add", "-A"]);
    git(&["commit", "-qm", "first"]);
    let installed = pleach(&["hook", "install", "--depth", "objects"], 0);
    assert!(installed.contains("installed"), "{installed}");
    let script = std::fs::read_to_string(folder.path().join(".git/hooks/pre-commit")).unwrap();
    assert!(
        script.contains("exec pleach hook run --depth objects\n"),
        "{script}"
    );

    let claim = folder.path().join("environments/prod/web.yaml");
    let text = std::fs::read_to_string(&claim).unwrap();
    std::fs::write(&claim, text.replace("port: 80", "port: 80000")).unwrap();
    pleach(&["render"], 0);
    git(&["add", "-A"]);
    pleach(&["hook", "run"], 0);
    let printed = pleach(&["hook", "run", "--depth", "objects"], 1);
    assert!(printed.contains("80000"), "{printed}");
    let units = pleach(&["affected", "--depth", "objects"], 0);
    assert!(units.contains("prod: HelmRelease shop/web\n"), "{units}");
    let table = pleach(&["matrix", "--depth", "objects"], 0);
    assert!(table.contains("web"), "{table}");
}

#[test]
fn a_repository_without_a_workspace_needs_no_options() {
    let folder = tempfile::tempdir().unwrap();
    let case = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/deploy/check/lines-of-templates.txt");
    let text = std::fs::read_to_string(case).unwrap();
    let files = Tree::from_text(&text).folder(&TreePath::new("in").unwrap());
    write(folder.path(), &files);
    let pleach = |arguments: &[&str], code| run(folder.path(), PLEACH, arguments, code);
    let git = |arguments: &[&str]| run(folder.path(), "git", arguments, 0);
    git(&["init", "-q"]);
    git(&["add", "-A"]);
    let found = pleach(&["check"], 1);
    assert!(found.ends_with("6 errors\n"), "{found}");
    let all = pleach(&["hook", "run"], 1);
    assert!(
        all.ends_with("6 errors\nerror: the staged changes have new errors\n"),
        "{all}"
    );
    git(&["commit", "-qm", "first"]);
    let none = pleach(&["hook", "run"], 0);
    assert_eq!(none, "pleach: no files are staged\n");

    let release = folder.path().join("clusters/prod/release.yaml");
    let change = |from: &str, to: &str| {
        let text = std::fs::read_to_string(&release).unwrap();
        std::fs::write(&release, text.replace(from, to)).unwrap();
        git(&["add", "-A"]);
    };
    change("replicas: two", "replicas: 2");
    let checked = pleach(&["hook", "run"], 0);
    assert_eq!(
        checked,
        "pleach: checked what is deployed from clusters/prod\n"
    );
    change("interval: 10m", "interval: 10x");
    let new = pleach(&["hook", "run"], 1);
    assert!(new.contains("`spec.interval` must match"), "{new}");
    assert!(new.contains("\n1 error\n"), "{new}");
    let table = pleach(&["matrix"], 0);
    assert!(table.contains("HelmRelease shop/web"), "{table}");
    pleach(&["hook", "install"], 0);
    let refused = pleach(&["hook", "install", "--fix"], 2);
    assert!(
        refused.contains("`--fix` needs a workspace, and there is no `pleach.yaml` in"),
        "{refused}"
    );
}

#[test_with::executable(git)]
#[test]
fn workspaces_that_are_not_checked_are_reported() {
    let folder = tempfile::tempdir().unwrap();
    let workspace = "apiVersion: pleach.dev/v1\nkind: Workspace\nmetadata: {name: w}\n";
    let source = "apiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\n\
                  metadata: {name: a, namespace: a}\nspec: {interval: 1m, url: 'https://a.example/a'}\n";
    let kustomization = "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\n\
                         metadata: {name: a, namespace: a}\n\
                         spec: {interval: 1m, prune: true, path: ./apps, sourceRef: {kind: GitRepository, name: a}}\n";
    let files = format!(
        "-- apps/source.yaml --\n{source}-- clusters/prod/a.yaml --\n{kustomization}\
         -- other/pleach.yaml --\nanything: else\n-- platform/pleach.yaml --\n{workspace}"
    );
    write(folder.path(), &Tree::from_text(&files));
    let pleach = |arguments: &[&str], code| run(folder.path(), PLEACH, arguments, code);
    let git = |arguments: &[&str]| run(folder.path(), "git", arguments, 0);
    let warning = "warning[unread-file]: `platform/pleach.yaml` is not read: the workspace is in the folder `platform`";
    let found = pleach(&["check"], 0);
    assert!(
        found.contains(warning) && found.ends_with("1 warning\n"),
        "{found}"
    );
    assert!(
        found.contains("run the command with `-C platform`"),
        "{found}"
    );
    git(&["init", "-q"]);
    git(&["add", "-A"]);
    let new = pleach(&["hook", "run"], 0);
    assert_eq!(new.matches(warning).count(), 1, "{new}");
    git(&["commit", "-qm", "first"]);
    let claim = folder.path().join("platform/claim.yaml");
    std::fs::write(claim, "a: b\n").unwrap();
    git(&["add", "-A"]);
    let staged = pleach(&["hook", "run"], 0);
    assert!(staged.contains(warning), "{staged}");
    git(&["commit", "-qm", "second"]);
    std::fs::write(folder.path().join("apps/readme.md"), "text\n").unwrap();
    git(&["add", "-A"]);
    let elsewhere = pleach(&["hook", "run"], 0);
    assert!(!elsewhere.contains("unread-file"), "{elsewhere}");
}

#[test]
fn a_folder_from_which_nothing_is_deployed_is_not_clean() {
    let folder = tempfile::tempdir().unwrap();
    for command in ["check", "matrix"] {
        let refused = run(folder.path(), PLEACH, &[command], 2);
        assert!(refused.contains("no `pleach.yaml` in `"), "{refused}");
        assert!(
            refused.contains("found no Kustomization or HelmRelease"),
            "{refused}"
        );
    }
}

/// A repository with a release and its chart.
fn repository() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let case =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/deploy/flux-release.txt");
    let text = std::fs::read_to_string(case).unwrap();
    let tree = Tree::from_text(&text).folder(&TreePath::new("in").unwrap());
    write(folder.path(), &tree);
    for arguments in [
        &["init", "-q"][..],
        &["add", "-A"],
        &["commit", "-qm", "first"],
    ] {
        run(folder.path(), "git", arguments, 0);
    }
    folder
}

#[track_caller]
fn run(folder: &std::path::Path, program: &str, arguments: &[&str], code: i32) -> String {
    let output = command(folder, program, arguments);
    let printed = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {printed}");
    String::from_utf8(output.stdout).unwrap() + &printed
}

#[test]
fn commands_work_in_a_repository_without_a_workspace() {
    let folder = repository();
    let pleach = |arguments: &[&str], code| run(folder.path(), PLEACH, arguments, code);
    let tree = pleach(&["tree"], 0);
    assert!(
        tree.contains("HelmRelease shop/web  chart web 1.2.3"),
        "{tree}"
    );
    let json: serde_json::Value =
        serde_json::from_str(&pleach(&["tree", "-o", "json"], 0)).unwrap();
    assert_eq!(json["entries"][0]["units"][1]["chart"]["version"], "1.2.3");
    assert!(pleach(&["tree", "prd"], 2).contains("nothing is deployed from `prd`"));

    let release = folder.path().join("clusters/prod/release.yaml");
    let text = std::fs::read_to_string(&release).unwrap();
    std::fs::write(&release, text.replace("replicas: 3", "replicas: 4")).unwrap();
    let sync = pleach(&["diff"], 0);
    assert!(
        sync.contains("HelmRelease shop/web") && !sync.contains("Deployment"),
        "{sync}"
    );
    let objects = pleach(&["diff", "--depth", "objects", "--exit-code"], 1);
    assert!(
        objects.contains("Deployment front/front-web in clusters/prod"),
        "{objects}"
    );
    assert!(
        objects.contains("HelmRelease shop/web (chart web 1.2.3)"),
        "{objects}"
    );
    assert_eq!(
        pleach(&["affected", "--depth", "objects"], 0),
        "clusters/prod: HelmRelease shop/web\nclusters/prod: Kustomization flux-system/flux-system\n"
    );
    // A revision is not a file.
    assert_eq!(
        pleach(&["affected", "HEAD"], 0),
        "`HEAD` is treated as a changed file; to compare revisions, use `--since HEAD`\n"
    );
    let json = pleach(&["affected", "--depth", "objects", "-o", "json"], 0);
    assert!(
        json.contains(r#"{"environment": "clusters/prod", "kind": "HelmRelease", "namespace": "shop", "name": "web"}"#),
        "{json}"
    );
    let jobs = pleach(
        &["affected", "--depth", "objects", "-o", "github-matrix"],
        0,
    );
    assert_eq!(
        jobs,
        "{\"include\": [{\"environment\": \"clusters/prod\"}]}\n"
    );
    let table = pleach(&["matrix", "--depth", "objects"], 0);
    assert!(
        table.contains("HelmRelease shop/web") && table.contains("1.29"),
        "{table}"
    );
    let objects = |revision| pleach(&["tree", "prod", "-o", "yaml", "--at", revision], 0);
    assert!(objects("HEAD").contains("replicas: 3"));
    assert!(pleach(&["tree", "prod", "-o", "yaml"], 0).contains("replicas: 4"));
}
