//! Kubernetes' functions for CEL (`pkg/cel/library` of apiserver).

use std::cmp::Ordering;
use std::net::IpAddr;
use std::sync::Arc;

use cel_core::{CelType, EvalError, FunctionDecl, MapKey, OverloadDecl, Value, ValueMap};

use super::opaque::{CIDR, FORMAT, IP, Opaque, QUANTITY, SEMVER, Semver, URL, Url, type_of};
use crate::schema::pattern::Pattern;
use crate::validate::names::{self, NameRule};
use crate::validate::quantity::Quantity;
use crate::validate::{format, scalars};

/// All functions beyond the standard library.
pub(super) fn functions() -> Vec<FunctionDecl> {
    let mut all = Vec::new();
    all.extend(quantities());
    all.extend(addresses());
    all.extend(urls());
    all.extend(versions());
    all.extend(formats());
    all.extend(lists());
    all.extend(texts());
    all
}

type Implementation = fn(&[Value]) -> Value;

/// A function with one implementation for all its types.
fn function(name: &str, overloads: &[(&[CelType], CelType)], run: Implementation) -> FunctionDecl {
    declare(name, overloads, false, run)
}

/// A method: the first type is that of the receiver.
fn method(name: &str, overloads: &[(&[CelType], CelType)], run: Implementation) -> FunctionDecl {
    declare(name, overloads, true, run)
}

fn declare(
    name: &str,
    overloads: &[(&[CelType], CelType)],
    is_member: bool,
    run: Implementation,
) -> FunctionDecl {
    let mut declaration = FunctionDecl::new(name);
    for (index, (parameters, result)) in overloads.iter().enumerate() {
        let id = format!("k8s_{name}_{index}_{}", parameters.len());
        let (parameters, result) = (parameters.to_vec(), result.clone());
        let overload = match is_member {
            true => OverloadDecl::method(id, parameters, result),
            false => OverloadDecl::function(id, parameters, result),
        };
        let overload = overload.with_type_params(vec!["T".to_owned()]);
        declaration = declaration.with_overload(overload.with_impl(run));
    }
    declaration
}

fn wrong(message: impl Into<String>) -> Value {
    Value::error(EvalError::invalid_argument(message.into()))
}

fn no_overload() -> Value {
    wrong("no such overload")
}

fn text(args: &[Value], index: usize) -> Option<&str> {
    match args.get(index) {
        Some(Value::String(text)) => Some(text),
        _ => None,
    }
}

fn opaque(args: &[Value], index: usize) -> Option<&Opaque> {
    args.get(index).and_then(Opaque::downcast)
}

fn string(text: &str) -> Value {
    Value::String(text.into())
}

fn list(items: impl IntoIterator<Item = Value>) -> Value {
    Value::List(items.into_iter().collect::<Vec<_>>().into())
}

// Quantities.

fn quantity_of(args: &[Value], index: usize) -> Option<Quantity> {
    match (opaque(args, index), args.get(index)) {
        (Some(Opaque::Quantity(quantity)), _) => Some(*quantity),
        (None, Some(Value::Int(number))) => Some(Quantity::from_integer(*number)),
        _ => None,
    }
}

fn two(args: &[Value], run: fn(Quantity, Quantity) -> Value) -> Value {
    match (quantity_of(args, 0), quantity_of(args, 1)) {
        (Some(one), Some(other)) => run(one, other),
        _ => no_overload(),
    }
}

