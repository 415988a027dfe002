//! The Pod Security Standards, as in the admission controller of Kubernetes.
//!
//! Source: `k8s.io/pod-security-admission/policy`, including the messages. Versions before 1.25 are treated as 1.25.

use std::collections::BTreeSet;

use pleach_yaml::Node;

/// A level of the standards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// The level that allows everything.
    Privileged,
    /// The level that prevents known privilege escalations.
    Baseline,
    /// The level that follows current hardening practices.
    Restricted,
}

impl Level {
    /// The level of a label such as `pod-security.kubernetes.io/enforce`. `None` for an invalid value.
    pub fn parse(text: &str) -> Option<Level> {
        match text {
            "privileged" => Some(Level::Privileged),
            "baseline" => Some(Level::Baseline),
            "restricted" => Some(Level::Restricted),
            _ => None,
        }
    }

    /// The name of the level in labels.
    pub fn name(self) -> &'static str {
        match self {
            Level::Privileged => "privileged",
            Level::Baseline => "baseline",
            Level::Restricted => "restricted",
        }
    }
}

/// The violations of a level by a pod, for a minor version of Kubernetes 1: `reason (detail)`, in the order and words of the
/// admission controller. `metadata` and `spec` are those of the pod or of a pod template.
pub fn violations(level: Level, minor: u32, metadata: Option<&Node>, spec: &Node) -> Vec<String> {
    let pod = Pod {
        metadata,
        spec,
        minor,
        containers: containers(spec),
    };
    let checks: Vec<&Check> = CHECKS
        .iter()
        .filter(|it| match level {
            Level::Privileged => false,
            Level::Baseline => it.level == Level::Baseline,
            // Some checks of the lower level are part of stricter ones.
            Level::Restricted => !it.is_overridden(minor),
        })
        .filter(|it| it.since <= minor)
        .collect();
    let violations = checks.into_iter().filter_map(|it| (it.check)(&pod));
    violations
        .map(|it| match it.detail.is_empty() {
            true => it.reason.to_owned(),
            false => format!("{} ({})", it.reason, it.detail),
        })
        .collect()
}

struct Check {
    level: Level,
    /// The first minor version with this check.
    since: u32,
    /// The first minor version in which a check of the restricted level replaces it there.
    overridden_since: Option<u32>,
    check: fn(&Pod<'_>) -> Option<Violation>,
}

impl Check {
    fn is_overridden(&self, minor: u32) -> bool {
        self.overridden_since.is_some_and(|it| it <= minor)
    }
}

const fn baseline(since: u32, check: fn(&Pod<'_>) -> Option<Violation>) -> Check {
    Check {
        level: Level::Baseline,
        since,
        overridden_since: None,
        check,
    }
}

const fn restricted(since: u32, check: fn(&Pod<'_>) -> Option<Violation>) -> Check {
    Check {
        level: Level::Restricted,
        since,
        overridden_since: None,
        check,
    }
}

const fn overridden(by: u32, check: fn(&Pod<'_>) -> Option<Violation>) -> Check {
    Check {
        overridden_since: Some(by),
        ..baseline(0, check)
    }
}

/// Sorted by level, then by the names of the checks in Kubernetes.
const CHECKS: [Check; 19] = [
    baseline(0, app_armor_profile),
    overridden(0, capabilities_baseline),
    baseline(0, host_namespaces),
    overridden(0, host_path_volumes),
    baseline(0, host_ports),
    baseline(34, host_probes),
    baseline(0, privileged),
    overridden(35, proc_mount_baseline),
    baseline(0, se_linux_options),
    overridden(0, seccomp_baseline),
    baseline(0, sysctls),
    baseline(0, windows_host_process),
    restricted(0, privilege_escalation),
    restricted(0, capabilities_restricted),
    restricted(35, proc_mount),
    restricted(0, restricted_volumes),
    restricted(0, run_as_non_root),
    restricted(0, run_as_user),
    restricted(0, seccomp_restricted),
];

struct Violation {
    reason: &'static str,
    detail: String,
}

fn violation(reason: &'static str, detail: String) -> Option<Violation> {
    Some(Violation { reason, detail })
}

struct Pod<'a> {
    metadata: Option<&'a Node>,
    spec: &'a Node,
    minor: u32,
    containers: Vec<Container<'a>>,
}

struct Container<'a> {
    name: &'a str,
    node: &'a Node,
}

impl<'a> Container<'a> {
    /// A field of its security context.
    fn security(&self, keys: &[&str]) -> Option<&'a Node> {
        at(self.node.get("securityContext")?, keys)
    }
}

impl<'a> Pod<'a> {
    /// A field of its security context.
    fn security(&self, keys: &[&str]) -> Option<&'a Node> {
        at(self.spec.get("securityContext")?, keys)
    }

