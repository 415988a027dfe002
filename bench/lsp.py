#!/usr/bin/env python3
"""Time from a keystroke to its diagnostics: `bench/lsp.py [--environments 3] [--claims 5000] [--keystrokes 60]`.

Starts the language server on a workspace, opens a claim of an environment and one of base, and types into them. Prints the median and the
longest time from a change to its diagnostics over stdio. Required: a median below 50 ms.

    PLEACH=…      the program (default: target/release/pleach)
"""

import argparse
import json
import os
import queue
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from workspace import workspace

ROOT = Path(__file__).resolve().parent.parent
BAR_MS = 50


class Server:
    """A language server over stdio."""

    def __init__(self, program, root):
        self.process = subprocess.Popen([program, "lsp"], cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.messages = queue.Queue()
        self.number = 0
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        out = self.process.stdout
        while line := out.readline():
            length = int(line.split(b":")[1])
            while out.readline().strip():
                pass
            self.messages.put((time.perf_counter(), json.loads(out.read(length))))

    def send(self, method, params, is_request=False):
        message = {"jsonrpc": "2.0", "method": method, "params": params}
        if is_request:
            self.number += 1
            message["id"] = self.number
        body = json.dumps(message).encode()
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self.process.stdin.flush()

    def wait(self, is_wanted, seconds=300):
        end = time.perf_counter() + seconds
        while True:
            at, message = self.messages.get(timeout=max(0.1, end - time.perf_counter()))
            if "id" in message and "method" in message:
                body = json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": None}).encode()
                self.process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
                self.process.stdin.flush()
            if is_wanted(message):
                return at, message


def diagnostics_of(uri, version):
    def is_wanted(message):
        params = message.get("params") or {}
        return (
            message.get("method") == "textDocument/publishDiagnostics"
            and params.get("uri") == uri
            and params.get("version", version) == version
        )

    return is_wanted


def typed(server, path, keystrokes):
    """The times from changes of a file to their diagnostics, in milliseconds."""
    uri = path.as_uri()
    text = path.read_text()
    document = {"uri": uri, "languageId": "yaml", "version": 1, "text": text}
    server.send("textDocument/didOpen", {"textDocument": document})
    times = []
    for number in range(2, keystrokes + 3):
        # Alternates between a misspelled and a correct key, because the server only publishes changed diagnostics.
        changed = text if number % 2 else text.replace("diskSize", "diskSiz")
        start = time.perf_counter()
        server.send(
            "textDocument/didChange",
            {"textDocument": {"uri": uri, "version": number}, "contentChanges": [{"text": changed}]},
        )
        at, _ = server.wait(diagnostics_of(uri, number))
        times.append((at - start) * 1000)
    # The first time includes reading the workspace.
    return times[1:]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--environments", type=int, default=3)
    parser.add_argument("--claims", type=int, default=5000)
    parser.add_argument("--keystrokes", type=int, default=60)
    given = parser.parse_args()
    program = os.path.abspath(os.environ.get("PLEACH", ROOT / "target/release/pleach"))
    is_met = True
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve()
        workspace(root, given.environments, given.claims)
        server = Server(program, root)
        server.send("initialize", {"processId": None, "rootUri": root.as_uri(), "capabilities": {}}, is_request=True)
        server.wait(lambda it: it.get("id") == 1)
        server.send("initialized", {})
        for title, place in (("a claim of an environment", "env001"), ("a claim of base", "base")):
            times = typed(server, root / "environments" / place / "database3.yaml", given.keystrokes)
            median = statistics.median(times)
            verdict = "holds" if median < BAR_MS else "FAILS"
            is_met &= median < BAR_MS
            print(f"{title:28} median {median:7.1f} ms   slowest {max(times):7.1f} ms   bar {BAR_MS} ms: {verdict}", flush=True)
        server.process.kill()
    sys.exit(0 if is_met else 1)


if __name__ == "__main__":
    main()
