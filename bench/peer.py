#!/usr/bin/env python3
"""Compares kustomize and pleach on random kustomizations: `bench/peer.py [--count N] [--seed S] [--keep DIR]`.

Each case is a base and an overlay with nulls, flow and block styles, JSON 6902 patches, merges, labels, images, prefixes and
replacements, also in YAML and JSON strings of a ConfigMap. Both programs must print the same bytes, or both must fail.
Most cases are careful: they change existing fields of the right type, so that kustomize refuses few of them.
With `--identities`, they are about names, namespaces and kinds that change, references, and targets instead.
Cases with differences are kept in folders below DIR, with both outputs.

    KUSTOMIZE=…   kustomize (default: `kustomize` on the PATH)
    PLEACH=…      the program (default: target/debug/pleach)

Compare with the version of kustomize that `pleach --version` names: other versions differ in details, such as `delimiter` in replacements.

With `--batch`, both programs read one folder per line from standard input, and print one line of JSON for each: `{"out": …}` or
`{"error": …}`.
"""

import argparse
import json
import os
import random
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from identities import Identities

ROOT = Path(__file__).resolve().parent.parent
SCALARS = [
    "null", "", "~", "NULL", "x", "'5'", '"5"', "5", "0755", "0x1F", "1e3", "1.50", "true", "'true'", "yes", "'on'", "a-b-c",
    "2020-01-01", "'null'", "12345678901234567890", "9007199254740993", '"a: b"', "'- x'", '""', "1_000", ".5", "-0", "\"a\\tb\"",
    "!!str 5", "\"q\\\"q\"", "a#b", "é",
]
VALUES = ["x", "'5'", "'null'", "'true'", "'~'", "'NULL'", "'0755'", "'1e3'", "'a: b'", "'- x'", "''", "\"a\\nb\"", "'[1, 2]'", "'{a: 1}'", "'2020-01-01'", "'yes'"]
NOTHING = "  z: z\n"
# pleach warns that the hash differs if the kind of a generated object is changed.
OTHER_HASH = "warning[other-hash]"
LABELS = ["v", "'5'"]
ARGS = ["a", "1", "'5'"]
KEPT = ["v", "'5'", "null", ""]
WORDS = ["a", "b", "c", "d-e"]
TEXTS = [
    "a: 1\nb:\n  c: x # why\n  d: [1, 2]\n",
    "# head\na: &x 5\nb: *x\nlist:\n- name: one\n  value: 1\n- name: two\n  value: \"2\"\n",
    "base: &b {k: v, a: 1}\nb:\n  <<: *b\n  c: 3\n",
    '{"a": 1, "b": {"c": "x", "big": 9007199254740993}, "list": [{"name": "one", "value": null}]}',
    '{\n  "a": 1.0,\n  "b": {\n    "c": "<x>",\n    "e": 1e3\n  }\n}\n',
    "a: 1\n---\na: 2\n",
    "a: 1\na: 2\n",
    "- name: one\n  value: 12345678901234567890\n- name: two\n",
    "a: !!int 5\nb:\n  c: 'quoted'\n  d: \"5\"\n",
    "just text\n", "a = 1\n[b]\n", "", "[1, 2", "a: |\n  lines\n  more\nb: >-\n  folded\n  text\n",
]


