//! Lowers intents to objects of Flux. A chart becomes a HelmRepository or OCIRepository (source.toolkit.fluxcd.io/v1) and a
//! HelmRelease (helm.toolkit.fluxcd.io/v2); a folder in Git becomes a GitRepository (source.toolkit.fluxcd.io/v1) and a Flux
//! Kustomization (kustomize.toolkit.fluxcd.io/v1).

use super::settings::NAMESPACE;
use crate::chart::is_exact;
use crate::delivery::{ChartApplication, Intent, access};
use crate::diag::Diagnostic;
use crate::load::WorkspaceConfig;
use crate::render::File;
use crate::yaml::{Mapping, Node, map, node};

/// The source of the chart, and the HelmRelease.
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

/// The source of the chart, and the HelmRelease, in files that are named after the service.
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

/// The GitRepository, and the Flux Kustomization that applies a folder of it.
pub(super) fn git_manifests(intent: &Intent<'_>, workspace: &WorkspaceConfig) -> Vec<Node> {
    let address = workspace.mirrored(intent.text(&["url"]));
    let access = access(intent, workspace, &address);
    let url_span = intent.field(&["url"]).unwrap_or(intent.node()).span();
    let repository = map! {
        "interval": interval(intent),
        "url": Node::string(address).at(url_span),
        "ref"?: intent.field(&["ref"]).cloned(),
        "secretRef"?: access.get("secretRef").cloned(),
    };
    let name = intent.metadata("name").cloned().unwrap_or_else(Node::null);
    let field_or = |key: &str, default: Node| intent.field(&[key]).cloned().unwrap_or(default);
    let path = intent.text(&["path"]).trim_start_matches("./");
    let path_span = intent.field(&["path"]).unwrap_or(intent.node()).span();
    let kustomization = map! {
        "interval": interval(intent),
        "retryInterval": "1m",
        "timeout": field_or("timeout", Node::constant("10m")),
        "path": Node::string(format!("./{path}")).at(path_span),
        "prune": field_or("prune", Node::bool(true)),
        "wait": field_or("wait", Node::bool(true)),
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

/// Sets the namespace to that of the claims' Flux Kustomizations.
fn in_flux_system(mut object: Node) -> Node {
    if let Some(metadata) = object.get_mut("metadata").and_then(Node::as_mapping_mut) {
        metadata.insert("namespace", Node::constant(NAMESPACE));
    }
    object
}

/// The source of a chart.
struct Source {
    /// The address of the chart repository or of its mirror.
    address: String,
    /// Whether the source is an OCIRepository, which the HelmRelease uses with `chartRef`. Otherwise, it is a HelmRepository, with
    /// type `oci` if the address begins with `oci://`.
    is_oci_repository: bool,
    /// Fields of the source with references to credentials.
    access: Mapping,
}

impl Source {
    fn new(intent: &Intent<'_>, workspace: &WorkspaceConfig) -> Result<Source, Diagnostic> {
        let repository = intent.text(&["chart", "repository"]);
        let address = workspace.mirrored(repository);
        let is_oci = address.starts_with("oci://");
        let is_oci_repository = intent.text(&["source"]) == "OCIRepository";
        if is_oci_repository && !is_oci {
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
            is_oci_repository,
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
        if self.is_oci() && !self.is_oci_repository {
            spec.insert("type", Node::constant("oci"));
        }
        spec.insert("interval", interval(intent));
        if self.is_oci_repository {
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
        if self.is_oci_repository {
            "OCIRepository"
        } else {
            "HelmRepository"
        }
    }
}

/// `ref` of an OCIRepository: a `digest`, an exact `tag`, or a `semver` range.
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
        // A tag cannot contain the `+` of a version, so Helm replaces it by `_`.
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

/// `chartRef` or `chart` of a HelmRelease.
fn chart(intent: &Intent<'_>, source: &Source) -> (&'static str, Mapping) {
    let or_null = |node: Option<&Node>| node.cloned().unwrap_or_else(Node::null);
    let reference = map! {
        "kind": source.kind(),
        "name": or_null(intent.metadata("name")),
        "namespace": or_null(intent.metadata("namespace")),
    };
    if source.is_oci_repository {
        return ("chartRef", reference);
    }
    let chart = map! {
        "spec": {
            "chart": or_null(intent.field(&["chart", "name"])),
            "version"?: intent.field(&["chart", "version"]).cloned(),
            "interval": interval(intent),
            "sourceRef": reference,
        },
    };
    ("chart", chart)
}

/// The field `install` or `upgrade` of a HelmRelease.
fn action(intent: &Intent<'_>, name: &str) -> Mapping {
    let retries = intent
        .field(&["retries"])
        .cloned()
        .unwrap_or_else(|| Node::int(3));
    let waits = intent.field(&["waitForJobs"]).and_then(Node::as_bool) != Some(false);
    let cleanup = || intent.field(&["cleanupOnFail"]).cloned();
    let is_upgrade = name == "upgrade";
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
