//! Keys that are removed from a ConfigMap or Secret while something still refers to them.

use std::collections::{BTreeMap, BTreeSet};

use super::{ChangeSet, Danger, Faults, RuleKind};
use crate::diag::Severity;
use crate::diff::Pair;
use crate::object::Object;
use crate::yaml::{FieldPath, Node, View};

pub(super) const DANGER: Danger = Danger {
    code: "removed-key",
    severity: Severity::Warning,
    summary: "a ConfigMap or Secret loses a key that is still referred to",
    explain: "\
A container whose `configMapKeyRef` or `secretKeyRef` names a key that does not exist is not started \
(CreateContainerConfigError), and a volume with such a key in `items` is not mounted. A `subPath` that names the key becomes an empty \
directory. A HelmRelease of Flux whose `valuesFrom` names such a key is not reconciled. A key that is renamed is removed by its \
earlier name.

Change the reference together with the key, or keep both keys until nothing refers to the earlier one. References with \
`optional: true` are not reported.",
    check: RuleKind::ChangeSet(check),
};

/// The kind, namespace and name of a ConfigMap or Secret.
type DataObject = (String, String, String);

fn check(changes: &ChangeSet<'_>, faults: &mut Faults) {
    let mut lost: BTreeMap<DataObject, BTreeSet<String>> = BTreeMap::new();
    for pair in changes.pairs {
        let keys = lost_keys(pair);
        if let Some(after) = pair.after().filter(|_| !keys.is_empty()) {
            let (kind, namespace) = (after.kind().to_string(), after.namespace().to_string());
            lost.insert((kind, namespace, after.name().to_string()), keys);
        }
    }
    if lost.is_empty() {
        return;
    }
    for object in changes.rest {
        let mut search = Search {
            lost: &lost,
            object,
            found: Vec::new(),
        };
        search.node(&object.node, &FieldPath::root());
        for (field, kind, name, key) in search.found {
            let message = format!(
                "{} refers to key `{key}` of {kind} {name}, which is removed",
                object.id()
            );
            faults.push(object, field, message);
        }
    }
}

/// The keys that were removed from an object on both sides.
pub(super) fn lost_keys(pair: &Pair<'_>) -> BTreeSet<String> {
    let (Some(before), Some(after)) = (pair.before(), pair.after()) else {
        return BTreeSet::new();
    };
    if !matches!(after.kind(), "ConfigMap" | "Secret") || after.api_version() != "v1" {
        return BTreeSet::new();
    }
    let had = keys(before);
    let has = keys(after);
    had.difference(&has).map(ToString::to_string).collect()
}

fn keys(object: &Object) -> BTreeSet<&str> {
    let fields = ["data", "stringData", "binaryData"].into_iter();
    let maps = fields.filter_map(|it| object.node.get(it)?.as_mapping());
    maps.flat_map(|it| it.keys()).collect()
}

/// References in an object to removed keys.
struct Search<'a> {
    lost: &'a BTreeMap<DataObject, BTreeSet<String>>,
    object: &'a Object,
    /// The location of the reference, the kind and name of its target, and the key.
    found: Vec<(FieldPath, &'static str, String, String)>,
}

impl Search<'_> {
    fn node(&mut self, node: &Node, path: &FieldPath) {
        match node.view() {
            View::Scalar(_) => {}
            View::Sequence(items) => {
                for (at, item) in items.iter().enumerate() {
                    self.node(item, &path.index(at));
                }
            }
            View::Mapping(entries) => {
                for entry in entries {
                    let key = entry.key.as_str().unwrap_or("");
                    let path = path.key(key);
                    self.reference(key, &entry.value, &path);
                    self.node(&entry.value, &path);
                }
                self.mounts(node, path);
            }
        }
    }

    fn reference(&mut self, key: &str, node: &Node, path: &FieldPath) {
        match key {
            "configMapKeyRef" => self.key(node, path, "ConfigMap", "key"),
            "secretKeyRef" => self.key(node, path, "Secret", "key"),
            "configMap" => self.items(node, path, "ConfigMap"),
            "secret" => self.items(node, path, "Secret"),
            "valuesFrom" => {
                for (at, item) in node.as_sequence().unwrap_or_default().iter().enumerate() {
                    let kind = item.get("kind").and_then(Node::as_str);
                    let kind = match kind {
                        Some("ConfigMap") => "ConfigMap",
                        Some("Secret") => "Secret",
                        _ => continue,
                    };
                    self.key(item, &path.index(at), kind, "valuesKey");
                }
            }
            _ => {}
        }
    }

    /// A reference with a name and a key; in `valuesFrom`, the key has a default.
    fn key(&mut self, node: &Node, path: &FieldPath, kind: &'static str, field: &str) {
        let key = node.get(field).and_then(Node::as_str);
        let key = key.or((field == "valuesKey").then_some("values.yaml"));
        if let Some(key) = key {
            self.check(node, &path.key(field), kind, key);
        }
    }

    /// A volume, or a source of a projected one.
    fn items(&mut self, node: &Node, path: &FieldPath, kind: &'static str) {
        let items = node.get("items").and_then(Node::as_sequence);
        for (at, item) in items.unwrap_or_default().iter().enumerate() {
            if let Some(key) = item.get("key").and_then(Node::as_str) {
                self.check(node, &path.key("items").index(at).key("key"), kind, key);
            }
        }
    }

    /// The `subPath` mounts of a volume in containers, which are keys if the volume has no `items`.
    fn mounts(&mut self, pod: &Node, path: &FieldPath) {
        let mut sources: BTreeMap<&str, (&'static str, &Node)> = BTreeMap::new();
        for volume in list(pod, "volumes") {
            for (key, kind) in [("configMap", "ConfigMap"), ("secret", "Secret")] {
                let source = volume.get(key).filter(|it| it.get("items").is_none());
                let name = volume.get("name").and_then(Node::as_str);
                sources.extend(name.zip(source.map(|it| (kind, it))));
            }
        }
        if sources.is_empty() {
            return;
        }
        for containers in ["initContainers", "containers"] {
            for (at, container) in list(pod, containers).iter().enumerate() {
                for (mount_at, mount) in list(container, "volumeMounts").iter().enumerate() {
                    let text = |key: &str| mount.get(key).and_then(Node::as_str);
                    let source = text("name").and_then(|it| sources.get(it));
                    if let (Some((kind, source)), Some(key)) = (source, text("subPath")) {
                        let path = path.key(containers).index(at).key("volumeMounts");
                        self.check(source, &path.index(mount_at).key("subPath"), kind, key);
                    }
                }
            }
        }
    }

    fn check(&mut self, node: &Node, path: &FieldPath, kind: &'static str, key: &str) {
        let mut names = ["name", "secretName"].into_iter();
        let name = names.find_map(|it| node.get(it)?.as_str()).unwrap_or("");
        let is_optional = node.get("optional").and_then(Node::as_bool) == Some(true);
        let namespace = self.object.namespace().to_string();
        let holder = (kind.to_string(), namespace, name.to_string());
        let is_lost = self.lost.get(&holder).is_some_and(|it| it.contains(key));
        if is_lost && !is_optional {
            let found = (path.clone(), kind, name.to_string(), key.to_string());
            self.found.push(found);
        }
    }
}

fn list<'a>(node: &'a Node, key: &str) -> &'a [Node] {
    let list = node.get(key).and_then(Node::as_sequence);
    list.unwrap_or_default()
}
