//! Laws of what is deployed.

use pleach::deploy::{Options, deploy};
use pleach::report::{View, deployment, deployment_yaml, human};
use pleach::tree::{Tree, TreePath};

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

/// A repository with a release whose chart is in it.
fn repository() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let case =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/deploy/flux-release.txt");
    let text = std::fs::read_to_string(case).unwrap();
    for (path, bytes) in &Tree::from_text(&text).folder(&TreePath::new("in").unwrap()) {
        let file = folder.path().join(path.as_str());
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, bytes).unwrap();
    }
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
    let names = ["AUTHOR", "COMMITTER"].into_iter();
    let names = names.flat_map(|it| {
        [
            (format!("GIT_{it}_NAME"), "a"),
            (format!("GIT_{it}_EMAIL"), "a@b"),
        ]
    });
    let output = std::process::Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .envs(names)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
    String::from_utf8(output.stdout).unwrap() + &said
}

#[test]
fn a_repository_without_a_workspace_needs_nothing() {
    let folder = repository();
    let pleach = |arguments: &[&str], code| {
        run(folder.path(), env!("CARGO_BIN_EXE_pleach"), arguments, code)
    };
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
    let objects = |revision| pleach(&["tree", "prod", "-o", "yaml", "--at", revision], 0);
    assert!(objects("HEAD").contains("replicas: 3"));
    assert!(pleach(&["tree", "prod", "-o", "yaml"], 0).contains("replicas: 4"));
}
