//! Repositories without `pleach.yaml`: the charts that Flux and Argo CD install from them.

use super::http::repository;
use super::place::Place;

/// A release and an Application of a chart of the server, and a release of one that nobody serves.
fn place(address: &str) -> Place {
    let place = Place::new();
    std::fs::remove_file(place.root().join("pleach.yaml")).unwrap();
    std::fs::remove_dir_all(place.root().join("environments")).unwrap();
    let sources = |name: &str, url: &str, version: &str| {
        format!(
            "apiVersion: source.toolkit.fluxcd.io/v1\nkind: HelmRepository\nmetadata: {{name: {name}, namespace: apps}}\nspec: {{url: '{url}'}}\n\
             ---\napiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {{name: {name}, namespace: apps}}\n\
             spec: {{chart: {{spec: {{chart: app, version: '{version}', sourceRef: {{kind: HelmRepository, name: {name}}}}}}}}}\n"
        )
    };
    place.write("clusters/prod/app.yaml", &sources("app", address, "1.x"));
    place.write(
        "argocd/app.yaml",
        &format!(
            "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {{name: app, namespace: argocd}}\n\
             spec:\n  source: {{repoURL: '{address}', chart: app, targetRevision: 1.0.0}}\n  destination: {{name: prod, namespace: app}}\n"
        ),
    );
    place
}

#[test]
fn what_is_deployed_is_pinned_and_read_without_the_network() {
    let server = repository(&["1.0.0", "1.2.0"]);
    let place = place(&format!("http://{}/charts", server.address));
    assert!(place.run(&["tree"], 0).contains("run `pleach vendor`"));
    place.run(&["vendor", "--check"], 1);
    let said = place.run(&["vendor"], 0);
    assert!(said.contains("pinned  app 1.x → 1.2.0"), "{said}");
    assert!(said.contains("pinned  app 1.0.0 → 1.0.0"), "{said}");
    drop(server);
    place.run(&["vendor", "--check"], 0);
    let tree = place.run(&["tree"], 0);
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
fn a_chart_that_cannot_be_pulled_keeps_no_other_from_being_pinned() {
    let server = repository(&["1.0.0", "1.2.0"]);
    let place = place(&format!("http://{}/charts", server.address));
    place.write(
        "clusters/prod/lost.yaml",
        "apiVersion: source.toolkit.fluxcd.io/v1\nkind: HelmRepository\nmetadata: {name: lost, namespace: apps}\n\
         spec: {url: 'http://127.0.0.1:1/charts'}\n---\napiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\n\
         metadata: {name: lost, namespace: apps}\n\
         spec: {chart: {spec: {chart: lost, sourceRef: {kind: HelmRepository, name: lost}}}}\n",
    );
    let said = place.run(&["vendor"], 0);
    assert!(said.contains("pinned  app 1.x → 1.2.0"), "{said}");
    assert!(said.contains("warning[unreachable]"), "{said}");
}

#[test]
fn a_workspace_reads_its_own_pins_over_a_mirror() {
    let server = repository(&["1.2.0"]);
    let place = Place::with_claim("https://example.com/charts", "app", ">=1.0.0");
    place.write(
        "pleach.yaml",
        &format!(
            "apiVersion: pleach.dev/v1\nkind: Workspace\nmetadata: {{name: case}}\n\
             spec: {{charts: {{mirrors: [{{prefix: 'https://example.com', mirror: 'http://{}'}}]}}}}\n",
            server.address
        ),
    );
    place.run(&["vendor"], 0);
    drop(server);
    let tree = place.run(&["tree", "test"], 0);
    assert!(
        tree.contains("HelmRelease app/app  chart app 1.2.0"),
        "{tree}"
    );
    assert!(!tree.contains("not shown"), "{tree}");
}
