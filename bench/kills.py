#!/usr/bin/env python3
"""Kills all commands that write files at random moments, and runs them on full disks.

    bench/kills.py PROGRAM [KILLS]

After each kill, every file must have its old or its new content, and the same command must complete the work and leave no temporary
files. On a full disk the command must report it with exit code 2. Needs git, and root to mount a tmpfs for the full disks.
"""

import http.server
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

PROGRAM = os.path.abspath(sys.argv[1])
KILLS = int(sys.argv[2]) if len(sys.argv) > 2 else 1000
TOP = pathlib.Path(tempfile.mkdtemp(prefix="kills-", dir="/dev/shm" if os.path.isdir("/dev/shm") else None))
GIT = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]


def environment(place):
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(place / "home"),
        "TMPDIR": str(place / "tmp"),
        "PLEACH_CACHE": str(place / "cache"),
        "GIT_CONFIG_GLOBAL": "/dev/null",
    }


def start(place, arguments):
    return subprocess.Popen(
        [PROGRAM, *arguments],
        cwd=place / "workspace",
        env=environment(place),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def run(place, arguments):
    process = start(place, arguments)
    said = process.communicate()[0].decode()
    return process.returncode, said


def must(place, *arguments):
    code, said = run(place, arguments)
    assert code == 0, f"{arguments}: {code}: {said}"


def git(place, *arguments):
    done = subprocess.run([*GIT, *arguments], cwd=place / "workspace", capture_output=True, check=True)
    return done.stdout.decode()


def snapshot(place):
    """All files; of Git's own files only the entries of the index."""
    files = {}
    for folder, folders, names in os.walk(place):
        # Cached runs have the path of the workspace in their names, and contain times.
        for own in (".git", "unchanged"):
            if own in folders:
                folders.remove(own)
        for name in names:
            path = pathlib.Path(folder) / name
            files[str(path.relative_to(place))] = path.read_bytes()
    hooks = place / "workspace/.git/hooks/pre-commit"
    if hooks.exists():
        files["hook"] = hooks.read_bytes() + oct(hooks.stat().st_mode).encode()
    if (place / "workspace/.git").exists():
        for line in git(place, "ls-files", "--stage").splitlines():
            entry, path = line.split("\t")
            files[f"index:{path}"] = entry.encode()
    return files


def is_leftover(path):
    """Whether a path is a temporary file, or in a temporary folder."""
    is_temporary = lambda part: part.startswith(".pleach-") and part.endswith(".tmp")
    return any(map(is_temporary, path.split("/"))) or path.startswith("tmp/")


def made(name, prepare):
    place = TOP / name
    for folder in ("workspace", "home", "tmp", "cache"):
        (place / folder).mkdir(parents=True)
    prepare(place)
    return place


# The workspaces of the commands.


def starter(place):
    must(place, "init")


def rendered(place):
    starter(place)
    must(place, "render")


def edit(place):
    """Changes the sources of all rendered files; returns the previous files."""
    before = {}
    for file in (place / "workspace/environments").glob("*/environment.yaml"):
        before[file] = file.read_text()
        file.write_text(before[file].replace("spec:\n", "spec:\n  labels: {changed: 'yes'}\n"))
        if before[file].count("  labels:\n"):
            file.write_text(before[file].replace("  labels:\n", "  labels:\n    changed: 'yes'\n"))
    return before


def changed(place):
    """A rendered workspace with many outdated files."""
    rendered(place)
    edit(place)


def staged(place):
    rendered(place)
    subprocess.run(["git", "init", "-q"], cwd=place / "workspace", check=True)
    git(place, "add", ".")
    git(place, "commit", "-q", "-m", "all")
    edit(place)
    git(place, "add", ".")


def repository(place):
    starter(place)
    subprocess.run(["git", "init", "-q"], cwd=place / "workspace", check=True)


def promotable(place):
    workspace = place / "workspace"
    head = "apiVersion: pleach.dev/v1\n"
    workspace.joinpath("pleach.yaml").write_text(head + "kind: Workspace\nmetadata: {name: kills}\n")
    for name, version in (("test", "2.0.0"), ("prod", "1.0.0")):
        folder = workspace / "environments" / name
        folder.mkdir(parents=True)
        (folder / "environment.yaml").write_text(
            head + f"kind: Environment\nmetadata: {{name: {name}}}\nspec: {{cluster: {name}-1}}\n"
        )
        for number in range(30):
            (folder / f"app{number}.yaml").write_text(
                head
                + f"kind: OperatorInstall\nmetadata: {{name: app{number}}}\nspec:\n  namespace: app{number}\n"
                + f"  chart: {{repository: 'https://charts.example.org', name: app, version: '{version}'}}\n"
            )


def with_kind(place):
    rendered(place)
    must(place, "new", "kind", "Thing")
    for file in (place / "workspace/templates/Thing/cases").glob("*/*"):
        if file.name != "claim.yaml":
            file.unlink()


def asking(place):
    workspace = place / "workspace"
    (workspace / "environments/test").mkdir(parents=True)
    (workspace / "pleach.yaml").write_text("apiVersion: pleach.dev/v1\nkind: Workspace\nmetadata: {name: kills}\n")
    head = "apiVersion: pleach.dev/v1\n"
    (workspace / "environments/test/environment.yaml").write_text(
        head + "kind: Environment\nmetadata: {name: test}\nspec: {cluster: test-1}\n"
    )
    for name in CHARTS:
        (workspace / f"environments/test/{name}.yaml").write_text(
            head
            + f"kind: OperatorInstall\nmetadata: {{name: {name}}}\nspec:\n  namespace: {name}\n"
            + f"  chart: {{repository: '{SERVER}', name: {name}, version: '1.0.0'}}\n"
        )


def chart(place):
    folder = place / "workspace/web"
    (folder / "templates").mkdir(parents=True)
    (folder / "Chart.yaml").write_text("apiVersion: v2\nname: web\nversion: 1.0.0\n")
    (folder / "values.yaml").write_text("a: 1\n")
    for number in range(50):
        (folder / f"templates/{number}.yaml").write_text("a: 1\n" * 2000)


def kustomization(place):
    folder = place / "workspace"
    (folder / "kustomization.yaml").write_text("resources: [all.yaml]\nnamePrefix: x-\n")
    objects = "---\n".join(
        f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c{number}}}\ndata: {{a: '{'x' * 200}'}}\n"
        for number in range(300)
    )
    (folder / "all.yaml").write_text(objects)
    (folder / "out").mkdir()


