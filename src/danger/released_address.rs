//! Services that lose their load balancer.

use super::{Danger, Faults, RuleKind};
use crate::diag::Severity;
use crate::diff::{Pair, is_kept};
use crate::object::Object;
use crate::yaml::{FieldPath, Node};

pub(super) const DANGER: Danger = Danger {
    code: "released-address",
    severity: Severity::Warning,
    summary: "a Service loses its load balancer and the address of it",
    explain: "\
If a Service of type LoadBalancer is deleted or gets another type, the cloud provider deletes its load balancer and releases the \
address. DNS entries and allowlists of others that contain the address no longer work, and a new Service gets another address. \
Renaming a Service also deletes it.

Reserve the address at the provider first, or move the traffic to another Service before this one is removed.",
    check: RuleKind::Change(check),
};

fn check(pair: &Pair<'_>, faults: &mut Faults) {
    let Some(before) = pair.before().filter(|it| is_balanced(it)) else {
        return;
    };
    let (object, field, what) = match pair {
        Pair::Same(_, after) if after.id() == before.id() => {
            if is_balanced(after) {
                return;
            }
            (*after, "spec.type", "is no longer of type LoadBalancer")
        }
        _ if is_kept(before) => return,
        _ => (
            pair.after().unwrap_or(before),
            "metadata.name",
            "would be deleted",
        ),
    };
    let message = format!(
        "{} {what}: its load balancer is deleted, and its address is released unless it is reserved",
        before.id()
    );
    faults.push(object, FieldPath::dotted(field), message);
}

fn is_balanced(object: &Object) -> bool {
    let kind = object.node.at_keys(&["spec", "type"]);
    let is_service = object.kind() == "Service" && object.api_version() == "v1";
    is_service && kind.and_then(Node::as_str) == Some("LoadBalancer")
}
