//! Claims, kinds and files of a workspace.

use super::{Case, files, hostile, repeat};

const WORKSPACE: &str = "-- pleach.yaml --\napiVersion: pleach.dev/v1\nkind: Workspace\nmetadata: {name: case}\n\
    -- environments/test/environment.yaml --\napiVersion: pleach.dev/v1\nkind: Environment\nmetadata: {name: test}\nspec: {cluster: test-1}\n";

/// A workspace with more files.
pub(super) fn workspace(text: &str) -> Case {
    Case::new(
        &["render", "--out", "out"],
        files(&format!("{WORKSPACE}{text}")),
    )
}

/// A workspace with a kind, whose `spec` is given in part, and one claim of it.
pub(super) fn kind(parts: &str, template: &str, spec: &str) -> Case {
    workspace(&format!(
        "-- environments/test/a.yaml --\napiVersion: example.com/v1\nkind: Tenant\nmetadata: {{name: a}}\nspec: {spec}\n\
         -- templates/Tenant/kind.yaml --\napiVersion: pleach.dev/v1\nkind: ClaimKind\nmetadata: {{name: Tenant}}\n\
         spec:\n  apiVersions: [example.com/v1]\n  group: apps\n\
         \x20 schema:\n    type: object\n    properties:\n      spec: {{type: object, x-kubernetes-preserve-unknown-fields: true}}\n\
         {parts}\x20 files:\n  - template: object.yaml.j2\n\
         -- templates/Tenant/object.yaml.j2 --\n{template}"
    ))
}

fn claim(spec: &str) -> Case {
    workspace(&format!(
        "-- environments/test/a.yaml --\napiVersion: pleach.dev/v1\nkind: OperatorInstall\nmetadata: {{name: a}}\nspec: {spec}\n"
    ))
}

/// A kind with its own schema instead of the open one.
fn schema(schema: &str, spec: &str) -> Case {
    let mut case = kind(
        "",
        "apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n",
        spec,
    );
    for (path, bytes) in &mut case.files {
        if path.ends_with("kind.yaml") {
            let text = String::from_utf8_lossy(bytes);
            *bytes = text
                .replace(
                    "{type: object, x-kubernetes-preserve-unknown-fields: true}",
                    schema,
                )
                .into();
        }
    }
    case
}

fn many_claims(count: usize, text: &str) -> Case {
    workspace(&format!(
        "-- environments/test/a.yaml --\n{}",
        repeat(count, |at| format!(
            "---\n{}",
            text.replace('#', &at.to_string())
        ))
    ))
}

/// A thousand claims of a kind whose template begins like this.
fn many_tenants(template: &str) -> Case {
    let template = format!(
        "{template}apiVersion: v1\nkind: Namespace\nmetadata: {{name: '{{{{ metadata.name }}}}'}}\n"
    );
    let mut case = kind("", &template, "{}");
    for (path, bytes) in &mut case.files {
        if path == "environments/test/a.yaml" {
            *bytes = repeat(1_000, |at| format!("---\napiVersion: example.com/v1\nkind: Tenant\nmetadata: {{name: a{at}}}\nspec: {{}}\n")).into();
        }
    }
    case
}

/// A map or a list of named items in base, of which an environment changes every entry.
fn merged(spec: impl Fn(&str) -> String) -> Case {
    let claim = |value| {
        format!(
            "apiVersion: example.com/v1\nkind: Tenant\nmetadata: {{name: a}}\nspec: {}\n",
            spec(value)
        )
    };
    let mut case = kind(
        "",
        "apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n",
        "{}",
    );
    case.files.retain(|it| it.0 != "environments/test/a.yaml");
    for (environment, value) in [("base", "a"), ("test", "b")] {
        let path = format!("environments/{environment}/a.yaml");
        case.files.push((path, claim(value).into_bytes()));
    }
    for (path, bytes) in &mut case.files {
        if path.ends_with("kind.yaml") {
            let text = String::from_utf8_lossy(bytes);
            *bytes = text
                .replace(
                    "{type: object, x-kubernetes-preserve-unknown-fields: true}",
                    "{type: object, properties: {map: {type: object, additionalProperties: {type: string}}, \
                     list: {type: array, x-kubernetes-list-type: map, x-kubernetes-list-map-keys: [name], \
                     items: {type: object, properties: {name: {type: string}, value: {type: string}}}}}}",
                )
                .into();
        }
    }
    case
}

