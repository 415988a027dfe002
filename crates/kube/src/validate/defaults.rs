//! The defaults that the API server sets before admission, and before it compares an object with its previous state.
//!
//! Source: `pkg/apis/*/v1/defaults.go` of Kubernetes.

use pleach_yaml::{Mapping, Node};

/// Defaults of fields of an object or of its spec.
type Texts = &'static [(&'static str, &'static str)];

/// An object with the defaults of its kind, and without nulls, as in the server.
pub fn defaulted(mut object: Node) -> Node {
    drop_nulls(&mut object);
    let text = |key: &str| object.get(key).and_then(Node::as_str).unwrap_or("");
    let group = text("apiVersion").split_once('/').map_or("", |it| it.0);
    let kind = text("kind").to_owned();
    match group {
        "" | "apps" | "batch" | "autoscaling" | "networking.k8s.io" => {}
        "rbac.authorization.k8s.io" => {
            binding(&mut object);
            return object;
        }
        "storage.k8s.io" | "scheduling.k8s.io" => {
            class(&kind, &mut object);
            return object;
        }
        "resource.k8s.io" => {
            let path: &[&str] = match &*kind {
                "ResourceClaimTemplate" => &["spec", "spec", "devices", "requests"],
                _ => &["spec", "devices", "requests"],
            };
            let requests = object.at_keys_mut(path).and_then(Node::as_sequence_mut);
            requests.into_iter().flatten().for_each(device_request);
            return object;
        }
        _ => return object,
    }
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

/// The number of devices. In older versions, a request has the fields of `exactly`.
fn device_request(request: &mut Node) {
    let count = |it: &mut Node| {
        set_text(it, "allocationMode", "ExactCount");
        let is_exact = it.get("allocationMode").and_then(Node::as_str) == Some("ExactCount");
        set(it.as_mapping_mut().filter(|_| is_exact), "count", 1);
    };
    if request.get("deviceClassName").is_some() {
        count(request);
    }
    if let Some(exactly) = request.get_mut("exactly") {
        count(exactly);
    }
    let choices = request
        .get_mut("firstAvailable")
        .and_then(Node::as_sequence_mut);
    choices.into_iter().flatten().for_each(count);
}

/// The group of roles.
fn binding(object: &mut Node) {
    const GROUP: &str = "rbac.authorization.k8s.io";
    if let Some(role) = object.get_mut("roleRef") {
        set_text(role, "apiGroup", GROUP);
    }
    let subjects = object.get_mut("subjects").and_then(Node::as_sequence_mut);
    for subject in subjects.into_iter().flatten() {
        if matches!(
            subject.get("kind").and_then(Node::as_str),
            Some("User" | "Group")
        ) {
            set_text(subject, "apiGroup", GROUP);
        }
    }
}

fn class(kind: &str, object: &mut Node) {
    let fields: Texts = match kind {
        "StorageClass" => &[
            ("reclaimPolicy", "Delete"),
            ("volumeBindingMode", "Immediate"),
        ],
        "PriorityClass" => &[("preemptionPolicy", "PreemptLowerPriority")],
        _ => &[],
    };
    for (key, value) in fields {
        set(object.as_mapping_mut(), key, *value);
    }
    let Some(spec) = object.get_mut("spec").filter(|_| kind == "CSIDriver") else {
        return;
    };
    for (key, value) in [
        ("attachRequired", true),
        ("podInfoOnMount", false),
        ("storageCapacity", false),
        ("requiresRepublish", false),
        ("seLinuxMount", false),
    ] {
        set(spec.as_mapping_mut(), key, value);
    }
    set(
        spec.as_mapping_mut(),
        "fsGroupPolicy",
        "ReadWriteOnceWithFSType",
    );
    let persistent = Node::sequence(vec![Node::string("Persistent")]);
    set_list(spec, "volumeLifecycleModes", persistent);
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
        map.insert(key, value);
    }
}

/// Sets a text that is missing or empty.
fn set_text(node: &mut Node, key: &'static str, value: &'static str) {
    if node.get(key).is_none_or(|it| it.as_str() == Some(""))
        && let Some(map) = node.as_mapping_mut()
    {
        map.insert(key, value);
    }
}

