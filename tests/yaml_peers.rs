//! The YAML reader compared with two others: libyaml-safer, a port of libyaml, and granit-parser, which reads YAML 1.2.
//!
//! The code that turns the events of these peers into trees shares nothing with our reader. Texts with known differences are skipped,
//! with a comment that names the difference.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::panic::catch_unwind;
use std::path::Path;

use libyaml_safer::{EventData, MappingStyle, Parser, ScalarStyle, SequenceStyle};
use pleach::diag::Source;
use pleach::yaml::{Node, Style, View, parse};
use proptest::prelude::*;

/// A position is the line times this number plus the column. The offset is not used, because libyaml-safer counts some characters
/// outside of ASCII incorrectly.
const LINE: u64 = 1_000_000;

/// A value as a peer reads it: style, position, content.
#[derive(Clone, Debug)]
enum Peer {
    Scalar(char, u64, String),
    Sequence(char, u64, Vec<Peer>),
    Mapping(char, u64, Vec<(Peer, Peer)>),
}

impl Peer {
    fn print(&self, out: &mut String) {
        match self {
            Peer::Scalar(style, at, text) => _ = write!(out, "{style}{at}{text:?} "),
            Peer::Sequence(style, at, items) => {
                _ = write!(out, "{style}{at}[ ");
                items.iter().for_each(|it| it.print(out));
                out.push(']');
            }
            Peer::Mapping(style, at, entries) => {
                _ = write!(out, "{style}{at}{{ ");
                for (key, value) in entries {
                    key.print(out);
                    value.print(out);
                }
                out.push('}');
            }
        }
    }

    /// Whether there are keys that our reader refuses although the syntax is valid.
    fn has_bad_keys(&self) -> bool {
        match self {
            Peer::Scalar(..) => false,
            Peer::Sequence(_, _, items) => items.iter().any(Peer::has_bad_keys),
            Peer::Mapping(_, _, entries) => {
                let mut texts: Vec<&str> = Vec::new();
                for (key, _) in entries {
                    match key {
                        Peer::Scalar(_, _, text) => texts.push(text),
                        _ => return true,
                    }
                }
                texts.sort_unstable();
                texts.windows(2).any(|it| it[0] == it[1])
                    || entries.iter().any(|it| it.1.has_bad_keys())
            }
        }
    }
}

fn libyaml(text: &str) -> Result<Vec<Peer>, String> {
    let mut bytes = text.as_bytes();
    let mut parser = Parser::new();
    parser.set_input_string(&mut bytes);
    let mut anchors: BTreeMap<String, Option<Peer>> = BTreeMap::new();
    let mut documents = Vec::new();
    // Open collections with their anchors. The children of a mapping are alternating keys and values.
    let mut open: Vec<(Peer, Vec<Peer>, Option<String>)> = Vec::new();
    loop {
        let event = parser.parse().map_err(|error| error.to_string())?;
        let at = event.start_mark.line * LINE + event.start_mark.column;
        let (done, anchor) = match event.data {
            EventData::StreamEnd => return Ok(documents),
            EventData::DocumentStart { .. } => {
                anchors.clear();
                continue;
            }
            EventData::Scalar {
                value,
                style,
                anchor,
                ..
            } => {
                let style = match style {
                    ScalarStyle::SingleQuoted => '\'',
                    ScalarStyle::DoubleQuoted => '"',
                    ScalarStyle::Literal => '|',
                    ScalarStyle::Folded => '>',
                    _ => ' ',
                };
                (Peer::Scalar(style, at, value), anchor)
            }
            EventData::Alias { anchor } => match anchors.get(&anchor) {
                Some(Some(peer)) => (peer.clone(), None),
                _ => return Err("alias".to_string()),
            },
            EventData::SequenceStart { style, anchor, .. } => {
                let style = if style == SequenceStyle::Flow {
                    'f'
                } else {
                    ' '
                };
                anchors.extend(anchor.clone().map(|it| (it, None)));
                open.push((Peer::Sequence(style, at, Vec::new()), Vec::new(), anchor));
                continue;
            }
            EventData::MappingStart { style, anchor, .. } => {
                let style = if style == MappingStyle::Flow {
                    'f'
                } else {
                    ' '
                };
                anchors.extend(anchor.clone().map(|it| (it, None)));
                open.push((Peer::Mapping(style, at, Vec::new()), Vec::new(), anchor));
                continue;
            }
            EventData::SequenceEnd | EventData::MappingEnd => {
                let (mut peer, children, anchor) = open.pop().unwrap();
                match &mut peer {
                    Peer::Sequence(_, _, items) => *items = children,
                    Peer::Mapping(_, _, entries) => {
                        let mut children = children.into_iter();
                        while let (Some(key), Some(value)) = (children.next(), children.next()) {
                            entries.push((key, value));
                        }
                    }
                    Peer::Scalar(..) => unreachable!(),
                }
                (peer, anchor)
            }
            _ => continue,
        };
        anchors.extend(anchor.map(|it| (it, Some(done.clone()))));
        match open.last_mut() {
            Some((_, children, _)) => children.push(done),
            None => documents.push(done),
        }
    }
}

fn ours(text: &str) -> Result<Vec<Peer>, String> {
    let source = Source::internal("t.yaml", text);
    let documents = parse(&source).map_err(|faults| {
        faults
            .iter()
            .map(|it| it.message.clone())
            .collect::<Vec<_>>()
            .join("; ")
    })?;
    let mut places = vec![0; text.len() + 1];
    let mut place = 0;
    let start = if text.starts_with('\u{feff}') { 3 } else { 0 };
    for (at, c) in text[start..]
        .char_indices()
        .chain([(text.len() - start, ' ')])
    {
        places[start + at] = place;
        place = if c == '\n' {
            (place / LINE + 1) * LINE
        } else {
            place + 1
        };
    }
    Ok(documents.iter().map(|it| from_node(it, &places)).collect())
}

