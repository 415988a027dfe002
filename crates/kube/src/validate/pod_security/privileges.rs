//! Rules about privileges: capabilities, users and privilege escalation.

use std::collections::BTreeSet;

use pleach_yaml::Node;

use super::pod::{Container, Pod, is_true, items, named, quoted, setters};
use super::{Violation, violation};

pub(super) const CAPABILITIES: [&str; 13] = [
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
pub(super) fn added<'a>(pod: &Pod<'a>, allowed: &[&str]) -> (Vec<&'a str>, BTreeSet<&'a str>) {
    let mut found = BTreeSet::new();
    let containers = pod.bad(|it| {
        let added = items(it.security(&["capabilities", "add"])).filter_map(Node::as_str);
        let bad: Vec<&str> = added.filter(|it| !allowed.contains(it)).collect();
        found.extend(bad.iter().copied());
        !bad.is_empty()
    });
    (containers, found)
}

pub(super) fn must_not_add(containers: &[&str], capabilities: BTreeSet<&str>) -> String {
    format!(
        "{} must not include {} in securityContext.capabilities.add",
        named(containers),
        quoted(capabilities)
    )
}

pub(super) fn capabilities_baseline(pod: &Pod<'_>) -> Option<Violation> {
    let (containers, capabilities) = added(pod, &CAPABILITIES);
    match containers.is_empty() {
        true => None,
        false => violation(
            "non-default capabilities",
            must_not_add(&containers, capabilities),
        ),
    }
}

pub(super) fn capabilities_restricted(pod: &Pod<'_>) -> Option<Violation> {
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

pub(super) fn privileged(pod: &Pod<'_>) -> Option<Violation> {
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

pub(super) fn privilege_escalation(pod: &Pod<'_>) -> Option<Violation> {
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

pub(super) fn run_as_non_root(pod: &Pod<'_>) -> Option<Violation> {
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

pub(super) fn run_as_user(pod: &Pod<'_>) -> Option<Violation> {
    if pod.is_in_user_namespace() {
        return None;
    }
    let is_root = |user: Option<&Node>| user.and_then(Node::as_int) == Some(0);
    let containers = pod.bad(|it| is_root(it.security(&["runAsUser"])));
    let setters = setters(is_root(pod.security(&["runAsUser"])), &containers)?;
    violation("runAsUser=0", format!("{setters} must not set runAsUser=0"))
}
