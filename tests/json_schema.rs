//! `pleach schema`: the printed schema accepts all documents that render, and refuses the misspelled fields that the loader refuses.

use std::fs;
use std::path::Path;
use std::process::Command;

use boon::{Compiler, SchemaIndex, Schemas as Compiled};
use pleach::diag::{Diagnostics, Source};
use pleach::disk::Folder;
use pleach::json_schema::{Form, Schemas, modeline};
use pleach::load::{self, normalize_field_names};
use pleach::schema::{as_json, validate};
use pleach::tree::{Files, Tree, TreePath};
use pleach::yaml::{FieldPath, Node, Step, View, parse};
use serde_json::Value as Json;

/// A compiled schema.
pub(crate) struct Validator {
    schemas: Compiled,
    index: SchemaIndex,
}

impl Validator {
    pub(crate) fn new(schema: Json) -> Validator {
        let (mut schemas, mut compiler) = (Compiled::new(), Compiler::new());
        compiler.add_resource("pleach:schema", schema).unwrap();
        let index = compiler.compile("pleach:schema", &mut schemas);
        let index = index.unwrap_or_else(|error| panic!("{error:#}"));
        Validator { schemas, index }
    }

    fn of(files: &dyn Files, form: Form) -> Validator {
        let mut faults = Diagnostics::default();
        let schemas = Schemas::read(files, None, &mut faults);
        assert!(faults.is_empty(), "{faults:?}");
        Validator::new(schemas.all(form))
    }

    fn fault(&self, document: &Node) -> Option<String> {
        self.fault_of(&as_json(document))
    }

    pub(crate) fn fault_of(&self, document: &Json) -> Option<String> {
        let result = self.schemas.validate(document, self.index);
        result.err().map(|it| it.to_string())
    }
}

fn documents(files: &dyn Files, path: &TreePath) -> Vec<Node> {
    let text = String::from_utf8(files.read(path).unwrap().to_vec()).unwrap();
    let mut documents = parse(&Source::new(path.clone(), text)).unwrap_or_default();
    documents.iter_mut().for_each(Node::settle_as_data);
    documents.retain(|it| !it.is_null());
    documents
}

/// The files of a workspace that have a schema.
fn own_files(files: &dyn Files) -> Vec<TreePath> {
    let mut found = vec![TreePath::new("pleach.yaml").unwrap()];
    for name in load::environment_names(files, &mut Diagnostics::default()) {
        let (folder, file) = load::environment_folder(&name);
        found.extend(files.read(&file).is_ok().then_some(file));
        found.extend(load::claim_files(
            files,
            &folder,
            &mut Diagnostics::default(),
        ));
    }
    let kinds = TreePath::new("templates").unwrap();
    for entry in files.list(&kinds).unwrap_or_default() {
        let file = kinds.child(&entry.name).child("kind.yaml");
        found.extend(files.read(&file).is_ok().then_some(file));
    }
    found
}

fn golden() -> Vec<Folder> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = fs::read_dir(root.join("golden")).unwrap();
    let inputs = folders.map(|it| it.unwrap().path().join("input"));
    let inputs = inputs.filter(|it| it.is_dir()).chain([root.to_path_buf()]);
    inputs.map(|it| Folder::open(&it).unwrap()).collect()
}

#[test]
fn every_file_of_the_golden_workspaces_is_valid() {
    let mut count = 0;
    for files in golden() {
        let (part, whole) = (
            Validator::of(&files, Form::Partial),
            Validator::of(&files, Form::Whole),
        );
        let (base, _) = load::environment_folder(pleach::layout::BASE);
        for path in own_files(&files) {
            for document in documents(&files, &path) {
                let at = document.span();
                assert_eq!(part.fault(&document), None, "{at}");
                // An environment may contain part of a claim if base contains the rest.
                if files.list(&base).is_err() {
                    assert_eq!(whole.fault(&document), None, "{at}");
                }
                count += 1;
            }
        }
    }
    assert!(count > 100, "{count} documents");
}

