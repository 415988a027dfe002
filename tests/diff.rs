//! `pleach diff`: properties of generated objects, and revisions of real Git repositories.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use pleach::diag::Source;
use pleach::diff::{Change, Options, Salt, diff};
use pleach::disk::{Folder, Repository};
use pleach::object::Object;
use pleach::schema::Schemas;
use pleach::tree::{Entry, Files, FilesError, Tree, TreePath};
use pleach::yaml::parse;
use proptest::prelude::*;

use crate::compare::compare_trees;
use crate::git_repository::git;
use crate::program::assert_contains;

fn path(text: &str) -> TreePath {
    TreePath::new(text).unwrap()
}

/// Objects of a file.
fn objects(text: &str) -> Vec<Object> {
    let documents = parse(&Source::new(path("a.yaml"), text)).unwrap();
    documents.into_iter().map(Object::new).collect()
}

fn diff_text(before: &str, after: &str) -> Vec<Change> {
    let (before, after) = (objects(before), objects(after));
    diff(
        &before,
        &after,
        Schemas::builtin(),
        &Options {
            exact: true,
            ..Options::new(&Salt::new(b"salt"))
        },
    )
}

/// A value in flow style: maps, lists of anything, lists of named items, plain text, and text that contains YAML or JSON.
fn value() -> impl Strategy<Value = String> {
    let scalar = prop_oneof![
        "[a-c]{1,2}",
        "[0-3]",
        Just("null".to_string()),
        Just("true".to_string()),
        "\"([a-b]\\\\n){1,4}\"",
        Just("\"x: 1\\ny: 2\\n\"".to_string()),
        Just("'{\"x\": 2}'".to_string()),
    ];
    scalar.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::btree_map("[a-d]", inner.clone(), 0..4).prop_map(|map| flow(
                '{',
                map.iter().map(|(k, v)| format!("{k}: {v}")),
                '}'
            )),
            prop::collection::vec(inner.clone(), 0..4).prop_map(|list| flow(
                '[',
                list.into_iter(),
                ']'
            )),
            prop::collection::btree_map("[a-d]", inner, 0..4).prop_map(|map| {
                let items = map
                    .iter()
                    .map(|(k, v)| format!("{{name: {k}, value: {v}}}"));
                flow('[', items, ']')
            }),
        ]
    })
}

fn flow(open: char, items: impl Iterator<Item = String>, close: char) -> String {
    format!("{open}{}{close}", items.collect::<Vec<_>>().join(", "))
}

fn object(kind: &str, name: &str, fields: &str) -> String {
    format!("---\n{{apiVersion: v1, kind: {kind}, metadata: {{name: {name}}}, data: {fields}}}\n")
}

proptest! {
    #[test]
    fn equal_objects_have_no_changes(fields in value(), name in "[a-c]{1,3}") {
        let text = object("ConfigMap", &name, &fields);
        prop_assert!(diff_text(&text, &text).is_empty());
    }

    #[test]
    fn differences_are_reported(a in value(), b in value()) {
        let (before, after) = (object("Thing", "x", &a), object("Thing", "x", &b));
        let changes = diff_text(&before, &after);
        let same = objects(&before)[0].node.same_data(&objects(&after)[0].node);
        prop_assert_eq!(changes.is_empty(), same, "{} and {}", a, b);
        prop_assert_eq!(diff_text(&after, &before).is_empty(), same);
    }

    #[test]
    fn every_object_is_reported_once(before in prop::collection::vec(("[a-c]", value()), 0..6), after in prop::collection::vec(("[a-c]", value()), 0..6)) {
        let text = |side: &[(String, String)]| -> String {
            side.iter().map(|(name, fields)| object("Thing", name, fields)).collect()
        };
        let changes = diff_text(&text(&before), &text(&after));
        let many = |kind: fn(&Change) -> bool| changes.iter().filter(|it| kind(it)).count();
        let gone = many(|it| it.after.is_none());
        let new = many(|it| it.before.is_none());
        // Removed and added objects account for the difference in length, and never exceed the number of objects.
        prop_assert_eq!(before.len() as i64 - after.len() as i64, gone as i64 - new as i64);
        prop_assert!(gone <= before.len() && new <= after.len());
    }

    #[test]
    fn no_value_of_a_secret_is_shown(field in "(data|stringData|Data|[a-d]{1,5})", secret in "[a-z0-9]{8,20}", shape in 0..4) {
        let wrap = |value: &str| match shape {
            0 => format!("{{k: {value}}}"),
            1 => value.to_string(),
            2 => format!("[{{k: [{value}]}}]"),
            _ => format!("{{k: \"a\\n{value}\\nb\\n\"}}"),
        };
        let secret = format!("q{secret}");
        let one = |value: &str| format!("{{apiVersion: v1, kind: Secret, metadata: {{name: x}}, {field}: {}}}\n", wrap(value));
        let (before, after) = (Tree::from_text(&format!("-- a.yaml --\n{}", one(&secret))), Tree::from_text(&format!("-- a.yaml --\n{}", one("other"))));
        for (before, after) in [(&before, &after), (&after, &before), (&Tree::new(), &before), (&before, &Tree::new())] {
            let found = compare_trees(before, after);
            prop_assert_eq!(found.environments.len(), 1);
            let shown = crate::common_forms::forms(&found).into_values().collect::<String>();
            prop_assert!(!shown.contains(&secret), "{}", shown);
        }
    }
}

