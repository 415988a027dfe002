//! The defaults that the API server sets before admission, as far as policies commonly need them.
//!
//! Source: `pkg/apis/{core,apps,batch,autoscaling,networking}/v1/defaults.go` of Kubernetes.

use pleach_yaml::{Mapping, Node};

/// An object with the defaults of its kind, and without nulls, as in the server.
pub fn defaulted(mut object: Node) -> Node {
    drop_nulls(&mut object);
    let text = |key: &str| object.get(key).and_then(Node::as_str).unwrap_or("");
    let group = text("apiVersion").split_once('/').map_or("", |it| it.0);
    let kind = match (group, text("kind")) {
        ("" | "apps" | "batch" | "autoscaling" | "networking.k8s.io", kind) => kind.to_owned(),
        _ => return object,
    };
    if kind == "Secret" && group.is_empty() {
        set(object.as_mapping_mut(), "type", "Opaque");
    }
    if let Some(spec) = object.get_mut("spec") {
        match &*kind {
            "Pod" => {
                pod(spec);
                set(spec.as_mapping_mut(), "enableServiceLinks", true);
                requests(spec);
            }
            "Service" => service(spec),
            _ => workload(&kind, spec),
        }
    }
    object
}

fn drop_nulls(node: &mut Node) {
    if let Some(map) = node.as_mapping_mut() {
        map.retain(|it| !it.value.is_null());
        for entry in map.iter_mut() {
            drop_nulls(&mut entry.value);
        }
    }
    for item in node.as_sequence_mut().into_iter().flatten() {
        drop_nulls(item);
    }
}

fn set(map: Option<&mut Mapping>, key: &'static str, value: impl Into<Node>) {
    if let Some(map) = map.filter(|it| !it.contains_key(key)) {
        map.insert(key, value.into());
    }
}

/// The map at a key, created if it is missing.
fn map<'n>(node: &'n mut Node, key: &str) -> Option<&'n mut Mapping> {
    let map = node.as_mapping_mut()?;
    map.get_or_insert_with(key, || Node::mapping(Mapping::new()))
        .as_mapping_mut()
}

fn workload(kind: &str, spec: &mut Node) {
    let numbers: &[(&str, i64)] = match kind {
        "Deployment" => &[
            ("replicas", 1),
            ("revisionHistoryLimit", 10),
            ("progressDeadlineSeconds", 600),
        ],
        "StatefulSet" => &[("replicas", 1), ("revisionHistoryLimit", 10)],
        "DaemonSet" => &[("revisionHistoryLimit", 10)],
        "ReplicaSet" | "ReplicationController" => &[("replicas", 1)],
        "HorizontalPodAutoscaler" => &[("minReplicas", 1)],
        "Job" => &[("parallelism", 1), ("completions", 1), ("backoffLimit", 6)],
        "CronJob" => &[
            ("successfulJobsHistoryLimit", 3),
            ("failedJobsHistoryLimit", 1),
        ],
        _ => &[],
    };
    let texts: &[(&str, &str)] = match kind {
        "StatefulSet" => &[("podManagementPolicy", "OrderedReady")],
        "Job" => &[("completionMode", "NonIndexed")],
        "CronJob" => &[("concurrencyPolicy", "Allow")],
        "PersistentVolumeClaim" => &[("volumeMode", "Filesystem")],
        _ => &[],
    };
    for (key, value) in numbers {
        set(spec.as_mapping_mut(), key, *value);
    }
    for (key, value) in texts {
        set(spec.as_mapping_mut(), key, *value);
    }
    match kind {
        "Deployment" => set(map(spec, "strategy"), "type", "RollingUpdate"),
        "StatefulSet" | "DaemonSet" => set(map(spec, "updateStrategy"), "type", "RollingUpdate"),
        "Job" | "CronJob" => set(spec.as_mapping_mut(), "suspend", false),
        _ => {}
    }
    if let Some(job) = spec.at_keys_mut(&["jobTemplate", "spec"]) {
        workload("Job", job);
    }
    if let Some(template) = spec.at_keys_mut(&["template", "spec"]) {
        pod(template);
    }
}

