//! The effect of a change on running pods: images, restarts, and the number of available replicas during a restart.

use crate::diff::Pair;
use crate::object::{Object, ObjectId};
use crate::products::{Cluster, clusters};
use crate::yaml::Node;

/// The effect on the pods of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rollout {
    /// Images before and after the change, of containers whose image changes.
    pub images: Vec<[Option<String>; 2]>,
    /// The restart of its pods, if there is one.
    pub restart: Option<Restart>,
}

/// A restart of pods.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restart {
    /// The number of pods that restart; `None` if there is one on each node.
    pub pods: Option<u64>,
    /// The minimum number of available pods during the restart; `None` if unknown.
    pub left: Option<u64>,
    /// The number of pods required for operation: the quorum of an ensemble.
    pub quorum: Option<u64>,
    /// Whether the pods only restart when somebody deletes them.
    pub is_manual: bool,
}

/// A unit that an engine reconciles, and its objects that change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Steps with lower numbers are reconciled earlier, those with the same number at the same time.
    pub order: usize,
    /// The unit, with its chart: `HelmRelease shop/web (chart web 1.0.0 → 1.1.0)`.
    pub title: String,
    /// The objects that change.
    pub objects: Vec<ObjectId>,
}

impl Rollout {
    /// What a change of an object does.
    pub(super) fn of(pair: &Pair<'_>) -> Rollout {
        let (Some(before), Some(after)) = (pair.before(), pair.after()) else {
            return Rollout::default();
        };
        if let Some(found) = of_clusters(before, after) {
            return found;
        }
        let [old, new] = [before, after].map(template);
        let (Some(old), Some(new)) = (old, new) else {
            return Rollout::default();
        };
        Rollout {
            images: images(old, new),
            restart: (!old.same_data(new)).then(|| restart(after)).flatten(),
        }
    }

    /// Whether there is no effect to report.
    pub fn is_empty(&self) -> bool {
        self.images.is_empty() && self.restart.is_none()
    }
}

/// The template of the pods of a workload.
fn template(object: &Object) -> Option<&Node> {
    match (&*object.gvk().group, object.kind()) {
        ("apps", "Deployment" | "StatefulSet" | "DaemonSet") => {
            object.node.at_keys(&["spec", "template"])
        }
        ("batch", "CronJob") => object
            .node
            .at_keys(&["spec", "jobTemplate", "spec", "template"]),
        ("batch", "Job") => object.node.at_keys(&["spec", "template"]),
        _ => None,
    }
}

fn images(old: &Node, new: &Node) -> Vec<[Option<String>; 2]> {
    let of = |template: &Node| -> Vec<(String, String)> {
        let lists = ["initContainers", "containers"].into_iter();
        let lists = lists.filter_map(|it| template.at_keys(&["spec", it])?.as_sequence());
        let text = |node: &Node, key: &str| node.get(key)?.as_str().map(str::to_string);
        let pairs = lists
            .flatten()
            .filter_map(|it| Some((text(it, "name")?, text(it, "image")?)));
        pairs.collect()
    };
    pairs(of(old), of(new))
}

/// The differences between two lists of names and images.
fn pairs(old: Vec<(String, String)>, new: Vec<(String, String)>) -> Vec<[Option<String>; 2]> {
    let find = |list: &[(String, String)], name: &str| {
        let found = list.iter().find(|it| it.0 == name);
        found.map(|it| it.1.clone())
    };
    let mut names: Vec<&String> = old.iter().chain(&new).map(|it| &it.0).collect();
    names.sort();
    names.dedup();
    let both = names.into_iter().map(|it| [find(&old, it), find(&new, it)]);
    let mut different: Vec<_> = both.filter(|it| it[0] != it[1]).collect();
    different.sort();
    different.dedup();
    different
}

fn restart(object: &Object) -> Option<Restart> {
    let spec = object.node.get("spec")?;
    let number = |keys: &[&str]| spec.at_keys(keys).and_then(number);
    let text = |keys: &[&str]| spec.at_keys(keys).and_then(Node::as_str).unwrap_or("");
    let replicas = number(&["replicas"]).unwrap_or(1);
    let mut restart = Restart {
        pods: Some(replicas),
        left: None,
        quorum: None,
        is_manual: false,
    };
    match object.kind() {
        "Deployment" if text(&["strategy", "type"]) == "Recreate" => restart.left = Some(0),
        "Deployment" => {
            let bound = spec.at_keys(&["strategy", "rollingUpdate", "maxUnavailable"]);
            let away = bound.map_or(Some(replicas / 4), |it| unavailable(it, replicas));
            restart.left = away.map(|it| replicas.saturating_sub(it));
        }
        "StatefulSet" if text(&["updateStrategy", "type"]) == "OnDelete" => {
            restart.is_manual = true;
        }
        "StatefulSet" => {
            let first = number(&["updateStrategy", "rollingUpdate", "partition"]).unwrap_or(0);
            let pods = replicas.saturating_sub(first);
            restart.pods = Some(pods);
            restart.left = Some(replicas.saturating_sub(pods.min(1)));
        }
        "DaemonSet" => {
            restart.pods = None;
            restart.is_manual = text(&["updateStrategy", "type"]) == "OnDelete";
        }
        _ => return None,
    }
    // No pods are running.
    (restart.pods != Some(0)).then_some(restart)
}

fn number(node: &Node) -> Option<u64> {
    u64::try_from(node.as_int()?).ok()
}

/// A number of pods, or a percentage, which is rounded down.
fn unavailable(node: &Node, replicas: u64) -> Option<u64> {
    if let Some(value) = number(node) {
        return Some(value);
    }
    let percent: u64 = node.as_str()?.strip_suffix('%')?.parse().ok()?;
    Some(replicas.saturating_mul(percent) / 100)
}

/// The servers of an operator, which restarts them one by one.
fn of_clusters(before: &Object, after: &Object) -> Option<Rollout> {
    let (old, new) = (clusters(before), clusters(after));
    if new.is_empty() {
        return None;
    }
    let mut rollout = Rollout::default();
    for new in &new {
        let Some(old) = old.iter().find(|it| it.name == new.name) else {
            continue;
        };
        let different = pairs(images_of(old), images_of(new));
        // Adding servers to a cluster does not restart the existing ones.
        if different
            .iter()
            .all(|it| it[0].is_none() || it[1].is_none())
        {
            continue;
        }
        rollout.images.extend(different);
        let of_shard = new.shards.iter().map(|it| it.replica_count);
        let replicas = of_shard.min().unwrap_or(0);
        rollout.restart = Some(Restart {
            pods: Some(new.shards.iter().map(|it| it.replica_count).sum()),
            left: Some(replicas.saturating_sub(1)),
            quorum: new.is_keeper.then_some(replicas / 2 + 1),
            is_manual: false,
        });
    }
    Some(rollout)
}

fn images_of(cluster: &Cluster) -> Vec<(String, String)> {
    let replicas = cluster.shards.iter().flat_map(|it| &it.replicas);
    let images = replicas.filter_map(|it| it.image.clone());
    let mut images: Vec<(String, String)> = images.map(|it| (String::new(), it)).collect();
    images.sort();
    images.dedup();
    images
}
