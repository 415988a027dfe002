//! Deprecated and removed API versions.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use super::builtin::Kubernetes;
use crate::object::Gvk;

/// The deprecation of an API version. Numbers are minor versions of Kubernetes 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lifecycle {
    /// The first minor version in which it is deprecated.
    pub deprecated: Option<u32>,
    /// The first minor version that no longer serves it.
    pub removed: Option<u32>,
    /// The replacement: `apiVersion`, and the kind if its name differs: `networking.k8s.io/v1`.
    pub replacement: Option<String>,
}

/// The deprecation of a built-in kind; `None` if it is not deprecated.
pub(super) fn find(gvk: &Gvk) -> Option<Lifecycle> {
    let known = table()
        .get(&(gvk.api_version().as_str(), &*gvk.kind))
        .cloned()?;
    Some(Lifecycle {
        replacement: known.replacement.or_else(|| newest(gvk)),
        ..known
    })
}

/// The newest version of the same kind.
fn newest(gvk: &Gvk) -> Option<String> {
    let kubernetes = Kubernetes::builtin();
    let versions = kubernetes.versions(&gvk.group, &gvk.kind, kubernetes.newest());
    // Without `alpha` and `beta`, the stable version is the last one in the order of names.
    let others = versions.filter(|it| it.version != gvk.version);
    let best = others.max_by_key(|it| {
        (
            !it.version.contains("alpha") && !it.version.contains("beta"),
            &it.version,
        )
    });
    best.map(Gvk::api_version)
}

type Table = BTreeMap<(&'static str, &'static str), Lifecycle>;

fn table() -> &'static Table {
    static TABLE: OnceLock<Table> = OnceLock::new();
    TABLE.get_or_init(|| {
        let lines = include_str!("lifecycle.txt").lines();
        lines
            .filter(|it| !it.starts_with('#'))
            .filter_map(row)
            .collect()
    })
}

fn row(line: &'static str) -> Option<((&'static str, &'static str), Lifecycle)> {
    let mut words = line.splitn(5, ' ');
    let key = (words.next()?, words.next()?);
    let mut number = || words.next()?.parse().ok();
    let (deprecated, removed) = (number(), number());
    let replacement = words.next().filter(|it| *it != "-").map(str::to_owned);
    Some((
        key,
        Lifecycle {
            deprecated,
            removed,
            replacement,
        },
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_and_what_comes() {
        let ingress = find(&Gvk::new("extensions/v1beta1", "Ingress")).unwrap();
        assert_eq!(ingress.removed, Some(22));
        assert_eq!(ingress.replacement.as_deref(), Some("networking.k8s.io/v1"));
        let flow = find(&Gvk::new(
            "flowcontrol.apiserver.k8s.io/v1beta3",
            "FlowSchema",
        ))
        .unwrap();
        assert_eq!((flow.deprecated, flow.removed), (Some(29), Some(32)));
        let slices = find(&Gvk::new("v1", "Endpoints")).unwrap();
        assert_eq!(
            slices.replacement.as_deref(),
            Some("discovery.k8s.io/v1 EndpointSlice")
        );
        assert_eq!(find(&Gvk::new("apps/v1", "Deployment")), None);
        let devices = find(&Gvk::new("resource.k8s.io/v1beta1", "DeviceClass")).unwrap();
        assert_eq!(devices.replacement.as_deref(), Some("resource.k8s.io/v1"));
    }

    #[test]
    fn every_line_can_be_read() {
        let lines = include_str!("lifecycle.txt")
            .lines()
            .filter(|it| !it.starts_with('#'));
        assert_eq!(lines.count(), table().len());
    }
}
