//! ClickHouse and Keeper servers that get other volumes, or none.

use std::collections::BTreeSet;

use super::clusters;
use crate::diag::Severity;
use crate::diff::Pair;
use crate::object::Object;
use crate::products::{Cluster, paired};
use crate::rules::{Danger, Faults, RuleKind};
use crate::yaml::{FieldPath, Node, View};

/// The rule in the table of dangers.
pub const DANGER: Danger = Danger {
    code: "replaced-volume",
    severity: Severity::Error,
    summary: "ClickHouse or Keeper servers lose the volume with their data",
    explain: "\
The name of a volume claim contains the name of its template. If servers use a template with another name, the operator creates \
new, empty volumes, and the earlier ones are no longer mounted; with `reclaimPolicy: Delete`, the default, they are deleted. If \
servers use no template any more, their data is in the file system of the container and is lost whenever the pod is replaced. \
Volumes that are only for logs are not reported.

Keep the name of the template, and the reference in `defaults.templates.dataVolumeClaimTemplate` or in the `volumeMounts` of the \
pod. To move the data, add replicas with the new volume, let them fetch it, and remove the old ones.",
    check: RuleKind::Change(check),
};

fn check(pair: &Pair<'_>, faults: &mut Faults) {
    let Pair::Same(before, after) = pair else {
        return;
    };
    let (old, new) = (clusters(before), clusters(after));
    if old.is_empty() {
        return;
    }
    let logs = log_templates(before);
    for (old, new) in paired(&old, &new) {
        let Some((at, new)) = new else {
            continue;
        };
        let path = FieldPath::dotted("spec.configuration.clusters").index(at);
        let (had, has) = (volumes(old), volumes(new));
        for lost in had.difference(&has).filter(|it| !logs.contains(&***it)) {
            let now: Vec<&&str> = has.difference(&had).collect();
            let consequence = match &*now {
                [] if has.is_empty() => {
                    "their data is lost when their pods are replaced".to_string()
                }
                [] => "the data on it is no longer used".to_string(),
                [first, ..] => format!("they start with the new, empty volume `{first}`"),
            };
            let message = format!(
                "servers of cluster `{}` of {} no longer use volume `{lost}`: {consequence}",
                old.name,
                after.id()
            );
            faults.push(after, path.clone(), message);
        }
    }
}

/// The names of the volumes of all servers.
fn volumes(cluster: &Cluster) -> BTreeSet<&str> {
    let replicas = cluster.shards.iter().flat_map(|it| &it.replicas);
    let volumes = replicas.flat_map(|it| &it.volumes);
    volumes.map(|it| &*it.name).collect()
}

/// The templates that are only for logs.
fn log_templates(object: &Object) -> BTreeSet<&str> {
    let (mut logs, mut others) = (BTreeSet::new(), BTreeSet::new());
    references(&object.node, &mut logs, &mut others);
    logs.difference(&others).copied().collect()
}

fn references<'a>(node: &'a Node, logs: &mut BTreeSet<&'a str>, others: &mut BTreeSet<&'a str>) {
    match node.view() {
        View::Scalar(_) => {}
        View::Sequence(items) => items.iter().for_each(|it| references(it, logs, others)),
        View::Mapping(entries) => {
            for entry in entries {
                match (entry.key.as_str(), entry.value.as_str()) {
                    (Some("logVolumeClaimTemplate"), Some(name)) => _ = logs.insert(name),
                    (Some("dataVolumeClaimTemplate" | "volumeClaimTemplate"), Some(name)) => {
                        _ = others.insert(name);
                    }
                    _ => references(&entry.value, logs, others),
                }
            }
        }
    }
}
