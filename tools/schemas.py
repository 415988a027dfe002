#!/usr/bin/env python3
"""Makes the built-in schemas: types of Kubernetes and some CRDs, without descriptions, deduplicated and compressed.

    tools/schemas.py fetch DIR          downloads the files listed in tools/schemas.tsv
    tools/schemas.py pack DIR OUT       makes OUT from DIR (crates/kube/src/validate/builtin.pack)

DIR holds `kubernetes/MINOR.json`, the OpenAPI v2 documents, and `crds/**/*.yaml`. `pack` needs PyYAML.

OUT begins with one line of text for each part and an empty line. The parts follow, each compressed with deflate:
    kubernetes OFFSET LENGTH
    crd OFFSET LENGTH GROUP KIND VERSION,VERSION
The part `kubernetes` has a line for each kind, `API-VERSION KIND SCOPE MINOR:NUMBER …` (the schema since that minor version; `-`
for none), `meta NUMBER…` for ObjectMeta, an empty line, and the schemas in order of their numbers. A part of a CRD has one
line of JSON about the versions, and then its schemas. `{"$": 3}` in a schema is a reference to schema 3.
"""
import collections, json, pathlib, sys, urllib.request, zlib

KEPT = """type format properties additionalProperties items required nullable enum pattern minimum maximum exclusiveMinimum
exclusiveMaximum multipleOf minLength maxLength minItems maxItems minProperties maxProperties default allOf anyOf oneOf not
x-kubernetes-int-or-string x-kubernetes-preserve-unknown-fields x-kubernetes-embedded-resource x-kubernetes-list-type
x-kubernetes-list-map-keys x-kubernetes-validations""".split()

# Required in the OpenAPI document, but defaulted or not enforced by the server.
NOT_ENFORCED = {
    "io.k8s.api.apps.v1.ControllerRevision": ["revision"],
    "io.k8s.api.apps.v1.StatefulSetSpec": ["serviceName"],
    "io.k8s.api.core.v1.HTTPHeader": ["value"],
    "io.k8s.api.core.v1.ISCSIVolumeSource": ["lun"],
    "io.k8s.api.core.v1.ISCSIPersistentVolumeSource": ["lun"],
    "io.k8s.api.core.v1.LimitRangeSpec": ["limits"],
    "io.k8s.api.core.v1.SleepAction": ["seconds"],
    "io.k8s.api.core.v1.Sysctl": ["value"],
    "io.k8s.api.core.v1.TypedLocalObjectReference": ["kind", "name"],
    "io.k8s.api.core.v1.Event": ["metadata", "involvedObject"],
    "io.k8s.api.discovery.v1.EndpointSlice": ["endpoints"],
    "io.k8s.api.events.v1.Event": ["eventTime"],
    "io.k8s.api.rbac.v1.RoleRef": ["apiGroup"],
    "io.k8s.api.scheduling.v1.PriorityClass": ["value"],
    "io.k8s.api.storage.v1.CSINodeSpec": ["drivers"],
    "io.k8s.api.storage.v1.TokenRequest": ["audience"],
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinitionVersion": ["served", "storage"],
}
SCALARS = {
    "io.k8s.apimachinery.pkg.api.resource.Quantity": {"type": "quantity"},
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": {"format": "int-or-string"},
}
META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
PREFIX = "#/definitions/"


