//! ConfigMaps and Secrets, and keys of them, that are removed while something still refers to them.

use std::collections::{BTreeMap, BTreeSet};

use super::{ChangeSet, Danger, Faults, RuleKind};
use crate::diag::Severity;
use crate::diff::{Pair, is_kept};
use crate::object::Object;
use crate::products::operators;
use crate::yaml::{FieldPath, Node, View};

pub(super) const DANGER: Danger = Danger {
    code: "removed-key",
    severity: Severity::Warning,
    summary: "a ConfigMap, a Secret or a key of one is removed and still referred to",
    explain: "\
A container whose `envFrom`, `configMapKeyRef` or `secretKeyRef` names a ConfigMap or Secret that does not exist is not started \
(CreateContainerConfigError), and a volume of it is not mounted. Pods that already run are not affected until they are replaced: \
a rollout, a drained node or a crash may be much later than the change.

The same is true for keys. A container whose `configMapKeyRef` or `secretKeyRef` names a key that does not exist is not started \
(CreateContainerConfigError), and a volume with such a key in `items` is not mounted. A `subPath` that names the key becomes an empty \
directory. A HelmRelease of Flux whose `valuesFrom` names such a key is not reconciled. A key that is renamed is removed by its \
earlier name.

Change the reference together with the key, or keep both keys until nothing refers to the earlier one. References with \
`optional: true` are not reported, and neither are objects that a custom resource of the namespace may create, such as the Secret \
of an ExternalSecret.",
    check: RuleKind::ChangeSet(check),
};

/// The kind, namespace and name of a ConfigMap or Secret.
type DataObject = (String, String, String);

/// What is removed of a ConfigMap or Secret.
enum Lost {
    Object,
    Keys(BTreeSet<String>),
}

fn check(changes: &ChangeSet<'_>, faults: &mut Faults) {
    let found = changes.pairs.iter();
    let found = found.filter_map(|it| Some((data_object(it)?, lost(it)?)));
    let mut lost: BTreeMap<DataObject, Lost> = found.collect();
    let created = CreatedNames::find(changes, &lost);
    lost.retain(|it, lost| matches!(lost, Lost::Keys(_)) || !created.has(it));
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
        let mut gone = BTreeSet::new();
        for (field, kind, name, key) in search.found {
            let message = match key {
                Some(key) => format!(
                    "{} refers to key `{key}` of {kind} {name}, which is removed",
                    object.id()
                ),
                None if !gone.insert((kind, name.clone())) => continue,
                None => format!("{} refers to {kind} {name}, which is removed", object.id()),
            };
            faults.push(object, field, message);
        }
    }
}

/// Whether a pair is a ConfigMap or Secret that is removed, also by getting another name, or that loses keys.
pub(super) fn loses_data(pair: &Pair<'_>) -> bool {
    lost(pair).is_some()
}

fn data_object(pair: &Pair<'_>) -> Option<DataObject> {
    let before = pair.before()?;
    let is_data = matches!(before.kind(), "ConfigMap" | "Secret") && before.api_version() == "v1";
    is_data.then(|| {
        let (kind, namespace) = (before.kind().to_string(), before.namespace().to_string());
        (kind, namespace, before.name().to_string())
    })
}

fn lost(pair: &Pair<'_>) -> Option<Lost> {
    data_object(pair)?;
    let before = pair.before()?;
    let is_same = pair.after().is_some_and(|it| it.id() == before.id());
    if !is_same {
        return (!is_kept(before)).then_some(Lost::Object);
    }
    let keys = lost_keys(pair);
    (!keys.is_empty()).then_some(Lost::Keys(keys))
}

/// Names of removed objects that may exist after the change, although they are not part of it.
struct CreatedNames<'a> {
    /// Namespaces and strings in custom resources, whose operators may create objects with these names.
    named: BTreeSet<(&'a str, &'a str)>,
    /// Namespaces in which a new chart is installed.
    charts: BTreeSet<&'a str>,
}

