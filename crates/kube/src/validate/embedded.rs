//! Specs of Kubernetes' own kinds in custom resources whose definition has no schema for them.
//!
//! The server accepts any value there. The operator decodes it as the type of Kubernetes: it ignores unknown fields, and the server
//! rejects the objects that it creates from invalid values. The operator adds what is missing.

use super::builtin::Kubernetes;
use super::crd::CustomKind;
use super::decode::{self, Encoding, Type};
use super::fault::{Fault, Report, class};
use super::json::Fields;
use super::kinds;
use super::schema::Schema;
use pleach_yaml::Node;

/// A field of a custom kind with the spec of a Kubernetes kind.
struct Embedded {
    group: &'static str,
    kind: &'static str,
    /// The keys that lead to it. In a list on the way, each item is meant.
    path: &'static [&'static str],
    of: Of,
}

/// The type of a spec.
#[derive(Clone, Copy)]
enum Of {
    Pod,
    Claim,
    Service,
    StatefulSet,
}

const CLICKHOUSE: &str = "clickhouse.altinity.com";
const KEEPER: &str = "clickhouse-keeper.altinity.com";
const POD_TEMPLATES: &[&str] = &["spec", "templates", "podTemplates", "spec"];
const CLAIM_TEMPLATES: &[&str] = &["spec", "templates", "volumeClaimTemplates", "spec"];
const SERVICE_TEMPLATES: &[&str] = &["spec", "templates", "serviceTemplates", "spec"];

const fn embedded(
    group: &'static str,
    kind: &'static str,
    path: &'static [&'static str],
    of: Of,
) -> Embedded {
    Embedded {
        group,
        kind,
        path,
        of,
    }
}

/// Sources: `PodTemplate`, `VolumeClaimTemplate` and `ServiceTemplate` of Altinity's operator, `StatefulSetSpecWrapper` of MongoDB's.
const EMBEDDED: &[Embedded] = &[
    embedded(CLICKHOUSE, "ClickHouseInstallation", POD_TEMPLATES, Of::Pod),
    embedded(
        CLICKHOUSE,
        "ClickHouseInstallation",
        CLAIM_TEMPLATES,
        Of::Claim,
    ),
    embedded(
        CLICKHOUSE,
        "ClickHouseInstallation",
        SERVICE_TEMPLATES,
        Of::Service,
    ),
    embedded(
        CLICKHOUSE,
        "ClickHouseInstallationTemplate",
        POD_TEMPLATES,
        Of::Pod,
    ),
    embedded(
        CLICKHOUSE,
        "ClickHouseInstallationTemplate",
        CLAIM_TEMPLATES,
        Of::Claim,
    ),
    embedded(
        CLICKHOUSE,
        "ClickHouseInstallationTemplate",
        SERVICE_TEMPLATES,
        Of::Service,
    ),
    embedded(
        KEEPER,
        "ClickHouseKeeperInstallation",
        POD_TEMPLATES,
        Of::Pod,
    ),
    embedded(
        KEEPER,
        "ClickHouseKeeperInstallation",
        CLAIM_TEMPLATES,
        Of::Claim,
    ),
    embedded(
        KEEPER,
        "ClickHouseKeeperInstallation",
        SERVICE_TEMPLATES,
        Of::Service,
    ),
    embedded(
        "mongodbcommunity.mongodb.com",
        "MongoDBCommunity",
        &["spec", "statefulSet", "spec"],
        Of::StatefulSet,
    ),
];

/// Validates the specs in an object of a custom kind.
pub(super) fn validate<'a>(
    object: &'a Node,
    kind: &CustomKind,
    encoding: Encoding,
    report: &mut Report<'a>,
) {
    let minor = report.minor();
    let own = EMBEDDED.iter();
    let own = own.filter(|it| *it.group == *kind.group && *it.kind == *kind.kind);
    for field in own {
        let mut specs = Vec::new();
        collect(object, field.path, &mut specs);
        for spec in specs {
            let mut found = Report::new(minor);
            validate_spec(spec, field.of, encoding, &mut found);
            let kept = found.faults.into_iter().filter(|it| !is_completed(it));
            report.faults.extend(kept);
        }
    }
}

fn collect<'a>(node: &'a Node, path: &[&str], found: &mut Vec<&'a Node>) {
    if let Some(items) = node.as_sequence() {
        return items.iter().for_each(|it| collect(it, path, found));
    }
    match path.split_first() {
        None => found.push(node),
        Some((key, rest)) => {
            if let Some(below) = node.field(key) {
                collect(below, rest, found);
            }
        }
    }
}

fn validate_spec<'a>(spec: &'a Node, of: Of, encoding: Encoding, report: &mut Report<'a>) {
    let pool = &Kubernetes::builtin().pool;
    let Some(schema) = of.schema(report.minor()) else {
        return;
    };
    decode::decode(spec, Type { pool, schema }, encoding, report);
    if !report.is_empty() {
        return;
    }
    match of {
        Of::Pod => kinds::partial_pod(spec, report),
        Of::StatefulSet => {
            let template = spec.field("template").and_then(|it| it.field("spec"));
            template
                .into_iter()
                .for_each(|it| kinds::partial_pod(it, report));
        }
        Of::Claim | Of::Service => {}
    }
}

impl Of {
    fn schema(self, minor: u32) -> Option<&'static Schema> {
        let (version, kind) = match self {
            Of::Pod => ("v1", "Pod"),
            Of::Claim => ("v1", "PersistentVolumeClaim"),
            Of::Service => ("v1", "Service"),
            Of::StatefulSet => ("apps/v1", "StatefulSet"),
        };
        let kubernetes = Kubernetes::builtin();
        let (_, schema) = kubernetes.served(version, kind, minor)?;
        kubernetes.pool.child(schema, "spec")
    }
}

/// Whether the operator completes or replaces the value: a missing field, or a text with a macro such as `{chi}`.
fn is_completed(fault: &Fault<'_>) -> bool {
    let text = fault.at.as_str().unwrap_or("");
    let has_macro = text.split_once('{').is_some_and(|it| it.1.contains('}'));
    fault.class == class::MISSING_FIELD || has_macro
}
