//! Broken input: cases with randomly changed bytes, and inputs made to exhaust time or memory. Nothing may panic, hang or use more than
//! a gibibyte, which is the limit of the processes that build them.
//!
//! The random numbers come from a seed, which is printed. `MUTATED_SEED=…` and `MUTATED_SECONDS=…` select another or a longer run.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use pleach::disk::Folder;
use pleach::kustomize::{Options, build};
use pleach::tree::{EntryKind, Files, Tree, TreePath};

use crate::common_random::cases;
use crate::program::write;

/// A build that takes longer is considered hung. This does not measure speed: such builds take milliseconds.
const HUNG: Duration = Duration::from_secs(60);

/// The stack size of the program's main thread.
const STACK: usize = 8 << 20;

#[test]
fn mutated_cases_neither_panic_nor_hang() {
    let seconds = seconds(2);
    let seed = variable("MUTATED_SEED").unwrap_or(1);
    let cases = input_cases();
    println!("{} cases, seed {seed}, {seconds} s", cases.len());
    let mut random = Random(seed);
    let until = Instant::now() + Duration::from_secs(seconds);
    let mut count = 0;
    while Instant::now() < until {
        let (name, tree, folders) = random.one(&cases);
        let tree = mutated(tree, &mut random);
        for folder in folders {
            builds_without_panic(name, &tree, folder);
        }
        count += 1;
    }
    println!("{count} mutations");
}

/// Fewer mutations, each built by a process with limited memory.
#[test]
fn mutated_cases_stay_within_the_memory_limit() {
    let seconds = seconds(1);
    let seed = variable("MUTATED_SEED").unwrap_or(2);
    let cases = input_cases();
    let mut random = Random(seed);
    let until = Instant::now() + Duration::from_secs(seconds);
    let mut count = 0;
    while Instant::now() < until {
        let (name, tree, folders) = random.one(&cases);
        let tree = mutated(tree, &mut random);
        builds_within_the_memory_limit(name, &tree, random.one(folders));
        count += 1;
    }
    println!("{count} mutations, seed {seed}");
}

#[test]
fn malicious_inputs_stay_within_the_memory_limit() {
    for (name, files) in malicious_inputs() {
        let mut tree = Tree::new();
        for (path, text) in files {
            tree.insert(TreePath::new(&path).unwrap(), text.into_bytes());
        }
        let start = Instant::now();
        builds_within_the_memory_limit(name, &tree, &TreePath::new("in").unwrap());
        println!("{:6} ms {name}", start.elapsed().as_millis());
    }
}

/// Builds with the program, whose address space is limited to a gibibyte. Memory that it reserves but does not use counts too.
fn builds_within_the_memory_limit(name: &str, tree: &Tree, folder: &TreePath) {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), tree);
    let child = Command::new("sh")
        .args(["-c", "ulimit -v 1048576 && exec \"$@\"", "sh"])
        .args([
            env!("CARGO_BIN_EXE_pleach"),
            "build",
            "--output",
            "/dev/null",
        ])
        .arg(root.path().join(folder.as_str()))
        // The allocator reserves a gibibyte at its start otherwise.
        .env("MIMALLOC_ARENA_RESERVE", "65536")
        .stderr(fs::File::create(root.path().join("stderr")).unwrap())
        .stdin(Stdio::null())
        .spawn();
    let status = wait(child.unwrap());
    let code = status.and_then(|it| it.code());
    if !matches!(code, Some(0..=2)) {
        let stderr = fs::read(root.path().join("stderr")).unwrap_or_default();
        let stderr: String = String::from_utf8_lossy(&stderr)
            .chars()
            .take(2_000)
            .collect();
        let input = shortened(tree);
        panic!("{name} in `{folder}` ended with {status:?} (none: it hung):\n{stderr}\n{input}");
    }
}

/// Waits for a process, and kills it if it hangs.
fn wait(mut child: Child) -> Option<ExitStatus> {
    let until = Instant::now() + HUNG;
    while Instant::now() < until {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status);
        }
        thread::sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    None
}