def compact(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


class Kubernetes:
    """The definitions of several releases, deduplicated."""

    def __init__(self):
        self.numbers, self.texts, self.kinds, self.meta = {}, [], collections.defaultdict(dict), {}
        self.scopes = {}

    def add(self, minor, document):
        self.definitions, self.known, self.open = document["definitions"], {}, []
        for name, definition in self.definitions.items():
            for gvk in definition.get("x-kubernetes-group-version-kind", []):
                if gvk["kind"].endswith(("List", "Options")) or gvk["kind"] in ("WatchEvent", "Status", "Eviction", "Scale"):
                    continue
                version = "/".join(filter(None, (gvk["group"], gvk["version"])))
                self.kinds[version, gvk["kind"]][minor] = self.number(name)
        self.meta[minor] = self.number(META)
        for path, item in document.get("paths", {}).items():
            gvk = item.get("get", {}).get("x-kubernetes-group-version-kind")
            if gvk and not gvk["kind"].endswith("List"):
                version = "/".join(filter(None, (gvk["group"], gvk["version"])))
                scope = self.scopes.get((version, gvk["kind"]), "c")
                self.scopes[version, gvk["kind"]] = "n" if "{namespace}" in path else scope

    def number(self, name):
        if name in self.known:
            return self.known[name]
        if name in self.open:  # A recursive type.
            return {"self": name}
        self.open.append(name)
        definition = self.definitions[name]
        skipped = NOT_ENFORCED.get(name, [])
        required = [it for it in definition.get("required", []) if it not in skipped]
        text = compact(self.schema({**definition, "required": required}))
        self.open.pop()
        if (name, text) not in self.numbers:
            self.numbers[name, text] = len(self.texts)
            mark, own = '{"$":{"self":"%s"}}', '{"$":%d}' % len(self.texts)
            self.texts.append(text.replace(mark % name, own))
        self.known[name] = self.numbers[name, text]
        return self.known[name]

    def schema(self, node):
        reference = node.get("$ref", "").removeprefix(PREFIX)
        if reference:
            target = self.definitions[reference]
            if reference in SCALARS:
                return SCALARS[reference]
            if target.get("type") != "object":
                return self.schema(target)
            return {"$": self.number(reference)}
        made = {key: node[key] for key in ("type", "format", "x-kubernetes-list-type", "x-kubernetes-list-map-keys") if key in node}
        if node.get("required"):
            made["required"] = node["required"]
        if node.get("properties"):
            made["properties"] = {name: self.schema(it) for name, it in sorted(node["properties"].items())}
        for key in ("items", "additionalProperties"):
            if isinstance(node.get(key), dict):
                made[key] = self.schema(node[key])
        return made

    def text(self):
        def spans(by_minor, minors):
            last, spans = None, []
            for minor in minors:
                if by_minor.get(minor, "-") != last:
                    last = by_minor.get(minor, "-")
                    spans.append(f"{minor}:{last}")
            return " ".join(spans)

        minors = sorted(self.meta)
        kinds = sorted(self.kinds.items())
        lines = [f"{v} {k} {self.scopes.get((v, k), '-')} {spans(by_minor, minors)}" for (v, k), by_minor in kinds]
        return "\n".join([f"minors {minors[0]} {minors[-1]}", "meta " + spans(self.meta, minors), *lines, "", *self.texts])


def trimmed(schema):
    """A schema of a CRD, reduced to the keywords that the server enforces."""
    made = {key: value for key, value in schema.items() if key in KEPT}
    for key in ("items", "additionalProperties", "not"):
        if isinstance(made.get(key), dict):
            made[key] = trimmed(made[key])
    for key in ("allOf", "anyOf", "oneOf"):
        if key in made:
            made[key] = [trimmed(it) for it in made[key]]
    if "properties" in made:
        made["properties"] = {name: trimmed(it) for name, it in made["properties"].items()}
    if "x-kubernetes-validations" in made:
        kept = ("rule", "message", "messageExpression", "optionalOldSelf")
        made["x-kubernetes-validations"] = [{k: it[k] for k in kept if k in it} for it in made["x-kubernetes-validations"]]
    return made


def children(schema):
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            yield schema, key
    for name in schema.get("properties", {}):
        yield schema["properties"], name


def share(roots):
    """The texts of schemas; subschemas that occur more than once become separate texts."""
    counts = collections.Counter()

    def count(schema):
        text = compact(schema)
        counts[text] += 1
        if counts[text] == 1:
            for holder, key in children(schema):
                count(holder[key])

    for root in roots:
        count(root)
    texts, numbers = [], {}

    def write(schema):
        for holder, key in children(schema):
            text = compact(holder[key])
            if counts[text] > 1 and len(text) > 80:
                if text not in numbers:
                    numbers[text] = -1
                    numbers[text] = add(holder[key])
                holder[key] = {"$": numbers[text]}
            else:
                write(holder[key])

    def add(schema):
        write(schema)
        texts.append(compact(schema))
        return len(texts) - 1

    return [add(root) for root in roots], texts


# The Flux operator installs definitions that also allow its own kinds as sources of alerts and resources of receivers.
FLUX_OPERATOR_KINDS = ["FluxInstance", "ResourceSet", "ResourceSetInputProvider"]
AMENDED = {"Alert": "eventSources", "Receiver": "resources"}


def amend(spec):
    field = AMENDED.get(spec["names"]["kind"]) if spec["group"] == "notification.toolkit.fluxcd.io" else None
    for version in spec["versions"] if field else []:
        fields = version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
        fields[field]["items"]["properties"]["kind"]["enum"] += FLUX_OPERATOR_KINDS


def crd_part(crd):
    spec = crd["spec"]
    amend(spec)
    roots, texts = share([trimmed(it.get("schema", {}).get("openAPIV3Schema", {})) for it in spec["versions"]])
    versions = []
    for version, root in zip(spec["versions"], roots):
        about = {"name": version["name"], "served": version.get("served", True), "schema": root}
        subresources = version.get("subresources", {})
        if "status" in subresources:
            about["status"] = True
        if "scale" in subresources:
            about["scale"] = subresources["scale"]
        if version.get("deprecated"):
            about["deprecated"] = True
        versions.append(about)
    head = {"group": spec["group"], "kind": spec["names"]["kind"], "scope": spec["scope"], "versions": versions}
    return "\n".join([compact(head), *texts])


def deflate(text):
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(text.encode()) + packer.flush()


def pack(folder, out):
    import yaml

    class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        """Reads a plain `=` as a string. In YAML 1.1 it has a special meaning."""

    Loader.add_constructor("tag:yaml.org,2002:value", Loader.construct_yaml_str)
    kubernetes = Kubernetes()
    for path in sorted(folder.glob("kubernetes/*.json")):
        kubernetes.add(int(path.stem.split(".")[1]), json.loads(path.read_text()))
    parts = [("kubernetes", "", kubernetes.text())]
    for path in sorted(folder.glob("crds/**/*.yaml")):
        for crd in yaml.load_all(path.read_text(), Loader):
            if crd and crd.get("kind") == "CustomResourceDefinition":
                spec = crd["spec"]
                names = ",".join(it["name"] for it in spec["versions"] if it.get("served", True))
                parts.append(("crd", f" {spec['group']} {spec['names']['kind']} {names}", crd_part(crd)))
    packed = [deflate(text) for _, _, text in parts]
    head, offset = "", 0
    for (name, about, _), data in zip(parts, packed):
        head += f"{name} {offset} {len(data)}{about}\n"
        offset += len(data)
    out.write_bytes((head + "\n").encode() + b"".join(packed))
    print(f"{out}: {out.stat().st_size} bytes, {len(parts) - 1} CRDs, {len(kubernetes.texts)} types", file=sys.stderr)


def fetch(folder):
    table = pathlib.Path(__file__).with_suffix(".tsv")
    for line in table.read_text().splitlines():
        if line and not line.startswith("#"):
            path, url = line.split("\t")[:2]
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            with urllib.request.urlopen(url) as answer:
                target.write_bytes(answer.read())
            print(target, file=sys.stderr)


if __name__ == "__main__":
    command, arguments = sys.argv[1], [pathlib.Path(it) for it in sys.argv[2:]]
    {"fetch": fetch, "pack": pack}[command](*arguments)