class Case:
    """One random base and overlay, as a map of files."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.files = {}
        self.careful = self.chance(0.8)
        # The known fields of the Thing: their paths, and "map", "list" or "scalar".
        self.shapes = {}

    def one(self, items):
        return self.random.choice(items)

    def chance(self, share):
        return self.random.random() < share

    def some(self, items, most):
        return self.random.sample(items, self.random.randint(0, min(most, len(items))))

    def flow(self, depth=2):
        """A value in flow style."""
        if depth and self.chance(0.3):
            return "{" + ", ".join(f"{key}: {self.flow(depth - 1)}" for key in self.some(WORDS, 3)) + "}"
        if depth and self.chance(0.2):
            return "[" + ", ".join(self.flow(depth - 1) or "null" for _ in range(self.random.randint(0, 3))) + "]"
        return self.one(SCALARS)

    def shape(self, path, depth):
        """The shape of a field; in a careful case the shape that it already has."""
        known = self.shapes.get(path) if self.careful else None
        if known:
            return known
        if depth and self.chance(0.35):
            return "map"
        return "list" if depth and self.chance(0.25) else "scalar"

    def block(self, indent, depth=3, path=None):
        """The rest of a line after a key, and the lines below it."""
        pad = " " * indent
        shape = self.shape(path, depth)
        if path:
            self.shapes[path] = shape
        if shape == "map":
            keys = self.keys(path) or ["a"]
            return "".join(f"\n{pad}{key}:{self.block(indent + 2, max(depth - 1, 0), path and f'{path}.{key}')}" for key in keys)
        if shape == "list":
            items = range(self.random.randint(1, 3))
            if self.chance(0.5):
                return "".join(f"\n{pad}- name: {self.one(['one', 'two', 'three'])}\n{pad}  value: {self.one(SCALARS)}" for _ in items)
            return "".join(f"\n{pad}- {self.one(SCALARS)}" for _ in items)
        if self.chance(0.08):
            return f" |\n{pad}line one\n{pad}line two"
        if self.chance(0.05):
            return f" >-\n{pad}line one\n{pad}line two"
        value = self.one(SCALARS) if self.careful else self.flow(1)
        return f" {value}" if value else ""

    def keys(self, path):
        """Keys for a map; in a careful case without those whose shape a patch made unknown."""
        return [key for key in self.some(WORDS, 4) if not self.careful or self.shapes.get(f"{path}.{key}") != "unknown"]

    def fields(self, indent):
        """A map in block style."""
        keys = self.keys("spec") or ["e"]
        return "".join(f"\n{' ' * indent}{key}:{self.block(indent + 2, 2, f'spec.{key}')}" for key in keys)

    def texts(self, indent):
        """Entries of a ConfigMap's data."""
        pad = " " * indent
        lines = []
        for key in self.some(["a.yaml", "b.json", "plain", "5"], 3):
            text = self.one(TEXTS)
            if self.chance(0.5) and text.strip() and not text.startswith(" "):
                body = "".join(f"{pad}  {line}\n" for line in text.splitlines())
                lines.append(f"{pad}{self.quoted(key)}: {self.one(['|', '|-', '|+'])}\n{body}")
            else:
                lines.append(f"{pad}{self.quoted(key)}: {json.dumps(text, ensure_ascii=False)}\n")
        lines += [f"{pad}{key}: {self.one(SCALARS)}\n" for key in self.some(WORDS, 3)]
        return "".join(lines)

    def quoted(self, key):
        return '"5"' if key == "5" else key

    def metadata(self, name):
        text = f"metadata:\n  name: {name}\n"
        if self.chance(0.05):
            text += f"  namespace: {self.one(['default', 'x', 'z'])}\n"
        for field in ["labels", "annotations"]:
            if self.chance(0.6):
                text += f"  {field}: {{app: {self.one(['x', 'y'])}, k: {self.one(KEPT)}}}\n"
        if self.chance(0.1):
            text += "  creationTimestamp: null\n"
        return text

    def objects(self):
        found = []
        if self.chance(0.7):
            found.append("apiVersion: x.io/v1\nkind: Thing\n" + self.metadata("t") + f"spec:{self.fields(2)}\n")
        if self.chance(0.7):
            data = self.texts(2)
            found.append("apiVersion: v1\nkind: ConfigMap\n" + self.metadata("c") + ("data:\n" + data if data else "data: {}\n"))
        if self.chance(0.6) or not found:
            found.append(self.deployment())
        if self.chance(0.3):
            found.append(
                "apiVersion: v1\nkind: Service\n" + self.metadata("s")
                + "spec:\n  selector: {app: x}\n  ports:\n  - {port: 80, name: web, targetPort: " + self.one(["8080", "web", "null", "'8080'"]) + "}\n"
                + ("  - port: 443\n    name:\n" if self.chance(0.3) else "")
            )
        return found

    def deployment(self):
        text = "apiVersion: apps/v1\nkind: Deployment\n" + self.metadata("d") + "spec:\n"
        text += f"  replicas: {self.one(['1', '', 'null', '3'])}\n  selector: {{matchLabels: {{app: x}}}}\n"
        text += f"  template:\n    metadata: {{labels: {{app: x, v: {self.one(LABELS)}}}}}\n    spec:\n"
        for list_name in ["initContainers", "containers"]:
            if list_name == "initContainers" and self.chance(0.7):
                continue
            text += f"      {list_name}:\n"
            for name in self.random.sample(["app", "side", "log"], self.random.randint(1, 2)):
                text += f"      - name: {name}\n        image: {self.one(['reg/app:1', 'app', 'nginx:1.2', 'app@sha256:abc', 'null', ''])}\n"
                if self.chance(0.5):
                    text += "        env:\n" + "".join(
                        f"        - name: {key}\n          value: {self.one(SCALARS)}\n" for key in self.some(["A", "B", "C"], 3)
                    ) if self.chance(0.8) else "        env: []\n"
                if self.chance(0.3):
                    text += f"        resources: {self.one(['', 'null', '{}', '{limits: {cpu: 1}}'])}\n"
                if self.chance(0.3):
                    text += f"        args: [{self.one(ARGS)}, b]\n"
        if self.chance(0.4):
            text += f"      volumes:\n      - name: v\n        configMap: {{name: c}}\n      - {{name: w, emptyDir: {self.one(['', '{}', 'null'])}}}\n"
        return text

    def path(self, kind):
        """A JSON pointer to a field of an object, which usually exists."""
        if kind == "Deployment":
            return self.one(["/spec/replicas", "/spec/template/metadata/labels/v", "/spec/template/spec/containers/0/image",
                             "/spec/template/spec/containers/0/env", "/spec/template/spec/containers/0/args", "/spec/template/spec/volumes"])
        field = {"Thing": "spec", "ConfigMap": "data", "Service": "spec"}[kind]
        return "/" + "/".join([field, *self.some(WORDS, 1)])

    def careful_patch(self, kind):
        """Operations on existing fields."""
        paths = {
            "Deployment": ["/spec/replicas", "/spec/template/metadata/labels/v", "/spec/template/spec/containers/0/image"],
            "Thing": ["/spec/" + word for word in WORDS], "ConfigMap": ["/data/" + word for word in WORDS], "Service": ["/spec/type"],
        }
        operations = []
        for _ in range(self.random.randint(1, 2)):
            path = self.one(paths[kind])
            if kind == "Thing":
                field = path[1:].replace("/", ".")
                self.shapes = {key: value for key, value in self.shapes.items() if not key.startswith(field + ".")}
                self.shapes[field] = "unknown"
            value = self.flow() if kind == "Thing" else self.one(SCALARS)
            operations.append(self.one([
                f"- op: add\n  path: {path}\n  value: {value}\n", f"- op: replace\n  path: {path}\n  value: {value}\n",
                f"- op: copy\n  path: {path}\n  from: /metadata/name\n", f"- op: test\n  path: /kind\n  value: {kind}\n",
            ]))
        return "".join(operations)

    def json_patch(self, kind):
        if self.careful:
            return self.careful_patch(kind)
        operations = []
        for _ in range(self.random.randint(1, 2)):
            op = self.one(["add"] * 8 + ["replace"] * 2 + ["remove", "test", "copy", "move"])
            operation = f"- op: {op}\n  path: {self.path(kind)}\n"
            if op in ("add", "replace", "test"):
                operation += f"  value: {self.flow()}\n"
            if op in ("copy", "move"):
                operation += f"  from: {self.path(kind)}\n"
            operations.append(operation)
        if self.chance(0.3):
            operations = ["- op: test\n  path: /kind\n  value: " + kind + "\n"]
        return "".join(operations)

    def merge(self, kind, name):
        header = {"Thing": "x.io/v1", "ConfigMap": "v1", "Deployment": "apps/v1", "Service": "v1"}[kind]
        text = f"apiVersion: {header}\nkind: {kind}\nmetadata:\n  name: {name}\n"
        if self.chance(0.3):
            text += f"  labels: {{k: {self.one(KEPT)}}}\n"
        if kind == "Thing":
            text += f"spec:{self.fields(2)}\n"
        elif kind == "ConfigMap":
            text += f"data:\n{self.texts(2) or NOTHING}"
        elif kind == "Deployment":
            text += f"spec:\n  template:\n    spec:\n      containers:\n      - name: {self.one(['app', 'side', 'new'])}\n        env:\n"
            text += f"        - name: {self.one(['A', 'B', 'D'])}\n          value: {self.one(SCALARS)}\n"
            if self.chance(0.3):
                text += f"        resources: {self.one(['null', '', '{limits: {memory: 1Gi}}', '{$patch: delete}'])}\n"
        return text

    def patches(self, kinds):
        text = ""
        for _ in range(self.random.randint(0, 2)):
            kind, name = self.one(kinds)
            indent = lambda it: "".join(f"    {line}\n" for line in it.splitlines())
            if self.chance(0.5):
                is_json = self.chance(0.7)
                patch = self.json_patch(kind) if is_json else self.merge(kind, name)
                is_sure = self.chance(0.8) or self.careful and is_json
                target = f"kind: {kind}" if is_sure else self.one([f"name: {name}.*", "labelSelector: app=x", "kind: .*"])
                text += f"- target: {{{target}}}\n  patch: |-\n{indent(patch)}"
            else:
                text += f"- patch: |-\n{indent(self.merge(kind, name))}"
        return "patches:\n" + text if text else ""

    def careful_path(self, kind):
        """A field that exists or can be created."""
        paths = ["metadata.annotations.new", "metadata.labels.k", "metadata.labels.new"]
        if kind == "ConfigMap":
            paths += ["data.a", "data.b", "data.c", "data.new"] * 2 + ["data.a\\.yaml.a", "data.b\\.json.b.c", "data.plain.list.[name=two].value"]
        if kind == "Thing":
            known = [(path, shape) for path, shape in self.shapes.items() if "d-e" not in path]
            paths += [path for path, shape in known if shape == "scalar"]
            paths += [f"{path}.new" for path, shape in known if shape == "map"]
            paths += [f"{path}.0" for path, shape in known if shape == "list"]
            path = self.one(paths)
            self.shapes.setdefault(path, "scalar")
            return path
        if kind == "Deployment":
            containers = "spec.template.spec.containers"
            paths += [f"{containers}.*.image", f"{containers}.[name=app].env.[name=A].value", "spec.template.metadata.labels.v", "spec.paused"]
        return self.one(paths)

    def target_path(self, kind):
        if self.careful:
            return self.careful_path(kind)
        paths = ["metadata.annotations.new", "metadata.labels.k"]
        if kind == "ConfigMap":
            paths += ["data.a", "data.new", "data.plain.a", "data.plain.list.[name=two].value", "data.plain.new"] + [
                f"data.{key}.{path}"
                for key in ["a\\.yaml", "b\\.json", "5"]
                for path in ["a", "b.c", "b.new", "b.big", "list.[name=two].value", "list.0.value", "0.name", "[name=one].value", "d.0", "d.[=1]"]
            ]
        if kind == "Thing":
            paths += ["spec.a", "spec.b.c", "spec.a.[name=one].value", "spec.c.*.value", "spec.b.1", "spec.a.[=x]", "spec.d-e", "spec", "spec.c"]
        if kind == "Deployment":
            containers = "spec.template.spec.containers"
            paths += [f"{containers}.*.image", f"{containers}.[name=app].env.[name=A].value", f"{containers}.[image=^app$].name",
                      f"{containers}.0.args.1", "spec.replicas", "spec.template.metadata.labels.v", f"{containers}.[name=app].resources"]
        return self.one(paths)

    def replacements(self, kinds):
        text = ""
        for _ in range(self.random.randint(0, 2)):
            if self.chance(0.7 if self.careful else 0.5):
                text += f"- sourceValue: {self.one(VALUES)}\n"
            else:
                kind, name = self.one(kinds)
                fields = {
                    "Thing": ["spec.a", "spec", "spec.b.0", "spec.b"], "ConfigMap": ["data.a", "data.b", "data.plain"], "Service": ["spec.ports.0.port"],
                    "Deployment": ["spec.replicas", "spec.template.spec.containers.0.image", "spec.template.spec.containers.0.env"],
                }
                if self.careful:
                    fields = {"Service": ["spec.ports.0.port", "spec.ports.0", "spec.selector"]}
                field = self.one(["metadata.name", "apiVersion", *fields.get(kind, ["kind"])])
                text += f"- source: {{kind: {kind}, name: {name}, fieldPath: '{field}'"
                text += f", options: {{delimiter: '{self.one(['-', ':', '/'])}', index: {self.one(['0', '0' if self.careful else '1'])}}}}}\n" if self.chance(0.2) else "}\n"
            kind, name = self.one(kinds)
            path = self.target_path(kind)
            text += f"  targets:\n  - select: {{{self.one([f'kind: {kind}', f'name: {name}'])}}}\n    fieldPaths: ['{path}']\n"
            # kustomize loops forever if the item that it creates does not match the pattern in the path.
            if "^" not in path and (self.careful or self.chance(0.9)):
                options = self.one(["create: true"] * 8 + ["delimiter: '-', index: 1", "delimiter: '/', index: -1"])
                if self.careful and "create" not in options:
                    options += ", create: true"
                text += f"    options: {{{options}}}\n"
        return "replacements:\n" + text if text else ""

    def transformers(self, kinds, level):
        text = ""
        if self.chance(0.2):
            text += f"namePrefix: {self.one(['p-', 'x.'])}\n"
        if self.chance(0.1):
            text += "nameSuffix: -s\n"
        if self.chance(0.15):
            text += f"namespace: {self.one(['ns', 'x'])}\n"
        if self.chance(0.2):
            text += f"labels:\n- pairs: {{l: {self.one(LABELS)}}}\n  includeSelectors: {self.one(['true', 'false'])}\n"
        if self.chance(0.1):
            text += "commonAnnotations: {note: 'x'}\n"
        if self.chance(0.25):
            change = self.one(["newTag: '9'", "newName: other", "digest: sha256:def", 'newTag: "1.10"'])
            text += f"images:\n- name: {self.one(['app', 'reg/app', 'nginx', 'a.p'])}\n  {change}\n"
        if ("Deployment", "d") in kinds and self.chance(0.1):
            text += "replicas:\n- {name: d, count: 4}\n"
        if self.chance(0.15):
            name = level if self.careful else "g"
            text += f"configMapGenerator:\n- name: {name}\n  literals: [a={self.one(['1', 'x', 'null'])}, 'b=y z']\n"
        return text + self.patches(kinds) + self.replacements(kinds)

    def make(self):
        objects = self.objects()
        names = {"Thing": "t", "ConfigMap": "c", "Deployment": "d", "Service": "s"}
        kinds = [(kind, name) for kind, name in names.items() if any(f"kind: {kind}\n" in it for it in objects)]
        self.files["base/all.yaml"] = "---\n".join(objects)
        self.files["base/kustomization.yaml"] = "resources: [all.yaml]\n" + self.transformers(kinds, "base")
        self.files["over/kustomization.yaml"] = "resources: [../base]\n" + self.transformers(kinds, "over")
        return self.files


