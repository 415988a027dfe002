//! `pleach diff` of a workspace when units apply the same files by another engine, to another cluster or to another namespace.

use std::fs;
use std::path::Path;

use crate::git_repository::{self, git, repository};
use crate::program::{PLEACH, assert_contains, run};

/// The starter without the patch of a HelmRelease, which Argo CD does not have.
fn starter() -> (tempfile::TempDir, std::path::PathBuf) {
    let (top, root) = repository("");
    fs::remove_dir_all(root.join("overlays")).unwrap();
    commit(&root);
    (top, root)
}

/// Renders and commits.
fn commit(root: &Path) {
    run(root, &["render"], 0);
    git(root, &["add", "."]);
    git(root, &["commit", "--quiet", "--message", "change"]);
}

/// Replaces the line of the engine of prod.
fn set_engine(root: &Path, lines: &str) {
    let path = root.join("environments/prod/environment.yaml");
    let text = fs::read_to_string(&path).unwrap();
    let (head, rest) = text.split_once("  engine: ").unwrap();
    let (_, tail) = rest.split_once("\n  labels:").unwrap();
    fs::write(&path, format!("{head}  engine: {lines}\n  labels:{tail}")).unwrap();
}

fn diff(root: &Path) -> String {
    git_repository::run(root, PLEACH, &["diff"], true)
}

const ARGO: &str = "argo\n  source: {url: 'https://github.com/acme/platform.git'}";

#[test]
fn a_change_of_the_engine_names_the_databases() {
    let (_top, root) = starter();
    set_engine(&root, ARGO);
    let to_argo = diff(&root);
    assert_contains(
        &to_argo,
        &[
            "ClickHouseInstallation analytics/analytics moves from Kustomization flux-system/analytics to \
         Application argocd/analytics-prod: Kustomization flux-system/analytics deletes it, and the operator deletes its servers",
        ],
    );
    assert_contains(
        &to_argo,
        &["altinity-clickhouse-operator would be deleted together with ClickHouse"],
    );
    commit(&root);
    set_engine(&root, "flux");
    let to_flux = diff(&root);
    assert_contains(
        &to_flux,
        &[
            "ClickHouseInstallation analytics/analytics moves from Application argocd/analytics-prod to \
         Kustomization flux-system/analytics: Application argocd/analytics-prod deletes it",
        ],
    );
}

#[test]
fn orphaned_objects_are_kept() {
    let (_top, root) = starter();
    set_engine(
        &root,
        "flux\n  flux: {kustomization: {deletionPolicy: Orphan}}",
    );
    commit(&root);
    set_engine(&root, ARGO);
    let printed = diff(&root);
    assert!(!printed.contains("moves from"), "{printed}");
    assert!(!printed.contains("uninstalled"), "{printed}");
    assert_contains(
        &printed,
        &["= HelmRelease external-secrets/external-secrets"],
    );
}

#[test]
fn another_namespace_deletes_the_databases() {
    let (_top, root) = starter();
    set_engine(
        &root,
        "flux\n  flux: {kustomization: {targetNamespace: other}}",
    );
    let printed = diff(&root);
    assert_contains(
        &printed,
        &["ClickHouseInstallation analytics/analytics would be deleted"],
    );
    assert_contains(&printed, &["warning[moved-objects]: units of `prod` apply"]);
}

#[test]
fn another_cluster_leaves_the_objects_behind() {
    let (_top, root) = starter();
    set_engine(&root, ARGO);
    commit(&root);
    set_engine(
        &root,
        &format!("{ARGO}\n  argo: {{destination: {{name: c2}}}}"),
    );
    let printed = diff(&root);
    assert_contains(
        &printed,
        &["left in the cluster, where nothing applies them any more"],
    );
}

#[test]
fn a_removed_claim_is_compared_as_before() {
    let (_top, root) = starter();
    fs::remove_file(root.join("environments/prod/pulumi-operator.yaml")).unwrap();
    let printed = diff(&root);
    assert!(!printed.contains("moved-objects"), "{printed}");
}

/// The Kustomization that `flux bootstrap` writes for the folder of prod.
const BOOTSTRAP: &str = "\
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: flux-system, namespace: flux-system}
spec:
  interval: 10m
  path: ./golden/starter/clusters/prod
  prune: true
  sourceRef: {kind: GitRepository, name: flux-system}
";

#[test]
fn argo_cd_must_not_apply_what_flux_has_bootstrapped() {
    let (_top, root) = starter();
    let output = fs::read_to_string(root.join("pleach.yaml")).unwrap();
    let output = output.split("output: ").nth(1).unwrap();
    let output = output.lines().next().unwrap().trim();
    let folder = root.join(output).join("clusters/prod/flux-system");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("gotk-sync.yaml"), BOOTSTRAP).unwrap();
    let check = |code| git_repository::run(&root, PLEACH, &["check"], code);
    assert!(!check(true).contains("unchecked-file"));
    let tree = git_repository::run(&root, PLEACH, &["tree", "clusters/prod"], true);
    assert_contains(&tree, &["Kustomization flux-system/flux-system"]);
    set_engine(&root, ARGO);
    run(&root, &["render"], 0);
    assert_contains(
        &check(true),
        &[
            "gotk-sync.yaml` is applied, but not checked",
            "`flux bootstrap` wrote",
        ],
    );
}