    fn is_windows(&self) -> bool {
        self.spec.at_keys(&["os", "name"]).and_then(Node::as_str) == Some("windows")
    }

    /// Since 1.35, a pod in a user namespace may run as root.
    fn is_in_user_namespace(&self) -> bool {
        let users = self.spec.get("hostUsers").and_then(Node::as_bool);
        self.minor >= 35 && users == Some(false)
    }

    /// The names of violating containers.
    fn bad(&self, mut is_bad: impl FnMut(&Container<'a>) -> bool) -> Vec<&'a str> {
        let bad = self.containers.iter().filter(|it| is_bad(it));
        bad.map(|it| it.name).collect()
    }
}

/// A field; null counts as missing.
fn at<'a>(node: &'a Node, keys: &[&str]) -> Option<&'a Node> {
    node.at_keys(keys).filter(|it| !it.is_null())
}

/// Init containers first, as in Kubernetes.
fn containers(spec: &Node) -> Vec<Container<'_>> {
    let lists = ["initContainers", "containers", "ephemeralContainers"];
    let lists = lists
        .into_iter()
        .filter_map(|it| spec.get(it)?.as_sequence());
    lists
        .flatten()
        .map(|node| Container {
            name: node.get("name").and_then(Node::as_str).unwrap_or(""),
            node,
        })
        .collect()
}

fn items(node: Option<&Node>) -> impl Iterator<Item = &Node> {
    node.and_then(Node::as_sequence).unwrap_or_default().iter()
}

fn is_true(node: Option<&Node>) -> bool {
    node.and_then(Node::as_bool) == Some(true)
}

fn quoted<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.into_iter().map(|it| format!("\"{it}\"")).collect();
    names.join(", ")
}

fn plural<'a>(one: &'a str, many: &'a str, count: usize) -> &'a str {
    if count == 1 { one } else { many }
}

fn named(containers: &[&str]) -> String {
    let noun = plural("container", "containers", containers.len());
    format!("{noun} {}", quoted(containers.iter().copied()))
}

/// `pod and containers "a", "b"`.
fn setters(is_pod: bool, containers: &[&str]) -> Option<String> {
    match (is_pod, containers.is_empty()) {
        (false, true) => None,
        (true, true) => Some("pod".to_owned()),
        (true, false) => Some(format!("pod and {}", named(containers))),
        (false, false) => Some(named(containers)),
    }
}

/// Profiles other than those of the runtime and of the node.
struct Unsafe<'a> {
    of_pod: bool,
    containers: Vec<&'a str>,
    values: BTreeSet<String>,
}

/// The security contexts that set such a profile.
fn unsafe_profiles<'a>(pod: &Pod<'a>, key: &str) -> Unsafe<'a> {
    let mut values = BTreeSet::new();
    let mut is_bad = |profile: Option<&Node>| {
        let kind = profile.and_then(|it| at(it, &["type"])?.as_str());
        let kind = kind.unwrap_or("");
        let bad = profile.is_some() && !matches!(kind, "RuntimeDefault" | "Localhost");
        if bad {
            values.insert(kind.to_owned());
        }
        bad
    };
    let of_pod = is_bad(pod.security(&[key]));
    let containers = pod.bad(|it| is_bad(it.security(&[key])));
    Unsafe {
        of_pod,
        containers,
        values,
    }
}

