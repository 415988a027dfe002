//! Random templates, compared with a real Helm 4.
//!
//! Needs the program of `tools/helm-oracle`; `HELM_ORACLE` is its path. `RANDOM_TEMPLATES` is the number of templates, `RANDOM_SEED` the
//! first seed.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test runs a program and reports"
)]

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};

use pleach_helm::HelmVersion;
use serde_json::{Value as Json, json};

use vector::{Outcome, describe, expected, rendered};

mod vector;

const VALUES: &str = r#"
str: hello
empty: ""
multi: "a\n b\n"
uni: "héllo ☃"
one: 1
zero: 0
neg: -2.5
mil: 1000000
big: 12345678901
yes_: true
no_: false
nil: null
list: [a, b, c]
nums: [3, 1, 2]
elist: []
map: {b: 2, a: 1, c: {d: e}}
emap: {}
maps: [{n: x, v: 1}, {n: z, v: null}]
"#;

#[test]
#[ignore = "needs HELM_ORACLE: the program of tools/helm-oracle"]
fn random_templates_render_as_with_helm_4() {
    let oracle = std::env::var("HELM_ORACLE").unwrap();
    let number = |name: &str, default: u64| {
        let given = std::env::var(name).ok();
        given.map_or(default, |it| it.parse().unwrap())
    };
    let seed = number("RANDOM_SEED", 1);
    let mut vectors = String::new();
    for round in 0..number("RANDOM_TEMPLATES", 2000) {
        let mut random = Random(2 * (seed.wrapping_mul(1_000_003) + round) + 1);
        let template = random.template();
        let vector = json!({ "template": template, "values": VALUES });
        writeln!(vectors, "{vector}").unwrap();
    }
    let mut program = Command::new(oracle);
    let program = program.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut program = program.spawn().unwrap();
    let mut input = program.stdin.take().unwrap();
    let feeder = std::thread::spawn(move || input.write_all(vectors.as_bytes()));
    let output = program.wait_with_output().unwrap();
    feeder.join().unwrap().unwrap();
    let (mut different, mut failing, mut all) = (0, 0, 0);
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let vector: Json = serde_json::from_str(line).unwrap();
        let expected = expected(&vector);
        if prints_address(&expected) {
            continue;
        }
        let found = rendered(&vector, HelmVersion::V4);
        all += 1;
        failing += usize::from(expected.is_err());
        if expected != found {
            different += 1;
            println!(
                "{}\n  helm   {}\n  pleach {}",
                vector["template"].as_str().unwrap(),
                describe(&expected),
                describe(&found)
            );
        }
    }
    println!("{all} templates, {failing} of them fail, {different} differ");
    assert_eq!(different, 0);
}

/// Whether Go printed the address of a pointer: that of `.Capabilities`, if a template printed the whole root.
fn prints_address(outcome: &Outcome) -> bool {
    let text = match outcome {
        Ok(output) => String::from_utf8_lossy(output).into_owned(),
        Err(error) => error.clone(),
    };
    let text = text.to_lowercase();
    // `urlquery` escapes the colon and the bracket.
    let text = text.replace("%3a", ":").replace("%29", ")");
    // The verb `%d` shows the key as a wrong type, and `%x` prints it as digits.
    let keys = [
        "capabilities:0x",
        "capabilities):",
        "4361706162696c6974696573:",
    ];
    keys.iter().any(|it| text.contains(it))
}

