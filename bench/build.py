#!/usr/bin/env python3
"""Speed of `pleach build` compared with kustomize: `bench/build.py [--sizes 1,10,100,1000,…] [--shape NAME]`.

Makes a base and an overlay of N apps (Deployment, Service, generated ConfigMap: 3 N objects), builds it with both programs
alternately, and prints the best times, ratios, peak memory, and whether the outputs are equal.

    KUSTOMIZE=…   the other program (default: `kustomize` on the PATH, else `kubectl kustomize`)
    PLEACH=…      the program (default: target/release/pleach; for published figures of N=1 use `cargo static`, target/dist/pleach)
"""

import argparse
import hashlib
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TIME = "/usr/bin/time"

DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {app}
  labels:
    tier: backend
spec:
  replicas: 2
  selector:
    matchLabels:
      app: {app}
  template:
    metadata:
      labels:
        app: {app}
    spec:
      containers:
      - name: {app}
        image: registry.example.org/{app}:1.0.0
        args: ["--listen", ":8080", "--verbose"]
        env:
        - name: MODE
          value: "production"
        - name: LEVEL
          valueFrom:
            configMapKeyRef:
              name: {app}-settings
              key: level
        ports:
        - containerPort: 8080
          name: http
        resources:
          requests: {{cpu: 100m, memory: 64Mi}}
          limits: {{memory: 128Mi}}
        volumeMounts:
        - name: settings
          mountPath: /etc/{app}
      volumes:
      - name: settings
        configMap:
          name: {app}-settings
"""

SERVICE = """\
apiVersion: v1
kind: Service
metadata:
  name: {app}
spec:
  selector:
    app: {app}
  ports:
  - name: http
    port: 80
    targetPort: http
"""

CONFIG_MAP = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: {app}-extra
data:
  level: info
"""

OVERLAY = """\
resources:
- ../base
namePrefix: prod-
namespace: production
labels:
- pairs:
    environment: production
    team: platform
  includeSelectors: true
images:
- name: registry.example.org/app0
  newTag: 2.0.0
"""

REPLICAS_PATCH = """\
- op: replace
  path: /spec/replicas
  value: 3
- op: add
  path: /spec/template/spec/containers/0/env/-
  value: {name: REGION, value: north}
"""


def base(root, number):
    """One folder of apps; each app is one file of two documents, and one generated ConfigMap."""
    folder = root / "base"
    folder.mkdir()
    lines = ["resources:"]
    lines += [f"- app{at}.yaml" for at in range(number)]
    lines += ["configMapGenerator:"]
    for at in range(number):
        lines += [f"- name: app{at}-settings", "  literals:", "  - level=info", f"  - shard=number-{at}"]
        text = DEPLOYMENT.format(app=f"app{at}") + "---\n" + SERVICE.format(app=f"app{at}")
        (folder / f"app{at}.yaml").write_text(text)
    (folder / "kustomization.yaml").write_text("\n".join(lines) + "\n")


def overlay(root, text):
    folder = root / "overlay"
    folder.mkdir()
    (folder / "kustomization.yaml").write_text(text)
    return folder


def apps(root, number):
    """A common overlay: prefix, namespace, labels, an image, one JSON 6902 patch for every Deployment."""
    base(root, number)
    folder = overlay(root, OVERLAY + "patches:\n- path: replicas.yaml\n  target: {kind: Deployment}\n")
    (folder / "replicas.yaml").write_text(REPLICAS_PATCH)
    return folder


def patches(root, number):
    """A JSON 6902 patch for each app, selected by name."""
    base(root, number)
    lines = ["patches:"]
    for at in range(number):
        lines += ["- path: replicas.yaml", f"  target: {{group: apps, version: v1, kind: Deployment, name: app{at}}}"]
    folder = overlay(root, OVERLAY + "\n".join(lines) + "\n")
    (folder / "replicas.yaml").write_text(REPLICAS_PATCH)
    return folder


