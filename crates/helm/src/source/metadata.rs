//! `Chart.yaml`: the metadata of a chart, decoded and validated as in Helm.

use pleach_yaml::Node;
use serde_json::{Map, Value as Json};

use crate::HelmVersion;
use crate::go::decode::{Field, Shape, Struct, decode};
use crate::go::path;
use crate::go::strconv;
use crate::go::unicode::is_space;
use crate::go::yaml::YamlError;

/// The fields of `Chart.yaml`. Missing fields are empty.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metadata {
    /// `name`, required by Helm.
    pub name: String,
    /// The home page of the project.
    pub home: String,
    /// The addresses of the sources.
    pub sources: Vec<String>,
    /// `version` as written; Helm requires a SemVer version.
    pub version: String,
    /// `description`, one sentence about the chart.
    pub description: String,
    /// Keywords for searching in repositories.
    pub keywords: Vec<String>,
    /// `maintainers` in the order of the file.
    pub maintainers: Vec<Maintainer>,
    /// The address of an icon.
    pub icon: String,
    /// `apiVersion` of `Chart.yaml`: `v1` or `v2`.
    pub api_version: String,
    /// Helm does not use this field, but templates can print it.
    pub condition: String,
    /// Helm does not use this field, but templates can print it.
    pub tags: String,
    /// The version of the application that the chart installs.
    pub app_version: String,
    /// Whether the chart is deprecated.
    pub deprecated: bool,
    /// Keys and values for other programs, sorted by key.
    pub annotations: Vec<(String, String)>,
    /// The supported versions of Kubernetes.
    pub kube_version: String,
    /// The required subcharts, in the order of the file.
    pub dependencies: Vec<Dependency>,
    /// `application`, `library`, or empty.
    pub chart_type: String,
    /// The index of the first null in `maintainers` or `dependencies`, which is an error only in validation.
    null_maintainer: Option<usize>,
    null_dependency: Option<usize>,
    /// Whether `dependencies` exists, possibly as an empty list.
    lists_dependencies: bool,
}

/// A maintainer of a chart.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Maintainer {
    /// The maintainer's name, or the name of an organization.
    pub name: String,
    /// The maintainer's e-mail address; empty if there is none.
    pub email: String,
    /// The maintainer's web page; empty if there is none.
    pub url: String,
}

/// A dependency of a chart.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dependency {
    /// The name in its own `Chart.yaml`.
    pub name: String,
    /// The version or range.
    pub version: String,
    /// The repository from which it is pulled.
    pub repository: String,
    /// Comma-separated paths of values; the first one that is a boolean enables or disables it.
    pub condition: String,
    /// Names under `tags` in the values that enable or disable it.
    pub tags: Vec<String>,
    /// The value in the file. Helm overwrites it by the result of condition and tags.
    pub enabled: bool,
    /// Values of the child that are imported into the parent.
    pub import_values: Vec<Json>,
    /// The name that replaces that of the chart.
    pub alias: String,
}

const MAINTAINER: Struct = Struct {
    name: "Maintainer",
    fields: &[text("name"), text("email"), text("url")],
};

const DEPENDENCY: Struct = Struct {
    name: "Dependency",
    fields: &[
        text("name"),
        text("version"),
        text("repository"),
        text("condition"),
        TAGS,
        flag("enabled"),
        Field {
            name: "import-values",
            shape: Shape::List(&Shape::Any),
            go_type: "[]interface {}",
        },
        text("alias"),
    ],
};

const TAGS: Field = Field {
    name: "tags",
    shape: Shape::List(&Shape::Text),
    go_type: "[]string",
};

const METADATA: Struct = Struct {
    name: "Metadata",
    fields: &[
        text("name"),
        text("home"),
        texts("sources"),
        text("version"),
        text("description"),
        texts("keywords"),
        Field {
            name: "maintainers",
            shape: Shape::List(&Shape::Struct(&MAINTAINER)),
            go_type: "[]*chart.Maintainer",
        },
        text("icon"),
        text("apiVersion"),
        text("condition"),
        text("tags"),
        text("appVersion"),
        flag("deprecated"),
        Field {
            name: "annotations",
            shape: Shape::Map(&Shape::Text),
            go_type: "map[string]string",
        },
        text("kubeVersion"),
        Field {
            name: "dependencies",
            shape: Shape::List(&Shape::Struct(&DEPENDENCY)),
            go_type: "[]*chart.Dependency",
        },
        text("type"),
    ],
};