#[test]
fn every_claim_in_a_valid_case_is_valid() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/claims");
    let mut count = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        if text.contains("\nerror[") {
            continue;
        }
        let mut tree = Tree::from_text(
            "-- pleach.yaml --\napiVersion: pleach.dev/v1\nkind: Workspace\nmetadata: {name: case}\n",
        );
        tree.overlay(&Tree::from_text(&text));
        let validator = Validator::of(&tree, Form::Partial);
        for path in own_files(&tree) {
            for document in documents(&tree, &path) {
                assert_eq!(validator.fault(&document), None, "{}", document.span());
                count += 1;
            }
        }
    }
    assert!(count > 40, "{count} documents");
}

/// Misspells each field of each claim, one at a time.
#[test]
fn a_misspelled_field_is_refused_where_the_loader_refuses_it() {
    let mut count = 0;
    for files in golden() {
        let validator = Validator::of(&files, Form::Partial);
        let kinds = load::kinds(&files, &mut Diagnostics::default());
        for path in own_files(&files) {
            for document in documents(&files, &path) {
                let name = document.get("kind").and_then(Node::as_str).unwrap_or("");
                let Some(kind) = kinds.iter().find(|it| it.has_name(name)) else {
                    continue;
                };
                let mut places = Vec::new();
                keys(&document, &mut FieldPath::root(), &mut places);
                for place in places {
                    let mut misspelled = document.clone();
                    misspell(&mut misspelled, &place);
                    let mut read = misspelled.clone();
                    normalize_field_names(&mut read, kind, &mut Diagnostics::default());
                    let faults = validate(&read, &kind.schema, "claim");
                    if faults.iter().any(|it| it.code == "unknown-field") {
                        let at = document.span();
                        assert!(validator.fault(&misspelled).is_some(), "{at} {place:?}");
                        count += 1;
                    }
                }
            }
        }
    }
    assert!(count > 500, "{count} misspelled fields");
}

fn keys(node: &Node, here: &mut FieldPath, found: &mut Vec<FieldPath>) {
    let children: Vec<(Step, &Node)> = match node.view() {
        View::Scalar(_) => return,
        View::Sequence(items) => items
            .iter()
            .enumerate()
            .map(|(at, it)| (Step::Index(at), it))
            .collect(),
        View::Mapping(map) => {
            let key = |it: &Node| Step::Key(it.as_str().unwrap_or("").into());
            map.iter().map(|it| (key(&it.key), &it.value)).collect()
        }
    };
    for (step, child) in children {
        let is_key = matches!(step, Step::Key(_));
        here.push(step);
        if is_key {
            found.push(here.clone());
        }
        keys(child, here, found);
        here.pop();
    }
}

fn misspell(node: &mut Node, place: &FieldPath) {
    let (last, above) = place.steps().split_last().unwrap();
    let parent = above.iter().try_fold(node, |node, step| match step {
        Step::Key(key) => node.get_mut(key),
        Step::Index(at) => node.as_sequence_mut()?.get_mut(*at),
    });
    let Step::Key(name) = last else { return };
    for entry in parent.unwrap().as_mapping_mut().unwrap().iter_mut() {
        if entry.key.as_str() == Some(name) {
            entry.key = Node::string(format!("{name}Zz"));
        }
    }
}

