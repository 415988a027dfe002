#!/usr/bin/env python3
"""Measures the Rust code of one or more trees and prints a table with one row for each tree: a folder or a Git revision of this repository.

    tools/measure_code.py                  # this tree
    tools/measure_code.py HEAD~50 .        # compared with an earlier revision
    tools/measure_code.py . ../ripgrep     # compared with another project

Excludes tests: folders `tests`, `benches` and `examples`, files `tests.rs`, and items with `#[cfg(test)]`.
"""

import io
import re
import subprocess
import sys
import tarfile
from pathlib import Path

SKIPPED = re.compile(r"(^|/)(tests|benches|bench|examples|target|fuzz)/|(^|/)(tests|build)\.rs$")
FUNCTION = re.compile(
    r"^\s*(?:pub(?:\([^)]*\))? )?(?:default )?(?:const )?(?:async )?(?:unsafe )?(?:extern \"[^\"]*\" )?fn ([a-z_][a-z0-9_]*)",
    re.M,
)
# Strings, characters and comments, whose braces do not count. Lifetimes are not characters.
OPAQUE = re.compile(
    r'//[^\n]*|/\*.*?\*/|r(#*)".*?"\1|b?"(?:\\.|[^"\\])*"|b?\'(?:\\[^\n]|[^\\\'\n])[^\'\n]{0,8}\'(?!\w)', re.S
)
COLUMNS = [
    "tree",
    "lines of code",
    "file median/p90/max",
    "function median/p90/p99/max",
    "> 5 parameters",
    "unwrap, clone per 1,000",
    "doc, reason comments per 100",
    "one-word names",
    "docs of three words or fewer",
]


def texts(tree: str) -> list[str]:
    """The sources of a folder or of a revision."""
    if Path(tree).is_dir():
        files = [it for it in Path(tree).rglob("*.rs")]
        pairs = [(str(it.relative_to(tree)), it.read_text(errors="replace")) for it in files]
    else:
        archive = subprocess.run(["git", "archive", tree], check=True, capture_output=True).stdout
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            members = [it for it in tar if it.isfile() and it.name.endswith(".rs")]
            pairs = [(it.name, tar.extractfile(it).read().decode(errors="replace")) for it in members]
    return [without_tests(text) for name, text in sorted(pairs) if not SKIPPED.search(name)]


def blank(text: str) -> str:
    """The text with strings and comments replaced by spaces, so that braces can be counted."""
    return OPAQUE.sub(lambda it: re.sub(r"[^\n]", " ", it.group()), text)


def end_of_block(code: str, start: int) -> int:
    """The end of the item that begins at `start`: after its braces, or at a semicolon before any brace."""
    depth = 0
    for at in range(start, len(code)):
        match code[at]:
            case "{":
                depth += 1
            case "}":
                depth -= 1
                if depth <= 0:
                    return at + 1
            case ";" if depth == 0:
                return at + 1
    return len(code)


def without_tests(text: str) -> str:
    while (at := blank(text).find("#[cfg(test)]")) >= 0:
        text = text[:at] + text[end_of_block(blank(text), at + len("#[cfg(test)]")) :]
    return text


def parameters(code: str, start: int) -> int:
    """The number of parameters of a function, including `self`."""
    at = code.find("(", start)
    depth, count, has_any = 0, 0, False
    for at in range(at, len(code)):
        sign = code[at]
        if sign in "([{<":
            depth += 1
        elif sign in ")]}" or sign == ">" and code[at - 1] != "-":
            depth -= 1
            if depth == 0:
                break
        elif sign == "," and depth == 1:
            count += 1
            has_any = False
        elif not sign.isspace():
            has_any = True
    return count + has_any


def share(values: list[int], part: float) -> int:
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * part))] if values else 0


def measure(tree: str) -> list[str]:
    files, lengths, wide, names = [], [], 0, []
    unwraps = clones = docs = reasons = code_lines = fillers = 0
    for text in texts(tree):
        code = blank(text)
        files.append(text.count("\n"))
        code_lines += sum(1 for line in code.splitlines() if line.strip())
        unwraps += code.count(".unwrap()")
        clones += code.count(".clone()")
        comments = [line.strip() for line in text.splitlines() if line.strip().startswith("//")]
        doc = [it for it in comments if it.startswith(("///", "//!"))]
        docs, reasons = docs + len(doc), reasons + len(comments) - len(doc)
        blocks = re.findall(r"(?:^[ \t]*///[^\n]*\n)+", text, re.M)
        fillers += sum(1 for it in blocks if len(it.replace("///", " ").split()) <= 3)
        for found in FUNCTION.finditer(code):
            end = end_of_block(code, found.end())
            lengths.append(code.count("\n", found.start(1), end) + 1)
            wide += parameters(code, found.end()) > 5
            names.append(found.group(1))
    thousand, hundred = max(1, code_lines) / 1000, max(1, code_lines) / 100
    one_word = sum(1 for it in names if "_" not in it)
    functions = max(1, len(names))
    return [
        tree,
        f"{code_lines:,}",
        "/".join(str(share(files, it)) for it in (0.5, 0.9, 1)),
        "/".join(str(share(lengths, it)) for it in (0.5, 0.9, 0.99, 1)),
        f"{100 * wide / functions:.1f} %",
        f"{unwraps / thousand:.1f}, {clones / thousand:.1f}",
        f"{docs / hundred:.1f}, {reasons / hundred:.1f}",
        f"{100 * one_word / functions:.0f} %",
        str(fillers),
    ]


def main() -> None:
    print("| " + " | ".join(COLUMNS) + " |")
    print("|" + "---|" * len(COLUMNS))
    for tree in sys.argv[1:] or ["."]:
        print("| " + " | ".join(measure(tree)) + " |")


if __name__ == "__main__":
    main()
