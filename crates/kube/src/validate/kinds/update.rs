//! Fields that cannot be changed after an object is created: the only table of them.
//!
//! Both objects have the defaults of their kind (`validate::defaults`) and no nulls.

use std::collections::BTreeSet;

use super::fields::{quantity_of, text_of};
use super::volume::PERSISTENT_SOURCES;
use crate::validate::fault::{Help, Report, class};
use crate::validate::json::{Fields, integer};
use crate::validate::scalars::base64_decode;
use crate::validate::structural::same;
use pleach_yaml::Node;

/// Reports that a field cannot be changed.
pub(super) fn immutable<'a>(node: &'a Node, key: &str, report: &mut Report<'a>) {
    report.below(class::IMMUTABLE_FIELD, node, key, "cannot be changed");
    let text = "delete the object and create it again, or keep the old value";
    report.help(Some(Help::text(text)));
}

/// Reports immutable fields of the object or of `spec` that change.
fn unchanged<'a>(
    node: Option<&'a Node>,
    old: Option<&Node>,
    keys: &[&str],
    report: &mut Report<'a>,
) {
    let (Some(node), Some(old)) = (node, old) else {
        return;
    };
    for key in keys {
        if !is_equal_field(key, node.field(key), old.field(key)) {
            immutable(node, key, report);
        }
    }
}

/// Maps of quantities, which may have different notations.
const AMOUNTS: [&str; 5] = ["requests", "limits", "capacity", "sizeLimit", "divisor"];

/// Booleans for which `false` is the same as missing. For others, such as `runAsNonRoot`, it is not.
const PLAIN_BOOLEANS: [&str; 8] = [
    "hostNetwork",
    "hostPID",
    "hostIPC",
    "readOnly",
    "stdin",
    "stdinOnce",
    "tty",
    "manualSelector",
];

/// Texts for which an empty one is not the same as a missing one.
const OPTIONAL_TEXTS: [&str; 2] = ["storageClassName", "runtimeClassName"];

fn is_equal_field(key: &str, new: Option<&Node>, old: Option<&Node>) -> bool {
    let (Some(new), Some(old)) = (new, old) else {
        let only = new.or(old);
        return only.is_none_or(|it| is_missing(key, it));
    };
    is_equal(new, old, AMOUNTS.contains(&key))
}

/// Whether a value is the same as a missing one.
fn is_missing(key: &str, value: &Node) -> bool {
    let is_empty = value.as_str() == Some("") && !OPTIONAL_TEXTS.contains(&key);
    let is_false = value.as_bool() == Some(false) && PLAIN_BOOLEANS.contains(&key);
    value.is_empty_collection() || is_empty || is_false
}

/// Whether two values have the same meaning.
fn is_equal(new: &Node, old: &Node, are_amounts: bool) -> bool {
    if let (Some(one), Some(other)) = (new.as_mapping(), old.as_mapping()) {
        let keys = one.iter().chain(other).filter_map(|it| it.key.as_str());
        let keys: BTreeSet<&str> = keys.collect();
        return keys.into_iter().all(|key| match are_amounts {
            true => {
                let both = one.get(key).zip(other.get(key));
                both.is_some_and(|(a, b)| is_equal(a, b, true))
            }
            false => is_equal_field(key, one.get(key), other.get(key)),
        });
    }
    if let (Some(one), Some(other)) = (new.as_sequence(), old.as_sequence()) {
        let mut both = one.iter().zip(other);
        return one.len() == other.len() && both.all(|(a, b)| is_equal(a, b, are_amounts));
    }
    let is_amount = || matches!((quantity_of(new), quantity_of(old)), (Some(a), Some(b)) if a == b);
    same(new, old) || are_amounts && is_amount()
}

fn spec(node: &Node) -> Option<&Node> {
    node.field("spec")
}

pub(super) fn selector<'a>(object: &'a Node, old: &'a Node, report: &mut Report<'a>) {
    unchanged(spec(object), spec(old), &["selector"], report);
}

