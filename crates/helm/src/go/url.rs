//! URLs, as in Go's package `net/url`.

use super::strconv::quote;

/// The parts of a URL, unescaped except for the query.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Url {
    pub(crate) scheme: Vec<u8>,
    pub(crate) opaque: Vec<u8>,
    pub(crate) user: Option<User>,
    pub(crate) host: Vec<u8>,
    pub(crate) path: Vec<u8>,
    pub(crate) query: Vec<u8>,
    pub(crate) fragment: Vec<u8>,
}

/// A user name, and a password if there is a colon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct User {
    name: Vec<u8>,
    password: Option<Vec<u8>>,
}

/// The part of a URL that contains an escape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Path,
    Host,
    Zone,
    User,
    Fragment,
}

impl Url {
    /// Parses a URL (Go, `url.Parse`).
    ///
    /// Errors: Go's message.
    pub(crate) fn parse(text: &[u8]) -> Result<Url, String> {
        let (before, fragment) = cut(text, b'#');
        let fault = |text: &[u8], message: String| format!("parse {}: {message}", quote(text));
        let mut url = parse_without_fragment(before).map_err(|message| fault(before, message))?;
        url.fragment = unescape(fragment.unwrap_or_default(), Part::Fragment)
            .map_err(|message| fault(text, message))?;
        Ok(url)
    }

    /// The host without port and brackets.
    pub(crate) fn hostname(&self) -> &[u8] {
        let mut host = &*self.host;
        if let Some(colon) = host.iter().rposition(|it| *it == b':')
            && is_port(host.get(colon..).unwrap_or_default())
        {
            host = host.get(..colon).unwrap_or_default();
        }
        let inner = host.strip_prefix(b"[").and_then(|it| it.strip_suffix(b"]"));
        inner.unwrap_or(host)
    }

    /// The text of the URL (Go, `URL.String`).
    pub(crate) fn text(&self) -> Vec<u8> {
        let mut out = self.scheme.clone();
        if !out.is_empty() {
            out.push(b':');
        }
        if self.opaque.is_empty() {
            self.push_hierarchy(&mut out);
        } else {
            out.extend_from_slice(&self.opaque);
        }
        if !self.query.is_empty() {
            out.push(b'?');
            out.extend_from_slice(&self.query);
        }
        if !self.fragment.is_empty() {
            out.push(b'#');
            out.extend(escape(&self.fragment, Part::Fragment));
        }
        out
    }

    fn push_hierarchy(&self, out: &mut Vec<u8>) {
        if !self.host.is_empty()
            || self.user.is_some()
            || !self.scheme.is_empty() && !self.path.is_empty()
        {
            out.extend_from_slice(b"//");
        }
        if let Some(user) = &self.user {
            out.extend(user.text());
            out.push(b'@');
        }
        out.extend(escape(&self.host, Part::Host));
        let path = match &*self.path {
            b"*" => b"*".to_vec(),
            path => escape(path, Part::Path),
        };
        if !path.is_empty() && !path.starts_with(b"/") && !self.host.is_empty() {
            out.push(b'/');
        }
        if out.is_empty() && cut(&path, b'/').0.contains(&b':') {
            // Otherwise, the first part would be parsed as a scheme.
            out.extend_from_slice(b"./");
        }
        out.extend(path);
    }
}

impl User {
    pub(crate) fn text(&self) -> Vec<u8> {
        let mut out = escape(&self.name, Part::User);
        if let Some(password) = &self.password {
            out.push(b':');
            out.extend(escape(password, Part::User));
        }
        out
    }
}

fn parse_without_fragment(text: &[u8]) -> Result<Url, String> {
    if text.iter().any(|it| *it < b' ' || *it == 0x7f) {
        return Err("net/url: invalid control character in URL".to_string());
    }
    let mut url = Url::default();
    if text == b"*" {
        url.path = text.to_vec();
        return Ok(url);
    }
    let (scheme, rest) = scheme(text)?;
    url.scheme = scheme.to_ascii_lowercase();
    let (mut rest, query) = cut(rest, b'?');
    url.query = query.unwrap_or_default().to_vec();
    if !rest.starts_with(b"/") {
        if !url.scheme.is_empty() {
            url.opaque = rest.to_vec();
            return Ok(url);
        }
        if cut(rest, b'/').0.contains(&b':') {
            return Err("first path segment in URL cannot contain colon".to_string());
        }
    }
    if let Some(after) = rest.strip_prefix(b"//")
        && (!url.scheme.is_empty() || !after.starts_with(b"/"))
    {
        let end = after
            .iter()
            .position(|it| *it == b'/')
            .unwrap_or(after.len());
        let (authority, path) = after.split_at(end);
        (url.user, url.host) = parse_authority(&url.scheme, authority)?;
        rest = path;
    }
    url.path = unescape(rest, Part::Path)?;
    Ok(url)
}

