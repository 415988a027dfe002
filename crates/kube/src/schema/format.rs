//! Formats of strings: the values of `format` in a schema.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::structural::Format;
use crate::object::quantity;
use pleach_yaml::{Kind, resolve};

impl Format {
    /// Whether a text matches the format; formats of numbers match every text.
    pub(super) fn holds(self, text: &str) -> bool {
        match self {
            Format::None | Format::Int32 | Format::Int64 => true,
            Format::Byte => is_base64(text),
            Format::Date => text.len() == 10 && resolve(text) == Kind::Timestamp,
            Format::DateTime => is_date_time(text),
            Format::Duration => is_duration(text),
            Format::Quantity => is_quantity(text) && !text.starts_with('-'),
            Format::Ipv4 => text.parse::<Ipv4Addr>().is_ok(),
            Format::Ipv6 => text.parse::<Ipv6Addr>().is_ok(),
            Format::Cidr => is_cidr(text),
            Format::IpOrCidr => text.parse::<IpAddr>().is_ok() || is_cidr(text),
            Format::Uri => {
                text.split_once(':').is_some_and(|it| !it.0.is_empty()) || text.starts_with('/')
            }
            Format::Uuid => is_uuid(text),
            Format::Email => text
                .split_once('@')
                .is_some_and(|(name, host)| !name.is_empty() && !host.is_empty()),
            Format::Hostname => is_hostname(text),
            Format::WildcardHostname => is_hostname(text.strip_prefix("*.").unwrap_or(text)),
            Format::Cpu => is_within(text, CPU_MIN, CPU_MAX),
            Format::Memory => is_within(text, BYTES_MIN, MEMORY_MAX) && is_whole(text),
            Format::Storage => is_within(text, BYTES_MIN, STORAGE_MAX) && is_whole(text),
            Format::Image => is_image(text),
            Format::ImageRepository => is_image_repository(text),
        }
    }

    /// A description of the format, for messages.
    pub(super) fn description(self) -> &'static str {
        match self {
            Format::None => "a string",
            Format::Int32 => "a 32-bit integer",
            Format::Int64 => "a 64-bit integer",
            Format::Byte => "base64",
            Format::Date => "a date such as `2026-01-31`",
            Format::DateTime => "a time such as `2026-01-31T12:00:00Z`",
            Format::Duration => "a duration such as `30s`, `5m` or `1h30m`",
            Format::Quantity => "a quantity such as `500m`, `10Gi` or `2`",
            Format::Ipv4 => "an IPv4 address",
            Format::Ipv6 => "an IPv6 address",
            Format::Cidr => "a network such as `10.0.0.0/8`",
            Format::IpOrCidr => "an IP address or a network such as `10.0.0.0/8`",
            Format::Uri => "a URI",
            Format::Uuid => "a UUID",
            Format::Email => "an e-mail address",
            Format::Hostname => {
                "a host name such as `db.example.com`, without scheme, port or path"
            }
            Format::WildcardHostname => {
                "a host name such as `www.example.com` or `*.example.com`, without scheme, port or path"
            }
            Format::Cpu => "an amount of CPU such as `500m` or `2`",
            Format::Memory => "an amount of memory such as `512Mi` or `4Gi`",
            Format::Storage => "a size such as `50Gi`",
            Format::Image => "an image such as `ghcr.io/org/app:1.2.3`",
            Format::ImageRepository => "an image without a tag, such as `ghcr.io/org/app`",
        }
    }

    /// Whether it is a quantity, which may also be written as a number.
    pub(super) fn is_amount(self) -> bool {
        matches!(self, Format::Cpu | Format::Memory | Format::Storage)
    }

    /// A sentence with a suggestion for a text in the wrong format.
    pub(super) fn advice(self, text: &str) -> Option<String> {
        match self {
            Format::Hostname | Format::WildcardHostname => {
                let host = text.split_once("://").map_or(text, |it| it.1);
                // The part before it may be a password.
                let host = (!host.contains('@')).then_some(host)?;
                let host = host.split(['/', ':', '?', '#']).next()?.to_lowercase();
                (host != text && self.holds(&host)).then(|| format!("use `{host}`"))
            }
            Format::Cpu | Format::Memory | Format::Storage => self.amount_advice(text),
            Format::Image | Format::ImageRepository => self.image_advice(text),
            _ => None,
        }
    }

    fn image_advice(self, text: &str) -> Option<String> {
        let image = text.split_once("://").map_or(text, |it| it.1);
        let image = image.trim().trim_end_matches('/').to_lowercase();
        if self.holds(&image) {
            return Some(format!("use `{image}`"));
        }
        let (repository, tag) = tagged(&image);
        let is_tagged = self == Format::ImageRepository && is_image(&image);
        is_tagged.then(|| match tag {
            Some(tag) => format!("use `{repository}` here, and `{tag}` as the tag"),
            None => format!("use `{repository}`"),
        })
    }

    fn amount_advice(self, text: &str) -> Option<String> {
        let is_digit = |c: char| c.is_ascii_digit() || c == '.';
        let number = text.trim().trim_end_matches(|c: char| !is_digit(c));
        let unit = text.trim().get(number.len()..)?.trim();
        let value: f64 = number.parse().ok().filter(|it| *it > 0.0)?;
        if self == Format::Cpu {
            let is_large = text.chars().all(is_digit) && value > CPU_MAX;
            return is_large.then(|| {
                format!("`{text}` means {text} whole CPUs; for millicores, use `{text}m`")
            });
        }
        match unit {
            "m" => Some(format!(
                "`m` means thousandths of a byte; for mebibytes, use `{number}Mi`"
            )),
            "" if value < BYTES_MIN => Some(format!(
                "a number without a unit means bytes; use `{number}{}`",
                if self == Format::Memory { "Mi" } else { "Gi" }
            )),
            _ => {
                let units = ["Ki", "Mi", "Gi", "Ti", "Pi", "k", "M", "G", "T", "P"];
                let bare = unit.trim_end_matches(['b', 'B']);
                let known = units.iter().find(|it| it.eq_ignore_ascii_case(bare))?;
                let meant = format!("{number}{known}");
                self.holds(&meant).then(|| format!("use `{meant}`"))
            }
        }
    }
}

