//! Patterns of secrets in texts.

use std::ops::Range;
use std::sync::OnceLock;

use aho_corasick::AhoCorasick;
use regex::{Captures, Regex};

use super::names::{is_secret_name, may_contain_name};
use super::references::is_reference;

/// The secrets in a text, in order. A text that is a private key or the manifest of a Secret is secret as a whole.
pub fn secret_parts(text: &str) -> Vec<Range<usize>> {
    let has_name = may_contain_name(text);
    if has_name && may_be_whole(text) && whole_pattern().is_match(text) {
        return std::iter::once(0..text.len()).collect();
    }
    parts_in(text, has_name)
}

/// The same in a template: private keys, but not other texts as a whole.
pub(super) fn secret_parts_of_code(text: &str) -> Vec<Range<usize>> {
    let mut parts = parts_in(text, may_contain_name(text));
    let keys = text.match_indices("-----BEGIN ").map(|it| it.0);
    for start in keys {
        let rest = text.get(start..).unwrap_or("");
        let line = rest.lines().next().unwrap_or("");
        let end = rest.find("-----END ").unwrap_or(rest.len());
        let last = rest.get(end..).and_then(|it| it.find('\n'));
        let end = last.map_or(rest.len(), |it| end + it);
        parts.extend(line.contains("PRIVATE KEY").then(|| start..start + end));
    }
    merged(parts)
}

/// The secrets in a text that is not secret as a whole.
fn parts_in(text: &str, has_name: bool) -> Vec<Range<usize>> {
    let mut parts = Vec::new();
    if has_mark(text) {
        for found in part_pattern().captures_iter(text) {
            let part = group(&found);
            parts.extend(
                part.filter(|it| !is_plain_word(&text[it.clone()]) && !is_digest(text, it)),
            );
        }
    }
    if has_name {
        elements(text, &mut parts);
        flags(text, &mut parts);
        named(text, &mut parts);
    }
    parts.retain(|it| !is_reference(text.get(it.clone()).unwrap_or("").trim_matches(['"', '\''])));
    merged(parts)
}

fn group(found: &Captures<'_>) -> Option<Range<usize>> {
    let part = found.iter().skip(1).flatten().next();
    Some(part.unwrap_or(found.get(0)?).range())
}

/// Whether the text after `Bearer` is an ordinary word, so that it only refers to the scheme.
fn is_plain_word(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    [
        "token",
        "tokens",
        "authentication",
        "authorization",
        "scheme",
        "format",
        "credentials",
    ]
    .contains(&text.trim_end_matches(['.', ',']))
}

/// Whether the match is `image:TAG@sha256:…` or `mailto:NAME@…`, and not a user with a password.
fn is_digest(text: &str, part: &Range<usize>) -> bool {
    let before = text.get(..part.start).unwrap_or("");
    let after = text.get(part.end..).unwrap_or("");
    after.starts_with("@sha") || before.ends_with("mailto:")
}

/// `<password>…</password>` in files of ClickHouse.
fn elements(text: &str, parts: &mut Vec<Range<usize>>) {
    if !text.contains('<') {
        return;
    }
    static PATTERN: OnceLock<Regex> = OnceLock::new();
    const TEXT: &str =
        r"<([A-Za-z0-9_.:-]+)(?:\s[^<>]*)?>(?:\s*<!\[CDATA\[((?s:.+?))\]\]>|([^<]+))<";
    for found in compiled(&PATTERN, TEXT).captures_iter(text) {
        let name = found.get(1).map_or("", |it| it.as_str());
        let Some(value) = found.get(2).or(found.get(3)) else {
            continue;
        };
        // The user and password of ZooKeeper.
        let is_identity = name == "identity" && value.as_str().contains(':');
        parts.extend((is_identity || is_secret_name(name)).then(|| value.range()));
    }
}

/// `--token X` in one string.
fn flags(text: &str, parts: &mut Vec<Range<usize>>) {
    if !text.contains('-') {
        return;
    }
    static PATTERN: OnceLock<Regex> = OnceLock::new();
    const TEXT: &str =
        r#"(?:^|[\s"'])--?([A-Za-z][A-Za-z0-9_-]*)[ \t]+("[^"\n]+|'[^'\n]+|[^\s"'-][^\s"']*)"#;
    for found in compiled(&PATTERN, TEXT).captures_iter(text) {
        let is_secret = found.get(1).is_some_and(|it| is_secret_name(it.as_str()));
        parts.extend(found.get(2).filter(|_| is_secret).map(|it| it.range()));
    }
}

