#!/usr/bin/env python3
"""How fast a review is: `bench/review.py [--environments 100] [--claims 20] [--runs 15]`.

Makes a Git repository of a workspace and its rendered tree, changes one claim of one environment in a second commit, and prints,
best of several runs in turn:

    pleach diff A B           beside  git diff --stat A B     the bar: less than 3 times
    the hook, claim staged    beside  git status              the bar: less than 2 times
    pleach render and check of everything, pleach affected

    PLEACH=…      the program (default: target/release/pleach)
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

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
    """Two operators and the rest databases, in base and changed by each environment; every tenth environment has an overlay."""
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


def change(root, environments, size):
    """One claim of one environment."""
    folder = root / "environments" / f"env{environments // 2 + 1:03}"
    (folder / "database3.yaml").write_text(CLAIM.format(name="database3", size=size, memory=4))


def run(command, root, codes=(0,)):
    """Seconds."""
    start = time.perf_counter()
    done = subprocess.run(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    seconds = time.perf_counter() - start
    if done.returncode not in codes:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout[:1000]}{done.stderr[:1000]}")
    return seconds


def git(root, *arguments):
    command = ["git", "-c", "user.name=bench", "-c", "user.email=bench@example.org", "-c", "commit.gpgsign=false", "-c", "gc.auto=0", *arguments]
    run(command, root)


def best(root, runs, **commands):
    """The least time of each command; they take turns, so that a busy machine is busy for all of them."""
    least = {}
    for _ in range(runs):
        for name, command in commands.items():
            least[name] = min(least.get(name, float("inf")), run(command, root))
    return least


def ratio(what, beside, mine, theirs, bar):
    verdict = "holds" if mine < bar * theirs else "FAILS"
    print(f"{what:24} {mine * 1000:8.1f} ms   {beside:22} {theirs * 1000:8.1f} ms   ratio {mine / theirs:5.2f}   bar {bar}: {verdict}", flush=True)
    return mine < bar * theirs


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--environments", type=int, default=100)
    parser.add_argument("--claims", type=int, default=20)
    parser.add_argument("--runs", type=int, default=15, help="runs of each; the best counts")
    parser.add_argument("--keep", metavar="DIR", help="make the repository there and leave it")
    given = parser.parse_args()
    program = os.environ.get("PLEACH", str(ROOT / "target/release/pleach"))
    with tempfile.TemporaryDirectory() as folder:
        root = Path(given.keep or folder)
        root.mkdir(exist_ok=True)
        workspace(root, given.environments, given.claims)
        run([program, "render"], root)
        files = sum(1 for _ in (root / "deploy").rglob("*.yaml"))
        print(f"{given.environments} environments × {given.claims} claims, {files} rendered files")
        git(root, "init", "--quiet")
        git(root, "add", ".")
        git(root, "commit", "--quiet", "-m", "all")
        git(root, "tag", "A")
        change(root, given.environments, 777)
        run([program, "render"], root)
        git(root, "commit", "--quiet", "-a", "-m", "one claim")
        git(root, "tag", "B")
        git(root, "gc", "--quiet")
        times = best(root, given.runs, stat=["git", "diff", "--stat", "A", "B"], diff=[program, "diff", "A", "B"])
        holds = ratio("pleach diff A B", "git diff --stat A B", times["diff"], times["stat"], 3)
        change(root, given.environments, 888)
        run([program, "render"], root)
        git(root, "add", ".")
        times = best(root, given.runs, status=["git", "status"], hook=[program, "hook", "run"])
        holds = ratio("pleach hook run", "git status", times["hook"], times["status"], 2) and holds
        times = best(root, 3, render=[program, "render"], check=[program, "check"], affected=[program, "affected", "--since", "A"])
        for name, seconds in times.items():
            print(f"pleach {name:17} {seconds * 1000:8.1f} ms", flush=True)
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
