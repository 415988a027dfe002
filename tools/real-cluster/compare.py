"""Compares what happened in the cluster with the output of `pleach diff`."""
import hashlib
import json

from cluster import FLUX
from substitutes import DATABASES

# Kinds that the control plane itself maintains.
OWN_KINDS = {
    ("", "ComponentStatus"), ("", "Endpoints"), ("", "Event"), ("", "Node"), ("events.k8s.io", "Event"), ("discovery.k8s.io", "EndpointSlice"),
    ("coordination.k8s.io", "Lease"), ("apiregistration.k8s.io", "APIService"), ("apps", "ControllerRevision"),
    ("flowcontrol.apiserver.k8s.io", "FlowSchema"), ("networking.k8s.io", "IPAddress"),
    # Made by helm-controller for each HelmRelease.
    ("source.toolkit.fluxcd.io", "HelmChart"),
}  # fmt: skip
# Written by controllers, not by the author of the object.
OWN_ANNOTATIONS = ("deployment.kubernetes.io/", "reconcile.fluxcd.io/", "meta.helm.sh/")


def is_counted(group, kind, it):
    """Whether an object comes from Git or from a chart."""
    meta = it["metadata"]
    owned = bool(meta.get("ownerReferences"))
    in_each_namespace = (kind, meta["name"]) in {("ConfigMap", "kube-root-ca.crt"), ("ServiceAccount", "default")}
    of_helm = kind == "Secret" and it.get("type") == "helm.sh/release.v1"
    of_server = meta.get("labels", {}).get("kubernetes.io/bootstrapping") == "rbac-defaults"
    # PersistentVolumeClaims of StatefulSets are kept when these are deleted.
    of_set = kind == "PersistentVolumeClaim"
    return not (owned or in_each_namespace or of_helm or of_server or of_set or (group, kind) in OWN_KINDS)


def digest(it):
    """The parts of an object that its author determines."""
    meta = it["metadata"]
    annotations = {key: value for key, value in meta.get("annotations", {}).items() if not key.startswith(OWN_ANNOTATIONS)}
    rest = {key: value for key, value in it.items() if key not in ("metadata", "status")}
    if it.get("kind") == "Namespace" or "finalizers" in rest.get("spec", {}):
        rest.pop("spec")
    text = json.dumps([rest, meta.get("labels"), annotations], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def snapshot(api):
    """The counted objects: group, kind, namespace and name to uid, digest, and whether it is being deleted."""
    found = {}
    for group, kind, path in api.resources():
        for it in api.items(path):
            if not is_counted(group, kind, it):
                continue
            meta = it["metadata"]
            key = (group, kind, meta.get("namespace", ""), meta["name"])
            found[key] = (meta["uid"], digest(it), "deletionTimestamp" in meta)
    return found


def happened(before, after):
    """Sets of keys: created, changed, deleted, and stuck (a deletion that does not end).

    An object that was already being deleted does not count as deleted.
    """
    stuck = {key for key, (_, _, deleting) in after.items() if deleting}
    gone = {key for key in before if key not in after}
    replaced = {key for key in before if key in after and before[key][0] != after[key][0]}
    changed = {key for key in before if key in after and before[key][1] != after[key][1]} - replaced - stuck
    return {
        "created": {key for key in after if key not in before} | replaced,
        "changed": changed,
        "deleted": {key for key in gone | replaced | stuck if not before[key][2]},
        "stuck": stuck,
    }


def announced(report, environment):
    """The same sets from the output of `pleach diff -o json`, and the kept objects (`kept`)."""
    names = {"added": ["created"], "removed": ["deleted"], "changed": ["changed"], "kept": ["kept"], "renamed": ["created"]}
    found = {"created": set(), "changed": set(), "deleted": set(), "kept": set(), "stuck": set()}
    for group in report["groups"]:
        for it in group["objects"]:
            if it["environment"] != environment:
                continue
            key = (it["group"], it["kind"], it["namespace"], it["name"])
            for name in names[group["change"]]:
                found[name].add(key)
            if group["change"] == "renamed":
                found["deleted"].add((*key[:3], it["nameBefore"]))
    for it in report["dangers"]:
        if it["code"] == "removed-operator" and environment in it["environments"]:
            # The message contains the names of stuck objects.
            found["stuck"] |= {key for key in found["deleted"] if f" {title(key)}" in it["message"]}
    return found


def early(api, created):
    """The created databases that their operator has not completed."""
    lines = []
    for group, plural, kind, _ in DATABASES:
        for it in api.items(f"{group}/{plural}"):
            meta = it["metadata"]
            key = (group.split("/")[2], kind, meta["namespace"], meta["name"])
            if key in created and it.get("status", {}).get("status") != "Completed":
                lines.append(f"ready for Flux, but not completed by its operator: {title(key)}")
    return lines


def title(key):
    group, kind, namespace, name = key
    return f"{kind} {namespace}/{name}" if namespace else f"{kind} {name}"


def differences(announced, happened, after):
    """The differences as lines; none if everything happened as announced."""
    lines = []
    for name in ("created", "changed", "deleted", "stuck"):
        only_announced = announced[name] - happened[name]
        only_happened = happened[name] - announced[name]
        lines += [f"{name}, announced, but did not happen: {title(key)}" for key in sorted(only_announced)]
        lines += [f"{name}, not announced: {title(key)}" for key in sorted(only_happened)]
    lost = {key for key in announced["kept"] if key not in after or after[key][2]}
    lines += [f"kept, announced, but it is gone: {title(key)}" for key in sorted(lost)]
    return lines


def counts(found):
    """`3 created, 1 changed`."""
    words = [f"{len(keys)} {name}" for name, keys in found.items() if keys]
    return ", ".join(words) or "nothing"


def unready(api, commit):
    """The units that Flux has not finished, as lines; none if the whole commit is applied and ready."""
    lines = []
    git = api.get(f"/apis/source.toolkit.fluxcd.io/v1/namespaces/{FLUX}/gitrepositories/{FLUX}")
    if commit not in git.get("status", {}).get("artifact", {}).get("revision", ""):
        return [f"GitRepository: {messages(git)}"]
    for it in api.items("/apis/kustomize.toolkit.fluxcd.io/v1/kustomizations"):
        if commit not in it.get("status", {}).get("lastAppliedRevision", "") or not is_ready(it):
            lines.append(f"Kustomization {it['metadata']['name']}: {messages(it)}")
    for it in api.items("/apis/helm.toolkit.fluxcd.io/v2/helmreleases"):
        if not is_ready(it):
            lines.append(f"HelmRelease {it['metadata']['name']}: {messages(it)}")
    return lines


def is_ready(it):
    status = it.get("status", {})
    ready = next((one for one in status.get("conditions") or [] if one["type"] == "Ready"), {})
    is_seen = status.get("observedGeneration") == it["metadata"]["generation"]
    return is_seen and ready.get("status") == "True" and "deletionTimestamp" not in it["metadata"]


def messages(it):
    conditions = it.get("status", {}).get("conditions") or []
    return "; ".join(f"{one['type']}={one['status']} {one.get('message', '')[:160]}" for one in conditions) or "no condition"