pub(super) fn stateful_set<'a>(object: &'a Node, old: &'a Node, report: &mut Report<'a>) {
    let fields = ["selector", "serviceName", "podManagementPolicy"];
    unchanged(spec(object), spec(old), &fields, report);
    if !has_equal_claims(object, old)
        && let Some(spec) = spec(object)
    {
        immutable(spec, "volumeClaimTemplates", report);
    }
}

/// Whether two StatefulSets have the same templates of claims, whose version and kind the server ignores.
fn has_equal_claims(object: &Node, old: &Node) -> bool {
    let claims = |it: &Node| -> Vec<Node> {
        let mut claims = spec(it).map_or(Vec::new(), |it| it.list("volumeClaimTemplates").to_vec());
        for claim in claims.iter_mut().filter_map(Node::as_mapping_mut) {
            claim.retain(|it| !matches!(it.key.as_str(), Some("apiVersion" | "kind")));
        }
        claims
    };
    let (new, old) = (claims(object), claims(old));
    new.len() == old.len() && new.iter().zip(&old).all(|(a, b)| is_equal(a, b, false))
}

pub(super) fn job<'a>(object: &'a Node, old: &'a Node, report: &mut Report<'a>) {
    let fields = [
        "selector",
        "completionMode",
        "podFailurePolicy",
        "backoffLimitPerIndex",
        "managedBy",
        "successPolicy",
    ];
    unchanged(spec(object), spec(old), &fields, report);
    let (Some(spec), Some(before)) = (spec(object), spec(old)) else {
        return;
    };
    job_template(spec, before, report);
    // An indexed Job can grow and shrink together with its pods.
    let grows = spec.text("completionMode") == Some("Indexed")
        && spec.integer("completions") == spec.integer("parallelism");
    if !grows {
        unchanged(Some(spec), Some(before), &["completions"], report);
    }
}

/// The pods of a Job. While it is suspended, what the scheduler uses can be changed.
fn job_template<'a>(spec: &'a Node, before: &Node, report: &mut Report<'a>) {
    const SCHEDULING: [&str; 5] = [
        "affinity",
        "nodeSelector",
        "tolerations",
        "schedulingGates",
        // Requests and limits can be changed since Kubernetes 1.36; the server removes what it does not allow.
        "resources",
    ];
    if before.boolean("suspend") != Some(true) {
        return unchanged(Some(spec), Some(before), &["template"], report);
    }
    let pod = |it: &Node| -> Option<Node> {
        let mut pod = it.field("template")?.field("spec")?.clone();
        let map = pod.as_mapping_mut()?;
        map.retain(|it| !it.key.as_str().is_some_and(|it| SCHEDULING.contains(&it)));
        for list in ["containers", "initContainers"] {
            let containers = pod.get_mut(list).and_then(Node::as_sequence_mut);
            for container in containers.into_iter().flatten() {
                if let Some(map) = container.as_mapping_mut() {
                    map.retain(|it| it.key.as_str() != Some("resources"));
                }
            }
        }
        Some(pod)
    };
    if let (Some(new), Some(old)) = (pod(spec), pod(before))
        && !is_equal(&new, &old, false)
    {
        immutable(spec, "template", report);
    }
}

/// A pod, which the server creates as it is: only its images, and some fields in one direction, can be changed.
pub(super) fn pod<'a>(object: &'a Node, old: &'a Node, report: &mut Report<'a>) {
    let (Some(spec), Some(before)) = (spec(object), spec(old)) else {
        return;
    };
    for list in ["containers", "initContainers"] {
        containers(spec, before, list, report);
    }
    let keys = |it: &'a Node| it.as_mapping().into_iter().flatten();
    let keys = keys(spec).chain(keys(before));
    let keys: BTreeSet<&str> = keys.filter_map(|it| it.key.as_str()).collect();
    for key in keys {
        let (new, was) = (spec.field(key), before.field(key));
        let is_allowed = match key {
            "containers" | "initContainers" => true,
            "activeDeadlineSeconds" => {
                let number = |it: Option<&Node>| it.and_then(integer);
                number(new).is_some_and(|new| number(was).is_none_or(|old| new <= old))
            }
            "tolerations" => is_part_of(before.list(key), spec.list(key)),
            "schedulingGates" => is_part_of(spec.list(key), before.list(key)),
            "nodeSelector" | "affinity" if !before.list("schedulingGates").is_empty() => true,
            _ => is_equal_field(key, new, was),
        };
        if !is_allowed && !is_equal_field(key, new, was) {
            immutable(spec, key, report);
        }
    }
}

