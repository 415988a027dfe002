#!/usr/bin/env python3
"""Makes crates/kube/src/validate/lifecycle.txt: the releases in which versions of Kubernetes kinds are deprecated and removed.

    tools/lifecycle.py DIR... > crates/kube/src/validate/lifecycle.txt

Each DIR is a release of the Go module k8s.io/api (`go mod download -json k8s.io/api@v0.36.3` prints its folder): v0.21.14,
v0.29.15, v0.34.4 and v0.36.3. Later ones take precedence.
"""
import collections, pathlib, re, sys

FUNCTION = re.compile(r"func \(in \*(\w+)\) APILifecycle(\w+)\(\) (?:\(major, minor int\)|schema\.GroupVersionKind) \{\n\treturn (.*)\n")

# Kinds of other modules, and kinds that are deprecated without a date.
rows = {
    ("apiextensions.k8s.io/v1beta1", "CustomResourceDefinition"): ("16", "22", "apiextensions.k8s.io/v1"),
    ("apiregistration.k8s.io/v1beta1", "APIService"): ("19", "22", "apiregistration.k8s.io/v1"),
    ("v1", "ComponentStatus"): ("19", "-", "-"),
    ("v1", "Endpoints"): ("33", "-", "discovery.k8s.io/v1 EndpointSlice"),
}
for root in map(pathlib.Path, sys.argv[1:]):
    for path in sorted(root.glob("*/*/zz_generated.prerelease-lifecycle.go")):
        group = re.search(r'GroupName\s*=\s*"(.*?)"', (path.parent / "register.go").read_text()).group(1)
        version = "/".join(filter(None, (group, path.parent.name)))
        facts = collections.defaultdict(dict)
        for kind, fact, value in FUNCTION.findall(path.read_text()):
            facts[kind][fact] = value
        for kind, known in facts.items():
            if kind.endswith("List") or not known.get("Removed", "").startswith("1, "):
                continue
            parts = re.findall(r'"(.*?)"', known.get("Replacement", ""))
            target = "/".join(filter(None, parts[:2])) or "-"
            renamed = parts[2:] and parts[2].removesuffix("List") != kind
            if renamed:
                target += " " + parts[2]
            minor = lambda fact: known[fact].split(", ")[1] if fact in known else "-"
            rows[version, kind] = (minor("Deprecated"), minor("Removed"), target)
print("# Made by tools/lifecycle.py: version, kind, minor release that deprecates it, that removes it, what replaces it.")
for key, row in sorted(rows.items()):
    print(*key, *row)