#[test]
fn the_values_of_a_chart_that_a_claim_names_are_checked() {
    let tree = Tree::from_text(
        "-- pleach.yaml --\napiVersion: pleach.dev/v1\nkind: Workspace\nmetadata: {name: case}\nspec: {charts: {sources: [{prefix: 'oci://charts.example.com', folder: charts}]}}\n\
         -- charts/web/Chart.yaml --\napiVersion: v2\nname: web\nversion: 1.0.0\n\
         -- charts/web/values.schema.json --\n{\"type\": \"object\", \"required\": [\"image\"], \"additionalProperties\": false, \"properties\": {\"replicas\": {\"$ref\": \"#/definitions/count\"}, \"image\": {}}, \"definitions\": {\"count\": {\"type\": \"integer\"}}}\n\
         -- charts/plain/Chart.yaml --\napiVersion: v2\nname: plain\nversion: 1.0.0\n\
         -- charts/plain/values.yaml --\n# How many pods.\nreplicas: 2\n",
    );
    let validator = Validator::of(&tree, Form::Partial);
    let claim = |chart: &str, values: &str| {
        let text = format!(
            "apiVersion: pleach.dev/v1\nkind: OperatorInstall\nmetadata: {{name: a}}\nspec: {{namespace: a, chart: {{repository: 'oci://charts.example.com', name: {chart}}}, values: {values}}}\n"
        );
        let path = TreePath::new("claim.yaml").unwrap();
        validator.fault(&parse(&Source::new(path, text)).unwrap()[0])
    };
    assert_eq!(claim("web", "{replicas: 1}"), None);
    assert!(claim("web", "{replicas: many}").is_some());
    assert!(claim("web", "{replica: 1}").is_some());
    assert_eq!(claim("other", "{replica: 1}"), None);
    let mut faults = Diagnostics::default();
    let plain = Schemas::read(&tree, None, &mut faults)
        .of_chart("plain")
        .unwrap();
    let replicas = &plain["definitions"]["chart plain 1.0.0"]["properties"]["replicas"];
    assert_eq!(replicas["description"], "How many pods.");
    assert_eq!(replicas["default"], 2);
}

fn pleach(folder: &Path, arguments: &[&str]) -> (bool, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_pleach"))
        .args(arguments)
        .current_dir(folder)
        .env_remove("PLEACH_CACHE")
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (
        output.status.success(),
        text(output.stdout),
        text(output.stderr),
    )
}

#[test]
fn a_new_workspace_refers_to_its_schema() {
    let folder = tempfile::tempdir().unwrap();
    let settings = folder.path().join(".vscode/settings.json");
    fs::create_dir(settings.parent().unwrap()).unwrap();
    fs::write(&settings, "{}").unwrap();
    let (succeeds, _, messages) = pleach(folder.path(), &["init"]);
    assert!(succeeds, "{messages}");
    assert!(
        messages.contains("`.vscode/settings.json` already exists"),
        "{messages}"
    );
    assert_eq!(fs::read_to_string(&settings).unwrap(), "{}");
    let (_, printed, _) = pleach(folder.path(), &["schema"]);
    let written = fs::read_to_string(folder.path().join(".pleach/schema.json")).unwrap();
    assert_eq!(printed, written);
    let claim = folder.path().join("environments/prod/environment.yaml");
    let text = fs::read_to_string(claim).unwrap();
    assert!(
        text.starts_with(&modeline("../../.pleach/schema.json")),
        "{text}"
    );
    assert!(pleach(folder.path(), &["new", "kind", "Website"]).0);
    let (succeeds, _, messages) = pleach(folder.path(), &["schema", "--write"]);
    assert!(succeeds, "{messages}");
    let written = fs::read_to_string(folder.path().join(".pleach/schema.json")).unwrap();
    assert!(written.contains("\"Website\""));
    let (succeeds, kind, _) = pleach(folder.path(), &["schema", "ClaimKind"]);
    assert!(succeeds);
    let validator = Validator::new(serde_json::from_str(&kind).unwrap());
    let files = Folder::open(folder.path()).unwrap();
    let path = TreePath::new("templates/Website/kind.yaml").unwrap();
    assert_eq!(validator.fault(&documents(&files, &path)[0]), None);
    let (succeeds, _, messages) = pleach(folder.path(), &["schema", "Webside"]);
    assert!(
        !succeeds && messages.contains("did you mean `Website`?"),
        "{messages}"
    );
}
