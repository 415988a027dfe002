//! The targets and their seed texts.

use pleach::chart::{pack, read_archive, unpack};
use pleach::diag::{Diagnostic, Source, Span};
use pleach::helm::HelmVersion;
use pleach::helm::functions::{State, groups};
use pleach::helm::template::{Renderer, Templates as HelmTemplates};
use pleach::helm::value::Value;
use pleach::helm::values::UserValues;
use pleach::kustomize::{Options, build};
use pleach::patch::{PatchText, json6902, parse_patch};
use pleach::report::{Format, View, report};
use pleach::secret::{self, Salt};
use pleach::template::{Context, Templates, Texts};
use pleach::tree::{Tree, TreePath};
use pleach::validate::{Catalog, Encoding};
use pleach::yaml;
use pleach_re2::Regexp;

/// A parser, or other code that reads text.
pub(super) struct Target {
    pub(super) name: &'static str,
    /// The number of inputs per round; lower for slow targets.
    pub(super) turns: usize,
    /// The texts to mutate.
    pub(super) seeds: &'static [&'static str],
    pub(super) run: fn(&str),
}

const fn target(
    name: &'static str,
    turns: usize,
    seeds: &'static [&'static str],
    run: fn(&str),
) -> Target {
    Target {
        name,
        turns,
        seeds,
        run,
    }
}

pub(super) const TARGETS: &[Target] = &[
    target("yaml", 100, YAML, read_yaml),
    target("patch", 100, PATCHES, apply_patch),
    target("template", 50, TEMPLATES, render_template),
    target("kustomization", 8, KUSTOMIZATIONS, build_kustomization),
    target("chart template", 40, CHART_TEMPLATES, render_chart_template),
    target("values flag", 100, SETS, merge_values),
    target("regular expression", 20, PATTERNS, match_pattern),
    target("secrets", 40, SECRETS, hide_secrets),
    target("object", 40, OBJECTS, validate_object),
    target("CEL", 10, RULES, check_by_rule),
    target("archive", 10, ARCHIVES, unpack_archive),
    target("workspace", 4, CLAIMS, compile_workspace),
    target("kind", 2, KINDS, compile_kind),
];

