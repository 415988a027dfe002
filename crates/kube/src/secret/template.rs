//! The secrets in a template of a chart. An action is code: only its string literals can be secret.

use std::ops::Range;

use super::redact::value_in_line;
use super::shapes::merged;

/// The ranges without the code of actions. What remains of an action are its string literals, unless they are names or messages.
pub(super) fn without_code(text: &str, ranges: Vec<Range<usize>>) -> Vec<Range<usize>> {
    let actions = actions(text);
    let mut kept = Vec::new();
    for range in merged(ranges) {
        let mut at = range.start;
        let first = actions.partition_point(|it| it.range.end <= range.start);
        let inside = actions.iter().skip(first);
        for action in inside.take_while(|it| it.range.start < range.end) {
            kept.push(at..action.range.start.max(at));
            let literals = action.literals.iter().filter(|it| it.start < range.end);
            let literals = literals.filter(|it| it.end > range.start);
            kept.extend(literals.cloned());
            at = action.range.end;
        }
        kept.push(at..range.end.max(at));
    }
    merged(kept)
}

/// The ranges of the values in `data` and `stringData` of documents that may be Secrets, for templates that are not valid YAML.
pub(super) fn ranges_in_data(text: &str) -> Vec<Range<usize>> {
    let (mut ranges, mut lines, mut at) = (Vec::new(), Vec::new(), 0);
    for line in text.split_inclusive('\n') {
        if line.starts_with("---") {
            ranges_in_document(&std::mem::take(&mut lines), &mut ranges);
        } else {
            lines.push((at, line));
        }
        at += line.len();
    }
    ranges_in_document(&lines, &mut ranges);
    ranges
}

fn ranges_in_document(lines: &[(usize, &str)], ranges: &mut Vec<Range<usize>>) {
    let key_of = |line: &str| {
        let (key, value) = line.split_once(':')?;
        let bare = |text: &str| text.trim().trim_matches(['"', '\'']).to_string();
        Some((bare(key), bare(value)))
    };
    let may_be_secret = lines.iter().filter_map(|it| key_of(it.1)).any(|it| {
        let is_kind = it.0 == "kind" && (it.1 == "Secret" || it.1.starts_with("{{"));
        is_kind || it.0 == "stringData"
    });
    if !may_be_secret {
        return;
    }
    // The indentation of `data`.
    let mut data = None;
    for (at, line) in lines {
        let bare = line.trim_start();
        let indent = line.len() - bare.len();
        if bare.is_empty() {
            continue;
        }
        let is_action = bare.starts_with("{{");
        data = data.filter(|it| is_action || indent > *it);
        if data.is_some() {
            // A value that only consists of actions may contain literals.
            let actions = || line.find("{{").map(|it| it..line.trim_end().len());
            let value = value_in_line(line).or_else(actions);
            ranges.extend(value.map(|it| at + it.start..at + it.end));
        } else if key_of(line).is_some_and(|it| matches!(&*it.0, "data" | "stringData")) {
            data = Some(indent);
        }
    }
}

/// `{{ … }}`.
struct Action {
    range: Range<usize>,
    /// The contents of its string literals that may be secret.
    literals: Vec<Range<usize>>,
}

fn actions(text: &str) -> Vec<Action> {
    let (mut actions, mut at) = (Vec::new(), 0);
    while let Some(found) = text.get(at..).and_then(|it| it.find("{{")) {
        let start = at + found;
        let inside = text.get(start + 2..).unwrap_or("");
        // A comment is text.
        if inside.trim_start_matches(['-', ' ']).starts_with("/*") {
            let end = inside.find("*/").unwrap_or(inside.len());
            at = start + 2 + end;
            continue;
        }
        let action = action(text, start);
        at = action.range.end;
        actions.push(action);
    }
    actions
}

/// A call in an action: its function, and the number of its words so far.
#[derive(Default)]
struct Call<'t> {
    function: &'t str,
    words: usize,
}