hostile! {
    maps_of_base_and_an_environment: merged(|value| format!("{{map: {{{}}}}}", repeat(60_000, |at| format!("k{at}: {value}, ")))).harmless();
    lists_of_base_and_an_environment: merged(|value| format!("{{list: [{}]}}", repeat(30_000, |at| format!("{{name: k{at}, value: {value}}}, ")))).harmless();
    nulls_of_base_and_an_environment: merged(|_| format!("{{list: [{}], map: {{{}}}}}", repeat(30_000, |at| format!("{{name: k{at}, value: null}}, ")), repeat(30_000, |at| format!("k{at}: null, ")))).harmless();
    items_of_a_large_map: kind("", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n{% for k, v in spec.map | items %}\n  {{ k }}: {{ v }}\n{% endfor %}\n", &format!("{{map: {{{}}}}}", repeat(30_000, |at| format!("k{at}: a, ")))).harmless();
    large_maps_that_a_template_merges: kind("", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {{ spec.one | merge(spec.two) }}\n", &format!("{{one: {{{0}}}, two: {{{0}}}}}", repeat(30_000, |at| format!("k{at}: a, ")))).harmless();
    claims_of_base_in_many_environments: {
        let mut case = workspace(&format!("-- environments/base/a.yaml --\n{}", repeat(300, |at| format!("---\napiVersion: pleach.dev/v1\nkind: OperatorInstall\nmetadata: {{name: a{at}}}\nspec: {{namespace: a{at}, chart: {{repository: 'https://a', name: a, version: 1.0.0}}}}\n"))));
        case.files.extend((0..100).map(|at| (format!("environments/e{at}/environment.yaml"), format!("apiVersion: pleach.dev/v1\nkind: Environment\nmetadata: {{name: e{at}}}\nspec: {{cluster: e{at}}}\n").into())));
        case }.reports("too-many-claims");
    loops_of_many_claims: many_tenants("{% for i in range(90000) %}{% endfor %}").reports("all templates together take more than");
    endless_loops_of_many_claims: many_tenants("{% for i in range(90000) %}{% for j in range(90000) %}{% endfor %}{% endfor %}").reports("all templates together take more than");
    texts_of_many_claims: many_tenants("{% set x = 'a' * 3000000 %}").reports("all templates together take more than");
    long_unknown_fields: schema(&format!("{{type: object, properties: {{{}}}}}", repeat(500, |at| format!("{}{at}: {{type: string}}, ", "ab".repeat(28)))), &format!("{{{}}}", repeat(2_000, |at| format!("{}{at}: a, ", "ba".repeat(28))))).reports("unknown-field");
    claim_that_is_deep: claim(&format!("{}{}", "{values: ".repeat(10_500), "}".repeat(10_500))).reports("deeper than");
    claim_of_unknown_fields: claim(&format!("{{{}}}", repeat(20_000, |at| format!("u{at}: a, ")))).reports("unknown-field");
    claim_of_a_long_name: workspace(&format!("-- environments/test/a.yaml --\napiVersion: pleach.dev/v1\nkind: OperatorInstall\nmetadata: {{name: {}}}\nspec: {{}}\n", "a".repeat(1_000_000)));
    claims_without_a_kind: many_claims(4_000, "apiVersion: a/v1\nkind: Unknown#\nmetadata: {name: a}\n").reports("unknown-claim-kind");
    claims_of_one_name: many_claims(10_000, "apiVersion: pleach.dev/v1\nkind: OperatorInstall\nmetadata: {name: a}\nspec: {}\n");
    documents_that_are_no_claims: many_claims(20_000, "a: b\n").reports("not-a-claim");
    claims_that_depend_on_nothing: many_claims(5_000, "apiVersion: pleach.dev/v1\nkind: OperatorInstall\nmetadata: {name: a#, dependsOn: [b#]}\nspec: {namespace: a, chart: {repository: 'https://a', name: a, version: 1.0.0}}\n");
    excludes_of_nothing: workspace(&format!("-- environments/test/more.yaml --\napiVersion: pleach.dev/v1\nkind: Environment\nmetadata: {{name: test}}\nspec: {{exclude: [{}]}}\n", repeat(20_000, |at| format!("x{at}, "))));
    workspace_that_is_deep: Case::new(&["render", "--out", "out"], files(&format!("-- pleach.yaml --\n{}", "a: [".repeat(20_000)))).reports("deeper than");
    schema_that_is_deep: schema(&format!("{}{}", "{type: object, properties: {a: ".repeat(10_000), "}}".repeat(10_000)), "{a: {}}").reports("deeper than");
    schema_of_many_combinations: schema(&format!("{}{{type: string}}{}", "{anyOf: [{type: string}, ".repeat(300), "]}".repeat(300)), "{a: {}}");
    schema_of_patterns: schema("{type: string, pattern: '(((a{1,1000}){1,1000}){1,1000}){1,1000}'}", "a");
    schema_of_many_fields: schema(&format!("{{type: object, properties: {{{}}}}}", repeat(20_000, |at| format!("f{at}: {{type: string}}, "))), "{z: 1}");
    schema_of_required_fields: schema(&format!("{{type: object, required: [{}]}}", repeat(20_000, |at| format!("f{at}, "))), "{}");
    values_of_a_long_list: schema("{type: array, uniqueItems: true, items: {type: string}}", &format!("[{}]", repeat(30_000, |at| format!("a{at}, ")))).harmless();
    rule_path_of_many_parts: kind(&format!("  rules:\n  - require: 'false'\n    message: m\n    at: {}b\n", "a.".repeat(5_850)), "a: b\n", "{}");
    rules_of_many_items: kind("  rules:\n  - forEach: spec.list\n    require: 'false'\n    message: m\n    at: spec.list\n", "a: b\n", &format!("{{list: [{}]}}", "a, ".repeat(20_000))).harmless();
    reference_path_of_many_parts: kind(&format!("  references:\n  - at: {}b\n    kind: Tenant\n", "a.".repeat(5_850)), "a: b\n", "{}");
    lets_that_double: kind(&format!("  let:\n    v0: spec.text\n{}", repeat(60, |at| format!("    v{}: v{at} ~ v{at}\n", at + 1))), "a: {{ v60 }}\n", "{text: abcdefgh}").reports("template");
    lets_that_nest: kind(&format!("  let:\n    v0: spec.text\n{}", repeat(60, |at| format!("    v{}: '[v{at}, v{at}]'\n", at + 1))), "a: {{ v60 }}\n", "{text: abcdefgh}").reports("template");
    lets_that_go_deep: kind(&format!("  let:\n    v0: spec.text\n{}", repeat(3_000, |at| format!("    v{}: '[v{at}]'\n", at + 1))), "a: {{ v3000 }}\n", "{text: a}").reports("template");
    file_for_each_of_many: { let mut case = kind("", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n", &format!("{{list: [{}]}}", "a, ".repeat(50_000)));
        for (path, bytes) in &mut case.files { if path.ends_with("kind.yaml") { bytes.extend_from_slice(b"    forEach: spec.list\n"); } }
        case };
    overlay_of_many_patches: workspace(&format!("-- overlays/test/kustomization.yaml --\npatches:\n{}", repeat(10_000, |at| format!("- {{target: {{name: m{at}}}, patch: '[{{\"op\": \"remove\", \"path\": \"/a\"}}]'}}\n"))));
    overlay_of_missing_files: workspace(&format!("-- overlays/test/kustomization.yaml --\nresources: [{}]\n", repeat(50_000, |at| format!("m{at}.yaml, "))));
    lock_of_many_pins: workspace(&format!("-- charts.lock --\ncharts:\n{}", repeat(20_000, |at| format!("- {{repository: 'https://a', name: a{at}, version: x}}\n")))).harmless();
}
