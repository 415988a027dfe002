//! Properties of the YAML reader and writers that hold for every text and every tree.

use std::sync::Arc;

use pleach::diag::{Source, Span};
use pleach::yaml::{
    Entry, Kind, Mapping, Node, View, emit_canonical, emit_kustomize, emit_kyaml, parse, parse_one,
    resolve,
};
use proptest::prelude::*;

const DOCUMENT: &str = "%YAML 1.1\n---\na: &x {b: [1, 'two''s', \"th\\u00e9\\n\"], c: }\n<<: *x\n\"d e\":\n- |2+\n   f\n\n- >-\n  g\n   h\n  i\n- ? !!str j\n  : - k # l\n    - *x\n- m\n  n\n\n  o\n...\n---\n# p\nq: 2001-01-01\n";

fn source(text: &str) -> Arc<Source> {
    Source::internal("t.yaml", text)
}

/// Checks that every span is in the text, and that the span of a collection contains those of its items.
fn check_spans(node: &Node, text: &str, around: std::ops::Range<usize>) {
    let range = node.span().range();
    assert!(
        text.is_char_boundary(range.start)
            && text.is_char_boundary(range.end)
            && range.start <= range.end
    );
    // The content of an alias is elsewhere in the text.
    if text.contains('*') {
        return;
    }
    assert!(
        around.start <= range.start && range.end <= around.end,
        "{range:?} in {around:?} of {text:?}"
    );
    match node.view() {
        View::Scalar(_) => {}
        View::Sequence(items) => items
            .iter()
            .for_each(|it| check_spans(it, text, range.clone())),
        View::Mapping(mapping) => {
            for Entry { key, value } in mapping {
                check_spans(key, text, range.clone());
                check_spans(value, text, range.clone());
            }
        }
    }
}

fn check_any(text: &str) {
    let source = source(text);
    match parse(&source) {
        Ok(documents) => {
            for document in &documents {
                check_spans(document, text, 0..text.len());
                let _ = emit_kustomize(document);
                emit_kyaml(document);
                emit_canonical(document);
            }
        }
        Err(faults) => {
            for fault in &faults {
                let span: &Span = fault.span.as_ref().expect("a fault has a place");
                assert!(
                    text.is_char_boundary(span.start as usize)
                        && text.is_char_boundary(span.end as usize)
                );
                assert!(
                    span.start <= span.end && !fault.help.is_empty(),
                    "{fault:?}"
                );
            }
        }
    }
}

/// Texts that a reader may misinterpret, or that some styles cannot represent.
fn nasty_text() -> impl Strategy<Value = String> {
    let words = [
        "",
        "~",
        "y",
        "No",
        "on",
        "OFF",
        "null",
        "True",
        "0",
        "-1",
        "0o7",
        "0777",
        "1_000",
        "1e3",
        ".5",
        "1.",
        ".inf",
        "12:30",
        "1:2:3",
        "2001-01-01",
        "<<",
        "=",
        "-",
        "- a",
        "? b",
        ": c",
        "a: b",
        "a #b",
        "#",
        "a:",
        "'",
        "\"",
        "\\",
        "%a",
        "@",
        "`",
        "---",
        "... x",
        "&a",
        "*a",
        "!t",
        "|",
        ">",
        "[",
        "{a}",
        " a",
        "a ",
        "a\n",
        "\na",
        "a\n\nb\n\n",
        " a\nb",
        "a \nb",
        "\t",
        "\ta\nb",
        "a\tb",
        "\r\n",
        "\u{85}",
        "\u{2028}x",
        "\u{feff}",
        "\u{7f}",
        "\0",
        "é",
        "😀",
    ];
    let word = prop::sample::select(words.to_vec()).prop_map(str::to_string);
    let any = prop::collection::vec(
        prop_oneof![
            word.clone(),
            any::<char>().prop_map(String::from),
            "[a-z]{1,9} "
        ],
        0..6,
    )
    .prop_map(|it| it.concat());
    prop_oneof![word, any]
}

fn nasty_tree() -> impl Strategy<Value = Node> {
    let leaf = prop_oneof![
        6 => nasty_text().prop_map(Node::string),
        1 => any::<i64>().prop_map(Node::int),
        1 => any::<bool>().prop_map(Node::bool),
        1 => Just(Node::null()),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        let entries = prop::collection::vec((nasty_text(), inner.clone()), 0..5);
        let mapping = entries.prop_map(|entries| {
            let mut mapping = Mapping::new();
            entries
                .into_iter()
                .for_each(|(key, value)| _ = mapping.insert(Node::string(key), value));
            Node::mapping(mapping)
        });
        prop_oneof![
            mapping,
            prop::collection::vec(inner, 0..5).prop_map(Node::sequence)
        ]
    })
}

