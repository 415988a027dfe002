//! CONTRIBUTING.md is true: what it names exists, and its steps for a claim kind work as written. `.ci/contributing` follows the steps for
//! a rule and a sync engine, which require a build.

use std::collections::BTreeSet;
use std::fs::{create_dir_all, read_to_string, write};
use std::path::Path;

use crate::program::run;

fn text() -> String {
    read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("CONTRIBUTING.md")).unwrap()
}

/// The texts in backticks, with `{a,b}` expanded to its alternatives.
fn quoted(text: &str) -> BTreeSet<String> {
    let words = text.split('`').skip(1).step_by(2);
    let alternatives = words.flat_map(|word| {
        let Some((start, (list, end))) = word
            .split_once('{')
            .and_then(|(start, rest)| Some((start, rest.split_once('}')?)))
        else {
            return vec![word.to_string()];
        };
        let list = list.split(',');
        list.map(|it| format!("{start}{it}{end}")).collect()
    });
    alternatives.collect()
}

#[test]
fn each_path_that_is_named_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = text();
    let words = quoted(&text);
    // Scripts write these.
    let is_generated = |it: &str| it == "bench/RESULTS.md" || it.starts_with("target/");
    let is_path = |it: &&String| {
        let is_other = |c: char| c.is_whitespace() || "<(…#".contains(c);
        it.contains('/') && !it.contains(is_other) && !is_generated(it)
    };
    let mut known = 0;
    for path in words.iter().filter(is_path) {
        // `defaults/` of a crate and `transform/mod.rs` are written from the crate's `src`.
        let places = ["", "crates/kustomize/src/"];
        let exists = places.iter().any(|it| root.join(it).join(path).exists());
        assert!(exists, "CONTRIBUTING.md names {path}, which does not exist");
        known += 1;
    }
    assert!(known > 12, "{known} paths");
}

#[test]
fn each_table_that_is_named_is_in_its_file() {
    let text = text();
    for line in text.split("\n\n").flat_map(|it| it.split(". ")) {
        let names: Vec<&str> = line.split('`').skip(1).step_by(2).collect();
        for pair in names.windows(2) {
            let [table, file] = pair else { continue };
            let is_table = table.len() > 3 && table.chars().all(|it| it.is_ascii_uppercase());
            if is_table && file.ends_with(".rs") {
                let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
                let source = read_to_string(source).unwrap();
                assert!(
                    source.contains(&format!("const {table}")),
                    "{table} in {file}"
                );
            }
        }
    }
    assert!(text.contains("`DANGERS` in `src/danger/mod.rs`"));
    assert!(text.contains("`CHECKS` in `src/check/mod.rs`"));
}

#[test]
fn a_kind_is_added_as_described() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    assert!(text().contains("Run `pleach new kind NAME`"));
    run(root, &["init"], 0);
    run(root, &["new", "kind", "Toy"], 0);
    run(root, &["test", "Toy"], 0);
    // Another object: a template, and its entry in `files`.
    let kind = root.join("templates/Toy");
    let file = read_to_string(kind.join("kind.yaml")).unwrap();
    let file = format!("{}\n  - template: configmap.yaml.j2\n", file.trim_end());
    write(kind.join("kind.yaml"), file).unwrap();
    let template = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ metadata.name }}\n  namespace: default\ndata:\n  port: \"{{ spec.port }}\"\n";
    write(kind.join("configmap.yaml.j2"), template).unwrap();
    create_dir_all(root.join("environments/test")).unwrap();
    let claim = "apiVersion: example.com/v1\nkind: Toy\nmetadata: {name: shop}\nspec: {image: 'shop:1.0', port: 80}\n";
    write(root.join("environments/test/shop.yaml"), claim).unwrap();
    run(root, &["render"], 0);
    let rendered = root.join("deploy/apps/test/shop");
    let map = read_to_string(rendered.join("configmap.yaml")).unwrap();
    assert!(map.contains("port: \"80\""), "{map}");
    assert!(rendered.join("deployment.yaml").exists() && rendered.join("service.yaml").exists());
    // Its case differs until the change is accepted.
    assert!(run(root, &["check"], 1).contains("pleach test --accept"));
    run(root, &["test", "--accept"], 0);
    run(root, &["check"], 0);
    // An invalid claim is reported at its line.
    let claim = claim.replace("port: 80", "prot: 80");
    write(root.join("environments/test/shop.yaml"), claim).unwrap();
    let report = run(root, &["render"], 1);
    assert!(report.contains("shop.yaml:4:"), "{report}");
    assert!(report.contains("did you mean `port`"), "{report}");
}
