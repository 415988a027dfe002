//! The form of changes for programs. `schemas/changes.json` is derived from these types, and their doc comments are its descriptions.

#[cfg(test)]
use schemars::JsonSchema;
use serde::Serialize;
use serde::ser::{SerializeMap, SerializeSeq, Serializer};

use crate::diag;
use crate::diff::ChangeKind;
use crate::yaml::{Kind, Node, View};

use super::serialize::Identity;

/// New fields may be added without a new version of the schema: ignore those that you do not know.
#[derive(Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Report<'a> {
    /// The version of this schema. It is increased when a field changes its meaning or is removed.
    #[cfg_attr(test, schemars(extend("const" = 1)))]
    pub(super) schema: u32,
    /// The name of the first side.
    pub(super) before: &'a str,
    /// The name of the second side.
    pub(super) after: &'a str,
    /// The claims that change, each once.
    pub(super) claims: Vec<Claim<'a>>,
    /// The changes; equal changes are one group.
    pub(super) groups: Vec<Group<'a>>,
    /// Dangers of the changes, the most severe first.
    pub(super) dangers: Vec<Danger<'a>>,
    /// Why an empty list of dangers does not mean that the change is safe.
    pub(super) disclaimer: &'static str,
    /// The ClickHouse clusters that change.
    pub(super) clusters: Vec<ClusterChange<'a>>,
    /// With `--depth objects`: the units in which pods are affected or objects are removed, in the order of reconciliation.
    pub(super) rollout: Vec<Step<'a>>,
    /// Parts that could not be compared, and why.
    pub(super) notes: Vec<Note<'a>>,
}

/// A location in a file.
#[derive(Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Location {
    /// File, relative to the repository.
    pub(super) path: String,
    #[cfg_attr(test, schemars(range(min = 1)))]
    pub(super) line: usize,
}

/// A claim that changes, and the location of its document.
#[derive(Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Claim<'a> {
    /// The kind and name, as `Kind/name`.
    pub(super) title: &'a str,
    #[serde(flatten)]
    pub(super) location: Option<Location>,
    /// The owner according to CODEOWNERS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) owner: Option<&'a str>,
}

/// Objects that change in the same way.
#[derive(Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Group<'a> {
    pub(super) change: Change,
    /// The objects that change in this way; `path` and `line` are their location in the tree.
    pub(super) objects: Vec<Object<'a>>,
    /// Environments in which one of the objects also exists and does not change in this way.
    pub(super) exceptions: Vec<Exception<'a>>,
    /// The fields that change. If an object was added or removed, the whole object at the empty path.
    pub(super) fields: Vec<Field<'a>>,
    /// Environments in which a new object differs from the one in `fields`, and how it differs.
    pub(super) variants: Vec<Variant<'a>>,
}

/// How an object changes. `kept`: it is no longer rendered, but the engine does not remove it from the cluster.
#[derive(Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "lowercase")]
pub(super) enum Change {
    Added,
    Removed,
    Kept,
    Changed,
    Renamed,
}

impl From<&ChangeKind> for Change {
    fn from(kind: &ChangeKind) -> Change {
        match kind {
            ChangeKind::Added => Change::Added,
            ChangeKind::Removed => Change::Removed,
            ChangeKind::Kept => Change::Kept,
            ChangeKind::Changed => Change::Changed,
            ChangeKind::Renamed { .. } => Change::Renamed,
        }
    }
}

/// An object that changes.
#[derive(Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(super) struct Object<'a> {
    /// The environment, or the folder if there are no environments.
    pub(super) environment: &'a str,
    #[serde(flatten)]
    pub(super) id: Identity,
    /// The former name of a renamed object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name_before: Option<&'a str>,
    /// Title of the claim that it came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) claim: Option<&'a str>,
    /// The file that contains it after the change, relative to the repository, or below the folder that was given as an argument. If
    /// the tree was rendered in part and has no such file, the kustomization of its folder, without a line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(range(min = 1)))]
    pub(super) line: Option<usize>,
    /// The file that contained a removed object before the change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) path_before: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(range(min = 1)))]
    pub(super) line_before: Option<usize>,
    /// If it is a source of Flux: the objects that deploy from it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) deploys: Vec<Identity>,
}

