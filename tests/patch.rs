//! Patches compared with recorded results of kustomize, and properties of the patch between two objects.

#[path = "patch/between.rs"]
mod between;
#[path = "patch/generate.rs"]
mod generate;
#[path = "patch/rfc6902.rs"]
mod rfc6902;
#[path = "patch/malformed_patches.rs"]
mod malformed_patches;

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use pleach::diag::Source;
use pleach::object::Object;
use pleach::patch::{Applied, json6902, parse_json6902, strategic};
use pleach::schema::Schemas;
use pleach::tree::TreePath;
use pleach::yaml::{Kind, Node, View, emit_kustomize, parse};

use std::sync::Arc;

fn source(text: &str) -> Arc<Source> {
    Source::new(TreePath::new("t.yaml").unwrap(), text)
}

/// Documents in the form that merging requires.
fn documents(text: &str) -> Vec<Node> {
    // Some cases that must be refused are not valid YAML.
    let mut documents = parse(&source(text)).unwrap_or_default();
    documents.iter_mut().for_each(Node::declare_types);
    documents
}

/// The value as `kustomize build` interprets it: keys sorted, numbers by value, labels and annotations as strings.
fn data(node: &Node) -> String {
    let mut out = String::new();
    write_data(node, &mut out, 0, false);
    out
}

fn write_data(node: &Node, out: &mut String, depth: usize, texts: bool) {
    match node.view() {
        View::Scalar(text) => match node.kind() {
            Kind::Null if texts => out.push_str("\"null\""),
            Kind::Null => out.push_str("null"),
            Kind::Bool if !texts => write!(out, "{}", node.as_bool().unwrap()).unwrap(),
            Kind::Int | Kind::Float if !texts => write!(
                out,
                "{}",
                text.replace('_', "").parse::<f64>().unwrap_or(f64::NAN)
            )
            .unwrap(),
            _ => write!(out, "{text:?}").unwrap(),
        },
        View::Sequence(items) => {
            out.push('[');
            for item in items {
                write_data(item, out, depth + 1, false);
                out.push(',');
            }
            out.push(']');
        }
        View::Mapping(entries) => {
            let mut entries: Vec<_> = entries.iter().collect();
            entries.sort_by_key(|it| it.key.as_str().unwrap().to_string());
            out.push('{');
            for entry in entries {
                let key = entry.key.as_str().unwrap();
                let texts = texts || depth == 1 && matches!(key, "labels" | "annotations");
                write!(out, "{key:?}:").unwrap();
                write_data(&entry.value, out, depth + 1, texts);
                out.push(',');
            }
            out.push('}');
        }
    }
}

/// The command of a real kustomize.
fn kustomize() -> &'static [&'static str] {
    let tools: [&[&str]; 2] = [&["kustomize", "build"], &["kubectl", "kustomize"]];
    let is_installed = |it: &&[&str]| Command::new(it[0]).arg("version").output().is_ok();
    let tool = tools.into_iter().find(is_installed);
    tool.expect("`kustomize` or `kubectl` is on the PATH")
}

fn shared(path: &str) -> PathBuf {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    shared.join(path)
}

fn folders(path: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(path)
        .unwrap()
        .map(|it| it.unwrap().path())
        .collect();
    paths.retain(|it| it.is_dir());
    paths.sort();
    paths
}

