//! Builds the corpus of the real kustomize's inputs and outputs, if it is available. `tests/cases/kustomize.rs` builds the cases in
//! `tests/kustomize/`.

use std::fs;
use std::path::Path;

use pleach::diag::Source;
use pleach::disk::Folder;
use pleach::kustomize::{LoadRestriction, Options, build, build_over};
use pleach::object::Object;
use pleach::tree::{Tree, TreePath};
use pleach::yaml::parse_one;

/// How many cases of the corpus may differ: those with a schema in a comment.
const KNOWN_TO_DIFFER: usize = 4;

#[test_with::path("../shared/conformance/kustomize")]
#[test]
fn the_corpus_builds_as_with_kustomize() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/conformance/kustomize");
    let folders = fs::read_dir(&corpus)
        .unwrap()
        .flatten()
        .map(|it| it.path())
        .filter(|it| it.is_dir());
    let folders = folders.filter(|it| !it.ends_with("unsupported"));
    let cases = folders.flat_map(|it| fs::read_dir(it).unwrap().flatten());
    let (mut count, mut wrong) = (0, Vec::new());
    for case in cases.map(|it| it.path()) {
        let about = fs::read_to_string(case.join("case.yaml")).unwrap_or_default();
        if about.is_empty() || about.contains("- helm") {
            continue;
        }
        count += 1;
        if !agrees(&case, &about) {
            wrong.push(case.display().to_string());
        }
    }
    assert!(count > 600, "only {count} cases");
    assert!(
        wrong.len() <= KNOWN_TO_DIFFER,
        "{} of {count} differ:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

fn agrees(case: &Path, about: &str) -> bool {
    let field = |name: &str| {
        about
            .lines()
            .find_map(|it| it.strip_prefix(name))
            .unwrap_or("")
            .trim()
    };
    let files = Folder::open(&case.join("in")).unwrap();
    let mut options = Options::default();
    if about.contains("LoadRestrictionsNone") {
        options.load_restriction = LoadRestriction::None;
    }
    options.managed_by_label = about.contains("--enable-managedby-label");
    let path = TreePath::new(field("path:").trim_matches(['\'', '"'])).unwrap();
    let built = build(&files, &path, &options);
    let printed = match built.diagnostics.has_errors() {
        true => None,
        false => built.to_yaml().ok(),
    };
    match field("expect:") {
        "error" => printed.is_none(),
        _ => printed == fs::read_to_string(case.join("expected.yaml")).ok(),
    }
}

#[test]
fn marks_are_carried_through_renames_and_patches() {
    let files = Tree::from_text(
        "-- kustomization.yaml --\nnamePrefix: x-\npatches:\n- target: {kind: ConfigMap}\n  patch: '[{\"op\": \"add\", \"path\": \"/data\", \"value\": {\"a\": \"b\"}}]'\n",
    );
    let source = Source::new(
        TreePath::new("c.yaml").unwrap(),
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\n",
    );
    let mut object = Object::new(parse_one(&source).unwrap());
    object.mark = Some("claim 7".into());
    let built = build_over(&files, &TreePath::root(), vec![object], &Options::default());
    assert!(built.diagnostics.is_empty(), "{:?}", built.diagnostics);
    let [object] = &built.objects[..] else {
        panic!("expected one object, found {:?}", built.objects);
    };
    assert_eq!(
        (object.name(), object.mark.as_deref()),
        ("x-settings", Some("claim 7"))
    );
}