/// The scheme, empty if there is none, and the rest.
fn scheme(text: &[u8]) -> Result<(&[u8], &[u8]), String> {
    for (at, byte) in text.iter().enumerate() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' => {}
            b'0'..=b'9' | b'+' | b'-' | b'.' if at > 0 => {}
            b':' if at == 0 => return Err("missing protocol scheme".to_string()),
            b':' => {
                let (scheme, rest) = text.split_at(at);
                return Ok((scheme, rest.get(1..).unwrap_or_default()));
            }
            _ => break,
        }
    }
    Ok((b"", text))
}

type Authority = (Option<User>, Vec<u8>);

fn parse_authority(scheme: &[u8], authority: &[u8]) -> Result<Authority, String> {
    let Some(at) = authority.iter().rposition(|it| *it == b'@') else {
        return Ok((None, parse_host(scheme, authority)?));
    };
    let host = parse_host(scheme, authority.get(at + 1..).unwrap_or_default())?;
    let user = authority.get(..at).unwrap_or_default();
    let is_allowed = |it: &u8| it.is_ascii_alphanumeric() || b"-._:~!$&'()*+,;=%@".contains(it);
    if !user.iter().all(is_allowed) {
        return Err("net/url: invalid userinfo".to_string());
    }
    let (name, password) = cut(user, b':');
    let user = User {
        name: unescape(name, Part::User)?,
        password: password.map(|it| unescape(it, Part::User)).transpose()?,
    };
    Ok((Some(user), host))
}

fn parse_host(scheme: &[u8], host: &[u8]) -> Result<Vec<u8>, String> {
    match host.iter().rposition(|it| *it == b'[') {
        Some(0) => return parse_bracketed(host),
        Some(_) => return Err("invalid IP-literal".to_string()),
        None => {}
    }
    let first = host.iter().position(|it| *it == b':');
    let last = host.iter().rposition(|it| *it == b':');
    // In other schemes, lists of hosts with ports are valid, as for databases.
    let is_strict = matches!(scheme, b"http" | b"https");
    if let Some(colon) = if is_strict { first } else { last } {
        check_port(host.get(colon..).unwrap_or_default())?;
    }
    unescape(host, Part::Host)
}

/// An IPv6 address in brackets, with a zone and a port.
fn parse_bracketed(host: &[u8]) -> Result<Vec<u8>, String> {
    let close = host.iter().rposition(|it| *it == b']');
    let close = close.ok_or("missing ']' in host")?;
    let port = host.get(close + 1..).unwrap_or_default();
    check_port(port)?;
    let name = host.get(1..close).unwrap_or_default();
    let zone = name.windows(3).position(|it| it == b"%25");
    let (address, zone) = name.split_at(zone.unwrap_or(name.len()));
    let mut unescaped = unescape(address, Part::Host)?;
    let address = String::from_utf8_lossy(&unescaped).into_owned();
    unescaped.extend(unescape(zone, Part::Zone)?);
    if address.parse::<std::net::Ipv4Addr>().is_ok() {
        return Err("invalid IP-literal".to_string());
    }
    if address.parse::<std::net::Ipv6Addr>().is_err() || unescaped.ends_with(b"%") {
        let address = quote(&unescaped);
        return Err(format!(
            "invalid host: ParseAddr({address}): unable to parse IP"
        ));
    }
    let mut out = b"[".to_vec();
    out.extend(unescaped);
    out.push(b']');
    out.extend(unescape(port, Part::Host)?);
    Ok(out)
}

fn is_port(text: &[u8]) -> bool {
    match text {
        [] => true,
        [b':', digits @ ..] => digits.iter().all(u8::is_ascii_digit),
        _ => false,
    }
}

fn check_port(text: &[u8]) -> Result<(), String> {
    match is_port(text) {
        true => Ok(()),
        false => Err(format!("invalid port {} after host", quote(text))),
    }
}

/// The parts before and after the first separator.
fn cut(text: &[u8], separator: u8) -> (&[u8], Option<&[u8]>) {
    match text.iter().position(|it| *it == separator) {
        Some(at) => {
            let (before, after) = text.split_at(at);
            (before, after.get(1..))
        }
        None => (text, None),
    }
}

