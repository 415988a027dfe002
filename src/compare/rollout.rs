//! The effect of a change on running pods: images, restarts, and the number of available replicas during a restart.

use crate::diff::{Pair, is_recreated};
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
    /// What the report says about the pods in addition, such as why none restarts.
    pub note: Option<&'static str>,
}

/// A restart of pods.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restart {
    /// The number of pods that restart; `None` if there is one on each node.
    pub pods: Option<u64>,
    /// The minimum number of available pods during the restart; `None` if unknown.
    pub min_available: Option<u64>,
    /// The number of pods that an ensemble of servers needs to operate.
    pub quorum: Option<u64>,
    /// Whether the pods only restart when somebody deletes them.
    pub is_manual: bool,
}

/// A unit that a sync engine reconciles, such as a Flux Kustomization, and its objects that change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Steps with lower numbers are reconciled earlier, those with the same number at the same time.
    pub order: usize,
    /// The unit with its chart, such as `HelmRelease shop/web (chart web 1.0.0 → 1.1.0)`.
    pub title: String,
    /// The objects that change.
    pub objects: Vec<ObjectId>,
}

impl Rollout {
    /// The effect of a change of an object; none if it is added or removed. If an immutable field changes, the change is rejected or
    /// the object is created again.
    pub(super) fn new(pair: &Pair<'_>, changes_immutable_field: bool) -> Rollout {
        let (Some(before), Some(after)) = (pair.before(), pair.after()) else {
            return Rollout::default();
        };
        if let Some(rollout) = cluster_rollout(before, after) {
            return rollout;
        }
        let [old, new] = [before, after].map(template);
        let (Some(old), Some(new)) = (old, new) else {
            return Rollout::default();
        };
        let images = images(old, new);
        let restart = (!old.same_data(new)).then(|| restart(after)).flatten();
        if changes_immutable_field {
            return match is_recreated(before, after) {
                true => Rollout::recreated(images, after),
                false => Rollout::default(),
            };
        }
        match [before, after].map(is_paused) {
            [_, true] => Rollout {
                note: restart
                    .is_some()
                    .then_some("no pod restarts, because it is paused"),
                restart: None,
                images,
            },
            [true, false] if restart.is_none() => Rollout {
                note: Some("it is no longer paused: changes of its pods since then roll out"),
                restart,
                images,
            },
            _ => Rollout {
                note: None,
                restart,
                images,
            },
        }
    }

    /// The effect of deleting a workload and creating it again.
    fn recreated(images: Vec<[Option<String>; 2]>, after: &Object) -> Rollout {
        let restart = restart(after).map(|it| Restart {
            pods: replicas(after),
            min_available: Some(0),
            is_manual: false,
            ..it
        });
        Rollout {
            images,
            restart,
            note: None,
        }
    }

    /// Whether there is no effect to report.
    pub fn is_empty(&self) -> bool {
        self.images.is_empty() && self.restart.is_none() && self.note.is_none()
    }
}

/// The pod template of a workload.
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
    let images = |template: &Node| -> Vec<(String, String)> {
        let lists = ["initContainers", "containers"].into_iter();
        let lists = lists.filter_map(|it| template.at_keys(&["spec", it])?.as_sequence());
        let text = |node: &Node, key: &str| node.get(key)?.as_str().map(str::to_string);
        let pairs = lists
            .flatten()
            .filter_map(|it| Some((text(it, "name")?, text(it, "image")?)));
        pairs.collect()
    };
    changed_images(images(old), images(new))
}

/// The images that differ between two lists of names and images.
fn changed_images(
    old: Vec<(String, String)>,
    new: Vec<(String, String)>,
) -> Vec<[Option<String>; 2]> {
    let image = |list: &[(String, String)], name: &str| {
        let entry = list.iter().find(|it| it.0 == name);
        entry.map(|it| it.1.clone())
    };
    let mut names: Vec<&String> = old.iter().chain(&new).map(|it| &it.0).collect();
    names.sort();
    names.dedup();
    let both = names
        .into_iter()
        .map(|it| [image(&old, it), image(&new, it)]);
    let mut different: Vec<_> = both.filter(|it| it[0] != it[1]).collect();
    different.sort();
    different.dedup();
    different
}