const YAML: &[&str] = &[
    "a: &x {b: [1, 'c', \"d\\n\"]}\ne: *x\n<<: *x\nf: |\n  g\n  h\n",
    "- !!binary aGk=\n- >-\n  folded\n  text\n- ? k\n  : v\n---\n# c\n{x: 1.5e3, y: 0x1f, z: 2001-12-14}\n",
    "%YAML 1.1\n---\na: 'it''s'\nb: \"\\u263a \\x41\"\n...\n",
];
const PATCHES: &[&str] = &[
    "- {op: add, path: /spec/a/-, value: [1]}\n- {op: move, from: /spec/a, path: /spec/b}\n- {op: test, path: /spec/c, value: 1}\n",
    "[{\"op\": \"copy\", \"from\": \"/spec\", \"path\": \"/spec/x~1y\"}, {\"op\": \"remove\", \"path\": \"/spec/a/0\"}]",
    "- op: replace\n  path: /metadata/name\n  value: b\n",
];
const TEMPLATES: &[&str] = &[
    "a: {{ spec.a ~ 'b' * 3 }}\n{% for i in range(3) %}\nb{{ i }}: {{ [i, spec.a][0] | default('x') }}\n{% endfor %}\n",
    "{% macro m(x) %}{{ x[1:] }}{% endmacro %}{% set y = m('abc') -%}\nc: {{ y | replace('b', 'c') }}\n{% raw %}{{ d }}{% endraw %}\n",
    "{% if spec.a not in (1, 2) and -spec.b < 3 %}\nd: {{ {'k': spec.a} | tojson }}\n{% elif spec.b is divisibleby 2 %}\ne: {{ '%05d' | format(4) }}\n{% endif %}\n",
];
const KUSTOMIZATIONS: &[&str] = &[
    "resources: [a.yaml]\nnamePrefix: p-\nlabels: [{pairs: {a: b}, includeSelectors: true}]\nimages: [{name: i, newTag: t}]\n",
    "resources: [a.yaml]\npatches:\n- target: {kind: Deployment}\n  patch: '[{\"op\": \"add\", \"path\": \"/spec/x\", \"value\": 1}]'\nconfigMapGenerator: [{name: c, literals: [a=b]}]\n",
    "resources: [a.yaml]\nreplacements:\n- source: {kind: Deployment, fieldPath: metadata.name}\n  targets: [{select: {kind: Deployment}, fieldPaths: [spec.template.spec.containers.0.image], options: {delimiter: ':'}}]\n",
];
const OBJECT: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {a: [1], b: 2, template: {spec: {containers: [{name: c, image: 'i:1'}]}}}\n";
const CHART_TEMPLATES: &[&str] = &[
    "{{ range $k, $v := .m }}{{ $k | upper | quote }}: {{ $v | int | add 1 }}\n{{ else }}x{{ end }}",
    "{{- with .s }}{{ . | trunc 3 | indent 2 | nindent 4 }}{{ printf \"%05d %q %v\" 3 . $ }}{{ end -}}",
    "{{ define \"t\" }}{{ .s }}{{ end }}{{ include \"t\" . }}{{ tpl \"{{ .s }}\" . }}{{ .m | toYaml | fromYaml | toJson }}",
    "{{ if and (eq .s \"a\") (not .n) (lt 1 2.5) }}{{ regexReplaceAll \"(a)+\" .s \"$1\" }}{{ end }}{{ index .l 0 }}{{ slice .s 1 }}{{ dict \"a\" 1 | merge .m | keys | sortAlpha }}",
];
const SETS: &[&str] = &[
    "a.b[0].c=d,e={f,g},h=null",
    "a[3]=1,b\\.c=x\\,y",
    "{\"a\": [1, {\"b\": null}]}",
];
const PATTERNS: &[&str] = &[
    "(?i)^(a|b*?)+[[:alpha:]\\d-x]{2,3}\\b(?P<n>c)$",
    "\\pL+\\x{1F600}[^a-z&&x]\\Q.*\\E",
];
const SECRETS: &[&str] = &[
    "kind: Secret\nstringData: {a: b}\nurl: https://a:b@c/?token=d\n",
    "x: |\n  -----BEGIN RSA PRIVATE KEY-----\n  abc\n  -----END RSA PRIVATE KEY-----\nargs: [--token, a, '--password=b']\n",
    "d: '{\"auths\":{\"a\":{\"auth\":\"YTpi\"}}}'\nAuthorization: Bearer abc\n# password: c\npassword = d\n",
];
const OBJECTS: &[&str] = &[
    OBJECT,
    "apiVersion: v1\nkind: Pod\nmetadata: {name: a, labels: {a: b}}\nspec: {containers: [{name: c, image: i, resources: {limits: {cpu: 1500m, memory: 1Gi}}, ports: [{containerPort: 80}], env: [{name: A, value: $(B)}]}], volumes: [{name: v, emptyDir: {}}]}\n",
    "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: a}\nspec: {schedule: '*/5 1-3 * * MON', jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: a, image: b}]}}}}}\n",
    "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: a}\nspec: {rules: [{host: a.b, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: a, port: {number: 1}}}}]}}]}\n",
];
const RULES: &[&str] = &[
    "self.a.all(x, x.b > 1 && x.c.matches('^a+$')) || has(self.d)",
    "self.a.map(x, x.b * 2).exists_one(y, y == quantity('1Gi').asInteger()) ? 'a'.split(',')[0] != '' : url(self.d).getHost() == 'b'",
    "self.a.filter(x, duration('1h').getHours() == 1).size() + ip('1.2.3.4').family() < 9 && format.dns1123Label().validate('a').hasValue()",
];
const ARCHIVES: &[&str] = &[
    "Chart.yaml|{apiVersion: v2, name: a, version: 1.0.0}",
    "values.yaml|a: b",
];
const CLAIMS: &[&str] = &[
    "apiVersion: pleach.dev/v1\nkind: OperatorInstall\nmetadata: {name: a}\nspec: {namespace: a, chart: {name: a, repository: 'https://a', version: 1.0.0}, values: {a: [b]}, dependsOn: [b]}\n---\napiVersion: pleach.dev/v1\nkind: OperatorInstall\nmetadata: {name: b}\nspec: {namespace: {valueFrom: {kind: OperatorInstall, name: a, fieldPath: outputs.namespace}}, chart: {name: b, repository: 'oci://b', version: 1.0.0}}\n",
];
const KINDS: &[&str] = &[
    "apiVersion: pleach.dev/v1\nkind: ClaimKind\nmetadata: {name: Own}\nspec:\n  apiVersions: [e.com/v1]\n  group: apps\n  schema: {type: object, properties: {spec: {type: object, properties: {a: {type: string, pattern: '^[a-z]+$', default: b}, l: {type: array, items: {type: integer, minimum: 0}}}}}}\n  let: {x: spec.a ~ 'c'}\n  rules: [{at: spec.a, require: x != 'd', message: 'm {{ x }}'}]\n  outputs: {o: x}\n  files: [{template: t.yaml.j2, forEach: spec.l}]\n",
];

