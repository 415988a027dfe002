//! Feeds changed texts to everything that reads text: `cargo run --release --no-default-features --example fuzz -- [SECONDS [SEED]]`.
//!
//! Each input is made from a small seed by a few changes, and goes to one target in this process. A panic or an overflow of the stack
//! ends the run, and the input is printed first; a target that takes longer than a second is reported. `bench/fuzz.sh` runs it.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a program that measures time and prints what it found"
)]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use pleach::diag::{Source, Span};
use pleach::kustomize::{Options, build};
use pleach::patch::{PatchText, json6902, parse_patch};
use pleach::template::{Context, Templates, Texts};
use pleach::tree::{Tree, TreePath};
use pleach::yaml;

type Target = (&'static str, &'static [&'static str], fn(&str));

const TARGETS: &[Target] = &[
    ("yaml", YAML, read_yaml),
    ("patch", PATCHES, apply_patch),
    ("template", TEMPLATES, render_template),
    ("kustomization", KUSTOMIZATIONS, build_kustomization),
];

const YAML: &[&str] = &[
    "a: &x {b: [1, 'c', \"d\\n\"]}\ne: *x\n<<: *x\nf: |\n  g\n  h\n",
    "- !!binary aGk=\n- >-\n  folded\n  text\n- ? k\n  : v\n---\n# c\n{x: 1.5e3, y: 0x1f, z: 2001-12-14}\n",
    "%YAML 1.1\n---\na: 'it''s'\nb: \"\\u263a \\x41\"\n...\n",
];
const PATCHES: &[&str] = &[
    "- {op: add, path: /spec/a/-, value: [1]}\n- {op: move, from: /spec/a, path: /spec/b}\n- {op: test, path: /spec/c, value: 1}\n",
    "[{\"op\": \"copy\", \"from\": \"/spec\", \"path\": \"/spec/x~1y\"}, {\"op\": \"remove\", \"path\": \"/spec/a/0\"}]",
    "- op: replace\n  path: /metadata/name\n  value: b\n",
];
const TEMPLATES: &[&str] = &[
    "a: {{ spec.a ~ 'b' * 3 }}\n{% for i in range(3) %}\nb{{ i }}: {{ [i, spec.a][0] | default('x') }}\n{% endfor %}\n",
    "{% macro m(x) %}{{ x[1:] }}{% endmacro %}{% set y = m('abc') -%}\nc: {{ y | replace('b', 'c') }}\n{% raw %}{{ d }}{% endraw %}\n",
    "{% if spec.a not in (1, 2) and -spec.b < 3 %}\nd: {{ {'k': spec.a} | tojson }}\n{% elif spec.b is divisibleby 2 %}\ne: {{ '%05d' | format(4) }}\n{% endif %}\n",
];
const KUSTOMIZATIONS: &[&str] = &[
    "resources: [a.yaml]\nnamePrefix: p-\nlabels: [{pairs: {a: b}, includeSelectors: true}]\nimages: [{name: i, newTag: t}]\n",
    "resources: [a.yaml]\npatches:\n- target: {kind: Deployment}\n  patch: '[{\"op\": \"add\", \"path\": \"/spec/x\", \"value\": 1}]'\nconfigMapGenerator: [{name: c, literals: [a=b]}]\n",
    "resources: [a.yaml]\nreplacements:\n- source: {kind: Deployment, fieldPath: metadata.name}\n  targets: [{select: {kind: Deployment}, fieldPaths: [spec.template.spec.containers.0.image], options: {delimiter: ':'}}]\n",
];
const OBJECT: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {a: [1], b: 2, template: {spec: {containers: [{name: c, image: 'i:1'}]}}}\n";

/// What is put into a text.
const PARTS: &[&str] = &[
    "\n",
    "  ",
    "- ",
    ": ",
    "[",
    "]",
    "{",
    "}",
    ",",
    "'",
    "\"",
    "&x ",
    "*x",
    "<<: ",
    "|\n",
    "#",
    "---\n",
    "!!str ",
    "? ",
    "~",
    "null",
    "0",
    "-1",
    "9999999999999999999",
    "1e400",
    "/",
    "..",
    "~1",
    "*",
    "$(A)",
    "{{ ",
    " }}",
    "{% if ",
    "{% for i in ",
    "{% endif %}",
    "{% endfor %}",
    "{% set x = ",
    " %}",
    "-%}",
    "+%}",
    "{# ",
    " | ",
    " ~ ",
    " + ",
    " * ",
    " not ",
    " in ",
    " is ",
    "(",
    ")",
    "x[1:]",
    ".a",
    "\u{85}",
    "é",
    "\u{feff}",
    "\t",
    "\r\n",
    "\0",
    "$patch: delete",
    "metadata:",
    "name: a",
];

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1).map(|it| it.parse::<u64>());
    let seconds = arguments.next().and_then(Result::ok).unwrap_or(10);
    let seed = arguments.next().and_then(Result::ok).unwrap_or(1);
    let mut random = Random(seed);
    let (start, end) = (Instant::now(), Duration::from_secs(seconds));
    let mut counts = vec![0_u64; TARGETS.len()];
    let mut slowest = Duration::ZERO;
    while start.elapsed() < end {
        // Small steps between glances at the clock. A build takes much longer than the others.
        for step in 0..1_000 {
            let at = if step % 50 == 0 { 3 } else { step % 3 };
            let Some((name, seeds, target)) = TARGETS.get(at) else {
                continue;
            };
            let input = random.text(seeds);
            let before = Instant::now();
            if catch_unwind(AssertUnwindSafe(|| target(&input))).is_err() {
                println!("{name} panics with seed {seed}:\n{input}");
                return ExitCode::FAILURE;
            }
            let took = before.elapsed();
            if took > Duration::from_secs(1) {
                println!("{name} takes {took:?}:\n{input}");
            }
            slowest = slowest.max(took);
            if let Some(count) = counts.get_mut(at) {
                *count += 1;
            }
        }
    }
    for ((name, ..), count) in TARGETS.iter().zip(&counts) {
        println!("{name}: {count} inputs");
    }
    let total: u64 = counts.iter().sum();
    println!(
        "{total} inputs in {:?}, seed {seed}, the slowest took {slowest:?}",
        start.elapsed()
    );
    ExitCode::SUCCESS
}

