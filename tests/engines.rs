//! Both sync engines and all layouts apply the same objects in the same order.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use pleach::compare::{Comparison, Side, compare};
use pleach::diag::Source;
use pleach::diff::Salt;
use pleach::disk::read_output;
use pleach::kustomize;
use pleach::object::Object;
use pleach::tree::{Tree, TreePath};
use pleach::yaml::{Node, parse};
use pleach::{Options, compile};

use crate::program::{pleach, write};

const FORMS: [(&str, &str); 4] = [
    ("flux", "overlays"),
    ("flux", "flat"),
    ("argo", "overlays"),
    ("argo", "flat"),
];

#[test_with::path("../shared/examples")]
#[test]
fn example_claims_render_in_every_form() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/examples");
    let claims = examples.join("claims");
    let mut workspaces = vec![workspace_below(&examples.join("workspace"))];
    for kind in ["kubernetes-altinity-operator", "clickhouse-kubernetes"] {
        let files = yaml_files(&claims.join(kind)).into_iter();
        workspaces.extend(files.map(|it| workspace_of(&[it])));
    }
    workspaces.push(workspace_of(&yaml_files(&claims.join("pulumi-operator"))));
    workspaces.push(workspace_of(&yaml_files(&claims.join("chronik-cluster"))));
    let mut all = Vec::new();
    for workspace in &workspaces {
        for (engine, layout) in FORMS {
            let objects = objects(&rendered(&with_engine(workspace, "", engine, layout)));
            assert!(!objects.is_empty());
            all.extend(objects);
        }
    }
    let faults = crate::schema_validation::validate_objects(&all);
    assert!(faults.is_empty(), "{faults:?}");
}

/// A workspace of claim files. A claim belongs to the environment in its `env` field, or else to the one that its file is named after.
fn workspace_of(claims: &[PathBuf]) -> Tree {
    let mut tree = Tree::new();
    put(&mut tree, "pleach.yaml", WORKSPACE);
    for path in claims {
        let text = std::fs::read_to_string(path).unwrap();
        let named = text.lines().find_map(|it| it.strip_prefix("  env: "));
        let stem = path.file_stem().unwrap().to_string_lossy();
        let environment = named.unwrap_or(&stem);
        if environment != "base" {
            let place = format!("environments/{environment}/environment.yaml");
            put(&mut tree, &place, &ENVIRONMENT.replace("any", environment));
        }
        put(
            &mut tree,
            &format!("environments/{environment}/claim.yaml"),
            &text,
        );
    }
    tree
}

#[test]
fn switching_an_environment_to_argo_changes_no_file_of_the_others() {
    let starter = starter();
    let flux = rendered(&starter);
    let both = rendered(&with_engine(&starter, "prod", "argo", "overlays"));
    let is_of_prod = |path: &TreePath| path.parts().nth(1) == Some("prod");
    for (path, bytes) in flux.iter().filter(|it| !is_of_prod(it.0)) {
        assert_eq!(both.get(path), Some(bytes), "{path}");
    }
    let argo = rendered(&with_engine(&starter, "", "argo", "overlays"));
    for (path, bytes) in both
        .iter()
        .filter(|it| is_of_prod(it.0) || it.0.as_str().contains("base-argo"))
    {
        assert_eq!(argo.get(path), Some(bytes), "{path}");
    }
}

#[test]
fn layouts_apply_the_same_objects() {
    for engine in ["flux", "argo"] {
        let overlays = rendered(&with_engine(&starter(), "", engine, "overlays"));
        let flat = rendered(&with_engine(&starter(), "", engine, "flat"));
        let compared = compared(&overlays, &flat);
        assert!(compared.notes.is_empty(), "{:?}", compared.notes);
        assert!(
            compared.environments.is_empty(),
            "{:?}",
            compared.environments
        );
        // Proves that the comparison above had objects to compare.
        assert_ne!(overlays, flat);
        let empty = self::compared(&Tree::new(), &flat);
        assert_eq!(empty.environments.len(), 3);
    }
}

