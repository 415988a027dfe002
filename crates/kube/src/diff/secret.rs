//! Hides what must not be shown: values of Secrets, and whatever looks like a key or a password.
//!
//! It is done before anything is compared, so no later step can show what it never had.

use std::borrow::Cow;
use std::sync::OnceLock;

use regex::{Captures, Regex};
use sha2::{Digest, Sha256};

use pleach_yaml::{Entry, Kind, Mapping, Node, View};

/// Goes into each digest, so that nobody finds a value by trying words. Digests of one salt can be compared.
#[derive(Clone, Debug)]
pub struct Salt(Box<[u8]>);

impl Salt {
    /// A salt of these bytes, which nobody should be able to guess.
    pub fn new(bytes: &[u8]) -> Salt {
        Salt(bytes.into())
    }
}

/// What a hidden value begins with.
const HIDDEN: &str = "(hidden ";

/// What a Secret may show. All else is hidden, also under names that no Secret has, since it may be a slip of the pen.
const OPEN: [&str; 5] = ["apiVersion", "kind", "metadata", "type", "immutable"];

/// Endings of the names that passwords and keys are given.
const NAMES: [&str; 10] = [
    "password",
    "passwd",
    "passphrase",
    "passwordsha256hex",
    "passworddoublesha1hex",
    "token",
    "apikey",
    "privatekey",
    "accesskey",
    "clientsecret",
];

/// The object with a digest in place of each value that must not be shown.
pub(super) fn hide(object: &Node, salt: &Salt) -> Node {
    if !is_secret(object) {
        return value(object, "", salt);
    }
    map_entries(object, |key, node| {
        if OPEN.contains(&key) {
            value(node, key, salt)
        } else {
            all(node, salt)
        }
    })
}

/// The first value that would be hidden, if there is one.
pub fn find_secret(node: &Node) -> Option<&Node> {
    first_change(node, &value(node, "", &Salt::new(&[])))
}

fn first_change<'a>(node: &'a Node, hidden: &Node) -> Option<&'a Node> {
    match (node.view(), hidden.view()) {
        (View::Scalar(text), View::Scalar(hidden)) => (text != hidden).then_some(node),
        (View::Sequence(items), View::Sequence(hidden)) => {
            let mut pairs = items.iter().zip(hidden);
            pairs.find_map(|(item, hidden)| first_change(item, hidden))
        }
        (View::Mapping(entries), View::Mapping(hidden)) => {
            let mut pairs = entries.iter().zip(hidden);
            pairs.find_map(|(it, hidden)| first_change(&it.value, &hidden.value))
        }
        _ => Some(node),
    }
}

fn is_secret(node: &Node) -> bool {
    let kind = node.get("kind").and_then(Node::as_str);
    kind.is_some_and(|it| it.eq_ignore_ascii_case("Secret"))
}

/// Hides what looks secret below a field of that name.
fn value(node: &Node, name: &str, salt: &Salt) -> Node {
    match node.view() {
        View::Scalar(_) if matches!(node.kind(), Kind::Null | Kind::Bool) => node.clone(),
        View::Scalar(text) if is_secret_name(name) && !is_reference(text) => digest(node, salt),
        View::Scalar(_) if node.kind() != Kind::String => node.clone(),
        View::Scalar(text) => match shown(text, salt) {
            Cow::Borrowed(_) => node.clone(),
            Cow::Owned(text) => Node::string(text).styled(node.style()).at(node.span()),
        },
        View::Sequence(items) => {
            let items = items.iter().map(|it| value(it, name, salt));
            Node::sequence(items).at(node.span())
        }
        View::Mapping(_) => {
            let is_secret = is_secret(node);
            // `{name: DB_PASSWORD, value: …}`, as environment variables are written.
            let variable = node.get("name").and_then(Node::as_str);
            map_entries(node, |key, node| match key {
                "data" | "stringData" if is_secret => all(node, salt),
                "value" => value(node, variable.unwrap_or(key), salt),
                key => value(node, key, salt),
            })
        }
    }
}

/// A text without the keys and passwords in it.
pub fn hide_text(text: &str, salt: &Salt) -> String {
    shown(text, salt).into_owned()
}

/// Hides every value.
fn all(node: &Node, salt: &Salt) -> Node {
    match node.view() {
        View::Scalar(_) if node.is_null() => node.clone(),
        View::Scalar(_) => digest(node, salt),
        View::Sequence(items) => {
            Node::sequence(items.iter().map(|it| all(it, salt))).at(node.span())
        }
        View::Mapping(_) => map_entries(node, |_, node| all(node, salt)),
    }
}

fn map_entries(node: &Node, map: impl Fn(&str, &Node) -> Node) -> Node {
    let entries = node.as_mapping().into_iter().flatten();
    let entries = entries.map(|Entry { key, value }| Entry {
        key: key.clone(),
        value: map(key.as_str().unwrap_or(""), value),
    });
    Node::mapping(Mapping::from_entries(entries.collect())).at(node.span())
}

fn digest(node: &Node, salt: &Salt) -> Node {
    let text = node.as_str().unwrap_or("");
    Node::string(hidden(text, salt)).at(node.span())
}

fn hidden(text: &str, salt: &Salt) -> String {
    let is_hidden = text.starts_with(HIDDEN) && text.len() == HIDDEN.len() + 13;
    if is_hidden {
        return text.to_string();
    }
    let digest = Sha256::new()
        .chain_update(&salt.0)
        .chain_update(text)
        .finalize();
    let digits = digest.iter().take(6).map(|byte| format!("{byte:02x}"));
    format!("{HIDDEN}{})", digits.collect::<String>())
}