/// The object, the patches and the expected output of a case in kustomize's corpus. `None` if it has several objects or anything but
/// strategic-merge patches.
fn plain_case(case: &Path) -> Option<(Node, Vec<Node>, Option<String>)> {
    let input = case.join("in");
    let settings = documents(&fs::read_to_string(input.join("kustomization.yaml")).ok()?).pop()?;
    let keys: Vec<&str> = settings.as_mapping()?.keys().collect();
    if !keys
        .iter()
        .all(|key| matches!(*key, "resources" | "patches" | "apiVersion" | "kind"))
    {
        return None;
    }
    let [resource] = settings.get("resources")?.as_sequence()? else {
        return None;
    };
    let text = fs::read_to_string(input.join(resource.as_str()?)).ok()?;
    let object = <[Node; 1]>::try_from(documents(&text)).ok()?;
    let mut patches = Vec::new();
    for patch in settings.get("patches")?.as_sequence()? {
        // The engine, not the patch, implements targets and options.
        if patch.get("target").or(patch.get("options")).is_some() {
            return None;
        }
        let text = match patch.get("path") {
            Some(path) => fs::read_to_string(input.join(path.as_str()?)).ok()?,
            None => patch.get("patch")?.as_str()?.to_string(),
        };
        let mut patch = parse(&source(&text)).ok()?;
        patch.iter_mut().for_each(Node::declare_types);
        if patch.iter().any(|it| it.as_mapping().is_none()) {
            return None;
        }
        patches.extend(patch);
    }
    let expected = fs::read_to_string(case.join("expected.yaml")).ok();
    let [object] = object;
    Some((object, patches, expected))
}

#[test_with::path("../shared/conformance/kustomize")]
#[test]
fn strategic_merges_equal_those_of_kustomize() {
    let corpus = shared("conformance/kustomize");
    let (mut right, mut wrong) = (0, String::new());
    for case in folders(&corpus).iter().flat_map(|group| folders(group)) {
        let Some((object, patches, expected)) = plain_case(&case) else {
            continue;
        };
        let (result, expected) = (
            merge_all(object, &patches),
            expected.map(|it| documents(&it)),
        );
        let expected = expected.map(|it| it.iter().map(data).collect::<String>());
        if result.as_ref().ok() == expected.as_ref() {
            right += 1;
        } else {
            writeln!(
                wrong,
                "{}\n  got {result:?}\n  not {expected:?}",
                case.display()
            )
            .unwrap();
        }
    }
    assert!(wrong.is_empty(), "{right} right; wrong:\n{wrong}");
    assert!(right > 60, "only {right} cases were found");
}

fn merge_all(object: Node, patches: &[Node]) -> Result<String, String> {
    let Object { mut node, .. } = Object::new(object);
    let gvk = Object::new(node.clone()).gvk();
    let name = node.at_keys(&["metadata", "name"]).cloned().unwrap();
    for patch in patches {
        match strategic(&mut node, patch, Schemas::builtin(), &gvk) {
            Ok(Applied::Merged) => {}
            Ok(Applied::Deleted) => return Ok(String::new()),
            Err(fault) => return Err(fault.message),
        }
        *node.at_keys_mut(&["metadata", "name"]).unwrap() = name.clone();
    }
    Ok(data(&node))
}

/// Recorded cases with one object and one patch: the patched object, or that kustomize refuses it.
#[test_with::path("../shared/conformance/yaml")]
#[test]
fn json_patches_equal_those_of_kustomize() {
    let path = shared("conformance/yaml/json6902.json");
    let cases = documents(&fs::read_to_string(path).unwrap()).pop().unwrap();
    let mut wrong = String::new();
    for case in cases.as_sequence().unwrap() {
        let text = |keys: &[&str]| case.at_keys(keys).and_then(Node::as_str).unwrap();
        let settings = documents(text(&["files", "kustomization.yaml"]))
            .pop()
            .unwrap();
        let Some(patches) = settings.get("patches").and_then(Node::as_sequence) else {
            continue;
        };
        let mut object = documents(text(&["files", "r.yaml"])).pop().unwrap();
        let result = patches.iter().try_for_each(|patch| {
            let text = patch.get("patch").and_then(Node::as_str).unwrap();
            json6902(&mut object, &parse_json6902(&source(text))?)
        });
        let identity = [&["kind"][..], &["metadata", "name"]];
        let named = identity.iter().all(|keys| object.at_keys(keys).is_some());
        let got = match result {
            Ok(()) if named => emit_kustomize(&object).unwrap(),
            _ => "refused".to_string(),
        };
        let expected = match text(&["build"]) {
            error if error.starts_with("ERR:") => "refused",
            build => build,
        };
        if got != expected {
            writeln!(wrong, "{}\n  got {got}\n  not {expected}", text(&["name"])).unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}