impl<'a> CreatedNames<'a> {
    fn find(changes: &ChangeSet<'a>, lost: &BTreeMap<DataObject, Lost>) -> CreatedNames<'a> {
        let new = changes.pairs.iter().filter_map(|it| match it {
            Pair::Added(new) if matches!(new.kind(), "HelmRelease" | "Application") => Some(*new),
            _ => None,
        });
        let mut found = CreatedNames {
            named: BTreeSet::new(),
            charts: new.map(operators::namespace).collect(),
        };
        let names: BTreeSet<&str> = lost.keys().map(|it| &*it.2).collect();
        let is_custom = |it: &&Object| {
            let group = it.gvk().group;
            let is_kubernetes = !group.contains('.') || group.ends_with(".k8s.io");
            !is_kubernetes && !group.ends_with(".fluxcd.io")
        };
        for object in changes
            .rest
            .iter()
            .filter(is_custom)
            .filter(|_| !names.is_empty())
        {
            strings(&object.node, &mut |text| {
                if names.contains(text) {
                    found.named.insert((object.namespace(), text));
                }
            });
        }
        found
    }

    fn has(&self, (_, namespace, name): &DataObject) -> bool {
        let is_named = |it: &&str| self.named.contains(&(*it, &**name));
        ["", namespace].iter().any(is_named) || self.charts.contains(&**namespace)
    }
}

fn strings<'a>(node: &'a Node, found: &mut impl FnMut(&'a str)) {
    match node.view() {
        View::Scalar(_) => node.as_str().into_iter().for_each(found),
        View::Sequence(items) => items.iter().for_each(|it| strings(it, found)),
        View::Mapping(entries) => entries.iter().for_each(|it| strings(&it.value, found)),
    }
}

/// The keys that were removed from an object on both sides.
fn lost_keys(pair: &Pair<'_>) -> BTreeSet<String> {
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

/// References in an object to what is removed.
struct Search<'a> {
    lost: &'a BTreeMap<DataObject, Lost>,
    object: &'a Object,
    /// The location of the reference, the kind and name of its target, and the key if only that is removed.
    found: Vec<(FieldPath, &'static str, String, Option<String>)>,
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
            "configMapRef" => self.whole(node, path, "ConfigMap"),
            "secretRef" => self.whole(node, path, "Secret"),
            "configMap" => self.items(node, path, "ConfigMap"),
            "secret" => self.items(node, path, "Secret"),
            "valuesFrom" | "substituteFrom" => {
                for (at, item) in node.as_sequence().unwrap_or_default().iter().enumerate() {
                    let kind = item.get("kind").and_then(Node::as_str);
                    let kind = match kind {
                        Some("ConfigMap") => "ConfigMap",
                        Some("Secret") => "Secret",
                        _ => continue,
                    };
                    match key {
                        "valuesFrom" => self.key(item, &path.index(at), kind, "valuesKey"),
                        _ => self.whole(item, &path.index(at), kind),
                    }
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
            self.check(node, &path.key(field), kind, Some(key));
        }
    }

    /// A reference to an object with all of its keys.
    fn whole(&mut self, node: &Node, path: &FieldPath, kind: &'static str) {
        self.check(node, path, kind, None);
    }

    /// A volume, or a source of a projected one.
    fn items(&mut self, node: &Node, path: &FieldPath, kind: &'static str) {
        self.whole(node, path, kind);
        let items = node.get("items").and_then(Node::as_sequence);
        for (at, item) in items.unwrap_or_default().iter().enumerate() {
            if let Some(key) = item.get("key").and_then(Node::as_str) {
                self.check(
                    node,
                    &path.key("items").index(at).key("key"),
                    kind,
                    Some(key),
                );
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
                        self.check(
                            source,
                            &path.index(mount_at).key("subPath"),
                            kind,
                            Some(key),
                        );
                    }
                }
            }
        }
    }

    fn check(&mut self, node: &Node, path: &FieldPath, kind: &'static str, key: Option<&str>) {
        let mut names = ["name", "secretName"].into_iter();
        let name = names.find_map(|it| node.get(it)?.as_str()).unwrap_or("");
        let is_optional = node.get("optional").and_then(Node::as_bool) == Some(true);
        let namespace = node.get("namespace").and_then(Node::as_str);
        let namespace = namespace.unwrap_or(self.object.namespace()).to_string();
        let holder = (kind.to_string(), namespace, name.to_string());
        let key = match (self.lost.get(&holder), key) {
            (Some(Lost::Object), _) => None,
            (Some(Lost::Keys(keys)), Some(key)) if keys.contains(key) => Some(key.to_string()),
            _ => return,
        };
        if !is_optional {
            let found = (path.clone(), kind, name.to_string(), key);
            self.found.push(found);
        }
    }
}

fn list<'a>(node: &'a Node, key: &str) -> &'a [Node] {
    let list = node.get(key).and_then(Node::as_sequence);
    list.unwrap_or_default()
}