def merges(root, number):
    """A strategic merge patch for each app, all in one file."""
    base(root, number)
    folder = overlay(root, OVERLAY + "patches:\n- path: patches.yaml\n")
    patch = "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: app{0}\nspec:\n  template:\n    spec:\n      containers:\n      - name: app{0}\n        env:\n        - name: REGION\n          value: north\n"
    (folder / "patches.yaml").write_text("---\n".join(patch.format(at) for at in range(number)))
    return folder


def images(root, number):
    """An image and a replica count for each app."""
    base(root, number)
    lines = ["images:"]
    for at in range(number):
        lines += [f"- name: registry.example.org/app{at}", f"  newTag: v{at}"]
    lines += ["replicas:"]
    for at in range(number):
        lines += [f"- name: app{at}", f"  count: {at % 5}"]
    return overlay(root, "resources:\n- ../base\nnamePrefix: prod-\n" + "\n".join(lines) + "\n")


def replacements(root, number):
    """A replacement for each app, from its Service to its Deployment."""
    base(root, number)
    lines = ["replacements:"]
    for at in range(number):
        lines += [
            f"- source: {{kind: Service, name: app{at}, fieldPath: 'spec.ports.0.port'}}",
            "  targets:",
            f"  - select: {{kind: Deployment, name: app{at}}}",
            "    fieldPaths: [spec.template.spec.containers.0.ports.0.containerPort]",
        ]
    return overlay(root, "resources:\n- ../base\n" + "\n".join(lines) + "\n")


def documents(root, number):
    """All objects in one file, without generators."""
    folder = root / "base"
    folder.mkdir()
    one = lambda app: "---\n".join(it.format(app=app) for it in (DEPLOYMENT, SERVICE, CONFIG_MAP))
    (folder / "all.yaml").write_text("---\n".join(one(f"app{at}") for at in range(number)))
    (folder / "kustomization.yaml").write_text("resources: [all.yaml]\n")
    return overlay(root, OVERLAY)


def spaces(root, number):
    """A base and a namespace for each app, all in one overlay."""
    (root / "apps").mkdir()
    lines = ["resources:"]
    for at in range(number):
        folder = root / "apps" / f"app{at}"
        folder.mkdir()
        text = DEPLOYMENT.format(app="app") + "---\n" + SERVICE.format(app="app")
        (folder / "app.yaml").write_text(text)
        (folder / "kustomization.yaml").write_text(
            f"namespace: space{at}\nresources: [app.yaml]\nconfigMapGenerator:\n- name: app-settings\n  literals: [level=info]\n"
        )
        lines.append(f"- ../apps/app{at}")
    return overlay(root, "namePrefix: prod-\n" + "\n".join(lines) + "\n")


