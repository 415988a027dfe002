"""Comparisons of pleach with other programs, for `bench/results.py`: both run each task alternately.

Programs are found on the PATH or by variables of their names (`KUSTOMIZE=…`, `KUBECTL=…`, `HELM=…`, `FLATE=…`, `KUBECONFORM=…`,
`DYFF=…`).
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

import build
import deployed
import validate

VERSIONS = {
    "kustomize": ["version"],
    "kubectl": ["version", "--client"],
    "helm": ["version", "--short"],
    "flate": ["--version"],
    "kubeconform": ["-v"],
    "dyff": ["version"],
}

# The number of apps, of three objects each. kustomize takes many seconds for them.
APPS = 1000
OBJECTS = 1000


def find(name):
    """The path of a program; `None` if it is not installed."""
    given = os.environ.get(name.upper()) or shutil.which(name)
    return given if given and Path(given).exists() else None


def version(name, path):
    done = subprocess.run([path, *VERSIONS[name]], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    found = re.search(r"v?\d+\.\d+\.\d+\S*", done.stdout)
    return found[0].rstrip("},\"") if found else "of unknown version"


def tasks(folder, pleach, found, swagger):
    """The name, commands, folder and required ratio of each task; or a message for a task that cannot run here."""
    yield from builds(folder / "builds", pleach, found)
    yield from charts(folder / "charts", pleach, found)
    yield from repositories(folder / "repository", pleach, found)
    yield from validations(folder / "objects", pleach, found, swagger)
    yield from comparisons(folder / "sides", pleach, found)


def builds(folder, pleach, found):
    folder.mkdir()
    root = str(build.apps(folder, APPS))
    for name, command in (("kustomize", ["build"]), ("kubectl", ["kustomize"])):
        if found[name]:
            words = " ".join([name, *command])
            yield (f"pleach build, {APPS} apps", words, [pleach, "build", root], [found[name], *command, root], folder, 500)


def charts(folder, pleach, found):
    folder.mkdir()
    if found["helm"]:
        subprocess.run([found["helm"], "create", "small"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        render = ["template", "rel", "small"]
        yield ("pleach template, a small chart", "helm template", [pleach, *render], [found["helm"], *render], folder, None)


def repositories(folder, pleach, found):
    if found["flate"] and found["helm"]:
        deployed.repository(folder, found["helm"], 1, 60, 80)
        path = str(folder / "clusters/c000")
        theirs = [found["flate"], "build", "all", "--path", path]
        yield ("pleach tree, 60 HelmReleases", "flate build all", [pleach, "tree", "-o", "json"], theirs, folder, None)


def validations(folder, pleach, found, swagger):
    if not found["kubeconform"]:
        return
    if swagger is None:
        yield "kubeconform is only measured with `--swagger`"
        return
    folder.mkdir()
    objects = folder / "objects"
    objects.mkdir()
    templates = (validate.DEPLOYMENT, validate.SERVICE, validate.INGRESS, validate.CONFIG_MAP)
    texts = [it.replace("NAME", f"app-{at}") for at in range(2500) for it in templates]
    (objects / "all.yaml").write_text("---\n".join(texts))
    validate.schemas(swagger, folder)
    theirs = [found["kubeconform"], "-n", "1", "-schema-location", str(folder / "{{.ResourceKind}}.json"), str(objects)]
    yield ("pleach check, 10000 objects", "kubeconform", [pleach, "check", str(objects)], theirs, folder, None)


def comparisons(folder, pleach, found):
    if not found["dyff"]:
        return
    text = lambda at, number: build.DEPLOYMENT.format(app=f"app{at}").replace("replicas: 2", f"replicas: {number}")
    for side, changed in (("old", 0), ("new", 10)):
        (folder / side).mkdir(parents=True)
        objects = [text(at, 3 if at < changed else 2) for at in range(OBJECTS)]
        (folder / side / "all.yaml").write_text("---\n".join(objects))
    theirs = [found["dyff"], "between", "old/all.yaml", "new/all.yaml"]
    yield (f"pleach diff, {OBJECTS} objects", "dyff between", [pleach, "diff", "old", "new"], theirs, folder, None)
