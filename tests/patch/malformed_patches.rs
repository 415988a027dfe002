//! Malformed patches: this engine merges or refuses them like a real kustomize.

use std::fs;
use std::process::Command;

use pleach::object::Object;
use pleach::patch::strategic;
use pleach::schema::Schemas;
use pleach::yaml::{Node, emit_canonical};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

use super::{data, documents, generate, kustomize};

#[test_with::executable(kustomize || kubectl)]
#[test]
fn a_real_kustomize_merges_the_same() {
    let tool = kustomize();
    let mut runner = TestRunner::deterministic();
    let pair = (generate::malformed(), generate::malformed());
    let mut pairs = Vec::new();
    for at in 0..200 {
        let (mut object, mut patch) = pair.new_tree(&mut runner).unwrap().current();
        for node in [&mut object, &mut patch] {
            *node.at_keys_mut(&["metadata", "name"]).unwrap() = Node::from(format!("it-{at:04}"));
        }
        let text = emit_canonical(&object);
        let mut merged = documents(&text).pop().unwrap();
        let patch = emit_canonical(&patch);
        let read = documents(&patch).pop().unwrap();
        let gvk = Object::new(object).gvk();
        let result = strategic(&mut merged, &read, Schemas::builtin(), &gvk);
        pairs.push((text, patch, result.is_ok().then(|| data(&merged))));
    }
    let (good, bad): (Vec<_>, Vec<_>) = pairs.into_iter().partition(|it| it.2.is_some());
    compare(tool, &good);
    for pair in bad.iter().take(10) {
        let refused = build(tool, std::slice::from_ref(pair)).is_err();
        assert!(refused, "must merge:\n{}---\n{}", pair.0, pair.1);
    }
}

type Pair = (String, String, Option<String>);

/// Builds all pairs at once. If the build fails, each half is built, to find the pair for which it fails.
fn compare(tool: &[&str], pairs: &[Pair]) {
    match (build(tool, pairs), pairs) {
        (Ok(built), _) => {
            assert_eq!(built.len(), pairs.len());
            for (built, (object, patch, ours)) in built.iter().zip(pairs) {
                assert_eq!(
                    Some(data(built)).as_ref(),
                    ours.as_ref(),
                    "{object}---\n{patch}"
                );
            }
        }
        (Err(error), [(object, patch, _)]) => {
            panic!("must be refused: {error}\n{object}---\n{patch}")
        }
        (Err(_), pairs) => {
            let (first, rest) = pairs.split_at(pairs.len() / 2);
            compare(tool, first);
            compare(tool, rest);
        }
    }
}

fn build(tool: &[&str], pairs: &[Pair]) -> Result<Vec<Node>, String> {
    let folder = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| fs::write(folder.path().join(path), text).unwrap();
    let mut settings = "resources: [all.yaml]\npatches:\n".to_string();
    for (at, (_, patch, _)) in pairs.iter().enumerate() {
        write(&format!("{at}.yaml"), patch);
        settings.push_str(&format!("- path: {at}.yaml\n"));
    }
    let objects: Vec<&str> = pairs.iter().map(|it| &*it.0).collect();
    write("all.yaml", &objects.join("---\n"));
    write("kustomization.yaml", &settings);
    let output = Command::new(tool[0])
        .args(&tool[1..])
        .arg(folder.path())
        .output()
        .unwrap();
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    Ok(documents(&String::from_utf8(output.stdout).unwrap()))
}