/// Whether a string without quotes would be something else for a reader of YAML 1.1.
fn differs_in_yaml_1_1(text: &str) -> bool {
    let words = [
        "y", "n", "yes", "no", "on", "off", "true", "false", "null", "~", "=", "<<",
    ];
    let number = text.trim_start_matches(['-', '+']);
    let base_60 = number.starts_with(|c: char| c.is_ascii_digit())
        && number.contains(':')
        && number
            .bytes()
            .all(|it| it.is_ascii_digit() || b":._".contains(&it));
    words.iter().any(|it| it.eq_ignore_ascii_case(text)) || resolve(text) != Kind::String || base_60
}

fn check_quotes(node: &Node) {
    match node.view() {
        View::Scalar(text) => {
            let plain = node.style() == pleach::yaml::Style::Plain;
            assert!(
                !plain || node.kind() != Kind::String || !differs_in_yaml_1_1(text),
                "{text:?}"
            );
        }
        View::Sequence(items) => items.iter().for_each(check_quotes),
        View::Mapping(mapping) => mapping.iter().for_each(|it| {
            check_quotes(&it.key);
            check_quotes(&it.value);
        }),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1_000) })]

    #[test]
    fn no_changed_document_breaks_the_reader(at in 0..DOCUMENT.len(), len in 0..4_usize, put in prop::sample::select(b"\n\t :-?[]{},#&*!|>'\"%@`\\a1\r".to_vec()), twice in any::<bool>()) {
        let mut bytes = DOCUMENT.as_bytes().to_vec();
        let end = (at + len).min(bytes.len());
        bytes.splice(at..end, if twice { vec![put, put] } else { vec![put] });
        check_any(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn no_text_breaks_the_reader(text in "\\PC{0,40}") {
        check_any(&text);
    }

    #[test]
    fn the_canonical_form_reads_back(tree in nasty_tree()) {
        let text = emit_canonical(&tree);
        let again = parse_one(&source(&text)).expect("the canonical form is YAML");
        prop_assert!(again.same_data(&tree), "{:?}\n{}", tree, text);
        check_quotes(&again);
    }

    #[test]
    fn the_kyaml_form_reads_back(tree in nasty_tree()) {
        let text = emit_kyaml(&tree);
        // As recorded for kyaml, a string `<<` is written without quotes and read back as a merge key.
        if text.contains("<<") {
            return Ok(());
        }
        // As recorded for kyaml, a text that begins with a tab is written in a form that is not valid YAML.
        if let Ok(again) = parse_one(&source(&text)) {
            prop_assert!(again.same_data(&tree), "{:?}\n{}", tree, text);
        } else {
            prop_assert!(text.contains('\t'), "{}", text);
        }
    }

    #[test]
    fn the_build_form_is_stable(tree in nasty_tree()) {
        if let Ok(text) = emit_kustomize(&tree) {
            let again = parse_one(&source(&text)).expect("the build form is YAML");
            prop_assert_eq!(emit_kustomize(&again).ok(), Some(text));
        }
    }
}

#[test]
fn every_part_of_a_document_is_read_or_refused() {
    for at in 0..DOCUMENT.len() {
        if DOCUMENT.is_char_boundary(at) {
            check_any(&DOCUMENT[..at]);
            check_any(&DOCUMENT[at..]);
        }
    }
}

#[test]
fn duplicates_among_many_keys_are_reported() {
    let mut text: String = (0..100_000).map(|at| format!("key{at}: 1\n")).collect();
    text.push_str("key7: 2\nkey99999: 3\n");
    let faults = parse(&source(&text)).unwrap_err();
    let messages: Vec<&str> = faults.iter().map(|it| it.message.as_str()).collect();
    assert_eq!(
        messages,
        ["duplicate key `key7`", "duplicate key `key99999`"]
    );
}

#[test]
fn depth_and_repetition_have_limits() {
    for text in [
        "[".repeat(100_000),
        "- ".repeat(100_000),
        "{a: ".repeat(100_000),
        "? ".repeat(100_000),
    ] {
        assert!(parse(&source(&text)).is_err());
    }
    let mut laughs = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n".to_string();
    for at in 1..9 {
        laughs.push_str(&format!(
            "a{at}: &a{at} [{}]\n",
            vec![format!("*a{}", at - 1); 9].join(",")
        ));
    }
    let faults = parse(&source(&laughs)).unwrap_err();
    assert_eq!(faults.iter().next().unwrap().code, "yaml-limit");
}
