//! Kubernetes' types for CEL: quantities, addresses, URLs, versions, formats.

use std::any::Any;
use std::net::IpAddr;

use cel_core::{CelType, MessageValue, Value};

use crate::validate::quantity::Quantity;

/// A value of such a type.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Opaque {
    Quantity(Quantity),
    Ip(IpAddr),
    Cidr(IpAddr, u8),
    Url(Url),
    Semver(Semver),
    /// A format by its name.
    Format(&'static str),
}

/// The parts of a URL.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Url {
    pub(super) scheme: String,
    pub(super) host: String,
    pub(super) path: String,
    pub(super) query: String,
}

/// A semantic version; build metadata is ignored.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Semver {
    pub(super) numbers: [u64; 3],
    pub(super) pre: Vec<String>,
}

pub(super) const QUANTITY: &str = "kubernetes.Quantity";
pub(super) const IP: &str = "net.IP";
pub(super) const CIDR: &str = "net.CIDR";
pub(super) const URL: &str = "kubernetes.URL";
pub(super) const SEMVER: &str = "kubernetes.Semver";
pub(super) const FORMAT: &str = "kubernetes.NamedFormat";

/// The CEL type with a name.
pub(super) fn type_of(name: &str) -> CelType {
    CelType::message(name)
}

impl Opaque {
    pub(super) fn value(self) -> Value {
        Value::Message(Box::new(self))
    }

    pub(super) fn downcast(value: &Value) -> Option<&Opaque> {
        match value {
            Value::Message(message) => message.as_any().downcast_ref(),
            _ => None,
        }
    }
}

impl MessageValue for Opaque {
    fn type_name(&self) -> &str {
        match self {
            Opaque::Quantity(_) => QUANTITY,
            Opaque::Ip(_) => IP,
            Opaque::Cidr(..) => CIDR,
            Opaque::Url(_) => URL,
            Opaque::Semver(_) => SEMVER,
            Opaque::Format(_) => FORMAT,
        }
    }

    fn eq_message(&self, other: &dyn MessageValue) -> bool {
        other.as_any().downcast_ref::<Opaque>() == Some(self)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn clone_boxed(&self) -> Box<dyn MessageValue> {
        Box::new(self.clone())
    }
}

impl Url {
    /// As accepted by Go's `url.ParseRequestURI`: an absolute URL or an absolute path.
    pub(super) fn parse(text: &str) -> Option<Url> {
        if !crate::validate::format::is_request_uri(text) {
            return None;
        }
        let (scheme, rest) = match text.split_once("://") {
            Some((scheme, rest)) if !text.starts_with('/') => (scheme, rest),
            _ => ("", text),
        };
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (host, path) = match scheme.is_empty() {
            true => ("", rest),
            false => rest.split_at(rest.find('/').unwrap_or(rest.len())),
        };
        let host = host.rsplit('@').next().unwrap_or("");
        Some(Url {
            scheme: scheme.to_lowercase(),
            host: host.to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
        })
    }

    pub(super) fn hostname(&self) -> &str {
        match self.host.strip_prefix('[') {
            Some(rest) => rest.split(']').next().unwrap_or(""),
            None => self.host.rsplit_once(':').map_or(&*self.host, |it| it.0),
        }
    }

    pub(super) fn port(&self) -> &str {
        let after = self.host.rsplit(']').next().unwrap_or("");
        after.rsplit_once(':').map_or("", |it| it.1)
    }
}

impl Semver {
    pub(super) fn parse(text: &str) -> Option<Semver> {
        let (core, build) = text
            .split_once('+')
            .map_or((text, None), |it| (it.0, Some(it.1)));
        let (core, pre) = core
            .split_once('-')
            .map_or((core, None), |it| (it.0, Some(it.1)));
        let number = |it: &str| -> Option<u64> {
            let digits = !it.is_empty() && it.bytes().all(|byte| byte.is_ascii_digit());
            let canonical = it == "0" || !it.starts_with('0');
            (digits && canonical).then(|| it.parse().ok())?
        };
        let mut parts = core.split('.');
        let numbers = [
            number(parts.next()?)?,
            number(parts.next()?)?,
            number(parts.next()?)?,
        ];
        let part = |it: &str| {
            !it.is_empty()
                && it
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        let of = |text: Option<&str>| -> Option<Vec<String>> {
            let parts: Vec<&str> = text.map_or_else(Vec::new, |it| it.split('.').collect());
            parts
                .iter()
                .all(|it| part(it))
                .then(|| parts.into_iter().map(str::to_owned).collect())
        };
        of(build)?;
        let pre = of(pre)?;
        let padded =
            |it: &String| it.bytes().all(|byte| byte.is_ascii_digit()) && number(it).is_none();
        let holds = parts.next().is_none() && !pre.iter().any(padded);
        holds.then_some(Semver { numbers, pre })
    }

    /// Also accepts `v1.2`; missing numbers are zero.
    pub(super) fn parse_loosely(text: &str) -> Option<Semver> {
        let text = text.strip_prefix('v').unwrap_or(text);
        let end = text.find(['-', '+']).unwrap_or(text.len());
        let (core, rest) = text.split_at(end);
        let mut numbers: Vec<&str> = core
            .split('.')
            .map(|it| {
                let trimmed = it.trim_start_matches('0');
                if trimmed.is_empty() && !it.is_empty() {
                    "0"
                } else {
                    trimmed
                }
            })
            .collect();
        while numbers.len() < 3 {
            numbers.push("0");
        }
        Semver::parse(&format!("{}{rest}", numbers.join(".")))
    }

    pub(super) fn compare(&self, other: &Semver) -> std::cmp::Ordering {
        let pre = |it: &Semver| it.pre.clone();
        let numbers = self.numbers.cmp(&other.numbers);
        numbers.then_with(|| match (self.pre.is_empty(), other.pre.is_empty()) {
            (true, true) => std::cmp::Ordering::Equal,
            (true, false) => std::cmp::Ordering::Greater,
            (false, true) => std::cmp::Ordering::Less,
            (false, false) => compare_parts(&pre(self), &pre(other)),
        })
    }
}

fn compare_parts(a: &[String], b: &[String]) -> std::cmp::Ordering {
    for (one, other) in a.iter().zip(b) {
        let order = match (one.parse::<u64>(), other.parse::<u64>()) {
            (Ok(one), Ok(other)) => one.cmp(&other),
            (Ok(_), Err(_)) => std::cmp::Ordering::Less,
            (Err(_), Ok(_)) => std::cmp::Ordering::Greater,
            (Err(_), Err(_)) => one.cmp(other),
        };
        if order != std::cmp::Ordering::Equal {
            return order;
        }
    }
    a.len().cmp(&b.len())
}
