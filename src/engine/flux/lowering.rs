//! Flux: HelmRepository or OCIRepository, and HelmRelease (source.toolkit.fluxcd.io/v1, helm.toolkit.fluxcd.io/v2); for a
//! folder in Git, GitRepository and Flux Kustomization (kustomize.toolkit.fluxcd.io/v1).

use super::settings::NAMESPACE;
use crate::chart::is_exact;
use crate::delivery::{ChartApplication, Intent, access};
use crate::diag::Diagnostic;
use crate::load::WorkspaceConfig;
use crate::render::File;
use crate::yaml::{Mapping, Node, map, node};

/// The source of the chart and the release.
pub(super) fn helm_install(
    intent: &Intent<'_>,
    workspace: &WorkspaceConfig,
) -> Result<Vec<File>, Diagnostic> {
    let source = Source::new(intent, workspace)?;
    let release = File {
        name: "helmrelease.yaml".to_string(),
        node: release(intent, &source),
    };
    Ok(vec![source.file(intent), release])
}

/// The source of the chart and the release, in files that are named after the service.
pub(super) fn chart_application(
    application: &ChartApplication<'_>,
    workspace: &WorkspaceConfig,
) -> Result<Vec<File>, Diagnostic> {
    let node = application.helm_install(workspace);
    let intent = Intent::new(&node)?;
    let files = helm_install(&intent, workspace)?.into_iter();
    let name = intent.text_of_metadata("name");
    let named = files.map(|File { name: file, node }| File {
        name: format!("{name}-{file}"),
        node,
    });
    Ok(named.collect())
}

/// The repository, and the Flux Kustomization that applies its folder.
pub(super) fn git_manifests(intent: &Intent<'_>, workspace: &WorkspaceConfig) -> Vec<Node> {
    let address = workspace.mirrored(intent.text(&["url"]));
    let access = access(intent, workspace, &address);
    let at = intent.field(&["url"]).unwrap_or(intent.node()).span();
    let repository = map! {
        "interval": interval(intent),
        "url": Node::string(address).at(at),
        "ref"?: intent.field(&["ref"]).cloned(),
        "secretRef"?: access.get("secretRef").cloned(),
    };
    let name = intent.metadata("name").cloned().unwrap_or_else(Node::null);
    let or = |key: &str, default: Node| intent.field(&[key]).cloned().unwrap_or(default);
    let path = intent.text(&["path"]).trim_start_matches("./");
    let path_at = intent.field(&["path"]).unwrap_or(intent.node()).span();
    let kustomization = map! {
        "interval": interval(intent),
        "retryInterval": "1m",
        "timeout": or("timeout", Node::constant("10m")),
        "path": Node::string(format!("./{path}")).at(path_at),
        "prune": or("prune", Node::bool(true)),
        "wait": or("wait", Node::bool(true)),
        "sourceRef": {"kind": "GitRepository", "name": name},
    };
    let objects = [
        ("source.toolkit.fluxcd.io/v1", "GitRepository", repository),
        (
            "kustomize.toolkit.fluxcd.io/v1",
            "Kustomization",
            kustomization,
        ),
    ];
    objects
        .map(|(api_version, kind, spec)| in_flux_system(object(api_version, kind, intent, spec)))
        .into()
}

/// Adds an object next to the claims' Flux Kustomizations.
fn in_flux_system(mut object: Node) -> Node {
    if let Some(metadata) = object.get_mut("metadata").and_then(Node::as_mapping_mut) {
        metadata.insert("namespace", Node::constant(NAMESPACE));
    }
    object
}

/// The source of the chart, with mirrors and access settings applied.
struct Source {
    address: String,
    /// An OCIRepository with a `chartRef`; otherwise a HelmRepository, with type `oci` if the address begins with `oci://`.
    by_reference: bool,
    access: Mapping,
}

impl Source {
    fn new(intent: &Intent<'_>, workspace: &WorkspaceConfig) -> Result<Source, Diagnostic> {
        let repository = intent.text(&["chart", "repository"]);
        let address = workspace.mirrored(repository);
        let is_oci = address.starts_with("oci://");
        let by_reference = intent.text(&["source"]) == "OCIRepository";
        if by_reference && !is_oci {
            let fault = Diagnostic::error(
                "invalid-value",
                format!("an OCIRepository requires an `oci://` address, found `{address}`"),
            );
            let at = intent.field(&["source"]).unwrap_or(intent.node());
            return Err(fault
                .at(at)
                .help("write `source: HelmRepository`, or the OCI address of the chart"));
        }
        Ok(Source {
            access: access(intent, workspace, &address),
            address,
            by_reference,
        })
    }

    fn is_oci(&self) -> bool {
        self.address.starts_with("oci://")
    }

