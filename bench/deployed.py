#!/usr/bin/env python3
"""Speed of rendering charts and whole repositories: `bench/deployed.py [--runs 5]`.

- The chart of `helm create`, and a chart with 1.9 MB of output, compared with `helm template`.
- A new version of a chart in 100 environments: `pleach diff --depth objects`.
- A repository of 60 HelmReleases and 80 Kustomizations: `pleach diff --depth objects` after a change of one chart, compared
  with `flate` if it is installed.

CPU seconds (user and system) and elapsed seconds are medians of the runs; both programs of a pair run alternately.

    PLEACH=…      the program (default: target/release/pleach)
    HELM=…        Helm (default: `helm` on the PATH or in target/tools)
    FLATE=…       flate (default: `flate` on the PATH or in target/tools); skipped if it is not installed
"""

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
GIT = ["git", "-c", "user.name=bench", "-c", "user.email=bench@example.org", "-c", "commit.gpgsign=false", "-c", "gc.auto=0"]
SYNC = """\
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {{name: {name}, namespace: flux-system}}
spec:
  interval: 10m
  path: ./{path}
  prune: true
  sourceRef: {{kind: GitRepository, name: flux-system}}
"""
RELEASE = """\
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {{name: {name}, namespace: {name}}}
spec:
  interval: 10m
  chart:
    spec:
      chart: ./charts/{chart}
      sourceRef: {{kind: GitRepository, name: flux-system, namespace: flux-system}}
  values:
    replicaCount: 3
    image: {{repository: example.com/{name}, tag: "1.{number}"}}
"""
PLAIN = """\
apiVersion: v1
kind: ConfigMap
metadata: {{name: {name}, namespace: {name}}}
data: {{number: "{number}"}}
"""
LARGE = """\
{{{{- range $i, $_ := until 40 }}}}
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{{{ include "large.name" $ }}}}-{number}-{{{{ $i }}}}
  labels: {{{{- include "large.labels" $ | nindent 4 }}}}
spec:
  replicas: {{{{ $.Values.replicas | default 2 }}}}
  selector:
    matchLabels: {{{{- include "large.labels" $ | nindent 6 }}}}
  template:
    metadata:
      labels: {{{{- include "large.labels" $ | nindent 8 }}}}
      annotations: {{{{- toYaml $.Values.annotations | nindent 8 }}}}
    spec:
      containers:
        - name: main
          image: "{{{{ $.Values.image.repository }}}}:{{{{ $.Values.image.tag | default $.Chart.AppVersion }}}}"
          args: {{{{- toYaml $.Values.args | nindent 12 }}}}
          {{{{- with $.Values.resources }}}}
          resources: {{{{- toYaml . | nindent 12 }}}}
          {{{{- end }}}}
{{{{- end }}}}
"""
HELPERS = """\
{{- define "large.name" -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- define "large.labels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}
"""


def program(variable, name):
    """The path of a program; `None` if it is not installed."""
    given = os.environ.get(variable) or shutil.which(name) or str(ROOT / "target/tools" / name)
    return given if Path(given).exists() else None