def keys(root, number):
    """A ConfigMap of N keys, which the overlay merges with another of N keys."""
    folder = root / "base"
    folder.mkdir()
    literal = lambda first: "".join(f"  - key{at}=value {at}\n" for at in range(first, first + number))
    generator = "configMapGenerator:\n- name: settings\n{}  literals:\n"
    (folder / "kustomization.yaml").write_text(generator.format("") + literal(0))
    return overlay(root, "resources:\n- ../base\n" + generator.format("  behavior: merge\n") + literal(number // 2))


SHAPES = {it.__name__: it for it in (apps, patches, merges, images, replacements, documents, spaces, keys)}


class Run:
    """Best time and lowest peak memory of several runs of a command."""

    def __init__(self, command):
        self.command = command
        self.seconds = float("inf")
        self.peak = float("inf")
        self.output = None
        self.failed = None

    def measure_peak(self):
        """Peak memory. Started by a small process, because the peak of a child includes that of its parent at fork."""
        if Path(TIME).exists():
            command = [TIME, "-f", "%M", *self.command]
            done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
            if done.returncode == 0:
                self.peak = int(done.stderr.split()[-1]) / 1024

    def once(self):
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
            start = time.perf_counter()
            process = subprocess.Popen(self.command, stdout=out, stderr=errors)
            _, status, usage = os.wait4(process.pid, 0)
            seconds = time.perf_counter() - start
            process.returncode = os.waitstatus_to_exitcode(status)
            peak = usage.ru_maxrss / 1024
            if process.returncode != 0:
                errors.seek(0)
                self.failed = errors.read().decode(errors="replace").strip().splitlines()[:3]
            self.seconds = min(self.seconds, seconds)
            self.peak = min(self.peak, peak)
            if self.output is None:
                out.seek(0)
                self.output = hashlib.sha256(out.read()).hexdigest()


def peer():
    if given := os.environ.get("KUSTOMIZE"):
        return shlex.split(given)
    if shutil.which("kustomize"):
        return ["kustomize", "build"]
    if shutil.which("kubectl"):
        return ["kubectl", "kustomize"]
    return None


def with_subcommand(command):
    """Adds `build` to `KUSTOMIZE=/path/kustomize`."""
    if command and len(command) == 1:
        return command + (["kustomize"] if Path(command[0]).name == "kubectl" else ["build"])
    return command


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="1,10,100,1000,2000,4000,8000,16000", help="numbers of apps")
    parser.add_argument("--shape", default="apps", choices=[*SHAPES, "all"], help="the kind of overlay")
    parser.add_argument("--peer-limit", type=int, default=1000, help="the largest N for kustomize, whose time is quadratic")
    parser.add_argument("--runs", type=int, default=5, help="number of runs, of which the best counts")
    parser.add_argument("--keep", type=Path, help="write the trees to this folder, and build nothing")
    return parser.parse_args()


def measure(shape, sizes, given, ours, other):
    print(f"{shape}: {SHAPES[shape].__doc__}")
    print(f"{'N':>6} {'pleach':>10} {'peer':>10} {'ratio':>8} {'MiB':>7} {'peer MiB':>9} {'t/t(N/2)':>8}  output")
    known, wrong = {}, False
    for number in sizes:
        with tempfile.TemporaryDirectory() as root:
            folder = str(SHAPES[shape](Path(root), number))
            mine = Run([ours, "build", folder])
            theirs = Run([*other, folder]) if other and number <= given.peer_limit else None
            runs = max(given.runs, 20) if number <= 10 else given.runs
            for at in range(runs):
                mine.once()
                if theirs and (at == 0 or theirs.seconds < 5):
                    theirs.once()
            mine.measure_peak()
            # A long run uses far more memory than this script, so the peak measured with the time is right.
            if theirs and theirs.seconds < 5:
                theirs.measure_peak()
        known[number] = mine.seconds
        growth = mine.seconds / known[number // 2] if number // 2 in known else None
        if mine.failed:
            verdict = f"failed: {mine.failed}"
        elif theirs is None:
            verdict = "peer skipped above the limit" if other else "no peer"
        elif theirs.failed:
            verdict = f"peer failed: {theirs.failed}"
        else:
            verdict = "equal" if mine.output == theirs.output else "DIFFERENT"
        wrong |= bool(mine.failed) or verdict == "DIFFERENT"
        compared = theirs is not None and not theirs.failed
        print(
            f"{number:6} {mine.seconds * 1000:8.1f}ms "
            + (f"{theirs.seconds * 1000:8.1f}ms {theirs.seconds / mine.seconds:7.1f}x" if compared else f"{'':10} {'':8}")
            + f" {mine.peak:7.1f} "
            + (f"{theirs.peak:9.1f}" if compared else f"{'':9}")
            + (f" {growth:8.2f}" if growth else f" {'':8}")
            + f"  {verdict}",
            flush=True,
        )
    return wrong


def main():
    given = arguments()
    sizes = [int(it) for it in given.sizes.split(",")]
    shapes = list(SHAPES) if given.shape == "all" else [given.shape]
    if given.keep:
        for shape in shapes:
            for number in sizes:
                root = given.keep / shape / str(number)
                root.mkdir(parents=True)
                SHAPES[shape](root, number)
        return 0
    ours = os.path.abspath(os.environ.get("PLEACH", ROOT / "target/release/pleach"))
    other = with_subcommand(peer())
    print(f"peer: {shlex.join(other) if other else 'none found'}; it is skipped above N={given.peer_limit}")
    return int(any([measure(shape, sizes, given, ours, other) for shape in shapes]))


if __name__ == "__main__":
    sys.exit(main())
