//! `.Chart`: a struct in Helm 3, a map in Helm 4.

use serde_json::Value as Json;

use super::plain_map;
use crate::HelmVersion;
use crate::source::{Dependency, Maintainer, Metadata};
use crate::value::{Field, List, Map, NamedType, Str, Struct, Type, Value};
use crate::values::to_value;

static STRING_LIST: Type = Type::Slice(&Type::String);
static STRING_MAP: Type = Type::Map(&Type::String);
static ANY_LIST: Type = Type::Slice(&Type::Any);

static MAINTAINER: NamedType = NamedType::new(
    "chart.Maintainer",
    Type::Struct(&[
        field("Name", Type::String, "name,omitempty"),
        field("Email", Type::String, "email,omitempty"),
        field("URL", Type::String, "url,omitempty"),
    ]),
);
static MAINTAINERS: Type = Type::Slice(&Type::Pointer(&MAINTAINER));

static DEPENDENCY: NamedType = NamedType::new(
    "chart.Dependency",
    Type::Struct(&[
        field("Name", Type::String, "name"),
        field("Version", Type::String, "version,omitempty"),
        field("Repository", Type::String, "repository"),
        field("Condition", Type::String, "condition,omitempty"),
        field("Tags", Type::Slice(&Type::String), "tags,omitempty"),
        field("Enabled", Type::Bool, "enabled,omitempty"),
        field(
            "ImportValues",
            Type::Slice(&Type::Any),
            "import-values,omitempty",
        ),
        field("Alias", Type::String, "alias,omitempty"),
    ]),
);
static DEPENDENCIES: Type = Type::Slice(&Type::Pointer(&DEPENDENCY));

static METADATA: NamedType = NamedType::new(
    "chart.Metadata",
    Type::Struct(&[
        field("Name", Type::String, "name,omitempty"),
        field("Home", Type::String, "home,omitempty"),
        field("Sources", Type::Slice(&Type::String), "sources,omitempty"),
        field("Version", Type::String, "version,omitempty"),
        field("Description", Type::String, "description,omitempty"),
        field("Keywords", Type::Slice(&Type::String), "keywords,omitempty"),
        field(
            "Maintainers",
            Type::Slice(&Type::Pointer(&MAINTAINER)),
            "maintainers,omitempty",
        ),
        field("Icon", Type::String, "icon,omitempty"),
        field("APIVersion", Type::String, "apiVersion,omitempty"),
        field("Condition", Type::String, "condition,omitempty"),
        field("Tags", Type::String, "tags,omitempty"),
        field("AppVersion", Type::String, "appVersion,omitempty"),
        field("Deprecated", Type::Bool, "deprecated,omitempty"),
        field(
            "Annotations",
            Type::Map(&Type::String),
            "annotations,omitempty",
        ),
        field("KubeVersion", Type::String, "kubeVersion,omitempty"),
        field(
            "Dependencies",
            Type::Slice(&Type::Pointer(&DEPENDENCY)),
            "dependencies,omitempty",
        ),
        field("Type", Type::String, "type,omitempty"),
    ]),
);

static CHART: NamedType = NamedType::new(
    "struct { chart.Metadata; IsRoot bool }",
    Type::Struct(&[
        Field {
            name: "Metadata",
            ty: Type::Named(&METADATA),
            json: "",
            embedded: true,
        },
        field("IsRoot", Type::Bool, ""),
    ]),
);

const fn field(name: &'static str, ty: Type, json: &'static str) -> Field {
    Field {
        name,
        ty,
        json,
        embedded: false,
    }
}

/// `.Chart` of a chart.
pub(crate) fn metadata(metadata: &Metadata, is_root: bool, version: HelmVersion) -> Value {
    match version {
        HelmVersion::V3 => {
            let fields = fields(metadata, version).map(|it| it.1);
            let inner = Value::Struct(Struct::new(&METADATA, fields.into()));
            Value::Struct(Struct::new(&CHART, vec![inner, Value::Bool(is_root)]))
        }
        HelmVersion::V4 => {
            let mut entries: Vec<(Str, Value)> = fields(metadata, version)
                .into_iter()
                .map(|(name, value)| (Str::from(name), value))
                .collect();
            entries.push((Str::from("IsRoot"), Value::Bool(is_root)));
            Value::map(entries)
        }
    }
}

