//! `.Capabilities`: a pointer to a struct with methods.

use crate::HelmVersion;
use crate::capabilities::{Capabilities, build_info};
use crate::template::{Context, FunctionError, Signature};
use crate::value::{Display, Field, List, Method, NamedType, Str, Struct, Type, Value};

/// The Go types in a version of Helm. The versions differ in the package and in one field.
struct Types {
    capabilities: &'static NamedType,
    kube_version: &'static NamedType,
    version_set: &'static Type,
    build_info: &'static NamedType,
}

macro_rules! types {
    ($package:literal, $kube_version:expr, $build_info:expr) => {{
        static KUBE_VERSION: NamedType = NamedType {
            name: concat!($package, ".KubeVersion"),
            underlying: Type::Struct($kube_version),
            methods: &KUBE_VERSION_METHODS,
            display: Some(Display {
                text: kube_version_text,
                on_pointer: true,
            }),
            go_string: None,
        };
        static VERSION_SET: NamedType = NamedType {
            name: concat!($package, ".VersionSet"),
            underlying: Type::Slice(&Type::String),
            methods: &VERSION_SET_METHODS,
            display: None,
            go_string: None,
        };
        static VERSION_SET_TYPE: Type = Type::Named(&VERSION_SET);
        static BUILD_INFO: NamedType =
            NamedType::new("version.BuildInfo", Type::Struct($build_info));
        static CAPABILITIES: NamedType = NamedType {
            name: concat!($package, ".Capabilities"),
            underlying: Type::Struct(&[
                field("KubeVersion", Type::Named(&KUBE_VERSION), ""),
                field("APIVersions", Type::Named(&VERSION_SET), ""),
                field("HelmVersion", Type::Named(&BUILD_INFO), ""),
            ]),
            methods: &CAPABILITIES_METHODS,
            display: None,
            go_string: None,
        };
        Types {
            capabilities: &CAPABILITIES,
            kube_version: &KUBE_VERSION,
            version_set: &VERSION_SET_TYPE,
            build_info: &BUILD_INFO,
        }
    }};
}

static V3: Types = types!(
    "chartutil",
    &[
        field("Version", Type::String, ""),
        field("Major", Type::String, ""),
        field("Minor", Type::String, ""),
    ],
    &[
        field("Version", Type::String, "version,omitempty"),
        field("GitCommit", Type::String, "git_commit,omitempty"),
        field("GitTreeState", Type::String, "git_tree_state,omitempty"),
        field("GoVersion", Type::String, "go_version,omitempty"),
    ]
);

static V4: Types = types!(
    "common",
    &[
        field("Version", Type::String, ""),
        field("normalizedVersion", Type::String, "-"),
        field("Major", Type::String, ""),
        field("Minor", Type::String, ""),
    ],
    &[
        field("Version", Type::String, "version,omitempty"),
        field("GitCommit", Type::String, "git_commit,omitempty"),
        field("GitTreeState", Type::String, "git_tree_state,omitempty"),
        field("GoVersion", Type::String, "go_version,omitempty"),
        field("KubeClientVersion", Type::String, "kube_client_version"),
    ]
);

const fn field(name: &'static str, ty: Type, json: &'static str) -> Field {
    Field {
        name,
        ty,
        json,
        embedded: false,
    }
}

type Returned = Result<Value, FunctionError>;

const fn method(
    name: &'static str,
    parameters: &'static [Type],
    on_pointer: bool,
    call: fn(&mut Context<'_>, &Value, &[Value]) -> Returned,
) -> Method {
    Method {
        name,
        signature: Signature::fixed(parameters),
        on_pointer,
        call,
    }
}

static CAPABILITIES_METHODS: [Method; 1] = [method("Copy", &[], true, copy)];
static KUBE_VERSION_METHODS: [Method; 2] = [
    method("GitVersion", &[], true, git_version),
    method("String", &[], true, string),
];
static VERSION_SET_METHODS: [Method; 1] = [method("Has", &[Type::String], false, has)];

fn copy(_: &mut Context<'_>, receiver: &Value, _: &[Value]) -> Returned {
    Ok(receiver.clone())
}

fn git_version(_: &mut Context<'_>, receiver: &Value, _: &[Value]) -> Returned {
    Ok(struct_field(receiver, "Version"))
}

fn string(_: &mut Context<'_>, receiver: &Value, _: &[Value]) -> Returned {
    Ok(Value::String(kube_version_text(receiver)))
}

fn struct_field(receiver: &Value, name: &str) -> Value {
    match receiver {
        Value::Struct(object) | Value::Pointer(object) => object.field(name).unwrap_or_default(),
        _ => Value::Nil,
    }
}

fn kube_version_text(receiver: &Value) -> Str {
    let text = |name: &str| match struct_field(receiver, name) {
        Value::String(text) => text,
        _ => Str::default(),
    };
    match text("normalizedVersion") {
        normalized if !normalized.is_empty() => normalized,
        _ => text("Version"),
    }
}

fn has(_: &mut Context<'_>, receiver: &Value, arguments: &[Value]) -> Returned {
    let version = arguments.first().and_then(Value::as_str);
    let versions = receiver.as_list().map(List::to_vec).unwrap_or_default();
    let mut versions = versions.iter().filter_map(Value::as_str);
    Ok(Value::Bool(
        version.is_some_and(|version| versions.any(|it| it == version)),
    ))
}

/// `.Capabilities`: a pointer to a struct.
pub(crate) fn capabilities(capabilities: &Capabilities, version: HelmVersion) -> Value {
    let types = match version {
        HelmVersion::V3 => &V3,
        HelmVersion::V4 => &V4,
    };
    let text = |text: &str| Value::string(text);
    let kube = &capabilities.kube_version;
    let mut kube_fields = vec![text(&kube.version)];
    if version == HelmVersion::V4 {
        kube_fields.push(text(&kube.normalized));
    }
    kube_fields.extend([text(&kube.major), text(&kube.minor)]);
    let build = build_info(version);
    let mut build_fields = vec![
        text(build.version),
        text(""),
        text(""),
        text(build.go_version),
    ];
    build_fields.extend(build.kube_client_version.map(text));
    let apis = capabilities.api_versions.iter().map(|it| text(it));
    let fields = vec![
        Value::Struct(Struct::new(types.kube_version, kube_fields)),
        Value::List(List::with_type(types.version_set, apis.collect())),
        Value::Struct(Struct::new(types.build_info, build_fields)),
    ];
    Value::Pointer(Struct::new(types.capabilities, fields))
}