fn from_node(node: &Node, places: &[u64]) -> Peer {
    let at = places[node.span().start as usize];
    let collection = if node.style() == Style::Flow {
        'f'
    } else {
        ' '
    };
    match node.view() {
        View::Scalar(text) => {
            let style = match node.style() {
                Style::SingleQuoted => '\'',
                Style::DoubleQuoted => '"',
                Style::Literal => '|',
                Style::Folded => '>',
                Style::Plain | Style::Flow | Style::Tagged => ' ',
            };
            Peer::Scalar(style, at, text.to_string())
        }
        View::Sequence(items) => Peer::Sequence(
            collection,
            at,
            items.iter().map(|it| from_node(it, places)).collect(),
        ),
        View::Mapping(mapping) => {
            let entries = mapping
                .iter()
                .map(|it| (from_node(&it.key, places), from_node(&it.value, places)));
            Peer::Mapping(collection, at, entries.collect())
        }
    }
}

fn print(result: &Result<Vec<Peer>, String>) -> String {
    let mut out = String::new();
    match result {
        Ok(documents) if documents.iter().any(Peer::has_bad_keys) => return "refused".to_string(),
        Ok(documents) => documents.iter().for_each(|it| it.print(&mut out)),
        Err(_) => return "refused".to_string(),
    }
    out
}

/// The tree that libyaml reads; `None` if the crate panics or is known to differ from Go's port of libyaml.
fn libyaml_print(text: &str) -> Option<String> {
    let merges = text.contains("<<");
    let panics = !text.ends_with('\n');
    // Go's reader accepts tabs before a comment that follows another one.
    let tabs_before_comments = text.contains('\t') && text.contains('#');
    // In brackets, a `?` ends a plain text for Go's reader, but not for newer versions of libyaml.
    let question_in_brackets = text.contains('?') && text.contains(['[', '{']);
    // The same is true for a `:` directly before an indicator of such a collection.
    let colon_before_sign = [":,", ":]", ":}", ":[", ":{"]
        .iter()
        .any(|it| text.contains(it));
    if colon_before_sign || question_in_brackets || merges || panics || tabs_before_comments {
        return None;
    }
    let text = text.to_string();
    catch_unwind(|| print(&libyaml(&text))).ok()
}

#[test_with::path("../shared")]
#[test]
fn files_read_as_libyaml_reads_them() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let mut folders = vec![root];
    let mut counted = 0;
    let mut differing = Vec::new();
    while let Some(folder) = folders.pop() {
        // Other programs may remove folders there in the meantime.
        let entries = std::fs::read_dir(folder).into_iter().flatten();
        for entry in entries.flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path
                .extension()
                .is_some_and(|it| it == "yaml" || it == "yml")
            {
                let Ok(text) = std::fs::read_to_string(&path) else {
                    continue;
                };
                let Some(expected) = libyaml_print(&text) else {
                    continue;
                };
                counted += 1;
                if print(&ours(&text)) != expected {
                    differing.push(path);
                }
            }
        }
    }
    println!("{counted} files");
    assert!(counted > 0, "no file was read");
    assert!(
        differing.is_empty(),
        "{} of {counted} differ: {differing:#?}",
        differing.len()
    );
}

/// Parts of random texts in which the rules of YAML interact.
const PIECES: [&str; 44] = [
    "a", "b", "key", "a: ", "b:", "c: d", "- ", "-", "\n", "\n", "\n", "\n  ", "\n  ", "\n    ",
    " ", "  ", "? ", ": ", "[", "]", "{", "}", ", ", ",", "'x'", "'", "\"y\"", "\"", " #c", "#",
    "&a ", "*a ", "!t ", "!!str ", "|\n", ">-\n  ", "|+\n", "---\n", "...\n", "\t", "é", "%",
    "\\n", "1",
];

fn random_text() -> impl Strategy<Value = String> {
    let piece = (0..PIECES.len()).prop_map(|at| PIECES[at]);
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat() + "\n")
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

    #[test]
    fn random_texts_read_as_libyaml_reads_them(text in random_text()) {
        if let Some(expected) = libyaml_print(&text) {
            prop_assert_eq!(print(&ours(&text)), expected);
        }
    }
}

/// The texts of all scalars in order, as granit-parser reads them.
fn granit_texts(text: &str) -> Vec<String> {
    let events = granit_parser::Parser::new_from_str(text).map(|it| it.expect("valid").0);
    let texts = events.filter_map(|event| match event {
        granit_parser::Event::Scalar(text, ..) => Some(text.into_owned()),
        _ => None,
    });
    texts.collect()
}

fn our_texts(node: &Node, texts: &mut Vec<String>) {
    match node.view() {
        View::Scalar(text) => texts.push(text.to_string()),
        View::Sequence(items) => items.iter().for_each(|it| our_texts(it, texts)),
        View::Mapping(mapping) => mapping.iter().for_each(|it| {
            our_texts(&it.key, texts);
            our_texts(&it.value, texts);
        }),
    }
}

#[test_with::path("../shared/schemas/crds")]
#[test]
fn definitions_read_as_granit_parser_reads_them() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../shared/schemas/crds/source.toolkit.fluxcd.io");
    for file in std::fs::read_dir(&folder).unwrap().flatten() {
        let text = std::fs::read_to_string(file.path()).unwrap();
        let mut texts = Vec::new();
        parse(&Source::internal("t.yaml", text.as_str()))
            .unwrap()
            .iter()
            .for_each(|it| our_texts(it, &mut texts));
        assert_eq!(texts, granit_texts(&text), "{}", file.path().display());
    }
}