/// How long a test tries mutations: by default, longer if `RANDOM_FACTOR` is set.
fn seconds(default: u32) -> u64 {
    variable("MUTATED_SECONDS").unwrap_or(u64::from(cases(default)))
}

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Builds on a separate thread. After a panic the test fails with the input as text.
fn builds_without_panic(name: &str, tree: &Tree, folder: &TreePath) {
    let (done, result) = mpsc::channel();
    let (input, path) = (tree.clone(), folder.clone());
    let spawned = thread::Builder::new().stack_size(STACK).spawn(move || {
        let run = AssertUnwindSafe(|| {
            let built = build(&input, &path, &Options::default());
            let _ = built.to_yaml();
        });
        let _ = done.send(catch_unwind(run).is_ok());
    });
    spawned.unwrap();
    match result.recv_timeout(HUNG) {
        Ok(true) => {}
        Ok(false) => panic!("{name} panicked in `{folder}`:\n{}", shortened(tree)),
        Err(_) => panic!("{name} hung in `{folder}`:\n{}", shortened(tree)),
    }
}

fn shortened(tree: &Tree) -> String {
    tree.to_text().chars().take(20_000).collect()
}

type Case = (String, Tree, Vec<TreePath>);

/// Inputs, each with its folders that contain a kustomization: our own cases, and the corpus if it is available.
fn input_cases() -> Vec<Case> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut cases = Vec::new();
    for entry in fs::read_dir(root.join("tests/kustomize"))
        .unwrap()
        .flatten()
    {
        let text = fs::read_to_string(entry.path()).unwrap();
        let input = TreePath::new("in").unwrap();
        let tree = Tree::from_text(&text).folder(&input).under(&input);
        cases.push((entry.path(), tree));
    }
    let corpus = root.join("../shared/conformance/kustomize");
    if !corpus.is_dir() {
        println!("no corpus at {}: only our own cases", corpus.display());
    }
    let folders = |path: &Path| fs::read_dir(path).into_iter().flatten().flatten();
    for case in folders(&corpus).flat_map(|it| folders(&it.path())) {
        let input = case.path().join("in");
        if let Ok(folder) = Folder::open(&input) {
            let mut tree = Tree::new();
            gather(&folder, &TreePath::root(), &mut tree);
            cases.push((input, tree.under(&TreePath::new("in").unwrap())));
        }
    }
    let with_folders = |(path, tree): (std::path::PathBuf, Tree)| {
        let files = tree.iter().map(|(path, _)| path);
        let roots = files.filter(|it| it.name().to_lowercase().starts_with("kustomization"));
        let folders = roots.filter_map(TreePath::parent).collect();
        (path.display().to_string(), tree, folders)
    };
    let mut cases: Vec<Case> = cases.into_iter().map(with_folders).collect();
    // Some cases have no kustomization, to show the message about that.
    cases.retain(|(_, _, folders)| !folders.is_empty());
    cases.sort_by(|a, b| a.0.cmp(&b.0));
    cases
}

fn gather(files: &Folder, folder: &TreePath, tree: &mut Tree) {
    for entry in files.list(folder).unwrap_or_default() {
        let path = folder.child(&entry.name);
        match entry.kind {
            EntryKind::Folder => gather(files, &path, tree),
            EntryKind::File => {
                if let Ok(bytes) = files.read(&path) {
                    tree.insert(path, bytes);
                }
            }
        }
    }
}

/// The numbers of SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }

    fn one<'a, T>(&mut self, things: &'a [T]) -> &'a T {
        &things[self.below(things.len())]
    }
}

/// Texts that mutations insert: parts of YAML, paths, patterns and numbers.
const FRAGMENTS: &[&str] = &[
    "\n",
    " ",
    "  ",
    "\t",
    ":",
    ": ",
    "- ",
    "-",
    "[",
    "]",
    "{",
    "}",
    ",",
    "&a ",
    "*a",
    "!!str ",
    "!!binary ",
    "!x ",
    "|\n",
    ">-\n",
    "'",
    "\"",
    "#",
    " #",
    "---\n",
    "...\n",
    "%",
    "%YAML 9.9\n",
    "? ",
    "<<: *a\n",
    "null",
    "~",
    "true",
    "0",
    "-1",
    "1e400",
    ".inf",
    "99999999999999999999",
    "0x",
    "$patch: delete\n",
    "$patch: replace\n",
    "/",
    "//",
    "..",
    "../",
    "~1",
    "~0",
    "*",
    ".*",
    "(",
    "(?",
    "[a=b]",
    "\\",
    "\\\\",
    "\0",
    "\r",
    "\r\n",
    "\u{feff}",
    "\u{85}",
    "\u{2028}",
    "é",
    "𝄞",
    "\u{e000}",
    "metadata:",
    "name:",
    "kind: List\nitems:\n",
    "$(NAME)",
    "@",
    "=",
    "!",
    "",
];