/// Values with the name of a secret: `name: value` or `name=value`.
fn named(text: &str, parts: &mut Vec<Range<usize>>) {
    if !text.contains([':', '=']) {
        return;
    }
    static PATTERN: OnceLock<Regex> = OnceLock::new();
    const TEXT: &str = r#"([A-Za-z0-9_.-]*[A-Za-z])["']?[ \t]*(?::=|[:=])[ \t]*"#;
    let name = compiled(&PATTERN, TEXT);
    let mut at = 0;
    while let Some(found) = name.captures_at(text, at) {
        let (Some(whole), Some(name)) = (found.get(0), found.get(1)) else {
            return;
        };
        at = whole.end();
        if !is_secret_name(name.as_str()) {
            continue;
        }
        let mut value = value_at(text, at, whole.start());
        let before = &text[..whole.start()];
        if before.ends_with(['?', '&', ';']) {
            // In a DSN with semicolons, a password may contain spaces; an address ends at the first one.
            let is_end = |c: char| match before.ends_with(';') {
                true => "&;".contains(c),
                false => c.is_whitespace() || "&;#\"'`<>".contains(c),
            };
            let inside = &text[value.clone()];
            value.end = value.start + inside.find(is_end).unwrap_or(inside.len());
        }
        if let Some(end) = end_of_quote(text, &whole.range(), &value) {
            value.end = end;
        }
        // A map has its own names. In a message, text in backticks is a suggestion.
        let inside = &text[value.clone()];
        if !inside.starts_with(['{', '`']) && !inside.is_empty() && !is_type_mismatch(inside) {
            at = value.end;
            parts.push(value);
        }
    }
}

/// The end of a value in a message that quotes its name, too: `add '--set password=x' to the command`.
fn end_of_quote(text: &str, name: &Range<usize>, value: &Range<usize>) -> Option<usize> {
    let line = text.get(..name.start)?.rsplit('\n').next()?;
    let open = line.rfind(['"', '\'', '`'])?;
    let quote = line.get(open..)?.chars().next()?;
    let is_begin = line
        .get(..open)?
        .chars()
        .next_back()
        .is_none_or(|it| it.is_whitespace() || it == '(');
    let follows = |it: char| it.is_whitespace() || ",.;:)]}".contains(it);
    if !is_begin || text.get(name.clone())?.contains(['"', '\'', '`']) {
        return None;
    }
    let inside = text.get(value.clone())?;
    let mut ends = inside.match_indices(quote).filter(|it| {
        let after = inside.get(it.0 + 1..).unwrap_or("");
        after.chars().next().is_none_or(follows)
    });
    ends.next().map(|it| value.start + it.0)
}

/// Whether a text is a message of a JSON schema about the type of a value: `got null, want string`.
fn is_type_mismatch(text: &str) -> bool {
    const TYPES: [&str; 9] = [
        "null", "boolean", "number", "integer", "string", "array", "object", "or", "got",
    ];
    let words = text.strip_prefix("got ").map(|it| it.split([' ', ',']));
    words.is_some_and(|mut it| it.all(|it| matches!(it, "" | "want") || TYPES.contains(&it)))
}

/// The value that begins at a byte of a text: a quoted string, an indented block, or the rest of the line.
fn value_at(text: &str, at: usize, name: usize) -> Range<usize> {
    let rest = text.get(at..).unwrap_or("");
    let line = rest.split(['\n', '\r']).next().unwrap_or("");
    if let Some(quote @ ('"' | '\'')) = rest.chars().next() {
        let inside = rest.get(1..).unwrap_or("");
        let end = inside.find(quote).unwrap_or(line.len().saturating_sub(1));
        return at + 1..at + 1 + end;
    }
    if line.starts_with(['|', '>']) {
        return block_at(text, at + line.len(), name);
    }
    let line = match line.find(" #") {
        Some(comment) => line.get(..comment).unwrap_or(line),
        None => line,
    };
    at..at + line.trim_end().len()
}

/// The lines after `at` that are indented deeper than the line of `name`.
fn block_at(text: &str, at: usize, name: usize) -> Range<usize> {
    let indentation = |line: &str| line.len() - line.trim_start().len();
    let begin = text[..name].rfind('\n').map_or(0, |it| it + 1);
    let outer = indentation(&text[begin..]);
    let mut end = at;
    for line in text.get(at..).unwrap_or("").split_inclusive('\n') {
        let is_over = !line.trim().is_empty() && indentation(line.trim_end()) <= outer;
        if is_over && end > at {
            break;
        }
        end += line.len();
    }
    at..at + text.get(at..end).unwrap_or("").trim_end().len()
}

