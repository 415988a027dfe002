#!/usr/bin/env python3
"""All ratios of whole runs: `bench/results.py [--runs 5] [--write]`.

Uses two workspaces, one with many environments and one with many claims, each in a Git repository with its rendered tree. Each command
runs alternately with the command that it is compared with, after one run that does not count. It compares CPU seconds (user and system)
of the processes, which depend less on other load, and prints the medians of the runs and of the ratios of pairs. Then it compares with
kustomize, kubectl, helm, flate, kubeconform and dyff if they are installed (`bench/programs.py`).

    PLEACH=…      the program (default: target/release/pleach)
    --swagger     `swagger.json` of Kubernetes, from which schemas for kubeconform are made
    --write       writes the table to bench/RESULTS.md
"""

import argparse
import datetime
import itertools
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import programs
from workspace import CLAIM, workspace

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "bench" / "RESULTS.md"
GIT = ["git", "-c", "user.name=bench", "-c", "user.email=bench@example.org", "-c", "commit.gpgsign=false", "-c", "gc.auto=0"]


def cpu(command, root, codes):
    """CPU seconds of one run."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in codes:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout[:1000]}{done.stderr[:1000]}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def peak(command, root):
    """Peak memory of one run in MiB, started from a small process."""
    if not Path("/usr/bin/time").exists():
        return None
    done = subprocess.run(["/usr/bin/time", "-f", "%M", *command], cwd=root, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    return int(done.stderr.split()[-1]) / 1024


def compare(root, runs, mine, theirs, codes=(0,), prepare=lambda: None):
    """The medians of both commands and of the ratio. A command can be a function of the number of the run."""
    pairs = []
    command = lambda it, run: it(run) if callable(it) else it
    for run in range(runs + 1):
        prepare()
        pair = cpu(command(mine, run), root, codes), cpu(command(theirs, run), root, (0,))
        if run > 0:
            pairs.append(pair)
    mine, theirs = zip(*pairs)
    ratios = [a / max(b, 0.001) for a, b in pairs]
    return statistics.median(mine), statistics.median(theirs), statistics.median(ratios)


def commit(root):
    for arguments in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "-m", "all"], ["tag", "A"], ["gc", "--quiet"]):
        subprocess.run([*GIT, *arguments], cwd=root, check=True)


def version(command):
    try:
        return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.split("\n")[0]
    except (OSError, subprocess.CalledProcessError):
        return None


class Table:
    """A table whose lines are printed at once."""

    def __init__(self, *heads):
        self.lines = []
        self.line(" | ".join(heads))
        self.line(" | ".join("---:" if it.endswith("s") or it in ("ratio", "bar") else "---" for it in heads))

    def line(self, text):
        self.lines.append(f"| {text} |")
        print(self.lines[-1], flush=True)

    def add(self, where, what, beside, found, bar):
        mine, theirs, ratio = found
        self.line(f"{where} | `{what}` | {mine:.3f} | `{beside}` | {theirs:.3f} | {ratio:.2f} | {bar}")


def many_environments(root, program, given, table):
    """Renders into an empty folder, renders again without changes, and checks."""
    workspace(root, given.environments, given.claims)
    where = f"{given.environments} × {given.claims}"
    # Each run writes to a new folder, because ext4 takes seconds to find free inodes after many files were removed.
    trees, copies = root.parent / "trees", root.parent / "copies"
    trees.mkdir()
    copies.mkdir()
    render = lambda run: [program, "render", "--no-cache", "--out", str(trees / str(run))]
    copy = lambda run: ["cp", "-r", str(trees / str(run)), str(copies / str(run))]
    found = compare(root, given.runs, render, copy)
    table.add(where, "pleach render, from nothing", "cp -r", found, 1.3)
    mib = peak([program, "render", "--no-cache"], root)
    for folder in (trees, copies):
        shutil.rmtree(folder)
    commit(root)
    subprocess.run([*GIT, "status"], cwd=root, check=True, stdout=subprocess.DEVNULL)
    for what, bar in (("render", 1.5), ("check", 1.5)):
        found = compare(root, given.runs, [program, what], ["git", "status"])
        table.add(where, f"pleach {what}, nothing changed", "git status", found, bar)
    one_claim(root, program, given, table, where)
    return mib


def one_claim(root, program, given, table, where):
    """Renders and checks after a change of a claim, compared with a run without changes."""
    sizes = itertools.count(1000)
    claim = root / "environments" / "env001" / "database3.yaml"

    def edit():
        claim.write_text(CLAIM.format(name="database3", size=next(sizes), memory=4))
        # A file changed a moment ago could change again with the same modification time.
        time.sleep(0.2)

    def edit_and_render():
        edit()
        cpu([program, "render"], root, (0,))
        time.sleep(0.2)

    for what, prepare in (("render", edit), ("check", edit_and_render)):
        command = [program, what]
        found = compare(root, given.runs, command, command, prepare=prepare)
        table.add(where, f"pleach {what}, a claim changed", f"pleach {what}, nothing changed", found, 1.2)


def many_claims(root, program, given, table):
    """The hook and the diff of a change of one claim of base."""
    workspace(root, 3, given.large)
    where = f"3 × {given.large}"
    subprocess.run([program, "render"], cwd=root, check=True, stderr=subprocess.DEVNULL)
    commit(root)
    (root / "environments" / "base" / "database3.yaml").write_text(CLAIM.format(name="database3", size=777, memory=2))
    subprocess.run([program, "render"], cwd=root, check=True, stderr=subprocess.DEVNULL)
    subprocess.run([*GIT, "add", "."], cwd=root, check=True)
    found = compare(root, given.runs, [program, "hook", "run"], ["git", "status"])
    table.add(where, "pleach hook run, a claim of base", "git status", found, 2)
    subprocess.run([*GIT, "commit", "--quiet", "-m", "one"], cwd=root, check=True)
    subprocess.run([*GIT, "tag", "B"], cwd=root, check=True)
    for what, folder in (("base", "base"), ("an environment", "env001")):
        found = fresh_diffs(root, program, given.runs, folder)
        table.add(where, f"pleach diff A B, a claim of {what}", "git diff --stat A B", found, 3)


def fresh_diffs(root, program, runs, folder):
    """Compares a commit with the previous one. Each commit is new, so no comparison has cached results of it."""
    claim = root / "environments" / folder / "database3.yaml"
    sizes = itertools.count(2000)

    def commit_change():
        claim.write_text(CLAIM.format(name="database3", size=next(sizes), memory=2))
        subprocess.run([*GIT, "commit", "--quiet", "--all", "-m", "change"], cwd=root, check=True)

    sides = ["HEAD~1", "HEAD"]
    return compare(root, runs, [program, "diff", *sides], ["git", "diff", "--stat", *sides], prepare=commit_change)


def other_programs(folder, program, given):
    """The CPU seconds of other programs as multiples of those of pleach, and the versions of the programs."""
    found = {name: programs.find(name) for name in programs.VERSIONS}
    versions = [f"{name} {programs.version(name, path) if path else 'not found'}" for name, path in found.items()]
    table = Table("command", "CPU s", "beside", "CPU s", "times", "bar")
    notes = []
    for task in programs.tasks(folder, program, found, given.swagger):
        if isinstance(task, str):
            notes.append(task)
            continue
        what, beside, mine, theirs, place, bar = task
        pairs = [(cpu(mine, place, (0, 1)), cpu(theirs, place, (0, 1))) for _ in range(min(given.runs, 3))]
        mine, theirs = (statistics.median(it) for it in zip(*pairs))
        table.line(f"`{what}` | {mine:.3f} | `{beside}` | {theirs:.3f} | {theirs / max(mine, 0.001):.0f} | {bar or ''}")
    return table, versions, notes


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--environments", type=int, default=100)
    parser.add_argument("--claims", type=int, default=50)
    parser.add_argument("--large", type=int, default=5000, help="claims of the other workspace")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--swagger", type=Path)
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    program = os.path.abspath(os.environ.get("PLEACH", ROOT / "target/release/pleach"))
    load = os.getloadavg()[1]
    versions = [version([program, "--version"]), version(["git", "--version"]), version(["cp", "--version"])]
    with tempfile.TemporaryDirectory() as folder:
        os.environ["PLEACH_CACHE"] = str(Path(folder) / "cache")
        roots = [Path(folder) / name / "workspace" for name in ("environments", "claims")]
        for root in roots:
            root.mkdir(parents=True)
        table = Table("workspace", "command", "CPU s", "beside", "CPU s", "ratio", "bar")
        mib = many_environments(roots[0], program, given, table)
        many_claims(roots[1], program, given, table)
        others = Path(folder) / "programs"
        others.mkdir()
        beside, more_versions, notes = other_programs(others, program, given)
    lines = [
        "# Results",
        "",
        f"Made by `bench/results.py` on {datetime.date.today()} on {os.cpu_count()} processors; medians of {given.runs} runs, CPU seconds;"
        f" {load:.1f} other processes were running on average.",
        f"Versions: {', '.join(it for it in [*versions, *more_versions] if it)}.",
        "",
        *table.lines,
        "",
    ]
    if mib is not None:
        lines += [f"Peak memory of `pleach render` of {given.environments} × {given.claims}: {mib:.0f} MiB (bar: 100).", ""]
    lines += ["Other programs, in CPU seconds and as many times those of pleach:", "", *beside.lines, ""]
    lines += [f"{note[0].upper()}{note[1:]}.\n" for note in notes]
    if given.write:
        RESULTS.write_text("\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
