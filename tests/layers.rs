//! The modules of the root package and what each may import. Cargo holds the order of the crates; this table holds the order
//! within the root. A new import is added here first, in a commit that gives the reason.

use std::collections::BTreeSet;
use std::path::Path;

/// What the root re-exports of the crates and only some modules may use. Nodes, objects, schemas and diagnostics are for all.
const FROM_CRATES: [&str; 5] = ["chart", "patch", "kustomize", "diff", "fetch"];

/// In layer order, as `src/lib.rs` declares them, and the rooms of the program, as `src/main.rs` does.
const ROOMS: &[(&str, &[&str])] = &[
    ("observer", &[]),
    ("layout", &[]),
    // `diff` because rules about changes see pairs of objects.
    ("rules", &["diff"]),
    ("products", &["rules", "diff"]),
    ("template", &[]),
    // `kustomize` because it asks for charts to be rendered.
    ("inflate", &["chart", "kustomize"]),
    // `chart` for the lock and the cache, which also hold what is pinned of remote bases.
    ("remote", &["chart", "kustomize"]),
    // `inflate` because units install charts, `kustomize` because they build folders.
    ("deploy", &["inflate", "chart", "kustomize"]),
    ("emit", &[]),
    ("danger", &["rules", "diff", "products"]),
    // `emit` for the ownership line, which says what a file was generated from.
    (
        "compare",
        &[
            "layout",
            "deploy",
            "emit",
            "kustomize",
            "diff",
            "products",
            "danger",
        ],
    ),
    // `diff` for what comparisons leave out, which `pleach.yaml` says.
    ("load", &["layout", "template", "chart", "diff"]),
    ("resolve", &["layout", "template", "load"]),
    ("render", &["template", "load", "resolve"]),
    // `load` for mirrors and credentials of chart repositories in `pleach.yaml`.
    ("delivery", &["layout", "chart", "load", "render"]),
    // `chart` for the CRDs of charts.
    (
        "compose",
        &[
            "products",
            "layout",
            "chart",
            "patch",
            "kustomize",
            "load",
            "render",
            "delivery",
        ],
    ),
    // Each engine implements what `delivery` and `compose` leave to it.
    (
        "engine",
        &[
            "layout", "products", "chart", "load", "render", "delivery", "compose",
        ],
    ),
    ("prove", &["kustomize", "render", "compose"]),
    ("promote", &["layout", "load", "resolve"]),
    // `deploy` for the objects that charts make.
    (
        "provenance",
        &["layout", "template", "deploy", "compare", "load"],
    ),
    ("matrix", &["products"]),
    // `danger` for the rules that need one side only, `compare` for the claims that folders came from.
    // `deploy` for the values that releases give to charts, `provenance` for lines of claims behind templates.
    // Charts and manifests for the definitions that an environment's cluster has.
    (
        "check",
        &[
            "rules",
            "layout",
            "products",
            "danger",
            "deploy",
            "compare",
            "provenance",
            "chart",
            "load",
            "compose",
            "engine",
        ],
    ),
    // `compare` for what a kustomization names, `inflate` for its charts.
    ("plain", &["inflate", "kustomize", "compare", "check"]),
    // All stages in order; `deploy` for the charts that releases install.
    (
        "pipeline",
        &[
            "layout", "deploy", "emit", "compare", "load", "resolve", "render", "delivery",
            "engine", "compose", "prove", "check",
        ],
    ),
    // Renders whole workspaces, so it is above the pipeline.
    ("case", &["layout", "chart", "emit", "load", "compare"]),
    // `emit` because generated files are no input.
    // Describes what `load` reads, and the values of charts.
    ("json_schema", &["chart", "load", "engine"]),
    (
        "affected",
        &["layout", "template", "chart", "kustomize", "load", "emit"],
    ),
    // Renders a change.
    ("incremental", &["layout", "load", "resolve", "affected"]),
    // Renders a part.
    ("shard", &["layout", "load", "engine"]),
    // Renders both sides of a comparison.
    (
        "workspace_diff",
        &[
            "layout",
            "remote",
            "deploy",
            "chart",
            "diff",
            "compare",
            "load",
            "engine",
            "affected",
            "provenance",
        ],
    ),
    (
        "report",
        &[
            "layout",
            "diff",
            "deploy",
            "products",
            "danger",
            "compare",
            "promote",
            "provenance",
            "matrix",
            "affected",
            "emit",
        ],
    ),
    // `workspace_diff` because comparisons store word indexes between runs.
    ("disk", &["emit", "workspace_diff"]),
    // Answers from all that a workspace is: its claims, kinds, templates, charts and what they render to.
    (
        "lsp",
        &[
            "layout",
            "template",
            "chart",
            "load",
            "engine",
            "check",
            "json_schema",
        ],
    ),
    // `load` for the output folder and for the claim kinds, which `kinds` describes; `danger` for the pages of codes.
    (
        "cli",
        &[
            "rules",
            "layout",
            "template",
            "inflate",
            "remote",
            "deploy",
            "chart",
            "kustomize",
            "diff",
            "compare",
            "load",
            "engine",
            "promote",
            "provenance",
            "matrix",
            "danger",
            "check",
            "plain",
            "case",
            "json_schema",
            "emit",
            "affected",
            "incremental",
            "shard",
            "workspace_diff",
            "report",
            "disk",
            "lsp",
            "fetch",
        ],
    ),
];

