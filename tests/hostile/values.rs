//! Values with which a small file could make a YAML reader use much time or memory.

use super::{Case, hostile, repeat};

fn data(text: &str) -> Case {
    super::kustomize::over(
        "",
        &format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a}}\ndata:\n{text}\n"),
    )
}

fn resources(text: &str) -> Case {
    super::kustomize::over("", text)
}

fn laughs(open: &str, close: &str) -> String {
    let level = |at: usize| {
        format!(
            "  l{}: &a{} {open}{}{close}\n",
            at + 1,
            at + 1,
            format!("*a{at}, ").repeat(10)
        )
    };
    format!("  l0: &a0 [ha, ha]\n{}", repeat(12, level))
}

hostile! {
    billion_laughs: data(&laughs("[", "]")).reports("aliases repeat more than");
    alias_in_itself: data("  a: &a [*a]").reports("yaml-syntax");
    alias_in_itself_as_a_map: data("  a: &a {b: *a}").reports("yaml-syntax");
    alias_of_a_long_text: data(&format!("  a: &a {}\n{}", "x".repeat(100_000), repeat(5_000, |at| format!("  b{at}: *a\n")))).reports("aliases repeat more than");
    alias_of_a_long_key: data(&format!("  a: &a {{{}}}\n{}", repeat(20, |at| format!("{}{at}: x, ", "x".repeat(1_000))), repeat(5_000, |at| format!("  b{at}: *a\n")))).reports("aliases repeat more than");
    merges_of_merges: data(&format!("  m0: &m0 {{k: v}}\n{}", repeat(40, |at| format!("  m{0}: &m{0} {{<<: [*m{1}, *m{1}], k{0}: x}}\n", at + 1, at)))).harmless();
    merges_of_a_long_text: data(&format!("  a: &a {{t: {}}}\n{}", "x".repeat(100_000), repeat(5_000, |at| format!("  b{at}: {{<<: *a}}\n")))).reports("aliases repeat more than");
    deep_lists: data(&format!("  a: {}{}", "[".repeat(100_000), "]".repeat(100_000))).reports("deeper than");
    deep_lists_without_an_end: data(&format!("  a: {}", "[".repeat(100_000))).reports("deeper than");
    deep_maps: data(&format!("  a: {}", "{a: ".repeat(100_000))).reports("deeper than");
    deep_block_lists: data(&format!("  a:\n  {}", "- ".repeat(100_000))).reports("deeper than");
    deep_keys: data(&format!("  {}", "? ".repeat(100_000)));
    deep_block_maps: data(&repeat(1_500, |at| format!("{}a:\n", " ".repeat(at + 2)))).reports("deeper than");
    deep_aliases: data(&format!("  a0: &a0 {}{}\n{}", "[".repeat(900), "]".repeat(900), repeat(50, |at| format!("  a{0}: &a{0} {2}*a{1}{3}\n", at + 1, at, "[".repeat(900), "]".repeat(900))))).reports("deeper than");
    tags_and_anchors: data(&format!("  a: {}", "!!str &a ".repeat(10_000)));
    long_number: data(&format!("  a: {}", "9".repeat(2_000_000))).harmless();
    long_hexadecimal: data(&format!("  a: 0x{}", "f".repeat(1_000_000))).harmless();
    exponents: data("  a: 1e999999999999\n  b: 1e-999999999999\n  c: 0.1E+2147483648").harmless();
    underscores: data(&format!("  a: 1{}", "_".repeat(1_000_000))).harmless();
    base_60: data(&format!("  a: 1{}", ":59".repeat(200_000))).harmless();
    wide_map: data(&format!("  a: {{{}}}", repeat(20_000, |at| format!("k{at}: v, ")))).harmless();
    long_key: data(&format!("  {}: a", "k".repeat(1_000_000)));
    indent_of_many_digits: data("  a: |99999999999\n    b");
    directive_of_many_digits: resources("%YAML 99999999999999.9\n---\napiVersion: v1\n");
    many_documents: resources(&"---\n".repeat(200_000)).harmless();
    lists_of_lists: resources(&"{kind: List, apiVersion: v1, items: [".repeat(5_000)).reports("deeper than");
    binary_of_padding: data(&format!("  a: !!binary {}", "=".repeat(100_000))).without_position();
    many_duplicate_keys: data(&repeat(32_000, |at| format!("  k{}: a\n", at / 2))).reports("duplicate");
    one_key_many_times: data(&"  k: a\n".repeat(32_000)).reports("duplicate");
    long_duplicate_keys: data(&format!("  {0}: a\n  {0}: b\n", "k".repeat(1_000))).reports("duplicate");
    duplicates_in_one_long_line: data(&format!("  a: {{{}}}\n", "k: a, ".repeat(32_000))).reports("duplicate");
    many_unknown_aliases: data(&repeat(32_000, |at| format!("  k{at}: *x{at}\n"))).reports("yaml-syntax");
    many_anchors: data(&repeat(20_000, |at| format!("  k{at}: &a{at} x\n  l{at}: *a{at}\n"))).harmless();
    many_maps_as_keys: data(&repeat(20_000, |at| format!("  ? {{k{at}: a}}\n  : b\n"))).reports("yaml-syntax");
    control_characters: data(&"  a: \u{1}\n".repeat(10_000)).reports("yaml-syntax");
    one_long_line_with_a_fault: data(&format!("  a: '{}", "x ".repeat(2_000_000)));
    conflict_markers: resources(&"<<<<<<< a\n=======\n>>>>>>> b\n".repeat(50_000)).reports("conflict");
    list_of_many_values: data(&format!("  a: [{}]", "a,".repeat(1_200_000))).harmless();
    maps_of_many_values: data(&repeat(400_000, |at| format!("  k{at}: {{}}\n"))).harmless();
    more_values_than_a_file_may_have: data(&format!("  a: [{}]", "a,".repeat(2_000_000))).reports("values");
    key_in_place_of_an_object: resources("-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----\n");
    manifests_in_manifests: data(&format!("{}{}a: [", repeat(900, |at| format!("{0}kind: Secret\n{0}stringData: {{b: c}}\n{0}text: |\n", " ".repeat(at + 2))), " ".repeat(902))).harmless();
    manifest_in_manifests_with_a_fault: resources(&format!("{}{}a: [\n---\na: [", repeat(900, |at| format!("{0}kind: Secret\n{0}stringData: {{b: c}}\n{0}text: |\n", " ".repeat(at))), " ".repeat(900)));
    alias_of_the_document: resources("&a\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: *a\n");
}