fn is_part_of(some: &[Node], all: &[Node]) -> bool {
    some.iter()
        .all(|it| all.iter().any(|other| is_equal(it, other, false)))
}

fn containers<'a>(spec: &'a Node, before: &Node, list: &str, report: &mut Report<'a>) {
    let (new, old) = (spec.list(list), before.list(list));
    if new.len() != old.len() {
        return immutable(spec, list, report);
    }
    for (container, before) in new.iter().zip(old) {
        let keys = [container, before].into_iter();
        let keys = keys.flat_map(|it| it.as_mapping().into_iter().flatten());
        let keys: BTreeSet<&str> = keys.filter_map(|it| it.key.as_str()).collect();
        let keys: Vec<&str> = keys.into_iter().filter(|it| *it != "image").collect();
        // The default depends on the image.
        let is_policy = |it: &&str| *it == "imagePullPolicy";
        let keys: Vec<&str> =
            match is_equal_field("image", container.get("image"), before.get("image")) {
                true => keys,
                false => keys.into_iter().filter(|it| !is_policy(it)).collect(),
            };
        unchanged(Some(container), Some(before), &keys, report);
    }
}

pub(super) fn service<'a>(object: &'a Node, old: &'a Node, report: &mut Report<'a>) {
    let (Some(node), Some(before)) = (spec(object), spec(old)) else {
        return;
    };
    let kind = |it: &'a Node| it.text("type").unwrap_or("ClusterIP");
    let keeps_address = kind(node) != "ExternalName" && kind(before) != "ExternalName";
    if keeps_address {
        address(node, before, report);
    }
    let are_balancers = kind(node) == "LoadBalancer" && kind(before) == "LoadBalancer";
    if are_balancers {
        unchanged(Some(node), Some(before), &["loadBalancerClass"], report);
        let both = |key| node.field(key).zip(before.field(key));
        let is_other = both("healthCheckNodePort").is_some_and(|(a, b)| !same(a, b));
        if is_other {
            immutable(node, "healthCheckNodePort", report);
        }
    }
}

/// The address of a Service, and its family. A second one can be added and removed.
fn address<'a>(node: &'a Node, before: &Node, report: &mut Report<'a>) {
    let both = node.field("clusterIP").zip(before.field("clusterIP"));
    let first = |it: &'a Node, key: &str| it.list(key).first();
    let is_headless = |it: &Node| it.text("clusterIP") == Some("None");
    if both.is_some_and(|(new, old)| !same(new, old)) {
        immutable(node, "clusterIP", report);
    }
    // If no address was set, the server has assigned one, which most likely differs from the new one.
    let has_address = |it: &Node| !it.text_or_empty("clusterIP").is_empty();
    if has_address(node) && !has_address(before) {
        immutable(node, "clusterIP", report);
    }
    if is_headless(node) || is_headless(before) {
        return;
    }
    for key in ["clusterIPs", "ipFamilies"] {
        let new = first(node, key);
        let is_other = new
            .zip(before.list(key).first())
            .is_some_and(|(new, old)| !same(new, old));
        if is_other {
            immutable(node, key, report);
        }
    }
}

/// The data of immutable objects, and the type of a Secret.
pub(super) fn config<'a>(object: &'a Node, old: &'a Node, report: &mut Report<'a>) {
    unchanged(Some(object), Some(old), &["type"], report);
    if old.boolean("immutable") != Some(true) {
        return;
    }
    if object.boolean("immutable") != Some(true) {
        immutable(object, "immutable", report);
    }
    unchanged(Some(object), Some(old), &["binaryData"], report);
    if !has_equal_data(object, old) {
        let key = match object.field("stringData") {
            Some(_) if is_equal_field("data", object.field("data"), old.field("data")) => {
                "stringData"
            }
            _ => "data",
        };
        immutable(object, key, report);
    }
}

