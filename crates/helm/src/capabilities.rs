//! The capabilities of a cluster: `.Capabilities` in templates.

use crate::HelmVersion;

/// A cluster's version and APIs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// The version of Kubernetes.
    pub kube_version: KubeVersion,
    /// API versions such as `apps/v1`, and with a kind if the user has set them so: `policy/v1/PodDisruptionBudget`.
    pub api_versions: Vec<String>,
}

/// A version of Kubernetes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KubeVersion {
    /// The full version: `v1.29.3`; in Helm 4 with the suffix, `v1.29.3-eks-1`.
    pub version: String,
    /// Only the numbers, for comparison with `kubeVersion` of a chart: `v1.29.3`.
    pub normalized: String,
    /// The major version, such as `1`.
    pub major: String,
    /// The minor version, such as `29`.
    pub minor: String,
}

impl Capabilities {
    /// Helm's defaults without a cluster.
    pub fn defaults(version: HelmVersion) -> Capabilities {
        let (minor, api_versions) = match version {
            HelmVersion::V3 => ("34", API_VERSIONS_V3),
            HelmVersion::V4 => ("37", API_VERSIONS_V4),
        };
        let full = format!("v1.{minor}.0");
        Capabilities {
            kube_version: KubeVersion {
                normalized: full.clone(),
                version: full,
                major: "1".to_string(),
                minor: minor.to_string(),
            },
            api_versions: api_versions.iter().map(|it| it.to_string()).collect(),
        }
    }
}

impl KubeVersion {
    /// Parses a version with at least two numbers (Helm, `ParseKubeVersion`). Errors: Helm's message.
    pub fn parse(text: &str, version: HelmVersion) -> Result<KubeVersion, String> {
        let failed = |message: String| Err(format!("invalid kube version '{text}': {message}"));
        let trimmed = text.trim_start();
        let trimmed = trimmed.strip_prefix('v').unwrap_or(trimmed);
        let numbers = leading_numbers(trimmed);
        if numbers.is_empty() {
            return failed(format!("could not parse {text:?} as version"));
        }
        let parts: Vec<&str> = numbers.split('.').collect();
        let [major, minor, ..] = &*parts else {
            return failed(format!("illegal version string {text:?}"));
        };
        if major.len() > 1 && major.starts_with('0') {
            return failed(format!(
                "illegal zero-prefixed version component {major:?} in {text:?}"
            ));
        }
        let mut normalized = Vec::new();
        for part in &parts {
            match part.parse::<u64>() {
                Ok(number) => normalized.push(number.to_string()),
                Err(_) => {
                    return failed(format!(
                        "illegal non-numeric version component {part:?} in {text:?}: strconv.ParseUint: parsing {part:?}: value out of range"
                    ));
                }
            }
        }
        let normalized = format!("v{}", normalized.join("."));
        let full = match (version, text.starts_with('v')) {
            (HelmVersion::V3, _) => normalized.clone(),
            (HelmVersion::V4, true) => text.to_string(),
            (HelmVersion::V4, false) => format!("v{text}"),
        };
        let number = |part: &str| part.parse::<u64>().unwrap_or(0).to_string();
        Ok(KubeVersion {
            version: full,
            major: number(major),
            minor: number(minor),
            normalized,
        })
    }
}

/// `[0-9]+(\.[0-9]+)*` at the start of a text.
fn leading_numbers(text: &str) -> &str {
    let mut end = 0;
    let mut rest = text;
    loop {
        let digits = rest.len()
            - rest
                .trim_start_matches(|it: char| it.is_ascii_digit())
                .len();
        if digits == 0 {
            return text.get(..end).unwrap_or("").trim_end_matches('.');
        }
        end += digits;
        match rest.get(digits..).and_then(|it| it.strip_prefix('.')) {
            Some(after) => (rest, end) = (after, end + 1),
            None => return text.get(..end).unwrap_or(""),
        }
    }
}

/// The version of Helm itself, for `.Capabilities.HelmVersion`.
pub(crate) struct BuildInfo {
    pub(crate) version: &'static str,
    pub(crate) go_version: &'static str,
    pub(crate) kube_client_version: Option<&'static str>,
}

pub(crate) fn build_info(version: HelmVersion) -> BuildInfo {
    match version {
        HelmVersion::V3 => BuildInfo {
            version: "v3.19.0",
            go_version: "go1.26.8",
            kube_client_version: None,
        },
        HelmVersion::V4 => BuildInfo {
            version: "v4.3.2",
            go_version: "go1.26.8",
            kube_client_version: Some("v1.37"),
        },
    }
}