/// An object of an environment that is not part of the group.
#[derive(Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Exception<'a> {
    pub(super) environment: &'a str,
    #[serde(flatten)]
    pub(super) id: Identity,
    /// Whether the same fields change there, but to other values.
    pub(super) differs: bool,
}

/// How a new object differs in some environments.
#[derive(Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Variant<'a> {
    pub(super) environments: Vec<&'a str>,
    pub(super) fields: Vec<Field<'a>>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Field<'a> {
    pub(super) path: String,
    #[serde(flatten)]
    pub(super) difference: Difference<'a>,
    /// The lines that caused the change, with `--why`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) causes: Vec<Cause<'a>>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(tag = "change", rename_all = "lowercase")]
pub(super) enum Difference<'a> {
    Added {
        after: Value<'a>,
    },
    Removed {
        before: Value<'a>,
    },
    Changed {
        before: Value<'a>,
        after: Value<'a>,
    },
    Reordered {
        before: &'a [Box<str>],
        after: &'a [Box<str>],
    },
    Text {
        /// As in a unified diff: the first character is a space, `-` or `+`. A line that is only `@` replaces lines that are left out.
        lines: Vec<String>,
    },
}

#[derive(Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Cause<'a> {
    /// The kind of line: `claim`, `base`, `overlay`, `default`, `template`, `because of`.
    pub(super) label: &'a str,
    /// The file, relative to the workspace.
    pub(super) path: &'a str,
    #[cfg_attr(test, schemars(range(min = 1)))]
    pub(super) line: usize,
}

/// What a rule found, with the object and the location in the claim that it is about.
#[derive(Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Danger<'a> {
    /// The rule, as in `pleach explain CODE`.
    pub(super) code: &'static str,
    pub(super) severity: Severity,
    pub(super) message: &'a str,
    pub(super) environments: Vec<&'a str>,
    #[serde(flatten)]
    pub(super) id: Identity,
    /// The field; empty for the object itself.
    pub(super) field: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) claim: Option<&'a str>,
    #[serde(flatten)]
    pub(super) location: Option<Location>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "lowercase")]
pub(super) enum Severity {
    Error,
    Warning,
    Note,
}

impl From<diag::Severity> for Severity {
    fn from(severity: diag::Severity) -> Severity {
        match severity {
            diag::Severity::Error => Severity::Error,
            diag::Severity::Warning => Severity::Warning,
            diag::Severity::Note => Severity::Note,
        }
    }
}

#[derive(Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct ClusterChange<'a> {
    pub(super) environment: &'a str,
    pub(super) before: Option<Cluster<'a>>,
    pub(super) after: Option<Cluster<'a>>,
}

/// A ClickHouse or Keeper cluster, and the object that defines it.
#[derive(Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(super) struct Cluster<'a> {
    #[serde(flatten)]
    pub(super) id: Identity,
    /// Name within the object.
    pub(super) cluster: &'a str,
    pub(super) keeper: bool,
    pub(super) stopped: bool,
    pub(super) shard_count: u64,
    /// The first 256 shards; `shardCount` counts all.
    pub(super) shards: Vec<Shard<'a>>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(super) struct Shard<'a> {
    pub(super) replica_count: u64,
    /// The first 256 replicas; `replicaCount` counts all.
    pub(super) replicas: Vec<Replica<'a>>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Replica<'a> {
    /// The zones. `spread`: about the same number in each zone. `null`: any zone.
    pub(super) zones: Option<Zones<'a>>,
    pub(super) volumes: Vec<Volume<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) image: Option<&'a str>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(untagged)]
pub(super) enum Zones<'a> {
    Spread(Spread),
    Named(Vec<&'a str>),
}

#[derive(Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "lowercase")]
pub(super) enum Spread {
    Spread,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Volume<'a> {
    pub(super) name: &'a str,
    pub(super) size: &'a str,
    /// Absent: the default StorageClass of the cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) class: Option<&'a str>,
}

/// A unit that the sync engine reconciles separately.
#[derive(Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Step<'a> {
    pub(super) environment: &'a str,
    /// Steps of one number are reconciled at the same time.
    #[cfg_attr(test, schemars(range(min = 1)))]
    pub(super) step: usize,
    /// `HelmRelease shop/web (chart web 1.0.0 → 1.1.0)`.
    pub(super) unit: &'a str,
    pub(super) objects: Vec<Event>,
}

