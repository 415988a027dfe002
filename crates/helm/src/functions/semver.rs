//! `semver` and `semverCompare`.

use super::{STRING, fail};
use crate::HelmVersion;
use crate::go::strconv::quote;
use crate::semver::{Range, Version};
use crate::template::{Arguments, Context, Function, FunctionError, Returned, Signature};
use crate::value::{Display, Method, NamedType, Str, Struct, Type, UintType, Value};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::fixed("semver", &[STRING], |_, it| Ok(pointer(parse(it.text(0))?))),
    Function::fixed("semverCompare", &[STRING, STRING], compare),
];

fn parse(text: &[u8]) -> Result<Version, FunctionError> {
    // Invalid UTF-8 is not a version.
    let version = Version::parse(std::str::from_utf8(text).unwrap_or("\u{fffd}"));
    version.map_err(|it| FunctionError::new(it.to_string()))
}

fn compare(context: &mut Context<'_>, arguments: Arguments<'_>) -> Returned {
    let text = String::from_utf8_lossy(arguments.text(0));
    context.charge(text.len().saturating_mul(text.len()) / 64)?;
    match Range::parse(&text) {
        Err(error) => fail(in_version(context.version(), &error.to_string())),
        Ok(range) => Ok(Value::Bool(range.admits(&parse(arguments.text(1))?))),
    }
}

/// The message in a version of Helm: Helm 4 quotes the constraint.
fn in_version(version: HelmVersion, message: &str) -> String {
    match message.strip_prefix("improper constraint: ") {
        Some(text) if version == HelmVersion::V4 => {
            format!("improper constraint: {}", quote(text.as_bytes()))
        }
        _ => message.to_string(),
    }
}

/// The Go type `semver.Version`.
static VERSION: NamedType = NamedType {
    name: "semver.Version",
    underlying: Type::Struct(&[]),
    methods: METHODS,
    display: Some(Display {
        text: |value| with(value, |it| it.to_string().into()),
        on_pointer: false,
    }),
    go_string: None,
};

const NONE: Signature = Signature::fixed(&[]);
// A static, because the type has methods with parameters of the same type.
static OTHER: [Type; 1] = [Type::Pointer(&VERSION)];

static METHODS: &[Method] = &[
    method("Compare", Signature::fixed(&OTHER), |_, it, arguments| {
        let order = ordered(it, arguments)?;
        Ok(Value::int(order as i64))
    }),
    method("Equal", Signature::fixed(&OTHER), |_, it, arguments| {
        Ok(Value::Bool(ordered(it, arguments)?.is_eq()))
    }),
    method(
        "GreaterThan",
        Signature::fixed(&OTHER),
        |_, it, arguments| Ok(Value::Bool(ordered(it, arguments)?.is_gt())),
    ),
    method(
        "GreaterThanEqual",
        Signature::fixed(&OTHER),
        |_, it, arguments| Ok(Value::Bool(ordered(it, arguments)?.is_ge())),
    ),
    method("IncMajor", NONE, |_, it, _| {
        Ok(changed(it, Version::next_major))
    }),
    method("IncMinor", NONE, |_, it, _| {
        Ok(changed(it, Version::next_minor))
    }),
    method("IncPatch", NONE, |_, it, _| {
        Ok(changed(it, Version::next_patch))
    }),
    method("LessThan", Signature::fixed(&OTHER), |_, it, arguments| {
        Ok(Value::Bool(ordered(it, arguments)?.is_lt()))
    }),
    method(
        "LessThanEqual",
        Signature::fixed(&OTHER),
        |_, it, arguments| Ok(Value::Bool(ordered(it, arguments)?.is_le())),
    ),
    method("Major", NONE, |_, it, _| Ok(number(it, Version::major))),
    method("Metadata", NONE, |_, it, _| {
        Ok(Value::String(with(it, |it| it.metadata().into())))
    }),
    method("Minor", NONE, |_, it, _| Ok(number(it, Version::minor))),
    method("Original", NONE, |_, it, _| {
        Ok(Value::String(with(it, |it| it.as_str().into())))
    }),
    method("Patch", NONE, |_, it, _| Ok(number(it, Version::patch))),
    method("Prerelease", NONE, |_, it, _| {
        Ok(Value::String(with(it, |it| it.prerelease().into())))
    }),
    method("String", NONE, |_, it, _| {
        Ok(Value::String(with(it, |it| it.to_string().into())))
    }),
];

const fn method(
    name: &'static str,
    signature: Signature,
    call: fn(&mut Context<'_>, &Value, &[Value]) -> Returned,
) -> Method {
    Method {
        name,
        signature,
        on_pointer: false,
        call,
    }
}

/// A version as Go compares the struct with `==`: with its original text.
struct Exact(Version);

impl PartialEq for Exact {
    fn eq(&self, other: &Exact) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

fn object(version: Version) -> Struct {
    Struct::with_data(&VERSION, Vec::new(), Exact(version))
}

fn pointer(version: Version) -> Value {
    Value::Pointer(object(version))
}

fn version_of(value: &Value) -> Option<&Version> {
    match value {
        Value::Struct(object) | Value::Pointer(object) => version(object),
        _ => None,
    }
}

/// The version in a struct, if it is one.
pub(super) fn version(object: &Struct) -> Option<&Version> {
    object.data::<Exact>().map(|it| &it.0)
}

/// A text of the version in a value.
fn with(value: &Value, text: impl Fn(&Version) -> Str) -> Str {
    version_of(value).map(text).unwrap_or_default()
}

fn number(value: &Value, part: impl Fn(&Version) -> u64) -> Value {
    Value::Uint(UintType::Uint64, version_of(value).map_or(0, part))
}

fn changed(value: &Value, change: impl Fn(&Version) -> Version) -> Value {
    match version_of(value) {
        Some(version) => Value::Struct(object(change(version))),
        None => Value::Nil,
    }
}

fn ordered(value: &Value, arguments: &[Value]) -> Result<std::cmp::Ordering, FunctionError> {
    let other = arguments.first().and_then(version_of);
    match version_of(value).zip(other) {
        Some((version, other)) => Ok(version.cmp(other)),
        None => fail(super::NIL_POINTER),
    }
}
