//! Security contexts of pods and containers.

use std::collections::BTreeSet;

use super::fields::{self, exactly_one_of, required, text_of, within};
use crate::validate::fault::Report;
use crate::validate::json::{Fields, integer};
use pleach_yaml::Node;

const ID_MAX: i64 = i32::MAX as i64;

pub(super) fn pod<'a>(pod: &'a Node, report: &mut Report<'a>) {
    let Some(context) = pod.field("securityContext") else {
        return;
    };
    for key in ["fsGroup", "runAsUser", "runAsGroup"] {
        within(context, key, 0, ID_MAX, report);
    }
    for group in context.list("supplementalGroups") {
        if !integer(group).is_none_or(|it| (0..=ID_MAX).contains(&it)) {
            report.invalid(group, "must be from 0 to 2147483647");
        }
    }
    sysctls(pod, context, report);
    exactly_one_of(
        context,
        "fsGroupChangePolicy",
        &["OnRootMismatch", "Always"],
        report,
    );
    exactly_one_of(
        context,
        "supplementalGroupsPolicy",
        &["Merge", "Strict"],
        report,
    );
    exactly_one_of(
        context,
        "seLinuxChangePolicy",
        &["MountOption", "Recursive"],
        report,
    );
    profiles(context, report);
}

pub(super) fn container<'a>(container: &'a Node, has_host_users: bool, report: &mut Report<'a>) {
    let Some(context) = container.field("securityContext") else {
        return;
    };
    for key in ["runAsUser", "runAsGroup"] {
        within(context, key, 0, ID_MAX, report);
    }
    exactly_one_of(context, "procMount", &["Default", "Unmasked"], report);
    if has_host_users && context.text("procMount") == Some("Unmasked") {
        report.invalid_field(
            context,
            "procMount",
            "must not be `Unmasked` unless `hostUsers` is false",
        );
    }
    profiles(context, report);
    if context.boolean("allowPrivilegeEscalation") == Some(false) {
        if context.boolean("privileged") == Some(true) {
            report.invalid_field(
                context,
                "allowPrivilegeEscalation",
                "must not be false for a privileged container",
            );
        }
        let added = context
            .field("capabilities")
            .map_or(&[][..], |it| it.list("add"));
        if added.iter().any(|it| text_of(it) == "CAP_SYS_ADMIN") {
            report.invalid_field(
                context,
                "allowPrivilegeEscalation",
                "must not be false with the capability `CAP_SYS_ADMIN`",
            );
        }
    }
}

/// Profiles of seccomp and AppArmor, and options for Windows.
fn profiles<'a>(context: &'a Node, report: &mut Report<'a>) {
    for (key, is_path) in [("seccompProfile", true), ("appArmorProfile", false)] {
        let Some(profile) = context.field(key) else {
            continue;
        };
        let kinds = ["Localhost", "RuntimeDefault", "Unconfined"];
        exactly_one_of(profile, "type", &kinds, report);
        let file = profile.field("localhostProfile");
        match (profile.text_or_empty("type"), file) {
            ("", _) => required(profile, "type", report),
            ("Localhost", None) => required(profile, "localhostProfile", report),
            ("Localhost", Some(_)) if is_path => {
                fields::relative_path(profile, "localhostProfile", report);
            }
            ("Localhost", Some(file)) => {
                let text = text_of(file);
                if text.is_empty() || text.trim() != text || text.len() > 4095 {
                    report.invalid(
                        file,
                        "must have at most 4095 characters, without blanks at both ends",
                    );
                }
            }
            (_, Some(file)) => report.invalid(file, "must not be set unless `type` is `Localhost`"),
            _ => {}
        }
    }
    if let Some(windows) = context.field("windowsOptions") {
        fields::name(
            windows,
            "gmsaCredentialSpecName",
            crate::validate::names::dns_subdomain,
            report,
        );
    }
}

fn sysctls<'a>(pod: &'a Node, context: &'a Node, report: &mut Report<'a>) {
    let mut seen = BTreeSet::new();
    for sysctl in context.list("sysctls") {
        let name = sysctl.text_or_empty("name");
        if name.is_empty() {
            required(sysctl, "name", report);
            continue;
        }
        if !is_sysctl(name) {
            report.invalid_field(
                sysctl,
                "name",
                "must be the name of a kernel parameter, such as `net.core.somaxconn`",
            );
        } else if !seen.insert(name) {
            report.duplicate(sysctl);
        }
        let dotted = name.replace('/', ".");
        let of_network = dotted.starts_with("net.");
        if of_network && pod.boolean("hostNetwork") == Some(true) {
            report.invalid_field(
                sysctl,
                "name",
                "must not be a network parameter with `hostNetwork`",
            );
        }
        let of_ipc = dotted.starts_with("kernel.shm")
            || dotted.starts_with("kernel.msg")
            || dotted.starts_with("fs.mqueue.")
            || dotted == "kernel.sem";
        if of_ipc && pod.boolean("hostIPC") == Some(true) {
            report.invalid_field(
                sysctl,
                "name",
                "must not be an IPC parameter with `hostIPC`",
            );
        }
    }
}

/// `^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$`: parts that begin and end with a letter or digit.
fn is_sysctl(name: &str) -> bool {
    let part = |it: &str| {
        let is_outer =
            |it: Option<u8>| it.is_some_and(|it| it.is_ascii_lowercase() || it.is_ascii_digit());
        is_outer(it.bytes().next())
            && is_outer(it.bytes().last())
            && it.bytes().all(|it| {
                it.is_ascii_lowercase() || it.is_ascii_digit() || matches!(it, b'-' | b'_')
            })
    };
    name.len() <= 253 && name.split(['.', '/']).all(part)
}
