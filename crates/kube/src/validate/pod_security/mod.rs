//! The Pod Security Standards, as in the admission controller of Kubernetes.
//!
//! Source: `k8s.io/pod-security-admission/policy`, including the messages. Versions before 1.25 are treated as 1.25.

mod host;
mod kernel;
mod pod;
mod privileges;
mod volumes;

use pleach_yaml::Node;

use self::host::{host_namespaces, host_ports, host_probes, windows_host_process};
use self::kernel::{
    app_armor_profile, proc_mount, proc_mount_baseline, se_linux_options, seccomp_baseline,
    seccomp_restricted, sysctls,
};
use self::pod::{Pod, containers};
use self::privileges::{
    capabilities_baseline, capabilities_restricted, privilege_escalation, privileged,
    run_as_non_root, run_as_user,
};
use self::volumes::{host_path_volumes, restricted_volumes};

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
