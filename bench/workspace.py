"""The workspace of the benchmarks: two operators and many databases in base, changed by each environment."""


WORKSPACE = """\
apiVersion: pleach.dev/v1
kind: Workspace
metadata:
  name: bench
"""

ENVIRONMENT = """\
apiVersion: pleach.dev/v1
kind: Environment
metadata:
  name: {name}
spec:
  kubernetesVersion: "1.33"
  labels: {{environment: {name}}}
"""

OPERATORS = """\
apiVersion: kubernetes.project-planton.org/v1
kind: KubernetesAltinityOperator
metadata:
  name: clickhouse-operator
spec:
  container:
    resources:
      requests: {cpu: 100m, memory: 256Mi}
      limits: {cpu: 1000m, memory: 1Gi}
---
apiVersion: pleach.dev/v1
kind: OperatorInstall
metadata:
  name: external-secrets
spec:
  namespace: external-secrets
  chart:
    name: external-secrets
    repository: https://charts.external-secrets.io
    version: 2.9.0
  values:
    installCRDs: true
"""

CLAIM = """\
apiVersion: kubernetes.project-planton.org/v1
kind: ClickHouseKubernetes
metadata:
  name: {name}
spec:
  container:
    diskSize: {size}Gi
    resources:
      requests: {{cpu: 100m, memory: 512Mi}}
      limits: {{cpu: 500m, memory: {memory}Gi}}
"""

OVERLAY = """\
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
commonAnnotations:
  example.org/team: platform
"""


def workspace(root, environments, claims):
    """Writes two operators and `claims - 2` databases in base, changed by each environment; every tenth environment has an overlay."""
    (root / "pleach.yaml").write_text(WORKSPACE)
    folder = root / "environments" / "base"
    folder.mkdir(parents=True)
    (folder / "environment.yaml").write_text(ENVIRONMENT.format(name="base"))
    (folder / "operators.yaml").write_text(OPERATORS)
    names = [f"database{at}" for at in range(claims - 2)]
    for name in names:
        (folder / f"{name}.yaml").write_text(CLAIM.format(name=name, size=20, memory=2))
    for number in range(environments):
        folder = root / "environments" / f"env{number:03}"
        folder.mkdir()
        (folder / "environment.yaml").write_text(ENVIRONMENT.format(name=folder.name))
        for at, name in enumerate(names):
            (folder / f"{name}.yaml").write_text(CLAIM.format(name=name, size=50 + number, memory=4 + at % 3))
        if number % 10 == 0:
            overlay = root / "overlays" / folder.name
            overlay.mkdir(parents=True)
            (overlay / "kustomization.yaml").write_text(OVERLAY)
