//! Lowers intents to Applications of Argo CD (argoproj.io/v1alpha1), for charts and for folders in Git.
//!
//! An Application is an object of the cluster that Argo CD runs on, which may differ from the target cluster. So it is not written
//! to the folder of the claim's own objects. The fields `interval`, `timeout` and `cleanupOnFail` of an intent have no counterpart:
//! Argo CD has one interval for all Applications, has no time limit for a sync, and does not delete new objects after a failed one.

use super::settings::{Destination, Settings};
use crate::delivery::{ChartApplication, GitSource, Intent, Service, access};
use crate::diag::{Diagnostic, Diagnostics};
use crate::layout::Tier;
use crate::load::WorkspaceConfig;
use crate::yaml::{Mapping, Node, View, emit_canonical, map, node};

/// The sync option for server-side apply. Flux uses it as well, and a CRD can be too large for the annotation of client-side apply.
pub(super) const SERVER_SIDE_APPLY: &str = "ServerSideApply=true";

/// The inputs that all Applications of a claim have in common.
pub(super) struct Target<'a> {
    pub(super) argo: &'a Settings,
    pub(super) workspace: &'a WorkspaceConfig,
    /// The name of the claim.
    pub(super) claim: &'a str,
}

/// The Application that installs a chart.
pub(super) fn helm_install(
    intent: &Intent<'_>,
    file: &str,
    target: &Target<'_>,
    diagnostics: &mut Diagnostics,
) -> Node {
    let address = target
        .workspace
        .mirrored(intent.text(&["chart", "repository"]));
    check_access(intent, target, &address, diagnostics);
    check_support(intent, diagnostics);
    let mut source = chart_source(intent, &address);
    source.insert("helm", helm(intent, target.workspace));
    let ignored = ignored_differences(intent, diagnostics);
    let policy = chart_policy(intent, !ignored.is_empty());
    let namespace = intent.metadata("namespace").cloned();
    let mut spec = spec(target.argo, source, namespace, policy);
    if !ignored.is_empty() {
        spec.insert("ignoreDifferences", Node::sequence(ignored));
    }
    let name = Node::string(chart_name(target.claim, file));
    application(intent, target, name, spec)
}

/// The sync policy of a chart.
fn chart_policy(intent: &Intent<'_>, ignores_differences: bool) -> Mapping {
    let mut options = vec![SERVER_SIDE_APPLY];
    if ignores_differences {
        options.push("RespectIgnoreDifferences=true");
    }
    // Pruning CRDs that are removed from the chart would delete all of their objects.
    let prune = intent.text(&["crds"]) != "Skip";
    let heal = !matches!(intent.text(&["drift"]), "warn" | "disabled");
    let is_suspended = intent.field(&["suspend"]).and_then(Node::as_bool) == Some(true);
    let with_span_of = |node: Node, key: &str| match intent.field(&[key]) {
        Some(it) => node.at(it.span()),
        None => node,
    };
    let automated = (!is_suspended).then(|| {
        let mut automated = automated(prune, heal);
        automated.insert("prune", with_span_of(Node::bool(prune), "crds"));
        automated.insert("selfHeal", with_span_of(Node::bool(heal), "drift"));
        automated
    });
    sync_policy(automated, &options, intent.field(&["retries"]).cloned())
}

/// The Application that applies a folder in Git. Argo CD builds a kustomization, and otherwise applies the files of the folder.
pub(super) fn git_manifests(
    intent: &Intent<'_>,
    target: &Target<'_>,
    diagnostics: &mut Diagnostics,
) -> Node {
    let address = target.workspace.mirrored(intent.text(&["url"]));
    check_access(intent, target, &address, diagnostics);
    let references = ["commit", "name", "tag", "semver", "branch"];
    let revision = references.iter().find_map(|it| intent.field(&["ref", it]));
    let path = intent.text(&["path"]).trim_start_matches("./");
    let source = map! {
        "repoURL": address,
        "targetRevision": revision.cloned().unwrap_or_else(|| Node::constant("HEAD")),
        "path": path,
    };
    let prune = intent.field(&["prune"]).and_then(Node::as_bool) != Some(false);
    let policy = sync_policy(Some(automated(prune, true)), &[SERVER_SIDE_APPLY], None);
    let namespace = Some(Node::constant("default"));
    let spec = spec(target.argo, source, namespace, policy);
    let name = intent.metadata("name").cloned().unwrap_or_else(Node::null);
    let mut object = application(intent, target, name, spec);
    // With Flux, objects with `prune: false` also remain when the claim is removed.
    let metadata = object.get_mut("metadata").and_then(Node::as_mapping_mut);
    if let Some(metadata) = metadata.filter(|_| !prune) {
        metadata.remove("finalizers");
    }
    object
}

