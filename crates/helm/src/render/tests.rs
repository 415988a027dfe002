//! Whole charts, small ones. What each prints was printed by Helm 3.19 and 4.3.

use pleach_yaml::tree::{Tree, TreePath};

use super::*;
use crate::manifests::{PrintOptions, print};
use crate::source::{folder_files, load};
use crate::values::UserValues;

struct Case {
    chart: &'static str,
    set: &'static [&'static str],
    print: PrintOptions,
}

impl Case {
    fn new(chart: &'static str) -> Case {
        Case {
            chart,
            set: &[],
            print: PrintOptions::default(),
        }
    }

    fn set(self, set: &'static [&'static str]) -> Case {
        Case { set, ..self }
    }

    fn run(&self, version: HelmVersion) -> Result<String, String> {
        self.run_with(version, &mut Warnings::default())
    }

    fn run_with(&self, version: HelmVersion, warnings: &mut Warnings) -> Result<String, String> {
        let tree = Tree::from_text(self.chart);
        let files = folder_files(&tree, &TreePath::root()).unwrap();
        let user = UserValues {
            set: self.set.iter().map(|it| it.to_string()).collect(),
            ..UserValues::default()
        };
        let printed = || {
            let chart = load(files, &TreePath::root(), version, warnings)?;
            let values = user.merged(version, &|_| Err(String::new()))?;
            let options = RenderOptions {
                version,
                ..RenderOptions::default()
            };
            let release = Release::install("rel", "ns");
            let capabilities = Capabilities::defaults(version);
            let rendered = render(&chart, &values, &release, &capabilities, &options, warnings)?;
            print(&rendered, &self.print, version)
        };
        let printed = printed();
        printed.map_err(|error| error.message)
    }
}

/// A chart `app` with one template, and other files.
macro_rules! app {
    ($template:literal, $($files:literal),*) => {
        concat!(
            "-- Chart.yaml --\n{apiVersion: v2, name: app, version: 1.0.0}\n-- templates/a.yaml --\n",
            $template, "\n", $($files, "\n"),*
        )
    };
}

#[track_caller]
fn both(case: &Case, expected: &str) {
    for version in [HelmVersion::V3, HelmVersion::V4] {
        let text = case.run(version).unwrap();
        let text = text.strip_prefix("---\n# Source: app/templates/a.yaml\n");
        assert_eq!(text.map(str::trim_end), Some(expected), "{version:?}");
    }
}

#[test]
fn helm_4_keeps_line_ends_and_helm_3_does_not() {
    let case = Case::new(app!("a: 1\n---\nb: 2\n",));
    let head = "---\n# Source: app/templates/a.yaml\n";
    assert_eq!(
        case.run(HelmVersion::V3).unwrap(),
        format!("{head}a: 1\n{head}b: 2\n")
    );
    assert_eq!(
        case.run(HelmVersion::V4).unwrap(),
        format!("{head}a: 1\n\n{head}b: 2\n")
    );
}

#[test]
fn null_of_a_user_removes_a_default() {
    let case = Case::new(app!(
        "v: {{ toJson .Values }}",
        "-- values.yaml --\na: 1\nb: {c: 2, d: 3}"
    ));
    both(
        &case.set(&["a=null,b.c=null,e=null"]),
        "v: {\"b\":{\"d\":3},\"e\":null}",
    );
}

