#!/usr/bin/env python3
"""Writes random calls of template functions as vectors for helm-oracle.

    tools/helm-oracle/calls.py SEED COUNT > calls.jsonl

Each line is a vector as described in crates/helm/tests/vectors.rs, without output; helm-oracle adds the output of Helm.
Functions with random or time-dependent results are excluded.
"""

import json
import random
import sys

VALUES = """\
str: hello
empty: ""
uni: "héllo wörld ☃😀"
multi: "line1\\nline2\\n\\nline4\\n"
quotes: "it's \\"q\\" \\\\ back"
num: 42
neg: -7
fl: 3.14159
big: 1234567890123
zero: 0
t: true
nil: null
list: [a, b, a, "", null, 1, 2.5, true, [x], {k: v}]
strs: [banana, apple, Apple, "10", "9"]
map: {b: 2, a: 1, c: {d: e, f: [1, {g: null}]}, "": x, "1": y, "yes": no}
nest: {x: {y: {z: deep}}}
"""

WORDS = [
    "", "a", "hello world", "héllo", "☃", "FooBar", "foo_bar", "HTTPServer2xx", " a  b ", "a,b,c", "1", "-1", "007", "0x1F",
    "1.5", "1e3", "true", "null", "yes", "2024-01-02", "key: value", "- x", "#c", "{a: 1}", '"q"', "it's", "a\nb", "a\n\nb\n",
    "\ttab", "x" * 90 + " " + "y" * 20, "&amp;<b>", "$1", "a/b/../c", "http://u:p@h.com:80/p?q=1#f", "v1.2.3", "ǆ", "ß", "İ",
    "<<", "|", "? a", "!x", "*a", "1_000", "12:30", ".inf", "0o17", "trailing ", "\u2028", "日本語",
]
PATTERNS = ["a", "[a-z]+", r"(\w+)\s(\w+)", "^h", "o$", "l*", "(?i)HELLO", ".", "a|b", "(", r"\bfoo", "(?P<n>x)y", "x?", r"\s+"]
TEMPLATES = ["$1", "${1}x", "<$0>", "", "$2-$1", "$$", "$n", "$1W"]
LAYOUTS = ["2006-01-02", "Mon Jan _2 15:04:05 2006", "2006-01-02T15:04:05Z07:00", "3:04PM", "2006-002", "15:04:05.000", "MST -0700"]
DATES = ["2024-02-29", "2024-13-01", "2023-07-15T12:34:56.789+02:00", "1999-12-31T23:59:59Z", "bad"]
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Nowhere/X", ""]
RANGES = [">=1.2", "^1.2.3", "~1.2", "1.x", ">1", "<2.0.0-0", "1.2 - 2", ">=1.2 <2 || 3", "!=1.2", "*", "", "=1.29.3", "^0.1"]
VERSIONS = ["1.2.3", "v1.29.3-eks-1", "2", "1.2.3-rc.1", "0.1.5", "3.0.0+x", "bad", "1.2.3.4", "01.2"]
NUMBERS = ["0", "1", "-3", "2.5", "1e3", "0x1f", "1000000", "12345678901", '"5.7"', '"0x10"', "0.1", "1.005", "-2.5", "1e21", "nil"]

ONE_STRING = """upper lower title untitle swapcase snakecase camelcase kebabcase nospace initials trim b64enc b64dec b32enc b32dec
    sha1sum sha256sum adler32sum base dir clean ext regexQuoteMeta squote quote html js urlquery""".split()
TWO_STRINGS = "trimPrefix trimSuffix trimAll contains hasPrefix hasSuffix splitList split".split()
TWO_NUMBERS = "add sub mul div mod max min addf subf mulf divf maxf minf".split()
WRITERS = "toJson toPrettyJson toRawJson toYaml toYamlPretty toToml typeOf kindOf toString".split()
ONE_LIST = "reverse uniq rest initial compact sortAlpha first last".split()


