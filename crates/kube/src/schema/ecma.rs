//! Converts patterns and formats to the regular expressions of JSON Schema (ECMA-262 in Unicode mode).

use super::structural::Format;

/// The ECMA-262 pattern with the same meaning as an RE2 pattern; `None` if it cannot be converted safely.
pub(super) fn of_pattern(pattern: &str) -> Option<String> {
    let mut rest = pattern.chars().peekable();
    let mut in_class = false;
    while let Some(c) = rest.next() {
        match c {
            '\\' => {
                let escaped = rest.next()?;
                let is_class = "dDwWsS".contains(escaped);
                let is_syntax = r"^$\.*+?()[]{}|/".contains(escaped);
                let is_fine = is_class || is_syntax || "nrtfv".contains(escaped);
                let is_of_class = in_class && escaped == '-';
                let is_boundary = !in_class && "bB".contains(escaped);
                if !(is_fine || is_of_class || is_boundary) {
                    return None;
                }
            }
            ']' if in_class => in_class = false,
            // `[[:alpha:]]` is only a class in RE2.
            '[' if in_class && rest.peek() == Some(&':') => return None,
            _ if in_class => {}
            '[' => {
                rest.next_if_eq(&'^');
                // In RE2, a bracket in the first position is a character.
                if rest.peek() == Some(&']') {
                    return None;
                }
                in_class = true;
            }
            '(' if rest.next_if_eq(&'?').is_some() && rest.next() != Some(':') => return None,
            '{' => {
                let mut counts = String::new();
                while let Some(c) = rest.next_if(|it| it.is_ascii_digit() || *it == ',') {
                    counts.push(c);
                }
                let is_count = counts.starts_with(|c: char| c.is_ascii_digit());
                if !is_count || rest.next() != Some('}') {
                    return None;
                }
            }
            '}' | ']' => return None,
            _ => {}
        }
    }
    (!in_class).then(|| pattern.to_string())
}

/// The pattern of a format.
pub(super) fn of_format(format: Format) -> Option<&'static str> {
    const QUANTITY: &str =
        r"^\+?([0-9]+\.?[0-9]*|\.[0-9]+)([num]|k|[KMGTPE]i|[MGTPE]|[eE][-+]?[0-9]+)?$";
    match format {
        Format::Duration => Some(r"^[-+]?(0|(([0-9]+\.?[0-9]*|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+)$"),
        Format::Quantity | Format::Cpu | Format::Memory | Format::Storage => Some(QUANTITY),
        Format::DateTime => Some("^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt]"),
        Format::Cidr => Some("^[0-9a-fA-F.:]+/[0-9]{1,3}$"),
        Format::IpOrCidr => Some("^[0-9a-fA-F.:]+(/[0-9]{1,3})?$"),
        Format::Uri => Some("^([^:]+:|/)"),
        Format::Uuid => Some("^(-*[0-9a-fA-F]){32}-*$"),
        Format::Email => Some("^[^@]+@."),
        Format::Hostname => Some(
            r"^[0-9A-Za-z]([-0-9A-Za-z]*[0-9A-Za-z])?(\.[0-9A-Za-z]([-0-9A-Za-z]*[0-9A-Za-z])?)*$",
        ),
        Format::WildcardHostname => Some(
            r"^(\*\.)?[0-9A-Za-z]([-0-9A-Za-z]*[0-9A-Za-z])?(\.[0-9A-Za-z]([-0-9A-Za-z]*[0-9A-Za-z])?)*$",
        ),
        Format::Image => Some(r"^[0-9A-Za-z][-0-9A-Za-z_.:/]*(@[0-9a-z]+:[0-9a-f]{32,})?$"),
        Format::ImageRepository => Some(r"^[0-9A-Za-z][-0-9A-Za-z_.:/]*$"),
        Format::Ipv4 | Format::Ipv6 | Format::Date => None,
        Format::None | Format::Int32 | Format::Int64 | Format::Byte => None,
    }
}

/// The name of a format in JSON Schema, if it exists there.
pub(super) fn name_of_format(format: Format) -> Option<&'static str> {
    match format {
        Format::Ipv4 => Some("ipv4"),
        Format::Ipv6 => Some("ipv6"),
        Format::Date => Some("date"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_means_the_same() {
        for same in [
            "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
            r"^\d+\.\d{1,3}$",
            r"^(?:a|b)\/[\w.\-]+$",
            "^[^[]+$",
        ] {
            assert_eq!(of_pattern(same).as_deref(), Some(same));
        }
        for other in [
            "(?i)a",
            "^[[:alpha:]]+$",
            "^{a}$",
            "^[]a]$",
            r"\pL",
            r"\_",
            r"a\z",
            "a]",
            "a}",
            "(?P<n>a)",
        ] {
            assert_eq!(of_pattern(other), None, "{other}");
        }
    }
}
