//! `affected` names every claim whose rendering a change alters, and few others.

use std::collections::{BTreeMap, BTreeSet};

use pleach::affected::{Affected, AffectedClaims, affected};
use pleach::compare::{Side, compare};
use pleach::diff::Salt;
use pleach::report::{View, changes_json};
use pleach::tree::{Changes, ReadSet, Tree, TreePath};
use pleach::{Compiled, Options, Scope, compile, compile_both};
use proptest::prelude::*;

use crate::common_random::cases;
use crate::git_repository::command;
use crate::program::pleach;

/// Three environments; a kind that includes from another one and one that reads a chart; references; an overlay that refers to a
/// component and a file elsewhere.
pub(crate) const WORKSPACE: &str = "\
-- pleach.yaml --
apiVersion: pleach.dev/v1
kind: Workspace
metadata: {name: any}
-- README.md --
read me
-- charts/web/Chart.yaml --
apiVersion: v2
name: web
version: 1.0.0
-- charts/web/values.yaml --
port: 80
-- charts/web/templates/x.yaml --
x: 1
-- templates/Shared/kind.yaml --
apiVersion: pleach.dev/v1
kind: ClaimKind
metadata: {name: Shared}
spec:
  apiVersions: [example.com/v1]
  group: apps
  schema: {type: object}
  files:
  - template: config.yaml.j2
-- templates/Shared/config.yaml.j2 --
apiVersion: v1
kind: ConfigMap
metadata: {name: shared, namespace: shared}
-- templates/Shared/labels.j2 --
{% macro port() %}8080{% endmacro %}
-- templates/Site/kind.yaml --
apiVersion: pleach.dev/v1
kind: ClaimKind
metadata: {name: Site}
spec:
  apiVersions: [example.com/v1]
  group: apps
  aliases: [Page]
  schema:
    type: object
    properties:
      spec:
        type: object
        properties:
          text: {}
          host: {default: none}
          namespace: {type: string, default: web}
  references:
  - at: spec.host
  outputs:
    host: '\"h-\" ~ spec.text'
  files:
  - template: site.yaml.j2
  - template: more.yaml.j2
    when: spec.text == 'two'