fn read_yaml(text: &str) {
    let source = Source::internal("fuzz", text);
    if let Ok(documents) = yaml::parse(&source) {
        for document in &documents {
            let _ = (
                yaml::emit_canonical(document),
                yaml::emit_kustomize(document),
            );
        }
    }
    let _ = yaml::parse_as_written(&source);
    let _ = yaml::parse_as_kustomize(&source);
}

fn apply_patch(text: &str) {
    let source = Source::internal("fuzz", text);
    let object = yaml::parse_one(&Source::internal("object", OBJECT));
    if let (Ok(PatchText::Json6902(operations)), Ok(mut object)) = (parse_patch(&source), object) {
        let _ = json6902(&mut object, &operations);
    }
}

fn render_template(text: &str) {
    let source = Source::internal("fuzz", text);
    let mut templates = Templates::default();
    let mut texts = Texts::default();
    texts.add("t", &source);
    let Ok(spec) = yaml::parse_one(&Source::internal("spec", "{a: x, b: 2}")) else {
        return;
    };
    if templates.add(texts).is_ok() {
        let mut context = Context::new();
        context.set("spec", &spec);
        let _ = templates.render("t", &context, &Span::new(&source, 0..0));
    }
}

fn build_kustomization(text: &str) {
    let mut tree = Tree::new();
    for (path, text) in [("kustomization.yaml", text), ("a.yaml", OBJECT)] {
        if let Some(path) = TreePath::new(path) {
            tree.insert(path, text.as_bytes().to_vec());
        }
    }
    let _ = build(&tree, &TreePath::root(), &Options::default()).to_yaml();
}

fn render_chart_template(text: &str) {
    let mut templates = HelmTemplates::new(&groups());
    if templates.parse("t", &text.into()).is_err() {
        return;
    }
    let data = Value::map([
        ("s".into(), Value::string("abc")),
        ("n".into(), Value::int(3)),
        (
            "l".into(),
            Value::list(vec![Value::int(1), Value::string("x")]),
        ),
        ("m".into(), Value::map([("k".into(), Value::int(2))])),
    ]);
    let mut renderer = Renderer::new(&templates, HelmVersion::V4, State::default());
    let _ = renderer.render("t", &data);
}

fn merge_values(text: &str) {
    let user = UserValues {
        set: vec![text.to_string()],
        set_string: vec![text.to_string()],
        set_literal: vec![text.to_string()],
        ..UserValues::default()
    };
    let none = |_: &str| Err(String::new());
    let _ = user.merged(HelmVersion::V4, &none);
    let json = UserValues {
        set_json: vec![text.to_string()],
        ..UserValues::default()
    };
    let _ = json.merged(HelmVersion::V3, &none);
}

fn match_pattern(text: &str) {
    if let Ok(pattern) = Regexp::new(text) {
        let subject = b"aabbc \xff 123 -x";
        let _ = pattern.replace_all(subject, b"$1 ${n}$");
        let _ = pattern.split(subject, Some(3));
    }
}

