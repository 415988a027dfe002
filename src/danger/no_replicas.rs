//! Workloads without a pod.

use super::{Danger, Faults, RuleKind};
use crate::diag::Severity;
use crate::object::Object;
use crate::products::clusters;
use crate::yaml::{FieldPath, Node};

pub(super) const DANGER: Danger = Danger {
    code: "no-replicas",
    severity: Severity::Warning,
    summary: "a workload runs no pods",
    explain: "\
A workload with `replicas: 0` serves no requests. This is a way to stop something for a while, and is easily forgotten. An \
autoscaler does not scale up from zero. `stop: \"yes\"` in a ClickHouseInstallation has the same effect: its volumes are kept, \
its servers are removed.",
    check: RuleKind::Tree(check),
};

fn check(objects: &[&Object], faults: &mut Faults) {
    for object in objects {
        let path = FieldPath::dotted("spec.replicas");
        let replicas = object.node.at_path(&path).and_then(Node::as_int);
        let is_workload = matches!(object.kind(), "Deployment" | "StatefulSet" | "ReplicaSet");
        if is_workload && replicas == Some(0) {
            faults.push(object, path, format!("{} runs no pods", object.id()));
        }
        if clusters(object).iter().any(|it| it.is_stopped) {
            let message = format!("all servers of {} are stopped", object.id());
            faults.push(object, FieldPath::dotted("spec.stop"), message);
        }
    }
}
