#!/usr/bin/env python3
"""Draws the images of the README from real output: docs/images/diff.svg (a diff) and docs/images/tour.svg (an animated session).

    tools/terminal_svg.py [PLEACH]

Works in a temporary copy of the starter. PLEACH is the program (default: target/release/pleach). The output contains no paths or times, so
the images are reproducible.
"""
import html
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
COLOURS = {"30": "#57606a", "31": "#ff7b72", "32": "#7ee787", "33": "#d29922", "34": "#79c0ff", "35": "#d2a8ff", "36": "#a5d6ff",
           "37": "#c9d1d9", "90": "#8b949e", "91": "#ffa198", "92": "#7ee787", "93": "#e3b341", "94": "#79c0ff", "95": "#d2a8ff",
           "96": "#a5d6ff"}
COLUMNS, LINE, CHARACTER = 104, 18, 8.1
CHANGE = ("environments/prod/databases.yaml", "diskSize: 200Gi", "diskSize: 100Gi")


def spans(line):
    """The segments of a line with ANSI escapes, each with its colour and whether it is bold."""
    colour, bold, at = None, False, 0
    for match in re.finditer(r"\x1b\[([0-9;]*)m", line + "\x1b[m"):
        if match.start() > at:
            yield line[at:match.start()], colour, bold
        at = match.end()
        for code in (match[1] or "0").split(";"):
            colour, bold = {"0": (None, False), "1": (colour, True)}.get(code, (COLOURS.get(code, colour), bold))


def row(line, number):
    text = "".join(
        f'<tspan{f" fill={chr(34)}{colour}{chr(34)}" if colour else ""}{" font-weight=" + chr(34) + "bold" + chr(34) if bold else ""}>'
        f"{html.escape(piece)}</tspan>"
        for piece, colour, bold in spans(line)
    )
    return f'<text x="16" y="{(number + 2) * LINE}" xml:space="preserve">{text}</text>'


def picture(rows, height, style="", title=""):
    width = int(COLUMNS * CHARACTER) + 32
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img" '
            f'font-family="ui-monospace,Menlo,Consolas,monospace" font-size="13" fill="#c9d1d9"><title>{html.escape(title)}</title>'
            f'<style>{style}</style><rect width="100%" height="100%" rx="8" fill="#0d1117"/>\n' + "\n".join(rows) + "\n</svg>\n")


def run(folder, *command):
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return [line[:400] for line in (done.stdout + done.stderr).rstrip("\n").split("\n")]


def session(pleach, folder):
    """Copies the starter to a repository and changes its work tree; yields commands and their output."""
    for name in ("pleach.yaml", "environments", "overlays", "golden/starter"):
        source, target = ROOT / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target)
    for command in (["init", "--quiet"], ["add", "."],
                    ["-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "--quiet", "--message", "a"]):
        subprocess.run(["git", *command], cwd=folder, check=True)
    file, old, new = CHANGE
    (folder / file).write_text((folder / file).read_text().replace(old, new, 1))
    for words in (["diff"], ["render"], ["check"]):
        yield f"pleach {' '.join(words)}", run(folder, pleach, "--color", "always", *words)


def main():
    pleach = str(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "target/release/pleach").resolve())
    images = ROOT / "docs/images"
    images.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        steps = list(session(pleach, pathlib.Path(folder)))
    prompt = "\x1b[32m$\x1b[0m "
    command, printed = steps[0]
    lines = [prompt + command, *printed]
    rows = [row(line, at) for at, line in enumerate(lines)]
    (images / "diff.svg").write_text(picture(rows, (len(lines) + 2) * LINE, title="pleach diff of a smaller volume"))

    lines, rows, styles, seconds = [], [], [], 0.5
    for command, printed in steps:
        for line in [prompt + command, *printed, ""]:
            styles.append(f".r{len(lines)}{{animation:show 0s {seconds:.1f}s forwards;visibility:hidden}}")
            rows.append(f'<g class="r{len(lines)}">{row(line, len(lines))}</g>')
            lines.append(line)
            seconds += 0.1
        seconds += 1.5
    style = "@keyframes show{to{visibility:visible}}" + "".join(styles)
    (images / "tour.svg").write_text(picture(rows, (len(lines) + 2) * LINE, style, "a session: pleach diff, render and check"))


if __name__ == "__main__":
    main()