/// The action that begins at a byte of the text. Without an end, it reaches to the end of the text.
fn action(text: &str, start: usize) -> Action {
    let bytes = text.as_bytes();
    let (mut literals, mut calls, mut at) = (Vec::new(), vec![Call::default()], start + 2);
    while let Some(byte) = bytes.get(at) {
        let rest = text.get(at..).unwrap_or("");
        if rest.starts_with("}}") {
            at += 2;
            break;
        }
        let mut length = 1;
        match byte {
            b'(' => {
                count_word(&mut calls, "");
                calls.push(Call::default());
            }
            b')' => {
                calls.pop();
                if calls.is_empty() {
                    calls.push(Call::default());
                }
            }
            b'|' | b'=' => _ = calls.last_mut().map(std::mem::take),
            b'"' | b'`' | b'\'' => {
                length = literal_length(rest, *byte);
                if !count_word(&mut calls, "") {
                    literals.push(at + 1..at + length.saturating_sub(1).max(1));
                }
            }
            byte if byte.is_ascii_whitespace() || *byte == b'-' => {}
            _ => {
                let is_end = |it: char| it.is_whitespace() || "()|=\"`'}".contains(it);
                length = rest.find(is_end).unwrap_or(rest.len()).max(1);
                let word = rest.get(..length).unwrap_or("");
                match word {
                    "if" | "with" | "range" | "else" => {}
                    word => _ = count_word(&mut calls, word),
                }
            }
        }
        at += length;
    }
    let end = at.min(text.len());
    literals.retain(|it: &Range<usize>| it.end <= end && text.is_char_boundary(it.end));
    Action {
        range: start..end,
        literals,
    }
}

/// Adds a word to the innermost call. Returns whether it is a name or a message if it is a string.
fn count_word<'t>(calls: &mut [Call<'t>], word: &'t str) -> bool {
    let Some(call) = calls.last_mut() else {
        return false;
    };
    if call.words == 0 {
        call.function = word;
    }
    let argument = call.words;
    call.words += 1;
    match call.function {
        "include" | "template" | "define" | "block" | "required" | "fail" | "printf" => {
            argument == 1
        }
        "index" | "get" | "hasKey" | "lookup" | "eq" | "ne" => argument > 0,
        // Keys and values alternate.
        "dict" => argument % 2 == 1,
        "set" => argument == 2,
        _ => false,
    }
}

/// The length of the literal at the start of a text, with its quotes.
fn literal_length(text: &str, quote: u8) -> usize {
    let mut is_escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        if is_escaped {
            is_escaped = false;
        } else if byte == b'\\' && quote != b'`' {
            is_escaped = true;
        } else if byte == quote {
            return at + 1;
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use pleach_yaml::diag::Source;
    use pleach_yaml::tree::TreePath;

    fn redacted(text: &str) -> String {
        let source = Source::template(TreePath::root(), text);
        super::super::redact(&source, |_| "●".to_string())
    }

    #[test]
    fn code_is_not_secret() {
        let texts = [
            "secretName: x\n    In order to enable authentication, see https://example.com/docs\n",
            "{{- $password := include \"a.password\" . }}\n",
            "{{- define \"a.b\" -}}\n{{ if not .Values.secret }}\nzk: auth.enabled\n{{ end }}\n{{ end }}",
            "kind: Secret\ndata:\n  a: {{ required \"set auth.secretName\" .Values.a | b64enc }}\n",
            "kind: Secret\nmetadata: {{ x }}\n  name: a\ndata:\n{{- if .x }}\n  b: {{ include \"c\" (dict \"d\" .e) }}\n{{- end }}\ntype: Opaque",
            "a: {{ b }}\n  c: {{ eq .password \"x\" }}\nkind: ConfigMap\ndata:\n  d: e",
        ];
        for text in texts {
            assert_eq!(redacted(text), text);
        }
    }

    #[test]
    fn literals_are_secret() {
        let cases = [
            ("{{ x }}\npassword: hunter2", "{{ x }}\npassword: ●"),
            (
                "{{- $password := \"hunter2\" }}",
                "{{- $password := \"●\" }}",
            ),
            (
                "{{ if a }}\nkind: Secret\nstringData:\n  a: hunter2\n  {{ b }}: {{ c }}-hunter3\n{{ end }}\ntype: Opaque",
                "{{ if a }}\nkind: Secret\nstringData:\n  a: ●\n  {{ b }}: {{ c }}●\n{{ end }}\ntype: Opaque",
            ),
            (
                "{{ if a }}\nkind: {{ b }}\ndata:\n  a: {{ .a | default \"hunter2\" | b64enc }}\n{{ end }}",
                "{{ if a }}\nkind: {{ b }}\ndata:\n  a: {{ .a | default \"●\" | b64enc }}\n{{ end }}",
            ),
            (
                "kind: Secret\ndata:\n  a: \"{{ `hunter2` | b64enc }}\"",
                "kind: Secret\ndata:\n  a: ●{{ `●` | b64enc }}●",
            ),
            ("{{/* password: hunter2 */}}", "{{/* password: ●"),
            (
                "{{ x }}\n-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----\na: b",
                "{{ x }}\n●\na: b",
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(redacted(text), expected, "{text}");
        }
    }
}