fn pleach(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pleach"));
    command
        .arg("-C")
        .arg(folder)
        .args(arguments)
        .output()
        .unwrap()
}

fn write(folder: &Path, text: &str) {
    crate::program::write(folder, &Tree::from_text(text));
}

/// A repository with one commit of `text`.
fn repository(text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), text);
    git(folder.path(), &["init", "-q", "-b", "main"]);
    git(folder.path(), &["add", "-A"]);
    git(folder.path(), &["commit", "-q", "-m", "one"]);
    folder
}

const KUSTOMIZATIONS: &str = "\
-- apps/base/kustomization.yaml --
resources: [config.yaml]
-- apps/base/config.yaml --
apiVersion: v1
kind: ConfigMap
metadata: {name: colours}
data: {sky: blue}
-- apps/prod/kustomization.yaml --
resources: [../base]
-- README.md --
words
";

#[test_with::executable(git)]
#[test]
fn revisions_of_a_repository() {
    let folder = repository(KUSTOMIZATIONS);
    let folder = folder.path();
    let config = |sky: &str| {
        format!(
            "-- apps/base/config.yaml --\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: colours}}\ndata: {{sky: {sky}}}\n"
        )
    };
    write(folder, &config("grey"));
    git(folder, &["commit", "-q", "-am", "two"]);
    write(folder, &config("red"));
    let expected = |before: &str, after: &str| {
        format!(
            "~ ConfigMap colours in apps/prod\n  data.sky\n    - {before}\n    + {after}\n\n1 object changed\n"
        )
    };
    let check = |arguments: &[&str], text: &str, code: i32| {
        let output = pleach(folder, &[&["diff", "--exit-code"], arguments].concat());
        assert_eq!(
            String::from_utf8_lossy(&output.stdout),
            text,
            "{arguments:?}: {output:?}"
        );
        assert_eq!(output.status.code(), Some(code), "{arguments:?}");
    };
    check(&["HEAD", "."], &expected("grey", "red"), 1);
    // Ignored files would not be committed, so they are not compared.
    write(
        folder,
        "-- .gitignore --\n/built/\n-- built/a.yaml --\napiVersion: v1\nkind: Namespace\nmetadata: {name: x}\n",
    );
    check(&[], &expected("grey", "red"), 1);
    check(&["HEAD~1"], &expected("blue", "red"), 1);
    check(&["HEAD~1.."], &expected("blue", "grey"), 1);
    check(&["HEAD~1...main"], &expected("blue", "grey"), 1);
    check(&["main", "HEAD~1"], &expected("grey", "blue"), 1);
    check(&["main..HEAD"], "", 0);
    check(&["nothing"], "", 2);
    check(&["--output=-x", "HEAD"], "", 2);
    // From a subfolder, bases outside of it are still found.
    let output = pleach(&folder.join("apps/prod"), &["diff", "HEAD~1..HEAD"]);
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        expected("blue", "grey").replace(" in apps/prod", "")
    );
    assert_eq!(output.status.code(), Some(0));
    let outside = tempfile::tempdir().unwrap();
    let words = pleach(outside.path(), &["diff"]).stderr;
    assert!(String::from_utf8_lossy(&words).contains("not a git repository"));
}

