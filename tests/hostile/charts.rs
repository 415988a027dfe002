//! Charts: templates whose values grow, and functions that are slow on purpose.

use super::{Case, files, hostile};

fn chart(template: &str) -> Case {
    Case::new(
        &["template", "chart"],
        files(&format!(
            "-- chart/Chart.yaml --\n{{apiVersion: v2, name: chart, version: 1.0.0}}\n-- chart/templates/a.yaml --\na: {template}\n"
        )),
    )
    .without_position()
}

/// A template that changes the variable `x` many times.
fn changed(start: &str, step: &str, times: usize, end: &str) -> Case {
    chart(&format!(
        "{{{{ $x := {start} }}}}{{{{ range until {times} }}}}{{{{ $x = {step} }}}}{{{{ end }}}}{{{{ {end} }}}}"
    ))
}

fn again(step: &str) -> Case {
    chart(&format!(
        "{{{{ range until 10000 }}}}{{{{ $y := {step} }}}}{{{{ end }}}}"
    ))
}

hostile! {
    long_repetition: chart("{{ repeat 1000000000 \"x\" | len }}").reports("make more than");
    wide_indent: chart("{{ indent 1000000000 \"x\" | len }}").reports("make more than");
    long_random_text: chart("{{ randAlphaNum 1000000000 | len }}").reports("make more than");
    long_random_bytes: chart("{{ randBytes 1000000000 | len }}").reports("make more than");
    quotes_that_double: changed("\"\\\"\"", "quote $x", 60, "len $x").reports("larger than");
    json_that_doubles_by_quotes: changed("\"\\\"\"", "toJson $x", 60, "len $x").reports("larger than");
    formats_that_double: changed("\"\\\"\"", "printf \"%q\" $x", 60, "len $x").reports("larger than");
    texts_that_double: changed("\"ab\"", "cat $x $x", 60, "len $x").reports("make");
    lists_that_share_their_items: changed("list 1", "list $x $x", 60, "toJson $x | len").reports("larger than");
    dicts_that_share_their_entries: changed("dict \"a\" 1", "dict \"a\" $x \"b\" $x", 60, "toYaml $x | len").reports("larger than");
    lists_that_double: changed("list 1", "concat $x $x", 60, "len $x").reports("make more than");
    copies_that_double: changed("dict \"a\" 1", "deepCopy (dict \"a\" $x \"b\" $x)", 40, "len $x").reports("make more than");
    dict_that_goes_deep: changed("dict \"a\" 1", "dict \"a\" $x", 200_000, "toYaml $x | len").reports("deeper than");
    list_that_goes_deep: changed("list", "list $x", 200_000, "toJson $x | len").reports("deeper than");
    loops_of_loops: chart("{{ range until 1000 }}{{ range until 1000 }}{{ range until 1000 }}{{ end }}{{ end }}{{ end }}");
    slow_digests_of_passwords: again("htpasswd \"a\" \"b\"");
    slow_passwords: again("derivePassword 1 \"long\" \"a\" \"b\" \"c\"");
    many_authorities: again("genCA \"a\" 1");
    many_patterns: again("regexMatch (printf \"(a%d|b){1,500}\" .) \"a\"");
    digests_of_a_long_text: chart("{{ $x := repeat 10000000 \"a\" }}{{ range until 10000 }}{{ $y := sha256sum $x }}{{ end }}");
    searches_of_a_long_text: chart("{{ $x := repeat 10000000 \"a\" }}{{ range until 10000 }}{{ $y := contains \"b\" $x }}{{ end }}");
    sorts_of_a_long_list: chart("{{ $x := until 100000 }}{{ range until 10000 }}{{ $y := sortAlpha $x }}{{ end }}");
    distinct_items_of_a_long_list: chart("{{ until 100000 | uniq | len }}");
    items_of_a_long_list: chart("{{ $x := until 30000 }}{{ range $x }}{{ $y := has 99999999 $x }}{{ end }}");
    parts_of_a_long_text: chart("{{ splitList \"\" (repeat 10000000 \"a\") | len }}");
    brackets_that_a_chart_reads: chart("{{ fromYaml (repeat 100000 \"[\") }}").harmless();
    long_output: chart("{{ $x := repeat 1000000 \"x\" }}{{ range until 10000 }}{{ $x }}{{ end }}");
}