/// Sorts ranges and joins those that touch.
pub(super) fn merged(mut parts: Vec<Range<usize>>) -> Vec<Range<usize>> {
    parts.retain(|it| !it.is_empty());
    parts.sort_by_key(|it| (it.start, it.end));
    let mut merged: Vec<Range<usize>> = Vec::with_capacity(parts.len());
    for part in parts {
        match merged.last_mut() {
            Some(last) if part.start < last.end => last.end = last.end.max(part.end),
            _ => merged.push(part),
        }
    }
    merged
}

/// A compiled pattern. Compiling takes longer than rendering a small chart, so each pattern is compiled when a text first contains the
/// characters required by all its matches.
fn compiled(pattern: &'static OnceLock<Regex>, text: &str) -> &'static Regex {
    pattern.get_or_init(|| Regex::new(&ascii(text)).expect("the pattern is a constant"))
}

/// A pattern whose word boundaries are those of ASCII: with boundaries of Unicode, a text with other characters is searched much more
/// slowly. They match wherever those of Unicode do next to a character of ASCII.
fn ascii(text: &str) -> String {
    text.replace(r"\b", r"(?-u:\b)")
}

fn whole_pattern() -> &'static Regex {
    static PATTERN: OnceLock<Regex> = OnceLock::new();
    compiled(&PATTERN, WHOLE_TEXTS)
}

fn part_pattern() -> &'static Regex {
    static PATTERN: OnceLock<Regex> = OnceLock::new();
    let pattern = || Regex::new(&ascii(&PART_TEXTS.join("|"))).expect("the patterns are constants");
    PATTERN.get_or_init(pattern)
}

/// Whether a text may match `WHOLE_TEXTS`.
fn may_be_whole(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let has = |word: &str| lower.contains(word);
    has("private key") || has("secret") && has("kind") && has("data")
}

/// Whether a text may match one of `PART_TEXTS`, because it contains the strings that all matches of one of them contain.
fn has_mark(text: &str) -> bool {
    const MARKS: [&str; 44] = [
        "AKIA",
        "ASIA",
        "ghp_",
        "gho_",
        "ghu_",
        "ghs_",
        "ghr_",
        "github_pat_",
        "glpat-",
        "xox",
        "xapp-",
        "AIza",
        "k_live_",
        "k_test_",
        "npm_",
        "hvs.",
        "eyJ",
        "AGE-SECRET-KEY-1",
        "dckr_pat_",
        "sk-",
        "SG.",
        "ya29.",
        "dop_v1_",
        "shpat_",
        "pypi-",
        "glsa_",
        "hf_",
        "whsec_",
        "$2",
        "$5$",
        "$6$",
        "$y$",
        "$apr1$",
        "$argon2",
        "{SSHA",
        "hook",
        "chat.googleapis.com/",
        "api.telegram.org/",
        "events.pagerduty.com/",
        "Bearer",
        "bearer",
        "Basic",
        "-u",
        "\"auth\"",
    ];
    static FINDER: OnceLock<Option<AhoCorasick>> = OnceLock::new();
    let finder = FINDER.get_or_init(|| AhoCorasick::new(MARKS).ok());
    finder.as_ref().is_none_or(|it| it.is_match(text))
        || text.contains('@') && text.contains(':')
        || text.contains(['?', '&', ';']) && text.contains('=')
}

/// Texts that are hidden completely: private keys, and manifests of Secrets.
const WHOLE_TEXTS: &str = r#"-----BEGIN [A-Z0-9 ]*PRIVATE KEY|(?is)\bkind["']?\s*:\s*["']?Secret\b.*\b(?:data|stringData)["']?\s*:|\b(?:data|stringData)["']?\s*:.*\bkind["']?\s*:\s*["']?Secret\b"#;