#[test_with::executable(git)]
#[test]
fn a_workspace_is_rendered_at_both_revisions() {
    let folder = repository("-- README.md --\nwords\n");
    let folder = folder.path();
    assert!(pleach(folder, &["init"]).status.success());
    git(folder, &["add", "-A"]);
    git(folder, &["commit", "-q", "-m", "workspace"]);
    let claims = folder.join("environments/base/databases.yaml");
    let text = std::fs::read_to_string(&claims).unwrap();
    std::fs::write(&claims, text.replace("diskSize: 50Gi", "diskSize: 70Gi")).unwrap();
    let expected = "\
ClickHouseKubernetes/analytics  environments/base/databases.yaml:6, environments/stage/databases.yaml:5
~ ClickHouseInstallation analytics/analytics in stage, test (not in prod)
  spec.templates.volumeClaimTemplates[name=data-volume].spec.resources.requests.storage
    - 50Gi
    + 70Gi

2 objects changed in 2 places
";
    let output = pleach(folder, &["diff"]);
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        expected,
        "{output:?}"
    );
    let output = pleach(folder, &["diff", "--committed", "--exit-code"]);
    assert_eq!(
        (output.stdout.as_slice(), output.status.code()),
        (&b""[..], Some(0))
    );
    assert!(pleach(folder, &["render"]).status.success());
    let output = pleach(folder, &["diff", "--committed", "--exit-code", "HEAD~1"]);
    let text = String::from_utf8_lossy(&output.stdout);
    let counted = "objects added in 3 places";
    assert!(
        text.contains("+ Namespace analytics in prod, stage, test\n"),
        "{text}"
    );
    assert!(text.trim_end().ends_with(counted), "{text}");
    std::fs::write(folder.join("pleach.yaml"), "a: {").unwrap();
    let output = pleach(folder, &["diff"]);
    assert_eq!(
        (output.stdout.as_slice(), output.status.code()),
        (&b""[..], Some(2))
    );
    let output = pleach(folder, &["diff", "HEAD~1..HEAD", "--output", "json"]);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(
        json["groups"]
            .as_array()
            .unwrap()
            .iter()
            .all(|it| it["change"] == "added")
    );
}

#[test_with::executable(git)]
#[test]
fn the_first_commit_of_a_workspace_is_compared_by_environment() {
    let folder = repository("-- README.md --\nwords\n");
    let folder = folder.path();
    assert!(pleach(folder, &["init"]).status.success());
    assert!(pleach(folder, &["render"]).status.success());
    git(folder, &["add", "-A"]);
    git(folder, &["commit", "-q", "-m", "workspace"]);
    let objects = |arguments: &[&str]| {
        let json = ["diff", "HEAD~1..HEAD", "--depth", "objects", "-o", "json"];
        let output = pleach(folder, &[&json, arguments].concat());
        let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let groups = json["groups"].as_array().unwrap().iter();
        let objects = groups.flat_map(|it| it["objects"].as_array().unwrap());
        let names = objects.map(|it| {
            let field = |name: &str| it[name].as_str().unwrap();
            ["environment", "kind", "namespace", "name"].map(|it| field(it).to_string())
        });
        names.collect::<std::collections::BTreeSet<_>>()
    };
    let all = objects(&[]);
    let environments: std::collections::BTreeSet<&str> = all.iter().map(|it| &*it[0]).collect();
    assert_eq!(environments, ["prod", "stage", "test"].into());
    let prod = all.iter().filter(|it| it[0] == "prod").cloned().collect();
    assert_eq!(objects(&["--env", "prod"]), prod);
    // The committed output contains the same objects.
    assert_eq!(objects(&["--committed"]), all);
    assert_eq!(objects(&["--committed", "--env", "prod"]), prod);
}

/// Two environments with two claims each, one of which comes from base.
const TWO_BY_TWO: &str = "\
-- pleach.yaml --
apiVersion: pleach.dev/v1
kind: Workspace
metadata: {name: shop}
spec: {output: deploy}
-- environments/base/shared.yaml --
apiVersion: pleach.dev/v1
kind: OperatorInstall
metadata: {name: shared}
spec: {namespace: shared, chart: {repository: 'https://charts.example.com', name: shared, version: 1.0.0}}
-- environments/prod/environment.yaml --
apiVersion: pleach.dev/v1
kind: Environment
metadata: {name: prod}
-- environments/prod/own.yaml --
apiVersion: pleach.dev/v1
kind: OperatorInstall
metadata: {name: own}
spec: {namespace: own, chart: {repository: 'https://charts.example.com', name: own, version: 1.0.0}}
-- environments/test/environment.yaml --
apiVersion: pleach.dev/v1
kind: Environment
metadata: {name: test}
-- environments/test/other.yaml --
apiVersion: pleach.dev/v1
kind: OperatorInstall
metadata: {name: other}
spec: {namespace: other, chart: {repository: 'https://charts.example.com', name: other, version: 1.0.0}}
";

