"""Replacements for the missing parts of a control plane: a node that runs pods, and the operators in those pods.

Pods are bound to one Node and become ready at once; no image is pulled. While a pod of an operator runs, this program does the operator's
work. Without such a pod, finalizers remain and nothing becomes ready.
"""
import base64
import http.client
import secrets
import threading
import time
import traceback

from cluster import Refused, is_true

NODE = "node-1"
DATABASES = [
    ("/apis/clickhouse.altinity.com/v1", "clickhouseinstallations", "ClickHouseInstallation", "chi"),
    ("/apis/clickhouse-keeper.altinity.com/v1", "clickhousekeeperinstallations", "ClickHouseKeeperInstallation", "chk"),
]


def finalizer(kind):
    return f"finalizer.{kind.lower()}.altinity.com"


class Substitutes(threading.Thread):
    """Polls all objects about twice a second, until the program ends."""

    def __init__(self, api):
        super().__init__(daemon=True)
        self.api = api
        self.failures = []

    def run(self):
        self.node()
        while True:
            try:
                running = self.pods()
                if "altinity-clickhouse-operator" in running:
                    self.databases()
                if "external-secrets" in running:
                    self.external_secrets()
            except Refused as refused:
                # Objects may change or be deleted at the same time.
                if refused.status not in (404, 409):
                    self.failures.append(traceback.format_exc())
            except (OSError, http.client.HTTPException):
                pass
            except Exception:
                self.failures.append(traceback.format_exc())
            time.sleep(0.4)

    def node(self):
        self.api.apply(f"/api/v1/nodes/{NODE}", {"apiVersion": "v1", "kind": "Node", "metadata": {"name": NODE}})
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        condition = {
            "type": "Ready", "status": "True", "reason": "KubeletReady", "message": "substitute",
            "lastHeartbeatTime": now, "lastTransitionTime": now,
        }
        status = {"conditions": [condition], "capacity": {"cpu": "1k", "memory": "10Ti", "pods": "1k"}}
        self.api.patch(f"/api/v1/nodes/{NODE}/status", {"status": status})

    def pods(self):
        """Runs the pods. Returns the names of running images."""
        running = set()
        for pod in self.api.items("/api/v1/pods"):
            meta = pod["metadata"]
            path = f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}"
            if "deletionTimestamp" in meta:
                self.api.delete(path, {"gracePeriodSeconds": 0})
            elif not pod["spec"].get("nodeName"):
                target = {"apiVersion": "v1", "kind": "Node", "name": NODE}
                binding = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": meta["name"]}, "target": target}
                self.api.request("POST", f"{path}/binding", binding)
            elif not is_true(pod, "Ready"):
                self.run_pod(pod, path)
            else:
                running.update(it["image"].split(":")[0] for it in pod["spec"]["containers"])
        return running

    def run_pod(self, pod, path):
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        kinds = ("PodScheduled", "Initialized", "ContainersReady", "Ready")
        containers = [
            {
                "name": it["name"], "image": it["image"], "imageID": "", "ready": True, "started": True, "restartCount": 0,
                "state": {"running": {"startedAt": now}},
            }
            for it in pod["spec"]["containers"]
        ]
        status = {
            "phase": "Running", "startTime": now, "podIP": "10.0.0.1", "podIPs": [{"ip": "10.0.0.1"}],
            "conditions": [{"type": it, "status": "True", "lastTransitionTime": now} for it in kinds],
            "containerStatuses": containers,
        }
        self.api.patch(f"{path}/status", {"status": status})

    def databases(self):
        """Altinity's operator: StatefulSets by shards and replicas, a finalizer that deletes them, and a status."""
        for group, plural, kind, short in DATABASES:
            for it in self.api.items(f"{group}/{plural}"):
                path = f"{group}/namespaces/{it['metadata']['namespace']}/{plural}/{it['metadata']['name']}"
                if "deletionTimestamp" in it["metadata"]:
                    self.remove_database(it, path, kind)
                else:
                    self.database(it, path, kind, short)

    def stateful_sets(self, it):
        namespace = it["metadata"]["namespace"]
        sets = self.api.items(f"/apis/apps/v1/namespaces/{namespace}/statefulsets")
        uid = it["metadata"]["uid"]
        return [one for one in sets if any(owner["uid"] == uid for owner in one["metadata"].get("ownerReferences", []))]

    def remove_database(self, it, path, kind):
        left = self.stateful_sets(it)
        for one in left:
            self.api.delete(f"/apis/apps/v1/namespaces/{one['metadata']['namespace']}/statefulsets/{one['metadata']['name']}")
        kept = [name for name in it["metadata"].get("finalizers", []) if name != finalizer(kind)]
        if not left:
            self.api.patch(path, {"metadata": {"finalizers": kept}})

    def database(self, it, path, kind, short):
        meta = it["metadata"]
        finalizers = meta.get("finalizers", [])
        if finalizer(kind) not in finalizers:
            self.api.patch(path, {"metadata": {"finalizers": [*finalizers, finalizer(kind)]}})
        wanted = [one for cluster in it["spec"]["configuration"]["clusters"] for one in hosts(it, cluster, short)]
        for name in wanted:
            self.api.apply(f"/apis/apps/v1/namespaces/{meta['namespace']}/statefulsets/{name}", stateful_set(it, name))
        sets = self.stateful_sets(it)
        for one in sets:
            if one["metadata"]["name"] not in wanted:
                self.api.delete(f"/apis/apps/v1/namespaces/{meta['namespace']}/statefulsets/{one['metadata']['name']}")
        is_ready = len(sets) == len(wanted) and all(is_up_to_date(one) for one in sets)
        status = "Completed" if is_ready else "InProgress"
        if it.get("status", {}).get("status") != status:
            self.api.patch(f"{path}/status", {"status": {"status": status, "hosts": len(wanted)}})

    def external_secrets(self):
        group = "/apis/external-secrets.io/v1"
        for it in self.api.items(f"{group}/externalsecrets"):
            meta = it["metadata"]
            if "deletionTimestamp" in meta or is_true(it, "Ready"):
                continue
            target = it["spec"].get("target", {}).get("name", meta["name"])
            owner = {"apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret", "name": meta["name"], "uid": meta["uid"]}
            password = base64.b64encode(secrets.token_hex(8).encode()).decode()
            secret = {
                "apiVersion": "v1", "kind": "Secret",
                "metadata": {"name": target, "ownerReferences": [owner]},
                "data": {"admin-password": password},
            }
            self.api.apply(f"/api/v1/namespaces/{meta['namespace']}/secrets/{target}", secret)
            ready = {"type": "Ready", "status": "True", "reason": "SecretSynced", "message": "substitute"}
            path = f"{group}/namespaces/{meta['namespace']}/externalsecrets/{meta['name']}"
            self.api.patch(f"{path}/status", {"status": {"conditions": [ready]}})