-- templates/Site/site.yaml.j2 --
{% from \"Shared/labels.j2\" import port %}
apiVersion: v1
kind: ConfigMap
metadata: {name: '{{ metadata.name }}', namespace: '{{ spec.namespace }}'}
data:
  text: {{ spec.text }}
  host: {{ spec.host }}
  port: '{{ port() }}'
-- templates/Site/more.yaml.j2 --
apiVersion: v1
kind: Namespace
metadata: {name: '{{ spec.namespace }}-{{ metadata.name }}'}
-- templates/Charted/kind.yaml --
apiVersion: pleach.dev/v1
kind: ClaimKind
metadata: {name: Charted}
spec:
  apiVersions: [example.com/v1]
  group: apps
  schema: {type: object, properties: {spec: {type: object, properties: {text: {}}}}}
  files:
  - template: config.yaml.j2
-- templates/Charted/config.yaml.j2 --
apiVersion: v1
kind: ConfigMap
metadata: {name: '{{ metadata.name }}', namespace: web}
data:
  port: '{{ chart('./charts', 'web', '').values.port }}'
-- environments/base/environment.yaml --
apiVersion: pleach.dev/v1
kind: Environment
metadata: {name: base}
-- environments/base/sites.yaml --
apiVersion: example.com/v1
kind: Site
metadata: {name: front}
spec: {text: base}
---
apiVersion: example.com/v1
kind: Page
metadata: {name: back}
spec: {text: base, host: {valueFrom: {kind: Site, name: front, fieldPath: outputs.host}}}
-- environments/base/charted.yaml --
apiVersion: example.com/v1
kind: Charted
metadata: {name: charted}
-- environments/one/environment.yaml --
apiVersion: pleach.dev/v1
kind: Environment
metadata: {name: one}
spec: {exclude: [Charted/charted]}
-- environments/one/front.yaml --
apiVersion: example.com/v1
kind: Site
metadata: {name: front}
spec: {text: one}
-- environments/two/environment.yaml --
apiVersion: pleach.dev/v1
kind: Environment
metadata: {name: two}
spec: {labels: {environment: two}}
-- environments/two/own.yaml --
apiVersion: example.com/v1
kind: Site
metadata: {name: own}
spec: {text: own}
-- environments/three/environment.yaml --
apiVersion: pleach.dev/v1
kind: Environment
metadata: {name: three}
-- overlays/three/kustomization.yaml --
resources: [../../shared/extra]
components: [../../shared/component]
-- shared/extra/kustomization.yaml --
resources: [extra.yaml]
-- shared/extra/extra.yaml --
apiVersion: v1
kind: ConfigMap
metadata: {name: extra, namespace: web}
-- shared/component/kustomization.yaml --
apiVersion: kustomize.config.k8s.io/v1alpha1
kind: Component
patches:
- path: patch.yaml
-- shared/component/patch.yaml --
apiVersion: v1
kind: ConfigMap
metadata: {name: back, namespace: web}
data: {patched: \"yes\"}
-- shared/unused.yaml --
a: 1
";

/// A path, a text in that file, and its replacement. Without an old text the file is created with the new one; without both it is deleted.
pub(crate) type Edit = (&'static str, Option<&'static str>, Option<&'static str>);

pub(crate) const EDITS: &[Edit] = &[
    (
        "environments/one/front.yaml",
        Some("text: one"),
        Some("text: two"),
    ),
    (
        "environments/one/front.yaml",
        Some("text: one"),
        Some("text: 1"),
    ),
    (
        "environments/one/front.yaml",
        Some("spec:"),
        Some("# a comment\nspec:"),
    ),
    (
        "environments/one/front.yaml",
        Some("{text: one}"),
        Some("{text: one, namespace: other}"),
    ),
    ("environments/one/front.yaml", None, None),
    (
        "environments/two/own.yaml",
        Some("text: own"),
        Some("text: other"),
    ),
    (
        "environments/two/own.yaml",
        Some("name: own"),
        Some("name: renamed"),
    ),
    ("environments/two/own.yaml", None, None),
    (
        "environments/two/more/new.yaml",
        None,
        Some(
            "apiVersion: example.com/v1\nkind: Page\nmetadata: {name: new}\nspec: {text: new, host: {valueFrom: {kind: Site, name: own, fieldPath: outputs.host}}}\n",
        ),
    ),
    (
        "environments/three/front.yaml",
        None,
        Some(
            "apiVersion: example.com/v1\nkind: Site\nmetadata: {name: front}\nspec: {text: three}\n",
        ),
    ),
    (
        "environments/base/sites.yaml",
        Some("{name: front}\nspec: {text: base}"),
        Some("{name: front}\nspec: {text: changed}"),
    ),
    (
        "environments/base/sites.yaml",
        Some("spec: {text: base, host"),
        Some("spec: {text: more, host"),
    ),
    (
        "environments/base/sites.yaml",
        Some("---\n"),
        Some("--- # two\n"),
    ),
    (
        "environments/base/charted.yaml",
        Some("{name: charted}"),
        Some("{name: charted}\nspec: {text: x}"),
    ),
    ("environments/base/charted.yaml", None, None),
    (
        "environments/base/environment.yaml",
        Some("name: base}"),
        Some("name: base}\nspec: {labels: {a: b}}"),
    ),
    (
        "environments/one/environment.yaml",
        Some("spec: {exclude: [Charted/charted]}"),
        Some("spec: {}"),
    ),
    (
        "environments/two/environment.yaml",
        Some("environment: two"),
        Some("environment: second"),
    ),
    (
        "environments/three/environment.yaml",
        Some("name: three}"),
        Some("name: three}\nspec: {exclude: [Site/back, Charted/charted]}"),
    ),
    (
        "environments/two/environment.yaml",
        Some("spec: {"),
        Some("spec: {exclude: [Charted/charted], "),
    ),
    (
        "environments/four/environment.yaml",
        None,
        Some("apiVersion: pleach.dev/v1\nkind: Environment\nmetadata: {name: four}\n"),
    ),
    ("templates/Shared/labels.j2", Some("8080"), Some("9090")),
    (
        "templates/Shared/config.yaml.j2",
        Some("name: shared"),
        Some("name: other"),
    ),
    (
        "templates/Site/site.yaml.j2",
        Some("host: {{"),
        Some("at: {{"),
    ),
    (
        "templates/Charted/config.yaml.j2",
        Some("port:"),
        Some("number:"),
    ),
    (
        "templates/Charted/kind.yaml",
        Some("{text: {}}"),
        Some("{text: {type: string}}"),
    ),
    ("charts/web/values.yaml", Some("80"), Some("81")),
    ("charts/web/templates/x.yaml", Some("1"), Some("2")),
    (
        "overlays/three/kustomization.yaml",
        Some("resources: [../../shared/extra]\n"),
        Some(""),
    ),
    (
        "overlays/two/kustomization.yaml",
        None,
        Some("commonAnnotations: {a: b}\n"),
    ),
    (
        "shared/extra/extra.yaml",
        Some("name: extra"),
        Some("name: extra2"),
    ),
    ("shared/component/patch.yaml", Some("yes"), Some("no")),
    ("shared/unused.yaml", Some("1"), Some("2")),
    ("README.md", Some("read"), Some("write")),
    (
        "pleach.yaml",
        Some("name: any}"),
        Some("name: any}\nspec: {sync: {path: ./elsewhere}}"),
    ),
];

fn path(text: &str) -> TreePath {
    TreePath::new(text).unwrap()
}

pub(crate) fn edited(tree: &Tree, edits: &[Edit]) -> Tree {
    let mut files: BTreeMap<TreePath, String> = tree
        .iter()
        .map(|(path, bytes)| (path.clone(), String::from_utf8(bytes.to_vec()).unwrap()))
        .collect();
    for (at, from, to) in edits.iter().copied() {
        let at = path(at);
        match (from, to) {
            (None, None) => drop(files.remove(&at)),
            (None, Some(text)) => drop(files.insert(at, text.to_string())),
            (Some(from), to) => {
                if let Some(text) = files.get_mut(&at) {
                    *text = text.replacen(from, to.unwrap_or(""), 1);
                }
            }
        }
    }
    let files = files.into_iter();
    files
        .map(|(path, text)| (path, text.into_bytes().into()))
        .collect()
}

fn compile_without_errors(tree: &Tree) -> Option<Compiled> {
    let compiled = compile(tree, &Options::default());
    (!compiled.diagnostics.has_errors()).then_some(compiled)
}

/// The environment and the claim that an output file belongs to: `apps/prod/orders/…`, `clusters/prod/apps.yaml`.
fn environment_and_claim(file: &TreePath) -> (String, Option<String>) {
    let parts: Vec<&str> = file.parts().collect();
    let claim = (parts[0] != "clusters").then(|| parts[2].to_string());
    (parts[1].to_string(), claim)
}

fn is_named(found: &Affected, environment: &str, claim: Option<&String>) -> bool {
    match (found.environments.get(environment), claim) {
        (None, _) => false,
        (Some(AffectedClaims::All), _) | (Some(_), None) => true,
        (Some(AffectedClaims::Only(names)), Some(claim)) => names.contains(claim),
    }
}

/// The part of a full tree that a scope covers.
fn restrict_to_scope(tree: &Tree, scope: &Scope) -> Tree {
    let environments = &scope.environments;
    let some: BTreeSet<&String> = scope.claims.values().flatten().collect();
    let is_partial = environments.iter().all(|it| scope.claims.contains_key(it));
    let covers = |file: &TreePath| match environment_and_claim(file) {
        (name, Some(claim)) if name == "base" => !is_partial || some.contains(&claim),
        (name, _) if !scope.has(&name) => false,
        (name, None) => !scope.is_partial(&name),
        (name, Some(claim)) => scope.has_claim(&name, &claim),
    };
    let files = tree.iter().filter(|it| covers(it.0));
    files
        .map(|(path, bytes)| (path.clone(), bytes.clone()))
        .collect()
}

fn side<'a>(compiled: &'a Compiled, root: &'a TreePath) -> Side<'a> {
    Side {
        files: &compiled.tree,
        root,
        name: "x",
        origins: Some(&compiled.origins),
    }
}

/// The comparison as JSON, with the positions in claims.
fn comparison_json(before: &Compiled, after: &Compiled) -> String {
    let environment = |it: &TreePath| {
        let name = it.parts().nth(1).filter(|it| *it != "base");
        name.map(str::to_string)
    };
    let root = TreePath::root();
    let (before, after) = (side(before, &root), side(after, &root));
    let comparison = compare(
        &before,
        &after,
        &environment,
        &pleach::diff::Options::new(&Salt::new(b"salt")),
    );
    let view = View {
        display: &TreePath::to_string,
        color: false,
    };
    let text = changes_json(&comparison, ["a", "b"], &view, &|_, path| {
        Some((path.to_string(), true))
    });
    let mut json: serde_json::Value = serde_json::from_str(&text).unwrap();
    // Environments without the change are not rendered here; the command `diff` adds them as exceptions.
    for group in json["groups"].as_array_mut().unwrap() {
        group.as_object_mut().unwrap().remove("exceptions");
    }
    // The folder of an object depends on whether base was rendered.
    let mut text = json.to_string();
    for folder in [
        "apps/base/",
        "apps/one/",
        "apps/two/",
        "apps/three/",
        "apps/four/",
    ] {
        text = text.replace(folder, "apps/");
    }
    text
}

/// Checks one change. Returns how many claims changed and how many `affected` named.
fn check(edits: [&[usize]; 2]) -> (usize, usize) {
    let workspace = Tree::from_text(WORKSPACE);
    let made = edits.map(|it| it.iter().map(|it| EDITS[*it]).collect::<Vec<_>>());
    let before = edited(&workspace, &made[0]);
    let after = edited(&before, &made[1]);
    let printed: Vec<_> = edits
        .map(|it| it.iter().map(|it| EDITS[*it]).collect())
        .into();
    let printed: &Vec<Vec<_>> = &printed;
    let (Some(old), Some(new)) = (
        compile_without_errors(&before),
        compile_without_errors(&after),
    ) else {
        return (0, 0);
    };
    let reads = |scope: &Scope| {
        let options = Options {
            scope: scope.clone(),
            ..Options::default()
        };
        compile(&before, &options).read_set
    };
    let changes = Changes::between(&before, &after);
    let found = affected([&before, &after], &changes, &reads);
    let mut changed = BTreeSet::new();
    let files: BTreeSet<_> = old.tree.iter().chain(&new.tree).map(|it| it.0).collect();
    for file in files
        .into_iter()
        .filter(|it| old.tree.get(it) != new.tree.get(it))
    {
        let (environment, claim) = environment_and_claim(file);
        let is_named = is_named(&found, &environment, claim.as_ref());
        assert!(is_named, "{file} changes: {found:?}\n{printed:?}");
        changed.insert((environment, claim));
    }
    let counts = count(&found, &old, &new, &changed);
    let Some(scope) = found.scope() else {
        return counts;
    };
    let compiled = compile_both(
        [&before, &after],
        &Options {
            scope,
            ..Options::default()
        },
    );
    let empty = Compiled::default();
    let [some_old, some_new] = compiled.each_ref().map(|it| it.as_ref().unwrap_or(&empty));
    for (some, all) in [(some_old, &old), (some_new, &new)] {
        if !some.scope.is_whole() {
            let all = restrict_to_scope(&all.tree, &some.scope);
            assert_eq!(
                some.tree.to_text(),
                all.to_text(),
                "{:?}\n{printed:?}",
                some.scope
            );
        }
    }
    let all = comparison_json(&old, &new);
    let options = Options {
        scope: found.scope().unwrap(),
        skip_proof: true,
        ..Options::default()
    };
    let quick = compile_both([&before, &after], &options).map(Option::unwrap_or_default);
    assert_eq!(
        comparison_json(&quick[0], &quick[1]),
        all,
        "{found:?}\n{printed:?}"
    );
    assert_eq!(
        comparison_json(some_old, some_new),
        all,
        "{found:?}\n{printed:?}"
    );
    counts
}

/// How many claims changed and how many were named.
fn count(
    found: &Affected,
    old: &Compiled,
    new: &Compiled,
    changed: &BTreeSet<(String, Option<String>)>,
) -> (usize, usize) {
    let files = old.tree.iter().chain(&new.tree);
    let all: BTreeSet<_> = files
        .map(|it| environment_and_claim(it.0))
        .filter(|it| it.1.is_some())
        .collect();
    let named = all
        .iter()
        .filter(|it| is_named(found, &it.0, it.1.as_ref()));
    let changed = changed.iter().filter(|it| it.1.is_some());
    (changed.count(), named.count())
}

#[test]
fn each_single_edit_names_the_changed_claims_and_few_others() {
    assert!(
        compile_without_errors(&Tree::from_text(WORKSPACE)).is_some(),
        "{}",
        faults()
    );
    let (mut changed, mut named) = (0, 0);
    // The file of an environment or of the workspace may affect all of its claims.
    let is_general = |at: &usize| {
        ["pleach.yaml", "environment.yaml"]
            .iter()
            .any(|it| EDITS[*at].0.ends_with(it))
    };
    for at in 0..EDITS.len() {
        let (more_changed, more_named) = check([&[], &[at]]);
        if !is_general(&at) {
            (changed, named) = (changed + more_changed, named + more_named);
        }
    }
    assert!(changed > 30, "{changed}");
    assert!(
        named < 3 * changed,
        "{named} claims were named where {changed} changed"
    );
}

fn faults() -> String {
    let compiled = compile(&Tree::from_text(WORKSPACE), &Options::default());
    let faults = compiled.diagnostics.iter();
    faults
        .map(|it| {
            format!(
                "{}: {:?}\n",
                it.message,
                it.span.as_ref().map(ToString::to_string)
            )
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(50), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_changed_claim_is_named_and_rendered(
        first in proptest::collection::vec(0..EDITS.len(), 0..4),
        then in proptest::collection::vec(0..EDITS.len(), 1..4),
    ) {
        check([&first, &then]);
    }
}

/// A claim whose kind looks up another claim changes with that claim, although its document does not name it.
#[test]
fn claims_that_look_up_another_claim_are_affected_with_it() {
    let before = Tree::from_text(
        "\
-- pleach.yaml --
apiVersion: pleach.dev/v1
kind: Workspace
metadata: {name: any}
-- templates/Asking/kind.yaml --
apiVersion: pleach.dev/v1
kind: ClaimKind
metadata: {name: Asking}
spec:
  apiVersions: [example.com/v1]
  group: apps
  schema:
    type: object
    properties: {spec: {type: object, properties: {text: {type: string, default: none}}}}
  outputs:
    text: spec.text
  files:
  - template: config.yaml.j2
-- templates/Asking/config.yaml.j2 --
apiVersion: v1
kind: ConfigMap
metadata: {name: '{{ metadata.name }}', namespace: web}
data:
  other: {{ 'itself' if metadata.name == 'asked' else claim('Asking', 'asked').outputs.text }}
-- environments/prod/environment.yaml --
apiVersion: pleach.dev/v1
kind: Environment
metadata: {name: prod}
-- environments/prod/asked.yaml --
apiVersion: example.com/v1
kind: Asking
metadata: {name: asked}
spec: {text: one}
-- environments/prod/asking.yaml --
apiVersion: example.com/v1
kind: Asking
metadata: {name: asking}
",
    );
    let mut after = before.clone();
    let file = path("environments/prod/asked.yaml");
    let text = String::from_utf8(before.get(&file).unwrap().to_vec()).unwrap();
    after.insert(file.clone(), text.replace("one", "two").into_bytes());
    let changes = Changes::between(&before, &after);
    let reads = |scope: &Scope| {
        let scope = scope.clone();
        let options = Options {
            scope,
            ..Options::default()
        };
        compile(&before, &options).read_set
    };
    let found = affected([&before, &after], &changes, &reads);
    let both = ["asked", "asking"].map(str::to_string);
    let both = AffectedClaims::Only(both.into_iter().collect());
    assert_eq!(found.environments.get("prod"), Some(&both));
    // Such an environment is rendered as a whole, even if the scope names only one claim.
    let part = Scope {
        environments: vec!["prod".to_string()],
        claims: BTreeMap::from([("prod".to_string(), BTreeSet::from(["asked".to_string()]))]),
        ..Scope::default()
    };
    let options = Options {
        scope: part,
        ..Options::default()
    };
    let [_, compiled] = compile_both([&before, &after], &options);
    let config = path("apps/prod/asking/config.yaml");
    let text = compiled.unwrap().tree.get(&config).unwrap().to_vec();
    assert!(String::from_utf8(text).unwrap().contains("other: two"));
}

/// A kind that looks up claims of certain kinds is not affected by claims of other kinds.
#[test]
fn claims_are_affected_by_claims_of_the_kinds_that_they_look_up() {
    let kind = |name: &str, more: &str, text: &str| {
        format!(
            "-- templates/{name}/kind.yaml --\napiVersion: pleach.dev/v1\nkind: ClaimKind\nmetadata: {{name: {name}}}\nspec:\n  \
             apiVersions: [example.com/v1]\n  group: apps\n  schema: {{type: object, properties: {{spec: {{type: object, properties: {{text: {{type: string, default: none}}}}}}}}}}\n{more}  \
             files: [{{template: config.yaml.j2}}]\n\
             -- templates/{name}/config.yaml.j2 --\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: '{{{{ metadata.name }}}}', namespace: web}}\ndata: {{text: '{text}'}}\n"
        )
    };
    let claim = |folder: &str, kind: &str, text: &str| {
        format!(
            "-- environments/{folder}/{}.yaml --\napiVersion: example.com/v1\nkind: {kind}\nmetadata: {{name: {}}}\nspec: {{text: {text}}}\n",
            kind.to_lowercase(),
            kind.to_lowercase()
        )
    };
    let own = "{{ spec.text }}";
    let found = "  find: {store: {kind: Store, where: \"true\"}}\n";
    let workspace = [
        "-- pleach.yaml --\napiVersion: pleach.dev/v1\nkind: Workspace\nmetadata: {name: any}\n".to_string(),
        kind("Store", "  aliases: [OldStore]\n", own),
        kind("Plain", "", own),
        kind("Finding", found, "{{ store.spec.text }}"),
        kind("Asking", "", "{{ claim(\"OldStore\", \"store\").spec.text }}"),
        kind("Further", "  let: {further: 'claim(\"Asking\", \"asking\").spec.text'}\n", "{{ further }}"),
        "-- environments/prod/environment.yaml --\napiVersion: pleach.dev/v1\nkind: Environment\nmetadata: {name: prod}\n".to_string(),
        "-- environments/test/environment.yaml --\napiVersion: pleach.dev/v1\nkind: Environment\nmetadata: {name: test}\n".to_string(),
        ["Store", "Plain", "Finding", "Asking", "Further"].map(|it| claim("prod", it, "one")).concat(),
        ["Store", "Plain"].map(|it| claim("test", it, "one")).concat(),
    ];
    let before = Tree::from_text(&workspace.concat());
    let touched = |folder: &str, kind: &str| {
        let mut after = before.clone();
        after.overlay(&Tree::from_text(&claim(folder, kind, "two")));
        let changes = Changes::between(&before, &after);
        let found = affected([&before, &after], &changes, &|_| ReadSet::default());
        match found.environments.get(folder) {
            Some(AffectedClaims::Only(claims)) => {
                claims.iter().cloned().collect::<Vec<_>>().join(" ")
            }
            other => format!("{other:?}"),
        }
    };
    assert_eq!(touched("prod", "Plain"), "plain");
    assert_eq!(touched("prod", "Store"), "asking finding further store");
    assert_eq!(touched("prod", "Asking"), "asking further");
    assert_eq!(touched("prod", "Further"), "further");
    assert_eq!(touched("test", "Store"), "store");
}

#[test_with::executable(git)]
#[test]
fn affected_follows_submodules_and_refuses_merge_conflicts() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let git = |folder: &str, arguments: &[&str]| {
        let allow = ["-c", "protocol.file.allow=always"];
        let output = command(&root.join(folder), "git", &[&allow, arguments].concat());
        output.status.success()
    };
    let write = |path: &str, text: &str| {
        let file = root.join(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    };
    let affected = |arguments: &[&str]| {
        let output = pleach(&root.join("main"), &[&["affected"], arguments].concat());
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        (text, output.status.code())
    };
    write("sub/base/kustomization.yaml", "resources: [a.yaml]\n");
    write(
        "sub/base/a.yaml",
        "{apiVersion: v1, kind: Namespace, metadata: {name: a}}\n",
    );
    assert!(git("sub", &["init", "-q", "-b", "main"]) && git("sub", &["add", "-A"]));
    assert!(git("sub", &["commit", "-q", "-m", "one"]));
    write(
        "main/app/kustomization.yaml",
        "resources: [../vendor/base]\n",
    );
    write("main/other/kustomization.yaml", "namePrefix: a-\n");
    write(
        "main/pleach.yaml",
        "{apiVersion: pleach.dev/v1, kind: Workspace, metadata: {name: a}}\n",
    );
    assert!(git("main", &["init", "-q", "-b", "main"]));
    let url = root.join("sub").display().to_string();
    assert!(git(
        "main",
        &["submodule", "--quiet", "add", &url, "vendor"]
    ));
    assert!(git("main", &["add", "-A"]) && git("main", &["commit", "-q", "-m", "one"]));
    assert_eq!(affected(&[]), (String::new(), Some(0)));
    write(
        "main/vendor/base/a.yaml",
        "{apiVersion: v1, kind: Namespace, metadata: {name: b}}\n",
    );
    assert!(git("main/vendor", &["commit", "-q", "-a", "-m", "two"]));
    assert!(affected(&[]).0.contains("app") && !affected(&[]).0.contains("other"));
    assert_eq!(affected(&["--staged"]), (String::new(), Some(0)));
    assert!(git("main", &["add", "vendor"]));
    let (text, code) = affected(&["--staged"]);
    assert!(text.contains("app") && !text.contains("other"), "{text}");
    assert_eq!(code, Some(0));
    assert!(git("main", &["commit", "-q", "-a", "-m", "two"]));
    let (text, _) = affected(&["--since", "HEAD~1..HEAD"]);
    assert!(text.contains("app") && !text.contains("other"), "{text}");
    let (text, _) = affected(&["HEAD~1..HEAD"]);
    assert!(text.contains("use `--since HEAD~1..HEAD`"), "{text}");
    assert!(git("main", &["checkout", "-q", "-b", "topic"]));
    write("main/other/kustomization.yaml", "namePrefix: b-\n");
    assert!(
        git("main", &["commit", "-q", "-a", "-m", "b"]) && git("main", &["checkout", "-q", "main"])
    );
    write("main/other/kustomization.yaml", "namePrefix: c-\n");
    assert!(
        git("main", &["commit", "-q", "-a", "-m", "c"]) && !git("main", &["merge", "-q", "topic"])
    );
    let (text, code) = affected(&[]);
    assert!(
        text.contains("`other/kustomization.yaml` has merge conflicts"),
        "{text}"
    );
    assert_eq!(code, Some(2));
}