/// Standard output, standard error and exit code of `diff` after some files were changed.
fn diff_with(folder: &Path, files: &[(&str, &str)], arguments: &[&str]) -> (String, String, i32) {
    git(folder, &["checkout", "-q", "."]);
    for (path, text) in files {
        std::fs::write(folder.join(path), text).unwrap();
    }
    let output = pleach(
        folder,
        &[&["diff", "--format", "short"], arguments].concat(),
    );
    let [printed, noted] = [&output.stdout, &output.stderr].map(|it| String::from_utf8_lossy(it));
    let code = output.status.code().unwrap();
    (printed.into_owned(), noted.into_owned(), code)
}

#[test_with::executable(git)]
#[test]
fn claims_that_render_on_both_sides_are_compared() {
    let folder = repository(TWO_BY_TWO);
    let folder = folder.path();
    let claim = |name: &str, version: &str| {
        format!(
            "apiVersion: pleach.dev/v1\nkind: OperatorInstall\nmetadata: {{name: {name}}}\nspec: {{namespace: {name}, chart: \
             {{repository: 'https://charts.example.com', name: {name}, version: {version}}}}}\n"
        )
    };
    let (broken, changed) = (
        claim("own", "1.0.0").replace("version:", "vresion:"),
        claim("shared", "1.1.0"),
    );
    let own = "environments/prod/own.yaml";
    let shared = "environments/base/shared.yaml";
    let (printed, noted, code) = diff_with(folder, &[(own, &broken), (shared, &changed)], &[]);
    assert!(
        printed.contains("HelmRelease shared/shared in prod, test") && !printed.contains("own"),
        "{printed} {noted}"
    );
    let expected = "environments/prod/own.yaml:4:85: warning[not-compared]: claim `own` in prod is not compared, because it cannot be \
        rendered in the work tree: unknown field `spec.chart.vresion`";
    assert!(noted.starts_with(expected), "{noted}");
    assert_eq!((noted.lines().count(), code), (1, 0), "{noted}");
    // A file that is not YAML may contain the missing claim, so the claim is not reported as deleted.
    let files = [(shared, "a: {"), (own, &claim("own", "2.0.0"))];
    let (printed, noted, code) = diff_with(folder, &files, &["--exit-code"]);
    assert!(
        printed.contains("HelmRelease own/own in prod") && !printed.contains("shared"),
        "{printed}"
    );
    assert!(
        noted.contains("claim `shared` in prod, test is not compared"),
        "{noted}"
    );
    assert_eq!(code, 1);
    // Overlays are applied to the claims that render.
    git(folder, &["checkout", "-q", "."]);
    let overlay = folder.join("overlays/prod");
    std::fs::create_dir_all(&overlay).unwrap();
    let kustomization = overlay.join("kustomization.yaml");
    let suspend = "- target: {kind: HelmRelease}\n  patch: '[{\"op\": \"add\", \"path\": \"/spec/suspend\", \"value\": true}]'\n";
    for text in [
        "commonAnnotations: {a: b}\n".to_string(),
        format!(
            "patches:\n{suspend}{}",
            suspend.replace("kind", "name: own, kind")
        ),
    ] {
        std::fs::write(&kustomization, text).unwrap();
        git(folder, &["add", "overlays"]);
        git(folder, &["commit", "-q", "-m", "overlay"]);
        let files = [(own, &*broken), (shared, &changed)];
        let (printed, noted, _) = diff_with(folder, &files, &[]);
        assert!(noted.contains("claim `own` in prod"), "{noted}");
        assert!(
            printed.contains("HelmRelease shared/shared in prod, test"),
            "{printed}"
        );
    }
    // An error in the overlay itself belongs to no claim.
    let text = "prefixes: [a]\n";
    let files = [
        ("overlays/prod/kustomization.yaml", text),
        (shared, &changed),
    ];
    let (printed, noted, _) = diff_with(folder, &files, &[]);
    assert_contains(&printed, &["HelmRelease shared/shared in test"]);
    let expected = "overlays/prod/kustomization.yaml:1:1: warning[not-compared]: environment prod is not compared";
    assert!(noted.starts_with(expected), "{noted}");
    git(folder, &["reset", "-q", "--hard", "HEAD~2"]);
    // An environment that fails as a whole does not prevent the comparison of the others.
    let environment = "environments/prod/environment.yaml";
    let text = "apiVersion: pleach.dev/v1\nkind: Environment\nmetadata: {name: prod}\nspec: {enigne: flux}\n";
    let (printed, noted, code) = diff_with(folder, &[(environment, text), (shared, &changed)], &[]);
    assert!(
        printed.contains("HelmRelease shared/shared in test"),
        "{printed}"
    );
    let expected = "environments/prod/environment.yaml:4:8: warning[not-compared]: environment prod is not compared, because it cannot \
        be rendered in the work tree: unknown field `spec.enigne`";
    assert!(noted.starts_with(expected), "{noted}");
    assert_eq!(code, 0);
    let (printed, _, code) = diff_with(folder, &[(own, &broken)], &["-o", "md"]);
    assert!(
        printed.contains("(environments/prod/own.yaml:4)") && code == 0,
        "{printed}"
    );
    let (printed, ..) = diff_with(folder, &[(own, &broken)], &["-o", "json"]);
    let json: serde_json::Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(
        (&json["notes"][0]["path"], &json["notes"][0]["line"]),
        (&own.into(), &4.into())
    );
    let (printed, ..) = diff_with(folder, &[(own, &broken)], &["-o", "github"]);
    assert!(
        printed.contains("file=environments/prod/own.yaml,line=4"),
        "{printed}"
    );
    let (_, _, code) = diff_with(folder, &[("pleach.yaml", "a: {")], &[]);
    assert_eq!(code, 2);
}

