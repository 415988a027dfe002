//! Property: the patch between two objects changes the first into the second, in this engine and in a real kustomize.

use std::fs;
use std::process::Command;

use pleach::object::Object;
use pleach::patch::{Patch, between, json6902, parse_json6902, strategic};
use pleach::schema::Schemas;
use pleach::yaml::{Node, emit_canonical};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use crate::common_random::cases;

use super::{data, documents, generate, kustomize, source};

/// Applies a patch to an object after both were written and read.
fn patched(before: &Node, patch: &Patch) -> Node {
    let mut node = documents(&emit_canonical(before)).pop().unwrap();
    let gvk = Object::new(node.clone()).gvk();
    match patch {
        Patch::Strategic(patch) => {
            let patch = documents(&emit_canonical(patch)).pop().unwrap();
            strategic(&mut node, &patch, Schemas::builtin(), &gvk).unwrap();
        }
        Patch::Json6902(patch) => {
            let patch = parse_json6902(&source(&emit_canonical(patch))).unwrap();
            json6902(&mut node, &patch).unwrap();
        }
    }
    node
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(1000)))]

    #[test]
    fn the_patch_changes_the_first_object_into_the_second((before, after) in generate::pair()) {
        let patch = between(&Object::new(before.clone()), &Object::new(after.clone()), Schemas::builtin());
        match patch.unwrap() {
            None => prop_assert_eq!(data(&before), data(&after)),
            Some(patch) => prop_assert_eq!(data(&patched(&before, &patch)), data(&after), "{:?}", patch),
        }
    }
}

/// Many pairs in one build: base and overlay contain one object for each pair, with its own name.
#[test_with::executable(kustomize || kubectl)]
#[test]
fn a_real_kustomize_agrees() {
    let tool = kustomize();
    let folder = tempfile::tempdir().unwrap();
    let mut runner = TestRunner::deterministic();
    let mut pairs = Vec::new();
    let (mut base, mut overlay) = (
        String::new(),
        "resources:\n- ../base\npatches:\n".to_string(),
    );
    fs::create_dir(folder.path().join("base")).unwrap();
    fs::create_dir(folder.path().join("overlay")).unwrap();
    for at in 0..250 {
        let (mut before, mut after) = generate::pair().new_tree(&mut runner).unwrap().current();
        for node in [&mut before, &mut after] {
            *node.at_keys_mut(&["metadata", "name"]).unwrap() = Node::from(format!("it-{at:03}"));
        }
        let patch = between(
            &Object::new(before.clone()),
            &Object::new(after.clone()),
            Schemas::builtin(),
        );
        base.push_str(&format!("---\n{}", emit_canonical(&before)));
        let (text, target) = match patch.unwrap() {
            None => (None, String::new()),
            Some(Patch::Strategic(node)) => (Some(emit_canonical(&node)), String::new()),
            Some(Patch::Json6902(node)) => (
                Some(emit_canonical(&node)),
                format!("  target: {{name: it-{at:03}}}\n"),
            ),
        };
        if let Some(text) = text {
            fs::write(folder.path().join(format!("overlay/{at}.yaml")), text).unwrap();
            overlay.push_str(&format!("- path: {at}.yaml\n{target}"));
        }
        pairs.push((before, after));
    }
    let write = |path: &str, text: &str| fs::write(folder.path().join(path), text).unwrap();
    write("base/all.yaml", &base);
    write("base/kustomization.yaml", "resources: [all.yaml]\n");
    write("overlay/kustomization.yaml", &overlay);
    let output = Command::new(tool[0])
        .arg(tool[1])
        .arg(folder.path().join("overlay"))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let mut built = documents(&String::from_utf8(output.stdout).unwrap());
    let name = |node: &Node| {
        node.at_keys(&["metadata", "name"])
            .and_then(Node::as_str)
            .unwrap()
            .to_string()
    };
    built.sort_by_key(name);
    assert_eq!(built.len(), pairs.len());
    for (built, (before, after)) in built.iter().zip(&pairs) {
        let message = || {
            format!(
                "before:\n{}\nafter:\n{}",
                emit_canonical(before),
                emit_canonical(after)
            )
        };
        assert_eq!(data(built), data(after), "{}", message());
    }
}