/// A generator of templates, with Marsaglia's xorshift as random number generator.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        for _ in 0..3 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
        }
        usize::try_from(self.0 >> 33).unwrap() % limit
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }

    fn template(&mut self) -> String {
        let mut out = String::new();
        if self.below(3) == 0 {
            // Endless recursion overflows Go's stack before it reaches its limit.
            let body = self.variables() + &self.body(2, false);
            let body = body.replace("\"h\"", "\"none\"").replace("`h`", "`none`");
            write!(out, "{{{{ define \"h\" }}}}{body}{{{{ end }}}}").unwrap();
        } else {
            out.push_str("{{ define \"h\" }}[{{ . }}]{{ end }}");
        }
        out.push_str(&self.variables());
        let depth = self.below(4);
        out.push_str(&self.body(depth, false));
        out
    }

    /// The usual variables of expressions.
    fn variables(&mut self) -> String {
        if self.below(20) == 0 {
            return String::new();
        }
        let (x, v) = (self.field(), self.field());
        format!(
            "{{{{ $x := {x} }}}}{{{{ $y := 7 }}}}{{{{ $z := \"z\" }}}}{{{{ $v := {v} }}}}{{{{ $k := 1 }}}}"
        )
    }

    fn body(&mut self, depth: usize, in_loop: bool) -> String {
        let count = 1 + self.below(2);
        (0..count).map(|_| self.node(depth, in_loop)).collect()
    }

    fn action(&mut self, inner: &str) -> String {
        let left = self.pick(&["{{ ", "{{ ", "{{", "{{- ", "{{-\n"]);
        let right = self.pick(&[" }}", " }}", "}}", " -}}", "\n-}}"]);
        format!("{left}{inner}{right}")
    }

    fn node(&mut self, depth: usize, in_loop: bool) -> String {
        let choice = self.below(if depth == 0 { 8 } else { 19 });
        match choice {
            0 | 1 => self
                .pick(&["text", "\n", "  ", "a: b\n", "{ ", "}}", " - ", "☃"])
                .to_string(),
            2..=6 => {
                let pipe = self.pipe(depth.min(2));
                self.action(&pipe)
            }
            7 if self.below(25) == 0 => self
                .pick(&[
                    "{{ /* c */ }}",
                    "{{break}}",
                    "{{ continue }}",
                    "{{ end }}",
                    "{{ else }}",
                ])
                .to_string(),
            7 => self.pick(&["{{/* c */}}", "{{- /* c */ -}}"]).to_string(),
            8..=10 => self.branch("if", depth, in_loop),
            11 => self.branch("with", depth, in_loop),
            12..=14 => self.range(depth),
            15 => {
                let name = self.pick(&["$x", "$y", "$z"]);
                let assign = self.pick(&[":=", ":=", ":=", "="]);
                let pipe = self.pipe(2);
                let action = self.action(&format!("{name} {assign} {pipe}"));
                let body = self.body(depth - 1, in_loop);
                let read = self.action(name);
                format!("{action}{body}{read}")
            }
            16 => {
                let argument = self.term(1);
                let name = self.pick(&["\"h\"", "\"h\"", "\"h\"", "\"none\"", "`h`"]);
                self.action(&format!("template {name} {argument}"))
            }
            17 if in_loop => {
                let (condition, leave) = (self.pipe(1), self.pick(&["break", "continue"]));
                let (first, last) = (self.action(&format!("if {condition}")), self.action("end"));
                format!("{first}{{{{ {leave} }}}}{last}")
            }
            17 => {
                let pipe = self.pipe(1);
                let body = self.variables() + &self.body(depth - 1, false);
                format!("{{{{ block \"b\" {pipe} }}}}{body}{{{{ end }}}}")
            }
            _ => {
                let argument = self.term(1);
                let inner = self.pick(&[
                    "{{ . }}",
                    "{{ .a }}",
                    "{{ $ }}",
                    "{{ include \"h\" . }}",
                    "{{ define \"h\" }}T{{ end }}{{ template \"h\" }}",
                    "{{ fail \"x\" }}",
                    "{{ nope }}",
                    "t",
                ]);
                self.action(&format!("tpl {inner:?} {argument}"))
            }
        }
    }

    fn branch(&mut self, word: &str, depth: usize, in_loop: bool) -> String {
        let pipe = self.pipe(2);
        let declared = self.pick(&["", "", "", "$x := ", "$v := "]);
        let mut out = self.action(&format!("{word} {declared}{pipe}"));
        out.push_str(&self.body(depth - 1, in_loop));
        if self.below(3) == 0 {
            let pipe = self.pipe(1);
            let word = if self.below(8) == 0 { "if" } else { word };
            out.push_str(&self.action(&format!("else {word} {pipe}")));
            out.push_str(&self.body(depth - 1, in_loop));
        }
        if self.below(2) == 0 {
            out.push_str(&self.action("else"));
            out.push_str(&self.body(depth - 1, in_loop));
        }
        out.push_str(&self.action("end"));
        out
    }

    fn range(&mut self, depth: usize) -> String {
        let declared = self.pick(&[
            "",
            "",
            "$x := ",
            "$k, $v := ",
            "$_, $x := ",
            "$x = ",
            "$k, $x = ",
        ]);
        let over = match self.below(4) {
            0 => self.pipe(1),
            _ => self
                .pick(&[
                    ".Values.list",
                    ".Values.map",
                    ".Values.maps",
                    "3",
                    ".Values.elist",
                    ".Values.nil",
                    "$.Values.nums",
                    "until 2",
                    "(list 1 nil \"a\")",
                    ".Values.one",
                    "(dict \"k\" .)",
                ])
                .to_string(),
        };
        let mut out = self.action(&format!("range {declared}{over}"));
        out.push_str(&self.body(depth - 1, true));
        if self.below(3) == 0 {
            out.push_str(&self.action("else"));
            out.push_str(&self.body(depth - 1, false));
        }
        out.push_str(&self.action("end"));
        out
    }

    fn pipe(&mut self, depth: usize) -> String {
        let mut out = self.command(depth);
        for _ in 0..self.below(3) {
            let function = self.pick(&[
                "quote",
                "default \"d\"",
                "toString",
                "len",
                "not",
                "print",
                "printf \"%v|%d|%q\" 1",
                "upper",
                "toJson",
                "list",
                "eq 1.0",
                "index .Values.map",
                "or .Values.nil",
                "and .Values.yes_",
                "include \"h\"",
                "html",
                "js",
                "urlquery",
                "println",
                "$x",
                ".Values.str",
                "ne \"a\"",
                "lt 1.0",
                "kindOf",
                "typeOf",
                "printf \"%5.2f\"",
                "1",
                "squote",
                "trunc 2",
                "required \"r\"",
            ]);
            write!(out, " | {function}").unwrap();
        }
        out
    }

    /// A command, usually with the required arguments.
    fn command(&mut self, depth: usize) -> String {
        if self.below(6) > 0 {
            let shape = self.pick(&[
                "T",
                "T",
                "T",
                "print T T",
                "printf S T T",
                "len C",
                "index C 0",
                "index C S",
                "eq T T",
                "ne T T",
                "lt N N",
                "ge N N",
                "and T T",
                "or T T T",
                "not T",
                "html T",
                "list T T",
                "dict S T",
                "default T T",
                "quote T",
                "include \"h\" T",
                "kindOf T",
                "typeOf T",
                "upper S",
                "ternary T T (not T)",
                "toYaml C",
                "until 3",
                "add N N",
                "println T",
                "js T",
                "urlquery S",
                "(T)",
                "index .Values.maps 0 \"n\"",
                "tpl S T",
                "eq S S",
                "printf \"%v %s %d %q %x\" T T T T T",
                "printf \"%5.1f|%-8v|%+d|%#v\" N T N C",
                ".Values.map.a",
                "$.Values.maps",
                "(dict \"a\" T).a",
                "call T",
                "slice C 0 1",
                "first C",
            ]);
            let mut out = String::new();
            for letter in shape.split_inclusive(|it: char| !it.is_ascii_uppercase() || it == 'V') {
                let (kind, rest) = match letter.chars().next() {
                    Some(kind @ ('T' | 'S' | 'N' | 'C')) => (Some(kind), &letter[1..]),
                    _ => (None, letter),
                };
                match kind {
                    Some('T') => out.push_str(&self.term(depth)),
                    Some('S') => out.push_str(self.pick(&[
                        "\"a\"",
                        "\"%v-%v\"",
                        ".Values.str",
                        "$z",
                        "\"n\"",
                        ".Values.uni",
                    ])),
                    Some('N') => out.push_str(self.pick(&[
                        "1",
                        "2",
                        "1.5",
                        ".Values.one",
                        ".Values.neg",
                        "$y",
                        "1e6",
                    ])),
                    Some(_) => out.push_str(self.pick(&[
                        ".Values.list",
                        ".Values.map",
                        ".Values.nums",
                        "(list 1 2)",
                        "(dict \"a\" 1)",
                        ".Values.maps",
                        "$v",
                    ])),
                    None => {}
                }
                out.push_str(rest);
            }
            return out;
        }
        let function = match self.below(5) {
            0 | 1 => return self.term(depth),
            _ => self.pick(&[
                "print", "printf", "len", "index", "eq", "ne", "lt", "le", "gt", "ge", "and", "or",
                "not", "html", "println", "list", "dict", "default", "quote", "include", "tpl",
                "kindOf", "typeOf", "slice", "upper", "ternary", "call", "toYaml", "get", "hasKey",
                "until", "add",
            ]),
        };
        let mut out = function.to_string();
        for _ in 0..self.below(4) {
            let term = self.term(depth);
            write!(out, " {term}").unwrap();
        }
        out
    }

    fn term(&mut self, depth: usize) -> String {
        match self.below(if depth == 0 { 9 } else { 12 }) {
            0..=2 => self.field(),
            3 => self
                .pick(&[
                    ".",
                    "$",
                    "$x",
                    "$y",
                    "$v",
                    "nil",
                    "true",
                    "false",
                    "$.Values",
                    "$.Release.Name",
                    "$x.a",
                    "$v.n",
                ])
                .to_string(),
            4 | 5 => self
                .pick(&[
                    "1",
                    "0",
                    "-3",
                    "1.5",
                    "1e6",
                    "0x1F",
                    "'a'",
                    "1_000",
                    "017",
                    "2",
                    "1i",
                    "0b11",
                    "9223372036854775808",
                    ".5",
                    "0x1p4",
                ])
                .to_string(),
            6..=8 => self
                .pick(&[
                    "\"a\"",
                    "\"\"",
                    "`r\nw`",
                    "\"é\\n\\x41\"",
                    "\"h\"",
                    "\"b\"",
                    "\"%v\"",
                    "\"%s-%d\"",
                    "\"%#v\"",
                    "\"%T\"",
                    "\"%-6s|%6.3f\"",
                    "\"%!\"",
                ])
                .to_string(),
            9 | 10 => {
                let pipe = self.pipe(depth - 1);
                format!("({pipe})")
            }
            _ => {
                let (pipe, field) = (
                    self.pipe(depth - 1),
                    self.pick(&["a", "n", "x.y", "Values", "str"]),
                );
                format!("({pipe}).{field}")
            }
        }
    }

    fn field(&mut self) -> String {
        let root = self.pick(&[
            ".Values", "$.Values", "$.Values", "$.Values", "$.Values", "$.Values", "$.Values", "",
        ]);
        let name = self.pick(&[
            ".str",
            ".empty",
            ".multi",
            ".uni",
            ".one",
            ".zero",
            ".neg",
            ".mil",
            ".big",
            ".yes_",
            ".no_",
            ".nil",
            ".list",
            ".nums",
            ".elist",
            ".map",
            ".map.a",
            ".map.c.d",
            ".map.zz",
            ".emap",
            ".maps",
            ".missing",
            ".missing.x",
            ".str.x",
            ".n",
            ".v",
        ]);
        format!("{root}{name}")
    }
}