/// An Application with the labels and annotations of its intent.
fn application(intent: &Intent<'_>, target: &Target<'_>, name: Node, spec: Mapping) -> Node {
    let mut object = object(target.argo, "Application", name, spec);
    let Some(metadata) = object.get_mut("metadata").and_then(Node::as_mapping_mut) else {
        return object;
    };
    if let Some(labels) = intent.metadata("labels") {
        metadata.insert("labels", labels.clone());
    }
    let own = intent.metadata("annotations").and_then(Node::as_mapping);
    let annotations = own.into_iter().flatten().cloned();
    let annotations: Mapping = annotations.chain(server_side_diff()).collect();
    metadata.insert("annotations", annotations);
    metadata.insert("finalizers", finalizers());
    object.at(intent.node().span())
}

/// An object in Argo CD's namespace.
pub(super) fn object(argo: &Settings, kind: &'static str, name: Node, spec: Mapping) -> Node {
    let namespace = argo.node(&argo.namespace, &["argo", "namespace"]);
    node!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    })
}

/// The annotation for server-side diffs. The default diff of Argo CD treats defaults of a CRD as changes of objects that are applied
/// server-side, and would sync them again and again.
pub(super) fn server_side_diff() -> Mapping {
    map! {"argocd.argoproj.io/compare-options": "ServerSideDiff=true"}
}

/// The name of a chart's Application. The Application of the claim's folder already has the name of the claim. The name only depends
/// on the file name, so that adding a chart does not rename the Applications of others.
fn chart_name(claim: &str, file: &str) -> String {
    match file.strip_suffix(".yaml").unwrap_or(file) {
        "helminstall" => format!("{claim}-chart"),
        stem => format!("{claim}-{stem}"),
    }
}

/// The finalizer that lets Argo CD delete the objects of an Application together with it, as Flux does.
pub(super) fn finalizers() -> Node {
    node!(["resources-finalizer.argocd.argoproj.io"])
}

/// The spec of an Application in the environment's project.
pub(super) fn spec(
    argo: &Settings,
    source: Mapping,
    namespace: Option<Node>,
    policy: Mapping,
) -> Mapping {
    map! {
        "project": argo.node(&argo.project, &["argo", "project"]),
        "source": source,
        "destination": destination(argo, namespace),
        "syncPolicy": policy,
    }
}

/// The destination of an Application or AppProject: the target cluster and a namespace.
pub(super) fn destination(argo: &Settings, namespace: Option<Node>) -> Mapping {
    match &argo.destination {
        Destination::Server(server) => map! {
            "server": argo.node(server, &["argo", "destination", "server"]),
            "namespace"?: namespace,
        },
        Destination::Name(name) => map! {
            "name": argo.node(name, &["argo", "destination", "name"]),
            "namespace"?: namespace,
        },
    }
}

/// `syncPolicy.automated` of an Application.
pub(super) fn automated(prune: bool, heal: bool) -> Mapping {
    map! {"prune": prune, "selfHeal": heal}
}