/// The fields in the order of the Go struct.
fn fields(metadata: &Metadata, version: HelmVersion) -> [(&'static str, Value); 17] {
    let text = |text: &String| Value::string(text.as_str());
    let annotations = metadata.annotations.iter();
    let annotations = annotations.map(|(key, value)| (Str::from(key.as_str()), text(value)));
    let annotations = match metadata.annotations.is_empty() {
        true => Map::nil(&STRING_MAP),
        false => Map::with_type(&STRING_MAP, annotations.collect()),
    };
    let maintainers = metadata
        .maintainers
        .iter()
        .map(|it| maintainer(it, version));
    let dependencies = metadata
        .dependencies
        .iter()
        .map(|it| dependency(it, version));
    [
        ("Name", text(&metadata.name)),
        ("Home", text(&metadata.home)),
        ("Sources", strings(&metadata.sources, version)),
        ("Version", text(&metadata.version)),
        ("Description", text(&metadata.description)),
        ("Keywords", strings(&metadata.keywords, version)),
        (
            "Maintainers",
            list(&MAINTAINERS, maintainers.collect(), version),
        ),
        ("Icon", text(&metadata.icon)),
        ("APIVersion", text(&metadata.api_version)),
        ("Condition", text(&metadata.condition)),
        ("Tags", text(&metadata.tags)),
        ("AppVersion", text(&metadata.app_version)),
        ("Deprecated", Value::Bool(metadata.deprecated)),
        ("Annotations", Value::Map(annotations)),
        ("KubeVersion", text(&metadata.kube_version)),
        (
            "Dependencies",
            list(&DEPENDENCIES, dependencies.collect(), version),
        ),
        ("Type", text(&metadata.chart_type)),
    ]
}

/// In Helm 3, a slice of the given type, nil if it is empty. In Helm 4, a `[]interface {}`.
fn list(ty: &'static Type, items: Vec<Value>, version: HelmVersion) -> Value {
    match version {
        HelmVersion::V4 => Value::list(items),
        HelmVersion::V3 if items.is_empty() => Value::List(List::nil(ty)),
        HelmVersion::V3 => Value::List(List::with_type(ty, items)),
    }
}

fn strings(items: &[String], version: HelmVersion) -> Value {
    let items = items.iter().map(|it| Value::string(it.as_str()));
    list(&STRING_LIST, items.collect(), version)
}

fn maintainer(maintainer: &Maintainer, version: HelmVersion) -> Value {
    let fields = [
        ("Name", Value::string(maintainer.name.as_str())),
        ("Email", Value::string(maintainer.email.as_str())),
        ("URL", Value::string(maintainer.url.as_str())),
    ];
    object(&MAINTAINER, fields, version)
}

fn dependency(dependency: &Dependency, version: HelmVersion) -> Value {
    let imports = dependency.import_values.iter().map(import_value);
    let fields = [
        ("Name", Value::string(dependency.name.as_str())),
        ("Version", Value::string(dependency.version.as_str())),
        ("Repository", Value::string(dependency.repository.as_str())),
        ("Condition", Value::string(dependency.condition.as_str())),
        ("Tags", strings(&dependency.tags, version)),
        ("Enabled", Value::Bool(dependency.enabled)),
        ("ImportValues", list(&ANY_LIST, imports.collect(), version)),
        ("Alias", Value::string(dependency.alias.as_str())),
    ];
    object(&DEPENDENCY, fields, version)
}

/// An entry of `import-values`. Helm replaces each by a `map[string]string` when it processes it.
fn import_value(json: &Json) -> Value {
    match to_value(json) {
        Value::Map(map) => Value::Map(Map::with_type(
            &STRING_MAP,
            map.snapshot().into_iter().collect(),
        )),
        value => value,
    }
}

fn object<const N: usize>(
    ty: &'static NamedType,
    fields: [(&'static str, Value); N],
    version: HelmVersion,
) -> Value {
    match version {
        HelmVersion::V3 => Value::Pointer(Struct::new(ty, fields.map(|it| it.1).into())),
        HelmVersion::V4 => plain_map(fields),
    }
}
