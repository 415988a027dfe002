//! `pleach explain` for deployed objects that no file contains, because a chart or a kustomization creates them.

use std::path::Path;
use std::process::Command;

use pleach::tree::Tree;
use tempfile::TempDir;

use crate::program::write;

const CHART: &str = "\
-- charts/web/Chart.yaml --
apiVersion: v2
name: web
version: 1.1.0
-- charts/web/values.yaml --
replicas: 1
image:
  repository: example/web
  tag: 1.1.0
limits: {memory: 128Mi}
password: hunter2
-- charts/web/templates/web.yaml --
{{- $labels := dict \"app\" .Release.Name }}
apiVersion: apps/v1
kind: Deployment
metadata: {name: {{ .Release.Name }}}
spec:
  replicas: {{ .Values.replicas }}
  selector: {matchLabels: {{ toJson $labels }}}
  template:
    metadata: {labels: {{ toJson $labels }}}
    spec:
      containers:
      - name: web
        image: \"{{ .Values.image.repository }}:{{ .Values.image.tag | trimPrefix \"v\" }}\"
        resources:
          limits:
            {{- toYaml .Values.limits | nindent 12 }}
";

fn folder(files: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &Tree::from_text(files));
    folder
}

/// The output of the program without empty lines and with single spaces.
#[track_caller]
fn explained(folder: &Path, arguments: &[&str], code: i32) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pleach"));
    command.current_dir(folder).args(arguments);
    let output = command.output().unwrap();
    let printed = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {printed}");
    let lines = printed.lines().filter(|it| !it.is_empty());
    let words = lines.map(|it| it.split_whitespace().collect::<Vec<_>>().join(" "));
    words.collect::<Vec<_>>().join("\n")
}

#[test]
fn fields_from_the_chart_of_a_claim_are_explained() {
    let workspace = format!(
        "{CHART}\
-- pleach.yaml --
apiVersion: pleach.dev/v1
kind: Workspace
metadata: {{name: case}}
spec: {{charts: {{sources: [{{prefix: 'oci://charts.example.com', folder: charts}}]}}}}
-- environments/prod/environment.yaml --
apiVersion: pleach.dev/v1
kind: Environment
metadata: {{name: prod}}
spec: {{cluster: prod-1}}
-- environments/prod/web.yaml --
apiVersion: pleach.dev/v1
kind: OperatorInstall
metadata: {{name: web}}
spec:
  namespace: web
  chart: {{repository: 'oci://charts.example.com', name: web, version: 1.1.0}}
  values:
    replicas: 3
    limits: {{memory: 1Gi}}
"
    );
    let folder = folder(&workspace);
    explained(folder.path(), &["render"], 0);
    let replicas = explained(
        folder.path(),
        &["explain", "prod", "Deployment/web", "spec.replicas"],
        0,
    );
    for line in [
        "Deployment web/web in prod, from OperatorInstall/web by HelmRelease web/web",
        "spec.replicas: 3",
        "claim environments/prod/web.yaml:8:15 replicas: 3",
        "values deploy/infrastructure/prod/web/helmrelease.yaml:",
        "overrides <chart web 1.1.0>/values.yaml:1:11 replicas: 1",
        "template <chart web 1.1.0>/templates/web.yaml:6:16 replicas: {{ .Values.replicas }}",
    ] {
        assert!(replicas.contains(line), "{line}: {replicas}");
    }
    let memory = "spec.template.spec.containers[name=web].resources.limits.memory";
    let memory = explained(
        folder.path(),
        &["explain", "prod", "Deployment/web", memory],
        0,
    );
    assert!(
        memory.contains("claim environments/prod/web.yaml:9:22 limits: {memory: 1Gi}"),
        "{memory}"
    );
    assert!(
        memory.contains("values.yaml:5:18 limits: {memory: 128Mi}"),
        "{memory}"
    );
    let image = "spec.template.spec.containers[0].image";
    let image = explained(
        folder.path(),
        &["explain", "prod", "Deployment/web", image],
        0,
    );
    for line in [
        "values.yaml:3:15 repository: example/web",
        "values.yaml:4:8 tag: 1.1.0",
    ] {
        assert!(image.contains(line), "{line}: {image}");
    }
    let wrong = explained(folder.path(), &["explain", "prod", "Deployment/wbe"], 2);
    assert!(wrong.contains("did you mean `Deployment/web`?"), "{wrong}");
}

#[test]
fn fields_are_explained_in_a_repository_without_a_workspace() {
    let repository = format!(
        "{CHART}\
-- clusters/prod/flux-system/gotk-sync.yaml --
apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {{name: flux-system, namespace: flux-system}}
spec: {{interval: 1m, ref: {{branch: main}}, url: 'https://example.com/fleet'}}
---
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {{name: flux-system, namespace: flux-system}}
spec: {{interval: 10m, path: ./clusters/prod, prune: true, sourceRef: {{kind: GitRepository, name: flux-system}}}}
-- clusters/prod/apps.yaml --
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {{name: apps, namespace: flux-system}}
spec: {{interval: 10m, path: ./apps, prune: true, sourceRef: {{kind: GitRepository, name: flux-system}}}}
-- apps/kustomization.yaml --
resources: [release.yaml, other.yaml]
patches:
- patch: |
    apiVersion: apps/v1
    kind: Deployment
    metadata: {{name: other, namespace: shop}}
    spec:
      replicas: 5
-- apps/release.yaml --
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {{name: web, namespace: shop}}
spec:
  interval: 10m
  chart: {{spec: {{chart: ./charts/web, sourceRef: {{kind: GitRepository, name: flux-system, namespace: flux-system}}}}}}
  valuesFrom: [{{kind: ConfigMap, name: values}}]
  values: {{image: {{tag: v2}}}}
---
apiVersion: v1
kind: ConfigMap
metadata: {{name: values, namespace: shop}}
data:
  values.yaml: |
    replicas: 4
-- apps/other.yaml --
apiVersion: apps/v1
kind: Deployment
metadata: {{name: other, namespace: shop}}
spec:
  replicas: 1
  selector: {{matchLabels: {{app: other}}}}
"
    );
    let folder = folder(&repository);
    let explain = |object: &str, field: &str| {
        explained(folder.path(), &["explain", "prod", object, field], 0)
    };
    let replicas = explain("Deployment/web", "spec.replicas");
    assert!(
        replicas.contains("values apps/release.yaml:15:15 replicas: 4"),
        "{replicas}"
    );
    assert!(
        replicas.contains("template charts/web/templates/web.yaml:6:16"),
        "{replicas}"
    );
    let image = explain("Deployment/web", "spec.template.spec.containers[0].image");
    assert!(image.contains("values apps/release.yaml:8:25"), "{image}");
    assert!(
        image.contains("chart charts/web/values.yaml:3:15"),
        "{image}"
    );
    let patched = explain("Deployment/shop/other", "spec.replicas");
    assert!(
        patched.contains("file apps/kustomization.yaml:8:17 replicas: 5"),
        "{patched}"
    );
    let own = explain("Deployment/web", "metadata.namespace");
    assert!(own.contains("file apps/release.yaml"), "{own}");
    let nowhere = explained(folder.path(), &["explain", "test", "Deployment/web"], 2);
    assert!(
        nowhere.contains("nothing is deployed from `test`"),
        "{nowhere}"
    );
}
