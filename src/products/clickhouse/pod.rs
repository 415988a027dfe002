//! Reads the settings of a server from the templates of an installation.

use crate::products::{Replica, Volume, Zones};
use crate::yaml::Node;

/// The label of a Kubernetes node with the name of its zone.
const ZONE: &str = "topology.kubernetes.io/zone";

/// The templates of an installation.
pub(super) struct Templates<'a> {
    defaults: Option<&'a Node>,
    pods: &'a [Node],
    volumes: &'a [Node],
}

impl<'a> Templates<'a> {
    pub(super) fn new(installation: &'a Node) -> Templates<'a> {
        let list = |key: &str| {
            let list = installation.at_keys(&["spec", "templates", key]);
            list.and_then(Node::as_sequence).unwrap_or_default()
        };
        Templates {
            defaults: installation.at_keys(&["spec", "defaults", "templates"]),
            pods: list("podTemplates"),
            volumes: list("volumeClaimTemplates"),
        }
    }

    /// The server with these references to templates, from the least to the most specific level. The most specific one applies.
    pub(super) fn replica(&self, levels: &[Option<&'a Node>]) -> Replica {
        let reference = |field: &str| {
            let levels = std::iter::once(&self.defaults)
                .chain(levels)
                .rev()
                .flatten();
            levels.filter_map(|it| it.get(field)?.as_str()).next()
        };
        let pod = reference("podTemplate").and_then(|it| find(self.pods, it));
        let spec = pod.and_then(|it| it.get("spec"));
        let container = spec.and_then(|it| it.get("containers")?.as_sequence()?.first());
        let volumes = [
            "dataVolumeClaimTemplate",
            "logVolumeClaimTemplate",
            "volumeClaimTemplate",
        ];
        let mut volumes: Vec<&str> = volumes.iter().filter_map(|it| reference(it)).collect();
        let mounts = container.and_then(|it| it.get("volumeMounts")?.as_sequence());
        let mounted = mounts.unwrap_or_default().iter();
        volumes.extend(mounted.filter_map(|it| it.get("name")?.as_str()));
        let mut unique: Vec<Volume> = Vec::new();
        for template in volumes.iter().filter_map(|it| find(self.volumes, it)) {
            let volume = volume(template);
            if !unique.contains(&volume) {
                unique.push(volume);
            }
        }
        Replica {
            zones: pod.map(zones).unwrap_or_default(),
            volumes: unique,
            image: container
                .and_then(|it| it.get("image")?.as_str())
                .map(str::to_string),
        }
    }
}

/// The template with this name.
fn find<'a>(templates: &'a [Node], name: &str) -> Option<&'a Node> {
    let mut templates = templates.iter();
    templates.find(|it| it.get("name").and_then(Node::as_str) == Some(name))
}

fn volume(template: &Node) -> Volume {
    let text = |keys: &[&str]| template.at_keys(keys).and_then(Node::as_str);
    let size = text(&["spec", "resources", "requests", "storage"]);
    Volume {
        name: text(&["name"]).unwrap_or("").to_string(),
        size: size.unwrap_or("").to_string(),
        class: text(&["spec", "storageClassName"]).map(str::to_string),
    }
}

fn zones(pod: &Node) -> Zones {
    let of_operator = pod.at_keys(&["zone", "values"]).and_then(texts);
    let selector = pod.at_keys(&["spec", "nodeSelector", ZONE]);
    let of_selector = selector.and_then(|it| Some(vec![it.as_str()?.to_string()]));
    if let Some(zones) = of_operator.or(of_selector).or_else(|| affinity(pod)) {
        return Zones::Named(zones);
    }
    let constraints = pod.at_keys(&["spec", "topologySpreadConstraints"]);
    let mut constraints = constraints
        .and_then(Node::as_sequence)
        .unwrap_or_default()
        .iter();
    match constraints.any(|it| it.get("topologyKey").and_then(Node::as_str) == Some(ZONE)) {
        true => Zones::Spread,
        false => Zones::Any,
    }
}

/// The zones in a required node affinity.
fn affinity(pod: &Node) -> Option<Vec<String>> {
    let terms = pod.at_keys(&[
        "spec",
        "affinity",
        "nodeAffinity",
        "requiredDuringSchedulingIgnoredDuringExecution",
        "nodeSelectorTerms",
    ])?;
    let terms = terms.as_sequence()?.iter();
    let expressions = terms.filter_map(|it| it.get("matchExpressions")?.as_sequence());
    let mut zones = expressions
        .flatten()
        .filter(|it| it.get("key").and_then(Node::as_str) == Some(ZONE));
    zones.next()?.get("values").and_then(texts)
}

fn texts(list: &Node) -> Option<Vec<String>> {
    let texts = list.as_sequence()?.iter();
    let texts: Vec<String> = texts
        .filter_map(|it| Some(it.as_str()?.to_string()))
        .collect();
    (!texts.is_empty()).then_some(texts)
}