/// The Application of a chart is in the folder of the cluster, which all claims share.
#[test_with::executable(git)]
#[test]
fn cluster_files_are_compared_beside_claims_that_fail() {
    let argo = "metadata: {name: test}\nspec: {engine: argo, source: {url: 'https://example.com/a.git'}}\n";
    let folder = repository(&TWO_BY_TWO.replace("metadata: {name: test}\n", argo));
    let folder = folder.path();
    let file = |path: &str| std::fs::read_to_string(folder.join(path)).unwrap();
    let [shared, own, other] = [
        "environments/base/shared.yaml",
        "environments/prod/own.yaml",
        "environments/test/other.yaml",
    ];
    let newer = file(shared).replace("1.0.0", "2.0.0");
    // The claim that fails is in the other environment, in the same one, and already fails before.
    let application = "Application argocd/shared-chart-test in test";
    for (failing, is_committed) in [(own, false), (other, false), (other, true), (own, true)] {
        git(folder, &["checkout", "-q", "."]);
        let broken = file(failing).replace("version:", "vresion:");
        if is_committed {
            std::fs::write(folder.join(failing), &broken).unwrap();
            git(folder, &["commit", "-q", "-a", "-m", "broken"]);
        }
        let files = [(failing, &*broken), (shared, &newer)];
        let (printed, noted, _) = diff_with(folder, &files, &[]);
        let expected = [
            application,
            "HelmRelease shared/shared in prod",
            "! major-upgrade",
        ];
        assert_contains(&printed, &expected);
        let is_noted = noted.contains("claim `o");
        assert!(is_noted || is_committed, "{noted}");
        let (printed, ..) = diff_with(folder, &files, &["--env", "test"]);
        assert_contains(&printed, &[application, "! major-upgrade"]);
    }
}

/// A claim that refers to others is compared if they render. Only those that refer to one with an error are not.
#[test_with::executable(git)]
#[test]
fn claims_with_references_are_compared_beside_claims_that_fail() {
    let folder = repository(REFERENCES);
    let folder = folder.path();
    let claims = "environments/prod/claims.yaml";
    let text = std::fs::read_to_string(folder.join(claims)).unwrap();
    let broken = text.replace("colour: red", "size: 1, colour: pink");
    let changed = broken.replace("colour: blue", "colour: green");
    let (printed, noted, _) = diff_with(folder, &[(claims, &changed)], &[]);
    assert_contains(
        &printed,
        &["ConfigMap default/shop", "ConfigMap default/cart"],
    );
    assert!(!printed.contains("web"), "{printed}");
    assert_contains(
        &noted,
        &[
            "claims.yaml:14:8: warning[not-compared]: claim `web` in prod is not compared",
            "unknown field `spec.size`",
            "claim `front` in prod is not compared",
            "it refers to a claim that is not compared",
        ],
    );
    assert_eq!(noted.lines().count(), 2, "{noted}");
}

