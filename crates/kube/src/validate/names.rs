//! The rules for names in Kubernetes (`util/validation` and `api/validation` of apimachinery).

/// A rule for names: returns the requirements if a name violates them.
pub(super) type NameRule = fn(&str) -> Option<&'static str>;

const LABEL_MAX: usize = 63;
const SUBDOMAIN_MAX: usize = 253;

fn is_lower_or_digit(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit()
}

fn is_label_form(text: &str) -> bool {
    let bytes = text.as_bytes();
    let ends = [bytes.first(), bytes.last()];
    ends.iter()
        .all(|it| it.is_some_and(|it| is_lower_or_digit(*it)))
        && bytes.iter().all(|it| is_lower_or_digit(*it) || *it == b'-')
}

fn is_qualified_form(text: &str) -> bool {
    let bytes = text.as_bytes();
    let ends = [bytes.first(), bytes.last()];
    ends.iter()
        .all(|it| it.is_some_and(u8::is_ascii_alphanumeric))
        && bytes
            .iter()
            .all(|it| it.is_ascii_alphanumeric() || matches!(it, b'-' | b'_' | b'.'))
}

/// A DNS label of RFC 1123.
pub(super) fn dns_label(text: &str) -> Option<&'static str> {
    const WORDS: &str = "must be a DNS label: at most 63 lower-case letters, digits and `-`, \
                         beginning and ending with a letter or digit";
    (text.len() > LABEL_MAX || !is_label_form(text)).then_some(WORDS)
}

/// A DNS subdomain of RFC 1123.
pub(super) fn dns_subdomain(text: &str) -> Option<&'static str> {
    const WORDS: &str = "must be a DNS name: at most 253 lower-case letters, digits, `-` and `.`, \
                         each part beginning and ending with a letter or digit";
    (text.len() > SUBDOMAIN_MAX || !text.split('.').all(is_label_form)).then_some(WORDS)
}

/// A DNS subdomain that may also contain underscores.
pub(super) fn dns_subdomain_with_underscore(text: &str) -> Option<&'static str> {
    const WORDS: &str =
        "must be a DNS name of at most 253 lower-case letters, digits, `-`, `_` and `.`";
    let part = |part: &str| {
        let bytes = part.as_bytes();
        let edge = |it: Option<&u8>| it.is_some_and(|it| is_lower_or_digit(*it) || *it == b'_');
        edge(bytes.first())
            && edge(bytes.last())
            && bytes
                .iter()
                .all(|it| is_lower_or_digit(*it) || matches!(it, b'-' | b'_'))
    };
    (text.len() > SUBDOMAIN_MAX || !text.split('.').all(part)).then_some(WORDS)
}

/// A DNS label of RFC 1035, which begins with a letter.
pub(super) fn dns_1035_label(text: &str) -> Option<&'static str> {
    const WORDS: &str = "must be a DNS label that begins with a letter: at most 63 lower-case letters, digits and `-`";
    let letter = text
        .bytes()
        .next()
        .is_some_and(|it| it.is_ascii_lowercase());
    (text.len() > LABEL_MAX || !letter || !is_label_form(text)).then_some(WORDS)
}

/// `*.` and a DNS subdomain.
pub(super) fn wildcard_subdomain(text: &str) -> Option<&'static str> {
    let rest = text.strip_prefix("*.");
    match rest {
        Some(rest) if text.len() <= SUBDOMAIN_MAX && dns_subdomain(rest).is_none() => None,
        _ => Some("must be `*.` and a DNS name"),
    }
}

/// A name with an optional prefix: `name` or `dns.name/name`.
pub(super) fn qualified_name(text: &str) -> Option<&'static str> {
    const WORDS: &str = "must be a qualified name: an optional DNS name and `/`, then at most 63 letters, digits, `-`, `_` and `.`, \
                         beginning and ending with a letter or digit";
    let (prefix, name) = match text.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, text),
    };
    let prefix_holds = prefix.is_none_or(|it| dns_subdomain(it).is_none());
    (!prefix_holds || name.len() > LABEL_MAX || !is_qualified_form(name)).then_some(WORDS)
}

