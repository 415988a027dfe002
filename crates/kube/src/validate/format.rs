//! Formats of strings in custom resources, as in go-openapi's `strfmt`.

use super::scalars;
use super::schema::Format;

/// Whether a text matches the format. Formats of numbers match every text.
pub(super) fn holds(format: Format, text: &str) -> bool {
    match format {
        Format::None | Format::Int32 | Format::Int64 | Format::Double => true,
        Format::Byte => is_base64(text),
        Format::Date => is_date(text),
        Format::DateTime => is_date_time(text),
        Format::Duration => scalars::openapi_duration(text),
        Format::Ipv4 => text.contains('.') && scalars::ip_sloppy(text).is_some(),
        Format::Ipv6 => text.contains(':') && text.parse::<std::net::Ipv6Addr>().is_ok(),
        Format::Cidr => scalars::cidr_sloppy(text).is_some(),
        Format::Mac => is_mac(text),
        Format::Uri => is_request_uri(text),
        Format::Uuid => is_uuid(text),
        Format::Email => is_email(text),
        Format::Hostname => is_hostname(text),
        Format::HexColor => is_hex_color(text),
    }
}

/// A description of the format, for messages.
pub(super) fn description(format: Format) -> &'static str {
    match format {
        Format::None | Format::Int32 | Format::Int64 | Format::Double => "a string",
        Format::Byte => "base64",
        Format::Date => "a date such as `2026-01-31`",
        Format::DateTime => "a time such as `2026-01-31T12:00:00Z`",
        Format::Duration => "a duration such as `30s`, `5m` or `1h30m`",
        Format::Ipv4 => "an IPv4 address",
        Format::Ipv6 => "an IPv6 address",
        Format::Cidr => "a network such as `10.0.0.0/8`",
        Format::Mac => "a MAC address",
        Format::Uri => "a URI",
        Format::Uuid => "a UUID",
        Format::Email => "an e-mail address",
        Format::Hostname => "a host name",
        Format::HexColor => "a colour such as `#ffffff`",
    }
}

/// `^(?:[A-Za-z0-9+\/]{4})*(?:[A-Za-z0-9+\/]{2}==|[A-Za-z0-9+\/]{3}=|[A-Za-z0-9+\/]{4})$`: not empty, no line ends.
fn is_base64(text: &str) -> bool {
    !text.is_empty() && !text.contains(['\n', '\r']) && scalars::base64_length(text).is_some()
}

fn is_date(text: &str) -> bool {
    text.len() == 10 && scalars::is_rfc3339(&format!("{text}T00:00:00Z"))
}

/// RFC 3339, where letters may be lower case.
fn is_date_time(text: &str) -> bool {
    scalars::is_rfc3339(&text.to_uppercase())
}

fn is_mac(text: &str) -> bool {
    let form = |separator: char, digits: usize, counts: &[usize]| {
        let parts: Vec<&str> = text.split(separator).collect();
        counts.contains(&parts.len())
            && parts
                .iter()
                .all(|it| it.len() == digits && it.bytes().all(|byte| byte.is_ascii_hexdigit()))
    };
    form(':', 2, &[6, 8, 20]) || form('-', 2, &[6, 8, 20]) || form('.', 4, &[3, 4, 10])
}

/// Go's `url.ParseRequestURI`: a URI with a scheme, or an absolute path.
pub(super) fn is_request_uri(text: &str) -> bool {
    if text.is_empty() || text.bytes().any(|it| it < b' ' || it == 0x7f) {
        return false;
    }
    let escapes_hold = || {
        text.match_indices('%').all(|(at, _)| {
            let digits = text.get(at + 1..at + 3);
            digits.is_some_and(|it| it.bytes().all(|byte| byte.is_ascii_hexdigit()))
        })
    };
    if text.starts_with('/') || text == "*" {
        return escapes_hold();
    }
    let Some((scheme, rest)) = text.split_once(':') else {
        return false;
    };
    let scheme_holds = scheme
        .bytes()
        .next()
        .is_some_and(|it| it.is_ascii_alphabetic())
        && scheme
            .bytes()
            .all(|it| it.is_ascii_alphanumeric() || matches!(it, b'+' | b'-' | b'.'));
    let host = rest
        .strip_prefix("//")
        .map(|it| it.split(['/', '?']).next().unwrap_or(""));
    scheme_holds && host.is_none_or(is_host) && (host.is_none() || escapes_hold())
}