fn app_armor_profile(pod: &Pod<'_>) -> Option<Violation> {
    const ANNOTATION: &str = "container.apparmor.security.beta.kubernetes.io/";
    let Unsafe {
        of_pod,
        containers,
        values,
    } = unsafe_profiles(pod, "appArmorProfile");
    let annotations = pod
        .metadata
        .and_then(|it| it.get("annotations")?.as_mapping());
    let mut forbidden: Vec<String> = annotations
        .into_iter()
        .flatten()
        .filter_map(|it| Some((it.key.as_str()?, it.value.as_str()?)))
        .filter(|(key, value)| {
            let is_allowed =
                value.is_empty() || *value == "runtime/default" || value.starts_with("localhost/");
            key.starts_with(ANNOTATION) && !is_allowed
        })
        .map(|(key, value)| format!("{key}={value:?}"))
        .collect();
    forbidden.sort();
    let annotated = (!forbidden.is_empty())
        .then(|| plural("annotation", "annotations", forbidden.len()).to_owned());
    let setters: Vec<String> = setters(of_pod, &containers)
        .into_iter()
        .chain(annotated)
        .collect();
    let values: Vec<String> = values.into_iter().chain(forbidden).collect();
    let reason = plural(
        "forbidden AppArmor profile",
        "forbidden AppArmor profiles",
        values.len(),
    );
    let detail = || {
        format!(
            "{} must not set AppArmor profile type to {}",
            setters.join(" and "),
            quoted(values.iter().map(String::as_str))
        )
    };
    (!setters.is_empty()).then(|| Violation {
        reason,
        detail: detail(),
    })
}

const CAPABILITIES: [&str; 13] = [
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];

/// The containers that add other capabilities, and these capabilities.
fn added<'a>(pod: &Pod<'a>, allowed: &[&str]) -> (Vec<&'a str>, BTreeSet<&'a str>) {
    let mut found = BTreeSet::new();
    let containers = pod.bad(|it| {
        let added = items(it.security(&["capabilities", "add"])).filter_map(Node::as_str);
        let bad: Vec<&str> = added.filter(|it| !allowed.contains(it)).collect();
        found.extend(bad.iter().copied());
        !bad.is_empty()
    });
    (containers, found)
}

fn must_not_add(containers: &[&str], capabilities: BTreeSet<&str>) -> String {
    format!(
        "{} must not include {} in securityContext.capabilities.add",
        named(containers),
        quoted(capabilities)
    )
}

fn capabilities_baseline(pod: &Pod<'_>) -> Option<Violation> {
    let (containers, capabilities) = added(pod, &CAPABILITIES);
    match containers.is_empty() {
        true => None,
        false => violation(
            "non-default capabilities",
            must_not_add(&containers, capabilities),
        ),
    }
}

fn capabilities_restricted(pod: &Pod<'_>) -> Option<Violation> {
    if pod.is_windows() {
        return None;
    }
    let keeping = pod.bad(|it| {
        let mut dropped = items(it.security(&["capabilities", "drop"]));
        !dropped.any(|it| it.as_str() == Some("ALL"))
    });
    let (adding, capabilities) = added(pod, &["NET_BIND_SERVICE"]);
    let mut details = Vec::new();
    if !keeping.is_empty() {
        let containers = named(&keeping);
        details.push(format!(
            "{containers} must set securityContext.capabilities.drop=[\"ALL\"]"
        ));
    }
    if !adding.is_empty() {
        details.push(must_not_add(&adding, capabilities));
    }
    match details.is_empty() {
        true => None,
        false => violation("unrestricted capabilities", details.join("; ")),
    }
}

fn host_namespaces(pod: &Pod<'_>) -> Option<Violation> {
    let shared: Vec<String> = ["hostNetwork", "hostPID", "hostIPC"]
        .into_iter()
        .filter(|it| is_true(pod.spec.get(it)))
        .map(|it| format!("{it}=true"))
        .collect();
    match shared.is_empty() {
        true => None,
        false => violation("host namespaces", shared.join(", ")),
    }
}

fn volumes<'a>(pod: &Pod<'a>, is_bad: impl Fn(&Node) -> bool) -> Vec<(&'a str, &'a Node)> {
    let volumes = items(pod.spec.get("volumes")).filter(|it| is_bad(it));
    volumes
        .map(|it| (it.get("name").and_then(Node::as_str).unwrap_or(""), it))
        .collect()
}