CHARTS = [f"chart{number}" for number in range(6)]
SERVER = ""


def serve():
    """Starts a chart repository on loopback."""
    global SERVER
    place = made("charts", lambda place: None)
    entries = "apiVersion: v1\nentries:\n"
    for name in CHARTS:
        folder = place / f"workspace/{name}"
        (folder / "templates").mkdir(parents=True)
        (folder / "Chart.yaml").write_text(f"apiVersion: v2\nname: {name}\nversion: 1.0.0\n")
        (folder / "templates/a.yaml").write_text("a: " + "".join(random.choices("abcdef", k=200_000)) + "\n")
        must(place, "publish", "chart", name, "-o", f"{name}-1.0.0.tgz")
        entries += f"  {name}:\n  - {{name: {name}, version: 1.0.0, urls: [{name}-1.0.0.tgz]}}\n"
    (place / "workspace/index.yaml").write_text(entries)

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments):
            super().__init__(*arguments, directory=place / "workspace")

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    # Killed commands abort their downloads.
    server.handle_error = lambda *_: None
    threading.Thread(target=server.serve_forever, daemon=True).start()
    SERVER = f"http://127.0.0.1:{server.server_address[1]}"


# The name, the workspace, the command, and the commands that complete its work.
COMMANDS = [
    ("init", lambda place: None, ["init"], []),
    ("render", starter, ["render"], []),
    ("render again", changed, ["render"], []),
    ("hook run --fix", staged, ["hook", "run", "--fix"], []),
    ("hook install", repository, ["hook", "install"], []),
    ("new kind", rendered, ["new", "kind", "Thing"], [["test", "--accept", "Thing"]]),
    ("test --accept", with_kind, ["test", "--accept"], []),
    ("promote", promotable, ["promote", "test", "prod"], []),
    ("vendor --copies", asking, ["vendor", "--copies"], []),
    ("publish -o", chart, ["publish", "chart", "web", "-o", "web.tgz"], []),
    ("build -o", kustomization, ["build", "-o", "out"], []),
]


