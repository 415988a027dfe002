//! Every object that is written is held against its own schema: its CRD's, or that of Kubernetes' OpenAPI document.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};

use pleach::diag::{Diagnostic, Source, Span};
use pleach::object::Object;
use pleach::schema::{ApiSchemas, OpenApi};
use pleach::tree::TreePath;
use pleach::yaml::{Node, parse, parse_one};

#[test]
fn rendered() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden");
    let cases = std::fs::read_dir(&golden).into_iter().flatten();
    let outputs = cases.map(|it| it.unwrap().path().join("output"));
    let folders: Vec<PathBuf> = outputs.chain([golden.join("starter")]).collect();
    let objects: Vec<Object> = folders.iter().flat_map(|it| objects_below(it)).collect();
    match validate_objects(&objects) {
        None => println!("skipped: no ../shared/schemas beside the project"),
        Some(_) if objects.is_empty() => println!("skipped: no rendered tree in golden/"),
        Some(faults) => assert!(faults.is_empty(), "{}", told(&faults)),
    }
}

#[test]
fn what_is_wrong_is_seen() {
    let text = "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {port: []}\n---\n\
                apiVersion: v1\nkind: Servise\nmetadata: {name: a}\n---\n\
                apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: a}\nspec: {intervall: 1m}\n";
    let nodes = parse(&Source::internal("objects", text)).unwrap();
    let objects: Vec<Object> = nodes.into_iter().map(Object::new).collect();
    if let Some(faults) = validate_objects(&objects) {
        let codes: Vec<&str> = faults.iter().map(|it| it.code).collect();
        assert_eq!(
            codes,
            [
                "unknown-field",
                "unknown-kind",
                "unknown-field",
                "missing-field"
            ]
        );
    }
}

/// All faults of the objects; `None` where the schemas are not at hand.
pub(crate) fn validate_objects(objects: &[Object]) -> Option<Vec<Diagnostic>> {
    let groups = objects.iter().map(|it| it.gvk().group.into_string());
    let schemas = api_schemas(&groups.collect())?;
    let faults = objects.iter().flat_map(|object| {
        let faults = schemas.validate(object).into_iter();
        faults.filter(|fault| !is_other_spelling(object, fault))
    });
    Some(faults.collect())
}

/// The published CRD of ChronikClusters takes one of three spellings; an object in another says so, and differs in two fields.
fn is_other_spelling(object: &Object, fault: &Diagnostic) -> bool {
    const FIELDS: [&str; 2] = ["`spec.storage.backend`", "`spec.metastore.database`"];
    let spelling = object
        .node
        .at_keys(&["metadata", "annotations", "pleach.dev/chronik-spelling"]);
    object.kind() == "ChronikCluster"
        && matches!(spelling.and_then(Node::as_str), Some("seed" | "rust"))
        && FIELDS.iter().any(|field| fault.message.contains(field))
}

/// Kubernetes' own kinds and the custom kinds of these groups.
pub(crate) fn api_schemas(groups: &BTreeSet<String>) -> Option<ApiSchemas> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/schemas");
    let packed = std::fs::read(folder.join("kubernetes/swagger.json.gz")).ok()?;
    let mut text = String::new();
    let mut unpacked = flate2::read::GzDecoder::new(&packed[..]);
    unpacked.read_to_string(&mut text).unwrap();
    let document = parse_one(&Source::internal("swagger.json", text)).unwrap();
    let mut schemas = ApiSchemas::new(Some(OpenApi::new(document).unwrap()));
    for group in groups.iter().filter(|it| it.contains('.')) {
        for path in yaml_files(&folder.join("crds").join(group)) {
            for crd in documents(&path, &folder) {
                schemas.add_crd(crd);
            }
        }
    }
    Some(schemas)
}

/// The objects of a tree. Patches are no objects, and kustomize reads its own files itself.
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

fn told(faults: &[Diagnostic]) -> String {
    let lines = faults.iter().map(|it| {
        let place = it.span.as_ref().map(Span::to_string).unwrap_or_default();
        format!("{place}: [{}] {} ({})\n", it.code, it.message, it.label)
    });
    lines.collect()
}