fn host_path_volumes(pod: &Pod<'_>) -> Option<Violation> {
    let bad = volumes(pod, |it| at(it, &["hostPath"]).is_some());
    let names = quoted(bad.iter().map(|it| it.0));
    match bad.is_empty() {
        true => None,
        false => violation(
            "hostPath volumes",
            format!("{} {names}", plural("volume", "volumes", bad.len())),
        ),
    }
}

fn host_ports(pod: &Pod<'_>) -> Option<Violation> {
    let mut ports = BTreeSet::new();
    let containers = pod.bad(|it| {
        let used = items(it.node.get("ports")).filter_map(|it| it.get("hostPort")?.as_int());
        let used: Vec<String> = used
            .filter(|it| *it != 0)
            .map(|it| it.to_string())
            .collect();
        let is_bad = !used.is_empty();
        ports.extend(used);
        is_bad
    });
    if containers.is_empty() {
        return None;
    }
    let ports: Vec<String> = ports.into_iter().collect();
    let detail = format!(
        "{} {} {} {}",
        named(&containers),
        plural("uses", "use", containers.len()),
        plural("hostPort", "hostPorts", ports.len()),
        ports.join(", ")
    );
    violation("hostPort", detail)
}

fn host_probes(pod: &Pod<'_>) -> Option<Violation> {
    const HANDLERS: [&[&str]; 5] = [
        &["livenessProbe"],
        &["readinessProbe"],
        &["startupProbe"],
        &["lifecycle", "postStart"],
        &["lifecycle", "preStop"],
    ];
    let mut hosts = BTreeSet::new();
    let containers = pod.bad(|it| {
        let handlers = HANDLERS.iter().filter_map(|keys| it.node.at_keys(keys));
        let used = handlers.flat_map(|it| {
            let hosts = ["httpGet", "tcpSocket"].map(|kind| it.at_keys(&[kind, "host"]));
            hosts.into_iter().flatten().filter_map(Node::as_str)
        });
        let used: Vec<&str> = used.filter(|it| !it.is_empty()).collect();
        hosts.extend(used.iter().copied());
        !used.is_empty()
    });
    if containers.is_empty() {
        return None;
    }
    let containers: BTreeSet<&str> = containers.into_iter().collect();
    let containers: Vec<&str> = containers.into_iter().collect();
    let detail = format!(
        "{} {} {} {}",
        named(&containers),
        plural("uses", "use", containers.len()),
        plural(
            "probe or lifecycle host",
            "probe or lifecycle hosts",
            hosts.len()
        ),
        quoted(hosts)
    );
    violation("probe or lifecycle host", detail)
}

fn privileged(pod: &Pod<'_>) -> Option<Violation> {
    let bad = pod.bad(|it| is_true(it.security(&["privileged"])));
    match bad.is_empty() {
        true => None,
        false => violation(
            "privileged",
            format!(
                "{} must not set securityContext.privileged=true",
                named(&bad)
            ),
        ),
    }
}

fn proc_mount_baseline(pod: &Pod<'_>) -> Option<Violation> {
    match pod.is_in_user_namespace() {
        true => None,
        false => proc_mount(pod),
    }
}

fn proc_mount(pod: &Pod<'_>) -> Option<Violation> {
    let mut types = BTreeSet::new();
    let bad = pod.bad(|it| {
        let mount = it.security(&["procMount"]).and_then(Node::as_str);
        let bad = mount.filter(|it| *it != "Default");
        types.extend(bad);
        bad.is_some()
    });
    match bad.is_empty() {
        true => None,
        false => violation(
            "procMount",
            format!(
                "{} must not set securityContext.procMount to {}",
                named(&bad),
                quoted(types)
            ),
        ),
    }
}