fn quantities() -> Vec<FunctionDecl> {
    let q = || type_of(QUANTITY);
    let own = [q()];
    let pair = [q(), q()];
    let with_int = [q(), CelType::Int];
    vec![
        function("quantity", &[(&[CelType::String], q())], |args| {
            let parsed = text(args, 0).and_then(Quantity::parse);
            parsed.map_or_else(
                || wrong("not a quantity"),
                |it| Opaque::Quantity(it).value(),
            )
        }),
        function(
            "isQuantity",
            &[(&[CelType::String], CelType::Bool)],
            |args| Value::Bool(text(args, 0).and_then(Quantity::parse).is_some()),
        ),
        method("sign", &[(&own, CelType::Int)], |args| {
            quantity_of(args, 0).map_or_else(no_overload, |it| Value::Int(it.sign()))
        }),
        method("asApproximateFloat", &[(&own, CelType::Double)], |args| {
            quantity_of(args, 0).map_or_else(no_overload, |it| Value::Double(it.approximate()))
        }),
        method("asInteger", &[(&own, CelType::Int)], |args| {
            let whole = quantity_of(args, 0).and_then(Quantity::whole);
            whole.map_or_else(|| wrong("cannot convert value to integer"), Value::Int)
        }),
        method("isInteger", &[(&own, CelType::Bool)], |args| {
            let whole = quantity_of(args, 0).map(|it| it.whole().is_some());
            whole.map_or_else(no_overload, Value::Bool)
        }),
        method("add", &[(&pair, q()), (&with_int, q())], |args| {
            two(args, |a, b| Opaque::Quantity(a.add(b)).value())
        }),
        method("sub", &[(&pair, q()), (&with_int, q())], |args| {
            two(args, |a, b| Opaque::Quantity(a.sub(b)).value())
        }),
    ]
}

/// The order of quantities and versions.
fn ordering(args: &[Value]) -> Option<Ordering> {
    match (opaque(args, 0)?, opaque(args, 1)?) {
        (Opaque::Quantity(a), Opaque::Quantity(b)) => Some(a.cmp(b)),
        (Opaque::Semver(a), Opaque::Semver(b)) => Some(a.compare(b)),
        _ => None,
    }
}

// Addresses and networks.

fn addresses() -> Vec<FunctionDecl> {
    let mut all = of_ip();
    all.extend(of_cidr());
    all
}

fn of_ip() -> Vec<FunctionDecl> {
    let (ip, cidr) = (|| type_of(IP), || type_of(CIDR));
    let of_ip = [ip()];
    let is = |name, run| method(name, &[(&[type_of(IP)], CelType::Bool)], run);
    vec![
        function(
            "ip",
            &[(&[CelType::String], ip()), (&[cidr()], ip())],
            ip_of,
        ),
        method("ip", &[(&[cidr()], ip())], ip_of),
        function("isIP", &[(&[CelType::String], CelType::Bool)], |args| {
            Value::Bool(text(args, 0).and_then(scalars::ip).is_some_and(is_plain))
        }),
        function(
            "ip.isCanonical",
            &[(&[CelType::String], CelType::Bool)],
            |args| {
                let text = text(args, 0).unwrap_or("");
                match scalars::ip(text) {
                    Some(address) => Value::Bool(address.to_string() == text),
                    None => wrong("not an IP address"),
                }
            },
        ),
        method("family", &[(&of_ip, CelType::Int)], |args| {
            match opaque(args, 0) {
                Some(Opaque::Ip(address)) => Value::Int(if address.is_ipv4() { 4 } else { 6 }),
                _ => no_overload(),
            }
        }),
        is("isUnspecified", |args| {
            about(args, |it| it.is_unspecified())
        }),
        is("isLoopback", |args| about(args, |it| it.is_loopback())),
        is("isLinkLocalMulticast", |args| {
            about(args, is_link_local_multicast)
        }),
        is("isLinkLocalUnicast", |args| about(args, is_link_local)),
        is("isGlobalUnicast", |args| about(args, is_global)),
    ]
}

fn of_cidr() -> Vec<FunctionDecl> {
    let (ip, cidr) = (|| type_of(IP), || type_of(CIDR));
    vec![
        function("cidr", &[(&[CelType::String], cidr())], |args| {
            let parsed = text(args, 0).and_then(scalars::cidr);
            parsed.map_or_else(
                || wrong("not a CIDR"),
                |it| Opaque::Cidr(it.0, it.1).value(),
            )
        }),
        function("isCIDR", &[(&[CelType::String], CelType::Bool)], |args| {
            Value::Bool(text(args, 0).and_then(scalars::cidr).is_some())
        }),
        method(
            "containsIP",
            &[
                (&[cidr(), CelType::String], CelType::Bool),
                (&[cidr(), ip()], CelType::Bool),
            ],
            contains_ip,
        ),
        method(
            "containsCIDR",
            &[
                (&[cidr(), CelType::String], CelType::Bool),
                (&[cidr(), cidr()], CelType::Bool),
            ],
            contains_cidr,
        ),
        method(
            "prefixLength",
            &[(&[cidr()], CelType::Int)],
            |args| match opaque(args, 0) {
                Some(Opaque::Cidr(_, bits)) => Value::Int(i64::from(*bits)),
                _ => no_overload(),
            },
        ),
        method("masked", &[(&[cidr()], cidr())], |args| {
            match opaque(args, 0) {
                Some(Opaque::Cidr(address, bits)) => {
                    Opaque::Cidr(masked(*address, *bits), *bits).value()
                }
                _ => no_overload(),
            }
        }),
    ]
}