#[test]
fn dependencies_in_flux_have_an_earlier_wave_in_argo() {
    let flux = rendered(&starter());
    let argo = rendered(&with_engine(&starter(), "", "argo", "overlays"));
    let mut pairs = 0;
    for environment in ["test", "stage", "prod"] {
        let waves = waves(&argo, environment);
        for object in cluster_objects(&flux, environment) {
            let name = object.name();
            let first = object.node.at_keys(&["spec", "dependsOn"]);
            for first in first.and_then(Node::as_sequence).unwrap_or_default() {
                let first = first.get("name").and_then(Node::as_str).unwrap();
                assert!(
                    waves[first].iter().max() < waves[name].iter().min(),
                    "{environment}: {name} waits for {first}: {waves:?}"
                );
                pairs += 1;
            }
        }
    }
    assert!(pairs > 5);
}

/// The sync waves of each claim's Applications.
fn waves(tree: &Tree, environment: &str) -> BTreeMap<String, Vec<i64>> {
    let mut waves: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for object in cluster_objects(tree, environment) {
        let wave = ["metadata", "annotations", "argocd.argoproj.io/sync-wave"];
        let Some(wave) = object.node.at_keys(&wave).and_then(Node::as_str) else {
            continue;
        };
        let name = object.name().strip_suffix(&format!("-{environment}"));
        let claim = name.unwrap_or_default().trim_end_matches("-chart");
        let wave = wave.parse().unwrap();
        waves.entry(claim.to_string()).or_default().push(wave);
    }
    waves
}

fn cluster_objects(tree: &Tree, environment: &str) -> Vec<Object> {
    let folder = TreePath::new(&format!("clusters/{environment}")).unwrap();
    objects(&tree.folder(&folder))
}

fn compared(before: &Tree, after: &Tree) -> Comparison {
    let root = TreePath::root();
    let side = |files| Side {
        files,
        root: &root,
        name: "a side",
        origins: None,
    };
    let environment = |part: &TreePath| {
        let environment = part.parts().nth(1).filter(|it| !it.starts_with("base"));
        environment.map(str::to_string)
    };
    compare(
        &side(before),
        &side(after),
        &environment,
        &pleach::diff::Options::new(&Salt::new(b"salt")),
    )
}

/// The objects in the files of a tree, without patches and kustomizations.
fn objects(tree: &Tree) -> Vec<Object> {
    let is_object = |path: &TreePath| {
        let others = ["-patch.yaml", "-delete.yaml", "kustomization.yaml"];
        !others.iter().any(|it| path.name().ends_with(it))
    };
    let files = tree.iter().filter(|it| is_object(it.0));
    let nodes = files.flat_map(|(path, bytes)| {
        let text = std::str::from_utf8(bytes).unwrap();
        parse(&Source::new(path.clone(), text)).unwrap()
    });
    nodes.map(Object::new).collect()
}

fn rendered(workspace: &Tree) -> Tree {
    let compiled = compile(workspace, &Options::default());
    let errors = compiled.diagnostics.has_errors();
    assert!(!errors, "{:?}", compiled.diagnostics);
    compiled.tree
}

const WORKSPACE: &str = "apiVersion: pleach.dev/v1\nkind: Workspace\nmetadata: {name: any}\n";
const ENVIRONMENT: &str =
    "apiVersion: pleach.dev/v1\nkind: Environment\nmetadata: {name: any}\nspec:\n  engine: flux\n";

/// The workspace with another engine and layout in the environments whose path contains `environment`; an empty text selects all.
fn with_engine(workspace: &Tree, environment: &str, engine: &str, layout: &str) -> Tree {
    let mut tree = workspace.clone();
    for (path, bytes) in workspace {
        let text = std::str::from_utf8(bytes).unwrap();
        let is_selected = path.as_str().contains(environment) && !path.as_str().contains("/base/");
        if path.name() == "environment.yaml" && is_selected {
            let source = match engine {
                "argo" => "\n  source: {url: 'https://git.example.com/platform.git'}",
                _ => "",
            };
            let to = format!("engine: {engine}\n  layout: {layout}{source}\n");
            put(
                &mut tree,
                path.as_str(),
                &text.replace("engine: flux\n", &to),
            );
        }
        // The overlay patches a HelmRelease in Flux and an Application in Argo CD.
        if path.as_str() == "overlays/prod/drift.yaml" && engine == "argo" {
            let text = "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: any}\n\
                        spec: {syncPolicy: {automated: {allowEmpty: true}}}\n";
            put(&mut tree, path.as_str(), text);
        }
        if path.as_str() == "overlays/prod/kustomization.yaml" && engine == "argo" {
            let text = text.replace("kind: HelmRelease", "kind: Application");
            put(&mut tree, path.as_str(), &text);
        }
    }
    tree
}

