//! Repositories without `pleach.yaml`: the charts that Flux and Argo CD install from them.

use super::http::repository;
use super::workspace::Workspace;

/// A repository with a HelmRelease and an Application that install a chart of the server.
fn workspace(address: &str) -> Workspace {
    let workspace = Workspace::new();
    std::fs::remove_file(workspace.root().join("pleach.yaml")).unwrap();
    std::fs::remove_dir_all(workspace.root().join("environments")).unwrap();
    let sources = |name: &str, url: &str, version: &str| {
        format!(
            "apiVersion: source.toolkit.fluxcd.io/v1\nkind: HelmRepository\nmetadata: {{name: {name}, namespace: apps}}\nspec: {{url: '{url}'}}\n\
             ---\napiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {{name: {name}, namespace: apps}}\n\
             spec: {{chart: {{spec: {{chart: app, version: '{version}', sourceRef: {{kind: HelmRepository, name: {name}}}}}}}}}\n"
        )
    };
    workspace.write("clusters/prod/app.yaml", &sources("app", address, "1.x"));
    workspace.write(
        "argocd/app.yaml",
        &format!(
            "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {{name: app, namespace: argocd}}\n\
             spec:\n  source: {{repoURL: '{address}', chart: app, targetRevision: 1.0.0}}\n  destination: {{name: prod, namespace: app}}\n"
        ),
    );
    workspace
}

#[test]
fn deployed_charts_are_pinned_and_read_without_the_network() {
    let server = repository(&["1.0.0", "1.2.0"]);
    let workspace = workspace(&format!("http://{}/charts", server.address));
    assert!(workspace.run(&["tree"], 0).contains("run `pleach vendor`"));
    workspace.run(&["vendor", "--check"], 1);
    let printed = workspace.run(&["vendor"], 0);
    assert!(printed.contains("pinned  app 1.x → 1.2.0"), "{printed}");
    assert!(printed.contains("pinned  app 1.0.0 → 1.0.0"), "{printed}");
    drop(server);
    workspace.run(&["vendor", "--check"], 0);
    let tree = workspace.run(&["tree"], 0);
    assert!(
        tree.contains("HelmRelease apps/app  chart app 1.2.0"),
        "{tree}"
    );
    assert!(
        tree.contains("Application argocd/app  chart app 1.0.0  to prod"),
        "{tree}"
    );
    assert!(!tree.contains("not shown"), "{tree}");
}

#[test]
fn an_unavailable_chart_does_not_prevent_other_pins() {
    let server = repository(&["1.0.0", "1.2.0"]);
    let workspace = workspace(&format!("http://{}/charts", server.address));
    workspace.write(
        "clusters/prod/lost.yaml",
        "apiVersion: source.toolkit.fluxcd.io/v1\nkind: HelmRepository\nmetadata: {name: lost, namespace: apps}\n\
         spec: {url: 'http://127.0.0.1:1/charts'}\n---\napiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\n\
         metadata: {name: lost, namespace: apps}\n\
         spec: {chart: {spec: {chart: lost, sourceRef: {kind: HelmRepository, name: lost}}}}\n",
    );
    let printed = workspace.run(&["vendor"], 0);
    assert!(printed.contains("pinned  app 1.x → 1.2.0"), "{printed}");
    assert!(printed.contains("warning[unreachable]"), "{printed}");
}

#[test]
fn a_workspace_reads_its_own_pins_over_a_mirror() {
    let server = repository(&["1.2.0"]);
    let workspace = Workspace::with_claim("https://example.com/charts", "app", ">=1.0.0");
    workspace.write(
        "pleach.yaml",
        &format!(
            "apiVersion: pleach.dev/v1\nkind: Workspace\nmetadata: {{name: case}}\n\
             spec: {{charts: {{mirrors: [{{prefix: 'https://example.com', mirror: 'http://{}'}}]}}}}\n",
            server.address
        ),
    );
    workspace.run(&["vendor"], 0);
    drop(server);
    let tree = workspace.run(&["tree", "test"], 0);
    assert!(
        tree.contains("HelmRelease app/app  chart app 1.2.0"),
        "{tree}"
    );
    assert!(!tree.contains("not shown"), "{tree}");
}