fn contains_ip(args: &[Value]) -> Value {
    let other = match (opaque(args, 1), text(args, 1)) {
        (Some(Opaque::Ip(address)), _) => Some(*address),
        (_, Some(text)) => scalars::ip(text),
        _ => None,
    };
    match (opaque(args, 0), other) {
        (Some(Opaque::Cidr(network, bits)), Some(other)) => {
            Value::Bool(contains(*network, *bits, other))
        }
        _ => wrong("not an IP address"),
    }
}

fn contains_cidr(args: &[Value]) -> Value {
    let other = match (opaque(args, 1), text(args, 1)) {
        (Some(Opaque::Cidr(address, bits)), _) => Some((*address, *bits)),
        (_, Some(text)) => scalars::cidr(text),
        _ => None,
    };
    match (opaque(args, 0), other) {
        (Some(Opaque::Cidr(network, bits)), Some((address, inner))) => {
            Value::Bool(inner >= *bits && contains(*network, *bits, address))
        }
        _ => wrong("not a CIDR"),
    }
}

fn ip_of(args: &[Value]) -> Value {
    match (opaque(args, 0), text(args, 0).and_then(scalars::ip)) {
        (Some(Opaque::Cidr(address, _)), _) => Opaque::Ip(*address).value(),
        (_, Some(address)) if is_plain(address) => Opaque::Ip(address).value(),
        _ => wrong("not an IP address"),
    }
}

/// Whether an address is not an IPv4 address in IPv6 form, which is rejected.
fn is_plain(address: IpAddr) -> bool {
    !matches!(address, IpAddr::V6(it) if it.to_ipv4_mapped().is_some())
}

fn about(args: &[Value], run: fn(IpAddr) -> bool) -> Value {
    match opaque(args, 0) {
        Some(Opaque::Ip(address)) => Value::Bool(run(*address)),
        _ => no_overload(),
    }
}

fn is_link_local_multicast(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(it) => it.octets().starts_with(&[224, 0, 0]),
        IpAddr::V6(it) => it
            .segments()
            .first()
            .is_some_and(|it| it & 0xff0f == 0xff02),
    }
}

fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(it) => it.is_link_local(),
        IpAddr::V6(it) => it
            .segments()
            .first()
            .is_some_and(|it| it & 0xffc0 == 0xfe80),
    }
}

fn is_global(address: IpAddr) -> bool {
    let is_broadcast = matches!(address, IpAddr::V4(it) if it.is_broadcast());
    !(is_broadcast
        || address.is_unspecified()
        || address.is_loopback()
        || address.is_multicast()
        || is_link_local(address))
}

fn masked(address: IpAddr, bits: u8) -> IpAddr {
    let bits = u32::from(bits);
    match address {
        IpAddr::V4(it) => {
            let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
            IpAddr::V4((u32::from(it) & mask).into())
        }
        IpAddr::V6(it) => {
            let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
            IpAddr::V6((u128::from(it) & mask).into())
        }
    }
}

fn contains(network: IpAddr, bits: u8, address: IpAddr) -> bool {
    network.is_ipv4() == address.is_ipv4() && masked(network, bits) == masked(address, bits)
}

// URLs.