/// Claims of an own kind: `cart` refers to `shop`, and `front` to `web`.
const REFERENCES: &str = "\
-- pleach.yaml --
apiVersion: pleach.dev/v1
kind: Workspace
metadata: {name: shop}
-- templates/Colour/kind.yaml --
apiVersion: pleach.dev/v1
kind: ClaimKind
metadata: {name: Colour}
spec:
  apiVersions: [example.com/v1]
  group: apps
  schema:
    type: object
    required: [spec]
    properties:
      spec:
        type: object
        properties:
          colour:
            anyOf: [{type: string}, {type: object}]
            x-kubernetes-preserve-unknown-fields: true
  references:
  - at: spec.colour
    kind: Colour
    fieldPath: outputs.colour
  outputs:
    colour: spec.colour
  files:
  - template: config.yaml.j2
-- templates/Colour/config.yaml.j2 --
apiVersion: v1
kind: ConfigMap
metadata: {name: {{ metadata.name }}, namespace: default}
data: {colour: {{ spec.colour }}}
-- environments/prod/environment.yaml --
apiVersion: pleach.dev/v1
kind: Environment
metadata: {name: prod}
-- environments/prod/claims.yaml --
apiVersion: example.com/v1
kind: Colour
metadata: {name: shop}
spec: {colour: blue}
---
apiVersion: example.com/v1
kind: Colour
metadata: {name: cart}
spec: {colour: {valueFrom: {name: shop}}}
---
apiVersion: example.com/v1
kind: Colour
metadata: {name: web}
spec: {colour: red}
---
apiVersion: example.com/v1
kind: Colour
metadata: {name: front}
spec: {colour: {valueFrom: {name: web}}}
";

#[cfg(unix)]
#[test_with::executable(git)]
#[test]
fn a_revision_reads_like_its_checkout() {
    let folder = repository("-- a/b/c.yaml --\nx\n-- a/d --\n\n-- e f/ü --\ny\n");
    let folder = folder.path();
    let link =
        |target: &str, name: &str| std::os::unix::fs::symlink(target, folder.join(name)).unwrap();
    for (target, name) in [
        ("b", "a/folder"),
        ("../a/b/c.yaml", "a/file"),
        ("../../x", "a/out"),
        ("nothing", "a/broken"),
        ("..", "a/b/up"),
        ("one", "two"),
        ("two", "one"),
    ] {
        link(target, name);
    }
    git(folder, &["add", "-A"]);
    git(folder, &["commit", "-q", "-m", "links"]);
    let repository = Repository::find(folder).unwrap();
    let revision = repository.revision("HEAD").unwrap().unwrap();
    let checkout = Folder::open(folder).unwrap();
    for text in [
        "",
        "a",
        "a/b",
        "a/b/c.yaml",
        "a/b/c.yaml/d",
        "a/d",
        "a/folder",
        "a/folder/c.yaml",
        "a/file",
        "a/broken",
        "e f",
        "e f/ü",
        "none",
        "none/none",
    ] {
        let path = path(text);
        // A revision does not contain what is outside the repository.
        let inside = |mut it: Vec<Entry>| {
            it.retain(|it| !matches!(&*it.name, ".git" | "out"));
            it
        };
        let listed = checkout.list(&path).map(inside);
        assert_eq!(
            revision.read(&path).ok(),
            checkout.read(&path).ok(),
            "{text}"
        );
        assert_eq!(revision.list(&path).map(inside).ok(), listed.ok(), "{text}");
        assert_eq!(revision.kind(&path), checkout.kind(&path), "{text}");
    }
    assert_eq!(revision.read(&path("a/out")), Err(FilesError::Outside));
    assert!(revision.read(&path("one")).is_err());
    assert!(repository.revision("nothing").unwrap().is_none());
}

#[test]
fn environments_without_the_change_are_listed_completely_or_not_at_all() {
    // prod has an overlay, so a change of base renders all of it, and of stage only `analytics`.
    let folder = repository("-- README.md --\nwords\n");
    let pleach = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pleach"));
        let output = command.current_dir(&folder).args(arguments).output();
        String::from_utf8(output.unwrap().stdout).unwrap()
    };
    pleach(&["init"]);
    git(folder.path(), &["add", "-A"]);
    git(folder.path(), &["commit", "-q", "-m", "two"]);
    let file = folder.path().join("environments/base/databases.yaml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(
        &file,
        text.replacen("spec:", "spec:\n  version: \"25.3\"", 1),
    )
    .unwrap();
    fs::remove_file(folder.path().join("environments/test/events.yaml")).unwrap();
    let printed = pleach(&["diff"]);
    assert!(printed.contains("events/events in test\n"), "{printed}");
    let page = pleach(&["diff", "-o", "html"]);
    assert!(
        !page.contains("OperatorInstall/"),
        "a claim that stays as it is has no row"
    );
    assert!(
        page.contains("flag warn") && !page.contains("flag stop"),
        "{page}"
    );
}