/// Parts that are hidden; if there is a group in parentheses, only the group.
const PART_TEXTS: &[&str] = &[
    // Tokens with a distinctive prefix.
    r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    r"\bgh[pousr]_[A-Za-z0-9]{20,}",
    r"\bgithub_pat_[A-Za-z0-9_]{20,}",
    r"\bglpat-[A-Za-z0-9_-]{16,}",
    r"\bxox[abeprs]-[A-Za-z0-9-]{10,}",
    r"\bxapp-[A-Za-z0-9-]{10,}",
    r"\bAIza[0-9A-Za-z_-]{35}",
    r"\b[sr]k_(?:live|test)_[0-9A-Za-z]{16,}",
    r"\bnpm_[A-Za-z0-9]{30,}",
    r"\bhvs\.[A-Za-z0-9_-]{20,}",
    r"AGE-SECRET-KEY-1[0-9A-Z]{20,}",
    r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*",
    r"\bdckr_pat_[A-Za-z0-9_-]{20,}",
    r"\bsk-(?:[a-z]+-)*[A-Za-z0-9_]{20,}",
    r"\bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}",
    r"\bya29\.[A-Za-z0-9_-]{20,}",
    r"\b(?:dop_v1_|shpat_)[a-f0-9]{32,}",
    r"\bpypi-[A-Za-z0-9_-]{40,}",
    r"\bglsa_[A-Za-z0-9_]{30,}",
    r"\bhf_[A-Za-z0-9]{30,}",
    r"\bwhsec_[A-Za-z0-9+/=]{20,}",
    // Digests of passwords, which can be cracked with a word list.
    r"\$(?:2[abxy]|5|6|apr1|argon2[a-z]*|y)\$[A-Za-z0-9./$=,+-]{12,}",
    r"\{SSHA[0-9]*\}[A-Za-z0-9+/=]{16,}",
    // Webhook addresses, which anybody could post to.
    r"hooks\.slack\.com/[a-z]+/([^\s\x22'<>]+)",
    r"discord(?:app)?\.com/api/(?:v[0-9]+/)?webhooks/([^\s\x22'<>]+)",
    r"webhook\.office\.com/([^\s\x22'<>]+)",
    r"outlook\.office(?:365)?\.com/webhook/([^\s\x22'<>]+)",
    r"chat\.googleapis\.com/v1/spaces/([^\s\x22'<>]+)",
    r"api\.telegram\.org/bot([^\s\x22'<>/]+)",
    r"(?:feishu\.cn|larksuite\.com)/open-apis/bot/v2/hook/([^\s\x22'<>]+)",
    r"qyapi\.weixin\.qq\.com/cgi-bin/webhook/send\?key=([^\s\x22'<>&]+)",
    r"hooks\.zapier\.com/hooks/catch/([^\s\x22'<>]+)",
    r"events\.pagerduty\.com/integration/([^\s\x22'<>/]+)",
    r"https?://[^\s\x22'<>/]+/hooks/([A-Za-z0-9]{16,}[^\s\x22'<>]*)",
    // Addresses and DSNs with credentials.
    r"://[^/\s:@]*:([^\s@\x22'<>]+)@",
    r"://([A-Za-z0-9_.~-]{20,})@",
    r"\b[A-Za-z0-9_.-]+:([^\s:@/\x22'<>]+)@(?:(?:tcp|udp|unix)?\(|[A-Za-z0-9])",
    r"(?i)[?&;](?:[a-z0-9_.-]*(?:token|secret|passw(?:or)?d|passphrase|pwd|signature|api[_-]?key|access[_-]?key|account[_-]?key)|sig|pass|auth)=([^&\s\x22'\x60#<>;]+)",
    r"[?&](?:key|code)=([^&\s\x22'\x60#<>;]{16,})",
    // Headers, and the flag of curl.
    r"\b(?:Bearer|bearer)[ \t]+([A-Za-z0-9._~+/=-]{6,})",
    r"\bBasic[ \t]+([A-Za-z0-9+/]{8,}=*)",
    r"(?:^|\s)(?:-u|--user)[ =]+[\x22']?[^\s:\x22']+:([^\s\x22']+)",
    // `auths` of a Docker configuration.
    r"\x22auth\x22\s*:\s*\x22([A-Za-z0-9+/=]{4,})\x22",
];

#[cfg(test)]
mod tests {
    fn shown(text: &str) -> String {
        super::super::replace_parts(text, |_| "●".to_string()).into_owned()
    }

