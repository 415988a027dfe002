#!/usr/bin/env python3
"""Validation of 10,000 objects compared with kubeconform: `bench/validate.py SWAGGER`.

SWAGGER is `swagger.json` of Kubernetes, plain or compressed (`.gz`); `tools/schemas.py fetch` downloads it. Both programs read the same file
of Deployments, Services, Ingresses and ConfigMaps with the same schemas. For kubeconform it prints the median CPU time of three runs; for
pleach the time of `crates/kube/benches/validate.rs`, which reads the file and validates it on one core.

    KUBECONFORM=…   kubeconform (default: `kubeconform` on the PATH)
"""

import gzip
import json
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
KINDS = [("apps", "v1", "Deployment"), ("", "v1", "Service"), ("networking.k8s.io", "v1", "Ingress"), ("", "v1", "ConfigMap")]
SERVICE = """\
apiVersion: v1
kind: Service
metadata: {name: NAME, namespace: apps, labels: {app.kubernetes.io/name: NAME}}
spec:
  selector: {app.kubernetes.io/name: NAME}
  ports: [{name: http, port: 80, targetPort: http, protocol: TCP}]
"""
INGRESS = """\
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: NAME, namespace: apps}
spec:
  ingressClassName: nginx
  rules:
    - host: NAME.example.org
      http:
        paths:
          - path: /
            pathType: Prefix
            backend: {service: {name: NAME, port: {name: http}}}
"""
CONFIG_MAP = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: NAME, namespace: apps}
data:
  application.yaml: |
    server: {port: 8080}
    features: [a, b, c]
  level: info
"""
DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: NAME, namespace: apps, labels: {app.kubernetes.io/name: NAME}}
spec:
  replicas: 3
  strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 1, maxUnavailable: 0}}
  selector:
    matchLabels: {app.kubernetes.io/name: NAME}
  template:
    metadata:
      labels: {app.kubernetes.io/name: NAME}
    spec:
      serviceAccountName: NAME
      securityContext: {runAsNonRoot: true, runAsUser: 65532, seccompProfile: {type: RuntimeDefault}}
      containers:
        - name: main
          image: registry.example.org/apps/NAME:1.2.3
          ports: [{name: http, containerPort: 8080}]
          env:
            - {name: LOG_LEVEL, value: info}
            - name: PASSWORD
              valueFrom: {secretKeyRef: {name: NAME, key: password}}
          resources:
            requests: {cpu: 100m, memory: 128Mi}
            limits: {memory: 256Mi}
          livenessProbe: {httpGet: {path: /healthz, port: http}, periodSeconds: 10}
          readinessProbe: {httpGet: {path: /readyz, port: http}, periodSeconds: 5}
"""


def schemas(swagger, folder):
    """Writes JSON Schemas of the kinds under the names that kubeconform expects, and a shared file of definitions."""
    opened = gzip.open(swagger) if swagger.suffix == ".gz" else open(swagger, "rb")
    with opened as file:
        definitions = json.load(file)["definitions"]
    # These values are numbers or strings, so a schema for both replaces `type: string`.
    definitions["io.k8s.apimachinery.pkg.util.intstr.IntOrString"] = {"oneOf": [{"type": "string"}, {"type": "integer"}]}
    definitions["io.k8s.apimachinery.pkg.api.resource.Quantity"] = {"oneOf": [{"type": "string"}, {"type": "number"}]}
    (folder / "definitions.json").write_text(json.dumps({"definitions": definitions}))
    for group, version, kind in KINDS:
        gvk = {"group": group, "kind": kind, "version": version}
        name = next(name for name, it in definitions.items() if gvk in it.get("x-kubernetes-group-version-kind", []))
        schema = {"$ref": f"definitions.json#/definitions/{name}"}
        (folder / f"{kind.lower()}.json").write_text(json.dumps(schema))


def kubeconform(program, folder, file):
    """The median CPU seconds."""
    command = [program, "-n", "1", "-summary", "-schema-location", str(folder / "{{.ResourceKind}}.json"), str(file)]
    times = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(command, capture_output=True, text=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    if done.returncode != 0:
        sys.exit(f"kubeconform failed:\n{done.stdout[:2000]}{done.stderr[:2000]}")
    print(f"kubeconform: {done.stdout.strip()}")
    return statistics.median(times)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        file = folder / "objects.yaml"
        templates = (DEPLOYMENT, SERVICE, INGRESS, CONFIG_MAP)
        objects = [template.replace("NAME", f"app-{number}") for number in range(2500) for template in templates]
        file.write_text("---\n".join(objects))
        schemas(Path(sys.argv[1]), folder)
        theirs = kubeconform(os.environ.get("KUBECONFORM", "kubeconform"), folder, file)
        command = ["cargo", "bench", "--quiet", "-p", "pleach-kube", "--bench", "validate", "--", str(file)]
        printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    print(printed.strip())
    rate = float(re.search(r"^read and validate: .* ([0-9]+) objects/s", printed, re.M)[1])
    mine = len(objects) / rate
    print(f"{len(objects)} objects: pleach {mine:.3f} s, kubeconform {theirs:.3f} CPU s, {theirs / mine:.0f}x (bar 20x)")


if __name__ == "__main__":
    main()
