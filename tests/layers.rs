//! The rooms and what each may import: a new arrow is made here first, in a commit that says why.

use std::collections::BTreeSet;
use std::path::Path;

/// In layer order, as `src/lib.rs` declares them.
const ROOMS: &[(&str, &[&str])] = &[
    ("tree", &[]),
    ("diag", &["tree"]),
    ("yaml", &["tree", "diag"]),
    ("object", &["tree", "diag", "yaml"]),
    ("schema", &["tree", "diag", "yaml", "object"]),
    // `object` for Kubernetes' quantities.
    ("template", &["tree", "diag", "yaml", "object"]),
    // `template` for the characters that no input may hold.
    ("chart", &["tree", "diag", "yaml", "schema", "template"]),
    ("patch", &["tree", "diag", "yaml", "object", "schema"]),
    (
        "kustomize",
        &["tree", "diag", "yaml", "object", "schema", "patch"],
    ),
    ("diff", &["tree", "diag", "yaml", "object", "schema"]),
    ("emit", &["tree", "diag"]),
    // What clusters of servers an object stands for.
    ("topology", &["tree", "diag", "yaml", "object"]),
    // Rules over pairs of objects. `pleach check` runs those that need one side only.
    (
        "danger",
        &[
            "tree", "diag", "yaml", "object", "schema", "diff", "topology",
        ],
    ),
    // What a sync engine would apply from two trees, built and handed to `diff`; `emit` for which files are generated.
    (
        "compare",
        &[
            "emit",
            "tree",
            "diag",
            "yaml",
            "object",
            "schema",
            "kustomize",
            "diff",
            // For the line by which a file says what it was made from.
            "emit",
            "topology",
            "danger",
        ],
    ),
    (
        "load",
        &["tree", "diag", "yaml", "schema", "template", "chart"],
    ),
    (
        "resolve",
        &["tree", "diag", "yaml", "schema", "template", "load"],
    ),
    (
        "render",
        &[
            "tree", "diag", "yaml", "object", "template", "load", "resolve",
        ],
    ),
    // `load` for the mirrors and the access to charts that `pleach.yaml` gives; `schema` for what an intent may say; `diff` for
    // what looks like a password, which no values may hold.
    (
        "delivery",
        &[
            "tree", "diag", "yaml", "object", "schema", "chart", "diff", "load", "render",
        ],
    ),
    // `chart` for the CRDs that charts bring.
    (
        "compose",
        &[
            "tree",
            "diag",
            "yaml",
            "object",
            "schema",
            "chart",
            "patch",
            "kustomize",
            "load",
            "render",
            "delivery",
        ],
    ),
    (
        "prove",
        &[
            "tree",
            "diag",
            "yaml",
            "object",
            "schema",
            "kustomize",
            "render",
            "compose",
        ],
    ),
    (
        "promote",
        &["tree", "diag", "yaml", "schema", "load", "resolve"],
    ),
    // What each claim's objects say of versions and sizes, as they stand in a rendered tree.
    ("matrix", &["yaml", "object"]),
    // What is wrong with all that an environment applies. `danger` for its rules that need no other side, `compare` for the claims
    // that folders came from.
    (
        "check",
        &["tree", "diag", "yaml", "object", "danger", "compare"],
    ),
    // It renders workspaces: above the pipeline, which it calls as a whole.
    (
        "case",
        &["tree", "diag", "yaml", "chart", "emit", "load", "compare"],
    ),
    // `emit` for whose a file is: what pleach wrote is no input.
    (
        "affected",
        &[
            "tree",
            "diag",
            "yaml",
            "template",
            "chart",
            "kustomize",
            "load",
            "emit",
        ],
    ),
    // `yaml` for the values of a change, which are nodes.
    (
        "report",
        &[
            "tree", "diag", "yaml", "object", "diff", "topology", "danger", "compare", "promote",
            "matrix", "affected", "emit",
        ],
    ),
    ("disk", &["tree", "diag", "emit"]),
    // What is pulled is looked at before it is given on, and must be the chart that was asked for.
    ("net", &["diag", "yaml", "chart"]),
    (
        "cli",
        &[
            "tree",
            "diag",
            "yaml",
            "object",
            "schema",
            "template",
            "chart",
            "kustomize",
            "diff",
            "compare",
            // For the output folder, which is compared as it is written, and for the claim kinds, which `kinds` explains.
            "load",
            "promote",
            "matrix",
            // For the manual pages of codes.
            "danger",
            "check",
            "case",
            "emit",
            "affected",
            "report",
            "disk",
            "net",
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
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs"))
        .expect("the library can be read");
    let declared = text
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    assert_eq!(
        declared.collect::<Vec<_>>(),
        ROOMS.iter().map(|it| it.0).collect::<Vec<_>>()
    );
}

/// The rooms that a file's code names as `crate::room`; comments do not count.
fn imports(text: &str) -> BTreeSet<String> {
    let code = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    let names = code.flat_map(|line| line.split("crate::").skip(1));
    let word = |rest: &str| {
        rest.chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect::<String>()
    };
    let rooms: BTreeSet<&str> = ROOMS.iter().map(|it| it.0).collect();
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