pub(crate) fn starter() -> Tree {
    workspace_below(Path::new(env!("CARGO_MANIFEST_DIR")))
}

fn workspace_below(root: &Path) -> Tree {
    let mut tree = Tree::new();
    for top in ["pleach.yaml", "environments", "overlays"] {
        for path in yaml_files(&root.join(top)) {
            let place = path.strip_prefix(root).unwrap().to_string_lossy();
            put(&mut tree, &place, &std::fs::read_to_string(&path).unwrap());
        }
    }
    tree
}

fn yaml_files(folder: &Path) -> Vec<PathBuf> {
    let entries = walkdir::WalkDir::new(folder)
        .max_depth(3)
        .sort_by_file_name();
    let paths = entries.into_iter().map(|it| it.unwrap().into_path());
    let is_yaml = |it: &PathBuf| it.extension().is_some_and(|it| it == "yaml");
    let is_claim = |it: &PathBuf| !it.to_string_lossy().contains("/expected/");
    paths.filter(|it| is_yaml(it) && is_claim(it)).collect()
}

fn put(tree: &mut Tree, path: &str, text: &str) {
    tree.insert(TreePath::new(path).unwrap(), text.as_bytes());
}

#[test]
fn commands_work_with_both_engines() {
    let workspace = tempfile::tempdir().unwrap();
    let input = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/both-engines/input");
    write(workspace.path(), &workspace_below(&input));
    let run = |words: &[&str], code: i32| {
        let output = pleach(workspace.path(), words);
        let printed = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{words:?}: {printed}");
        (String::from_utf8(output.stdout).unwrap(), printed)
    };
    run(&["render"], 0);
    run(&["check"], 0);
    for environment in ["test", "prod"] {
        let (_, printed) = run(&["render", "--env", environment], 0);
        assert!(printed.contains("0 files written, 0 removed"), "{printed}");
        run(&["check", "--env", environment], 0);
    }
    // The matrix shows the charts of both engines side by side.
    let (matrix, _) = run(&["matrix", "external-secrets"], 0);
    let chart = matrix
        .lines()
        .find(|it| it.contains("chart external-secrets"));
    assert_eq!(chart.unwrap().matches("2.9.0").count(), 3, "{matrix}");
    // `compare` shows only the fields of the chart's Application that differ.
    let (compared, _) = run(&["compare", "stage", "prod", "pulumi-operator"], 0);
    assert!(compared.contains("~ Application pulumi-operator-chart in pulumi-operator"));
    assert!(!compared.contains("destination"), "{compared}");
    // When an environment switches to the other engine, its former files are removed.
    let file = workspace.path().join("environments/test/environment.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(
        &file,
        text.replace("spec:", "spec:\n  engine: argo\n  layout: flat"),
    )
    .unwrap();
    run(&["check", "--env", "test"], 1);
    run(&["render"], 0);
    let output = workspace.path().join("output");
    assert!(!output.join("infrastructure/base").exists());
    assert!(!output.join("clusters/test/apps.yaml").exists());
    assert!(output.join("clusters/test/root.yaml").exists());
}

