//! Keeper ensembles with an even number of nodes.

use super::clusters;
use crate::diag::Severity;
use crate::object::Object;
use crate::rules::{Danger, Faults, RuleKind};
use crate::yaml::FieldPath;

/// The rule in the table of dangers.
pub const DANGER: Danger = Danger {
    code: "even-keepers",
    severity: Severity::Warning,
    summary: "a Keeper ensemble has an even number of nodes",
    explain: "\
Keeper needs more than half of its nodes. Two nodes tolerate no failure and four nodes tolerate one, the same as one and three \
nodes. The additional node costs resources and is only one more node that can fail. Use 1, 3 or 5.",
    check: RuleKind::Tree(check),
};

fn check(objects: &[&Object], faults: &mut Faults) {
    for object in objects {
        for (at, cluster) in clusters(object).iter().enumerate() {
            let nodes = cluster.shards.first().map_or(0, |it| it.replica_count);
            if cluster.is_keeper && nodes % 2 == 0 {
                let message = format!(
                    "{} has {nodes} Keeper nodes: an even number tolerates no more failures than one node fewer",
                    object.id()
                );
                let path = FieldPath::dotted("spec.configuration.clusters").index(at);
                faults.push(object, path.key("layout").key("replicasCount"), message);
            }
        }
    }
}