class Calls:
    """Random expressions of a given type, at most four calls deep."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.depth = 0

    def one_of(self, choices):
        return self.random.choice(choices)

    def number(self, low, high):
        return str(self.random.randint(low, high))

    def nested(self, plain, calls):
        """One of the calls in parentheses, or one of the literals if the call would be too deep."""
        if self.depth > 3 or self.random.random() < 0.7:
            return self.one_of(plain)
        self.depth += 1
        call = self.one_of(calls)()
        self.depth -= 1
        return f"({call})"

    def quoted(self, texts):
        return json.dumps(self.one_of(texts), ensure_ascii=True)

    def string(self):
        names = ["str", "uni", "multi", "quotes", "empty"]
        plain = [self.quoted(WORDS), self.quoted(WORDS), ".Values." + self.one_of(names)]
        return self.nested(plain, [self.string_call])

    def value(self):
        names = ["str", "num", "neg", "fl", "big", "zero", "t", "nil", "list", "strs", "map", "nest", "missing"]
        plain = [self.one_of(NUMBERS), self.quoted(WORDS), ".Values." + self.one_of(names)]
        return self.nested(plain, [self.string_call, self.value_call, self.list_call, self.map_call])

    def list(self):
        plain = [".Values.list", ".Values.strs", f"(list {self.one_of(NUMBERS)} nil)", "(list)"]
        return self.nested(plain, [self.list_call])

    def map(self):
        return self.nested([".Values.map", ".Values.nest", "(dict)"], [self.map_call])

    def date(self):
        if self.random.random() < 0.5:
            return f"(int64 {self.random.randint(-2**33, 2**33)})"
        return f"(toDate {self.quoted(LAYOUTS)} {self.quoted(DATES)})"

    def string_call(self):
        return self.one_of([
            lambda: f"{self.one_of(ONE_STRING)} {self.string()}",
            lambda: f"{self.one_of(TWO_STRINGS)} {self.string()} {self.string()} | toString",
            lambda: f"replace {self.string()} {self.string()} {self.string()}",
            lambda: f"trunc {self.number(-6, 9)} {self.string()}",
            lambda: f"abbrevboth {self.number(0, 9)} {self.number(3, 20)} {self.string()}",
            lambda: f"substr {self.number(-1, 4)} {self.number(-1, 8)} {self.string()}",
            lambda: f"{self.one_of(['indent', 'nindent', 'repeat', 'wrap'])} {self.number(-1, 5)} {self.string()}",
            lambda: f"wrapWith {self.number(1, 20)} {self.quoted(['--', ''])} {self.string()}",
            lambda: f"{self.one_of(WRITERS)} {self.value()}",
            lambda: f"{self.one_of(TWO_NUMBERS)} {self.value()} {self.value()} | toString",
            lambda: f"{self.one_of(['quote', 'squote', 'cat'])} {self.value()} {self.value()}",
            lambda: f"join {self.string()} {self.list()}",
            lambda: f"regexReplaceAll {self.quoted(PATTERNS)} {self.string()} {self.quoted(TEMPLATES)}",
            lambda: f"regexFind {self.quoted(PATTERNS)} {self.string()}",
            lambda: f"dateInZone {self.quoted(LAYOUTS)} {self.date()} {self.quoted(ZONES)}",
            lambda: f"urlParse {self.string()} | toJson",
        ])()

    def value_call(self):
        return self.one_of([
            lambda: f"default {self.value()} {self.value()}",
            lambda: f"coalesce {self.value()} {self.value()}",
            lambda: f"{self.one_of(ONE_LIST)} {self.list()}",
            lambda: f"get {self.map()} {self.quoted(['a', 'c', 'zz'])}",
            lambda: f"dig {self.quoted(['a', 'x'])} {self.quoted(['y', 'd'])} {self.value()} {self.map()}",
            lambda: f"{self.one_of(['fromJson', 'fromYaml', 'fromYamlArray', 'fromToml'])} {self.string()}",
            lambda: f"has {self.value()} {self.list()}",
            lambda: f"deepEqual {self.value()} {self.value()}",
            lambda: f"semverCompare {self.quoted(RANGES)} {self.quoted(VERSIONS)}",
            lambda: f"round {self.value()} {self.number(-2, 4)}",
            lambda: f"{self.one_of(['int', 'float64', 'ceil', 'floor', 'toDecimal', 'empty'])} {self.value()}",
        ])()

    def list_call(self):
        return self.one_of([
            lambda: f"{self.one_of(['append', 'prepend', 'without'])} {self.list()} {self.value()}",
            lambda: f"concat {self.list()} {self.list()}",
            lambda: f"slice {self.list()} {self.number(0, 2)}",
            lambda: f"chunk {self.number(-1, 4)} {self.list()}",
            lambda: f"regexSplit {self.quoted(PATTERNS)} {self.string()} {self.number(-1, 2)}",
            lambda: f"untilStep {self.number(-3, 5)} {self.number(-3, 9)} {self.number(-2, 3)}",
            lambda: f"keys {self.map()} | sortAlpha",
            lambda: f"toStrings {self.list()}",
        ])()

    def map_call(self):
        return self.one_of([
            lambda: f"dict {self.string()} {self.value()} {self.string()} {self.value()}",
            lambda: f"{self.one_of(['merge', 'mergeOverwrite'])} (deepCopy {self.map()}) {self.map()}",
            lambda: f"{self.one_of(['pick', 'omit'])} {self.map()} {self.quoted(['a', 'x'])}",
            lambda: f"set (deepCopy {self.map()}) {self.string()} {self.value()}",
            lambda: f"fromYaml (toYaml {self.map()})",
        ])()

    def template(self):
        call = self.one_of([self.string_call, self.value_call, self.list_call, self.map_call])()
        end = self.one_of(["", " | toJson", " | toYaml", " | quote", " | toYaml | nindent 2"])
        return f"{{{{ {call}{end} }}}}"


def main():
    seed, count = int(sys.argv[1]), int(sys.argv[2])
    calls = Calls(seed)
    for at in range(count):
        vector = {"id": f"calls-{seed}-{at}", "group": "calls", "template": calls.template(), "values": VALUES}
        print(json.dumps(vector, ensure_ascii=False))


if __name__ == "__main__":
    main()
