//! Kinds that are defined by a CustomResourceDefinition.

use std::sync::OnceLock;

use super::json::Fields;
use super::read::{read, read_text};
use super::schema::{Pool, Schema};
use pleach_yaml::diag::Source;
use pleach_yaml::{Node, parse_one};

/// One kind with its versions.
#[derive(Debug)]
pub(super) struct CustomKind {
    pub(super) group: Box<str>,
    pub(super) kind: Box<str>,
    pub(super) is_namespaced: bool,
    pub(super) pool: Pool,
    versions: Vec<Version>,
}

/// One version of a kind.
#[derive(Debug)]
pub(super) struct Version {
    pub(super) name: Box<str>,
    pub(super) is_deprecated: bool,
    pub(super) has_status: bool,
    pub(super) scale: Option<Scale>,
    source: Definition,
    schema: OnceLock<Schema>,
}

/// The fields of the scale subresource, as keys.
#[derive(Debug)]
pub(super) struct Scale {
    pub(super) spec_replicas: Vec<Box<str>>,
    pub(super) status_replicas: Vec<Box<str>>,
}

#[derive(Debug)]
enum Definition {
    /// A number in the pool.
    Packed(u32),
    /// The `openAPIV3Schema` of a definition, if any.
    Written(Option<Box<Node>>),
}

impl CustomKind {
    /// Parses a CustomResourceDefinition. `None` if it does not define a kind.
    pub(super) fn read(crd: &Node) -> Option<CustomKind> {
        let spec = crd.get("spec")?;
        let shared = spec.at_keys(&["validation", "openAPIV3Schema"]);
        let version = |it: &Node| {
            let own = it.at_keys(&["schema", "openAPIV3Schema"]);
            let schema = own.or(shared).map(|it| Box::new(it.clone()));
            let subresources = it
                .field("subresources")
                .or_else(|| spec.field("subresources"));
            Version::read(it, subresources, Definition::Written(schema))
        };
        let served = |it: &&Node| it.boolean("served") != Some(false);
        let mut versions: Vec<Version> = spec
            .list("versions")
            .iter()
            .filter(served)
            .map(version)
            .collect();
        if let (true, Some(_)) = (versions.is_empty(), spec.text("version")) {
            // The format before `apiextensions.k8s.io/v1`.
            let schema = shared.map(|it| Box::new(it.clone()));
            let mut only = Version::read(
                spec,
                spec.field("subresources"),
                Definition::Written(schema),
            );
            only.name = spec.text_or_empty("version").into();
            versions.push(only);
        }
        Some(CustomKind {
            group: spec.text("group")?.into(),
            kind: spec.get("names")?.text("kind")?.into(),
            is_namespaced: spec.text("scope") != Some("Cluster"),
            pool: Pool::default(),
            versions,
        })
    }

    /// Parses the built-in format: a line about the versions, then the schemas.
    pub(super) fn read_packed(text: &str) -> Option<CustomKind> {
        let (head, schemas) = text.split_once('\n')?;
        let head = parse_one(&Source::internal("crd.json", head)).ok()?;
        let version = |it: &Node| {
            let number = it.integer("schema").and_then(|it| u32::try_from(it).ok());
            let subresources = Some(it);
            Version::read(
                it,
                subresources,
                Definition::Packed(number.unwrap_or(u32::MAX)),
            )
        };
        let served = |it: &&Node| it.boolean("served") != Some(false);
        Some(CustomKind {
            group: head.text("group")?.into(),
            kind: head.text("kind")?.into(),
            is_namespaced: head.text("scope") != Some("Cluster"),
            pool: Pool::new(schemas.lines().map(Box::from).collect()),
            versions: head
                .list("versions")
                .iter()
                .filter(served)
                .map(version)
                .collect(),
        })
    }

    pub(super) fn version(&self, name: &str) -> Option<&Version> {
        self.versions.iter().find(|it| &*it.name == name)
    }

    pub(super) fn versions(&self) -> impl Iterator<Item = &Version> {
        self.versions.iter()
    }

    /// The schema of a version, parsed on first use.
    pub(super) fn schema<'k>(&'k self, version: &'k Version) -> &'k Schema {
        match &version.source {
            Definition::Packed(number) => self.pool.shared(*number),
            Definition::Written(node) => version.schema.get_or_init(|| match node {
                Some(node) => read(node),
                None => read_text("{\"x-kubernetes-preserve-unknown-fields\":true}"),
            }),
        }
    }
}

impl Version {
    fn read(about: &Node, subresources: Option<&Node>, source: Definition) -> Version {
        let keys = |path: &str| -> Vec<Box<str>> {
            path.trim_start_matches('.')
                .split('.')
                .map(Box::from)
                .collect()
        };
        let scale = subresources
            .and_then(|it| it.field("scale"))
            .map(|it| Scale {
                spec_replicas: keys(it.text_or_empty("specReplicasPath")),
                status_replicas: keys(it.text_or_empty("statusReplicasPath")),
            });
        Version {
            name: about.text_or_empty("name").into(),
            is_deprecated: about.boolean("deprecated") == Some(true),
            has_status: subresources.is_some_and(|it| it.field("status").is_some()),
            scale,
            source,
            schema: OnceLock::new(),
        }
    }
}
