"""Small charts that replace the charts of the operators, which are not Go modules and cannot be downloaded.

Each has the CustomResourceDefinitions of the starter's claims, without schemas, and a Deployment that uses the values set by the claims.
Each chart installs its CustomResourceDefinitions like the original, because this decides whether they are removed: the charts of Altinity
and Pulumi have a folder `crds/`, from which Helm never deletes; those of External Secrets are templates, deleted with the release.
"""
import hashlib
import io
import pathlib
import tarfile

CRD = """apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: {plural}.{group}
spec:
  group: {group}
  scope: Namespaced
  names: {{kind: {kind}, plural: {plural}, singular: {singular}, listKind: {kind}List}}
  versions:
  - name: {version}
    served: true
    storage: true
    subresources: {{status: {{}}}}
    schema:
      openAPIV3Schema:
        type: object
        x-kubernetes-preserve-unknown-fields: true
"""

WORKLOAD = """apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ .Release.Name }}
  namespace: {{ .Release.Namespace }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: {{ .Release.Name }}
rules:
- apiGroups: ["*"]
  resources: ["*"]
  verbs: ["*"]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: {{ .Release.Name }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: {{ .Release.Name }}
subjects:
- kind: ServiceAccount
  name: {{ .Release.Name }}
  namespace: {{ .Release.Namespace }}
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .Release.Name }}
  namespace: {{ .Release.Namespace }}
spec:
  replicas: 1
  selector:
    matchLabels:
      app: {{ .Release.Name }}
  template:
    metadata:
      labels:
        app: {{ .Release.Name }}
        {{- with .Values.podLabels }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    spec:
      serviceAccountName: {{ .Release.Name }}
      containers:
      - name: operator
        image: {{ .Chart.Name }}:{{ .Chart.AppVersion }}
        resources:
          {{- toYaml RESOURCES | nindent 10 }}
      {{- with .Values.nodeSelector }}
      nodeSelector:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .Values.tolerations }}
      tolerations:
        {{- toYaml . | nindent 8 }}
      {{- end }}
"""


def definition(group, version, kind, plural):
    return CRD.format(group=group, version=version, kind=kind, plural=plural, singular=kind.lower())


CLICKHOUSE = [
    ("clickhouse.altinity.com", "v1", "ClickHouseInstallation", "clickhouseinstallations"),
    ("clickhouse.altinity.com", "v1", "ClickHouseInstallationTemplate", "clickhouseinstallationtemplates"),
    ("clickhouse-keeper.altinity.com", "v1", "ClickHouseKeeperInstallation", "clickhousekeeperinstallations"),
]
EXTERNAL_SECRETS = [
    ("external-secrets.io", "v1", "ExternalSecret", "externalsecrets"),
    ("external-secrets.io", "v1", "SecretStore", "secretstores"),
    ("generators.external-secrets.io", "v1alpha1", "Password", "passwords"),
]
PULUMI = [("pulumi.com", "v1", "Stack", "stacks")]

SETTINGS = """apiVersion: v1
kind: ConfigMap
metadata:
  name: {name}
  namespace: {{{{ .Release.Namespace }}}}
  annotations: {{{annotations}}}
data: {{version: "{{{{ .Chart.Version }}}}"}}
"""
# The ConfigMaps of each version of a chart, with their annotations: an upgrade drops, keeps and adds some.
OF_VERSION = {
    "2.9.0": [("settings", ""), ("dropped", ""), ("retained", "helm.sh/resource-policy: keep"), ("of-a-hook", "helm.sh/hook: post-install")],
    "2.9.1": [("settings", ""), ("added", "")],
}
UPGRADED = "pulumi-kubernetes-operator"


def files(name, version, kinds, in_templates, resources):
    """The files of a chart: path to text."""
    definitions = "---\n".join(definition(*it) for it in kinds)
    tree = {
        "Chart.yaml": f"apiVersion: v2\nname: {name}\nversion: {version}\nappVersion: {version}\n",
        "values.yaml": "operator: {resources: {}}\nresources: {}\npodLabels: {}\nnodeSelector: {}\ntolerations: []\ninstallCRDs: true\n",
        "templates/operator.yaml": WORKLOAD.replace("RESOURCES", resources),
    }
    if in_templates:
        tree["templates/crds.yaml"] = "{{- if .Values.installCRDs }}\n" + definitions + "{{- end }}\n"
    else:
        tree["crds/crds.yaml"] = definitions
    if name == UPGRADED:
        own = [SETTINGS.format(name=name, annotations=annotations) for name, annotations in OF_VERSION[version]]
        tree["templates/settings.yaml"] = "---\n".join(own)
    return tree


CHARTS = [
    ("altinity-clickhouse-operator", "0.25.6", CLICKHOUSE, False, ".Values.operator.resources"),
    ("external-secrets", "2.9.0", EXTERNAL_SECRETS, True, ".Values.resources"),
    (UPGRADED, "2.9.0", PULUMI, False, ".Values.resources"),
    (UPGRADED, "2.9.1", [*PULUMI, ("pulumi.com", "v1", "Program", "programs")], False, ".Values.resources"),
]


# The repositories of these charts in the starter's claims.
ORIGINS = [
    "https://docs.altinity.com/clickhouse-operator",
    "https://charts.external-secrets.io",
    "oci://ghcr.io/pulumi/helm-charts",
]


def archive(name, tree):
    """A chart as a `.tgz`, reproducible byte for byte."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w:gz") as out:
        for path, text in sorted(tree.items()):
            info = tarfile.TarInfo(f"{name}/{path}")
            info.size, info.mtime = len(text), 0
            out.addfile(info, io.BytesIO(text.encode()))
    return raw.getvalue()


def write_repository(folder: pathlib.Path, address: str):
    """Writes the archives and `index.yaml` of a Helm repository served at `address`."""
    folder.mkdir(parents=True, exist_ok=True)
    entries = {}
    for name, version, *rest in CHARTS:
        bytes_ = archive(name, files(name, version, *rest))
        file = f"{name}-{version}.tgz"
        (folder / file).write_bytes(bytes_)
        entries.setdefault(name, []).append(
            f"  - {{apiVersion: v2, name: {name}, version: {version}, appVersion: {version},"
            f" digest: {hashlib.sha256(bytes_).hexdigest()}, urls: ['{address}/{file}']}}\n"
        )
    lists = [f"  {name}:\n" + "".join(lines) for name, lines in entries.items()]
    (folder / "index.yaml").write_text("apiVersion: v1\nentries:\n" + "".join(lists))