fn hide_secrets(text: &str) {
    let source = Source::internal("fuzz", text);
    let _ = secret::redact(&source, |_| "***".to_string());
    let _ = secret::without_secrets(text);
    let salt = Salt::new(b"salt");
    for document in yaml::parse(&source).iter().flatten() {
        let _ = secret::hide(document, &salt);
        let _ = secret::find_secret(document);
    }
    let fault = Diagnostic::error("fuzz", text.to_string()).at(Span::new(&source, 0..text.len()));
    let concealed = secret::conceal(fault.into());
    let view = View {
        display: &TreePath::to_string,
        color: true,
    };
    for format in Format::ALL.iter().copied() {
        let _ = report(&concealed, format, &view);
    }
}

fn validate_object(text: &str) {
    let catalog = Catalog::new(None);
    for document in yaml::parse(&Source::internal("fuzz", text))
        .iter()
        .flatten()
    {
        let _ = catalog.validate(document, Encoding::Json);
    }
}

/// Validates a custom resource with the text as a rule of its definition.
fn check_by_rule(text: &str) {
    let rule = text.replace('\'', "''").replace('\n', " ");
    let crd = format!(
        "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {{name: as.e.com}}\nspec: {{group: e.com, scope: Namespaced, names: {{kind: A, plural: as}}, versions: [{{name: v1, served: true, storage: true, schema: {{openAPIV3Schema: {{type: object, properties: {{spec: {{type: object, properties: {{a: {{type: array, items: {{type: object, properties: {{b: {{type: integer}}, c: {{type: string}}}}}}}}, d: {{type: string}}}}, x-kubernetes-validations: [{{rule: '{rule}'}}]}}}}}}}}}}]}}\n"
    );
    let object = "apiVersion: e.com/v1\nkind: A\nmetadata: {name: a, namespace: b}\nspec: {a: [{b: 2, c: aa}], d: 'http://b'}\n";
    let parse = |text: &str| yaml::parse_one(&Source::internal("fuzz", text));
    let mut catalog = Catalog::new(None);
    if let (Ok(crd), Ok(object)) = (parse(&crd), parse(object)) {
        catalog.add_crd(&crd);
        let _ = catalog.validate(&object, Encoding::Json);
    }
}

/// Unpacks a chart archive whose bytes are changed by a text.
fn unpack_archive(text: &str) {
    let (name, content) = text.split_once('|').unwrap_or(("a", text));
    let mut tree = Tree::new();
    if let Some(path) = TreePath::new(name).filter(|it| *it != TreePath::root()) {
        tree.insert(path, content.as_bytes().to_vec());
    }
    let Ok(mut bytes) = pack(&tree, "fuzz") else {
        return;
    };
    let _ = read_archive(&bytes, "fuzz");
    for (at, byte) in text.bytes().enumerate().take(8) {
        let place = usize::from(byte) * (at + 31) % bytes.len().max(1);
        if let Some(it) = bytes.get_mut(place) {
            *it ^= byte;
        }
    }
    let _ = unpack(&bytes, "fuzz");
}

const WORKSPACE: &str = "-- pleach.yaml --\napiVersion: pleach.dev/v1\nkind: Workspace\nmetadata: {name: w}\n-- environments/test/environment.yaml --\napiVersion: pleach.dev/v1\nkind: Environment\nmetadata: {name: test}\n-- templates/Own/t.yaml.j2 --\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ spec.a }}}\ndata: {x: {{ x }}, i: {{ item }}}\n";

fn compile_workspace(text: &str) {
    compile_with("environments/test/a.yaml", text, false);
}

fn compile_kind(text: &str) {
    compile_with("templates/Own/kind.yaml", text, true);
}

fn compile_with(path: &str, text: &str, has_claim: bool) {
    let mut tree = Tree::from_text(WORKSPACE);
    let claim = "apiVersion: e.com/v1\nkind: Own\nmetadata: {name: a}\nspec: {a: b, l: [1, 2]}\n";
    if has_claim && let Some(path) = TreePath::new("environments/test/own.yaml") {
        tree.insert(path, claim.as_bytes().to_vec());
    }
    if let Some(path) = TreePath::new(path) {
        tree.insert(path, text.as_bytes().to_vec());
    }
    let compiled = pleach::compile(&tree, &pleach::Options::default());
    let view = View {
        display: &TreePath::to_string,
        color: true,
    };
    let _ = report(&compiled.diagnostics, Format::Human, &view);
}
