//! Knowledge about products, such as databases and operators: a data file for each product in `packs/`, and a folder for a product
//! that needs code.
//!
//! No other module contains names of products.

mod cluster;
pub mod clickhouse;
pub mod operators;
mod watch;

use std::sync::OnceLock;

use crate::diag::Source;
use crate::object::{Gvk, Object};
use crate::yaml::{Node, parse_one};
pub use cluster::{Cluster, Replica, Shard, Volume, Zones, paired};
pub use watch::{Watch, Watched};

/// The data files. Their order is that of [`kinds`]; their fields are those of [`Pack`].
const PACKS: [&str; 10] = [
    include_str!("packs/clickhouse.yaml"),
    include_str!("packs/external-secrets.yaml"),
    include_str!("packs/kafka.yaml"),
    include_str!("packs/postgres.yaml"),
    include_str!("packs/mongodb.yaml"),
    include_str!("packs/pulumi.yaml"),
    include_str!("packs/rabbitmq.yaml"),
    include_str!("packs/elastic.yaml"),
    include_str!("packs/mysql.yaml"),
    include_str!("packs/platform.yaml"),
];

/// The data of a product.
#[derive(Debug)]
pub struct Pack {
    /// The charts of its operators, each with the API groups that the operator manages.
    pub charts: Vec<(String, Vec<String>)>,
    /// How the values of these charts limit the namespaces that the operator watches.
    pub watch: Vec<Watch>,
    /// The kinds of its custom resources.
    pub kinds: Vec<ProductKind>,
}

/// A kind of custom resources of a product.
#[derive(Debug)]
pub struct ProductKind {
    /// The API group, without a version.
    pub group: String,
    /// The name of the kind.
    pub kind: String,
    /// The health checks, one for each version of the API.
    pub health: Vec<Health>,
    /// Whether objects become ready within seconds. Databases take minutes, because volumes are created and members start one by
    /// one.
    pub is_fast: bool,
    /// A description of the data that is deleted together with an object.
    pub deletion: Option<String>,
    /// The setting that retains its volumes when servers are deleted.
    pub retention: Option<VolumeRetention>,
    /// The pods that its operator connects to.
    pub pods: Option<ManagedPods>,
}

/// A setting that determines whether volumes are retained when their servers are deleted.
#[derive(Debug)]
pub struct VolumeRetention {
    /// The name of the field, which may occur in several parts of an object.
    pub field: String,
    /// The value with which volumes are retained.
    pub retains: String,
    /// The value of a missing field.
    pub default: String,
}

/// A health check: CEL expressions for an object, as in `spec.healthCheckExprs` of Flux Kustomizations (Flux 2.5). The states are
/// taken from the types of the operators and from Argo CD's health checks for the same kinds.
#[derive(Debug)]
pub struct Health {
    /// The `apiVersion` of the objects.
    pub api_version: String,
    /// An expression that is true if the object is ready.
    pub current: String,
    /// An expression that is true if the object has failed; empty if the operator never gives up.
    pub failed: String,
}

/// Pods that an operator creates and connects to.
#[derive(Debug)]
pub struct ManagedPods {
    /// The label of the pods whose value is the name of the object.
    pub label: String,
    /// The ports that the operator connects to.
    pub ports: Vec<i64>,
    /// The path of the field of the object that sets another port.
    pub port: Vec<String>,
    /// The path of the field with the Services that the operator creates for the pods.
    pub services: Vec<String>,
}

impl ProductKind {
    /// Whether an object has this kind, in any version.
    pub fn is_of(&self, gvk: &Gvk) -> bool {
        self.group == *gvk.group && self.kind == *gvk.kind
    }
}

/// The data of all known products.
pub fn packs() -> &'static [Pack] {
    static PARSED: OnceLock<Vec<Pack>> = OnceLock::new();
    PARSED.get_or_init(|| PACKS.iter().filter_map(|it| Pack::parse(it)).collect())
}

/// The kinds of all known products.
pub fn kinds() -> impl Iterator<Item = &'static ProductKind> {
    packs().iter().flat_map(|it| &it.kinds)
}

/// The kind of an object, if it belongs to a known product.
pub fn kind_of(object: &Object) -> Option<&'static ProductKind> {
    let gvk = object.gvk();
    kinds().find(|it| it.is_of(&gvk))
}

/// The clusters of servers that an object describes; empty if it describes none.
pub fn clusters(object: &Object) -> Vec<Cluster> {
    READERS.iter().flat_map(|it| it(object)).collect()
}

/// Functions that read the clusters of servers in an object, one for each product.
const READERS: [fn(&Object) -> Vec<Cluster>; 1] = [clickhouse::clusters];