fn mutated(tree: &Tree, random: &mut Random) -> Tree {
    let files: Vec<_> = tree.iter().collect();
    let mut changed = tree.clone();
    for _ in 0..=random.below(3) {
        let (path, _) = *random.one(&files);
        let Some(bytes) = changed.get(path).cloned() else {
            continue;
        };
        let mut bytes = bytes.to_vec();
        for _ in 0..=random.below(4) {
            mutate(&mut bytes, &files, random);
        }
        changed.insert(path.clone(), bytes);
    }
    changed
}

fn mutate(bytes: &mut Vec<u8>, files: &[(&TreePath, &std::sync::Arc<[u8]>)], random: &mut Random) {
    let at = random.below(bytes.len() + 1);
    let to = (at + random.below(24)).min(bytes.len());
    match random.below(8) {
        0 if at < bytes.len() => bytes[at] = random.next() as u8,
        1 => drop(bytes.splice(at..at, random.one(FRAGMENTS).bytes())),
        2 => drop(bytes.splice(at..to, random.one(FRAGMENTS).bytes())),
        3 => drop(bytes.drain(at..to)),
        4 => bytes.truncate(at),
        5 => {
            let copy = bytes[at..to].to_vec();
            let place = random.below(bytes.len() + 1);
            drop(bytes.splice(place..place, copy));
        }
        6 => {
            // A line of any file of the case. Well-formed text in a wrong place gets past the parser.
            let text = String::from_utf8_lossy(random.one(files).1).into_owned();
            let lines: Vec<&str> = text.split_inclusive('\n').collect();
            let line = if lines.is_empty() {
                "\n"
            } else {
                *random.one(&lines)
            };
            let start = bytes[..at]
                .iter()
                .rposition(|it| *it == b'\n')
                .map_or(0, |it| it + 1);
            drop(bytes.splice(start..start, line.bytes()));
        }
        _ => {
            let start = bytes[..at]
                .iter()
                .rposition(|it| *it == b'\n')
                .map_or(0, |it| it + 1);
            let rest = bytes[start..].iter().position(|it| *it == b'\n');
            let end = rest.map_or(bytes.len(), |it| start + it + 1);
            drop(bytes.drain(start..end));
        }
    }
}

const MAP: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n";
const DEPLOYMENT: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {replicas: 1, template: {spec: {containers: [{name: a, image: a}]}}}\n";

type InputFiles = Vec<(String, String)>;

/// A kustomization with one file of resources.
fn over(kustomization: &str, resources: impl Into<String>) -> InputFiles {
    vec![
        (
            "in/kustomization.yaml".to_string(),
            format!("resources: [a.yaml]\n{kustomization}"),
        ),
        ("in/a.yaml".to_string(), resources.into()),
    ]
}

fn data(text: &str) -> InputFiles {
    over("", format!("{MAP}data:\n{text}\n"))
}

fn malicious_inputs() -> Vec<(&'static str, InputFiles)> {
    let mut all = malicious_texts();
    all.extend(malicious_kustomizations());
    all.extend(malicious_combinations());
    all
}

