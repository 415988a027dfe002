//! Validates all committed output with the rules of an API server.

use std::path::{Path, PathBuf};

use pleach::diag::{Diagnostic, Source, Span};
use pleach::object::Object;
use pleach::tree::TreePath;
use pleach::validate::{Catalog, Encoding, Verdict};
use pleach::yaml::{Node, parse};

#[test]
fn committed_output_is_valid() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden");
    let cases = std::fs::read_dir(&golden).into_iter().flatten();
    let outputs = cases.map(|it| it.unwrap().path().join("output"));
    let folders: Vec<PathBuf> = outputs.chain([golden.join("starter")]).collect();
    let objects: Vec<Object> = folders.iter().flat_map(|it| objects_below(it)).collect();
    assert!(objects.len() > 500, "{}", objects.len());
    let faults = validate_objects(&objects);
    assert!(faults.is_empty(), "{}", printed(&faults));
}

#[test]
fn invalid_objects_are_reported() {
    let text = "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {port: []}\n---\n\
                apiVersion: v1\nkind: Servise\nmetadata: {name: a}\n---\n\
                apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: a}\nspec: {intervall: 1m}\n";
    let nodes = parse(&Source::internal("objects", text)).unwrap();
    let objects: Vec<Object> = nodes.into_iter().map(Object::new).collect();
    let codes: Vec<&str> = validate_objects(&objects)
        .iter()
        .map(|it| it.code)
        .collect();
    let expected = [
        "unknown-field",
        "unknown-kind",
        "unknown-field",
        "missing-field",
    ];
    assert_eq!(codes, expected);
}

/// All faults of the objects. Kinds without a schema are skipped.
pub(crate) fn validate_objects(objects: &[Object]) -> Vec<Diagnostic> {
    let catalog = Catalog::new(None);
    let faults = objects.iter().flat_map(|object| {
        let faults = match catalog.validate(&object.node, Encoding::Yaml) {
            Verdict::Checked(findings) => findings.into_iter().map(|it| it.diagnostic).collect(),
            Verdict::UnknownKind => Vec::new(),
        };
        faults
            .into_iter()
            .filter(|fault| !is_other_spelling(object, fault))
    });
    faults.collect()
}

/// The published CRD of ChronikClusters accepts one of three spellings. An object in another one has an annotation and differs in two
/// fields.
fn is_other_spelling(object: &Object, fault: &Diagnostic) -> bool {
    const FIELDS: [&str; 2] = ["`spec.storage.backend", "`spec.metastore.database`"];
    let spelling = object
        .node
        .at_keys(&["metadata", "annotations", "pleach.dev/chronik-spelling"]);
    object.kind() == "ChronikCluster"
        && matches!(spelling.and_then(Node::as_str), Some("seed" | "rust"))
        && FIELDS.iter().any(|field| fault.message.contains(field))
}

/// The objects of a tree, without patches and kustomizations.
fn objects_below(folder: &Path) -> Vec<Object> {
    let is_patch = |path: &Path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.ends_with("-patch.yaml") || name.ends_with("-delete.yaml")
    };
    let files = yaml_files(folder).into_iter().filter(|it| !is_patch(it));
    let objects = files.flat_map(|it| documents(&it, folder)).map(Object::new);
    objects
        .filter(|it| !it.kind().is_empty() && !it.api_version().is_empty())
        .filter(|it| &*it.gvk().group != "kustomize.config.k8s.io")
        .collect()
}

fn yaml_files(folder: &Path) -> Vec<PathBuf> {
    let entries = walkdir::WalkDir::new(folder).sort_by_file_name();
    let paths = entries
        .into_iter()
        .filter_map(|it| Some(it.ok()?.into_path()));
    paths
        .filter(|it| it.extension().is_some_and(|it| it == "yaml"))
        .collect()
}

fn documents(path: &Path, root: &Path) -> Vec<Node> {
    let name = path.strip_prefix(root).unwrap_or(path).to_string_lossy();
    let text = std::fs::read_to_string(path).unwrap();
    parse(&Source::new(TreePath::new(&name).unwrap(), text)).unwrap()
}

fn printed(faults: &[Diagnostic]) -> String {
    let lines = faults.iter().map(|it| {
        let place = it.span.as_ref().map(Span::to_string).unwrap_or_default();
        format!("{place}: [{}] {} ({})\n", it.code, it.message, it.label)
    });
    lines.collect()
}