fn pod(spec: &mut Node) {
    for (key, value) in [
        ("restartPolicy", "Always"),
        ("dnsPolicy", "ClusterFirst"),
        ("schedulerName", "default-scheduler"),
    ] {
        set(spec.as_mapping_mut(), key, value);
    }
    set(spec.as_mapping_mut(), "terminationGracePeriodSeconds", 30);
    map(spec, "securityContext");
    for list in ["containers", "initContainers"] {
        let containers = spec.get_mut(list).and_then(Node::as_sequence_mut);
        for container in containers.into_iter().flatten() {
            default_container(container);
        }
    }
}

fn default_container(container: &mut Node) {
    let image = container.get("image").and_then(Node::as_str);
    let policy = match image.is_some_and(is_latest) {
        true => "Always",
        false => "IfNotPresent",
    };
    for (key, value) in [
        ("imagePullPolicy", policy),
        ("terminationMessagePath", "/dev/termination-log"),
        ("terminationMessagePolicy", "File"),
    ] {
        set(container.as_mapping_mut(), key, value);
    }
    map(container, "resources");
    protocols(container);
    for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
        if let Some(probe) = container.get_mut(probe) {
            default_probe(probe);
        }
    }
}

/// Whether an image has the tag `latest`, or neither a tag nor a digest.
fn is_latest(image: &str) -> bool {
    let name = image.rsplit('/').next().unwrap_or(image);
    !image.contains('@') && name.rsplit_once(':').is_none_or(|it| it.1 == "latest")
}

fn default_probe(probe: &mut Node) {
    for (key, value) in [
        ("timeoutSeconds", 1),
        ("periodSeconds", 10),
        ("successThreshold", 1),
        ("failureThreshold", 3),
    ] {
        set(probe.as_mapping_mut(), key, value);
    }
    let get = probe.get_mut("httpGet").and_then(Node::as_mapping_mut);
    if let Some(get) = get {
        set(Some(&mut *get), "path", "/");
        set(Some(get), "scheme", "HTTP");
    }
}

fn protocols(node: &mut Node) {
    let ports = node.get_mut("ports").and_then(Node::as_sequence_mut);
    for port in ports.into_iter().flatten() {
        set(port.as_mapping_mut(), "protocol", "TCP");
    }
}

/// Sets missing requests to the limits.
fn requests(spec: &mut Node) {
    let containers = spec.get_mut("containers").and_then(Node::as_sequence_mut);
    for container in containers.into_iter().flatten() {
        let limits = container.at_keys(&["resources", "limits"]);
        let Some(limits) = limits.and_then(Node::as_mapping).cloned() else {
            continue;
        };
        let Some(resources) = container.get_mut("resources") else {
            continue;
        };
        let Some(requests) = map(resources, "requests") else {
            continue;
        };
        for limit in &limits {
            let key = limit.key.as_str().unwrap_or("");
            requests.get_or_insert_with(key, || limit.value.clone());
        }
    }
}

fn service(spec: &mut Node) {
    for (key, value) in [
        ("type", "ClusterIP"),
        ("sessionAffinity", "None"),
        ("internalTrafficPolicy", "Cluster"),
    ] {
        set(spec.as_mapping_mut(), key, value);
    }
    let kind = spec.get("type").and_then(Node::as_str);
    if matches!(kind, Some("LoadBalancer" | "NodePort")) {
        set(spec.as_mapping_mut(), "externalTrafficPolicy", "Cluster");
    }
    protocols(spec);
    let ports = spec.get_mut("ports").and_then(Node::as_sequence_mut);
    for port in ports.into_iter().flatten() {
        if let Some(number) = port.get("port").cloned() {
            set(port.as_mapping_mut(), "targetPort", number);
        }
    }
}
