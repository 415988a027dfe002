//! Kustomizations: paths, patches, replacements, variables, and folders that name each other.

use super::{Case, files, hostile, repeat};

const MAP: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n";
const DEPLOYMENT: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {replicas: 1, template: {spec: {containers: [{name: a, image: a}]}}}\n";
const BUILD: &[&str] = &["build", "--output", "/dev/null", "in"];

/// A kustomization with one file of resources.
pub(super) fn over(kustomization: &str, resources: &str) -> Case {
    let kustomization = format!("resources: [a.yaml]\n{kustomization}");
    Case::new(
        BUILD,
        vec![
            ("in/kustomization.yaml".into(), kustomization.into()),
            ("in/a.yaml".into(), resources.into()),
        ],
    )
}

fn with_file(kustomization: &str, name: &str, text: &str) -> Case {
    let mut case = over(kustomization, MAP);
    case.files.push((format!("in/{name}"), text.into()));
    case
}

fn operations(operations: &str, resources: &str) -> Case {
    over(
        &format!("patches:\n- target: {{kind: Deployment}}\n  patch: |-\n{operations}"),
        resources,
    )
}

fn operation(operation: &str) -> Case {
    operations(&format!("    - {operation}\n"), DEPLOYMENT)
}

fn replacement(source: &str, field: &str, options: &str) -> Case {
    over(
        &format!(
            "replacements:\n- source: {{kind: Deployment, fieldPath: '{source}'}}\n  targets:\n  - select: {{kind: Deployment}}\n    fieldPaths: ['{field}']\n    options: {{{options}}}\n"
        ),
        DEPLOYMENT,
    )
}

fn replacements(each: &str, count: usize, resources: &str) -> Case {
    over(&format!("replacements:\n{}", each.repeat(count)), resources)
}

fn config_maps(count: usize) -> String {
    repeat(count, |at| {
        format!("---\n{}", MAP.replace("name: a", &format!("name: a{at}")))
    })
}

fn selector(name: &str) -> Case {
    over(
        &format!(
            "patches:\n- target: {{name: '{name}'}}\n  patch: |-\n    - {{op: remove, path: /spec}}\n"
        ),
        DEPLOYMENT,
    )
}

/// A configuration with a field spec whose path has many parts.
fn spec(field: &str, kustomization: &str) -> Case {
    let path = "a/".repeat(5_850) + "b";
    let text = format!("{field}: [{{path: '{path}', create: true, kind: ConfigMap}}]\n");
    with_file(
        &format!("configurations: [c.yaml]\n{kustomization}"),
        "c.yaml",
        &text,
    )
}

/// Folders that each name the next ones, with one object at the end.
fn diamond(levels: usize, field: &str, kind: &str) -> Case {
    let mut text = format!("-- in/kustomization.yaml --\n{field}: [../a0, ../b0]\n");
    for at in 0..levels {
        for side in ["a", "b"] {
            let next = at + 1;
            let rest = if next == levels {
                "{namePrefix: a-}".to_string()
            } else {
                format!("{{{field}: [../a{next}, ../b{next}]}}")
            };
            let head = head(kind);
            let body = rest.trim_matches(['{', '}']);
            text += &format!("-- {side}{at}/kustomization.yaml --\n{head}{body}\n");
        }
    }
    Case::new(BUILD, files(&text))
}

fn head(kind: &str) -> String {
    let version = if kind == "Component" {
        "v1alpha1"
    } else {
        "v1beta1"
    };
    format!("apiVersion: kustomize.config.k8s.io/{version}\nkind: {kind}\n")
}

fn chain(length: usize, field: &str, kind: &str) -> Case {
    let mut text = format!("-- in/kustomization.yaml --\n{field}: [../k0]\n");
    for at in 0..length {
        text += &format!(
            "-- k{at}/kustomization.yaml --\n{}{field}: [../k{}]\n",
            head(kind),
            at + 1
        );
    }
    Case::new(BUILD, files(&text))
}

fn deep_parts(separator: &str) -> String {
    format!("{}b", format!("a{separator}").repeat(5_850))
}

/// A variable of a text, used many times.
fn variable(uses: usize, bytes: usize) -> Case {
    let text = "x".repeat(bytes);
    let used = "$(V) ".repeat(uses);
    over(
        "vars:\n- {name: V, objref: {kind: ConfigMap, name: a, apiVersion: v1}, fieldref: {fieldPath: data.a}}\n",
        &format!(
            "{MAP}data: {{a: {text}}}\n---\napiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec: {{containers: [{{name: c, args: ['{used}']}}]}}\n"
        ),
    )
}