/// What happens to an object and its pods.
#[derive(Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Event {
    #[serde(flatten)]
    pub(super) id: Identity,
    /// Whether no pod keeps running during the change, a quorum is lost, or a danger was found.
    pub(super) severe: bool,
    pub(super) events: Vec<String>,
}

/// A diagnostic about a part that could not be compared.
#[derive(Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Note<'a> {
    pub(super) code: &'static str,
    pub(super) message: &'a str,
    #[serde(flatten)]
    pub(super) location: Option<Location>,
}

/// A value of an object, in which secrets are replaced by digests.
pub(super) struct Value<'a>(pub(super) &'a Node);

impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let node = self.0;
        match node.view() {
            View::Sequence(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                items
                    .iter()
                    .try_for_each(|it| list.serialize_element(&Value(it)))?;
                list.end()
            }
            View::Mapping(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                for entry in entries {
                    let key = entry.key.as_str().unwrap_or("");
                    map.serialize_entry(key, &Value(&entry.value))?;
                }
                map.end()
            }
            View::Scalar(text) => match (node.kind(), node.as_int_wide(), node.as_float()) {
                (Kind::Null, ..) => serializer.serialize_unit(),
                (Kind::Bool, ..) => serializer.serialize_bool(node.as_bool() == Some(true)),
                (Kind::Int, Some(value), _) => serializer.serialize_i128(value),
                (Kind::Float, _, Some(value)) => serializer.serialize_f64(value),
                _ => serializer.serialize_str(text),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;
    use std::path::Path;

    use schemars::generate::SchemaSettings;
    use schemars::transform::{RecursiveTransform, Transform};
    use schemars::{Schema, SchemaGenerator, json_schema};
    use serde_json::Value as Json;

    use super::*;

    impl JsonSchema for Value<'_> {
        fn inline_schema() -> bool {
            true
        }

        fn schema_name() -> Cow<'static, str> {
            "Value".into()
        }

        fn json_schema(_: &mut SchemaGenerator) -> Schema {
            json_schema!({"description": "The value. Secrets in it are replaced by digests."})
        }
    }

    /// Removes what only Rust knows: types of numbers, line breaks of comments, `null` for a field that is left out instead.
    fn simplify(schema: &mut Schema) {
        schema.remove("format");
        if let Some(Json::String(text)) = schema.get_mut("description") {
            *text = text.replace('\n', " ");
        }
        let required = schema.get("required").cloned().unwrap_or_default();
        let is_required = |name: &str| {
            required
                .as_array()
                .is_some_and(|it| it.iter().any(|it| it == name))
        };
        let fields = schema.get_mut("properties").and_then(Json::as_object_mut);
        for (name, field) in fields.into_iter().flatten() {
            if let Some(Json::Array(types)) = field.get("type")
                && let [one, Json::String(null)] = &**types
                && null == "null"
                && !is_required(name)
            {
                field["type"] = one.clone();
            }
        }
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the test compares with a file of the repository, and can update it"
    )]
    #[test]
    fn the_published_schema_is_derived_from_the_types() {
        let settings = SchemaSettings::draft2020_12().for_serialize();
        let mut schema = settings
            .into_generator()
            .into_root_schema_for::<Report<'_>>();
        RecursiveTransform(simplify).transform(&mut schema);
        let id = format!(
            "{}/blob/main/schemas/changes.json",
            env!("CARGO_PKG_REPOSITORY")
        );
        schema.insert("$id".into(), id.into());
        schema.insert(
            "title".into(),
            "Output of `pleach diff --output json`".into(),
        );
        let text = serde_json::to_string_pretty(&schema).unwrap() + "\n";
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas/changes.json");
        if std::env::var("GOLDEN").is_ok_and(|it| it == "update") {
            std::fs::write(&file, &text).unwrap();
        }
        let published = std::fs::read_to_string(&file).unwrap();
        assert!(
            published == text,
            "`GOLDEN=update cargo test published_schema` updates {}",
            file.display()
        );
    }
}
