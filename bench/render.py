#!/usr/bin/env python3
"""Speed of `pleach render` and `pleach check`: `bench/render.py [--environments 4] [--claims 50,100,…]`.

Makes a workspace of C claims in base, all changed by each environment, renders it into an empty folder, renders it again (nothing to
do), and checks it. Prints times, objects per second, the growth from C to 2 C, and peak memory.

    PLEACH=…      the program (default: target/release/pleach)
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from workspace import workspace

ROOT = Path(__file__).resolve().parent.parent


def run(command, root):
    """Seconds and peak memory in MiB. The program is started by `time`, because the peak of a child includes that of its parent at fork."""
    timed = ["/usr/bin/time", "-f", "%M"] if Path("/usr/bin/time").exists() else []
    start = time.perf_counter()
    done = subprocess.run([*timed, *command], cwd=root, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    seconds = time.perf_counter() - start
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr[:2000]}")
    return seconds, int(done.stderr.split()[-1]) / 1024 if timed else 0.0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--environments", type=int, default=4)
    parser.add_argument("--claims", default="25,50,100,200,400")
    parser.add_argument("--runs", type=int, default=3, help="number of runs, of which the best counts")
    given = parser.parse_args()
    program = os.path.abspath(os.environ.get("PLEACH", ROOT / "target/release/pleach"))
    print(f"{given.environments} environments")
    print(f"{'claims':>6} {'files':>6} {'render':>10} {'again':>10} {'check':>10} {'objects/s':>10} {'MiB':>7} {'growth':>7}")
    known = {}
    for claims in [int(it) for it in given.claims.split(",")]:
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            workspace(root, given.environments, claims)
            best = {"render": float("inf"), "again": float("inf"), "check": float("inf")}
            for _ in range(given.runs):
                shutil.rmtree(root / "deploy", ignore_errors=True)
                for name, verb in (("render", "render"), ("again", "render"), ("check", "check")):
                    seconds, peak = run([program, verb], root)
                    best[name] = min(best[name], seconds)
            files = sum(1 for it in (root / "deploy").rglob("*.yaml"))
            texts = (it.read_text() for it in (root / "deploy").rglob("*.yaml"))
            objects = sum(text.count("\nkind: ") for text in texts)
        known[claims] = best["render"]
        growth = f"{best['render'] / known[claims // 2]:7.2f}" if claims // 2 in known else ""
        print(
            f"{claims:6} {files:6} {best['render'] * 1000:8.1f}ms {best['again'] * 1000:8.1f}ms {best['check'] * 1000:8.1f}ms"
            f" {objects / best['render']:10.0f} {peak:7.1f} {growth:>7}",
            flush=True,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