fn restart(object: &Object) -> Option<Restart> {
    let spec = object.node.get("spec")?;
    let number = |keys: &[&str]| spec.at_keys(keys).and_then(number);
    let text = |keys: &[&str]| spec.at_keys(keys).and_then(Node::as_str).unwrap_or("");
    let replicas = replicas(object).unwrap_or(1);
    let mut restart = Restart {
        pods: Some(replicas),
        min_available: None,
        quorum: None,
        is_manual: false,
    };
    match object.kind() {
        "Deployment" if text(&["strategy", "type"]) == "Recreate" => {
            restart.min_available = Some(0);
        }
        "Deployment" => {
            let bound = spec.at_keys(&["strategy", "rollingUpdate", "maxUnavailable"]);
            let unavailable = bound.map_or(Some(replicas / 4), |it| max_unavailable(it, replicas));
            restart.min_available = unavailable.map(|it| replicas.saturating_sub(it));
        }
        "StatefulSet" if text(&["updateStrategy", "type"]) == "OnDelete" => {
            restart.is_manual = true;
        }
        "StatefulSet" => {
            let first = number(&["updateStrategy", "rollingUpdate", "partition"]).unwrap_or(0);
            let pods = replicas.saturating_sub(first);
            restart.pods = Some(pods);
            restart.min_available = Some(replicas.saturating_sub(pods.min(1)));
        }
        "DaemonSet" => {
            restart.pods = None;
            restart.is_manual = text(&["updateStrategy", "type"]) == "OnDelete";
        }
        _ => return None,
    }
    // Without pods, nothing restarts.
    (restart.pods != Some(0)).then_some(restart)
}

/// The number of replicas of a Deployment or StatefulSet.
fn replicas(object: &Object) -> Option<u64> {
    let replicas = object.node.at_keys(&["spec", "replicas"]);
    match object.kind() {
        "Deployment" | "StatefulSet" => Some(replicas.and_then(number).unwrap_or(1)),
        _ => None,
    }
}

/// Whether it is a Deployment that starts no rollouts.
fn is_paused(object: &Object) -> bool {
    let paused = object.node.at_keys(&["spec", "paused"]);
    object.kind() == "Deployment" && paused.and_then(Node::as_bool) == Some(true)
}

fn number(node: &Node) -> Option<u64> {
    u64::try_from(node.as_int()?).ok()
}

/// `maxUnavailable` as a number of pods: a number, or a percentage of the replicas, rounded down.
fn max_unavailable(node: &Node, replicas: u64) -> Option<u64> {
    if let Some(value) = number(node) {
        return Some(value);
    }
    let percent: u64 = node.as_str()?.strip_suffix('%')?.parse().ok()?;
    Some(replicas.saturating_mul(percent) / 100)
}

/// The rollout of a custom resource with clusters of servers, which its operator restarts one by one; `None` for other objects.
fn cluster_rollout(before: &Object, after: &Object) -> Option<Rollout> {
    let (old, new) = (clusters(before), clusters(after));
    if new.is_empty() {
        return None;
    }
    let mut rollout = Rollout::default();
    for new in &new {
        let Some(old) = old.iter().find(|it| it.name == new.name) else {
            continue;
        };
        let different = changed_images(images_of(old), images_of(new));
        // Adding servers to a cluster does not restart the existing ones.
        if different
            .iter()
            .all(|it| it[0].is_none() || it[1].is_none())
        {
            continue;
        }
        rollout.images.extend(different);
        let replica_counts = new.shards.iter().map(|it| it.replica_count);
        let replicas = replica_counts.min().unwrap_or(0);
        rollout.restart = Some(Restart {
            pods: Some(new.shards.iter().map(|it| it.replica_count).sum()),
            min_available: Some(replicas.saturating_sub(1)),
            quorum: new.is_keeper.then_some(replicas / 2 + 1),
            is_manual: false,
        });
    }
    Some(rollout)
}

/// The images of a cluster, each once, with an empty name instead of that of a container.
fn images_of(cluster: &Cluster) -> Vec<(String, String)> {
    let replicas = cluster.shards.iter().flat_map(|it| &it.replicas);
    let images = replicas.filter_map(|it| it.image.clone());
    let mut images: Vec<(String, String)> = images.map(|it| (String::new(), it)).collect();
    images.sort();
    images.dedup();
    images
}