/// Many deep inputs, which threads with smaller stacks process in parallel, and steps that build on one another.
fn malicious_combinations() -> Vec<(&'static str, InputFiles)> {
    let deep = |at: usize| {
        let (open, close) = ("[".repeat(980), "]".repeat(980));
        format!("apiVersion: v1\nkind: Deep\nmetadata: {{name: a{at}}}\nspec: {open}a{close}\n")
    };
    let names: Vec<String> = (0..20).map(|at| format!("a{at}.yaml")).collect();
    let mut files: InputFiles = vec![(
        "in/kustomization.yaml".to_string(),
        format!("resources: [{}]\n", names.join(", ")),
    )];
    files.extend(
        names
            .iter()
            .enumerate()
            .map(|(at, name)| (format!("in/{name}"), deep(at))),
    );
    let chain = |length: usize| {
        let folder = |at: usize| match at {
            0 => "in".to_string(),
            at => format!("k{at}"),
        };
        let file = |at: usize| {
            let next = if at == length {
                "a.yaml".to_string()
            } else {
                format!("../k{}", at + 1)
            };
            let text = format!("resources: [{next}]\nnamePrefix: a-\n");
            (format!("{}/kustomization.yaml", folder(at)), text)
        };
        let mut files: InputFiles = (0..=length).map(file).collect();
        files.push((format!("{}/a.yaml", folder(length)), MAP.to_string()));
        files
    };
    let transformers = (0..300).map(deep).collect::<Vec<_>>().join("---\n");
    let double = "- source: {kind: ConfigMap, fieldPath: data.a}\n  targets:\n  - select: {kind: ConfigMap}\n    fieldPaths: [data.a]\n    options: {delimiter: '-', index: 0}\n";
    let patch_text = format!(
        "'[{{op: add, path: /spec/b, value: {}{}}}]'",
        "[".repeat(900),
        "]".repeat(900)
    );
    vec![
        ("deep objects in many files", files),
        (
            "many deep objects",
            over(
                "namespace: b\nnamePrefix: a-\ncommonLabels: {a: b}\ncommonAnnotations: {a: b}\nimages: [{name: a, newTag: b}]\npatches:\n- target: {kind: Deep}\n  patch: |-\n    - {op: add, path: /more, value: {a: b}}\n",
                transformers,
            ),
        ),
        ("a deep patch", over(&format!("patches:\n- target: {{kind: Deployment}}\n  patch: {patch_text}\n"), DEPLOYMENT)),
        ("a long chain of folders", chain(300)),
        (
            "replacements that double a text",
            over(&format!("replacements:\n{}", double.repeat(60)), format!("{MAP}data: {{a: x-y}}\n")),
        ),
        (
            "replacements that double a map",
            over(
                &format!(
                    "replacements:\n{}",
                    (0..60).map(|at| format!("- source: {{kind: Deployment, fieldPath: spec}}\n  targets:\n  - select: {{kind: Deployment}}\n    fieldPaths: [spec.a{at}]\n    options: {{create: true}}\n")).collect::<String>()
                ),
                DEPLOYMENT,
            ),
        ),
        (
            "replacements that go deeper each time",
            over(&format!("replacements:\n{}", "- source: {kind: Deployment, fieldPath: spec}\n  targets:\n  - select: {kind: Deployment}\n    fieldPaths: [spec.a]\n    options: {create: true}\n".repeat(1_200)), DEPLOYMENT),
        ),
        (
            "variables that double a text",
            over(
                &format!(
                    "vars:\n{}",
                    (0..40).map(|at| format!("- {{name: A{at}, objref: {{kind: ConfigMap, name: a, apiVersion: v1}}, fieldref: {{fieldpath: metadata.annotations.a{at}}}}}\n")).collect::<String>()
                ),
                format!(
                    "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  annotations:\n{}    a40: x\n",
                    (0..40).map(|at| format!("    a{at}: $(A{0})$(A{0})\n", at + 1)).collect::<String>()
                ),
            ),
        ),
    ]
}