fn se_linux_options(pod: &Pod<'_>) -> Option<Violation> {
    let is_allowed = |kind: &str| {
        let allowed = ["", "container_t", "container_init_t", "container_kvm_t"];
        allowed.contains(&kind) || kind == "container_engine_t" && pod.minor >= 31
    };
    let (mut types, mut sets_user, mut sets_role) = (BTreeSet::new(), false, false);
    let mut is_bad = |options: Option<&Node>| {
        let text = |key: &str| {
            let text = options.and_then(|it| it.get(key)?.as_str());
            text.unwrap_or("").to_owned()
        };
        let (kind, user, role) = (text("type"), text("user"), text("role"));
        sets_user |= !user.is_empty();
        sets_role |= !role.is_empty();
        let is_bad_type = !is_allowed(&kind);
        if is_bad_type {
            types.insert(kind);
        }
        is_bad_type || !user.is_empty() || !role.is_empty()
    };
    let of_pod = is_bad(pod.security(&["seLinuxOptions"]));
    let containers = pod.bad(|it| is_bad(it.security(&["seLinuxOptions"])));
    let setters = setters(of_pod, &containers)?;
    let mut data = Vec::new();
    if !types.is_empty() {
        let noun = plural("type", "types", types.len());
        data.push(format!(
            "{noun} {}",
            quoted(types.iter().map(String::as_str))
        ));
    }
    if sets_user {
        data.push("user may not be set".to_owned());
    }
    if sets_role {
        data.push("role may not be set".to_owned());
    }
    let detail = format!(
        "{setters} set forbidden securityContext.seLinuxOptions: {}",
        data.join("; ")
    );
    violation("seLinuxOptions", detail)
}

/// The security contexts with a forbidden profile, and the containers without one.
fn seccomp<'a>(pod: &Pod<'a>) -> (Option<Violation>, Vec<&'a str>) {
    const KEY: &str = "seccompProfile";
    let Unsafe {
        of_pod,
        containers,
        values,
    } = unsafe_profiles(pod, KEY);
    let is_set = !of_pod && pod.security(&[KEY]).is_some();
    let without = pod.bad(|it| !is_set && it.security(&[KEY]).is_none());
    let violation = setters(of_pod, &containers).and_then(|setters| {
        let values = quoted(values.iter().map(String::as_str));
        let detail =
            format!("{setters} must not set securityContext.seccompProfile.type to {values}");
        violation("seccompProfile", detail)
    });
    (violation, without)
}

fn seccomp_baseline(pod: &Pod<'_>) -> Option<Violation> {
    seccomp(pod).0
}

fn seccomp_restricted(pod: &Pod<'_>) -> Option<Violation> {
    if pod.is_windows() {
        return None;
    }
    let (bad, without) = seccomp(pod);
    let missing = || {
        let containers = named(&without);
        let detail = format!(
            "pod or {containers} must set securityContext.seccompProfile.type to \"RuntimeDefault\" or \"Localhost\""
        );
        violation("seccompProfile", detail)
    };
    match without.is_empty() {
        true => bad,
        false => bad.or_else(missing),
    }
}

fn sysctls(pod: &Pod<'_>) -> Option<Violation> {
    const ALLOWED: [(u32, &str); 12] = [
        (0, "kernel.shm_rmid_forced"),
        (0, "net.ipv4.ip_local_port_range"),
        (0, "net.ipv4.tcp_syncookies"),
        (0, "net.ipv4.ping_group_range"),
        (0, "net.ipv4.ip_unprivileged_port_start"),
        (27, "net.ipv4.ip_local_reserved_ports"),
        (29, "net.ipv4.tcp_keepalive_time"),
        (29, "net.ipv4.tcp_fin_timeout"),
        (29, "net.ipv4.tcp_keepalive_intvl"),
        (29, "net.ipv4.tcp_keepalive_probes"),
        (32, "net.ipv4.tcp_rmem"),
        (32, "net.ipv4.tcp_wmem"),
    ];
    let is_allowed = |name: &str| {
        let mut allowed = ALLOWED.iter();
        allowed.any(|it| it.1 == name && it.0 <= pod.minor)
    };
    let names = items(pod.security(&["sysctls"]));
    let names = names.map(|it| it.get("name").and_then(Node::as_str).unwrap_or(""));
    let bad: Vec<&str> = names.filter(|it| !is_allowed(it)).collect();
    match bad.is_empty() {
        true => None,
        false => violation("forbidden sysctls", bad.join(", ")),
    }
}