/// Standard base64 with padding; line ends are ignored, as in Go's decoder.
fn is_base64(text: &str) -> bool {
    let symbols = || text.bytes().filter(|it| !matches!(it, b'\n' | b'\r'));
    let padding = symbols().rev().take_while(|it| *it == b'=').count();
    let length = symbols().count();
    padding <= 2
        && length % 4 == 0
        && symbols()
            .take(length - padding)
            .all(|it| it.is_ascii_alphanumeric() || matches!(it, b'+' | b'/'))
}

/// RFC 3339: date, `T`, clock, zone.
fn is_date_time(text: &str) -> bool {
    let separated = text
        .as_bytes()
        .get(10)
        .is_some_and(|it| matches!(it, b'T' | b't'));
    separated && resolve(&text.replace('z', "Z")) == Kind::Timestamp
}

/// Go durations: a sequence of numbers with units.
fn is_duration(text: &str) -> bool {
    let mut rest = text.strip_prefix(['+', '-']).unwrap_or(text);
    if rest == "0" {
        return true;
    }
    let mut parts = 0;
    while !rest.is_empty() {
        let digits = rest.len()
            - rest
                .trim_start_matches(|it: char| it.is_ascii_digit() || it == '.')
                .len();
        let (number, after) = rest.split_at(digits);
        let units = ["ns", "us", "µs", "μs", "ms", "s", "m", "h"];
        let unit = units.into_iter().find(|unit| after.starts_with(unit));
        let Some(unit) = unit.filter(|_| number.parse::<f64>().is_ok()) else {
            return false;
        };
        rest = &after[unit.len()..];
        parts += 1;
    }
    parts > 0
}

/// The minimum and maximum CPU of one container. The API server counts in thousandths.
const CPU_MIN: f64 = 0.001;
const CPU_MAX: f64 = 256.0;
/// Less than 1 MiB of memory or disk is a typo: a container engine needs 6 MiB to start a process.
const BYTES_MIN: f64 = 1_048_576.0;
const MEMORY_MAX: f64 = 64.0 * 1_099_511_627_776.0;
const STORAGE_MAX: f64 = 1024.0 * 1_099_511_627_776.0;

fn is_within(text: &str, min: f64, max: f64) -> bool {
    is_quantity(text) && quantity(text).is_some_and(|it| (min..=max).contains(&it))
}

