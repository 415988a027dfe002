//! Calls of template functions, compared with the results of Helm 3.19.
#![allow(clippy::unwrap_used)]

use pleach_helm::HelmVersion;
use pleach_helm::functions::{State, groups};
use pleach_helm::template::{Limits, Renderer, Templates};
use pleach_helm::value::{Str, Value};

/// The output of a template, or the text after `error calling NAME: `.
fn rendered(template: &str, identity: &str) -> Result<String, String> {
    let mut set = Templates::new(&groups());
    set.parse("t", &Str::from(template)).unwrap();
    let limits = Limits {
        bytes: 256 << 20,
        ..Limits::default()
    };
    let state = State::new(identity);
    let mut renderer = Renderer::with_limits(&set, HelmVersion::V3, state, limits);
    match renderer.render("t", &Value::Nil) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(error) => {
            let error = error.to_string();
            let words = error
                .split_once("error calling ")
                .map_or(&*error, |it| it.1);
            Err(words.to_string())
        }
    }
}

#[track_caller]
fn gives(template: &str, expected: &str) {
    assert_eq!(
        rendered(template, "").as_deref(),
        Ok(expected),
        "{template}"
    );
}

#[track_caller]
fn fails(template: &str, expected: &str) {
    let error = rendered(template, "").unwrap_err();
    assert_eq!(error, expected, "{template}");
}

#[test]
fn strings_are_cut_by_bytes() {
    gives("{{ trunc 3 `abcdef` }}{{ trunc -2 `abcdef` }}", "abcef");
    gives("{{ substr 1 -1 `abc` }}{{ substr -1 2 `abc` }}", "bcab");
    gives(
        "{{ abbrev 6 `hello world` }} {{ abbrevboth 5 10 `1234567890123` }}",
        "hel... ...6789...",
    );
    fails(
        "{{ substr 3 1 `abc` }}",
        "substr: runtime error: slice bounds out of range [3:1]",
    );
}

#[test]
fn strings_are_indented_with_their_empty_lines() {
    gives("{{ indent 2 `a\n\nb` }}", "  a\n  \n  b");
    gives("{{ nindent 1 `` }}", "\n ");
    fails(
        "{{ indent -1 `a` }}",
        "indent: strings: negative Repeat count",
    );
}

#[test]
fn words_change_their_case() {
    gives(
        "{{ snakecase `HTTPServer2xx` }} {{ kebabcase `Bld4Floor3rd` }}",
        "http_server_2xx bld4-floor-3rd",
    );
    gives(
        "{{ camelcase `http_server__id` }} {{ title `it's ÉTÉ été` }}",
        "HttpServer_Id It'S ÉTÉ Été",
    );
    gives(
        "{{ swapcase `aB ǆ` }} {{ upper `ßﬁ` }} {{ initials `john w doe` }}",
        "Ab ǅ ßﬁ jwd",
    );
    gives(
        "{{ wrap 5 `a bc defghijk l` }}|{{ wrapWith 3 `-` `abcdefg h` }}",
        "a bc\ndefghijk\nl|abc-def-g h",
    );
}

#[test]
fn strings_are_split_and_joined() {
    gives(
        "{{ split `,` `a,b` }} {{ splitn `,` 2 `a,b,c` }}",
        "map[_0:a _1:b] map[_0:a _1:b,c]",
    );
    gives(
        "{{ splitList `` `aé` | toJson }} {{ join `-` (list 1 nil `x`) }}",
        r#"["a","é"] 1-x"#,
    );
    gives(
        "{{ replace `` `-` `ab` }} {{ trimAll `ab` `abxba` }} {{ nospace ` a b ` }}",
        "-a-b- x ab",
    );
    gives(
        "{{ quote `a\"\n` nil 1 }} {{ squote `it's` }} {{ cat 1 nil `b` }}",
        r#""a\"\n" "1" 'it's' 1 b"#,
    );
}

#[test]
fn a_list_of_strings_is_sorted_in_place() {
    gives(
        "{{ $l := splitList `,` `b,a` }}{{ $s := sortAlpha $l }}{{ $l }}",
        "[a b]",
    );
    gives(
        "{{ $l := list 10 9 `a` }}{{ sortAlpha $l }}{{ $l }}",
        "[10 9 a][10 9 a]",
    );
}