#[test]
fn a_project_permits_its_sources_and_its_whole_cluster() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden");
    for (case, environment) in [
        ("argo-full", "hub"),
        ("argo-full", "edge"),
        ("both-engines", "stage"),
        ("both-engines", "prod"),
        ("flat", "prod"),
    ] {
        let tree = read_output(&golden.join(case).join("output")).unwrap();
        let all = cluster_objects(&tree, environment);
        let is_own = |it: &&Object| it.kind() == "Application" && it.name() != environment;
        let applications: Vec<&Object> = all.iter().filter(is_own).collect();
        let project = all.iter().find(|it| it.kind() == "AppProject").unwrap();
        let text = |object: &Object, keys: &[&str]| {
            let found = object.node.at_keys(keys).and_then(Node::as_str);
            found.unwrap_or_default().to_string()
        };
        let listed = |list: &str, key: &str| -> BTreeSet<String> {
            let items = project.node.at_keys(&["spec", list]);
            let items = items.and_then(Node::as_sequence).unwrap_or_default();
            let word = |it: &Node| it.get(key).unwrap_or(it).as_str().unwrap().to_string();
            items.iter().map(word).collect()
        };
        let sources = applications
            .iter()
            .map(|it| text(it, &["spec", "source", "repoURL"]));
        let sources: BTreeSet<String> = sources.collect();
        assert_eq!(listed("sourceRepos", ""), sources, "{case}, {environment}");

        let namespaces = listed("destinations", "namespace");
        assert_eq!(namespaces, BTreeSet::from(["*".to_string()]));
        let objects = objects_of_claims(&tree, environment);
        let is_cluster_scoped = |it: &&Object| it.namespace().is_empty();
        let kinds = objects.iter().filter(is_cluster_scoped);
        let permitted = listed("clusterResourceWhitelist", "kind");
        for kind in kinds.map(Object::kind) {
            let is_permitted = permitted.contains("*") || permitted.contains(kind);
            assert!(is_permitted, "{case}, {environment}: {kind}");
        }
        for application in applications {
            assert_eq!(text(application, &["spec", "project"]), project.name());
        }
    }
}

/// Argo CD's finalizer deletes only what the project permits, and the project is synced before a claim's Application is pruned.
#[test]
fn a_project_still_permits_the_objects_of_a_removed_claim() {
    let permissions = |names: &[&str]| {
        let mut workspace = Tree::new();
        put(&mut workspace, "pleach.yaml", WORKSPACE);
        let environment = ENVIRONMENT.replace("any", "test");
        put(
            &mut workspace,
            "environments/test/environment.yaml",
            &environment,
        );
        for name in names {
            let claim = format!(
                "apiVersion: pleach.dev/v1\nkind: OperatorInstall\nmetadata: {{name: {name}}}\n\
                 spec: {{namespace: {name}, chart: {{name: a, repository: 'https://{name}.example.com', version: 1.0.0}}}}\n"
            );
            put(
                &mut workspace,
                &format!("environments/test/{name}.yaml"),
                &claim,
            );
        }
        let tree = rendered(&with_engine(&workspace, "", "argo", "flat"));
        let objects = cluster_objects(&tree, "test");
        let project = objects.iter().find(|it| it.kind() == "AppProject");
        let spec = project.unwrap().node.get("spec").unwrap();
        ["destinations", "clusterResourceWhitelist"].map(|it| spec.get(it).cloned().unwrap())
    };
    let before = permissions(&["first", "second"]);
    for left in [&["second"][..], &[]] {
        let after = permissions(left);
        let is_same = before
            .iter()
            .zip(&after)
            .all(|(it, other)| it.same_data(other));
        assert!(is_same, "{left:?}: {after:?}");
    }
}

/// The objects that the folders of claims build to.
fn objects_of_claims(tree: &Tree, environment: &str) -> Vec<Object> {
    let of_claim = |path: &TreePath| {
        let parts: Vec<&str> = path.parts().collect();
        parts[0] != "clusters" && parts[1] == environment
    };
    let folders = tree.iter().filter(|it| of_claim(it.0));
    let folders: BTreeSet<TreePath> = folders.map(|it| it.0.parent().unwrap()).collect();
    let built = folders.iter().flat_map(|folder| {
        let kustomization = tree.get(&folder.child("kustomization.yaml"));
        match kustomization {
            Some(_) => kustomize::build(tree, folder, &kustomize::Options::default()).objects,
            None => objects(&tree.folder(folder)),
        }
    });
    built.collect()
}