fn urls() -> Vec<FunctionDecl> {
    let part = |name, run| method(name, &[(&[type_of(URL)], CelType::String)], run);
    let queries = CelType::map(CelType::String, CelType::list(CelType::String));
    vec![
        function("url", &[(&[CelType::String], type_of(URL))], |args| {
            let parsed = text(args, 0).and_then(Url::parse);
            parsed.map_or_else(|| wrong("not a URL"), |it| Opaque::Url(it).value())
        }),
        function("isURL", &[(&[CelType::String], CelType::Bool)], |args| {
            Value::Bool(text(args, 0).and_then(Url::parse).is_some())
        }),
        part("getScheme", |args| url_part(args, |it| &it.scheme)),
        part("getHost", |args| url_part(args, |it| &it.host)),
        part("getHostname", |args| url_part(args, Url::hostname)),
        part("getPort", |args| url_part(args, Url::port)),
        part("getEscapedPath", |args| url_part(args, |it| &it.path)),
        method(
            "getQuery",
            &[(&[type_of(URL)], queries)],
            |args| match opaque(args, 0) {
                Some(Opaque::Url(url)) => query(&url.query),
                _ => no_overload(),
            },
        ),
    ]
}

fn url_part(args: &[Value], run: fn(&Url) -> &str) -> Value {
    match opaque(args, 0) {
        Some(Opaque::Url(url)) => string(run(url)),
        _ => no_overload(),
    }
}

fn query(text: &str) -> Value {
    let mut map: std::collections::BTreeMap<String, Vec<Value>> = std::collections::BTreeMap::new();
    for part in text.split('&').filter(|it| !it.is_empty()) {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        map.entry(decoded(key))
            .or_default()
            .push(string(&decoded(value)));
    }
    let entries = map
        .into_iter()
        .map(|(key, values)| (MapKey::String(key.as_str().into()), list(values)));
    Value::Map(Arc::new(ValueMap::from_entries(entries)))
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let digits: Vec<u8> = rest.by_ref().take(2).collect();
                let digits = std::str::from_utf8(&digits).unwrap_or("");
                bytes.push(u8::from_str_radix(digits, 16).unwrap_or(b'%'));
            }
            _ => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

// Versions, and the order of these and of quantities.

fn versions() -> Vec<FunctionDecl> {
    let (q, v) = (|| type_of(QUANTITY), || type_of(SEMVER));
    let made = [
        (&[CelType::String][..], v()),
        (&[CelType::String, CelType::Bool][..], v()),
    ];
    let is = [
        (&[CelType::String][..], CelType::Bool),
        (&[CelType::String, CelType::Bool][..], CelType::Bool),
    ];
    let (quantities, semvers) = ([q(), q()], [v(), v()]);
    let order = |name, result: CelType, run| {
        method(
            name,
            &[(&quantities, result.clone()), (&semvers, result)],
            run,
        )
    };
    let number = |name, run| method(name, &[(&[type_of(SEMVER)], CelType::Int)], run);
    vec![
        function("semver", &made, |args| {
            semver(args).map_or_else(
                || wrong("not a semantic version"),
                |it| Opaque::Semver(it).value(),
            )
        }),
        function("isSemver", &is, |args| Value::Bool(semver(args).is_some())),
        order("isGreaterThan", CelType::Bool, |args| {
            ordering(args).map_or_else(no_overload, |it| Value::Bool(it == Ordering::Greater))
        }),
        order("isLessThan", CelType::Bool, |args| {
            ordering(args).map_or_else(no_overload, |it| Value::Bool(it == Ordering::Less))
        }),
        order("compareTo", CelType::Int, |args| {
            ordering(args).map_or_else(no_overload, |it| Value::Int(it as i64))
        }),
        number("major", |args| version_number(args, 0)),
        number("minor", |args| version_number(args, 1)),
        number("patch", |args| version_number(args, 2)),
    ]
}

fn semver(args: &[Value]) -> Option<Semver> {
    let text = text(args, 0)?;
    match args.get(1) {
        Some(Value::Bool(true)) => Semver::parse_loosely(text),
        _ => Semver::parse(text),
    }
}

fn version_number(args: &[Value], index: usize) -> Value {
    match opaque(args, 0) {
        Some(Opaque::Semver(version)) => {
            let number = version.numbers.get(index).copied().unwrap_or(0);
            i64::try_from(number).map_or_else(|_| wrong("too large"), Value::Int)
        }
        _ => no_overload(),
    }
}

// Formats.