fn is_secret_name(name: &str) -> bool {
    let plain: String = name.chars().filter(|c| c.is_alphanumeric()).collect();
    let plain = plain.to_ascii_lowercase();
    let singular = plain.trim_end_matches('s');
    NAMES.iter().any(|it| singular.ends_with(it))
}

/// Whether a text only says where the value is to come from.
fn is_reference(text: &str) -> bool {
    text.is_empty() || text.starts_with("$(") || text.starts_with("${") || text.starts_with("{{")
}

/// A text without the keys and passwords in it.
fn shown<'a>(text: &'a str, salt: &Salt) -> Cow<'a, str> {
    if !may_be_hidden(text) {
        return text.into();
    }
    static WHOLE: OnceLock<Regex> = OnceLock::new();
    static PARTS: OnceLock<Regex> = OnceLock::new();
    let pattern = |text: &str| Regex::new(text).expect("the pattern is a constant");
    let whole = WHOLE.get_or_init(|| pattern(WHOLE_TEXTS));
    if whole.is_match(text) {
        return hidden(text, salt).into();
    }
    let parts = PARTS.get_or_init(|| pattern(&PART_TEXTS.join("|")));
    parts.replace_all(text, |found: &Captures<'_>| {
        let all = found.get_match();
        let part = found.iter().skip(1).flatten().next().unwrap_or(all);
        if is_reference(part.as_str()) {
            return all.as_str().to_string();
        }
        let (start, end) = (part.start() - all.start(), part.end() - all.start());
        let (before, after) = (&all.as_str()[..start], &all.as_str()[end..]);
        format!("{before}{}{after}", hidden(part.as_str(), salt))
    })
}

/// Whether a text holds something that each text with a key or a password in it holds. Compiling the patterns takes longer than
/// most comparisons.
fn may_be_hidden(text: &str) -> bool {
    const MARKS: [&str; 11] = [
        "-----BEGIN",
        "AKIA",
        "ASIA",
        "github_pat_",
        "glpat-",
        "xox",
        "AIza",
        "k_live_",
        "npm_",
        "hvs.",
        "eyJ",
    ];
    const WORDS: [&str; 4] = ["pass", "token", "key", "secret"];
    let is_named = || {
        let lower = text.to_ascii_lowercase();
        text.contains([':', '=', '<']) && WORDS.iter().any(|it| lower.contains(it))
    };
    MARKS.iter().any(|it| text.contains(it))
        || text.contains("gh") && text.contains('_')
        || text.contains("AGE-SECRET-KEY-1")
        || text.contains("://") && text.contains('@')
        || is_named()
}

/// Texts of which nothing is shown: private keys, and manifests of Secrets.
const WHOLE_TEXTS: &str = r#"-----BEGIN [A-Z0-9 ]*PRIVATE KEY|(?s)\bkind["']?\s*:\s*["']?Secret\b.*\b(?:data|stringData)["']?\s*:|\b(?:data|stringData)["']?\s*:.*\bkind["']?\s*:\s*["']?Secret\b"#;

/// Parts that are hidden; where there is a group in parentheses, that alone.
const PART_TEXTS: &[&str] = &[
    r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    r"\bgh[pousr]_[A-Za-z0-9]{20,}",
    r"\bgithub_pat_[A-Za-z0-9_]{20,}",
    r"\bglpat-[A-Za-z0-9_-]{16,}",
    r"\bxox[abprs]-[A-Za-z0-9-]{10,}",
    r"\bAIza[0-9A-Za-z_-]{35}",
    r"\b[sr]k_live_[0-9A-Za-z]{16,}",
    r"\bnpm_[A-Za-z0-9]{30,}",
    r"\bhvs\.[A-Za-z0-9_-]{20,}",
    r"AGE-SECRET-KEY-1[0-9A-Z]{20,}",
    r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*",
    r"://[^/\s:@]*:([^/\s@]+)@",
    r"(?i:<(?:\w*_)?(?:password|passwd|passphrase|token|api_?key|private_?key|access_?key|client_?secret|password_sha256_hex|password_double_sha1_hex)>([^<]+)<)",
    r#"(?im:(?:password|passwd|passphrase|token|api[_-]?key|private[_-]?key|access[_-]?key|client[_-]?secret|password_sha256_hex|password_double_sha1_hex)["']?[ \t]*[:=][ \t]*(?:"([^"\n]+)|'([^'\n]+)|([^\s"'][^\n]*)))"#,
];

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A text that a pattern matches, for each pattern.
    fn hidden_texts() -> Vec<BoxedStrategy<String>> {
        let plain = |it: &str| {
            it.replace(r"\b", "")
                .replace("[^/\\s:@]", "[a-z]")
                .replace("[^/\\s@]", "[a-z]")
        };
        let patterns = PART_TEXTS.iter().filter(|it| !it.contains("(?i"));
        let patterns =
            patterns.map(|it| proptest::string::string_regex(&plain(it)).unwrap().boxed());
        let named = [
            "PassWord: x",
            "token=y",
            "api_KEY: 'z'",
            "<client_secret>a<",
            "client-secret = b",
            "private-key: c",
        ];
        patterns
            .chain(named.iter().map(|it| Just((*it).to_string()).boxed()))
            .collect()
    }

    #[test]
    fn what_is_hidden_is_looked_at() {
        let mut runner = proptest::test_runner::TestRunner::deterministic();
        for strategy in hidden_texts() {
            runner
                .run(&strategy, |text| {
                    prop_assert!(may_be_hidden(&text), "{}", text);
                    Ok(())
                })
                .unwrap();
        }
        for text in [
            "-----BEGIN RSA PRIVATE KEY-----",
            "kind: Secret\ndata: {a: b}",
            "data:\n  a: b\nkind: \"Secret\"",
        ] {
            assert!(may_be_hidden(text), "{text}");
        }
    }
}
