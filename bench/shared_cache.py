#!/usr/bin/env python3
"""Time of a check in a fresh clone with and without the shared cache: `bench/shared_cache.py [--runs 5]`.

Uses a workspace in a Git repository with its rendered tree. Each run uses a new clone and an empty cache, alternately with and without a
shared cache, which is an S3 server in this process, whose time does not count. Prints the medians of CPU seconds (user and system).

    PLEACH=…      the program (default: target/release/pleach)
"""

import argparse
import os
import shutil
import statistics
import subprocess
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from results import GIT, ROOT, commit, cpu
from workspace import CLAIM, workspace

URL = "s3://bench/cache"


class Store(BaseHTTPRequestHandler):
    """An S3 server that keeps objects in memory."""

    protocol_version = "HTTP/1.1"
    objects = {}

    def do_GET(self):
        body = self.objects.get(self.path.split("?")[0])
        self.answer(404 if body is None else 200, body or b"")

    def do_PUT(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.objects[self.path.split("?")[0]] = body
        self.answer(200, b"")

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def serve():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Store)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    os.environ["AWS_ENDPOINT_URL"] = f"http://127.0.0.1:{server.server_port}"


def of_clones(folder, root, commands, runs):
    """The medians of CPU and wall seconds of each command, each run in a new clone with an empty cache."""
    found = {name: [] for name in commands}
    for _ in range(runs):
        for name, command in commands.items():
            clone, cache = folder / "clone", folder / "cache"
            for it in (clone, cache):
                shutil.rmtree(it, ignore_errors=True)
            subprocess.run([*GIT, "clone", "--quiet", str(root), str(clone)], check=True)
            os.environ["PLEACH_CACHE"] = str(cache)
            begin = time.monotonic()
            seconds = cpu(command, clone, (0,))
            found[name].append((seconds, time.monotonic() - begin))
    return {name: [statistics.median(it) for it in zip(*pairs)] for name, pairs in found.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--environments", type=int, default=100)
    parser.add_argument("--claims", type=int, default=50)
    parser.add_argument("--runs", type=int, default=5)
    given = parser.parse_args()
    program = os.environ.get("PLEACH", str(ROOT / "target/release/pleach"))
    serve()
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        root = folder / "workspace"
        root.mkdir()
        workspace(root, given.environments, given.claims)
        os.environ["PLEACH_CACHE"] = str(folder / "first")
        subprocess.run([program, "render"], cwd=root, check=True, stderr=subprocess.DEVNULL)
        commit(root)
        commands = {
            "check": [program, "check"],
            "check, stored": [program, "check", "--cache-to", URL],
            "check, from the store": [program, "check", "--cache-from", URL],
            "git status": ["git", "status"],
        }
        print("| fresh clone | command | CPU s | wall s |\n|---|---|---:|---:|")
        report("nothing changed", of_clones(folder, root, commands, given.runs))
        print(f"stored: {sum(map(len, Store.objects.values())) / 1e6:.2f} MB")
        (root / "environments" / "env001" / "database3.yaml").write_text(CLAIM.format(name="database3", size=777, memory=4))
        subprocess.run([program, "render"], cwd=root, check=True, stderr=subprocess.DEVNULL)
        subprocess.run([*GIT, "commit", "--quiet", "--all", "-m", "one"], cwd=root, check=True)
        # Only the main branch writes to the shared cache.
        del commands["check, stored"]
        report("a claim changed", of_clones(folder, root, commands, given.runs))


def report(where, found):
    for name, (seconds, wall) in found.items():
        print(f"| {where} | `{name}` | {seconds:.2f} | {wall:.2f} |")


if __name__ == "__main__":
    main()