fn is_whole(text: &str) -> bool {
    quantity(text).is_some_and(|it| it.fract() == 0.0)
}

/// A number with an SI or binary suffix, or with an exponent.
pub(super) fn is_quantity(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let suffix = unsigned.trim_start_matches(|it: char| it.is_ascii_digit() || it == '.');
    let number = &unsigned[..unsigned.len() - suffix.len()];
    let digits = number.bytes().any(|it| it.is_ascii_digit()) && number.matches('.').count() <= 1;
    let exponent = || {
        let power = suffix.strip_prefix(['e', 'E'])?;
        let power = power.strip_prefix(['+', '-']).unwrap_or(power);
        (!power.is_empty() && power.bytes().all(|it| it.is_ascii_digit())).then_some(())
    };
    let suffixes = [
        "", "n", "u", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei",
    ];
    digits && (suffixes.contains(&suffix) || exponent().is_some())
}

fn is_cidr(text: &str) -> bool {
    let Some((address, bits)) = text.split_once('/') else {
        return false;
    };
    let bits = bits.parse::<u8>().ok();
    address.parse::<Ipv4Addr>().is_ok() && bits.is_some_and(|it| it <= 32)
        || address.parse::<Ipv6Addr>().is_ok() && bits.is_some_and(|it| it <= 128)
}

fn is_uuid(text: &str) -> bool {
    let plain = text.replace('-', "");
    plain.len() == 32 && plain.bytes().all(|it| it.is_ascii_hexdigit())
}

fn is_hostname(text: &str) -> bool {
    let label = |it: &str| {
        (1..=63).contains(&it.len())
            && it
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !it.starts_with('-')
            && !it.ends_with('-')
    };
    // The API server rejects an IP address as the host of an Ingress.
    let is_address = text.parse::<std::net::Ipv4Addr>().is_ok();
    text.len() <= 253 && text.split('.').all(label) && !is_address
}

/// The repository and tag of an image, without a digest.
fn tagged(image: &str) -> (&str, Option<&str>) {
    let image = image.split('@').next().unwrap_or(image);
    let name = image.rfind('/').map_or(0, |at| at + 1);
    match image[name..].split_once(':') {
        Some((last, tag)) => (&image[..name + last.len()], Some(tag)),
        None => (image, None),
    }
}

/// An image reference as container runtimes parse it: a repository, and a tag, a digest or both.
fn is_image(text: &str) -> bool {
    let is_digest = |it: &str| {
        let parts = it.split_once(':');
        parts.is_some_and(|(algorithm, hex)| {
            !algorithm.is_empty()
                && hex.len() >= 32
                && hex
                    .bytes()
                    .all(|it| matches!(it, b'0'..=b'9' | b'a'..=b'f'))
        })
    };
    let is_tag = |it: &str| {
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        it.len() <= 128
            && it.starts_with(is_word)
            && it.chars().all(|c| is_word(c) || c == '.' || c == '-')
    };
    let digest = text.split_once('@').map(|it| it.1);
    let (repository, tag) = tagged(text);
    is_image_repository(repository) && tag.is_none_or(is_tag) && digest.is_none_or(is_digest)
}

/// Lower-case components, after an optional host of a registry.
fn is_image_repository(text: &str) -> bool {
    let is_plain = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit();
    let is_component = |it: &&str| {
        let bytes = it.as_bytes();
        let ends = bytes.first().zip(bytes.last());
        ends.is_some_and(|(first, last)| is_plain(*first) && is_plain(*last))
            && bytes.iter().all(|it| is_plain(*it) || b"._-".contains(it))
            // Separators are one dot, one or two underscores, or hyphens.
            && !["..", "___", "._", "_.", ".-", "-.", "_-", "-_"].iter().any(|pair| it.contains(pair))
    };
    let parts: Vec<&str> = text.split('/').collect();
    let rest = match parts.split_first() {
        Some((host, rest)) if !rest.is_empty() && is_registry(host) => rest,
        _ => &parts,
    };
    text.len() <= 255 && rest.iter().all(is_component)
}