hostile! {
    replacement_path_of_many_parts: replacement("metadata.name", &format!("spec.{}", deep_parts(".")), "create: true").reports("more than");
    replacement_source_of_many_parts: replacement(&deep_parts("."), "spec.a", "create: true");
    patch_path_of_many_parts: operation(&format!("{{op: add, path: '/{}', value: 1}}", deep_parts("/"))).reports("too deep");
    patch_test_path_of_many_parts: operation(&format!("{{op: test, path: '/{}', value: 1}}", deep_parts("/")));
    variable_path_of_many_parts: over(&format!("vars:\n- {{name: V, objref: {{kind: ConfigMap, name: a, apiVersion: v1}}, fieldref: {{fieldPath: {}}}}}\n", deep_parts(".")), MAP);
    name_prefix_path_of_many_parts: spec("namePrefix", "namePrefix: a-\n").reports("more than");
    name_suffix_path_of_many_parts: spec("nameSuffix", "nameSuffix: -a\n").reports("more than");
    namespace_path_of_many_parts: spec("namespace", "namespace: a\n").reports("more than");
    labels_path_of_many_parts: spec("commonLabels", "commonLabels: {a: b}\n").reports("more than");
    annotations_path_of_many_parts: spec("commonAnnotations", "commonAnnotations: {a: b}\n").reports("more than");
    images_path_of_many_parts: spec("images", "images: [{name: a, newTag: b}]\n").reports("more than");
    replicas_path_of_many_parts: spec("replicas", "replicas: [{name: a, count: 2}]\n").reports("more than");
    variables_path_of_many_parts: spec("varReference", "vars:\n- {name: V, objref: {kind: ConfigMap, name: a, apiVersion: v1}}\n").reports("more than");
    references_path_of_many_parts: with_file("configurations: [c.yaml]\nnamePrefix: a-\n", "c.yaml", &format!("nameReference:\n- kind: ConfigMap\n  fieldSpecs: [{{path: '{}', kind: ConfigMap}}]\n", deep_parts("/"))).reports("more than");
    label_field_of_many_parts: over(&format!("labels:\n- pairs: {{a: b}}\n  fields: [{{path: '{}', create: true}}]\n", deep_parts("/")), MAP).reports("more than");
    resource_path_of_many_parts: over(&format!("components: ['{}']\n", deep_parts("/")), MAP);
    configuration_path_of_dots: over(&format!("configurations: ['{}a']\n", "../".repeat(50_000)), MAP);
    transformer_path_of_many_parts: with_file("transformers: [t.yaml]\n", "t.yaml", &format!("apiVersion: builtin\nkind: PrefixTransformer\nmetadata: {{name: t}}\nprefix: a\nfieldSpecs: [{{path: '{}', create: true}}]\n", deep_parts("/"))).reports("more than");
    value_add_path_of_many_parts: with_file("transformers: [t.yaml]\n", "t.yaml", &format!("apiVersion: builtin\nkind: ValueAddTransformer\nmetadata: {{name: t}}\nvalue: a\ntargets: [{{selector: {{}}, fieldPath: '{}'}}]\n", deep_parts("/"))).reports("more than");

    moves_that_go_deeper: operations(&"    - {op: move, from: /spec, path: /metadata/a}\n    - {op: add, path: /spec, value: {}}\n    - {op: move, from: /metadata, path: /spec/m}\n    - {op: add, path: /metadata, value: {name: a}}\n".repeat(2_400), DEPLOYMENT).reports("too deep");
    moves_into_a_new_map: operations(&"    - {op: add, path: /new, value: {}}\n    - {op: move, from: /spec, path: /new/a}\n    - {op: move, from: /new, path: /spec}\n".repeat(3_000), DEPLOYMENT).reports("too deep");
    adds_that_go_deeper: operations(&repeat(2_000, |at| format!("    - {{op: add, path: '/spec{}', value: {{}}}}\n", "/a".repeat(at + 1))), DEPLOYMENT).reports("too deep");
    copies_that_go_deeper: operations(&"    - {op: copy, from: /spec, path: /spec/more}\n".repeat(60), DEPLOYMENT).harmless();
    copies_of_a_long_text: operations(&repeat(3_000, |at| format!("    - {{op: copy, from: /spec/text, path: /spec/a{at}}}\n")), &DEPLOYMENT.to_string().replace("replicas: 1", &format!("text: {}", "x".repeat(200_000)))).reports("too large");
    patch_values_that_are_deep: operations(&repeat(20, |at| format!("    - {{op: add, path: '/spec{}', value: {}{}}}\n", "/a".repeat(at * 5 + 1), "{a: ".repeat(5), "}".repeat(5))), DEPLOYMENT).harmless();
    strategic_patch_that_is_deep: over(&format!("patches:\n- patch: |-\n    {{apiVersion: apps/v1, kind: Deployment, metadata: {{name: a}}, spec: {}{}}}\n", "{a: ".repeat(5_000), "}".repeat(5_000)), DEPLOYMENT);
    replacements_that_go_deeper: replacements("- source: {kind: Deployment, fieldPath: spec}\n  targets:\n  - select: {kind: Deployment}\n    fieldPaths: [spec.a]\n    options: {create: true}\n", 1_200, DEPLOYMENT).reports("too");
    replacements_that_double_a_text: replacements("- source: {kind: ConfigMap, fieldPath: data.a}\n  targets:\n  - select: {kind: ConfigMap}\n    fieldPaths: [data.a]\n    options: {delimiter: '-', index: 0}\n", 60, &format!("{MAP}data: {{a: x-y}}\n"));
    replacements_of_a_long_text: replacements("- source: {kind: ConfigMap, name: b, fieldPath: data.a}\n  targets:\n  - select: {kind: ConfigMap}\n    fieldPaths: [data.a]\n    options: {delimiter: '-', index: -1}\n", 300, &format!("{MAP}data: {{a: x-y}}\n---\n{}data: {{a: {}}}\n", MAP.replace("name: a", "name: b"), "x".repeat(300_000))).reports("too large");
    replacement_of_every_item: replacement("metadata.name", &format!("spec.{}a", "*.".repeat(30)), "create: true");
    replacement_of_an_item_far_away: replacement("metadata.name", "spec.new.99999999999", "create: true");
    replacement_of_a_part_far_away: replacement("metadata.name", "metadata.name", "delimiter: a, index: 9223372036854775807").harmless();
    replacement_of_a_part_below_zero: replacement("metadata.name", "metadata.name", "delimiter: a, index: -9223372036854775808").harmless();
    pattern_in_a_path_that_grows: replacement("metadata.name", "spec.[name=(((a{1,1000}){1,1000}){1,1000}){1,1000}]", "create: true");

    index_of_2_64: operation("{op: add, path: /spec/template/spec/containers/99999999999999999999, value: 1}");
    index_of_2_32: operation("{op: add, path: /spec/template/spec/containers/4294967296, value: 1}");
    index_of_2_63: operation("{op: replace, path: /spec/template/spec/containers/9223372036854775807, value: 1}");
    index_below_zero: operation("{op: remove, path: /spec/template/spec/containers/-9223372036854775808}");
    copy_into_itself: operation("{op: copy, from: /spec, path: /spec/template/spec/a}").harmless();
    move_into_itself: operation("{op: move, from: /spec, path: /spec/template/spec/a}");
    remove_the_whole_object: operation("{op: remove, path: ''}");
    list_for_the_object: operation("{op: replace, path: '', value: []}");

    pattern_that_grows: selector("(((a{1,1000}){1,1000}){1,1000}){1,1000}");
    pattern_of_classes: selector(&"[\\w\\pL]{1000}".repeat(50));
    pattern_of_groups: selector(&format!("{}a{}", "(".repeat(50_000), ")".repeat(50_000)));
    pattern_that_goes_back: selector("(a+)+(b+)+$").harmless();
    image_pattern_that_grows: over("images: [{name: '(a{1,1000}){1,1000}', newTag: x}]\n", DEPLOYMENT).harmless();
    many_patterns: over(&format!("patches:\n{}", repeat(2_000, |at| format!("- target: {{name: '[a-z]{{1,200}}{at}'}}\n  patch: |-\n    - {{op: remove, path: /spec}}\n"))), DEPLOYMENT).harmless();

    components_in_a_diamond: diamond(17, "components", "Component").reports("more than");
    resources_in_a_diamond: diamond(17, "resources", "Kustomization").reports("more than");
    resources_in_a_chain: chain(300, "resources", "Kustomization").reports("levels deep");
    components_in_a_chain: chain(300, "components", "Component").reports("levels deep");
    a_component_many_times: Case::new(BUILD, files(&format!("-- in/kustomization.yaml --\ncomponents: [{}]\n-- c/kustomization.yaml --\nkind: Component\napiVersion: kustomize.config.k8s.io/v1alpha1\nconfigMapGenerator: [{{name: a, behavior: merge, literals: [a=b]}}]\n", "../c, ".repeat(20_000))));
    generators_in_a_diamond: { let mut case = diamond(17, "generators", "Kustomization"); case.is_harmless = true; case };
    transformers_in_a_diamond: { let mut case = diamond(17, "transformers", "Kustomization"); case.is_harmless = true; case };
    kustomization_that_contains_itself: over("components: [.]\nbases: [.]\n", MAP);

    many_missing_resources: over(&format!("bases: [{}]\n", repeat(100_000, |at| format!("m{at}, "))), MAP).reports("missing");
    many_missing_components: over(&format!("components: [{}]\n", repeat(100_000, |at| format!("m{at}, "))), MAP);
    many_missing_patches: over(&format!("patches: [{}]\n", repeat(30_000, |at| format!("{{path: m{at}}}, "))), MAP);
    many_missing_crds: over(&format!("crds: [{}]\n", repeat(50_000, |at| format!("m{at}, "))), MAP);
    many_missing_configurations: over(&format!("configurations: [{}]\n", repeat(50_000, |at| format!("m{at}, "))), MAP);
    many_missing_generator_files: over(&format!("configMapGenerator: [{{name: a, files: [{}]}}]\n", repeat(50_000, |at| format!("m{at}, "))), MAP);
    many_missing_transformers: over(&format!("transformers: [{}]\n", repeat(50_000, |at| format!("m{at}, "))), MAP);
    many_patch_operations: operations(&repeat(30_000, |at| format!("    - {{op: add, path: /spec/a{at}, value: b}}\n")), DEPLOYMENT).harmless();
    many_patch_operations_on_a_list: operations(&"    - {op: add, path: /spec/template/spec/containers/0, value: b}\n".repeat(30_000), DEPLOYMENT).harmless();
    many_failing_patches: over(&format!("patches:\n{}", repeat(20_000, |at| format!("- {{target: {{kind: Deployment}}, patch: '[{{\"op\": \"remove\", \"path\": \"/m{at}\"}}]'}}\n"))), DEPLOYMENT);
    many_patches_of_nothing: over(&format!("patches:\n{}", repeat(20_000, |at| format!("- {{patch: '{{apiVersion: v1, kind: ConfigMap, metadata: {{name: m{at}}}}}'}}\n"))), DEPLOYMENT);
    many_labels: over(&format!("commonLabels: {{{}}}\n", repeat(50_000, |at| format!("l{at}: a, "))), DEPLOYMENT).harmless();
    many_annotations: over(&format!("commonAnnotations: {{{}}}\n", repeat(50_000, |at| format!("l{at}: a, "))), DEPLOYMENT).harmless();
    many_entries_of_labels: over(&format!("labels:\n{}", repeat(10_000, |at| format!("- {{pairs: {{l{at}: a}}}}\n"))), DEPLOYMENT).harmless();
    many_labels_of_many_objects: over(&format!("commonLabels: {{{}}}\n", repeat(5_000, |at| format!("l{at}: a, "))), &config_maps(5_000)).reports("more than");
    long_labels_of_many_objects: over(&format!("commonAnnotations: {{a: {}}}\n", "x".repeat(200_000)), &config_maps(3_000)).reports("more than");
    long_prefix_of_many_objects: over(&format!("namePrefix: {}\n", "x".repeat(200_000)), &config_maps(3_000)).reports("more than");
    many_images: over(&format!("images: [{}]\n", repeat(20_000, |at| format!("{{name: i{at}, newTag: b}}, "))), DEPLOYMENT).harmless();
    many_replicas: over(&format!("replicas: [{}]\n", repeat(20_000, |at| format!("{{name: i{at}, count: 2}}, "))), DEPLOYMENT).harmless();
    many_variables: over(&format!("vars:\n{}", repeat(20_000, |at| format!("- {{name: V{at}, objref: {{kind: ConfigMap, name: a, apiVersion: v1}}}}\n"))), MAP).harmless();
    many_generators: over(&format!("configMapGenerator:\n{}", repeat(20_000, |at| format!("- {{name: g{at}}}\n"))), MAP).harmless();
    many_literals: over(&format!("configMapGenerator:\n- name: g\n  literals: [{}]\n", repeat(50_000, |at| format!("k{at}=v, "))), MAP).harmless();
    many_equal_literals: over(&format!("configMapGenerator:\n- name: g\n  literals: [{}]\n", "k=v, ".repeat(50_000)), MAP);
    many_merged_generators: over(&format!("configMapGenerator:\n- {{name: g}}\n{}", repeat(5_000, |at| format!("- {{name: g, behavior: merge, literals: [k{at}=v]}}\n"))), MAP).harmless();
    many_replacements: over(&format!("replacements:\n{}", repeat(5_000, |at| format!("- source: {{kind: ConfigMap, fieldPath: metadata.name}}\n  targets:\n  - select: {{kind: ConfigMap}}\n    fieldPaths: [data.k{at}]\n    options: {{create: true}}\n"))), MAP).harmless();
    many_replacement_targets: over(&format!("replacements:\n- source: {{kind: ConfigMap, fieldPath: metadata.name}}\n  targets:\n{}", "  - select: {kind: ConfigMap}\n    fieldPaths: [data.k]\n    options: {create: true}\n".repeat(20_000)), MAP).harmless();
    many_unknown_fields: over(&repeat(20_000, |at| format!("unknown{at}: a\n")), MAP).reports("unknown-field");
    many_equal_objects: over("", &format!("---\n{MAP}").repeat(20_000)).reports("duplicate");
    many_references: over("namePrefix: a-\n", &format!("{}---\napiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec: {{volumes: [{}]}}\n", config_maps(3_000), repeat(3_000, |at| format!("{{name: v{at}, configMap: {{name: a{at}}}}}, ")))).harmless();
    many_crd_properties: with_file("crds: [c.json]\n", "c.json", &format!("{{\"a\": {{\"Schema\": {{\"properties\": {{{}\"z\": {{}}}}}}}}}}", repeat(20_000, |at| format!("\"p{at}\": {{\"x-kubernetes-annotation\": \"\"}}, ")))).harmless();
    crds_that_name_each_other: with_file("crds: [c.json]\n", "c.json", "{\"a\": {\"Schema\": {\"properties\": {\"kind\": {}, \"apiVersion\": {}, \"metadata\": {}, \"x\": {\"$ref\": \"a\"}, \"y\": {\"$ref\": \"b\"}}}}, \"b\": {\"Schema\": {\"properties\": {\"x\": {\"$ref\": \"a\"}, \"y\": {\"$ref\": \"b\"}}}}}").harmless();
    crds_in_a_diamond: with_file("crds: [c.json]\n", "c.json", &format!("{{{}\"z\": {{}}}}", repeat(40, |at| format!("\"d{at}\": {{\"Schema\": {{\"properties\": {{\"kind\": {{}}, \"apiVersion\": {{}}, \"metadata\": {{}}, \"x\": {{\"$ref\": \"d{0}\"}}, \"y\": {{\"$ref\": \"d{0}\"}}}}}}}}, ", at + 1)))).harmless();

    variable_of_a_long_text: variable(20_000, 100_000).reports("more than");
    variables_that_double: over(&format!("vars:\n{}", repeat(40, |at| format!("- {{name: A{at}, objref: {{kind: ConfigMap, name: a, apiVersion: v1}}, fieldref: {{fieldPath: metadata.annotations.a{at}}}}}\n"))), &format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  annotations:\n{}    a40: x\n", repeat(40, |at| format!("    a{at}: $(A{0})$(A{0})\n", at + 1)))).harmless();
    variables_in_variables: over("vars:\n- {name: A, objref: {kind: ConfigMap, name: a, apiVersion: v1}, fieldref: {fieldPath: data.a}}\n", &format!("{MAP}data: {{a: $(A)$(A)$(A)}}\n")).harmless();
    names_with_percent_signs: over("namePrefix: '%s%n%d'\n", &MAP.replace("name: a", "name: '%25%s%00'")).harmless();
    count_beyond_64_bits: over("replicas: [{name: a, count: 99999999999999999999}]\n", DEPLOYMENT);
}