/// The sizes of the clusters that an object describes, each with its name in tables; empty if it describes none.
pub fn cluster_facts(object: &Object) -> Vec<(&'static str, String)> {
    clickhouse::facts(object)
}

impl Pack {
    fn parse(text: &str) -> Option<Pack> {
        let node = parse_one(&Source::internal("pack", text)).ok()?;
        let charts = node.get("charts").and_then(Node::as_mapping);
        let charts = charts.into_iter().flatten().filter_map(|it| {
            let groups = texts(Some(&it.value)).map(str::to_string);
            Some((it.key.as_str()?.to_string(), groups.collect()))
        });
        let kinds = items(node.get("kinds")).iter();
        let watch = items(node.get("watch")).iter();
        Some(Pack {
            charts: charts.collect(),
            watch: watch.map(Watch::parse).collect::<Option<_>>()?,
            kinds: kinds.map(ProductKind::parse).collect::<Option<_>>()?,
        })
    }
}

impl ProductKind {
    fn parse(node: &Node) -> Option<ProductKind> {
        let health = items(node.get("health")).iter();
        Some(ProductKind {
            group: text(node, "group")?,
            kind: text(node, "kind")?,
            health: health.map(Health::parse).collect::<Option<_>>()?,
            is_fast: node.get("fast").and_then(Node::as_bool) == Some(true),
            deletion: text(node, "deletion"),
            retention: match node.get("retention") {
                Some(retention) => Some(VolumeRetention::parse(retention)?),
                None => None,
            },
            pods: match node.get("pods") {
                Some(pods) => Some(ManagedPods::parse(pods)?),
                None => None,
            },
        })
    }
}

impl VolumeRetention {
    fn parse(node: &Node) -> Option<VolumeRetention> {
        Some(VolumeRetention {
            field: text(node, "field")?,
            retains: text(node, "retains")?,
            default: text(node, "default")?,
        })
    }
}

impl Health {
    fn parse(node: &Node) -> Option<Health> {
        Some(Health {
            api_version: text(node, "apiVersion")?,
            current: text(node, "current")?,
            failed: text(node, "failed").unwrap_or_default(),
        })
    }
}

impl ManagedPods {
    fn parse(node: &Node) -> Option<ManagedPods> {
        let path = |key: &str| {
            let field = text(node, key).unwrap_or_default();
            let keys = field.split('.').filter(|it| !it.is_empty());
            keys.map(str::to_string).collect()
        };
        let ports = items(node.get("ports")).iter().filter_map(Node::as_int);
        Some(ManagedPods {
            label: text(node, "label")?,
            ports: ports.collect(),
            port: path("port"),
            services: path("services"),
        })
    }
}

fn text(node: &Node, key: &str) -> Option<String> {
    Some(node.get(key)?.as_str()?.to_string())
}

fn items(node: Option<&Node>) -> &[Node] {
    node.and_then(Node::as_sequence).unwrap_or_default()
}

fn texts(node: Option<&Node>) -> impl Iterator<Item = &str> {
    items(node).iter().filter_map(Node::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fails for unknown fields, because `parse` would ignore a misspelled one.
    fn check_keys(node: &Node, known: &[&str]) {
        for entry in node.as_mapping().unwrap() {
            let key = entry.key.as_str().unwrap();
            assert!(known.contains(&key), "unknown field `{key}`");
        }
    }

    #[test]
    fn packs_have_no_unknown_fields() {
        assert_eq!(packs().len(), PACKS.len());
        for text in PACKS {
            let node = parse_one(&Source::internal("pack", text)).unwrap();
            check_keys(&node, &["charts", "watch", "kinds"]);
            for watch in items(node.get("watch")) {
                let fields = [
                    "chart",
                    "kinds",
                    "namespaces",
                    "all",
                    "own",
                    "variables",
                    "withOwn",
                    "allIn",
                ];
                check_keys(watch, &fields);
            }
            for kind in items(node.get("kinds")) {
                let fields = [
                    "group",
                    "kind",
                    "health",
                    "fast",
                    "deletion",
                    "retention",
                    "pods",
                ];
                check_keys(kind, &fields);
                if let Some(retention) = kind.get("retention") {
                    check_keys(retention, &["field", "retains", "default"]);
                }
                for health in items(kind.get("health")) {
                    check_keys(health, &["apiVersion", "current", "failed"]);
                }
                if let Some(pods) = kind.get("pods") {
                    check_keys(pods, &["label", "ports", "port", "services"]);
                }
            }
        }
    }
}