const fn text(name: &'static str) -> Field {
    Field {
        name,
        shape: Shape::Text,
        go_type: "string",
    }
}

const fn flag(name: &'static str) -> Field {
    Field {
        name,
        shape: Shape::Bool,
        go_type: "bool",
    }
}

const fn texts(name: &'static str) -> Field {
    Field {
        name,
        shape: Shape::List(&Shape::Text),
        go_type: "[]string",
    }
}

const LOCK: Struct = Struct {
    name: "Lock",
    fields: &[
        text("digest"),
        Field {
            name: "dependencies",
            shape: Shape::List(&Shape::Struct(&DEPENDENCY)),
            go_type: "[]*chart.Dependency",
        },
    ],
};

/// Checks that a lock can be decoded. Errors: Go's message.
pub(crate) fn check_lock(node: Option<&Node>, version: HelmVersion) -> Result<(), YamlError> {
    let decoded = decode(node, &LOCK, "chart.Lock").map(|_| ());
    decoded.map_err(|error| with_go_types(error, version))
}

fn with_go_types(error: YamlError, version: HelmVersion) -> YamlError {
    YamlError {
        message: version.go_types(&error.message),
        ..error
    }
}

impl Metadata {
    /// Adds the fields of a `Chart.yaml`, or of a `requirements.yaml`, which may set the same fields.
    ///
    /// Errors: Go's message for values that cannot be decoded.
    pub(crate) fn read(
        &mut self,
        node: Option<&Node>,
        version: HelmVersion,
    ) -> Result<(), YamlError> {
        let decoded = decode(node, &METADATA, "chart.Metadata");
        let decoded = decoded.map_err(|error| with_go_types(error, version))?;
        for (key, value) in decoded {
            self.set(&key, value);
        }
        Ok(())
    }

    /// Whether `dependencies` exists, possibly as an empty list.
    pub(crate) fn lists_dependencies(&self) -> bool {
        self.lists_dependencies
    }

    fn set(&mut self, key: &str, value: Json) {
        let field = match key {
            "name" => &mut self.name,
            "home" => &mut self.home,
            "version" => &mut self.version,
            "description" => &mut self.description,
            "icon" => &mut self.icon,
            "apiVersion" => &mut self.api_version,
            "condition" => &mut self.condition,
            "tags" => &mut self.tags,
            "appVersion" => &mut self.app_version,
            "kubeVersion" => &mut self.kube_version,
            "type" => &mut self.chart_type,
            _ => return self.set_other(key, value),
        };
        *field = into_text(value);
    }

    /// Sets a field that is not a string.
    fn set_other(&mut self, key: &str, value: Json) {
        match (key, value) {
            ("sources", value) => self.sources = into_texts(value),
            ("keywords", value) => self.keywords = into_texts(value),
            ("deprecated", value) => self.deprecated = value == Json::Bool(true),
            ("annotations", Json::Object(map)) => {
                let annotations = map.into_iter().map(|(key, value)| (key, into_text(value)));
                self.annotations = annotations.collect();
                self.annotations.sort();
            }
            ("maintainers", Json::Array(items)) => {
                self.null_maintainer = items.iter().position(Json::is_null);
                self.maintainers = items.into_iter().map(maintainer).collect();
            }
            ("dependencies", Json::Array(items)) => {
                self.lists_dependencies = true;
                self.null_dependency = items.iter().position(Json::is_null);
                self.dependencies = items.into_iter().map(dependency).collect();
            }
            _ => {}
        }
    }
}

impl Metadata {
    /// Removes unprintable characters, and validates the fields (Helm, `Metadata.Validate`). Errors: Helm's message.
    pub(crate) fn validate(&mut self) -> Result<(), String> {
        self.sanitize();
        let invalid = |message: String| Err(format!("validation: chart.metadata.{message}"));
        if self.api_version.is_empty() {
            return invalid("apiVersion is required".to_string());
        }
        if self.name.is_empty() {
            return invalid("name is required".to_string());
        }
        if matches!(&*self.name, "." | "..") {
            return invalid(format!("name {} is not allowed", quoted(&self.name)));
        }
        if self.name.as_bytes() != path::base(self.name.as_bytes()) {
            return invalid(format!("name {} is invalid", quoted(&self.name)));
        }
        if self.version.is_empty() {
            return invalid("version is required".to_string());
        }
        if !is_version(&self.version) {
            return invalid(format!("version {} is invalid", quoted(&self.version)));
        }
        if !matches!(&*self.chart_type, "" | "application" | "library") {
            return invalid("type must be application or library".to_string());
        }
        if self.null_maintainer.is_some() {
            let message = "validation: maintainers must not contain empty or null nodes";
            return Err(message.to_string());
        }
        self.validate_dependencies()
    }