#[test]
fn rooms_import_only_what_the_table_says() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut wrong = Vec::new();
    for (room, allowed) in ROOMS {
        for file in rust_files(&source.join(room)) {
            let text = std::fs::read_to_string(&file).expect("a source file can be read");
            let forbidden = imports(&text)
                .into_iter()
                .filter(|it| it != room && !allowed.contains(&it.as_str()));
            wrong.extend(forbidden.map(|it| format!("{} imports {it}", file.display())));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_table_has_all_rooms_in_the_order_of_the_library() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let text = ["lib.rs", "main.rs"]
        .map(|it| std::fs::read_to_string(source.join(it)).expect("a source file can be read"));
    let declared = text
        .iter()
        .flat_map(|it| it.lines())
        .filter_map(|line| {
            line.strip_prefix("pub ")
                .unwrap_or(line)
                .strip_prefix("mod ")
        })
        .filter_map(|line| line.strip_suffix(';'));
    assert_eq!(
        declared.collect::<Vec<_>>(),
        ROOMS.iter().map(|it| it.0).collect::<Vec<_>>()
    );
}

/// The names of engines and of their base folders, as code writes them.
const OF_ENGINES: [&str; 4] = ["\"flux\"", "\"argo\"", "\"base-argo\"", "\"argocd\""];

/// A new engine is one folder: nothing else decides by its name.
#[test]
fn only_the_folders_of_engines_name_them() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    for path in rust_files(&source) {
        let name = path.strip_prefix(&source).expect("it is below src");
        let name = name.display().to_string();
        if name.starts_with("engine/") {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("a source file can be read");
        let lines = text.lines().enumerate();
        let lines = lines.filter(|it| OF_ENGINES.iter().any(|word| it.1.contains(word)));
        found.extend(lines.map(|(at, line)| format!("{name}:{}: {line}", at + 1)));
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// Words that the documentation of Kubernetes, Git and Rust does not use in the sense in which they crept in here.
const PECULIAR_WORDS: [&str; 5] = ["told", "stands", "stand", "hands", "handed"];

/// Code, comments, messages and the texts of kinds say "reported", "contains", "represents" or "passed" instead.
#[test]
fn sources_use_the_words_of_the_field() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    for folder in ["src", "crates", "templates", "ci", "docs"] {
        for file in walkdir::WalkDir::new(top.join(folder)) {
            let file = file.expect("a source folder can be read");
            let Ok(text) = std::fs::read_to_string(file.path()) else {
                continue;
            };
            for (number, line) in text.lines().enumerate() {
                let mut words = line.split(|c: char| !c.is_alphanumeric());
                if words.any(|word| PECULIAR_WORDS.contains(&word)) {
                    found.push(format!("{}:{}: {line}", file.path().display(), number + 1));
                }
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// The rooms that a file's code names as `crate::room`, or `pleach::room` in the program; comments do not count.
fn imports(text: &str) -> BTreeSet<String> {
    let code = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    let of_crate = |line| str::split(line, "crate::").skip(1);
    let of_library = |line| str::split(line, "pleach::").skip(1);
    let names = code.flat_map(|line| of_crate(line).chain(of_library(line)));
    let word = |rest: &str| {
        rest.chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect::<String>()
    };
    let rooms: BTreeSet<&str> = ROOMS.iter().map(|it| it.0).chain(FROM_CRATES).collect();
    names
        .map(word)
        .filter(|name| rooms.contains(name.as_str()))
        .collect()
}

fn rust_files(folder: &Path) -> Vec<std::path::PathBuf> {
    let walk = walkdir::WalkDir::new(folder)
        .into_iter()
        .filter_map(Result::ok);
    walk.map(walkdir::DirEntry::into_path)
        .filter(|path| path.extension().is_some_and(|it| it == "rs"))
        .collect()
}
