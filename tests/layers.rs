//! The modules of the root package and what each may import. Cargo enforces the order of the crates; this table enforces the order
//! within the root. A new import is added here first, in a commit that gives the reason.

use std::collections::BTreeSet;
use std::path::Path;

/// Re-exported crates that only some modules may use. All modules may use nodes, objects, schemas and diagnostics.
const FROM_CRATES: [&str; 5] = ["chart", "patch", "kustomize", "diff", "fetch"];

/// The modules in layer order, as `src/lib.rs` and then `src/main.rs` declare them, each with its allowed imports.
const MODULES: &[(&str, &[&str])] = &[
    ("observer", &[]),
    ("layout", &[]),
    // `diff` because rules about changes see pairs of objects.
    ("rules", &["diff"]),
    ("products", &["rules", "diff"]),
    ("template", &[]),
    // `kustomize` because kustomizations contain charts to render.
    ("inflate", &["chart", "kustomize"]),
    // `chart` for the lock and the cache, which also contain pinned remote bases.
    ("remote", &["chart", "kustomize"]),
    // `inflate` because units install charts, `kustomize` because they build folders.
    ("deploy", &["inflate", "chart", "kustomize"]),
    // `kustomize` for the names of files that say what a folder applies.
    ("emit", &["layout", "kustomize"]),
    ("danger", &["rules", "diff", "products"]),
    // `emit` for the ownership line, which names the claim that a file was generated from.
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
    // `diff` for the fields that comparisons ignore, which `pleach.yaml` lists.
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
    // `deploy` for the objects that charts render.
    (
        "provenance",
        &["layout", "template", "deploy", "compare", "load"],
    ),
    ("matrix", &["products"]),
    // `danger` for the rules that need only one tree, `compare` for the claims that folders were rendered from.
    // `deploy` for the values that releases pass to charts, `provenance` for the lines of claims behind templates.
    // `chart` and `compose` for the CRDs in the cluster of an environment. `kustomize` for the names of its files.
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
            "kustomize",
        ],
    ),
    // `compare` for the files that a kustomization names, `inflate` for its charts.
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
    // Describes what `load` reads, and the values of charts.
    ("json_schema", &["chart", "load", "engine"]),
    // `emit` because generated files are not input.
    (
        "affected",
        &["layout", "template", "chart", "kustomize", "load", "emit"],
    ),
    // Renders a change.
    ("incremental", &["layout", "load", "resolve", "affected"]),
    // Renders a part.
    ("shard", &["layout", "load", "engine"]),
    ("krm", &[]),
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
    // Answers questions about all parts of a workspace: claims, kinds, templates, charts and their output.
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
            "krm",
            "workspace_diff",
            "report",
            "disk",
            "lsp",
            "fetch",
        ],
    ),
];

#[test]
fn modules_import_only_what_the_table_allows() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut wrong = Vec::new();
    for (module, allowed) in MODULES {
        for file in rust_files(&source.join(module)) {
            let text = std::fs::read_to_string(&file).expect("a source file can be read");
            let forbidden = imports(&text)
                .into_iter()
                .filter(|it| it != module && !allowed.contains(&it.as_str()));
            wrong.extend(forbidden.map(|it| format!("{} imports {it}", file.display())));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_table_lists_all_modules_in_the_order_of_their_declaration() {
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
        MODULES.iter().map(|it| it.0).collect::<Vec<_>>()
    );
}

/// The names of engines and of their base folders, as code writes them.
const ENGINE_NAMES: [&str; 4] = ["\"flux\"", "\"argo\"", "\"base-argo\"", "\"argocd\""];

/// A new engine is one folder, because no other code depends on the name of an engine.
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
        let lines = lines.filter(|it| ENGINE_NAMES.iter().any(|word| it.1.contains(word)));
        found.extend(lines.map(|(at, line)| format!("{name}:{}: {line}", at + 1)));
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// Words that earlier sources used in a sense that the documentation of Kubernetes, Git and Rust does not know.
const AVOIDED_WORDS: [&str; 5] = ["told", "stands", "stand", "hands", "handed"];

/// Code, comments, messages and the texts of kinds say "reported", "contains", "represents" or "passed" instead.
#[test]
fn sources_use_common_technical_words() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let folders = [
        "src",
        "crates",
        "templates",
        "tests",
        "bench",
        "tools",
        "ci",
        "docs",
    ];
    for folder in folders {
        for file in walkdir::WalkDir::new(top.join(folder)) {
            let file = file.expect("a source folder can be read");
            // This file lists the words.
            if file.path().ends_with("tests/layers.rs") {
                continue;
            }
            let Ok(text) = std::fs::read_to_string(file.path()) else {
                continue;
            };
            for (number, line) in text.lines().enumerate() {
                let mut words = line.split(|c: char| !c.is_alphanumeric());
                if words.any(|word| AVOIDED_WORDS.contains(&word)) {
                    found.push(format!("{}:{}: {line}", file.path().display(), number + 1));
                }
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// The modules that a file names as `crate::module`, or `pleach::module` in the program, outside of comments.
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
    let modules: BTreeSet<&str> = MODULES.iter().map(|it| it.0).chain(FROM_CRATES).collect();
    names
        .map(word)
        .filter(|name| modules.contains(name.as_str()))
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
