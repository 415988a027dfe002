//! `.Files`: the files of a chart that are neither templates nor values.

use crate::HelmVersion;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::functions::to_yaml;
use crate::go::glob::Glob;
use crate::go::path::base;
use crate::source::ChartFile;
use crate::template::{Context, FunctionError, Signature};
use crate::value::{Entries, Map, Method, NamedType, Str, Type, Value};

static FILES: NamedType = NamedType {
    name: "engine.files",
    underlying: Type::Map(&Type::Slice(&Type::Uint(crate::value::UintType::Uint8))),
    methods: &METHODS,
    display: None,
    go_string: None,
};
static TYPE: Type = Type::Named(&FILES);
static STRING_MAP: Type = Type::Map(&Type::String);

type Returned = Result<Value, FunctionError>;

static METHODS: [Method; 6] = [
    method("AsConfig", &[], as_config),
    method("AsSecrets", &[], as_secrets),
    method("Get", &[Type::String], get),
    method("GetBytes", &[Type::String], get_bytes),
    method("Glob", &[Type::String], glob),
    method("Lines", &[Type::String], lines),
];

const fn method(
    name: &'static str,
    parameters: &'static [Type],
    call: fn(&mut Context<'_>, &Value, &[Value]) -> Returned,
) -> Method {
    Method {
        name,
        signature: Signature::fixed(parameters),
        on_pointer: false,
        call,
    }
}

/// `.Files` of a chart.
pub(crate) fn files(files: &[ChartFile]) -> Value {
    let entry = |it: &ChartFile| {
        (
            Str::from(it.name.as_str()),
            Value::Bytes(Str::from(&*it.data)),
        )
    };
    Value::Map(Map::with_type(&TYPE, files.iter().map(entry).collect()))
}

fn content(receiver: &Value, arguments: &[Value]) -> Option<Str> {
    let name = arguments.first().and_then(Value::as_str)?;
    match receiver.as_map()?.get(name)? {
        Value::Bytes(bytes) => Some(bytes),
        _ => None,
    }
}

fn get(_: &mut Context<'_>, receiver: &Value, arguments: &[Value]) -> Returned {
    let content = content(receiver, arguments);
    Ok(Value::String(content.unwrap_or_default()))
}

fn get_bytes(_: &mut Context<'_>, receiver: &Value, arguments: &[Value]) -> Returned {
    Ok(Value::Bytes(
        content(receiver, arguments).unwrap_or_default(),
    ))
}

fn lines(context: &mut Context<'_>, receiver: &Value, arguments: &[Value]) -> Returned {
    let Some(content) = content(receiver, arguments) else {
        return Ok(Value::strings(Vec::<Str>::new()));
    };
    if content.is_empty() && context.version() == HelmVersion::V4 {
        return Ok(Value::strings(Vec::<Str>::new()));
    }
    if content.is_empty() {
        // Helm 3 accesses the last byte without checking whether there is one.
        return Err(FunctionError::new("runtime error: index out of range [-1]"));
    }
    let text = content.strip_suffix(b"\n").unwrap_or(&content);
    Ok(Value::strings(text.split(|it| *it == b'\n')))
}

/// As in Helm, an invalid pattern matches all files.
fn glob(_: &mut Context<'_>, receiver: &Value, arguments: &[Value]) -> Returned {
    let pattern = arguments.first().and_then(Value::as_str);
    let pattern = pattern.map_or_else(String::new, |it| it.to_lossy().into_owned());
    let glob = Glob::new(&pattern).ok();
    let files = receiver.as_map().map(Map::snapshot).unwrap_or_default();
    let matches = |it: &(Str, Value)| {
        glob.as_ref()
            .is_none_or(|glob| glob.matches(&it.0.to_lossy()))
    };
    let found: Entries = files.into_iter().filter(matches).collect();
    Ok(Value::Map(Map::with_type(&TYPE, found)))
}

fn as_config(_: &mut Context<'_>, receiver: &Value, _: &[Value]) -> Returned {
    Ok(yaml_by_name(receiver, |bytes| Value::String(bytes.clone())))
}

fn as_secrets(_: &mut Context<'_>, receiver: &Value, _: &[Value]) -> Returned {
    Ok(yaml_by_name(receiver, |bytes| {
        Value::string(STANDARD.encode(bytes))
    }))
}

/// A YAML map of the files by base name. Of files with the same base name, the last one in the order of paths is used.
fn yaml_by_name(receiver: &Value, encode: impl Fn(&Str) -> Value) -> Value {
    let files = receiver.as_map().map(Map::snapshot).unwrap_or_default();
    let entries = files.iter().filter_map(|(path, value)| match value {
        Value::Bytes(bytes) => Some((Str::from(base(path)), encode(bytes))),
        _ => None,
    });
    let map = Value::Map(Map::with_type(&STRING_MAP, entries.collect()));
    Value::string(to_yaml(&map))
}