fn read_yaml(text: &str) {
    let source = Source::internal("fuzz", text);
    if let Ok(documents) = yaml::parse(&source) {
        for document in &documents {
            let _ = (
                yaml::emit_canonical(document),
                yaml::emit_kustomize(document),
            );
        }
    }
    let _ = yaml::parse_as_written(&source);
    let _ = yaml::parse_as_kustomize(&source);
}

fn apply_patch(text: &str) {
    let source = Source::internal("fuzz", text);
    let object = yaml::parse_one(&Source::internal("object", OBJECT));
    if let (Ok(PatchText::Json6902(operations)), Ok(mut object)) = (parse_patch(&source), object) {
        let _ = json6902(&mut object, &operations);
    }
}

fn render_template(text: &str) {
    let source = Source::internal("fuzz", text);
    let mut templates = Templates::default();
    let mut texts = Texts::default();
    texts.add("t", &source);
    let Ok(spec) = yaml::parse_one(&Source::internal("spec", "{a: x, b: 2}")) else {
        return;
    };
    if templates.add(texts).is_ok() {
        let mut context = Context::new();
        context.set("spec", &spec);
        let _ = templates.render("t", &context, &Span::new(&source, 0..0));
    }
}

fn build_kustomization(text: &str) {
    let mut tree = Tree::new();
    for (path, text) in [("kustomization.yaml", text), ("a.yaml", OBJECT)] {
        if let Some(path) = TreePath::new(path) {
            tree.insert(path, text.as_bytes().to_vec());
        }
    }
    let _ = build(&tree, &TreePath::root(), &Options::default()).to_yaml();
}

/// The numbers of SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % limit.max(1) as u64).unwrap_or(0)
    }

    fn one<'a>(&mut self, texts: &[&'a str]) -> &'a str {
        let at = self.below(texts.len());
        texts.get(at).copied().unwrap_or("")
    }

    /// A seed with up to six changes.
    fn text(&mut self, seeds: &[&str]) -> String {
        let mut text = self.one(seeds).to_string();
        for _ in 0..=self.below(6) {
            let from = text.floor_char_boundary(self.below(text.len() + 1));
            let to = text
                .floor_char_boundary((from + self.below(12)).min(text.len()))
                .max(from);
            match self.below(5) {
                0 => text.insert_str(from, self.one(PARTS)),
                1 => text.replace_range(from..to, self.one(PARTS)),
                2 => text.replace_range(from..to, ""),
                3 => text.truncate(from),
                _ => {
                    let copy = text.get(from..to).unwrap_or("").repeat(1 + self.below(40));
                    text.insert_str(from, &copy);
                }
            }
        }
        text
    }
}