def write(folder, files):
    for path, text in files.items():
        path = folder / path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def built(program, folders, batch):
    """The results of a program for folders: an output or an error for each."""
    if batch:
        lines = "".join(f"{folder}//over\n" for folder in folders)
        run = subprocess.run(program, input=lines, capture_output=True, text=True)
        answers = [json.loads(line) for line in run.stdout.splitlines()]
        if len(answers) != len(folders):
            sys.exit(f"{program[0]} gave {len(answers)} answers of {len(folders)}: {run.stderr[-2000:]}")
        return [(it.get("out"), it.get("error")) for it in answers]
    runs = (subprocess.run([*program, "build", str(it / "over")], capture_output=True, text=True) for it in folders)
    return [(it.stdout, OTHER_HASH if OTHER_HASH in it.stderr else None) if it.returncode == 0 else (None, it.stderr) for it in runs]


def version_of(command):
    """The last version of three numbers in the output, such as `5.8.2`."""
    run = subprocess.run(command, capture_output=True, text=True)
    found = re.findall(r"\d+\.\d+\.\d+", run.stdout)
    return found[-1] if found else None


def warn_of_versions(peer, program):
    theirs, followed = version_of([*peer, "version"]), version_of([*program, "--version"])
    if theirs != followed:
        print(f"warning: comparing with kustomize {theirs}, but pleach builds like {followed}", file=sys.stderr)


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--count", type=int, default=1000)
    arguments.add_argument("--seed", type=int, default=0, help="the seed of the first case; each case has its own")
    arguments.add_argument("--keep", type=Path, default=Path("differences"), help="the folder for cases with differences")
    arguments.add_argument("--batch", action="store_true", help="the programs read folders from standard input, one per line")
    arguments.add_argument("--identities", action="store_true", help="cases about identities")
    options = arguments.parse_args()
    make = Identities if options.identities else Case
    peer = shlex.split(os.environ.get("KUSTOMIZE", "kustomize"))
    program = shlex.split(os.environ.get("PLEACH", str(ROOT / "target/debug/pleach")))
    if not options.batch:
        warn_of_versions(peer, program)
    different = refused = 0
    for start in range(options.seed, options.seed + options.count, 250):
        seeds = range(start, min(start + 250, options.seed + options.count))
        with tempfile.TemporaryDirectory() as folder:
            folders = [Path(folder) / str(seed) for seed in seeds]
            for place, seed in zip(folders, seeds):
                write(place, make(seed).make())
            pairs = zip(folders, built(peer, folders, options.batch), built(program, folders, options.batch))
            for place, (theirs, their_error), (ours, our_error) in pairs:
                refused += theirs is None
                if theirs == ours or our_error == OTHER_HASH:
                    continue
                different += 1
                kept = options.keep / place.name
                shutil.rmtree(kept, ignore_errors=True)
                shutil.copytree(place, kept)
                write(kept, {"kustomize.out": theirs or f"error: {their_error}\n", "pleach.out": ours or f"error: {our_error}\n"})
                print(f"differs: {kept}")
    print(f"{options.count} cases, {refused} refused by kustomize, {different} differ")
    sys.exit(1 if different else 0)


if __name__ == "__main__":
    main()