fn malicious_texts() -> Vec<(&'static str, InputFiles)> {
    let laughs = |open: &str, close: &str| {
        let level = |at: usize| {
            let inner = vec![format!("*a{}", at.wrapping_sub(1)); 10].join(", ");
            format!("  l{at}: &a{at} {open}{inner}{close}\n")
        };
        let levels: String = (1..=12).map(level).collect();
        format!("  l0: &a0 [ha, ha]\n{levels}")
    };
    let merges: String = (1..40)
        .map(|at| format!("  m{at}: &m{at} {{<<: [*m{0}, *m{0}], k{at}: x}}\n", at - 1))
        .collect();
    let wide = "{".to_string()
        + &(0..20_000)
            .map(|at| format!("k{at}: v, "))
            .collect::<String>()
        + "}";
    vec![
        ("billion laughs", data(&laughs("[", "]"))),
        ("an alias in itself", data("  a: &a [*a]")),
        ("an alias in itself, as a map", data("  a: &a {b: *a}")),
        (
            "an alias of the document",
            over("", format!("&a\n{MAP}data: *a\n")),
        ),
        (
            "merges of merges",
            data(&format!("  m0: &m0 {{k: v}}\n{merges}")),
        ),
        (
            "deep lists",
            data(&format!(
                "  a: {}{}",
                "[".repeat(100_000),
                "]".repeat(100_000)
            )),
        ),
        (
            "deep lists without an end",
            data(&format!("  a: {}", "[".repeat(100_000))),
        ),
        (
            "deep maps",
            data(&format!("  a: {}", "{a: ".repeat(100_000))),
        ),
        (
            "deep block lists",
            data(&format!("  a:\n  {}", "- ".repeat(100_000))),
        ),
        ("deep keys", data(&format!("  {}", "? ".repeat(100_000)))),
        (
            "deep block maps",
            data(
                &(2..1500)
                    .map(|at| format!("{}a:\n", " ".repeat(at)))
                    .collect::<String>(),
            ),
        ),
        (
            "tags and anchors",
            data(&format!("  a: {}", "!!str &a ".repeat(10_000))),
        ),
        (
            "a long number",
            data(&format!("  a: {}", "9".repeat(2_000_000))),
        ),
        (
            "a long hexadecimal",
            data(&format!("  a: 0x{}", "f".repeat(1_000_000))),
        ),
        (
            "an exponent",
            data("  a: 1e999999999999\n  b: 1e-999999999999\n  c: 0.1E+2147483648"),
        ),
        (
            "underscores",
            data(&format!("  a: 1{}", "_".repeat(1_000_000))),
        ),
        ("base 60", data(&format!("  a: 1{}", ":59".repeat(200_000)))),
        ("a wide map", data(&format!("  a: {wide}"))),
        (
            "a long key",
            data(&format!("  {}: a", "k".repeat(1_000_000))),
        ),
        ("an indent", data("  a: |99999999999\n    b")),
        (
            "a directive",
            over("", format!("%YAML 99999999999999.9\n---\n{MAP}")),
        ),
        (
            "names with percent signs",
            over(
                "namePrefix: '%s%n%d'\n",
                MAP.replace("name: a", "name: '%25%s%00'"),
            ),
        ),
        ("documents", over("", "---\n".repeat(200_000))),
        (
            "lists of lists",
            over("", "{kind: List, apiVersion: v1, items: [".repeat(5_000)),
        ),
        (
            "binary",
            data(&format!("  a: !!binary {}", "=".repeat(100_000))),
        ),
    ]
}