/// Sets a list that is missing or empty.
fn set_list(node: &mut Node, key: &'static str, value: Node) {
    if node.get(key).is_none_or(Node::is_empty_collection)
        && let Some(map) = node.as_mapping_mut()
    {
        map.insert(key, value);
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
        // With `parallelism` only, the pods decide when the Job is complete.
        "Job" if spec.get("parallelism").is_some() => &[("backoffLimit", 6)],
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
        "PersistentVolume" => &[
            ("volumeMode", "Filesystem"),
            ("persistentVolumeReclaimPolicy", "Retain"),
        ],
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
    let claims = spec
        .get_mut("volumeClaimTemplates")
        .and_then(Node::as_sequence_mut);
    for claim in claims.into_iter().flatten() {
        claim_template(claim);
        set(map(claim, "status"), "phase", "Pending");
    }
    if kind == "PersistentVolume" {
        source(spec);
    }
    if let Some(job) = spec.at_keys_mut(&["jobTemplate", "spec"]) {
        workload("Job", job);
    }
    if let Some(template) = spec.at_keys_mut(&["template", "spec"]) {
        pod(template);
    }
}

fn claim_template(claim: &mut Node) {
    if let Some(spec) = claim.get_mut("spec") {
        workload("PersistentVolumeClaim", spec);
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
    service_account(spec);
    let volumes = spec.get_mut("volumes").and_then(Node::as_sequence_mut);
    for volume in volumes.into_iter().flatten() {
        default_volume(volume);
    }
}

/// `serviceAccount` is the old name of `serviceAccountName`; the server sets both.
fn service_account(spec: &mut Node) {
    let name = |key: &str| spec.get(key).filter(|it| it.as_str() != Some("")).cloned();
    let (new, old) = (name("serviceAccountName"), name("serviceAccount"));
    if let (Some(value), Some(map)) = (new.or(old), spec.as_mapping_mut()) {
        map.insert("serviceAccountName", value.clone());
        map.insert("serviceAccount", value);
    }
}

fn default_volume(volume: &mut Node) {
    let is_named_only = volume.as_mapping().is_some_and(|it| it.len() == 1);
    if is_named_only {
        map(volume, "emptyDir");
    }
    for key in ["secret", "configMap", "downwardAPI", "projected"] {
        if let Some(files) = volume.get_mut(key) {
            set(files.as_mapping_mut(), "defaultMode", 0o644);
            field_refs(files);
        }
    }
    let sources = volume
        .get_mut("projected")
        .and_then(|it| it.get_mut("sources"));
    for source in sources
        .and_then(Node::as_sequence_mut)
        .into_iter()
        .flatten()
    {
        if let Some(token) = source.get_mut("serviceAccountToken") {
            set(token.as_mapping_mut(), "expirationSeconds", 3600);
        }
        if let Some(files) = source.get_mut("downwardAPI") {
            field_refs(files);
        }
    }
    if let Some(claim) = volume.at_keys_mut(&["ephemeral", "volumeClaimTemplate"]) {
        claim_template(claim);
    }
    source(volume);
}

/// The files of the downward API.
fn field_refs(files: &mut Node) {
    let items = files.get_mut("items").and_then(Node::as_sequence_mut);
    for item in items.into_iter().flatten() {
        if let Some(field) = item.get_mut("fieldRef") {
            set_text(field, "apiVersion", "v1");
        }
    }
}

/// The source of a volume of a pod, or of a PersistentVolume.
fn source(node: &mut Node) {
    const TEXTS: &[(&str, Texts)] = &[
        ("hostPath", &[("type", "")]),
        ("iscsi", &[("iscsiInterface", "default")]),
        (
            "azureDisk",
            &[
                ("cachingMode", "ReadWrite"),
                ("fsType", "ext4"),
                ("kind", "Shared"),
            ],
        ),
        (
            "rbd",
            &[
                ("pool", "rbd"),
                ("user", "admin"),
                ("keyring", "/etc/ceph/keyring"),
            ],
        ),
        (
            "scaleIO",
            &[("storageMode", "ThinProvisioned"), ("fsType", "xfs")],
        ),
    ];
    for (key, texts) in TEXTS {
        let Some(source) = node.get_mut(key) else {
            continue;
        };
        for (key, value) in *texts {
            set(source.as_mapping_mut(), key, *value);
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
    for hook in ["postStart", "preStop"] {
        if let Some(hook) = container.at_keys_mut(&["lifecycle", hook]) {
            default_request(hook);
        }
    }
    let variables = container.get_mut("env").and_then(Node::as_sequence_mut);
    for variable in variables.into_iter().flatten() {
        if let Some(field) = variable.at_keys_mut(&["valueFrom", "fieldRef"]) {
            set_text(field, "apiVersion", "v1");
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
    default_request(probe);
    if let Some(grpc) = probe.get_mut("grpc") {
        set(grpc.as_mapping_mut(), "service", "");
    }
}

fn default_request(handler: &mut Node) {
    let get = handler.get_mut("httpGet").and_then(Node::as_mapping_mut);
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