fn is_host(authority: &str) -> bool {
    let host = authority.rsplit('@').next().unwrap_or("");
    let (name, port) = match host.rfind(']') {
        Some(end) => host.split_at(end + 1),
        None => host.split_at(host.find(':').unwrap_or(host.len())),
    };
    let port_holds = port.is_empty()
        || port
            .strip_prefix(':')
            .is_some_and(|it| it.bytes().all(|byte| byte.is_ascii_digit()));
    port_holds && !name.contains([' ', '"', '<', '>', '\\', '^', '`', '{', '|', '}'])
}

fn is_uuid(text: &str) -> bool {
    let mut rest = text;
    [8, 4, 4, 4, 12].iter().enumerate().all(|(index, length)| {
        if index > 0 {
            rest = rest.strip_prefix('-').unwrap_or(rest);
        }
        let Some((part, after)) = rest.split_at_checked(*length) else {
            return false;
        };
        rest = after;
        part.bytes().all(|it| it.is_ascii_hexdigit())
    }) && rest.is_empty()
}

/// The usual forms that Go's `mail.ParseAddress` accepts: `a@b`, `Name <a@b>`.
fn is_email(text: &str) -> bool {
    let address = match text.trim().strip_suffix('>') {
        Some(rest) => rest.rsplit_once('<').map_or("", |it| it.1),
        None => text.trim(),
    };
    let atom = |it: &str| {
        !it.is_empty()
            && it.split('.').all(|part| !part.is_empty())
            && it.chars().all(|it| {
                it.is_ascii_alphanumeric() || !it.is_ascii() || "!#$%&'*+-/=?^_`{|}~.".contains(it)
            })
    };
    address.rsplit_once('@').is_some_and(|(name, host)| {
        let quoted = name.len() > 2 && name.starts_with('"') && name.ends_with('"');
        (quoted || atom(name)) && (atom(host) || host.starts_with('[') && host.ends_with(']'))
    })
}

/// The pattern of go-openapi: one label of up to 63 characters, or labels and a top-level domain of letters.
fn is_hostname(text: &str) -> bool {
    let symbol = |it: char| it.is_alphanumeric() && (it.is_ascii() || it.is_alphabetic());
    let label = |it: &str| {
        it.chars().next().is_some_and(symbol)
            && it.chars().last().is_some_and(symbol)
            && it.chars().all(|it| symbol(it) || it == '-')
            && it.len() <= 63
    };
    if text.len() > 255 {
        return false;
    }
    match text.rsplit_once('.') {
        None => label(text),
        Some((head, top)) => {
            head.split('.').all(label)
                && (2..=63).contains(&top.chars().count())
                && top.chars().all(char::is_alphabetic)
        }
    }
}

fn is_hex_color(text: &str) -> bool {
    let digits = text.strip_prefix('#').unwrap_or(text);
    matches!(digits.len(), 3 | 6) && digits.bytes().all(|it| it.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        for (format, yes, no) in [
            (Format::DateTime, "2026-01-31T12:00:00Z", "2026-01-31"),
            (
                Format::DateTime,
                "2026-01-31t12:00:00+02:00",
                "2026-02-31T12:00:00Z",
            ),
            (Format::Date, "2026-01-31", "2026-1-31"),
            (Format::Uri, "https://a.b:80/c?d", "a.b/c"),
            (Format::Uri, "/a", "http://a b"),
            (
                Format::Uuid,
                "123e4567-e89b-12d3-a456-426614174000",
                "123e4567",
            ),
            (Format::Email, "a@b.c", "a@"),
            (Format::Hostname, "a-b.example.org", "-a.example.org"),
            (Format::Mac, "01:23:45:67:89:ab", "01:23:45"),
            (Format::Byte, "YWJj", ""),
        ] {
            assert!(holds(format, yes), "{format:?} {yes}");
            assert!(!holds(format, no), "{format:?} {no}");
        }
    }
}