/// A named format, and its validation.
type Format = (&'static str, fn(&str) -> bool);

const FORMATS: [Format; 14] = [
    ("dns1123Label", |it| names::dns_label(it).is_none()),
    ("dns1123Subdomain", |it| names::dns_subdomain(it).is_none()),
    ("dns1035Label", |it| names::dns_1035_label(it).is_none()),
    ("qualifiedName", |it| names::qualified_name(it).is_none()),
    ("dns1123LabelPrefix", |it| prefixed(it, names::dns_label)),
    ("dns1123SubdomainPrefix", |it| {
        prefixed(it, names::dns_subdomain)
    }),
    ("dns1035LabelPrefix", |it| {
        prefixed(it, names::dns_1035_label)
    }),
    ("labelValue", |it| names::label_value(it).is_none()),
    ("uri", format::is_request_uri),
    ("uuid", |it| {
        format::holds(crate::validate::schema::Format::Uuid, it)
    }),
    ("byte", |it| {
        format::holds(crate::validate::schema::Format::Byte, it)
    }),
    ("date", |it| {
        format::holds(crate::validate::schema::Format::Date, it)
    }),
    ("datetime", |it| {
        format::holds(crate::validate::schema::Format::DateTime, it)
    }),
    ("duration", |it| {
        format::holds(crate::validate::schema::Format::Duration, it)
    }),
];

fn prefixed(text: &str, rule: NameRule) -> bool {
    rule(&names::as_prefix(text)).is_none()
}

fn formats() -> Vec<FunctionDecl> {
    let result = CelType::optional(CelType::list(CelType::String));
    let named = CelType::optional(type_of(FORMAT));
    let mut all = vec![
        function("format.named", &[(&[CelType::String], named)], |args| {
            let name = text(args, 0).unwrap_or("");
            let found = FORMATS.iter().find(|it| it.0 == name);
            match found {
                Some((name, _)) => Value::optional_some(Opaque::Format(name).value()),
                None => Value::optional_none(),
            }
        }),
        method(
            "validate",
            &[(&[type_of(FORMAT), CelType::String], result)],
            |args| {
                let (Some(Opaque::Format(name)), Some(text)) = (opaque(args, 0), text(args, 1))
                else {
                    return no_overload();
                };
                let holds = FORMATS.iter().any(|it| it.0 == *name && (it.1)(text));
                match holds {
                    true => Value::optional_none(),
                    false => Value::optional_some(list([string(&format!("not a valid {name}"))])),
                }
            },
        ),
    ];
    for (name, _) in FORMATS {
        // An implementation is a function without captures, so each name needs its own; `format.named` finds it.
        let overload =
            OverloadDecl::function(format!("format_{name}"), Vec::new(), type_of(FORMAT))
                .with_impl(move |_| Opaque::Format(name).value());
        all.push(FunctionDecl::new(format!("format.{name}")).with_overload(overload));
    }
    all
}

// Lists.

fn lists() -> Vec<FunctionDecl> {
    let any = || CelType::list(CelType::type_param("T"));
    let own = [any()];
    let with_item = [any(), CelType::type_param("T")];
    vec![
        method("isSorted", &[(&own, CelType::Bool)], |args| {
            let items = items(args);
            let pairs = items.iter().zip(items.iter().skip(1));
            let orders: Option<Vec<Ordering>> = pairs.map(|(a, b)| a.compare(b)).collect();
            orders.map_or_else(no_overload, |it| {
                Value::Bool(!it.contains(&Ordering::Greater))
            })
        }),
        method("sum", &[(&own, CelType::type_param("T"))], |args| {
            sum(items(args))
        }),
        method("min", &[(&own, CelType::type_param("T"))], |args| {
            extreme(items(args), Ordering::Less)
        }),
        method("max", &[(&own, CelType::type_param("T"))], |args| {
            extreme(items(args), Ordering::Greater)
        }),
        method("indexOf", &[(&with_item, CelType::Int)], |args| {
            index(args, false)
        }),
        method("lastIndexOf", &[(&with_item, CelType::Int)], |args| {
            index(args, true)
        }),
    ]
}

fn items(args: &[Value]) -> &[Value] {
    match args.first() {
        Some(Value::List(items)) => items,
        _ => &[],
    }
}

fn index(args: &[Value], from_end: bool) -> Value {
    let (Some(Value::List(items)), Some(item)) = (args.first(), args.get(1)) else {
        return no_overload();
    };
    let is = |it: &Value| it == item;
    let found = match from_end {
        true => items.iter().rposition(is),
        false => items.iter().position(is),
    };
    Value::Int(found.and_then(|it| i64::try_from(it).ok()).unwrap_or(-1))
}

fn extreme(items: &[Value], better: Ordering) -> Value {
    let Some((first, rest)) = items.split_first() else {
        return wrong("min and max need a list that is not empty");
    };
    let mut best = first;
    for item in rest {
        match item.compare(best) {
            None => return no_overload(),
            Some(order) if order == better => best = item,
            Some(_) => {}
        }
    }
    best.clone()
}

fn sum(items: &[Value]) -> Value {
    let mut total = Value::Int(0);
    for (at, item) in items.iter().enumerate() {
        total = match (&total, item) {
            (_, item) if at == 0 => item.clone(),
            (Value::Int(a), Value::Int(b)) => match a.checked_add(*b) {
                Some(sum) => Value::Int(sum),
                None => return wrong("integer overflow"),
            },
            (Value::UInt(a), Value::UInt(b)) => match a.checked_add(*b) {
                Some(sum) => Value::UInt(sum),
                None => return wrong("unsigned integer overflow"),
            },
            (Value::Double(a), Value::Double(b)) => Value::Double(a + b),
            _ => return no_overload(),
        };
    }
    total
}

// Strings.

fn texts() -> Vec<FunctionDecl> {
    let two = [CelType::String, CelType::String];
    let three = [CelType::String, CelType::String, CelType::Int];
    let found = CelType::list(CelType::String);
    vec![
        method(
            "split",
            &[(&two, found.clone()), (&three, found.clone())],
            split,
        ),
        method("find", &[(&two, CelType::String)], find),
        method(
            "findAll",
            &[(&two, found.clone()), (&three, found)],
            find_all,
        ),
    ]
}

/// `text.matches(pattern)`, in the syntax of RE2.
pub(super) fn matches(args: &[Value]) -> Value {
    let (Some(text), Some(pattern)) = (text(args, 0), text(args, 1)) else {
        return no_overload();
    };
    let pattern = Pattern::new(pattern);
    match pattern.is_valid() {
        true => Value::Bool(pattern.matches(text)),
        false => wrong(NO_PATTERN),
    }
}

/// `text.find(pattern)`: the first match, or an empty string.
pub(super) fn find(args: &[Value]) -> Value {
    let found = found(args, Some(1));
    found.map_or_else(
        || wrong(NO_PATTERN),
        |it| string(it.first().map_or("", String::as_str)),
    )
}

/// `text.findAll(pattern)` and `text.findAll(pattern, limit)`.
pub(super) fn find_all(args: &[Value]) -> Value {
    let limit = match args.get(2) {
        Some(Value::Int(limit)) => usize::try_from(*limit).ok(),
        _ => None,
    };
    let found = found(args, limit);
    found.map_or_else(
        || wrong(NO_PATTERN),
        |it| list(it.iter().map(|it| string(it))),
    )
}

const NO_PATTERN: &str = "not a regular expression";

/// `strings.SplitN` of Go: an empty separator splits after each character, a negative limit means no limit.
fn split(args: &[Value]) -> Value {
    let (Some(text), Some(separator)) = (text(args, 0), text(args, 1)) else {
        return no_overload();
    };
    let limit = match args.get(2) {
        Some(Value::Int(limit)) => usize::try_from(*limit).unwrap_or(usize::MAX),
        _ => usize::MAX,
    };
    if limit == 0 {
        return list([]);
    }
    if !separator.is_empty() {
        return list(text.splitn(limit, separator).map(string));
    }
    let starts: Vec<usize> = text.char_indices().map(|it| it.0).take(limit).collect();
    let next = |at: usize| starts.get(at + 1).copied().unwrap_or(text.len());
    let part = |(at, start): (usize, &usize)| string(text.get(*start..next(at)).unwrap_or(""));
    list(starts.iter().enumerate().map(part))
}

fn found(args: &[Value], limit: Option<usize>) -> Option<Vec<String>> {
    let (text, pattern) = (text(args, 0)?, text(args, 1)?);
    Pattern::new(pattern).find(text, limit)
}