    fn validate_dependencies(&self) -> Result<(), String> {
        let mut names = std::collections::BTreeSet::new();
        for (at, dependency) in self.dependencies.iter().enumerate() {
            if self.null_dependency == Some(at) {
                let message = "validation: dependencies must not contain empty or null nodes";
                return Err(message.to_string());
            }
            let is_allowed = |it: char| it.is_ascii_alphanumeric() || matches!(it, '-' | '_');
            if !dependency.alias.chars().all(is_allowed) {
                return Err(format!(
                    "validation: dependency {} has disallowed characters in the alias",
                    quoted(&dependency.name)
                ));
            }
            let name = match &*dependency.alias {
                "" => &dependency.name,
                alias => alias,
            };
            if !names.insert(name) {
                return Err(format!(
                    "validation: more than one dependency with name or alias {}",
                    quoted(name)
                ));
            }
        }
        Ok(())
    }

    fn sanitize(&mut self) {
        let texts = [
            &mut self.name,
            &mut self.description,
            &mut self.home,
            &mut self.icon,
            &mut self.condition,
            &mut self.tags,
            &mut self.app_version,
            &mut self.kube_version,
        ];
        texts.into_iter().for_each(sanitize);
        let lists = [&mut self.sources, &mut self.keywords];
        lists.into_iter().flatten().for_each(sanitize);
        for it in &mut self.maintainers {
            let texts = [&mut it.name, &mut it.email, &mut it.url];
            texts.into_iter().for_each(sanitize);
        }
        for it in &mut self.dependencies {
            let texts = [
                &mut it.name,
                &mut it.version,
                &mut it.repository,
                &mut it.condition,
            ];
            texts.into_iter().for_each(sanitize);
            it.tags.iter_mut().for_each(sanitize);
        }
    }
}

/// Replaces white space by spaces, and removes unprintable characters (Helm, `sanitizeString`).
fn sanitize(text: &mut String) {
    let is_unchanged = |it: u8| matches!(it, b' '..=b'~');
    if text.bytes().all(is_unchanged) {
        return;
    }
    let sanitized = text.chars().filter_map(|c| match c {
        c if is_space(c) => Some(' '),
        c if strconv::is_print(c) => Some(c),
        _ => None,
    });
    *text = sanitized.collect();
}

/// A text in the format `%q`.
fn quoted(text: &str) -> String {
    strconv::quote(text.as_bytes())
}

/// Whether Masterminds/semver accepts it as a version: one to three numbers, with an optional `v`.
fn is_version(text: &str) -> bool {
    crate::chart::Version::parse(text).is_ok()
}

fn maintainer(json: Json) -> Maintainer {
    let mut map = into_map(json);
    let mut take = |key: &str| map.remove(key).map_or(String::new(), into_text);
    Maintainer {
        name: take("name"),
        email: take("email"),
        url: take("url"),
    }
}

fn dependency(json: Json) -> Dependency {
    let mut map = into_map(json);
    let tags = map.remove("tags").map_or(Vec::new(), into_texts);
    let enabled = map.remove("enabled") == Some(Json::Bool(true));
    let import_values = match map.remove("import-values") {
        Some(Json::Array(items)) => items,
        _ => Vec::new(),
    };
    let mut take = |key: &str| map.remove(key).map_or(String::new(), into_text);
    Dependency {
        name: take("name"),
        version: take("version"),
        repository: take("repository"),
        condition: take("condition"),
        alias: take("alias"),
        tags,
        enabled,
        import_values,
    }
}

fn into_map(json: Json) -> Map<String, Json> {
    match json {
        Json::Object(map) => map,
        _ => Map::new(),
    }
}

fn into_text(json: Json) -> String {
    match json {
        Json::String(text) => text,
        _ => String::new(),
    }
}

fn into_texts(json: Json) -> Vec<String> {
    match json {
        Json::Array(items) => items.into_iter().map(into_text).collect(),
        _ => Vec::new(),
    }
}
