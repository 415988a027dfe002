//! Health checks for custom resources, for Flux Kustomizations that wait for them.
//!
//! Without such expressions Flux takes a custom resource that has no status yet for ready (kstatus: an object without conditions is
//! `Current`), so what waits for a database would start before its operator has seen it.

use crate::object::Object;
use crate::yaml::{Mapping, Node};

/// A kind and the expressions of CEL over its objects, as `spec.healthCheckExprs` has them (Flux 2.5).
struct Health {
    api_version: &'static str,
    kind: &'static str,
    current: &'static str,
    failed: &'static str,
}

const READY: &str = "status.conditions.exists(it, it.type == 'Ready' && it.status == 'True')";
const NOT_READY: &str = "status.conditions.exists(it, it.type == 'Ready' && it.status == 'False')";

/// The states are those of the operators' own types and of Argo CD's health checks for the same kinds.
const KINDS: [Health; 10] = [
    clickhouse(
        "clickhouse-keeper.altinity.com/v1",
        "ClickHouseKeeperInstallation",
    ),
    clickhouse("clickhouse.altinity.com/v1", "ClickHouseInstallation"),
    ready("external-secrets.io/v1", "ExternalSecret"),
    ready("external-secrets.io/v1beta1", "ExternalSecret"),
    // A failed attempt sets Ready to False and is tried again, so no state of these is final.
    Health {
        failed: "",
        ..ready("kafka.strimzi.io/v1", "Kafka")
    },
    Health {
        failed: "",
        ..ready("kafka.strimzi.io/v1beta2", "Kafka")
    },
    Health {
        failed: "",
        ..ready("postgresql.cnpg.io/v1", "Cluster")
    },
    Health {
        api_version: "mongodbcommunity.mongodb.com/v1",
        kind: "MongoDBCommunity",
        current: "status.phase == 'Running'",
        failed: "status.phase == 'Failed'",
    },
    Health {
        api_version: "pulumi.com/v1",
        kind: "Stack",
        current: "status.lastUpdate.state == 'succeeded'",
        failed: "status.lastUpdate.state == 'failed'",
    },
    Health {
        api_version: "rabbitmq.com/v1beta1",
        kind: "RabbitmqCluster",
        current: "status.conditions.exists(it, it.type == 'AllReplicasReady' && it.status == 'True')",
        failed: "status.conditions.exists(it, it.type == 'ReconcileSuccess' && it.status == 'False')",
    },
];

const fn clickhouse(api_version: &'static str, kind: &'static str) -> Health {
    Health {
        api_version,
        kind,
        current: "status.status == 'Completed'",
        failed: "status.status == 'Aborted'",
    }
}

const fn ready(api_version: &'static str, kind: &'static str) -> Health {
    Health {
        api_version,
        kind,
        current: READY,
        failed: NOT_READY,
    }
}

/// The expressions for the kinds among some objects. `own` are those that the environment gives: its expression for a kind
/// replaces ours.
pub(super) fn expressions(objects: &[&Object], own: Option<&Node>) -> Vec<Node> {
    let own = own.and_then(Node::as_sequence).unwrap_or_default();
    let is_given = |health: &Health| {
        own.iter().any(|it| {
            let has = |key: &str, text: &str| it.get(key).and_then(Node::as_str) == Some(text);
            has("apiVersion", health.api_version) && has("kind", health.kind)
        })
    };
    let ours = KINDS
        .iter()
        .filter(|it| it.is_among(objects) && !is_given(it));
    ours.map(Health::node).chain(own.iter().cloned()).collect()
}

/// Whether any of the objects takes minutes to become ready, as databases do: volumes are made, and members start in turn.
pub(super) fn is_slow(objects: &[&Object]) -> bool {
    let mut slow = KINDS.iter().filter(|it| it.kind != "ExternalSecret");
    slow.any(|it| it.is_among(objects))
}

impl Health {
    fn is_among(&self, objects: &[&Object]) -> bool {
        let mut objects = objects.iter();
        objects.any(|it| it.kind() == self.kind && it.api_version() == self.api_version)
    }

    fn node(&self) -> Node {
        let mut fields = Mapping::from([
            ("apiVersion", Node::constant(self.api_version)),
            ("kind", Node::constant(self.kind)),
            ("current", Node::constant(self.current)),
        ]);
        if !self.failed.is_empty() {
            fields.insert("failed", self.failed);
        }
        Node::mapping(fields)
    }
}