/// As since Helm 3.20.1.
#[test]
fn helm_4_keeps_nulls_of_a_user_without_a_default() {
    let case = Case::new(app!(
        "v: {{ toJson .Values }}",
        "-- values.yaml --\nm: {a: null, c: 1}"
    ));
    let case = case.set(&["m.a=null,m.b=null,m.c=null"]);
    for (version, values) in [
        (HelmVersion::V3, r#"{"m":{"b":null}}"#),
        (HelmVersion::V4, r#"{"m":{"a":null,"b":null}}"#),
    ] {
        let text = case.run(version).unwrap();
        let expected = format!("---\n# Source: app/templates/a.yaml\nv: {values}");
        assert_eq!(text.trim_end(), expected, "{version:?}");
    }
}

#[test]
fn charts_are_not_named_as_folders() {
    let case = Case::new("-- Chart.yaml --\n{apiVersion: v2, name: .., version: 1.0.0}\n");
    for version in [HelmVersion::V3, HelmVersion::V4] {
        let error = case.run(version).unwrap_err();
        assert_eq!(
            error,
            "validation: chart.metadata.name \"..\" is not allowed"
        );
    }
}

#[test]
fn values_that_go_cannot_compare_are_an_error() {
    let case = Case::new(app!("v: {{ eq .Chart .Chart }}",));
    let error = case.run(HelmVersion::V3).unwrap_err();
    assert!(
        error.contains("error calling eq: non-comparable type {{app "),
        "{error}"
    );
    both(
        &Case::new(app!(
            "v: {{ eq .Capabilities.KubeVersion .Capabilities.KubeVersion }}",
        )),
        "v: true",
    );
}

#[test]
fn null_default_is_gone_in_helm_4_only() {
    let case = Case::new(app!(
        "v: {{ toJson .Values }}",
        "-- values.yaml --\na: null"
    ));
    assert!(case.run(HelmVersion::V3).unwrap().contains("{\"a\":null}"));
    assert!(case.run(HelmVersion::V4).unwrap().contains("v: {}"));
}

#[test]
fn global_reaches_subcharts() {
    let case = Case::new(app!(
        "v: {{ toJson .Values.kid }}",
        "-- values.yaml --\nglobal: {a: 1, m: {x: 1}}",
        "-- charts/kid/Chart.yaml --\n{apiVersion: v2, name: kid, version: 1.0.0}",
        "-- charts/kid/values.yaml --\nglobal: {a: 2, b: 3, m: {z: 2}}"
    ));
    both(
        &case,
        "v: {\"global\":{\"a\":1,\"b\":3,\"m\":{\"x\":1,\"z\":2}}}",
    );
}

const DEPENDENCIES: &str = concat!(
    "-- Chart.yaml --\n",
    "apiVersion: v2\nname: app\nversion: 1.0.0\ndependencies:\n",
    "- {name: kid, version: ^1, alias: one, condition: one.on, import-values: [data]}\n",
    "- {name: kid, version: ^1, alias: two, tags: [back]}\n",
    "-- templates/a.yaml --\nv: {{ .Values.imported }} {{ keys .Subcharts | sortAlpha }}\n",
    "-- charts/kid/Chart.yaml --\n{apiVersion: v2, name: kid, version: 1.2.3}\n",
    "-- charts/kid/values.yaml --\nexports: {data: {imported: yes}}\n",
    "-- charts/kid/templates/k.yaml --\nkid: {{ .Chart.Name }} {{ .Template.Name }}\n",
);

#[test]
fn aliases_are_charts_of_their_own() {
    let text = Case::new(DEPENDENCIES).run(HelmVersion::V3).unwrap();
    assert_eq!(
        text,
        concat!(
            "---\n# Source: app/charts/one/templates/k.yaml\nkid: one app/charts/one/templates/k.yaml\n",
            "---\n# Source: app/charts/two/templates/k.yaml\nkid: two app/charts/two/templates/k.yaml\n",
            "---\n# Source: app/templates/a.yaml\nv: true [one two]\n"
        )
    );
}

#[test]
fn conditions_and_tags_switch_subcharts_off() {
    let case = Case::new(DEPENDENCIES).set(&["one.on=false,tags.back=false"]);
    both(&case, "v:  []");
}

#[test]
fn missing_subchart_is_an_error() {
    let case = Case::new(concat!(
        "-- Chart.yaml --\napiVersion: v2\nname: app\nversion: 1.0.0\n",
        "dependencies: [{name: gone, version: '1'}]\n-- templates/a.yaml --\n",
    ));
    assert_eq!(
        case.run(HelmVersion::V4),
        Err("an error occurred while checking for chart dependencies. You may need to run 'helm dependency build' to fetch missing dependencies: found in Chart.yaml, but missing in charts/ directory: gone".to_string())
    );
}

#[test]
fn a_parent_sees_what_a_child_sets() {
    let case = Case::new(app!(
        "v: {{ .Values.kid.seen }}",
        "-- charts/kid/Chart.yaml --\n{apiVersion: v2, name: kid, version: 1.0.0}",
        "-- charts/kid/templates/k.yaml --\n{{ $_ := set .Values \"seen\" \"by kid\" }}"
    ));
    both(&case, "v: by kid");
}

#[test]
fn hooks_come_last_and_tests_can_be_left_out() {
    let mut case = Case::new(app!(
        "kind: Zed\n---\nkind: Pod\nmetadata: {annotations: {helm.sh/hook: test}}\n---\nkind: Job\nmetadata: {annotations: {helm.sh/hook: bogus}}\n---\nkind: Namespace",
    ));
    let mut warnings = Warnings::default();
    let text = case.run_with(HelmVersion::V3, &mut warnings).unwrap();
    let kinds: Vec<&str> = text.lines().filter(|it| it.starts_with("kind")).collect();
    assert_eq!(kinds, ["kind: Namespace", "kind: Zed", "kind: Pod"]);
    assert_eq!(
        warnings.iter().collect::<Vec<_>>(),
        ["info: skipping unknown hook: \"bogus\""]
    );
    case.print.skip_tests = true;
    assert!(!case.run(HelmVersion::V3).unwrap().contains("Pod"));
}

#[test]
fn crds_are_printed_as_they_are() {
    let mut case = Case::new(app!(
        "a: 1",
        "-- crds/c.yaml --\n# {{ not }} a template\nkind: X"
    ));
    case.print.include_crds = true;
    assert_eq!(
        case.run(HelmVersion::V3).unwrap(),
        "---\n# Source: app/crds/c.yaml\n# {{ not }} a template\nkind: X\n\n---\n# Source: app/templates/a.yaml\na: 1\n"
    );
}

#[test]
fn errors_of_templates_are_laid_out_by_version() {
    let case = Case::new(app!(
        "{{ include \"h\" . }}",
        "-- templates/_h.tpl --\n{{ define \"h\" }}{{ .Values.a.b }}{{ end }}"
    ));
    assert_eq!(
        case.run(HelmVersion::V3),
        Err("template: app/templates/a.yaml:1:3: executing \"app/templates/a.yaml\" at <include \"h\" .>: error calling include: template: app/templates/_h.tpl:1:26: executing \"h\" at <.Values.a.b>: nil pointer evaluating interface {}.b".to_string())
    );
    assert_eq!(
        case.run(HelmVersion::V4),
        Err("app/templates/a.yaml:1:3\n  executing \"app/templates/a.yaml\" at <include \"h\" .>:\n    error calling include:\napp/templates/_h.tpl:1:26\n  executing \"h\" at <.Values.a.b>:\n    nil pointer evaluating interface {}.b".to_string())
    );
}

#[test]
fn errors_point_at_the_chart_s_file() {
    let tree = Tree::from_text(app!("a: 1\nb: {{ .Values.x.y }}",));
    let location = TreePath::new("charts/app").unwrap();
    let files = folder_files(&tree, &TreePath::root()).unwrap();
    let mut warnings = Warnings::default();
    let chart = load(files, &location, HelmVersion::V4, &mut warnings).unwrap();
    let error = render(
        &chart,
        &JsonMap::new(),
        &Release::install("rel", "ns"),
        &Capabilities::defaults(HelmVersion::V4),
        &RenderOptions::default(),
        &mut warnings,
    );
    let span = error.unwrap_err().span.unwrap();
    assert_eq!(span.to_string(), "charts/app/templates/a.yaml:2:14");
}

#[test]
fn schemas_and_kubernetes_versions_are_heeded() {
    let case = Case::new(app!(
        "a: 1",
        "-- values.schema.json --\n{\"required\": [\"b\"]}"
    ));
    assert_eq!(
        case.run(HelmVersion::V3),
        Err("values don't meet the specifications of the schema(s) in the following chart(s):\napp:\n- at '': missing property 'b'\n".to_string())
    );
    let case = Case::new(
        "-- Chart.yaml --\n{apiVersion: v2, name: app, version: 1.0.0, kubeVersion: <1.0}\n",
    );
    assert_eq!(
        case.run(HelmVersion::V3),
        Err(
            "chart requires kubeVersion: <1.0 which is incompatible with Kubernetes v1.34.0"
                .to_string()
        )
    );
}

#[test]
fn names_and_libraries_that_helm_refuses_are_refused() {
    let case =
        Case::new("-- Chart.yaml --\n{apiVersion: v2, name: app, version: 1.0.0, type: library}\n");
    assert_eq!(
        case.run(HelmVersion::V3),
        Err("library charts are not installable".to_string())
    );
    for (name, is_valid) in [
        ("a.b-c", true),
        ("", false),
        ("A", false),
        ("a.", false),
        ("-a", false),
    ] {
        assert_eq!(
            check_release_name(name, HelmVersion::V3).is_ok(),
            is_valid,
            "{name}"
        );
    }
}
