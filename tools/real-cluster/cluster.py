"""A control plane on loopback: etcd, the API server, the controller manager and Flux's controllers, and a client of its API."""
import http.client
import json
import os
import pathlib
import re
import secrets
import socket
import ssl
import subprocess
import threading
import time

MERGE = "application/merge-patch+json"
APPLY = "application/apply-patch+yaml"
FLUX = "flux-system"


class Refused(Exception):
    """A response of the API server with a status other than 2xx."""

    def __init__(self, status, text):
        super().__init__(f"{status}: {text[:400]}")
        self.status = status


class Api:
    """An administrator's client of the API server, with one connection for each thread."""

    def __init__(self, port, token, certificate):
        self.port, self.token = port, token
        self.context = ssl.create_default_context(cafile=certificate)
        self.local = threading.local()

    def request(self, method, path, body=None, content="application/json"):
        if not isinstance(body, (str, bytes, type(None))):
            body = json.dumps(body)
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": content}
        for attempt in range(10):
            connection = getattr(self.local, "connection", None)
            if connection is None:
                connection = http.client.HTTPSConnection("127.0.0.1", self.port, context=self.context, timeout=30)
                self.local.connection = connection
            try:
                connection.request(method, path, body, headers)
                answer = connection.getresponse()
                text = answer.read()
            except (OSError, http.client.HTTPException):
                self.local.connection = None
                if attempt:
                    raise
                continue
            # The kind was just defined.
            if answer.status != 429:
                break
            time.sleep(1)
        if answer.status >= 300:
            raise Refused(answer.status, text.decode(errors="replace"))
        return json.loads(text) if text.startswith(b"{") else text.decode()

    def get(self, path):
        return self.request("GET", path)

    def items(self, path):
        """The objects of a list; none if the kind is not installed."""
        try:
            return self.get(path)["items"]
        except Refused as refused:
            if refused.status == 404:
                return []
            raise

    def patch(self, path, body):
        return self.request("PATCH", path, body, MERGE)

    def apply(self, path, body):
        """Applies an object (JSON or YAML text) with server-side apply."""
        return self.request("PATCH", f"{path}?fieldManager=real-cluster&force=true", body, APPLY)

    def delete(self, path, body=None):
        try:
            self.request("DELETE", path, body)
        except Refused as refused:
            if refused.status != 404:
                raise

    def resources(self):
        """The group, kind and list path of all resources that can be listed."""
        found = []
        versions = [("", "/api/v1")]
        for group in self.get("/apis")["groups"]:
            versions.append((group["name"], "/apis/" + group["preferredVersion"]["groupVersion"]))
        for group, path in versions:
            try:
                resources = self.get(path)["resources"]
            except Refused:
                # The CustomResourceDefinition was deleted since.
                continue
            for it in resources:
                if "list" in it["verbs"] and "/" not in it["name"]:
                    found.append((group, it["kind"], f"{path}/{it['name']}"))
        return found


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Cluster:
    """The processes, their files in one folder, and the API."""

    def __init__(self, programs: dict, folder: pathlib.Path):
        self.programs, self.folder = programs, folder
        self.processes = []
        self.folder.mkdir(parents=True, exist_ok=True)

    def start(self, name, *arguments, **environment):
        log = open(self.folder / f"{name}.log", "wb")
        process = subprocess.Popen(
            [self.programs[name], *arguments],
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=self.folder,
            env={**os.environ, **environment},
        )
        self.processes.append((name, process))

    def check(self):
        """Raises an error if one of the programs has ended."""
        for name, process in self.processes:
            if process.poll() is not None:
                log = (self.folder / f"{name}.log").read_text(errors="replace").splitlines()
                raise RuntimeError(f"{name} has ended:\n" + "\n".join(log[-15:]))

    def stop(self):
        for _, process in reversed(self.processes):
            process.terminate()
        for _, process in reversed(self.processes):
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()

    def control_plane(self) -> Api:
        etcd, peer, port = free_port(), free_port(), free_port()
        token = secrets.token_hex(16)
        (self.folder / "tokens.csv").write_text(f"{token},admin,admin,system:masters\n")
        (self.folder / "tokens.csv").chmod(0o600)
        key = self.folder / "service-accounts.pem"
        subprocess.run(["openssl", "genrsa", "-out", key, "2048"], check=True, capture_output=True)
        here = "http://127.0.0.1"
        self.start(
            "etcd",
            "--data-dir=etcd",
            "--unsafe-no-fsync",
            f"--listen-client-urls={here}:{etcd}",
            f"--advertise-client-urls={here}:{etcd}",
            f"--listen-peer-urls={here}:{peer}",
            f"--initial-advertise-peer-urls={here}:{peer}",
            f"--initial-cluster=default={here}:{peer}",
        )
        self.start(
            "kube-apiserver",
            f"--etcd-servers={here}:{etcd}",
            "--bind-address=127.0.0.1",
            f"--secure-port={port}",
            "--cert-dir=certificates",
            "--token-auth-file=tokens.csv",
            "--authorization-mode=RBAC",
            "--service-cluster-ip-range=10.96.0.0/16",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-signing-key-file={key}",
            f"--service-account-key-file={key}",
            "--allow-privileged",
        )
        certificate = self.folder / "certificates/apiserver.crt"
        self.wait(certificate.exists, "the certificate of the API server")
        api = Api(port, token, certificate)
        self.wait(lambda: api.get("/readyz") == "ok", "the API server")
        self.kubeconfig = self.folder / "kubeconfig"
        self.kubeconfig.write_text(
            json.dumps(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "current-context": "it",
                    "clusters": [
                        {
                            "name": "it",
                            "cluster": {
                                "server": f"https://127.0.0.1:{port}",
                                "certificate-authority": str(certificate),
                            },
                        }
                    ],
                    "users": [{"name": "it", "user": {"token": token}}],
                    "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
                }
            )
        )
        self.kubeconfig.chmod(0o600)
        self.start(
            "kube-controller-manager",
            f"--kubeconfig={self.kubeconfig}",
            "--leader-elect=false",
            "--secure-port=0",
            f"--service-account-private-key-file={key}",
            # Nothing renews the lease of the node.
            "--controllers=*,-node-lifecycle-controller",
        )
        return api

    def flux(self, api: Api, definitions: list):
        """Installs Flux's CustomResourceDefinitions (files) and starts its controllers."""
        for file in definitions:
            text = file.read_text()
            name = re.search(r"^  name: (\S+)$", text, re.M).group(1)
            api.apply(f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}", text)
            self.wait(lambda: is_established(api, name), f"the CustomResourceDefinition {name}")
        api.apply(f"/api/v1/namespaces/{FLUX}", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": FLUX}})
        storage = free_port()
        for name in ("source-controller", "kustomize-controller", "helm-controller"):
            own = {
                "source-controller": [
                    "--storage-path=" + str(self.folder / "artifacts"),
                    f"--storage-addr=127.0.0.1:{storage}",
                    f"--storage-adv-addr=127.0.0.1:{storage}",
                ],
                "kustomize-controller": ["--requeue-dependency=2s"],
                "helm-controller": ["--requeue-dependency=2s"],
            }[name]
            (self.folder / "artifacts").mkdir(exist_ok=True)
            self.start(
                name,
                *own,
                "--events-addr=",
                f"--metrics-addr=127.0.0.1:{free_port()}",
                f"--health-addr=127.0.0.1:{free_port()}",
                "--enable-leader-election=false",
                KUBECONFIG=str(self.kubeconfig),
                RUNTIME_NAMESPACE=FLUX,
            )

    def wait(self, is_so, what, seconds=120):
        """Waits for a condition. Raises an error after a timeout, or if a program has ended."""
        end = time.monotonic() + seconds
        last = None
        while time.monotonic() < end:
            self.check()
            try:
                if is_so():
                    return
                last = None
            except (Refused, OSError, http.client.HTTPException, KeyError) as error:
                last = error
            time.sleep(0.3)
        raise TimeoutError(f"{what}: not ready after {seconds} s" + (f" ({last})" if last else ""))


def is_established(api, name):
    it = api.get(f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}")
    return is_true(it, "Established")


def condition(it, kind):
    conditions = it.get("status", {}).get("conditions") or []
    return next((it for it in conditions if it["type"] == kind), {})


def is_true(it, kind):
    return condition(it, kind).get("status") == "True"