fn is_registry(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (text, None),
    };
    let is_port = |it: &str| it.parse::<u16>().is_ok();
    let address = host.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
    let is_host = match address {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => is_hostname(host) || host.parse::<Ipv4Addr>().is_ok(),
    };
    is_host && port.is_none_or(is_port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice() {
        for (format, text, advice) in [
            (Format::Hostname, "https://a.b/", Some("use `a.b`")),
            (Format::Hostname, "a_b", None),
            (Format::Image, "https://x.io/a", Some("use `x.io/a`")),
            (Format::ImageRepository, "X.io/Web", Some("use `x.io/web`")),
            (
                Format::ImageRepository,
                "x/web:1.0",
                Some("use `x/web` here, and `1.0` as the tag"),
            ),
            (Format::Image, "a b", None),
            (
                Format::Cpu,
                "500",
                Some("`500` means 500 whole CPUs; for millicores, use `500m`"),
            ),
            (
                Format::Memory,
                "500m",
                Some("`m` means thousandths of a byte; for mebibytes, use `500Mi`"),
            ),
            (
                Format::Memory,
                "512",
                Some("a number without a unit means bytes; use `512Mi`"),
            ),
            (Format::Memory, "0", None),
            (
                Format::Storage,
                "500",
                Some("a number without a unit means bytes; use `500Gi`"),
            ),
            (Format::Storage, "50 Gi", Some("use `50Gi`")),
            (Format::Storage, "50GB", Some("use `50G`")),
        ] {
            assert_eq!(format.advice(text).as_deref(), advice, "{text}");
        }
    }

    #[test]
    fn forms() {
        for (format, yes, no) in [
            (Format::Byte, "YWJj", "YWJ"),
            (Format::Byte, "YQ==", "Y==="),
            (Format::DateTime, "2026-01-31T12:00:00Z", "2026-01-31"),
            (
                Format::DateTime,
                "2026-01-31T12:00:00.5+02:00",
                "2026-02-31T12:00:00Z",
            ),
            (Format::Date, "2026-01-31", "2026-1-31"),
            (Format::Duration, "1h30m", "5"),
            (Format::Duration, "1.5s", "s"),
            (Format::Duration, "-2µs", "2 s"),
            (Format::Quantity, "10Gi", "10GB"),
            (Format::Quantity, ".5", "."),
            (Format::Quantity, "1e3", "1e"),
            (Format::Cidr, "10.0.0.0/8", "10.0.0.0/33"),
            (Format::IpOrCidr, "10.0.0.0/8", "10.0.0.0/33"),
            (Format::IpOrCidr, "::1", ":::"),
            (Format::Hostname, "a-b.example.org", "-a.example.org"),
            (Format::Hostname, "a.b", "https://a.b/"),
            (Format::Hostname, "a.b", "*.b"),
            (Format::WildcardHostname, "*.a.b", "a.*.b"),
            (Format::Quantity, "0", "-1"),
            (Format::Cpu, "1m", "0"),
            (Format::Cpu, "2.5", "500"),
            (Format::Memory, "6Mi", "500m"),
            (Format::Memory, "1048576", "512"),
            (Format::Memory, "1.5Gi", "0"),
            (Format::Storage, "50Gi", "0Gi"),
            (Format::Storage, "1.5T", "50 Gi"),
            (Format::Storage, "50M", "50K"),
        ] {
            assert!(format.holds(yes), "{format:?} {yes}");
            assert!(!format.holds(no), "{format:?} {no}");
        }
    }

    #[test]
    fn images() {
        for image in [
            "nginx",
            "x/web:1.0",
            "ghcr.io/org/app-name:v1.2.3-rc.1",
            "localhost:5000/app",
            "Registry.Example.com:5000/a__b/c--d@sha256:0123456789abcdef0123456789abcdef",
            "[::1]:5000/a:1",
            "10.0.0.1/a/b",
        ] {
            assert!(Format::Image.holds(image), "{image}");
        }
        for text in [
            "",
            "X/Web",
            "https://x/web",
            "x/web:",
            "a b",
            "/a",
            "a/",
            "a//b",
            "a:1:2",
            "a@sha256:12",
            "-a",
            "a..b",
            "a:.1",
        ] {
            assert!(!Format::Image.holds(text), "{text}");
        }
        assert!(Format::ImageRepository.holds("x.io:5000/a/b"));
        assert!(
            !Format::ImageRepository.holds("x.io/a:1") && !Format::ImageRepository.holds("a@b")
        );
    }
}