def kill(name, prepare, command, finish, count):
    before = made(f"{name} before", prepare)
    old = snapshot(before)
    after = TOP / f"{name} after"
    shutil.copytree(before, after, symlinks=True)
    begun = time.monotonic()
    must(after, *command)
    took = time.monotonic() - begun
    wanted = snapshot(after)
    assert wanted != old, f"{name}: changed no files"
    killed = 0
    while killed < count:
        place = TOP / "now"
        shutil.copytree(before, place, symlinks=True)
        process = start(place, command)
        time.sleep(random.uniform(0, took))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        killed += process.returncode == -signal.SIGKILL
        # Git's configuration allows this too.
        lock = place / "workspace/.git/index.lock"
        for _ in range(100):
            if not lock.exists():
                break
            time.sleep(0.02)
        for path, content in snapshot(place).items():
            whole = (old.get(path), wanted.get(path))
            assert is_leftover(path) or content in whole, f"{name}: {path} is neither the old nor the new file"
        code, said = run(place, command)
        for more in finish:
            run(place, more)
        found = snapshot(place)
        wrong = sorted(path for path in {*found, *wanted} if found.get(path) != wanted.get(path))
        assert not wrong, f"{name}: after another run ({code}: {said}): {wrong[:5]}"
        shutil.rmtree(place)
    print(f"{name}: {killed} kills", flush=True)
    return killed


def fill(name, prepare, command, finish):
    """Runs the command until the disk is full, then with free space."""
    before = made(f"{name} full", prepare)
    disk = TOP / "disk"
    disk.mkdir(exist_ok=True)
    failures = 0
    size = sum(path.stat().st_size + 4096 for path in before.rglob("*"))
    for room in (0, 4 << 10, 16 << 10, 64 << 10, 256 << 10):
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", disk], check=True)
        try:
            place = disk / "place"
            shutil.copytree(before, place, symlinks=True)
            old = snapshot(place)
            space = os.statvfs(disk)
            (disk / "ballast").write_bytes(bytes(max(0, space.f_bfree * space.f_frsize - room)))
            code, said = run(place, command)
            assert code in (0, 2), f"{name}: {code}: {said}"
            if code == 2:
                failures += 1
                assert any(words in said for words in ("full", "No space", "unable to")), f"{name}: {said}"
            now = snapshot(place)
            (disk / "ballast").unlink()
            run(place, command)
            for more in finish:
                run(place, more)
            wanted = snapshot(place)
            for path, content in now.items():
                assert is_leftover(path) or content in (old.get(path), wanted.get(path)), f"{name}: {path}: incomplete file"
            assert not any(map(is_leftover, wanted)), f"{name}: {[it for it in wanted if is_leftover(it)]}"
        finally:
            subprocess.run(["umount", disk], check=True)
    print(f"{name}: {failures} full disks of {size >> 10} KiB", flush=True)
    return failures


def main():
    random.seed(1)
    serve()
    share = -(-KILLS // len(COMMANDS))
    killed = sum(kill(*command, share) for command in COMMANDS)
    print(f"{killed} kills")
    if os.geteuid() == 0 and subprocess.run(["mount", "-t", "tmpfs", "tmpfs", made("probe", lambda place: None)]).returncode == 0:
        subprocess.run(["umount", TOP / "probe"], check=True)
        print(sum(fill(*command) for command in COMMANDS), "full disks")
    else:
        print("skipped full disks: mounting a tmpfs needs root")


try:
    main()
finally:
    shutil.rmtree(TOP, ignore_errors=True)
