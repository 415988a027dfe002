//! The built-in policies that `pleach.yaml` enables for rendered objects.

use crate::diag::{Severity, Span};
use crate::yaml::Node;

/// The severity of a violation of each built-in policy. A policy that is `None` is disabled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BuiltinPolicies {
    /// Containers without requests for CPU or memory.
    pub requests: Option<Severity>,
    /// Containers without a memory limit.
    pub limits: Option<Severity>,
    /// Images with a mutable tag.
    pub pinned_images: Option<Severity>,
    /// Privileged containers, and pods that use namespaces of the host.
    pub privileged: Option<Severity>,
    /// Containers of long-running workloads without probes.
    pub probes: Option<Severity>,
    /// Workloads without these labels.
    pub labels: Option<(Severity, Vec<String>)>,
    /// Workloads with one replica or without a PodDisruptionBudget, in these environments; if empty, in all.
    pub availability: Option<(Severity, Vec<String>)>,
    /// The locations of these environments.
    pub environment_spans: Vec<Span>,
    /// Pods that violate the level `baseline` of the Pod Security Standards.
    pub baseline: Option<Severity>,
    /// Pods that violate the level `restricted` of the Pod Security Standards.
    pub restricted: Option<Severity>,
}

impl BuiltinPolicies {
    pub(super) fn parse(node: Option<&Node>) -> BuiltinPolicies {
        let Some(node) = node else {
            return BuiltinPolicies::default();
        };
        let at = |keys: &[&str]| node.at_keys(keys).and_then(Node::as_str).map(severity);
        let with_list = |key: &str, list: &str| {
            let node = node.get(key).filter(|it| !it.is_null())?;
            let names = node
                .get(list)
                .and_then(Node::as_sequence)
                .unwrap_or_default();
            let names = names.iter().filter_map(Node::as_str).map(str::to_string);
            let severity = at(&[key, "severity"]).unwrap_or(Severity::Warning);
            Some((severity, names.collect()))
        };
        BuiltinPolicies {
            requests: at(&["requests"]),
            limits: at(&["limits"]),
            pinned_images: at(&["pinnedImages"]),
            privileged: at(&["privileged"]),
            probes: at(&["probes"]),
            labels: with_list("labels", "names"),
            availability: with_list("availability", "environments"),
            environment_spans: node
                .at_keys(&["availability", "environments"])
                .and_then(Node::as_sequence)
                .into_iter()
                .flatten()
                .map(Span::from)
                .collect(),
            baseline: at(&["podSecurity", "baseline"]),
            restricted: at(&["podSecurity", "restricted"]),
        }
    }
}

fn severity(word: &str) -> Severity {
    match word {
        "error" => Severity::Error,
        "note" => Severity::Note,
        _ => Severity::Warning,
    }
}