def timed(command, folder, codes=(0,)):
    """CPU and elapsed seconds, and the length of the output."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in codes:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout[:500]}{done.stderr[:1000]}")
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, time.perf_counter() - start, len(done.stdout)


def medians(runs):
    return [statistics.median(it) for it in zip(*runs)]


def charts(folder, pleach, helm, runs):
    subprocess.run([helm, "create", "small"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    write(folder / "large/Chart.yaml", "apiVersion: v2\nname: large\nversion: 1.0.0\nappVersion: '2.0'\n")
    write(folder / "large/templates/_helpers.tpl", HELPERS)
    values = ["image: {repository: example.com/large}", "annotations:"]
    values += [f"  example.com/note-{at}: a text that says what this is for, number {at}" for at in range(8)]
    values += ["args: [" + ", ".join(f"--flag-{at}=value-{at}" for at in range(10)) + "]"]
    values += ["resources: {requests: {cpu: 100m, memory: 128Mi}, limits: {memory: 256Mi}}"]
    write(folder / "large/values.yaml", "\n".join(values) + "\n")
    for number in range(32):
        write(folder / f"large/templates/part-{number}.yaml", LARGE.format(number=number))
    for chart in ("small", "large"):
        pairs = []
        for _ in range(runs):
            mine = timed([pleach, "template", "rel", chart], folder)
            pairs.append((*mine, *timed([helm, "template", "rel", chart], folder)))
        cpu, elapsed, size, peer_cpu, peer_elapsed, peer_size = medians(pairs)
        same = "same size" if size == peer_size else f"helm prints {peer_size}"
        print(
            f"{chart} chart, {size / 1e6:.2f} MB ({same}): {cpu:.3f} CPU s, helm {peer_cpu:.3f}, {peer_cpu / max(cpu, 0.001):.0f}x;"
            f" elapsed {elapsed:.3f} s, helm {peer_elapsed:.3f}, {peer_elapsed / elapsed:.0f}x"
        )


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def git(folder, *arguments):
    subprocess.run([*GIT, *arguments], cwd=folder, check=True, stdout=subprocess.DEVNULL)


def repository(folder, helm, clusters, releases, plain):
    """A committed repository for Flux; each cluster has these units."""
    (folder / "charts").mkdir(parents=True)
    subprocess.run([helm, "create", "charts/web"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    for cluster in range(clusters):
        top = folder / f"clusters/c{cluster:03}"
        write(top / "flux-system/gotk-sync.yaml", SYNC.format(name="flux-system", path=top.relative_to(folder)))
        for number in range(releases):
            write(top / f"release-{number}.yaml", RELEASE.format(name=f"web-{number}", chart="web", number=number))
        for number in range(plain):
            name = f"app-{number}"
            write(top / f"{name}.yaml", SYNC.format(name=name, path=f"apps/c{cluster:03}/{name}"))
            write(folder / f"apps/c{cluster:03}/{name}/config.yaml", PLAIN.format(name=name, number=number))
    git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "first")


def bump(folder):
    """Writes a new version of the chart, which changes all Deployments."""
    chart = folder / "charts/web/Chart.yaml"
    chart.write_text(chart.read_text().replace("version: 0.1.0", "version: 0.2.0"))
    template = folder / "charts/web/templates/deployment.yaml"
    template.write_text(template.read_text().replace("      containers:\n", "      terminationGracePeriodSeconds: 60\n      containers:\n", 1))


def differences(folder, pleach, flate, runs, title):
    runs_of = [timed([pleach, "diff", "HEAD", "--depth", "objects", "-o", "md"], folder) for _ in range(runs)]
    cpu, elapsed, size = medians(runs_of)
    print(f"{title}: {elapsed:.3f} s elapsed, {cpu:.3f} CPU s, {size:.0f} bytes of Markdown (a comment takes 65,536)")
    if flate:
        first = folder / "clusters/c000"
        peer = medians([timed([flate, "build", "all", "--path", str(first)], folder, (0, 1)) for _ in range(runs)])
        print(f"  flate, one side only: {peer[1]:.3f} s elapsed, {peer[0]:.3f} CPU s, {peer[1] / elapsed:.0f}x")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    given = parser.parse_args()
    pleach = os.path.abspath(os.environ.get("PLEACH", ROOT / "target/release/pleach"))
    helm, flate = program("HELM", "helm"), program("FLATE", "flate")
    if helm is None:
        sys.exit("error: helm is not installed; set HELM")
    print(f"load {os.getloadavg()[0]:.1f}; flate: {flate or 'not installed'}")
    with tempfile.TemporaryDirectory() as folder:
        charts(Path(folder), pleach, helm, given.runs)
        for title, counts in (("a chart's bump in 100 environments", (100, 1, 0)), ("60 HelmReleases and 80 Kustomizations", (1, 60, 80))):
            root = Path(folder) / title.replace(" ", "-").replace("'", "")
            repository(root, helm, *counts)
            bump(root)
            differences(root, pleach, flate, given.runs, title)


if __name__ == "__main__":
    main()
