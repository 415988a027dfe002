//! A value after a round trip through Go values, as in kustomize's JSON 6902 patches.

use super::text::{Facts, Quotes, TextContext, is_base_60, is_old_bool, is_plain_word};
use super::value::{self, Value};
use crate::diag::Diagnostic;
use crate::{Kind, Mapping, Node, Style, Tag, View, resolve};

/// Converts a value to its form after a round trip through JSON: plain scalars, block collections, explicit nulls.
///
/// Numbers keep their text. Errors: `build-value` for values that JSON cannot represent.
pub fn json_round_trip(node: &mut Node) -> Result<(), Diagnostic> {
    round_trip(node, false)
}

/// `flow`: in the source, the value is inside `{…}` or `[…]`.
fn round_trip(node: &mut Node, flow: bool) -> Result<(), Diagnostic> {
    if let View::Scalar(_) = node.view() {
        return scalar(node, flow);
    }
    let inside = flow || node.style() == Style::Flow;
    node.set_style(Style::Plain);
    if let Some(items) = node.as_sequence_mut() {
        items.iter_mut().try_for_each(|it| round_trip(it, inside))?;
    }
    let entries = node
        .as_mapping_mut()
        .into_iter()
        .flat_map(Mapping::iter_mut);
    for entry in entries {
        key(&mut entry.key, inside)?;
        round_trip(&mut entry.value, inside)?;
    }
    Ok(())
}

fn key(node: &mut Node, flow: bool) -> Result<(), Diagnostic> {
    let is_plain = node.style() == Style::Plain;
    if is_plain && value::plain_word(node).is_some() {
        return Ok(());
    }
    let key = value::key(node, flow)?;
    if !is_plain || node.as_str() != Some(&key) {
        *node = Node::string(key.into_owned()).at(node.span());
    }
    Ok(())
}

fn scalar(node: &mut Node, flow: bool) -> Result<(), Diagnostic> {
    if value::plain_word(node).is_some() {
        node.set_style(Style::Plain);
        node.set_tag(Tag::Str);
        return Ok(());
    }
    let kind = node.kind();
    let (text, style, tag) = match value::from_node(node, flow)? {
        Value::Text(text) => {
            let style = marshalled_style(&text);
            (text, style, Tag::Str)
        }
        Value::Word(text) => match kind {
            Kind::Null => (text, Style::Plain, Tag::Null),
            Kind::Bool => (text, Style::Plain, Tag::Bool),
            kind => {
                let text = node.as_str().unwrap_or("");
                (text.into(), Style::Plain, Tag::from_kind(kind))
            }
        },
    };
    if node.as_str() == Some(&text) {
        node.set_style(style);
        node.set_tag(tag);
    } else {
        *node = Node::scalar(text.into_owned(), style, tag).at(node.span());
    }
    Ok(())
}

/// The style of a Go string in kyaml.
fn marshalled_style(text: &str) -> Style {
    if is_plain_word(text) {
        return Style::Plain;
    }
    let preferred = if text.contains('\n') {
        Quotes::Literal
    } else if resolve(text) != Kind::String || is_old_bool(text) || is_base_60(text) {
        Quotes::Double
    } else {
        Quotes::Plain
    };
    let context = TextContext {
        flow: false,
        simple_key: false,
    };
    match Facts::new(text).quotes(preferred, text, context) {
        Quotes::Plain => Style::Plain,
        Quotes::Single => Style::SingleQuoted,
        Quotes::Double => Style::DoubleQuoted,
        Quotes::Literal => Style::Literal,
        Quotes::Folded => Style::Folded,
    }
}

#[cfg(test)]
mod tests {
    use super::json_round_trip;
    use crate::diag::Source;
    use crate::{Style, emit_kyaml, parse_one};

    #[track_caller]
    fn becomes(text: &str, expected: &str) {
        let mut node = parse_one(&Source::internal("text", text)).unwrap();
        json_round_trip(&mut node).unwrap();
        assert_eq!(emit_kyaml(&node), expected);
        assert_eq!(node.style(), Style::Plain);
    }

    #[test]
    fn nulls_are_written_out() {
        becomes("a:\nb: ~\nc: [null]\n", "a: null\nb: null\nc:\n- null\n");
    }

    #[test]
    fn a_missing_value_in_braces_is_an_empty_text() {
        becomes("{a: , b: {c: }}", "a: \"\"\nb:\n  c: \"\"\n");
    }

    #[test]
    fn styles_go_and_kinds_stay() {
        becomes(
            "a: 'x'\nb: \"5\"\nc: 2020-01-01\n\"d\": >-\n  one\n  two\n",
            "a: x\nb: \"5\"\nc: \"2020-01-01T00:00:00Z\"\nd: one two\n",
        );
    }
}