/// The API versions of `client-go` 0.34, in its order.
const API_VERSIONS_V3: &[&str] = &[
    "v1",
    "admissionregistration.k8s.io/v1",
    "admissionregistration.k8s.io/v1alpha1",
    "admissionregistration.k8s.io/v1beta1",
    "internal.apiserver.k8s.io/v1alpha1",
    "apps/v1",
    "apps/v1beta1",
    "apps/v1beta2",
    "authentication.k8s.io/v1",
    "authentication.k8s.io/v1alpha1",
    "authentication.k8s.io/v1beta1",
    "authorization.k8s.io/v1",
    "authorization.k8s.io/v1beta1",
    "autoscaling/v1",
    "autoscaling/v2",
    "autoscaling/v2beta1",
    "autoscaling/v2beta2",
    "batch/v1",
    "batch/v1beta1",
    "certificates.k8s.io/v1",
    "certificates.k8s.io/v1beta1",
    "certificates.k8s.io/v1alpha1",
    "coordination.k8s.io/v1alpha2",
    "coordination.k8s.io/v1beta1",
    "coordination.k8s.io/v1",
    "discovery.k8s.io/v1",
    "discovery.k8s.io/v1beta1",
    "events.k8s.io/v1",
    "events.k8s.io/v1beta1",
    "extensions/v1beta1",
    "flowcontrol.apiserver.k8s.io/v1",
    "flowcontrol.apiserver.k8s.io/v1beta1",
    "flowcontrol.apiserver.k8s.io/v1beta2",
    "flowcontrol.apiserver.k8s.io/v1beta3",
    "networking.k8s.io/v1",
    "networking.k8s.io/v1beta1",
    "node.k8s.io/v1",
    "node.k8s.io/v1alpha1",
    "node.k8s.io/v1beta1",
    "policy/v1",
    "policy/v1beta1",
    "rbac.authorization.k8s.io/v1",
    "rbac.authorization.k8s.io/v1beta1",
    "rbac.authorization.k8s.io/v1alpha1",
    "resource.k8s.io/v1",
    "resource.k8s.io/v1beta2",
    "resource.k8s.io/v1beta1",
    "resource.k8s.io/v1alpha3",
    "scheduling.k8s.io/v1alpha1",
    "scheduling.k8s.io/v1beta1",
    "scheduling.k8s.io/v1",
    "storage.k8s.io/v1beta1",
    "storage.k8s.io/v1",
    "storage.k8s.io/v1alpha1",
    "storagemigration.k8s.io/v1alpha1",
    "apiextensions.k8s.io/v1beta1",
    "apiextensions.k8s.io/v1",
];

/// The API versions of `client-go` 0.37, in its order.
const API_VERSIONS_V4: &[&str] = &[
    "v1",
    "admissionregistration.k8s.io/v1",
    "admissionregistration.k8s.io/v1alpha1",
    "admissionregistration.k8s.io/v1beta1",
    "internal.apiserver.k8s.io/v1alpha1",
    "apps/v1",
    "apps/v1beta1",
    "apps/v1beta2",
    "authentication.k8s.io/v1",
    "authentication.k8s.io/v1alpha1",
    "authentication.k8s.io/v1beta1",
    "authorization.k8s.io/v1",
    "authorization.k8s.io/v1beta1",
    "autoscaling/v1",
    "autoscaling/v2",
    "batch/v1",
    "batch/v1beta1",
    "certificates.k8s.io/v1",
    "certificates.k8s.io/v1beta1",
    "certificates.k8s.io/v1alpha1",
    "coordination.k8s.io/v1alpha2",
    "coordination.k8s.io/v1beta1",
    "coordination.k8s.io/v1",
    "discovery.k8s.io/v1",
    "discovery.k8s.io/v1beta1",
    "events.k8s.io/v1",
    "events.k8s.io/v1beta1",
    "extensions/v1beta1",
    "flowcontrol.apiserver.k8s.io/v1",
    "flowcontrol.apiserver.k8s.io/v1beta1",
    "flowcontrol.apiserver.k8s.io/v1beta2",
    "flowcontrol.apiserver.k8s.io/v1beta3",
    "lifecycle.k8s.io/v1alpha1",
    "networking.k8s.io/v1",
    "networking.k8s.io/v1beta1",
    "node.k8s.io/v1",
    "node.k8s.io/v1alpha1",
    "node.k8s.io/v1beta1",
    "policy/v1",
    "policy/v1beta1",
    "rbac.authorization.k8s.io/v1",
    "rbac.authorization.k8s.io/v1beta1",
    "rbac.authorization.k8s.io/v1alpha1",
    "resource.k8s.io/v1",
    "resource.k8s.io/v1beta2",
    "resource.k8s.io/v1beta1",
    "resource.k8s.io/v1alpha3",
    "scheduling.k8s.io/v1alpha3",
    "scheduling.k8s.io/v1beta1",
    "scheduling.k8s.io/v1",
    "storage.k8s.io/v1beta1",
    "storage.k8s.io/v1",
    "storage.k8s.io/v1alpha1",
    "storagemigration.k8s.io/v1",
    "storagemigration.k8s.io/v1beta1",
    "apiextensions.k8s.io/v1beta1",
    "apiextensions.k8s.io/v1",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_parsed_as_in_helm() {
        let read = |text: &str, version| {
            KubeVersion::parse(text, version).map(|it| (it.version, it.normalized, it.minor))
        };
        let texts = |a: &str, b: &str, c: &str| Ok((a.to_string(), b.to_string(), c.to_string()));
        assert_eq!(
            read("1.29.3-eks-1", HelmVersion::V3),
            texts("v1.29.3", "v1.29.3", "29")
        );
        assert_eq!(
            read("1.29.3-eks-1", HelmVersion::V4),
            texts("v1.29.3-eks-1", "v1.29.3", "29")
        );
        assert_eq!(
            read("v1.24", HelmVersion::V3),
            texts("v1.24", "v1.24", "24")
        );
        assert_eq!(
            read("v1.2.03", HelmVersion::V4),
            texts("v1.2.03", "v1.2.3", "2")
        );
        for (text, message) in [
            ("1", "illegal version string \"1\""),
            ("1.x", "illegal version string \"1.x\""),
            ("x", "could not parse \"x\" as version"),
            (
                "01.2",
                "illegal zero-prefixed version component \"01\" in \"01.2\"",
            ),
        ] {
            let expected = Err(format!("invalid kube version '{text}': {message}"));
            assert_eq!(read(text, HelmVersion::V4), expected);
        }
    }
}
