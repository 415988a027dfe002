//! Templates whose texts, lists or steps grow without end, and deep expressions.

use super::claims::kind;
use super::{Case, hostile, repeat};

const OBJECT: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n";

/// A template of an object whose data is `text`.
fn template(text: &str) -> Case {
    kind(
        "",
        &format!("{OBJECT}data:\n{text}\n"),
        "{text: abcdefgh, list: [a, b, c], map: {a: b}, count: 1000000000}",
    )
}

fn large(text: &str) -> Case {
    template(text).reports("template")
}

fn expression(text: &str) -> Case {
    template(&format!("  a: {{{{ {text} }}}}"))
}

/// A loop whose body changes a value of a namespace.
fn doubled(start: &str, step: &str, times: usize) -> Case {
    large(&format!(
        "{{% set n = namespace(x={start}) %}}\n{{% for i in range({times}) %}}\n{{% set n.x = {step} %}}\n{{% endfor %}}\n  a: {{{{ n.x | length }}}}"
    ))
}

/// A sequence of `set` statements, each of which uses the variable of the one before.
fn chain(start: &str, times: usize, step: impl Fn(&str) -> String, end: &str) -> Case {
    let steps = repeat(times, |at| {
        format!("{{% set x{} = {} %}}\n", at + 1, step(&format!("x{at}")))
    });
    large(&format!(
        "{{% set x0 = {start} %}}\n{steps}  a: {{{{ x{times}{end} }}}}"
    ))
}

/// The template is rendered for each of 200 items.
fn for_each(template: &str) -> Case {
    let items = format!("{{list: [{}]}}", repeat(200, |at| format!("{at}, ")));
    let mut case = kind("", template, &items);
    for (path, bytes) in &mut case.files {
        if path.ends_with("kind.yaml") {
            bytes.extend_from_slice(b"    forEach: spec.list\n    name: 'f{{ item }}'\n");
        }
    }
    case
}

