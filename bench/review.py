#!/usr/bin/env python3
"""Speed of the commands for reviews: `bench/review.py [--environments 100] [--claims 20] [--runs 15]`.

Makes a Git repository of a workspace and its rendered tree, changes one claim of one environment in a second commit, and prints the
best of several alternate runs:

    pleach diff A B           compared with  git diff --stat A B     required: less than 3 times
    the hook, claim staged    compared with  git status              required: less than 2 times
    pleach render and check of everything, pleach affected

    PLEACH=…      the program (default: target/release/pleach)
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from workspace import CLAIM, workspace

ROOT = Path(__file__).resolve().parent.parent

def change(root, environments, size):
    """One claim of one environment."""
    folder = root / "environments" / f"env{environments // 2 + 1:03}"
    (folder / "database3.yaml").write_text(CLAIM.format(name="database3", size=size, memory=4))


def run(command, root, codes=(0,)):
    """Seconds."""
    start = time.perf_counter()
    done = subprocess.run(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    seconds = time.perf_counter() - start
    if done.returncode not in codes:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout[:1000]}{done.stderr[:1000]}")
    return seconds


def git(root, *arguments):
    command = ["git", "-c", "user.name=bench", "-c", "user.email=bench@example.org", "-c", "commit.gpgsign=false", "-c", "gc.auto=0", *arguments]
    run(command, root)


def best(root, runs, **commands):
    """The shortest time of each command. They run alternately, so that other load affects all of them."""
    least = {}
    for _ in range(runs):
        for name, command in commands.items():
            least[name] = min(least.get(name, float("inf")), run(command, root))
    return least


def ratio(what, beside, mine, theirs, bar):
    verdict = "holds" if mine < bar * theirs else "FAILS"
    print(f"{what:24} {mine * 1000:8.1f} ms   {beside:22} {theirs * 1000:8.1f} ms   ratio {mine / theirs:5.2f}   bar {bar}: {verdict}", flush=True)
    return mine < bar * theirs


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--environments", type=int, default=100)
    parser.add_argument("--claims", type=int, default=20)
    parser.add_argument("--runs", type=int, default=15, help="number of runs, of which the best counts")
    parser.add_argument("--keep", metavar="DIR", help="make the repository in this folder, and keep it")
    given = parser.parse_args()
    program = os.path.abspath(os.environ.get("PLEACH", ROOT / "target/release/pleach"))
    with tempfile.TemporaryDirectory() as folder:
        root = Path(given.keep or folder)
        root.mkdir(exist_ok=True)
        workspace(root, given.environments, given.claims)
        run([program, "render"], root)
        files = sum(1 for _ in (root / "deploy").rglob("*.yaml"))
        print(f"{given.environments} environments × {given.claims} claims, {files} rendered files")
        git(root, "init", "--quiet")
        git(root, "add", ".")
        git(root, "commit", "--quiet", "-m", "all")
        git(root, "tag", "A")
        change(root, given.environments, 777)
        run([program, "render"], root)
        git(root, "commit", "--quiet", "-a", "-m", "one claim")
        git(root, "tag", "B")
        git(root, "gc", "--quiet")
        times = best(root, given.runs, stat=["git", "diff", "--stat", "A", "B"], diff=[program, "diff", "A", "B"])
        holds = ratio("pleach diff A B", "git diff --stat A B", times["diff"], times["stat"], 3)
        change(root, given.environments, 888)
        run([program, "render"], root)
        git(root, "add", ".")
        times = best(root, given.runs, status=["git", "status"], hook=[program, "hook", "run"])
        holds = ratio("pleach hook run", "git status", times["hook"], times["status"], 2) and holds
        times = best(root, 3, render=[program, "render"], check=[program, "check"], affected=[program, "affected", "--since", "A"])
        for name, seconds in times.items():
            print(f"pleach {name:17} {seconds * 1000:8.1f} ms", flush=True)
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