/// Whether the data is the same after the server has merged `stringData` into `data`.
fn has_equal_data(object: &Node, old: &Node) -> bool {
    let keys = |it: &Node| -> BTreeSet<String> {
        let entries = it.map("data").iter().chain(it.map("stringData"));
        entries
            .filter_map(|it| it.key.as_str().map(str::to_owned))
            .collect()
    };
    let value = |it: &Node, key: &str| -> Vec<u8> {
        let of = |field| it.field(field).and_then(|it| it.field(key)).map(text_of);
        match (of("stringData"), of("data")) {
            (Some(text), _) => text.as_bytes().to_vec(),
            (None, Some(text)) if it.text("kind") == Some("Secret") => decoded(text),
            (None, text) => text.unwrap_or("").as_bytes().to_vec(),
        }
    };
    let (new, was) = (keys(object), keys(old));
    new == was && new.iter().all(|key| value(object, key) == value(old, key))
}

/// The content of a value of a Secret; a value that is hidden is compared as it is.
fn decoded(text: &str) -> Vec<u8> {
    base64_decode(text).unwrap_or_else(|| text.as_bytes().to_vec())
}

pub(super) fn claim<'a>(object: &'a Node, old: &'a Node, report: &mut Report<'a>) {
    let fields = [
        "accessModes",
        "selector",
        "storageClassName",
        "volumeMode",
        "dataSource",
        "dataSourceRef",
    ];
    unchanged(spec(object), spec(old), &fields, report);
    let (Some(spec), Some(before)) = (spec(object), spec(old)) else {
        return;
    };
    // If no volume was set, the server chooses one, which the manifest may name.
    if before.field("volumeName").is_some() {
        unchanged(Some(spec), Some(before), &["volumeName"], report);
    }
    // An unbound claim cannot grow, and no claim can shrink.
    let (resources, before) = (spec.field("resources"), before.field("resources"));
    unchanged(resources, before, &["requests", "limits"], report);
}

/// The source of a volume, its mode, and the nodes that can use it.
pub(super) fn volume<'a>(object: &'a Node, old: &'a Node, report: &mut Report<'a>) {
    let (Some(node), Some(before)) = (spec(object), spec(old)) else {
        return;
    };
    let mut sources = PERSISTENT_SOURCES.to_vec();
    sources.retain(|it| *it != "csi");
    unchanged(Some(node), Some(before), &sources, report);
    let csi = |it: &Node| -> Option<Node> {
        let mut csi = it.field("csi")?.clone();
        let was = before.field("csi")?.field("controllerExpandSecretRef");
        if was.is_none() {
            csi.as_mapping_mut()?
                .retain(|it| it.key.as_str() != Some("controllerExpandSecretRef"));
        }
        Some(csi)
    };
    let has = |it: &Node| it.field("csi").is_some();
    let is_same = match (csi(node), csi(before)) {
        (Some(new), Some(old)) => is_equal(&new, &old, false),
        _ => has(node) == has(before),
    };
    if !is_same {
        immutable(node, "csi", report);
    }
    unchanged(Some(node), Some(before), &["volumeMode"], report);
    if before.field("nodeAffinity").is_some() {
        unchanged(Some(node), Some(before), &["nodeAffinity"], report);
    }
}

pub(super) fn storage_class<'a>(object: &'a Node, old: &'a Node, report: &mut Report<'a>) {
    let fields = [
        "provisioner",
        "parameters",
        "reclaimPolicy",
        "volumeBindingMode",
    ];
    unchanged(Some(object), Some(old), &fields, report);
}

pub(super) fn attributes_class<'a>(object: &'a Node, old: &'a Node, report: &mut Report<'a>) {
    unchanged(
        Some(object),
        Some(old),
        &["driverName", "parameters"],
        report,
    );
}

pub(super) fn storage_capacity<'a>(object: &'a Node, old: &'a Node, report: &mut Report<'a>) {
    let fields = ["nodeTopology", "storageClassName"];
    unchanged(Some(object), Some(old), &fields, report);
}