#[test_with::executable(git)]
#[test]
fn a_renamed_workspace_folder_is_no_difference() {
    let moved = |folder: &str| TWO_BY_TWO.replace("-- ", &format!("-- {folder}/"));
    let folder = repository(&moved("team-a"));
    let folder = folder.path();
    git(folder, &["mv", "team-a", "team-b"]);
    git(folder, &["commit", "-q", "-m", "two"]);
    let output = pleach(&folder.join("team-b"), &["diff", "HEAD~1..HEAD"]);
    let noted = String::from_utf8_lossy(&output.stderr);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "", "{noted}");
    assert_eq!(noted, "the workspace is in `team-a` in HEAD~1\n");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn ignored_fields_and_objects_are_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let side = |side: &str, chart: &str, replicas: u8, cpu: &str| {
        format!(
            "-- {side}/a.yaml --\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web, labels: {{helm.sh/chart: {chart}}}}}\n\
             spec: {{replicas: {replicas}, template: {{spec: {{containers: [{{name: a, resources: {{limits: {{cpu: {cpu}}}}}}}]}}}}}}\n"
        )
    };
    write(folder, &side("old", "web-1", 1, "1000m"));
    write(folder, &side("new", "web-2", 2, "1"));
    let diff = |arguments: &[&str]| {
        let output = pleach(folder, &[&["diff", "old", "new"], arguments].concat());
        let all = [output.stdout, output.stderr].concat();
        String::from_utf8(all).unwrap()
    };
    let chart = "metadata.labels[\"helm.sh/chart\"]";
    let all = diff(&["--exact"]);
    assert!(
        all.contains("helm.sh/chart") && all.contains("replicas") && all.contains("1000m"),
        "{all}"
    );
    let some = diff(&["--ignore", chart]);
    assert!(
        !some.contains("chart") && some.contains("replicas") && !some.contains("1000m"),
        "{some}"
    );
    assert_eq!(
        diff(&["--ignore", chart, "--ignore", "Deployment:spec.replicas"]),
        ""
    );
    assert_eq!(diff(&["--ignore", chart, "--ignore", "**.replicas"]), "");
    assert!(
        diff(&["--ignore", chart, "--ignore", "StatefulSet:spec.replicas"]).contains("replicas")
    );
    assert_eq!(diff(&["--ignore", "Deployment"]), "");
    assert!(diff(&["--ignore", "spec..replicas"]).contains("does not name a field"));
}

#[test]
fn a_report_in_a_file_is_the_printed_one() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let object = "-- side/a.yaml --\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {a: side}\n";
    write(folder, &object.replace("side", "old"));
    write(folder, &object.replace("side", "new"));
    let forms = [
        "text", "md", "html", "json", "patch", "github", "gitlab", "sarif", "junit",
    ];
    let reports = forms.map(|it| format!("--report={it}=reports/{it}"));
    let reports: Vec<&str> = reports.iter().map(String::as_str).collect();
    let printed = pleach(
        folder,
        &[&["diff", "old", "new", "-o", "patch"], &*reports].concat(),
    );
    assert_eq!(String::from_utf8_lossy(&printed.stderr), "");
    let written = |form: &str| fs::read(folder.join("reports").join(form)).unwrap();
    assert_eq!(printed.stdout, written("patch"));
    for form in ["text", "md", "json"] {
        let printed = pleach(folder, &["diff", "old", "new", "-o", form]);
        assert_eq!(
            String::from_utf8(printed.stdout).unwrap(),
            String::from_utf8(written(form)).unwrap()
        );
    }
    let beginnings = [
        ("html", "<!doctype html>"),
        ("gitlab", "["),
        ("sarif", "{"),
        ("junit", "<?xml"),
    ];
    for (form, beginning) in beginnings {
        let text = String::from_utf8(written(form)).unwrap();
        assert!(text.to_lowercase().starts_with(beginning), "{form}: {text}");
    }
    assert_eq!(
        fs::read_dir(folder.join("reports")).unwrap().count(),
        forms.len()
    );
}

/// The files that the JSON report names.
fn named_files(folder: &Path, arguments: &[&str]) -> Vec<String> {
    let output = pleach(folder, &[&["diff", "-o", "json"], arguments].concat());
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let groups = json["groups"].as_array().unwrap().iter();
    let objects = groups.flat_map(|it| it["objects"].as_array().unwrap());
    let paths = objects.filter_map(|it| it["path"].as_str().map(str::to_string));
    paths.collect()
}