/// Whether a byte needs no escaping in a part.
fn is_plain(byte: u8, part: Part) -> bool {
    if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
        return true;
    }
    let allowed: &[u8] = match part {
        Part::Host | Part::Zone => b"!$&'()*+,;=:[]<>\"",
        Part::Path => b"$&+,/:;=@",
        Part::User => b"$&+,;=",
        Part::Fragment => b"$&+,/:;=?@!()*",
    };
    allowed.contains(&byte)
}

fn escape(text: &[u8], part: Part) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for byte in text {
        if is_plain(*byte, part) {
            out.push(*byte);
        } else {
            out.extend(format!("%{byte:02X}").into_bytes());
        }
    }
    out
}

fn unescape(text: &[u8], part: Part) -> Result<Vec<u8>, String> {
    let is_host = matches!(part, Part::Host | Part::Zone);
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        if *byte != b'%' {
            if is_host && byte.is_ascii() && !is_plain(*byte, part) {
                let character = quote(&[*byte]);
                return Err(format!("invalid character {character} in host name"));
            }
            out.push(*byte);
            continue;
        }
        let fault = |length: usize| {
            let escape: Vec<u8> = [b'%'].iter().chain(after).copied().take(length).collect();
            format!("invalid URL escape {}", quote(&escape))
        };
        let digits = after.get(..2).and_then(|it| std::str::from_utf8(it).ok());
        let digits = digits.filter(|it| it.bytes().all(|it| it.is_ascii_hexdigit()));
        let value = digits.and_then(|it| u8::from_str_radix(it, 16).ok());
        let value = value.ok_or_else(|| fault(3))?;
        let is_percent = digits == Some("25");
        // In a host, only non-ASCII bytes may be escaped; in a zone also allowed bytes.
        let is_refused = match part {
            Part::Host => value < 0x80 && !is_percent,
            Part::Zone => !is_percent && value != b' ' && !is_plain(value, Part::Host),
            _ => false,
        };
        if is_refused {
            return Err(fault(3));
        }
        out.push(value);
        rest = after.get(2..).unwrap_or_default();
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn parses(text: &str, expected: &str) {
        let lossy = |it: &[u8]| String::from_utf8_lossy(it).into_owned();
        let parts = match Url::parse(text.as_bytes()) {
            Err(error) => error,
            Ok(url) => [
                lossy(&url.scheme),
                lossy(&url.opaque),
                lossy(&url.user.as_ref().map(User::text).unwrap_or_default()),
                lossy(url.hostname()),
                lossy(&url.host),
                lossy(&url.path),
                lossy(&url.query),
                lossy(&url.fragment),
            ]
            .join("|"),
        };
        assert_eq!(parts, expected, "{text}");
    }

    #[test]
    fn urls_are_parsed_as_in_go() {
        parses(
            "HTTP://u:p%40@h:80/a%20b?q=1#f",
            "http||u:p%40|h|h:80|/a b|q=1|f",
        );
        parses("mailto:a@b", "mailto|a@b||||||");
        parses("//h/p", "|||h|h|/p||");
        parses("http://[::1%25en0]:80/", "http|||::1%en0|[::1%en0]:80|/||");
        parses("a b", "|||||a b||");
        parses("postgres://h:1,k:2/d", "postgres|||h:1,k|h:1,k:2|/d||");
    }

    #[test]
    fn errors_have_the_messages_of_go() {
        parses(":x", "parse \":x\": missing protocol scheme");
        parses(
            "http://h:x/",
            "parse \"http://h:x/\": invalid port \":x\" after host",
        );
        parses("/%zz", "parse \"/%zz\": invalid URL escape \"%zz\"");
        parses("/%", "parse \"/%\": invalid URL escape \"%\"");
        parses(
            "http://a b/",
            "parse \"http://a b/\": invalid character \" \" in host name",
        );
        parses(
            "1:a",
            "parse \"1:a\": first path segment in URL cannot contain colon",
        );
        parses(
            "a\n",
            "parse \"a\\n\": net/url: invalid control character in URL",
        );
    }

    #[test]
    fn urls_are_formatted_from_their_parts() {
        let url = |scheme: &str, host: &str, path: &str| Url {
            scheme: scheme.into(),
            host: host.into(),
            path: path.into(),
            ..Url::default()
        };
        assert_eq!(url("http", "h", "a b?").text(), b"http://h/a%20b%3F");
        assert_eq!(url("file", "", "/x").text(), b"file:///x");
        assert_eq!(url("", "", "a:b").text(), b"./a:b");
    }
}
