//! The form of changes for programs, as `schemas/changes.json` describes it.

use serde::Serialize;
use serde::ser::{SerializeMap, SerializeSeq, Serializer};

use crate::yaml::{Kind, Node, View};

use super::serialize::Identity;

/// New fields may come within a version of the schema: take no notice of those that you do not know.
#[derive(Serialize)]
pub(super) struct Report<'a> {
    /// Counts up when a field changes its meaning or is removed.
    pub(super) schema: u32,
    /// The name of the first side.
    pub(super) before: &'a str,
    /// The name of the second side.
    pub(super) after: &'a str,
    /// The claims that change, each document once.
    pub(super) claims: Vec<Claim<'a>>,
    /// The changes, equal ones together.
    pub(super) groups: Vec<Group<'a>>,
    /// Dangers of the changes, the most severe first.
    pub(super) dangers: Vec<Danger<'a>>,
    /// What an empty list of dangers does not mean.
    pub(super) disclaimer: &'static str,
    /// The ClickHouse clusters that change.
    pub(super) clusters: Vec<ClusterChange<'a>>,
    /// With `--depth objects`: the units in which something happens to pods or objects are removed, in the order of reconciliation.
    pub(super) rollout: Vec<Step<'a>>,
    /// Parts that could not be compared, and why.
    pub(super) notes: Vec<Note<'a>>,
}

/// A place in a file.
#[derive(Serialize)]
pub(super) struct Place {
    /// File, relative to the repository.
    pub(super) path: String,
    pub(super) line: usize,
}

#[derive(Serialize)]
pub(super) struct Claim<'a> {
    /// `Kind/name`.
    pub(super) title: &'a str,
    #[serde(flatten)]
    pub(super) place: Option<Place>,
    /// Who is asked about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) owner: Option<&'a str>,
}

#[derive(Serialize)]
pub(super) struct Group<'a> {
    pub(super) change: &'static str,
    /// The objects that change so; `path` and `line` are their place in the tree.
    pub(super) objects: Vec<Object<'a>>,
    /// Where one of the objects also exists, and does not change in this way.
    pub(super) exceptions: Vec<Exception<'a>>,
    /// The fields. The whole object, at the empty path, where it was added or removed.
    pub(super) fields: Vec<Field<'a>>,
    /// Environments in which a new object differs from the one in `fields`, and in what.
    pub(super) variants: Vec<Variant<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Object<'a> {
    /// The environment, or the folder where there are none.
    pub(super) environment: &'a str,
    #[serde(flatten)]
    pub(super) id: Identity,
    /// The former name of a renamed object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name_before: Option<&'a str>,
    /// Title of the claim that it came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) claim: Option<&'a str>,
    /// File that has it after the change, relative to the repository; of a folder that was named, below its name. Where there is no
    /// such file in a tree that was rendered in part, the kustomization of its folder, without a line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) line: Option<usize>,
    /// File that had a removed object before the change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) path_before: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) line_before: Option<usize>,
    /// What is deployed from a source of Flux that changes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) deploys: Vec<Identity>,
}

#[derive(Serialize)]
pub(super) struct Exception<'a> {
    pub(super) environment: &'a str,
    #[serde(flatten)]
    pub(super) id: Identity,
    /// Whether the same fields change there, to other values.
    pub(super) differs: bool,
}

#[derive(Serialize)]
pub(super) struct Variant<'a> {
    pub(super) environments: Vec<&'a str>,
    pub(super) fields: Vec<Field<'a>>,
}

#[derive(Serialize)]
pub(super) struct Field<'a> {
    pub(super) path: String,
    #[serde(flatten)]
    pub(super) difference: Difference<'a>,
    /// The lines that caused the change, with `--why`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) causes: Vec<Cause<'a>>,
}

#[derive(Serialize)]
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
        /// As in a unified diff: the first character is a space, `-` or `+`; `@` alone is for lines that are left out.
        lines: Vec<String>,
    },
}

#[derive(Serialize)]
pub(super) struct Cause<'a> {
    /// The kind of line: `claim`, `base`, `overlay`, `default`, `template`, `because of`.
    pub(super) words: &'a str,
    /// The file, relative to the workspace.
    pub(super) path: &'a str,
    pub(super) line: usize,
}

#[derive(Serialize)]
pub(super) struct Danger<'a> {
    pub(super) code: &'static str,
    pub(super) severity: &'static str,
    pub(super) message: &'a str,
    pub(super) environments: Vec<&'a str>,
    #[serde(flatten)]
    pub(super) id: Identity,
    /// The field; empty for the object itself.
    pub(super) field: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) claim: Option<&'a str>,
    #[serde(flatten)]
    pub(super) place: Option<Place>,
}

#[derive(Serialize)]
pub(super) struct ClusterChange<'a> {
    pub(super) environment: &'a str,
    pub(super) before: Option<Cluster<'a>>,
    pub(super) after: Option<Cluster<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Cluster<'a> {
    #[serde(flatten)]
    pub(super) id: Identity,
    /// Name within the object.
    pub(super) cluster: &'a str,
    pub(super) keeper: bool,
    pub(super) stopped: bool,
    pub(super) shard_count: u64,
    /// The first 256 shards; `shard_count` counts all.
    pub(super) shards: Vec<Shard<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Shard<'a> {
    pub(super) replica_count: u64,
    /// The first 256 replicas; `replica_count` counts all.
    pub(super) replicas: Vec<Replica<'a>>,
}

#[derive(Serialize)]
pub(super) struct Replica<'a> {
    /// `spread`: about the same number in each zone.
    pub(super) zones: Option<Zones<'a>>,
    pub(super) volumes: Vec<Volume<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) image: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Zones<'a> {
    Spread(&'static str),
    Named(Vec<&'a str>),
}

#[derive(Serialize)]
pub(super) struct Volume<'a> {
    pub(super) name: &'a str,
    pub(super) size: &'a str,
    /// Absent: the default StorageClass of the cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) class: Option<&'a str>,
}

#[derive(Serialize)]
pub(super) struct Step<'a> {
    pub(super) environment: &'a str,
    /// Steps of one number are reconciled at the same time.
    pub(super) step: usize,
    /// `HelmRelease shop/web (chart web 1.0.0 → 1.1.0)`.
    pub(super) unit: &'a str,
    pub(super) objects: Vec<Event>,
}

#[derive(Serialize)]
pub(super) struct Event {
    #[serde(flatten)]
    pub(super) id: Identity,
    /// Whether nothing keeps running meanwhile, a quorum is lost, or a danger was found.
    pub(super) grave: bool,
    pub(super) events: Vec<String>,
}

#[derive(Serialize)]
pub(super) struct Note<'a> {
    pub(super) code: &'static str,
    pub(super) message: &'a str,
    #[serde(flatten)]
    pub(super) place: Option<Place>,
}

/// A value of an object, in which secrets are digests.
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