#[test]
fn paths_in_json_exist() {
    let folder = repository("-- README.md --\nwords\n");
    let folder = folder.path();
    assert!(pleach(folder, &["init", "ws"]).status.success());
    let workspace = folder.join("ws");
    assert!(pleach(&workspace, &["render"]).status.success());
    git(folder, &["add", "-A"]);
    git(folder, &["commit", "-q", "-m", "workspace"]);
    let claims = workspace.join("environments/base/databases.yaml");
    let text = std::fs::read_to_string(&claims).unwrap();
    std::fs::write(&claims, text.replace("diskSize: 50Gi", "diskSize: 70Gi")).unwrap();
    assert!(pleach(&workspace, &["render"]).status.success());
    for arguments in [&[][..], &["--committed"]] {
        let files = named_files(&workspace, arguments);
        assert!(!files.is_empty());
        for file in files {
            assert!(folder.join(&file).is_file(), "{file} {arguments:?}");
        }
    }
    write(
        folder,
        "-- old/a.yaml --\n{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {a: b}}\n",
    );
    write(
        folder,
        "-- new/a.yaml --\n{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {a: c}}\n",
    );
    assert_eq!(named_files(folder, &["old/", "new"]), ["new/a.yaml"]);
}

#[test_with::executable(git)]
#[test]
fn environments_have_an_order_and_can_be_named() {
    let ordered = TWO_BY_TWO.replace(
        "output: deploy",
        "output: deploy, environments: [test, prod]",
    );
    let folder = repository(&ordered);
    let folder = folder.path();
    let shared = "environments/base/shared.yaml";
    let text = std::fs::read_to_string(folder.join(shared)).unwrap();
    let newer = text.replace("1.0.0", "1.1.0");
    let own = "environments/prod/own.yaml";
    let text = std::fs::read_to_string(folder.join(own)).unwrap();
    let files = [(shared, &*newer), (own, &text.replace("1.0.0", "1.2.0"))];
    let (printed, noted, _) = diff_with(folder, &files, &[]);
    assert!(
        printed.contains("shared in test, prod"),
        "{printed} {noted}"
    );
    let (printed, noted, _) = diff_with(folder, &files, &["--env", "prod", "--claim", "own"]);
    assert!(
        printed.contains("own/own in prod") && !printed.contains("shared"),
        "{printed} {noted}"
    );
    let (_, noted, code) = diff_with(folder, &files, &["--env", "prdo"]);
    assert!(noted.contains("did you mean `prod`?"), "{noted}");
    assert_eq!(code, 2);
    let output = pleach(folder, &["compare", "test", "prod", "-o", "md"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("`test` → `prod`"), "{text}");
}

/// CI services show annotations only at lines that exist after the change.
#[test_with::executable(git)]
#[test]
fn annotations_are_at_lines_that_exist() {
    let claim =
        "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: data, namespace: shop}\n";
    let map = |name: &str| {
        format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}, namespace: shop}}\n")
    };
    let (first, last) = (map("first"), map("last"));
    let volume = claim
        .replace("PersistentVolumeClaim", "Namespace")
        .replace(", namespace: shop", "");
    let repository = repository(&format!(
        "-- app/all.yaml --\n{first}---\n{claim}---\n{last}-- app/end.yaml --\n{first}---\n{volume}-- other/claim.yaml --\n{}",
        claim.replace("name: data", "name: other")
    ));
    let folder = repository.path();
    std::fs::remove_file(folder.join("other/claim.yaml")).unwrap();
    let text = format!("-- app/all.yaml --\n{first}---\n{last}-- app/end.yaml --\n{first}");
    write(folder, &text);
    let output = pleach(folder, &["diff", "-o", "github"]);
    let printed = String::from_utf8(output.stdout).unwrap();
    let mut places = Vec::new();
    for line in printed.lines() {
        let value = |name: &str| {
            let rest = line.split_once(name).unwrap_or_else(|| panic!("{line}")).1;
            rest.split([',', ':']).next().unwrap().to_string()
        };
        let (file, at) = (value("file="), value(",line=").parse::<usize>().unwrap());
        let lines = std::fs::read_to_string(folder.join(&file)).map(|it| it.lines().count());
        assert!(at <= lines.unwrap_or(1), "{line}");
        places.push(format!("{file}:{at}"));
    }
    places.sort();
    // A removed object is reported at the line that now follows it, or at the last line; a removed file is only named.
    assert_eq!(
        places,
        ["app/all.yaml:6", "app/end.yaml:3", "other/claim.yaml:1"],
        "{printed}"
    );
}