#[test]
fn numbers_are_converted_by_their_base() {
    gives(
        "{{ int `010` }} {{ int `0x1F` }} {{ int `1.00` }} {{ int `1.5` }} {{ int 1e19 }}",
        "8 31 1 0 -9223372036854775808",
    );
    gives(
        "{{ atoi `010` }} {{ toDecimal 777 }} {{ float64 `1_0.5` }}",
        "10 511 10.5",
    );
    gives(
        "{{ add 1.9 1 }} {{ addf 0.1 0.2 }} {{ mulf 1.1 1.1 }} {{ divf 10 4 }}",
        "2 0.3 1.21 2.5",
    );
    gives(
        "{{ round 2.345 2 }} {{ round -1.5 0 }} {{ ceil 1.1 }} {{ maxf 1 2.5 }}",
        "2.35 -2 2 2.5",
    );
    gives(
        "{{ seq 3 }}|{{ seq 5 -2 1 }}|{{ until 3 }}|{{ untilStep 3 0 -2 }}",
        "1 2 3|5 3 1|[0 1 2]|[3 1]",
    );
    fails(
        "{{ div 1 0 }}",
        "div: runtime error: integer divide by zero",
    );
    fails("{{ divf 1 0 }}", "divf: decimal division by 0");
}

#[test]
fn lists_keep_nil_apart_from_empty() {
    gives(
        "{{ rest (list) | toJson }} {{ list | toJson }} {{ concat (list) | toJson }}",
        "null [] null",
    );
    gives(
        "{{ chunk 2 (list 1 2 3) }} {{ uniq (list 1 1.0 1) }} {{ without (list 1 2) 2 }}",
        "[[1 2] [3]] [1 1] [1]",
    );
    gives(
        "{{ slice (list 1 2 3) 1 2 }} {{ has 1 (list 1.0) }} {{ compact (list 0 1 ``) }}",
        "[2] false [1]",
    );
    fails("{{ first `a` }}", "first: Cannot find first on type string");
    fails(
        "{{ append nil 1 }}",
        "append: runtime error: invalid memory address or nil pointer dereference",
    );
    fails(
        "{{ chunk 0 (list 1) }}",
        "chunk: runtime error: makeslice: len out of range",
    );
}

#[test]
fn merging_replaces_empty_values() {
    gives(
        "{{ merge (dict `a` 0 `b` 1) (dict `a` 2 `b` 3) }}",
        "map[a:2 b:1]",
    );
    gives(
        "{{ mergeOverwrite (dict `a` (dict `x` 1)) (dict `a` (dict `y` nil)) }}",
        "map[a:map[x:1 y:<nil>]]",
    );
    gives(
        "{{ $e := dict }}{{ $m := merge (dict `a` $e) (dict `a` (dict `x` 1)) }}{{ $e }}",
        "map[x:1]",
    );
    gives(
        "{{ dig `a` `b` `d` (dict `a` (dict `b` 1)) }}{{ dig `x` `d` (dict) }}",
        "1d",
    );
    fails(
        "{{ dig `a` `b` 1 (dict `a` 2) }}",
        "dig: interface conversion: interface {} is int, not map[string]interface {}",
    );
}

#[test]
fn json_is_that_of_go() {
    gives(
        "{{ toJson (dict `a` `<é\u{2028}>` `b` 1e21 `c` 1e-7) }}",
        r#"{"a":"\u003cé\u2028\u003e","b":1e+21,"c":1e-7}"#,
    );
    gives(
        "{{ toPrettyJson (dict `a` (list) `b` (list 1)) }}",
        "{\n  \"a\": [],\n  \"b\": [\n    1\n  ]\n}",
    );
    gives(
        "{{ fromJson `{\"a\": tru}` }}",
        "map[Error:invalid character '}' in literal true (expecting 'e')]",
    );
    gives(
        "{{ fromJson `[1]` }}",
        "map[Error:json: cannot unmarshal array into Go value of type map[string]interface {}]",
    );
    fails(
        "{{ mustFromJson `tru` }}",
        "mustFromJson: invalid character ' ' in literal true (expecting 'e')",
    );
}