def hosts(it, cluster, short):
    """The names of a cluster's StatefulSets."""
    layout = cluster.get("layout", {})
    for shard in range(layout.get("shardsCount", 1)):
        for replica in range(layout.get("replicasCount", 1)):
            yield f"{short}-{it['metadata']['name']}-{cluster['name']}-{shard}-{replica}"


def stateful_set(it, name):
    """A StatefulSet of one pod, with the containers and volumes of the installation's first templates."""
    templates = it["spec"].get("templates", {})
    pod = (templates.get("podTemplates") or [{}])[0].get("spec") or {"containers": [{"name": "server", "image": "server:1"}]}
    volumes = [
        {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": one["name"]}, "spec": one["spec"]}
        for one in templates.get("volumeClaimTemplates", [])
    ]
    owner = {key: it[key] for key in ("apiVersion", "kind")}
    owner.update({key: it["metadata"][key] for key in ("name", "uid")}, controller=True, blockOwnerDeletion=True)
    return {
        "apiVersion": "apps/v1", "kind": "StatefulSet",
        "metadata": {"name": name, "ownerReferences": [owner]},
        "spec": {
            "replicas": 1, "serviceName": name,
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": pod},
            "volumeClaimTemplates": volumes,
        },
    }


def is_up_to_date(one):
    status = one.get("status", {})
    is_seen = status.get("observedGeneration") == one["metadata"]["generation"]
    return is_seen and status.get("readyReplicas") == 1 and status.get("updatedReplicas", 0) == 1