/// The value of a label.
pub(super) fn label_value(text: &str) -> Option<&'static str> {
    const WORDS: &str = "must be empty or at most 63 letters, digits, `-`, `_` and `.`, \
                         beginning and ending with a letter or digit";
    let holds = text.is_empty() || text.len() <= LABEL_MAX && is_qualified_form(text);
    (!holds).then_some(WORDS)
}

/// A name that needs no escaping in a path of the API.
pub(super) fn path_segment(text: &str) -> Option<&'static str> {
    const WORDS: &str = "must not be `.` or `..`, and must not contain `/` or `%`";
    (matches!(text, "." | "..") || text.contains(['/', '%'])).then_some(WORDS)
}

/// The name of an environment variable before Kubernetes 1.32.
pub(super) fn strict_env_name(text: &str) -> Option<&'static str> {
    const WORDS: &str = "must be letters, digits, `_`, `-` and `.`, not beginning with a digit or `..` (before Kubernetes 1.32)";
    let form = text
        .bytes()
        .all(|it| it.is_ascii_alphanumeric() || b"_-.".contains(&it));
    let begins = text.bytes().next().is_some_and(|it| !it.is_ascii_digit());
    (!form || !begins || text == "." || text.starts_with("..")).then_some(WORDS)
}

/// The name of an environment variable: any printable ASCII except `=` (since Kubernetes 1.32).
pub(super) fn env_name(text: &str) -> Option<&'static str> {
    const WORDS: &str = "must be printable ASCII without `=`";
    let printable = text
        .bytes()
        .all(|it| (b' '..=b'~').contains(&it) && it != b'=');
    (text.is_empty() || !printable).then_some(WORDS)
}

/// A key of a ConfigMap or Secret.
pub(super) fn config_key(text: &str) -> Option<&'static str> {
    const WORDS: &str = "must be a file name of at most 253 letters, digits, `-`, `_` and `.`, not beginning with `..`";
    let form = text
        .bytes()
        .all(|it| it.is_ascii_alphanumeric() || matches!(it, b'-' | b'_' | b'.'));
    let holds = !text.is_empty()
        && text.len() <= SUBDOMAIN_MAX
        && form
        && text != "."
        && !text.starts_with("..");
    (!holds).then_some(WORDS)
}

/// The name of a port (an IANA service name).
pub(super) fn port_name(text: &str) -> Option<&'static str> {
    const WORDS: &str = "must be a port name: at most 15 lower-case letters, digits and single `-`, with at least one letter";
    let holds = text.len() <= 15
        && is_label_form(text)
        && text.bytes().any(|it| it.is_ascii_lowercase())
        && !text.contains("--");
    (!holds).then_some(WORDS)
}

/// The name of an HTTP header.
pub(super) fn header_name(text: &str) -> Option<&'static str> {
    let form = text
        .bytes()
        .all(|it| it.is_ascii_alphanumeric() || it == b'-');
    (text.is_empty() || !form).then_some("must be a header name: letters, digits and `-`")
}

pub(super) fn c_identifier(text: &str) -> bool {
    let first = text.bytes().next();
    first.is_some_and(|it| it.is_ascii_alphabetic() || it == b'_')
        && text
            .bytes()
            .all(|it| it.is_ascii_alphanumeric() || it == b'_')
}

/// A prefix of a name, which may end with `-`, completed for validation.
pub(super) fn as_prefix(text: &str) -> std::borrow::Cow<'_, str> {
    match text.strip_suffix('-') {
        Some(rest) if !rest.is_empty() => format!("{rest}a").into(),
        _ => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        let long = "a".repeat(64);
        for (rule, yes, no) in [
            (dns_label as NameRule, "a-1", "a."),
            (dns_label, "1", long.as_str()),
            (dns_subdomain, "a.b-c.1", "a..b"),
            (dns_subdomain, long.as_str(), "A"),
            (dns_1035_label, "a1", "1a"),
            (wildcard_subdomain, "*.a", "*"),
            (qualified_name, "example.org/A_b.c", "a/b/c"),
            (qualified_name, "A", "/a"),
            (label_value, "", "-a"),
            (path_segment, "system:a", "a/b"),
            (env_name, "a.b-c", "a=b"),
            (config_key, ".a", "..a"),
            (port_name, "http-2", "80"),
            (port_name, "a-b", "a--b"),
        ] {
            assert_eq!(rule(yes), None, "{yes}");
            assert!(rule(no).is_some(), "{no}");
        }
    }
}
