//! Each danger rule has a text case and a manual page, and the rules for one tree need no second tree.

use std::collections::BTreeSet;

use pleach::danger::{DANGERS, check_tree, is_single_tree};
use pleach::diag::Source;
use pleach::object::Object;
use pleach::tree::TreePath;
use pleach::yaml::parse;

#[test]
fn each_rule_has_a_case_of_its_name_and_a_manual_page() {
    let mut codes = BTreeSet::new();
    for danger in DANGERS {
        assert!(codes.insert(danger.code), "{} appears twice", danger.code);
        let path = format!(
            "{}/tests/danger/{}.txt",
            env!("CARGO_MANIFEST_DIR"),
            danger.code
        );
        let case = std::fs::read_to_string(&path).unwrap_or_else(|_| panic!("no case {path}"));
        assert!(
            case.contains(&format!("[{}]", danger.code)),
            "{path} does not show the code"
        );
        assert!(!danger.summary.ends_with('.') && !danger.summary.contains('\n'));
        assert!(
            danger.explain.ends_with('.') && danger.explain.contains("\n\n")
                || danger.explain.len() > 150
        );
    }
}

/// `check` applies these rules without a tree to compare with.
#[test]
fn single_tree_rules_need_no_second_tree() {
    let mut seen = BTreeSet::new();
    for danger in DANGERS.iter().filter(|it| is_single_tree(it)) {
        let path = format!(
            "{}/tests/danger/{}.txt",
            env!("CARGO_MANIFEST_DIR"),
            danger.code
        );
        let case = pleach::tree::Tree::from_text(&std::fs::read_to_string(path).unwrap());
        let after = case.folder(&TreePath::new("after").unwrap());
        let mut objects = Vec::new();
        for (path, bytes) in &after {
            let source = Source::new(path.clone(), str::from_utf8(bytes).unwrap());
            objects.extend(parse(&source).unwrap().into_iter().map(Object::new));
        }
        let objects: Vec<&Object> = objects.iter().collect();
        let found = check_tree(&objects);
        assert!(
            found.iter().any(|it| it.danger.code == danger.code),
            "{}",
            danger.code
        );
        seen.extend(found.iter().map(|it| it.danger.code));
    }
    assert!(seen.len() > 3, "{seen:?}");
}