pub(super) fn csi_driver<'a>(object: &'a Node, old: &'a Node, report: &mut Report<'a>) {
    let fields = ["attachRequired", "volumeLifecycleModes"];
    unchanged(spec(object), spec(old), &fields, report);
}

pub(super) fn priority_class<'a>(object: &'a Node, old: &'a Node, report: &mut Report<'a>) {
    let number = |it: &Node| it.integer("value").unwrap_or(0);
    if number(object) != number(old) {
        immutable(object, "value", report);
    }
    unchanged(Some(object), Some(old), &["preemptionPolicy"], report);
}

pub(super) fn quota<'a>(object: &'a Node, old: &'a Node, report: &mut Report<'a>) {
    unchanged(spec(object), spec(old), &["scopes"], report);
}

pub(super) fn ingress_class<'a>(object: &'a Node, old: &'a Node, report: &mut Report<'a>) {
    unchanged(spec(object), spec(old), &["controller"], report);
}

pub(super) fn runtime_class<'a>(object: &'a Node, old: &'a Node, report: &mut Report<'a>) {
    unchanged(Some(object), Some(old), &["handler"], report);
}

pub(super) fn endpoint_slice<'a>(object: &'a Node, old: &'a Node, report: &mut Report<'a>) {
    unchanged(Some(object), Some(old), &["addressType"], report);
}

pub(super) fn revision<'a>(object: &'a Node, old: &'a Node, report: &mut Report<'a>) {
    unchanged(Some(object), Some(old), &["data"], report);
}

pub(super) fn binding<'a>(object: &'a Node, old: &'a Node, report: &mut Report<'a>) {
    unchanged(Some(object), Some(old), &["roleRef"], report);
}

/// For kinds whose spec cannot be changed at all.
pub(super) fn whole_spec<'a>(object: &'a Node, old: &'a Node, report: &mut Report<'a>) {
    unchanged(Some(object), Some(old), &["spec"], report);
}

/// Ranges of addresses: a second one can be added.
pub(super) fn service_cidr<'a>(object: &'a Node, old: &'a Node, report: &mut Report<'a>) {
    let list = |it: &'a Node| spec(it).map_or(&[][..], |it| it.list("cidrs"));
    let (new, before) = (list(object), list(old));
    let is_longer = before.len() == 1 && new.len() == 2;
    let is_kept = new.iter().zip(before).all(|(a, b)| same(a, b));
    if let Some(spec) = spec(object)
        && !(is_kept && (is_longer || new.len() == before.len()))
    {
        immutable(spec, "cidrs", report);
    }
}

/// The identity of a custom kind, and the versions in which objects are stored.
pub(super) fn custom_kind<'a>(object: &'a Node, old: &'a Node, report: &mut Report<'a>) {
    unchanged(spec(object), spec(old), &["group", "scope"], report);
    let names = |it: &'a Node| spec(it).and_then(|it| it.field("names"));
    unchanged(names(object), names(old), &["plural", "kind"], report);
    let (Some(spec), Some(before)) = (spec(object), spec(old)) else {
        return;
    };
    let kept: BTreeSet<&str> = spec
        .list("versions")
        .iter()
        .map(|it| it.text_or_empty("name"))
        .collect();
    let stored = before.list("versions").iter();
    let stored = stored.filter(|it| it.boolean("storage") == Some(true));
    for version in stored.map(|it| it.text_or_empty("name")) {
        if !kept.contains(version) && !kept.is_empty() {
            let message =
                format!("must contain `{version}`, the version in which objects are stored");
            report.below(class::DROPPED_VERSION, spec, "versions", message);
            let text = format!(
                "keep `{version}` with `served: false`, and remove it when it is no longer in `status.storedVersions`"
            );
            report.help(Some(Help::text(text)));
        }
    }
}

/// For kinds without immutable fields.
pub(super) fn nothing<'a>(_: &'a Node, _: &'a Node, _: &mut Report<'a>) {}

/// For kinds that are validated by their schema only.
pub(super) fn unvalidated<'a>(_: &'a Node, _: &mut Report<'a>) {}