    fn file(&self, intent: &Intent<'_>) -> File {
        let at = intent
            .field(&["chart", "repository"])
            .unwrap_or(intent.node())
            .span();
        let mut spec = Mapping::new();
        if self.is_oci() && !self.by_reference {
            spec.insert("type", Node::constant("oci"));
        }
        spec.insert("interval", interval(intent));
        if self.by_reference {
            let chart = intent.text(&["chart", "name"]);
            spec.insert(
                "url",
                Node::string(format!("{}/{chart}", self.address.trim_end_matches('/'))).at(at),
            );
            spec.insert("ref", reference(intent));
            let layer = map! {
                "mediaType": "application/vnd.cncf.helm.chart.content.v1.tar+gzip",
                "operation": "copy",
            };
            spec.insert("layerSelector", layer);
        } else {
            spec.insert("url", Node::string(self.address.as_str()).at(at));
        }
        for entry in &self.access {
            spec.insert(entry.key.clone(), entry.value.clone());
        }
        let kind = self.kind();
        File {
            name: format!("{}.yaml", kind.to_lowercase()),
            node: object("source.toolkit.fluxcd.io/v1", kind, intent, spec),
        }
    }

    fn kind(&self) -> &'static str {
        if self.by_reference {
            "OCIRepository"
        } else {
            "HelmRepository"
        }
    }
}

/// `digest`, an exact `tag`, or a `semver` range.
fn reference(intent: &Intent<'_>) -> Mapping {
    let mut reference = Mapping::new();
    if let Some(digest) = intent.field(&["chart", "digest"]) {
        reference.insert("digest", digest.clone());
        return reference;
    }
    let version = intent
        .field(&["chart", "version"])
        .cloned()
        .unwrap_or_else(|| Node::constant("*"));
    match version.as_str().filter(|it| is_exact(it)) {
        // A tag cannot contain the `+` of a version; Helm replaces it by `_`.
        Some(exact) if exact.contains('+') => {
            let tag = Node::string(exact.replace('+', "_")).at(version.span());
            reference.insert("tag", tag)
        }
        Some(_) => reference.insert("tag", version),
        None => reference.insert("semver", version),
    };
    reference
}

fn release(intent: &Intent<'_>, source: &Source) -> Node {
    let mut spec = Mapping::new();
    spec.insert("interval", interval(intent));
    let mut copy = |from: &str, to: &str, default: Option<Node>| {
        if let Some(value) = intent.field(&[from]).cloned().or(default) {
            spec.insert(to, value);
        }
    };
    copy("timeout", "timeout", Some(Node::constant("5m")));
    copy("suspend", "suspend", None);
    copy(
        "releaseName",
        "releaseName",
        intent.metadata("name").cloned(),
    );
    let (key, chart) = chart(intent, source);
    spec.insert(key, chart);
    spec.insert("install", action(intent, "install"));
    spec.insert("upgrade", action(intent, "upgrade"));
    if let Some(mode) = intent.field(&["drift"]) {
        let ignore = intent.field(&["driftIgnore"]).cloned();
        spec.insert(
            "driftDetection",
            map! {"mode": mode.clone(), "ignore"?: ignore},
        );
    }
    for key in ["valuesFrom", "values"] {
        if let Some(value) = intent.field(&[key]).filter(|it| !it.is_empty_collection()) {
            spec.insert(key, value.clone());
        }
    }
    object("helm.toolkit.fluxcd.io/v2", "HelmRelease", intent, spec)
}

fn chart(intent: &Intent<'_>, source: &Source) -> (&'static str, Mapping) {
    let text = |node: Option<&Node>| node.cloned().unwrap_or_else(Node::null);
    let reference = map! {
        "kind": source.kind(),
        "name": text(intent.metadata("name")),
        "namespace": text(intent.metadata("namespace")),
    };
    if source.by_reference {
        return ("chartRef", reference);
    }
    let chart = map! {
        "spec": {
            "chart": text(intent.field(&["chart", "name"])),
            "version"?: intent.field(&["chart", "version"]).cloned(),
            "interval": interval(intent),
            "sourceRef": reference,
        },
    };
    ("chart", chart)
}

/// `install` or `upgrade`: CRDs, waiting, and what happens on failure.
fn action(intent: &Intent<'_>, which: &str) -> Mapping {
    let retries = intent
        .field(&["retries"])
        .cloned()
        .unwrap_or_else(|| Node::int(3));
    let waits = intent.field(&["waitForJobs"]).and_then(Node::as_bool) != Some(false);
    let cleanup = || intent.field(&["cleanupOnFail"]).cloned();
    let is_upgrade = which == "upgrade";
    map! {
        "crds"?: intent.field(&["crds"]).cloned(),
        "disableWaitForJobs"?: (!waits).then_some(true),
        "createNamespace"?: (!is_upgrade).then_some(false),
        "cleanupOnFail"?: is_upgrade.then(|| cleanup().unwrap_or_else(|| Node::bool(true))),
        "remediation": {"retries": retries, "strategy"?: is_upgrade.then_some("rollback")},
    }
}

fn interval(intent: &Intent<'_>) -> Node {
    intent
        .field(&["interval"])
        .cloned()
        .unwrap_or_else(|| Node::constant("5m"))
}

/// An object with the metadata of the intent.
fn object(
    api_version: &'static str,
    kind: &'static str,
    intent: &Intent<'_>,
    spec: Mapping,
) -> Node {
    let metadata = intent
        .node()
        .get("metadata")
        .cloned()
        .unwrap_or_else(Node::null);
    let object = node!({
        "apiVersion": api_version,
        "kind": kind,
        "metadata": metadata,
        "spec": spec,
    });
    object.at(intent.node().span())
}