#[test]
fn yaml_is_written_by_both_libraries() {
    gives(
        "{{ toYaml (dict `b` (list 1 `yes`) `a` 1000000.0 `<<` `x`) }}",
        "<<: x\na: 1000000\nb:\n- 1\n- \"yes\"",
    );
    gives(
        "{{ toYamlPretty (dict `b` (list 1 `yes`) `a` 1000000.0) }}",
        "a: 1e+06\nb:\n  - 1\n  - \"yes\"",
    );
    gives(
        "{{ fromYaml `a: [yes, 0o17, 1e3, 12:30]` | toJson }}",
        r#"{"a":[true,15,1000,"12:30"]}"#,
    );
    gives(
        "{{ fromYamlArray `a: 1` }}",
        "[error unmarshaling JSON: while decoding JSON: json: cannot unmarshal object into Go value of type []interface {}]",
    );
}

#[test]
fn toml_is_written_and_read() {
    gives(
        "{{ toToml (dict `a` 1.0 `t` (dict `x y` (list (dict `b` 1)))) }}",
        "a = 1.0\n\n[t]\n\n  [[t.\"x y\"]]\n    b = 1\n",
    );
    gives(
        "{{ fromToml `a.b = [1, {c = 'x'}]\nd = 2024-01-02` }}",
        "map[a:map[b:[1 map[c:x]]] d:2024-01-02 00:00:00 +0000 date-local]",
    );
    gives(
        "{{ fromToml `a = 1\na = 2` }}",
        "map[Error:toml: line 2 (last key \"a\"): Key 'a' has already been defined.]",
    );
    gives(
        "{{ fromToml `bad` }}",
        "map[Error:toml: line 1: unexpected EOF; expected key separator '=']",
    );
    fails(
        "{{ toToml nil }}",
        "toToml: reflect: call of reflect.Value.Type on zero Value",
    );
}

#[test]
fn a_block_text_without_a_line_end_does_not_stop_the_reader() {
    gives(
        "{{ fromYaml `a: *x\nb: |\n  x` }}",
        "map[Error:error converting YAML to JSON: yaml: unknown anchor 'x' referenced]",
    );
}

#[test]
fn toml_faults_name_the_table_they_are_in() {
    gives(
        "{{ fromToml `b = {c = 1, c = 2}` }}",
        "map[Error:toml: line 1 (last key \"b.c\"): Key 'b.c' has already been defined.]",
    );
    gives(
        "{{ fromToml `a = {}\n[[a.b]]` | toJson }}",
        r#"{"a":{"b":[{}]}}"#,
    );
}

#[test]
fn of_two_shortest_numbers_the_even_one_is_printed() {
    gives(
        "{{ divf -6847768608602029 7.995 }} {{ 856506392570610.25 | toYaml }}",
        "-8.565063925706102e+14 8.565063925706102e+14",
    );
}

#[test]
fn versions_are_compared_as_masterminds_does() {
    gives(
        "{{ semverCompare `>=1.20-0` `v1.29.3-eks-1` }} {{ semverCompare `>=1.20` `v1.29.3-eks-1` }}",
        "true false",
    );
    gives(
        "{{ with semver `v1.2-rc.1+b` }}{{ . }} {{ .Minor }} {{ .Original }} {{ .IncPatch }}{{ end }}",
        "1.2.0-rc.1+b 2 v1.2-rc.1+b 1.2.0",
    );
    gives(
        "{{ (semver `1.2.3`).Compare (semver `1.3`) }} {{ semver `1` | toYaml }}",
        "-1 1.0.0",
    );
    fails(
        "{{ semverCompare `` `1` }}",
        "semverCompare: improper constraint: ",
    );
    fails(
        "{{ semver `1.2.3-01` }}",
        "semver: version segment starts with 0",
    );
}