hostile! {
    long_values_of_many_files: for_each("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a-{{ item }}}\ndata:\n  a: {{ 'x' * 3000000 }}\n").reports("all templates together");
    long_texts_of_many_files: for_each(&format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a-{{{{ item }}}}}}\ndata:\n  a: {}\n", "x".repeat(3_000_000))).reports("all templates together");
    long_lets_of_many_claims: { let mut case = kind("  let: {x: \"'x' * 200000\"}\n", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ metadata.name }}}\n", "{}");
        case.files.push(("environments/test/b.yaml".into(), repeat(400, |at| format!("---\napiVersion: example.com/v1\nkind: Tenant\nmetadata: {{name: b{at}}}\nspec: {{}}\n")).into())); case }.reports("all templates together");
    keys_that_a_loop_prints: template("{% for i in range(40000) %}\n  b{{ i }}: {{ [i, spec.text][0] | string }}\n{% endfor %}").harmless();
    maps_that_are_merged: template("{% set n = namespace(m={}) %}\n{% for i in range(300) %}\n{% set n.m = n.m | merge({'k' ~ i: i}) %}\n{% endfor %}\n  a: {{ n.m | length }}").harmless();
    nots_in_a_row: expression(&"not ".repeat(25_000)).reports("template-syntax");
    sum_of_many: expression(&format!("{}1", "1 + ".repeat(20_000))).reports("template-syntax");
    concatenation_of_many: expression(&format!("{}1", "1 ~ ".repeat(20_000))).reports("template-syntax");
    product_of_many: expression(&format!("{}1", "1 * ".repeat(20_000))).reports("template-syntax");
    power_of_many: expression(&format!("{}1", "1 ** ".repeat(20_000))).reports("template-syntax");
    ands_of_many: expression(&format!("{}1", "1 and ".repeat(20_000))).reports("template-syntax");
    ors_of_many: expression(&format!("{}1", "0 or ".repeat(20_000))).reports("template-syntax");
    minus_of_many: expression(&format!("{}1", "- ".repeat(25_000))).reports("template-syntax");
    filters_of_many: expression(&format!("1{}", " | string".repeat(20_000))).reports("template-syntax");
    attributes_of_many: expression(&format!("spec{}", ".a".repeat(20_000))).reports("template-syntax");
    items_of_many: expression(&format!("spec{}", "['a']".repeat(20_000))).reports("template-syntax");
    calls_of_many: expression(&format!("range{}", "(1)".repeat(20_000))).reports("template-syntax");
    tests_of_many: expression(&format!("1{}", " is string".repeat(20_000))).reports("template-syntax");
    conditions_of_many: expression(&format!("1{}", " if 1".repeat(20_000))).reports("template-syntax");
    elses_of_many: expression(&format!("{}1", "1 if 1 else ".repeat(20_000))).reports("template-syntax");
    brackets_of_many: expression(&format!("{}{}", "(".repeat(20_000), ")".repeat(20_000))).reports("template-syntax");
    lists_of_many: expression(&format!("{}{}", "[".repeat(20_000), "]".repeat(20_000))).reports("template-syntax");
    maps_of_many: expression(&format!("{}1{}", "{'a': ".repeat(20_000), "}".repeat(20_000))).reports("template-syntax");
    comparisons_of_many: expression(&format!("{}1", "1 < ".repeat(20_000))).harmless();
    blocks_of_many: large(&format!("{}{}", "{% if 1 %}".repeat(20_000), "{% endif %}".repeat(20_000)));
    elifs_of_many: large(&format!("{{% if 0 %}}{}{{% endif %}}", "{% elif 0 %}".repeat(20_000)));
    expression_in_a_rule: kind(&format!("  rules:\n  - require: '{}1'\n    message: m\n", "not ".repeat(25_000)), OBJECT, "{}").reports("template-syntax");
    expression_in_a_condition: kind(&format!("  let:\n    a: '{}1'\n", "1 + ".repeat(25_000)), OBJECT, "{}").reports("template-syntax");

    values_that_go_deep: doubled("1", "[n.x]", 10_500);
    maps_that_go_deep: doubled("1", "{'a': n.x}", 10_500);
    values_that_nest: doubled("1", "[n.x, n.x]", 60);
    maps_that_nest: doubled("1", "{'a': n.x, 'b': n.x}", 60);
    tuples_that_nest: doubled("1", "(n.x, n.x)", 60);
    macro_that_calls_itself: large("{% macro m(x) %}{{ m(x) }}{% endmacro %}\n  a: {{ m(1) }}");
    macro_that_nests: large("{% macro m(x, i) %}{% if i %}{{ m([x, x], i - 1) }}{% else %}{{ x }}{% endif %}{% endmacro %}\n  a: {{ m(1, 60) }}");
    include_of_itself: large("{% include 'object.yaml.j2' %}");

    text_that_doubles: doubled("'a'", "n.x ~ n.x", 60);
    text_that_doubles_by_plus: doubled("'a'", "n.x + n.x", 60);
    text_that_doubles_in_sets: chain("'a'", 60, |x| format!("{x} ~ {x}"), "|length");
    text_that_is_repeated: doubled("'a'", "n.x * 1000", 60);
    text_that_is_repeated_from_the_left: doubled("'a'", "1000 * n.x", 60);
    texts_that_are_repeated_and_kept: large(&format!("{}  a: b", repeat(40, |at| format!("{{% set x{at} = 'a' * 90000000 %}}\n"))));
    constant_texts_that_are_repeated: expression(&format!("[{}] | length", "'a' * 90000000, ".repeat(20))).reports("template");
    list_that_doubles: doubled("[1]", "n.x + n.x", 60);
    list_that_is_repeated: doubled("[1]", "n.x * 1000", 60);
    tuple_that_is_repeated: doubled("(1, 2)", "n.x * 90000", 60);
    tuple_that_is_repeated_at_once: expression("((1, 2, 3) * 30000000) | length").reports("template");
    list_of_long_slices: chain("('abcdefghij' * 100000)", 1, |x| format!("[{}]", format!("{x}[1:], ").repeat(300)), "|length");
    text_of_a_nested_list: chain("[1]", 40, |x| format!("[{x}, {x}, {x}, {x}]"), " ~ ''");
    text_that_doubles_in_a_block: chain("'a'", 40, |x| format!("'' %}}{{% set {0} %}}{{{{ {x} }}}}{{{{ {x} }}}}{{% endset", x.replace('x', "y")), "|length").harmless();
    block_that_is_filled_in_a_loop: large(&format!("{{% set x %}}\n{{% for i in range(90000) %}}\n{}\n{{% endfor %}}\n{{% endset %}}\n  a: {{{{ x | length }}}}", "y".repeat(20_000)));
    macro_that_is_filled_in_a_loop: large(&format!("{{% macro m() %}}\n{{% for i in range(90000) %}}\n{}\n{{% endfor %}}\n{{% endmacro %}}\n  a: {{{{ m() | length }}}}", "y".repeat(20_000)));
    macro_that_returns_much_often: large(&format!("{{% macro m() %}}{}{{% endmacro %}}\n{{% set n = namespace(x=[]) %}}{{% for i in range(90000) %}}{{% set n.x = n.x + [m()] %}}{{% endfor %}}\n  a: b", "y".repeat(20_000)));
    block_of_blocks: chain("'abcdefgh'", 60, |x| format!("'' %}}{{% macro m{0}() %}}{{{{ {x} }}}}{{{{ {x} }}}}{{% endmacro %}}{{% set z{0} = m{0}()", x.trim_start_matches('x')), "").harmless();
    macros_that_double: large(&format!("{{% macro m0() %}}yyyyyyyy{{% endmacro %}}{}\n  a: {{{{ m40() | length }}}}", repeat(40, |at| format!("{{% macro m{}() %}}{{{{ m{at}() }}}}{{{{ m{at}() }}}}{{% endmacro %}}", at + 1))));
    output_of_a_loop: large(&format!("{{% for i in range(90000) %}}\n  a{{{{ i }}}}: {}\n{{% endfor %}}", "y".repeat(20_000)));
    output_of_a_large_value: large("{% set x = 'y' * 1000000 %}{% for i in range(90000) %}\n  a{{ i }}: {{ x }}{{ x }}\n{% endfor %}");
    output_of_a_list: large("{% set x = range(90000) | list %}{% for i in range(90000) %}\n  a{{ i }}: {{ x }}\n{% endfor %}");
    filter_block: large(&format!("{{% filter upper %}}{{% for i in range(90000) %}}{}{{% endfor %}}{{% endfilter %}}", "y".repeat(20_000)));
    included_in_a_loop: { let mut case = large("{% for i in range(90000) %}{% include 'big.j2' %}{% endfor %}");
        case.files.push(("templates/Tenant/big.j2".into(), "y".repeat(20_000).into())); case };
    included_in_a_block: { let mut case = large("{% set x %}{% for i in range(90000) %}{% include 'Tenant/big.j2' %}{% endfor %}{% endset %}");
        case.files.push(("templates/Tenant/big.j2".into(), "y".repeat(20_000).into())); case };
    recursive_loop: large(&format!("{{% set x %}}{{% for i in [1, 2, 3, 4] recursive %}}{}{{{{ loop([1, 2, 3, 4]) }}}}{{% endfor %}}{{% endset %}}", "y".repeat(20_000)));

    indent_of_a_billion: expression("'a\\nb' | indent(1000000000, true)").reports("template");
    indent_of_many_lines: expression("('a\\n' * 100000) | indent(100000)").reports("template");
    format_of_a_width: expression("'%1000000000d' | format(1)").reports("template");
    format_of_a_star: expression("'%*d' | format(1000000000, 1)").reports("template");
    format_of_a_precision: expression("'%.1000000000f' | format(1.0)").reports("template");
    format_of_many_widths: expression("('%9999d' * 100000) | format(1)").reports("template");
    batch_of_a_billion: expression("[1] | batch(1000000000, 'a') | list | length").reports("template");
    batch_of_long_fills: expression("range(1000) | batch(999999, 'a' * 1000) | list | length").reports("template");
    slice_into_a_billion: expression("[1] | slice(1000000000) | list | length").reports("template");
    replace_of_everything: expression("('a' * 1000000) | replace('a', 'b' * 1000000) | length").reports("template");
    replace_of_nothing: expression("('a' * 1000000) | replace('', 'b' * 1000000) | length").reports("template");
    join_with_a_long_text: expression("range(90000) | join('a' * 1000000) | length").reports("template");
    list_of_characters: expression("('a' * 90000000) | list | length").reports("template");
    split_of_a_long_text: expression("('a,' * 40000000) | split(',') | length").reports("template");
    lines_of_a_long_text: expression("('a\\n' * 40000000) | lines | length").reports("template");
    ranges_of_ranges: expression("range(100000) | map('string') | list | length").harmless();
    range_of_a_billion: expression("range(spec.count) | list | length").reports("template");
    sums_of_texts: expression("range(90000) | map('string') | sum(start='')").harmless();
    flat_with_a_long_separator: doubled("{'a': 1}", "{'a': n.x} | flat('a' * 1000000)", 60);
    merge_that_doubles: doubled("{'a': 1}", "{'a': n.x, 'b': n.x} | merge(n.x)", 60).harmless();
    json_that_doubles: doubled("'a'", "[n.x, n.x] | tojson", 60);
    digests_in_a_loop: large("{% set x = 'a' * 1000000 %}{% for i in range(90000) %}{% set y = x | sha256 %}{% endfor %}");
    comparisons_in_a_loop: large("{% set x = 'a' * 1000000 %}{% set y = x ~ '' %}{% for i in range(90000) %}{% if x == y %}{% endif %}{% endfor %}");
    searches_in_a_loop: large("{% set x = 'a' * 1000000 %}{% for i in range(90000) %}{% if 'ab' in x %}{% endif %}{% endfor %}");
    lengths_in_a_loop: large("{% set x = 'ä' * 1000000 %}{% for i in range(90000) %}{% set y = x | length %}{% endfor %}");
    sorts_in_a_loop: large("{% set x = range(90000) | list %}{% for i in range(90000) %}{% set y = x | sort %}{% endfor %}");
    tests_in_a_loop: large("{% set x = ('a' * 1000000) %}{% for i in range(90000) %}{% if x is lower %}{% endif %}{% endfor %}");
    debug_in_a_loop: large("{% set x = 'a' * 1000000 %}{% for i in range(90000) %}{% set y = debug() %}{% endfor %}");
    loops_without_an_end: large("{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}").reports("end");
    pretty_print_of_depth: doubled("[1]", "[n.x] | pprint", 60);
    labels_of_long_texts: doubled("'a'", "labels(a=n.x ~ n.x).values() ~ n.x", 40);
    groups_in_a_loop: large("{% set x = [{'a': 1}] * 90000 %}{% for i in range(90000) %}{% set y = x | groupby('a') %}{% endfor %}");
    unique_in_a_loop: large("{% set x = range(90000) | list %}{% for i in range(90000) %}{% set y = x | unique | list %}{% endfor %}");
    map_with_a_hidden_name: chain("('ab' * 100000)", 1, |x| format!("range(90000) | map('rep' ~ 'lace', 'a', {x}) | list"), "|length");
}