fn windows_host_process(pod: &Pod<'_>) -> Option<Violation> {
    let keys = ["windowsOptions", "hostProcess"];
    let containers = pod.bad(|it| is_true(it.security(&keys)));
    let setters = setters(is_true(pod.security(&keys)), &containers)?;
    let detail = format!("{setters} must not set securityContext.windowsOptions.hostProcess=true");
    violation("hostProcess", detail)
}

fn privilege_escalation(pod: &Pod<'_>) -> Option<Violation> {
    if pod.is_windows() {
        return None;
    }
    let bad = pod.bad(|it| {
        let allowed = it.security(&["allowPrivilegeEscalation"]);
        allowed.and_then(Node::as_bool) != Some(false)
    });
    match bad.is_empty() {
        true => None,
        false => violation(
            "allowPrivilegeEscalation != false",
            format!(
                "{} must set securityContext.allowPrivilegeEscalation=false",
                named(&bad)
            ),
        ),
    }
}

fn restricted_volumes(pod: &Pod<'_>) -> Option<Violation> {
    const ALLOWED: [&str; 9] = [
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "image",
        "persistentVolumeClaim",
        "projected",
        "secret",
    ];
    /// In the order in which the controller checks them.
    const OTHERS: [&str; 21] = [
        "hostPath",
        "gcePersistentDisk",
        "awsElasticBlockStore",
        "gitRepo",
        "nfs",
        "iscsi",
        "glusterfs",
        "rbd",
        "flexVolume",
        "cinder",
        "cephfs",
        "flocker",
        "fc",
        "azureFile",
        "vsphereVolume",
        "quobyte",
        "azureDisk",
        "photonPersistentDisk",
        "portworxVolume",
        "scaleIO",
        "storageos",
    ];
    let bad = volumes(pod, |it| {
        !ALLOWED.iter().any(|kind| at(it, &[kind]).is_some())
    });
    if bad.is_empty() {
        return None;
    }
    let kind = |volume: &Node| {
        let mut others = OTHERS.into_iter();
        others
            .find(|it| at(volume, &[it]).is_some())
            .unwrap_or("unknown")
    };
    let kinds: BTreeSet<&str> = bad.iter().map(|it| kind(it.1)).collect();
    let detail = format!(
        "{} {} {} {} {}",
        plural("volume", "volumes", bad.len()),
        quoted(bad.iter().map(|it| it.0)),
        plural("uses", "use", bad.len()),
        plural(
            "restricted volume type",
            "restricted volume types",
            kinds.len()
        ),
        quoted(kinds)
    );
    violation("restricted volume types", detail)
}

fn run_as_non_root(pod: &Pod<'_>) -> Option<Violation> {
    const REASON: &str = "runAsNonRoot != true";
    if pod.is_in_user_namespace() {
        return None;
    }
    let of_pod = pod.security(&["runAsNonRoot"]).and_then(Node::as_bool);
    let of = |it: &Container<'_>| it.security(&["runAsNonRoot"]).and_then(Node::as_bool);
    let bad = pod.bad(|it| of(it) == Some(false));
    if let Some(setters) = setters(of_pod == Some(false), &bad) {
        let detail = format!("{setters} must not set securityContext.runAsNonRoot=false");
        return violation(REASON, detail);
    }
    let without = pod.bad(|it| of(it).is_none() && of_pod != Some(true));
    match without.is_empty() {
        true => None,
        false => violation(
            REASON,
            format!(
                "pod or {} must set securityContext.runAsNonRoot=true",
                named(&without)
            ),
        ),
    }
}

fn run_as_user(pod: &Pod<'_>) -> Option<Violation> {
    if pod.is_in_user_namespace() {
        return None;
    }
    let is_root = |user: Option<&Node>| user.and_then(Node::as_int) == Some(0);
    let containers = pod.bad(|it| is_root(it.security(&["runAsUser"])));
    let setters = setters(is_root(pod.security(&["runAsUser"])), &containers)?;
    violation("runAsUser=0", format!("{setters} must not set runAsUser=0"))
}