#[test]
fn dates_have_layouts_and_zones() {
    gives(
        "{{ date `Mon Jan _2 2006` 0 }} {{ dateInZone `15:04 MST` 0 `Europe/Berlin` }}",
        "Thu Jan  1 1970 01:00 CET",
    );
    gives(
        "{{ with toDate `2006-01-02` `2024-02-29` }}{{ .Weekday }} {{ .AddDate 1 0 0 | htmlDate }} {{ .Month }}{{ end }}",
        "Thursday 2025-03-01 February",
    );
    gives(
        "{{ durationRound `2h10m` }} {{ duration `95` }} {{ toDate `2006` `x` | unixEpoch }}",
        "2h 1m35s -62135596800",
    );
    fails(
        "{{ mustToDate `2006` `x` }}",
        "mustToDate: parsing time \"x\" as \"2006\": cannot parse \"x\" as \"2006\"",
    );
}

#[test]
fn times_are_compared_with_their_zones() {
    let day = "{{ $t := toDate `2006-01-02` `2020-01-01` }}";
    let cases = [
        ("ne $t ($t | dateModify `5m`)", "true"),
        ("ne now (now | dateModify `5m`)", "true"),
        ("eq $t $t", "true"),
        ("eq $t ($t | dateModify `0s`)", "true"),
        ("eq ($t.AddDate 0 0 1) ($t.AddDate 0 0 1)", "true"),
        ("eq $t $t.Local", "true"),
        ("eq $t $t.UTC", "false"),
        ("deepEqual $t $t.UTC", "false"),
        ("$t.Location", "Local"),
        ("$t.UTC.Location", "UTC"),
        (
            "eq $t (toDate `2006-01-02 -0700` `2020-01-01 +0000`)",
            "true",
        ),
        ("eq $t (toDate `2006-01-02` `x`)", "false"),
        (
            "eq (toDate `2006-01-02` `x`) (toDate `2006-01-02` `y`)",
            "true",
        ),
        ("eq $t (semver `1.2.3`).IncMajor", "false"),
    ];
    for (expression, expected) in cases {
        gives(&format!("{day}{{{{ {expression} }}}}"), expected);
    }
    for (zone, is_shared) in [("+0100", "true"), ("+0130", "false")] {
        let time = format!("(toDate `2006-01-02 -0700` `2020-01-01 {zone}`)");
        gives(&format!("{{{{ eq {time} {time} }}}}"), is_shared);
        gives(&format!("{{{{ deepEqual {time} {time} }}}}"), "true");
    }
}

#[test]
fn versions_are_equal_with_their_original_text() {
    let cases = [
        ("eq (semver `1.2.3`) (semver `1.2.3`)", "false"),
        (
            "eq (semver `1.2.3`).IncMajor (semver `1.2.4`).IncMajor",
            "true",
        ),
        (
            "eq (semver `v1.2.3`).IncMajor (semver `1.2.4`).IncMajor",
            "false",
        ),
        ("has (semver `1.2.3`) (list (semver `1.2.3`))", "true"),
        ("has (semver `1.2.3`) (list (semver `v1.2.3`))", "false"),
    ];
    for (expression, expected) in cases {
        gives(&format!("{{{{ {expression} }}}}"), expected);
    }
}

#[test]
fn patterns_are_those_of_go() {
    gives(
        r"{{ regexReplaceAll `(a)(b)?` `aab` `${1}-$1W` }} {{ regexFindAll `\w` `aé1` -1 }}",
        "a-a- [a 1]",
    );
    gives(
        "{{ regexMatch `(` `x` }} {{ regexSplit `,` `a,b` 1 }} {{ regexFindAll `x` `` -1 | toJson }}",
        "false [a,b] null",
    );
    fails(
        "{{ regexFind `a++` `x` }}",
        "regexFind: regexp: Compile(`a++`): error parsing regexp: invalid nested repetition operator: `++`",
    );
}