/// A sync policy. By default, Argo CD retries for about twenty minutes. With unlimited retries, it would never sync a newer revision
/// after one that cannot be applied.
pub(super) fn sync_policy(
    automated: Option<Mapping>,
    options: &[&'static str],
    retries: Option<Node>,
) -> Mapping {
    map! {
        "automated"?: automated,
        "syncOptions": Node::sequence(options.iter().map(|it| Node::constant(it))),
        "retry": {
            "limit": retries.unwrap_or_else(|| Node::int(10)),
            "backoff": {"duration": "10s", "factor": 2, "maxDuration": "3m"},
        },
    }
}

/// The source of a chart. Argo CD expects the address of an OCI registry without `oci://`, and supports digests only for OCI
/// artifacts (since Argo CD 3.1).
fn chart_source(intent: &Intent<'_>, address: &str) -> Mapping {
    let at = intent
        .field(&["chart", "repository"])
        .unwrap_or(intent.node())
        .span();
    let chart = intent.text(&["chart", "name"]);
    let registry = address.starts_with("oci://");
    let registry = registry.then(|| charts_address(address));
    if let (Some(registry), Some(digest)) = (registry, intent.field(&["chart", "digest"])) {
        return map! {
            "repoURL": Node::string(format!("oci://{registry}/{chart}")).at(at),
            "path": ".",
            "targetRevision": digest.clone(),
        };
    }
    let version = intent.field(&["chart", "version"]).cloned();
    map! {
        "repoURL": Node::string(charts_address(address)).at(at),
        "chart": chart,
        "targetRevision": version.unwrap_or_else(|| Node::constant("*")),
    }
}

/// A chart repository in Argo CD's notation.
fn charts_address(address: &str) -> String {
    match address.strip_prefix("oci://") {
        Some(registry) => registry.trim_end_matches('/').to_string(),
        None => address.to_string(),
    }
}

/// The field `helm` of a source: the name of the release, and its values. The API server removes nulls from `valuesObject`
/// (argoproj/argo-cd#16312), so values with a null are passed as text.
fn helm(intent: &Intent<'_>, workspace: &WorkspaceConfig) -> Mapping {
    let name = intent.field(&["releaseName"]).or(intent.metadata("name"));
    let mut helm = map! {
        "releaseName": name.cloned().unwrap_or_else(Node::null),
        "skipCrds"?: (intent.text(&["crds"]) == "Skip").then_some(true),
    };
    match intent
        .field(&["values"])
        .filter(|it| !it.is_empty_collection())
    {
        None => {}
        Some(values) if has_null(values) => {
            let text = Node::string(emit_canonical(values));
            helm.insert("values", workspace.composed_of(text, [values]));
        }
        Some(values) => drop(helm.insert("valuesObject", values.clone())),
    }
    helm
}

fn has_null(node: &Node) -> bool {
    match node.view() {
        View::Scalar(_) => node.is_null(),
        View::Sequence(items) => items.iter().any(has_null),
        View::Mapping(mapping) => mapping.iter().any(|it| has_null(&it.value)),
    }
}

/// `ignoreDifferences` for the `driftIgnore` of an intent. Errors: `not-for-argo`.
fn ignored_differences(intent: &Intent<'_>, diagnostics: &mut Diagnostics) -> Vec<Node> {
    let entries = intent.field(&["driftIgnore"]).and_then(Node::as_sequence);
    let mut ignored = Vec::new();
    for entry in entries.unwrap_or_default() {
        let target = entry.get("target").filter(|it| !it.is_null());
        let keys = target.and_then(Node::as_mapping).into_iter().flatten();
        for key in keys {
            let known = ["group", "kind", "name", "namespace"];
            if !key.key.as_str().is_some_and(|it| known.contains(&it)) {
                let message = "Argo CD supports only `group`, `kind`, `name` and `namespace` to select ignored differences";
                let fault = unsupported(&key.key, message);
                diagnostics.push(fault.help("write an entry for each object"));
            }
        }
        let field = |key: &str| target.and_then(|it| it.get(key)).cloned();
        let or_any = |key: &str| field(key).unwrap_or_else(|| Node::constant("*"));
        ignored.push(node!({
            "group": or_any("group"),
            "kind": or_any("kind"),
            "name"?: field("name"),
            "namespace"?: field("namespace"),
            "jsonPointers"?: entry.get("paths").cloned(),
        }));
    }
    ignored
}

/// Reports settings that Argo CD does not support.
fn check_support(intent: &Intent<'_>, diagnostics: &mut Diagnostics) {
    let field = |key: &str| intent.field(&[key]);
    if let Some(field) = field("crds").filter(|it| it.as_str() == Some("Create")) {
        let message =
            "Argo CD applies the CRDs of a chart on each sync; it cannot create them only once";
        diagnostics.push(
            unsupported(field, message).help(
                "set `crds: CreateReplace`, or set `Skip` and install the CRDs by other means",
            ),
        );
    }
    if let Some(field) = field("valuesFrom").filter(|it| !it.is_empty_collection()) {
        let message = "`valuesFrom` is not supported by Argo CD";
        diagnostics.push(unsupported(field, message).help(
            "set the values in the claim; for secret values, let the chart refer to an existing Secret",
        ));
    }
    if let Some(field) = field("waitForJobs").filter(|it| it.as_bool() == Some(false)) {
        let message = "Argo CD always waits for the Jobs of a chart: they are part of its health";
        let fault = Diagnostic::warning("not-for-argo", message).at(field);
        diagnostics.push(fault.help("remove `waitForJobs: false`"));
    }
}

/// Reports access settings for a repository. Argo CD does not read them, but Secrets in its namespace, which users create.
/// Warnings: `repository-access`.
fn check_access(
    intent: &Intent<'_>,
    target: &Target<'_>,
    address: &str,
    diagnostics: &mut Diagnostics,
) {
    let access = access(intent, target.workspace, address);
    let bare = |it: &str| it.trim_start_matches("oci://").to_string();
    let mut known = target.argo.repositories.iter();
    let is_known = known.any(|it| bare(address).starts_with(&bare(it)));
    if let Some(entry) = access.iter().next().filter(|_| !is_known) {
        let key = entry.key.as_str().unwrap_or("");
        let message = format!(
            "Argo CD does not read `{key}`: for access to `{address}`, it needs a Secret with the label `argocd.argoproj.io/secret-type: repository` in namespace `{}`",
            target.argo.namespace
        );
        let fault = Diagnostic::warning("repository-access", message).at(&entry.value);
        diagnostics.push(fault.help("create that Secret, then list the address under `spec.argo.repositories` in environment.yaml"));
    }
}

fn unsupported(at: &Node, message: &str) -> Diagnostic {
    Diagnostic::error("not-for-argo", message).at(at)
}

/// The service that an ApplicationSet installs, with all its values.
pub(super) fn service(
    application: &ChartApplication<'_>,
    target: &Target<'_>,
    diagnostics: &mut Diagnostics,
) -> Service {
    let (intent, chart) = (application.intent, &application.chart);
    let text = |key: &str| intent.text(&[key]).to_string();
    let address = intent.text(&["chart", "repository"]);
    let address = target.workspace.mirrored(address);
    check_access(intent, target, &address, diagnostics);
    let name = intent.metadata("name").unwrap_or(intent.node());
    Service {
        name: intent.text_of_metadata("name").to_string(),
        tier: match intent.text(&["tier"]) {
            "platform" => Tier::Platform,
            _ => Tier::Apps,
        },
        cluster_type: text("clusterType"),
        environment: text("environment"),
        namespace: intent.text_of_metadata("namespace").to_string(),
        charts: charts_address(&address),
        chart: chart.name.clone(),
        version: chart.version.as_str().to_string(),
        values: application.traced(application.values(), target.workspace),
        annotations: intent.metadata("annotations").cloned(),
        repository: GitSource::from_intent(intent),
        span: name.span().clone(),
    }
}

/// Replaces the annotation with which Flux does not prune an object by the one for Argo CD.
pub(super) fn translate_prune_annotation(object: &mut Node) {
    const FLUX: &str = "kustomize.toolkit.fluxcd.io/prune";
    const ARGO: &str = "argocd.argoproj.io/sync-options";
    let annotations = object.at_keys_mut(&["metadata", "annotations"]);
    let Some(annotations) = annotations.and_then(Node::as_mapping_mut) else {
        return;
    };
    let Some(position) = annotations.position(FLUX) else {
        return;
    };
    if annotations.get(FLUX).and_then(Node::as_str) != Some("disabled") {
        return;
    }
    let existing = annotations.get(ARGO).and_then(Node::as_str);
    // With the annotation, Flux also keeps the object when the claim is removed.
    let options = existing.into_iter().chain(["Prune=false", "Delete=false"]);
    let options = options.collect::<Vec<_>>().join(",");
    if annotations.contains_key(ARGO) {
        annotations.remove(FLUX);
        annotations.insert(ARGO, options);
    } else if let Some(entry) = annotations.entries_mut().get_mut(position) {
        entry.key = Node::constant(ARGO);
        entry.value = Node::string(options);
    }
}