    #[test]
    fn secrets_in_texts() {
        let cases = [
            ("password: x", "password: ●"),
            (
                "a: 1\nDB_PASSWORD=hunter2 # why\nb: 2",
                "a: 1\nDB_PASSWORD=● # why\nb: 2",
            ),
            ("user=ann password=hunter2", "user=ann password=●"),
            (
                "password: |\n  one\n  two\nlevel: 2",
                "password: |●\nlevel: 2",
            ),
            ("jwt_secret = 'z'", "jwt_secret = '●'"),
            ("\"ENCRYPTION_KEY\": \"z\"", "\"ENCRYPTION_KEY\": \"●\""),
            ("Authorization: Bearer abcdef", "Authorization: ●"),
            ("curl -H 'X: Bearer abcdef1'", "curl -H 'X: Bearer ●'"),
            ("curl -u ann:hunter2 https://x", "curl -u ann:● https://x"),
            ("run --token hunter2 --level 2", "run --token ● --level 2"),
            ("run --password=hunter2", "run --password=●"),
            ("ann:hunter2@db", "ann:●@db"),
            ("postgres://ann:hunter2@db/x", "postgres://ann:●@db/x"),
            ("ann:hunter2@tcp(db:3306)/x", "ann:●@tcp(db:3306)/x"),
            (
                "Server=db;User=a;Password=hunter2",
                "Server=db;User=a;Password=●",
            ),
            (
                "https://x.io/a?b=1&token=hunter2&c=2",
                "https://x.io/a?b=1&token=●&c=2",
            ),
            (
                "`https://x.io/?token=hunter2` is not the address of a repository",
                "`https://x.io/?token=●` is not the address of a repository",
            ),
            (
                "https://x.io/?token=hunter2 was not found (404)",
                "https://x.io/?token=● was not found (404)",
            ),
            (
                "get 'https://x.io/?a=b&api_key=hunter2' first",
                "get 'https://x.io/?a=b&api_key=●' first",
            ),
            (
                "<password><![CDATA[a<b]]></password>",
                "<password><![CDATA[●]]></password>",
            ),
            (
                "<zookeeper><identity>ann:x</identity></zookeeper>",
                "<zookeeper><identity>●</identity></zookeeper>",
            ),
            ("Server=x;Password=a b;Id=1", "Server=x;Password=●;Id=1"),
            (
                "https://hooks.slack.com/services/T0/B0/xyz",
                "https://hooks.slack.com/services/●",
            ),
            (
                "https://discord.com/api/webhooks/1/x-y_z",
                "https://discord.com/api/webhooks/●",
            ),
            (
                "https://deadbeefdeadbeefdeadbeef@sentry.io/1",
                "https://●@sentry.io/1",
            ),
            (
                "{\"auths\":{\"x.io\":{\"auth\":\"YTpi\"}}}",
                "{\"auths\":{\"x.io\":{\"auth\":\"●\"}}}",
            ),
            (
                "<ann><password>x</password></ann>",
                "<ann><password>●</password></ann>",
            ),
            ("<secret>x</secret>", "<secret>●</secret>"),
            ("-----BEGIN EC PRIVATE KEY-----\nx", "●"),
            ("kind: Secret\ndata: {a: b}", "●"),
            ("data:\n  a: b\nkind: \"Secret\"", "●"),
            ("a: $2y$10$abcdefghijklmnopqrstuv", "a: ●"),
            (
                "add '--set a.password=hunter2' to the command",
                "add '--set a.password=●' to the command",
            ),
            ("'password=it's a' b", "'password=●' b"),
            (
                "at '/password': got hunter2, want string",
                "at '/password': ●",
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(shown(text), expected, "{text}");
        }
    }

    #[test]
    fn other_texts() {
        let texts = [
            "password: ${PASSWORD}",
            "- at '/password': got null, want string or array",
            "please add '--set auth.password=$PASSWORD' to the command",
            "password: {{ .password }}",
            "password: {valueFrom: x}",
            "take it from a Secret: `a/password: {valueFrom: x}`",
            "token: op://a/b/c",
            "secretName: db",
            "passwordSecret: db",
            "image: a:1.0@sha256:abc",
            "mailto:ann@x.io",
            "https://x.io:8080/a",
            "key: value",
            "the key must be a string",
            "Bearer authentication",
            "<password from_env=\"X\"/>",
            "--token-file /a/b",
            "tokenPath: /var/x",
            "PWD=/app",
            "keys: [a, b]",
            "https://x.io/a?page=2",
            "expected one of `a`, found `b`",
            "mysql://ann@db/x",
            "max_tokens: 4096",
        ];
        for text in texts {
            assert_eq!(shown(text), text);
        }
    }

    /// A text that one of the patterns matches is never skipped.
    #[test]
    fn each_pattern_has_a_mark() {
        use proptest::strategy::{Strategy, ValueTree};
        let mut runner = proptest::test_runner::TestRunner::deterministic();
        for pattern in super::PART_TEXTS {
            let text = pattern.replace(r"\b", "").replace(r"(?:^|\s)", " ");
            let texts = proptest::string::string_regex(&text).expect("a pattern without anchors");
            for _ in 0..100 {
                let text = texts.new_tree(&mut runner).expect("a text").current();
                assert!(super::has_mark(&text), "{pattern} matches {text:?}");
            }
        }
    }
}