fn malicious_kustomizations() -> Vec<(&'static str, InputFiles)> {
    let patch = |operation: &str| {
        over(
            &format!("patches:\n- target: {{kind: Deployment}}\n  patch: |-\n    - {operation}\n"),
            DEPLOYMENT,
        )
    };
    let replacement = |field: &str, options: &str| {
        over(
            &format!(
                "replacements:\n- source: {{kind: Deployment, fieldPath: metadata.name}}\n  targets:\n  - select: {{kind: Deployment}}\n    fieldPaths: ['{field}']\n    options: {{{options}}}\n"
            ),
            DEPLOYMENT,
        )
    };
    let selector = |name: &str| {
        over(
            &format!(
                "patches:\n- target: {{name: '{name}'}}\n  patch: |-\n    - {{op: remove, path: /spec}}\n"
            ),
            DEPLOYMENT,
        )
    };
    let stars = format!("spec.{}", "*.".repeat(30));
    let nested = "{a: [".repeat(6) + &"{a: 1},".repeat(200) + &"]}".repeat(6);
    vec![
        (
            "a huge index",
            patch("{op: add, path: /spec/template/spec/containers/99999999999999999999, value: 1}"),
        ),
        (
            "an index of 2^32",
            patch("{op: add, path: /spec/template/spec/containers/4294967296, value: 1}"),
        ),
        (
            "an index of 2^63",
            patch(
                "{op: replace, path: /spec/template/spec/containers/9223372036854775807, value: 1}",
            ),
        ),
        (
            "an index below zero",
            patch("{op: remove, path: /spec/template/spec/containers/-9223372036854775808}"),
        ),
        (
            "a copy into itself",
            patch("{op: copy, from: /spec, path: /spec/template/spec/a}"),
        ),
        (
            "a move into itself",
            patch("{op: move, from: /spec, path: /spec/template/spec/a}"),
        ),
        ("the whole object", patch("{op: remove, path: ''}")),
        (
            "a list for the object",
            patch("{op: replace, path: '', value: []}"),
        ),
        (
            "doubling copies",
            over(
                &format!(
                    "patches:\n- target: {{kind: Deployment}}\n  patch: |-\n{}",
                    "    - {op: copy, from: /spec, path: /spec/more}\n".repeat(60)
                ),
                DEPLOYMENT,
            ),
        ),
        (
            "copies that double",
            over(
                &format!(
                    "patches:\n- target: {{kind: Deployment}}\n  patch: |-\n{}",
                    (0..60)
                        .map(|at| format!(
                            "    - {{op: copy, from: /spec, path: /spec/more{at}}}\n"
                        ))
                        .collect::<String>()
                ),
                DEPLOYMENT,
            ),
        ),
        (
            "a replacement that goes deep",
            replacement(&format!("spec.{}b", "a.".repeat(50_000)), "create: true"),
        ),
        (
            "a patch's path that goes deep",
            patch(&format!(
                "{{op: add, path: '{}', value: 1}}",
                "/a".repeat(50_000)
            )),
        ),
        (
            "a replacement's index",
            replacement(
                "spec.template.spec.containers.99999999999.image",
                "create: true",
            ),
        ),
        (
            "a replacement's index of a list that is made",
            replacement("spec.new.99999999999", "create: true"),
        ),
        (
            "a replacement's part",
            replacement("metadata.name", "delimiter: a, index: 9223372036854775807"),
        ),
        (
            "a replacement's part below zero",
            replacement("metadata.name", "delimiter: a, index: -9223372036854775808"),
        ),
        (
            "a replacement with an empty delimiter",
            replacement("metadata.name", "delimiter: '', index: 3"),
        ),
        (
            "a replacement's stars",
            over(
                &format!(
                    "replacements:\n- source: {{kind: ConfigMap, fieldPath: metadata.name}}\n  targets:\n  - select: {{kind: ConfigMap}}\n    fieldPaths: ['{stars}a']\n"
                ),
                format!("{MAP}spec: {nested}\n"),
            ),
        ),
        (
            "a replacement of an open bracket",
            replacement("spec.[", ""),
        ),
        (
            "a replacement of a bracket",
            replacement("spec.template.spec.containers.[name=", "create: true"),
        ),
        (
            "replicas",
            over(
                "replicas: [{name: a, count: 99999999999999999999}]\n",
                DEPLOYMENT,
            ),
        ),
        (
            "replicas as a list",
            over("replicas: [{name: a, count: [1]}]\n", DEPLOYMENT),
        ),
        (
            "a pattern that grows",
            selector("(((a{1,1000}){1,1000}){1,1000}){1,1000}"),
        ),
        (
            "a pattern of classes",
            selector(&"[\\w\\pL]{1000}".repeat(50)),
        ),
        (
            "a pattern of groups",
            selector(&format!("{}a{}", "(".repeat(50_000), ")".repeat(50_000))),
        ),
        ("a pattern that goes back", selector("(a+)+(b+)+$")),
        (
            "an image's pattern",
            over(
                "images: [{name: '(a{1,1000}){1,1000}', newTag: x}]\n",
                DEPLOYMENT,
            ),
        ),
        (
            "an image with a digest",
            over(
                "images: [{name: a, digest: '@:@', newTag: ':@:'}]\n",
                DEPLOYMENT.replace("image: a", "image: 'é@:/:@'"),
            ),
        ),
        ("itself", over("components: [.]\nbases: [.]\n", MAP)),
        (
            "a path of dots",
            over(
                &format!("configurations: ['{}a']\n", "../".repeat(50_000)),
                MAP,
            ),
        ),
        (
            "a prefix",
            over(&format!("namePrefix: {}\n", "a".repeat(1_000_000)), MAP),
        ),
        (
            "field specs that go deep",
            vec![
                (
                    "in/kustomization.yaml".to_string(),
                    "resources: [a.yaml]\nconfigurations: [c.yaml]\nnamePrefix: a-\n".to_string(),
                ),
                (
                    "in/c.yaml".to_string(),
                    format!(
                        "namePrefix: [{{path: '{}b', create: true}}]\n",
                        "a/".repeat(50_000)
                    ),
                ),
                ("in/a.yaml".to_string(), MAP.to_string()),
            ],
        ),
        (
            "variables in variables",
            over(
                "vars:\n- {name: A, objref: {kind: ConfigMap, name: a, apiVersion: v1}, fieldref: {fieldpath: data.a}}\n",
                format!("{MAP}data: {{a: $(A)$(A)$(A)}}\n"),
            ),
        ),
    ]
}
