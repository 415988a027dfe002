//! Rules about kernel features: AppArmor, seccomp, SELinux, sysctls and `/proc`.

use std::collections::BTreeSet;

use pleach_yaml::Node;

use super::pod::{Pod, at, items, named, plural, quoted, setters};
use super::{Violation, violation};

/// Profiles other than those of the runtime and of the node.
pub(super) struct Unsafe<'a> {
    of_pod: bool,
    containers: Vec<&'a str>,
    values: BTreeSet<String>,
}

/// The security contexts that set such a profile.
pub(super) fn unsafe_profiles<'a>(pod: &Pod<'a>, key: &str) -> Unsafe<'a> {
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

pub(super) fn app_armor_profile(pod: &Pod<'_>) -> Option<Violation> {
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

pub(super) fn proc_mount_baseline(pod: &Pod<'_>) -> Option<Violation> {
    match pod.is_in_user_namespace() {
        true => None,
        false => proc_mount(pod),
    }
}

pub(super) fn proc_mount(pod: &Pod<'_>) -> Option<Violation> {
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

pub(super) fn se_linux_options(pod: &Pod<'_>) -> Option<Violation> {
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
pub(super) fn seccomp<'a>(pod: &Pod<'a>) -> (Option<Violation>, Vec<&'a str>) {
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

pub(super) fn seccomp_baseline(pod: &Pod<'_>) -> Option<Violation> {
    seccomp(pod).0
}

pub(super) fn seccomp_restricted(pod: &Pod<'_>) -> Option<Violation> {
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

pub(super) fn sysctls(pod: &Pod<'_>) -> Option<Violation> {
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