#[test]
fn passwords_and_digests_are_exact() {
    gives(
        "{{ derivePassword 1 `long` `password` `user` `example.com` }}",
        "ZedaFaxcZaso9*",
    );
    gives(
        "{{ sha1sum `a` }} {{ adler32sum `Wikipedia` }}",
        "86f7e437faa5a7fce15d1ddcb9eaeaea377667b8 300286872",
    );
    gives(
        "{{ decryptAES `secretkey` `5r6kKtX3rGwQGakLBK8KHEBFiM4kQGmsyB6ijas+ebo=` }}",
        "plain text ☃",
    );
    gives(
        "{{ b64dec `ab!` }} {{ b32dec `a` }}",
        "illegal base64 data at input byte 2 illegal base32 data at input byte 0",
    );
}

#[test]
fn what_is_random_depends_on_the_release_and_on_nothing_else() {
    for call in [
        "randAlphaNum 12",
        "uuidv4",
        "bcrypt `p`",
        "genPrivateKey `ecdsa`",
        "(genCA `ca` 1).Cert",
        "shuffle `abcdefghij`",
    ] {
        let once = format!("{{{{ {call} }}}}");
        let first = rendered(&once, "ns/a app").unwrap();
        assert_eq!(rendered(&once, "ns/a app").unwrap(), first, "{call}");
        assert_ne!(rendered(&once, "ns/b app").unwrap(), first, "{call}");
        let later = format!("{{{{ $x := randNumeric 3 }}}}{once}");
        assert_eq!(rendered(&later, "ns/a app").unwrap(), first, "{call}");
        let twice = rendered(&format!("{once}{once}"), "ns/a app").unwrap();
        assert_ne!(twice, first.repeat(2), "{call}");
    }
}

#[test]
fn random_values_are_noted() {
    let mut set = Templates::new(&groups());
    set.parse("t", &Str::from("{{ randAlpha 5 }}")).unwrap();
    let mut renderer = Renderer::new(&set, HelmVersion::V3, State::new("a"));
    let output = renderer.render("t", &Value::Nil).unwrap();
    let [noted] = renderer.state.not_deterministic() else {
        panic!("one value is noted");
    };
    assert_eq!(
        (noted.function, noted.value.as_bytes()),
        ("randAlpha", &*output)
    );
}

#[test]
fn certificates_are_refused_with_their_faults() {
    fails(
        "{{ genSelfSignedCert `a` (list `bad`) nil 1 }}",
        "genSelfSignedCert: error parsing ip: bad",
    );
    fails(
        "{{ genSelfSignedCert `a` nil (list `é.svc`) 1 }}",
        "genSelfSignedCert: error creating certificate: x509: \"é.svc\" cannot be encoded as an IA5String",
    );
    fails(
        "{{ genCAWithKey `a` 1 `bad` }}",
        "genCAWithKey: parsing private key: no PEM data in input",
    );
    fails(
        "{{ buildCustomCert (b64enc `x`) `` }}",
        "buildCustomCert: unable to decode certificate",
    );
    gives(
        "{{ $ca := genCA `ca` 1 }}{{ (genSignedCert `a` nil nil 1 $ca).Cert | trunc 27 }}",
        "-----BEGIN CERTIFICATE-----",
    );
}

#[test]
fn the_author_stops_the_rendering() {
    assert!(
        rendered("{{ required `no name` `` }}", "")
            .unwrap_err()
            .contains("no name")
    );
    gives(
        "{{ required `no name` 0 }} {{ lookup `v1` `Pod` `` `` }}{{ getHostByName `x` }}",
        "0 map[]",
    );
}

#[test]
fn no_call_fills_the_memory() {
    for call in [
        "repeat 1000000000000 `x`",
        "indent 1000000000000 `x`",
        "until 1000000000000",
        "untilStep 0 1000000000000 1",
        "seq 1 1000000000000",
        "randAlphaNum 1000000000000",
        "randBytes 1000000000000",
        "replace `` (repeat 100000 `y`) (repeat 100000 `x`)",
        "regexReplaceAll `` (repeat 100000 `x`) (repeat 100000 `y`)",
        "wrapWith 1 (repeat 100000 `y`) (repeat 100000 `x`)",
        "join (repeat 100000 `y`) (until 10000)",
    ] {
        let error = rendered(&format!("{{{{ {call} | len }}}}"), "").unwrap_err();
        assert!(
            error.contains("the templates make more than"),
            "{call}: {error}"
        );
    }
}
